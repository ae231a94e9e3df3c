package example_test

import (
	"testing"

	"polity/city"
	"polity/services/water/example"
	"polity/services/water/isolation"
	"polity/services/water/network"
)

// TestEveryPipeCanBeCutOff: the main from the works apart, each has valves around it that
// leave most of the town with water.
func TestEveryPipeCanBeCutOff(t *testing.T) {
	n, err := example.Town()
	if err != nil {
		t.Fatal(err)
	}
	valves, err := example.Valves(n)
	if err != nil {
		t.Fatal(err)
	}
	if s := n.File.Sensors(); len(s.Pressure) != 8 || len(s.Flow) != 1 || len(s.Demand) != 2 || !n.Metric() {
		t.Fatalf("%+v", s)
	}
	p := isolation.NewPlanner(n, valves)
	for i, l := range n.Links {
		plan, err := p.Isolate(i)
		if n.Nodes[l.From].Kind == network.Reservoir {
			continue
		}
		if err != nil || len(plan.Close) == 0 || len(plan.Dry) > len(n.Nodes)/4 {
			t.Errorf("%s: %+v, %v (%v)", l.ID, plan, err, city.KindOf(err))
		}
	}
}
