package twin

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/services/traffic/network"
)

// Corridor is what happened along a street with several junctions, in one direction:
// when each junction's signal let the way along it go, and where simulated vehicles
// were. Distances are metres from the corridor's start.
type Corridor struct {
	Junctions []CorridorStop `json:"junctions"`
	Length    float64        `json:"length_m"`
	Tracks    [][][2]float64 `json:"tracks"` // per vehicle: seconds and metres, every other second
	Edges     []string       `json:"edges"`
}

// CorridorStop is one junction of a corridor.
type CorridorStop struct {
	Junction string       `json:"junction"`
	Name     string       `json:"name,omitempty"`
	At       float64      `json:"at_m"`
	Greens   [][2]float64 `json:"greens_s"` // from, to
}

// corridorTrace fills a Corridor.
type corridorTrace struct {
	Corridor
	starts  map[string]float64 // where each street section begins
	signals [][]int            // per junction, those of the way along
	tracks  map[*vehicle]*[][2]float64
	order   []*[][2]float64
	now     float64
}

// newCorridor finds the shortest way that passes these junctions in this order and
// turns least. The error is of kind NotFound or Invalid and names the junctions.
func newCorridor(n *network.Network, ids []string) (*corridorTrace, error) {
	if len(ids) < 2 {
		return nil, city.Errorf(city.Invalid, "a corridor has two junctions or more, not %d", len(ids))
	}
	index := make([]int, len(ids))
	for i, id := range ids {
		if index[i] = n.Junction(id); index[i] < 0 {
			return nil, city.Errorf(city.NotFound, "there is no junction %q with signals; there are %s", id, names(n))
		}
	}
	path := way(n, index)
	if path == nil {
		return nil, city.Errorf(city.NotFound, "no way leads through the junctions %s in this order", strings.Join(ids, ", "))
	}
	path = lengthen(n, path)
	t := &corridorTrace{starts: map[string]float64{}, tracks: map[*vehicle]*[][2]float64{}}
	at := 0.0
	for i, edge := range path {
		t.starts[edge] = at
		t.Edges = append(t.Edges, edge)
		at += n.Lanes[n.Edge(edge)[0]].Length
		if i+1 == len(path) {
			break
		}
		inside := 0.0
		junction := -1
		var signals []int
		for _, l := range links(n, edge) {
			link := n.Links[l]
			if n.Lanes[link.To].Edge != path[i+1] {
				continue
			}
			inside = max(inside, link.Length)
			if link.Junction >= 0 {
				junction = link.Junction
				signals = append(signals, link.Signal)
			}
		}
		if k := len(t.Junctions); junction >= 0 && k < len(index) && junction == index[k] {
			t.Junctions = append(t.Junctions, CorridorStop{Junction: ids[k], Name: n.Junctions[junction].Name, At: at})
			t.signals = append(t.signals, signals)
		}
		at += inside
	}
	t.Length = at
	return t, nil
}

func names(n *network.Network) string {
	var all []string
	for i, j := range n.Junctions {
		if i == 20 {
			return strings.Join(all, ", ") + " ..."
		}
		all = append(all, j.ID)
	}
	return strings.Join(all, ", ")
}

// links lists those that leave a street section.
func links(n *network.Network, edge string) []int {
	var out []int
	for _, lane := range n.Edge(edge) {
		out = append(out, n.Lanes[lane].Out...)
	}
	return out
}

// way returns street sections from before the first junction to behind the last one
// (Dijkstra 1959; a turn counts as 200 m).
func way(n *network.Network, junctions []int) []string {
	type state struct {
		edge   string
		passed int
	}
	type entry struct {
		state
		cost float64
	}
	cost := map[state]float64{}
	from := map[state]state{}
	var queue []entry
	for _, l := range n.Links {
		if l.Junction == junctions[0] && n.Lanes[l.From].Motor {
			s := state{n.Lanes[l.From].Edge, 0}
			if _, ok := cost[s]; !ok {
				cost[s] = 0
				queue = append(queue, entry{s, 0})
			}
		}
	}
	done := map[state]bool{}
	for len(queue) > 0 {
		slices.SortStableFunc(queue, func(a, b entry) int { return cmp.Compare(a.cost, b.cost) })
		at := queue[0].state
		queue = queue[1:]
		if done[at] {
			continue
		}
		done[at] = true
		if at.passed == len(junctions) {
			var path []string
			for s := at; ; s = from[s] {
				path = append(path, s.edge)
				if _, ok := from[s]; !ok {
					break
				}
			}
			slices.Reverse(path)
			return path
		}
		for _, l := range links(n, at.edge) {
			link := n.Links[l]
			to := &n.Lanes[link.To]
			next := state{to.Edge, at.passed}
			if link.Junction == junctions[at.passed] {
				next.passed++
			}
			c := cost[at] + to.Length + link.Length
			if link.Turn != network.Straight {
				c += 200
			}
			if old, ok := cost[next]; !to.Motor || done[next] || ok && old <= c {
				continue
			}
			cost[next] = c
			from[next] = at
			queue = append(queue, entry{next, c})
		}
	}
	return nil
}

// lead is how far before its first junction a corridor begins, metres, if there is a
// street: to see who waits there.
const lead = 200

// lengthen puts the sections before a path that lead straight into it.
func lengthen(n *network.Network, path []string) []string {
	for length := n.Lanes[n.Edge(path[0])[0]].Length; length < lead; {
		best := ""
		for _, lane := range n.Edge(path[0]) {
			for _, l := range n.Lanes[lane].In {
				from := &n.Lanes[n.Links[l].From]
				if from.Motor && n.Links[l].Turn == network.Straight && !slices.Contains(path, from.Edge) && (best == "" || from.Edge < best) {
					best = from.Edge
				}
			}
		}
		if best == "" {
			return path
		}
		path = slices.Insert(path, 0, best)
		length += n.Lanes[n.Edge(best)[0]].Length
	}
	return path
}

// second notes signals and vehicles.
func (t *corridorTrace) second(now time.Duration, w *world) {
	t.now = now.Seconds()
	for i := range t.Junctions {
		stop := &t.Junctions[i]
		if !free(w.states[stop.Junction], t.signals[i]) {
			continue
		}
		if k := len(stop.Greens); k > 0 && stop.Greens[k-1][1] >= t.now-1 {
			stop.Greens[k-1][1] = t.now
		} else {
			stop.Greens = append(stop.Greens, [2]float64{t.now - 1, t.now})
		}
	}
	if int(t.now)%2 == 1 {
		return
	}
	for _, v := range w.vehicles {
		if v.lane < 0 {
			continue
		}
		start, on := t.starts[w.net.Lanes[v.lane].Edge]
		if !on {
			delete(t.tracks, v) // whoever comes back begins a new line
			continue
		}
		track := t.tracks[v]
		if track == nil {
			track = &[][2]float64{}
			t.tracks[v] = track
			t.order = append(t.order, track)
		}
		*track = append(*track, [2]float64{t.now, float64(int((start+v.position)*10)) / 10})
	}
	if int(t.now)%60 == 0 {
		for v := range t.tracks {
			if w.vehicles[v.id] != v {
				delete(t.tracks, v)
			}
		}
	}
}

func (t *corridorTrace) finish() Corridor {
	for _, track := range t.order {
		if len(*track) > 1 {
			t.Tracks = append(t.Tracks, *track)
		}
	}
	slices.SortStableFunc(t.Tracks, func(a, b [][2]float64) int {
		return cmp.Or(cmp.Compare(a[0][0], b[0][0]), cmp.Compare(a[0][1], b[0][1]))
	})
	return t.Corridor
}

// CheckCorridor tells whether a corridor can be found through these junctions, there
// and back. The error is of kind NotFound or Invalid.
func CheckCorridor(n *network.Network, ids []string) error {
	if _, err := newCorridor(n, ids); err != nil {
		return err
	}
	back := slices.Clone(ids)
	slices.Reverse(back)
	_, err := newCorridor(n, back)
	return err
}
