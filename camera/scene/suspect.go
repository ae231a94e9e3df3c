package scene

import "polity/camera/detect"

// kind says why a cell is not to be trusted now.
type kind uint8

const (
	stirring kind = 1 << iota // something else was seen a moment ago
	covered                   // a detected person or animal is here
	restless                  // what is seen was seen to move, and has not been still for long enough since
	foreign                   // the place is known here, and something else is seen
)

// moment is for how long a change or a detection counts as being there, seconds.
const moment = 1.0

// cover notes what the detector says about the frame.
func (m *Model) cover(s *detect.Sight) {
	m.keep(s)
	for i := range m.boxes {
		b := &m.boxes[i]
		switch {
		case b.Class == detect.Vehicle:
			if b.Score >= float32(m.config.VehicleDoubt) {
				m.within(*b, 0, m.park)
			}
		case b.Score >= float32(m.config.Doubt):
			m.within(*b, float32(m.config.Margin), func(i int) {
				c := &m.cells[i]
				c.sure = b.Score >= beyondDoubt || c.sure && m.time-c.covered < moment
				c.covered = m.time
			})
		}
	}
}

// A vehicle counts as standing on a cell when what is seen there has not changed for
// parked seconds, and the cell is shown as a mosaic after it did for as long.
const parked = 3.0

func (m *Model) park(i int) {
	if c := &m.cells[i]; m.time-c.stirred > parked {
		was := c.seen().mosaic()
		c.seen().vehicle = min(10*parked, c.seen().vehicle+float32(m.step))
		if !was && c.seen().mosaic() && c.there() {
			m.redraw(i)
		}
	}
}

// beyondDoubt is the score from which nothing is learnt under a detection, however
// long it is still.
const beyondDoubt = 0.5

// keep takes over what the detector found. Where it did not look, what was there
// counts as there.
func (m *Model) keep(s *detect.Sight) {
	kept := m.boxes[:0]
	for _, b := range m.boxes {
		if !s.Covers(b) {
			kept = append(kept, b)
		}
	}
	m.boxes = append(kept, s.Boxes...)
}

// within calls f for the cells that a box touches, the box widened by a share of its
// sides.
func (m *Model) within(b detect.Box, margin float32, f func(i int)) {
	mx, my := (b.X1-b.X0)*margin, (b.Y1-b.Y0)*margin
	p := float32(m.pixels())
	x0, y0 := max(0, int((b.X0-mx)/p)), max(0, int((b.Y0-my)/p))
	x1, y1 := min(m.columns-1, int((b.X1+mx)/p)), min(m.rows-1, int((b.Y1+my)/p))
	for y := y0; y <= y1; y++ {
		for x := x0; x <= x1; x++ {
			f(y*m.columns + x)
		}
	}
}

// suspect notes of each cell why it is not to be trusted, and which cells are so
// near to something that stirs that nothing is learnt there.
func (m *Model) suspect() {
	clear(m.near)
	for i := range m.cells {
		c := &m.cells[i]
		a := c.seen()
		var k kind
		if m.time-c.stirred < moment {
			k |= stirring
			m.near[i] = true
			m.around(i, func(j int) { m.near[j] = true })
		}
		if m.time-c.covered < moment {
			k |= covered
		} else {
			c.sure = false
		}
		if a.moves > 0 && !c.proven() && a.quiet < m.wanted(a) {
			k |= restless
		}
		if c.proven() && !c.there() {
			k |= foreign
		}
		m.kinds[i] = k
	}
}

// Reach of a suspicion beyond the cells themselves, in cells: one, and a share of
// the size of what is suspicious, since a part of it may not show itself (feet do
// not sway).
const (
	restlessShare = 0.3
	restlessMost  = 3
	foreignMost   = 16
)

// hold finds the cells that are not to be promoted: near what moves, and where the
// place is not known as far from something foreign as that is long.
func (m *Model) hold() {
	clear(m.held)
	m.regions(restless, func(r *region) {
		reach := min(restlessMost, 1+int(restlessShare*float32(r.across()-1)))
		m.spread(r, reach, func(int) bool { return true })
	})
	m.regions(foreign, func(r *region) {
		m.spread(r, min(foreignMost, r.length()), func(i int) bool { return !m.cells[i].proven() })
	})
}

// spread holds the cells that can be reached from a region in a number of steps
// through cells that through allows.
func (m *Model) spread(r *region, steps int, through func(i int) bool) {
	m.queue = append(m.queue[:0], r.cells...)
	for _, i := range r.cells {
		m.held[i] = max(m.held[i], uint8(steps+1))
	}
	for k := 0; k < len(m.queue); k++ {
		left := m.held[m.queue[k]] - 1
		if left == 0 {
			continue
		}
		m.around(int(m.queue[k]), func(j int) {
			if m.held[j] < left && through(j) {
				m.held[j] = left
				m.queue = append(m.queue, int32(j))
			}
		})
	}
}
