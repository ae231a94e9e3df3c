package twin

import (
	"math"
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/network"
	"polity/services/traffic/traci"
)

// world is what is going on in the simulation, whether a detector sees it or not.
type world struct {
	net      *network.Network
	client   *traci.Client
	vehicles map[string]*vehicle
	people   map[string]*person
	passed   []int // per link, vehicles that have entered it
	second   int   // counts steps, to find out who is gone

	departed, departedPeople []string
	collisions               int
	expected                 int // vehicles running or still to come
	teleports                int

	states map[string]string // what each junction's signals show
	blind  bool              // nobody looks: only time passes

	// of the thing whose values are arriving
	v     *vehicle
	p     *person
	light string
}

type vehicle struct {
	id       string
	lane     int // -1: inside a junction or not on the street
	position float64
	speed    float64
	length   float64
	class    control.Class
	edges    []string
	route    int // index in edges
	link     int // the link it is in, -1: none
	second   int
	last     int    // the lane it was on before the present one
	sight    uint64 // a random number of its own, for detectors that miss some
}

type person struct {
	id         string
	road, next string
	speed      float64
	second     int
}

// newWorld makes a world; a blind one asks SUMO for nothing but totals, which is much
// faster.
func newWorld(n *network.Network, c *traci.Client, blind bool) *world {
	w := &world{net: n, client: c, blind: blind, vehicles: map[string]*vehicle{}, people: map[string]*person{}, passed: make([]int, len(n.Links)), states: map[string]string{}}
	if blind {
		c.Subscribe(traci.Simulation, "", traci.MinExpected)
		return w
	}
	for _, j := range n.Junctions {
		c.Subscribe(traci.Lights, j.ID, traci.SignalState)
	}
	c.Subscribe(traci.Simulation, "", traci.DepartedIDs, traci.DepartedPersons, traci.Collisions, traci.Teleported, traci.MinExpected)
	return w
}

// leap is how much time passes at once where nobody looks: asking SUMO takes longer
// than what it does.
const leap = time.Minute

// stepTo simulates up to this time where nobody looks.
func (w *world) stepTo(at time.Duration) error {
	if err := w.client.StepTo(at.Seconds()); err != nil {
		return err
	}
	return w.client.Each(w)
}

// step simulates one second.
func (w *world) step() error {
	for _, id := range w.departed {
		w.client.Get(traci.Vehicle, id, traci.Edges, traci.Class, traci.Length)
		w.client.Subscribe(traci.Vehicle, id, traci.Lane, traci.LanePosition, traci.Speed, traci.RouteIndex)
	}
	for _, id := range w.departedPeople {
		w.client.Subscribe(traci.Person, id, traci.Road, traci.NextEdge, traci.Speed)
	}
	w.departed, w.departedPeople = w.departed[:0], w.departedPeople[:0]
	w.second++
	if err := w.client.Step(); err != nil {
		return err
	}
	if err := w.client.Each(w); err != nil {
		return err
	}
	for id, v := range w.vehicles {
		if v.second != w.second {
			delete(w.vehicles, id)
		}
	}
	for id, p := range w.people {
		if p.second != w.second {
			delete(w.people, id)
		}
	}
	return nil
}

// Begin is called for each thing with news; it makes world a traci.Results.
func (w *world) Begin(d traci.Domain, id []byte) {
	w.v, w.p, w.light = nil, nil, ""
	switch d {
	case traci.Lights:
		w.light = string(id)
	case traci.Vehicle:
		v := w.vehicles[string(id)]
		if v == nil {
			v = &vehicle{id: string(id), lane: -1, link: -1, last: -1, sight: hash(string(id))}
			w.vehicles[v.id] = v
		}
		v.second = w.second
		w.v = v
	case traci.Person:
		p := w.people[string(id)]
		if p == nil {
			p = &person{id: string(id)}
			w.people[p.id] = p
		}
		p.second = w.second
		w.p = p
	}
}

// Value is called for each variable.
func (w *world) Value(v traci.Variable, val traci.Value) {
	switch {
	case w.v != nil:
		w.vehicleValue(v, val)
	case w.p != nil:
		switch v {
		case traci.Road:
			setText(&w.p.road, val.Text())
		case traci.NextEdge:
			setText(&w.p.next, val.Text())
		case traci.Speed:
			w.p.speed = val.Number()
		}
	case w.light != "":
		if w.states[w.light] != string(val.Text()) {
			w.states[w.light] = string(val.Text())
		}
	default:
		switch v {
		case traci.DepartedIDs:
			w.departed = append(w.departed, val.Texts()...)
		case traci.DepartedPersons:
			w.departedPeople = append(w.departedPeople, val.Texts()...)
		case traci.Collisions:
			w.collisions += int(val.Number())
		case traci.Teleported:
			w.teleports += int(val.Number())
		case traci.MinExpected:
			w.expected = int(val.Number())
		}
	}
}

func setText(to *string, text []byte) {
	if *to != string(text) {
		*to = string(text)
	}
}

func (w *world) vehicleValue(v traci.Variable, val traci.Value) {
	switch v {
	case traci.Lane:
		w.vehicleLane(w.v, val.Text())
	case traci.LanePosition:
		w.v.position = val.Number()
	case traci.Speed:
		w.v.speed = max(0, val.Number())
	case traci.RouteIndex:
		w.v.route = int(val.Number())
	case traci.Edges:
		w.v.edges = val.Texts()
	case traci.Length:
		w.v.length = val.Number()
	case traci.Class:
		switch string(val.Text()) {
		case "bus", "tram", "coach":
			w.v.class = control.Bus
		case "emergency":
			w.v.class = control.Emergency
		}
	}
}

// vehicleLane notes where v is now, and counts it if it has entered a junction.
func (w *world) vehicleLane(v *vehicle, text []byte) {
	if v.lane >= 0 {
		v.last = v.lane
	}
	v.lane = -1
	if len(text) == 0 {
		return
	}
	if text[0] == ':' {
		if link := w.net.Via(string(text)); link >= 0 && link != v.link {
			v.link = link
			w.passed[link]++
		}
		return
	}
	v.lane = w.net.Lane(string(text))
	if v.lane < 0 {
		return
	}
	if v.link < 0 && v.last >= 0 && w.net.Lanes[v.last].Edge != w.net.Lanes[v.lane].Edge {
		// It crossed a small junction within one second.
		for _, l := range w.net.Lanes[v.last].Out {
			if w.net.Lanes[w.net.Links[l].To].Edge == w.net.Lanes[v.lane].Edge {
				w.passed[l]++
				break
			}
		}
	}
	v.link = -1
}

// distance returns how far v is from the end of its lane.
func (w *world) distance(v *vehicle) float64 {
	return math.Max(0, w.net.Lanes[v.lane].Length-v.position)
}

// next returns the street section that v enters after its present one, or "".
func (v *vehicle) next() string {
	if v.route+1 < len(v.edges) {
		return v.edges[v.route+1]
	}
	return ""
}

// hash is FNV-1a with a final mix (Murmur3's), so that short ids spread.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h)
}

func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
