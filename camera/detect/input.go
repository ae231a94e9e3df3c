package detect

import (
	"encoding/binary"
	"image"
	"math"

	"polity/camera/frame"
)

// Sides of the network's input, pixels: multiples of Step from MinSide to MaxSide.
const (
	Step    = 32
	MinSide = 64
	MaxSide = 640
)

// Size is an input of the network in pixels.
type Size struct{ Width, Height int }

// Pixels returns how many pixels the size has.
func (s Size) Pixels() int { return s.Width * s.Height }

// valid says whether the network takes an input of this size.
func (s Size) valid() bool {
	return s.Width%Step == 0 && s.Height%Step == 0 && min(s.Width, s.Height) >= MinSide && max(s.Width, s.Height) <= MaxSide
}

// bytes is the length of the input: planar YUV 4:2:0.
func (s Size) bytes() int { return s.Pixels() * 3 / 2 }

// SizeFor chooses the input for a region of width x height pixels: its own shape,
// enlarged at most zoom times, and with at most about pixels pixels. NanoDet was
// trained on stretched pictures, so the rounding to multiples of 32 does no harm.
func SizeFor(width, height, pixels int, zoom float64) Size {
	scale := min(zoom, math.Sqrt(float64(pixels)/float64(width*height)))
	side := func(n int) int {
		return min(MaxSide, max(MinSide, int(math.Round(float64(n)*scale/Step))*Step))
	}
	return Size{side(width), side(height)}
}

// cut gives a region whole pairs of pixels inside the frame, since two pixels
// share a colour, or an empty rectangle.
func cut(f *frame.Frame, region image.Rectangle) image.Rectangle {
	r := region.Intersect(image.Rect(0, 0, f.Width&^1, f.Height&^1))
	r.Min.X, r.Min.Y = r.Min.X&^1, r.Min.Y&^1
	r.Max.X, r.Max.Y = (r.Max.X+1)&^1, (r.Max.Y+1)&^1
	if r.Dx() < 2 || r.Dy() < 2 {
		return image.Rectangle{}
	}
	return r
}

// A filler writes pictures as the network reads them. It keeps what it needs from
// one to the next.
type filler struct {
	row  []byte
	taps map[[2]int][]tap
}

// fill writes parts of f as a picture of the given size: six planes of half the
// width and height. The first four are luma's pixels at the top left, top right,
// bottom left and bottom right of each square of four, then U and V. What no part
// covers is grey.
func (s *filler) fill(to []byte, f *frame.Frame, parts []part, size Size) {
	if len(parts) != 1 || parts[0].to != image.Rect(0, 0, size.Width, size.Height) {
		for i := range to {
			to[i] = 128
		}
	}
	for _, p := range parts {
		s.luma(to, f, p, size)
		s.chroma(to, f, p, size)
	}
}

func (s *filler) luma(to []byte, f *frame.Frame, p part, size Size) {
	w := size.Width / 2
	plane := w * size.Height / 2
	columns := s.tapsFor(p.region.Dx(), p.to.Dx())
	for y, row := range s.tapsFor(p.region.Dy(), p.to.Dy()) {
		mixed := s.mix(f.Y, f.Width, p.region, row)
		at := (y%2)*2*plane + (p.to.Min.Y+y)/2*w + p.to.Min.X/2
		even, odd := to[at:][:p.to.Dx()/2], to[at+plane:][:p.to.Dx()/2]
		done := 0
		if len(mixed) == 2*len(columns) {
			done = halveInTwo(even, odd, mixed)
		}
		for x := done; x < len(even); x++ {
			left, right := columns[2*x], columns[2*x+1]
			even[x], odd[x] = left.of(mixed), right.of(mixed)
		}
	}
}

func (s *filler) chroma(to []byte, f *frame.Frame, p part, size Size) {
	w := size.Width / 2
	plane := w * size.Height / 2
	half := func(r image.Rectangle) image.Rectangle {
		return image.Rect(r.Min.X/2, r.Min.Y/2, r.Max.X/2, r.Max.Y/2)
	}
	region, at := half(p.region), half(p.to)
	columns := s.tapsFor(region.Dx(), at.Dx())
	for y, row := range s.tapsFor(region.Dy(), at.Dy()) {
		for i, from := range [][]byte{f.U, f.V} {
			mixed := s.mix(from, f.ChromaWidth(), region, row)
			line := to[(4+i)*plane+(at.Min.Y+y)*w+at.Min.X:][:at.Dx()]
			done := 0
			if len(mixed) == 2*len(line) {
				done = halve(line, mixed)
			}
			for x := done; x < len(line); x++ {
				line[x] = columns[x].of(mixed)
			}
		}
	}
}

// mix returns the mean, by the tap's weight, of two rows of the region.
func (s *filler) mix(plane []byte, stride int, region image.Rectangle, row tap) []byte {
	n := region.Dx()
	first := plane[(region.Min.Y+int(row.first))*stride+region.Min.X:][:n]
	if row.weight == 0 || row.first == row.second {
		return first
	}
	second := plane[(region.Min.Y+int(row.second))*stride+region.Min.X:][:n]
	if cap(s.row) < n {
		s.row = make([]byte, n)
	}
	mixRows(s.row[:n], first, second, uint64(row.weight))
	return s.row[:n]
}

// mixRows writes (first*(256-weight) + second*weight) / 256, rounded, eight pixels
// at a time: each 64-bit word holds four 16-bit sums, which cannot overflow.
func mixRows(to, first, second []byte, weight uint64) {
	const even, half = 0x00ff00ff00ff00ff, 0x0080008000800080
	n := len(to)
	first, second = first[:n], second[:n]
	x := 0
	for ; weight == 128 && x+8 <= n; x += 8 { // (a + b + 1) / 2 of each pixel at once
		const noLowest = 0xfefefefefefefefe
		a, b := binary.LittleEndian.Uint64(first[x:]), binary.LittleEndian.Uint64(second[x:])
		binary.LittleEndian.PutUint64(to[x:], (a|b)-(a^b)&noLowest>>1)
	}
	for ; x+8 <= n; x += 8 {
		a, b := binary.LittleEndian.Uint64(first[x:]), binary.LittleEndian.Uint64(second[x:])
		low := ((a&even)*(256-weight) + (b&even)*weight + half) >> 8 & even
		high := ((a>>8&even)*(256-weight) + (b>>8&even)*weight + half) &^ even
		binary.LittleEndian.PutUint64(to[x:], low|high)
	}
	for ; x < n; x++ {
		to[x] = byte((uint64(first[x])*(256-weight) + uint64(second[x])*weight + 128) >> 8)
	}
}

// halve writes the means, rounded up, of the pairs of pixels of a row: what taps
// gives for half the width. It takes eight pixels at a time and returns how many
// means it has written.
func halve(to, row []byte) (done int) {
	for ; done+4 <= len(to) && 2*done+8 <= len(row); done += 4 {
		m := meansOf(row[2*done:])
		m |= m >> 8
		binary.LittleEndian.PutUint32(to[done:], uint32(m&0xffff|m>>16&0xffff0000))
	}
	return done
}

// halveInTwo is halve with every second mean in odd; it returns how many of each it
// has written.
func halveInTwo(even, odd, row []byte) (done int) {
	for ; done+2 <= len(even) && done+2 <= len(odd) && 4*done+8 <= len(row); done += 2 {
		m := meansOf(row[4*done:])
		binary.LittleEndian.PutUint16(even[done:], uint16(m&0xff|m>>24&0xff00))
		binary.LittleEndian.PutUint16(odd[done:], uint16(m>>16&0xff|m>>40&0xff00))
	}
	return done
}

// meansOf returns those of four pairs of pixels in 16 bits each.
func meansOf(row []byte) uint64 {
	const low, one = 0x00ff00ff00ff00ff, 0x0001000100010001
	w := binary.LittleEndian.Uint64(row)
	return (w&low + w>>8&low + one) >> 1 & low
}

// tap is where a scaled pixel comes from: two pixels, the second with weight/256.
type tap struct{ first, second, weight int32 }

func (t tap) of(row []byte) byte {
	first := int32(row[t.first])
	return byte(first + ((int32(row[t.second])-first)*t.weight+128)>>8)
}

// mostTaps bounds what a filler remembers; regions come in many sizes.
const mostTaps = 64

func (s *filler) tapsFor(from, to int) []tap {
	key := [2]int{from, to}
	t, ok := s.taps[key]
	if !ok {
		if s.taps == nil || len(s.taps) >= mostTaps {
			s.taps = map[[2]int][]tap{}
		}
		t = taps(from, to)
		s.taps[key] = t
	}
	return t
}

// taps returns for each of to pixels where it comes from among from pixels.
// Enlarging, or reducing to half at most, interpolates linearly between the two
// neighbours of its centre; reducing further takes the mean of two pixels a
// quarter of its width to either side, which costs the same at any scale and keeps
// most of what would alias away.
func taps(from, to int) []tap {
	out := make([]tap, to)
	scale := float64(from) / float64(to)
	inside := func(v float64) int32 { return int32(min(float64(from-1), max(0, v))) }
	for i := range out {
		centre := (float64(i)+0.5)*scale - 0.5
		if scale > 2 {
			out[i] = tap{inside(math.Round(centre - scale/4)), inside(math.Round(centre + scale/4)), 128}
			continue
		}
		floor := math.Floor(centre)
		out[i] = tap{inside(floor), inside(floor + 1), int32(math.Round((centre - floor) * 256))}
	}
	return out
}
