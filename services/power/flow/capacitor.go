package flow

import (
	"math"
	"math/cmplx"

	"polity/services/power/grid"
)

// capacitor is a capacitor bank's relay.
type capacitor struct {
	s      *Solver
	c      *grid.CapacitorControl
	shunt  *grid.Shunt
	change int // +1: one step more, −1: one less
	wants  bool
	delay  float64
	opened float64 // when the bank last went off, in seconds; a snapshot is at 0
}

func (k *capacitor) waits() (float64, bool) { return k.delay, k.wants }

func (k *capacitor) act() error {
	if k.change > 0 {
		k.shunt.AddStep()
	} else if k.change < 0 {
		k.shunt.DropStep()
		if k.shunt.On() == 0 {
			k.opened = 0
		}
	}
	k.wants, k.change = false, 0
	k.s.SetShunt(k.c.Shunt)
	return nil
}

func (k *capacitor) sample() {
	k.change = k.decide()
	switch {
	case k.change == 0:
		k.wants = false
	case !k.wants:
		k.wants, k.delay = true, k.c.DelayOff
		if k.change > 0 {
			k.delay = k.c.Delay
			if -k.opened < k.c.DeadTime {
				k.delay = k.c.DeadTime + k.c.Delay + k.opened
			}
		}
	}
}

// decide returns +1 for a step more, −1 for one less, 0 for none.
func (k *capacitor) decide() int {
	on, more := k.shunt.On() > 0, k.shunt.On() < len(k.shunt.Steps)
	m, live := k.s.measure(k.c.Element, k.c.Terminal)
	if !live {
		return 0
	}
	if k.c.Override && k.c.Watch != grid.WatchVoltage {
		switch v := k.volts(m); {
		case !on && v < k.c.VMin:
			return 1
		case on && v > k.c.VMax:
			return -1
		}
	}
	var low, high bool // a step more is wanted, a step less is
	switch k.c.Watch {
	case grid.WatchCurrent:
		i := phaseValue(m.amperes, k.c.CurrentPhase) / k.c.CTRatio
		low, high = i > k.c.On, i < k.c.Off
	case grid.WatchVoltage:
		v := k.volts(m)
		low, high = v < k.c.On, v > k.c.Off
	case grid.WatchVars:
		q := imag(m.power) * k.s.perNode / 1000
		low, high = q > k.c.On, q < k.c.Off
	case grid.WatchPowerFactor:
		low, high = k.powerFactor(m.power*complex(k.s.perNode, 0), on)
	case grid.WatchTime:
		in := 0 >= k.c.On && 0 < k.c.Off
		if k.c.Off <= k.c.On {
			in = 0 >= k.c.On || 0 < k.c.Off
		}
		low, high = in, !in
	}
	switch {
	case on && high:
		return -1
	case low && more:
		return 1
	}
	return 0
}

// powerFactor compares the power factor, counted on from 1 to 2 where it leads.
func (k *capacitor) powerFactor(power complex128, on bool) (low, high bool) {
	pf := 1.0
	if a := cmplx.Abs(power); a > 0 {
		pf = math.Abs(real(power)) / a
	}
	if imag(power) < 0 {
		pf = 2 - pf
	}
	total := 0.0
	for _, step := range k.shunt.Steps {
		total += imag(step.Y) * float64(k.shunt.Phases)
	}
	base := k.s.net.Buses[k.shunt.At.Bus].BaseKV * 1000
	total *= base * base / 3
	part := k.c.MinVarsPart
	if on {
		part = 0.5 / float64(len(k.shunt.Steps))
	}
	return pf < k.c.On && imag(power) > total*part, pf > k.c.Off
}

func (k *capacitor) volts(m measured) float64 {
	if k.shunt.Delta && k.c.VoltagePhase >= 0 && len(m.volts) > 1 {
		p := min(k.c.VoltagePhase, len(m.volts)-1)
		return cmplx.Abs(m.volts[p]-m.volts[(p+1)%len(m.volts)]) / k.c.PTRatio
	}
	return phaseValue(m.volts, k.c.VoltagePhase) / k.c.PTRatio
}

// phaseValue is the magnitude of one phase, or the mean, highest or lowest.
func phaseValue(values []complex128, phase int) float64 {
	if phase >= 0 {
		return cmplx.Abs(values[min(phase, len(values)-1)])
	}
	sum, low, high := 0.0, math.Inf(1), 0.0
	for _, v := range values {
		a := cmplx.Abs(v)
		sum, low, high = sum+a, min(low, a), max(high, a)
	}
	switch phase {
	case grid.MaxPhase:
		return high
	case grid.MinPhase:
		return low
	}
	return sum / float64(len(values))
}
