package leaks

import "math"

// spread is how rows differ from one day to the next when nothing happens.
type spread struct {
	cov   [][]float64
	drift []float64 // variance per day by which a row wanders
}

// spreadOf estimates it from the differences between days, leaving out the tenth of
// days that differ most: leaks begin and end there. least is the floor of each row.
func spreadOf(days [][]float64, least []float64, driftPerRoot float64) spread {
	m := len(least)
	var diffs [][]float64
	for d := 1; d < len(days); d++ {
		diff := make([]float64, m)
		whole := true
		for i := range diff {
			diff[i] = (days[d][i] - days[d-1][i]) / math.Sqrt2
			whole = whole && !math.IsNaN(diff[i])
		}
		if whole {
			diffs = append(diffs, diff)
		}
	}
	scale := make([]float64, m)
	for i := range scale {
		column := make([]float64, len(diffs))
		for k := range diffs {
			column[k] = math.Abs(diffs[k][i])
		}
		scale[i] = max(1.4826*median(column), least[i])
	}
	size := make([]float64, len(diffs))
	for k, diff := range diffs {
		for i, v := range diff {
			size[k] += v / scale[i] * v / scale[i]
		}
	}
	limit := quantile(size, 0.9)
	s := spread{cov: square(m), drift: make([]float64, m)}
	n := 0.0
	for k, diff := range diffs {
		if size[k] > limit {
			continue
		}
		n++
		for i := range diff {
			for j := range i + 1 {
				s.cov[i][j] += diff[i] * diff[j]
			}
		}
	}
	for i := range m {
		for j := range i + 1 {
			s.cov[i][j] /= max(n, 1)
			if i != j {
				s.cov[i][j] *= 0.9 // shrunk towards independence, for few days
			}
		}
		s.cov[i][i] += least[i] * least[i]
		s.drift[i] = s.cov[i][i] * driftPerRoot * driftPerRoot
	}
	return s
}

func square(m int) [][]float64 {
	all, rows := make([]float64, m*m), make([][]float64, m)
	for i := range rows {
		rows[i] = all[i*m : (i+1)*m]
	}
	return rows
}

// whitener turns rows into numbers of unit spread: the lower factor of cov = L·Lᵀ.
type whitener [][]float64

// whitener returns that of a change between the means of n and of base days whose
// middles lie gap days apart.
//
// unsure, if given, is the standard deviation by which each row may differ besides:
// the model's error in what a leak shows.
func (s spread) whitener(n, base int, gap float64, unsure []float64) (whitener, bool) {
	m := len(s.drift)
	l := square(m)
	for i := range m {
		for j := range i + 1 {
			v := s.cov[i][j] * (1/float64(n) + 1/float64(base))
			if i == j {
				v += s.drift[i] * gap
				if unsure != nil {
					v += unsure[i] * unsure[i]
				}
			}
			for k := range j {
				v -= l[i][k] * l[j][k]
			}
			switch {
			case i != j:
				l[i][j] = v / l[j][j]
			case v > 0:
				l[i][i] = math.Sqrt(v)
			default:
				return nil, false
			}
		}
	}
	return l, true
}

// apply returns L⁻¹x.
func (w whitener) apply(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, row := range w {
		sum := x[i]
		for j, v := range row[:i] {
			sum -= v * out[j]
		}
		out[i] = sum / row[i]
	}
	return out
}

// window is one length of change with what follows from it.
type window struct {
	days, base int
	w          whitener
	signs      [][]float64 // whitened signatures by link; nil where there is none
	norm       []float64   // their square
}

// change is what a window found on a day.
type change struct {
	window *window
	from   int       // first day of the change
	raw    []float64 // the difference
	white  []float64 // whitened
	size   float64   // its square
	fit    []float64 // by link: the projection on the signature
}

// measure compares the days (day-days, day] with those before, whose rows are rest.
func (w *window) measure(rest [][]float64, day int) (*change, bool) {
	from := day - w.days + 1
	base := from - w.base
	if base < 0 {
		return nil, false
	}
	after, ok1 := meanOf(rest[from : day+1])
	before, ok2 := meanOf(rest[base:from])
	if !ok1 || !ok2 {
		return nil, false
	}
	for i := range after {
		after[i] -= before[i]
		if math.IsNaN(after[i]) {
			after[i] = 0 // an instrument that says nothing says nothing
		}
	}
	return w.project(from, after), true
}

// project compares a difference with all signatures.
func (w *window) project(from int, raw []float64) *change {
	c := &change{window: w, from: from, raw: raw, white: w.w.apply(raw), fit: make([]float64, len(w.signs))}
	for _, v := range c.white {
		c.size += v * v
	}
	for j, g := range w.signs {
		if g == nil {
			continue
		}
		sum := 0.0
		for i, v := range g {
			sum += v * c.white[i]
		}
		c.fit[j] = sum
	}
	return c
}

// amount is the best size of a leak at link j, and evidence its log likelihood ratio
// against no change, scaled down where even the best place fits badly.
func (c *change) amount(j int) float64 { return c.fit[j] / c.window.norm[j] }

func (c *change) evidence(j int) float64 {
	return 0.5 * c.fit[j] * c.fit[j] / c.window.norm[j]
}

// misfit is by how much the rest of a change exceeds its spread when the best place
// explains what it can; 1 at least.
func (c *change) misfit(best float64) float64 {
	return max(1, (c.size-2*best)/float64(len(c.white)-1))
}

func meanOf(days [][]float64) ([]float64, bool) {
	m := len(days[0])
	out := make([]float64, m)
	counts := make([]int, m)
	for _, d := range days {
		for i, v := range d {
			if !math.IsNaN(v) {
				out[i] += v
				counts[i]++
			}
		}
	}
	some := false
	for i := range out {
		if counts[i] == 0 {
			out[i] = math.NaN()
			continue
		}
		some = true
		out[i] /= float64(counts[i])
	}
	return out, some
}

func median(values []float64) float64 { return quantile(values, 0.5) }
