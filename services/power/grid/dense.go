package grid

import (
	"errors"
	"math/cmplx"
)

// Matrix is a small dense complex matrix in rows.
type Matrix struct {
	N    int
	Data []complex128
}

// NewMatrix returns an n by n matrix of zeros.
func NewMatrix(n int) Matrix { return Matrix{n, make([]complex128, n*n)} }

// At returns the element in row i, column j.
func (m Matrix) At(i, j int) complex128 { return m.Data[i*m.N+j] }

// Set sets the element in row i, column j.
func (m Matrix) Set(i, j int, v complex128) { m.Data[i*m.N+j] = v }

// Add adds v to the element in row i, column j.
func (m Matrix) Add(i, j int, v complex128) { m.Data[i*m.N+j] += v }

// Scaled returns the matrix times s.
func (m Matrix) Scaled(s complex128) Matrix {
	c := NewMatrix(m.N)
	for i, v := range m.Data {
		c.Data[i] = s * v
	}
	return c
}

// Zero says whether all elements are zero.
func (m Matrix) Zero() bool {
	for _, v := range m.Data {
		if v != 0 {
			return false
		}
	}
	return true
}

var errNoInverse = errors.New("matrix has no inverse")

// Inverse returns the inverse by Gauss-Jordan elimination with row pivoting.
func (m Matrix) Inverse() (Matrix, error) {
	n := m.N
	a, inv := Matrix{n, append([]complex128(nil), m.Data...)}, NewMatrix(n)
	for i := range n {
		inv.Set(i, i, 1)
	}
	scale := 0.0
	for _, v := range a.Data {
		scale = max(scale, cmplx.Abs(v))
	}
	for k := range n {
		p := k
		for i := k + 1; i < n; i++ {
			if cmplx.Abs(a.At(i, k)) > cmplx.Abs(a.At(p, k)) {
				p = i
			}
		}
		if !(cmplx.Abs(a.At(p, k)) > 1e-13*scale) {
			return Matrix{}, errNoInverse
		}
		a.swapRows(p, k)
		inv.swapRows(p, k)
		d := 1 / a.At(k, k)
		for j := range n {
			a.Set(k, j, a.At(k, j)*d)
			inv.Set(k, j, inv.At(k, j)*d)
		}
		for i := range n {
			f := a.At(i, k)
			if i == k || f == 0 {
				continue
			}
			for j := range n {
				a.Add(i, j, -f*a.At(k, j))
				inv.Add(i, j, -f*inv.At(k, j))
			}
		}
	}
	return inv, nil
}

func (m Matrix) swapRows(p, k int) {
	if p == k {
		return
	}
	for j := range m.N {
		m.Data[p*m.N+j], m.Data[k*m.N+j] = m.Data[k*m.N+j], m.Data[p*m.N+j]
	}
}

// without returns the admittance matrix seen when no current may enter the given
// conductors: these are eliminated (Kron reduction) and their rows and columns
// become zero. A conductor with no admittance of its own is just cleared.
func (m Matrix) without(conductors []int) Matrix {
	if len(conductors) == 0 {
		return m
	}
	r := Matrix{m.N, append([]complex128(nil), m.Data...)}
	for _, k := range conductors {
		if d := r.At(k, k); d != 0 {
			for i := range r.N {
				f := r.At(i, k) / d
				if i == k || f == 0 {
					continue
				}
				for j := range r.N {
					r.Add(i, j, -f*r.At(k, j))
				}
			}
		}
		for i := range r.N {
			r.Set(i, k, 0)
			r.Set(k, i, 0)
		}
	}
	return r
}
