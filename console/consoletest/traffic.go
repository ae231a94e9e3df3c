package consoletest

import (
	"context"
	"time"

	"polity/city"
	"polity/service"
	traffic "polity/services/traffic/live"
	roads "polity/services/traffic/street"
)

// Traffic stands in for the traffic service: one junction that is led, and one on its plan for
// a detector that cannot be believed.
type Traffic struct{ at time.Time }

// NewTraffic returns it as of a time.
func NewTraffic(at time.Time) *Traffic { return &Traffic{at} }

// Run does nothing.
func (t *Traffic) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// State is one line.
func (t *Traffic) State() service.State {
	return service.State{Health: service.Trouble, Message: "state.blind", Values: []any{"n", 1}, Simulated: true, At: t.at}
}

// HoldUntil knows no junction.
func (t *Traffic) HoldUntil(junction string, _ time.Time) error {
	return city.Errorf(city.NotFound, "there is no junction %s", junction)
}

// View is a quarter of an hour.
func (t *Traffic) View() traffic.View {
	queue := func(name string, s traffic.Signal, n int, mean float64) traffic.QueueView {
		return traffic.QueueView{Name: name, Signal: s, Queue: traffic.Queue{Now: n, Most: n + 3, Served: 40, Mean: mean}}
	}
	figures := func(delay, walk float64) *roads.Figures {
		return &roads.Figures{Trips: roads.Tally{Count: 420, Mean: delay, Longest: 4 * delay, Stopped: 0.6}, Walks: roads.Tally{Count: 260, Mean: walk, Longest: 5 * walk}}
	}
	return traffic.View{
		At: t.at, Simulated: true,
		Junctions: []traffic.JunctionView{
			{
				ID: "j1", Name: "Harbour Street / Mill Lane", Place: &city.Point{Lon: 24.9370, Lat: 60.1690}, Connected: true, Mode: traffic.Adaptive, Since: t.at.Add(-time.Hour), Reason: "staying is best", Leads: "lead-j1",
				Approaches: []traffic.QueueView{queue("Harbour Street, eastbound", traffic.Green, 0, 8.2), queue("Mill Lane, northbound", traffic.Red, 4, 21)},
				Crossings:  []traffic.QueueView{queue("over the main street", traffic.Red, 2, 14)},
			},
			{
				ID: "j2", Name: "Harbour Street / Church Lane", Place: &city.Point{Lon: 24.9420, Lat: 60.1690}, Connected: true, Mode: traffic.ByPlan, Since: t.at.Add(-time.Minute), Reason: "on the fixed plan, for no detector can be believed",
				Approaches: []traffic.QueueView{queue("Harbour Street, eastbound", traffic.Amber, 6, 30), queue("Church Lane, southbound", traffic.Unknown, 1, 25)},
			},
		},
		Diagram: &traffic.Diagram{
			Seconds: 300, Length: 700,
			Stops:  []traffic.Stop{{Name: "Harbour Street / Mill Lane", At: 300, Known: -300, Greens: [][2]float64{{-280, -240}, {-200, -150}, {-90, -40}}}, {Name: "Harbour Street / Church Lane", At: 600, Known: -300, Greens: [][2]float64{{-260, -220}, {-180, -130}, {-70, 0}}}},
			Tracks: [][][2]float64{{{-290, 0}, {-268, 300}, {-246, 600}, {-238, 700}}, {{-120, 0}, {-98, 298}, {-88, 300}, {-66, 600}, {-58, 700}}},
		},
		Now: figures(15, 9), Fixed: figures(31, 17),
	}
}
