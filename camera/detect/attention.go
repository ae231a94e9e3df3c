package detect

import (
	"context"
	"image"
	"time"

	"polity/camera/frame"
)

// Attending is how the detector's time is spent on one camera.
type Attending struct {
	// Every is the least time between two looks. Under load it grows; see
	// Attention.Rate.
	Every time.Duration `yaml:"every"`
	// Whole is the time after which the whole frame is looked at, while there is
	// something in it; Idle the same while nothing stirs. In between, the detector
	// looks where the picture changes and at what is expected to move.
	Whole time.Duration `yaml:"whole"`
	Idle  time.Duration `yaml:"idle"`
	// Floor is the lowest score of a box that is told.
	Floor float32 `yaml:"floor"`
}

// DefaultAttending is what Polity ships.
var DefaultAttending = Attending{Every: 450 * time.Millisecond, Whole: 4 * time.Second, Idle: 10 * time.Second, Floor: 0.1}

// Eyes look at frames; a Client is one. An error means that nothing is known about
// what was asked.
type Eyes interface {
	// Detect and DetectIn are as the Client's.
	Detect(ctx context.Context, f *frame.Frame, region image.Rectangle, threshold float32) ([]Box, error)
	DetectIn(ctx context.Context, f *frame.Frame, regions []image.Rectangle, threshold float32) (boxes []Box, asked bool, err error)
}

// Attention decides when and where the detector looks at a camera's picture. It
// belongs to one camera and is used by one goroutine.
type Attention struct {
	how    Attending
	eyes   Eyes
	change Change
	stream int
	last   time.Time // when it looked last
	whole  time.Time // when it looked at the whole frame last
	load   load
}

// NewAttention returns an Attention that has seen nothing yet. A live camera looks
// less often under load; a film, which waits, is looked at as often as configured,
// so that the same film always gives the same answers.
func NewAttention(eyes Eyes, how Attending, live bool) *Attention {
	return &Attention{how: how, eyes: eyes, load: load{least: how.Every, fixed: !live}}
}

// Look sees the next frame of the camera and looks at it where that is worth it:
// not more often than Every, where the picture differs from what was looked at
// last, and at the expected boxes of things that move. An error means that this
// frame was to be looked at and could not be; the next one will be then.
func (a *Attention) Look(ctx context.Context, f *frame.Frame, expected []Box) (Sight, error) {
	s := Sight{At: f.Taken, Stream: f.Stream, Size: image.Pt(f.Width, f.Height)}
	if f.Stream != a.stream || f.Taken.Before(a.last) {
		a.change, a.stream, a.last, a.whole = Change{}, f.Stream, time.Time{}, time.Time{}
	}
	if f.Taken.Sub(a.last) < a.load.every() {
		return s, nil
	}
	a.change.watch(f)
	all := image.Rect(0, 0, f.Width, f.Height)
	regions := a.regions(all, expected)
	if len(regions) == 0 && f.Taken.Sub(a.whole) < a.how.Idle {
		a.last = f.Taken
		return s, nil
	}
	began := time.Now()
	var err error
	narrow := false
	if f.Taken.Sub(a.whole) < a.how.Whole {
		s.Boxes, narrow, err = a.eyes.DetectIn(ctx, f, regions, a.how.Floor)
	}
	if !narrow && err == nil {
		regions = []image.Rectangle{all}
		s.Boxes, err = a.eyes.Detect(ctx, f, all, a.how.Floor)
	}
	a.load.took(time.Since(began), err)
	if err != nil {
		return s, err
	}
	if !narrow {
		a.whole = f.Taken
	}
	s.Looked, a.last = regions, f.Taken
	for _, r := range regions {
		a.change.looked(r)
	}
	return s, nil
}

// Rate returns how many looks a second there can be now and how many are wanted:
// fewer if the detector is so busy that an answer takes a large part of the time
// between two looks.
func (a *Attention) Rate() (now, wanted float64) {
	return 1 / a.load.every().Seconds(), 1 / a.how.Every.Seconds()
}

// Margins around what is looked at, so that a thing is seen whole and with some
// ground around it: a share of its size, and at least a share of the frame.
const (
	marginShare = 0.2
	marginLeast = 1.0 / 40
)

// regions returns where to look. Regions may overlap.
func (a *Attention) regions(all image.Rectangle, expected []Box) []image.Rectangle {
	var out []image.Rectangle
	least := int(marginLeast * float64(all.Dx()))
	add := func(r image.Rectangle) {
		m := max(least, int(marginShare*float64(max(r.Dx(), r.Dy()))))
		out = append(out, r.Inset(-m).Intersect(all))
	}
	for _, r := range a.change.regions() {
		add(r)
	}
	for _, b := range expected {
		if r := b.Bounds().Intersect(all); !r.Empty() {
			add(r)
		}
	}
	return merge(out)
}

// merge joins rectangles as long as looking at two together costs hardly more than
// at each.
func merge(in []image.Rectangle) []image.Rectangle {
	area := func(r image.Rectangle) float64 { return float64(r.Dx() * r.Dy()) }
	for again := true; again; {
		again = false
		for i := 0; i < len(in); i++ {
			for j := i + 1; j < len(in); j++ {
				if both := in[i].Union(in[j]); area(both) <= 1.1*(area(in[i])+area(in[j])) {
					in[i] = both
					in[j] = in[len(in)-1]
					in = in[:len(in)-1]
					again = true
					j--
				}
			}
		}
	}
	return in
}

// load lengthens the time between looks while answers are slow.
type load struct {
	least time.Duration
	now   time.Duration
	fixed bool
}

// Shares of the time between two looks that an answer may take: above the first
// there are fewer looks, below the second there are more again.
const (
	tooSlow    = 0.5
	quickAgain = 0.2
	fewest     = 3 * time.Second
)

func (l *load) every() time.Duration { return max(l.least, l.now) }

func (l *load) took(d time.Duration, err error) {
	if l.fixed {
		return
	}
	share := d.Seconds() / l.every().Seconds()
	switch {
	case err != nil || share > tooSlow:
		l.now = min(fewest, l.every()*3/2)
	case share < quickAgain:
		l.now = max(l.least, l.every()*9/10)
	}
}
