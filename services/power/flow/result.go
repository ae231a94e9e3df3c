package flow

import (
	"math"
	"math/cmplx"

	"polity/services/power/grid"
)

// Result is a converged power flow.
type Result struct {
	Method       Method
	Iterations   int  // over all control steps
	ControlSteps int  // how often regulators were asked
	Hunting      bool // regulators were still out of band when their steps were spent

	net      *grid.Network
	top      *grid.Topology
	place    []int32
	node     []int32
	elements []*primitive
	other    []injection
	holding  []holder
	v        []complex128
	perNode  float64
}

// Network returns the network the result belongs to. Its taps are those of the
// result until somebody moves them.
func (r *Result) Network() *grid.Network { return r.net }

// Topology returns the nodes the result speaks of.
func (r *Result) Topology() *grid.Topology { return r.top }

// Voltage returns a node's voltage to earth in volts; 0 where nothing feeds it.
func (r *Result) Voltage(node int) complex128 {
	if r.place[node] < 0 {
		return 0
	}
	return r.v[r.place[node]]
}

// PerUnit returns a node's voltage as a part of its bus's nominal one.
func (r *Result) PerUnit(node int) float64 {
	base := r.net.Buses[r.top.Nodes[node].Bus].BaseKV * 1000 / math.Sqrt(3)
	return cmplx.Abs(r.Voltage(node)) / base
}

// Branch is what flows through an element with two or more terminals.
type Branch struct {
	grid.Element
	// Power into each terminal (VA) and current into each conductor (A), terminal
	// by terminal.
	Power   []complex128
	Current [][]complex128
}

// Losses returns what the branch consumes.
func (b *Branch) Losses() complex128 {
	var sum complex128
	for _, p := range b.Power {
		sum += p
	}
	return sum
}

// Amperes returns the largest current of any conductor but neutrals'.
func (b *Branch) Amperes() float64 {
	most := 0.0
	for _, terminal := range b.Current {
		for _, i := range terminal {
			most = max(most, cmplx.Abs(i))
		}
	}
	return most
}

// Loading returns a branch's load as a part of what it carries for ever: the
// current of a line, the apparent power of a transformer. 0 where no rating is
// known.
func (r *Result) Loading(b *Branch) float64 {
	switch b.Kind {
	case grid.LineKind:
		if rated := r.net.Lines[b.Index].RatedA; rated > 0 {
			return b.Amperes() / rated
		}
	case grid.TransformerKind:
		if rated := r.net.Transformers[b.Index].RatedVA; rated > 0 {
			return cmplx.Abs(b.Power[0]) / rated
		}
	}
	return 0
}

// terminalSizes returns the number of conductors of each terminal of an element.
func terminalSizes(net *grid.Network, e grid.Element) []int {
	switch e.Kind {
	case grid.LineKind:
		l := &net.Lines[e.Index]
		return []int{len(l.Ends[0].Nodes), len(l.Ends[1].Nodes)}
	case grid.TransformerKind:
		t := &net.Transformers[e.Index]
		sizes := make([]int, len(t.Windings))
		for i := range sizes {
			sizes[i] = len(t.Windings[i].Nodes)
		}
		return sizes
	case grid.ShuntKind:
		s := &net.Shunts[e.Index]
		return []int{len(s.At.Nodes), len(s.Low.Nodes)}
	default:
		return []int{len(net.Sources[e.Index].At.Nodes)}
	}
}

// Branches calls f for every live line, transformer and shunt. The Branch is
// valid during the call only.
func (r *Result) Branches(f func(*Branch)) {
	var currents []complex128
	for _, e := range r.elements {
		if e.Kind == grid.SourceKind {
			continue
		}
		if cap(currents) < len(e.places) {
			currents = make([]complex128, len(e.places))
		}
		currents = currents[:len(e.places)]
		e.current(r.v, currents)
		b := Branch{Element: e.Element}
		k := 0
		for _, n := range terminalSizes(r.net, e.Element) {
			var power complex128
			for i := k; i < k+n; i++ {
				power += r.v[e.places[i]] * cmplx.Conj(currents[i])
			}
			if n == 0 {
				continue
			}
			b.Power = append(b.Power, power*complex(r.perNode, 0))
			b.Current = append(b.Current, currents[k:k+n])
			k += n
		}
		f(&b)
	}
}

// Losses returns what all lines and transformers consume together, in VA. Shunts
// are not losses.
func (r *Result) Losses() complex128 {
	var sum complex128
	var currents [64]complex128
	for _, e := range r.elements {
		if e.Kind == grid.SourceKind || e.Kind == grid.ShuntKind {
			continue
		}
		out := currents[:]
		if len(e.places) > len(out) {
			out = make([]complex128, len(e.places))
		}
		e.current(r.v, out)
		for i, p := range e.places {
			sum += r.v[p] * cmplx.Conj(out[i])
		}
	}
	return sum * complex(r.perNode, 0)
}

// Load returns what a load draws, in VA; 0 where nothing feeds it.
func (r *Result) Load(load int) complex128 {
	return r.drawn(grid.Element{Kind: grid.LoadKind, Index: load})
}

// Fed returns what a generator feeds in, in VA.
func (r *Result) Fed(generator int) complex128 {
	sum := -r.drawn(grid.Element{Kind: grid.FeedKind, Index: generator})
	for _, h := range r.holding {
		if h.generator == generator {
			sum += complex(0, h.q*r.perNode*float64(len(h.at)))
		}
	}
	return sum
}

func (r *Result) drawn(owner grid.Element) complex128 {
	var sum complex128
	for k := range r.other {
		in := &r.other[k]
		if in.owner != owner {
			continue
		}
		u := r.v[in.a] - r.v[in.b]
		sum += u * cmplx.Conj(in.admittance(cmplx.Abs(u))*u)
	}
	return sum * complex(r.perNode, 0)
}

// Supplied returns what all loads draw together, in VA.
func (r *Result) Supplied() complex128 {
	var sum complex128
	for i := range r.net.Loads {
		sum += r.Load(i)
	}
	return sum
}

// Extreme returns the lowest and highest live voltage, per unit, and where.
func (r *Result) Extreme() (low, high float64, lowAt, highAt grid.Node) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range r.node {
		if r.top.Nodes[v].Number > 3 {
			continue
		}
		pu := r.PerUnit(int(v))
		if pu < low {
			low, lowAt = pu, r.top.Nodes[v]
		}
		if pu > high {
			high, highAt = pu, r.top.Nodes[v]
		}
	}
	return low, high, lowAt, highAt
}

// Given returns what a source gives, in VA.
func (r *Result) Given(source int) complex128 {
	s := &r.net.Sources[source]
	var sum complex128
	if s.OutOf {
		return 0
	}
	at := r.top.Terminal(s.At)
	if s.Z.N > 0 {
		for _, p := range r.GivenByConductor(source) {
			sum += p
		}
		return sum
	}
	// an ideal source gives what all else takes at its nodes
	place := map[int32]bool{}
	for _, v := range at {
		if v >= 0 {
			place[r.place[v]] = true
		}
	}
	for _, e := range r.elements {
		currents := make([]complex128, len(e.places))
		if e.Kind == grid.SourceKind {
			continue
		}
		e.current(r.v, currents)
		for i, p := range e.places {
			if place[p] {
				sum += r.v[p] * cmplx.Conj(currents[i])
			}
		}
	}
	for k := range r.other {
		in := &r.other[k]
		u := r.v[in.a] - r.v[in.b]
		current := in.admittance(cmplx.Abs(u)) * u
		if place[in.a] {
			sum += r.v[in.a] * cmplx.Conj(current)
		}
		if place[in.b] {
			sum -= r.v[in.b] * cmplx.Conj(current)
		}
	}
	return sum * complex(r.perNode, 0)
}

// GivenByConductor returns what a source behind an impedance gives through each
// of its conductors, in VA; nothing for an ideal one.
func (r *Result) GivenByConductor(source int) []complex128 {
	s := &r.net.Sources[source]
	for _, e := range r.elements {
		if e.Kind != grid.SourceKind || e.Index != source {
			continue
		}
		out := make([]complex128, len(e.places))
		for i, p := range e.places {
			var current complex128
			for j, q := range e.places {
				current += e.y.At(i, j) * (s.V[j] - r.v[q])
			}
			out[i] = r.v[p] * cmplx.Conj(current) * complex(r.perNode, 0)
		}
		return out
	}
	return nil
}
