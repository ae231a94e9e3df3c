package flow

import (
	"math"
	"math/cmplx"

	"polity/services/power/grid"
)

// ShortCircuit computes the currents of bolted short circuits without load: the
// voltage before over the impedance that the network has there (the method of
// Thévenin, as IEC 60909-0 uses it, with a voltage factor of 1).
type ShortCircuit struct {
	s     *Solver
	unit  []complex128
	cache map[int]float64
}

// NewShortCircuit prepares for net as its switches stand.
func NewShortCircuit(net *grid.Network) (*ShortCircuit, error) {
	bare := net.Clone()
	bare.Loads, bare.Generators = nil, nil
	s, err := New(bare, Options{})
	if err != nil {
		return nil, err
	}
	s.linear(s.v)
	return &ShortCircuit{s: s, unit: make([]complex128, s.free), cache: map[int]float64{}}, nil
}

// column returns what one ampere into a place raises at all places.
func (c *ShortCircuit) column(place int32) []complex128 {
	clear(c.unit)
	c.unit[place] = 1
	c.s.lu.Solve(c.unit)
	return c.unit
}

// Least returns the smallest current (A) of a bolted short circuit at a bus: of
// one phase to earth where there is only one, else between two phases. It is
// false at an ideal source and where nothing is live.
func (c *ShortCircuit) Least(bus int) (float64, bool) {
	if i, ok := c.cache[bus]; ok {
		return i, i > 0
	}
	least := c.least(bus)
	c.cache[bus] = least
	return least, least > 0
}

func (c *ShortCircuit) least(bus int) float64 {
	var places []int32
	from, to := c.s.top.At(bus)
	for v := from; v < to; v++ {
		p := c.s.place[v]
		if c.s.top.Nodes[v].Number > 3 || p < 0 {
			continue
		}
		if int(p) >= c.s.free {
			return 0
		}
		places = append(places, p)
	}
	if len(places) == 0 {
		return 0
	}
	if len(places) == 1 {
		p := places[0]
		i := cmplx.Abs(c.s.v[p]) / cmplx.Abs(c.column(p)[p])
		if c.s.net.Balanced {
			i *= math.Sqrt(3) / 2 // two of three phases
		}
		return i
	}
	least := math.Inf(1)
	for k, p := range places {
		q := places[(k+1)%len(places)]
		if k == 1 && len(places) == 2 {
			break
		}
		column := c.column(p)
		pp, qp := column[p], column[q]
		column = c.column(q)
		z := pp + column[q] - qp - column[p]
		least = min(least, cmplx.Abs(c.s.v[p]-c.s.v[q])/cmplx.Abs(z))
	}
	return least
}
