package measure_test

import (
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"polity/camera/detect"
	"polity/camera/layout"
	"polity/camera/measure"
	"polity/camera/wire"
)

// street is a view of 800 x 600 pixels in which things move exactly as a test says,
// seen by a detector whose faults the test chooses.
type street struct {
	t      *testing.T
	m      *measure.Measure
	now    time.Time
	frame  int
	things []*thing
	left   []measure.Left
	rand   *rand.Rand
	out    []wire.Message

	every   int     // frames from look to look; 0 is every frame
	missing float64 // share of things that a look fails to find
	tremble float64 // error of a box's edges, pixels
}

// thing is a box of the given height whose foot is where at says, while it does.
type thing struct {
	class detect.Class
	h     float32
	score float32
	at    func(seconds float64) (x, y float64, there bool)
}

const perSecond = 5

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func newStreet(t *testing.T, l layout.Layout, things ...*thing) *street {
	t.Helper()
	m, err := measure.New(measure.DefaultConfig, l)
	if err != nil {
		t.Fatal(err)
	}
	return &street{t: t, m: m, now: noon, things: things, rand: rand.New(rand.NewPCG(1, 2)), every: 1}
}

// run shows so many seconds of the street.
func (s *street) run(seconds float64) *street {
	for range int(seconds * perSecond) {
		s.m.See(s.sight(), s.left)
		s.out = append(s.out, s.m.Take()...)
		s.step()
	}
	return s
}

func (s *street) step() {
	s.frame++
	s.now = s.now.Add(time.Second / perSecond)
}

func (s *street) sight() detect.Sight {
	out := detect.Sight{At: s.now, Stream: 1, Size: image.Pt(800, 600)}
	if s.frame%max(1, s.every) != 0 {
		return out
	}
	out.Looked = []image.Rectangle{image.Rect(0, 0, 800, 600)}
	for _, g := range s.things {
		x, y, there := g.at(float64(s.frame) / perSecond)
		if !there || s.rand.Float64() < s.missing {
			continue
		}
		w := 0.4 * g.h
		if g.class == detect.Vehicle {
			w = 2 * g.h
		}
		shake := func() float32 { return float32(s.rand.NormFloat64() * s.tremble) }
		b := detect.Box{
			Class: g.class, Score: g.score, X0: float32(x) - w/2 + shake(), Y0: float32(y) - g.h + shake(),
			X1: float32(x) + w/2 + shake(), Y1: float32(y) + shake(),
		}
		b.X0, b.Y0, b.X1, b.Y1 = max(0, b.X0), max(0, b.Y0), min(800, b.X1), min(600, b.Y1)
		if b.X1-b.X0 > 4 && b.Y1-b.Y0 > 4 {
			out.Boxes = append(out.Boxes, b)
		}
	}
	return out
}

// walk is a person who goes from one point to another in the time from begin to
// end, seconds.
func walk(x0, y0, x1, y1, begin, end float64) *thing {
	return &thing{class: detect.Person, h: 80, score: 0.7, at: func(t float64) (float64, float64, bool) {
		share := (t - begin) / (end - begin)
		return x0 + share*(x1-x0), y0 + share*(y1-y0), share >= 0 && share <= 1
	}}
}

// drive is a vehicle that does the same.
func drive(x0, y0, x1, y1, begin, end float64) *thing {
	v := walk(x0, y0, x1, y1, begin, end)
	v.class, v.h = detect.Vehicle, 60
	return v
}

// via makes a thing come along a path of points, with seconds at each.
func via(class detect.Class, points ...[3]float64) *thing {
	return &thing{class: class, h: 70, score: 0.7, at: func(t float64) (float64, float64, bool) {
		for i := 1; i < len(points); i++ {
			a, b := points[i-1], points[i]
			if t >= a[2] && t <= b[2] {
				share := (t - a[2]) / (b[2] - a[2])
				return a[0] + share*(b[0]-a[0]), a[1] + share*(b[1]-a[1]), true
			}
		}
		return 0, 0, false
	}}
}

// key is what an observation is stored by.
type key struct {
	metric    wire.Metric
	class     wire.Class
	where     uint8
	direction wire.Direction
	start     time.Time
	length    time.Duration
}

// observations returns what was told, and fails on what may never be: a key twice,
// a message that the wire does not take, a mean above its maximum.
func (s *street) observations() map[key]*wire.Observation {
	s.t.Helper()
	out := map[key]*wire.Observation{}
	for _, m := range s.out {
		if _, err := wire.Parse(wire.Append(nil, m)); err != nil {
			s.t.Fatalf("%+v: %v", m, err)
		}
		o, ok := m.(*wire.Observation)
		if !ok {
			continue
		}
		k := key{o.Metric, o.Class, o.Where, o.Direction, o.Start, o.Length}
		if out[k] != nil {
			s.t.Fatalf("told twice: %+v", k)
		}
		out[k] = o
	}
	for k, o := range out {
		if k.metric != wire.Occupancy && k.metric != wire.Queue {
			continue
		}
		most := k
		most.metric++
		if out[most] == nil || o.Value > out[most].Value+1e-9 {
			s.t.Fatalf("%+v: mean %g over its maximum", k, o.Value)
		}
	}
	return out
}

// value returns an observation's value in the interval that begins at start.
func (s *street) value(metric wire.Metric, class wire.Class, where uint8, d wire.Direction, start time.Time) float64 {
	s.t.Helper()
	o := s.observations()[key{metric, class, where, d, start, time.Minute}]
	if o == nil {
		s.t.Fatalf("no observation of metric %d, class %d at %d from %v", metric, class, where, start)
	}
	return o.Value
}

// total sums the crossings over all intervals.
func (s *street) total(class wire.Class, line uint8, d wire.Direction) (n float64) {
	for k, o := range s.observations() {
		if k.metric == wire.Crossings && k.class == class && k.where == line && k.direction == d {
			n += o.Value
		}
	}
	return n
}

func (s *street) events(kind wire.EventKind) (out []*wire.Event) {
	for _, m := range s.out {
		if e, ok := m.(*wire.Event); ok && e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

func (s *street) close() *street {
	s.out = append(s.out, s.m.Close(s.now)...)
	return s
}

func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }
