package control_test

import (
	"strings"
	"testing"
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/safety"
)

// adaptive stands in for a controller that believes all it sees.
type adaptive struct{}

func (adaptive) Name() string { return "adaptive" }
func (adaptive) Decide(_ time.Duration, _ *control.Reading, _ []safety.Aspects, out []control.Decision) {
	for i := range out {
		out[i] = control.Decision{Reason: "as adaptive as can be"}
	}
}

func TestWatchfulLetsGoOnWhatIsSound(t *testing.T) {
	n := cross(t)
	s := newStreet(t, n, control.NewWatchful(n, adaptive{}, fixed(t, n)))
	lane := approach(n, vehicleGroups(n)[0])
	for k := range 900 {
		s.seen.Lanes[lane] = []control.Vehicle{{Distance: float64(k % 50), Speed: 9, Length: 5}}
		s.seen.Passed[n.Lanes[lane].Out[0]] = k / 10
		s.second(5 * time.Second)
		if s.out[0].Reason != "as adaptive as can be" {
			t.Fatalf("after %v: %s", s.now, s.out[0].Reason)
		}
	}
}

func TestWatchfulRunsThePlanWhenNothingIsHeard(t *testing.T) {
	n := cross(t)
	f := fixed(t, n)
	s := newStreet(t, n, control.NewWatchful(n, adaptive{}, f))
	plan := make([]control.Decision, 1)
	for _, late := range []time.Duration{16 * time.Second, time.Hour} {
		s.second(late)
		f.Decide(s.now, s.seen, s.shown, plan)
		if s.out[0].Want != plan[0].Want || !strings.Contains(s.out[0].Reason, "fixed plan") || !strings.Contains(s.out[0].Reason, "old") {
			t.Errorf("readings %v late: %s", late, s.out[0].Reason)
		}
	}
	s.seen.Lanes = nil
	s.second(0)
	if !strings.Contains(s.out[0].Reason, "do not fit") {
		t.Errorf("readings of no lane: %s", s.out[0].Reason)
	}
}

// TestWatchfulNamesTheLiar: a detector that shows nobody while vehicles leave, and one
// stuck at one picture, put the junction on actuated control until they are sound again.
func TestWatchfulNamesTheLiar(t *testing.T) {
	for _, stuck := range []int{0, 2} {
		n := cross(t)
		s := newStreet(t, n, control.NewWatchful(n, adaptive{}, fixed(t, n)))
		lane := approach(n, vehicleGroups(n)[0])
		for range stuck {
			s.seen.Lanes[lane] = append(s.seen.Lanes[lane], standing(3))
		}
		for range 10 {
			s.seen.Passed[n.Lanes[lane].Out[0]]++
			s.second(0)
		}
		if r := s.out[0].Reason; !strings.Contains(r, "actuated") || !strings.Contains(r, n.Lanes[lane].ID) {
			t.Errorf("%d vehicles all the time: %q", stuck, r)
		}
		s.seen.Lanes[lane] = []control.Vehicle{{Distance: 40, Speed: 10, Length: 5}}
		s.second(0)
		if r := s.out[0].Reason; strings.Contains(r, "actuated") {
			t.Errorf("sound again, but %q", r)
		}
	}
}

// TestWatchfulFindsTheVehicleThatIsNone: at green for a minute of five, and nobody
// stands beyond, yet the picture stays.
func TestWatchfulFindsTheVehicleThatIsNone(t *testing.T) {
	for _, jam := range []bool{false, true} {
		n := cross(t)
		s := newStreet(t, n, control.NewWatchful(n, control.NewActuated(n), fixed(t, n)))
		g := vehicleGroups(n)[0]
		lane := approach(n, g)
		s.seen.Lanes[lane] = []control.Vehicle{standing(1)}
		if jam {
			for _, o := range n.Lanes[lane].Out {
				s.seen.Standing[o] = 1
			}
		}
		found := false
		for range 600 {
			s.second(0)
			found = found || strings.Contains(s.out[0].Reason, "has shown the same")
		}
		if found == jam {
			t.Errorf("jam beyond: %v, called a lie: %v", jam, found)
		}
	}
}

func TestWatchfulRunsThePlanWhereNoDetectorIsSound(t *testing.T) {
	n := cross(t)
	s := newStreet(t, n, control.NewWatchful(n, adaptive{}, fixed(t, n)))
	for range 10 {
		for l := range s.seen.Passed {
			s.seen.Passed[l]++
		}
		s.second(0)
	}
	if r := s.out[0].Reason; !strings.Contains(r, "fixed plan") || s.out[0].Instead != control.ByPlan {
		t.Errorf("every detector lies: %q", r)
	}
}
