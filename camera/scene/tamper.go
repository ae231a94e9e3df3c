package scene

// Tamper says whether the camera can be trusted to see its place.
type Tamper uint8

// The states of a camera.
const (
	Untouched Tamper = iota
	Moved            // the view changed: the place was forgotten and is learnt anew
	Covered          // something is before the lens, it is dark or out of focus: the place was forgotten
)

const (
	// lostShare is the share of telling cells of the place that are seen, below which
	// the place is lost; lostAfter and coveredAfter the seconds that this, or the loss
	// of nearly all structure, must last.
	lostShare    = 0.4
	lostAfter    = 10.0
	coveredAfter = 3.0
	// bare is the share of the picture's usual steepness that a covered lens leaves.
	bare = 0.15
	// akin is the correlation from which two cells have the same structure in another
	// light.
	akin = 0.6
	// enoughCells must be telling for a verdict; enoughKnown of the picture must be
	// known again for a moved camera to be at rest.
	enoughCells = 50
	enoughKnown = 0.5
)

// guard looks for a camera that was moved or covered, once a second.
func (m *Model) guard() {
	known, seen, telling, there, kin := 0, 0, 0, 0, 0
	var steep float32
	for i := range m.cells {
		c := &m.cells[i]
		steep += c.steepness()
		if !c.proven() {
			continue
		}
		known++
		if c.there() {
			seen++
		}
		if !m.tells(c) {
			continue
		}
		telling++
		switch {
		case c.there() && c.fit != other:
			there++
		case m.kindred(i):
			kin++
		}
	}
	steep /= float32(len(m.cells))
	gone := float64(seen) < lostShare*float64(known) || known < enoughCells
	if telling >= enoughCells {
		gone = float64(there) < lostShare*float64(telling)
	}
	if m.guardCover(steep, gone) {
		return
	}
	if telling < enoughCells || float64(there) >= lostShare*float64(telling) {
		m.lost = 0
	} else {
		m.lost++
	}
	switch {
	case m.lost >= 3 && float64(there+kin) >= 0.5*float64(telling):
		m.relight()
		m.lost = 0
	case m.lost >= lostAfter:
		m.forget()
		m.tamper = Moved
		m.lost = 0
	case m.tamper == Moved && m.Unknown() < enoughKnown:
		m.tamper = Untouched
	}
	m.trust(telling, there, kin)
}

// Of the structure of the picture, once a second: by what share the usual one rises at
// most, falls at most, and by how much it rises at least. It is about what there is
// less than for a fifth of the time, so that vehicles that fill an empty road do not
// make it.
const (
	steepUp, steepDown = 0.005, 0.02
	steepLeast         = 0.05
	// firstSteep is for how long the least is taken after the start, seconds.
	firstSteep = 10.0
)

// guardCover follows the structure of the picture and says whether it is gone: with
// it what is known of the place, if anything is.
func (m *Model) guardCover(steep float32, gone bool) bool {
	switch {
	case m.steep == 0 || m.time < firstSteep && steep < m.steep:
		m.steep = steep
	case m.tamper == Covered && steep > 2*bare*m.steep:
		m.tamper = Moved // until the place is known again
		m.bareFor = 0
	case steep < bare*m.steep && gone:
		if m.bareFor++; m.bareFor >= coveredAfter && m.tamper != Covered {
			m.forget()
			m.tamper = Covered
		}
		return true
	default:
		m.bareFor = 0
		m.steep = min(max(steep, m.steep*(1-steepDown)), m.steep*(1+steepUp)+steepLeast)
	}
	return m.tamper == Covered
}

// tells says whether the place has structure in a cell.
func (m *Model) tells(c *cell) bool {
	a := &c.memory[c.place].luma
	var s, ss float32
	for _, v := range a {
		s += v
		ss += v * v
	}
	return ss/area-s*s/area/area > 8*m.noise+40
}

// kindred says whether what is seen around a cell has the structure of the place, in
// whatever light.
func (m *Model) kindred(i int) bool {
	var n, p, q, pp, qq, pq float32
	add := func(j int) {
		c := &m.cells[j]
		if !c.proven() {
			return
		}
		x, y := j%m.columns*side, j/m.columns*side
		for k, a := range c.memory[c.place].luma {
			b := m.look.luma[(y+k/side)*m.look.width+x+k%side]
			n++
			p += a
			q += b
			pp += a * a
			qq += b * b
			pq += a * b
		}
	}
	add(i)
	m.around(i, add)
	vp, vq := pp/n-p*p/n/n, qq/n-q*q/n/n
	return vq > 2*m.noise+2 && pq/n-p*q/n/n > akin*root(vp)*root(vq)
}

// relight takes a place that is seen in a wholly new light for the place where its
// structure shows it to be. Everywhere else it is unknown again.
func (m *Model) relight() {
	for i := range m.cells {
		c := &m.cells[i]
		if c.there() && c.fit != other {
			continue
		}
		if c.proven() && m.tells(c) && m.kindred(i) && !m.near[i] && m.kinds[i]&covered == 0 {
			c.place = c.now
			m.show(i)
		} else if c.proven() {
			m.unlearn(i)
		}
	}
}

// unlearn makes a cell unknown.
func (m *Model) unlearn(i int) {
	c := &m.cells[i]
	c.place = -1
	a := c.seen()
	a.quiet, a.first = 0, m.time
	m.redraw(i)
}

// forget makes everything unknown, as if the camera had just been started.
func (m *Model) forget() {
	for i := range m.cells {
		c := &m.cells[i]
		*c.memory, *c.slopes = [memory]appearance{}, slopes{}
		*c = cell{memory: c.memory, slopes: c.slopes, now: -1, place: -1, stirred: m.time, covered: never, still: never, parked: never}
		m.redraw(i)
	}
	m.boxes, m.parking = m.boxes[:0], parking{at: never}
	m.anchors, m.samples, m.windowed = m.anchors[:0], m.samples[:0], m.windowed[:0]
	m.shift, m.light = point{}, light{gain: 1}
	m.frames, m.trusted = 0, true
	m.whole = true
}

// trust begins to show a remembered place once the camera is seen to look at it.
func (m *Model) trust(telling, there, kin int) {
	if m.trusted {
		return
	}
	switch {
	case telling >= enoughCells && float64(there+kin) >= 0.5*float64(telling):
		m.trusted = true
		for i := range m.cells {
			m.redraw(i)
		}
	case m.time > lostAfter:
		m.forget()
	}
}
