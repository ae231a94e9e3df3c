package suppress

import (
	"math"
	"slices"

	"polity/city"
)

// Cell is one number of a table.
type Cell struct {
	Value int // people; 0 or more
	// Given means that the number was published or withheld before, and stays so.
	Given, Withheld bool
}

// Sum says that one cell is the sum of others, by their indexes.
type Sum struct {
	Total int
	Parts []int
}

// Table is numbers and the sums among them that anybody can know of.
type Table struct {
	Cells []Cell
	Sums  []Sum
}

// Check reports the first thing that is wrong.
func (t *Table) Check() error {
	for i, c := range t.Cells {
		if c.Value < 0 || c.Value > math.MaxInt32 {
			return city.Errorf(city.Invalid, "cell %d is %d; numbers of people lie between 0 and 2^31", i, c.Value)
		}
	}
	for i, s := range t.Sums {
		n := 0
		for _, p := range s.Parts {
			if p < 0 || p >= len(t.Cells) {
				return city.Errorf(city.Invalid, "sum %d has a part %d, and there are %d cells", i, p, len(t.Cells))
			}
			n += t.Cells[p].Value
		}
		if s.Total < 0 || s.Total >= len(t.Cells) || t.Cells[s.Total].Value != n {
			return city.Errorf(city.Invalid, "sum %d is not the sum of its parts, which is %d", i, n)
		}
	}
	return nil
}

// Protect says which cells are withheld: the small ones, those that were before, and
// as few others as a greedy choice finds. Numbers that were published before are
// never withheld, and count as known to the attacker. If those
// alone reveal a small number, leaked is true.
func Protect(t Table, threshold int) (withheld []bool, leaked bool, err error) {
	if err := t.Check(); err != nil {
		return nil, false, err
	}
	withheld = make([]bool, len(t.Cells))
	for i, c := range t.Cells {
		withheld[i] = c.Withheld
		if !c.Given {
			withheld[i] = c.Value < threshold
		}
	}
	for {
		exposed := t.exposed(withheld, threshold)
		if exposed == nil {
			t.restore(withheld, threshold)
			return withheld, false, nil
		}
		next := t.sacrifice(withheld, exposed, threshold)
		if next < 0 {
			return withheld, true, nil
		}
		withheld[next] = true
	}
}

// restore publishes what was withheld in vain, the greatest first.
func (t *Table) restore(withheld []bool, threshold int) {
	var sacrificed []int
	for i, c := range t.Cells {
		if withheld[i] && !c.Given && c.Value >= threshold {
			sacrificed = append(sacrificed, i)
		}
	}
	slices.SortStableFunc(sacrificed, func(a, b int) int { return t.Cells[b].Value - t.Cells[a].Value })
	for _, i := range sacrificed {
		withheld[i] = false
		if t.exposed(withheld, threshold) != nil {
			withheld[i] = true
		}
	}
}

// sacrifice picks the cell to withhold so that those of a group are less exposed: one
// that stands in a sum with them, the smallest that can hide a small number, else the
// greatest. It is -1 if none is left.
func (t *Table) sacrifice(withheld []bool, g *group, threshold int) int {
	best, roomy := -1, 2*threshold
	better := func(i int) bool {
		if best < 0 {
			return true
		}
		a, b := t.Cells[i].Value, t.Cells[best].Value
		switch {
		case (a >= roomy) != (b >= roomy):
			return a >= roomy
		case a >= roomy:
			return a < b
		}
		return a > b
	}
	for _, j := range g.sums {
		for _, i := range append([]int{t.Sums[j].Total}, t.Sums[j].Parts...) {
			if !withheld[i] && !t.Cells[i].Given && better(i) {
				best = i
			}
		}
	}
	return best
}
