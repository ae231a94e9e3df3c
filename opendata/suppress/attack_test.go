package suppress_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"polity/city"
	"polity/opendata/suppress"
)

// attacker knows everything that the package says an attacker knows, and tries every
// assignment of whole numbers: it shares no code with what it attacks.
type attacker struct {
	table     suppress.Table
	withheld  []bool
	threshold int
	most      int // no number is greater
}

// ranges lists, for each withheld small cell, the numbers that it can be, and for each
// group of small cells that stand in one sum the least and greatest that they can be
// together.
func (a *attacker) ranges() (each map[int]map[int]bool, together map[int]bool) {
	var unknown []int
	for i, w := range a.withheld {
		if w {
			unknown = append(unknown, i)
		}
	}
	value := make([]int, len(a.table.Cells))
	for i, c := range a.table.Cells {
		value[i] = c.Value
	}
	each, together = map[int]map[int]bool{}, map[int]bool{}
	open := make([]int, len(a.table.Sums)) // unknown cells left in each sum
	for j, s := range a.table.Sums {
		for _, i := range append([]int{s.Total}, s.Parts...) {
			if a.withheld[i] {
				open[j]++
			}
		}
	}
	small := func(i int) bool { return a.table.Cells[i].Value < a.threshold }
	var try func(n int)
	try = func(n int) {
		if n == len(unknown) {
			sum := 0
			for _, i := range unknown {
				if small(i) {
					sum += value[i]
					if each[i] == nil {
						each[i] = map[int]bool{}
					}
					each[i][value[i]] = true
				}
			}
			together[sum] = true
			return
		}
		i := unknown[n]
		least, most := 0, a.threshold-1
		if !small(i) {
			least, most = 0, a.most
		}
		for v := least; v <= most; v++ {
			value[i] = v
			if a.holds(i, value, unknown[n+1:]) {
				try(n + 1)
			}
		}
	}
	try(0)
	return each, together
}

// holds checks the sums of a cell of which nothing is left open.
func (a *attacker) holds(i int, value, open []int) bool {
	for _, s := range a.table.Sums {
		in, left, n := s.Total == i, slices.Contains(open, s.Total), 0
		for _, p := range s.Parts {
			in, left = in || p == i, left || slices.Contains(open, p)
			n += value[p]
		}
		if in && !left && n != value[s.Total] {
			return false
		}
	}
	return true
}

// learns says what the attacker finds out, "" if it is nothing: that a small number is not
// any number below the threshold, or that several of them are few together.
func (a *attacker) learns() string {
	each, together := a.ranges()
	for i, w := range a.withheld {
		if w && a.table.Cells[i].Value < a.threshold && len(each[i]) < a.threshold {
			return fmt.Sprintf("cell %d is one of %v, threshold %d", i, each[i], a.threshold)
		}
	}
	if most := greatest(together); len(each) > 1 && most < a.threshold {
		return fmt.Sprintf("all small numbers together are %d at most, threshold %d", most, a.threshold)
	}
	return ""
}

func greatest(of map[int]bool) (most int) {
	for v := range of {
		most = max(most, v)
	}
	return most
}

func primary(t suppress.Table, threshold int) []bool {
	w := make([]bool, len(t.Cells))
	for i, c := range t.Cells {
		w[i] = c.Value < threshold
	}
	return w
}

// grid is rows x columns with the sums of both and of all: zones by classes.
func grid(values [][]int) suppress.Table {
	rows, columns := len(values), len(values[0])
	at := func(r, c int) int { return r*(columns+1) + c }
	t := suppress.Table{Cells: make([]suppress.Cell, (rows+1)*(columns+1))}
	for r := range rows {
		for c, v := range values[r] {
			for _, i := range []int{at(r, c), at(r, columns), at(rows, c), at(rows, columns)} {
				t.Cells[i].Value += v
			}
		}
	}
	for r := range rows + 1 {
		s := suppress.Sum{Total: at(r, columns)}
		for c := range columns {
			s.Parts = append(s.Parts, at(r, c))
		}
		t.Sums = append(t.Sums, s)
	}
	for c := range columns + 1 {
		s := suppress.Sum{Total: at(rows, c)}
		for r := range rows {
			s.Parts = append(s.Parts, at(r, c))
		}
		t.Sums = append(t.Sums, s)
	}
	return t
}

// tree is groups of numbers with the sum of each group and of all: quarters, hours, a day.
func tree(groups [][]int) suppress.Table {
	var t suppress.Table
	day := suppress.Sum{}
	for _, g := range groups {
		s, n := suppress.Sum{}, 0
		for _, v := range g {
			s.Parts = append(s.Parts, len(t.Cells))
			t.Cells = append(t.Cells, suppress.Cell{Value: v})
			n += v
		}
		s.Total = len(t.Cells)
		t.Cells = append(t.Cells, suppress.Cell{Value: n})
		t.Sums = append(t.Sums, s)
		day.Parts = append(day.Parts, s.Total)
	}
	n := 0
	for _, i := range day.Parts {
		n += t.Cells[i].Value
	}
	day.Total = len(t.Cells)
	t.Cells = append(t.Cells, suppress.Cell{Value: n})
	t.Sums = append(t.Sums, day)
	return t
}

// The attack works: what withholds small numbers alone falls to it.
func TestSmallNumbersAloneAreNoProtection(t *testing.T) {
	for name, table := range map[string]suppress.Table{
		"one small number in a sum":  tree([][]int{{9, 2, 8}, {7, 7, 7}}),
		"two that add up to nothing": tree([][]int{{0, 0, 8}, {7, 7, 7}}),
		"two that are few together":  tree([][]int{{1, 1, 8}, {7, 7, 7}}),
		"a row and a column":         grid([][]int{{2, 9}, {8, 7}}),
	} {
		a := attacker{table: table, withheld: primary(table, 3), threshold: 3, most: 40}
		if a.learns() == "" {
			t.Errorf("%s: the attacker learns nothing, so the attack proves nothing", name)
		}
	}
}

func TestAnAttackerLearnsNothing(t *testing.T) {
	number := rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, 12))
	rapid.Check(t, func(t *rapid.T) {
		threshold := rapid.IntRange(2, 4).Draw(t, "threshold")
		var table suppress.Table
		if rapid.Bool().Draw(t, "tree") {
			groups := make([][]int, rapid.IntRange(1, 3).Draw(t, "groups"))
			for i := range groups {
				groups[i] = rapid.SliceOfN(number, 1, 3).Draw(t, "group")
			}
			table = tree(groups)
		} else {
			rows := make([][]int, rapid.IntRange(1, 3).Draw(t, "rows"))
			columns := rapid.IntRange(1, 3).Draw(t, "columns")
			for i := range rows {
				rows[i] = rapid.SliceOfN(number, columns, columns).Draw(t, "row")
			}
			table = grid(rows)
		}
		withheld, leaked, err := suppress.Protect(table, threshold)
		if err != nil || leaked {
			t.Fatalf("leaked %v, %v", leaked, err)
		}
		for i, c := range table.Cells {
			if c.Value < threshold && !withheld[i] {
				t.Fatalf("cell %d is %d and published", i, c.Value)
			}
		}
		if sumOf(withheld) > 9 {
			return // too many for trying all; the linear bounds are tested below
		}
		a := attacker{table: table, withheld: withheld, threshold: threshold, most: 120}
		if what := a.learns(); what != "" {
			t.Fatalf("%+v withheld %v: %s", table, withheld, what)
		}
	})
}

func sumOf(list []bool) (n int) {
	for _, b := range list {
		if b {
			n++
		}
	}
	return n
}

func TestWhatIsPublishedBesideSmallNumbers(t *testing.T) {
	for _, c := range []struct {
		name      string
		groups    [][]int
		threshold int
		withheld  string // x or - per cell: each group and its sum, then the sum of all
	}{
		{"nothing small", [][]int{{6, 7}, {8, 9}}, 5, "-------"},
		{"one small number takes its sum and another", [][]int{{6, 2}, {8, 9}}, 5, "-xx---x"},
		{"many hide one another", [][]int{{2, 3, 1, 2}, {8, 9}}, 5, "xxxx-----"},
		{"two that are few together do not", [][]int{{2, 2, 9}, {8, 9}}, 5, "xx-x---x"},
		{"two whose sum leaves no room do not", [][]int{{4, 4, 9}, {8, 9}}, 5, "xx-x---x"},
	} {
		withheld, leaked, err := suppress.Protect(tree(c.groups), c.threshold)
		if err != nil || leaked {
			t.Fatalf("%s: leaked %v, %v", c.name, leaked, err)
		}
		got := ""
		for _, w := range withheld {
			got += map[bool]string{true: "x", false: "-"}[w]
		}
		if got != c.withheld {
			t.Errorf("%s: withheld is %s, want %s", c.name, got, c.withheld)
		}
	}
}

// Bad tables are refused.
func TestTablesThatAreNone(t *testing.T) {
	for _, bad := range []suppress.Table{
		{Cells: []suppress.Cell{{Value: -1}}},
		{Cells: []suppress.Cell{{Value: 3}, {Value: 4}}, Sums: []suppress.Sum{{Total: 1, Parts: []int{0}}}},
		{Cells: []suppress.Cell{{Value: 3}}, Sums: []suppress.Sum{{Total: 0, Parts: []int{1}}}},
		{Cells: []suppress.Cell{{}}, Sums: []suppress.Sum{{Total: 5}}},
	} {
		if _, _, err := suppress.Protect(bad, 5); city.KindOf(err) != city.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// What was published before stays, whatever comes later.
func TestGivenStays(t *testing.T) {
	number := rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, 12))
	rapid.Check(t, func(t *rapid.T) {
		threshold := rapid.IntRange(2, 4).Draw(t, "threshold")
		groups := make([][]int, rapid.IntRange(1, 3).Draw(t, "groups"))
		for i := range groups {
			groups[i] = rapid.SliceOfN(number, 1, 3).Draw(t, "group")
		}
		table := tree(groups)
		// Quarters first, each hour as it ends, the day last: as they are published.
		known := suppress.Table{Cells: append([]suppress.Cell(nil), table.Cells...)}
		for _, s := range table.Sums {
			for _, i := range s.Parts {
				if c := &known.Cells[i]; !c.Given {
					c.Given, c.Withheld = true, c.Value < threshold
				}
			}
			known.Sums = append(known.Sums, s)
			withheld, leaked, err := suppress.Protect(cut(known, s.Total), threshold)
			if err != nil || leaked {
				t.Fatalf("leaked %v, %v", leaked, err)
			}
			for i, c := range known.Cells[:s.Total] {
				if c.Given && c.Withheld != withheld[i] {
					t.Fatalf("cell %d was withheld: %v, and is now: %v", i, c.Withheld, withheld[i])
				}
			}
			known.Cells[s.Total].Given, known.Cells[s.Total].Withheld = true, withheld[s.Total]
		}
		withheld := make([]bool, len(known.Cells))
		for i, c := range known.Cells {
			withheld[i] = c.Withheld
		}
		if sumOf(withheld) > 9 {
			return
		}
		a := attacker{table: table, withheld: withheld, threshold: threshold, most: 120}
		if what := a.learns(); what != "" {
			t.Fatalf("%+v withheld %v: %s", table, withheld, what)
		}
	})
}

// cut leaves out the cells that come later.
func cut(t suppress.Table, last int) suppress.Table {
	return suppress.Table{Cells: t.Cells[:last+1], Sums: t.Sums}
}

// Who also knows how the package decides, and asks which tables would have come out the
// same, still cannot tell a small number from another.
func TestKnowingTheMethodDoesNotHelp(t *testing.T) {
	const threshold, most = 3, 7
	type seen struct{ text string }
	could := map[seen][4]map[int]bool{}
	var q [4]int
	var try func(n int)
	try = func(n int) {
		if n < 4 {
			for q[n] = 0; q[n] <= most; q[n]++ {
				try(n + 1)
			}
			return
		}
		table := suppress.Table{Sums: []suppress.Sum{{Total: 4, Parts: []int{0, 1, 2, 3}}}}
		for _, v := range q {
			table.Cells = append(table.Cells, suppress.Cell{Value: v, Given: true, Withheld: v < threshold})
		}
		table.Cells = append(table.Cells, suppress.Cell{Value: q[0] + q[1] + q[2] + q[3]})
		withheld, _, err := suppress.Protect(table, threshold)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for i, c := range table.Cells {
			if withheld[i] {
				text += "x "
			} else {
				text += fmt.Sprint(c.Value, " ")
			}
		}
		s := could[seen{text}]
		for i, v := range q {
			if s[i] == nil {
				s[i] = map[int]bool{}
			}
			s[i][v] = true
		}
		could[seen{text}] = s
	}
	try(0)
	published := 0
	for out, s := range could {
		small := 0
		for _, values := range s {
			if values[0] || values[1] || values[2] {
				small++
				if len(values) < threshold {
					t.Errorf("%q can only come from %v", out.text, values)
				}
			}
		}
		if small > 0 && out.text[len(out.text)-2] != 'x' {
			published++
		}
	}
	if published == 0 {
		t.Error("no sum with a small part is ever published: there is nothing to attack")
	}
}
