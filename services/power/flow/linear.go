package flow

import (
	"polity/services/power/grid"
	"polity/services/power/sparse"
)

// Linear is the linear part of a network: the admittances between its live nodes
// of everything but loads, generators and sources. State estimation and
// sensitivities build on it.
type Linear struct {
	// Nodes lists the live nodes; a node's place in it is its row and column of Y.
	Nodes []int
	Y     *sparse.Matrix[complex128]
	// NoLoad are the voltages that the sources alone would make, per place.
	NoLoad []complex128

	top      *grid.Topology
	place    []int32
	elements []*primitive
}

// NewLinear makes the linear part of net as its switches, taps and steps stand.
func NewLinear(net *grid.Network) (*Linear, error) {
	bare := net.Clone()
	bare.Loads, bare.Generators = nil, nil
	s, err := New(bare, Options{})
	if err != nil {
		return nil, err
	}
	s.linear(s.v)
	l := &Linear{top: s.top, place: s.place, NoLoad: s.v[:len(s.node)]}
	for _, v := range s.node {
		l.Nodes = append(l.Nodes, int(v))
	}
	b := sparse.NewBuilder[complex128](len(s.node))
	for _, e := range s.elements {
		if e.Kind == grid.SourceKind {
			continue
		}
		l.elements = append(l.elements, e)
		for i, p := range e.places {
			for j, q := range e.places {
				if v := e.y.At(i, j); v != 0 && int(p) < len(s.node) && int(q) < len(s.node) {
					b.Add(int(p), int(q), v)
				}
			}
		}
	}
	for k := range s.node { // a place of its own for every node, however it hangs on
		b.Add(k, k, 0)
	}
	l.Y = b.Build()
	return l, nil
}

// Topology returns the nodes that places speak of.
func (l *Linear) Topology() *grid.Topology { return l.top }

// Place returns a node's place, or -1 where nothing feeds it.
func (l *Linear) Place(node int) int {
	if node < 0 || l.place[node] < 0 {
		return -1
	}
	return int(l.place[node])
}

// Element returns the places of an element's conductors (len(Nodes) stands for
// earth) and its admittance matrix; false where it carries nothing.
func (l *Linear) Element(e grid.Element) ([]int32, grid.Matrix, bool) {
	for _, p := range l.elements {
		if p.Element == e {
			return p.places, p.y, true
		}
	}
	return nil, grid.Matrix{}, false
}
