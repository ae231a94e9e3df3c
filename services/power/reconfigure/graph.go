// Package reconfigure finds the radial configuration of a network that loses
// least, and says how good it is: proven best where that can be proven, else
// with a bound that no configuration undercuts.
package reconfigure

import (
	"fmt"
	"math"
	"math/cmplx"
	"slices"

	"polity/city"
	"polity/services/power/flow"
	"polity/services/power/grid"
)

// edge joins two nodes: a line that can be switched, or what always conducts.
type edge struct {
	a, b int
	z    complex128 // per unit
	half complex128 // shunt admittance at each end, per unit
	line int        // index of the line; -1: a transformer
	free bool       // can be open or closed
	most float64    // highest current, per unit; +Inf where none is known
}

// graph is a network between its buses. All sources are node 0.
type graph struct {
	net   *grid.Network
	nodes int
	edges []edge
	bus   []int // node -> bus; that of node 0 is the first source's
	node  []int // bus -> node, -1 outside
	load  []complex128
	shunt []complex128
	v0    float64 // of the source, per unit
	// simple says that the single-phase model of package radial is exact: a
	// balanced network of constant-power loads with one source and transformers at
	// nominal ratio.
	simple bool
	why    string // why not simple
	base   float64
	adjoin [][]int // node -> its edges
}

// baseVA is the power of one per unit, per phase.
const baseVA = 1e6 / 3

// newGraph makes the graph of everything that can be energised by closing free
// lines. Switchable lines are those for which free says so.
func newGraph(net *grid.Network, free func(int) bool) (*graph, error) {
	g := &graph{net: net, node: make([]int, len(net.Buses)), simple: net.Balanced, base: baseVA}
	if !net.Balanced {
		g.why = "the network is unbalanced"
	}
	if len(net.Sources) == 0 {
		return nil, city.Errorf(city.Invalid, "network %s has no source", net.Name)
	}
	for i := range g.node {
		g.node[i] = -1
	}
	sources, angle := 0, 0.0
	for i := range net.Sources {
		if s := &net.Sources[i]; !s.OutOf {
			g.node[s.At.Bus] = 0
			sources++
			if sources == 1 {
				g.bus = []int{s.At.Bus}
				g.v0 = cmplx.Abs(s.V[0]) / (net.Buses[s.At.Bus].BaseKV * 1000 / math.Sqrt(3))
				angle = cmplx.Phase(s.V[0])
			}
			v := cmplx.Abs(s.V[0]) / (net.Buses[s.At.Bus].BaseKV * 1000 / math.Sqrt(3))
			if s.Z.N > 0 || math.Abs(v-g.v0) > 1e-9 || math.Abs(cmplx.Phase(s.V[0])-angle) > 1e-9 {
				g.complicated("it has a source behind an impedance, or several of different voltage")
			}
		}
	}
	if sources == 0 {
		return nil, city.Errorf(city.Invalid, "network %s has no source in service", net.Name)
	}
	g.reach(free)
	g.nodes = len(g.bus)
	g.collect(free)
	g.injections()
	return g, nil
}

func (g *graph) complicated(why string) {
	if g.simple {
		g.simple, g.why = false, why
	}
}

// reach numbers the buses that closed and free lines lead to from the sources.
func (g *graph) reach(free func(int) bool) {
	next := make([][]int, len(g.net.Buses))
	join := func(a, b int) {
		next[a] = append(next[a], b)
		next[b] = append(next[b], a)
	}
	for i := range g.net.Lines {
		if l := &g.net.Lines[i]; l.Closed() || free(i) {
			join(l.Ends[0].Bus, l.Ends[1].Bus)
		}
	}
	for i := range g.net.Transformers {
		if t := &g.net.Transformers[i]; !t.OutOfService {
			for w := 1; w < len(t.Windings); w++ {
				join(t.Windings[0].Bus, t.Windings[w].Bus)
			}
		}
	}
	var queue []int
	for bus, n := range g.node {
		if n == 0 {
			queue = append(queue, bus)
		}
	}
	for len(queue) > 0 {
		bus := queue[0]
		queue = queue[1:]
		for _, other := range next[bus] {
			if g.node[other] < 0 {
				g.node[other] = len(g.bus)
				g.bus = append(g.bus, other)
				queue = append(queue, other)
			}
		}
	}
}

// collect makes the edges. Between two buses transformers of single phases count
// as one.
func (g *graph) collect(free func(int) bool) {
	perUnit := func(bus int) float64 {
		v := g.net.Buses[bus].BaseKV * 1000 / math.Sqrt(3)
		return v * v / g.base
	}
	for i := range g.net.Lines {
		l := &g.net.Lines[i]
		a, b := g.node[l.Ends[0].Bus], g.node[l.Ends[1].Bus]
		if a < 0 || b < 0 || a == b || (!l.Closed() && !free(i)) {
			continue
		}
		ohms := perUnit(l.Ends[0].Bus)
		e := edge{a: a, b: b, line: i, free: free(i), most: math.Inf(1), z: l.Z.At(0, 0) / complex(ohms, 0)}
		if l.Shunt.N > 0 {
			e.half = l.Shunt.At(0, 0) / 2 * complex(ohms, 0)
		}
		if limit := l.EmergencyA; limit > 0 {
			e.most = limit * ohms / (g.net.Buses[l.Ends[0].Bus].BaseKV * 1000 / math.Sqrt(3))
		}
		g.edges = append(g.edges, e)
	}
	seen := map[[2]int]bool{}
	for i := range g.net.Transformers {
		t := &g.net.Transformers[i]
		if t.OutOfService {
			continue
		}
		for w := 1; w < len(t.Windings); w++ {
			a, b := g.node[t.Windings[0].Bus], g.node[t.Windings[w].Bus]
			if a < 0 || b < 0 || a == b || seen[[2]int{a, b}] {
				continue
			}
			seen[[2]int{a, b}] = true
			g.edges = append(g.edges, g.transformer(t, w, a, b))
		}
	}
	g.adjoin = make([][]int, g.nodes)
	for k, e := range g.edges {
		g.adjoin[e.a] = append(g.adjoin[e.a], k)
		g.adjoin[e.b] = append(g.adjoin[e.b], k)
	}
}

func (g *graph) transformer(t *grid.Transformer, w, a, b int) edge {
	z := complex(t.Windings[0].R+t.Windings[w].R, t.X[w-1]) * complex(g.base/(t.Windings[0].VA/float64(t.Phases)), 0)
	e := edge{a: a, b: b, z: z, line: -1, most: math.Inf(1)}
	for i, bus := range []int{t.Windings[0].Bus, t.Windings[w].Bus} {
		k := []int{0, w}[i]
		if ratio := t.BaseVolts(k) * t.Windings[k].Tap / (g.net.Buses[bus].BaseKV * 1000 / math.Sqrt(3)); math.Abs(ratio-1) > 1e-9 {
			g.complicated("a transformer is off its nominal ratio")
		}
	}
	if t.NoLoad != 0 || len(t.Windings) > 2 {
		g.complicated("a transformer has no-load losses or three windings")
	}
	return e
}

// injections sums what is drawn at each node.
func (g *graph) injections() {
	g.load, g.shunt = make([]complex128, g.nodes), make([]complex128, g.nodes)
	per := complex(1/(g.base*g.net.PhasesPerNode()), 0)
	for i := range g.net.Loads {
		l := &g.net.Loads[i]
		if n := g.node[l.At.Bus]; n >= 0 && !l.OutOfService {
			g.load[n] += l.S * per
			if l.Model != grid.ConstantPower || l.VMin > 0 || l.VMax > 0 {
				g.complicated("a load is not of constant power")
			}
		}
	}
	for i := range g.net.Generators {
		s := &g.net.Generators[i]
		if n := g.node[s.At.Bus]; n >= 0 && !s.OutOfService {
			g.load[n] -= s.S * per
			if s.Hold > 0 || s.VMin > 0 || s.VMax > 0 {
				g.complicated("a generator is not of constant power")
			}
		}
	}
	for i := range g.net.Shunts {
		s := &g.net.Shunts[i]
		n := g.node[s.At.Bus]
		if n < 0 || s.On() == 0 {
			continue
		}
		v := g.net.Buses[s.At.Bus].BaseKV * 1000 / math.Sqrt(3)
		g.shunt[n] += s.Admittance().At(0, 0) * complex(v*v/g.base, 0)
	}
	if len(g.net.Regulators) > 0 || len(g.net.CapacitorControls) > 0 {
		g.complicated("regulators or capacitor controls act")
	}
}

// loadsOnly says whether nothing feeds power back: every load draws watts and
// vars, and nothing else injects. The bound needs it.
func (g *graph) loadsOnly() bool {
	for n, s := range g.load {
		if real(s) < 0 || imag(s) < 0 || g.shunt[n] != 0 {
			return false
		}
	}
	for _, e := range g.edges {
		if e.half != 0 || real(e.z) < 0 || imag(e.z) < 0 {
			return false
		}
	}
	return true
}

// state returns which edges are closed now.
func (g *graph) state() []bool {
	closed := make([]bool, len(g.edges))
	for k, e := range g.edges {
		closed[k] = e.line < 0 || g.net.Lines[e.line].Closed()
	}
	return closed
}

// isTree says whether the closed edges join all nodes without a loop.
func (g *graph) isTree(closed []bool) bool {
	sets, count := newSets(g.nodes), 0
	for k, e := range g.edges {
		if closed[k] {
			if !sets.join(e.a, e.b) {
				return false
			}
			count++
		}
	}
	return count == g.nodes-1
}

// apply puts a configuration into a copy of the network.
func (g *graph) apply(closed []bool) *grid.Network {
	net := g.net.Clone()
	for k, e := range g.edges {
		if e.free && closed[k] != net.Lines[e.line].Closed() {
			net.Lines[e.line].SetClosed(closed[k])
		}
	}
	return net
}

// solve runs the full power flow of a configuration.
func (g *graph) solve(closed []bool) (*flow.Result, error) { return solveNetwork(g.apply(closed)) }

func solveNetwork(net *grid.Network) (*flow.Result, error) {
	s, err := flow.New(net, flow.Options{})
	if err != nil {
		return nil, err
	}
	return s.Solve()
}

// openLines lists the lines that a configuration leaves open.
func (g *graph) openLines(closed []bool) []int {
	var open []int
	for k, e := range g.edges {
		if e.free && !closed[k] {
			open = append(open, e.line)
		}
	}
	slices.Sort(open)
	return open
}

// check reports a fixed part that no switching can make radial.
func (g *graph) check() error {
	sets := newSets(g.nodes)
	for _, e := range g.edges {
		if !e.free && !sets.join(e.a, e.b) {
			name := "a transformer"
			if e.line >= 0 {
				name = g.net.Lines[e.line].Name
			}
			return city.Errorf(city.Invalid, "%s closes a loop of lines without switches: no radial configuration exists", name)
		}
	}
	for _, e := range g.edges {
		sets.join(e.a, e.b)
	}
	for n := range g.nodes {
		if sets.find(n) != sets.find(0) {
			return fmt.Errorf("bus %s cannot be reached", g.net.Buses[g.bus[n]].Name)
		}
	}
	return nil
}

// sets joins numbers into sets.
type sets []int

func newSets(n int) sets {
	s := make(sets, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func (s sets) find(i int) int {
	for s[i] != i {
		s[i] = s[s[i]]
		i = s[i]
	}
	return i
}

// join says whether a and b were apart.
func (s sets) join(a, b int) bool {
	a, b = s.find(a), s.find(b)
	s[a] = b
	return a != b
}
