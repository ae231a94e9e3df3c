package scene

import (
	"context"

	"polity/camera/frame"
)

// Seconds that a cell must be looked at after the second that counts, without
// anything stirring: what comes into view shows at its edge first.
const after = 3 // frames

// underDoubt is the share of a second that counts while a detection below
// beyondDoubt covers the cell: detectors see people in signs and cones, and a
// thing that shows no sway for minutes is none.
const underDoubt = 1.0 / 8

// Times between two counts of motion, and shares by which new seconds enter the
// means of sway.
const (
	movedAgain = 4.0
	swayShare  = 0.15
	mostMoves  = 5
)

// count adds the seconds of quiet looking that are complete to the evidence.
func (m *Model) count() {
	for i := range m.cells {
		c := &m.cells[i]
		if m.near[i] || m.blind() {
			c.second, c.before = second{}, second{}
			continue
		}
		if c.before.frames > 0 && c.second.frames >= after {
			m.weigh(i, c)
			c.before = second{}
		}
		if c.second.frames >= leastFrames && m.time-c.second.since >= 0.95 {
			c.before, c.second = c.second, second{}
		}
	}
}

// weigh enters one second into the evidence of the appearance that is seen.
func (m *Model) weigh(i int, c *cell) {
	a, s := c.seen(), &c.before
	a.seconds++
	share := max(swayShare, 1/a.seconds)
	a.sway += share * (s.sway/s.frames - a.sway)
	a.energy += share * (s.energy/s.frames - a.energy)
	switch {
	case s.shifted || m.sways(a):
		if m.time-a.moved > movedAgain {
			a.moved = m.time
			a.moves = min(a.moves+1, mostMoves)
		}
		a.quiet = 0
	case s.same < s.frames-1:
	case m.kinds[i]&covered == 0:
		a.quiet++
	case !c.sure:
		a.quiet += underDoubt
	}
}

// sways says whether an appearance moves: farther than the place ever does, and so
// that it shows.
func (m *Model) sways(a *appearance) bool {
	least := float32(m.config.Sway)
	return a.sway > least*least && a.energy > max(float32(m.config.SwayEnergy), 4*m.noise)
}

// wanted is how much stillness an appearance must show, seconds: more if it is odd
// or doubted, and twice as much each time it was seen to move.
func (m *Model) wanted(a *appearance) float32 {
	quiet := m.config.Quiet
	if a.odd {
		quiet = m.config.OddQuiet
	}
	if a.doubted {
		quiet = max(quiet, 4*m.config.OddQuiet)
	}
	return float32(min(quiet<<a.moves, m.config.Longest).Seconds())
}

// ready says whether the evidence for the appearance that is seen suffices.
func (m *Model) ready(c *cell) bool {
	a := c.seen()
	span := m.config.Span
	if a.odd {
		span = m.config.OddSpan
	}
	return c.fit == same && a.quiet >= m.wanted(a) && m.time-a.first >= span.Seconds()
}

// Owners of cells.
const (
	nobody uint8 = iota
	thePlace
	suspects
)

// divide says of each cell whether it goes with the place or with what is not
// trusted. Cells in which faint sway would show speak for themselves. Others, such
// as a plain wall or a plain coat, go with whatever of these is nearest.
func (m *Model) divide() {
	m.queue = m.queue[:0]
	claim := func(i int, owner uint8) {
		m.owner[i] = owner
		m.queue = append(m.queue, int32(i))
	}
	clear(m.owner)
	for i := range m.cells {
		c := &m.cells[i]
		mine := c.proven() || m.ready(c)
		if m.kinds[i]&(stirring|restless|foreign) != 0 || !mine && m.telling(&m.displaced[i]) {
			claim(i, suspects)
		}
	}
	for i := range m.cells {
		c := &m.cells[i]
		if m.owner[i] == nobody && (c.proven() || m.ready(c) && m.telling(&m.displaced[i])) {
			claim(i, thePlace)
		}
	}
	for k := 0; k < len(m.queue); k++ {
		p := int(m.queue[k])
		m.around(p, func(j int) {
			if m.owner[j] == nobody {
				claim(j, m.owner[p])
			}
		})
	}
}

// promote makes cells part of the place for which the evidence suffices and against
// which nothing speaks.
func (m *Model) promote(ctx context.Context, f *frame.Frame) {
	m.hold()
	m.divide()
	m.lookClosely(ctx, f)
	for i := range m.cells {
		c := &m.cells[i]
		if c.proven() || m.near[i] || m.held[i] > 0 || m.owner[i] == suspects || !m.ready(c) || !m.lookedAt(i) {
			continue
		}
		c.place = c.now
		m.show(i)
	}
	m.replace()
}

// replace makes a region that has been something else than the place for long part
// of the place, when all of it has been still and nothing was detected in it.
func (m *Model) replace() {
	enough := float32(m.config.Replace.Seconds())
	m.regions(foreign, func(r *region) {
		for _, i := range r.cells {
			c := &m.cells[i]
			if c.seen().quiet < enough || c.fit != same || m.near[i] || m.kinds[i]&covered != 0 || m.owner[i] == nobody || !m.lookedAt(int(i)) {
				return
			}
		}
		for _, i := range r.cells {
			m.cells[i].place = m.cells[i].now
			m.show(int(i))
		}
	})
}
