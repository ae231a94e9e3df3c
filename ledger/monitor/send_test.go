package monitor

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/city"
)

// box is a Sink that a test can make fail.
type box struct {
	fail bool
	got  []string
}

func (b *box) Name() string { return "box" }

func (b *box) Send(_ context.Context, m Message) error {
	if b.fail {
		return errors.New("full")
	}
	b.got = append(b.got, fmt.Sprintf("%s %t", m.Alert, m.Ended))
	return nil
}

// TestEachAlertIsToldOnce fails the sink, restarts the monitor, and counts.
func TestEachAlertIsToldOnce(t *testing.T) {
	w, folder, b := newTown(t), t.TempDir(), &box{fail: true}
	m := w.monitor(folder, nil, b)
	again := func() { m.Close(); m = w.monitor(folder, nil, b) }
	w.fill(3, "a")
	w.publish()
	poll(t, m)
	w.pass(time.Hour)
	poll(t, m) // "still", and nobody takes it
	again()
	b.fail = false
	poll(t, m)
	poll(t, m)
	again()
	poll(t, m)
	w.publish()
	poll(t, m)
	again()
	poll(t, m)
	if got := strings.Join(b.got, ", "); got != "still false, still true" {
		t.Errorf("told: %s", got)
	}
	// It begins again later, and is told again.
	w.pass(time.Hour)
	poll(t, m)
	if len(b.got) != 3 {
		t.Errorf("told: %v", b.got)
	}
}

func TestWebhook(t *testing.T) {
	var body []byte
	var sig string
	status := 500
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		sig = r.Header.Get("Polity-Signature")
		rw.WriteHeader(status)
	}))
	defer s.Close()
	h, err := NewWebhook(s.URL+"/hidden-word", "key")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC)
	m := Message{Alert: "epoch-keys", At: at, Begins: at, ID: "0f3c9a51d2e47b86", Log: "helsinki.example/log", Severity: warning, Text: "court has epoch keys of class short for 12 more days; 30 are needed"}
	if err := h.Send(context.Background(), m); err == nil || strings.Contains(err.Error(), "hidden-word") {
		t.Errorf("500: %v", err)
	}
	status = 302
	if h.Send(context.Background(), m) == nil {
		t.Error("a redirect was taken for an answer")
	}
	status = 204
	if err := h.Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte("key"))
	mac.Write(body)
	if sig != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
		t.Errorf("signature %s", sig)
	}
	// The example of formats/witness.md.
	if want := `{"alert":"epoch-keys","at":"2026-12-01T14:00:00Z","begins":"2026-12-01T14:00:00Z","ended":false,"id":"0f3c9a51d2e47b86","log":"helsinki.example/log","severity":"warning","text":"court has epoch keys of class short for 12 more days; 30 are needed"}`; string(body) != want {
		t.Errorf("%s\n%s", body, want)
	}
	s.Close()
	if err := h.Send(context.Background(), m); err == nil || strings.Contains(err.Error(), "hidden-word") || strings.Contains(h.Name(), "hidden-word") {
		t.Errorf("gone: %v, %s", err, h.Name())
	}
	for _, bad := range []string{"", "ftp://a", "https://", "alerts"} {
		if _, err := NewWebhook(bad, ""); city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// mailServer speaks enough SMTP to take one mail after another.
type mailServer struct {
	net.Listener
	mu    sync.Mutex
	mails []string
}

func newMailServer(t *testing.T) *mailServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &mailServer{Listener: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

func (s *mailServer) serve(c net.Conn) {
	defer c.Close()
	fmt.Fprint(c, "220 mail\r\n")
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch strings.ToUpper(line[:4]) {
		case "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			var mail strings.Builder
			for {
				l, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				mail.WriteString(l)
			}
			s.mu.Lock()
			s.mails = append(s.mails, mail.String())
			s.mu.Unlock()
			fmt.Fprint(c, "250 taken\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

func TestMail(t *testing.T) {
	s := newMailServer(t)
	m := &Mail{Server: s.Addr().String(), From: "polity@ngo.example", To: "watch@ngo.example"}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC)
	if err := m.Send(context.Background(), Message{Alert: "overdue", At: at, Begins: at, Ended: true, ID: "ab", Log: "helsinki.example/log", Severity: warning, Text: "details of request x are not public\r\n.\r\nBcc: all@example"}); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	head, text, _ := strings.Cut(s.mails[0], "\r\n\r\n")
	if len(s.mails) != 1 || !strings.Contains(head, "Subject: [warning] public log: overdue is over\r\n") || strings.Contains(head, "Bcc") || !strings.Contains(text, "are not public") {
		t.Errorf("%q", s.mails)
	}
	s.Close()
	if m.Send(context.Background(), Message{}) == nil {
		t.Error("a server that is gone took a mail")
	}
	for _, bad := range []Mail{{}, {Server: "mail.example", From: "a@b.example", To: "a@b.example"}, {Server: "a:25", From: "a@b.example\r\nBcc: c@d", To: "a@b.example"}, {Server: "a:25", From: "a@b.example", To: "A <a@b.example>"}, {Server: "a:25", From: "a@b.example", To: "a@b.example", User: "u"}} {
		if err := bad.Check(); city.KindOf(err) != city.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
