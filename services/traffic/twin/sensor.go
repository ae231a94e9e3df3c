package twin

import (
	"cmp"
	"slices"
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/network"
)

// Sensor says how well the detectors see. Its zero value sees nothing; Perfect
// sees all within its sight at once.
type Sensor struct {
	control.Sight
	Missing float64       // share of vehicles that are never seen on a street section
	Late    time.Duration // readings arrive this much later
}

// crawling is the speed in m/s below which a vehicle inside a junction counts as
// standing there.
const crawling = 3

// DefaultSight is how far detectors see: 200 m before a stop line, as in the RESCO
// benchmark (Ault and Sharon 2021), and 50 m beyond a junction.
var DefaultSight = control.Sight{Before: 200, Beyond: 50}

// eyes turns the world into readings.
type eyes struct {
	w       *world
	sensor  Sensor
	seed    uint64
	before  []float64 // per lane: seen up to this distance from its end
	beyond  []float64 // per lane: seen up to this distance from its start
	late    []*control.Reading
	crosses map[crossingWait]crossingAt
}

type crossingWait struct{ area, crossing string }

type crossingAt struct{ junction, crossing int }

func newEyes(w *world, s Sensor, seed uint64) *eyes {
	e := &eyes{w: w, sensor: s, seed: seed, crosses: map[crossingWait]crossingAt{}}
	e.before, e.beyond = Visible(w.net, s.Sight)
	for j, junction := range w.net.Junctions {
		for c, crossing := range junction.Crossings {
			e.crosses[crossingWait{crossing.Area, crossing.ID}] = crossingAt{j, c}
			// From the other side people wait on another area, known only by what
			// they want next.
			e.crosses[crossingWait{"", crossing.ID}] = crossingAt{j, c}
		}
	}
	return e
}

// Visible returns for each lane how far from its end, and how far from its start,
// detectors with this sight at all signalised junctions see along the street. They
// do not see through another signalised junction.
func Visible(n *network.Network, s control.Sight) (before, beyond []float64) {
	before, beyond = make([]float64, len(n.Lanes)), make([]float64, len(n.Lanes))
	var walk func(lane int, left float64)
	walk = func(lane int, left float64) {
		if left <= before[lane] {
			return
		}
		before[lane] = left
		rest := left - n.Lanes[lane].Length
		for _, l := range n.Lanes[lane].In {
			if link := n.Links[l]; link.Junction < 0 && rest-link.Length > 0 {
				walk(link.From, rest-link.Length)
			}
		}
	}
	for _, l := range n.Links {
		if l.Junction >= 0 {
			for _, lane := range n.Edge(n.Lanes[l.From].Edge) {
				if n.Lanes[lane].Motor {
					walk(lane, s.Before)
				}
			}
			beyond[l.To] = s.Beyond
		}
	}
	return before, beyond
}

// look returns what the detectors report now.
func (e *eyes) look(now time.Duration) *control.Reading {
	r := &control.Reading{At: now, Lanes: make([][]control.Vehicle, len(e.w.net.Lanes)), Passed: slices.Clone(e.w.passed), Inside: make([]int, len(e.w.passed)), Standing: make([]int, len(e.w.passed)), Waiting: make([][]int, len(e.w.net.Junctions))}
	for _, v := range e.w.vehicles {
		if v.lane < 0 {
			if v.link >= 0 {
				r.Inside[v.link]++
				if v.speed < crawling {
					r.Standing[v.link]++
				}
			}
			continue
		}
		d := e.w.distance(v)
		if d > e.before[v.lane] && e.w.net.Lanes[v.lane].Length-d >= e.beyond[v.lane] {
			continue
		}
		if e.sensor.Missing > 0 && float64(mix(v.sight^hash(e.w.net.Lanes[v.lane].Edge)^e.seed)>>11)/(1<<53) < e.sensor.Missing {
			continue
		}
		r.Lanes[v.lane] = append(r.Lanes[v.lane], control.Vehicle{Distance: d, Speed: v.speed, Length: v.length, Class: v.class})
	}
	for _, lane := range r.Lanes {
		slices.SortFunc(lane, func(a, b control.Vehicle) int { return cmp.Compare(a.Distance, b.Distance) })
	}
	for j, junction := range e.w.net.Junctions {
		r.Waiting[j] = make([]int, len(junction.Crossings))
	}
	for _, p := range e.w.people {
		if at, ok := e.waitsFor(p); ok {
			r.Waiting[at.junction][at.crossing]++
		}
	}
	return e.delay(r)
}

// waitsFor returns the crossing that p stands at and wants to use.
func (e *eyes) waitsFor(p *person) (crossingAt, bool) {
	if p.speed > 0.5 || p.road == p.next {
		return crossingAt{}, false
	}
	at, ok := e.crosses[crossingWait{"", p.next}]
	return at, ok
}

// delay holds readings back as long as the sensor is late.
func (e *eyes) delay(r *control.Reading) *control.Reading {
	e.late = append(e.late, r)
	if r.At-e.late[0].At < e.sensor.Late { // nothing has arrived yet
		return &control.Reading{At: r.At - e.sensor.Late, Lanes: make([][]control.Vehicle, len(r.Lanes)), Passed: make([]int, len(r.Passed)), Inside: make([]int, len(r.Passed)), Standing: make([]int, len(r.Passed)), Waiting: make([][]int, len(r.Waiting))}
	}
	for len(e.late) > 1 && r.At-e.late[1].At >= e.sensor.Late {
		e.late = e.late[1:]
	}
	return e.late[0]
}
