package scene

// A camera on a pole trembles. Before a frame is compared with memory it is brought
// to where memory has it: the displacement that explains the frame best at anchors,
// the cells with the steepest slopes of every part of the picture. Less than
// tolerable is left to the measurement of sway, which takes out what all of the
// picture has in common.

const (
	tolerable = 0.2 // pixels of the look
	farthest  = 12  // that a frame is brought back
	anchorsIn = 6   // cells to the side of the part of the picture that has one anchor
	// fewAnchors cannot tell.
	fewAnchors = 24
)

// steady finds the frame's displacement and takes it out of the look.
func (m *Model) steady() {
	if len(m.anchors) < fewAnchors {
		m.shift = point{}
		return
	}
	at, rest := m.settleOn(m.shift)
	if rest > 4*m.rest+20 {
		// farther than slopes reach: look for the best whole displacement first
		if p, r := m.settleOn(m.search()); r < rest {
			at, rest = p, r
		}
	}
	m.rest += 0.05 * (rest - m.rest)
	m.shift = at
	if at.x*at.x+at.y*at.y < tolerable*tolerable {
		m.shift = point{}
		return
	}
	m.look, m.spare = m.spare, m.look
	m.spare.moved(&m.look, at.x, at.y)
}

// settleOn improves a displacement by least squares over the anchors, those left
// out where something else is seen. It returns the median of the anchors' variances
// beside.
func (m *Model) settleOn(p point) (point, float32) {
	rest := float32(0)
	for range 5 {
		sums := m.anchorSums[:0]
		v := m.sampleX[:0]
		for _, i := range m.anchors {
			s, variance := m.differenceAt(int(i), p)
			sums, v = append(sums, s), append(v, variance)
		}
		m.anchorSums = sums
		m.sampleX = v
		m.sampleY = append(m.sampleY[:0], v...)
		rest = median(m.sampleY)
		var all moments
		for k := range sums {
			if v[k] <= 2*rest {
				all.plus(&sums[k])
			}
		}
		d := all.solve(m.noise)
		p.x, p.y = clampTo(p.x-d.x, farthest), clampTo(p.y-d.y, farthest)
		if d.x*d.x+d.y*d.y < 0.02*0.02 {
			break
		}
	}
	return p, rest
}

func clampTo(v, most float32) float32 { return min(most, max(-most, v)) }

// differenceAt takes the moments of a cell against the look displaced by p.
func (m *Model) differenceAt(i int, p point) (moments, float32) {
	c := &m.cells[i]
	s := c.moments
	s.dx, s.dy, s.dr, s.d = 0, 0, 0, 0
	var ss float32
	ix, iy := floor(p.x), floor(p.y)
	fx, fy := p.x-float32(ix), p.y-float32(iy)
	x0, y0 := i%m.columns*side+ix, i/m.columns*side+iy
	w, h := m.look.width, m.look.height
	ref := &c.seen().luma
	for r := range side {
		a, b := m.look.luma[inside(y0+r, h)*w:][:w], m.look.luma[inside(y0+r+1, h)*w:][:w]
		for k := range side {
			u, v := inside(x0+k, w), inside(x0+k+1, w)
			top, low := a[u]+(a[v]-a[u])*fx, b[u]+(b[v]-b[u])*fx
			j := r*side + k
			d := top + (low-top)*fy - ref[j]
			s.dx += c.slopes.gx[j] * d
			s.dy += c.slopes.gy[j] * d
			s.dr += ref[j] * d
			s.d += d
			ss += d * d
		}
	}
	mean := s.d / area
	return s, ss/area - mean*mean
}

// search returns the best displacement by whole pixels.
func (m *Model) search() point {
	best, least := point{}, float32(-1)
	for dy := -farthest; dy <= farthest; dy++ {
		for dx := -farthest; dx <= farthest; dx++ {
			p := point{float32(dx), float32(dy)}
			v := m.sampleX[:0]
			for k := 0; k < len(m.anchors); k += 1 + len(m.anchors)/64 {
				_, variance := m.differenceAt(int(m.anchors[k]), p)
				v = append(v, variance)
			}
			m.sampleX = v
			if r := median(v); least < 0 || r < least {
				best, least = p, r
			}
		}
	}
	return best
}

// chooseAnchors takes from every part of the picture the cell that tells a
// displacement best, among those that have been seen for a while.
func (m *Model) chooseAnchors() {
	m.anchors = m.anchors[:0]
	for y := 0; y < m.rows; y += anchorsIn {
		for x := 0; x < m.columns; x += anchorsIn {
			best, most := -1, float32(0)
			for v := y; v < min(y+anchorsIn, m.rows); v++ {
				for u := x; u < min(x+anchorsIn, m.columns); u++ {
					i := v*m.columns + u
					if m.tellsMotion(i) {
						if l := m.displaced[i].least(); l > most {
							best, most = i, l
						}
					}
				}
			}
			if best >= 0 {
				m.anchors = append(m.anchors, int32(best))
			}
		}
	}
	m.chooseSamples()
}

// manySamples is how many samples there are at most, about.
const manySamples = 140

// chooseSamples takes from every part of the picture the first cell that tells a
// displacement, starting somewhere else each time. (Anchors will not do: the sharpest
// cells are not like the others.)
func (m *Model) chooseSamples() {
	m.samples = m.samples[:0]
	part := max(2, int(root(float32(len(m.cells))/manySamples)))
	for y := 0; y < m.rows; y += part {
		for x := 0; x < m.columns; x += part {
			for k := range part * part {
				k = (k + m.frames) % (part * part)
				u, v := x+k%part, y+k/part
				if i := v*m.columns + u; u < m.columns && v < m.rows && m.tellsMotion(i) {
					m.samples = append(m.samples, int32(i))
					break
				}
			}
		}
	}
}

// tellsMotion says whether a displacement of the picture shows in a cell whose
// surroundings have been seen for a while.
func (m *Model) tellsMotion(i int) bool {
	c := &m.cells[i]
	return c.seen().frames >= 5 && m.time-c.stirred > moment && m.kinds[i]&(covered|restless|foreign) == 0 && m.telling(&m.displaced[i])
}
