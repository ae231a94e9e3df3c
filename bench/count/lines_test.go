package main

import (
	"testing"

	"polity/bench/harness/truth"
)

func TestCrossings(t *testing.T) {
	path := func(id int, middles ...float64) truth.Table {
		out := truth.Table{}
		for frame, x := range middles {
			out[frame] = []truth.Person{{ID: id, X: x - 5, W: 10, H: 20}}
		}
		return out
	}
	for name, c := range map[string]struct {
		table       truth.Table
		right, left int
	}{
		"to the right":              {path(1, 80, 95, 105, 120), 1, 0},
		"to the left":               {path(1, 120, 80), 0, 1},
		"there and back":            {path(1, 80, 120, 80), 1, 1},
		"trembling on the line":     {path(1, 80, 95, 105, 95, 105, 92), 0, 0},
		"on the line at first":      {path(1, 100, 120), 0, 0},
		"turning round on the line": {path(1, 80, 105, 80), 0, 0},
	} {
		if right, left := crossings(c.table, 100, 10); right != c.right || left != c.left {
			t.Errorf("%s: %d to the right, %d to the left", name, right, left)
		}
		if right, left := crossings(c.table.Mirrored(200), 100, 10); right != c.left || left != c.right {
			t.Errorf("%s, mirrored: %d to the right, %d to the left", name, right, left)
		}
	}
}
