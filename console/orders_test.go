package console_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/console"
	"polity/console/consoletest"
	"polity/room/order"
)

// deskOf and crewOf are two people of the same hub.
func deskOf() *consoletest.Access {
	return &consoletest.Access{
		As:  access.Who{Kind: access.Person, ID: "p9", Name: "Desk"},
		May: []access.Action{access.SeeOrders, access.GiveOrder},
	}
}

func crewOf() *consoletest.Access {
	return &consoletest.Access{As: access.Who{Kind: access.Person, ID: "p1", Name: "Aino"}, May: []access.Action{access.SeeOrders, access.DoOrder}}
}

// town is one book of orders and the pages as several people see them.
type town struct {
	book             *order.Book
	desk, crew, none http.Handler
}

// byPerson decides for each person as their own Access does.
type byPerson []*consoletest.Access

func (b byPerson) Decide(who access.Who, do access.Action, on access.Thing, at access.Circumstances) access.Decision {
	for _, a := range b {
		if a.As.ID == who.ID {
			return a.Decide(who, do, on, at)
		}
	}
	return access.Decision{Allowed: who.ID == "p3"} // who made the orders that are there
}

func newTown(t *testing.T) *town {
	t.Helper()
	desk, crew := deskOf(), crewOf()
	now := func() time.Time { return afternoon }
	book, err := consoletest.NewOrders(t.TempDir(), byPerson{desk, crew}, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = book.Close() })
	w := &town{book: book}
	for who, h := range map[*consoletest.Access]*http.Handler{desk: &w.desk, crew: &w.crew, consoletest.Nobody(): &w.none} {
		world, err := consoletest.New(consoletest.Config{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		pages, err := console.New(console.Config{City: world, Access: who, Looks: &consoletest.Looks{}, Orders: book, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pages.Close)
		*h = pages
	}
	return w
}

func (w *town) number(t *testing.T, n int64) order.Order {
	t.Helper()
	list, _, err := w.book.List(t.Context(), order.Asker{Who: deskOf().As}, order.Filter{})
	i := slices.IndexFunc(list, func(o order.Order) bool { return o.Number == n })
	if err != nil || i < 0 {
		t.Fatalf("order %d: %v", n, err)
	}
	return list[i]
}

func step(to string) string {
	return fmt.Sprintf(`{"key":"key-for-the-step-%s","to":%q}`, to, to)
}

func TestACrewDoesAnOrder(t *testing.T) {
	w := newTown(t)
	o := w.number(t, 1)
	at := "/orders/mine/" + o.ID
	for _, to := range []string{"accepted", "on-the-way", "at-the-place", "done"} {
		for range 2 { // the answer of the first was lost
			a := send(w.crew, http.MethodPost, at+"/steps", asJSON, step(to))
			var got order.Order
			if err := json.Unmarshal(a.Body.Bytes(), &got); err != nil || a.Code != http.StatusOK || string(got.State) != to {
				t.Fatalf("%s: %d %s", to, a.Code, a.Body)
			}
		}
	}
	if a := send(w.crew, http.MethodPost, at+"/steps", asJSON, `{"key":"key-for-one-step-more","to":"accepted"}`); a.Code != http.StatusConflict {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if got := w.number(t, 1); got.State != order.Done {
		t.Errorf("%+v", got)
	}
}

// A request for one thing sets nothing else.
func TestMassAssignmentIsRefused(t *testing.T) {
	w := newTown(t)
	o := w.number(t, 1)
	at := "/orders/mine/" + o.ID
	for name, body := range map[string]string{
		"the state":       `{"key":"0123456789abcdef","to":"accepted","state":"done"}`,
		"the crew":        `{"key":"0123456789abcdef","to":"accepted","assigned":{"person":"p1"}}`,
		"the task":        `{"key":"0123456789abcdef","to":"accepted","task":"Go home."}`,
		"who":             `{"key":"0123456789abcdef","to":"accepted","who":"p9"}`,
		"two bodies":      `{"key":"0123456789abcdef","to":"accepted"}{"to":"done"}`,
		"a list":          `[{"key":"0123456789abcdef","to":"accepted"}]`,
		"another's state": `{"key":"0123456789abcdef","to":"cancelled"}`,
		"an end":          `{"key":"0123456789abcdef","to":"done"}`,
		"nothing":         ``,
		"too much":        `{"key":"0123456789abcdef","to":"accepted","note":"` + strings.Repeat("x", 20<<10) + `"}`,
	} {
		if a := send(w.crew, http.MethodPost, at+"/steps", asJSON, body); a.Code != http.StatusBadRequest && a.Code != http.StatusConflict {
			t.Errorf("%s: %d %s", name, a.Code, a.Body)
		}
	}
	if a := send(w.crew, http.MethodPost, at+"/notes", asJSON, `{"key":"0123456789abcdef","text":"x","state":"done"}`); a.Code != http.StatusBadRequest {
		t.Errorf("a note with a state: %d", a.Code)
	}
	form := url.Values{"key": {"0123456789abcdef"}, "what": {"water/leak"}, "task": {"Dig."}, "where": {"here"}, "priority": {"soon"}, "state": {"done"}, "number": {"7"}, "assigned": {"p9"}, "revision": {"1"}, "source": {"decision"}}
	if a := send(w.desk, http.MethodPost, "/orders", asForm, form.Encode()); a.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	if made := w.number(t, 7); made.State != order.Draft || !made.Assigned.None() || made.Source.From != "" {
		t.Errorf("%+v", made)
	}
	if got := w.number(t, 1); got.State != order.Given || got.Revision != o.Revision {
		t.Errorf("%+v", got)
	}
}

// What is not for somebody answers as what does not exist, byte for byte.
func TestOrdersOfOthersAnswerAsNone(t *testing.T) {
	w := newTown(t)
	theirs := w.number(t, 4)
	for _, path := range []string{"/orders/%s", "/orders/%s/photos/p-aaaaaaaaaaaaaaaa"} {
		none := get(t, w.crew, fmt.Sprintf(path, "o-aaaaaaaaaaaaaaaa"))
		some := get(t, w.crew, fmt.Sprintf(path, theirs.ID))
		hide := strings.NewReplacer(theirs.ID, "o-aaaaaaaaaaaaaaaa")
		if some.Code != http.StatusNotFound || none.Code != http.StatusNotFound || hide.Replace(some.Body.String()) != none.Body.String() {
			t.Errorf("%s: %d and %d differ", path, some.Code, none.Code)
		}
	}
	for _, id := range []string{theirs.ID, "o-aaaaaaaaaaaaaaaa", "%2e%2e%2forders.db", "..%2f..%2fetc%2fpasswd"} {
		if a := send(w.crew, http.MethodPost, "/orders/mine/"+id+"/steps", asJSON, step("accepted")); a.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", id, a.Code, a.Body)
		}
		if a := get(t, w.desk, "/orders/"+w.number(t, 1).ID+"/photos/"+id); a.Code != http.StatusNotFound {
			t.Errorf("photo %s: %d", id, a.Code)
		}
	}
	if a := get(t, w.crew, "/orders"); a.Code != http.StatusSeeOther || a.Header().Get("Location") != "/orders/mine" {
		t.Errorf("a crew asks for all orders: %d %s", a.Code, a.Body)
	}
	if a := get(t, w.crew, "/orders.csv"); strings.Count(a.Body.String(), "\n") != 1 {
		t.Errorf("a crew's file of all orders: %s", a.Body)
	}
	if a := get(t, w.crew, "/orders/mine.json"); strings.Contains(a.Body.String(), theirs.ID) || !strings.Contains(a.Body.String(), w.number(t, 1).ID) {
		t.Errorf("%s", a.Body)
	}
}

func TestOrdersAskForRights(t *testing.T) {
	w := newTown(t)
	id := w.number(t, 1).ID
	for _, c := range []struct{ method, path string }{
		{"GET", "/orders"},
		{"GET", "/orders.csv"},
		{"GET", "/orders/new"},
		{"POST", "/orders"},
		{"GET", "/orders/" + id},
		{"GET", "/orders/" + id + "/edit"},
		{"POST", "/orders/" + id + "/edit"},
		{"POST", "/orders/" + id + "/decide"},
		{"POST", "/orders/" + id + "/note"},
		{"GET", "/orders/mine"},
		{"GET", "/orders/mine.json"},
		{"POST", "/orders/mine/" + id + "/steps"},
		{"POST", "/orders/mine/" + id + "/notes"},
		{"POST", "/orders/mine/" + id + "/photos"},
		{"PUT", "/orders/mine/" + id + "/position"},
		{"DELETE", "/orders/mine/" + id + "/position"},
	} {
		if a := send(w.none, c.method, c.path, asJSON, "{}"); a.Code != http.StatusForbidden {
			t.Errorf("%s %s by the public: %d", c.method, c.path, a.Code)
		}
		if strings.Contains(c.path, "/mine") == (c.method == "GET" && c.path == "/orders") {
			continue
		}
		if strings.Contains(c.path, "/mine") {
			if a := send(w.desk, c.method, c.path, asJSON, "{}"); a.Code != http.StatusForbidden {
				t.Errorf("%s %s by a desk: %d", c.method, c.path, a.Code)
			}
		} else if c.method == "POST" || strings.HasSuffix(c.path, "edit") || strings.HasSuffix(c.path, "new") {
			if a := send(w.crew, c.method, c.path, asForm, ""); a.Code != http.StatusForbidden {
				t.Errorf("%s %s by a crew: %d", c.method, c.path, a.Code)
			}
		}
	}
}

func TestOtherSitesChangeNoOrders(t *testing.T) {
	w := newTown(t)
	o := w.number(t, 1)
	form := url.Values{"key": {"0123456789abcdef"}, "to": {"cancelled"}, "revision": {"1"}}.Encode()
	for _, from := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
		if a := send(w.desk, http.MethodPost, "/orders/"+o.ID+"/decide", asForm, form, from...); a.Code != http.StatusForbidden {
			t.Errorf("%v: a desk's form: %d", from, a.Code)
		}
		if a := send(w.crew, http.MethodPost, "/orders/mine/"+o.ID+"/steps", asJSON, step("accepted"), from...); a.Code != http.StatusForbidden {
			t.Errorf("%v: a crew's step: %d", from, a.Code)
		}
	}
	for _, kind := range []string{"text/plain", asForm, "multipart/form-data", ""} { // what a page may send without asking
		if a := send(w.crew, http.MethodPost, "/orders/mine/"+o.ID+"/steps", kind, step("accepted")); a.Code != http.StatusBadRequest {
			t.Errorf("%q: %d", kind, a.Code)
		}
	}
	if got := w.number(t, 1); got.State != order.Given {
		t.Errorf("%+v", got)
	}
}

func masked(t *testing.T) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 1280, 960))
	for y := range 960 {
		for x := range 1280 {
			m.Set(x, y, color.RGBA{uint8(x / 64 * 9), uint8(y / 64 * 11), 90, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPhotosArePicturesAndNothingElse(t *testing.T) {
	w := newTown(t)
	o := w.number(t, 1)
	at := "/orders/mine/" + o.ID
	send(w.crew, http.MethodPost, at+"/steps", asJSON, step("accepted"))
	const good = "?key=0123456789abcdef-p&stage=before&x=256&y=192&w=448&h=320"
	for name, c := range map[string]struct{ query, kind, body string }{
		"a page that says it is a JPEG": {good, "image/jpeg", "<!doctype html><script>alert(1)</script>"},
		"a script in SVG":               {good, "image/jpeg", `<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`},
		"a picture that says it is SVG": {good, "image/svg+xml", string(masked(t))},
		"a form":                        {good, asForm, string(masked(t))},
		"no frame":                      {"?key=0123456789abcdef-p&stage=before", "image/jpeg", string(masked(t))},
		"a frame of words":              {"?key=0123456789abcdef-p&stage=before&x=a&y=b&w=c&h=d", "image/jpeg", string(masked(t))},
		"a frame of everything":         {"?key=0123456789abcdef-p&stage=before&x=0&y=0&w=1280&h=960", "image/jpeg", string(masked(t))},
		"another stage":                 {"?key=0123456789abcdef-p&stage=../x&x=256&y=192&w=448&h=320", "image/jpeg", string(masked(t))},
		"no key":                        {"?stage=before&x=256&y=192&w=448&h=320", "image/jpeg", string(masked(t))},
	} {
		if a := send(w.crew, http.MethodPost, at+"/photos"+c.query, c.kind, c.body); a.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.Code, a.Body)
		}
	}
	if a := send(w.crew, http.MethodPost, at+"/photos"+good, "image/jpeg", strings.Repeat("x", 3<<20)); a.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("three megabytes: %d", a.Code)
	}
	a := send(w.crew, http.MethodPost, at+"/photos"+good, "image/jpeg", string(masked(t)))
	var got order.Order
	if err := json.Unmarshal(a.Body.Bytes(), &got); err != nil || len(got.Photos) != 1 {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	photo := get(t, w.desk, "/orders/"+o.ID+"/photos/"+got.Photos[0].ID)
	for name, want := range map[string]string{"Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"} {
		if v := photo.Header().Get(name); v != want {
			t.Errorf("%s: %q", name, v)
		}
	}
	if !strings.Contains(photo.Header().Get("Content-Security-Policy"), "sandbox") || photo.Code != http.StatusOK {
		t.Errorf("%d %v", photo.Code, photo.Header())
	}
	page := get(t, w.desk, "/orders/"+o.ID)
	if !strings.Contains(page.Body.String(), "/photos/"+got.Photos[0].ID) {
		t.Error("the page does not show the photo")
	}
}

func TestFormsLoseNothing(t *testing.T) {
	w := newTown(t)
	form := url.Values{"key": {"0123456789abcdef"}, "what": {"water/valve"}, "task": {"Grease <valve> 12."}, "priority": {"routine"}, "lat": {"sixty"}, "lon": {"24"}, "due": {"2026-11-25T08:00"}, "assign": {"crew:pipes-north"}}
	a := send(w.desk, http.MethodPost, "/orders", asForm, form.Encode())
	body := a.Body.String()
	if a.Code != http.StatusBadRequest || !strings.Contains(body, "numbers in degrees") {
		t.Fatalf("%d %s", a.Code, body)
	}
	for _, typed := range []string{"Grease &lt;valve&gt; 12.", `value="sixty"`, `<option value="water/valve" selected>`, `value="2026-11-25T08:00"`, `<option value="crew:pipes-north" selected>`, `<option value="routine" selected>`} {
		if !strings.Contains(body, typed) {
			t.Errorf("the form has lost %s", typed)
		}
	}
	form.Set("lat", "60.17")
	a = send(w.desk, http.MethodPost, "/orders", asForm, form.Encode())
	if a.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	again := send(w.desk, http.MethodPost, "/orders", asForm, form.Encode()) // pressed twice
	if again.Header().Get("Location") != a.Header().Get("Location") {
		t.Errorf("pressed twice, made twice: %v", again.Header())
	}
	o := w.number(t, 7)
	if o.Due == nil || o.Due.Hour() != 6 { // Helsinki
		t.Errorf("until %v", o.Due)
	}
	decide := url.Values{"key": {"0123456789abcdef-d"}, "to": {"cancelled"}, "revision": {"0"}}
	a = send(w.desk, http.MethodPost, "/orders/"+o.ID+"/decide", asForm, decide.Encode())
	if a.Code != http.StatusConflict || !strings.Contains(a.Body.String(), "somebody changed the order meanwhile") {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	note := url.Values{"key": {"0123456789abcdef-n"}, "text": {strings.Repeat("long ", 500)}}
	a = send(w.desk, http.MethodPost, "/orders/"+o.ID+"/note", asForm, note.Encode())
	if a.Code != http.StatusBadRequest || !strings.Contains(a.Body.String(), strings.Repeat("long ", 500)) {
		t.Errorf("%d: the note is lost", a.Code)
	}
	edit := url.Values{"key": {"0123456789abcdef-e"}, "revision": {fmt.Sprint(o.Revision)}, "what": {"water/valve"}, "task": {"Grease valve 13."}, "priority": {"urgent"}, "where": {"Vuorikatu"}}
	if a = send(w.desk, http.MethodPost, "/orders/"+o.ID+"/edit", asForm, edit.Encode()); a.Code != http.StatusSeeOther {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	edit.Set("key", "0123456789abcdef-f")
	edit.Set("task", "Grease valve 14.")
	a = send(w.desk, http.MethodPost, "/orders/"+o.ID+"/edit", asForm, edit.Encode())
	if a.Code != http.StatusConflict || !strings.Contains(a.Body.String(), "Grease valve 14.") {
		t.Errorf("%d: what was typed over a newer revision is lost", a.Code)
	}
}

func TestTheListOfOrders(t *testing.T) {
	w := newTown(t)
	page := get(t, w.desk, "/orders").Body.String()
	for _, says := range []string{"6 work orders", "Mannerheimintie 5", "Signals", "late", "/orders.csv", "/orders/new"} {
		if !strings.Contains(page, says) {
			t.Errorf("the list does not say %q", says)
		}
	}
	if n := strings.Count(get(t, w.desk, "/orders?desk=water&kind=leak&priority=urgent&q=tram").Body.String(), `<tr role="row">`); n != 2 {
		t.Errorf("%d rows with the head", n)
	}
	if page := get(t, w.desk, "/orders?alert=alert-17").Body.String(); !strings.Contains(page, "fallen barrier") || strings.Contains(page, "glass container") {
		t.Error("an alert's orders are not those")
	}
	for _, bad := range []string{"?desk=police", "?state=gone", "?kind=person", "?priority=1", "?q=" + strings.Repeat("x", 300)} {
		if a := get(t, w.desk, "/orders"+bad); a.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, a.Code)
		}
	}
	rows, err := csv.NewReader(get(t, w.desk, "/orders.csv?state=all").Body).ReadAll()
	if err != nil || len(rows) != 7 || rows[1][9] != "60.169500" {
		t.Errorf("%v, %v", rows, err)
	}
	form := get(t, w.desk, `/orders/new?alert=alert-17&desk=safety&kind=obstruction&task=%22%3E%3Cscript%3E`).Body.String()
	if strings.Contains(form, "<script>") || !strings.Contains(form, "1 order from this alert is open already") || !strings.Contains(form, `<option value="safety/obstruction" selected>`) {
		t.Error("the form of an alert is not that")
	}
	page = get(t, w.desk, "/orders/"+w.number(t, 6).ID).Body.String()
	if !strings.Contains(page, "night flow of zone 3 has risen") {
		t.Error("the page does not say why the service decided")
	}
}

func TestTheCrewsWorkerMayServeItsPageAlone(t *testing.T) {
	w := newTown(t)
	page := get(t, w.crew, "/orders/mine")
	if !strings.Contains(page.Header().Get("Permissions-Policy"), "geolocation=(self)") || strings.Contains(get(t, w.desk, "/orders").Header().Get("Permissions-Policy"), "geolocation=(self)") {
		t.Error("the crew's page alone may ask for a place")
	}
	data := regexp.MustCompile(`(?s)<script type="application/json" id="crew-data">(.*?)</script>`).FindStringSubmatch(page.Body.String())
	var d console.CrewData
	if len(data) != 2 || json.Unmarshal([]byte(data[1]), &d) != nil || len(d.Orders) != 3 || d.Person != "p1" || d.Block != order.Block {
		t.Fatalf("%v %+v", data, d)
	}
	worker := get(t, w.none, "/orders/worker.js")
	if worker.Code != http.StatusOK && worker.Code != http.StatusNotFound || worker.Header().Get("Service-Worker-Allowed") != "" {
		t.Errorf("%d %v", worker.Code, worker.Header())
	}
}
