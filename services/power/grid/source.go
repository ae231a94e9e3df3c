package grid

import (
	"fmt"
	"math"
	"math/cmplx"
)

// Source is a stiff supply: voltages behind an impedance, or ideal without one.
type Source struct {
	Name   string
	Origin Origin
	At     Terminal
	V      []complex128 // per conductor, to earth
	Z      Matrix       // no size: ideal
	OutOf  bool         // out of service
}

// Admittance returns the inverse of the source's impedance.
func (s *Source) Admittance() (Matrix, error) {
	y, err := s.Z.Inverse()
	if err != nil {
		return Matrix{}, fmt.Errorf("%s: %s: the source impedance is zero or singular: %w", s.Origin, s.Name, err)
	}
	return y, nil
}

// Symmetrical returns voltages of n equal phases in positive sequence: volts is
// line to line for two and more phases, angle that of the first, in degrees.
func Symmetrical(volts float64, angle float64, n int) []complex128 {
	magnitude := volts
	if n > 1 {
		magnitude = volts / 2 / math.Sin(math.Pi/float64(n))
	}
	v := make([]complex128, n)
	for i := range v {
		v[i] = cmplx.Rect(magnitude, (angle-float64(i)*360/float64(n))*math.Pi/180)
	}
	return v
}

// SequenceZ returns the phase impedances of n phases with the given positive-
// and zero-sequence impedances (Kersting, eq. 4.73); one phase has the
// positive-sequence impedance alone.
func SequenceZ(z1, z0 complex128, n int) Matrix {
	if n == 1 {
		z0 = z1
	}
	self, mutual := (2*z1+z0)/3, (z0-z1)/3
	m := NewMatrix(n)
	for i := range n {
		for j := range n {
			if i == j {
				m.Set(i, j, self)
			} else {
				m.Set(i, j, mutual)
			}
		}
	}
	return m
}
