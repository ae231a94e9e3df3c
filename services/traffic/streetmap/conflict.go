package streetmap

import (
	"math"
	"time"

	"polity/services/traffic/network"
)

// Widths by which ways through a junction are told to be in each other's way, metres.
const (
	sideways  = 2.0 // between the middles of two vehicles' ways
	ownStreet = 1.2 // of the same approach, side by side
	zebra     = 2.0 // from a crossing's middle along the street
)

// Times and speeds of intergreens: RiLSA 2010, 2.5. From the end of one green to the
// start of the other
//
//	t = crossing time + (clearing distance + vehicle length) / clearing speed
//	    - entering distance / entering speed
//
// in whole seconds, rounded up. People on foot have neither crossing time nor length
// and clear the whole crossing; they enter at once.
const (
	crossingStraight = 3.0 // seconds that are still driven over the stop line after green
	crossingTurn     = 2.0
	clearStraight    = 10.0 // m/s
	clearLeft        = 7.0
	clearRight       = 5.0
	enterSpeed       = 40 / 3.6
	vehicleLength    = 6.0
)

// meeting is where two ways meet: how far along each that begins and ends.
type meeting struct {
	aFrom, aTo, bFrom, bTo float64
}

// meet finds where two streams come closer than near.
func meet(a, b *stream, near float64) (meeting, bool) {
	m := meeting{math.Inf(1), 0, math.Inf(1), 0}
	found := false
	da := 0.0
	for i, p := range a.line {
		if i > 0 {
			da += p.minus(a.line[i-1]).length()
		}
		db := 0.0
		for k, q := range b.line {
			if k > 0 {
				db += q.minus(b.line[k-1]).length()
			}
			if math.Abs(p.x-q.x) < near && math.Abs(p.y-q.y) < near && p.minus(q).length() < near {
				found = true
				m.aFrom, m.aTo = min(m.aFrom, da), max(m.aTo, da)
				m.bFrom, m.bTo = min(m.bFrom, db), max(m.bTo, db)
			}
		}
	}
	// They may come close a sample earlier and part one later.
	m.aFrom, m.bFrom = max(0, m.aFrom-sample), max(0, m.bFrom-sample)
	m.aTo, m.bTo = m.aTo+sample, m.bTo+sample
	return m, found
}

// passes finds where a stream goes over a crossing.
func (s *stream) passes(w *walk) (from, to float64, found bool) {
	from = math.Inf(1)
	d := 0.0
	for i, p := range s.line {
		if i > 0 {
			d += p.minus(s.line[i-1]).length()
		}
		r := p.minus(w.middle)
		if math.Abs(r.dot(w.along)) <= zebra && math.Abs(r.dot(w.along.right())) <= w.length/2+0.5 {
			from, to, found = min(from, d), max(to, d), true
		}
	}
	return max(0, from-sample), to + sample, found
}

// foes finds out whether two streams are in each other's way, and where.
func foes(a, b *stream) (meeting, bool) {
	if a.movement.from == b.movement.from {
		if a.lanePair.from == b.lanePair.from || a.movement == b.movement {
			return meeting{}, false // they part, or run side by side
		}
		return meet(a, b, ownStreet)
	}
	m, found := meet(a, b, sideways)
	if !found && a.movement.to == b.movement.to { // into the same street on two lanes
		la, lb := span(a.line), span(b.line)
		return meeting{max(0, la-3), la, max(0, lb-3), lb}, true
	}
	return m, found
}

// relation of a stream to another one that is in its way.
type relation int

const (
	apart relation = iota // never green together
	aYields
	bYields
	neither // they pass one another
)

// fast is the speed limit from which on nobody turns left through oncoming traffic.
const fast = 70.5 / 3.6

func (l *layout) relation(a, b *stream) relation {
	_, ha := a.movement.from.entry(0)
	_, hb := b.movement.from.entry(0)
	if a.movement.from == b.movement.from || math.Abs(angle(ha, hb)) < 135 {
		return apart
	}
	switch {
	case a.turn == network.Left && b.turn == network.Left:
		if l.turnLanes(a) == 1 && l.turnLanes(b) == 1 {
			return neither // in front of one another
		}
	case a.turn == network.Left:
		if l.turnLanes(a) == 1 && b.movement.from.in.road.speed < fast {
			return aYields
		}
	case b.turn == network.Left:
		if l.turnLanes(b) == 1 && a.movement.from.in.road.speed < fast {
			return bYields
		}
	}
	return apart
}

// turnLanes counts the lanes of an approach that turn the way of a stream.
func (l *layout) turnLanes(s *stream) int {
	lanes := map[int]bool{}
	for _, o := range l.streams {
		if o.movement.from == s.movement.from && o.turn == s.turn {
			lanes[o.lanePair.from] = true
		}
	}
	return len(lanes)
}

// relate fills in who conflicts with and gives way to whom, and the intergreens.
func (l *layout) relate() {
	j := l.j
	count := len(j.Groups)
	j.Conflicts, j.Yields, j.Traps, j.Intergreen = make([]network.Set, count), make([]network.Set, count), make([]network.Set, count), make([][]time.Duration, count)
	needed := make([][]float64, count) // seconds from group to group, whether they conflict or not
	for g := range needed {
		needed[g] = make([]float64, count)
		j.Intergreen[g] = make([]time.Duration, count)
	}
	need := func(a, b int, seconds float64) { needed[a][b] = max(needed[a][b], seconds, 1) }
	yield := func(a, b int, sa, sb int) {
		j.Yields[a] = j.Yields[a].With(b)
		j.Signals[sa].YieldsTo = append(j.Signals[sa].YieldsTo, sb)
	}
	conflict := func(a, b int) {
		j.Conflicts[a], j.Conflicts[b] = j.Conflicts[a].With(b), j.Conflicts[b].With(a)
	}
	for i, a := range l.streams {
		for _, b := range l.streams[i+1:] {
			m, foe := foes(a, b)
			if !foe || a.group == b.group {
				continue
			}
			switch l.relation(a, b) {
			case neither:
				continue
			case apart:
				conflict(a.group, b.group)
			case aYields:
				yield(a.group, b.group, a.signal, b.signal)
				l.trap(a, b)
			case bYields:
				yield(b.group, a.group, b.signal, a.signal)
				l.trap(b, a)
			}
			need(a.group, b.group, a.clears(m.aTo)-m.bFrom/enterSpeed)
			need(b.group, a.group, b.clears(m.bTo)-m.aFrom/enterSpeed)
		}
		for _, w := range l.walks {
			_, to, over := a.passes(w)
			if !over {
				continue
			}
			if a.turn == network.Straight || w.arm == a.movement.from || l.turnLanes(a) > 1 {
				conflict(a.group, w.group)
			} else {
				yield(a.group, w.group, a.signal, w.signal)
			}
			need(a.group, w.group, a.clears(to))
			need(w.group, a.group, w.length/network.WalkingSpeed)
		}
	}
	for a := range j.Groups {
		j.Yields[a] &^= j.Conflicts[a]
		j.Traps[a] &^= j.Conflicts[a]
		for b := range j.Conflicts[a].All() {
			t := time.Duration(math.Ceil(needed[a][b]-1e-9)) * time.Second
			j.Intergreen[a][b] = max(t, j.Groups[a].Timing.Amber)
		}
	}
	for s := range j.Signals { // nobody gives way to who is never green at the same time
		sig := &j.Signals[s]
		kept := sig.YieldsTo[:0]
		for _, y := range sig.YieldsTo {
			if !j.Conflicts[sig.Group].Has(j.Signals[y].Group) {
				kept = append(kept, y)
			}
		}
		sig.YieldsTo = kept
	}
}

// trap notes that who waits to turn left must not be left alone with oncoming green.
func (l *layout) trap(left, oncoming *stream) {
	if oncoming.turn == network.Straight {
		l.j.Traps[left.group] = l.j.Traps[left.group].With(oncoming.group)
	}
}

// clears returns how long after the end of its green a stream's last vehicle has left
// what lies this far along.
func (s *stream) clears(d float64) float64 {
	cross, speed := crossingStraight, clearStraight
	switch s.turn {
	case network.Left:
		cross, speed = crossingTurn, clearLeft
	case network.Right:
		cross, speed = crossingTurn, clearRight
	default:
		cross = max(cross, network.AmberFor(s.movement.from.in.road.speed).Seconds())
	}
	return cross + (d+vehicleLength)/speed
}
