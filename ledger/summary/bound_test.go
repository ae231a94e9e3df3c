package summary_test

import (
	"math"
	"testing"

	"polity/ledger/summary"
)

// atMost sums the binomial distribution up, term by term.
func atMost(wrong, checked int64) float64 {
	low, high := 0., 1.
	for range 60 {
		p, sum := (low+high)/2, 0.
		for k := range wrong + 1 {
			n, _ := math.Lgamma(float64(checked + 1))
			a, _ := math.Lgamma(float64(k + 1))
			b, _ := math.Lgamma(float64(checked - k + 1))
			sum += math.Exp(n - a - b + float64(k)*math.Log(p) + float64(checked-k)*math.Log1p(-p))
		}
		if sum > .05 {
			low = p
		} else {
			high = p
		}
	}
	return high
}

func TestAtMost(t *testing.T) {
	for _, c := range [][2]int64{{0, 1}, {0, 100}, {1, 2}, {1, 300}, {2, 20}, {50, 100}, {99, 100}, {3, 1_000_000}} {
		if got, want := summary.AtMost(c[0], c[1]), atMost(c[0], c[1]); math.Abs(got-want) > 1e-9 {
			t.Errorf("%d of %d: %v, want %v", c[0], c[1], got, want)
		}
	}
	// None of n: 1 - 0.05^(1/n), the rule of three.
	if got := summary.AtMost(0, 300); math.Abs(got-(1-math.Pow(.05, 1./300))) > 1e-12 {
		t.Errorf("none of 300: %v", got)
	}
	for _, c := range [][2]int64{{0, 0}, {5, 5}, {7, 3}, {-1, 3}} {
		if got := summary.AtMost(c[0], c[1]); got != 1 {
			t.Errorf("%d of %d: %v", c[0], c[1], got)
		}
	}
	if got := summary.AtMost(400_000, 1_000_000); got < .4 || got > .41 {
		t.Errorf("400,000 of a million: %v", got)
	}
}
