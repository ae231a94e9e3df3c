package adaptive

import (
	"math"

	"polity/services/traffic/control"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// Detectors miss vehicles, and tell late. Two things are estimated of a junction for
// that: which part of those who pass its stop lines was never seen coming, and, from it,
// how many may wait unseen at red.

const (
	// tolerated is what may be missed where all is taken to be seen: who comes into sight
	// and passes within one second is not found again.
	tolerated = 0.03
	// missPrior is how many vehicles of a junction weigh as much as what was found at all.
	missPrior = 30.0
)

// watch follows how many of those who pass were seen before.
func (c *Control) watch(s *site, m *memory, seen *control.Reading, passed, dt float64) {
	vanished := 0.0
	for q := range s.queues {
		lane := s.queues[q].lane
		if lane < 0 {
			continue
		}
		vanished += float64(gone(m.before[q], seen.Lanes[lane], dt))
		m.before[q] = append(m.before[q][:0], seen.Lanes[lane]...)
	}
	fade := math.Exp2(-dt / c.set.Memory)
	m.crossed = m.crossed*fade + passed
	m.noticed = m.noticed*fade + vanished
}

// believe sets what share of vehicles each junction's detectors miss: what was found
// there, and, the less that is, what was found at all of them.
func (c *Control) believe() {
	crossed, noticed := missPrior, missPrior
	for i := range c.state {
		crossed, noticed = crossed+c.state[i].crossed, noticed+c.state[i].noticed
	}
	everywhere := 1 - noticed/crossed
	for i := range c.state {
		m := &c.state[i]
		m.missed = (m.crossed - m.noticed + missPrior*everywhere) / (m.crossed + missPrior)
		if m.missed < tolerated {
			m.missed = 0
		}
	}
}

// gone counts the vehicles of one picture of a lane that have passed its end dt seconds
// later: those that could, behind whom nobody of the next picture can be them.
func gone(before, after []control.Vehicle, dt float64) int {
	n, k := 0, 0
	for _, v := range before {
		reach := (v.Speed+2)*dt + 2
		if v.Distance > reach {
			break
		}
		if k < len(after) && after[k].Distance <= v.Distance+1 && after[k].Distance >= v.Distance-reach {
			k++ // still there
			continue
		}
		n++
	}
	return n
}

// hide follows how many may wait unseen in each queue.
func (m *memory) hide(s *site, shown safety.Aspects, sat []float32, dt float64) {
	for q := range s.queues {
		qu := &s.queues[q]
		if qu.lane < 0 {
			continue
		}
		m.hidden[q] += m.rates[q] * m.missed * dt
		for _, w := range qu.ways {
			if shown.Of(w.group) == safety.Green {
				m.hidden[q] = max(0, m.hidden[q]-float64(sat[q])*dt)
				break
			}
		}
	}
}

// presumed returns the groups for which somebody may wait whom nobody sees: all that are
// red, where detectors miss somebody.
func (m *memory) presumed(s *site, shown safety.Aspects) network.Set {
	if m.missed == 0 {
		return 0
	}
	var set network.Set
	for g := range s.j.Groups {
		if s.j.Groups[g].Kind == network.Vehicles && shown.Of(g) != safety.Green {
			set = set.With(g)
		}
	}
	return set
}
