package reconfigure

import "math"

// sweeper solves the power flow of trees over a simple graph by backward and
// forward sweeps in per unit (Shirmohammadi et al., 1988), fast enough to try
// thousands of configurations.
type sweeper struct {
	g       *graph
	order   []int // nodes from the root outwards
	parent  []int
	through []int // the edge to the parent
	v, i    []complex128
	depth   []int
}

func newSweeper(g *graph) *sweeper {
	n := g.nodes
	return &sweeper{
		g: g, order: make([]int, 0, n), parent: make([]int, n), through: make([]int, n), v: make([]complex128, n), i: make([]complex128, n),
		depth: make([]int, n),
	}
}

// span orders the nodes of a tree; it says whether all are reached.
func (s *sweeper) span(closed []bool) bool {
	s.order = append(s.order[:0], 0)
	s.parent[0], s.through[0], s.depth[0] = -1, -1, 0
	for k := 0; k < len(s.order); k++ {
		n := s.order[k]
		for _, e := range s.g.adjoin[n] {
			if !closed[e] || e == s.through[n] {
				continue
			}
			m := s.g.edges[e].a + s.g.edges[e].b - n
			if len(s.order) == s.g.nodes {
				return false // a loop
			}
			s.parent[m], s.through[m], s.depth[m] = n, e, s.depth[n]+1
			s.order = append(s.order, m)
		}
	}
	return len(s.order) == s.g.nodes
}

// solve returns the losses per unit of a spanned tree, and false where the sweeps
// do not converge: that configuration has no losses to speak of.
func (s *sweeper) solve() (float64, bool) {
	const tolerance, most = 1e-20, 60 // of squared voltage
	g := s.g
	root := complex(g.v0, 0)
	for n := range s.v {
		s.v[n] = root
	}
	for range most {
		for n, load := range g.load {
			v := s.v[n]
			re, im := real(v), imag(v)
			f := 1 / (re*re + im*im)
			p, q := real(load), imag(load)
			s.i[n] = complex((p*re+q*im)*f, (p*im-q*re)*f) + g.shunt[n]*v
		}
		for k := len(s.order) - 1; k > 0; k-- {
			n := s.order[k]
			e := &g.edges[s.through[n]]
			if e.half != 0 {
				s.i[n] += e.half * s.v[n]
				s.i[s.parent[n]] += e.half * s.v[s.parent[n]]
			}
			s.i[s.parent[n]] += s.i[n]
		}
		worst := 0.0
		for _, n := range s.order[1:] {
			v := s.v[s.parent[n]] - g.edges[s.through[n]].z*s.i[n]
			d := v - s.v[n]
			worst = max(worst, real(d)*real(d)+imag(d)*imag(d))
			s.v[n] = v
		}
		if worst < tolerance {
			return s.losses(), true
		}
		if math.IsNaN(worst) || worst > 100 {
			return 0, false
		}
	}
	return 0, false
}

func (s *sweeper) losses() float64 {
	sum := 0.0
	for _, n := range s.order[1:] {
		i := s.i[n]
		sum += real(s.g.edges[s.through[n]].z) * (real(i)*real(i) + imag(i)*imag(i))
	}
	return sum
}

// within says whether the solved tree keeps to limits.
func (s *sweeper) within(l Limits) bool {
	for _, n := range s.order {
		v := s.v[n]
		m := math.Sqrt(real(v)*real(v) + imag(v)*imag(v))
		if (l.VMin > 0 && m < l.VMin) || (l.VMax > 0 && m > l.VMax) {
			return false
		}
	}
	if !l.Currents {
		return true
	}
	for _, n := range s.order[1:] {
		i := s.i[n]
		if most := s.g.edges[s.through[n]].most; real(i)*real(i)+imag(i)*imag(i) > most*most {
			return false
		}
	}
	return true
}

// loop returns the edges of the loop that edge e, which is open, would close in
// the spanned tree.
func (s *sweeper) loop(e int, out []int) []int {
	out = out[:0]
	a, b := s.g.edges[e].a, s.g.edges[e].b
	for a != b {
		if s.depth[a] < s.depth[b] {
			a, b = b, a
		}
		out = append(out, s.through[a])
		a = s.parent[a]
	}
	return out
}
