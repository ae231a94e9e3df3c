package settings

import (
	"errors"
	"math/rand/v2"
)

// enumerate tries all settings, each one step of one device from the last (a
// reflected Gray code of mixed radix: Knuth, The Art of Computer Programming 4A,
// 7.2.1.1, algorithm H), so that each power flow starts beside its solution.
func (j *judge) enumerate() error {
	x, way := make([]int, len(j.devices)), make([]int, len(j.devices))
	for i := range way {
		way[i] = 1
	}
	for {
		if _, err := j.try(x); err != nil {
			return err
		}
		i := 0
		for ; i < len(x); i++ {
			if next := x[i] + way[i]; next >= 0 && next < j.devices[i].levels {
				x[i] = next
				break
			}
			way[i] = -way[i]
		}
		if i == len(x) {
			return nil
		}
	}
}

// restarts is how many descents begin from drawn settings.
const restarts = 12

// search descends from where the devices stand, from plain settings and from drawn
// ones (always the same), until all have ended or the power flows are spent.
func (j *judge) search() error {
	err := j.descents()
	if errors.Is(err, errSpent) {
		return nil
	}
	return err
}

func (j *judge) descents() error {
	for _, x := range j.starts() {
		if err := j.descend(x); err != nil {
			return err
		}
	}
	rng := rand.New(rand.NewPCG(1, uint64(len(j.devices))))
	for range restarts {
		x := make([]int, len(j.devices))
		for i := range x {
			x[i] = rng.IntN(j.devices[i].levels)
		}
		if err := j.descend(x); err != nil {
			return err
		}
	}
	return nil
}

// starts are the present setting; then taps in the middle, high and low, with
// capacitors on and off.
func (j *judge) starts() [][]int {
	plain := func(tap func(levels int) int, on bool) []int {
		x := make([]int, len(j.devices))
		for i, d := range j.devices {
			switch {
			case d.isTap():
				x[i] = tap(d.levels)
			case on:
				x[i] = d.levels - 1
			}
		}
		return x
	}
	middle := func(levels int) int { return levels / 2 }
	high := func(levels int) int { return levels * 3 / 4 }
	low := func(levels int) int { return levels / 4 }
	return [][]int{append([]int(nil), j.at...), plain(middle, true), plain(middle, false), plain(high, true), plain(high, false), plain(low, true), plain(low, false)}
}

// change is what a neighbour differs by.
type change []struct{ device, by int }

// descend moves to better neighbours until there are none. A start without a power
// flow leads nowhere.
func (j *judge) descend(x []int) error {
	here, err := j.try(x)
	if err != nil || here == nil {
		return err
	}
	single, joint := j.singles(), j.joint()
	for {
		moved, err := j.round(x, &here, single)
		if err == nil && !moved {
			moved, err = j.round(x, &here, joint)
		}
		if err != nil || !moved {
			return err
		}
	}
}

// round tries all changes from x on, each from the best so far, and moves x.
func (j *judge) round(x []int, here **score, changes []change) (bool, error) {
	moved := false
	next := make([]int, len(x))
	for _, c := range changes {
		copy(next, x)
		possible := true
		for _, part := range c {
			next[part.device] += part.by
			possible = possible && next[part.device] >= 0 && next[part.device] < j.devices[part.device].levels
		}
		if !possible {
			continue
		}
		s, err := j.try(next)
		if err != nil {
			return moved, err
		}
		if s != nil && s.better(*here) {
			copy(x, next)
			*here, moved = s, true
		}
	}
	return moved, nil
}

// singles move one device: by one step and by powers of two.
func (j *judge) singles() []change {
	var out []change
	for i, d := range j.devices {
		for by := 1; by < d.levels; by *= 2 {
			out = append(out, change{{i, by}}, change{{i, -by}})
		}
	}
	return out
}

// joint moves all taps, all of one bank, or any two devices: regulators in a row
// undo one another, and a capacitor asks for another tap.
func (j *judge) joint() []change {
	var out []change
	groups := []change{nil} // all, then bank by bank
	bank := map[string]int{}
	for i, d := range j.devices {
		if !d.isTap() {
			continue
		}
		groups[0] = append(groups[0], change{{device: i}}...)
		if d.bank == "" {
			continue
		}
		if bank[d.bank] == 0 {
			bank[d.bank] = len(groups)
			groups = append(groups, nil)
		}
		groups[bank[d.bank]] = append(groups[bank[d.bank]], change{{device: i}}...)
	}
	for _, g := range groups {
		for _, by := range []int{1, -1, 2, -2} {
			c := append(change(nil), g...)
			for k := range c {
				c[k].by = by
			}
			out = append(out, c)
		}
	}
	for i := range j.devices {
		for k := range i {
			for _, by := range [][2]int{{1, -1}, {-1, 1}, {1, 1}, {-1, -1}} {
				out = append(out, change{{i, by[0]}, {k, by[1]}})
			}
		}
	}
	return out
}
