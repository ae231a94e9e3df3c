package notice

import (
	"crypto/ecdh"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/notice/mail/mailtest"
	"polity/room/notice/webpush"
)

// browser is a person's browser together with its push service.
type browser struct {
	*httptest.Server
	key          *ecdh.PrivateKey
	auth         []byte
	point, token string

	mu     sync.Mutex
	got    []string // titles
	status int
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{key: key, auth: []byte("0123456789abcdef"), status: http.StatusCreated}
	b.point, b.token = base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), base64.RawURLEncoding.EncodeToString(b.auth)
	b.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var text struct{ Title, Body, Link, Tag string }
		plain, err := webpush.Decrypt(b.key, b.auth, body)
		b.mu.Lock()
		defer b.mu.Unlock()
		if err == nil && b.status == http.StatusCreated && json.Unmarshal(plain, &text) == nil {
			b.got = append(b.got, text.Title)
			if !strings.HasPrefix(text.Link, "/room") || text.Tag == "" {
				b.got = append(b.got, fmt.Sprintf("bad: %+v", text))
			}
		}
		w.WriteHeader(b.status)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *browser) titles() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.got, "; ")
}

// trust lets notices reach a browser's push service.
func (v *town) trust(b *browser) {
	v.n.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: b.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
}

func (v *town) subscribe(person string, b *browser) {
	v.t.Helper()
	v.trust(b)
	if err := v.n.Subscribe(v.t.Context(), person, b.URL+"/send/capability", b.point, b.token); err != nil {
		v.t.Fatal(err)
	}
}

func (v *town) shift(person string, d time.Duration) {
	v.t.Helper()
	if err := v.n.Change(v.t.Context(), person, Change{Shift: &d}); err != nil {
		v.t.Fatal(err)
	}
	v.round()
}

func (v *town) settings(person string) Settings {
	v.t.Helper()
	s, err := v.n.Settings(v.t.Context(), person)
	if err != nil {
		v.t.Fatal(err)
	}
	return s
}

const flooding = "at title Flooding place Underpass"

func TestPushWhileOnShift(t *testing.T) {
	v := newTown(t)
	v.staff.set("anna", access.Water)
	v.open()
	b := newBrowser(t)
	v.subscribe("anna", b)
	v.tell(v.alert("a:before"))
	v.shift("anna", 8*time.Hour)
	v.tell(v.alert("a:1"), v.alert("a:2", atDesk(access.Power)), v.alert("a:3", priority(3)))
	v.sent()
	if got := b.titles(); got != flooding {
		t.Errorf("anna heard %s", got)
	}
	v.restart() // the shift goes on
	v.trust(b)
	v.tell(v.alert("a:4"))
	v.sent()
	if got := b.titles(); got != flooding+"; "+flooding {
		t.Errorf("after a restart anna heard %s", got)
	}
	v.pass(8 * time.Hour)
	v.tell(v.alert("a:5"))
	v.sent()
	if got := b.titles(); got != flooding+"; "+flooding {
		t.Errorf("after the shift anna heard %s", got)
	}
	if s := v.settings("anna"); s.OnShift(v.clock()) || !s.Push || s.Browsers != 1 {
		t.Errorf("%+v", s)
	}
	v.shift("anna", time.Hour)
	v.tell(v.alert("a:6"))
	v.sent()
	if got := strings.Count(b.titles(), "Flooding"); got != 3 {
		t.Errorf("in the next shift anna heard %s", b.titles())
	}
}

// TestRightsAreLookedAtWhenItIsSent takes rights away while a notice waits.
func TestRightsAreLookedAtWhenItIsSent(t *testing.T) {
	for name, lose := range map[string]func(v *town){
		"the right":   func(v *town) { v.staff.set("anna", access.Power) },
		"the account": func(v *town) { v.staff.mu.Lock(); delete(v.staff.may, "anna"); v.staff.mu.Unlock() },
		"the shift":   func(v *town) { v.pass(9 * time.Hour) },
		"push": func(v *town) {
			off := false
			if err := v.n.Change(v.t.Context(), "anna", Change{Push: &off}); err != nil {
				v.t.Fatal(err)
			}
		},
		"all": func(v *town) {
			if err := v.n.Forget(v.t.Context(), "anna"); err != nil {
				v.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newTown(t)
			v.cfg.Retries = []time.Duration{time.Hour}
			v.staff.set("anna", access.Water)
			v.open()
			b := newBrowser(t)
			v.subscribe("anna", b)
			v.shift("anna", 8*time.Hour)
			b.status = http.StatusServiceUnavailable
			v.tell(v.alert("a:1"))
			v.until("it failed once", func() bool { return v.n.Counts().Failing == 1 })
			b.mu.Lock()
			b.status = http.StatusCreated
			b.mu.Unlock()
			lose(v)
			if _, err := v.n.Replay(t.Context(), 0, ""); err != nil { // tries at once
				t.Fatal(err)
			}
			v.sent()
			if got := b.titles(); got != "" {
				t.Errorf("heard %s", got)
			}
		})
	}
}

func TestABrowserThatIsGoneIsForgotten(t *testing.T) {
	v := newTown(t)
	v.staff.set("anna", access.Water)
	v.open()
	b := newBrowser(t)
	v.subscribe("anna", b)
	v.shift("anna", time.Hour)
	v.tell(v.alert("a:0"))
	v.until("it is known to have come", func() bool {
		at, failing, err := v.n.Own(t.Context(), "anna")
		return err == nil && !at.IsZero() && failing == ""
	})
	b.mu.Lock()
	b.status = http.StatusGone
	b.mu.Unlock()
	v.tell(v.alert("a:1"))
	v.sent()
	v.until("it is forgotten", func() bool { return v.settings("anna").Browsers == 0 })
	if c := v.n.Counts(); c.Dead != 0 {
		t.Errorf("%+v", c)
	}
}

func TestBrowsersAreOnesOwn(t *testing.T) {
	v := newTown(t)
	v.staff.set("anna", access.Water)
	v.staff.set("ben", access.Water)
	v.open()
	b := newBrowser(t)
	v.subscribe("anna", b)
	v.subscribe("ben", b) // the same browser, somebody else signed in
	if a, c := v.settings("anna").Browsers, v.settings("ben").Browsers; a != 0 || c != 1 {
		t.Errorf("anna has %d, ben %d", a, c)
	}
	if err := v.n.Unsubscribe(t.Context(), "anna", b.URL+"/send/capability"); err != nil || v.settings("ben").Browsers != 1 {
		t.Errorf("anna removed ben's: %v", err)
	}
	for i := range 10 {
		err := v.n.Subscribe(t.Context(), "anna", fmt.Sprintf("%s/%d", b.URL, i), b.point, b.token)
		if (err == nil) != (i < mostBrowsers) {
			t.Errorf("browser %d: %v", i, err)
		}
	}
	for _, bad := range [][3]string{{"http://push.example.net/x", b.point, b.token}, {"https://10.0.0.1/x", b.point, b.token}, {b.URL, "AAAA", b.token}} {
		if err := v.n.Subscribe(t.Context(), "anna", bad[0], bad[1], bad[2]); city.KindOf(err) != city.Invalid {
			t.Errorf("%.40s: %v", bad, err)
		}
	}
	if err := v.n.Subscribe(t.Context(), "", b.URL, b.point, b.token); city.KindOf(err) != city.Forbidden {
		t.Errorf("nobody: %v", err)
	}
}

func (v *town) withMail(s *mailtest.Server) {
	v.t.Helper()
	file := filepath.Join(v.dir, "mail-password")
	if err := os.WriteFile(file, []byte("secretword\n"), 0o600); err != nil {
		v.t.Fatal(err)
	}
	v.cfg.Mail = Mail{Host: s.Host, Port: s.Port, User: "polity", PasswordFile: file, From: "Polity <polity@city.example>", CAFile: filepath.Join(v.dir, "mail-ca.pem")}
	if err := os.WriteFile(v.cfg.Mail.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate}), 0o600); err != nil {
		v.t.Fatal(err)
	}
}

func mailServer(t *testing.T) *mailtest.Server {
	t.Helper()
	s, err := mailtest.Start(mailtest.Config{User: "polity", Password: "secretword"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

var eightDigits = regexp.MustCompile(`code (\d{4} \d{4})`)

func TestMailNeedsACode(t *testing.T) {
	s := mailServer(t)
	v := newTown(t)
	v.withMail(s)
	v.staff.set("anna", access.Water)
	v.open()
	on := true
	if err := v.n.Change(t.Context(), "anna", Change{Mail: &on}); city.KindOf(err) != city.Conflict {
		t.Errorf("mail without an address: %v", err)
	}
	for _, bad := range []string{"", "x", "a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example"} {
		if err := v.n.AskMail(t.Context(), "anna", bad); city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := v.n.AskMail(t.Context(), "anna", "anna@city.example"); err != nil {
		t.Fatal(err)
	}
	mails := s.Got()
	if len(mails) != 1 || mails[0].To != "anna@city.example" || !mails[0].Secure {
		t.Fatalf("%+v", mails)
	}
	code := eightDigits.FindStringSubmatch(mails[0].Data)
	if code == nil {
		t.Fatal(mails[0].Data)
	}
	for range codeTries {
		if err := v.n.ConfirmMail(t.Context(), "anna", "1"+code[1][1:]+"0"); city.KindOf(err) != city.Invalid {
			t.Errorf("a wrong code: %v", err)
		}
	}
	if err := v.n.ConfirmMail(t.Context(), "anna", code[1]); err == nil {
		t.Error("after too many tries the right code counts")
	}
	if err := v.n.AskMail(t.Context(), "anna", "anna@city.example"); err != nil {
		t.Fatal(err)
	}
	code = eightDigits.FindStringSubmatch(s.Got()[1].Data)
	if err := v.n.ConfirmMail(t.Context(), "ben", code[1]); err == nil {
		t.Error("another's code counts")
	}
	v.pass(codeTime)
	if err := v.n.ConfirmMail(t.Context(), "anna", code[1]); err == nil {
		t.Error("an old code counts")
	}
	if err := v.n.AskMail(t.Context(), "anna", "anna@city.example"); err != nil {
		t.Fatal(err)
	}
	code = eightDigits.FindStringSubmatch(s.Got()[2].Data)
	if err := v.n.ConfirmMail(t.Context(), "anna", code[1]); err != nil {
		t.Fatal(err)
	}
	if err := v.n.ConfirmMail(t.Context(), "anna", code[1]); err == nil {
		t.Error("a code counts twice")
	}
	if got := v.settings("anna"); !got.Mail || got.Address != "anna@city.example" || got.Asked != "" {
		t.Errorf("%+v", got)
	}
	for _, who := range []string{"anna", "ben"} { // nobody's mailbox is flooded, whoever asks
		if err := v.n.AskMail(t.Context(), who, "ANNA@city.example"); city.KindOf(err) != city.Conflict {
			t.Errorf("%s asks for a fourth code: %v", who, err)
		}
	}
	v.shift("anna", time.Hour)
	v.tell(v.alert("a:1", priority(1)))
	v.sent()
	mails = s.Got()
	if last := mails[len(mails)-1]; len(mails) != 4 || last.To != "anna@city.example" || !strings.Contains(last.Data, "[1]") || !strings.Contains(last.Data, "https://polity.city.example/room?alert") {
		t.Errorf("%d mails, the last %s", len(mails), last.Data)
	}
	if err := v.n.ForgetMail(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	v.tell(v.alert("a:2"))
	v.sent()
	if len(s.Got()) != 4 {
		t.Error("a mail came to an address that was removed")
	}
}

func TestOwnTest(t *testing.T) {
	s := mailServer(t)
	v := newTown(t)
	v.withMail(s)
	v.staff.set("anna", access.Water)
	v.open()
	if err := v.n.TestOwn(t.Context(), "anna"); city.KindOf(err) != city.Conflict {
		t.Errorf("nothing is on: %v", err)
	}
	b := newBrowser(t)
	v.subscribe("anna", b)
	if err := v.n.TestOwn(t.Context(), "anna"); err != nil || b.titles() != "test.title" {
		t.Errorf("%v, heard %s", err, b.titles())
	}
	if err := v.n.TestOwn(t.Context(), "anna"); city.KindOf(err) != city.Conflict {
		t.Errorf("again at once: %v", err)
	}
	v.pass(time.Minute)
	b.status = http.StatusForbidden
	if err := v.n.TestOwn(t.Context(), "anna"); city.KindOf(err) != city.Unavailable || strings.Contains(err.Error(), "capability") {
		t.Errorf("a service that refuses: %v", err)
	}
}

// TestWhoHasLeftIsForgotten: nothing is kept of somebody without an account.
func TestWhoHasLeftIsForgotten(t *testing.T) {
	s := mailServer(t)
	v := newTown(t)
	v.withMail(s)
	v.staff.set("anna", access.Water)
	v.staff.set("ben", access.Water)
	v.open()
	v.subscribe("anna", newBrowser(t))
	v.subscribe("ben", newBrowser(t))
	if err := v.n.AskMail(t.Context(), "anna", "anna@city.example"); err != nil {
		t.Fatal(err)
	}
	v.shift("anna", 8*time.Hour)
	v.staff.mu.Lock()
	delete(v.staff.may, "anna")
	v.staff.mu.Unlock()
	v.pass(sweepEach)
	v.round()
	if a, b := v.settings("anna"), v.settings("ben"); a.Push || a.Browsers != 0 || a.Asked != "" || !a.Until.IsZero() || b.Browsers != 1 {
		t.Errorf("of anna is kept %+v, of ben %+v", a, b)
	}
	for _, table := range []string{"person", "code", "sent_code", "subscription"} {
		column := map[bool]string{true: "id", false: "person"}[table == "person"]
		var kept int
		if err := v.n.book.db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table+" WHERE "+column+" = 'anna'").Scan(&kept); err != nil || kept != 0 {
			t.Errorf("%s: %d rows, %v", table, kept, err)
		}
	}
}
