package detect

import (
	"image"
	"time"
)

// Sight is what the detector makes of one frame.
type Sight struct {
	At     time.Time
	Stream int // as in frame.Frame
	Size   image.Point
	// Looked lists the regions that the detector looked at. Outside them nothing has
	// changed since it looked last, or it had no time: what was there counts as
	// there.
	Looked []image.Rectangle
	// Boxes are what it found in them, down to a low score, in pixels of the frame.
	Boxes []Box
}

// Covers says whether most of b, as far as it lies in the frame, was looked at.
func (s *Sight) Covers(b Box) bool {
	b.X0, b.Y0, b.X1, b.Y1 = max(b.X0, 0), max(b.Y0, 0), min(b.X1, float32(s.Size.X)), min(b.Y1, float32(s.Size.Y))
	area := b.Area()
	for _, r := range s.Looked {
		if shared(b, Box{X0: float32(r.Min.X), Y0: float32(r.Min.Y), X1: float32(r.Max.X), Y1: float32(r.Max.Y)}) > 0.7*area {
			return true
		}
	}
	return false
}
