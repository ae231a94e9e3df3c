package scene_test

import (
	"testing"
	"time"

	"polity/internal/attack"
)

// TestAttackPicturesOfThePlaceCompared: everyone may fetch the picture of a place as it was
// at any moment that is past long enough. If it changed when somebody passes, two cameras'
// pictures would tell who walked from one to the other.
func TestAttackPicturesOfThePlaceCompared(t *testing.T) {
	attack.Tell(t, "two-cameras-joined",
		"The pictures of an empty street, which everyone may fetch for each past second, are compared with one another to see when a lone walker passed, in light that stays and in light that changes.",
		"A picture shows what was proven to stay: while and after somebody passes not one tile of it is drawn anew, so the times of its changes say nothing.")
	for name, light := range map[string]float64{"light that stays": 0, "light that changes": 0.1} {
		s := newStreet(t)
		learnt := 0
		changed := func(d time.Duration, x func(time.Duration) float64) (tiles int) {
			for at := time.Duration(0); at < d; at += step {
				if x != nil {
					s.people[0].x = x(at)
				}
				s.gain = 1 + light*float64(s.now%(10*time.Minute)-5*time.Minute)/float64(5*time.Minute)
				s.run(step)
				p, err := s.model.Update(false)
				if err != nil {
					t.Fatal(err)
				}
				if p != nil {
					tiles += len(p.Tiles)
				}
			}
			return tiles
		}
		if learnt = changed(2*time.Minute, nil); learnt < 300 || s.known(0, 0, s.width, s.height) < 0.99 {
			t.Fatalf("%s: %d tiles were drawn while the place was learnt: changes are not seen at all", name, learnt)
		}
		for walker := range 12 {
			s.people = []figure{{y: 120 + 100*s.rng.Float64(), high: 70, luma: 40 + 150*s.rng.Float64(), sway: 3, to: 1000 * time.Hour}}
			seconds := 6 + 8*s.rng.Float64()
			tiles := changed(15*time.Second, func(at time.Duration) float64 { return -30 + 380*at.Seconds()/seconds })
			s.people = nil
			if tiles += changed(10*time.Second, nil); tiles > 0 {
				t.Errorf("%s: walker %d had %d tiles drawn anew", name, walker+1, tiles)
			}
		}
	}
}
