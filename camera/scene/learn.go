package scene

import (
	"context"

	"polity/camera/frame"
)

// after is how many frames a cell must be looked at after the second that counts,
// without anything stirring: what comes into view shows at its edge first.
const after = 3

// Shares of a second that count while a detection covers the cell, if all that is
// detected has been still for long (see stillBoxes): detectors see people in signs
// and cones, and a thing that shows no sway for minutes is none. A detection beyond
// doubt counts less.
const (
	underDoubt  = 1.0 / 3
	underBeyond = 1.0 / 4
)

// Times between two counts of motion, and shares by which new seconds enter the
// means of sway.
const (
	movedAgain = 4.0
	swayShare  = 0.15
	// outlier is how many times the least sway a second counts for at most, so that
	// one in which somebody passes nearby does not outweigh many.
	outlier   = 2
	mostMoves = 5
)

// count adds the seconds of quiet looking that are complete to the evidence.
func (m *Model) count() {
	for _, i := range m.windowed {
		c := &m.cells[i]
		if m.near[i] || m.blind() {
			c.second, c.before = second{}, second{}
			continue
		}
		if c.before.frames > 0 && c.second.frames >= after {
			m.weigh(int(i), c)
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
	a.sway += share * (min(s.sway/s.frames, outlier*sq(float32(m.config.Sway))) - a.sway)
	a.energy += share * (min(s.energy/s.frames, outlier*m.swayEnergy()) - a.energy)
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
	case m.time-c.still > 2*moment:
	case c.sure:
		a.quiet += underBeyond
		a.doubted = true
	default:
		a.quiet += underDoubt
	}
}

// sways says whether an appearance moves: farther than the place ever does, and so
// that it shows.
func (m *Model) sways(a *appearance) bool {
	return a.sway > sq(float32(m.config.Sway)) && a.energy > m.swayEnergy()
}

// swayEnergy is the change of luma from which sway is more than noise.
func (m *Model) swayEnergy() float32 { return max(float32(m.config.SwayEnergy), 4*m.noise) }

func sq(v float32) float32 { return v * v }

// wanted is how much stillness an appearance must show, seconds: more if it is odd
// or doubted, unless it has come back often, and twice as much each time it was seen
// to move.
func (m *Model) wanted(a *appearance) float32 {
	quiet := m.config.Quiet
	switch {
	case m.returned(a):
	case a.doubted:
		quiet = 2 * m.config.OddQuiet
	case a.odd:
		quiet = m.config.OddQuiet
	}
	return float32(min(quiet<<a.moves, m.config.Longest).Seconds())
}

// returned says whether an appearance has come back often enough to count as common.
func (m *Model) returned(a *appearance) bool { return int(a.returns) >= m.config.Returns }

// ready says whether the evidence for the appearance that is seen suffices.
func (m *Model) ready(c *cell) bool {
	a := c.seen()
	span := m.config.Span
	if a.odd && !m.returned(a) {
		span = m.config.OddSpan
	}
	return c.fit == same && !a.undecided() && a.quiet >= m.wanted(a) && m.time-a.first >= span.Seconds() && c.mostly(a)
}

// mostly says whether no other appearance that is remembered was still for longer: a
// tape that flutters rests in many places, and is mostly in none of them.
func (c *cell) mostly(a *appearance) bool {
	for k := range c.memory {
		if o := &c.memory[k]; o.used && o.quiet > a.quiet {
			return false
		}
	}
	return true
}

// Owners of cells.
const (
	nobody uint8 = iota
	thePlace
	suspects
)

// divide says of each cell whether it goes with the place or with what is not
// trusted. Cells in which faint sway would show speak for themselves, and so do those
// that came back often, far from anything that sways. Others, such as a plain wall or
// a plain coat, go with whatever of these is nearest.
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
		if m.speaks(i, c) {
			continue
		}
		if m.kinds[i]&(stirring|restless|foreign) != 0 || !mine && m.telling(&m.displaced[i]) {
			claim(i, suspects)
		}
	}
	for i := range m.cells {
		c := &m.cells[i]
		if m.owner[i] == nobody && (c.proven() || m.ready(c) && m.telling(&m.displaced[i]) || m.speaks(i, c)) {
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

// speaks says whether a cell shows what came back often, with nothing near that sways
// or stands where the place was.
func (m *Model) speaks(i int, c *cell) bool {
	return m.kinds[i]&(stirring|restless|foreign) == 0 && m.wary[i] == 0 && m.ready(c) && m.returned(c.seen())
}

// promote makes cells part of the place for which the evidence suffices and against
// which nothing speaks.
func (m *Model) promote(ctx context.Context, f *frame.Frame) {
	m.hold()
	m.divide()
	m.lookClosely(ctx, f)
	for i := range m.cells {
		c := &m.cells[i]
		if c.proven() || m.near[i] {
			continue
		}
		c.seam = 0
		if m.held[i] > 0 || m.owner[i] == suspects || !m.ready(c) || !m.lookedAt(i) {
			steps, ok := m.seamless(i)
			if !ok {
				continue
			}
			c.seam = steps
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
