package reconfigure

import (
	"math"

	"polity/services/power/radial"
)

// mesh is the relaxation that bounds losses from below: it lets power flow
// through all edges that are not yet open, as is best.
//
// In a radial network of loads that draw watts and vars no voltage is above the
// source's, v0, and the power P + jQ that arrives at the far end of an edge is at
// least that of the loads behind it, since losses only add to it. So the edge
// loses at least r·(P² + Q²)/v0² with P, Q free of losses. The least of the sum
// over all flows that meet the loads, radial or not, is the energy of a network
// of resistances r: E = pᵀ·L⁻¹·p + qᵀ·L⁻¹·q over v0², with L the Laplacian of the
// conductances 1/r. Every tree among the edges loses more.
//
// Opening edge e, which carries f, raises E by r·f²/(1 − R/r), where R is the
// resistance between its ends; where R = r it is a bridge.
type mesh struct {
	g       *radial.Graph
	inverse []float64 // L⁻¹ over the nodes but 0, row by row
	n       int
	p, q    []float64 // potentials
	energy  float64
}

// leastOhms keeps the conductance of an edge without resistance finite, per unit.
const leastOhms = 1e-9

func resistance(e *radial.Edge) float64 { return math.Max(real(e.Z), leastOhms) }

// newMesh makes the relaxation with all edges of usable.
func newMesh(g *radial.Graph, usable []bool) *mesh {
	n := g.Nodes - 1
	m := &mesh{g: g, n: n, inverse: make([]float64, n*n), p: make([]float64, n), q: make([]float64, n)}
	l := make([]float64, n*n)
	for k := range g.Edges {
		if !usable[k] {
			continue
		}
		e := &g.Edges[k]
		c := 1 / resistance(e)
		a, b := e.A-1, e.B-1
		if a >= 0 {
			l[a*n+a] += c
		}
		if b >= 0 {
			l[b*n+b] += c
		}
		if a >= 0 && b >= 0 {
			l[a*n+b] -= c
			l[b*n+a] -= c
		}
	}
	invert(l, m.inverse, n)
	m.potentials()
	return m
}

// invert inverts a symmetric positive definite matrix by Gauss-Jordan.
func invert(a, out []float64, n int) {
	for i := range n {
		out[i*n+i] = 1
	}
	for k := range n {
		d := 1 / a[k*n+k]
		for j := range n {
			a[k*n+j] *= d
			out[k*n+j] *= d
		}
		for i := range n {
			f := a[i*n+k]
			if i == k || f == 0 {
				continue
			}
			for j := range n {
				a[i*n+j] -= f * a[k*n+j]
				out[i*n+j] -= f * out[k*n+j]
			}
		}
	}
}

func (m *mesh) potentials() {
	m.energy = 0
	for i := range m.n {
		var p, q float64
		row := m.inverse[i*m.n : (i+1)*m.n]
		for j, r := range row {
			p += r * real(m.g.Load[j+1])
			q += r * imag(m.g.Load[j+1])
		}
		m.p[i], m.q[i] = p, q
		m.energy += p*real(m.g.Load[i+1]) + q*imag(m.g.Load[i+1])
	}
}

// bound is the relaxation's loss, per unit.
func (m *mesh) bound() float64 { return m.energy / (m.g.V0 * m.g.V0) }

// across returns the drops of the potentials over an edge and the resistance
// between its ends.
func (m *mesh) across(e *radial.Edge) (p, q, between float64) {
	a, b := e.A-1, e.B-1
	if a >= 0 {
		p, q, between = m.p[a], m.q[a], m.inverse[a*m.n+a]
	}
	if b >= 0 {
		p, q, between = p-m.p[b], q-m.q[b], between+m.inverse[b*m.n+b]
	}
	if a >= 0 && b >= 0 {
		between -= 2 * m.inverse[a*m.n+b]
	}
	return p, q, between
}

// rise is by how much opening an edge raises the bound; infinite for a bridge.
func (m *mesh) rise(k int) float64 {
	e := &m.g.Edges[k]
	r := resistance(e)
	p, q, between := m.across(e)
	left := 1 - between/r
	if left < 1e-9 {
		return math.Inf(1)
	}
	return (p*p + q*q) / r / left / (m.g.V0 * m.g.V0)
}

// opened returns the relaxation with one edge less (Sherman and Morrison).
func (m *mesh) opened(k int) *mesh {
	e := &m.g.Edges[k]
	out := &mesh{g: m.g, n: m.n, inverse: make([]float64, len(m.inverse)), p: make([]float64, m.n), q: make([]float64, m.n)}
	r := resistance(e)
	_, _, between := m.across(e)
	w := make([]float64, m.n)
	for i := range w {
		if e.A > 0 {
			w[i] += m.inverse[i*m.n+e.A-1]
		}
		if e.B > 0 {
			w[i] -= m.inverse[i*m.n+e.B-1]
		}
	}
	f := 1 / r / (1 - between/r)
	for i := range m.n {
		c := f * w[i]
		from, to := m.inverse[i*m.n:(i+1)*m.n], out.inverse[i*m.n:(i+1)*m.n]
		for j, x := range w {
			to[j] = from[j] + c*x
		}
	}
	out.potentials()
	return out
}
