package detect

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// empty returns outputs in which nothing is found.
func empty(size Size) [][]float32 {
	var out [][]float32
	for _, stride := range Strides {
		plane := size.Width / stride * (size.Height / stride)
		v := make([]float32, outputPlanes*plane)
		for i := range outputClasses * plane {
			v[i] = -9
		}
		out = append(out, v)
	}
	return out
}

// put writes a thing with its score before the sigmoid and the distances of its
// sides, in strides, each as a distribution with a single peak.
func put(out [][]float32, size Size, level, class, x, y int, score float32, sides [4]int) {
	w, h := size.Width/Strides[level], size.Height/Strides[level]
	out[level][class*w*h+y*w+x] = score
	for side, bin := range sides {
		out[level][(outputClasses+side*bins+bin)*w*h+y*w+x] = 40
	}
}

func TestReadPlacesBoxes(t *testing.T) {
	size := Size{128, 96}
	out := empty(size)
	put(out, size, 0, 0, 3, 4, 0, [4]int{1, 2, 1, 3})   // a person at score 0.5
	put(out, size, 1, 5, 2, 2, 1.5, [4]int{2, 1, 2, 1}) // a train
	put(out, size, 2, 9, 1, 1, -1, [4]int{0, 0, 1, 1})  // a dog
	got, err := Read(out, size, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	want := []Box{
		{Vehicle, 0.8176, 40 - 32, 40 - 16, 40 + 32, 40 + 16},
		{Person, 0.5, 28 - 8, 36 - 16, 28 + 8, 36 + 24},
		{Animal, 0.2689, 48, 48, 80, 80},
	}
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for i := range want {
		if got[i].Class != want[i].Class || !near(got[i], want[i]) {
			t.Errorf("box %d: %v, want %v", i, got[i], want[i])
		}
	}
	if got, err := Read(out, size, 0.6); err != nil || len(got) != 1 {
		t.Errorf("from 0.6: %v, %v", got, err)
	}
	if name := got[0].Class.String() + got[2].Class.String(); name != "vehicleanimal" {
		t.Error(name)
	}
}

func near(a, b Box) bool {
	for _, d := range []float32{a.Score - b.Score, a.X0 - b.X0, a.Y0 - b.Y0, a.X1 - b.X1, a.Y1 - b.Y1} {
		if math.Abs(float64(d)) > 1e-3 {
			return false
		}
	}
	return true
}

func TestReadRefusesWhatDoesNotFit(t *testing.T) {
	size := Size{128, 96}
	for name, out := range map[string][][]float32{
		"none": nil, "two": empty(size)[:2], "another size": empty(Size{96, 96}),
	} {
		if _, err := Read(out, size, 0.5); err == nil {
			t.Errorf("%s: passed", name)
		}
	}
}

func TestReadBearsAnyNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := Size{64, 64}
		out := empty(size)
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			level := rapid.IntRange(0, 2).Draw(t, "level")
			out[level][rapid.IntRange(0, len(out[level])-1).Draw(t, "at")] = rapid.Float32Range(-1e30, 1e30).Draw(t, "value")
		}
		out[0][rapid.IntRange(0, len(out[0])-1).Draw(t, "at")] = float32(math.NaN())
		boxes, err := Read(out, size, rapid.Float32Range(0, 1).Draw(t, "threshold"))
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range boxes {
			if i > 0 && b.Score > boxes[i-1].Score {
				t.Fatal("not surest first")
			}
			for _, a := range boxes[:i] {
				if a.Class == b.Class && Overlap(a, b) > sameThing {
					t.Fatalf("%v and %v are one", a, b)
				}
			}
		}
	})
}

func TestReadIsBounded(t *testing.T) {
	size := Size{MaxSide, MaxSide}
	out := empty(size)
	for _, v := range out {
		for i := range v {
			v[i] = 3 // everything everywhere
		}
	}
	boxes, err := Read(out, size, LowestThreshold)
	if err != nil || len(boxes) > MaxBoxes {
		t.Fatalf("%d boxes, %v", len(boxes), err)
	}
}

func TestOverlap(t *testing.T) {
	a := Box{X0: 0, Y0: 0, X1: 10, Y1: 10}
	for _, c := range []struct {
		b    Box
		want float32
	}{{a, 1}, {Box{X0: 5, X1: 15, Y1: 10}, 1. / 3}, {Box{X0: 10, X1: 20, Y1: 10}, 0}, {Box{}, 0}} {
		if got := Overlap(a, c.b); math.Abs(float64(got-c.want)) > 1e-6 {
			t.Errorf("%v: %g, want %g", c.b, got, c.want)
		}
	}
}
