package export

import (
	"io"
	"math"
	"slices"
	"time"

	"polity/city"
	"polity/recording/segment"
)

// Job is what to export.
type Job struct {
	Clips []Clip
	Mask  MaskKind // empty: Mosaic
	Out   string   // folder; clips/CAMERA.mp4 are written below it, over older ones
	// Progress hears of the segments that are done and all there are, from one goroutine.
	// Nil: nobody hears.
	Progress func(done, all int64)
}

// Clip is one camera's film. The same camera may come once.
type Clip struct {
	Camera   city.Slug
	From, To time.Time // To excluded
	Segments []Segment // rising by sequence; what is missing among them is grey
	Marks    []Mark
}

// Segment is a sealed segment whose header and trailer were checked.
type Segment struct {
	Header  *segment.Header
	Trailer *segment.Trailer
	// Open returns the fMP4 that is sealed in it; each byte was found genuine before it is
	// read. An error makes the segment grey. Nil: it cannot be opened.
	Open func() (io.ReadCloser, error)
}

// full is the width and height of a picture in the units of a position.
const full = 10_000

// Position is where a mark is at a moment, in ten-thousandths of the picture's width and
// height.
type Position struct {
	At     int64 `json:"at"` // milliseconds since 1970
	Height int64 `json:"height"`
	Left   int64 `json:"left"`
	Top    int64 `json:"top"`
	Width  int64 `json:"width"`
}

// Mark is what stays open: a rectangle while From <= time < To. Between two keys each
// number goes linearly; before the first and after the last it stays.
type Mark struct {
	From int64      `json:"from"` // milliseconds since 1970
	Keys []Position `json:"keys"` // 1 to 500, rising by At
	To   int64      `json:"to"`
}

// Bounds of marks.
const (
	MaxMarks = 500
	MaxKeys  = 500
)

// Check reports a mark that says nothing clear. The error is of kind Invalid.
func (m *Mark) Check() error {
	if m.From >= m.To || m.From < 0 || m.To > math.MaxInt64/full {
		return city.Errorf(city.Invalid, "a mark that ends before it begins (%d to %d)", m.From, m.To)
	}
	if n := len(m.Keys); n < 1 || n > MaxKeys {
		return city.Errorf(city.Invalid, "a mark with %d positions; 1 to %d are allowed", n, MaxKeys)
	}
	for i, k := range m.Keys {
		if k.At < 0 || k.At > math.MaxInt64/full || (i > 0 && k.At <= m.Keys[i-1].At) {
			return city.Errorf(city.Invalid, "a mark whose positions do not rise in time")
		}
		for _, side := range [2][2]int64{{k.Left, k.Width}, {k.Top, k.Height}} {
			if side[0] < 0 || side[0] > full || side[1] < 1 || side[1] > full-side[0] {
				return city.Errorf(city.Invalid, "a mark that reaches out of the picture")
			}
		}
	}
	return nil
}

// at is the mark's position at a moment; false: it does not hold then.
func (m *Mark) at(ms int64) (Position, bool) {
	if ms < m.From || ms >= m.To {
		return Position{}, false
	}
	i, exact := slices.BinarySearchFunc(m.Keys, ms, func(k Position, ms int64) int { return int(min(max(k.At-ms, -1), 1)) })
	switch {
	case exact:
		return m.Keys[i], true
	case i == 0:
		return m.Keys[0], true
	case i == len(m.Keys):
		return m.Keys[i-1], true
	}
	a, b := m.Keys[i-1], m.Keys[i]
	between := func(from, to int64) int64 { // floor, the same on every machine
		d := (to - from) * (ms - a.At)
		n := b.At - a.At
		q := d / n
		if d%n < 0 {
			q--
		}
		return from + q
	}
	return Position{
		At: ms, Left: between(a.Left, b.Left), Top: between(a.Top, b.Top),
		Width: between(a.Width, b.Width), Height: between(a.Height, b.Height),
	}, true
}

func (c *Clip) check() error {
	if err := c.Camera.Check(); err != nil {
		return city.Errorf(city.Invalid, "export: camera: %w", err)
	}
	if !c.From.Before(c.To) || c.From.UnixMilli() < 0 {
		return city.Errorf(city.Invalid, "export of %s: it ends before it begins", c.Camera)
	}
	if len(c.Marks) > MaxMarks {
		return city.Errorf(city.TooLarge, "export of %s: %d marks; %d are allowed", c.Camera, len(c.Marks), MaxMarks)
	}
	for i := range c.Marks {
		if err := c.Marks[i].Check(); err != nil {
			return city.Errorf(city.Invalid, "export of %s: mark %d: %w", c.Camera, i+1, err)
		}
	}
	for i, s := range c.Segments {
		switch {
		case s.Header == nil || s.Trailer == nil || s.Trailer.Header != s.Header.Hash():
			return city.Errorf(city.Invalid, "export of %s: segment %d has no header and trailer that belong together", c.Camera, i+1)
		case s.Header.Camera != c.Camera:
			return city.Errorf(city.Invalid, "export of %s: a segment of camera %s", c.Camera, s.Header.Camera)
		case i > 0 && (s.Header.Sequence <= c.Segments[i-1].Header.Sequence || s.Header.Start.Before(c.Segments[i-1].Header.Start)):
			return city.Errorf(city.Invalid, "export of %s: segment %d is out of order", c.Camera, s.Header.Sequence)
		}
	}
	return nil
}
