package grid

import (
	"fmt"
	"math"
	"math/cmplx"
)

// Winding is one winding of a transformer.
type Winding struct {
	// Terminal has one conductor per phase and the neutral.
	Terminal
	Delta bool
	// Volts is the rated voltage as nameplates give it: line to line for two and
	// three phases, across the winding for one.
	Volts float64
	VA    float64
	R     float64 // per unit on winding 1's rating
	Tap   float64 // per unit
	// Range of the tap changer and its number of steps; no steps, no changer.
	MinTap, MaxTap float64
	Steps          int
	// Neutral impedance to earth of a wye winding; Open neutrals have none.
	NeutralOpen bool
	NeutralZ    complex128
}

// Step is the per-unit size of one tap step.
func (w *Winding) Step() float64 {
	if w.Steps == 0 {
		return 0
	}
	return (w.MaxTap - w.MinTap) / float64(w.Steps)
}

// Position is the tap as a number of steps from the middle.
func (w *Winding) Position() int {
	if w.Steps == 0 {
		return 0
	}
	return int(math.Round((w.Tap - (w.MaxTap+w.MinTap)/2) / w.Step()))
}

// SetPosition moves the tap to a number of steps from the middle, within range.
func (w *Winding) SetPosition(p int) {
	w.Tap = min(w.MaxTap, max(w.MinTap, (w.MaxTap+w.MinTap)/2+float64(p)*w.Step()))
}

// Transformer has two or more windings around a core per phase.
type Transformer struct {
	Name     string
	Origin   Origin
	Phases   int
	Windings []Winding
	// X are the short-circuit reactances between pairs of windings (1-2, 1-3, …,
	// 2-3, …), per unit on winding 1's rating.
	X []float64
	// NoLoad is the per-unit admittance of the core on winding 1's rating: its
	// losses, and its magnetising current as a negative imaginary part. It sits
	// at winding NoLoadAt (from 0), or with Centred in the middle of the series
	// impedance of two windings (T).
	NoLoad   complex128
	NoLoadAt int
	Centred  bool
	// Shift turns the voltage from winding 1 to winding 2 by this angle in
	// radians (negative: winding 2 lags). For balanced networks, where no delta
	// does it.
	Shift float64
	// LowLeads says that with one wye and one delta winding the low-voltage side
	// leads the high one by 30 degrees (Dy11, usual in Europe); else it lags (Dy1,
	// ANSI C57.12.00).
	LowLeads bool
	// AntiFloat is a tiny reactive admittance from every winding end to earth,
	// per unit of the rating, that holds windings which nothing else grounds.
	AntiFloat float64
	// RatedVA is what it carries for ever, EmergencyVA for some hours.
	RatedVA, EmergencyVA float64
	Bank                 string
	OutOfService         bool
}

// BaseVolts is the rated voltage across one winding of a phase.
func (t *Transformer) BaseVolts(w int) float64 {
	if !t.Windings[w].Delta && (t.Phases == 2 || t.Phases == 3) {
		return t.Windings[w].Volts / math.Sqrt(3)
	}
	return t.Windings[w].Volts
}

// conductors is the number of conductors of each winding's terminal.
func (t *Transformer) conductors() int { return t.Phases + 1 }

// Coil returns the two conductors of phase p of winding w, counted over all
// terminals. With one wye and one delta winding the direction in which the delta
// goes round gives the 30 degrees their sign.
func (t *Transformer) Coil(w, p int) (int, int) {
	base := w * t.conductors()
	if !t.Windings[w].Delta || t.Phases == 1 {
		return base + p, base + t.Phases
	}
	q := p + t.deltaDirection()
	switch {
	case t.Phases > 2:
		q = (q + t.Phases) % t.Phases
	case q < 0:
		q = 2 // two phases in open delta: the third conductor
	}
	return base + p, base + q
}

func (t *Transformer) deltaDirection() int {
	a, b := &t.Windings[0], &t.Windings[1]
	if a.Delta == b.Delta {
		return 1
	}
	high := a
	if b.Volts > a.Volts {
		high = b
	}
	if high.Delta == t.LowLeads {
		return 1
	}
	return -1
}

// Admittance returns the primitive admittance matrix over the conductors of all
// windings in turn (Dugan, "A perspective on transformer modeling for
// distribution system analysis", IEEE PES General Meeting 2003).
func (t *Transformer) Admittance() (Matrix, error) {
	one, err := t.phaseAdmittance()
	if err != nil {
		return Matrix{}, err
	}
	windings := len(t.Windings)
	y := NewMatrix(windings * t.conductors())
	antiFloat := func(w int) complex128 {
		v := t.BaseVolts(w)
		return complex(0, -t.AntiFloat*t.Windings[0].VA/float64(t.Phases)/(v*v)/2)
	}
	for p := range t.Phases {
		for i := range windings {
			iHigh, iLow := t.Coil(i, p)
			for j := range windings {
				jHigh, jLow := t.Coil(j, p)
				v := one.At(i, j)
				y.Add(iHigh, jHigh, v)
				y.Add(iLow, jLow, v)
				y.Add(iHigh, jLow, -v)
				y.Add(iLow, jHigh, -v)
			}
			y.Add(iHigh, iHigh, antiFloat(i))
			y.Add(iLow, iLow, antiFloat(i))
		}
	}
	for i := range t.Windings {
		w, neutral := &t.Windings[i], (i+1)*t.conductors()-1
		switch {
		case w.Delta:
		case w.NeutralOpen:
			y.Add(neutral, neutral, antiFloat(i))
		case w.NeutralZ == 0:
			y.Add(neutral, neutral, 1e6)
		default:
			y.Add(neutral, neutral, 1/w.NeutralZ)
		}
	}
	return y, nil
}

// phaseAdmittance is the admittance between the windings of one phase, in
// siemens, with turns ratios and taps.
func (t *Transformer) phaseAdmittance() (Matrix, error) {
	if t.Centred || t.Shift != 0 {
		return t.balancedAdmittance()
	}
	n := len(t.Windings)
	perUnit := float64(t.Phases) / t.Windings[0].VA // ohms on a base of one volt
	z := NewMatrix(n - 1)
	for i := range n - 1 {
		z.Set(i, i, complex(t.Windings[0].R+t.Windings[i+1].R, t.X[i]))
	}
	k := n - 1
	for i := range n - 1 {
		for j := i + 1; j < n-1; j++ {
			pair := complex(t.Windings[i+1].R+t.Windings[j+1].R, t.X[k])
			m := (z.At(i, i) + z.At(j, j) - pair) / 2
			z.Set(i, j, m)
			z.Set(j, i, m)
			k++
		}
	}
	inv, err := z.Scaled(complex(perUnit, 0)).Inverse()
	if err != nil {
		return Matrix{}, fmt.Errorf("%s: %s: the short-circuit impedance is zero: %w", t.Origin, t.Name, err)
	}
	y := NewMatrix(n)
	for i := range n - 1 {
		for j := range n - 1 {
			v := inv.At(i, j)
			y.Add(i+1, j+1, v)
			y.Add(0, j+1, -v)
			y.Add(i+1, 0, -v)
			y.Add(0, 0, v)
		}
	}
	y.Add(t.NoLoadAt, t.NoLoadAt, t.NoLoad/complex(perUnit, 0))
	for i := range n {
		for j := range n {
			y.Set(i, j, y.At(i, j)/complex(t.turns(i)*t.turns(j), 0))
		}
	}
	return y, nil
}

// turns is the voltage of winding w at one volt per turn; a tap of zero, which
// no machine has, becomes a very small one.
func (t *Transformer) turns(w int) float64 {
	tap := t.Windings[w].Tap
	if tap == 0 {
		tap = 1e-4
	}
	return t.BaseVolts(w) * tap
}

// balancedAdmittance is the two-port of a two-winding transformer with the core
// in the middle of the series impedance and an angle between the sides.
func (t *Transformer) balancedAdmittance() (Matrix, error) {
	z := complex(t.Windings[0].R+t.Windings[1].R, t.X[0])
	if z == 0 {
		return Matrix{}, fmt.Errorf("%s: %s: the short-circuit impedance is zero: %w", t.Origin, t.Name, errNoInverse)
	}
	series, atFirst, atSecond := 1/z, complex128(0), t.NoLoad
	if t.NoLoadAt == 0 {
		atFirst, atSecond = t.NoLoad, 0
	}
	if t.Centred && t.NoLoad != 0 { // star of z/2, z/2 and 1/NoLoad made a delta
		half, core := z/2, 1/t.NoLoad
		sum := half*half + 2*half*core
		series, atFirst, atSecond = core/sum, half/sum, half/sum
	}
	siemens := complex(t.Windings[0].VA/float64(t.Phases), 0)
	turn := cmplx.Rect(1, t.Shift)
	y := NewMatrix(2)
	first, second := complex(t.turns(0), 0), complex(t.turns(1), 0)*turn
	y.Set(0, 0, siemens*(series+atFirst)/(first*cmplx.Conj(first)))
	y.Set(1, 1, siemens*(series+atSecond)/(second*cmplx.Conj(second)))
	y.Set(0, 1, -siemens*series/(cmplx.Conj(first)*second))
	y.Set(1, 0, -siemens*series/(first*cmplx.Conj(second)))
	return y, nil
}
