package wire

import "slices"

// Sort puts the marks into the only order that is allowed, by row, column and
// class, so that their order says nothing about who is who from one update to
// the next.
func (m *Marks) Sort() {
	slices.SortFunc(m.Marks, func(a, b Mark) int {
		switch {
		case before(a, b):
			return -1
		case before(b, a):
			return 1
		}
		return 0
	})
}
