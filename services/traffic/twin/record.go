package twin

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"time"

	"polity/services/traffic/network"
)

// Record is what a run did to each approach and crossing, for reports. Everything in
// it is simulated. Times are seconds.
type Record struct {
	Begin      float64          `json:"begin_s"`
	End        float64          `json:"end_s"`
	Approaches []Approach       `json:"approaches"`
	Crossings  []CrossingRecord `json:"crossings,omitempty"`
	Corridors  []Corridor       `json:"corridors,omitempty"` // there and back
}

// Approach is a street section that ends at signals, with the sections before it from
// which there is no other way.
type Approach struct {
	Junction    string  `json:"junction"`
	Edge        string  `json:"edge"`
	Street      string  `json:"street,omitempty"`
	Vehicles    int     `json:"vehicles"`       // that passed the stop line
	TimeLoss    float64 `json:"time_loss_s"`    // of all, see loses
	DepartDelay float64 `json:"depart_delay_s"` // of all who began here: the wait to get onto the road
	Stops       int     `json:"stops"`          // how often a vehicle came to a halt
	QueueMean   float64 `json:"queue_mean"`     // vehicles slower than 5 km/h, mean over time
	QueueMax    int     `json:"queue_max"`
}

// CrossingRecord is a crossing with signals.
type CrossingRecord struct {
	Junction string  `json:"junction"`
	Crossing string  `json:"crossing"`
	People   int     `json:"people"` // who crossed
	Wait     float64 `json:"wait_s"` // of all, standing before it
	Longest  float64 `json:"longest_wait_s"`
}

const (
	queued = 5 / 3.6 // m/s: slower is in the queue
	halted = 0.1     // m/s: SUMO's own bound of standing
)

// recorder fills a Record, second by second.
type recorder struct {
	w         *world
	eyes      *eyes
	record    Record
	approach  map[string]int // by street section
	byLink    []int          // approach of a link at signals, -1: none
	crossing  map[crossingAt]int
	stopped   map[*vehicle]bool
	on        map[*person]string
	waits     map[*person]personWait
	seconds   int
	queueSum  []int
	corridors []*corridorTrace
}

type personWait struct {
	at    int // index of the crossing
	since time.Duration
}

// upstream is how far before its signals a section still counts to an approach,
// metres.
const upstream = 500

func newRecorder(w *world, e *eyes, corridor []string) (*recorder, error) {
	r := &recorder{w: w, eyes: e, approach: map[string]int{}, crossing: map[crossingAt]int{}, stopped: map[*vehicle]bool{}, on: map[*person]string{}, waits: map[*person]personWait{}}
	n := w.net
	r.byLink = make([]int, len(n.Links))
	for i := range n.Links {
		r.byLink[i] = -1
		l := &n.Links[i]
		if l.Junction < 0 {
			continue
		}
		lane := &n.Lanes[l.From]
		a, ok := r.approach[lane.Edge]
		if !ok {
			a = len(r.record.Approaches)
			r.approach[lane.Edge] = a
			r.record.Approaches = append(r.record.Approaches, Approach{Junction: n.Junctions[l.Junction].ID, Edge: lane.Edge, Street: lane.Street})
		}
		r.byLink[i] = a
	}
	maps.Copy(r.approach, before(n, r.approach))
	r.queueSum = make([]int, len(r.record.Approaches))
	for j, junction := range n.Junctions {
		for c := range junction.Crossings {
			r.crossing[crossingAt{j, c}] = len(r.record.Crossings)
			r.record.Crossings = append(r.record.Crossings, CrossingRecord{Junction: junction.ID, Crossing: junction.Crossings[c].ID})
		}
	}
	if len(corridor) > 0 {
		back := make([]string, len(corridor))
		for i, id := range corridor {
			back[len(corridor)-1-i] = id
		}
		for _, way := range [][]string{corridor, back} {
			t, err := newCorridor(n, way)
			if err != nil {
				return nil, err
			}
			r.corridors = append(r.corridors, t)
		}
	}
	return r, nil
}

// before returns the sections from which there is no way but onto one approach.
func before(n *network.Network, approach map[string]int) map[string]int {
	found := map[string]int{}
	type reach struct {
		edge string
		left float64
	}
	for edge, a := range approach {
		queue := []reach{{edge, upstream - n.Lanes[n.Edge(edge)[0]].Length}}
		for len(queue) > 0 {
			at := queue[0]
			queue = queue[1:]
			for _, lane := range n.Edge(at.edge) {
				for _, l := range n.Lanes[lane].In {
					prior := n.Lanes[n.Links[l].From].Edge
					_, isApproach := approach[prior]
					_, known := found[prior]
					if at.left <= 0 || isApproach || known || n.Links[l].Junction >= 0 || !leadsOnlyTo(n, prior, at.edge) {
						continue
					}
					found[prior] = a
					queue = append(queue, reach{prior, at.left - n.Lanes[n.Links[l].From].Length})
				}
			}
		}
	}
	return found
}

func leadsOnlyTo(n *network.Network, edge, next string) bool {
	for _, lane := range n.Edge(edge) {
		for _, l := range n.Lanes[lane].Out {
			if n.Lanes[n.Links[l].To].Edge != next {
				return false
			}
		}
	}
	return true
}

// loses returns how much of a second a vehicle loses by being slower than the limit.
// SUMO's timeLoss instead measures against each driver's own wished speed.
func loses(speed, limit float64) float64 { return max(0, 1-speed/limit) }

// second looks at one second.
func (r *recorder) second(now time.Duration) {
	r.seconds++
	queues := make([]int, len(r.record.Approaches))
	for _, v := range r.w.vehicles {
		a, limit := -1, 0.0
		switch {
		case v.lane >= 0:
			lane := &r.w.net.Lanes[v.lane]
			if at, ok := r.approach[lane.Edge]; ok {
				a, limit = at, lane.Speed
			}
		case v.link >= 0:
			a, limit = r.byLink[v.link], r.w.net.Lanes[r.w.net.Links[v.link].From].Speed
		}
		if a < 0 {
			continue
		}
		r.record.Approaches[a].TimeLoss += loses(v.speed, limit)
		if v.speed < queued {
			queues[a]++
		} else {
			delete(r.stopped, v)
		}
		if v.speed < halted && !r.stopped[v] {
			r.stopped[v] = true
			r.record.Approaches[a].Stops++
		}
	}
	for a, q := range queues {
		r.queueSum[a] += q
		r.record.Approaches[a].QueueMax = max(r.record.Approaches[a].QueueMax, q)
	}
	r.people(now)
	for _, c := range r.corridors {
		c.second(now, r.w)
	}
	if r.seconds%60 == 0 {
		r.forget()
	}
}

// forget drops what is known of those who are gone.
func (r *recorder) forget() {
	for v := range r.stopped {
		if r.w.vehicles[v.id] != v {
			delete(r.stopped, v)
		}
	}
	for p := range r.on {
		if r.w.people[p.id] != p {
			delete(r.on, p)
			delete(r.waits, p)
		}
	}
}

func (r *recorder) people(now time.Duration) {
	for _, p := range r.w.people {
		if r.on[p] != p.road {
			r.on[p] = p.road
			if at, ok := r.eyes.crosses[crossingWait{"", p.road}]; ok {
				r.record.Crossings[r.crossing[at]].People++
			}
		}
		at, ok := r.eyes.waitsFor(p)
		if !ok {
			delete(r.waits, p)
			continue
		}
		c := r.crossing[at]
		w, waiting := r.waits[p]
		if !waiting || w.at != c {
			w = personWait{c, now - time.Second}
			r.waits[p] = w
		}
		r.record.Crossings[c].Wait++
		r.record.Crossings[c].Longest = max(r.record.Crossings[c].Longest, (now - w.since).Seconds())
	}
}

// finish sums up and adds who waited to get onto the road, from SUMO's tripinfo.
func (r *recorder) finish(begin, end time.Duration, trips string) (*Record, error) {
	r.record.Begin, r.record.End = begin.Seconds(), end.Seconds()
	for l, a := range r.byLink {
		if a >= 0 {
			r.record.Approaches[a].Vehicles += r.w.passed[l]
		}
	}
	for a := range r.record.Approaches {
		r.record.Approaches[a].QueueMean = float64(r.queueSum[a]) / float64(max(1, r.seconds))
	}
	for _, c := range r.corridors {
		r.record.Corridors = append(r.record.Corridors, c.finish())
	}
	f, err := os.Open(trips)
	if err != nil {
		return nil, fmt.Errorf("read SUMO's tripinfo: %w", err)
	}
	defer f.Close()
	return &r.record, r.departures(f)
}

// departures adds the departDelay of those who began on an approach.
func (r *recorder) departures(f io.Reader) error {
	dec := xml.NewDecoder(f)
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("SUMO's tripinfo breaks off: %w", err)
		}
		e, ok := tok.(xml.StartElement)
		if !ok || e.Name.Local != "tripinfo" {
			continue
		}
		for _, attr := range e.Attr {
			if attr.Name.Local != "departLane" {
				continue
			}
			edge := attr.Value
			if i := strings.LastIndexByte(edge, '_'); i >= 0 {
				edge = edge[:i]
			}
			if a, ok := r.approach[edge]; ok {
				r.record.Approaches[a].DepartDelay += fields(e)["departDelay"]
			}
		}
	}
}
