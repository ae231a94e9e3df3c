package consoletest

import (
	"context"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/water/leaks"
	water "polity/services/water/live"
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
		}},
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
