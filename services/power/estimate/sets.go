package estimate

import (
	"fmt"
	"math"
	"math/cmplx"

	"polity/services/power/flow"
	"polity/services/power/grid"
)

// Errors are standard deviations as a part of what is measured, and the least
// they are as a part of the nominal voltage or of one kilovolt-ampere.
type Errors struct {
	Voltage, Power float64
}

// least keeps a measurement of nothing from being taken as exact: watts.
const least = 100

// Sample makes the measurements that meters would give in a solved power flow:
// voltage at every node, power and vars drawn at every node with a load or
// generator, and power and vars at both ends of every line. Their values are
// exact; noise is the caller's.
func Sample(r *flow.Result, errors Errors, flows bool) []Measurement {
	net, top := r.Network(), r.Topology()
	var out []Measurement
	add := func(m Measurement, relative, floor float64) {
		m.Sigma = max(relative*math.Abs(m.Value), floor)
		out = append(out, m)
	}
	drawn := make([]complex128, len(top.Nodes))
	busy := make([]bool, len(top.Nodes))
	l, err := flow.NewLinear(net)
	if err != nil {
		return nil
	}
	current := make([]complex128, len(l.Nodes))
	v := make([]complex128, len(l.Nodes))
	for p, node := range l.Nodes {
		v[p] = r.Voltage(node)
	}
	l.Y.Multiply(v, current)
	for p, node := range l.Nodes {
		drawn[node] = -v[p] * cmplx.Conj(current[p]) * complex(net.PhasesPerNode(), 0)
	}
	for i := range net.Sources { // behind an impedance: what it gives is no injection
		s := &net.Sources[i]
		if s.OutOf || s.Z.N == 0 {
			continue
		}
		for c, power := range r.GivenByConductor(i) {
			if node := top.Terminal(s.At)[c]; node >= 0 {
				drawn[node] += power
			}
		}
	}
	mark := func(at grid.Terminal) {
		for _, k := range top.Terminal(at) {
			if k >= 0 {
				busy[k] = true
			}
		}
	}
	for i := range net.Loads {
		mark(net.Loads[i].At)
	}
	for i := range net.Generators {
		mark(net.Generators[i].At)
	}
	for _, node := range l.Nodes {
		at := top.Nodes[node]
		name := fmt.Sprintf("%s.%d", net.Buses[at.Bus].Name, at.Number)
		add(Measurement{Name: "V " + name, Kind: Voltage, Value: cmplx.Abs(r.Voltage(node)), Node: at}, errors.Voltage, 0)
		if busy[node] {
			add(Measurement{Name: "P " + name, Kind: Injection, Value: real(drawn[node]), Node: at}, errors.Power, least)
			add(Measurement{Name: "Q " + name, Kind: InjectionVars, Value: imag(drawn[node]), Node: at}, errors.Power, least)
		}
	}
	if flows {
		out = append(out, sampleFlows(r, l, v, errors)...)
	}
	return out
}

// sampleFlows measures power and vars at both ends of every line that carries
// anything.
func sampleFlows(r *flow.Result, l *flow.Linear, v []complex128, errors Errors) []Measurement {
	net := r.Network()
	var out []Measurement
	for i := range net.Lines {
		e := grid.Element{Kind: grid.LineKind, Index: i}
		places, y, ok := l.Element(e)
		if !ok || !net.Lines[i].Closed() {
			continue
		}
		per := len(places) / 2
		for row, p := range places {
			if int(p) >= len(v) {
				continue
			}
			var current complex128
			for j, q := range places {
				if int(q) < len(v) {
					current += y.At(row, j) * v[q]
				}
			}
			power := v[p] * cmplx.Conj(current) * complex(net.PhasesPerNode(), 0)
			name := fmt.Sprintf("%s end %d conductor %d", net.Lines[i].Name, row/per+1, row%per+1)
			at := Measurement{Element: e, Terminal: row / per, Conductor: row % per}
			for q, value := range []float64{real(power), imag(power)} {
				z := at
				z.Name, z.Kind, z.Value = []string{"P ", "Q "}[q]+name, Flow+Kind(q), value
				z.Sigma = max(errors.Power*math.Abs(value), least)
				out = append(out, z)
			}
		}
	}
	return out
}

// Pseudo makes pseudo-measurements of all loads and generators from their rated
// powers, with errors of so much of them: what is assumed where no meter is.
// Powers of loads between phases are split between the two nodes by the voltages
// without load.
func Pseudo(net *grid.Network, relative float64) ([]Measurement, error) {
	l, err := flow.NewLinear(net)
	if err != nil {
		return nil, err
	}
	top := l.Topology()
	drawn := map[int]complex128{}
	share := func(at grid.Terminal, pair func(int) (int, int), phases int, s complex128) {
		nodes := top.Terminal(at)
		for p := range phases {
			a, b := pair(p)
			pa, pb := l.Place(nodes[a]), l.Place(nodes[b])
			va, vb := at0(l, pa), at0(l, pb)
			if va == vb {
				continue
			}
			i := cmplx.Conj(s / complex(float64(phases), 0) / (va - vb))
			if pa >= 0 {
				drawn[pa] += va * cmplx.Conj(i)
			}
			if pb >= 0 {
				drawn[pb] -= vb * cmplx.Conj(i)
			}
		}
	}
	for i := range net.Loads {
		if x := &net.Loads[i]; !x.OutOfService {
			share(x.At, x.Pair, x.Phases, x.S)
		}
	}
	for i := range net.Generators {
		if x := &net.Generators[i]; !x.OutOfService {
			share(x.At, x.Pair, x.Phases, -x.S)
		}
	}
	var out []Measurement
	for p, node := range l.Nodes {
		s, ok := drawn[p]
		if !ok {
			continue
		}
		at := top.Nodes[node]
		sigma := max(relative*cmplx.Abs(s), least)
		name := fmt.Sprintf("%s.%d", net.Buses[at.Bus].Name, at.Number)
		out = append(out,
			Measurement{Name: "assumed P " + name, Kind: Injection, Value: real(s), Sigma: sigma, Node: at, Pseudo: true},
			Measurement{Name: "assumed Q " + name, Kind: InjectionVars, Value: imag(s), Sigma: sigma, Node: at, Pseudo: true})
	}
	return out, nil
}

func at0(l *flow.Linear, place int) complex128 {
	if place < 0 {
		return 0
	}
	return l.NoLoad[place]
}

// Bound returns the least root mean square error, per unit, that any unbiased
// estimator of the node voltages' magnitudes can have with these measurements in
// the state of r (Cramér and Rao): the root of the mean of the variances that the
// inverse of HᵀR⁻¹H has there.
func Bound(r *flow.Result, set Set) (float64, error) {
	m, err := newModel(r.Network(), set.SourceKnown)
	if err != nil {
		return 0, err
	}
	s := &system{m: m, z: set.Measurements}
	for i := range set.Measurements {
		look, err := m.sight(&set.Measurements[i])
		if err != nil {
			return 0, err
		}
		s.used, s.sights = append(s.used, i), append(s.sights, look)
	}
	v := append([]complex128(nil), m.start...)
	for p, node := range m.linear.Nodes {
		v[p] = r.Voltage(node)
	}
	s.linearise(v)
	if err := s.factor(); err != nil {
		return 0, err
	}
	sum := 0.0
	for p := range m.linear.Nodes {
		if i := m.size[p]; i >= 0 {
			sum += s.spread([]entry{{i, 1}})
		}
	}
	return math.Sqrt(sum / float64(len(m.linear.Nodes))), nil
}
