package power_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/console/consoletest"
	"polity/room/decision"
	"polity/service"
)

// TestEveryoneSeesTheLights: how bright, why, which class, what it saves; the evening by its
// slider, without scripts; what is not heard is not made up.
func TestEveryoneSeesTheLights(t *testing.T) {
	lamps := consoletest.ServicePages(t, "power", consoletest.NewLights(consoletest.Afternoon), nil)
	page := consoletest.Get(t, lamps, "/services/power/lighting").Body.String()
	for _, want := range []string{
		"simulated", "The lamps of 3 streets burn, 2 dimmed.", "3 lamps are broken.", "1 cabinet is not heard", "Garden &lt;Street&gt;", "keeps P6, 2 lx", "P3, 7.5 lx", "M3, 1 cd/m²",
		"24 %", "27 %", "Fewer than 5 are out.", "86.0 kWh", "Nobody can be read off the lamps", "its own clock", "18 lamps, 3 broken",
	} {
		if want != "24 %" && !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, not := range []string{"Garden <Street>", "IEC 60870", "Full light until the morning, because", "view.json"} {
		if strings.Contains(page, not) {
			t.Errorf("the public page says %q", not)
		}
	}
	late := consoletest.Get(t, lamps, "/services/power/lighting?step=42").Body.String()
	for _, want := range []string{"22:30, as the cabinets", "27–100 %", "40–100 %", "By counts"} {
		if !strings.Contains(late, want) {
			t.Errorf("late in the evening the page does not say %q", want)
		}
	}
	if day := consoletest.Get(t, lamps, "/services/power/lighting?step=0").Body.String(); strings.Contains(day, "27–100 %") || strings.Count(day, ">Off<") < 4 {
		t.Error("lamps burn at noon")
	}
	for _, step := range []string{"96", "-1", "x", "99999999999999999999"} {
		if w := consoletest.Get(t, lamps, "/services/power/lighting?step="+step); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Now, ") {
			t.Errorf("step %s: %d", step, w.Code)
		}
	}
	if w := consoletest.Get(t, lamps, "/services/power/lighting/view.json"); w.Code != http.StatusForbidden {
		t.Errorf("the desk's picture for everyone: %d", w.Code)
	}
}

func TestLightsThatAreNotRunFromHere(t *testing.T) {
	pages := consoletest.ServicePages(t, "none", nil, nil, access.SeeAlerts)
	if page := consoletest.Get(t, pages, "/services/power/lighting").Body.String(); !strings.Contains(page, "hub.services.power.lighting") {
		t.Error("the page does not say how lighting is switched on")
	}
}

// TestTheDeskHasStreetsBurnInFull: by undoing the night's decision, with a reason.
func TestTheDeskHasStreetsBurnInFull(t *testing.T) {
	who := consoletest.AtDesk(access.SeeAlerts, access.Decide)
	book, err := decision.Open(t.Context(), decision.Config{Path: filepath.Join(t.TempDir(), "decisions.db"), Decider: who, Now: func() time.Time { return consoletest.Afternoon }})
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	p := service.Proposal{
		Decision: service.Decision{
			ID: "light-gardens-20261124", Service: "power", Level: service.Bounded, Algorithm: "light-dimming", At: consoletest.Afternoon, Reason: "Few are out late.",
			Inputs: []service.Input{{Entity: "urn:polity:camera:gate", At: consoletest.Afternoon}},
		},
		Do: "Dim 54 lamps.", Until: consoletest.Afternoon.Add(9 * time.Hour),
	}
	if err := book.For("power").Propose(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := book.For("power").Done(t.Context(), service.Due{Proposal: p}); err != nil {
		t.Fatal(err)
	}
	pages := consoletest.ServicePages(t, "power", consoletest.NewLights(consoletest.Afternoon), book, access.SeeAlerts, access.Decide)
	post := func(values url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/services/power/lighting/full", strings.NewReader(values.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		return w
	}
	if page := consoletest.Get(t, pages, "/services/power/lighting").Body.String(); !strings.Contains(page, "Full light until the morning, because") || !strings.Contains(page, "IEC 60870-5-104") {
		t.Error("the desk's page has no way to full light")
	}
	if w := post(url.Values{"area": {"gardens"}, "note": {" "}}); w.Code != http.StatusBadRequest && w.Code != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", w.Code)
	}
	if w := post(url.Values{"area": {"elsewhere"}, "note": {"A festival."}}); w.Code != http.StatusConflict {
		t.Errorf("an area that is not dimmed: %d", w.Code)
	}
	if w := post(url.Values{"area": {"gardens"}, "note": {"A festival."}}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d: %s", w.Code, w.Body.String())
	}
	d, err := book.One(t.Context(), decision.Asker{Who: who.As}, "power", p.ID)
	if err != nil || d.State != decision.Overridden {
		t.Errorf("%+v, %v", d, err)
	}
	if w := consoletest.Get(t, consoletest.ServicePages(t, "power", consoletest.NewLights(consoletest.Afternoon), book), "/services/power/lighting/full"); w.Code != http.StatusMethodNotAllowed && w.Code != http.StatusNotFound && w.Code != http.StatusForbidden {
		t.Errorf("%d", w.Code)
	}
}
