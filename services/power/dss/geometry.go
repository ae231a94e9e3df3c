package dss

import (
	"errors"
	"fmt"
	"math"
	"math/cmplx"

	"polity/services/power/grid"
)

// wire is an overhead conductor.
type wire struct {
	basics
	rdc, rac                   float64 // per metre once rUnit is known
	gmr, radius, capRadius     float64
	rUnit, gmrUnit, radiusUnit float64
	normal, emergency          float64
}

func newWire(r *reader, name string) *wire {
	return &wire{basics: r.newBasics(name)}
}

func (*wire) class() *class { return wireClass }

func (w *wire) like(other object) { *w = *other.(*wire) }

func (w *wire) set(property string, v value) (err error) {
	number := map[string]*float64{
		"rdc": &w.rdc, "rac": &w.rac, "gmrac": &w.gmr, "radius": &w.radius, "normamps": &w.normal, "emergamps": &w.emergency, "capradius": &w.capRadius,
	}
	unit := map[string]*float64{"runits": &w.rUnit, "gmrunits": &w.gmrUnit, "radunits": &w.radiusUnit}
	switch {
	case number[property] != nil:
		*number[property], err = v.number()
	case unit[property] != nil:
		*unit[property], err = v.unit()
	case property == "diam":
		w.radius, err = v.number()
		w.radius /= 2
	}
	return err
}

// conductor returns resistance per metre and radii in metres, each standing in
// for those not given, as in OpenDSS: GMR = 0.7788 radius, Rdc = Rac / 1.02.
func (w *wire) conductor() (rdc, rac, gmr, radius float64, err error) {
	one := func(unit float64) float64 { return cmpOr(unit, 1) }
	rdc, rac = w.rdc/one(w.rUnit), w.rac/one(w.rUnit)
	if rdc == 0 {
		rdc = rac / 1.02
	}
	if rac == 0 {
		rac = rdc * 1.02
	}
	gmr, radius = w.gmr*one(w.gmrUnit), w.radius*one(w.radiusUnit)
	switch {
	case gmr == 0 && radius > 0:
		gmr = 0.7788 * radius
	case radius == 0 && gmr > 0:
		radius = gmr / 0.7788
	}
	if !(rdc > 0) || !(gmr > 0) {
		return 0, 0, 0, 0, fmt.Errorf("wiredata %s (%s) needs a resistance and a GMR or radius above zero", w.name, w.origin)
	}
	return rdc, rac, gmr, radius, nil
}

// geometry is a line's conductors in space.
type geometry struct {
	basics
	r                 *reader
	phases            int
	wires             []*wire
	x, h              []float64
	units             []float64
	active            int
	reduce            bool
	normal, emergency float64
}

func newGeometry(r *reader, name string) *geometry {
	g := &geometry{basics: r.newBasics(name), r: r, phases: 3}
	g.resize(3)
	return g
}

func (*geometry) class() *class { return geometryClass }

func (g *geometry) like(other object) {
	*g = *other.(*geometry)
	g.wires, g.x = append([]*wire(nil), g.wires...), append([]float64(nil), g.x...)
	g.h, g.units = append([]float64(nil), g.h...), append([]float64(nil), g.units...)
}

func (g *geometry) resize(n int) {
	g.wires, g.x, g.h, g.units = make([]*wire, n), make([]float64, n), make([]float64, n), make([]float64, n)
	g.active = 0
}

func (g *geometry) set(property string, v value) (err error) {
	var n int
	switch property {
	case "nconds":
		if n, err = v.integer(); err == nil && (n < 1 || n > maxConductors) {
			err = fmt.Errorf("%d conductors; 1 to %d can be", n, maxConductors)
		}
		if err == nil {
			g.resize(n)
		}
	case "nphases":
		if g.phases, err = v.integer(); err == nil && g.phases < 1 {
			g.phases, err = 1, fmt.Errorf("%d phases", g.phases)
		}
	case "cond":
		if n, err = v.integer(); err == nil && (n < 1 || n > len(g.wires)) {
			err = fmt.Errorf("conductor %d of %d", n, len(g.wires))
		}
		if err == nil {
			g.active = n - 1
		}
	case "wire":
		return g.setWire(g.active, v)
	case "wires":
		for i, e := range v.list() {
			if i >= len(g.wires) {
				return fmt.Errorf("more wires than %d conductors", len(g.wires))
			}
			if err := g.setWire(i, e); err != nil {
				return err
			}
		}
	case "x":
		g.x[g.active], err = v.number()
	case "h":
		g.h[g.active], err = v.number()
	case "units":
		var unit float64
		unit, err = v.unit()
		for i := g.active; i < len(g.units); i++ {
			g.units[i] = unit
		}
	case "normamps":
		g.normal, err = v.number()
	case "emergamps":
		g.emergency, err = v.number()
	case "reduce":
		g.reduce, err = v.boolean()
	case "spacing":
		sp, ok := g.r.objects["linespacing"][v.lower()].(*spacing)
		if !ok {
			return fmt.Errorf("there is no linespacing %q%s", v.lower(), g.r.hintName("linespacing", v.lower()))
		}
		g.take(sp)
	case "cncable", "tscable", "cncables", "tscables":
		err = errors.New("not read; cables need a linecode or matrices")
	}
	return err
}

// take places the conductors as in a spacing.
func (g *geometry) take(sp *spacing) {
	wires := g.wires
	g.resize(len(sp.x))
	copy(g.wires, wires)
	g.phases = sp.phases
	copy(g.x, sp.x)
	copy(g.h, sp.h)
	for i := range g.units {
		g.units[i] = sp.unit
	}
}

// spacing is conductors' places without the conductors.
type spacing struct {
	basics
	phases int
	x, h   []float64
	unit   float64
}

func newSpacing(r *reader, name string) *spacing {
	return &spacing{basics: r.newBasics(name), phases: 3, x: make([]float64, 3), h: make([]float64, 3), unit: metres["ft"]}
}

func (*spacing) class() *class { return spacingClass }

func (s *spacing) like(other object) { *s = *other.(*spacing) }

func (s *spacing) set(property string, v value) (err error) {
	var n int
	switch property {
	case "nconds":
		if n, err = v.integer(); err == nil && (n < 1 || n > maxConductors) {
			err = fmt.Errorf("%d conductors; 1 to %d can be", n, maxConductors)
		}
		if err == nil {
			s.x, s.h = make([]float64, n), make([]float64, n)
		}
	case "nphases":
		if s.phases, err = v.integer(); err == nil && s.phases < 1 {
			s.phases, err = 1, fmt.Errorf("%d phases", s.phases)
		}
	case "units":
		s.unit, err = v.unit()
	case "x", "h":
		var list []float64
		if list, err = v.numbers(); err == nil && len(list) != len(s.x) {
			err = fmt.Errorf("%d values for %d conductors", len(list), len(s.x))
		}
		if property == "x" {
			s.x = list
		} else {
			s.h = list
		}
	}
	return err
}

func (g *geometry) setWire(i int, v value) error {
	w, ok := g.r.objects["wiredata"][v.lower()].(*wire)
	if !ok {
		return fmt.Errorf("there is no wiredata %q%s", v.lower(), g.r.hintName("wiredata", v.lower()))
	}
	g.wires[i] = w
	if g.normal == 0 {
		g.normal, g.emergency = w.normal, w.emergency
	}
	return nil
}

// conductorsKept is the order of the matrices: the phases when the neutrals are
// eliminated, else all conductors.
func (g *geometry) conductorsKept() int {
	if g.reduce {
		return min(g.phases, len(g.wires))
	}
	return len(g.wires)
}

const mu0, epsilon0 = 4e-7 * math.Pi, 8.8542e-12

// earthReturn is how the earth's part of an impedance is computed.
type earthReturn struct {
	carson         bool
	frequency, rho float64
}

// between is the earth's part between two conductors at heights h and k and so
// far apart (with k = h and no distance: of one conductor), in ohms per metre.
// Deri et al., "The complex ground return plane", IEEE Trans. PAS-100, 1981; or
// Carson's equations cut after the first term (Kersting, eq. 4.41 and 4.42).
func (e earthReturn) between(h, k, apart float64) complex128 {
	omega := 2 * math.Pi * e.frequency
	if e.carson {
		return complex(omega*mu0/8, omega*mu0/(2*math.Pi)*math.Log(658.5*math.Sqrt(e.rho/e.frequency)))
	}
	depth := 1 / cmplx.Sqrt(complex(0, omega*mu0/e.rho)) // complex depth of the return
	down := complex(h+k, 0) + 2*depth
	return complex(0, omega*mu0/(2*math.Pi)) * cmplx.Log(cmplx.Sqrt(down*down+complex(apart*apart, 0)))
}

// perMetre returns the line's series impedance and shunt admittance per metre.
func (g *geometry) perMetre(earth earthReturn) (series, shunt grid.Matrix, err error) {
	n := len(g.wires)
	omega := 2 * math.Pi * earth.frequency
	series, potential := grid.NewMatrix(n), grid.NewMatrix(n)
	jl := complex(0, omega*mu0/(2*math.Pi))
	position := func(i int) (x, h float64) { u := cmpOr(g.units[i], 1); return g.x[i] * u, g.h[i] * u }
	for i := range n {
		if g.wires[i] == nil {
			return series, shunt, fmt.Errorf("linegeometry %s (%s): conductor %d has no wire", g.name, g.origin, i+1)
		}
		rdc, rac, gmr, radius, err := g.wires[i].conductor()
		if err != nil {
			return series, shunt, err
		}
		xi, hi := position(i)
		if !(hi > radius) {
			return series, shunt, fmt.Errorf("linegeometry %s (%s): conductor %d hangs at height %g m", g.name, g.origin, i+1, hi)
		}
		internal := real(skin(rdc, earth.frequency)) // its reactance is in the GMR
		if earth.carson {
			internal = rac
		}
		series.Set(i, i, complex(internal, 0)+jl*complex(math.Log(1/gmr), 0)+earth.between(hi, hi, 0))
		if c := g.wires[i].capRadius; c > 0 {
			radius = c * cmpOr(g.wires[i].radiusUnit, 1)
		}
		potential.Set(i, i, complex(math.Log(2*hi/radius), 0))
		for j := range i {
			xj, hj := position(j)
			dx := xi - xj
			apart, image := math.Hypot(dx, hi-hj), math.Hypot(dx, hi+hj)
			if apart == 0 {
				return series, shunt, fmt.Errorf("linegeometry %s (%s): conductors %d and %d hang in the same place", g.name, g.origin, j+1, i+1)
			}
			z := jl*complex(math.Log(1/apart), 0) + earth.between(hi, hj, dx)
			series.Set(i, j, z)
			series.Set(j, i, z)
			potential.Set(i, j, complex(math.Log(image/apart), 0))
			potential.Set(j, i, complex(math.Log(image/apart), 0))
		}
	}
	c, err := potential.Inverse()
	if err != nil {
		return series, shunt, fmt.Errorf("linegeometry %s (%s): %w", g.name, g.origin, err)
	}
	kept := g.conductorsKept()
	var neutrals []int
	for i := kept; i < n; i++ {
		neutrals = append(neutrals, i)
	}
	shunt = grid.NewMatrix(kept)
	for i := range kept {
		for j := range kept {
			shunt.Set(i, j, complex(0, omega*2*math.Pi*epsilon0*real(c.At(i, j))))
		}
	}
	return eliminate(series, neutrals), shunt, nil
}

// skin is the internal impedance per metre of a round conductor of direct-current
// resistance rdc: (1+j)·√(rdc·f·µ0)/2·I0(α)/I1(α), α = (1+j)·√(f·µ0/rdc).
func skin(rdc, frequency float64) complex128 {
	alpha := complex(1, 1) * complex(math.Sqrt(frequency*mu0/rdc), 0)
	ratio := complex128(1)
	if cmplx.Abs(alpha) <= 35 {
		ratio = besselRatio(alpha)
	}
	return complex(1, 1) * ratio * complex(math.Sqrt(rdc*frequency*mu0)/2, 0)
}

// besselRatio is I0(z)/I1(z) of the modified Bessel functions, by their series
// (Abramowitz and Stegun, 9.6.10).
func besselRatio(z complex128) complex128 {
	quarter := z * z / 4
	i0, i1 := complex128(0), complex128(0)
	term := complex128(1)
	for k := 1; k < 200; k++ {
		i0 += term
		i1 += term / complex(float64(k), 0)
		term *= quarter / complex(float64(k*k), 0)
		if cmplx.Abs(term) < 1e-17*cmplx.Abs(i0) {
			break
		}
	}
	return i0 / (z / 2 * i1)
}
