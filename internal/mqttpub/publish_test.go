package mqttpub_test

import (
	"log/slog"
	"net"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"polity/internal/mqttpub"
)

type onlyAnna struct{ mqtt.HookBase }

func (*onlyAnna) Provides(b byte) bool {
	return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck
}

func (*onlyAnna) OnConnectAuthenticate(_ *mqtt.Client, p packets.Packet) bool {
	return string(p.Connect.Username) == "anna" && string(p.Connect.Password) == "secret"
}

func (*onlyAnna) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

// broker lets only one user in, and tells what is published.
func broker(t *testing.T) (address string, got chan string) {
	t.Helper()
	server := mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if err := server.AddHook(&onlyAnna{}, nil); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.AddListener(listeners.NewNet("test", l)); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	got = make(chan string, 10)
	if err := server.Subscribe("town/#", 1, func(_ *mqtt.Client, _ packets.Subscription, p packets.Packet) {
		got <- p.TopicName + " " + string(p.Payload)
	}); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String(), got
}

func TestPublish(t *testing.T) {
	address, got := broker(t)
	for _, five := range []bool{false, true} {
		for qos := range byte(3) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			l := mqttpub.Login{ClientID: "test", User: "anna", Password: "secret", Five: five}
			if err := mqttpub.Publish(conn, l, mqttpub.Message{Topic: "town/square", Payload: []byte("hello"), QoS: qos}); err != nil {
				t.Errorf("MQTT 5 %v, QoS %d: %v", five, qos, err)
			}
			conn.Close()
			select {
			case m := <-got:
				if m != "town/square hello" {
					t.Errorf("got %q", m)
				}
			case <-time.After(time.Minute):
				t.Fatalf("MQTT 5 %v, QoS %d: nothing came", five, qos)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	address, _ := broker(t)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if err := mqttpub.Publish(conn, mqttpub.Login{ClientID: "test", User: "anna", Password: "wrong"}, mqttpub.Message{Topic: "town/square"}); err == nil {
		t.Error("a wrong password was taken")
	}
	if err := mqttpub.Publish(conn, mqttpub.Login{}, mqttpub.Message{Topic: "town/#"}); err == nil {
		t.Error("a topic with a wildcard was published to")
	}
}
