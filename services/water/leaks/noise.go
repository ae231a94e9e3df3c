package leaks

import (
	"math"
	"slices"
)

// class is a kind of rows that wander alike: what the model computes, and balances.
const (
	modelled = iota // pressures and flows against the model
	balances        // what zones use against what they should
	classes
)

// noise is how rows differ from one day to the next when nothing happens: white from
// day to day above a level that wanders. Rows of a class share how fast it does.
type noise struct {
	rows  rows
	place []int // of each row among all, those of class modelled first
	split int   // rows of class modelled
	lower [classes][][]float64
	gain  [classes]float64 // of the filter that follows the level, per day
}

// learn estimates the spread from the differences between days, leaving out the tenth
// of days that differ most: leaks begin and end there.
func learn(r rows, days [][]float64, c Config) *noise {
	n := &noise{rows: r, gain: [classes]float64{c.Wander, c.WanderBalance}}
	for i := range r.count() {
		if !r.balanceRow(i) {
			n.place = append(n.place, i)
		}
	}
	n.split = len(n.place)
	for i := range r.count() {
		if r.balanceRow(i) {
			n.place = append(n.place, i)
		}
	}
	least := make([]float64, r.count())
	for i := range least {
		least[i] = c.FloorQ
		if r.pressureRow(i) {
			least[i] = c.FloorP
		}
	}
	cov := spreadOf(days, least)
	for k, block := range [classes][]int{n.place[:n.split], n.place[n.split:]} {
		n.lower[k] = factor(cov, block)
	}
	return n
}

// spreadOf returns the covariance of a day's rows.
func spreadOf(days [][]float64, least []float64) [][]float64 {
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
	cov := square(m)
	n := 0.0
	for k, diff := range diffs {
		if size[k] > limit {
			continue
		}
		n++
		for i := range diff {
			for j := range i + 1 {
				cov[i][j] += diff[i] * diff[j]
			}
		}
	}
	for i := range m {
		for j := range i + 1 {
			cov[i][j] /= max(n, 1)
			if i != j {
				cov[i][j] *= 0.9 // shrunk towards independence, for few days
			}
			cov[j][i] = cov[i][j]
		}
		cov[i][i] += least[i] * least[i]
	}
	return cov
}

func square(m int) [][]float64 {
	all, rows := make([]float64, m*m), make([][]float64, m)
	for i := range rows {
		rows[i] = all[i*m : (i+1)*m]
	}
	return rows
}

// factor returns the lower factor L of a block of a covariance, cov = L·Lᵀ (Cholesky).
// Floors on its diagonal keep it positive.
func factor(cov [][]float64, block []int) [][]float64 {
	l := square(len(block))
	for i, a := range block {
		for j, b := range block[:i+1] {
			v := cov[a][b]
			for k := range j {
				v -= l[i][k] * l[j][k]
			}
			if i == j {
				l[i][i] = math.Sqrt(max(v, 1e-12))
			} else {
				l[i][j] = v / l[j][j]
			}
		}
	}
	return l
}

// white turns a day's rows, or a signature, into numbers of unit spread, modelled
// rows first.
func (n *noise) white(x []float64) []float64 {
	out := make([]float64, len(n.place))
	for k := range classes {
		block, into := n.place[:n.split], out[:n.split]
		if k == balances {
			block, into = n.place[n.split:], out[n.split:]
		}
		for i, row := range n.lower[k] {
			sum := x[block[i]]
			for j, v := range row[:i] {
				sum -= v * into[j]
			}
			into[i] = sum / row[i]
		}
	}
	return out
}

// of says which class a whitened row is of.
func (n *noise) of(row int) int {
	if row < n.split {
		return modelled
	}
	return balances
}

// settle is how many days the filter needs before its word counts.
const settle = 5

// level follows a level that wanders: each value comes out as its difference from what
// the values before it let expect (the innovations of a local level model; A. C.
// Harvey, Forecasting, Structural Time Series Models and the Kalman Filter, 1989).
type level struct {
	gain, mean float64
	seen       int
}

func (l *level) next(v float64) float64 {
	if math.IsNaN(v) {
		return 0 // an instrument that says nothing says nothing
	}
	l.seen++
	k := max(l.gain, 1/float64(l.seen))
	out := v - l.mean
	l.mean += k * out
	if l.seen <= settle {
		return 0
	}
	return out
}

// blank reports whether nothing was measured on a day.
func blank(day []float64) bool {
	return !slices.ContainsFunc(day, func(v float64) bool { return !math.IsNaN(v) })
}

// filter is the levels of all rows on their way through the days.
type filter struct {
	noise  *noise
	levels []level
	last   []float64 // day on which something was measured
}

func (n *noise) filter() *filter {
	f := &filter{noise: n, levels: make([]level, len(n.place))}
	for i := range f.levels {
		f.levels[n.place[i]].gain = n.gain[n.of(i)]
	}
	return f
}

// next returns the innovations of the next day, whitened. A day on which nothing was measured
// is taken to be like the one before: taken for one without change, it would speak against
// each leak that runs.
func (f *filter) next(day []float64) []float64 {
	if !blank(day) {
		f.last = day
	} else if f.last != nil {
		day = f.last
	}
	row := make([]float64, len(day))
	for i, v := range day {
		row[i] = f.levels[i].next(v)
	}
	return f.noise.white(row)
}

func median(values []float64) float64 { return quantile(values, 0.5) }
