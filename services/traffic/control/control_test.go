package control_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/services/traffic/control"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

func cross(t testing.TB) *network.Network {
	t.Helper()
	f, err := os.Open("../network/testdata/cross.net.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := network.ReadSUMO(f, "cross.net.xml")
	if err != nil {
		t.Fatal(err)
	}
	for i := range n.Lanes {
		n.Lanes[i].Length = max(n.Lanes[i].Length, 60) // long enough for detectors to be judged
	}
	return n
}

// street is a crossroads with a guard, an empty reading and one controller.
type street struct {
	t     testing.TB
	n     *network.Network
	guard *safety.Guard
	c     control.Controller
	seen  *control.Reading
	shown []safety.Aspects
	out   []control.Decision
	now   time.Duration
}

func newStreet(t testing.TB, n *network.Network, c control.Controller) *street {
	t.Helper()
	g, err := safety.New(n.Junctions[0])
	if err != nil {
		t.Fatal(err)
	}
	s := &street{t: t, n: n, guard: g, c: c, shown: make([]safety.Aspects, 1), out: make([]control.Decision, 1)}
	s.seen = &control.Reading{Lanes: make([][]control.Vehicle, len(n.Lanes)), Passed: make([]int, len(n.Links)), Inside: make([]int, len(n.Links)), Standing: make([]int, len(n.Links)), Waiting: [][]int{make([]int, len(n.Junctions[0].Crossings))}}
	return s
}

// second lets one second pass; its readings arrive late by late.
func (s *street) second(late time.Duration) {
	s.now += time.Second
	s.seen.At = s.now - late
	s.c.Decide(s.now, s.seen, s.shown, s.out)
	s.shown[0] = s.guard.Step(s.now, s.out[0].Want, control.Demand(s.n, 0, s.seen))
}

// approach returns the first lane of a group for vehicles that some plan shows green.
func approach(n *network.Network, group int) int { return n.Junctions[0].Groups[group].Lanes[0] }

func vehicleGroups(n *network.Network) (groups []int) {
	for g := range n.Junctions[0].Groups {
		if n.Junctions[0].Groups[g].Kind == network.Vehicles {
			groups = append(groups, g)
		}
	}
	return groups
}

func standing(distance float64) control.Vehicle {
	return control.Vehicle{Distance: distance, Length: 5}
}

func fixed(t testing.TB, n *network.Network) *control.Fixed {
	t.Helper()
	f, err := control.NewFixed(n, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFixedFollowsThePlan(t *testing.T) {
	n := cross(t)
	f := fixed(t, n)
	out := make([]control.Decision, 1)
	p := n.Junctions[0].Plans[0]
	at := p.Offset
	for _, ph := range p.Phases {
		want, _ := n.Junctions[0].StateGroups(ph.State)
		for _, moment := range []time.Duration{at, at + ph.Duration - time.Second, at + 7*p.Cycle()} {
			f.Decide(moment, nil, nil, out)
			if out[0].Want != want {
				t.Errorf("at %v the wish is %b, the plan shows %b", moment, out[0].Want, want)
			}
		}
		at += ph.Duration
	}
}

func TestFixedChangesPlansByTheClock(t *testing.T) {
	n := cross(t)
	j := n.Junctions[0]
	night := j.Plans[0]
	night.ID = "night"
	night.Phases = night.Phases[:1]
	j.Plans = append(j.Plans, night)
	f, err := control.NewFixed(n, 23*time.Hour, []control.Slot{{From: 6 * time.Hour, Plan: j.Plans[0].ID}, {From: 22 * time.Hour, Plan: "night"}})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]control.Decision, 1)
	for hour, want := range map[time.Duration]string{0: "night", 6: "night", 8: j.Plans[0].ID, 22: j.Plans[0].ID, 23: "night"} {
		f.Decide(hour*time.Hour, nil, nil, out)
		if !strings.Contains(out[0].Reason, "plan "+want+",") {
			t.Errorf("at %d o'clock: %s, want plan %s", (23+hour)%24, out[0].Reason, want)
		}
	}
}

func TestFixedRefusesWhatCannotRun(t *testing.T) {
	n := cross(t)
	if _, err := control.NewFixed(n, 0, []control.Slot{{From: 8 * time.Hour}, {From: 7 * time.Hour}}); err == nil {
		t.Error("slots out of order passed")
	}
	n.Junctions[0].Plans[0].Phases = []network.Phase{{State: n.Junctions[0].Plans[0].Phases[0].State}}
	if _, err := control.NewFixed(n, 0, nil); err == nil || !strings.Contains(err.Error(), "cycle") {
		t.Errorf("a plan without time: %v", err)
	}
}

// TestActuated: somebody on any approach gets green, an empty approach none, and the
// green stays where nobody else waits.
func TestActuated(t *testing.T) {
	n := cross(t)
	for _, g := range vehicleGroups(n) {
		s := newStreet(t, n, control.NewActuated(n))
		lane := approach(n, g)
		s.seen.Lanes[lane] = []control.Vehicle{standing(1)}
		served := false
		for range 60 {
			s.second(0)
			for _, k := range vehicleGroups(n) {
				served = served || s.shown[0].Of(k) == safety.Green && approach(n, k) == lane
			}
		}
		if !served {
			t.Errorf("nobody served %s, where somebody stands", n.Junctions[0].Groups[g].Name)
		}
		if s.out[0].Reason != "nobody else waits" {
			t.Errorf("with one vehicle alone the reason is %q", s.out[0].Reason)
		}
	}
}

// TestEveryWishIsCompatible: whatever is seen, no controller wishes for a conflict.
func TestEveryWishIsCompatible(t *testing.T) {
	n := cross(t)
	rapid.Check(t, func(rt *rapid.T) {
		make := []func() control.Controller{
			func() control.Controller { return control.NewActuated(n) },
			func() control.Controller { return control.NewGreedy(n, 5*time.Second, 200) },
			func() control.Controller { return control.NewMaxPressure(n, 5*time.Second, 200) },
			func() control.Controller { return control.NewWatchful(n, control.NewActuated(n), fixed(t, n)) },
		}
		s := newStreet(t, n, make[rapid.IntRange(0, len(make)-1).Draw(rt, "controller")]())
		for range 80 {
			lane := rapid.IntRange(0, len(n.Lanes)-1).Draw(rt, "lane")
			s.seen.Lanes[lane] = nil
			for i := range rapid.IntRange(0, 3).Draw(rt, "vehicles") {
				s.seen.Lanes[lane] = append(s.seen.Lanes[lane], control.Vehicle{Distance: float64(i) * 8, Speed: rapid.Float64Range(0, 20).Draw(rt, "speed"), Length: 5})
			}
			s.seen.Passed[rapid.IntRange(0, len(n.Links)-1).Draw(rt, "link")]++
			s.second(time.Duration(rapid.IntRange(0, 20).Draw(rt, "late")) * time.Second)
			if !n.Junctions[0].Compatible(s.out[0].Want) {
				rt.Fatalf("%s wishes for conflicting greens: %s", s.c.Name(), s.out[0].Reason)
			}
		}
	})
}
