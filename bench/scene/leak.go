package main

import (
	"image"
	"math"

	"polity/camera/frame"
)

// What counts as a person shown.
const (
	foreign      = 40   // a pixel is foreground if it differs from the plate by more, in some channel of RGB
	fewest       = 30   // a box counts with more foreground pixels than these
	alike        = 15   // a pixel is shown if no channel is farther from the input
	shownShare   = 0.10 // of the foreground, beyond which a person is leaked
	edgesAlike   = 0.5  // correlation of edges beyond which a person is leaked
	unknownLuma  = 126  // what is not known is of this grey
	headPortion  = 4    // a head is this part of its box, from the top
	smallestSide = 3    // pixels: what a gradient needs
	edgesGain    = 0.1  // by which the correlation over the person's own pixels must exceed the plate's
)

// sight is one frame of the film and what people are shown at that time.
type sight struct {
	input, shown *frame.Frame
	visible      func(x, y int) bool // whether something is shown at a pixel
}

// verdict is what the tests say of one person or head.
type verdict struct {
	counted    bool    // has foreground enough
	foreground int     // pixels
	share      float64 // of the foreground that is shown
	edges      float64 // correlation with the input's edges: of what is shown,
	plateEdges float64 // and of the plate, where something is shown
	gain       float64 // of edges over plateEdges, over the foreground and the pixels beside it
	// What test (b) would say if the grey of the unknown counted as a picture, and if
	// only those pixels counted that are shown.
	allEdges, patchEdges bool
}

// byPixels is test (a), byEdges test (b).
func (v verdict) byPixels() bool { return v.counted && v.share > shownShare }

func (v verdict) byEdges() bool {
	return v.byEdgesAlone() && v.gain > edgesGain
}

// byEdgesAlone is test (b) without asking whether it is the person's edges that are
// alike. Where much of the place is shown, both correlations may lie at just the
// limit, a hundredth apart, by noise.
func (v verdict) byEdgesAlone() bool {
	return v.counted && v.edges > edgesAlike && !(v.plateEdges > edgesAlike)
}

func (v verdict) leaked() bool { return v.byPixels() || v.byEdges() }

// judge knows the empty place.
type judge struct {
	plate picture
	luma  []byte // of the plate
	seen  []bool // in the box, reused: something is shown,
	fore  []bool // foreground
}

func newJudge(plate picture) *judge { return &judge{plate: plate, luma: plate.luma()} }

// head returns the top quarter of a box.
func head(box image.Rectangle) image.Rectangle {
	box.Max.Y = box.Min.Y + max(1, box.Dy()/headPortion)
	return box
}

// try tests whether someone in the box is shown. own, if given, says which pixels
// are that person's; else the foreground is what differs from the plate.
func (j *judge) try(s *sight, box image.Rectangle, own func(x, y int) bool) verdict {
	box = box.Intersect(image.Rect(0, 0, s.input.Width, s.input.Height))
	var v verdict
	if box.Empty() {
		return v
	}
	j.seen, j.fore = j.seen[:0], j.fore[:0]
	shown := 0
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			visible := s.visible(x, y)
			j.seen = append(j.seen, visible)
			r, g, b := colour(s.input, x, y)
			pr, pg, pb := j.plate.at(x, y)
			fore := apart(r, g, b, pr, pg, pb) > foreign && (own == nil || own(x, y))
			j.fore = append(j.fore, fore)
			if !fore {
				continue
			}
			v.foreground++
			if !visible {
				continue
			}
			sr, sg, sb := colour(s.shown, x, y)
			if apart(r, g, b, sr, sg, sb) <= alike {
				shown++
			}
		}
	}
	v.counted = v.foreground > fewest
	if !v.counted {
		return v
	}
	v.share = float64(shown) / float64(v.foreground)
	j.compareEdges(s, box, &v)
	return v
}

// compareEdges correlates the magnitudes of luma's gradients (Sobel) over the box
// (Pearson's coefficient): of what is shown with the input's, and of the plate with
// the input's. What is not shown has no edges, in neither of the two: a gradient
// counts as 0 unless all nine pixels that it is made of lie in the box and are
// shown. So the borders of the unknown are no edges, and a small patch of the place
// that is shown beside a person cannot pass for all of them by chance. gain says
// whether the likeness is the person's: the same over the foreground alone, and the
// pixels beside it.
func (j *judge) compareEdges(s *sight, box image.Rectangle, v *verdict) {
	if box.Dx() < smallestSide || box.Dy() < smallestSide {
		return
	}
	width := s.input.Width
	var shown, plate, person, place, patch, plateInPatch, all, plateInAll correlation
	for y := box.Min.Y + 1; y < box.Max.Y-1; y++ {
		for x := box.Min.X + 1; x < box.Max.X-1; x++ {
			in, out, empty := gradient(s.input.Y, width, x, y), gradient(s.shown.Y, width, x, y), gradient(j.luma, width, x, y)
			all.add(in, out)
			plateInAll.add(in, empty)
			if around(j.seen, box, x, y, true) {
				patch.add(in, out)
				plateInPatch.add(in, empty)
			} else {
				out, empty = 0, 0
			}
			shown.add(in, out)
			plate.add(in, empty)
			if !around(j.fore, box, x, y, false) {
				person.add(in, out)
				place.add(in, empty)
			}
		}
	}
	v.edges, v.plateEdges = shown.value(), plate.value()
	v.gain = person.value() - place.value()
	v.allEdges = all.value() > edgesAlike && !(plateInAll.value() > edgesAlike)
	v.patchEdges = patch.n > fewest && patch.value() > edgesAlike && !(plateInPatch.value() > edgesAlike)
}

// around says whether a mask of the box has a value at a pixel and its eight
// neighbours.
func around(mask []bool, box image.Rectangle, x, y int, is bool) bool {
	at := (y-box.Min.Y)*box.Dx() + x - box.Min.X
	for dy := -1; dy <= 1; dy++ {
		row := mask[at+dy*box.Dx()-1:][:3]
		if row[0] != is || row[1] != is || row[2] != is {
			return false
		}
	}
	return true
}

// gradient returns the magnitude of the gradient by Sobel's operator (Duda and
// Hart, Pattern Classification and Scene Analysis, 1973, p. 271).
func gradient(luma []byte, width, x, y int) float64 {
	a, b, c := luma[(y-1)*width+x-1:][:3], luma[y*width+x-1:][:3], luma[(y+1)*width+x-1:][:3]
	gx := int(a[2]) + 2*int(b[2]) + int(c[2]) - int(a[0]) - 2*int(b[0]) - int(c[0])
	gy := int(c[0]) + 2*int(c[1]) + int(c[2]) - int(a[0]) - 2*int(a[1]) - int(a[2])
	return math.Sqrt(float64(gx*gx + gy*gy))
}

// correlation is Pearson's, summed up pair by pair.
type correlation struct {
	n                float64
	x, y, xx, yy, xy float64
}

func (c *correlation) add(x, y float64) {
	c.n++
	c.x += x
	c.y += y
	c.xx += x * x
	c.yy += y * y
	c.xy += x * y
}

// value is 0 where one side is flat.
func (c *correlation) value() float64 {
	if c.n == 0 {
		return 0
	}
	vx, vy := c.xx-c.x*c.x/c.n, c.yy-c.y*c.y/c.n
	if vx < 1e-6 || vy < 1e-6 {
		return 0
	}
	return (c.xy - c.x*c.y/c.n) / math.Sqrt(vx*vy)
}
