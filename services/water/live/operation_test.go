package live_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/plane"
	"polity/services/water/leaks"
	"polity/services/water/live"
	"polity/services/water/season"
)

// TestHoursInWords: what is written is read again; what is no hour is refused.
func TestHoursInWords(t *testing.T) {
	for text, hours := range map[string][]int{"no hour": nil, "4": {4}, "4-5, 15-17": {4, 5, 15, 16, 17}, "0, 2, 23": {0, 2, 23}} {
		if got := live.HoursWords(hours); got != text {
			t.Errorf("%v: %q", hours, got)
		}
		if got, err := live.ReadHours(text); hours != nil && (err != nil || !slices.Equal(got, hours)) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if got, err := live.ReadHours("5 4-6;5"); err != nil || !slices.Equal(got, []int{4, 5, 6}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"24", "-1", "5-4", "x", "4x", "4-", "1.5", "3-99"} {
		if _, err := live.ReadHours(text); city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestHowItRunsAndWhereSomethingCameFrom: ages are computed beside the days; samples give a
// source that explains them, valves to close and a hydrant; measurements are entities, but
// for the meters of homes.
func TestHowItRunsAndWhereSomethingCameFrom(t *testing.T) {
	live.Days(t, 100*time.Millisecond)
	x := newTown(t, "simulate: season\n")
	var o live.Operation
	x.wait("ages are known", func(live.View) bool { o = x.s.Operation(); return !o.At.IsZero() })
	v := x.s.View()
	oldest := slices.Max(o.Age)
	if o.AgeProblem != "" || len(o.Age) != len(v.Nodes) || oldest < 0.5 || oldest > 120 || !o.Settled {
		t.Errorf("%s, %d ages, the oldest %g h, settled %t", o.AgeProblem, len(o.Age), oldest, o.Settled)
	}
	for text, want := range map[string]city.Kind{"": city.Invalid, "node,hours,seen\nJ11,3,yes\nJ99,4,no\n": city.Invalid, "node,hours,seen\nJ11,3,no\n": city.Invalid, strings.Repeat("x", 1<<17): city.TooLarge} {
		if err := x.s.Search(text); city.KindOf(err) != want {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	if err := x.s.Search("node,hours,seen\nJ66,20,yes\nJ65,20,yes\nJ11,20,no\n"); err != nil {
		t.Fatal(err)
	}
	if err := x.s.Search("node,hours,seen\nJ66,20,yes\n"); city.KindOf(err) != city.Conflict {
		t.Errorf("a second search beside the first: %v", err)
	}
	x.wait("the search is over", func(live.View) bool { o = x.s.Operation(); return o.Trace != nil && !o.Trace.Busy })
	tr := o.Trace
	if tr.Problem != "" || len(tr.Samples) != 3 || len(tr.Sources) == 0 || tr.Sources[0].Agrees != 3 || len(tr.Measures) < 3 {
		t.Fatalf("%+v", tr)
	}
	if !slices.ContainsFunc(tr.Measures, func(m live.TraceMeasure) bool { return len(m.Pipes) > 0 && len(m.Valves) > 0 }) || !slices.ContainsFunc(tr.Measures, func(m live.TraceMeasure) bool { return m.Hydrant != "" }) {
		t.Errorf("no valves to close, or no hydrant to flush: %+v", tr.Measures)
	}
	page, err := x.store.Find(t.Context(), plane.Query{Types: []string{"DeviceMeasurement"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Entities {
		if e.Attribute("simulated") == nil || e.Attribute("numValue") == nil || e.Attribute("numValue").Unit == "" || strings.Contains(e.ID, "demand") {
			t.Errorf("%+v", e)
		}
	}
	if len(page.Entities) != 9 { // eight pressures and a flow; two metered homes are not among them
		t.Errorf("%d measurements are entities", len(page.Entities))
	}
}

// TestResidentsWordsAreEvidence: a report beside a pipe raises its rank, and is kept without
// a name and behind a restart.
func TestResidentsWordsAreEvidence(t *testing.T) {
	live.Days(t, 60*time.Millisecond, season.Leak{Pipe: "P34", Day: 2, Diameter: 0.02})
	x := newTown(t, "simulate: season\n")
	v := x.wait("a leak is found", func(v live.View) bool { return len(v.Leaks) == 1 && len(v.Leaks[0].Candidates) > 2 })
	list := v.Leaks[0].Candidates
	last := list[len(list)-1]
	if err := x.s.Report("street-wet", last.Pipe); err != nil {
		t.Fatal(err)
	}
	l := x.s.View().Leaks[0]
	sum, had := 0.0, 0.0
	for i := range l.Candidates {
		sum, had = sum+l.Candidates[i].Probability, had+list[i].Probability
	}
	k := slices.IndexFunc(l.Candidates, func(c leaks.Candidate) bool { return c.Pipe == last.Pipe })
	if l.Reports != 1 || l.Candidates[k].Probability <= last.Probability || sum < had-1e-9 || sum > had+1e-9 {
		t.Errorf("%d reports; %s: %g, was %g; all %g, were %g", l.Reports, last.Pipe, l.Candidates[k].Probability, last.Probability, sum, had)
	}
	for pipe, what := range map[string]string{"P34": "a neighbour", "P999": "no-water"} {
		if err := x.s.Report(what, pipe); err == nil {
			t.Errorf("%s at %s is taken", what, pipe)
		}
	}
	text, err := json.Marshal(x.s.View().Reports)
	if err != nil || strings.Count(string(text), ":") > 6 {
		t.Errorf("a report keeps more than what, where and when: %s, %v", text, err)
	}
	x.stop()
}
