package scene

import "math"

// light is the exposure of the frame against that of memory: luma is gain times,
// chroma gain times and shifted. It follows clouds, the camera's own exposure and
// white balance, and dusk, as far as all of the picture changes alike.
type light struct {
	gain   float32
	cb, cr float32
	away   float64 // since when the gain has been far from 1, or 0
}

// Bounds of the gain: outside them the look is another picture.
const (
	darkest  = 1.0 / 6
	lightest = 6.0
	// rebaseAt is the gain that, lasting for rebaseAfter seconds, becomes the new
	// measure, so that what is shown follows day and night.
	rebaseAt    = 1.15
	rebaseAfter = 60
)

// takeLight estimates the light from what each cell showed in the last frame, and
// takes it out of the look.
func (m *Model) takeLight() {
	m.light.gain, m.light.cb, m.light.cr = 1, 0, 0
	if m.frames > 1 {
		m.light.gain = min(lightest, max(darkest, m.gain()))
		m.light.cb, m.light.cr = m.cast()
	}
	m.look.brighten(1/m.light.gain, -m.light.cb, -m.light.cr)
}

// gain returns the median of the ratios of luma between what is seen and what was
// seen last, over one cell in six.
func (m *Model) gain() float32 {
	v := m.sampleX[:0]
	for i := m.frames % 6; i < len(m.cells); i += 6 {
		c := &m.cells[i]
		if c.now < 0 || m.time-c.stirred < 0.5 {
			continue
		}
		var ref float32
		for _, l := range c.seen().luma {
			ref += l
		}
		if ref > 16*area {
			v = append(v, m.look.sum(i%m.columns, i/m.columns)/ref)
		}
	}
	m.sampleX = v
	if len(v) < len(m.cells)/60 {
		return 1
	}
	return median(v)
}

// cast returns the medians of the differences of chroma, the gain taken out.
func (m *Model) cast() (cb, cr float32) {
	us, vs := m.sampleX[:0], m.sampleY[:0]
	w := m.look.width / 2
	for i := m.frames % 6; i < len(m.cells); i += 6 {
		c := &m.cells[i]
		if c.now < 0 || m.time-c.stirred < 0.5 {
			continue
		}
		at := i/m.columns*2*w + i%m.columns*2
		us = append(us, m.look.cb[at]/m.light.gain-c.seen().cb[0])
		vs = append(vs, m.look.cr[at]/m.light.gain-c.seen().cr[0])
	}
	m.sampleX, m.sampleY = us, vs
	if len(us) < len(m.cells)/60 {
		return 0, 0
	}
	return median(us), median(vs)
}

func (l *look) sum(column, row int) float32 {
	var s float32
	at := row*side*l.width + column*side
	for range side {
		for _, v := range l.luma[at : at+side] {
			s += v
		}
		at += l.width
	}
	return s
}

// rebase makes a light that has lasted the new measure: all that is remembered is
// brightened or darkened as the picture was.
func (m *Model) rebase() {
	g := m.light.gain
	if g < rebaseAt && g > 1/rebaseAt {
		m.light.away = 0
		return
	}
	if m.light.away == 0 {
		m.light.away = m.time
	}
	if m.time-m.light.away < rebaseAfter {
		return
	}
	m.light.away = 0
	for i := range m.cells {
		for k := range m.cells[i].memory {
			a := &m.cells[i].memory[k]
			for j := range a.luma {
				a.luma[j] *= g
			}
			for j := range a.cb {
				a.cb[j] = (a.cb[j] + m.light.cb) * g
				a.cr[j] = (a.cr[j] + m.light.cr) * g
			}
		}
	}
	for i := range m.ref {
		m.ref[i] *= g
	}
	m.noise = min(100, m.noise*g*g)
	m.picture.brighten(g, m.light.cb, m.light.cr)
}

// never is long before any time.
const never = math.MaxFloat64 * -1
