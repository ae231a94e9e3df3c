package notice

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"polity/internal/delivery"
	"polity/internal/mqttpub"
	"polity/internal/outside"
	"polity/room/notice/mail"
	"polity/room/notice/webhook"
	"polity/room/notice/webpush"
)

const (
	brokerTime = 15 * time.Second
	pushKeep   = time.Hour // for so long a push service keeps a notice for a browser that is away
	urgentTo   = 2         // this priority and more urgent ones are urgent to push services
)

// send is delivery.Config's. Whoever may not hear of a notice any more gets none.
func (n *Notices) send(ctx context.Context, to delivery.Receiver, body []byte) error {
	var m Message
	if err := json.Unmarshal(body, &m); err != nil {
		return delivery.ErrGone
	}
	switch to.Tenant {
	case ofDesk:
		return n.sendDesk(ctx, to.ID, &m, body)
	case ofPush:
		return n.sendPush(ctx, to.ID, &m)
	case ofMail:
		return n.sendMail(ctx, to.ID, &m)
	}
	return delivery.ErrGone
}

func (n *Notices) sendDesk(ctx context.Context, name string, m *Message, body []byte) error {
	name, box, isMail := strings.Cut(name, "/")
	x := n.desks[name]
	switch {
	case x == nil:
		return delivery.ErrGone // configured no more
	case x.Webhook != nil:
		return webhook.Send(ctx, n.client, x.webhook, m.ID, body, n.now())
	case x.MQTT != nil:
		return n.publish(ctx, x, body)
	}
	a, there := x.to[box]
	if !isMail || !there || n.mailer == nil {
		return delivery.ErrGone
	}
	return n.mailer.Send(ctx, n.letter(m, a))
}

// publish sends a message to a broker with QoS 1, not retained.
func (n *Notices) publish(ctx context.Context, x *desk, body []byte) error {
	ctx, stop := context.WithTimeout(ctx, brokerTime)
	defer stop()
	port := x.broker.Port()
	if port == "" {
		port = map[string]string{"mqtt": "1883", "mqtts": "8883"}[x.broker.Scheme]
	}
	conn, err := outside.Dial(n.cfg.Hosts, brokerTime)(ctx, "tcp", net.JoinHostPort(x.broker.Hostname(), port))
	if err != nil {
		return err
	}
	defer conn.Close()
	if x.broker.Scheme == "mqtts" {
		conn = tls.Client(conn, x.tls)
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	return mqttpub.Publish(conn, mqttpub.Login{ClientID: "polity" + rand.Text()[:12], User: x.user, Password: string(x.secret)}, mqttpub.Message{Topic: x.MQTT.Topic, Payload: body, QoS: 1})
}

// hears says whether a person may hear of a message now: on shift, and with the right to
// see the alerts that it tells of. Tests are heard always.
func (n *Notices) hears(ctx context.Context, person string, m *Message) (Settings, error) {
	s, err := n.Settings(ctx, person)
	if err != nil || n.deps.People == nil {
		return s, errors.Join(err, ifNil(n.deps.People))
	}
	who, there, err := n.deps.People.Person(ctx, person)
	if err != nil {
		return s, err
	}
	if !there {
		return s, delivery.ErrGone
	}
	if m.Type == typeTest {
		return s, nil
	}
	may := n.may(who)
	for _, d := range m.desks() {
		if !slices.Contains(may, d) {
			return s, delivery.ErrGone
		}
	}
	if !s.OnShift(n.now()) {
		return s, delivery.ErrGone
	}
	return s, nil
}

func ifNil(p People) error {
	if p == nil {
		return delivery.ErrGone
	}
	return nil
}

func (n *Notices) sendMail(ctx context.Context, person string, m *Message) error {
	s, err := n.hears(ctx, person, m)
	if err != nil {
		return err
	}
	if n.mailer == nil || s.Address == "" || !s.Mail && m.Type != typeTest {
		return delivery.ErrGone
	}
	return n.mailer.Send(ctx, n.letter(m, mail.Address{Addr: s.Address}))
}

func (n *Notices) sendPush(ctx context.Context, browser string, m *Message) error {
	var person, endpoint, p256dh, auth string
	err := n.book.db.QueryRowContext(ctx, "SELECT person, endpoint, p256dh, auth FROM subscription WHERE id = ?", browser).Scan(&person, &endpoint, &p256dh, &auth)
	if errors.Is(err, sql.ErrNoRows) || n.signer == nil {
		return delivery.ErrGone
	}
	if err != nil {
		return fault(err)
	}
	s, err := n.hears(ctx, person, m)
	if err != nil {
		return err
	}
	if !s.Push && m.Type != typeTest {
		return delivery.ErrGone
	}
	to, err := webpush.Parse(endpoint, p256dh, auth, n.cfg.Hosts)
	if err != nil {
		return err
	}
	urgent := m.Data.Priority != 0 && m.Data.Priority <= urgentTo || len(m.Data.Kinds) > 0 && m.Data.Kinds[0].Priority <= urgentTo
	err = n.signer.Send(ctx, n.client, to, webpush.Message{Plain: n.pushText(m), TTL: pushKeep, Urgent: urgent}, n.now())
	if errors.Is(err, webpush.ErrGone) {
		if err := n.Unsubscribe(ctx, person, endpoint); err != nil {
			return err
		}
		return delivery.ErrGone
	}
	return err
}

// said is a message in words: a line, and lines behind it.
func (n *Notices) said(m *Message) (title, body string) {
	say := n.deps.Words.Say
	switch m.Type {
	case typeTest:
		return say("test.title"), say("test.text")
	case typeBundle:
		var lines []string
		told := 0
		for _, k := range m.Data.Kinds {
			lines = append(lines, say("bundle.line", "n", k.Count, "title", k.Title, "priority", k.Priority))
			told += k.Count
		}
		if rest := m.Data.Count - told; rest > 0 {
			lines = append(lines, say("bundle.rest", "n", rest))
		}
		return say("bundle.title", "n", m.Data.Count), strings.Join(lines, "\n")
	}
	title = m.Data.Title
	if m.Data.Place != "" {
		title = say("at", "title", title, "place", m.Data.Place)
	}
	why := strings.TrimPrefix(m.Type, "alert.")
	return title, say("why."+why, "priority", m.Data.Priority)
}

// pushText is what the browser shows, as JSON for its service worker.
func (n *Notices) pushText(m *Message) []byte {
	title, body := n.said(m)
	tag := m.ID
	if m.Data.Key != "" {
		tag = id("tag", m.Data.Key) // a later notice of an alert stands in place of the first
	}
	text := struct {
		Title string `json:"title"`
		Body  string `json:"body"`
		Link  string `json:"link"`
		Tag   string `json:"tag"`
	}{clip(title, 2*mostTitle), body, n.path(m), tag}
	for cut := 1500; ; cut /= 2 {
		b, err := json.Marshal(text)
		if err == nil && len(b) <= webpush.MaxPlain {
			return b
		}
		if r := []rune(text.Body); len(r) > cut {
			text.Body = string(r[:cut])
		} else if cut < 10 {
			text.Link = RoomPath
		}
	}
}

// path is the link without the address: the browser asks the hub that it subscribed at.
func (n *Notices) path(m *Message) string {
	return strings.TrimPrefix(m.Data.Link, strings.TrimSuffix(n.cfg.Address, "/"))
}

// letter is a message as a mail.
func (n *Notices) letter(m *Message, to mail.Address) *mail.Message {
	title, body := n.said(m)
	say := n.deps.Words.Say
	lines := []string{title, ""}
	if body != "" {
		lines = append(lines, body, "")
	}
	if m.Data.At != nil {
		lines = append(lines, say("mail.since", "time", m.Data.At.UTC().Format("2006-01-02 15:04 UTC")))
	}
	lines = append(lines, say("mail.open", "link", m.Data.Link), "", say("mail.why", "channel", m.Channel))
	subject := clip(title, mostTitle)
	if m.Data.Priority > 0 {
		subject = fmt.Sprintf("[%d] %s", m.Data.Priority, clip(title, mostTitle/2))
	}
	return &mail.Message{To: to, Subject: subject, Text: strings.Join(lines, "\n") + "\n", ID: m.ID, Thread: m.Data.Key, At: m.Timestamp}
}
