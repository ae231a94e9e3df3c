package stream_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/camera/stream"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	ms = time.Millisecond
	s  = time.Second
)

// sim is a camera that takes a picture every 100 ms of real time.
type sim struct {
	clock   stream.Clock
	at      time.Duration // real time
	raw     func(at time.Duration) time.Duration
	delay   func() time.Duration
	wall    func(at time.Duration) time.Time
	arrived time.Duration
}

func newSim(seed uint64) *sim {
	r := rand.New(rand.NewPCG(seed, 0))
	return &sim{
		raw: func(at time.Duration) time.Duration { return at + 12345*s },
		delay: func() time.Duration { // 20 ms, with jitter and now and then a hold-up
			if r.IntN(50) == 0 {
				return 20*ms + time.Duration(r.IntN(400))*ms
			}
			return 20*ms + time.Duration(r.IntN(15))*ms
		},
		wall: func(at time.Duration) time.Time { return noon.Add(at) },
	}
}

// next returns the next picture's time, and how far Taken is from the truth.
func (c *sim) next() (stream.Time, time.Duration) {
	c.at += 100 * ms
	c.arrived = max(c.arrived, c.at+c.delay())
	got := c.clock.At(c.raw(c.at), c.arrived, c.wall(c.arrived))
	return got, got.Taken.Sub(c.wall(c.at).Round(0))
}

func TestClockTakesOutJitter(t *testing.T) {
	c := newSim(1)
	var last time.Time
	for n := range 6000 {
		got, off := c.next()
		if n > 100 && (off < 10*ms || off > 45*ms) { // the least delay is 20 ms
			t.Fatalf("picture %d: %v off", n, off)
		}
		if n > 100 && (got.Taken.Sub(last)-100*ms).Abs() > 7*ms {
			t.Fatalf("picture %d: %v after the one before", n, got.Taken.Sub(last))
		}
		last = got.Taken
	}
}

func TestClockFollowsDrift(t *testing.T) {
	for _, ppm := range []float64{-2000, -200, 200, 2000} {
		c := newSim(2)
		c.raw = func(at time.Duration) time.Duration { return time.Duration(float64(at) * (1 + ppm/1e6)) }
		for n := range 36000 {
			if _, off := c.next(); n > 100 && (off < -50*ms || off > 80*ms) {
				t.Fatalf("%g ppm, picture %d: %v off", ppm, n, off)
			}
		}
	}
}

func TestClockBearsJumpsOfTheCamera(t *testing.T) {
	for _, jump := range []time.Duration{-time.Hour, -10 * s, -s, 6 * s, time.Hour, 1e6 * time.Hour} {
		c := newSim(3)
		c.raw = func(at time.Duration) time.Duration {
			if at > 30*s {
				return at + jump
			}
			return at
		}
		var last stream.Time
		for n := range 1200 {
			got, off := c.next()
			if n > 100 && (off < -100*ms || off > 600*ms) {
				t.Fatalf("jump of %v, picture %d: %v off", jump, n, off)
			}
			if n > 0 && (got.PTS-last.PTS <= -reorder || got.PTS-last.PTS > 700*ms || got.Anew) {
				t.Fatalf("jump of %v, picture %d: PTS went on by %v", jump, n, got.PTS-last.PTS)
			}
			last = got
		}
	}
}

const reorder = 800 * ms

func TestClockBearsNonsense(t *testing.T) {
	for name, raw := range map[string]func(time.Duration) time.Duration{
		"always the same":     func(time.Duration) time.Duration { return 7 * s },
		"twice too fast":      func(at time.Duration) time.Duration { return 2 * at },
		"half as fast":        func(at time.Duration) time.Duration { return at / 2 },
		"counts the pictures": func(at time.Duration) time.Duration { return at / (100 * ms) * 11 * time.Microsecond },
	} {
		c := newSim(4)
		c.raw = raw
		var last stream.Time
		for n := range 1200 {
			got, off := c.next()
			if n > 300 && (off < 0 || off > 500*ms) {
				t.Fatalf("%s, picture %d: %v off", name, n, off)
			}
			if n > 300 && got.PTS < last.PTS {
				t.Fatalf("%s, picture %d: PTS goes back", name, n)
			}
			last = got
		}
		if !c.clock.Distrusted() {
			t.Errorf("%s: still trusted", name)
		}
	}
}

func TestClockWithBFrames(t *testing.T) {
	c := newSim(5)
	order := []time.Duration{0, 200 * ms, -100 * ms, -100 * ms} // I B B P in order of decoding
	n := 0
	c.raw = func(at time.Duration) time.Duration { n++; return at + order[n%4] }
	for n := range 600 {
		got, _ := c.next()
		want := c.wall(c.at).Add(order[(n+1)%4])
		if off := got.Taken.Sub(want); n > 100 && (off < -220*ms || off > 60*ms || c.clock.Distrusted()) {
			t.Fatalf("picture %d: %v off", n, off)
		}
	}
}

func TestClockWhenTheWallClockIsSet(t *testing.T) {
	for _, c := range []struct {
		jump time.Duration
		anew bool
	}{{500 * ms, false}, {time.Hour, false}, {-500 * ms, false}, {-8 * s, false}, {-time.Hour, true}} {
		m := newSim(6)
		m.wall = func(at time.Duration) time.Time {
			if at > 30*s {
				return noon.Add(at + c.jump)
			}
			return noon.Add(at)
		}
		var last time.Time
		anew := false
		for n := range 6000 {
			got, off := m.next()
			if got.Anew {
				anew = true
			} else if got.Taken.Before(last) {
				t.Fatalf("set by %v, picture %d: %v goes back", c.jump, n, got.Taken)
			}
			last = got.Taken
			if n > 5000 && off.Abs() > 60*ms {
				t.Fatalf("set by %v, picture %d: %v off", c.jump, n, off)
			}
		}
		if anew != c.anew {
			t.Errorf("set by %v: anew %v", c.jump, anew)
		}
	}
}

// TestClockAlways checks what must hold whatever a camera sends: a picture is
// never taken after it arrived.
func TestClockAlways(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c stream.Clock
		local := time.Duration(0)
		for range rapid.IntRange(1, 200).Draw(t, "pictures") {
			local += time.Duration(rapid.Int64Range(0, int64(20*s)).Draw(t, "passed"))
			raw := time.Duration(rapid.Int64Range(-1<<50, 1<<50).Draw(t, "raw"))
			got := c.At(raw, local, noon.Add(local))
			if late := got.Taken.Sub(noon.Add(local)); late > 0 || late < -25*time.Minute {
				t.Fatalf("taken %v after its arrival", late)
			}
		}
	})
}
