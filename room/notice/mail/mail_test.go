package mail_test

import (
	"context"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/room/notice/mail"
	"polity/room/notice/mail/mailtest"
)

func start(t *testing.T, cfg mailtest.Config) *mailtest.Server {
	t.Helper()
	s, err := mailtest.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func client(t *testing.T, s *mailtest.Server, how mail.TLS) *mail.Server {
	t.Helper()
	c := &mail.Server{Host: s.Host, Port: s.Port, TLS: how, From: mail.Address{Name: "Pölity", Addr: "polity@city.example"}, Authorities: s.Authorities}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	return c
}

func message() *mail.Message {
	return &mail.Message{
		To: mail.Address{Name: "Päivystys", Addr: "duty@city.example"}, Subject: "Tulva: Kaisaniemen alikulku, kiireellinen häiriö",
		Text: "Tulva.\n.a dot\n..\nhäiriö " + strings.Repeat("x", 200) + "\n", ID: "ntc_1", Thread: "alert 1", At: time.Date(2026, 11, 30, 14, 2, 11, 0, time.UTC),
	}
}

func TestEachWay(t *testing.T) {
	for name, c := range map[string]struct {
		server mailtest.Config
		how    mail.TLS
	}{
		"starttls":         {mailtest.Config{User: "polity", Password: "secretword"}, mail.StartTLS},
		"implicit":         {mailtest.Config{Implicit: true, User: "polity", Password: "secretword"}, mail.Implicit},
		"none on loopback": {mailtest.Config{NoTLS: true}, mail.None},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, c.server)
			m := client(t, s, c.how)
			m.User, m.Password = c.server.User, mail.Secret(c.server.Password)
			if err := m.Send(t.Context(), message()); err != nil {
				t.Fatal(err)
			}
			got := s.Got()
			if len(got) != 1 || got[0].From != "polity@city.example" || got[0].To != "duty@city.example" || got[0].Secure != (c.how != mail.None) || got[0].User != c.server.User {
				t.Fatalf("%+v", got)
			}
			checkText(t, got[0].Data)
		})
	}
}

func checkText(t *testing.T, data string) {
	t.Helper()
	for line := range strings.Lines(data) {
		if len(line) > 1000 || !strings.HasSuffix(line, "\r\n") && !strings.HasSuffix(data, line) {
			t.Errorf("the line %.40q is too long or ends wrongly", line)
		}
	}
	m, err := netmail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != message().Subject {
		t.Errorf("the subject is %q, %v", subject, err)
	}
	if a, err := m.Header.AddressList("To"); err != nil || a[0].Name != "Päivystys" || a[0].Address != "duty@city.example" {
		t.Errorf("to %v, %v", a, err)
	}
	if at, err := m.Header.Date(); err != nil || !at.Equal(message().At) {
		t.Errorf("%v, %v", at, err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil || strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n") != strings.TrimRight(message().Text, "\n") {
		t.Errorf("the text is %q, %v", text, err)
	}
}

// TestTheSameNoticeIsOneMessage compares the names of messages.
func TestTheSameNoticeIsOneMessage(t *testing.T) {
	s := start(t, mailtest.Config{})
	c := client(t, s, mail.StartTLS)
	other, more := message(), message()
	other.To.Addr, more.ID = "other@city.example", "ntc_2"
	for _, m := range []*mail.Message{message(), message(), other, more} {
		if err := c.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	var ids, threads []string
	for _, got := range s.Got() {
		m, err := netmail.ReadMessage(strings.NewReader(got.Data))
		if err != nil {
			t.Fatal(err)
		}
		ids, threads = append(ids, m.Header.Get("Message-ID")), append(threads, m.Header.Get("References"))
	}
	if ids[0] != ids[1] || ids[0] == ids[2] || ids[0] == ids[3] || threads[0] != threads[3] || threads[0] == threads[2] || !strings.HasSuffix(ids[0], "@city.example>") {
		t.Errorf("names %v, threads %v", ids, threads)
	}
}

func TestNothingIsSentInTheClear(t *testing.T) {
	plain := start(t, mailtest.Config{NoTLS: true, User: "polity", Password: "secretword"})
	c := client(t, plain, mail.StartTLS)
	c.User, c.Password = "polity", "secretword"
	if err := c.Send(t.Context(), message()); err == nil || !strings.Contains(err.Error(), "STARTTLS") || len(plain.Got()) != 0 {
		t.Errorf("a server without STARTTLS: %v", err)
	}
	stranger := start(t, mailtest.Config{CertFor: "another.example"})
	if err := client(t, stranger, mail.StartTLS).Send(t.Context(), message()); err == nil || len(stranger.Got()) != 0 {
		t.Errorf("a certificate of another name: %v", err)
	}
	unknown := start(t, mailtest.Config{Implicit: true})
	c = client(t, unknown, mail.Implicit)
	c.Authorities = plain.Authorities
	if err := c.Send(t.Context(), message()); err == nil || len(unknown.Got()) != 0 {
		t.Errorf("a certificate of nobody: %v", err)
	}
	far := mail.Server{Host: "smtp.city.example", Port: 25, TLS: mail.None, From: mail.Address{Addr: "a@b.example"}}
	if city.KindOf(far.Check()) != city.Invalid {
		t.Error("a server elsewhere may be used without TLS")
	}
}

func TestRefusalsSayNoSecret(t *testing.T) {
	s := start(t, mailtest.Config{User: "polity", Password: "right"})
	c := client(t, s, mail.StartTLS)
	c.User, c.Password = "polity", "secretword"
	err := c.Send(t.Context(), message())
	if err == nil || !strings.Contains(err.Error(), "535") {
		t.Fatalf("a wrong password: %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v", err, *c, *c); strings.Contains(text, "secretword") {
		t.Errorf("the password is shown: %s", text)
	}
}

func TestHostileServers(t *testing.T) {
	for name, answer := range map[string]func(string) string{
		"refuses the mailbox": func(c string) string {
			if strings.HasPrefix(c, "RCPT") {
				return "550 no such mailbox " + strings.Repeat("x", 5000) + "\r\n"
			}
			return ""
		},
		"refuses the data": func(c string) string {
			if c == "." {
				return "451 later\r\n"
			}
			return ""
		},
		"endless greeting": func(c string) string {
			if c == "" {
				return strings.Repeat("220-x\r\n", 100_000)
			}
			return ""
		},
		"endless line": func(c string) string {
			if c == "" {
				return "220 " + strings.Repeat("y", 1_000_000)
			}
			return ""
		},
		"no mail server": func(c string) string {
			if c == "" {
				return "HTTP/1.1 400 Bad Request\r\n\r\n"
			}
			return ""
		},
	} {
		s := start(t, mailtest.Config{})
		s.Answer(answer)
		err := client(t, s, mail.StartTLS).Send(t.Context(), message())
		if err == nil || len(err.Error()) > 400 || len(s.Got()) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	silent := start(t, mailtest.Config{Implicit: true}) // waits for a client that speaks first
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	if err := client(t, silent, mail.StartTLS).Send(ctx, message()); err == nil {
		t.Error("a silent server took it")
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"duty@city.example": "duty@city.example", "Duty <duty+1@city.example>": "duty+1@city.example", `"A, B" <a.b@c.example>`: "a.b@c.example", "Päivystys <p@c.example>": "p@c.example",
		"": "", "duty": "", "a@b@c": "", "a@b.example\r\nBcc: x@y.example": "", "a@b.example, c@d.example": "", "<a@b.example> x": "",
		"=?utf-8?q?a=0d=0ab?= <a@b.example>": "", `"quoted one"@c.example`: "", "ä@c.example": "", "a@ä.example": "", "a@-x": "", "a..b@c.example": "", "a@[127.0.0.1]": "", "a@b.example\x00": "",
		strings.Repeat("a", 65) + "@b.example": "", "a@" + strings.Repeat("b.", 150) + "example": "",
	} {
		a, err := mail.ParseAddress(text)
		if (err == nil) != (want != "") || a.Addr != want {
			t.Errorf("%q: %+v, %v", text, a, err)
		}
	}
}

func TestHeadersCannotBeInjected(t *testing.T) {
	s := start(t, mailtest.Config{})
	c := client(t, s, mail.StartTLS)
	for _, subject := range []string{"Flood\r\nBcc: other@city.example", "Flood\nX: y", "Flood\x00", strings.Repeat("x", 300)} {
		m := message()
		m.Subject = subject
		if err := c.Send(t.Context(), m); city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %v", subject, err)
		}
	}
	if len(s.Got()) != 0 {
		t.Error("it was sent")
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"duty@city.example", "D <d@c.example>", "a@b\r\nc", `"x"@y`, "=?utf-8?q?a=0d=0ab?= <a@b.example>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := mail.ParseAddress(text)
		if err != nil {
			return
		}
		if strings.ContainsAny(a.Addr, "\r\n <>\x00") || strings.ContainsAny(a.Name, "\r\n\x00") {
			t.Errorf("%q became %q", text, a.Addr)
		}
	})
}
