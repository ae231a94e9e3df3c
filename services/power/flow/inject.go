package flow

import (
	"math"

	"polity/services/power/grid"
)

// constantPower is a phase of a load of constant power between two places.
type constantPower struct {
	a, b         int32
	p, q         float64 // watts and vars drawn
	lower, upper float64 // squares of the voltages between which power is constant
	k            int32   // the general form, for outside
}

// injection is a phase of a load or generator of any kind.
type injection struct {
	a, b   int32
	p, q   float64 // drawn at rated voltage
	volts  float64 // rated
	model  grid.Model
	expP   float64
	expQ   float64
	zip    *[7]float64
	fixedQ float64 // models 6 and 7
	vLow   float64 // volts; see grid.Load
	vMin   float64
	vMax   float64
	owner  grid.Element
	scale  bool // follows the load multiplier
	p0, q0 float64
	slot   int32      // in constant or impedant, -1: neither
	y      complex128 // what draws p and q at rated voltage
}

// impedance is a phase of a constant-impedance load. It is part of the matrix;
// what it has changed since then is injected.
type impedance struct {
	a, b   int32
	y      complex128 // in the matrix
	change complex128
	k      int32
}

// collectLoads makes the phases of loads and generators. A phase with a dead
// node is left out: nothing feeds it.
func (s *Solver) collectLoads() {
	for i := range s.net.Loads {
		l := &s.net.Loads[i]
		if l.OutOfService {
			continue
		}
		per := l.S / complex(float64(l.Phases)*s.perNode, 0)
		for p := range l.Phases {
			a, b := l.Pair(p)
			in := injection{
				p: real(per), q: imag(per), volts: l.Volts, model: l.Model, expP: l.ExpP, expQ: l.ExpQ, zip: &l.ZIP,
				fixedQ: imag(per), vLow: l.VLow * l.Volts, vMin: l.VMin * l.Volts, vMax: l.VMax * l.Volts,
				owner: grid.Element{Kind: grid.LoadKind, Index: i}, scale: !l.Fixed,
			}
			s.addInjection(in, l.At, a, b)
		}
	}
	for i := range s.net.Generators {
		g := &s.net.Generators[i]
		if g.OutOfService {
			continue
		}
		per := -g.S / complex(float64(g.Phases)*s.perNode, 0)
		for p := range g.Phases {
			a, b := g.Pair(p)
			in := injection{
				p: real(per), q: imag(per), volts: g.Volts, model: grid.ConstantPower,
				vMin: g.VMin * g.Volts, vMax: g.VMax * g.Volts, owner: grid.Element{Kind: grid.FeedKind, Index: i},
			}
			s.addInjection(in, g.At, a, b)
		}
	}
}

func (s *Solver) addInjection(in injection, at grid.Terminal, a, b int) {
	places, earth := s.at(at), int32(len(s.node))
	for _, c := range [2]int{a, b} {
		if places[c] == earth && at.Nodes[c] != grid.Earth {
			return
		}
	}
	in.a, in.b, in.p0, in.q0 = places[a], places[b], in.p, in.q
	if in.a == in.b {
		return
	}
	if in.vMax == 0 {
		in.vMax = math.Inf(1)
	}
	in.y = in.nominal()
	k := int32(len(s.other))
	in.slot = -1
	switch in.model {
	case grid.ConstantPower:
		in.slot = int32(len(s.constant))
		s.constant = append(s.constant, constantPower{a: in.a, b: in.b, p: in.p, q: in.q, lower: in.vMin * in.vMin, upper: in.vMax * in.vMax, k: k})
	case grid.ConstantImpedance:
		in.slot = int32(len(s.impedant))
		s.impedant = append(s.impedant, impedance{a: in.a, b: in.b, y: in.y, k: k})
	}
	if in.slot < 0 {
		s.odd = append(s.odd, k)
	}
	s.other = append(s.other, in)
}

// nominal is the admittance that draws the rated power at rated voltage.
func (in *injection) nominal() complex128 {
	square := in.volts * in.volts
	return complex(in.p/square, -in.q/square)
}

// inject subtracts the currents that loads draw at v from i.
func (s *Solver) inject(v, i []complex128) {
	for k := range s.constant {
		c := &s.constant[k]
		va, vb := v[c.a], v[c.b]
		re, im := real(va)-real(vb), imag(va)-imag(vb)
		square := re*re + im*im
		var x, y float64
		if square > c.lower && square <= c.upper {
			f := 1 / square
			x, y = (c.p*re+c.q*im)*f, (c.p*im-c.q*re)*f
		} else {
			g := s.other[c.k].admittance(math.Sqrt(square))
			x, y = real(g)*re-imag(g)*im, real(g)*im+imag(g)*re
		}
		i[c.a] -= complex(x, y)
		i[c.b] += complex(x, y)
	}
	for _, k := range s.odd {
		in := &s.other[k]
		u := v[in.a] - v[in.b]
		m := math.Sqrt(real(u)*real(u) + imag(u)*imag(u))
		var current complex128
		if in.model == grid.ConstantCurrent && m > in.vMin && m <= in.vMax {
			f := in.volts / m
			current = complex(f*real(u), f*imag(u)) * in.y
		} else {
			current = in.admittance(m) * u
		}
		i[in.a] -= current
		i[in.b] += current
	}
	if s.changed {
		for k := range s.impedant {
			z := &s.impedant[k]
			current := z.change * (v[z.a] - v[z.b])
			i[z.a] -= current
			i[z.b] += current
		}
	}
}

// admittance returns what the phase looks like at voltage magnitude m: the
// current is that times the voltage. The models are those of OpenDSS (EPRI,
// "OpenDSS Load Element", 2016), so that feeders written for it behave alike.
func (in *injection) admittance(m float64) complex128 {
	y := in.y
	switch {
	case in.model == grid.ConstantImpedance || m <= in.vLow:
		return y
	case m <= in.vMin:
		return in.below(y, m)
	case m > in.vMax:
		return in.above(y)
	}
	p, q := in.shape(m)
	return complex(p/(m*m), -q/(m*m))
}

// shape returns the power drawn at a voltage within bounds.
func (in *injection) shape(m float64) (p, q float64) {
	u := m / in.volts
	switch in.model {
	case grid.ConstantPQuadQ:
		return in.p, in.q * u * u
	case grid.Exponential:
		return in.p * math.Pow(u, in.expP), in.q * math.Pow(u, in.expQ)
	case grid.ConstantCurrent:
		return in.p * u, in.q * u
	case grid.ConstantPFixedQ:
		return in.p, in.fixedQ
	case grid.ConstantPFixedX:
		return in.p, in.fixedQ * u * u
	case grid.Mixed:
		z := in.zip
		p, q = in.p*(z[0]*u*u+z[1]*u+z[2]), in.q*(z[3]*u*u+z[4]*u+z[5])
		drop := in.dropOut(u)
		return p * drop, q * drop
	}
	return in.p, in.q
}

// dropOut falls from 1 to 0 around the mixed model's cut-off voltage.
func (in *injection) dropOut(u float64) float64 {
	if cut := in.zip[6]; cut > 0 {
		return 0.5 * (1 + math.Tanh(500*(u-cut)))
	}
	return 1
}

// below is the admittance between vLow and vMin: a current in a straight line
// from the impedance at vLow to the model's current at vMin.
func (in *injection) below(y complex128, m float64) complex128 {
	line := func(atMin float64) complex128 { // current at vMin in units of y·volts
		low := in.vLow
		return y * complex((low+(atMin-low)*(m-low)/(in.vMin-low))/m, 0)
	}
	power := line(in.volts * in.volts / in.vMin)
	switch in.model {
	case grid.ConstantCurrent:
		return line(in.volts)
	case grid.ConstantPFixedQ, grid.ConstantPFixedX:
		u := in.vMin / in.volts
		return complex(real(y)/(u*u), -in.fixedQ/(in.volts*in.volts))
	case grid.Mixed:
		z, i := in.zip, line(in.volts)
		g := complex(real(y)*z[0]+real(i)*z[1]+real(power)*z[2], imag(y)*z[3]+imag(i)*z[4]+imag(power)*z[5])
		return g * complex(in.dropOut(m/in.volts), 0)
	}
	return power
}

// above is the admittance over vMax.
func (in *injection) above(y complex128) complex128 {
	u := complex(in.vMax/in.volts, 0)
	power := y / (u * u)
	switch in.model {
	case grid.ConstantCurrent:
		return y / u
	case grid.ConstantPFixedQ, grid.ConstantPFixedX:
		return complex(real(power), -in.fixedQ/(in.volts*in.volts))
	case grid.Mixed:
		z, i := in.zip, y/u
		return complex(real(y)*z[0]+real(i)*z[1]+real(power)*z[2], imag(y)*z[3]+imag(i)*z[4]+imag(power)*z[5])
	}
	return power
}

// Scale multiplies all loads that are not fixed; 1 restores them.
func (s *Solver) Scale(factor float64) {
	for k := range s.other {
		if in := &s.other[k]; in.scale {
			s.setPower(k, in.p0*factor, in.q0*factor)
		}
	}
}

// SetLoad sets a load's total power at rated voltage (VA) for the next solution.
func (s *Solver) SetLoad(load int, power complex128) {
	l := &s.net.Loads[load]
	l.S = power
	per := power / complex(float64(l.Phases)*s.perNode, 0)
	s.setOwner(grid.Element{Kind: grid.LoadKind, Index: load}, per)
}

// SetGenerator sets what a generator feeds in (VA) for the next solution.
func (s *Solver) SetGenerator(generator int, power complex128) {
	g := &s.net.Generators[generator]
	g.S = power
	per := -power / complex(float64(g.Phases)*s.perNode, 0)
	s.setOwner(grid.Element{Kind: grid.FeedKind, Index: generator}, per)
}

func (s *Solver) setOwner(owner grid.Element, per complex128) {
	for k := range s.other {
		if s.other[k].owner == owner {
			s.setPower(k, real(per), imag(per))
			in := &s.other[k]
			in.p0, in.q0, in.fixedQ = real(per), imag(per), imag(per)
		}
	}
}

func (s *Solver) setPower(k int, p, q float64) {
	if s.shared { // a result still looks at the old ones
		s.other, s.shared = append([]injection(nil), s.other...), false
	}
	in := &s.other[k]
	in.p, in.q = p, q
	in.y = in.nominal()
	switch {
	case in.slot < 0:
	case in.model == grid.ConstantPower:
		s.constant[in.slot].p, s.constant[in.slot].q = p, q
	default:
		z := &s.impedant[in.slot]
		z.change, s.changed = in.y-z.y, true
	}
}
