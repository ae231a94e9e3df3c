package scene

import (
	"slices"

	"polity/camera/detect"
)

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
	m.park(s)
	for i := range m.boxes {
		if b := &m.boxes[i]; b.Class != detect.Vehicle && b.Score >= float32(m.config.Doubt) {
			m.within(*b, float32(m.config.Margin), func(i int) {
				c := &m.cells[i]
				c.sure = b.Score >= beyondDoubt || c.sure && m.time-c.covered < moment
				c.covered = m.time
			})
		}
	}
}

// beyondDoubt is the score from which least is learnt under a detection, however long
// it is still: see underBeyond.
const beyondDoubt = 0.5

// A detection is of something still when nothing in its box was seen to stir or to
// sway for stillFor seconds. What is in the box is believed to be no person only if
// it is so high that a standing person's sway would be measured: pixels of the look;
// of a smaller or lying thing only the margin is. A person who tries to stand still sways by about a
// 300th of their height (root of the mean square: Winter et al., J. Neurophysiol. 75,
// 1996), which is then some twentieth of a pixel.
const (
	stillFor    = 12.0
	stillHeight = 24
)

// stillBoxes notes which cells are covered by detections of something still.
func (m *Model) stillBoxes() {
	for i := range m.boxes {
		b := &m.boxes[i]
		if b.Class == detect.Vehicle || b.Score < float32(m.config.Doubt) {
			continue
		}
		still := true
		m.within(*b, 0, func(i int) {
			c := &m.cells[i]
			still = still && m.time-c.stirred >= stillFor && c.seen().moves == 0
		})
		if !still {
			continue
		}
		before := m.time - 3*moment
		m.within(*b, float32(m.config.Margin), func(i int) { m.cells[i].still = m.time })
		if b.Y1-b.Y0 < stillHeight*float32(m.scale) {
			m.within(*b, 0, func(i int) { m.cells[i].still = before })
		}
	}
}

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
		if !c.proven() {
			if a := c.seen(); a.moves > 0 && a.quiet < m.wanted(a) {
				k |= restless
			}
		} else if !c.there() {
			k |= foreign
		}
		m.kinds[i] = k
	}
}

// Reach of a suspicion beyond the cells themselves, in cells: one, and a share of
// the size of what is suspicious, since a part of it may not show itself (feet do
// not sway).
const (
	restlessShare = 0.2
	restlessMost  = 3
	foreignMost   = 16
	// standsAfter is how long something foreign must not have changed, seconds, to
	// reach as far as it is long.
	standsAfter = 2.0
	// waryReach is how far from what sways or stands a cell that came back is not
	// believed for that alone.
	waryReach = 6
	// swaysAgain is the time within which who stands is seen to sway again, seconds.
	swaysAgain = 30.0
)

// hold finds the cells that are not to be promoted: near what moves, and where the
// place is not known as far from something foreign as that is long.
func (m *Model) hold() {
	clear(m.held)
	clear(m.wary)
	all := func(int) bool { return true }
	m.regions(restless, func(r *region) {
		if !m.movedLately(r) {
			return
		}
		reach := min(restlessMost, 1+int(restlessShare*float32(r.across()-1)))
		m.spread(m.held, r, reach, all)
		m.spread(m.wary, r, waryReach, all)
		m.holdBelow(r, reach)
	})
	m.regions(foreign, func(r *region) {
		reach := 1
		if m.stands(r) {
			reach = min(foreignMost, r.length())
			m.spread(m.wary, r, waryReach, all)
		}
		m.spread(m.held, r, reach, func(i int) bool { return !m.cells[i].proven() })
	})
}

// movedLately says whether a part of a region was seen to move a short while ago. Who
// stands sways all the time; a gust or a passing shadow ends.
func (m *Model) movedLately(r *region) bool {
	return slices.ContainsFunc(r.cells, func(i int32) bool { return m.time-m.cells[i].seen().moved < swaysAgain })
}

// holdBelow holds what is under a region: people sway about their ankles, so that the
// lowest third of them hardly does (Winter, Gait & Posture 3, 1995).
func (m *Model) holdBelow(r *region, beside int) {
	below := (r.y1-r.y0+1)/2 + 1
	for y := r.y1 + 1; y <= min(m.rows-1, r.y1+below); y++ {
		for x := max(0, r.x0-beside); x <= min(m.columns-1, r.x1+beside); x++ {
			m.held[y*m.columns+x] = max(m.held[y*m.columns+x], 1)
		}
	}
}

// stands says whether a part of a region has not changed for a while. What passes by
// keeps nothing from being learnt but where it is.
func (m *Model) stands(r *region) bool {
	return slices.ContainsFunc(r.cells, func(i int32) bool { return m.time-m.cells[i].stirred >= standsAfter })
}

// spread marks the cells that can be reached from a region in a number of steps
// through cells that through allows, with the steps left.
func (m *Model) spread(held []uint8, r *region, steps int, through func(i int) bool) {
	m.queue = append(m.queue[:0], r.cells...)
	for _, i := range r.cells {
		held[i] = max(held[i], uint8(steps+1))
	}
	for k := 0; k < len(m.queue); k++ {
		left := held[m.queue[k]] - 1
		if left == 0 {
			continue
		}
		m.around(int(m.queue[k]), func(j int) {
			if held[j] < left && through(j) {
				held[j] = left
				m.queue = append(m.queue, int32(j))
			}
		})
	}
}
