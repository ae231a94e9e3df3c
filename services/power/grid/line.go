package grid

import "fmt"

// Line is an overhead line, a cable, a series reactor or a switch.
type Line struct {
	Name   string
	Origin Origin
	Ends   [2]Terminal
	// Z is the series impedance of the whole length and Shunt its admittance to
	// earth, half of which sits at each end (Carson's lines in π form; Kersting,
	// chapter 6).
	Z, Shunt Matrix
	// Open has bit i set where conductor i is open at that end.
	Open [2]uint32
	// Switch says that it can be opened and closed; a plain line has no switch of
	// its own.
	Switch bool
	// RatedA is the current that each conductor carries for ever, EmergencyA for
	// some hours; 0 where the file does not say.
	RatedA, EmergencyA float64
	Metres             float64 // length; 0 where the file does not say
}

// Closed says whether any conductor is closed at both ends.
func (l *Line) Closed() bool {
	all := uint32(1)<<len(l.Ends[0].Nodes) - 1
	return (l.Open[0]|l.Open[1])&all != all
}

// SetClosed closes or opens all conductors at both ends.
func (l *Line) SetClosed(closed bool) {
	l.Open = [2]uint32{}
	if !closed {
		l.Open[1] = uint32(1)<<len(l.Ends[0].Nodes) - 1
		l.Open[0] = l.Open[1]
	}
}

// conductorClosed says whether conductor i is closed at both ends.
func (l *Line) conductorClosed(i int) bool { return (l.Open[0]|l.Open[1])>>i&1 == 0 }

// Admittance returns the primitive admittance matrix: conductors of the first
// end, then those of the second. Open conductors and those listed as dead, which
// sit on nodes that nothing feeds, carry no current.
func (l *Line) Admittance(dead []int) (Matrix, error) {
	n := l.Z.N
	inv, err := l.Z.Inverse()
	if err != nil {
		return Matrix{}, fmt.Errorf("%s: %s: the series impedance is zero or singular: %w", l.Origin, l.Name, err)
	}
	y := NewMatrix(2 * n)
	for i := range n {
		for j := range n {
			v, half := inv.At(i, j), complex128(0)
			if l.Shunt.N == n {
				half = l.Shunt.At(i, j) / 2
			}
			y.Set(i, j, v+half)
			y.Set(n+i, n+j, v+half)
			y.Set(i, n+j, -v)
			y.Set(n+i, j, -v)
		}
	}
	open := append(make([]int, 0, 2*n), dead...)
	for i := range n {
		if l.Open[0]>>i&1 == 1 {
			open = append(open, i)
		}
		if l.Open[1]>>i&1 == 1 {
			open = append(open, n+i)
		}
	}
	return y.without(open), nil
}
