package rsmp

import (
	"fmt"
	"strconv"
	"strings"

	"polity/city"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// Letters writes what signal groups show in the letters of status S0001, group by
// group: 1 green, N yellow, B red, c yellow flash (signal exchange list for traffic
// light controllers, "Signal group status").
func Letters(groups int, a safety.Aspects) string {
	b := make([]byte, groups)
	for g := range b {
		switch a.Of(g) {
		case safety.Green:
			b[g] = '1'
		case safety.Amber:
			b[g] = 'N'
		case safety.Flashing:
			b[g] = 'c'
		default:
			b[g] = 'B'
		}
	}
	return string(b)
}

// series writes a wish as the value of command M0012: blocks of sixteen groups, each
// its first group's number and two masks, of those to start and of those to stop.
func series(groups int, want network.Set) string {
	var blocks []string
	for from := 0; from < groups; from += 16 {
		start, stop := 0, 0
		for i := 0; i < 16 && from+i < groups; i++ {
			if want.Has(from + i) {
				start |= 1 << i
			} else {
				stop |= 1 << i
			}
		}
		blocks = append(blocks, fmt.Sprintf("%d,%d,%d", from+1, start, stop))
	}
	return strings.Join(blocks, ":")
}

// parseSeries reads the value of command M0012 onto what was wished for before.
func parseSeries(text string, groups int, before network.Set) (network.Set, error) {
	want := before
	for block := range strings.SplitSeq(text, ":") {
		fields := strings.Split(block, ",")
		if len(fields) != 3 {
			return before, city.Errorf(city.Invalid, "M0012: block %q has %d numbers, not three", block, len(fields))
		}
		var n [3]int
		for i, f := range fields {
			v, err := strconv.Atoi(strings.TrimSpace(f))
			if err != nil || v < 0 || v > 65535 {
				return before, city.Errorf(city.Invalid, "M0012: %q in block %q is not a number from 0 to 65535", f, block)
			}
			n[i] = v
		}
		if n[1]&n[2] != 0 {
			return before, city.Errorf(city.Invalid, "M0012: block %q starts and stops the same signal group", block)
		}
		for i := range 16 {
			group := n[0] - 1 + i
			if (n[1]|n[2])>>i&1 == 0 {
				continue
			}
			if group < 0 || group >= groups {
				return before, city.Errorf(city.Invalid, "M0012: there is no signal group %d; there are %d", group+1, groups)
			}
			if n[1]>>i&1 == 1 {
				want = want.With(group)
			} else {
				want = want.Without(group)
			}
		}
	}
	return want, nil
}
