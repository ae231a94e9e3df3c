// Package faults finds stretches in which an instrument says nothing that can be
// believed: it dropped out, stands still, or is far noisier than it is wont to be. What
// drifts or jumps is told from a leak by package leaks, which knows what a leak shows.
package faults

import (
	"fmt"
	"math"
	"slices"
	"time"

	"polity/services/water/scada"
)

// Kind says what is wrong.
type Kind string

// Kinds.
const (
	Dropped Kind = "dropped out"
	Stuck   Kind = "stands still"
	Noisy   Kind = "is noisy"
)

// Fault is one stretch of one column.
type Fault struct {
	Table, Column string
	Kind          Kind
	From, To      time.Time // To is the first moment after it
	first, last   int       // rows; last is not in it
}

func (f Fault) String() string {
	const form = "2006-01-02 15:04"
	return fmt.Sprintf("%s, column %s %s from %s to %s", f.Table, f.Column, f.Kind, f.From.Format(form), f.To.Format(form))
}

const (
	least  = 6 * time.Hour // shorter stretches are left to whoever takes means
	longer = 4             // times the usual longest of equal values that is standing still
	louder = 4             // times the usual noise
	floor  = 0.03          // in the table's unit: noise below this is none
	calm   = 5             // days that usual noise is learnt from
)

// Find looks at one table.
func Find(t *scada.Table) []Fault {
	var all []Fault
	for c, name := range t.Names {
		column := t.Values[c]
		add := func(k Kind, first, last int) {
			at := func(row int) time.Time { return t.Start.Add(time.Duration(row) * t.Step) }
			all = append(all, Fault{Table: t.Name, Column: name, Kind: k, From: at(first), To: at(last), first: first, last: last})
		}
		rows := max(2, int(least/t.Step))
		runs(column, func(a, b float32) bool { return isNaN(a) && isNaN(b) }, func(first, last int) {
			if isNaN(column[first]) && last-first >= rows {
				add(Dropped, first, last)
			}
		})
		stuck(column, rows, func(first, last int) { add(Stuck, first, last) })
		noisy(column, int(24*time.Hour/t.Step), func(first, last int) { add(Noisy, first, last) })
	}
	return all
}

// Clean takes what is faulty out of pressures, flows and levels, and says what it was.
// Meters of homes are left as they are: a home that uses nothing stands still.
func Clean(d *scada.Data) []Fault {
	var all []Fault
	for _, t := range []*scada.Table{d.Pressures, d.Flows, d.Levels} {
		found := Find(t)
		for _, f := range found {
			column := t.Values[slices.Index(t.Names, f.Column)]
			for i := f.first; i < f.last; i++ {
				column[i] = float32(math.NaN())
			}
		}
		all = append(all, found...)
	}
	return all
}

func isNaN(v float32) bool { return v != v }

// runs calls each with every longest stretch of neighbours that are alike.
func runs(column []float32, alike func(a, b float32) bool, each func(first, last int)) {
	for first := 0; first < len(column); {
		last := first + 1
		for last < len(column) && alike(column[first], column[last]) {
			last++
		}
		each(first, last)
		first = last
	}
}

// stuck finds values that stay the same far longer than the column's usually do. Zeros
// are no fault: a pump stands.
func stuck(column []float32, rows int, each func(first, last int)) {
	var lengths []int
	same := func(a, b float32) bool { return a == b }
	runs(column, same, func(first, last int) { lengths = append(lengths, last-first) })
	slices.Sort(lengths)
	if len(lengths) < 20 {
		return // it hardly ever changes: nothing to compare with
	}
	usual := lengths[len(lengths)*99/100]
	runs(column, same, func(first, last int) {
		if n := last - first; column[first] != 0 && !isNaN(column[first]) && n >= rows && n > longer*usual {
			each(first, last)
		}
	})
}

// noisy finds days whose noise, the middle size of how far a value is from the mean of
// its neighbours, is far above that of the column's other days.
func noisy(column []float32, perDay int, each func(first, last int)) {
	if perDay < 24 {
		return
	}
	var noise []float64
	for first := 0; first+perDay <= len(column); first += perDay {
		var sizes []float64
		for i := first + 1; i < first+perDay-1; i++ {
			if v := float64(column[i]) - (float64(column[i-1])+float64(column[i+1]))/2; !math.IsNaN(v) {
				sizes = append(sizes, math.Abs(v))
			}
		}
		noise = append(noise, middle(sizes))
	}
	if len(noise) < calm {
		return
	}
	usual := middle(noise)
	for from := 0; from < len(noise); {
		to := from
		for to < len(noise) && noise[to] > max(louder*usual, floor) {
			to++
		}
		if to > from {
			each(from*perDay, to*perDay)
		}
		from = max(to, from+1)
	}
}

func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}
