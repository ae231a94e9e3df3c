package streetmap

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/osm"

	"polity/services/traffic/network"
)

// movement is the way from one arm of a junction to another.
type movement struct {
	from, to *arm
	turn     network.Turn
	angle    float64 // degrees, left above 0
	pairs    []lanePair
}

// lanePair joins a lane of the approach to one of the exit, both from the right.
type lanePair struct{ from, to int }

// entry returns where a lane meets the stop line, and the direction of travel there;
// leave the same where a lane of the exit begins.
func (a *arm) entry(lane int) (at, heading point) {
	line := a.inward()
	at, heading = along(line, a.chain.total-a.stop)
	return at.plus(heading.right().times(a.in.offset(lane))), heading
}

func (a *arm) leave(lane int) (at, heading point) {
	line, _, _ := a.outward()
	at, heading = along(line, a.exit)
	return at.plus(heading.right().times(a.out.offset(lane))), heading
}

// direct returns how far it is through the junction, metres.
func (m *movement) direct() float64 {
	a, _ := m.from.entry(0)
	b, _ := m.to.leave(0)
	return b.minus(a).length()
}

// movements finds who may go where at a junction, and on which lanes.
func (im *importer) movements(k *cluster) []*movement {
	var all []*movement
	for _, a := range im.arms[k] {
		if a.in == nil {
			continue
		}
		var own []*movement
		_, heading := a.entry(0)
		for _, b := range im.arms[k] {
			if b == a || b.out == nil || b.chain == a.chain && len(k.nodes) == 1 {
				continue
			}
			if !im.mayGo(k, a, b) {
				continue
			}
			_, out := b.leave(0)
			m := &movement{from: a, to: b, angle: angle(heading, out)}
			if math.Abs(m.angle) > 150 {
				continue // turning around
			}
			own = append(own, m)
		}
		nameTurns(own)
		slices.SortStableFunc(own, func(x, y *movement) int { return cmp.Compare(x.angle, y.angle) }) // rightmost first
		im.assignLanes(a, own)
		all = append(all, own...)
	}
	return all
}

// nameTurns tells left, straight and right: straight is what turns least if it turns
// by less than 45 degrees, and what turns by less than 20.
func nameTurns(own []*movement) {
	least := math.Inf(1)
	for _, m := range own {
		least = min(least, math.Abs(m.angle))
	}
	for _, m := range own {
		switch a := math.Abs(m.angle); {
		case a < 20, a <= least && a < 45:
			m.turn = network.Straight
		case m.angle > 0:
			m.turn = network.Left
		default:
			m.turn = network.Right
		}
	}
}

// mayGo tells whether the map's streets and turn restrictions let cars go through a
// junction from one arm to another.
func (im *importer) mayGo(k *cluster, a, b *arm) bool {
	last := func(x *arm) (osm.NodeID, *way) {
		_, nodes, hops := x.outward()
		return nodes[1], hops[0].way
	}
	before, arrives := last(a)
	after, leaves := last(b)
	type state struct {
		at, from osm.NodeID
		way      *way
	}
	queue := []state{{a.node, before, arrives}}
	done := map[state]bool{}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if done[s] {
			continue
		}
		done[s] = true
		if s.at == b.node && s.from != after && im.allowed(s.way, s.at, leaves) {
			return true
		}
		for _, h := range im.next[s.at] {
			if h.to == s.from || !h.road().open || !im.allowed(s.way, s.at, h.way) || !im.inside(k, s.at, h.to) {
				continue
			}
			queue = append(queue, state{h.to, s.at, h.way})
		}
	}
	return false
}

// inside tells whether a hop leads from one node of a junction towards another.
func (im *importer) inside(k *cluster, at, to osm.NodeID) bool {
	before, d := at, im.metres(at, to)
	for !k.has(to) {
		h, ok := im.onward(before, to)
		if !ok || im.of[to] != nil || d > 2*together {
			return false
		}
		d += im.metres(to, h.to)
		before, to = to, h.to
	}
	return d <= 2*together
}

func (im *importer) allowed(from *way, at osm.NodeID, to *way) bool {
	for _, r := range im.restrictions[at] {
		if r.from == from.id && r.only != (r.to == to.id) {
			return false
		}
	}
	return true
}

// assignLanes gives each movement of an approach its lanes: by the arrows on the map,
// or by a rule that notes says.
func (im *importer) assignLanes(a *arm, own []*movement) {
	if len(own) == 0 {
		return
	}
	n := len(a.in.lanes)
	arrows := a.in.road.arrows
	if len(arrows) != n || im.senseless[a] {
		arrows = usualArrows(n, own)
		if im.senseless[a] {
			a.note("the map's arrows from %s would have lanes cross that get green together; taken instead, from the left: %s", a.title(), sayArrows(arrows))
		} else if n > 1 && a.signals {
			a.note("arrows of the %d lanes from %s, from the left: %s", n, a.title(), sayArrows(arrows))
		}
	}
	for _, m := range own {
		want := map[network.Turn]turns{network.Left: toLeft, network.Straight: toStraight, network.Right: toRight}[m.turn]
		var lanes []int
		for i, t := range arrows {
			if t&want != 0 {
				lanes = append(lanes, i)
			}
		}
		if len(lanes) == 0 { // the arrows know no such way
			lane := 0
			if m.turn == network.Left || m.turn == network.Straight && arrows[0]&toRight != 0 {
				lane = n - 1
			}
			lanes = []int{lane}
			if a.signals {
				a.note("from %s to %s on lane %d from the right, though its arrow does not say so", a.title(), m.to.title(), lane+1)
			}
		}
		lanes = a.split(m, own, lanes)
		k := len(m.to.out.lanes)
		if len(lanes) > k && a.signals {
			a.note("%d lanes from %s lead into %d lanes of %s", len(lanes), a.title(), k, m.to.title())
		}
		for i, lane := range lanes {
			to := min(i, k-1)
			if m.turn == network.Left {
				to = max(0, k-len(lanes)+i)
			}
			m.pairs = append(m.pairs, lanePair{lane, to})
		}
	}
}

// split shares lanes among movements that turn the same way into different streets, the
// rightmost lanes to the rightmost street, so that none cross.
func (a *arm) split(m *movement, own []*movement, lanes []int) []int {
	var alike []*movement
	for _, o := range own {
		if o.turn == m.turn {
			alike = append(alike, o)
		}
	}
	n, count := len(lanes), len(alike)
	if n == 1 || count == 1 {
		return lanes
	}
	q := slices.Index(alike, m)
	first := q * n / count
	last := max(first, (q+1)*n/count-1)
	if a.signals {
		a.note("of the lanes from %s that lead to %d streets on the same side, %d to %s", a.title(), count, last-first+1, m.to.title())
	}
	return lanes[first : last+1]
}

// usualArrows is the rule where the map has no arrows: from one lane anywhere; of
// several the right one right and straight, the left one left and straight, the
// others straight; without a way straight on, the right half right, the rest left.
func usualArrows(n int, own []*movement) []turns {
	var all turns
	for _, m := range own {
		all |= map[network.Turn]turns{network.Left: toLeft, network.Straight: toStraight, network.Right: toRight}[m.turn]
	}
	out := make([]turns, n)
	for i := range out {
		switch {
		case n == 1:
			out[i] = all
		case all&toStraight == 0 && all == toLeft|toRight:
			out[i] = toRight
			if i >= n/2 {
				out[i] = toLeft
			}
		case all&toStraight == 0:
			out[i] = all
		default:
			out[i] = toStraight
			if i == 0 {
				out[i] |= all & toRight
			}
			if i == n-1 {
				out[i] |= all & toLeft
			}
		}
	}
	return out
}

func sayArrows(arrows []turns) string {
	text := ""
	for _, arrow := range slices.Backward(arrows) {
		word := ""
		for _, t := range []struct {
			is   turns
			name string
		}{{toLeft, "left"}, {toStraight, "straight"}, {toRight, "right"}} {
			if arrow&t.is != 0 {
				if word != "" {
					word += "+"
				}
				word += t.name
			}
		}
		if text != "" {
			text += " | "
		}
		text += word
	}
	return text
}
