package scene

import "math"

// How stillness is measured.
//
// Nobody stands still: a person who tries to sways by about half a centimetre, and
// all edges of the silhouette with them, while the edges of the place stay where
// they are to a few hundredths of a pixel. So for each cell the displacement of what
// is seen against its average is estimated over the 3 x 3 cells around it by least
// squares on the slopes of the average (Lucas and Kanade, IJCAI 1981), together with
// a change of brightness and of contrast, so that light that changes is not taken
// for motion. What counts is not only how far something moves but how much of the
// picture that explains: noise explains little, and the sway of a person explains
// far more wherever the person can be told from the place.

// moments are sums over the pixels of a cell or of a window of cells: products of
// the slopes (x, y) and tone (r) of the reference, and of these with the frame's
// difference from it (d).
type moments struct {
	n                               float32
	x, y, r, xx, xy, yy, xr, yr, rr float32
	dx, dy, dr, d                   float32
	measured                        float32 // cells in which d was taken
}

func (m *moments) slope(gx, gy, r float32) {
	m.n++
	m.x += gx
	m.y += gy
	m.r += r
	m.xx += gx * gx
	m.xy += gx * gy
	m.yy += gy * gy
	m.xr += gx * r
	m.yr += gy * r
	m.rr += r * r
}

func (m *moments) plus(o *moments) {
	m.plusDifference(o)
	m.n += o.n
	m.x += o.x
	m.y += o.y
	m.r += o.r
	m.xx += o.xx
	m.xy += o.xy
	m.yy += o.yy
	m.xr += o.xr
	m.yr += o.yr
	m.rr += o.rr
}

// plusDifference adds the frame's difference alone.
func (m *moments) plusDifference(o *moments) {
	m.dx += o.dx
	m.dy += o.dy
	m.dr += o.dr
	m.d += o.d
}

// steepness is the mean square of the slope.
func (m *moments) steepness() float32 {
	if m.n == 0 {
		return 0
	}
	return (m.xx + m.yy) / m.n
}

// displacement is where what is seen lies against its average: pixels of the look,
// and the matrix by which a displacement (x, y) explains a difference of luma:
// x*x*xx + 2*x*y*xy + y*y*yy, summed over the window's pixels.
type displacement struct{ x, y, xx, xy, yy float32 }

func (d *displacement) explains(x, y float32) float32 {
	return x*x*d.xx + 2*x*y*d.xy + y*y*d.yy
}

// least is what a displacement by one pixel explains in the direction in which it
// explains least: the matrix's smaller eigenvalue.
func (d *displacement) least() float32 {
	half, diff := (d.xx+d.yy)/2, (d.xx-d.yy)/2
	return half - root(diff*diff+d.xy*d.xy)
}

// solve finds the displacement that explains the difference best, beside a change
// of brightness and contrast. Noise, the variance of a pixel, keeps it near zero
// where slopes say nothing.
func (m *moments) solve(noise float32) displacement {
	if m.n == 0 {
		return displacement{}
	}
	xr, yr, rr := m.xr-m.x*m.r/m.n, m.yr-m.y*m.r/m.n, max(0, m.rr-m.r*m.r/m.n)+4*noise+1
	bx, by, br := m.dx-m.x*m.d/m.n, m.dy-m.y*m.d/m.n, m.dr-m.r*m.d/m.n
	d := displacement{
		xx: max(0, m.xx-m.x*m.x/m.n-xr*xr/rr),
		yy: max(0, m.yy-m.y*m.y/m.n-yr*yr/rr),
		xy: m.xy - m.x*m.y/m.n - xr*yr/rr,
	}
	bx -= xr * br / rr
	by -= yr * br / rr
	xx, yy := d.xx+4*noise, d.yy+4*noise
	det := max(xx*yy-d.xy*d.xy, 16*noise*noise)
	d.x, d.y = (yy*bx-d.xy*by)/det, (xx*by-d.xy*bx)/det
	return d
}

// slopes are those of an appearance, pixel by pixel.
type slopes struct{ gx, gy [area]float32 }

// refreshEvery is after how many frames the slopes of a cell are taken anew, where
// displacement is measured and elsewhere: averages change slowly.
const (
	refreshEvery = 8
	refreshRest  = 64
)

// takeSlopes takes the slopes of the cells whose turn it is or whose appearance is
// new.
func (m *Model) takeSlopes() {
	for i := range m.cells {
		c := &m.cells[i]
		turn := refreshRest
		if m.closely[i] {
			turn = refreshEvery
		}
		if (i+m.frames)%turn == 0 || m.time-c.stirred < settling {
			m.takeSlope(i, c)
		}
	}
}

func (m *Model) takeSlope(i int, c *cell) {
	w, h := m.look.width, m.look.height
	x0, y0 := i%m.columns*side, i/m.columns*side
	s, sum := c.slopes, moments{}
	for r := range side {
		y := y0 + r
		up, at, down := m.ref[max(y-1, 0)*w:][:w], m.ref[y*w:][:w], m.ref[min(y+1, h-1)*w:][:w]
		for k := range side {
			x := x0 + k
			gx, gy := (at[min(x+1, w-1)]-at[max(x-1, 0)])/2, (down[x]-up[x])/2
			s.gx[r*side+k], s.gy[r*side+k] = gx, gy
			sum.slope(gx, gy, at[x])
		}
	}
	c.moments = sum
	slope := sum.steepness()
	c.alike, c.hardly = 3+0.05*slope, 10+0.12*slope
}

// takeDifference takes the frame's moments in a cell and returns the variance and
// the mean of its difference from the appearance that is seen.
func (m *Model) takeDifference(i int, c *cell) (variance, offset float32) {
	at := i/m.columns*side*m.look.width + i%m.columns*side
	ref, gx, gy := &c.seen().luma, &c.slopes.gx, &c.slopes.gy
	var dx, dy, dr, s, ss float32
	for r := 0; r < area; r += side {
		row, ref, gx, gy := (*[side]float32)(m.look.luma[at:]), (*[side]float32)(ref[r:]), (*[side]float32)(gx[r:]), (*[side]float32)(gy[r:])
		at += m.look.width
		for k := range side {
			d := row[k] - ref[k]
			ss += d * d
			s += d
			dx += gx[k] * d
			dy += gy[k] * d
			dr += ref[k] * d
		}
	}
	c.dx, c.dy, c.dr, c.d = dx, dy, dr, s
	offset = s / area
	return ss/area - offset*offset, offset
}

// chooseWindows says where displacement is measured: where the place is not known or
// something else is seen, and at the samples, which tell how the camera trembles.
func (m *Model) chooseWindows() {
	clear(m.closely)
	before := m.windowed
	m.windowed, m.windowedSpare = m.windowedSpare[:0], before
	mark := func(i int) {
		m.windowed = append(m.windowed, int32(i))
		m.closely[i] = true
		m.around(i, func(j int) { m.closely[j] = true })
	}
	for i := range m.cells {
		if !m.cells[i].there() {
			mark(i)
		}
	}
	for _, i := range m.samples {
		if m.cells[i].there() {
			mark(int(i))
		}
	}
	m.stamp++
	for _, i := range m.windowed {
		m.marked[i] = m.stamp
	}
	for _, i := range before {
		if m.marked[i] != m.stamp {
			m.cells[i].unmeasure()
		}
	}
}

// unmeasure forgets what was measured of a displacement that is measured no more.
func (c *cell) unmeasure() {
	c.second, c.before = second{}, second{}
	c.restless = point{}
}

// second is what about one unbroken second of looking at a cell showed.
type second struct {
	since        float64
	frames, same float32
	sway, energy float32 // sums over frames
	shifted      bool
}

// Times, seconds.
const (
	smoothing   = 0.46 // of the displacement
	settling    = 0.7  // after a change, before displacement is measured
	leastFrames = 3    // in a second; with fewer nothing is learnt
)

// measureSway estimates the displacement around each cell, less what all have in
// common, which is the camera's own trembling, and adds it to the cell's second.
func (m *Model) measureSway() {
	m.sumWindows()
	m.tremble()
	share := float32(1 - math.Exp(-m.step/smoothing))
	for _, i := range m.windowed {
		c, d := &m.cells[i], &m.displaced[i]
		if m.windows[i].measured < m.windows[i].n/area {
			c.unmeasure()
			continue
		}
		dx, dy := d.x-m.tremor.x, d.y-m.tremor.y
		if l := root(dx*dx + dy*dy); l > 1 {
			dx, dy = dx/l, dy/l
		}
		c.restless.x += share * (dx - c.restless.x)
		c.restless.y += share * (dy - c.restless.y)
		s := &c.second
		if s.frames == 0 {
			s.since = m.time - m.step
		}
		s.frames++
		s.sway += c.restless.x*c.restless.x + c.restless.y*c.restless.y
		s.energy += d.explains(c.restless.x, c.restless.y)
		s.shifted = s.shifted || c.fit == shifted
		if c.fit == same {
			s.same++
		}
	}
}

// sumWindows sums the moments of the 3 x 3 cells around each and solves them: those of
// the slopes once a second for all cells, since they change slowly; of the frame's
// differences where they are measured.
func (m *Model) sumWindows() {
	if m.time-m.learnt >= 1 {
		for i := range m.windows {
			m.windows[i] = m.cells[i].moments
		}
		box3(m.windows, m.rowSums, m.columns, m.rows)
		for i := range m.windows {
			m.displaced[i] = m.windows[i].solve(m.noise)
		}
	}
	for _, i := range m.windowed {
		w := &m.windows[i]
		w.dx, w.dy, w.dr, w.d, w.measured = 0, 0, 0, 0, 0
		x, y := int(i)%m.columns, int(i)/m.columns
		for v := max(0, y-1); v <= min(m.rows-1, y+1); v++ {
			for j := v*m.columns + max(0, x-1); j <= v*m.columns+min(m.columns-1, x+1); j++ {
				if c := &m.cells[j]; c.fit != other && m.time-c.stirred >= settling {
					w.plusDifference(&c.moments)
					w.measured++
				}
			}
		}
		m.displaced[i] = w.solve(m.noise)
	}
}

// box3 replaces each of columns x rows moments by the sum over it and its
// neighbours.
func box3(v, spare []moments, columns, rows int) {
	for y := range rows {
		row, out := v[y*columns:][:columns], spare[y*columns:][:columns]
		for x := range row {
			out[x] = row[x]
			if x > 0 {
				out[x].plus(&row[x-1])
			}
			if x < columns-1 {
				out[x].plus(&row[x+1])
			}
		}
	}
	for y := range rows {
		for x := range columns {
			i := y*columns + x
			v[i] = spare[i]
			if y > 0 {
				v[i].plus(&spare[i-columns])
			}
			if y < rows-1 {
				v[i].plus(&spare[i+columns])
			}
		}
	}
}

// manyWindows is how many windows must tell a displacement for what they have in
// common to be the camera's, while there are no samples.
const manyWindows = 200

// tremble finds the displacement that most of the picture has in common: at samples
// that lie all over it.
func (m *Model) tremble() {
	xs, ys := m.sampleX[:0], m.sampleY[:0]
	add := func(i int) {
		if d := &m.displaced[i]; m.windows[i].measured == m.windows[i].n/area && m.telling(d) {
			xs, ys = append(xs, d.x), append(ys, d.y)
		}
	}
	least := fewAnchors
	if len(m.samples) >= fewAnchors {
		for _, i := range m.samples {
			add(int(i))
		}
	} else {
		least = manyWindows
		for _, i := range m.windowed {
			add(int(i))
		}
	}
	m.tremor = point{}
	if len(xs) >= least {
		m.tremor = point{median(xs), median(ys)}
	}
	m.sampleX, m.sampleY = xs, ys
}

// faint is the displacement, pixels of the look, that a telling window would show: that
// of a person of some 60 pixels of the frame.
const faint = 0.09

// telling says whether something that sways even faintly would show it in a window,
// in whatever direction it does.
func (m *Model) telling(d *displacement) bool {
	return d.least()*faint*faint > float32(m.config.SwayEnergy)
}

type point struct{ x, y float32 }

// median returns the middle value and reorders v (Hoare's selection, Communications of
// the ACM 4(7), 1961, 321-322).
func median(v []float32) float32 {
	k := len(v) / 2
	for low, high := 0, len(v)-1; low < high; {
		pivot := v[(low+high)/2]
		i, j := low, high
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			high = j
		case k >= i:
			low = i
		default:
			return v[k]
		}
	}
	return v[k]
}

func root(v float32) float32 { return float32(math.Sqrt(float64(max(0, v)))) }
