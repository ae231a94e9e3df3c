package sparse

import (
	"errors"
	"fmt"
	"slices"
)

// ErrSingular is wrapped by the error for a matrix without inverse, which in a
// network means a node that nothing ties to a source or to the ground.
var ErrSingular = errors.New("matrix is singular")

// SingularError says at which unknown the elimination stopped.
type SingularError struct{ Column int }

// Error returns the text.
func (e *SingularError) Error() string { return fmt.Sprintf("%v at unknown %d", ErrSingular, e.Column) }

// Unwrap returns ErrSingular.
func (e *SingularError) Unwrap() error { return ErrSingular }

// LU holds the factors P·A·Q = L·U. It is not safe for concurrent use; Clone
// gives another goroutine factors of its own.
type LU[T Scalar] struct {
	n          int
	cols       []int32 // position -> column of A (Q)
	rows       []int32 // position -> row of A (P)
	position   []int32 // row of A -> position
	lCol, lRow []int32 // strictly lower, unit diagonal; rows are positions after factoring
	lVal       []T
	uCol, uRow []int32 // strictly upper, in an order that Refactor can follow
	uVal       []T
	inverse    []T // of U's diagonal
	work, x    []T
}

// preference is how much smaller than the largest candidate the diagonal may be
// and still be the pivot: the diagonal keeps the fill low, and in a network it
// is seldom small.
const preference = 1e-3

// Factor orders and factors a.
func Factor[T Scalar](a *Matrix[T]) (*LU[T], error) {
	f := &LU[T]{n: a.N, cols: order(a)}
	if err := f.factor(a); err != nil {
		return nil, err
	}
	return f, nil
}

// Clone returns factors that share nothing that changes with f.
func (f *LU[T]) Clone() *LU[T] {
	g := *f
	g.lVal, g.uVal, g.inverse = slices.Clone(f.lVal), slices.Clone(f.uVal), slices.Clone(f.inverse)
	g.work, g.x = make([]T, f.n), make([]T, f.n)
	return &g
}

// Fill returns the number of entries in L and U, diagonals included.
func (f *LU[T]) Fill() int { return len(f.lVal) + len(f.uVal) + 2*f.n }

// factor computes the factors column by column: the pattern of column k is what
// can be reached from A's column through the columns of L done so far.
func (f *LU[T]) factor(a *Matrix[T]) error {
	n := f.n
	f.rows, f.position = make([]int32, n), make([]int32, n)
	f.lCol, f.uCol = make([]int32, 1, n+1), make([]int32, 1, n+1)
	f.inverse, f.work, f.x = make([]T, n), make([]T, n), make([]T, n)
	for i := range f.position {
		f.position[i] = -1
	}
	search := newReach(n)
	x := f.work // by rows of A
	for k := range n {
		col := f.cols[k]
		pattern := search.from(f, a.Row[a.Col[col]:a.Col[col+1]], int32(k))
		for p := a.Col[col]; p < a.Col[col+1]; p++ {
			x[a.Row[p]] = a.Val[p]
		}
		for _, row := range pattern { // topological: each after all it depends on
			pos := f.position[row]
			if pos < 0 {
				continue
			}
			v := x[row]
			f.uRow, f.uVal = append(f.uRow, pos), append(f.uVal, v)
			for p := f.lCol[pos]; p < f.lCol[pos+1]; p++ {
				x[f.lRow[p]] -= f.lVal[p] * v
			}
		}
		original := 0.0
		for p := a.Col[col]; p < a.Col[col+1]; p++ {
			original = max(original, size(a.Val[p]))
		}
		if err := f.pivot(k, pattern, original); err != nil {
			return err
		}
	}
	for p, row := range f.lRow {
		f.lRow[p] = f.position[row]
	}
	clear(f.work)
	return nil
}

// vanished is the part of a column's largest entry below which a pivot is taken
// for the rounding error of zero.
const vanished = 1e-14

// pivot chooses the pivot of step k among the rows of pattern that have no
// place yet, and stores column k of L. Original is the column's largest entry in
// the matrix.
func (f *LU[T]) pivot(k int, pattern []int32, original float64) error {
	x, diagonal := f.work, f.cols[k]
	best, largest := int32(-1), 0.0
	for _, row := range pattern {
		if s := size(x[row]); f.position[row] < 0 && s > largest {
			best, largest = row, s
		}
	}
	if best < 0 || largest <= vanished*original {
		return &SingularError{Column: int(f.cols[k])}
	}
	if f.position[diagonal] < 0 && size(x[diagonal]) >= preference*largest {
		best = diagonal
	}
	inverse := 1 / x[best]
	f.rows[k], f.position[best], f.inverse[k] = best, int32(k), inverse
	for _, row := range pattern {
		if f.position[row] < 0 {
			f.lRow, f.lVal = append(f.lRow, row), append(f.lVal, x[row]*inverse)
		}
		x[row] = 0
	}
	f.lCol, f.uCol = append(f.lCol, int32(len(f.lRow))), append(f.uCol, int32(len(f.uRow)))
	return nil
}

// Refactor repeats the factoring for a matrix of the same pattern with the
// order and pivots of f. When a pivot has become too small it chooses anew.
func (f *LU[T]) Refactor(a *Matrix[T]) error {
	if a.N != f.n {
		return fmt.Errorf("refactor: matrix of %d unknowns, factors of %d", a.N, f.n)
	}
	x := f.work // by positions
	for k := range f.n {
		col := f.cols[k]
		for p := a.Col[col]; p < a.Col[col+1]; p++ {
			x[f.position[a.Row[p]]] = a.Val[p]
		}
		for p := f.uCol[k]; p < f.uCol[k+1]; p++ {
			j := f.uRow[p]
			v := x[j]
			x[j] = 0
			f.uVal[p] = v
			rows, vals := f.lRow[f.lCol[j]:f.lCol[j+1]], f.lVal[f.lCol[j]:f.lCol[j+1]]
			for q, i := range rows {
				x[i] -= vals[q] * v
			}
		}
		diagonal, largest := x[k], 0.0
		x[k] = 0
		for p := f.lCol[k]; p < f.lCol[k+1]; p++ {
			i := f.lRow[p]
			largest = max(largest, size(x[i]))
			f.lVal[p] = x[i]
			x[i] = 0
		}
		if s := size(diagonal); !(s > 0) || s < 1e-6*largest {
			clear(f.work)
			return f.again(a)
		}
		inverse := 1 / diagonal
		f.inverse[k] = inverse
		for p := f.lCol[k]; p < f.lCol[k+1]; p++ {
			f.lVal[p] *= inverse
		}
	}
	return nil
}

func (f *LU[T]) again(a *Matrix[T]) error {
	f.lRow, f.lVal, f.uRow, f.uVal = nil, nil, nil, nil
	return f.factor(a)
}

// Solve replaces b by the solution of A·x = b.
func (f *LU[T]) Solve(b []T) {
	x := f.x
	for k, row := range f.rows {
		x[k] = b[row]
	}
	for k := range x {
		v := x[k]
		if v == 0 {
			continue
		}
		rows, vals := f.lRow[f.lCol[k]:f.lCol[k+1]], f.lVal[f.lCol[k]:f.lCol[k+1]]
		for p, i := range rows {
			x[i] -= vals[p] * v
		}
	}
	for k, v := range slices.Backward(x) {
		v *= f.inverse[k]
		b[f.cols[k]] = v
		rows, vals := f.uRow[f.uCol[k]:f.uCol[k+1]], f.uVal[f.uCol[k]:f.uCol[k+1]]
		for p, i := range rows {
			x[i] -= vals[p] * v
		}
	}
}

// SolveTransposed replaces b by the solution of Aᵀ·x = b.
func (f *LU[T]) SolveTransposed(b []T) {
	x := f.x
	for k, col := range f.cols {
		x[k] = b[col]
	}
	for k := range x {
		v := x[k]
		for p := f.uCol[k]; p < f.uCol[k+1]; p++ {
			v -= f.uVal[p] * x[f.uRow[p]]
		}
		x[k] = v * f.inverse[k]
	}
	for k, v := range slices.Backward(x) {
		for p := f.lCol[k]; p < f.lCol[k+1]; p++ {
			v -= f.lVal[p] * x[f.lRow[p]]
		}
		x[k] = v
	}
	for k, row := range f.rows {
		b[row] = x[k]
	}
}
