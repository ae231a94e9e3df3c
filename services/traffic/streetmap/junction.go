package streetmap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/paulmach/osm"

	"polity/services/traffic/network"
	"polity/services/traffic/plan"
	"polity/services/traffic/safety"
)

// stream is one lane's way through a junction.
type stream struct {
	*movement
	lanePair
	line   []point
	signal int
	group  int
}

// walk is a crossing with signals.
type walk struct {
	node   osm.NodeID
	arm    *arm // nil: inside the junction
	middle point
	along  point // the direction of the street
	length float64
	name   string
	edges  []string
	signal int
	group  int
}

// layout is a junction while it is put together.
type layout struct {
	*cluster
	im      *importer
	j       *network.Junction
	index   int
	streams []*stream
	walks   []*walk
	flow    []float64 // per group, over saturation
}

// saturation is the flow of a lane at green, vehicles an hour: HCM 2010, 18-5.
const saturation = 1900

// newLayout draws the ways through a junction and forms its groups.
func (im *importer) newLayout(k *cluster) *layout {
	l := &layout{cluster: k, im: im, index: len(im.net.Junctions), j: &network.Junction{ID: k.id()}}
	for _, m := range im.movements(k) {
		for _, p := range m.pairs {
			at, heading := m.from.entry(p.from)
			to, out := m.to.leave(p.to)
			l.streams = append(l.streams, &stream{movement: m, lanePair: p, line: curve(at, heading, to, out)})
		}
	}
	l.findWalks()
	l.describe()
	l.formGroups()
	return l
}

// junction adds a signalised junction to the network. One at which nobody can be in
// anybody's way is left out, and said so.
func (im *importer) junction(k *cluster) error {
	l := im.newLayout(k)
	if crossed := l.crossed(); len(crossed) > 0 {
		for _, a := range crossed {
			im.senseless[a] = true
		}
		k.notes = nil
		l = im.newLayout(k)
	}
	if len(l.streams) == 0 {
		im.net.Assumed = append(im.net.Assumed, fmt.Sprintf("the signals at node %d serve no way for cars, and are left out", k.nodes[0]))
		return nil
	}
	if len(l.j.Groups) > network.MaxGroups {
		im.net.Assumed = append(im.net.Assumed, fmt.Sprintf("junction %s has %d signal groups and is left out; at most %d are supported", l.j.ID, len(l.j.Groups), network.MaxGroups))
		return nil
	}
	l.relate()
	if slices.Max(l.j.Conflicts) == 0 {
		im.net.Assumed = append(im.net.Assumed, fmt.Sprintf("the signals of %s (%s) keep nobody out of anybody's way as far as the map shows, and are left out", l.j.ID, l.j.Name))
		im.unsignalled(l)
		return nil
	}
	l.say()
	return l.finish()
}

// crossed returns the approaches of which two lanes that always have green together
// lead across one another: the one to the right further left.
func (l *layout) crossed() []*arm {
	var out []*arm
	for _, a := range l.streams {
		for _, b := range l.streams {
			if a.group == b.group && a.lanePair.from < b.lanePair.from && a.angle > b.angle && !slices.Contains(out, a.movement.from) {
				out = append(out, a.movement.from)
			}
		}
	}
	return out
}

// finish proposes a plan, lets the guard judge the junction, and adds it.
func (l *layout) finish() error {
	j, im := l.j, l.im
	p, notes, err := plan.Propose(j, l.flow)
	if err != nil {
		im.net.Assumed = append(im.net.Assumed, "left out: "+err.Error())
		im.unsignalled(l)
		return nil //nolint:nilerr // said, and the streets are there
	}
	j.Plans = []network.Plan{p}
	j.Assumed = append(j.Assumed, notes...)
	for s := range j.Signals {
		free := true
		for _, ph := range p.Phases {
			free = free && (ph.State[s] == 'G' || ph.State[s] == 'g')
		}
		j.Signals[s].AlwaysFree = free
	}
	for _, s := range l.streams {
		im.net.Links = append(im.net.Links, l.link(s, l.index, s.signal))
	}
	im.net.Junctions = append(im.net.Junctions, j)
	return nil
}

func (l *layout) link(s *stream, junction, signal int) network.Link {
	return network.Link{From: s.movement.from.in.lanes[s.lanePair.from], To: s.movement.to.out.lanes[s.lanePair.to], Turn: s.turn, Length: span(s.line), Junction: junction, Signal: signal, Shape: l.im.places(s.line)}
}

// unsignalled keeps the ways through a junction that is left out.
func (im *importer) unsignalled(l *layout) {
	for _, s := range l.streams {
		im.net.Links = append(im.net.Links, l.link(s, -1, -1))
	}
}

// allowLongReds gives a junction whose movements cannot all be served within the
// usual maximum red a longer one, and says so.
func allowLongReds(j *network.Junction) error {
	for limit := network.MaxRed; ; limit += network.MaxRed / 8 {
		for g := range j.Groups {
			j.Groups[g].Timing.MaxRed = limit
		}
		_, err := safety.New(j)
		switch {
		case err == nil && limit > network.MaxRed:
			j.Assumed = append(j.Assumed, fmt.Sprintf("reds may last %v, for to serve every movement once takes longer than the usual %v allow; a simpler layout would shorten it", limit, network.MaxRed))
			return nil
		case err == nil:
			return nil
		case limit > 3*network.MaxRed:
			return err
		}
	}
}

// findWalks lists the crossings on the arms and inside the junction.
func (l *layout) findWalks() {
	seen := map[osm.NodeID]bool{}
	for _, a := range l.im.arms[l.cluster] {
		line, nodes, hops := a.outward()
		for _, c := range a.crossings {
			if seen[c.node] {
				continue
			}
			seen[c.node] = true
			_, heading := along(line, c.d)
			h := hops[min(len(hops)-1, slices.Index(nodes, c.node))]
			w := &walk{node: c.node, arm: a, middle: l.im.nodes[c.node].p, along: heading, length: crossed(h), name: a.title()}
			if l.between {
				w.name = strings.TrimSpace(h.way.name)
			}
			for _, s := range []*section{a.in, a.out} {
				if s != nil {
					w.edges = append(w.edges, s.id)
				}
			}
			l.walks = append(l.walks, w)
		}
	}
	for _, n := range l.nodes {
		for _, h := range l.im.next[n] {
			if !l.im.inside(l.cluster, n, h.to) {
				continue
			}
			before, at := n, h.to
			for !l.has(at) {
				if l.im.nodes[at].crossing && !seen[at] {
					seen[at] = true
					l.walks = append(l.walks, &walk{node: at, middle: l.im.nodes[at].p, along: l.im.nodes[at].p.minus(l.im.nodes[before].p).unit(), length: crossed(h), name: "inside the junction"})
				}
				next, ok := l.im.onward(before, at)
				if !ok {
					break
				}
				h = next
				before, at = at, next.to
			}
		}
	}
	slices.SortFunc(l.walks, func(a, b *walk) int { return cmp.Compare(a.node, b.node) })
}

// crossed is how wide a street is at a hop.
func crossed(h hop) float64 {
	lanes := 0
	for _, r := range []*road{h.road(), h.back()} {
		if r.open {
			lanes += r.lanes
		}
	}
	return float64(max(1, lanes)) * laneWidth
}

// kerbs returns the two ends of a crossing.
func (w *walk) kerbs() []point {
	half := w.along.right().times(w.length / 2)
	return []point{w.middle.minus(half), w.middle.plus(half)}
}

func (l *layout) describe() {
	var sum point
	for _, n := range l.nodes {
		sum = sum.plus(l.im.nodes[n].p)
	}
	middle := sum.times(1 / float64(len(l.nodes)))
	place := l.im.place(middle)
	l.j.X, l.j.Y, l.j.Place = middle.x, middle.y, &place
	var names []string
	for _, a := range l.im.arms[l.cluster] {
		_, _, hops := a.outward()
		if name := hops[0].way.name; name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	l.j.Name = strings.Join(names, " / ")
	if l.between {
		l.j.Name = "crossing " + l.j.Name
	}
}

// formGroups makes a signal for each lane's way and each crossing, and a group for
// the turns of one approach that share a lane, and for each crossing.
func (l *layout) formGroups() {
	slices.SortStableFunc(l.streams, func(a, b *stream) int {
		return cmp.Or(cmp.Compare(a.movement.from.bearing(), b.movement.from.bearing()), cmp.Compare(a.lanePair.from, b.lanePair.from), cmp.Compare(a.angle, b.angle))
	})
	group := map[*movement]*movement{}
	var root func(*movement) *movement
	root = func(m *movement) *movement {
		if p := group[m]; p != nil && p != m {
			return root(p)
		}
		return m
	}
	for i, a := range l.streams {
		for _, b := range l.streams[:i] {
			if a.movement.from == b.movement.from && (a.lanePair.from == b.lanePair.from || a.turn == b.turn) {
				if x, y := root(a.movement), root(b.movement); x != y {
					group[x] = y
				}
			}
		}
	}
	index := map[*movement]int{}
	turned := map[int][]network.Turn{}
	for i, s := range l.streams {
		r := root(s.movement)
		g, ok := index[r]
		if !ok {
			g = len(l.j.Groups)
			index[r] = g
			l.j.Groups = append(l.j.Groups, network.Group{Name: "from " + s.movement.from.title(), Timing: network.Timing{MinGreen: network.MinGreen, MaxRed: network.MaxRed}})
			l.flow = append(l.flow, 0)
		}
		s.signal, s.group = i, g
		l.j.Signals = append(l.j.Signals, network.Signal{Group: g, Crossing: -1})
		grp := &l.j.Groups[g]
		grp.Signals = append(grp.Signals, i)
		grp.Timing.Amber = max(grp.Timing.Amber, network.AmberFor(s.movement.from.in.road.speed))
		if !slices.Contains(turned[g], s.turn) {
			turned[g] = append(turned[g], s.turn)
		}
		share := 0.5 // of who only turns
		if s.turn == network.Straight {
			share = 1
		}
		l.flow[g] = max(l.flow[g], share*s.movement.from.in.way.class.flow/saturation)
	}
	for g := range l.j.Groups {
		var words []string
		for _, t := range []struct {
			turn network.Turn
			word string
		}{{network.Left, "left"}, {network.Straight, "straight"}, {network.Right, "right"}} {
			if slices.Contains(turned[g], t.turn) {
				words = append(words, t.word)
			}
		}
		l.j.Groups[g].Name += ": " + strings.Join(words, "+")
	}
	for i, w := range l.walks {
		w.signal, w.group = len(l.j.Signals), len(l.j.Groups)
		l.j.Signals = append(l.j.Signals, network.Signal{Group: w.group, Crossing: i})
		l.j.Groups = append(l.j.Groups, network.Group{Name: "crossing " + w.name, Kind: network.Pedestrians, Signals: []int{w.signal}, Timing: network.Timing{MinGreen: network.MinWalk, MaxRed: network.MaxRed}})
		l.j.Crossings = append(l.j.Crossings, network.Crossing{ID: fmt.Sprint(w.node), Edges: w.edges, Length: w.length, Shape: l.im.places(w.kerbs())})
		l.flow = append(l.flow, 0)
	}
	l.tellApart()
}

// tellApart numbers groups of the same name.
func (l *layout) tellApart() {
	count, seen := map[string]int{}, map[string]int{}
	for g := range l.j.Groups {
		count[l.j.Groups[g].Name]++
	}
	for g := range l.j.Groups {
		name := l.j.Groups[g].Name
		if seen[name]++; count[name] > 1 {
			l.j.Groups[g].Name = fmt.Sprintf("%s (%d)", name, seen[name])
		}
	}
}

// say lists what was taken for granted at this junction.
func (l *layout) say() {
	note := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !slices.Contains(l.j.Assumed, text) {
			l.j.Assumed = append(l.j.Assumed, text)
		}
	}
	tram, walks := false, map[*arm]bool{}
	for _, w := range l.walks {
		walks[w.arm] = true
	}
	for _, a := range l.im.arms[l.cluster] {
		name := a.title()
		for _, s := range []*section{a.in, a.out} {
			if s == nil {
				continue
			}
			way := map[bool]string{true: "towards", false: "away from"}[s == a.in]
			if s.road.lanesAssumed {
				note("1 lane on %s %s the junction; the map does not say", name, way)
			}
			if s.road.lanesRelation != "" {
				note("%s %s the junction: %s", name, way, s.road.lanesRelation)
			}
			if s.road.speedAssumed {
				note("%.0f km/h on %s, by its class; the map has no speed limit", s.road.speed*3.6, name)
			}
			if s.way.busLanes {
				note("%s has lanes for buses on the map; they count as lanes for all", name)
			}
		}
		if a.in != nil && !a.stopKnown {
			note("the stop line of %s is %.0f m from where the streets meet; the map has none", name, a.stop)
		}
		if !walks[a] && !l.between {
			note("no crossing with signals over %s; the map has none", name)
		}
		_, nodes, _ := a.outward()
		for i, n := range nodes {
			tram = tram || i < 3 && l.im.nodes[n].tram
		}
	}
	for _, text := range l.notes {
		note("%s", text)
	}
	for _, p := range l.im.trams {
		tram = tram || p.minus(point{l.j.X, l.j.Y}).length() < 25
	}
	for _, n := range l.nodes {
		if l.im.nodes[n].crossing && !l.between {
			note("the crossing at node %d lies where streets meet; it is left out", n)
		}
	}
	if tram {
		note("tram tracks cross or lie near; trams have no signal in this model")
	}
	note("who turns gives way to oncoming traffic and to people on foot; where two lanes turn, or oncoming traffic may go faster than 70 km/h, nobody needs to")
}
