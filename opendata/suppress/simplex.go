package suppress

import "math"

// program is rows x = right with lower <= x <= upper.
type program struct {
	rows         [][]float64
	right        []float64
	lower, upper []float64
}

const epsilon = 1e-9

// least returns an x with the least goal x, and false if there is no x or no minimum: the
// simplex method in two phases with Bland's rule (Dantzig 1963; Bland 1977), upper
// bounds as rows. Numbers are counts of people and coefficients 1 and -1, so that
// nothing is badly scaled.
func (p *program) least(goal []float64) ([]float64, bool) {
	tab := p.tableau()
	if !tab.phase(tab.artificialCost()) || tab.value() > 1e-6 {
		return nil, false
	}
	tab.expel()
	cost := make([]float64, tab.columns)
	copy(cost, goal)
	if !tab.phase(cost) {
		return nil, false
	}
	x := append([]float64(nil), p.lower...)
	for k, j := range tab.basic {
		if j < len(x) {
			x[j] += tab.rows[k][tab.columns]
		}
	}
	return x, true
}

// tableau is rows of coefficients with the right side last, and which column is basic
// in each row. Columns from artificial on are artificial.
type tableau struct {
	rows                [][]float64
	basic               []int
	cost                []float64 // reduced, with minus the value last
	columns, artificial int
}

func (p *program) tableau() *tableau {
	n := len(p.lower)
	var bounded []int
	for j, u := range p.upper {
		if !math.IsInf(u, 1) {
			bounded = append(bounded, j)
		}
	}
	t := &tableau{artificial: n + len(bounded)}
	t.columns = t.artificial + len(p.rows)
	for k, coefficients := range p.rows {
		row := make([]float64, t.columns+1)
		copy(row, coefficients)
		right := p.right[k]
		for j, c := range coefficients {
			right -= c * p.lower[j]
		}
		row[t.columns] = right
		if right < 0 {
			for j := range row {
				row[j] = -row[j]
			}
		}
		row[t.artificial+k] = 1
		t.rows, t.basic = append(t.rows, row), append(t.basic, t.artificial+k)
	}
	for k, j := range bounded {
		row := make([]float64, t.columns+1)
		row[j], row[n+k], row[t.columns] = 1, 1, p.upper[j]-p.lower[j]
		t.rows, t.basic = append(t.rows, row), append(t.basic, n+k)
	}
	return t
}

func (t *tableau) artificialCost() []float64 {
	c := make([]float64, t.columns)
	for j := t.artificial; j < t.columns; j++ {
		c[j] = 1
	}
	return c
}

func (t *tableau) value() float64 { return -t.cost[t.columns] }

// phase minimises a cost from the basis that is there.
func (t *tableau) phase(cost []float64) bool {
	t.cost = append(append([]float64(nil), cost...), 0)
	for k, j := range t.basic {
		if c := cost[j]; c != 0 {
			for x, v := range t.rows[k] {
				t.cost[x] -= c * v
			}
		}
	}
	for {
		enter := -1
		for j, c := range t.cost[:t.columns] {
			if c < -epsilon && (j < t.artificial || cost[j] != 0) {
				enter = j
				break
			}
		}
		if enter < 0 {
			return true
		}
		leave := -1
		var least float64
		for k, row := range t.rows {
			if row[enter] <= epsilon {
				continue
			}
			ratio := row[t.columns] / row[enter]
			if leave < 0 || ratio < least-epsilon || (ratio < least+epsilon && t.basic[k] < t.basic[leave]) {
				leave, least = k, ratio
			}
		}
		if leave < 0 {
			return false // no minimum
		}
		t.pivot(leave, enter)
	}
}

func (t *tableau) pivot(leave, enter int) {
	row := t.rows[leave]
	by := row[enter]
	for j := range row {
		row[j] /= by
	}
	clear := func(other []float64) {
		f := other[enter]
		if f == 0 {
			return
		}
		for j, v := range row {
			other[j] -= f * v
		}
		other[enter] = 0
	}
	for k, other := range t.rows {
		if k != leave {
			clear(other)
		}
	}
	clear(t.cost)
	t.basic[leave] = enter
}

// expel takes artificial columns out of the basis; where none can take its place the
// row says nothing new and goes.
func (t *tableau) expel() {
	for k := 0; k < len(t.rows); k++ {
		if t.basic[k] < t.artificial {
			continue
		}
		enter := -1
		for j := range t.artificial {
			if math.Abs(t.rows[k][j]) > epsilon {
				enter = j
				break
			}
		}
		if enter >= 0 {
			t.pivot(k, enter)
			continue
		}
		t.rows = append(t.rows[:k], t.rows[k+1:]...)
		t.basic = append(t.basic[:k], t.basic[k+1:]...)
		k--
	}
}
