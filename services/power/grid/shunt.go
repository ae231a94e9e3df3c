package grid

import "math"

// Shunt is a capacitor bank or a reactor from a bus to earth or between its
// phases.
type Shunt struct {
	Name   string
	Origin Origin
	At     Terminal // one conductor per phase; a one- or two-phase delta has one more
	Low    Terminal // the other side of a wye bank; no nodes: earth
	Phases int
	Delta  bool
	Steps  []Step
	// Capacitor says that it can be switched to hold voltage and save losses.
	Capacitor bool
}

// Step is one switched part of a shunt.
type Step struct {
	Y  complex128 // per phase
	On bool
}

// Capacitance returns the admittance per phase of a bank of so many vars in
// total at a rated voltage given as on nameplates: line to line for delta and
// for two and three phases, else across the bank.
func Capacitance(vars, volts float64, phases int, delta bool) complex128 {
	if !delta && (phases == 2 || phases == 3) {
		volts /= math.Sqrt(3)
	}
	return complex(0, vars/float64(phases)/(volts*volts))
}

// y is the admittance per phase of the steps that are on.
func (s *Shunt) y() complex128 {
	var sum complex128
	for _, step := range s.Steps {
		if step.On {
			sum += step.Y
		}
	}
	return sum
}

// Admittance returns the primitive admittance matrix over the conductors of At
// and then those of Low.
func (s *Shunt) Admittance() Matrix {
	n, y := len(s.At.Nodes), s.y()
	m := NewMatrix(n + len(s.Low.Nodes))
	for p := range s.Phases {
		switch {
		case s.Delta:
			q := (p + 1) % n
			m.Add(p, p, y)
			m.Add(q, q, y)
			m.Add(p, q, -y)
			m.Add(q, p, -y)
		case len(s.Low.Nodes) > 0:
			m.Add(p, p, y)
			m.Add(n+p, n+p, y)
			m.Add(p, n+p, -y)
			m.Add(n+p, p, -y)
		default:
			m.Add(p, p, y)
		}
	}
	return m
}

// AddStep switches the next step on, and says whether there was one.
func (s *Shunt) AddStep() bool {
	for i := range s.Steps {
		if !s.Steps[i].On {
			s.Steps[i].On = true
			return true
		}
	}
	return false
}

// DropStep switches the last step off, and says whether one was on.
func (s *Shunt) DropStep() bool {
	for i := len(s.Steps) - 1; i >= 0; i-- {
		if s.Steps[i].On {
			s.Steps[i].On = false
			return true
		}
	}
	return false
}

// On is the number of steps that are on.
func (s *Shunt) On() int {
	n := 0
	for _, step := range s.Steps {
		if step.On {
			n++
		}
	}
	return n
}

// Quantity is what a capacitor's control watches.
type Quantity uint8

// The quantities.
const (
	WatchCurrent Quantity = iota // amperes on the relay's side
	WatchVoltage                 // volts on the relay's side
	WatchVars                    // kvar into the watched terminal
	WatchPowerFactor
	WatchTime // hours; a snapshot is at midnight
)

// AllPhases stands for the mean of all phases where a CapacitorControl watches
// one; MaxPhase and MinPhase stand for the highest and the lowest.
const AllPhases = -3

// CapacitorControl switches the steps of a shunt on and off.
type CapacitorControl struct {
	Name                       string
	Origin                     Origin
	Shunt                      int // index
	Element                    Element
	Terminal                   int // from 0
	Watch                      Quantity
	PTRatio, CTRatio           float64
	On, Off                    float64
	Delay, DelayOff, DeadTime  float64 // seconds
	Override                   bool    // voltage outside VMin to VMax overrides
	VMin, VMax                 float64
	CurrentPhase, VoltagePhase int // from 0, or AllPhases, MaxPhase, MinPhase
	MinVarsPart                float64
	OutOfService               bool
}
