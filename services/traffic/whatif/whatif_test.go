package whatif_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"polity/services/traffic/compare"
	"polity/services/traffic/network"
	"polity/services/traffic/plan"
	"polity/services/traffic/street"
	"polity/services/traffic/streetmap"
	"polity/services/traffic/whatif"
)

func corridor(t *testing.T) (*network.Network, []network.Plan) {
	t.Helper()
	n, err := street.Corridor("Harbour Street", "Mill Lane", "Church Lane", "Market Lane", "Station Lane")
	if err != nil {
		t.Fatal(err)
	}
	var plans []network.Plan
	for _, j := range n.Junctions {
		plans = append(plans, j.Plans[0])
	}
	return n, plans
}

func answer(t *testing.T, s whatif.Study) *compare.Comparison {
	t.Helper()
	c, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAPlanThatStarvesTheMainStreet: what changes shows where it changes, and nothing else
// does where nothing was changed.
func TestAPlanThatStarvesTheMainStreet(t *testing.T) {
	n, plans := corridor(t)
	same := answer(t, whatif.Study{Network: n, Before: plans, After: plans})
	if a, b := same.Before.Report.Trips, same.After.Report.Trips; a != b || a.Finished < 500 || a.Delay < 5 || len(same.Approaches) != 16 || len(same.Walks) != 8 {
		t.Errorf("no change: %+v, %+v, %d approaches", a, b, len(same.Approaches))
	}
	change := plan.Present(n.Junctions[1], &plans[1], nil)
	change.Bands[0], change.Bands[2] = 8, 60
	worse, err := change.Apply(n.Junctions[1])
	if err != nil {
		t.Fatal(err)
	}
	after := append([]network.Plan(nil), plans...)
	after[1] = worse
	c := answer(t, whatif.Study{Network: n, Before: plans, After: after})
	for _, r := range c.Approaches {
		if r.Edge == "east-2" && r.After.Delay < 1.5*r.Before.Delay {
			t.Errorf("along the main street: %+v", r)
		}
		if r.Edge == "north-2" && r.After.Delay >= r.Before.Delay {
			t.Errorf("out of the side street: %+v", r)
		}
		if r.Edge == "north-4" && r.After.Vehicles != r.Before.Vehicles {
			t.Errorf("far from the change: %+v", r)
		}
	}
	if w := whatif.Words(c); !strings.Contains(w, "the delay of a vehicle on its whole way goes from") || !strings.Contains(w, "vehicles wait at its end") {
		t.Error(w)
	}
}

// TestRealStreets: the model runs what comes out of a map, with as many as were counted.
func TestRealStreets(t *testing.T) {
	n, err := streetmap.ReadFile(t.Context(), "../streetmap/testdata/helsinki.osm", streetmap.Area{})
	if err != nil {
		t.Fatal(err)
	}
	var plans []network.Plan
	for _, j := range n.Junctions {
		plans = append(plans, j.Plans[0])
	}
	s := whatif.Study{Network: n, Before: plans, After: plans, Draws: 1, Comes: func(int) float64 { return 200 }, Walkers: 60}
	c := answer(t, s)
	served := 0
	for _, r := range c.Junctions {
		served += r.Before.Vehicles
	}
	if served < 100 || c.Before.Report.Trips.Finished < 50 || c.Before.Report.People == 0 {
		t.Errorf("%d passed signals, %+v", served, c.Before.Report.Trips)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	s.After = s.After[1:]
	if _, err := s.Run(t.Context()); err == nil {
		t.Error("a junction without a plan")
	}
}
