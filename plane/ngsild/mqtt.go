package ngsild

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"polity/internal/mqttpub"
	"polity/plane/ngsild/jsontext"
)

// publish sends a notification over MQTT (clause 7): what HTTP has as headers is
// metadata beside the body.
func (subs *subscriptions) publish(ctx context.Context, x *subscription, u *url.URL, body []byte) error {
	m := mqttpub.Message{Topic: strings.TrimPrefix(u.Path, "/"), Payload: x.mqttPayload(body)}
	switch x.endpoint.info["MQTT-QoS"] {
	case "", "0":
	case "1":
		m.QoS = 1
	case "2":
		m.QoS = 2
	default:
		return fmt.Errorf("notifierInfo: MQTT-QoS is %q; it is 0, 1 or 2", x.endpoint.info["MQTT-QoS"])
	}
	l := mqttpub.Login{ClientID: "polity" + newID()[:12], Five: true}
	switch x.endpoint.info["MQTT-Version"] {
	case "", "mqtt5.0":
	case "mqtt3.1.1":
		l.Five = false
	default:
		return fmt.Errorf("notifierInfo: MQTT-Version is %q; it is mqtt3.1.1 or mqtt5.0", x.endpoint.info["MQTT-Version"])
	}
	if u.User != nil {
		l.User = u.User.Username()
		l.Password, _ = u.User.Password()
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"mqtt": "1883", "mqtts": "8883"}[u.Scheme]
	}
	conn, err := subs.s.cfg.Notify.dial(notifyTime)(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return err
	}
	defer conn.Close()
	if u.Scheme == "mqtts" {
		conn = tls.Client(conn, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12})
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	} else {
		_ = conn.SetDeadline(time.Now().Add(notifyTime))
	}
	return mqttpub.Publish(conn, l, m)
}

func (x *subscription) mqttPayload(body []byte) []byte {
	b := []byte(`{"metadata":{`)
	for _, h := range x.headers() {
		b = jsontext.AppendString(name(b, h.key), h.value)
	}
	b = append(append(b, `},"body":`...), body...)
	return append(b, '}')
}
