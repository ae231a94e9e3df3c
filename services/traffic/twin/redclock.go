package twin

import (
	"time"

	"polity/services/traffic/network"
)

// redClock measures how long movements that somebody wants stay red. A movement is
// the way from one street section to another at one junction. Somebody wants it
// while a vehicle whose route takes it is on that section within 200 m of its end,
// or a person stands before the crossing. Its clock runs from the first second that
// it is red and wanted, and starts anew with green.
type redClock struct {
	w       *world
	moves   map[movementKey]*movement
	order   []*movement
	Longest time.Duration
	Where   string
}

type movementKey struct{ from, to string }

type movement struct {
	junction int
	name     string
	signals  []int
	wanted   int // the second when it was last wanted
	since    time.Duration
	running  bool
}

const wantedWithin = 200 // metres, as far as the detectors of the benchmark see

func newRedClock(w *world) *redClock {
	c := &redClock{w: w, moves: map[movementKey]*movement{}}
	for j, junction := range w.net.Junctions {
		for s, sig := range junction.Signals {
			for _, l := range sig.Links {
				link := w.net.Links[l]
				c.add(movementKey{w.net.Lanes[link.From].Edge, w.net.Lanes[link.To].Edge}, j, s, junction)
			}
			if sig.Crossing >= 0 {
				c.add(movementKey{"crossing", junction.Crossings[sig.Crossing].ID}, j, s, junction)
			}
		}
	}
	return c
}

func (c *redClock) add(key movementKey, junction, signal int, j *network.Junction) {
	m := c.moves[key]
	if m == nil {
		m = &movement{junction: junction, name: j.ID + ": " + key.from + " to " + key.to}
		c.moves[key] = m
		c.order = append(c.order, m)
	}
	m.signals = append(m.signals, signal)
}

// second looks at who wants what and what is shown in this second.
func (c *redClock) second(now time.Duration, e *eyes) {
	for _, v := range c.w.vehicles {
		if v.lane < 0 || c.w.distance(v) > wantedWithin {
			continue
		}
		if m := c.moves[movementKey{c.w.net.Lanes[v.lane].Edge, v.next()}]; m != nil {
			m.wanted = c.w.second
		}
	}
	for _, p := range c.w.people {
		if _, ok := e.waitsFor(p); ok {
			if m := c.moves[movementKey{"crossing", p.next}]; m != nil {
				m.wanted = c.w.second
			}
		}
	}
	for _, m := range c.order {
		state := c.w.states[c.w.net.Junctions[m.junction].ID]
		if m.wanted != c.w.second || free(state, m.signals) {
			m.running = false
			continue
		}
		if !m.running {
			m.running, m.since = true, now
		}
		if red := now - m.since + time.Second; red > c.Longest {
			c.Longest, c.Where = red, m.name
		}
	}
}

// free tells whether one of the signals lets somebody go.
func free(state string, signals []int) bool {
	for _, s := range signals {
		if s >= len(state) {
			return true
		}
		switch state[s] {
		case 'r', 'u', 'y':
		default:
			return true
		}
	}
	return false
}
