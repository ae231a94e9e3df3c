package estimate

import "math"

// threshold is the size that the largest of n independent standard normal
// variables exceeds with the given probability.
func threshold(n int, probability float64) float64 {
	each := 1 - math.Pow(1-probability, 1/float64(max(1, n)))
	return math.Sqrt2 * math.Erfinv(1-each)
}

// chance is the probability that a χ² of so many degrees of freedom is at least
// x: the regularised incomplete gamma function Q(n/2, x/2) (Abramowitz and
// Stegun, 26.4.19), by its series below and its continued fraction above (a+1).
func chance(x float64, degrees int) float64 {
	if degrees <= 0 || x <= 0 {
		return 1
	}
	a, z := float64(degrees)/2, x/2
	logGamma, _ := math.Lgamma(a)
	front := math.Exp(a*math.Log(z) - z - logGamma)
	if z < a+1 {
		sum, term := 1/a, 1/a
		for k := 1; k < 1000 && term > 1e-16*sum; k++ {
			term *= z / (a + float64(k))
			sum += term
		}
		return max(0, 1-front*sum)
	}
	const tiny = 1e-300 // Lentz's algorithm
	b := z + 1 - a
	c, d := 1/tiny, 1/b
	h := d
	for k := 1; k < 1000; k++ {
		an := -float64(k) * (float64(k) - a)
		b += 2
		if d = an*d + b; math.Abs(d) < tiny {
			d = tiny
		}
		if c = b + an/c; math.Abs(c) < tiny {
			c = tiny
		}
		d = 1 / d
		h *= d * c
		if math.Abs(d*c-1) < 1e-15 {
			break
		}
	}
	return front * h
}
