package flow

import (
	"fmt"
	"math"
	"math/cmplx"

	"polity/services/power/grid"
	"polity/services/power/sparse"
)

// newton holds what the current-injection method needs besides the solver: a
// real Jacobian over [re V, im V, Q of holding generators].
type newton struct {
	jacobian *sparse.Matrix[float64]
	slots    []int32
	lu       *sparse.LU[float64]
	holding  []holder
	f        []float64
}

// holder is a generator that holds the mean voltage of its phases by vars that
// it spreads evenly over them.
type holder struct {
	at         []int32
	q          float64 // fed in, per phase of each node
	volts      float64
	qMin, qMax float64
	fixed      bool // at a limit: q no longer follows
	generator  int
}

// holders finds the generators that hold a voltage. One on a place whose voltage
// a source or another generator holds already feeds its watts alone.
func (s *Solver) holders() []holder {
	var list []holder
	taken := map[int32]bool{}
	for i := range s.net.Generators {
		g := &s.net.Generators[i]
		if g.OutOfService || g.Hold == 0 || g.Delta {
			continue
		}
		at := s.at(g.At)[:g.Phases]
		share := float64(g.Phases) * s.perNode
		h := holder{at: at, generator: i, qMin: g.QMin / share, qMax: g.QMax / share}
		for _, p := range at {
			h.fixed = h.fixed || int(p) >= s.free || taken[p]
		}
		if int(at[0]) >= len(s.node) {
			continue
		}
		h.volts = g.Hold * s.base[at[0]]
		for _, p := range at {
			taken[p] = true
		}
		if !h.fixed {
			list = append(list, h)
		}
	}
	return list
}

// solveNewton iterates from the present voltages and returns how often.
func (s *Solver) solveNewton() (int, error) {
	limit := s.options.MaxIterations
	if limit == 0 {
		limit = 30
	}
	n := &newton{holding: s.holders()}
	s.newton = n
	total := 0
	for round := 0; ; round++ {
		n.jacobian = nil
		iterations, err := s.newtonRound(n, limit)
		total += iterations
		if err != nil {
			return total, err
		}
		if !n.limitVars() || round > len(n.holding) {
			return total, nil
		}
	}
}

// limitVars fixes generators that went past a limit of their vars there, and
// says whether any did.
func (n *newton) limitVars() bool {
	moved := false
	for k := range n.holding {
		h := &n.holding[k]
		if h.fixed || (h.qMin == 0 && h.qMax == 0) || (h.q >= h.qMin && h.q <= h.qMax) {
			continue
		}
		h.q, h.fixed, moved = min(max(h.q, h.qMin), h.qMax), true, true
	}
	return moved
}

func (s *Solver) newtonRound(n *newton, limit int) (int, error) {
	size := 2*s.free + len(n.holding)
	n.f = make([]float64, size)
	norm := s.residual(n)
	before := make([]complex128, s.free)
	vars := make([]float64, len(n.holding))
	for iteration := 1; iteration <= limit; iteration++ {
		if err := s.linearise(n); err != nil {
			return iteration, fmt.Errorf("%w: the Jacobian is singular after %d steps of Newton's method, as at the point of collapse", ErrNotConverged, iteration)
		}
		step := append([]float64(nil), n.f...)
		n.lu.Solve(step)
		copy(before, s.v)
		for k := range n.holding {
			vars[k] = n.holding[k].q
		}
		worst, last := 0.0, norm
		for damping := 1.0; damping > 1e-3; damping /= 2 {
			worst = 0
			for i := range s.free {
				d := complex(step[i], step[s.free+i]) * complex(damping, 0)
				s.v[i] = before[i] - d
				worst = max(worst, cmplx.Abs(d)/s.base[i])
			}
			for k := range n.holding {
				n.holding[k].q = vars[k] - damping*step[2*s.free+k]
			}
			if norm = s.residual(n); norm < last || worst <= s.options.Tolerance {
				break
			}
		}
		switch {
		case worst <= s.options.Tolerance:
			return iteration, nil
		case math.IsNaN(norm):
			return iteration, fmt.Errorf("%w: voltages ran away after %d steps of Newton's method", ErrNotConverged, iteration)
		}
	}
	return limit, fmt.Errorf("%w: still changing after %d steps of Newton's method", ErrNotConverged, limit)
}

// residual computes f = Y·V − I(V) with the equations of holding generators and
// returns the sum of squares of powers that do not balance, per unit.
func (s *Solver) residual(n *newton) float64 {
	total := make([]complex128, len(s.v))
	s.y.Multiply(s.v[:s.free], total[:s.free])
	copy(s.rhs, s.norton)
	s.subtractHeld()
	s.inject(s.v, s.rhs)
	for k := range n.holding {
		h := &n.holding[k]
		for _, p := range h.at { // its watts are among the injections
			s.rhs[p] += cmplx.Conj(complex(0, h.q) / s.v[p])
		}
	}
	norm := 0.0
	for i := range s.free {
		d := total[i] - s.rhs[i]
		n.f[i], n.f[s.free+i] = real(d), imag(d)
		w := cmplx.Abs(d) * cmplx.Abs(s.v[i]) / 1000
		norm += w * w
	}
	for k := range n.holding {
		h := &n.holding[k]
		n.f[2*s.free+k] = 0
		if h.fixed {
			continue
		}
		mean := 0.0
		for _, p := range h.at {
			mean += cmplx.Abs(s.v[p]) / float64(len(h.at))
		}
		n.f[2*s.free+k] = mean - h.volts
		d := (mean - h.volts) / h.volts * 1000
		norm += d * d
	}
	return norm
}

// linearise builds and factors the Jacobian of f at the present voltages.
func (s *Solver) linearise(n *newton) error {
	if n.jacobian == nil {
		b := sparse.NewBuilder[float64](2*s.free + len(n.holding))
		s.derivatives(n, b.Add)
		n.jacobian, n.slots = b.BuildWithSlots()
		lu, err := sparse.Factor(n.jacobian)
		n.lu = lu
		return err
	}
	clear(n.jacobian.Val)
	call := 0
	s.derivatives(n, func(_, _ int, v float64) {
		n.jacobian.Val[n.slots[call]] += v
		call++
	})
	return n.lu.Refactor(n.jacobian)
}

// derivatives calls add for every entry of the Jacobian, always in the same
// order.
func (s *Solver) derivatives(n *newton, add func(i, j int, v float64)) {
	m := s.free
	block := func(i, j int, rr, ri, ir, ii float64) {
		add(i, j, rr)
		add(i, m+j, ri)
		add(m+i, j, ir)
		add(m+i, m+j, ii)
	}
	for j := range m {
		for p := s.y.Col[j]; p < s.y.Col[j+1]; p++ {
			g, b := real(s.y.Val[p]), imag(s.y.Val[p])
			block(int(s.y.Row[p]), j, g, -b, b, g)
		}
	}
	for k := range s.other {
		in := &s.other[k]
		if in.model == grid.ConstantImpedance {
			c := s.impedant[in.slot].change
			s.pair(in.a, in.b, real(c), -imag(c), imag(c), real(c), block)
			continue
		}
		rr, ri, ir, ii := in.slope(s.v[in.a] - s.v[in.b])
		s.pair(in.a, in.b, rr, ri, ir, ii, block)
	}
	for k := range n.holding {
		h := &n.holding[k]
		row := 2*m + k
		for _, p := range h.at {
			// −conj(jQ/V) = jQ/conj(V): derivative −jQ/conj(V)²·d conj(V), and j/conj(V) for Q
			at, v := int(p), s.v[p]
			w := cmplx.Conj(v)
			d, q := complex(0, -h.q)/(w*w), complex(0, 1)/w
			block(at, at, real(d), imag(d), imag(d), -real(d))
			share, self := 1/(cmplx.Abs(v)*float64(len(h.at))), 0.0
			if h.fixed {
				q, share, self = 0, 0, 1/float64(len(h.at))
			}
			add(at, row, real(q))
			add(m+at, row, imag(q))
			add(row, at, real(v)*share)
			add(row, m+at, imag(v)*share)
			add(row, row, self)
		}
	}
}

// pair adds the derivative of a current drawn between two places.
func (s *Solver) pair(a, b int32, rr, ri, ir, ii float64, block func(i, j int, rr, ri, ir, ii float64)) {
	for _, i := range [2]int32{a, b} {
		for _, j := range [2]int32{a, b} {
			if int(i) >= s.free || int(j) >= s.free {
				continue
			}
			if i == j {
				block(int(i), int(j), rr, ri, ir, ii)
			} else {
				block(int(i), int(j), -rr, -ri, -ir, -ii)
			}
		}
	}
}

// slope returns the derivative of the current g(|u|)·u by re u and im u.
func (in *injection) slope(u complex128) (rr, ri, ir, ii float64) {
	m := cmplx.Abs(u)
	if m == 0 {
		y := in.nominal()
		return real(y), -imag(y), imag(y), real(y)
	}
	g := in.admittance(m)
	var by complex128 // dg/dm
	if in.model == grid.ConstantPower && m > in.vMin && m <= in.vMax {
		by = -2 * g / complex(m, 0)
	} else {
		h := 1e-6 * m
		by = (in.admittance(m+h) - in.admittance(m-h)) / complex(2*h, 0)
	}
	x := by * u / complex(m, 0) // times d|u|·|u| = re u·d re u + im u·d im u
	return real(g) + real(x)*real(u), -imag(g) + real(x)*imag(u), imag(g) + imag(x)*real(u), real(g) + imag(x)*imag(u)
}
