// Package radial looks at a network as a graph of buses and of what joins them,
// and solves the power flow of its trees fast enough to try thousands: what
// reconfiguration and restoration search with. Their results are checked by the
// full power flow of package flow.
package radial

import (
	"fmt"
	"math"
	"math/cmplx"
	"slices"

	"polity/city"
	"polity/services/power/flow"
	"polity/services/power/grid"
)

// Edge joins two nodes: a line, or a transformer.
type Edge struct {
	A, B int
	Z    complex128 // per unit
	Half complex128 // shunt admittance at each end, per unit
	Line int        // index of the line; -1: a transformer
	Free bool       // can be open or closed
	Most float64    // highest current, per unit; +Inf where none is known
}

// Graph is a network between its buses. All sources are node 0.
type Graph struct {
	Net   *grid.Network
	Nodes int
	Edges []Edge
	Bus   []int        // node -> bus; that of node 0 is the first source's
	Node  []int        // bus -> node, -1 outside
	Load  []complex128 // drawn at each node, per unit
	Shunt []complex128 // admittance at each node, per unit
	V0    float64      // voltage of the source, per unit
	// Simple says that the single-phase model of the Sweeper is exact: a balanced
	// network of constant-power loads, with an ideal source and transformers at
	// nominal ratio. Why says why it is not.
	Simple bool
	Why    string
	Base   float64 // volt-amperes of one per unit, per phase
	Adjoin [][]int // node -> its edges
}

// baseVA is the power of one per unit, per phase.
const baseVA = 1e6 / 3

// New makes the graph of everything that can be energised by closing free
// lines. Switchable lines are those for which free says so.
func New(net *grid.Network, free func(int) bool) (*Graph, error) {
	g := &Graph{Net: net, Node: make([]int, len(net.Buses)), Simple: net.Balanced, Base: baseVA}
	if !net.Balanced {
		g.Why = "the network is unbalanced"
	}
	if len(net.Sources) == 0 {
		return nil, city.Errorf(city.Invalid, "network %s has no source", net.Name)
	}
	for i := range g.Node {
		g.Node[i] = -1
	}
	sources, angle := 0, 0.0
	for i := range net.Sources {
		if s := &net.Sources[i]; !s.OutOf {
			g.Node[s.At.Bus] = 0
			sources++
			if sources == 1 {
				g.Bus = []int{s.At.Bus}
				g.V0 = cmplx.Abs(s.V[0]) / (net.Buses[s.At.Bus].BaseKV * 1000 / math.Sqrt(3))
				angle = cmplx.Phase(s.V[0])
			}
			v := cmplx.Abs(s.V[0]) / (net.Buses[s.At.Bus].BaseKV * 1000 / math.Sqrt(3))
			if s.Z.N > 0 || math.Abs(v-g.V0) > 1e-9 || math.Abs(cmplx.Phase(s.V[0])-angle) > 1e-9 {
				g.complicated("it has a source behind an impedance, or several of different voltage")
			}
		}
	}
	if sources == 0 {
		return nil, city.Errorf(city.Invalid, "network %s has no source in service", net.Name)
	}
	g.reach(free)
	g.Nodes = len(g.Bus)
	g.collect(free)
	g.injections()
	return g, nil
}

func (g *Graph) complicated(why string) {
	if g.Simple {
		g.Simple, g.Why = false, why
	}
}

// reach numbers the buses that closed and free lines lead to from the sources.
func (g *Graph) reach(free func(int) bool) {
	next := make([][]int, len(g.Net.Buses))
	join := func(a, b int) {
		next[a] = append(next[a], b)
		next[b] = append(next[b], a)
	}
	for i := range g.Net.Lines {
		if l := &g.Net.Lines[i]; l.Closed() || free(i) {
			join(l.Ends[0].Bus, l.Ends[1].Bus)
		}
	}
	for i := range g.Net.Transformers {
		if t := &g.Net.Transformers[i]; !t.OutOfService {
			for w := 1; w < len(t.Windings); w++ {
				join(t.Windings[0].Bus, t.Windings[w].Bus)
			}
		}
	}
	var queue []int
	for bus, n := range g.Node {
		if n == 0 {
			queue = append(queue, bus)
		}
	}
	for len(queue) > 0 {
		bus := queue[0]
		queue = queue[1:]
		for _, other := range next[bus] {
			if g.Node[other] < 0 {
				g.Node[other] = len(g.Bus)
				g.Bus = append(g.Bus, other)
				queue = append(queue, other)
			}
		}
	}
}

// collect makes the edges. Between two buses transformers of single phases count
// as one.
func (g *Graph) collect(free func(int) bool) {
	perUnit := func(bus int) float64 {
		v := g.Net.Buses[bus].BaseKV * 1000 / math.Sqrt(3)
		return v * v / g.Base
	}
	for i := range g.Net.Lines {
		l := &g.Net.Lines[i]
		a, b := g.Node[l.Ends[0].Bus], g.Node[l.Ends[1].Bus]
		if a < 0 || b < 0 || a == b || (!l.Closed() && !free(i)) {
			continue
		}
		ohms := perUnit(l.Ends[0].Bus)
		e := Edge{A: a, B: b, Line: i, Free: free(i), Most: math.Inf(1), Z: l.Z.At(0, 0) / complex(ohms, 0)}
		if l.Shunt.N > 0 {
			e.Half = l.Shunt.At(0, 0) / 2 * complex(ohms, 0)
		}
		if limit := l.EmergencyA; limit > 0 {
			e.Most = limit * ohms / (g.Net.Buses[l.Ends[0].Bus].BaseKV * 1000 / math.Sqrt(3))
		}
		g.Edges = append(g.Edges, e)
	}
	seen := map[[2]int]bool{}
	for i := range g.Net.Transformers {
		t := &g.Net.Transformers[i]
		if t.OutOfService {
			continue
		}
		for w := 1; w < len(t.Windings); w++ {
			a, b := g.Node[t.Windings[0].Bus], g.Node[t.Windings[w].Bus]
			if a < 0 || b < 0 || a == b || seen[[2]int{a, b}] {
				continue
			}
			seen[[2]int{a, b}] = true
			g.Edges = append(g.Edges, g.transformer(t, w, a, b))
		}
	}
	g.Adjoin = make([][]int, g.Nodes)
	for k, e := range g.Edges {
		g.Adjoin[e.A] = append(g.Adjoin[e.A], k)
		g.Adjoin[e.B] = append(g.Adjoin[e.B], k)
	}
}

func (g *Graph) transformer(t *grid.Transformer, w, a, b int) Edge {
	z := complex(t.Windings[0].R+t.Windings[w].R, t.X[w-1]) * complex(g.Base/(t.Windings[0].VA/float64(t.Phases)), 0)
	e := Edge{A: a, B: b, Z: z, Line: -1, Most: math.Inf(1)}
	for i, bus := range []int{t.Windings[0].Bus, t.Windings[w].Bus} {
		k := []int{0, w}[i]
		if ratio := t.BaseVolts(k) * t.Windings[k].Tap / (g.Net.Buses[bus].BaseKV * 1000 / math.Sqrt(3)); math.Abs(ratio-1) > 1e-9 {
			g.complicated("a transformer is off its nominal ratio")
		}
	}
	if t.NoLoad != 0 || len(t.Windings) > 2 {
		g.complicated("a transformer has no-load losses or three windings")
	}
	return e
}

// injections sums what is drawn at each node.
func (g *Graph) injections() {
	g.Load, g.Shunt = make([]complex128, g.Nodes), make([]complex128, g.Nodes)
	per := complex(1/(g.Base*g.Net.PhasesPerNode()), 0)
	for i := range g.Net.Loads {
		l := &g.Net.Loads[i]
		if n := g.Node[l.At.Bus]; n >= 0 && !l.OutOfService {
			g.Load[n] += l.S * per
			if l.Model != grid.ConstantPower || l.VMin > 0 || l.VMax > 0 {
				g.complicated("a load is not of constant power")
			}
		}
	}
	for i := range g.Net.Generators {
		s := &g.Net.Generators[i]
		if n := g.Node[s.At.Bus]; n >= 0 && !s.OutOfService {
			g.Load[n] -= s.S * per
			if s.Hold > 0 || s.VMin > 0 || s.VMax > 0 {
				g.complicated("a generator is not of constant power")
			}
		}
	}
	for i := range g.Net.Shunts {
		s := &g.Net.Shunts[i]
		n := g.Node[s.At.Bus]
		if n < 0 || s.On() == 0 {
			continue
		}
		v := g.Net.Buses[s.At.Bus].BaseKV * 1000 / math.Sqrt(3)
		g.Shunt[n] += s.Admittance().At(0, 0) * complex(v*v/g.Base, 0)
	}
	if len(g.Net.Regulators) > 0 || len(g.Net.CapacitorControls) > 0 {
		g.complicated("regulators or capacitor controls act")
	}
}

// LoadsOnly says whether nothing feeds power back: every load draws watts and
// vars, and nothing else injects. The bound needs it.
func (g *Graph) LoadsOnly() bool {
	for n, s := range g.Load {
		if real(s) < 0 || imag(s) < 0 || g.Shunt[n] != 0 {
			return false
		}
	}
	for _, e := range g.Edges {
		if e.Half != 0 || real(e.Z) < 0 || imag(e.Z) < 0 {
			return false
		}
	}
	return true
}

// State returns which edges are closed now.
func (g *Graph) State() []bool {
	closed := make([]bool, len(g.Edges))
	for k, e := range g.Edges {
		closed[k] = e.Line < 0 || g.Net.Lines[e.Line].Closed()
	}
	return closed
}

// IsTree says whether the closed edges join all nodes without a loop.
func (g *Graph) IsTree(closed []bool) bool {
	sets, count := NewSets(g.Nodes), 0
	for k, e := range g.Edges {
		if closed[k] {
			if !sets.Join(e.A, e.B) {
				return false
			}
			count++
		}
	}
	return count == g.Nodes-1
}

// Apply puts a configuration into a copy of the network.
func (g *Graph) Apply(closed []bool) *grid.Network {
	net := g.Net.Clone()
	for k, e := range g.Edges {
		if e.Free && closed[k] != net.Lines[e.Line].Closed() {
			net.Lines[e.Line].SetClosed(closed[k])
		}
	}
	return net
}

// Solve runs the full power flow of a configuration.
func (g *Graph) Solve(closed []bool) (*flow.Result, error) { return Solve(g.Apply(closed)) }

// Solve runs the full power flow of a network.
func Solve(net *grid.Network) (*flow.Result, error) {
	s, err := flow.New(net, flow.Options{})
	if err != nil {
		return nil, err
	}
	return s.Solve()
}

// OpenLines lists the lines that a configuration leaves open.
func (g *Graph) OpenLines(closed []bool) []int {
	var open []int
	for k, e := range g.Edges {
		if e.Free && !closed[k] {
			open = append(open, e.Line)
		}
	}
	slices.Sort(open)
	return open
}

// Check reports a fixed part that no switching can make radial.
func (g *Graph) Check() error {
	sets := NewSets(g.Nodes)
	for _, e := range g.Edges {
		if !e.Free && !sets.Join(e.A, e.B) {
			name := "a transformer"
			if e.Line >= 0 {
				name = g.Net.Lines[e.Line].Name
			}
			return city.Errorf(city.Invalid, "%s closes a loop of lines without switches: no radial configuration exists", name)
		}
	}
	for _, e := range g.Edges {
		sets.Join(e.A, e.B)
	}
	for n := range g.Nodes {
		if sets.Find(n) != sets.Find(0) {
			return fmt.Errorf("bus %s cannot be reached", g.Net.Buses[g.Bus[n]].Name)
		}
	}
	return nil
}

// Sets joins numbers into sets.
type Sets []int

// NewSets returns n sets of one.
func NewSets(n int) Sets {
	s := make(Sets, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// Find returns a number that all of a set share.
func (s Sets) Find(i int) int {
	for s[i] != i {
		s[i] = s[s[i]]
		i = s[i]
	}
	return i
}

// Join says whether a and b were apart.
func (s Sets) Join(a, b int) bool {
	a, b = s.Find(a), s.Find(b)
	s[a] = b
	return a != b
}
