package streetmap

import (
	"cmp"
	"slices"

	"github.com/paulmach/osm"
)

// hop leads from a node to its neighbour on a way.
type hop struct {
	to    osm.NodeID
	way   *way
	along bool // in the direction of the way
}

// road returns the direction of the way that the hop follows, back the other one.
func (h hop) road() *road {
	if h.along {
		return &h.way.along
	}
	return &h.way.against
}

func (h hop) back() *road {
	if h.along {
		return &h.way.against
	}
	return &h.way.along
}

// graph joins the nodes of streets.
type graph struct {
	*extract
	next map[osm.NodeID][]hop // neighbours, each once, whichever way traffic goes
}

func newGraph(x *extract) *graph {
	g := &graph{extract: x, next: map[osm.NodeID][]hop{}}
	add := func(from osm.NodeID, h hop) {
		if from == h.to || slices.ContainsFunc(g.next[from], func(o hop) bool { return o.to == h.to }) {
			return
		}
		g.next[from] = append(g.next[from], h)
	}
	for _, w := range x.ways {
		for i := 1; i < len(w.nodes); i++ {
			add(w.nodes[i-1], hop{w.nodes[i], w, true})
			add(w.nodes[i], hop{w.nodes[i-1], w, false})
		}
	}
	return g
}

func (g *graph) degree(n osm.NodeID) int { return len(g.next[n]) }

func (g *graph) metres(a, b osm.NodeID) float64 {
	return g.nodes[a].p.minus(g.nodes[b].p).length()
}

// onward returns the hop that goes on from a node with two neighbours.
func (g *graph) onward(before, at osm.NodeID) (hop, bool) {
	if g.degree(at) != 2 {
		return hop{}, false
	}
	h := g.next[at][0]
	if h.to == before {
		h = g.next[at][1]
	}
	return h, true
}

// sortedNodes returns all nodes of streets in the order of their numbers.
func (g *graph) sortedNodes() []osm.NodeID {
	all := make([]osm.NodeID, 0, len(g.next))
	for n := range g.next {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// chain is a stretch of street between two nodes where streets meet, end or have
// signals.
type chain struct {
	nodes []osm.NodeID
	hops  []hop // from each node to the next
	line  []point
	total float64
}

// open tells whether cars may go from the chain's start to its end, or back.
func (c *chain) open(forward bool) bool {
	for _, h := range c.hops {
		r := h.road()
		if !forward {
			r = h.back()
		}
		if !r.open {
			return false
		}
	}
	return true
}

// chains returns the stretches between nodes for which isEnd holds, each once.
func (g *graph) chains(isEnd func(osm.NodeID) bool) []*chain {
	var out []*chain
	type key struct{ a, b, c, d osm.NodeID }
	seen := map[key]bool{}
	for _, start := range g.sortedNodes() {
		if !isEnd(start) {
			continue
		}
		for _, h := range g.next[start] {
			c := &chain{nodes: []osm.NodeID{start}}
			at := start
			for {
				c.hops = append(c.hops, h)
				c.nodes = append(c.nodes, h.to)
				before := at
				at = h.to
				if isEnd(at) || len(c.nodes) > 100_000 {
					break
				}
				var ok bool
				if h, ok = g.onward(before, at); !ok {
					break
				}
			}
			last := len(c.nodes) - 1
			k := key{start, c.nodes[1], c.nodes[last-1], at}
			if seen[k] || seen[key{k.d, k.c, k.b, k.a}] {
				continue
			}
			seen[k] = true
			for _, n := range c.nodes {
				c.line = append(c.line, g.nodes[n].p)
			}
			c.total = span(c.line)
			if c.total > 0.1 {
				out = append(out, c)
			}
		}
	}
	return out
}

// nearby visits nodes by rising distance along streets from a node, whichever way
// traffic goes, up to reach metres. visit gets the path and tells whether to go on
// beyond its last node.
func (g *graph) nearby(from osm.NodeID, reach float64, visit func(path []osm.NodeID, d float64) bool) {
	type state struct {
		path []osm.NodeID
		d    float64
	}
	queue := []state{{[]osm.NodeID{from}, 0}}
	done := map[osm.NodeID]bool{}
	for len(queue) > 0 {
		slices.SortStableFunc(queue, func(a, b state) int { return cmp.Compare(a.d, b.d) })
		s := queue[0]
		queue = queue[1:]
		at := s.path[len(s.path)-1]
		if done[at] {
			continue
		}
		done[at] = true
		if !visit(s.path, s.d) {
			continue
		}
		for _, h := range g.next[at] {
			if d := s.d + g.metres(at, h.to); d <= reach && !done[h.to] {
				queue = append(queue, state{append(slices.Clone(s.path), h.to), d})
			}
		}
	}
}
