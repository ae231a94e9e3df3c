package main

import (
	"math"
	"math/rand/v2"
	"testing"

	"polity/camera/frame"
)

// upright is a cut-out of 20 x 80 pixels, all of it the person's.
func upright() *cutout {
	c := &cutout{width: 20, height: 80}
	for range c.width * c.height {
		c.y, c.u, c.v, c.alpha = append(c.y, 60), append(c.u, 120), append(c.v, 130), append(c.alpha, 1)
	}
	return c
}

func TestAStanderSwaysAsPeopleDo(t *testing.T) {
	for seed := range uint64(20) {
		s := newStander(rand.New(rand.NewPCG(seed, 1)), upright())
		s.scale, s.arrives, s.goes = 1, 0, 600
		sum, steps, n := 0.0, 0.0, 0
		last := math.NaN()
		for at := 0.0; at < 600; at += 0.2 {
			_, _, lean, _, in := s.place(at)
			if !in {
				t.Fatalf("seed %d: gone at %.1f s", seed, at)
			}
			sum += lean * lean
			if !math.IsNaN(last) {
				steps = max(steps, math.Abs(lean-last))
			}
			last = lean
			n++
		}
		metres := math.Sqrt(sum/float64(n)) / s.metre()
		if metres < 0.8*swayLeast || metres > 1.2*swayMost {
			t.Errorf("seed %d: the head sways by %.4f m", seed, metres)
		}
		if steps == 0 {
			t.Errorf("seed %d: stands as a statue", seed)
		}
	}
}

func TestAStanderComesAndGoes(t *testing.T) {
	s := newStander(rand.New(rand.NewPCG(1, 1)), upright())
	s.x, s.y, s.scale, s.arrives, s.goes = 60, 110, 1, 10, 20
	f := frame.New(128, 128)
	before := frame.New(128, 128)
	for i := range f.Y {
		f.Y[i] = 180
	}
	copy(before.Y, f.Y)
	plate := newPicture(128, 128)
	plate.convert(before)
	around := &scenery{before: before, plate: &plate, randoms: rand.New(rand.NewPCG(1, 2))}
	draw := func(at float64) {
		copy(f.Y, before.Y)
		s.draw(f, around, at)
	}
	if draw(5); !s.box.Empty() || s.own(60, 80) {
		t.Error("in view before coming")
	}
	if draw(15); !s.own(60, 80) || f.Y[80*128+60] > 70 {
		t.Errorf("standing, luma in the middle is %d, own %v", f.Y[80*128+60], s.own(60, 80))
	}
	if s.own(20, 80) {
		t.Error("a pixel beside is his")
	}
	if draw(20 + walkSeconds/2); s.own(60, 80) {
		t.Error("has not walked away")
	}
	if draw(30); !s.box.Empty() {
		t.Error("in view after having gone")
	}
}

func TestSitting(t *testing.T) {
	c := upright().seated()
	if c.height != 60 || len(c.alpha) != 60*20 || len(c.y) != len(c.alpha) {
		t.Errorf("seated is %d high with %d values", c.height, len(c.alpha))
	}
}
