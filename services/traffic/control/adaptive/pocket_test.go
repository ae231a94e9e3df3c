package adaptive

import (
	"testing"

	"polity/services/traffic/network"
)

// yielding returns a lane of the crossroads from which somebody turns left and has to let
// others go, with that way's group.
func yielding(t *testing.T, n *network.Network) (lane, group int) {
	t.Helper()
	j := n.Junctions[0]
	for s := range j.Signals {
		for _, l := range j.Signals[s].Links {
			if n.Links[l].Turn == network.Left && len(j.Signals[s].YieldsTo) > 0 {
				return n.Links[l].From, j.Signals[s].Group
			}
		}
	}
	t.Fatal("nobody turns left past others")
	return 0, 0
}

// TestNobodyWaitsInsideWithOthersBehind: who turns left out of a street so short that the
// next ones would stand in the junction behind goes while nobody else has priority, if the
// junction has a stage for that; out of a long street beside others.
func TestNobodyWaitsInsideWithOthersBehind(t *testing.T) {
	for name, length := range map[string]float64{"short": 12, "long": 120} {
		n := cross(t)
		lane, group := yielding(t, n)
		n.Lanes[lane].Length = length
		n.Lanes = append(n.Lanes, network.Lane{ID: "behind", Length: 100, Speed: 14, Motor: true})
		n.Links = append(n.Links, network.Link{From: len(n.Lanes) - 1, To: lane, Junction: 0, Signal: -1})
		n.Lanes[lane].In = append(n.Lanes[lane].In, len(n.Links)-1)
		j := n.Junctions[0]
		alone := network.SetOf(group)
		for g := range j.Groups {
			if with := alone.With(g); j.Compatible(with) && !j.Yields[group].Has(g) {
				alone = with
			}
		}
		j.Stages = append(j.Stages, network.Stage{Groups: alone})
		s := newSite(n, 0, j, sight)
		served, beside := false, false
		for _, st := range s.stages {
			if st.groups.Has(group) {
				served = true
				for g := range (st.groups & j.Yields[group]).All() {
					beside = beside || j.Groups[g].Kind == network.Vehicles
				}
			}
		}
		if !served || beside != (length > pocket) {
			t.Errorf("%s street: served %v, beside those with priority %v", name, served, beside)
		}
	}
}

// TestAStageForSomeIsKept: a stage is not passed over for another that lets more of a lane
// go, if some of that lane can go in it alone.
func TestAStageForSomeIsKept(t *testing.T) {
	j := newJunction(t)
	p := &j.c.state[0].plan
	j.queue(0, 3, 0)
	for range 30 {
		j.second()
	}
	q := -1
	for k := range p.s.queues {
		if p.s.queues[k].lane == j.n.Junctions[0].Groups[0].Lanes[0] {
			q = k
		}
	}
	for b := range p.s.stages {
		only := p.s.stages[b].groups
		p.wanted[q] = only // vehicles of this lane take ways that are all green in b
		p.candidates(-1)
		kept := false
		for _, a := range p.active {
			kept = kept || only&^p.s.stages[a].groups == 0
		}
		if !kept {
			t.Errorf("no stage in which all of %b can go is thought of", only)
		}
	}
}
