package console_test

import (
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/console"
	"polity/console/consoletest"
	"polity/register"
)

var everything, nobody = consoletest.Everything(), consoletest.Nobody()

func newPages(t testing.TB, who *consoletest.Access) (*console.Console, *consoletest.City) {
	t.Helper()
	now := func() time.Time { return afternoon }
	world, err := consoletest.New(consoletest.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := console.New(console.Config{City: world, Access: who, Looks: &consoletest.Looks{}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	return pages, world
}

// addresses fills the patterns of the route table.
var addresses = strings.NewReplacer("{camera}", "square", "{event}", "e1.jpg", "{$}", "", "{file}", "none")

func TestEveryRouteAsksForItsRight(t *testing.T) {
	all, _ := newPages(t, everything)
	none, _ := newPages(t, nobody)
	rights := 0
	for _, route := range console.Routes() {
		method, path, ok := strings.Cut(route.Pattern, " ")
		if !ok {
			method, path = http.MethodGet, route.Pattern+"nothing"
		}
		path = addresses.Replace(path)
		if path == "/live" {
			continue // below
		}
		for name, h := range map[string]http.Handler{"everything": all, "nobody": none, "as public": asPublic{all}} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader("{}")))
			forbidden := w.Code == http.StatusForbidden
			if want := !everyones(route.Do) && name != "everything"; forbidden != want {
				t.Errorf("%s for %s: status %d", route.Pattern, name, w.Code)
			}
			checkHeaders(t, route.Pattern, w)
		}
		if !everyones(route.Do) {
			rights++
		}
	}
	if rights < 4 {
		t.Errorf("only %d routes ask for a right", rights)
	}
	for name, h := range map[string]http.Handler{"nobody": none, "as public": asPublic{all}} {
		if w := get(t, h, "/live?cameras=square"); w.Code != http.StatusForbidden {
			t.Errorf("live for %s: status %d", name, w.Code)
		}
	}
}

// everyones reports whether an action needs no right.
func everyones(do access.Action) bool { return do == access.ReadPublic || do == access.SignIn }

// asPublic asks as somebody with rights does who wants to see what everyone sees.
type asPublic struct{ http.Handler }

func (a asPublic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&as=public", "&")
	a.Handler.ServeHTTP(w, r)
}

func checkHeaders(t *testing.T, what string, w *httptest.ResponseRecorder) {
	t.Helper()
	policy := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("%s: policy %q", what, policy)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %s is %q", what, name, got)
		}
	}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		body := w.Body.String()
		for _, inline := range []string{" style=", " onclick=", " onload=", "javascript:", "<script>"} {
			if strings.Contains(body, inline) {
				t.Errorf("%s: the page holds %q, which its own policy forbids", what, inline)
			}
		}
	}
}

// What only people with the right to look may see is in no answer to the public:
// nothing of the last ten minutes, no event about one person, no number below five.
func TestPublicSeesLessAndLater(t *testing.T) {
	own, _ := newPages(t, everything)
	for name, h := range map[string]http.Handler{"nobody": first(newPages(t, nobody)), "as public": asPublic{own}} {
		page := get(t, h, "/cameras/square").Body.String()
		for _, word := range []string{"which should be empty", "where none should", "/edit", "&#34;live&#34;:true", `"live":true`, "14:32", "14:15–14:30"} {
			if strings.Contains(page, word) {
				t.Errorf("%s: the camera's page says %q", name, word)
			}
		}
		for _, word := range []string{"Crowding", "fewer than 5", "14:00–14:15"} {
			if !strings.Contains(page, word) {
				t.Errorf("%s: the camera's page does not say %q", name, word)
			}
		}
		for event, want := range map[string]int{"e1": 200, "e2": 404, "e4": 404, "e9": 404} {
			if w := get(t, h, "/cameras/square/events/"+event+".jpg"); w.Code != want {
				t.Errorf("%s: picture of event %s: status %d, want %d", name, event, w.Code, want)
			}
		}
		latest := afternoon.Add(-10 * time.Minute)
		for _, asked := range []string{"", "?at=" + strconv.FormatInt(afternoon.UnixMilli(), 10), "?at=" + strconv.FormatInt(afternoon.Add(time.Hour).UnixMilli(), 10)} {
			seen, err := http.ParseTime(get(t, h, "/cameras/square/place.jpg"+asked).Header().Get("Last-Modified"))
			if err != nil || seen.After(latest) {
				t.Errorf("%s: place.jpg%s is from %v (%v)", name, asked, seen, err)
			}
		}
		checkCSV(t, name, get(t, h, "/cameras/square/counts.csv").Body.String(), latest)
	}
	if page := get(t, own, "/cameras/square").Body.String(); !strings.Contains(page, "which should be empty") || !strings.Contains(page, `"live":true`) {
		t.Error("who has the right to look does not see all events, live")
	}
}

func first(c *console.Console, _ *consoletest.City) *console.Console { return c }

func checkCSV(t *testing.T, name, text string, latest time.Time) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) < 100 {
		t.Fatalf("%s: %d rows, %v", name, len(rows), err)
	}
	withheld := 0
	for _, row := range rows[1:] {
		start, err := time.Parse(time.RFC3339, row[0])
		if err != nil || row[1] != "900" || start.Add(15*time.Minute).After(latest) {
			t.Errorf("%s: %v", name, row)
		}
		if row[2] != "occupancy" && row[2] != "crossings" {
			t.Errorf("%s: %s is published", name, row[2])
		}
		if row[7] == "1" {
			withheld++
			if row[6] != "" {
				t.Errorf("%s: withheld, yet %v", name, row)
			}
		} else if v, err := strconv.ParseFloat(row[6], 64); err != nil || v < 5 {
			t.Errorf("%s: %v is published", name, row)
		}
	}
	if withheld == 0 {
		t.Errorf("%s: nothing was withheld, so this test shows nothing", name)
	}
}

func TestStrangeAddresses(t *testing.T) {
	h, _ := newPages(t, everything)
	for path, want := range map[string]int{
		"/cameras/nowhere":                                404,
		"/cameras/Square":                                 404,
		"/cameras/square?at=yesterday":                    400,
		"/cameras/square?at=2026-11-24T09:00":             200,
		"/cameras/square?at=2031-01-01T00:00":             200, // the future is shown as now
		"/cameras/square?day=2026-11-23":                  200,
		"/cameras/square?day=2026-02-30":                  400,
		"/cameras/square?day=1926-11-23":                  200, // nothing was kept
		"/cameras/square?show=zone:nowhere":               200,
		"/cameras/square/place.jpg?at=1e9":                400,
		"/cameras/square/place.jpg?at=99999999999999999":  200,
		"/cameras/square/place.jpg?at=-1":                 404,
		"/cameras/square/events/..%2f..%2fetc%2fpasswd":   404,
		"/cameras/square/events/e1":                       404,
		"/assets/..%2fmanifest.json":                      404,
		"/assets/manifest.json":                           404,
		"/map/none":                                       404,
		"/live":                                           400,
		"/live?cameras=nowhere":                           404,
		"/nothing/at/all":                                 404,
		"/cameras/square/counts.csv?day=2026-11-23":       200,
		"/cameras/square?at=2026-11-24T09:00&day=garbage": 200,
	} {
		w := get(t, h, path)
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", path, w.Code, want)
		}
		if w.Code >= 400 && w.Code < 500 && strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") && !strings.Contains(w.Body.String(), "To the map") {
			t.Errorf("%s: the error leads nowhere", path)
		}
	}
}

func TestDaysThatAreNot24HoursLong(t *testing.T) {
	h, _ := newPages(t, everything)
	for day, minutes := range map[string]string{"2026-10-25": "1500", "2026-03-29": "1380", "2026-11-23": "1440"} {
		if page := get(t, h, "/cameras/square?day="+day).Body.String(); !strings.Contains(page, `"minutes":`+minutes) || !strings.Contains(page, `viewBox="0 0 `+minutes+` 48"`) {
			t.Errorf("%s has not %s minutes", day, minutes)
		}
	}
}

func TestTroubleIsSaidInWords(t *testing.T) {
	h, world := newPages(t, everything)
	world.Break(city.Errorf(city.Unavailable, "the store cannot be reached"))
	for _, path := range []string{"/", "/cameras", "/cameras/square", "/system", "/cameras/square/edit"} {
		if w := get(t, h, path); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "the store cannot be reached") {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	world.Break(errSecret{})
	if w := get(t, h, "/"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("status %d, and the page tells what is for the log", w.Code)
	}
	world.Break(nil)
	world.SetWaiting(412)
	if page := get(t, h, "/cameras/square").Body.String(); !strings.Contains(page, "Catching up: 412 observations") {
		t.Error("the page does not say that the edge catches up")
	}
	world.Cut("square", true)
	if page := get(t, h, "/cameras/square").Body.String(); !strings.Contains(page, "The line to this camera&#39;s edge was lost") && !strings.Contains(page, "The line to this camera's edge was lost") {
		t.Error("the page does not say that the line is lost")
	}
	if page := get(t, h, "/system").Body.String(); !strings.Contains(page, "No line") {
		t.Error("the system page does not say that the line is lost")
	}
	world.Empty()
	for path, want := range map[string]string{"/": "No camera is registered yet", "/cameras": "No camera is registered yet", "/system": "No edge has connected yet"} {
		if page := get(t, h, path).Body.String(); !strings.Contains(page, want) {
			t.Errorf("%s of an empty city does not say %q", path, want)
		}
	}
}

func TestEdgesInTroubleSayWhatToDo(t *testing.T) {
	for want, edit := range map[string]func(*console.Edge){
		"Its disk is full":               func(e *console.Edge) { e.Disk = console.DiskFull },
		"oldest pictures of the place":   func(e *console.Edge) { e.Disk = console.DiskShort },
		"store cannot be written":        func(e *console.Edge) { e.Disk = console.DiskBroken },
		"7 observations were given up":   func(e *console.Edge) { e.Lost = 7 },
		"detector does not run":          func(e *console.Edge) { e.Detector = false },
		"connects again by itself":       func(e *console.Edge) { e.Connected = false },
		"What was measured meanwhile is": func(e *console.Edge) { e.Waiting = 500 },
	} {
		h, world := newPages(t, everything)
		world.SetEdge(edit)
		page := get(t, h, "/system").Body.String()
		if !strings.Contains(page, want) || strings.Contains(page, "Everything works") {
			t.Errorf("the system page does not say %q", want)
		}
	}
}

func TestRefusedCamerasSayWhy(t *testing.T) {
	for reason := register.Missing; reason <= register.Expired; reason++ {
		h, world := newPages(t, everything)
		world.SetRefused("square", reason)
		page := get(t, h, "/cameras/square").Body.String()
		if !strings.Contains(page, "The camera does not run: ") || strings.Contains(page, "refused.") {
			t.Errorf("reason %v: the page does not say why", reason)
		}
	}
}

type errSecret struct{}

func (errSecret) Error() string { return "secret" }

func TestForeignTextsStayTexts(t *testing.T) {
	h, world := newPages(t, everything)
	world.AddUnseen("evil", `<script>alert(1)</script>"'=cmd`)
	for _, path := range []string{"/", "/cameras", "/cameras/evil", "/system"} {
		page := get(t, h, path).Body.String()
		if strings.Contains(page, "<script>alert") || !strings.Contains(page, "alert(1)") {
			t.Errorf("%s: a title became markup, or is missing", path)
		}
	}
	world.AddUnseen("sheet", "=HYPERLINK(1)")
	if text := get(t, h, "/cameras.csv").Body.String(); !strings.Contains(text, "'=HYPERLINK") {
		t.Error("a title is a formula in the CSV")
	}
}

func TestThemeIsKeptAndLeadsBack(t *testing.T) {
	h, _ := newPages(t, nobody)
	for back, want := range map[string]string{"/cameras?x=1": "/cameras?x=1", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/", "/\t/evil.example": "/", "/\x00/evil.example": "/", "": "/"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/theme", strings.NewReader(url.Values{"theme": {"dark"}, "back": {back}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		h.ServeHTTP(w, r)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != want || !strings.Contains(w.Header().Get("Set-Cookie"), "theme=dark") {
			t.Errorf("back to %q: status %d, to %q, %q", back, w.Code, w.Header().Get("Location"), w.Header().Get("Set-Cookie"))
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: "theme", Value: "dark"})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if !strings.Contains(w.Body.String(), `data-theme="dark"`) {
		t.Error("the page is not dark")
	}
}
