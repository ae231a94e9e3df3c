package scene

import (
	"context"
	"image"
	"slices"
	"time"

	"polity/camera/detect"
	"polity/camera/frame"
)

// Model learns the place of one camera. It is used by one goroutine.
type Model struct {
	config   Config
	detector Detector
	grid

	stream int
	began  time.Time // of the stream
	at     time.Time // of the last frame
	time   float64   // seconds since it began
	step   float64   // seconds since the frame before
	frames int
	frame  *frame.Frame // during See only

	look, spare look
	light       light
	shift       point // of the frame against memory, pixels of the look
	noise       float32
	ref         []float32 // luma of what is seen, averaged

	cells     []cell
	windows   []moments
	rowSums   []moments
	displaced []displacement
	windowed  []int32 // cells whose displacement is measured
	closely   []bool  // its difference is measured, for itself or a window around
	tremor    point

	boxes   []detect.Box
	parking parking
	working bool // the detector answers, and has seen the whole picture
	kinds   []kind
	near    []bool  // something stirs here or beside it
	held    []uint8 // steps that a hold reaches on from here; 0: not held
	owner   []uint8
	wary    []uint8 // steps that suspicion of something standing reaches on from here
	colours colours

	closeAsked float64

	anchors []int32
	samples []int32 // telling cells all over the picture
	rest    float32

	tamper  Tamper
	lost    float64
	steep   float32
	bareFor float64
	trusted bool

	picture  picture
	mosaic   mosaic
	shown    *frame.Frame
	stale    []bool
	drawing  []int32
	touched  []bool
	whole    bool
	sequence uint32

	learnt, oddAt float64 // when last
	updated       float64

	// reused
	marked        []uint32
	stamp         uint32
	region        region
	queue         []int32
	windowedSpare []int32
	sample        []float32
	sampleX       []float32
	sampleY       []float32
	anchorSums    []moments
}

// New returns a Model that knows nothing. The detector is asked for close looks at
// what is about to become part of the place; without one, none are made.
func New(config Config, detector Detector) (*Model, error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	return &Model{config: config, detector: detector}, nil
}

// longestGap is the time between two frames after which nothing is known of what
// went on, and learning begins a new second.
const longestGap = 1.0

// See takes in the next frame, in the order of time, with what the detector made of
// it. A failed detector freezes what is shown until it answers again. The frame is
// not kept.
func (m *Model) See(ctx context.Context, f *frame.Frame, s detect.Sight, failed error) {
	if m.cells == nil || f.Width != m.width || f.Height != m.height {
		m.begin(f)
	} else if f.Stream != m.stream || f.Taken.Before(m.at) {
		m.resume(f)
	}
	now := f.Taken.Sub(m.began).Seconds()
	m.step, m.time, m.at = now-m.time, now, f.Taken
	m.frames++
	m.frame = f
	defer func() { m.frame = nil }()

	m.attend(&s, failed)
	m.look.reduce(f, m.scale)
	m.takeLight()
	m.steady()
	m.chooseWindows()
	m.recognise()
	m.takeSlopes()
	m.measureSway()
	m.cover(&s)
	m.suspect()
	m.count()
	m.sharpenAll()
	if m.time-m.learnt >= 1 {
		m.everySecond(ctx)
	}
	m.draw()
}

func (m *Model) everySecond(ctx context.Context) {
	m.learnt = m.time
	m.guard()
	if m.tamper == Covered || m.frames == 0 { // nothing is left to learn from
		return
	}
	if m.time-m.oddAt >= 2 {
		m.oddAt = m.time
		m.findOdd()
	}
	m.stillBoxes()
	m.chooseAnchors()
	m.rebase()
	if !m.working {
		return
	}
	m.promote(ctx, m.frame)
}

// begin starts anew with frames of this size.
func (m *Model) begin(f *frame.Frame) {
	config, detector, sequence := m.config, m.detector, m.sequence
	*m = Model{config: config, detector: detector, sequence: sequence, grid: newGrid(f.Width, f.Height)}
	n := m.grid.cells()
	m.look, m.spare = newLook(&m.grid), newLook(&m.grid)
	m.ref = make([]float32, len(m.look.luma))
	m.cells = make([]cell, n)
	memories, slope := make([][memory]appearance, n), make([]slopes, n)
	for i := range m.cells {
		m.cells[i].memory, m.cells[i].slopes = &memories[i], &slope[i]
	}
	m.windows, m.rowSums, m.displaced = make([]moments, n), make([]moments, n), make([]displacement, n)
	m.closely = make([]bool, n)
	m.kinds, m.near = make([]kind, n), make([]bool, n)
	m.held, m.owner, m.wary = make([]uint8, n), make([]uint8, n), make([]uint8, n)
	m.marked, m.stale = make([]uint32, n), make([]bool, n)
	m.colours = newColours(&m.grid)
	m.picture, m.mosaic = newPicture(f, n), newMosaic(&m.grid)
	m.shown = frame.New(f.Width, f.Height)
	m.touched = make([]bool, m.tileCount())
	m.noise, m.rest = 4, 20
	m.stream, m.began, m.at = f.Stream, f.Taken, f.Taken
	m.time, m.learnt, m.oddAt, m.closeAsked = 0, 0, 0, never
	m.forget()
}

// resume goes on after a break in the stream: what is not proven is forgotten, and
// the place counts once the first frames show it to be there still.
func (m *Model) resume(f *frame.Frame) {
	m.stream = f.Stream
	m.began = f.Taken.Add(-time.Duration(m.time * float64(time.Second)))
	m.working = false
	m.boxes, m.parking = m.boxes[:0], parking{at: never}
	for i := range m.cells {
		c := &m.cells[i]
		for k := range c.memory {
			if a := &c.memory[k]; int8(k) != c.place {
				*a = appearance{}
			}
		}
		c.now, c.full = c.place, false
		c.stirred, c.covered = m.time, never
		c.second, c.before = second{}, second{}
	}
}

// attend notes whether the detector works: it answers, and has looked at the whole
// picture since it began to.
func (m *Model) attend(s *detect.Sight, failed error) {
	if failed != nil {
		m.working = false
		return
	}
	if m.sawAll(s) {
		m.working = true
	}
	if m.step > longestGap {
		for i := range m.cells {
			m.cells[i].second, m.cells[i].before = second{}, second{}
		}
	}
}

// sawAll says whether the detector looked at the whole picture.
func (m *Model) sawAll(s *detect.Sight) bool {
	return slices.ContainsFunc(s.Looked, func(r image.Rectangle) bool { return r.Dx() >= m.width && r.Dy() >= m.height })
}

// blind says whether nothing is to be learnt from this frame.
func (m *Model) blind() bool { return !m.working || m.tamper == Covered }

// Unknown returns the share of the picture that is not shown, 0 to 1.
func (m *Model) Unknown() float64 {
	if m.cells == nil || !m.trusted {
		return 1
	}
	n := 0
	for i := range m.cells {
		if !m.cells[i].proven() {
			n++
		}
	}
	return float64(n) / float64(len(m.cells))
}

// Tamper says whether the camera was moved or covered.
func (m *Model) Tamper() Tamper { return m.tamper }

// Shown returns the picture of the place, as people see it: frame-sized, what is
// not known in grey. It belongs to the Model and changes with the next See.
func (m *Model) Shown() *frame.Frame { return m.shown }

// Known says whether the place is shown at a pixel.
func (m *Model) Known(x, y int) bool {
	return m.trusted && m.cells[y/m.pixels()*m.columns+x/m.pixels()].proven()
}

// Confirm takes all that is seen now for the place, but for what moves or is
// detected: a person at the camera says that nobody is in view.
func (m *Model) Confirm() {
	for i := range m.cells {
		c := &m.cells[i]
		if c.now >= 0 && c.fit == same && !m.near[i] && m.kinds[i]&(stirring|covered) == 0 {
			c.place = c.now
			m.picture.taken[i] = 0
		}
	}
}

// Left is something that stands where the place was and that is neither person nor
// vehicle nor animal as far as the detector can tell: Box in pixels of the frame.
type Left struct {
	Box   image.Rectangle
	Since time.Time
}

// leftAfter is how long a thing must have stood still to be told, seconds.
const leftAfter = 20

// Left returns what has been left in the place.
func (m *Model) Left() []Left {
	var out []Left
	if m.cells == nil || m.blind() || !m.trusted {
		return nil
	}
	m.regions(foreign, func(r *region) {
		since := m.time
		for _, i := range r.cells {
			c := &m.cells[i]
			a := c.seen()
			if m.near[i] || m.kinds[i]&covered != 0 || a.moves > 0 || a.vehicle > 0 || a.quiet < leftAfter/2 {
				return
			}
			since = min(since, a.first)
		}
		if m.time-since < leftAfter || len(r.cells) < 2 {
			return
		}
		p := m.pixels()
		box := image.Rect(r.x0*p, r.y0*p, (r.x1+1)*p, (r.y1+1)*p).Intersect(image.Rect(0, 0, m.width, m.height))
		out = append(out, Left{Box: box, Since: m.began.Add(time.Duration(since * float64(time.Second)))})
	})
	return out
}
