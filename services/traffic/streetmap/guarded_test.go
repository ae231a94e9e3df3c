package streetmap

import (
	"context"
	"testing"
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// TestTheGuardFollowsProposedPlans runs every imported junction of Helsinki on its
// proposed plan behind its guard, with somebody waiting everywhere: once it has come
// round, each group is green when the plan says so, and the guard refuses nothing.
func TestTheGuardFollowsProposedPlans(t *testing.T) {
	n, err := ReadFile(context.Background(), "testdata/helsinki.osm", Area{})
	if err != nil {
		t.Fatal(err)
	}
	fixed, err := control.NewFixed(n, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, j := range n.Junctions {
		guard, err := safety.New(j)
		if err != nil {
			t.Fatal(err)
		}
		var all network.Set
		for g := range j.Groups {
			all = all.With(g)
		}
		cycle := j.Plans[0].Cycle()
		out := make([]control.Decision, len(n.Junctions))
		late := 0
		for now := time.Duration(0); now < 5*cycle; now += time.Second {
			fixed.Decide(now, nil, nil, out)
			shown := guard.Step(now, out[i].Want, all)
			if shown.Mode() != safety.Running || now < 2*cycle {
				continue
			}
			if note := shown.Note(); note != "" {
				t.Errorf("%s, %v: %s", j.Name, now%cycle, note)
			}
			if shown.Green() != out[i].Want {
				late++
			}
		}
		if late > 0 {
			t.Errorf("%s: in %d of %d seconds it shows other greens than its plan", j.Name, late, 3*int(cycle/time.Second))
		}
	}
}
