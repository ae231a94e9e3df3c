package traffic_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/console/consoletest"
	"polity/room/decision"
	"polity/service"
	"polity/services/traffic/live"
	"polity/services/traffic/street"
)

// signals is a traffic service with one junction that a person took back.
type signals struct {
	view live.View
	held *[]string
}

func (signals) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (signals) State() service.State          { return service.State{Health: service.Well, Message: "title"} }
func (s signals) View() live.View             { return s.view }
func (s signals) HoldUntil(junction string, until time.Time) error {
	*s.held = append(*s.held, junction+" "+until.Format(time.TimeOnly))
	return nil
}

func trafficPages(t *testing.T, may ...access.Action) http.Handler {
	t.Helper()
	pages, _, _ := trafficDesk(t, may...)
	return pages
}

func trafficDesk(t *testing.T, may ...access.Action) (http.Handler, *decision.Book, *[]string) {
	t.Helper()
	tally := func(n int, mean float64) street.Tally {
		return street.Tally{Count: n, Mean: mean, Longest: 3 * mean, Stopped: 0.5}
	}
	v := live.View{
		At: consoletest.Afternoon, Simulated: true,
		Junctions: []live.JunctionView{
			{ID: "j1", Name: "Quay <1>", Connected: true, Mode: live.Held, Since: consoletest.Afternoon, By: "Pirjo", Approaches: []live.QueueView{{Name: "Quay, eastbound", Signal: live.Red, Queue: live.Queue{Now: 7, Served: 40, Mean: 21.4}}}, Crossings: []live.QueueView{{Name: "over the main street", Signal: live.Green}}},
			{ID: "j2", Name: "Mill", Place: &city.Point{Lon: 24.94, Lat: 60.17}, Connected: true, Mode: live.Actuated, Since: consoletest.Afternoon, Leads: "lead-j2", Reason: "on actuated control, for the detector of north-2"},
		},
		Diagram: &live.Diagram{Seconds: 300, Length: 500, Stops: []live.Stop{{Name: "Quay <1>", At: 300, Known: -250, Greens: [][2]float64{{-200, -150}}}}, Tracks: [][][2]float64{{{-100, 0}, {-60, 500}}}},
		Now:     &street.Figures{Trips: tally(300, 15), Walks: tally(200, 9)}, Fixed: &street.Figures{Trips: tally(300, 30), Walks: tally(200, 18)},
	}
	book, err := decision.Open(t.Context(), decision.Config{Path: filepath.Join(t.TempDir(), "decisions.db"), Decider: consoletest.AtDesk(may...), Now: func() time.Time { return consoletest.Afternoon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { book.Close() })
	lead := service.Proposal{
		Decision: service.Decision{
			ID: "lead-j2", Service: "traffic", Level: service.Bounded, Algorithm: "traffic-adaptive", At: consoletest.Afternoon, Reason: "Its detectors show who comes.",
			Inputs: []service.Input{{Entity: "urn:ngsi-ld:Junction:j2", At: consoletest.Afternoon}},
		},
		Do: "Decide what the signals show.", Until: consoletest.Afternoon.Add(time.Hour),
	}
	if err := book.For("traffic").Propose(t.Context(), lead); err != nil {
		t.Fatal(err)
	}
	held := &[]string{}
	return consoletest.ServicePages(t, "traffic", signals{v, held}, book, may...), book, held
}

// TestAnOperatorGivesAJunctionBackForAnHour: the decision is overridden with the reason, the
// service hears until when, and nobody else can.
func TestAnOperatorGivesAJunctionBackForAnHour(t *testing.T) {
	pages, book, held := trafficDesk(t, access.SeeAlerts, access.Decide)
	page := consoletest.Get(t, pages, "/services/traffic").Body.String()
	if strings.Count(page, `action="/services/traffic/hold"`) != 1 || !strings.Contains(page, `name="junction" value="j2"`) {
		t.Error("the page has no form for the junction that is led, or one for the other")
	}
	for form, want := range map[string]int{
		"junction=j2&hours=1&note=":      http.StatusBadRequest,
		"junction=j2&hours=999&note=x":   http.StatusBadRequest,
		"junction=j1&hours=1&note=x":     http.StatusConflict,
		"junction=nowhere&hours=1&note=": http.StatusBadRequest,
	} {
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		if w := consoletest.Post(t, pages, "/services/traffic/hold", values); w.Code != want {
			t.Errorf("%s: %d, not %d", form, w.Code, want)
		}
	}
	if len(*held) > 0 {
		t.Errorf("what was refused reached the service: %v", *held)
	}
	w := consoletest.Post(t, pages, "/services/traffic/hold", url.Values{"junction": {"j2"}, "hours": {"1"}, "note": {"A procession"}})
	d, err := book.For("traffic").Due(t.Context())
	if w.Code != http.StatusSeeOther || err != nil || len(d) != 1 || !d[0].Undo || d[0].By != "Tarja" || len(*held) != 1 || (*held)[0] != "j2 "+consoletest.Afternoon.Add(time.Hour).Format(time.TimeOnly) {
		t.Errorf("%d %v %+v %v", w.Code, err, d, *held)
	}
	public, _, _ := trafficDesk(t)
	if strings.Contains(consoletest.Get(t, public, "/services/traffic").Body.String(), "<form method=\"post\" action=\"/services/traffic") {
		t.Error("everyone has the form")
	}
	if w := consoletest.Post(t, public, "/services/traffic/hold", url.Values{"junction": {"j2"}, "hours": {"1"}, "note": {"x"}}); w.Code != http.StatusForbidden {
		t.Errorf("everyone may give a junction back: %d", w.Code)
	}
}

// TestEveryoneSeesWhoWaitsAndTheDeskSeesWhy: who took a junction back is the desk's to know.
func TestEveryoneSeesWhoWaitsAndTheDeskSeesWhy(t *testing.T) {
	public := consoletest.Get(t, trafficPages(t), "/services/traffic").Body.String()
	for _, want := range []string{"simulated", "Quay &lt;1&gt;", "A person gave it back", "A detector cannot be believed", "21 s", "-50 %", `<svg class="timespace"`, `<span class="lamp lamp-red">red</span>`, "On foot, over the main street"} {
		if !strings.Contains(public, want) {
			t.Errorf("the public page does not say %q", want)
		}
	}
	for _, not := range []string{"Pirjo", "north-2", "<1>", "view.json"} {
		if strings.Contains(public, not) {
			t.Errorf("the public page says %q", not)
		}
	}
	if w := consoletest.Get(t, trafficPages(t), "/services/traffic/view.json"); w.Code != http.StatusForbidden {
		t.Errorf("the desk's picture for everyone: %d", w.Code)
	}
	page := consoletest.Get(t, trafficPages(t, access.SeeAlerts), "/services/traffic").Body.String()
	for _, want := range []string{"By Pirjo", "the detector of north-2", "view.json"} {
		if !strings.Contains(page, want) {
			t.Errorf("the desk's page does not say %q", want)
		}
	}
	rows, err := csv.NewReader(consoletest.Get(t, trafficPages(t), "/services/traffic.csv").Body).ReadAll()
	if err != nil || !slices.ContainsFunc(rows, func(r []string) bool {
		return r[1] == "mean delay" && r[2] == "15.0" && r[3] == "30.0" && r[5] == "true"
	}) {
		t.Errorf("%v %v", rows, err)
	}
	var where struct {
		Features []struct {
			ID         string
			Properties map[string]any
		}
	}
	if err := json.Unmarshal(consoletest.Get(t, trafficPages(t), "/services/traffic.geojson").Body.Bytes(), &where); err != nil || len(where.Features) != 1 || where.Features[0].ID != "j2" || where.Features[0].Properties["control"] != "actuated" || where.Features[0].Properties["simulated"] != true {
		t.Errorf("%+v, %v", where, err)
	}
	if off := consoletest.ServicePages(t, "none", nil, nil, access.SeeAlerts); !strings.Contains(consoletest.Get(t, off, "/services/traffic").Body.String(), "hub.services.traffic") {
		t.Error("the page does not say how the service is switched on")
	}
}
