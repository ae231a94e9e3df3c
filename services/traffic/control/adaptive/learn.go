package adaptive

import (
	"math"

	"polity/services/traffic/control"
	"polity/services/traffic/safety"
)

// age counts how long somebody has waited at red, queue by queue.
func (m *memory) age(s *site, seen *control.Reading, shown safety.Aspects, dt float64) {
	for q := range s.queues {
		qu := &s.queues[q]
		there := qu.lane >= 0 && len(seen.Lanes[qu.lane]) > 0 || qu.crossing >= 0 && seen.Waiting[s.index][qu.crossing] > 0
		green := false
		for _, w := range qu.ways {
			if shown.Of(w.group) == safety.Green {
				there, green = false, true
			}
		}
		if there || m.hidden[q] > 0.5 && !green {
			m.redFor[q] += dt
		} else {
			m.redFor[q] = 0
		}
	}
}

// learn follows the flows of all queues and where their vehicles turn. It returns how many
// vehicles have passed the stop lines.
func (c *Control) learn(s *site, m *memory, seen *control.Reading, dt float64) (passed float64) {
	fade := math.Exp2(-dt / c.set.Memory)
	rfade := math.Exp2(-dt / c.set.RateMemory)
	k := 0
	for q := range s.queues {
		total, served := 0, 0
		if lane := s.queues[q].lane; lane >= 0 {
			total = len(seen.Lanes[lane]) - m.held[q]
			m.held[q] = len(seen.Lanes[lane])
		}
		for w, way := range s.queues[q].ways {
			if way.link < 0 {
				continue
			}
			if k >= len(m.passed) {
				m.passed = append(m.passed, seen.Passed[way.link])
			}
			d := seen.Passed[way.link] - m.passed[k]
			m.passed[k] = seen.Passed[way.link]
			k++
			served += d
			if d > 0 {
				m.shares[q][w] += float64(d)
			}
			if m.shares[q][w] > 0.2 {
				m.shares[q][w] = 0.02 + (m.shares[q][w]-0.02)*fade
			}
		}
		total += served
		passed += float64(served)
		m.flows[q] = m.flows[q]*rfade + float64(total)/dt*(1-rfade)
		m.rates[q] = max(0, m.flows[q])
	}
	return passed
}
