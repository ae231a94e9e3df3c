package grid

import "math"

// Model is how a load's power follows its voltage.
type Model uint8

// The models. Names and numbers in brackets are those of OpenDSS.
const (
	ConstantPower     Model = iota // P and Q constant (1)
	ConstantImpedance              // (2)
	ConstantPQuadQ                 // P constant, Q with the square of voltage (3)
	Exponential                    // P and Q with powers of voltage: ExpP, ExpQ (4)
	ConstantCurrent                // (5)
	ConstantPFixedQ                // P constant, Q constant whatever scales the load (6)
	ConstantPFixedX                // P constant, Q a fixed reactance whatever scales the load (7)
	Mixed                          // ZIP: parts of each, for P and for Q (8)
)

// Load draws power from a bus.
type Load struct {
	Name   string
	Origin Origin
	At     Terminal // wye: one conductor per phase and the neutral; delta: phases, and one more for one or two
	Phases int
	Delta  bool
	S      complex128 // VA, all phases together, at rated voltage
	Volts  float64    // rated voltage across each phase of the load
	Model  Model
	ExpP   float64    // Exponential: power of voltage for P
	ExpQ   float64    // and for Q
	ZIP    [7]float64 // Mixed: Z, I, P parts of P, then of Q, then the voltage below which it drops out
	// Below VMin and above VMax (per unit of Volts) the load is a constant
	// impedance, between VLow and VMin a current that falls in a straight line, as
	// OpenDSS does it; 0 disables the bound.
	VMin, VMax, VLow float64
	Fixed            bool // not scaled by load multipliers
	Customers        int
	OutOfService     bool
}

// PhaseVolts returns the rated voltage across one phase of a load: files give it
// line to line for wye loads of two or three phases.
func PhaseVolts(volts float64, phases int, delta bool) float64 {
	if !delta && (phases == 2 || phases == 3) {
		return volts / math.Sqrt(3)
	}
	return volts
}

// Pair returns the two conductors that phase p of the load sits between.
func (l *Load) Pair(p int) (int, int) {
	n := len(l.At.Nodes)
	if l.Delta {
		return p, (p + 1) % n
	}
	return p, n - 1
}

// GeneratorKind is what drives a generator.
type GeneratorKind uint8

// The kinds of generator.
const (
	Machine GeneratorKind = iota
	Solar
	Storage
)

// Generator feeds power into a bus, at constant power or holding the voltage.
type Generator struct {
	Name   string
	Origin Origin
	At     Terminal // as a load's
	Phases int
	Delta  bool
	Kind   GeneratorKind
	S      complex128 // VA fed in, all phases together; storage that charges has P below zero
	Volts  float64    // rated voltage across each phase
	// Within VMin to VMax (per unit) power is constant, outside an impedance.
	VMin, VMax float64
	// Hold is the voltage (per unit of the bus) that it holds by its vars, within
	// QMin to QMax; 0: it does not.
	Hold         float64
	QMin, QMax   float64
	RatedVA      float64
	OutOfService bool
}

// Pair returns the two conductors that phase p of the generator sits between.
func (g *Generator) Pair(p int) (int, int) {
	n := len(g.At.Nodes)
	if g.Delta {
		return p, (p + 1) % n
	}
	return p, n - 1
}

// Regulator moves the tap of a transformer to hold a voltage in a band, with
// line-drop compensation.
type Regulator struct {
	Name        string
	Origin      Origin
	Transformer int // index
	Winding     int // watched, from 0
	TapWinding  int // moved, from 0
	Target      float64
	Band        float64 // volts on the relay's side, total width
	PTRatio     float64
	CTRating    float64 // primary amperes at which R and X are in volts
	R, X        float64 // volts
	Delay       float64 // seconds; of several regulators the one with the shortest acts first
	MaxSteps    int     // most steps in one action; 0: the regulator is locked
	Phase       int     // watched phase from 0, or MaxPhase, MinPhase
	Limit       float64 // highest voltage, relay's side; 0: none
	RegulatedAt *Terminal
	RemotePT    float64
	// Reverse operation. Where it is not reversible a regulator that is fed from
	// behind keeps looking forward and may run to the end of its range.
	Reversible, ReverseNeutral bool
	ReverseTarget, ReverseBand float64
	ReverseR, ReverseX         float64
	ReverseThreshold           float64 // watts
	OutOfService               bool
}

// The watched phase of a Regulator may be the highest or the lowest of all.
const (
	MaxPhase = -1
	MinPhase = -2
)
