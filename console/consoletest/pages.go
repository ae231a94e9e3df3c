package consoletest

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/console"
	"polity/room/decision"
	"polity/service"
)

// Afternoon is a Tuesday, 14:32:20 in Helsinki.
var Afternoon = time.Date(2026, 11, 24, 12, 32, 20, 0, time.UTC)

// AtDesk is somebody at a service's desk.
func AtDesk(may ...access.Action) *Access {
	return &Access{As: access.Who{Kind: access.Person, ID: "p9", Name: "Tarja"}, May: may}
}

// ServicePages are the pages of a city in which one service runs, on an afternoon, for
// somebody with some rights; book may be nil.
func ServicePages(t *testing.T, name city.Slug, runs service.Service, book *decision.Book, may ...access.Action) http.Handler {
	t.Helper()
	now := func() time.Time { return Afternoon }
	world, err := New(Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := console.New(console.Config{City: world, Access: AtDesk(may...), Looks: &Looks{}, Decisions: book, Services: map[city.Slug]service.Service{name: runs}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	return pages
}

// Get asks for a page.
func Get(t testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// Post sends a form as a page does.
func Post(t testing.TB, h http.Handler, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", Form)
	h.ServeHTTP(w, r)
	return w
}

// Kinds of what is sent.
const (
	JSON = "application/json"
	Form = "application/x-www-form-urlencoded"
)

// Send sends as a script does, with headers as pairs of name and value.
func Send(h http.Handler, method, path, kind, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Accept", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Says tells when a page lacks words.
func Says(t *testing.T, page string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(page, w) && !strings.Contains(html.UnescapeString(page), w) {
			t.Errorf("the page does not say %q", w)
		}
	}
}
