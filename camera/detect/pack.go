package detect

import (
	"cmp"
	"image"
	"math"
	"slices"
)

// A part is a region of the frame and its place in the picture that the network
// sees.
type part struct {
	region image.Rectangle // in the frame, whole pairs of pixels
	to     image.Rectangle // in the picture, whole pairs of pixels
}

// gap is the grey between two parts of a picture, so that the network does not see
// one thing across both.
const gap = 8

// pack puts regions side by side into the smallest picture it finds, each scaled by
// the same factor, or returns false if they do not fit. It tries each width that a
// picture may have.
func pack(regions []image.Rectangle, scale float64) (parts []part, size Size, ok bool) {
	for _, r := range regions {
		side := func(n int) int { return max(2, int(math.Round(float64(n)*scale/2))*2) }
		parts = append(parts, part{region: r, to: image.Rect(0, 0, side(r.Dx()), side(r.Dy()))})
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.to.Dy(), a.to.Dy()) })
	best := Size{}
	for width := MinSide; width <= MaxSide; width += Step {
		if s := set(parts, width); s.valid() && (best.Width == 0 || s.Pixels() < best.Pixels()) {
			best = s
		}
	}
	if best.Width == 0 {
		return nil, Size{}, false
	}
	set(parts, best.Width)
	return parts, best, true
}

// set places the parts, the highest first, each as far up as it goes (a skyline
// packing), in a picture of the given width, and returns the picture's size. It is
// not valid if a part is wider.
func set(parts []part, width int) Size {
	// ends[i] is how far down column i is taken, a column being two pixels, gaps
	// included.
	ends := make([]int, width/2)
	used := 0
	for i := range parts {
		w, h := parts[i].to.Dx(), parts[i].to.Dy()
		if w > width {
			return Size{}
		}
		at := lowest(ends, w/2)
		parts[i].to = image.Rect(at.X, at.Y, at.X+w, at.Y+h)
		used = max(used, at.Y+h)
		for c := max(0, (at.X-gap)/2); c < min(width, at.X+w+gap)/2; c++ {
			ends[c] = max(ends[c], at.Y+h+gap)
		}
	}
	return Size{width, max(MinSide, (used+Step-1)/Step*Step)}
}

// lowest returns the place for w columns that is farthest up, then farthest left.
func lowest(ends []int, w int) image.Point {
	best := image.Pt(0, math.MaxInt)
	for c := 0; c+w <= len(ends); c++ {
		if y := slices.Max(ends[c : c+w]); y < best.Y {
			best = image.Pt(2*c, y)
		}
	}
	return best
}

// unpack takes boxes of the picture back to the frame. A box belongs to the part
// that holds its middle. One that reaches the edge of a part inside the frame is of
// a thing that was cut through: it is left out, since it would tell a wrong place.
func unpack(boxes []Box, parts []part, frame image.Point) []Box {
	kept := boxes[:0]
	for _, b := range boxes {
		middle := image.Pt(int(b.X0+b.X1)/2, int(b.Y0+b.Y1)/2)
		i := slices.IndexFunc(parts, func(p part) bool { return middle.In(p.to) })
		if i < 0 || cutThrough(b, parts[i], frame) {
			continue
		}
		p := parts[i]
		sx := float32(p.region.Dx()) / float32(p.to.Dx())
		sy := float32(p.region.Dy()) / float32(p.to.Dy())
		b.X0, b.X1 = back(b.X0, sx, p.to.Min.X, p.region.Min.X, frame.X), back(b.X1, sx, p.to.Min.X, p.region.Min.X, frame.X)
		b.Y0, b.Y1 = back(b.Y0, sy, p.to.Min.Y, p.region.Min.Y, frame.Y), back(b.Y1, sy, p.to.Min.Y, p.region.Min.Y, frame.Y)
		kept = append(kept, b)
	}
	return kept
}

func back(v, scale float32, from, to, end int) float32 {
	return min(max((v-float32(from))*scale+float32(to), 0), float32(end))
}

func cutThrough(b Box, p part, frame image.Point) bool {
	const near = 2
	return b.X0 < float32(p.to.Min.X+near) && p.region.Min.X > 0 ||
		b.Y0 < float32(p.to.Min.Y+near) && p.region.Min.Y > 0 ||
		b.X1 > float32(p.to.Max.X-near) && p.region.Max.X < frame.X&^1 ||
		b.Y1 > float32(p.to.Max.Y-near) && p.region.Max.Y < frame.Y&^1
}
