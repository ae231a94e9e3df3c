package safety_test

import (
	"fmt"
	"time"

	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// witness judges what a junction shows by the model alone, with its own bookkeeping:
// it shares no code with the Guard.
type witness struct {
	j     *network.Junction
	last  []safety.Aspect
	since []time.Duration // of the present aspect
	ended []time.Duration // of the last green
	wants []time.Duration // since when somebody waits at red, -1: nobody
}

func newWitness(j *network.Junction) *witness {
	w := &witness{j: j}
	for range j.Groups {
		w.last = append(w.last, safety.Red)
		w.since = append(w.since, -time.Hour)
		w.ended = append(w.ended, -time.Hour)
		w.wants = append(w.wants, -1)
	}
	return w
}

// see returns what is wrong with showing a at now while demand wait, or "".
func (w *witness) see(now time.Duration, a safety.Aspects, demand network.Set) string {
	started := network.Set(0)
	ended := network.Set(0)
	for i := range w.j.Groups {
		was, is := w.last[i], a.Of(i)
		t := w.j.Groups[i].Timing
		if was != is {
			switch {
			case is == safety.Green:
				started = started.With(i)
				if was == safety.Amber {
					return fmt.Sprintf("%v: group %d went from amber to green", now, i)
				}
			case was == safety.Green:
				ended = ended.With(i)
				if a.Mode() == safety.Running && now-w.since[i] < t.MinGreen {
					return fmt.Sprintf("%v: group %d was green for %v only", now, i, now-w.since[i])
				}
				if t.Amber > 0 && is == safety.Red {
					return fmt.Sprintf("%v: group %d went from green to red without amber", now, i)
				}
				w.ended[i] = now
			case was == safety.Amber && now-w.since[i] < t.Amber:
				return fmt.Sprintf("%v: group %d was amber for %v only", now, i, now-w.since[i])
			}
			w.last[i], w.since[i] = is, now
		}
	}
	for x := range w.j.Groups {
		for y := range w.j.Groups {
			if !w.j.Conflicts[x].Has(y) {
				continue
			}
			if lit(a.Of(x)) && lit(a.Of(y)) {
				return fmt.Sprintf("%v: conflicting groups %d and %d are %v and %v", now, x, y, a.Of(x), a.Of(y))
			}
			if started.Has(y) && now-w.ended[x] < w.j.Intergreen[x][y] {
				return fmt.Sprintf("%v: group %d became green %v after %d ended, intergreen is %v", now, y, now-w.ended[x], x, w.j.Intergreen[x][y])
			}
		}
	}
	for x := range w.j.Groups {
		for y := range w.j.Groups {
			if ended.Has(x) && w.j.Traps[x].Has(y) && a.Of(y) == safety.Green {
				return fmt.Sprintf("%v: group %d ended while %d, to which it gives way, went on: a yellow trap", now, x, y)
			}
			if started.Has(y) && w.j.Yields[x].Has(y) && a.Of(x) == safety.Amber {
				return fmt.Sprintf("%v: group %d started into the amber of %d, which gives way to it", now, y, x)
			}
		}
	}
	return w.reds(now, a, demand)
}

// reds checks the maximum red, for as long as the junction is in order.
func (w *witness) reds(now time.Duration, a safety.Aspects, demand network.Set) string {
	for i := range w.j.Groups {
		limit := w.j.Groups[i].Timing.MaxRed
		switch {
		case a.Mode() != safety.Running && a.Mode() != safety.Starting:
			w.wants[i] = -1
		case a.Of(i) == safety.Green:
			w.wants[i] = -1
		case demand.Has(i) && w.wants[i] < 0:
			w.wants[i] = now
		}
		if limit > 0 && w.wants[i] >= 0 && now-w.wants[i] >= limit {
			return fmt.Sprintf("%v: group %d has been red for %v with somebody waiting", now, i, now-w.wants[i])
		}
	}
	return ""
}

func lit(a safety.Aspect) bool { return a == safety.Green || a == safety.Amber }
