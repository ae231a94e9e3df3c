package steady_test

import (
	"math"
	"testing"

	"polity/services/water/epanet"
	"polity/services/water/epanet/epanettest"
	"polity/services/water/network"
	"polity/services/water/steady"
)

func TestMain(m *testing.M) { epanettest.Main(m) }

const hill = `[JUNCTIONS]
 well 5 0
 street 10 9
[RESERVOIRS]
 r 10
[TANKS]
 top 40 2 0 5 12 0
[PIPES]
 p1 well street 800 200 120
 p2 street top 600 200 120
[PUMPS]
 pump r well HEAD c
[CURVES]
 c 60 55
[OPTIONS]
 Units LPS
 Headloss H-W
`

// TestStates: every state is by itself, in m³/h: water balances, a rough pipe carries
// less, a fuller tank pushes back, and a pump that stands gives nothing.
func TestStates(t *testing.T) {
	epanettest.Native(t)
	n, err := network.Read("hill.inp", []byte(hill))
	if err != nil {
		t.Fatal(err)
	}
	top, _ := n.Node("top")
	street, _ := n.Node("street")
	pump, _ := n.Link("pump")
	m := steady.Model{Network: n, Tanks: []int{top}, Nodes: []int{street}, Links: []int{pump}, Pumps: []int{pump}}
	state := func(use, level, rough, run float64) steady.State {
		s := steady.State{Demand: make([]float64, len(n.Nodes)), Level: []float64{level}, Rough: []float64{rough, rough, 0}, Run: []float64{run}}
		s.Demand[street] = use
		return s
	}
	states := []steady.State{state(36, 2, 120, 1), state(36, 4.5, 120, 1), state(36, 2, 60, 1), state(36, 2, 120, 0), state(36, 2, 120, 1)}
	var got []steady.Result
	err = m.Solve(t.Context(), epanet.Native, len(states), func(i int) steady.State { return states[i] }, func(i int, r steady.Result) error {
		if i != len(got) {
			t.Errorf("state %d comes as number %d", i, len(got))
		}
		got = append(got, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range got {
		if off := r.Flow[0] - 36 - r.Inflow[0]; math.Abs(off) > 0.1 {
			t.Errorf("state %d: %.2f m³/h are pumped, 36 used, %.2f flow into the tank", i, r.Flow[0], r.Inflow[0])
		}
	}
	if got[1].Inflow[0] >= got[0].Inflow[0] || got[2].Flow[0] >= got[0].Flow[0] {
		t.Errorf("a fuller tank takes %.2f for %.2f m³/h, rough pipes carry %.2f for %.2f", got[1].Inflow[0], got[0].Inflow[0], got[2].Flow[0], got[0].Flow[0])
	}
	if got[3].Flow[0] != 0 || got[3].Power[0] != 0 || math.Abs(got[3].Inflow[0]+36) > 0.1 || got[0].Power[0] <= 0 {
		t.Errorf("with the pump standing: %+v", got[3])
	}
	if math.Abs(got[4].Flow[0]-got[0].Flow[0]) > 0.1 || math.Abs(got[4].Pressure[0]-got[0].Pressure[0]) > 0.05 {
		t.Errorf("the first state again: %+v, %+v", got[0], got[4])
	}
}
