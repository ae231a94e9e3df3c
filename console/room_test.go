package console_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/console"
	"polity/console/consoletest"
	"polity/console/frame"
	"polity/room/alert"
)

func newControlRoom(t *testing.T, who frame.Access) (*console.Console, *consoletest.Room, *consoletest.City) {
	t.Helper()
	now := func() time.Time { return afternoon }
	world, err := consoletest.New(consoletest.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	room, err := consoletest.NewRoom(t.TempDir(), who, now)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := console.New(console.Config{City: world, Access: who, Looks: &consoletest.Looks{}, Alerts: room.Queue, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pages.Close()
		if err := room.Close(); err != nil {
			t.Error(err)
		}
	})
	return pages, room, world
}

var hiddenRequest = regexp.MustCompile(`name="request" value="([^"]+)"`)

func TestRoomPageListsByFilter(t *testing.T) {
	pages, _, _ := newControlRoom(t, everything)
	for query, want := range map[string]int{"": 10, "?desk=traffic": 2, "?kind=crowding": 1, "?state=closed": 0, "?q=bus-lane": 2, "?q=nothing+has+this": 0} {
		body := get(t, pages, "/room"+query).Body.String()
		if n := strings.Count(body, "<tr role=\"row\" data-key="); n != want {
			t.Errorf("%s: %d rows, want %d", query, n, want)
		}
	}
	for _, query := range []string{"?desk=police", "?state=gone", "?after=%21"} {
		if w := get(t, pages, "/room"+query); w.Code != http.StatusBadRequest {
			t.Errorf("%s: status %d", query, w.Code)
		}
	}
}

// TestRoomFormsAct sends what a page without scripts sends, as a browser would.
func TestRoomFormsAct(t *testing.T) {
	pages, room, _ := newControlRoom(t, everything)
	page := get(t, pages, "/room").Body.String()
	request := hiddenRequest.FindStringSubmatch(page)[1]
	form := url.Values{"request": {request}, "do": {"acknowledge"}, "back": {"/room?desk=safety"}, "item": {"1 sensor:underpass", "1 hub:kiosk"}}
	w := post(t, pages, "/room/act", form)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/room?desk=safety&said=acknowledge.2.0.0" {
		t.Fatalf("status %d, to %s", w.Code, w.Header().Get("Location"))
	}
	if a, err := room.Lookup(t.Context(), "hub:kiosk"); err != nil || a.State != alert.Acknowledged {
		t.Errorf("the alert is %+v, %v", a, err)
	}
	if body := get(t, pages, w.Header().Get("Location")).Body.String(); !strings.Contains(body, "2 alerts acknowledged.") {
		t.Error("the page does not say what was done")
	}
	form.Set("request", "another-request")
	form.Set("do", "escalate")
	if to := post(t, pages, "/room/act", form).Header().Get("Location"); to != "/room?desk=safety&said=escalate.0.2.0" {
		t.Errorf("an old revision: %s", to)
	}
}

func TestRoomFormsThatMakeNoSense(t *testing.T) {
	pages, room, _ := newControlRoom(t, everything)
	good := func() url.Values {
		return url.Values{"request": {"a-good-request"}, "do": {"acknowledge"}, "item": {"1 sensor:underpass"}}
	}
	for name, change := range map[string]func(url.Values){
		"no alert":          func(f url.Values) { f.Del("item") },
		"no revision":       func(f url.Values) { f.Set("item", "sensor:underpass") },
		"no request":        func(f url.Values) { f.Del("request") },
		"no operation":      func(f url.Values) { f.Set("do", "delete") },
		"no verdict":        func(f url.Values) { f.Set("do", "close") },
		"a negative snooze": func(f url.Values) { f.Set("do", "snooze"); f.Set("minutes", "-5") },
		"a snooze of years": func(f url.Values) { f.Set("do", "snooze"); f.Set("minutes", "99999999") },
		"an empty note":     func(f url.Values) { f.Set("do", "note"); f.Set("text", " ") },
		"a long note":       func(f url.Values) { f.Set("do", "note"); f.Set("text", strings.Repeat("x", 2001)) },
	} {
		form := good()
		change(form)
		if w := post(t, pages, "/room/act", form); w.Code < 400 || w.Code >= 500 {
			t.Errorf("%s: status %d", name, w.Code)
		}
	}
	form := good()
	form.Set("back", "https://elsewhere.example/")
	if to := post(t, pages, "/room/act", form).Header().Get("Location"); !strings.HasPrefix(to, "/?") {
		t.Errorf("a form sends its reader to %s", to)
	}
	if a, err := room.Lookup(t.Context(), "sensor:underpass"); err != nil || a.Revision != 2 {
		t.Errorf("the alert is %+v, %v: only the last form was to change it", a, err)
	}
}

// TestOtherSitesFormsChangeNothing is the attack by a page that somebody signed in opens.
func TestOtherSitesFormsChangeNothing(t *testing.T) {
	pages, room, _ := newControlRoom(t, everything)
	for _, path := range []string{"/room/act", "/room/incident", "/room/handover"} {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader("request=a-good-request&do=acknowledge&item=1+sensor:underpass"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	if a, err := room.Lookup(t.Context(), "sensor:underpass"); err != nil || a.State != alert.New {
		t.Errorf("the alert is %+v, %v", a, err)
	}
}

func TestSeeingIsNotHandling(t *testing.T) {
	auditor := &consoletest.Access{As: access.Who{Kind: access.Person, ID: "p9"}, May: []access.Action{access.SeeAlerts}}
	pages, _, _ := newControlRoom(t, auditor)
	page := get(t, pages, "/room?alert=sensor:underpass").Body.String()
	for _, word := range []string{`value="acknowledge"`, `value="close"`, "<textarea"} {
		if strings.Contains(page, word) {
			t.Errorf("the page of somebody who may not handle alerts holds %s", word)
		}
	}
	for _, path := range []string{"/room/act", "/room/incident", "/room/handover"} {
		if w := post(t, pages, path, url.Values{"request": {"a-good-request"}}); w.Code != http.StatusForbidden {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	if page := get(t, pages, "/room?alert=camera:square:e1").Body.String(); !strings.Contains(page, "You have no right to this camera") || strings.Contains(page, "/events/e1.jpg") {
		t.Error("somebody without the right to counts gets them with an alert")
	}
}

// TestAlertInFull reads what an alert's page says of its camera and its past.
func TestAlertInFull(t *testing.T) {
	pages, room, world := newControlRoom(t, everything)
	if err := room.As(consoletest.Bo, "camera:square:e1", alert.Operation{Do: alert.Note, Text: "<b>Look</b> twice"}); err != nil {
		t.Fatal(err)
	}
	body := get(t, pages, "/room/alert?key=camera:square:e1").Body.String()
	for _, want := range []string{"Crowding, 14 people", "Railway Square, north side, lawn", "/cameras/square/events/e1.jpg", "Counts before and after", "Note by Bo.", "&lt;b&gt;Look&lt;/b&gt; twice", "Raised, High."} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	world.Empty()
	if w := get(t, pages, "/room/alert?key=camera:square:e1"); w.Code != http.StatusOK {
		t.Errorf("an alert of a camera that was taken down: status %d", w.Code)
	}
	for _, key := range []string{"camera:square:none", "no-key", ""} {
		if w := get(t, pages, "/room/alert?key="+key); w.Code != http.StatusNotFound && w.Code != http.StatusBadRequest {
			t.Errorf("alert %q: status %d", key, w.Code)
		}
	}
}

func TestIncidentsAndHandoverByForms(t *testing.T) {
	pages, room, _ := newControlRoom(t, everything)
	for _, id := range []string{"one", "two"} {
		if err := room.Urgent(id); err != nil {
			t.Fatal(err)
		}
	}
	list := get(t, pages, "/room/incidents").Body.String()
	if !strings.Contains(list, "Flooding: ") {
		t.Fatal("two floods at one place are not proposed as an incident")
	}
	request := hiddenRequest.FindStringSubmatch(list)[1]
	w := post(t, pages, "/room/incident", url.Values{"request": {request}, "do": {"open"}, "title": {"Water & more"}, "key": {"test:one", "test:two"}})
	at, _, _ := strings.Cut(w.Header().Get("Location"), "?")
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(at, "/room/incidents/i-") {
		t.Fatalf("status %d, to %s", w.Code, at)
	}
	id := strings.TrimPrefix(at, "/room/incidents/")
	if w := post(t, pages, "/room/incident", url.Values{"request": {"note-request"}, "do": {"note"}, "incident": {id}, "text": {"Pumps ordered."}}); w.Code != http.StatusSeeOther {
		t.Errorf("a note: status %d: %s", w.Code, w.Body.String())
	}
	page := get(t, pages, at).Body.String()
	for _, want := range []string{"Water &amp; more", "Pumps ordered.", "Incident opened by you.", "Flooding: Raised, Critical.", at + "/export.zip"} {
		if !strings.Contains(page, want) {
			t.Errorf("the incident does not say %q", want)
		}
	}
	if w := post(t, pages, "/room/incident", url.Values{"request": {"close-request"}, "do": {"close"}, "incident": {id}, "revision": {"7"}}); w.Code != http.StatusConflict {
		t.Errorf("closing with an old revision: status %d", w.Code)
	}
	if w := post(t, pages, "/room/handover", url.Values{"request": {"hand-request"}, "do": {"write"}, "desk": {"safety"}, "text": {"Quiet night."}}); w.Code != http.StatusSeeOther {
		t.Fatalf("handover: status %d: %s", w.Code, w.Body.String())
	}
	page = get(t, pages, "/room/handover").Body.String()
	for _, want := range []string{"Quiet night.", "From you to whoever comes.", "7 alerts were open"} {
		if !strings.Contains(page, want) {
			t.Errorf("the handover does not say %q", want)
		}
	}
}

func TestPrecisionIsForEveryone(t *testing.T) {
	pages, room, _ := newControlRoom(t, everything)
	if body := get(t, pages, "/precision").Body.String(); !strings.Contains(body, "No alert has been closed with a verdict yet") {
		t.Error("an empty table does not say what would be there")
	}
	if err := room.Quiet("stopped", "square"); err != nil {
		t.Fatal(err)
	}
	body := get(t, asPublic{pages}, "/precision").Body.String()
	for _, want := range []string{"Obstruction", "Railway Square, north side", "0% to ", "Quiet"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if found := regexp.MustCompile(`\bBo\b|\bp2\b|quiet:`).FindString(body); found != "" {
		t.Errorf("the public page holds %q", found)
	}
}

func TestNoControlRoomSaysSo(t *testing.T) {
	pages, _ := newPages(t, everything)
	for _, path := range []string{"/room", "/room/alert?key=a:b", "/room/incidents", "/room/handover", "/precision"} {
		w := get(t, pages, path)
		body, err := io.ReadAll(w.Body)
		if err != nil || w.Code != http.StatusNotFound || !strings.Contains(string(body), "no control room yet") {
			t.Errorf("%s: status %d, %v", path, w.Code, err)
		}
	}
}
