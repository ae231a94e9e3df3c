package scene

import "math"

// An appearance is what a cell looked like for some time: averaged, with all that
// speaks for and against its being part of the place.
type appearance struct {
	luma   [area]float32
	cb, cr [4]float32
	frames float32 // averaged, at most longMean

	used bool
	odd  bool // its colours are rare around it
	// doubted: a close crop of what was still showed a person or an animal here.
	doubted bool
	moves   uint8   // how often it was seen to move
	looks   float32 // at the whole picture, of late, while this was seen
	vehicle float32 // of them, those that found a standing vehicle here
	returns uint8   // how often it came back after something else was seen

	quiet   float32 // seconds of stillness that were measured
	seconds float32 // that were measured, still or not
	sway    float32 // mean square displacement, pixels of the look squared
	energy  float32 // change of luma that the displacement explains
	first   float64 // when it was first seen, left last, last seen to move, and last came back
	last    float64
	moved   float64
	back    float64
	looked  float64 // when a close crop of it showed nobody last
}

// memory is how many appearances a cell remembers: the place, and what stood in
// front of it lately.
const memory = 3

// longMean is over how many frames an appearance is averaged: eight seconds.
const longMean = 40

// A fit says how an appearance and what is seen agree.
type fit uint8

const (
	other   fit = iota // something else is seen
	near               // hardly something else: under a soft shadow, or noise
	shifted            // the same, displaced a little: it moves
	same
)

type cell struct {
	memory *[memory]appearance // apart, so that what is asked of all cells lies close together
	now    int8                // which of them is seen; -1 before the first frame
	place  int8                // which of them is the place; -1 if that is not known
	fit    fit
	next   int8
	seam   uint8 // steps from what is proven by its own evidence; see seamless

	stirred float64 // when something else was seen last
	covered float64 // when a detection covered it last
	still   float64 // when that detection was last known to be of something that does not stir
	sure    bool    // the detection was beyond doubt
	full    bool    // what is seen was averaged over longMean frames, so far as is known
	parked  float64 // when a standing vehicle was noted here last

	moments          // of the slopes of the appearance that is seen
	slopes   *slopes // of each of its pixels
	alike    float32 // variances that judge lets through: of the same, and of what is near
	hardly   float32
	restless point  // displacement, smoothed over half a second
	second   second // the one under way, and the one before it
	before   second
}

// seen is the appearance that is seen.
func (c *cell) seen() *appearance { return &c.memory[c.now] }

// proven says whether the place is known here; there says whether it is seen.
func (c *cell) proven() bool { return c.place >= 0 }
func (c *cell) there() bool  { return c.place >= 0 && c.place == c.now }

// compare returns how the look differs from an appearance in a cell: the variance
// of the luma difference, its mean, and the greatest difference of chroma.
func (m *Model) compare(i int, a *appearance) (variance, offset, chroma float32) {
	variance, offset = m.difference(i, a)
	return variance, offset, m.chroma(i, a)
}

// difference returns the variance and the mean of the difference of luma.
func (m *Model) difference(i int, a *appearance) (variance, offset float32) {
	at := i/m.columns*side*m.look.width + i%m.columns*side
	var s, ss float32
	for r := 0; r < area; r += side {
		row, ref := (*[side]float32)(m.look.luma[at:]), (*[side]float32)(a.luma[r:])
		at += m.look.width
		d0, d1, d2, d3 := row[0]-ref[0], row[1]-ref[1], row[2]-ref[2], row[3]-ref[3]
		s += d0 + d1 + d2 + d3
		ss += d0*d0 + d1*d1 + d2*d2 + d3*d3
	}
	offset = s / area
	return ss/area - offset*offset, offset
}

// chroma returns the greatest difference of chroma.
func (m *Model) chroma(i int, a *appearance) float32 {
	w := m.look.width / 2
	at := i/m.columns*2*w + i%m.columns*2
	var most float32
	for k := 0; k < 4; k += 2 {
		cb, cr := (*[2]float32)(m.look.cb[at:]), (*[2]float32)(m.look.cr[at:])
		at += w
		most = max(most, abs(cb[0]-a.cb[k]), abs(cb[1]-a.cb[k+1]), abs(cr[0]-a.cr[k]), abs(cr[1]-a.cr[k+1]))
	}
	return most
}

// tolerances of a fit. Noise is the measured one; a difference at edges that a tiny
// displacement would make is let through and left to the measurement of sway.
func (m *Model) judge(c *cell, variance, offset, chroma float32) fit {
	level := max(0, c.r/area)
	switch {
	case variance <= 3*m.noise+c.alike && abs(offset) <= 4+0.05*level && chroma <= 6:
		return same
	case variance <= 8*m.noise+c.hardly && abs(offset) <= 6+0.07*level && chroma <= 8:
		return near
	}
	return other
}

// recognise says for every cell which of its appearances is seen. What was never
// seen before becomes a new one.
func (m *Model) recognise() {
	m.sample = m.sample[:0]
	for i := range m.cells {
		c := &m.cells[i]
		if c.now < 0 {
			c.fit = other
			continue
		}
		if m.passOver(i, c) {
			continue
		}
		a := c.seen()
		var variance, offset float32
		if m.closely[i] {
			variance, offset = m.takeDifference(i, c)
		} else {
			variance, offset = m.difference(i, a)
		}
		c.fit = m.judge(c, variance, offset, m.chroma(i, a))
		if c.fit == same {
			m.sample = append(m.sample, variance)
		}
		if c.fit >= near && c.place != c.now {
			m.returnTo(i, c)
		}
	}
	for i := range m.cells {
		c := &m.cells[i]
		c.next = c.now
		if c.fit == same {
			continue
		}
		if k := m.known(i, c); k >= 0 {
			c.next = k
			continue
		}
		if c.now >= 0 && m.time-c.stirred > 0.5 && m.slid(i) {
			c.fit = shifted
		} else if c.fit == other {
			c.next = -1
		}
	}
	for i := range m.cells {
		m.settle(i, &m.cells[i])
	}
	if len(m.sample) > len(m.cells)/20 {
		m.noise += 0.1 * (max(0.3, median(m.sample)) - m.noise)
	}
}

// passEvery is how often a cell of a place that is known well may be left out.
const passEvery = 4

// passOver says whether a cell is left out this time: where the place is known and
// seen, and nothing beside is learnt, three frames of four will do.
func (m *Model) passOver(i int, c *cell) bool {
	return m.turn(i)%passEvery == 0 && !m.closely[i] && c.fit == same && c.there() &&
		m.picture.taken[i] >= sharpest && m.time-c.stirred > moment && c.full
}

// turn counts a cell's frames; neighbours have turns at different times.
func (m *Model) turn(i int) int { return i/m.columns + i%m.columns + m.frames }

// returnTo goes back to a better known appearance that fits as well as the one that
// is seen, so that evidence for one thing is kept in one place.
func (m *Model) returnTo(i int, c *cell) {
	a := c.seen()
	for k := range c.memory {
		o := &c.memory[k]
		if int8(k) == c.now || !o.used || !(int8(k) == c.place || (c.place != c.now && o.frames > a.frames && o.quiet >= a.quiet)) {
			continue
		}
		if v, off, ch := m.compare(i, o); m.judge(c, v, off, ch) == same {
			o.moves = max(o.moves, a.moves)
			if a.frames < 10 {
				a.used = false
			}
			a.last = m.time - m.step
			c.now, c.fit, c.full = int8(k), same, false
			return
		}
	}
}

// known returns which other appearance of the cell is seen, or -1.
func (m *Model) known(i int, c *cell) int8 {
	best, least := int8(-1), float32(0)
	for k := range c.memory {
		a := &c.memory[k]
		if int8(k) == c.now || !a.used {
			continue
		}
		if v, off, ch := m.compare(i, a); m.judge(c, v, off, ch) == same && (best < 0 || v < least) {
			best, least = int8(k), v
		}
	}
	return best
}

// settle makes the cell's next appearance the one that is seen, and averages what
// is seen into it.
func (m *Model) settle(i int, c *cell) {
	if c.full && c.next == c.now && c.there() && !m.closely[i] && m.turn(i)%averageEvery != 1 {
		return // without a look at its memory, which is far away
	}
	if c.next != c.now || c.now < 0 {
		c.stirred = m.time
		c.restless = point{}
		c.second, c.before = second{}, second{}
		c.fit = same
		if c.now >= 0 {
			c.seen().last = m.time - m.step
		}
		if c.next < 0 {
			c.next = c.forgettable(m.time)
			c.memory[c.next] = appearance{used: true, first: m.time, moved: never, back: never, looked: never}
			c.fit = near
		} else {
			m.comeBack(&c.memory[c.next])
		}
		c.now = c.next
	}
	a := c.seen()
	switch {
	case a.frames == longMean && c.there() && !m.closely[i]: // hardly changes
		if c.fit == same && m.turn(i)%averageEvery == 1 { // a turn that is not passed over
			m.average(i, a, averageEvery/a.frames)
		}
	case c.fit == same || a.frames == 0:
		a.frames = min(a.frames+1, longMean)
		m.average(i, a, 1/a.frames)
	case c.fit == near:
		m.average(i, a, 0.25/longMean)
	}
	c.full = a.frames == longMean
}

// averageEvery is after how many frames a place that is known well is averaged: a
// multiple of passEvery, so that it never is at a turn that is passed over.
const averageEvery = 8

// Times for a return, seconds: how long something else must have been seen, and how
// far apart two that count must be, so that they are two occasions.
const (
	awayFor      = 0.35
	returnsApart = 3.0
	mostReturns  = 100
	// returnWorth is the stillness that a return counts for, seconds.
	returnWorth = 1.5
)

// comeBack notes that an appearance is seen again after something passed in front of
// it. That is what the place does, and people do not, cell by cell.
func (m *Model) comeBack(a *appearance) {
	if a.frames < longMean/4 || m.time-a.last < awayFor || m.time-a.back < returnsApart {
		return
	}
	a.back = m.time
	a.returns = min(a.returns+1, mostReturns)
	a.quiet += returnWorth
	a.doubted = false // it may have been whoever passed
}

// average moves an appearance towards what is seen, by a share of the difference.
func (m *Model) average(i int, a *appearance, share float32) {
	x, y := i%m.columns*side, i/m.columns*side
	for r := range side {
		at := (y+r)*m.look.width + x
		row, ref, mean := (*[side]float32)(m.look.luma[at:]), (*[side]float32)(m.ref[at:]), (*[side]float32)(a.luma[r*side:])
		for k, v := range row {
			mean[k] += (v - mean[k]) * share
		}
		*ref = *mean
	}
	w := m.look.width / 2
	at := i/m.columns*2*w + i%m.columns*2
	for k := range 4 {
		o := at + k>>1*w + k&1
		a.cb[k] += (m.look.cb[o] - a.cb[k]) * share
		a.cr[k] += (m.look.cr[o] - a.cr[k]) * share
	}
}

// forgettable returns the place in memory of the appearance that matters least,
// never that of the place.
func (c *cell) forgettable(now float64) int8 {
	worst, least := int8(-1), 0.0
	for k := range c.memory {
		a := &c.memory[k]
		if !a.used {
			return int8(k)
		}
		worth := 4*float64(a.quiet) + 0.2*float64(a.frames) - 0.05*(now-a.last)
		if int8(k) != c.place && (worst < 0 || worth < least) {
			worst, least = int8(k), worth
		}
	}
	return worst
}

// slid says whether what is seen around a cell is what was seen there before,
// moved by up to two pixels of the look.
func (m *Model) slid(i int) bool {
	w, h := m.look.width, m.look.height
	x, y := i%m.columns*side, i/m.columns*side
	x0, y0, x1, y1 := max(2, x-side), max(2, y-side), min(w-2, x+2*side), min(h-2, y+2*side)
	difference := func(dx, dy int) float32 {
		var s, ss float32
		for v := y0; v < y1; v++ {
			p, q := m.look.luma[v*w+x0:v*w+x1], m.ref[(v+dy)*w+x0+dx:(v+dy)*w+x1+dx]
			for k := range p {
				d := p[k] - q[k]
				s += d
				ss += d * d
			}
		}
		n := float32((x1 - x0) * (y1 - y0))
		return ss/n - s*s/n/n
	}
	stay := difference(0, 0)
	if stay < 6*m.noise+6 {
		return false
	}
	for _, d := range steps {
		if difference(d[0], d[1]) < 0.4*stay {
			return true
		}
	}
	return m.slipped(x0, y0, x1, y1, stay)
}

var steps = [...][2]int{{1, 0}, {-1, 0}, {0, 1}, {0, -1}, {2, 0}, {-2, 0}, {1, 1}, {1, -1}, {-1, 1}, {-1, -1}}

// slipped says whether a displacement by less than a pixel and a half explains most
// of the difference in a rectangle (least squares on the slopes: Lucas and Kanade,
// IJCAI 1981).
func (m *Model) slipped(x0, y0, x1, y1 int, difference float32) bool {
	w := m.look.width
	var sum moments
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			at := y*w + x
			gx, gy, r := (m.ref[at+1]-m.ref[at-1])/2, (m.ref[at+w]-m.ref[at-w])/2, m.ref[at]
			d := m.look.luma[at] - r
			sum.slope(gx, gy, r)
			sum.dx += gx * d
			sum.dy += gy * d
			sum.dr += r * d
			sum.d += d
		}
	}
	d := sum.solve(m.noise)
	return d.explains(d.x, d.y) > 0.5*difference*sum.n && d.x*d.x+d.y*d.y < 2.25
}

// abs has no branch, which chance would mispredict.
func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }
