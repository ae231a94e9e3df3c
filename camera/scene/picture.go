package scene

import "polity/camera/frame"

// grey is how the unknown looks: neutral, 128 in full range.
const grey = 126

// A picture is the place in full resolution, averaged over some frames, with its
// exposure taken out; 256 times the frame's values. It has no meaning where the
// place is not known.
type picture struct {
	y, u, v []uint16
	taken   []uint8 // frames that a cell's picture is averaged over
}

func newPicture(f *frame.Frame, cells int) picture {
	return picture{y: make([]uint16, len(f.Y)), u: make([]uint16, len(f.U)), v: make([]uint16, len(f.V)), taken: make([]uint8, cells)}
}

// sharpest is over how many frames a cell's picture is averaged at most; it is
// drawn when it is 1, 4 and 16.
const sharpest = 16

// show begins the picture of a cell that has become part of the place.
func (m *Model) show(i int) {
	m.picture.taken[i] = 0
	m.sharpen(i)
}

// sharpenAll averages this frame into the pictures of cells that are shown and seen.
func (m *Model) sharpenAll() {
	for i := range m.cells {
		if c := &m.cells[i]; m.picture.taken[i] < sharpest && c.there() && c.fit == same && !m.near[i] && m.kinds[i]&covered == 0 {
			m.sharpen(i)
		}
	}
}

func (m *Model) sharpen(i int) {
	m.picture.taken[i]++
	n := m.picture.taken[i]
	share, light := 1/float32(n), 1/m.light.gain
	f := m.frame
	p := m.pixels()
	ox, oy := round(m.shift.x*float32(m.scale)), round(m.shift.y*float32(m.scale))
	x0, y0 := i%m.columns*p, i/m.columns*p
	for y := y0; y < min(y0+p, f.Height); y++ {
		row := f.Y[inside(y+oy, f.Height)*f.Width:][:f.Width]
		for x := x0; x < min(x0+p, f.Width); x++ {
			mix(&m.picture.y[y*f.Width+x], (float32(row[inside(x+ox, f.Width)])-16)*light+16, share)
		}
	}
	w, h := f.ChromaWidth(), f.ChromaHeight()
	for y := y0 / 2; y < min((y0+p)/2, h); y++ {
		for x := x0 / 2; x < min((x0+p)/2, w); x++ {
			at := inside(y+oy/2, h)*w + inside(x+ox/2, w)
			mix(&m.picture.u[y*w+x], (float32(f.U[at])-128)*light-m.light.cb+128, share)
			mix(&m.picture.v[y*w+x], (float32(f.V[at])-128)*light-m.light.cr+128, share)
		}
	}
	if n == 1 || n == 4 || n == sharpest {
		m.redraw(i)
	}
}

func mix(old *uint16, v, share float32) {
	o := float32(*old)
	*old = uint16(min(whitest, max(0, o+(v*256-o)*share)))
}

// whitest is the highest value of a picture.
const whitest = 255 * 256

func inside(v, n int) int { return min(max(v, 0), n-1) }

func round(v float32) int { return floor(v + 0.5) }

// brighten multiplies luma by gain, and chroma after a shift.
func (p *picture) brighten(gain, cb, cr float32) {
	scale := func(v []uint16, zero, shift float32) {
		for i, o := range v {
			v[i] = uint16(min(whitest, max(0, (float32(o)/256-zero+shift)*gain*256+zero*256)))
		}
	}
	scale(p.y, 16, 0)
	scale(p.u, 128, cb)
	scale(p.v, 128, cr)
}

// redraw notes that a cell is to be drawn anew.
func (m *Model) redraw(i int) {
	if !m.stale[i] {
		m.stale[i] = true
		m.drawing = append(m.drawing, int32(i))
	}
}

// draw brings what is shown up to date.
func (m *Model) draw() {
	for k := 0; k < len(m.drawing); k++ {
		i := int(m.drawing[k])
		m.stale[i] = false
		switch c := &m.cells[i]; {
		case !m.trusted || !c.proven():
			m.blank(i)
		case !m.coarse(i):
			m.copyCell(i)
		}
		m.mosaic.touch(m, i)
		m.touch(i)
	}
	m.drawing = m.drawing[:0]
	m.mosaic.draw(m)
}

// rect returns the bounds of a cell in the frame.
func (m *Model) rect(i int) (x0, y0, x1, y1 int) {
	p := m.pixels()
	x0, y0 = i%m.columns*p, i/m.columns*p
	return x0, y0, min(x0+p, m.width), min(y0+p, m.height)
}

func (m *Model) blank(i int) {
	x0, y0, x1, y1 := m.rect(i)
	fill(m.shown, x0, y0, x1, y1, grey, 128, 128)
}

func fill(f *frame.Frame, x0, y0, x1, y1 int, luma, cb, cr byte) {
	for y := y0; y < y1; y++ {
		set(f.Y[y*f.Width+x0:y*f.Width+x1], luma)
	}
	w := f.ChromaWidth()
	for y := y0 / 2; y < (y1+1)/2; y++ {
		set(f.U[y*w+x0/2:y*w+(x1+1)/2], cb)
		set(f.V[y*w+x0/2:y*w+(x1+1)/2], cr)
	}
}

func set(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

func (m *Model) copyCell(i int) {
	x0, y0, x1, y1 := m.rect(i)
	for y := y0; y < y1; y++ {
		for at := y*m.width + x0; at < y*m.width+x1; at++ {
			m.shown.Y[at] = byte((uint32(m.picture.y[at]) + 127) >> 8)
		}
	}
	w := m.shown.ChromaWidth()
	for y := y0 / 2; y < (y1+1)/2; y++ {
		for at := y*w + x0/2; at < y*w+(x1+1)/2; at++ {
			m.shown.U[at] = byte((uint32(m.picture.u[at]) + 127) >> 8)
			m.shown.V[at] = byte((uint32(m.picture.v[at]) + 127) >> 8)
		}
	}
}
