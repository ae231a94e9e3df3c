package console_test

import (
	"crypto/ecdh"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/console"
	"polity/console/consoletest"
	"polity/console/texts"
	"polity/room/alert"
	"polity/room/notice"
	"polity/room/notice/mail/mailtest"
)

// noticePages are the pages for somebody, with notices.
func noticePages(t *testing.T, who *consoletest.Access, cfg notice.Config) (*console.Console, *consoletest.Notices) {
	t.Helper()
	now := func() time.Time { return afternoon }
	world, err := consoletest.New(consoletest.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	n, err := consoletest.NewNotices(t.TempDir(), who, cfg, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	pages, err := console.New(console.Config{City: world, Access: who, Looks: &consoletest.Looks{}, Notices: n.Notices, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	return pages, n
}

func operator() *consoletest.Access {
	return &consoletest.Access{As: access.Who{Kind: access.Person, ID: "p7", Name: "Maija"}, May: []access.Action{access.OwnAccount, access.SeeAlerts}}
}

func sendForm(h http.Handler, path string, fields url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(fields.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestNoticesOfAShift(t *testing.T) {
	pages, n := noticePages(t, operator(), notice.Config{})
	page := get(t, pages, "/room/notices")
	if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "Begin the shift") || !strings.Contains(page.Body.String(), "Water") {
		t.Fatalf("%d %s", page.Code, page.Body)
	}
	if strings.Contains(page.Body.String(), "duty") {
		t.Error("who does not run the system sees the desks' channels")
	}
	w := sendForm(pages, "/room/notices", url.Values{"do": {"begin"}, "hours": {"8"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/room/notices?said=begun" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	page = get(t, pages, "/room/notices?said=begun")
	if !strings.Contains(page.Body.String(), "Your shift has begun") || !strings.Contains(page.Body.String(), "22:32") {
		t.Errorf("%s", page.Body)
	}
	sendForm(pages, "/room/notices", url.Values{"do": {"priority"}, "priority": {"1"}})
	if s, err := n.Settings(t.Context(), "p7"); err != nil || s.Priority != 1 || !s.Until.Equal(afternoon.Add(8*time.Hour)) {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []url.Values{{}, {"do": {"x"}}, {"do": {"begin"}, "hours": {"99"}}, {"do": {"begin"}, "hours": {"-8"}}, {"do": {"priority"}, "priority": {"7"}}, {"do": {"address"}, "address": {"a@b.example"}}} {
		if w := sendForm(pages, "/room/notices", bad); w.Code < 400 {
			t.Errorf("%v: %d", bad, w.Code)
		}
	}
	if w := sendForm(pages, "/room/notices", url.Values{"do": {"code"}, "code": {"1"}}); w.Header().Get("Location") != "/room/notices?said=wrongcode" {
		t.Errorf("a wrong code: %d %s", w.Code, w.Header())
	}
	if page := get(t, pages, "/room/notices?said=<script>"); strings.Contains(page.Body.String(), "<script>") {
		t.Error("the address says what the page does")
	}
	sendForm(pages, "/room/notices", url.Values{"do": {"end"}})
	if s, _ := n.Settings(t.Context(), "p7"); s.OnShift(afternoon) {
		t.Errorf("%+v", s)
	}
}

func TestNoticesAreOnesOwn(t *testing.T) {
	for name, who := range map[string]*consoletest.Access{
		"the public": consoletest.Nobody(),
		"a program":  {As: access.Who{Kind: access.Program, ID: "t1"}, May: access.Actions()},
	} {
		pages, _ := noticePages(t, who, notice.Config{})
		for _, w := range []*httptest.ResponseRecorder{get(t, pages, "/room/notices"), sendForm(pages, "/room/notices", url.Values{"do": {"begin"}, "hours": {"8"}})} {
			if w.Code != http.StatusForbidden && w.Code != http.StatusUnauthorized {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
	}
	pages, n := noticePages(t, operator(), notice.Config{})
	// A field for somebody else is no field.
	sendForm(pages, "/room/notices", url.Values{"do": {"begin"}, "hours": {"8"}, "person": {"p1"}, "id": {"p1"}})
	if s, _ := n.Settings(t.Context(), "p1"); s.OnShift(afternoon) {
		t.Error("another's shift began")
	}
	r := httptest.NewRequest(http.MethodPost, "/room/notices", strings.NewReader("do=end"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, r)
	if s, _ := n.Settings(t.Context(), "p7"); w.Code != http.StatusForbidden || !s.OnShift(afternoon) {
		t.Errorf("a form of another site: %d", w.Code)
	}
	if w := sendForm(pages, "/room/notices/channels", url.Values{"do": {"test"}, "channel": {"duty"}}); w.Code != http.StatusForbidden {
		t.Errorf("who does not run the system tries a channel: %d", w.Code)
	}
}

func TestDesksChannelsForWhoeverRunsTheSystem(t *testing.T) {
	pages, _ := noticePages(t, consoletest.Everything(), notice.Config{})
	page := get(t, pages, "/room/notices")
	for _, says := range []string{"duty", "Webhook, http://127.0.0.1:1", "Nothing sent yet"} {
		if !strings.Contains(page.Body.String(), says) {
			t.Errorf("the page does not say %q", says)
		}
	}
	if w := sendForm(pages, "/room/notices/channels", url.Values{"do": {"test"}, "channel": {"duty"}}); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "connection refused") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := sendForm(pages, "/room/notices/channels", url.Values{"do": {"replay"}, "channel": {"<i>"}}); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "<i>") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestMailByAForm(t *testing.T) {
	s, err := mailtest.Start(mailtest.Config{NoTLS: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pages, n := noticePages(t, operator(), notice.Config{Mail: notice.Mail{Host: "localhost", Port: s.Port, TLS: "none", From: "polity@city.example"}})
	if w := sendForm(pages, "/room/notices", url.Values{"do": {"address"}, "address": {"maija@city.example"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if page := get(t, pages, "/room/notices"); !strings.Contains(page.Body.String(), "A code is on its way to maija@city.example") {
		t.Errorf("%s", page.Body)
	}
	code := regexp.MustCompile(`\d{4} \d{4}`).FindString(s.Got()[0].Data)
	if w := sendForm(pages, "/room/notices", url.Values{"do": {"code"}, "code": {code}}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got, _ := n.Settings(t.Context(), "p7"); !got.Mail || got.Address != "maija@city.example" {
		t.Errorf("%+v", got)
	}
	if w := sendForm(pages, "/room/notices", url.Values{"do": {"test"}}); w.Code != http.StatusSeeOther || !strings.Contains(s.Got()[1].Data, "A test by Polity") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestPushByAScript(t *testing.T) {
	pages, n := noticePages(t, operator(), notice.Config{})
	key, err := ecdh.P256().GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	point, auth := base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), base64.RawURLEncoding.EncodeToString(make([]byte, 16))
	send := func(body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/room/notices/push", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		return w
	}
	good := `{"endpoint":"https://push.example.net/x","p256dh":"` + point + `","auth":"` + auth + `","off":false}`
	if w := send(good); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if s, _ := n.Settings(t.Context(), "p7"); s.Browsers != 1 || !s.Push {
		t.Errorf("%+v", s)
	}
	for _, bad := range []string{
		``, `{}`, `[]`, good + good, strings.Replace(good, "https://push.example.net", "http://push.example.net", 1), strings.Replace(good, "push.example.net", "169.254.169.254", 1),
		strings.Replace(good, `"off":false`, `"off":false,"person":"p1"`, 1), `{"endpoint":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		if w := send(bad); w.Code != http.StatusBadRequest {
			t.Errorf("%.80s: %d", bad, w.Code)
		}
	}
	if w := send(`{"endpoint":"https://push.example.net/x","p256dh":"","auth":"","off":true}`); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if s, _ := n.Settings(t.Context(), "p7"); s.Browsers != 0 {
		t.Errorf("%+v", s)
	}
}

// TestEveryTextOfNotices looks for the keys that room/notice asks for.
func TestEveryTextOfNotices(t *testing.T) {
	files, err := filepath.Glob("../room/notice/*.go")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:say|Say)\("([a-z.]+)"[,)]`).FindAllStringSubmatch(string(text), -1) {
			if asked++; texts.English().Forms("notice."+m[1]) == nil {
				t.Errorf("%s asks for notice.%s, which is not in texts/en.json", name, m[1])
			}
		}
	}
	for _, why := range []notice.Reason{notice.Opened, notice.Unacknowledged, notice.Escalated} {
		if texts.English().Forms("notice.why."+string(why)) == nil {
			t.Errorf("notice.why.%s is missing", why)
		}
	}
	if asked < 10 {
		t.Fatalf("only %d texts were asked for: this test looks in the wrong place", asked)
	}
}

// TestWhatNoticesSayOfAlerts: the kind in words and the place, no number, no note.
func TestWhatNoticesSayOfAlerts(t *testing.T) {
	pages, _ := newPages(t, everything)
	said, err := pages.NoticesOf(t.Context(), []*alert.Alert{
		{Situation: alert.Situation{Key: "camera:e1", Kind: "crowding", Desk: access.Safety, Priority: 2, Title: alert.TitleOf("crowding", alert.Number("value", 14, "C62")), Camera: "square", Zone: "lawn"}, Handling: alert.Handling{State: alert.New, Notes: 2, Assignee: "p1"}},
		{Situation: alert.Situation{Key: "hub:x", Kind: "edge-lost", Desk: access.System, Priority: 2}, Handling: alert.Handling{State: alert.Snoozed, Escalated: true}, Quiet: true},
		{Situation: alert.Situation{Key: "hub:y", Kind: "flood", Desk: access.Safety, Priority: 2}, Handling: alert.Handling{State: alert.Closed}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if a := said[0]; strings.Contains(a.Title, "14") || a.Title == "" || !strings.Contains(a.Place, "lawn") && !strings.Contains(a.Place, "Lawn") || strings.Contains(a.Place, "square,") || !a.New || !a.Open {
		t.Errorf("%+v", a)
	}
	if a := said[1]; a.Place != "" || !a.Snoozed || !a.Quiet || a.Priority != 1 || !a.Escalated || a.New {
		t.Errorf("%+v", a)
	}
	if said[2].Open {
		t.Errorf("%+v", said[2])
	}
}
