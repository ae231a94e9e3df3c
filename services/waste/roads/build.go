package roads

import (
	"math"

	"github.com/paulmach/osm"

	"polity/city"
)

// Build makes the network of the streets that a vehicle may use, and its
// hierarchy. Arcs from which or to which not all the rest can be reached are left
// out (Network.Cut), so that within the network every way exists.
func (m *Map) Build(v Vehicle) (*Network, error) {
	n := &Network{Vehicle: v, Skipped: m.skipped}
	b := &builder{m: m, n: n, junctions: map[osm.NodeID]int32{}}
	b.countUses()
	for _, w := range m.ways {
		b.way(w)
	}
	if len(n.arcs) == 0 {
		return nil, city.Errorf(city.Invalid, "no street of this extract is open to a %s; check its weight and size, or another extract", v.Name)
	}
	b.turns()
	b.keepConnected()
	n.grid = newGrid(n)
	n.up = contract(n)
	return n, nil
}

type builder struct {
	m         *Map
	n         *Network
	uses      map[osm.NodeID]int
	junctions map[osm.NodeID]int32
	nodes     []osm.NodeID // by junction
}

// countUses counts at how many places streets of this vehicle meet in a node;
// two and more make a junction.
func (b *builder) countUses() {
	b.uses = map[osm.NodeID]int{}
	for _, w := range b.m.ways {
		if b.n.Vehicle.speed(w.Tags) == 0 {
			continue
		}
		for i, node := range w.Nodes {
			b.uses[node.ID]++
			if i == 0 || i == len(w.Nodes)-1 {
				b.uses[node.ID]++
			}
		}
	}
}

func (b *builder) junction(id osm.NodeID) int32 {
	if j, ok := b.junctions[id]; ok {
		return j
	}
	j := int32(len(b.nodes))
	b.junctions[id] = j
	b.nodes = append(b.nodes, id)
	return j
}

// way cuts a way at its junctions, at barriers and where the extract ends.
func (b *builder) way(w *osm.Way) {
	speed := b.n.Vehicle.speed(w.Tags)
	if speed == 0 {
		return
	}
	start := -1
	for i, node := range w.Nodes {
		if !b.m.known(node.ID) || b.m.barred[node.ID] {
			if start >= 0 && i-1 > start {
				b.stretch(w, start, i-1, speed)
			}
			start = -1
			continue
		}
		if start < 0 {
			start = i
			continue
		}
		if b.uses[node.ID] > 1 || i == len(w.Nodes)-1 {
			b.stretch(w, start, i, speed)
			start = i
		}
	}
}

func (b *builder) stretch(w *osm.Way, from, to int, speed float64) {
	s := street{name: w.Tags.Find("name"), way: int64(w.ID)}
	metres, waits := 0.0, uint32(0)
	for i := from; i <= to; i++ {
		p := b.m.nodes[w.Nodes[i].ID]
		if len(s.points) > 0 {
			if p == s.points[len(s.points)-1] {
				continue
			}
			metres += p.Metres(s.points[len(s.points)-1])
		}
		s.points = append(s.points, p)
		if i > from && b.m.signals[w.Nodes[i].ID] {
			waits += signalWait
		}
	}
	if len(s.points) < 2 {
		return
	}
	if s.name == "" {
		s.name = w.Tags.Find("highway") + " without a name"
	}
	millis := uint32(math.Max(1, math.Round(metres/speed*3600))) + waits
	b.n.streets = append(b.n.streets, s)
	a := Arc{From: b.junction(w.Nodes[from].ID), To: b.junction(w.Nodes[to].ID), Street: int32(len(b.n.streets) - 1), Millis: millis, Metres: float32(metres)}
	forward, backward := direction(w.Tags)
	if forward {
		b.n.arcs = append(b.n.arcs, a)
	}
	if backward {
		a.From, a.To, a.Reverse = a.To, a.From, true
		b.n.arcs = append(b.n.arcs, a)
	}
}

// turns lists what may follow each arc.
func (b *builder) turns() {
	n := b.n
	out := make([][]int32, len(b.nodes))
	for i, a := range n.arcs {
		out[a.From] = append(out[a.From], int32(i))
	}
	banned := map[restriction]bool{}
	only := map[restriction]osm.WayID{}
	for _, r := range b.m.restrictions {
		if r.only {
			only[restriction{from: r.from, via: r.via}] = r.to
		} else {
			banned[restriction{from: r.from, to: r.to, via: r.via}] = true
		}
	}
	n.turns = make([][]turn, len(n.arcs))
	for i := range n.arcs {
		a := &n.arcs[i]
		way, via := osm.WayID(n.streets[a.Street].way), b.nodes[a.To]
		must, bound := only[restriction{from: way, via: via}]
		for _, o := range out[a.To] {
			x := &n.arcs[o]
			to := osm.WayID(n.streets[x.Street].way)
			back := x.Street == a.Street && x.Reverse != a.Reverse
			switch {
			case back && len(out[a.To]) > 1:
				// Nobody turns a refuse truck in the middle of a junction.
			case back:
				n.turns[i] = append(n.turns[i], turn{o, turnRound})
			case bound && to != must && reaches(n, out[a.To], must):
			case banned[restriction{from: way, to: to, via: via}]:
			default:
				n.turns[i] = append(n.turns[i], turn{o, turnCost(n.heading(o, false)-n.heading(int32(i), true), b.m.LeftHand)})
			}
		}
	}
}

// reaches says whether the street that an "only" restriction demands is there
// for this vehicle; where it is not, the restriction would close the junction.
func reaches(n *Network, out []int32, way osm.WayID) bool {
	for _, o := range out {
		if osm.WayID(n.streets[n.arcs[o].Street].way) == way {
			return true
		}
	}
	return false
}

// keepConnected drops the arcs outside the largest strongly connected part.
func (b *builder) keepConnected() {
	n := b.n
	in := connected(n.turns)
	renamed := make([]int32, len(n.arcs))
	var arcs []Arc
	var turns [][]turn
	for i, a := range n.arcs {
		renamed[i] = -1
		if in[i] {
			renamed[i] = int32(len(arcs))
			arcs = append(arcs, a)
			turns = append(turns, n.turns[i])
		}
	}
	n.Cut = len(n.arcs) - len(arcs)
	for i, list := range turns {
		kept := list[:0]
		for _, t := range list {
			if renamed[t.to] >= 0 {
				kept = append(kept, turn{renamed[t.to], t.millis})
			}
		}
		turns[i] = kept
	}
	n.arcs, n.turns = arcs, turns
	ways := make([]int, len(n.streets))
	for _, a := range arcs {
		ways[a.Street]++
	}
	n.twoWay = make([]bool, len(arcs))
	for i, a := range arcs {
		n.twoWay[i] = ways[a.Street] > 1
	}
}
