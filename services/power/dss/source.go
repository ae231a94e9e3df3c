package dss

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"polity/services/power/grid"
)

type source struct {
	basics
	circuit        string
	bus            [2]string
	kv, pu, angle  float64
	phases         int
	mva3, mva1     float64
	isc3, isc1     float64
	x1r1, x0r0     float64
	r1, x1, r0, x0 float64
	kind           int // 1: MVAsc, 2: Isc, 3: ohms
	baseMVA        float64
	z1, z0         []float64
	puZ1, puZ0     []float64
	sequence       string
	ideal          bool
	idealZ         []float64
}

func newSource(r *reader, name string) *source {
	return &source{
		basics: r.newBasics(name), bus: [2]string{"sourcebus", ""}, kv: 115, pu: 1, phases: 3, mva3: 2000, mva1: 2100, isc3: 10000, isc1: 10540,
		x1r1: 4, x0r0: 3, r1: 1.65, x1: 6.6, r0: 1.9, x0: 5.7, kind: 1, baseMVA: 100, idealZ: []float64{1e-6, 0.001},
	}
}

func (*source) class() *class { return sourceClass }

func (s *source) like(other object) { *s = *other.(*source) }

func (s *source) set(property string, v value) (err error) {
	number := map[string]struct {
		to   *float64
		kind int
	}{
		"basekv": {&s.kv, 0}, "pu": {&s.pu, 0}, "angle": {&s.angle, 0}, "mvasc3": {&s.mva3, 1}, "mvasc1": {&s.mva1, 1}, "x1r1": {&s.x1r1, 0},
		"x0r0": {&s.x0r0, 0}, "isc3": {&s.isc3, 2}, "isc1": {&s.isc1, 2}, "r1": {&s.r1, 3}, "x1": {&s.x1, 3}, "r0": {&s.r0, 3}, "x0": {&s.x0, 3},
		"basemva": {&s.baseMVA, 0},
	}
	if n, ok := number[property]; ok {
		*n.to, err = v.number()
		if n.kind > 0 {
			s.kind = n.kind
		}
		return err
	}
	pairs := map[string]*[]float64{"z1": &s.z1, "z0": &s.z0, "puz1": &s.puZ1, "puz0": &s.puZ0, "puzideal": &s.idealZ}
	if to := pairs[property]; to != nil {
		*to, err = pair(v)
		if property != "puzideal" {
			s.kind = 3
		}
		return err
	}
	switch property {
	case "bus1":
		s.bus[0] = v.lower()
	case "bus2":
		s.bus[1] = v.lower()
		for _, node := range strings.Split(s.bus[1], ".")[1:] {
			if node != "0" {
				return errors.New("sources between two buses are not read")
			}
		}
	case "phases":
		if s.phases, err = v.integer(); err == nil && (s.phases < 1 || s.phases > maxConductors) {
			s.phases, err = 3, fmt.Errorf("%d phases; 1 to %d can be", s.phases, maxConductors)
		}
	case "sequence":
		s.sequence = v.lower()
	case "model":
		s.ideal = strings.HasPrefix(v.lower(), "i")
	case "z2", "puz2":
		err = errors.New("not read; the negative sequence counts as the positive")
	}
	return err
}

// impedances returns the positive- and zero-sequence impedance in ohms, from
// short-circuit powers or currents where it is not given (EPRI, "OpenDSS Vsource
// element": R0 from the single-phase fault with X0/R0 given).
func (s *source) impedances() (z1, z0 complex128, err error) {
	if s.kind == 3 {
		base := s.kv * s.kv / s.baseMVA
		z1, z0 = complex(s.r1, s.x1), complex(s.r0, s.x0)
		switch {
		case s.puZ1 != nil:
			z1 = complex(s.puZ1[0]*base, s.puZ1[1]*base)
			z0 = z1
			if s.puZ0 != nil {
				z0 = complex(s.puZ0[0]*base, s.puZ0[1]*base)
			}
		case s.z1 != nil:
			z1 = complex(s.z1[0], s.z1[1])
			z0 = z1
			if s.z0 != nil {
				z0 = complex(s.z0[0], s.z0[1])
			}
		}
		return z1, z0, nil
	}
	factor := math.Sqrt(3)
	if s.phases == 1 {
		factor = 1
	}
	mva3, isc1 := s.mva3, s.mva1*1000/(factor*s.kv)
	if s.kind == 2 {
		mva3, isc1 = math.Sqrt(3)*s.kv*s.isc3/1000, s.isc1
	}
	x1 := s.kv * s.kv / mva3 / math.Sqrt(1+1/(s.x1r1*s.x1r1))
	r1 := x1 / s.x1r1
	loop := 3 * s.kv * 1000 / factor / isc1 // |2·Z1 + Z0|
	a, b, c := 1+s.x0r0*s.x0r0, 4*(r1+x1*s.x0r0), 4*(r1*r1+x1*x1)-loop*loop
	r0 := (-b + math.Sqrt(b*b-4*a*c)) / (2 * a)
	if math.IsNaN(r0) {
		return 0, 0, errors.New("no zero-sequence impedance gives these short-circuit powers")
	}
	return complex(r1, x1), complex(r0, r0*s.x0r0), nil
}

func (s *source) build(r *reader, n *grid.Network) {
	at, ok := r.terminal(n, &s.basics, s.bus[0], s.phases, s.phases, "bus1")
	if !ok {
		return
	}
	z1, z0, err := s.impedances()
	if err != nil || z1 == 0 || !(s.kv > 0) {
		if err == nil {
			err = errors.New("its voltage or its impedance is zero")
		}
		r.problem(&s.basics, "%v", err)
		return
	}
	out := grid.Source{Name: "vsource." + s.name, Origin: s.origin, At: at, Z: grid.SequenceZ(z1, z0, s.phases)}
	if s.ideal {
		base := s.kv * s.kv / s.baseMVA
		out.Z = grid.SequenceZ(complex(s.idealZ[0]*base, s.idealZ[1]*base), complex(s.idealZ[0]*base, s.idealZ[1]*base), s.phases)
	}
	out.V = grid.Symmetrical(s.kv*1000*s.pu, s.angle, s.phases)
	switch {
	case strings.HasPrefix(s.sequence, "n"):
		for i := range out.V {
			out.V[i] = grid.Symmetrical(s.kv*1000*s.pu, s.angle, s.phases)[(s.phases-i)%s.phases]
		}
	case strings.HasPrefix(s.sequence, "z"):
		for i := range out.V {
			out.V[i] = out.V[0]
		}
	}
	n.Sources = append(n.Sources, out)
}
