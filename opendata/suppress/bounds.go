package suppress

import "math"

// maxUnknown bounds the system that is solved for one group of numbers that hang
// together; of a larger one every open sum counts as revealing.
const maxUnknown = 400

// exposed returns a group of withheld cells of which something could be worked out, nil
// if there is none.
func (t *Table) exposed(withheld []bool, threshold int) *group {
	for _, g := range t.groups(withheld) {
		if t.reveals(&g, withheld, threshold) {
			return &g
		}
	}
	return nil
}

// group is unknown cells that sums connect, and those sums.
type group struct{ cells, sums []int }

// groups puts unknown cells together that stand in a common sum.
func (t *Table) groups(withheld []bool) []group {
	root := make([]int, len(t.Cells))
	for i := range root {
		root[i] = i
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	first := make([]int, len(t.Sums)) // an unknown cell of each sum
	for j, s := range t.Sums {
		first[j] = -1
		for _, i := range append([]int{s.Total}, s.Parts...) {
			switch {
			case !withheld[i]:
			case first[j] < 0:
				first[j] = i
			default:
				root[find(i)] = find(first[j])
			}
		}
	}
	at := map[int]int{}
	var out []group
	for j, i := range first {
		if i < 0 {
			continue
		}
		r := find(i)
		k, ok := at[r]
		if !ok {
			k = len(out)
			at[r] = k
			out = append(out, group{})
		}
		out[k].sums = append(out[k].sums, j)
	}
	for i, w := range withheld {
		if k, ok := at[find(i)]; ok && w {
			out[k].cells = append(out[k].cells, i)
		}
	}
	return out
}

// reveals looks at one group: every small number must still be able to be anything
// below the threshold, and the small numbers together not be known to be few.
func (t *Table) reveals(g *group, withheld []bool, threshold int) bool {
	if len(g.cells) > maxUnknown {
		return true
	}
	p := t.system(g, withheld, threshold)
	var small []int // columns
	for c, i := range g.cells {
		if t.Cells[i].Value < threshold {
			small = append(small, c)
		}
	}
	if len(small) == 0 {
		return false
	}
	goal := make([]float64, len(g.cells))
	most := float64(threshold - 1)
	low, high := make([]bool, len(goal)), make([]bool, len(goal)) // a solution is known with the least, the most
	solve := func() (sum float64) {
		x, ok := p.least(goal)
		if !ok {
			return 0 // never: the true numbers solve it
		}
		for _, c := range small {
			low[c], high[c] = low[c] || x[c] < tiny, high[c] || x[c] > most-tiny
			sum += x[c]
		}
		return sum
	}
	for _, sign := range []float64{1, -1} {
		reached := low
		if sign < 0 {
			reached = high
		}
		for _, c := range small {
			if reached[c] {
				continue
			}
			goal[c] = sign
			solve()
			goal[c] = 0
			if !reached[c] {
				return true
			}
		}
	}
	for _, c := range small {
		goal[c] = -1
	}
	// All of them together are a number of people, too.
	return len(small) > 1 && solve() < float64(threshold)-tiny
}

const tiny = 1e-6

// system is what the attacker solves: a row per sum, a column per unknown cell.
func (t *Table) system(g *group, withheld []bool, threshold int) *program {
	column := map[int]int{}
	p := &program{}
	for c, i := range g.cells {
		column[i] = c
		if t.Cells[i].Value < threshold {
			p.lower, p.upper = append(p.lower, 0), append(p.upper, float64(threshold-1))
		} else {
			p.lower, p.upper = append(p.lower, 0), append(p.upper, math.Inf(1))
		}
	}
	for _, j := range g.sums {
		s := t.Sums[j]
		row, right := make([]float64, len(g.cells)), 0.0
		add := func(i int, factor float64) {
			if withheld[i] {
				row[column[i]] += factor
			} else {
				right -= factor * float64(t.Cells[i].Value)
			}
		}
		add(s.Total, -1)
		for _, i := range s.Parts {
			add(i, 1)
		}
		p.rows, p.right = append(p.rows, row), append(p.right, right)
	}
	return p
}
