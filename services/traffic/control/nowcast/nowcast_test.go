package nowcast_test

import (
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/services/traffic/control"
	"polity/services/traffic/control/nowcast"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

const age = 5 // seconds

type fataler interface {
	Helper()
	Fatal(args ...any)
}

// street is a crossroads whose signals show one stage for long, and a picture of it.
type street struct {
	n     *network.Network
	cast  *nowcast.Cast
	guard *safety.Guard
	seen  *control.Reading
	now   time.Duration
	shown []safety.Aspects
}

func newStreet(t fataler) *street {
	t.Helper()
	f, err := os.Open("../../network/testdata/cross.net.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := network.ReadSUMO(f, "cross.net.xml")
	if err != nil {
		t.Fatal(err)
	}
	g, err := safety.New(n.Junctions[0])
	if err != nil {
		t.Fatal(err)
	}
	return &street{n: n, cast: nowcast.New(n), guard: g, shown: make([]safety.Aspects, 1), seen: &control.Reading{
		Lanes: make([][]control.Vehicle, len(n.Lanes)), Passed: make([]int, len(n.Links)), Inside: make([]int, len(n.Links)),
		Standing: make([]int, len(n.Links)), Waiting: [][]int{make([]int, len(n.Junctions[0].Crossings))},
	}}
}

// show lets so many seconds pass with a wish.
func (s *street) show(want network.Set, seconds int) {
	for range seconds {
		s.now += time.Second
		s.shown[0] = s.guard.Step(s.now, want, want)
		s.cast.Remember(s.now, s.shown)
	}
}

// present returns what is made of the picture of so many seconds ago.
func (s *street) present(late int) *control.Reading {
	s.seen.At = s.now - time.Duration(late)*time.Second
	return s.cast.Now(s.now, s.seen)
}

// straight returns a group that lets somebody go straight on, with that link.
func (s *street) straight(t fataler) (group, link int) {
	t.Helper()
	for g := range s.n.Junctions[0].Groups {
		for _, sig := range s.n.Junctions[0].Groups[g].Signals {
			for _, l := range s.n.Junctions[0].Signals[sig].Links {
				if s.n.Links[l].Turn == network.Straight {
					return g, l
				}
			}
		}
	}
	t.Fatal("nobody goes straight on")
	return 0, 0
}

func (s *street) queue(lane int, distances ...float64) {
	s.seen.Lanes[lane] = nil
	for _, d := range distances {
		s.seen.Lanes[lane] = append(s.seen.Lanes[lane], control.Vehicle{Distance: d, Length: 5})
	}
}

func TestAPictureOfNowStaysAsItIs(t *testing.T) {
	s := newStreet(t)
	s.show(0, 60)
	s.queue(0, 1, 9)
	if got := s.present(0); got != s.seen {
		t.Error("a picture of this second was changed")
	}
}

func TestAtRedTheyWait(t *testing.T) {
	s := newStreet(t)
	_, link := s.straight(t)
	lane := s.n.Links[link].From
	s.show(0, 60)
	s.seen.Lanes[lane] = []control.Vehicle{{Distance: 1, Length: 5}, {Distance: 40, Speed: 13, Length: 5}}
	got := s.present(age)
	vs := got.Lanes[lane]
	if len(vs) != 2 || vs[0].Distance > 1 || vs[1].Distance < 6 || vs[1].Distance > 15 {
		t.Errorf("after %d s of red: %v, want one at the line and one stopped behind", age, vs)
	}
	if got.Passed[link] != 0 || got.Inside[link] != 0 {
		t.Errorf("%d passed at red", got.Passed[link])
	}
	if len(s.seen.Lanes[lane]) != 2 || s.seen.Lanes[lane][1].Distance != 40 {
		t.Error("the picture itself was changed")
	}
}

// TestAtGreenTheyGo: of a long queue some have passed after ten seconds of green, and the
// others are nearer.
func TestAtGreenTheyGo(t *testing.T) {
	const late = 10
	s := newStreet(t)
	group, link := s.straight(t)
	lane := s.n.Links[link].From
	s.show(0, 60)
	for s.shown[0].Of(group) != safety.Green {
		s.show(network.SetOf(group), 1)
	}
	s.show(network.SetOf(group), late-1)
	s.queue(lane, 1, 8.5, 16, 23.5, 31, 38.5, 46)
	got := s.present(late)
	passed := 0
	for _, o := range s.n.Lanes[lane].Out {
		passed += got.Passed[o]
	}
	left := got.Lanes[lane]
	if passed < 2 || passed > 6 || len(left) != 7-passed {
		t.Fatalf("%d of seven passed in ten seconds, %d are left", passed, len(left))
	}
	if last := left[len(left)-1]; last.Distance > 45 {
		t.Errorf("the last one is still at %.0f m", last.Distance)
	}
}

// TestAfterABreak: what signals showed in a time that nobody told of is not made up.
func TestAfterABreak(t *testing.T) {
	s := newStreet(t)
	group, link := s.straight(t)
	s.show(network.SetOf(group), 60)
	s.queue(s.n.Links[link].From, 20)
	s.now += time.Minute
	s.show(network.SetOf(group), 1)
	if got := s.present(age); got.Lanes[s.n.Links[link].From][0].Distance < 20-3 {
		t.Errorf("one second is known of, driven on to %v", got.Lanes[s.n.Links[link].From])
	}
}

// TestNobodyIsLostOrInvented: whatever is seen, at red as many stay on each approach or
// more, in their order, and no distance is impossible.
func TestNobodyIsLostOrInvented(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newStreet(rt)
		g, _ := s.straight(rt)
		if rapid.Bool().Draw(rt, "green") {
			s.show(network.SetOf(g), 20)
		} else {
			s.show(0, 20)
		}
		total := 0
		for range rapid.IntRange(0, 6).Draw(rt, "lanes") {
			lane := rapid.IntRange(0, len(s.n.Lanes)-1).Draw(rt, "lane")
			d := 0.0
			total -= len(s.seen.Lanes[lane])
			s.seen.Lanes[lane] = nil
			for range rapid.IntRange(0, 8).Draw(rt, "vehicles") {
				d += rapid.Float64Range(0, 30).Draw(rt, "gap")
				s.seen.Lanes[lane] = append(s.seen.Lanes[lane], control.Vehicle{Distance: d, Speed: rapid.Float64Range(0, 30).Draw(rt, "speed"), Length: 5})
			}
			total += len(s.seen.Lanes[lane])
		}
		link := rapid.IntRange(0, len(s.n.Links)-1).Draw(rt, "link")
		s.seen.Inside[link] = rapid.IntRange(0, 3).Draw(rt, "inside")
		s.seen.Standing[link] = rapid.IntRange(0, s.seen.Inside[link]).Draw(rt, "standing")
		total += s.seen.Inside[link]
		got := s.present(rapid.IntRange(1, 20).Draw(rt, "age"))
		count := 0
		for lane, vs := range got.Lanes {
			last := 0.0
			for _, v := range vs {
				if v.Distance < last || v.Speed < 0 || v.Speed > 40 {
					rt.Fatalf("%s: %v", s.n.Lanes[lane].ID, vs)
				}
				last = v.Distance
				count++
			}
		}
		for l, k := range got.Inside {
			if got.Standing[l] > k {
				rt.Fatalf("%d stand of %d on link %d", got.Standing[l], k, l)
			}
			count += k
		}
		if count > total {
			rt.Fatalf("%d made of %d", count, total)
		}
	})
}
