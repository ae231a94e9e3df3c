package streetmap

import (
	"fmt"
	"slices"

	"github.com/paulmach/osm"
)

// Distances along the street, metres, by which signals on the map are told to belong
// together.
const (
	ahead    = 40 // from a signal at a stop line to the junction behind it
	together = 35 // between nodes of one junction, such as those of two carriageways
	midblock = 30 // between the halves of a crossing between junctions
)

// cluster is one junction: the nodes of the map where its streets meet. Where streets
// meet without signals it is one node.
type cluster struct {
	nodes   []osm.NodeID // sorted
	signals bool
	between bool // a crossing between junctions
	notes   []string
}

// note keeps what was taken for granted, once.
func (c *cluster) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(c.notes, text) {
		c.notes = append(c.notes, text)
	}
}

func (c *cluster) has(n osm.NodeID) bool {
	_, found := slices.BinarySearch(c.nodes, n)
	return found
}

// clusters finds the junctions.
type clusters struct {
	*graph
	of      map[osm.NodeID]*cluster
	all     []*cluster
	stopFor map[osm.NodeID]osm.NodeID // the junction's node that a signal at a stop line is for
	lone    []osm.NodeID              // signals that belong to nothing
}

func findClusters(g *graph) *clusters {
	c := &clusters{graph: g, of: map[osm.NodeID]*cluster{}, stopFor: map[osm.NodeID]osm.NodeID{}}
	nodes := g.sortedNodes()
	signalised := map[osm.NodeID]bool{}
	var alone []osm.NodeID
	for _, n := range nodes {
		if !g.nodes[n].signal {
			continue
		}
		if g.degree(n) >= 3 {
			signalised[n] = true
			continue
		}
		if to, ok := c.target(n); ok {
			signalised[to] = true
			c.stopFor[n] = to
		} else {
			alone = append(alone, n)
		}
	}
	c.join(nodes, signalised)
	c.between(nodes, alone)
	for _, n := range nodes {
		if c.of[n] == nil && g.degree(n) != 2 {
			c.add(&cluster{nodes: []osm.NodeID{n}})
		}
	}
	return c
}

func (c *clusters) add(k *cluster) {
	slices.Sort(k.nodes)
	c.all = append(c.all, k)
	for _, n := range k.nodes {
		c.of[n] = k
	}
}

// target returns the node where streets meet behind a signal at a stop line.
func (c *clusters) target(signal osm.NodeID) (osm.NodeID, bool) {
	type way struct {
		to   osm.NodeID
		d    float64
		walk float64 // to the first crossing, large if there is none
	}
	var found []way
	for _, h := range c.next[signal] {
		if !h.road().open || c.nodes[signal].toward != 0 && (c.nodes[signal].toward > 0) != h.along {
			continue
		}
		w := way{walk: 1e9}
		at, d := signal, 0.0
		ok := true
		for ok {
			before := at
			d += c.metres(at, h.to)
			at = h.to
			if c.degree(at) >= 3 || d > ahead {
				break
			}
			if c.nodes[at].crossing && w.walk > 1e8 {
				w.walk = d
			}
			if c.nodes[at].signal && h.back().open {
				d = 1e9 // the stop line of the other direction: a crossing between junctions
			}
			h, ok = c.onward(before, at)
			ok = ok && h.road().open
		}
		if c.degree(at) >= 3 && d <= ahead {
			w.to, w.d = at, d
			found = append(found, w)
		}
	}
	switch len(found) {
	case 0:
		return 0, false
	case 2:
		// Of two directions the one in which a crossing comes first, else the nearer junction.
		const close = 12
		if a, b := found[0].walk < close, found[1].walk < close; a != b {
			if b {
				return found[1].to, true
			}
			return found[0].to, true
		}
		if found[1].d < found[0].d {
			return found[1].to, true
		}
	}
	return found[0].to, true
}

// join puts the nodes of one junction together.
func (c *clusters) join(nodes []osm.NodeID, signalised map[osm.NodeID]bool) {
	parent := map[osm.NodeID]osm.NodeID{}
	var root func(osm.NodeID) osm.NodeID
	root = func(n osm.NodeID) osm.NodeID {
		if p, ok := parent[n]; ok && p != n {
			parent[n] = root(p)
			return parent[n]
		}
		return n
	}
	member := map[osm.NodeID]bool{}
	for _, n := range nodes {
		if !signalised[n] {
			continue
		}
		member[n] = true
		c.nearby(n, together, func(path []osm.NodeID, _ float64) bool {
			at := path[len(path)-1]
			if at == n || !signalised[at] {
				return true
			}
			for _, p := range path {
				if c.degree(p) >= 3 {
					member[p] = true
					parent[root(p)] = root(n)
				}
			}
			return false
		})
	}
	byRoot := map[osm.NodeID]*cluster{}
	var order []*cluster
	for _, n := range nodes {
		if !member[n] {
			continue
		}
		k := byRoot[root(n)]
		if k == nil {
			k = &cluster{signals: true}
			byRoot[root(n)] = k
			order = append(order, k)
		}
		k.nodes = append(k.nodes, n)
	}
	for _, k := range order {
		c.add(k)
	}
}

// between finds crossings with signals between junctions, each half of a street with
// two carriageways a node, and gives them the stop lines nearby.
func (c *clusters) between(nodes, alone []osm.NodeID) {
	var at []osm.NodeID
	for _, n := range nodes {
		if !c.nodes[n].crossing || c.of[n] != nil || c.degree(n) != 2 {
			continue
		}
		near := false
		c.nearby(n, ahead, func(path []osm.NodeID, _ float64) bool {
			end := path[len(path)-1]
			if k := c.of[end]; k != nil && k.signals {
				near = true
			}
			return !near && (end == n || c.degree(end) == 2)
		})
		if !near {
			at = append(at, n)
		}
	}
	used := map[osm.NodeID]bool{}
	for i, n := range at {
		if used[n] {
			continue
		}
		k := &cluster{nodes: []osm.NodeID{n}, signals: true, between: true}
		for _, m := range at[i+1:] {
			if !used[m] && c.metres(n, m) <= midblock && c.next[n][0].way.name == c.next[m][0].way.name {
				used[m] = true
				k.nodes = append(k.nodes, m)
			}
		}
		c.add(k)
	}
	for _, n := range alone {
		found := c.of[n] != nil
		c.nearby(n, ahead, func(path []osm.NodeID, _ float64) bool {
			end := path[len(path)-1]
			if k := c.of[end]; !found && k != nil && k.between {
				c.stopFor[n] = end
				found = true
			}
			return !found && c.degree(end) == 2
		})
		if !found {
			c.lone = append(c.lone, n)
		}
	}
}

func (c *cluster) id() string { return fmt.Sprintf("osm-%d", c.nodes[0]) }
