package flow

import (
	"math"

	"polity/services/power/grid"
)

// control moves taps and capacitors between solutions as OpenDSS does in its
// static mode (EPRI, "OpenDSS RegControl" and "CapControl", and its control
// queue): all devices look; those that want to act wait for their delay; of all
// that wait, those with the shortest delay act; then the flow is solved anew. So
// taps and steps come out as in OpenDSS.
type control struct {
	devices []device
	steps   int
	limit   int
	hunting bool
}

// device is one control.
type device interface {
	// sample looks at the solution and decides whether it wants to act.
	sample()
	// waits returns the delay after which it wants to act, and whether it does.
	waits() (seconds float64, wants bool)
	// act acts.
	act() error
}

func newControl(s *Solver) *control {
	c := &control{limit: s.net.MaxControlSteps}
	if c.limit == 0 {
		c.limit = 15
	}
	if s.options.HoldTaps {
		return c
	}
	for k := range s.net.Regulators {
		r := &s.net.Regulators[k]
		if r.MaxSteps > 0 && !r.OutOfService && !s.net.Transformers[r.Transformer].OutOfService {
			c.devices = append(c.devices, &regulator{s: s, r: r, t: &s.net.Transformers[r.Transformer]})
		}
	}
	for k := range s.net.CapacitorControls {
		d := &s.net.CapacitorControls[k]
		if !d.OutOfService {
			c.devices = append(c.devices, &capacitor{s: s, c: d, shunt: &s.net.Shunts[d.Shunt], opened: math.Inf(-1)})
		}
	}
	return c
}

// act samples all devices, lets the first in time act, and says whether a new
// solution is needed.
func (c *control) act() (bool, error) {
	if len(c.devices) == 0 {
		return false, nil
	}
	c.steps++
	first := math.Inf(1)
	for _, d := range c.devices {
		d.sample()
		if seconds, wants := d.waits(); wants {
			first = min(first, seconds)
		}
	}
	if math.IsInf(first, 1) {
		return false, nil
	}
	if c.steps >= c.limit {
		c.hunting = true
		return false, nil
	}
	for _, d := range c.devices {
		if seconds, wants := d.waits(); !wants || seconds != first {
			continue
		}
		if err := d.act(); err != nil {
			return false, err
		}
	}
	return true, nil
}

// measured is what flows into a terminal of an element.
type measured struct {
	volts, amperes []complex128 // per conductor
	power          complex128   // VA per node into the terminal
}

// measure returns what flows into a terminal of a live element.
func (s *Solver) measure(e grid.Element, terminal int) (measured, bool) {
	p := s.element(e)
	if p == nil {
		return measured{}, false
	}
	currents := make([]complex128, len(p.places))
	p.current(s.v, currents)
	sizes := terminalSizes(s.net, e)
	from := 0
	for _, n := range sizes[:terminal] {
		from += n
	}
	m := measured{amperes: currents[from : from+sizes[terminal]]}
	for i, place := range p.places[from : from+sizes[terminal]] {
		m.volts = append(m.volts, s.v[place])
		i := m.amperes[i]
		m.power += s.v[place] * complex(real(i), -imag(i))
	}
	return m, true
}
