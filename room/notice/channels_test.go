package notice

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"polity/access"
	"polity/city"
	"polity/internal/strictyaml"
)

// onlyPolity lets one user in.
type onlyPolity struct{ mqtt.HookBase }

func (*onlyPolity) Provides(b byte) bool {
	return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck
}

func (*onlyPolity) OnConnectAuthenticate(_ *mqtt.Client, p packets.Packet) bool {
	return string(p.Connect.Username) == "polity" && string(p.Connect.Password) == "secretword"
}

func (*onlyPolity) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

func broker(t *testing.T, secure *tls.Config) (address string, got chan packets.Packet) {
	t.Helper()
	server := mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if err := server.AddHook(&onlyPolity{}, nil); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	in := l
	if secure != nil {
		in = tls.NewListener(l, secure)
	}
	if err := server.AddListener(listeners.NewNet("test", in)); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	got = make(chan packets.Packet, 100)
	if err := server.Subscribe("city/#", 1, func(_ *mqtt.Client, _ packets.Subscription, p packets.Packet) { got <- p }); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String(), got
}

func TestMQTT(t *testing.T) {
	address, got := broker(t, nil)
	v := newTown(t, Channel{Name: "broker", MQTT: &MQTT{Broker: "mqtt://" + address, Topic: "city/alerts", User: "polity"}})
	v.cfg.Channels[0].MQTT.PasswordFile = filepath.Join(v.dir, "broker")
	if err := os.WriteFile(v.cfg.Channels[0].MQTT.PasswordFile, []byte("secretword\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v.open()
	v.tell(v.alert("a:1"))
	select {
	case p := <-got:
		var m Message
		if err := json.Unmarshal(p.Payload, &m); err != nil || m.Data.Key != "a:1" || m.Type != "alert.opened" || p.TopicName != "city/alerts" || p.FixedHeader.Qos != 1 || p.FixedHeader.Retain {
			t.Errorf("%+v, %v, %s %+v", m, err, p.TopicName, p.FixedHeader)
		}
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
	}
	v.sent()
	if err := v.n.Test(t.Context(), "broker"); err != nil {
		t.Error(err)
	}
}

// TestMQTTOverTLS: a broker is believed by its certificate alone.
func TestMQTTOverTLS(t *testing.T) {
	s := httptest.NewTLSServer(nil) // whose certificate is for 127.0.0.1
	defer s.Close()
	address, got := broker(t, &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12})
	v := newTown(t)
	authority, password := filepath.Join(v.dir, "ca.pem"), filepath.Join(v.dir, "broker")
	for path, text := range map[string][]byte{authority: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), password: []byte("secretword")} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	known := MQTT{Broker: "mqtts://" + address, Topic: "city/alerts", User: "polity", PasswordFile: password, CAFile: authority}
	unknown := known
	unknown.CAFile = ""
	v.cfg.Channels = []Channel{{Name: "known", MQTT: &known}, {Name: "unknown", MQTT: &unknown}}
	v.open()
	if err := v.n.Test(t.Context(), "known"); err != nil {
		t.Error(err)
	}
	select {
	case p := <-got:
		if !strings.Contains(string(p.Payload), `"type":"test"`) {
			t.Errorf("%s", p.Payload)
		}
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
	}
	if err := v.n.Test(t.Context(), "unknown"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a broker with a certificate of nobody: %v", err)
	}
	if len(got) != 0 {
		t.Error("it got something all the same")
	}
}

func TestMailList(t *testing.T) {
	s := mailServer(t)
	v := newTown(t, Channel{Name: "duty", PerMinute: 10, Mail: &List{To: []string{"Duty <duty@city.example>", "chief@city.example", "gone@city.example"}}})
	v.withMail(s)
	v.open()
	s.Answer(func(c string) string {
		if strings.Contains(c, "gone@city.example") {
			return "550 no such mailbox\r\n"
		}
		return ""
	})
	v.tell(v.alert("a:1"))
	a := v.alert("a:1")
	a.Escalated, a.Priority = true, 1
	v.tell(a)
	v.sent()
	threads := map[string][]string{}
	for _, m := range s.Got() {
		for line := range strings.Lines(m.Data) {
			if ref, ok := strings.CutPrefix(line, "References: "); ok {
				threads[m.To] = append(threads[m.To], ref)
			}
		}
	}
	for _, box := range []string{"duty@city.example", "chief@city.example"} {
		if l := threads[box]; len(l) != 2 || l[0] != l[1] {
			t.Errorf("%s got %v", box, l)
		}
	}
	if st := v.n.Channels()[0]; st.Dead != 2 || st.Receivers != 3 || st.Failing != 1 || !strings.Contains(st.Reason, "550") || st.Kind != "mail" {
		t.Errorf("%+v", st)
	}
}

// TestSecretsAreNotTold makes everything fail, and looks through logs, errors, states and
// dead letters.
func TestSecretsAreNotTold(t *testing.T) {
	s := mailServer(t)
	h := newHook(t)
	address, _ := broker(t, nil)
	hook := Channel{Name: "hook", Webhook: &Webhook{URL: h.URL + "/in?token=capability"}}
	gone := Channel{Name: "gone", Webhook: &Webhook{URL: "http://127.0.0.1:1/in/capability"}}
	v := newTown(t, hook, gone, Channel{Name: "list", Mail: &List{To: []string{"duty@city.example"}}}, Channel{Name: "broker", MQTT: &MQTT{Broker: "mqtt://" + address, Topic: "city/alerts", User: "polity"}})
	v.withMail(s)
	wrong := filepath.Join(v.dir, "wrong")
	if err := os.WriteFile(wrong, []byte("wrongsecretword"), 0o600); err != nil {
		t.Fatal(err)
	}
	v.cfg.Mail.PasswordFile, v.cfg.Channels[3].MQTT.PasswordFile = wrong, wrong
	v.staff.set("anna", access.Water)
	v.open()
	b := newBrowser(t)
	v.subscribe("anna", b)
	v.shift("anna", time.Hour)
	b.status = http.StatusForbidden
	h.answers(http.StatusInternalServerError)
	var errs []error
	for _, name := range []string{"hook", "gone", "list", "broker"} {
		err := v.n.Test(t.Context(), name)
		if err == nil {
			t.Errorf("%s took it", name)
		}
		errs = append(errs, err)
	}
	errs = append(errs, v.n.TestOwn(t.Context(), "anna"), v.n.AskMail(t.Context(), "anna", "anna@city.example"))
	v.tell(v.alert("a:1"))
	var dead Letters
	v.until("all five are dead", func() bool {
		var err error
		dead, err = v.n.Dead(t.Context(), "", 0, 100)
		return err != nil || len(dead.Letters) == 5
	})
	letters, _ := json.Marshal(dead)
	states, _ := json.Marshal(v.n.Channels())
	all := fmt.Sprintf("%v %s %s %+v", errors.Join(errs...), letters, states, v.cfg)
	v.close()
	all += v.logged.String()
	if !strings.Contains(all, "535") || !strings.Contains(all, "403") {
		t.Errorf("the failures are not told: %s", all)
	}
	for _, secret := range []string{"wrongsecretword", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "/send/capability", b.point, b.token, "anna@"} {
		if strings.Contains(all, secret) {
			t.Errorf("%s is told", secret)
		}
	}
	for _, where := range []string{string(letters), string(states), errors.Join(errs...).Error(), v.logged.String()} {
		if strings.Contains(where, "capability") {
			t.Errorf("an address with its key is told: %s", where)
		}
	}
	if strings.Contains(string(letters)+string(states), "anna") {
		t.Error("operators see whose notices fail")
	}
}

func TestConfigurationsThatAreWrong(t *testing.T) {
	const head = "hosts: [10.0.0.7]\nmail: {host: smtp.city.example, from: polity@city.example}\n"
	for text, want := range map[string]string{
		head: "",
		head + "channels:\n  - {name: duty, desks: [water], priority: 1, when: [opened], after: 2m, webhook: {url: https://d.city.example/x, secret_file: s, key_id: k1}}": "",
		head + "channels:\n  - {name: duty, mail: {to: [duty@city.example]}}":                                                                                              "",
		head + "channels:\n  - {name: duty, mqtt: {broker: mqtt://10.0.0.7, topic: a}}":                                                                                    "",
		"channels:\n  - {name: duty, mail: {to: [duty@city.example]}}":                                                                                                     "mail server",
		head + "channels:\n  - {name: duty}":                                                                                                                               "give one",
		head + "channels:\n  - {name: Duty, mail: {to: [d@c.example]}}":                                                                                                    "Duty",
		head + "channels:\n  - {name: d, mail: {to: [d@c.example]}}\n  - {name: d, mail: {to: [d@c.example]}}":                                                             "twice",
		head + "channels:\n  - {name: d, mail: {to: []}}":                                                                                                                  "addresses",
		head + "channels:\n  - {name: d, mail: {to: [\"a@b.example\\r\\nBcc: x@y.example\"]}}":                                                                             "address",
		head + "channels:\n  - {name: d, mail: {to: [d@c.example], too: 1}}":                                                                                               "unknown key",
		head + "channels:\n  - {name: d, desk: [water], mail: {to: [d@c.example]}}":                                                                                        "did you mean \"desks\"",
		head + "channels:\n  - {name: d, desks: [fire], mail: {to: [d@c.example]}}":                                                                                        "no desk",
		head + "channels:\n  - {name: d, priority: 9, mail: {to: [d@c.example]}}":                                                                                          "priority",
		head + "channels:\n  - {name: d, when: [later], mail: {to: [d@c.example]}}":                                                                                        "no reason",
		head + "channels:\n  - {name: d, after: 1ms, mail: {to: [d@c.example]}}":                                                                                           "after",
		head + "channels:\n  - {name: d, per_minute: 100000, mail: {to: [d@c.example]}}":                                                                                   "per_minute",
		head + "channels:\n  - {name: d, webhook: {url: https://d.city.example/x}}":                                                                                        "secret_file",
		head + "channels:\n  - {name: d, webhook: {url: http://d.city.example/x, secret_file: s}}":                                                                         "https://",
		head + "channels:\n  - {name: d, mqtt: {broker: mqtt://broker.city.example, topic: a}}":                                                                            "mqtts://",
		head + "channels:\n  - {name: d, mqtt: {broker: mqtts://b.city.example, topic: a/#}}":                                                                              "topic",
		"mail: {host: smtp.city.example, from: p@c.example, tls: none}":                                                                                                    "in the clear",
		"mail: {host: smtp.city.example}":                                                                                                                                  "from",
		"mail: {host: smtp.city.example, from: p@c.example, password_file: x}":                                                                                             "no user",
		"address: javascript:alert(1)":                                                                                                                                     "address",
		"push: {contact: x}":                                                                                                                                               "mailto:",
		"retries: [1ms]":                                                                                                                                                   "pause",
	} {
		var c Config
		err := strictyaml.Decode("notices.yaml", []byte(text), &c)
		if err == nil {
			err = c.Check()
			if err != nil && city.KindOf(err) != city.Invalid {
				t.Errorf("%s: of kind %v", text, city.KindOf(err))
			}
		}
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v, want %q", text, err, want)
		}
	}
}

func TestSecretFilesAreOnesOwn(t *testing.T) {
	h := newHook(t)
	for name, spoil := range map[string]func(path string) error{
		"others can read it": func(p string) error { return os.Chmod(p, 0o644) },
		"it is not there":    os.Remove,
		"it is no secret":    func(p string) error { return os.WriteFile(p, []byte("wrongsecretword"), 0o600) },
	} {
		v := newTown(t, to(h, "duty"))
		if err := spoil(v.cfg.Channels[0].Webhook.SecretFile); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), v.cfg, Deps{Folder: v.dir, Source: v.source, Words: say{}})
		if city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "duty") || strings.Contains(err.Error(), "wrongsecretword") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// failing is a source that is lost at first.
type failing struct {
	source
	times atomic.Int32
}

func (f *failing) Follow(ctx context.Context, tell func([]Alert) error) error {
	if f.times.Add(1) == 1 {
		return errors.New("the room is away")
	}
	return f.source.Follow(ctx, tell)
}

// TestRun is from an alert to a receiver, with a source that is lost at first.
func TestRun(t *testing.T) {
	h := newHook(t)
	v := newTown(t, to(h, "duty"))
	s := &failing{source: source{open: map[string]Alert{}}}
	n, err := Open(t.Context(), v.cfg, Deps{Folder: v.dir, Source: s, Words: say{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); n.Run(ctx) }()
	v.until("the source is followed", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.tell != nil })
	s.set(v.alert("a:1"))
	v.until("it is told", func() bool { return h.keys() == "opened:a:1" })
	stop()
	<-done
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func TestOperations(t *testing.T) {
	h := newHook(t)
	h.answers(http.StatusInternalServerError)
	v := newTown(t, to(h, "duty"))
	v.open()
	v.tell(v.alert("a:1"))
	v.until("it is dead", func() bool { l, err := v.n.Dead(t.Context(), "", 0, 10); return err == nil && len(l.Letters) == 1 })
	ops := v.n.Operations("/hub/notices")
	ask := func(method, path, kind, body string) (int, string) {
		r := httptest.NewRequest(method, "/hub/notices"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		ops.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	const js = "application/json"
	for _, c := range []struct {
		method, path, kind, body string
		status                   int
		says                     string
	}{
		{"GET", "", "", "", 200, `"name":"duty","kind":"webhook"`},
		{"GET", "?x=1", "", "", 400, "not known"},
		{"GET", "/dead", "", "", 200, `"key":"a:1"`},
		{"GET", "/dead?after=x", "", "", 400, "number"},
		{"GET", "/dead?receiver=other", "", "", 200, `"letters":[]`},
		{"GET", "/nothing", "", "", 404, "no such"},
		{"POST", "/test", js, `{"channel":"other"}`, 404, "channels are [duty]"},
		{"POST", "/test", js, `{"channel":"duty"}`, 503, "500"},
		{"POST", "/test", js, `{}`, 400, "which channel"},
		{"POST", "/replay", "text/plain", `{"all":true}`, 400, "content type"},
		{"POST", "/replay", js, `{"all":true,"number":1}`, 400, "which dead"},
		{"POST", "/replay", js, `{"all":true}{}`, 400, "behind"},
		{"POST", "/replay", js, `{"al":true}`, 400, "unknown field"},
		{"POST", "/replay", js, `{"number":77}`, 404, "polity notices dead"},
		{"POST", "/drop", js, `{"receiver":"duty"}`, 200, `{"letters":1}`},
		{"POST", "/drop", js, `{"all":true}`, 200, `{"letters":0}`},
		{"DELETE", "/drop", js, `{"all":true}`, 404, ""},
	} {
		if status, body := ask(c.method, c.path, c.kind, c.body); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, status, body)
		}
	}
}
