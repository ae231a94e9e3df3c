package water_test

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"polity/access"
	"polity/city"
	"polity/console/consoletest"
	"polity/service"
	"polity/services/water/leaks"
	"polity/services/water/live"
)

// desk is a water service with one leak.
type desk struct {
	*consoletest.Water
	view live.View
}

func (desk) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (desk) State() service.State          { return service.State{Message: "title"} }
func (d desk) View() live.View             { return d.view }
func (desk) Isolate(pipe string) (live.Isolation, error) {
	if pipe != "P<1>" && pipe != "P1" {
		return live.Isolation{}, city.Errorf(city.NotFound, "no such pipe")
	}
	return live.Isolation{Pipe: pipe, Valves: []live.ValveView{{Name: "V7", Link: 0, Node: 1}}, Nodes: []string{"J2"}, Homes: 41, DryHydrants: []string{"H3"}, Near: []string{"H1"}}, nil
}

func waterPages(t *testing.T, may ...access.Action) http.Handler {
	t.Helper()
	pressure := make([]float64, 24)
	for h := range pressure {
		pressure[h] = 30 + float64(h)
	}
	v := live.View{
		At: consoletest.Afternoon, Simulated: true, Day: 12, Homes: 900, Lowest: 30,
		Leaks: []live.Leak{{
			ID: "x", Pipe: "P<1>", Found: consoletest.Afternoon, Flow: 6.2, Within: 180, Waiting: "isolate-x-1", Reason: "Since day 9 more flows in.",
			Candidates: []leaks.Candidate{{Pipe: "P<1>", Probability: 0.62}, {Pipe: "P2", Probability: 0.2}},
		}},
		Nodes:     []live.NodeView{{Name: "Works", Kind: "reservoir"}, {Name: "J2", Kind: "junction", X: 100, Y: 50, Sensor: true, Pressure: pressure}},
		Links:     []live.LinkView{{Name: "P<1>", From: 0, To: 1, Chance: 0.62, Leak: true, Meter: true}},
		Lacks:     []string{"The pressure of J2 said nothing on 3 January 2026."},
		Residuals: []leaks.Residual{{Instrument: "J2", Spread: 0.01, Days: leaks.Series{0, math.NaN(), -0.3}}},
	}
	return consoletest.ServicePages(t, "water", desk{consoletest.NewWater(consoletest.Afternoon), v}, nil, may...)
}

// TestEveryoneSeesThatThereIsALeakAndTheDeskWhere: pipes and pressures are the desk's.
func TestEveryoneSeesThatThereIsALeakAndTheDeskWhere(t *testing.T) {
	public := consoletest.Get(t, waterPages(t), "/services/water").Body.String()
	for _, want := range []string{"1 leak is known", "simulated", "What to do is being decided", "About 6 m³ an hour"} {
		if !strings.Contains(public, want) {
			t.Errorf("the public page does not say %q", want)
		}
	}
	for _, not := range []string{"P&lt;1&gt;", "J2", "An order waits", "more flows in", "water-map"} {
		if strings.Contains(public, not) {
			t.Errorf("the public page says %q", not)
		}
	}
	if w := consoletest.Get(t, waterPages(t), "/services/water/view.json"); w.Code != http.StatusForbidden {
		t.Errorf("the desk's picture for everyone: %d", w.Code)
	}
	desk := waterPages(t, access.SeeAlerts)
	page := consoletest.Get(t, desk, "/services/water?hour=5&pipe=P%3C1%3E").Body.String()
	for _, want := range []string{"Near P&lt;1&gt;", "62 %", "within 180 m", "more flows in", "An order waits", "35.0 m", "Not as usual", "The pressure of J2 said nothing", "Close 1 valve.", "About 41 homes", "on P&lt;1&gt;, at J2", `class="node p2 sensor"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the desk's page does not say %q", want)
		}
	}
	if strings.Contains(page, "P<1>") {
		t.Error("a name is not escaped")
	}
	if page := consoletest.Get(t, desk, "/services/water?hour=99&pipe=P9").Body.String(); !strings.Contains(page, "no pipe P9") || !strings.Contains(page, "37.0 m") {
		t.Error("a pipe that is not there, and an hour that no day has, are not told")
	}
	if w := consoletest.Get(t, desk, "/services/water/view.json"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "[0,null,-0.3]") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestWaterThatDoesNotRunSaysSo(t *testing.T) {
	pages := consoletest.ServicePages(t, "water", nil, nil, access.SeeAlerts)
	if page := consoletest.Get(t, pages, "/services/water").Body.String(); !strings.Contains(page, "hub.services.water") {
		t.Error("the page does not say how the service is switched on")
	}
}

// TestHowWaterRunsIsTheDesks: pumps beside what is proposed and what is tried, ages, and the
// search for a source; what is wrong is told and nothing typed is lost.
func TestHowWaterRunsIsTheDesks(t *testing.T) {
	const at = "/services/water/operation"
	if w := consoletest.Get(t, waterPages(t), at); w.Code != http.StatusForbidden {
		t.Errorf("everyone: %d", w.Code)
	}
	desk := waterPages(t, access.SeeAlerts)
	page := consoletest.Get(t, desk, at).Body.String()
	for _, want := range []string{"9.20", "7.10", "tank T1 rises to 4.10 m", "costs less than 6.90", "The tariff is assumed", `value="0-5"`, "J2", "2 of 2 samples", "valves V1.", "The nearest hydrant is H1", "Bounds: 2.00 to 4.00 m"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "<textarea") {
		t.Error("who may not decide is asked for samples")
	}
	if page := consoletest.Get(t, desk, at+"?pump0=1-3").Body.String(); !strings.Contains(page, "What you try") || !strings.Contains(page, "3.00") {
		t.Error("a plan that is tried is not shown")
	}
	if page := consoletest.Get(t, desk, at+"?pump0=25").Body.String(); !strings.Contains(page, "no hour of the day") || !strings.Contains(page, `value="25"`) {
		t.Error("an hour that no day has is not told")
	}
	if w := consoletest.Post(t, desk, "/services/water/contamination", url.Values{"samples": {"x"}}); w.Code != http.StatusForbidden {
		t.Errorf("who may not decide searches: %d", w.Code)
	}
	decides := waterPages(t, access.SeeAlerts, access.Decide)
	if w := consoletest.Post(t, decides, "/services/water/contamination", url.Values{"samples": {""}}); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "nothing was seen") {
		t.Errorf("%d", w.Code)
	}
	if w := consoletest.Post(t, decides, "/services/water/contamination", url.Values{"samples": {"node,hours,seen\r\nJ2,3,yes"}}); w.Code != http.StatusSeeOther {
		t.Errorf("%d", w.Code)
	}
}

// TestResidentsReportsAreKeptByTheDesk and counted without a name.
func TestResidentsReportsAreKeptByTheDesk(t *testing.T) {
	decides := waterPages(t, access.SeeAlerts, access.Decide)
	if page := consoletest.Get(t, decides, "/services/water").Body.String(); !strings.Contains(page, "Water in the street") || !strings.Contains(page, "never who") {
		t.Error("there is no form for what residents report")
	}
	for pipe, want := range map[string]int{"P3": http.StatusSeeOther, "P99": http.StatusNotFound} {
		if w := consoletest.Post(t, decides, "/services/water/reports", url.Values{"what": {"no-water"}, "pipe": {pipe}}); w.Code != want {
			t.Errorf("%s: %d", pipe, w.Code)
		}
	}
	if w := consoletest.Post(t, waterPages(t, access.SeeAlerts), "/services/water/reports", url.Values{"what": {"no-water"}, "pipe": {"P3"}}); w.Code != http.StatusForbidden {
		t.Errorf("who may not decide: %d", w.Code)
	}
}

// TestTheSheetForACrew is a PDF with valves, counts and hydrants; it says that it is simulated.
func TestTheSheetForACrew(t *testing.T) {
	desk := waterPages(t, access.SeeAlerts)
	w := consoletest.Get(t, desk, "/services/water/sheet.pdf?pipe=P%3C1%3E")
	for _, want := range []string{"%PDF-1.4", "SIMULATED", "V7", "About 41 homes", "H3", "H1", "To cut off P<1>"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the sheet does not have %q", want)
		}
	}
	if w := consoletest.Get(t, desk, "/services/water/sheet.pdf?pipe=P9"); w.Code != http.StatusNotFound {
		t.Errorf("a pipe that is not there: %d", w.Code)
	}
	if w := consoletest.Get(t, waterPages(t), "/services/water/sheet.pdf?pipe=P%3C1%3E"); w.Code != http.StatusForbidden {
		t.Errorf("everyone has the sheet: %d", w.Code)
	}
}
