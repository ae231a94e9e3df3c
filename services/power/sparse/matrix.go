// Package sparse solves sparse square systems of linear equations, real or
// complex, that keep their pattern while their values change: the admittance
// matrices, Jacobians and gain matrices of electrical networks.
//
// Columns are ordered by minimum degree on the pattern of A + Aᵀ, the factors
// are computed column by column after Gilbert and Peierls ("Sparse partial
// pivoting in time proportional to arithmetic operations", SIAM J. Sci. Stat.
// Comput. 9, 1988) with a preference for the diagonal as pivot, and Refactor
// repeats the arithmetic alone for new values. On the matrix of a radial
// feeder this ordering eliminates from the leaves to the root, so that forward
// and backward substitution are the backward and forward sweep over the tree,
// without fill.
//
// Why not a library: docs/adr/0010-sparse-lu.md.
package sparse

import (
	"fmt"
	"math"
	"slices"
)

// Scalar is the kind of number in a matrix.
type Scalar interface{ float64 | complex128 }

// Matrix is a square matrix in compressed columns: column j holds rows
// Row[Col[j]:Col[j+1]] with values Val at the same places, rows ascending.
type Matrix[T Scalar] struct {
	N   int
	Col []int32
	Row []int32
	Val []T
}

// Builder gathers entries; those at the same place are added.
type Builder[T Scalar] struct {
	n       int
	entries []entry[T]
}

type entry[T Scalar] struct {
	row, col int32
	val      T
}

// NewBuilder starts a matrix of n rows and columns.
func NewBuilder[T Scalar](n int) *Builder[T] { return &Builder[T]{n: n} }

// Add adds v at row i, column j. It panics outside the matrix.
func (b *Builder[T]) Add(i, j int, v T) {
	if i < 0 || j < 0 || i >= b.n || j >= b.n {
		panic(fmt.Sprintf("sparse: entry (%d, %d) outside a matrix of %d", i, j, b.n))
	}
	b.entries = append(b.entries, entry[T]{int32(i), int32(j), v})
}

// Build returns the matrix. Entries that add up to zero stay in its pattern.
func (b *Builder[T]) Build() *Matrix[T] {
	m, _ := b.BuildWithSlots()
	return m
}

// BuildWithSlots returns the matrix and, for each call of Add in its order, the
// index in Val that it went to, so that a caller can renew values in place.
func (b *Builder[T]) BuildWithSlots() (*Matrix[T], []int32) {
	order := make([]int32, len(b.entries))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(x, y int32) int {
		p, q := b.entries[x], b.entries[y]
		if p.col != q.col {
			return int(p.col - q.col)
		}
		return int(p.row - q.row)
	})
	m := &Matrix[T]{N: b.n, Col: make([]int32, b.n+1)}
	slots := make([]int32, len(b.entries))
	lastRow, lastCol := int32(-1), int32(-1)
	for _, k := range order {
		e := b.entries[k]
		if e.row != lastRow || e.col != lastCol {
			m.Row = append(m.Row, e.row)
			m.Val = append(m.Val, e.val)
			m.Col[e.col+1]++
			lastRow, lastCol = e.row, e.col
		} else {
			m.Val[len(m.Val)-1] += e.val
		}
		slots[k] = int32(len(m.Val) - 1)
	}
	for j := range b.n {
		m.Col[j+1] += m.Col[j]
	}
	return m, slots
}

// Multiply sets y to A·x.
func (m *Matrix[T]) Multiply(x, y []T) {
	clear(y)
	for j := range m.N {
		for p := m.Col[j]; p < m.Col[j+1]; p++ {
			y[m.Row[p]] += m.Val[p] * x[j]
		}
	}
}

// size is the absolute value of x: exact for reals; for complex numbers the
// larger of |re| and |im|, which is all that the choice of a pivot needs.
func size[T Scalar](x T) float64 {
	switch v := any(x).(type) {
	case float64:
		return math.Abs(v)
	case complex128:
		return max(math.Abs(real(v)), math.Abs(imag(v)))
	}
	return 0
}
