package flow

import (
	"fmt"
	"math"
	"math/cmplx"

	"polity/services/power/grid"
)

// AssignBases gives every live bus without a nominal voltage the one of
// net.VoltageBases that is nearest to its voltage without load, or, where that
// list is empty, nearest of the rated voltages of sources and windings.
func AssignBases(net *grid.Network) error {
	missing := false
	for i := range net.Buses {
		missing = missing || net.Buses[i].BaseKV == 0
	}
	if !missing {
		return nil
	}
	bases := net.VoltageBases
	if len(bases) == 0 {
		bases = ratedVoltages(net)
	}
	unloaded := net.Clone()
	unloaded.Loads, unloaded.Generators, unloaded.Shunts = nil, nil, nil
	s, err := newSolver(unloaded, Options{})
	if err != nil {
		return fmt.Errorf("find nominal voltages: %w", err)
	}
	s.linear(s.v)
	for p, v := range s.node {
		node := s.top.Nodes[v]
		bus := &net.Buses[node.Bus]
		if bus.BaseKV != 0 {
			continue
		}
		kv := cmplx.Abs(s.v[p]) * math.Sqrt(3) / 1000
		best := math.Inf(1)
		for _, b := range bases {
			if d := math.Abs(1 - kv/b); d < best {
				best, bus.BaseKV = d, b
			}
		}
	}
	return nil
}

// ratedVoltages lists the line-to-line voltages (kV) that the nameplates of
// sources and windings speak of.
func ratedVoltages(net *grid.Network) []float64 {
	var list []float64
	add := func(v float64) {
		for _, b := range list {
			if math.Abs(b/v-1) < 0.02 {
				return
			}
		}
		list = append(list, v)
	}
	for i := range net.Sources {
		v := cmplx.Abs(net.Sources[i].V[0])
		add(v * math.Sqrt(3) / 1000)
	}
	for i := range net.Transformers {
		t := &net.Transformers[i]
		for w := range t.Windings {
			v := t.Windings[w].Volts / 1000
			if t.Phases == 1 && !t.Windings[w].Delta {
				v *= math.Sqrt(3)
			}
			add(v)
		}
	}
	return list
}
