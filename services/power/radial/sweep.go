package radial

import "math"

// Sweeper solves the power flow of trees over a simple graph by backward and
// forward sweeps in per unit (Shirmohammadi et al., 1988). Not safe for
// concurrent use.
type Sweeper struct {
	g       *Graph
	order   []int // nodes that are reached, from the root outwards
	parent  []int
	through []int // the edge to the parent
	depth   []int // -1: not reached
	v, i    []complex128
}

// NewSweeper makes a sweeper for trees of g.
func NewSweeper(g *Graph) *Sweeper {
	n := g.Nodes
	return &Sweeper{
		g: g, order: make([]int, 0, n), parent: make([]int, n), through: make([]int, n), depth: make([]int, n), v: make([]complex128, n),
		i: make([]complex128, n),
	}
}

// Span orders the nodes that closed edges lead to from the root. It says whether
// they do so without a loop; Reached tells how many there are.
func (s *Sweeper) Span(closed []bool) bool {
	for n := range s.depth {
		s.depth[n] = -1
	}
	s.order = append(s.order[:0], 0)
	s.parent[0], s.through[0], s.depth[0] = -1, -1, 0
	for k := 0; k < len(s.order); k++ {
		n := s.order[k]
		for _, e := range s.g.Adjoin[n] {
			if !closed[e] || e == s.through[n] {
				continue
			}
			m := s.g.Edges[e].A + s.g.Edges[e].B - n
			if s.depth[m] >= 0 {
				return false
			}
			s.parent[m], s.through[m], s.depth[m] = n, e, s.depth[n]+1
			s.order = append(s.order, m)
		}
	}
	return true
}

// Reached is the number of nodes of the spanned tree.
func (s *Sweeper) Reached() int { return len(s.order) }

// Reaches says whether the spanned tree has the node.
func (s *Sweeper) Reaches(n int) bool { return s.depth[n] >= 0 }

// Order lists the nodes of the spanned tree, parents first.
func (s *Sweeper) Order() []int { return s.order }

// Parent returns the node before n and the edge to it; -1 for the root.
func (s *Sweeper) Parent(n int) (node, edge int) { return s.parent[n], s.through[n] }

// Depth is the number of edges between a node and the root; -1 where the tree does
// not reach.
func (s *Sweeper) Depth(n int) int { return s.depth[n] }

// Voltage returns the solved voltage of a node, per unit.
func (s *Sweeper) Voltage(n int) complex128 { return s.v[n] }

// Current returns the solved current in the edge to a node's parent, per unit.
func (s *Sweeper) Current(n int) complex128 { return s.i[n] }

// Solve returns the losses per unit of the spanned tree, and false where the
// sweeps do not converge: that configuration has no losses to speak of.
func (s *Sweeper) Solve() (float64, bool) {
	const tolerance, most = 1e-20, 60 // of squared voltage
	g := s.g
	root := complex(g.V0, 0)
	for _, n := range s.order {
		s.v[n] = root
	}
	for range most {
		for _, n := range s.order {
			v := s.v[n]
			re, im := real(v), imag(v)
			f := 1 / (re*re + im*im)
			p, q := real(g.Load[n]), imag(g.Load[n])
			s.i[n] = complex((p*re+q*im)*f, (p*im-q*re)*f) + g.Shunt[n]*v
		}
		for k := len(s.order) - 1; k > 0; k-- {
			n := s.order[k]
			e := &g.Edges[s.through[n]]
			if e.Half != 0 {
				s.i[n] += e.Half * s.v[n]
				s.i[s.parent[n]] += e.Half * s.v[s.parent[n]]
			}
			s.i[s.parent[n]] += s.i[n]
		}
		worst := 0.0
		for _, n := range s.order[1:] {
			v := s.v[s.parent[n]] - g.Edges[s.through[n]].Z*s.i[n]
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

func (s *Sweeper) losses() float64 {
	sum := 0.0
	for _, n := range s.order[1:] {
		i := s.i[n]
		sum += real(s.g.Edges[s.through[n]].Z) * (real(i)*real(i) + imag(i)*imag(i))
	}
	return sum
}

// Limits are what a configuration must keep to.
type Limits struct {
	VMin, VMax float64 // per unit; 0: none
	Currents   bool    // no line above its emergency rating
}

// Within says whether the solved tree keeps to limits.
func (s *Sweeper) Within(l Limits) bool {
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
		if most := s.g.Edges[s.through[n]].Most; real(i)*real(i)+imag(i)*imag(i) > most*most {
			return false
		}
	}
	return true
}

// Loop returns the edges of the loop that edge e, which is open, would close in
// the spanned tree, without e.
func (s *Sweeper) Loop(e int, out []int) []int {
	out = out[:0]
	a, b := s.g.Edges[e].A, s.g.Edges[e].B
	for a != b {
		if s.depth[a] < s.depth[b] {
			a, b = b, a
		}
		out = append(out, s.through[a])
		a = s.parent[a]
	}
	return out
}
