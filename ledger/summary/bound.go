package summary

import "math"

// AtMost is the greatest share of wrong ones among all that a random sample leaves
// credible: the upper end of the one-sided 95% interval of C. Clopper and E. Pearson
// (Biometrika 26, 1934), where wrong of checked were wrong. Of nothing it is 1.
func AtMost(wrong, checked int64) float64 {
	if wrong >= checked || wrong < 0 {
		return 1
	}
	const doubt = .05
	low, high := float64(wrong)/float64(checked), 1.
	for range 60 {
		p := (low + high) / 2
		if binomial(wrong, checked, p) > doubt {
			low = p
		} else {
			high = p
		}
	}
	return high
}

// binomial is the probability of at most k of n at a share of p: the regularised
// incomplete beta function I(1-p; n-k, k+1) (NIST DLMF 8.17.5).
func binomial(k, n int64, p float64) float64 {
	a, b, x := float64(n-k), float64(k+1), 1-p
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	if x > (a+1)/(a+b+2) { // where the fraction converges slowly, DLMF 8.17.4
		return 1 - fraction(b, a, 1-x)
	}
	return fraction(a, b, x)
}

// fraction is I(x; a, b) by its continued fraction (DLMF 8.17.22), evaluated from the front
// (W. Lentz, Applied Optics 15, 1976).
func fraction(a, b, x float64) float64 {
	const tiny, enough = 1e-300, 1e-14
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a
	f, c, d := 1., 1., 0.
	for i := range 10_000 {
		m := float64(i / 2)
		term := 1.
		switch {
		case i == 0:
		case i%2 == 0:
			term = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			term = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		if d = 1 + term*d; math.Abs(d) < tiny {
			d = tiny
		}
		if c = 1 + term/c; math.Abs(c) < tiny {
			c = tiny
		}
		d = 1 / d
		f *= c * d
		if math.Abs(1-c*d) < enough {
			break
		}
	}
	return front * (f - 1)
}
