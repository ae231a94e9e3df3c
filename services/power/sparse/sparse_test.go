package sparse

import (
	"errors"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// drawSystem draws a sparse matrix with a strong but not dominant diagonal.
func drawSystem(t *rapid.T) *Matrix[complex128] {
	n := rapid.IntRange(1, 40).Draw(t, "n")
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	b := NewBuilder[complex128](n)
	for i := range n {
		b.Add(i, i, complex(1+rng.Float64(), rng.NormFloat64()))
	}
	for range rapid.IntRange(0, 4*n).Draw(t, "entries") {
		b.Add(rng.IntN(n), rng.IntN(n), complex(rng.NormFloat64(), rng.NormFloat64()))
	}
	return b.Build()
}

func residual(m *Matrix[complex128], x, b []complex128) float64 {
	y := make([]complex128, m.N)
	m.Multiply(x, y)
	worst := 0.0
	for i := range y {
		worst = max(worst, cmplx.Abs(y[i]-b[i]))
	}
	return worst
}

func (m *Matrix[T]) transposed() *Matrix[T] {
	b := NewBuilder[T](m.N)
	for j := range m.N {
		for p := m.Col[j]; p < m.Col[j+1]; p++ {
			b.Add(j, int(m.Row[p]), m.Val[p])
		}
	}
	return b.Build()
}

func TestSolvesWhatItFactored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawSystem(t)
		f, err := Factor(m)
		if err != nil {
			t.Skip("singular draw")
		}
		b := make([]complex128, m.N)
		for i := range b {
			b[i] = complex(float64(i)+1, -1)
		}
		norm := 0.0
		for _, way := range []struct {
			name  string
			a     *Matrix[complex128]
			solve func([]complex128)
		}{{"solve", m, f.Solve}, {"transposed", m.transposed(), f.SolveTransposed}} {
			x := append([]complex128(nil), b...)
			way.solve(x)
			for _, v := range x {
				norm = max(norm, cmplx.Abs(v))
			}
			if r := residual(way.a, x, b); r > 1e-9*(1+norm) {
				t.Fatalf("%s: residual %g, solution up to %g", way.name, r, norm)
			}
		}
	})
}

func TestRefactorFollowsNewValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawSystem(t)
		f, err := Factor(m)
		if err != nil {
			t.Skip("singular draw")
		}
		clone := f.Clone()
		kept := &Matrix[complex128]{N: m.N, Col: m.Col, Row: m.Row, Val: append([]complex128(nil), m.Val...)}
		scale := complex(rapid.Float64Range(-3, 3).Draw(t, "re"), 1)
		for p := range m.Val {
			m.Val[p] *= scale + complex(0, 0.3*float64(p%7))
		}
		if err := f.Refactor(m); err != nil {
			t.Skip("singular draw")
		}
		b, x := make([]complex128, m.N), make([]complex128, m.N)
		norm := 0.0
		for i := range b {
			b[i], x[i] = 1, 1
		}
		f.Solve(x)
		for _, v := range x {
			norm = max(norm, cmplx.Abs(v))
		}
		if r := residual(m, x, b); r > 1e-8*(1+norm) {
			t.Fatalf("residual %g, solution up to %g", r, norm)
		}
		for i := range x {
			x[i] = 1
		}
		clone.Solve(x)
		norm = 0
		for _, v := range x {
			norm = max(norm, cmplx.Abs(v))
		}
		if r := residual(kept, x, b); r > 1e-8*(1+norm) {
			t.Fatalf("a clone follows its original: residual %g", r)
		}
	})
}

// TestTreeHasNoFill: on a feeder's matrix elimination from leaves to root adds
// nothing, which is what makes it a sweep.
func TestTreeHasNoFill(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 500
	b := NewBuilder[float64](n)
	for i := range n {
		b.Add(i, i, 4+float64(i%3))
		if i > 0 {
			parent := rng.IntN(i)
			b.Add(i, parent, -1)
			b.Add(parent, i, -1)
			b.Add(parent, parent, 1)
		}
	}
	m := b.Build()
	f, err := Factor(m)
	if err != nil {
		t.Fatal(err)
	}
	if f.Fill() != len(m.Val)+n {
		t.Fatalf("factors hold %d entries, the matrix %d and a second diagonal %d", f.Fill(), len(m.Val), n)
	}
}

func TestSingularNamesTheUnknown(t *testing.T) {
	for name, entries := range map[string][][3]float64{
		"empty column":   {{0, 0, 1}, {1, 1, 1}, {0, 1, 1}},
		"dependent rows": {{0, 0, 1}, {0, 1, 1}, {1, 0, 1}, {1, 1, 1}, {2, 2, 1}},
		"not a number":   {{0, 0, math.NaN()}, {1, 1, 1}, {2, 2, 1}},
	} {
		b := NewBuilder[float64](3)
		for _, e := range entries {
			b.Add(int(e[0]), int(e[1]), e[2])
		}
		_, err := Factor(b.Build())
		var singular *SingularError
		if !errors.Is(err, ErrSingular) || !errors.As(err, &singular) || singular.Column < 0 || singular.Column > 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefactorChoosesAnewWhenAPivotVanishes(t *testing.T) {
	build := func(a float64) *Matrix[float64] {
		b := NewBuilder[float64](2)
		b.Add(0, 0, a)
		b.Add(0, 1, 1)
		b.Add(1, 0, 1)
		b.Add(1, 1, 0)
		return b.Build()
	}
	f, err := Factor(build(5))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Refactor(build(0)); err != nil {
		t.Fatal(err)
	}
	b := []float64{3, 7}
	f.Solve(b)
	if b[0] != 7 || b[1] != 3 {
		t.Fatalf("solution %v, want [7 3]", b)
	}
}

func TestSlotsRenewValuesInPlace(t *testing.T) {
	b := NewBuilder[float64](2)
	b.Add(1, 1, 2)
	b.Add(0, 0, 1)
	b.Add(1, 1, 3)
	m, slots := b.BuildWithSlots()
	if m.Val[slots[0]] != 5 || slots[0] != slots[2] || m.Val[slots[1]] != 1 {
		t.Fatalf("values %v, slots %v", m.Val, slots)
	}
}
