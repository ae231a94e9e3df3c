package monitor

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"net/smtp"
	"net/url"
	"time"

	"polity/city"
)

// sendTime bounds one message.
const sendTime = 15 * time.Second

// Webhook posts messages as JSON to an address.
type Webhook struct {
	address string
	secret  []byte
	client  *http.Client
}

// NewWebhook checks the address. The secret may be empty.
func NewWebhook(address, secret string) (*Webhook, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return nil, city.Errorf(city.Invalid, "a webhook has an address such as https://alerts.example/polity")
	}
	return &Webhook{address, []byte(secret), &http.Client{
		Timeout: sendTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Name implements Sink. An address's path may be a secret: only the host is shown.
func (w *Webhook) Name() string {
	u, err := url.Parse(w.address)
	if err != nil {
		return "webhook"
	}
	sum := sha256.Sum256([]byte(w.address))
	return "webhook " + u.Host + " " + hex.EncodeToString(sum[:4])
}

// Send implements Sink.
func (w *Webhook) Send(ctx context.Context, m Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: wrong address", w.Name())
	}
	req.Header.Set("Content-Type", "application/json")
	if len(w.secret) > 0 {
		mac := hmac.New(sha256.New, w.secret)
		mac.Write(body)
		req.Header.Set("Polity-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	resp, err := w.client.Do(req)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // the address stays out of logs
		}
		return fmt.Errorf("%s: %w", w.Name(), err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %d", w.Name(), resp.StatusCode)
	}
	return nil
}

// Mail sends messages by SMTP.
type Mail struct {
	Server         string // host:port
	From, To       string
	User, Password string // both empty: without signing in
}

// Check reports what is wrong. The error is of kind Invalid.
func (m *Mail) Check() error {
	if _, _, err := net.SplitHostPort(m.Server); err != nil {
		return city.Errorf(city.Invalid, "a mail server is written host:port, such as mail.example:587")
	}
	for _, a := range []string{m.From, m.To} {
		if parsed, err := mail.ParseAddress(a); err != nil || parsed.Address != a {
			return city.Errorf(city.Invalid, "%.80q is no mail address such as watch@ngo.example", a)
		}
	}
	if (m.User == "") != (m.Password == "") {
		return city.Errorf(city.Invalid, "user and password of the mail server belong together")
	}
	return nil
}

// Name implements Sink.
func (m *Mail) Name() string {
	sum := sha256.Sum256([]byte(m.To))
	return "mail " + m.Server + " " + hex.EncodeToString(sum[:4])
}

// Send implements Sink. The connection is encrypted where the server offers it; a
// password is sent over an encrypted one only, or to this machine.
func (m *Mail) Send(ctx context.Context, msg Message) error {
	host, _, err := net.SplitHostPort(m.Server)
	if err != nil {
		return err
	}
	d := net.Dialer{Timeout: sendTime}
	conn, err := d.DialContext(ctx, "tcp", m.Server)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(sendTime)); err != nil {
		return err
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	defer c.Close()
	if ok, _ := c.Extension("STARTTLS"); ok {
		if err := c.StartTLS(&tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}); err != nil {
			return err
		}
	}
	if m.User != "" {
		if err := c.Auth(smtp.PlainAuth("", m.User, m.Password, host)); err != nil {
			return err
		}
	}
	if err := c.Mail(m.From); err != nil {
		return err
	}
	if err := c.Rcpt(m.To); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m.compose(msg)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

func (m *Mail) compose(msg Message) []byte {
	var b bytes.Buffer
	state := "begins"
	if msg.Ended {
		state = "is over"
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: [%s] public log: %s %s\r\nDate: %s\r\nMessage-ID: <%s.%t.%d@polity>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
		m.From, m.To, msg.Severity, msg.Alert, state, msg.At.Format(time.RFC1123Z), msg.ID, msg.Ended, msg.Begins.Unix())
	q := quotedprintable.NewWriter(&b)
	fmt.Fprintf(q, "%s\r\n\r\nLog: %s\r\nSince: %s\r\n", msg.Text, msg.Log, msg.Begins.UTC().Format("2 January 2006, 15:04:05 UTC"))
	_ = q.Close() // it writes into memory
	return b.Bytes()
}
