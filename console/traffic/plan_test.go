package traffic_test

import (
	"context"
	"encoding/csv"
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
	"polity/services/traffic/compare"
	"polity/services/traffic/live"
	"polity/services/traffic/plan"
	"polity/services/traffic/twin"
)

// planned is a traffic service whose junction j2 has two plans.
type planned struct {
	signals
	untold bool
	asked  *[]string
}

var dayPlan = plan.Change{Junction: "j2", Plan: "day", Bands: []int{30, 20}, Offset: 12, Day: []plan.Slot{{Minute: 390, Plan: "day"}}}

func (p planned) Plans(junction string) (*live.PlanView, error) {
	if junction != "j2" {
		return nil, city.Errorf(city.NotFound, "there is no junction %s", junction)
	}
	bars := []live.Bar{{Name: "east <bound>", Greens: []plan.Window{{50, 30}}}, {Name: "over the main street", Greens: []plan.Window{{35, 45}}}}
	phases := []live.PhaseOf{{Greens: []string{"east <bound>"}, Lasts: 30 * time.Second, Band: 0, Least: 5}, {Changes: []string{"east <bound>"}, Lasts: 3 * time.Second, Band: -1}, {Greens: []string{"over the main street"}, Lasts: 20 * time.Second, Band: 1}}
	evening := dayPlan
	evening.Plan = "evening"
	return &live.PlanView{
		Junction: "j2", Name: "Mill", Told: !p.untold, Connected: true, Day: dayPlan.Day,
		Plans: []live.PlanOf{{ID: "day", Runs: true, Present: dayPlan, Cycle: 53 * time.Second, Phases: phases, Bars: bars}, {ID: "evening", Present: evening, Cycle: 53 * time.Second, Phases: phases, Bars: bars}},
	}, nil
}

func (planned) Try(_ context.Context, c plan.Change) (*live.Trial, error) {
	t := &live.Trial{Junction: "Mill", Change: c, Today: dayPlan, TodayWords: "phases of 30, 20 s", ChangeWords: "other phases", Cycle: 53 * time.Second, Words: "In the queue model it goes from 40 to 30 s.", Made: "As many come as at the peak."}
	if c.Bands[1] < 7 {
		t.Problems = []string{"P1 (over the main street) is green for 3 s; its minimum is 5 s"}
		return t, nil
	}
	run := func(name string, delay float64) *compare.Run {
		r := &compare.Run{Dir: name, Record: twin.Record{
			Begin: 0, End: 900, Crossings: []twin.CrossingRecord{{Junction: "j2", Crossing: "j2-main", People: 10, Wait: 10 * delay}},
			Approaches: []twin.Approach{{Junction: "j2", Edge: "east-2", Street: "=Quay", Vehicles: 10, TimeLoss: 10 * delay}, {Junction: "j1", Edge: "far", Vehicles: 1}},
		}}
		r.Report.Trips, r.Report.People, r.Report.WalkWait = twin.Trips{Finished: 100, Delay: delay}, 10, delay/2
		return r
	}
	var err error
	t.Compared, err = compare.Of(run("today", 40), run("proposed", 30))
	return t, err
}

func (p planned) ProposePlan(_ context.Context, c plan.Change, why, by string) (string, error) {
	if c.Bands[1] < 7 {
		return "", city.Errorf(city.Invalid, "P1 (over the main street) is green for 3 s; its minimum is 5 s")
	}
	*p.asked = append(*p.asked, strings.Join([]string{c.Junction, c.Plan, why, by}, " "))
	return "plan-j2-1", nil
}

func planPages(t *testing.T, untold bool, may ...access.Action) (http.Handler, *[]string) {
	t.Helper()
	book, err := decision.Open(t.Context(), decision.Config{Path: filepath.Join(t.TempDir(), "decisions.db"), Decider: consoletest.AtDesk(may...), Now: func() time.Time { return consoletest.Afternoon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { book.Close() })
	asked := &[]string{}
	return consoletest.ServicePages(t, "traffic", planned{signals{live.View{At: consoletest.Afternoon, Simulated: true}, nil}, untold, asked}, book, may...), asked
}

// TestAPlanIsTriedAndProposed: the editor shows the plan as it is; what is unsafe is told in
// the safety layer's words and cannot be proposed; what is safe is compared, on the page and in
// files, and proposed by whoever may decide.
func TestAPlanIsTriedAndProposed(t *testing.T) {
	pages, asked := planPages(t, false, access.SeeAlerts, access.Decide)
	at := "/services/traffic/plans/j2"
	page := consoletest.Get(t, pages, at).Body.String()
	for _, want := range []string{"Signal plans of Mill", "simulated", "day (runs now)", `name="b" value="30" min="5" max="104"`, `value="06:30"`, `name="offset" type="number" value="12"`, "Cycle 53 s", "east &lt;bound&gt;", "Amber: east", `<svg class="plan-bars"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "What it would do") || strings.Contains(page, `method="post" action="`+at) {
		t.Error("nothing was asked for, and yet it can be proposed")
	}
	page = consoletest.Get(t, pages, at+"?plan=day&b=30&b=3&offset=12&t=06:30&p=day").Body.String()
	if !strings.Contains(page, "its minimum is 5 s") || !strings.Contains(page, "It cannot be proposed: 1 reason") || strings.Contains(page, `method="post" action="`+at) {
		t.Error("an unsafe plan is not refused with the reason")
	}
	safe := "plan=day&b=30&b=25&offset=12&t=06:30&p=day&t=21:00&p=evening&t=&p=day"
	page = consoletest.Get(t, pages, at+"?"+safe).Body.String()
	for _, want := range []string{"Nothing stands against it", "goes from 40 to 30 s", "-25 %", "=Quay, east-2", "report.pdf?", `name="t" value="21:00"`, `method="post" action="` + at, "Proposed"} {
		if !strings.Contains(page, want) {
			t.Errorf("the comparison does not say %q", want)
		}
	}
	if strings.Contains(page, "Delay, far") {
		t.Error("the page shows approaches of other junctions")
	}
	rows, err := csv.NewReader(consoletest.Get(t, pages, at+"/report.csv?"+safe).Body).ReadAll()
	if err != nil || !slices.ContainsFunc(rows, func(r []string) bool {
		return r[0] == "j2" && r[1] == "east-2" && r[2] == "delay" && r[3] == "40.00" && r[4] == "30.00" && r[6] == "true"
	}) {
		t.Errorf("%v %v", rows, err)
	}
	paper := consoletest.Get(t, pages, at+"/report.pdf?"+safe)
	if body := paper.Body.String(); !strings.HasPrefix(body, "%PDF-") || paper.Header().Get("Content-Type") != "application/pdf" || !strings.Contains(body, "What plan day of Mill would do") || !strings.Contains(body, "Today: phases of 30, 20 s.") {
		t.Errorf("%.200q", body)
	}
	form, err := url.ParseQuery(safe)
	if err != nil {
		t.Fatal(err)
	}
	form.Set("why", "School begins")
	w := consoletest.Post(t, pages, at, form)
	if w.Code != http.StatusSeeOther || len(*asked) != 1 || (*asked)[0] != "j2 day School begins Tarja" {
		t.Errorf("%d, %v", w.Code, *asked)
	}
	if page := consoletest.Get(t, pages, w.Header().Get("Location")).Body.String(); !strings.Contains(page, "Nothing changes before somebody agrees") {
		t.Error("the page does not say what follows")
	}
}

// TestBadPlansAreToldAndLoseNothing: what was typed stands in the form, the reason above it.
func TestBadPlansAreToldAndLoseNothing(t *testing.T) {
	pages, asked := planPages(t, false, access.SeeAlerts, access.Decide)
	at := "/services/traffic/plans/j2"
	for query, want := range map[string]string{
		"plan=day&b=30&b=x&offset=1":                "x is not a number of whole seconds",
		"plan=day&b=30&b=20&offset=1&t=25:00&p=day": "25:00 is not a time of day",
		"plan=day&b=30&b=20&offset=1.5":             "1.5 is not a number",
	} {
		if page := consoletest.Get(t, pages, at+"?"+query).Body.String(); !strings.Contains(page, want) || !strings.Contains(page, `name="b" value="30"`) {
			t.Errorf("%s: the page does not say %q beside what was typed", query, want)
		}
	}
	for query, want := range map[string]int{"?plan=night": http.StatusNotFound, "/report.csv": http.StatusBadRequest, "/report.pdf?plan=day&b=30&b=3&offset=12": http.StatusBadRequest} {
		if w := consoletest.Get(t, pages, at+query); w.Code != want {
			t.Errorf("%s: %d, not %d", query, w.Code, want)
		}
	}
	if w := consoletest.Get(t, pages, "/services/traffic/plans/j9"); w.Code != http.StatusNotFound {
		t.Errorf("a junction that is not there: %d", w.Code)
	}
	for form, want := range map[string]string{"plan=day&b=30&b=3&offset=12&why=x": "its minimum is 5 s", "plan=day&why=x": "nothing was asked for", "plan=day&b=1e&why=x": "whole seconds"} {
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		if w := consoletest.Post(t, pages, at, values); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, without %q", form, w.Code, want)
		}
	}
	if len(*asked) > 0 {
		t.Errorf("what was refused was proposed: %v", *asked)
	}
	untold, _ := planPages(t, true, access.SeeAlerts, access.Decide)
	if page := consoletest.Get(t, untold, at+"?plan=day&b=30&b=25&offset=12").Body.String(); !strings.Contains(page, "does not tell its plans") || strings.Contains(page, `method="post" action="`+at) {
		t.Error("a controller that does not tell its plans can be changed")
	}
	looking, asked := planPages(t, false, access.SeeAlerts)
	if page := consoletest.Get(t, looking, at+"?plan=day&b=30&b=25&offset=12").Body.String(); strings.Contains(page, `method="post" action="`+at) || !strings.Contains(page, "goes from 40 to 30 s") {
		t.Error("who may look alone cannot compare, or can propose")
	}
	if w := consoletest.Post(t, looking, at, url.Values{"plan": {"day"}, "b": {"30", "25"}, "offset": {"1"}, "why": {"x"}}); w.Code != http.StatusForbidden || len(*asked) > 0 {
		t.Errorf("who may look alone proposes: %d", w.Code)
	}
	public, _ := planPages(t, false)
	if w := consoletest.Get(t, public, at); w.Code != http.StatusForbidden {
		t.Errorf("everyone: %d", w.Code)
	}
}
