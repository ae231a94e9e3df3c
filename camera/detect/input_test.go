package detect

import (
	"image"
	"math"
	"testing"

	"pgregory.net/rapid"

	"polity/camera/frame"
)

func numbered(width, height int) *frame.Frame {
	f := frame.New(width, height)
	for y := range height {
		for x := range width {
			f.Y[y*width+x] = byte(x + y)
		}
	}
	for y := range f.ChromaHeight() {
		for x := range f.ChromaWidth() {
			f.U[y*f.ChromaWidth()+x], f.V[y*f.ChromaWidth()+x] = byte(2*x), byte(3*y)
		}
	}
	return f
}

func one(region image.Rectangle, size Size) []part {
	return []part{{region: region, to: image.Rect(0, 0, size.Width, size.Height)}}
}

// At its own size a region is only taken apart into planes.
func TestFillAtOwnSizeCopies(t *testing.T) {
	f := numbered(200, 160)
	size := Size{96, 64}
	got := make([]byte, size.bytes())
	region := image.Rect(10, 20, 106, 84)
	new(filler).fill(got, f, one(region, size), size)
	w, h := 48, 32
	for y := range h {
		for x := range w {
			for i, want := range []byte{
				f.Y[(20+2*y)*200+10+2*x], f.Y[(20+2*y)*200+11+2*x], f.Y[(21+2*y)*200+10+2*x], f.Y[(21+2*y)*200+11+2*x],
				f.U[(10+y)*100+5+x], f.V[(10+y)*100+5+x],
			} {
				if g := got[i*w*h+y*w+x]; g != want {
					t.Fatalf("plane %d at %d,%d is %d, want %d", i, x, y, g, want)
				}
			}
		}
	}
}

// Scaling keeps a ramp a ramp, whatever the scale: each scaled pixel has the value
// of the place that it stands for.
func TestFillScalesWithoutShift(t *testing.T) {
	const width, height = 480, 256
	f := frame.New(width, height)
	for i := range f.Y {
		f.Y[i] = byte(i % width / 2)
	}
	for _, to := range []Size{{64, 64}, {96, 64}, {224, 128}, {320, 192}, {480, 256}, {640, 320}} {
		got := make([]byte, to.bytes())
		new(filler).fill(got, f, one(image.Rect(0, 0, width, height), to), to)
		for x := 1; x < to.Width-1; x++ {
			centre := (float64(x)+0.5)*float64(width)/float64(to.Width) - 0.5
			at := (x%2)*to.Width*to.Height/4 + (to.Height/4)*to.Width/2 + x/2
			if diff := float64(got[at]) - centre/2; math.Abs(diff) > 1.1 {
				t.Fatalf("%v: pixel %d has %d, its place %.1f", to, x, got[at], centre/2)
			}
		}
	}
}

// TestWordsAreAsPixels compares what works on words of pixels with one pixel after
// another.
func TestWordsAreAsPixels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "pixels")
		row := func(name string, n int) []byte {
			return rapid.SliceOfN(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte{0, 1, 254, 255})), n, n).Draw(t, name)
		}
		first, second, mixed := row("first", n), row("second", n), make([]byte, n)
		weight := rapid.OneOf(rapid.Just(128), rapid.IntRange(0, 256)).Draw(t, "weight")
		mixRows(mixed, first, second, uint64(weight))
		for x, got := range mixed {
			if want := (int(first[x])*(256-weight) + int(second[x])*weight + 128) / 256; int(got) != want {
				t.Fatalf("pixel %d of %d and %d by %d: %d, want %d", x, first[x], second[x], weight, got, want)
			}
		}
		wide, line, even, odd := row("wide", 4*n), make([]byte, 2*n), make([]byte, n), make([]byte, n)
		whole, each := halve(line, wide), halveInTwo(even, odd, wide)
		if whole <= 2*n-4 || each <= n-2 {
			t.Fatalf("of %d means %d and %d were written", 2*n, whole, 2*each)
		}
		for x, tap := range taps(4*n, 2*n) {
			want := tap.of(wide)
			if x < whole && line[x] != want {
				t.Fatalf("mean %d is %d, want %d", x, line[x], want)
			}
			if got := [2][]byte{even, odd}[x%2][x/2]; x/2 < each && got != want {
				t.Fatalf("mean %d is %d in two, want %d", x, got, want)
			}
		}
	})
}

func TestFillStaysInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := frame.New(rapid.IntRange(16, 300).Draw(t, "width"), rapid.IntRange(16, 300).Draw(t, "height"))
		for i := range f.Y {
			f.Y[i] = 77
		}
		x, y := rapid.IntRange(-50, 350).Draw(t, "x"), rapid.IntRange(-50, 350).Draw(t, "y")
		region := cut(f, image.Rect(x, y, x+rapid.IntRange(0, 400).Draw(t, "w"), y+rapid.IntRange(0, 400).Draw(t, "h")))
		if region.Empty() {
			return
		}
		if !region.In(image.Rect(0, 0, f.Width, f.Height)) || region.Min.X%2+region.Min.Y%2+region.Dx()%2+region.Dy()%2 != 0 {
			t.Fatalf("cut to %v in %d x %d", region, f.Width, f.Height)
		}
		size := SizeFor(region.Dx(), region.Dy(), rapid.IntRange(4096, 200_000).Draw(t, "pixels"), 2)
		if !size.valid() {
			t.Fatalf("size %v", size)
		}
		to := make([]byte, size.bytes())
		new(filler).fill(to, f, one(region, size), size)
		for i, v := range to[:size.Pixels()] {
			if v != 77 {
				t.Fatalf("luma %d is %d", i, v)
			}
		}
	})
}

func TestSizeFor(t *testing.T) {
	for _, c := range []struct {
		width, height, pixels int
		want                  Size
	}{
		{768, 576, 384 * 288, Size{384, 288}},
		{1920, 1080, 384 * 288, Size{448, 256}},
		{1080, 1920, 384 * 288, Size{256, 448}},
		{100, 150, 384 * 288, Size{192, 288}}, // enlarged twice, no more
		{10, 10, 384 * 288, Size{64, 64}},     // never below the least
		{8000, 16, 384 * 288, Size{640, 64}},  // nor above the most
		{768, 576, 10_000_000, Size{640, 640}},
	} {
		if got := SizeFor(c.width, c.height, c.pixels, 2); got != c.want {
			t.Errorf("%d x %d within %d: %v, want %v", c.width, c.height, c.pixels, got, c.want)
		}
	}
}

func BenchmarkFill(b *testing.B) {
	for _, c := range []struct {
		name          string
		width, height int
		size          Size
	}{{"576p", 768, 576, Size{384, 288}}, {"1080p", 1920, 1080, Size{448, 256}}} {
		b.Run(c.name, func(b *testing.B) {
			var s filler
			f, to := numbered(c.width, c.height), make([]byte, c.size.bytes())
			for b.Loop() {
				s.fill(to, f, one(image.Rect(0, 0, c.width, c.height), c.size), c.size)
			}
		})
	}
}
