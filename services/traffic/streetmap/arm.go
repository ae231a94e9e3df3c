package streetmap

import (
	"fmt"
	"math"
	"slices"

	"github.com/paulmach/osm"

	"polity/services/traffic/network"
)

// Where the map has no stop line and no crossing, metres from where streets meet; more
// where the street across is wide.
const (
	stopAway  = 10
	exitAway  = 8
	laneWidth = 3.25 // RASt 06: 3.00 to 3.50 m
	atPlain   = 5    // junctions without signals
	atBetween = 4    // stop lines of crossings between junctions
	setBack   = 3    // from a crossing's middle to the stop line
)

// arm is where a stretch of street meets a junction.
type arm struct {
	*cluster
	chain     *chain
	atStart   bool // the junction is at the chain's start
	node      osm.NodeID
	crossings []armCrossing // by rising distance
	stop      float64       // from the node to the stop line
	exit      float64       // from the node to where the street begins again
	stopKnown bool
	in, out   *section // the sections next to the junction, nil if closed
}

type armCrossing struct {
	node osm.NodeID
	d    float64
}

// section is one direction of a stretch of street with the same lanes all along: an
// edge of the network.
type section struct {
	id    string
	lanes []int // in the network, from the right
	road  *road
	way   *way
	line  []point // its middle of the street, in the direction of travel
	wide  int     // lanes of both directions
}

// offset returns how far right of the street's middle a lane runs.
func (s *section) offset(lane int) float64 {
	return float64(s.wide)*laneWidth/2 - (float64(lane)+0.5)*laneWidth
}

// inward returns the chain's line from far away to the junction.
func (a *arm) inward() []point {
	if !a.atStart {
		return a.chain.line
	}
	line := slices.Clone(a.chain.line)
	slices.Reverse(line)
	return line
}

// outward returns the chain's line, nodes and hops away from the junction.
func (a *arm) outward() (line []point, nodes []osm.NodeID, hops []hop) {
	if a.atStart {
		return a.chain.line, a.chain.nodes, a.chain.hops
	}
	line = a.inward()
	line = slices.Clone(line)
	slices.Reverse(line)
	nodes = slices.Clone(a.chain.nodes)
	slices.Reverse(nodes)
	for i, h := range slices.Backward(a.chain.hops) {
		hops = append(hops, hop{a.chain.nodes[i], h.way, !h.along})
	}
	return line, nodes, hops
}

// measure finds the arm's crossings and stop line. most is how much of the street is
// the arm's own: a short street is shared with the junction at its other end.
func (c *clusters) measure(a *arm, most float64) {
	line, nodes, _ := a.outward()
	if !a.signals {
		a.stop, a.exit = math.Min(atPlain, most), math.Min(atPlain, most)
		if c.degree(a.node) < 2 {
			a.stop, a.exit = 0, 0
		}
		return
	}
	d := 0.0
	for i, n := range nodes {
		if i > 0 {
			d += line[i].minus(line[i-1]).length()
		}
		if d > math.Min(ahead, most) || i > 0 && i == len(nodes)-1 {
			break
		}
		if c.nodes[n].crossing && (i > 0 || a.between) {
			a.crossings = append(a.crossings, armCrossing{n, d})
		}
		if to, ok := c.stopFor[n]; ok && a.has(to) && d > a.stop {
			a.stop, a.stopKnown = d, true
		}
	}
	if a.between {
		a.stop, a.exit = max(a.stop, atBetween), atBetween
	} else {
		last := 0.0
		if len(a.crossings) > 0 {
			last = a.crossings[len(a.crossings)-1].d + setBack
			a.exit = last
		} else {
			a.exit = max(exitAway, c.halfAcross(a)+setBack)
		}
		if a.stop == 0 && last == 0 {
			a.stop = max(stopAway, c.halfAcross(a)+setBack)
		}
		a.stop = max(a.stop, last)
	}
	a.stop, a.exit = math.Min(a.stop, most), math.Min(a.exit, most)
}

// halfAcross is half the width of the widest street that an arm meets at its node.
func (c *clusters) halfAcross(a *arm) float64 {
	_, nodes, _ := a.outward()
	own := c.nodes[nodes[1]].p.minus(c.nodes[a.node].p)
	widest := 0.0
	for _, h := range c.next[a.node] {
		turn := math.Abs(angle(own, c.nodes[h.to].p.minus(c.nodes[a.node].p)))
		if h.to != nodes[1] && turn < 145 { // not the same street behind the junction
			widest = max(widest, crossed(h)/2)
		}
	}
	return widest
}

// sections turns one direction of a chain into edges of the network, from one arm to
// the other, and returns the first and the last.
func (im *importer) sections(c *chain, from, to *arm) (first, last *section) {
	line, nodes, hops := from.outward()
	begin, end := from.exit, c.total-to.stop
	if end-begin < 1 { // too short for both: half way
		middle := math.Min(math.Max((begin+end)/2, 0.5), c.total-0.5)
		begin, end = middle-0.5, middle+0.5
	}
	type piece struct {
		h        hop
		from, to float64
		at       osm.NodeID
	}
	var pieces []piece
	d := 0.0
	for i, h := range hops {
		l := line[i+1].minus(line[i]).length()
		a, b := max(d, begin), min(d+l, end)
		d += l
		if b-a < 0.01 {
			continue
		}
		if n := len(pieces); n > 0 && same(pieces[n-1].h, h) {
			pieces[n-1].to = b
			continue
		}
		pieces = append(pieces, piece{h, a, b, nodes[i]})
	}
	// Short pieces join the next one, at the end the one before.
	const short = 4
	for i := 0; i < len(pieces) && len(pieces) > 1; {
		switch {
		case pieces[i].to-pieces[i].from >= short:
			i++
			continue
		case i == len(pieces)-1:
			pieces[i].from = pieces[i-1].from
			pieces = slices.Delete(pieces, i-1, i)
		default:
			pieces[i+1].from = pieces[i].from
			pieces = slices.Delete(pieces, i, i+1)
		}
		i = 0
	}
	for _, p := range pieces {
		s := &section{road: p.h.road(), way: p.h.way, line: part(line, p.from, p.to)}
		s.id = fmt.Sprintf("%d:%d-%d", p.h.way.id, p.at, p.h.to)
		s.wide = s.road.lanes
		if p.h.back().open {
			s.wide += p.h.back().lanes
		}
		im.addSection(s, p.to-p.from)
		if last != nil {
			im.joinSections(last, s)
		} else {
			first = s
		}
		last = s
	}
	return first, last
}

// same tells whether two hops are alike in all that an edge must have alike.
func same(a, b hop) bool {
	x, y := a.road(), b.road()
	return x.lanes == y.lanes && slices.Equal(x.arrows, y.arrows) && x.speed == y.speed && a.way.name == b.way.name && a.back().open == b.back().open && a.back().lanes == b.back().lanes
}

func (im *importer) addSection(s *section, length float64) {
	for i := range s.road.lanes {
		s.lanes = append(s.lanes, len(im.net.Lanes))
		im.net.Lanes = append(im.net.Lanes, network.Lane{
			ID: fmt.Sprintf("%s_%d", s.id, i), Edge: s.id, Index: i, Length: max(0.1, length), Speed: s.road.speed, Motor: true,
			Street: s.way.name, Shape: im.places(beside(s.line, s.offset(i))),
		})
	}
}

// joinSections links the lanes of an edge to those of the edge that follows it.
func (im *importer) joinSections(a, b *section) {
	n, m := len(a.lanes), len(b.lanes)
	for k := range max(n, m) {
		im.net.Links = append(im.net.Links, network.Link{From: a.lanes[min(k, n-1)], To: b.lanes[min(k, m-1)], Turn: network.Straight, Junction: -1, Signal: -1})
	}
}
