package forecast

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// disperse finds how much rises scatter around what was expected: a part in
// proportion to it, as bags come one by one, and a part to its square, as days
// are good or bad as a whole. Sums over about a day are used, where both show.
func (m *Model) disperse(g *group, members []*fitted, rises map[*fitted][]rise) {
	var a11, a12, a22, b1, b2 float64
	for _, f := range members {
		for _, s := range daily(rises[f]) {
			mu := f.rate * s.expected
			e := (s.delta-mu)*(s.delta-mu) - 2*f.noise
			e = min(e, 25*(0.02*mu+0.1*mu*mu)) // a lie that was not noticed counts little
			w := 1 / (mu*mu + 1e-4)
			a11 += w * mu * mu
			a12 += w * mu * mu * mu
			a22 += w * mu * mu * mu * mu
			b1 += w * mu * e
			b2 += w * mu * mu * e
		}
	}
	g.perMu, g.perMu2 = 0.01, 0.08
	if det := a11*a22 - a12*a12; det > 1e-12 {
		g.perMu, g.perMu2 = (b1*a22-b2*a12)/det, (a11*b2-a12*b1)/det
	}
	if g.perMu < 1e-3 {
		g.perMu = 1e-3
		if a22 > 0 {
			g.perMu2 = (b2 - g.perMu*a12) / a22
		}
	}
	if g.perMu2 < 0.01 {
		g.perMu2 = 0.01
		if a11 > 0 {
			g.perMu = max(1e-3, (b1-g.perMu2*a12)/a11)
		}
	}
}

// daily joins rises that follow one another to stretches of most of a day.
func daily(rises []rise) []rise {
	var all []rise
	for i := 0; i < len(rises); {
		sum := rises[i]
		j := i + 1
		for j < len(rises) && rises[j].from.Equal(sum.to) && sum.to.Sub(sum.from) < 18*time.Hour {
			sum.to = rises[j].to
			sum.delta += rises[j].delta
			sum.expected += rises[j].expected
			j++
		}
		if sum.to.Sub(sum.from) >= 18*time.Hour {
			all = append(all, sum)
		}
		i = j
	}
	return all
}

// state is a Kalman filter's estimate of a level.
type state struct {
	at              time.Time
	level, variance float64
}

// step brings the state to a reading, over collections between.
func (m *Model) step(f *fitted, s state, r Reading) state {
	for _, e := range f.emptied {
		if e.After(s.at) && !e.After(r.At) {
			s = state{e, 0.02, 0.02 * 0.02}
		}
	}
	mean, spread := m.coming(f, s.at, r.At)
	level, variance := s.level+mean, s.variance+spread
	off := r.Fill - level
	if off < -0.25 && off*off > 16*(variance+f.noise) {
		// It fell with no collection reported: somebody emptied it all the same.
		return state{r.At, r.Fill, f.noise}
	}
	if off*off > 25*(variance+f.noise) {
		return state{r.At, level, variance} // an echo
	}
	if r.Fill > fullEnough {
		// A full container looks the same however much lies beside it.
		return state{r.At, max(level, r.Fill), variance + f.noise/4}
	}
	gain := variance / (variance + f.noise)
	return state{r.At, level + gain*off, (1 - gain) * variance}
}

// filter runs over a container's readings up to now.
func (m *Model) filter(f *fitted, now time.Time) {
	s := state{f.clean[0].At, f.clean[0].Fill, f.noise}
	for _, r := range f.clean[1:] {
		s = m.step(f, s, r)
	}
	for _, e := range f.emptied {
		if e.After(s.at) {
			s = state{e, 0.02, 0.02 * 0.02}
		}
	}
	mean, spread := m.coming(f, s.at, now)
	f.level, f.levelVar, f.at = s.level+mean, s.variance+spread, now
}

// misses appends the errors that an earlier model makes about readings after
// since: it runs on with what the later one holds as clean readings.
func (m *Model) misses(was, f *fitted, since time.Time, z []miss) []miss {
	g := *was
	g.clean, g.emptied = f.clean, f.emptied
	s := state{g.clean[0].At, g.clean[0].Fill, g.noise}
	for i, r := range g.clean[1:] {
		s = m.step(&g, s, r)
		if r.At.After(since) {
			z = m.ahead(&g, s, i+1, z)
		}
	}
	return z
}

// miss is a past error in standard deviations; where the container was full, it
// was at least that.
type miss struct {
	z       float64
	atLeast bool
}

// spread turns past errors into 199 quantiles, errors known only from below by
// the product-limit estimate (Kaplan and Meier 1958); beyond the largest known
// one, and with too few errors to go by, as a normal distribution has it.
func spread(all []miss) []float64 {
	const steps = 200
	quantiles := make([]float64, 0, steps)
	normal := func(q float64) float64 { return math.Sqrt2 * math.Erfinv(2*q-1) }
	if len(all) < 50 {
		for i := 1; i < steps; i++ {
			quantiles = append(quantiles, 1.2*normal(float64(i)/steps))
		}
		return quantiles
	}
	slices.SortFunc(all, func(a, b miss) int {
		switch {
		case a.z != b.z:
			return cmp.Compare(a.z, b.z)
		case a.atLeast == b.atLeast:
			return 0
		case b.atLeast:
			return -1
		}
		return 1
	})
	survive, last := 1.0, all[0].z
	for i, e := range all {
		if e.atLeast {
			continue
		}
		survive *= 1 - 1/float64(len(all)-i)
		last = e.z
		for len(quantiles) < steps-1 && float64(len(quantiles)+1)/steps <= 1-survive {
			quantiles = append(quantiles, e.z)
		}
	}
	reached := float64(len(quantiles)+1) / steps
	for i := len(quantiles) + 1; i < steps; i++ {
		quantiles = append(quantiles, last+max(0, normal(float64(i)/steps)-normal(reached)))
	}
	return quantiles
}

// ahead appends the standardised error of a forecast from state s, at reading i,
// to the first reading 20 hours to 3 days later with no collection between.
func (m *Model) ahead(f *fitted, s state, i int, z []miss) []miss {
	hours := 20 + (i*7)%52
	for _, r := range f.clean[i+1:] {
		gap := r.At.Sub(s.at)
		if gap > 84*time.Hour || emptiedBetween(f.emptied, s.at, r.At) {
			return z
		}
		if gap < time.Duration(hours)*time.Hour {
			continue
		}
		mean, spread := m.coming(f, s.at, r.At)
		sd := math.Sqrt(s.variance + spread + f.noise)
		e := (r.Fill - s.level - mean) / sd
		if r.Fill < s.level-0.2 {
			return z // emptied, and nobody said so
		}
		return append(z, miss{max(-6, min(6, e)), r.Fill > fullEnough})
	}
	return z
}
