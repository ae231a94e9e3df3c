package main

import (
	"fmt"
	"strconv"

	"polity/bench/harness/truth"
)

// band is how far beyond a line the middle of a box must be to have crossed it, as
// a share of the width: 10 pixels of 768.
const band = 10.0 / 768

// crossings counts who goes from one side of the upright line at x to the other.
func crossings(t truth.Table, x, band float64) (right, left int) {
	side := map[int]int{}
	for _, frame := range t.Frames() {
		for _, p := range t[frame] {
			now := 0
			switch middle := p.X + p.W/2; {
			case middle >= x+band:
				now = 1
			case middle <= x-band:
				now = -1
			default:
				continue
			}
			switch was := side[p.ID]; {
			case was < 0 && now > 0:
				right++
			case was > 0 && now < 0:
				left++
			}
			side[p.ID] = now
		}
	}
	return right, left
}

func positions(texts []string) ([]float64, error) {
	var out []float64
	for _, t := range texts {
		v, err := strconv.ParseFloat(t, 64)
		if err != nil || v <= 0 || v >= 1 {
			return nil, fmt.Errorf("LINES: %q is not a share of the width between 0 and 1", t)
		}
		out = append(out, v)
	}
	return out, nil
}
