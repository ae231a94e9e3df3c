package grid

// Node is one conductor's place at a bus.
type Node struct{ Bus, Number int }

// Topology says which nodes there are, which of them a source feeds, and what
// closes loops. It is a picture of the network when it was made.
type Topology struct {
	Nodes []Node
	Live  []bool // per node: a source reaches it
	// Loops names, by kind and index, elements that join nodes joined already; a
	// radial network has none.
	Loops []Element

	first   []int // per bus: where its nodes begin
	islands unionFind
}

// Kind is a kind of element.
type Kind uint8

// The kinds of element.
const (
	LineKind Kind = iota
	TransformerKind
	ShuntKind
	LoadKind
	FeedKind
	SourceKind
)

// Element points at one element of a network.
type Element struct {
	Kind  Kind
	Index int
}

// Describe returns an element's name and origin.
func (n *Network) Describe(e Element) (string, Origin) {
	switch e.Kind {
	case LineKind:
		return n.Lines[e.Index].Name, n.Lines[e.Index].Origin
	case TransformerKind:
		return n.Transformers[e.Index].Name, n.Transformers[e.Index].Origin
	case ShuntKind:
		return n.Shunts[e.Index].Name, n.Shunts[e.Index].Origin
	case LoadKind:
		return n.Loads[e.Index].Name, n.Loads[e.Index].Origin
	case FeedKind:
		return n.Generators[e.Index].Name, n.Generators[e.Index].Origin
	default:
		return n.Sources[e.Index].Name, n.Sources[e.Index].Origin
	}
}

// BusesOf returns the buses of an element's terminals, in order.
func (n *Network) BusesOf(e Element) []int {
	switch e.Kind {
	case LineKind:
		l := &n.Lines[e.Index]
		return []int{l.Ends[0].Bus, l.Ends[1].Bus}
	case TransformerKind:
		var out []int
		for _, w := range n.Transformers[e.Index].Windings {
			out = append(out, w.Bus)
		}
		return out
	case ShuntKind:
		s := &n.Shunts[e.Index]
		if len(s.Low.Nodes) > 0 {
			return []int{s.At.Bus, s.Low.Bus}
		}
		return []int{s.At.Bus}
	case LoadKind:
		return []int{n.Loads[e.Index].At.Bus}
	case FeedKind:
		return []int{n.Generators[e.Index].At.Bus}
	default:
		return []int{n.Sources[e.Index].At.Bus}
	}
}

// unionFind joins numbers into sets.
type unionFind []int

func newUnionFind(n int) unionFind {
	u := make(unionFind, n)
	for i := range u {
		u[i] = i
	}
	return u
}

func (u unionFind) find(i int) int {
	for u[i] != i {
		u[i] = u[u[i]]
		i = u[i]
	}
	return i
}

// join says whether a and b were apart before.
func (u unionFind) join(a, b int) bool {
	a, b = u.find(a), u.find(b)
	u[max(a, b)] = min(a, b)
	return a != b
}

// terminals calls f for every terminal of every element.
func (n *Network) terminals(f func(Terminal)) {
	for i := range n.Sources {
		f(n.Sources[i].At)
	}
	for i := range n.Lines {
		f(n.Lines[i].Ends[0])
		f(n.Lines[i].Ends[1])
	}
	for i := range n.Transformers {
		for w := range n.Transformers[i].Windings {
			f(n.Transformers[i].Windings[w].Terminal)
		}
	}
	for i := range n.Shunts {
		f(n.Shunts[i].At)
		f(n.Shunts[i].Low)
	}
	for i := range n.Loads {
		f(n.Loads[i].At)
	}
	for i := range n.Generators {
		f(n.Generators[i].At)
	}
}

// Topology finds nodes, what feeds them, and loops.
func (n *Network) Topology() *Topology {
	t := &Topology{first: make([]int, len(n.Buses)+1)}
	numbers := make([][]int, len(n.Buses))
	n.terminals(func(at Terminal) {
		for _, k := range at.Nodes {
			if k != Earth {
				numbers[at.Bus] = insert(numbers[at.Bus], k)
			}
		}
	})
	for bus, list := range numbers {
		t.first[bus] = len(t.Nodes)
		for _, k := range list {
			t.Nodes = append(t.Nodes, Node{bus, k})
		}
	}
	t.first[len(n.Buses)] = len(t.Nodes)
	t.islands = newUnionFind(len(t.Nodes))
	n.joinAll(t)
	n.findLoops(t)
	fed := make([]bool, len(t.Nodes))
	for i := range n.Sources {
		for _, k := range n.Sources[i].At.Nodes {
			if v := t.Index(n.Sources[i].At.Bus, k); v >= 0 && !n.Sources[i].OutOf {
				fed[t.islands.find(v)] = true
			}
		}
	}
	t.Live = make([]bool, len(t.Nodes))
	for v := range t.Live {
		t.Live[v] = fed[t.islands.find(v)]
	}
	return t
}

// insert keeps a short ascending list of distinct numbers.
func insert(list []int, k int) []int {
	for i, v := range list {
		if v == k {
			return list
		}
		if v > k {
			list = append(list, 0)
			copy(list[i+1:], list[i:])
			list[i] = k
			return list
		}
	}
	return append(list, k)
}

// Index returns the index of a node, or -1 for the earth and for a node that no
// element names.
func (t *Topology) Index(bus, number int) int {
	if number == Earth || bus < 0 {
		return -1
	}
	for i := t.first[bus]; i < t.first[bus+1]; i++ {
		if t.Nodes[i].Number == number {
			return i
		}
	}
	return -1
}

// At returns the indices of a bus's nodes, from and to (exclusive).
func (t *Topology) At(bus int) (from, to int) { return t.first[bus], t.first[bus+1] }

// Island returns a number that all nodes joined to this one share.
func (t *Topology) Island(node int) int { return t.islands.find(node) }

// Terminal returns the node indices of a terminal's conductors, -1 for earth.
func (t *Topology) Terminal(at Terminal) []int {
	out := make([]int, len(at.Nodes))
	for i, k := range at.Nodes {
		out[i] = t.Index(at.Bus, k)
	}
	return out
}

// BusLive says whether a source feeds any node of the bus.
func (t *Topology) BusLive(bus int) bool {
	for i := t.first[bus]; i < t.first[bus+1]; i++ {
		if t.Live[i] {
			return true
		}
	}
	return false
}

// joinAll joins the nodes that a closed conductor or a coil connects.
func (n *Network) joinAll(t *Topology) {
	join := func(a, b int) {
		if a >= 0 && b >= 0 {
			t.islands.join(a, b)
		}
	}
	for i := range n.Lines {
		l := &n.Lines[i]
		a, b := t.Terminal(l.Ends[0]), t.Terminal(l.Ends[1])
		for c := range a {
			if l.conductorClosed(c) {
				join(a[c], b[c])
			}
		}
	}
	for i := range n.Transformers {
		x := &n.Transformers[i]
		if x.OutOfService {
			continue
		}
		nodes := x.nodes(t)
		for p := range x.Phases {
			first, _ := x.Coil(0, p)
			anchor := nodes[first]
			for w := range x.Windings {
				high, low := x.Coil(w, p)
				join(nodes[high], nodes[low])
				if anchor < 0 {
					anchor = nodes[low]
				}
				join(anchor, nodes[high])
				join(anchor, nodes[low])
			}
		}
	}
	for i := range n.Shunts {
		a, b := t.Terminal(n.Shunts[i].At), t.Terminal(n.Shunts[i].Low)
		for c := range min(len(a), len(b)) {
			join(a[c], b[c])
		}
	}
}

// nodes returns the node indices of all conductors of a transformer.
func (t *Transformer) nodes(top *Topology) []int {
	var out []int
	for w := range t.Windings {
		out = append(out, top.Terminal(t.Windings[w].Terminal)...)
	}
	return out
}

// findLoops lists elements whose phase conductors join what is joined already.
// Coils between phases do not count, so that three phases in parallel are no
// loop.
func (n *Network) findLoops(t *Topology) {
	u := newUnionFind(len(t.Nodes) + 100) // and a place for each phase of the world behind the sources
	for i := range n.Sources {
		s := &n.Sources[i]
		loop := false
		for _, k := range s.At.Nodes {
			if v := t.Index(s.At.Bus, k); v >= 0 && !s.OutOf && k < 100 && !u.join(v, len(t.Nodes)+k) {
				loop = true
			}
		}
		if loop {
			t.Loops = append(t.Loops, Element{SourceKind, i})
		}
	}
	for i := range n.Transformers {
		x := &n.Transformers[i]
		if x.OutOfService {
			continue
		}
		for w := 1; w < len(x.Windings); w++ {
			loop := false
			for p := range x.Phases {
				a := t.Index(x.Windings[0].Bus, x.Windings[0].Nodes[p])
				b := t.Index(x.Windings[w].Bus, x.Windings[w].Nodes[p])
				if a >= 0 && b >= 0 && !u.join(a, b) {
					loop = true
				}
			}
			if loop {
				t.Loops = append(t.Loops, Element{TransformerKind, i})
			}
		}
	}
	for _, switches := range []bool{false, true} { // rather blame a switch, which can be opened
		for i := range n.Lines {
			l := &n.Lines[i]
			if l.Switch != switches {
				continue
			}
			loop := false
			for c := range l.Ends[0].Nodes {
				a, b := t.Index(l.Ends[0].Bus, l.Ends[0].Nodes[c]), t.Index(l.Ends[1].Bus, l.Ends[1].Nodes[c])
				if l.conductorClosed(c) && a >= 0 && b >= 0 && !u.join(a, b) {
					loop = true
				}
			}
			if loop {
				t.Loops = append(t.Loops, Element{LineKind, i})
			}
		}
	}
}
