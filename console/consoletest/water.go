package consoletest

import (
	"context"
	"slices"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/water/leaks"
	water "polity/services/water/live"
	"polity/services/water/pumping"
)

// Water stands in for the water service: one leak that waits for a decision, in a network
// of four nodes of which one has no water.
type Water struct{ at time.Time }

// NewWater returns it as of a time.
func NewWater(at time.Time) *Water { return &Water{at} }

// Run does nothing.
func (w *Water) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// State is one line.
func (w *Water) State() service.State {
	return service.State{Health: service.Trouble, Message: "state.leaks", Values: []any{"n", 1}, Simulated: true, At: w.at}
}

// View is a day.
func (w *Water) View() water.View {
	v := water.View{
		At: w.at, Simulated: true, Day: 12, Homes: 2400, Dry: 320, Lowest: 17,
		Leaks: []water.Leak{{
			ID: "w1", Pipe: "P3", Found: w.at.Add(-time.Hour), Flow: 6.4, Within: 180, Waiting: "isolate-w1-1",
			Reason:     "Since day 9 more flows in by P1 at night than is used, by 6.3 m³/h.",
			Candidates: []leaks.Candidate{{Pipe: "P3", Probability: 0.62}, {Pipe: "P2", Probability: 0.21}},
			Parts:      []water.Part{{Alarm: "a", Pipe: "P2", Since: w.at.Add(-2 * time.Hour), Flow: 2}},
		}},
		Reports: []water.Report{
			{What: "brown-water", Pipe: "P2", At: w.at.Add(-3 * time.Hour)},
			{What: "no-water", Street: "Mill Lane", At: w.at.Add(-time.Hour), Times: 3},
		},
		Nodes: []water.NodeView{
			{Name: "Works", Kind: "reservoir"},
			{Name: "J1", Kind: "junction", X: 200, Sensor: true},
			{Name: "J2", Kind: "junction", X: 400, Y: -150, Sensor: true},
			{Name: "J3", Kind: "junction", X: 420, Y: 130, Dry: true},
		},
		Links: []water.LinkView{
			{Name: "P1", From: 0, To: 1, Meter: true},
			{Name: "P2", From: 1, To: 2, Chance: 0.21},
			{Name: "P3", From: 2, To: 3, Chance: 0.62, Leak: true},
		},
		Valves: []water.ValveView{{Name: "V1", Link: 1, Node: 1}, {Name: "V2", Link: 2, Node: 2, Closed: true}},
		Residuals: []leaks.Residual{
			{Instrument: "J2", Spread: 0.02, Days: leaks.Series{0.01, -0.01, 0, -0.06, -0.11, -0.2}},
			{Instrument: "P1", Balance: true, Spread: 0.6, Days: leaks.Series{0.2, -0.4, 0.5, 2.1, 4.8, 6.3}},
		},
	}
	for h := range 24 {
		v.Nodes[1].Pressure = append(v.Nodes[1].Pressure, 46-float64(h%8))
		v.Nodes[2].Pressure = append(v.Nodes[2].Pressure, 24-float64(h%8))
	}
	return v
}

// Isolate knows one pipe.
func (w *Water) Isolate(pipe string) (water.Isolation, error) {
	switch pipe {
	case "P3":
		return water.Isolation{Pipe: pipe, Valves: w.View().Valves[1:], Nodes: []string{"J3"}, Homes: 320}, nil
	case "P1", "P2":
		return water.Isolation{}, city.Errorf(city.Conflict, "no valve lies between %s and reservoir Works; shut that source itself", pipe)
	}
	return water.Isolation{}, city.Errorf(city.NotFound, "the network has no pipe %q", pipe)
}

// Operation has ages, a pump that may run cheaper, and a search that is over.
func (w *Water) Operation() water.Operation {
	plan, levels := pumping.Plan{}, [][]float64{{3}}
	for h := range 24 {
		plan = append(plan, []bool{h < 6})
		levels = append(levels, []float64{3 + 0.02*float64(h%7)})
	}
	tariff := &pumping.Tariff{}
	for h := range tariff {
		tariff[h] = 0.1 + 0.1*float64(h/12)
	}
	return water.Operation{
		At: w.at, Age: []float64{0, 4, 21, 80}, Settled: true,
		Pumps: water.Pumps{
			Names: []string{"PU1"}, Tanks: []string{"T1"}, Low: []float64{2}, High: []float64{4}, Tariff: tariff, Assumed: true,
			Now:    &pumping.Outcome{Cost: 9.2, Energy: 60, Levels: levels, Lowest: 25, LowestAt: "J2", Broken: []string{"tank T1 rises to 4.10 m, above 4.00"}},
			Advice: &pumping.Advice{Pumps: []string{"PU1"}, Tanks: []string{"T1"}, Plan: plan, Bound: 6.9, Outcome: &pumping.Outcome{Cost: 7.1, Energy: 58, Levels: levels, Lowest: 26, LowestAt: "J2"}},
		},
		Trace: &water.Trace{
			Text: "node,hours,seen\nJ3,5,yes\nJ1,5,no\n", Hours: 24, Reached: 2,
			Samples:  []water.TraceSample{{Node: "J3", Hours: 5, Seen: true}, {Node: "J1", Hours: 5}},
			Sources:  []water.TraceSource{{Node: "J2", Chance: 0.7, Since: 3.5, Agrees: 2}},
			Measures: []water.TraceMeasure{{What: "close at the source and flush", Pipes: []string{"P2"}, Valves: []string{"V1"}, Flush: "J2", Hydrant: "H1", Used: 3, Reached: 1, Dry: 1}, {What: "nothing", Used: 40, Reached: 2}},
		},
	}
}

// TryPumps says that a plan costs an hour's worth each hour.
func (w *Water) TryPumps(_ context.Context, runs [][]int) (*pumping.Outcome, error) {
	o := w.Operation().Pumps.Now
	return &pumping.Outcome{Cost: float64(len(runs[0])), Energy: 10, Levels: o.Levels, Lowest: 24, LowestAt: "J2"}, nil
}

// Search takes nothing but what ReadSamples would.
func (w *Water) Search(samples string) error {
	if samples == "" {
		return city.Errorf(city.Invalid, "samples: nothing was seen anywhere")
	}
	return nil
}

// Tell knows two streets.
func (w *Water) Tell(what, street string) error {
	if !slices.Contains(w.Streets(), street) || !slices.Contains(water.ReportKinds(), what) {
		return city.Errorf(city.NotFound, "no such street")
	}
	return nil
}

// Streets are two.
func (w *Water) Streets() []string { return []string{"Mill Lane", "Quay <1>"} }

// Forget knows one report.
func (w *Water) Forget(what, where string) error {
	if what != "no-water" || where != "Mill Lane" {
		return city.Errorf(city.NotFound, "there is no such report any more")
	}
	return nil
}

// ReportSamples is one report of brown water.
func (w *Water) ReportSamples() string { return "node,hours,seen\nJ2,7.25,yes\n" }

// Report knows three pipes.
func (w *Water) Report(_, pipe string) error {
	_, err := w.Isolate(pipe)
	if city.KindOf(err) == city.NotFound {
		return err
	}
	return nil
}
