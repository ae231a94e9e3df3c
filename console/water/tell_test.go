package water_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"polity/access"
	"polity/console/consoletest"
)

// tell sends the public form from an address.
func tell(pages http.Handler, from string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/services/water/report", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = from
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, r)
	return w
}

// TestAnybodyTellsOfTroubleWithWater: without an account; what is no kind or street of the
// lists is refused, and nothing that was chosen has to be chosen again.
func TestAnybodyTellsOfTroubleWithWater(t *testing.T) {
	pages := waterPages(t)
	page := consoletest.Get(t, pages, "/services/water/report").Body.String()
	for _, want := range []string{"Report trouble with water", `value="brown-water"`, "Quay &lt;1&gt;", "call the emergency number first", "nothing about you", "simulated", "1 leak is known"} {
		if !strings.Contains(page, want) {
			t.Errorf("the form does not say %q", want)
		}
	}
	for _, not := range []string{"textarea", `type="text"`, "P&lt;1&gt;", `type="email"`} {
		if strings.Contains(page, not) {
			t.Errorf("the form has %q", not)
		}
	}
	if page := consoletest.Get(t, pages, "/services/water").Body.String(); !strings.Contains(page, `href="/services/water/report"`) {
		t.Error("the public page does not lead to the form")
	}
	good := url.Values{"what": {"no-water"}, "street": {"Quay <1>"}}
	w := tell(pages, "192.0.2.1:7", good)
	if w.Code != http.StatusSeeOther || !strings.Contains(consoletest.Get(t, pages, w.Header().Get("Location")).Body.String(), "Thank you") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for what, form := range map[string]url.Values{
		"no kind":        {"street": {"Quay <1>"}},
		"no street":      {"what": {"no-water"}},
		"another kind":   {"what": {"my neighbour"}, "street": {"Quay <1>"}},
		"another street": {"what": {"no-water"}, "street": {"Elm Street 5, Ada"}},
		"every field":    {"what": {"no-water"}, "street": {"Quay <1>"}, "mail": {"a@b.example"}},
	} {
		w := tell(pages, "192.0.2.99:7", form)
		body := w.Body.String()
		if w.Code != http.StatusBadRequest || !strings.Contains(body, `role="alert"`) || strings.Contains(body, "Ada") {
			t.Errorf("%s: %d", what, w.Code)
		}
		if what == "no kind" && !strings.Contains(body, "<option selected>Quay &lt;1&gt;") {
			t.Error("the street has to be chosen again")
		}
	}
	if w := tell(pages, "192.0.2.2:7", url.Values{"what": {strings.Repeat("x", 1<<17)}}); w.Code != http.StatusBadRequest {
		t.Errorf("a form of 128 KiB: %d", w.Code)
	}
	none := consoletest.ServicePages(t, "water", nil, nil, access.SeeAlerts)
	if page := consoletest.Get(t, none, "/services/water/report"); page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "does not run") {
		t.Error("a service that does not run takes reports")
	}
}

// TestFloodOfReports: from one address a few pass, from many a bounded number; another
// site's page sends nothing in a reader's name.
func TestFloodOfReports(t *testing.T) {
	pages := waterPages(t)
	good := url.Values{"what": {"no-water"}, "street": {"Mill Lane"}}
	passed := 0
	for i := range 50 {
		w := tell(pages, fmt.Sprintf("[2001:db8:0:1:%x::1]:%d", i, i), good) // one line has all of these
		if w.Code == http.StatusSeeOther {
			passed++
		} else if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "<option selected>Mill Lane") {
			t.Fatalf("%d %s", w.Code, w.Header())
		}
	}
	if passed != 4 {
		t.Errorf("%d reports from one line", passed)
	}
	for i := range 200 {
		if w := tell(pages, fmt.Sprintf("198.51.100.%d:9", i), good); w.Code == http.StatusSeeOther {
			passed++
		}
	}
	if passed != 60 {
		t.Errorf("%d reports at once", passed)
	}
	r := httptest.NewRequest(http.MethodPost, "/services/water/report", strings.NewReader(good.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	waterPages(t).ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("another site's form: %d", w.Code)
	}
}

// TestTheDeskForgetsWhatWasTold, and begins a search with reports of brown water.
func TestTheDeskForgetsWhatWasTold(t *testing.T) {
	decides := waterPages(t, access.SeeAlerts, access.Decide)
	for where, want := range map[string]int{"Mill Lane": http.StatusSeeOther, "P9": http.StatusNotFound} {
		if w := consoletest.Post(t, decides, "/services/water/reports", url.Values{"what": {"no-water"}, "forget": {where}}); w.Code != want {
			t.Errorf("%s: %d", where, w.Code)
		}
	}
	if w := consoletest.Post(t, waterPages(t, access.SeeAlerts), "/services/water/reports", url.Values{"what": {"no-water"}, "forget": {"Mill Lane"}}); w.Code != http.StatusForbidden {
		t.Errorf("who may not decide: %d", w.Code)
	}
	const at = "/services/water/operation"
	if page := consoletest.Get(t, decides, at).Body.String(); !strings.Contains(page, "?samples=reports#trace") || strings.Contains(page, "J2,7.25,yes") {
		t.Error("the way to what residents reported is not shown, or was taken")
	}
	if page := consoletest.Get(t, decides, at+"?samples=reports").Body.String(); !strings.Contains(page, "J2,7.25,yes") {
		t.Error("samples of what residents reported are not there")
	}
}
