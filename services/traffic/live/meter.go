package live

import (
	"slices"
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/network"
)

// meter measures a junction by its detectors, in minutes, the last fifteen of them. The mean
// delay is the time that vehicles stood divided by how many passed the stop line (Little,
// 1961): no vehicle is followed. The same for people who wait to cross.
type meter struct {
	approaches []gauge
	crossings  []gauge
	edges      []string // of the approaches
	lanes      [][]int
	streets    []string
}

// gauge is one queue.
type gauge struct {
	minutes [window]struct {
		minute  int64
		stood   float64 // seconds, of all of them together
		served  int
		longest int
	}
	now    int // who waits
	passed int // vehicles since the start; -1: not known yet
}

const window = 15

func newMeter(n *network.Network, junction int) meter {
	j := n.Junctions[junction]
	m := meter{crossings: make([]gauge, len(j.Crossings))}
	seen := map[string]int{}
	for g := range j.Groups {
		for _, l := range j.Groups[g].Lanes {
			edge := n.Lanes[l].Edge
			at, had := seen[edge]
			if !had {
				at = len(m.edges)
				seen[edge] = at
				m.edges, m.streets, m.lanes = append(m.edges, edge), append(m.streets, n.Lanes[l].Street), append(m.lanes, nil)
				m.approaches = append(m.approaches, gauge{passed: -1})
			}
			if !slices.Contains(m.lanes[at], l) {
				m.lanes[at] = append(m.lanes[at], l)
			}
		}
	}
	return m
}

const (
	slow  = 1.0              // m/s: slower vehicles stand
	fresh = 15 * time.Second // older readings are not measured by
)

// see takes a second's reading into account.
func (m *meter) see(n *network.Network, junction int, r *control.Reading, clock time.Duration, now time.Time) {
	if clock-r.At > fresh || len(r.Lanes) != len(n.Lanes) || len(r.Passed) != len(n.Links) || junction >= len(r.Waiting) {
		return
	}
	for a := range m.approaches {
		stand, passed := 0, 0
		for _, l := range m.lanes[a] {
			for _, v := range r.Lanes[l] {
				if v.Speed < slow {
					stand++
				}
			}
			for _, o := range n.Lanes[l].Out {
				passed += r.Passed[o]
			}
		}
		g := &m.approaches[a]
		served := 0
		if g.passed >= 0 {
			served = max(0, passed-g.passed)
		}
		g.passed = passed
		g.add(now, stand, served)
	}
	for k := range m.crossings {
		if k >= len(r.Waiting[junction]) {
			continue
		}
		g := &m.crossings[k]
		g.add(now, r.Waiting[junction][k], max(0, g.now-r.Waiting[junction][k]))
	}
}

func (g *gauge) add(now time.Time, waiting, served int) {
	minute := now.Unix() / 60
	b := &g.minutes[minute%window]
	if b.minute != minute {
		b.minute, b.stood, b.served, b.longest = minute, 0, 0, 0
	}
	b.stood += float64(waiting)
	b.served += served
	b.longest = max(b.longest, waiting)
	g.now = waiting
}

// Queue is who waits at one place, and how long in the mean of the last fifteen minutes.
type Queue struct {
	Now, Most int     // who wait
	Served    int     // who went in the last fifteen minutes
	Mean      float64 // seconds; meaningless where nobody was served
}

func (g *gauge) queue(now time.Time) Queue {
	q := Queue{Now: g.now}
	stood := 0.0
	for _, b := range g.minutes {
		if b.minute > now.Unix()/60-window {
			stood += b.stood
			q.Served += b.served
			q.Most = max(q.Most, b.longest)
		}
	}
	if q.Served > 0 {
		q.Mean = stood / float64(q.Served)
	}
	return q
}
