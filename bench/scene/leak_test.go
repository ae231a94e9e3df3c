package main

import (
	"image"
	"math/rand/v2"
	"testing"

	"polity/camera/frame"
)

// street is a textured place with someone in a dark coat in the box, and the plate.
func street(t *testing.T) (input, empty *frame.Frame, j *judge, box image.Rectangle) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	input, empty = frame.New(96, 128), frame.New(96, 128)
	for i := range empty.Y {
		empty.Y[i] = byte(150 + i%96/12%2*8 + rng.IntN(5))
	}
	for i := range empty.U {
		empty.U[i], empty.V[i] = 128, 128
	}
	copy(input.U, empty.U)
	copy(input.V, empty.V)
	copy(input.Y, empty.Y)
	box = image.Rect(30, 20, 62, 110)
	for y := box.Min.Y + 2; y < box.Max.Y-2; y++ {
		for x := box.Min.X + 6; x < box.Max.X-6; x++ {
			input.Y[y*96+x] = byte(40 + (x*x+3*y)%29*2 + rng.IntN(5))
		}
	}
	plate := newPicture(96, 128)
	plate.convert(empty)
	return input, empty, newJudge(plate), box
}

func filter(f *frame.Frame, each func(f *frame.Frame, x, y int) byte) *frame.Frame {
	out := frame.New(f.Width, f.Height)
	copy(out.U, f.U)
	copy(out.V, f.V)
	for y := range f.Height {
		for x := range f.Width {
			out.Y[y*f.Width+x] = each(f, x, y)
		}
	}
	return out
}

// blurry is the mean of the nine pixels around, a little paler.
func blurry(f *frame.Frame, x, y int) byte {
	sum, n := 0, 0
	for py := max(0, y-1); py <= min(f.Height-1, y+1); py++ {
		for px := max(0, x-1); px <= min(f.Width-1, x+1); px++ {
			sum += int(f.Y[py*f.Width+px])
			n++
		}
	}
	return byte(sum/n + 40)
}

func TestWhatCountsAsShown(t *testing.T) {
	input, empty, j, box := street(t)
	everywhere := func(int, int) bool { return true }
	darker := filter(input, func(f *frame.Frame, x, y int) byte { return byte(int(f.Y[y*f.Width+x]) * 6 / 10) })
	grey := filter(input, func(*frame.Frame, int, int) byte { return unknownLuma })
	for _, test := range []struct {
		name          string
		shown         *frame.Frame
		visible       func(x, y int) bool
		pixels, edges bool
	}{
		{"the input itself", input, everywhere, true, true},
		{"the empty place", empty, everywhere, false, false},
		{"nothing", grey, func(int, int) bool { return false }, false, false},
		{"a darker person", darker, everywhere, false, true},
		{"a blurred and paler person", filter(input, blurry), everywhere, false, true},
		{"the upper part", input, func(_, y int) bool { return y < 60 }, true, true},
		{"the place beside", input, func(x, _ int) bool { return x < box.Min.X+5 }, false, false},
	} {
		v := j.try(&sight{input: input, shown: test.shown, visible: test.visible}, box, nil)
		if !v.counted {
			t.Errorf("%s: the person does not count", test.name)
		}
		if v.byPixels() != test.pixels || v.byEdges() != test.edges {
			t.Errorf("%s: leaked by pixels %v, by edges %v; want %v, %v (%+v)", test.name, v.byPixels(), v.byEdges(), test.pixels, test.edges, v)
		}
	}
}

func TestWithoutForegroundNobodyCounts(t *testing.T) {
	_, empty, j, box := street(t)
	v := j.try(&sight{input: empty, shown: empty, visible: func(int, int) bool { return true }}, box, nil)
	if v.counted || v.leaked() {
		t.Errorf("the empty place counts as a person: %+v", v)
	}
	if v := j.try(&sight{input: empty, shown: empty}, image.Rect(500, 500, 520, 560), nil); v.counted {
		t.Error("a box outside the picture counts")
	}
}

func TestOnlyOwnPixelsCount(t *testing.T) {
	input, _, j, box := street(t)
	s := &sight{input: input, shown: input, visible: func(int, int) bool { return true }}
	if v := j.try(s, box, func(int, int) bool { return false }); v.counted {
		t.Errorf("pixels of nobody count: %+v", v)
	}
}

func TestRankIsTheMedian(t *testing.T) {
	bins := make([]uint16, 16)
	for _, v := range []int{3, 3, 7, 9, 15} {
		bins[v]++
	}
	if bin, before := rank(bins, 2); bin != 7 || before != 2 {
		t.Errorf("median is %d with %d below; want 7 with 2", bin, before)
	}
}
