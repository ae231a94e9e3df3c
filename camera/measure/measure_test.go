package measure_test

import (
	"fmt"
	"image"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/camera/detect"
	"polity/camera/layout"
	"polity/camera/measure"
	"polity/camera/wire"
	"polity/city"
)

// gates are an upright line in the middle, seen from below, and a slanting one that
// ends in the middle of the picture.
var gates = layout.Layout{Revision: 7, Lines: []layout.Line{
	{Name: "middle", From: layout.Point{X: .5, Y: 1}, To: layout.Point{X: .5, Y: 0}},
	{Name: "slope", From: layout.Point{X: .1, Y: .9}, To: layout.Point{X: .5, Y: .5}},
}}

func square(name city.Slug) layout.Zone {
	return layout.Zone{Name: name, Corners: []layout.Point{{X: .25, Y: .25}, {X: .75, Y: .25}, {X: .75, Y: .75}, {X: .25, Y: .75}}}
}

func TestCrossingsByDirection(t *testing.T) {
	for _, c := range []struct {
		name             string
		every            int
		missing, tremble float64
	}{{"perfect", 1, 0, 0}, {"every second frame", 2, 0, 1}, {"every third frame", 3, 0, 2}, {"a tenth missed", 2, 0.1, 2}, {"a fifth missed", 1, 0.2, 2}} {
		t.Run(c.name, func(t *testing.T) {
			s := newStreet(t, gates)
			s.every, s.missing, s.tremble = c.every, c.missing, c.tremble
			for i := range 12 { // eight to the right, four to the left, two at a time
				from, to := 20., 780.
				if i%3 == 2 {
					from, to = to, from
				}
				begin := float64(8 * (i / 2))
				s.things = append(s.things, walk(from, 200+float64(i%2)*250, to, 200+float64(i%2)*250, begin, begin+14))
			}
			s.run(70).close()
			if right, left := s.total(wire.Person, 1, wire.ToRight), s.total(wire.Person, 1, wire.ToLeft); right != 8 || left != 4 {
				t.Errorf("%g to the right and %g to the left, not 8 and 4", right, left)
			}
			if n := s.total(wire.Vehicle, 1, wire.ToRight) + s.total(wire.Bicycle, 1, wire.ToRight); n != 0 {
				t.Errorf("%g vehicles among people", n)
			}
		})
	}
}

func TestFastTrafficIsCounted(t *testing.T) {
	s := newStreet(t, gates)
	s.every, s.tremble = 2, 1
	for i := range 20 { // 3.75 lengths a second, a second apart in one lane; slower ones the other way
		fast := drive(0, 300, 800, 300, float64(i), float64(i)+800./150)
		slow := drive(800, 450, 0, 450, 3*float64(i), 3*float64(i)+800./60)
		fast.h, slow.h = 20, 20
		s.things = append(s.things, fast, slow)
	}
	s.run(85).close()
	if r, l := s.total(wire.Vehicle, 1, wire.ToRight), s.total(wire.Vehicle, 1, wire.ToLeft); r != 20 || l != 20 {
		t.Errorf("%g to the right and %g to the left of 20 each", r, l)
	}
}

func TestCrossingNeedsTheLineItself(t *testing.T) {
	s := newStreet(t, gates,
		walk(300, 590, 100, 400, 0, 12),  // over the slope, from its right to its left
		walk(790, 350, 700, 100, 15, 27), // past its end, nowhere near
		walk(620, 120, 200, 120, 30, 42), // past its end and over the middle, to the left
	)
	s.run(50).close()
	if l, r := s.total(wire.Person, 2, wire.ToLeft), s.total(wire.Person, 2, wire.ToRight); l+r != 1 {
		t.Errorf("slope: %g left, %g right; one person crossed it", l, r)
	}
	if l, r := s.total(wire.Person, 1, wire.ToLeft), s.total(wire.Person, 1, wire.ToRight); l != 1 || r != 0 {
		t.Errorf("middle: %g left, %g right; one crossed it to the left", l, r)
	}
}

func TestStandingOnALineCrossesItOnce(t *testing.T) {
	s := newStreet(t, gates, via(detect.Person, [3]float64{200, 300, 0}, [3]float64{398, 300, 8}, [3]float64{402, 300, 30}, [3]float64{398, 300, 45}, [3]float64{600, 300, 53}))
	s.tremble = 3
	s.run(60).close()
	if l, r := s.total(wire.Person, 1, wire.ToLeft), s.total(wire.Person, 1, wire.ToRight); l != 0 || r != 1 {
		t.Errorf("%g left, %g right", l, r)
	}
}

func TestOccupancyAndIntervals(t *testing.T) {
	l := layout.Layout{Revision: 3, Zones: []layout.Zone{square("square")}}
	s := newStreet(t, l,
		via(detect.Person, [3]float64{20, 300, 0}, [3]float64{400, 300, 8}, [3]float64{400, 300, 100}, [3]float64{780, 300, 108}),
		via(detect.Person, [3]float64{20, 200, 60}, [3]float64{400, 200, 68}, [3]float64{400, 200, 140}, [3]float64{780, 200, 148}),
	)
	s.every, s.tremble = 2, 1
	s.run(185).close()
	second := noon.Add(time.Minute)
	if v := s.value(wire.Occupancy, wire.Person, 0, 0, second); math.Abs(v-(108-60+59)/60.) > 0.06 {
		t.Errorf("in view in the second minute: %g", v)
	}
	if v := s.value(wire.OccupancyMax, wire.Person, 0, 0, second); v != 2 {
		t.Errorf("at most: %g", v)
	}
	// In the zone from x=200: the first 3.8 s after the start until 4.2 s before the end.
	if v := s.value(wire.Occupancy, wire.Person, 1, 0, noon); math.Abs(v-(60-3.8)/60) > 0.03 {
		t.Errorf("in the zone in the first minute: %g", v)
	}
	if v := s.value(wire.Occupancy, wire.Vehicle, 1, 0, noon); v != 0 {
		t.Errorf("vehicles: %g", v)
	}
	for k, o := range s.observations() {
		whole := o.Start.Add(time.Minute).Before(s.now)
		if o.Layout != 3 || !o.Start.Equal(o.Start.Truncate(time.Minute)) || whole && o.Length != time.Minute {
			t.Errorf("%+v: layout %d, length %v", k, o.Layout, o.Length)
		}
		if whole && o.Start.After(noon) && o.Covered != time.Minute {
			t.Errorf("%+v: covered %v of an unbroken minute", k, o.Covered)
		}
	}
}

func TestCoveredIsHonestAfterGaps(t *testing.T) {
	s := newStreet(t, layout.Layout{}, via(detect.Person, [3]float64{100, 300, 0}, [3]float64{600, 300, 200}))
	s.run(30)
	s.now, s.frame = s.now.Add(80*time.Second), s.frame+80*perSecond // nothing comes: the rest of this minute and most of the next
	s.run(20)
	for range 10 * perSecond { // frames come, and no detector
		s.m.Miss(s.now)
		s.out = append(s.out, s.m.Take()...)
		s.step()
	}
	s.run(55)
	covered := map[time.Time]time.Duration{}
	for k, o := range s.observations() {
		covered[k.start] = o.Covered
	}
	for start, want := range map[time.Time]float64{at(0): 30, at(60): 10, at(120): 50} {
		if got := covered[start].Seconds(); math.Abs(got-want) > 0.6 {
			t.Errorf("minute from %v: covered %.1f s, want %.1f", start, got, want)
		}
	}
	if v := s.value(wire.OccupancyMax, wire.Person, 0, 0, at(60)); v > 1 {
		t.Errorf("after the gap: %g things, there is one", v)
	}
	s = newStreet(t, layout.Layout{}).run(5)
	s.now = s.now.Add(3 * time.Minute)
	s.run(70)
	if starts := len(s.starts()); starts != 2 {
		t.Errorf("minutes of which nothing was seen are told: %v", s.starts())
	}
}

func (s *street) starts() map[time.Time]bool {
	out := map[time.Time]bool{}
	for k := range s.observations() {
		out[k.start] = true
	}
	return out
}

func TestClockThatJumps(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": time.Hour, "back a little": -20 * time.Second, "back over a minute": -100 * time.Second, "far back": -48 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := newStreet(t, gates, via(detect.Person, [3]float64{100, 300, 0}, [3]float64{600, 300, 500}))
			s.run(130)
			s.now = s.now.Add(jump)
			s.run(200).close()
			covered := time.Duration(0)
			for k, o := range s.observations() { // also fails on a key told twice
				if k.metric == wire.Occupancy && k.class == wire.Person && k.where == 0 {
					covered += o.Covered
					if o.Value > 1.01 {
						t.Errorf("from %v: %g things, there is one", k.start, o.Value)
					}
				}
			}
			least := 325 * time.Second
			if jump < 0 && jump > -time.Hour {
				least += jump - time.Second
			}
			if covered < least {
				t.Errorf("covered %v of 330 s", covered)
			}
		})
	}
}

func TestDwellIsToldOfManyOnly(t *testing.T) {
	l := layout.Layout{Zones: []layout.Zone{square("square")}}
	s := newStreet(t, l)
	for i := range 7 { // each stays about 12 s in the zone's 400 pixels
		y := 180 + 40*float64(i)
		s.things = append(s.things, walk(20, y, 780, y, float64(9*i), float64(9*i)+22.8))
	}
	s.run(58)
	for k := range s.observations() {
		if k.metric == wire.Dwell {
			t.Fatal("a histogram of fewer than five people")
		}
	}
	s.run(70)
	n := 0.0
	for k, o := range s.observations() {
		if k.metric == wire.Dwell && k.class == wire.Person {
			n += o.Value
			if o.Value < 5 || o.Histogram[2] != uint32(o.Value) { // 10 to 20 s
				t.Errorf("a histogram %v of %g", o.Histogram, o.Value)
			}
		}
	}
	if n < 5 || n > 7 {
		t.Errorf("%g of 7 stayed", n)
	}
}

// road is a ground on which a pixel is a tenth of a metre.
var road = &layout.Ground{
	Picture: [4]layout.Point{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}, {X: 0, Y: 1}},
	Metres:  [4]layout.Metres{{X: 0, Y: 60}, {X: 80, Y: 60}, {X: 80, Y: 0}, {X: 0, Y: 0}},
}

func TestSpeedDensityAndQueueOnTheGround(t *testing.T) {
	l := layout.Layout{Zones: []layout.Zone{square("square")}, Ground: road}
	s := newStreet(t, l)
	for i := range 6 { // 80 m in 8 s are 36 km/h
		s.things = append(s.things, drive(0, 400, 800, 400, float64(9*i), float64(9*i)+8))
	}
	s.tremble = 1
	s.run(62)
	o := s.observations()[key{wire.Speed, wire.Vehicle, 1, 0, noon, time.Minute}]
	if o == nil || o.Histogram[4] != uint32(o.Value) || o.Value < 5 {
		t.Errorf("speeds: %+v, all are between 30 and 40 km/h", o)
	}
	s = newStreet(t, l,
		via(detect.Vehicle, [3]float64{20, 400, 0}, [3]float64{500, 400, 6}, [3]float64{500, 400, 46}, [3]float64{780, 400, 50}),
		via(detect.Vehicle, [3]float64{20, 400, 5}, [3]float64{300, 400, 10}, [3]float64{300, 400, 47}, [3]float64{780, 400, 53}),
		via(detect.Person, [3]float64{400, 250, 0}, [3]float64{420, 250, 30}, [3]float64{400, 250, 61}),
	)
	s.run(62)
	if v := s.value(wire.QueueMax, wire.Vehicle, 1, 0, noon); v != 2 {
		t.Errorf("longest queue %g", v)
	}
	if v := s.value(wire.Queue, wire.Vehicle, 1, 0, noon); math.Abs(v-((46-9)+(47-13))/60.) > 0.1 {
		t.Errorf("mean queue %g", v)
	}
	if v := s.value(wire.Density, wire.Person, 1, 0, noon); math.Abs(v-1/(40.*30)) > 2e-4 {
		t.Errorf("density %g", v)
	}
}

func TestALayoutThatChangesCutsTheInterval(t *testing.T) {
	s := newStreet(t, layout.Layout{Revision: 1, Zones: []layout.Zone{square("square")}}, via(detect.Person, [3]float64{300, 300, 0}, [3]float64{500, 300, 60}))
	s.run(20)
	if err := s.m.SetLayout(layout.Layout{Revision: 2, Zones: []layout.Zone{{Name: "line"}}}, s.now); err == nil {
		t.Fatal("took a zone without corners")
	}
	if err := s.m.SetLayout(layout.Layout{Revision: 2}, s.now); err != nil {
		t.Fatal(err)
	}
	s.run(60)
	spans := map[uint32]time.Duration{}
	for k, o := range s.observations() {
		if k.metric == wire.Occupancy && k.class == wire.Person && k.where == 0 && k.start.Before(at(60)) {
			spans[o.Layout] += o.Length
			if o.Value < 0.5 {
				t.Errorf("layout %d: %g persons; one walks there", o.Layout, o.Value)
			}
		}
	}
	if spans[1] != 20*time.Second || spans[2] != 40*time.Second {
		t.Errorf("%v by layout", spans)
	}
}

func TestARiderIsABicycle(t *testing.T) {
	bicycle := walk(0, 300, 780, 300, 0, 10)
	bicycle.class, bicycle.h = detect.Bicycle, 45
	rider := walk(0, 285, 780, 285, 0, 10)
	s := newStreet(t, gates, bicycle, rider)
	s.run(15).close()
	if n := s.total(wire.Person, 1, wire.ToRight); n != 0 {
		t.Errorf("the rider counts as %g persons", n)
	}
	if n := s.total(wire.Bicycle, 1, wire.ToRight); n != 1 {
		t.Errorf("%g bicycles", n)
	}
}

func TestAPostIsNobody(t *testing.T) {
	post := &thing{class: detect.Person, h: 90, score: 0.5, at: func(float64) (float64, float64, bool) { return 400, 300, true }}
	s := newStreet(t, gates, post, walk(100, 310, 700, 310, 30, 45), walk(700, 320, 100, 320, 60, 75))
	s.tremble = 2
	s.run(100).close()
	if v := s.value(wire.Occupancy, wire.Person, 0, 0, noon); v > 15.5/60+0.03 {
		t.Errorf("%g persons: somebody crossed in a quarter of a minute, and there is a post", v)
	}
	if r, l := s.total(wire.Person, 1, wire.ToRight), s.total(wire.Person, 1, wire.ToLeft); r != 1 || l != 1 {
		t.Errorf("%g right, %g left past the post", r, l)
	}
	sure := &thing{class: detect.Person, h: 90, score: 0.8, at: func(float64) (float64, float64, bool) { return 400, 300, true }}
	s = newStreet(t, gates, sure)
	s.tremble = 2
	s.run(70)
	if v := s.value(wire.Occupancy, wire.Person, 0, 0, noon); v < 0.95 {
		t.Errorf("someone who plainly stands there counts as %g", v)
	}
}

func TestAnimalsAreNotTold(t *testing.T) {
	dog := walk(20, 300, 780, 300, 0, 10)
	dog.class, dog.h = detect.Animal, 40
	s := newStreet(t, gates, dog)
	s.run(5)
	if marks := s.m.Marks(s.now); len(marks.Marks) != 0 || s.m.Counts() != [4]int{} {
		t.Errorf("%+v", marks)
	}
}

func TestMarksAreCoarse(t *testing.T) {
	s := newStreet(t, layout.Layout{}, walk(100, 300, 420, 300, 0, 8), drive(700, 500, 300, 500, 0, 8))
	s.run(4)
	marks := s.m.Marks(s.now)
	if len(marks.Marks) != 2 || marks.Grid != wire.Pixels16 || marks.Marks[0].Class != wire.Person || marks.Marks[0].Row != 300/16 {
		t.Errorf("%+v", marks)
	}
	if _, err := wire.Parse(wire.Append(nil, marks)); err != nil {
		t.Error(err)
	}
	s = newStreet(t, layout.Layout{Ground: road}, walk(100, 300, 420, 300, 0, 8))
	s.run(4)
	marks = s.m.Marks(s.now)
	x := (float64(marks.Marks[0].Column) * 0.5) - 250
	y := (float64(marks.Marks[0].Row) * 0.5) - 250
	if marks.Grid != wire.HalfMetres || math.Abs(x-25.2) > 1.5 || math.Abs(y-30) > 1 {
		t.Errorf("%+v is at %g, %g", marks, x, y)
	}
}

func TestAnyCrowdIsBorne(t *testing.T) {
	l := layout.Layout{Lines: gates.Lines}
	for i := range layout.MaxZones {
		z := square(city.Slug(fmt.Sprintf("zone-%d", i)))
		z.Crowd, z.KeepEmpty, z.NoStop, z.NoObjects = 1, true, true, true
		l.Zones = append(l.Zones, z)
	}
	s := newStreet(t, l)
	for i := range 400 {
		s.things = append(s.things, walk(float64(7*i%800), float64(13*i%600), float64(11*i%800), float64(17*i%600), 0, 20))
	}
	s.tremble = 5
	s.run(4).close()
	s.observations()
	if n := s.m.Counts()[wire.Person]; n != 0 {
		t.Errorf("%d after closing", n)
	}
}

// Whoever walks, however badly they are seen: means stay under maxima, those under
// the number of walkers, and over a line from edge to edge nobody crosses more often
// to one side than to the other but once.
func TestCountsAreBoundedAndCrossingsConserved(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := gates
		l.Zones = []layout.Zone{square("square")}
		n := rapid.IntRange(0, 4).Draw(r, "walkers")
		s := newStreet(t, l)
		s.every, s.tremble = rapid.IntRange(1, 3).Draw(r, "every"), rapid.Float64Range(0, 3).Draw(r, "tremble")
		for i := range n { // a lane each
			y := 120 + 130*float64(i)
			x := func(label string) float64 { return rapid.Float64Range(60, 740).Draw(r, label) }
			begin := rapid.Float64Range(0, 20).Draw(r, "begin")
			turn := x("b") // where they stop for two seconds
			s.things = append(s.things, via(detect.Person, [3]float64{x("a"), y, begin}, [3]float64{turn, y, begin + 18}, [3]float64{turn, y, begin + 20}, [3]float64{x("c"), y, begin + 38}))
		}
		s.run(62).close()
		for k, o := range s.observations() {
			if o.Covered > o.Length || o.Value < 0 || (k.metric == wire.OccupancyMax && o.Value > float64(n)) {
				r.Fatalf("%+v: %+v with %d walkers", k, o, n)
			}
		}
		right, left := s.total(wire.Person, 1, wire.ToRight), s.total(wire.Person, 1, wire.ToLeft)
		if math.Abs(right-left) > float64(n) || right+left > 2*float64(n) {
			r.Fatalf("%g right, %g left by %d walkers who turn once", right, left, n)
		}
	})
}

func TestNothingComesOfNothing(t *testing.T) {
	s := newStreet(t, layout.Layout{})
	s.m.See(detect.Sight{}, nil)
	s.m.Miss(time.Time{})
	if out := append(s.m.Take(), s.m.Close(time.Time{})...); len(out) != 0 || len(s.m.Expected()) != 0 {
		t.Errorf("%v", out)
	}
	s.run(61)
	if v := s.value(wire.Occupancy, wire.Person, 0, 0, noon); v != 0 {
		t.Errorf("an empty street has %g persons", v)
	}
	s.m.See(detect.Sight{At: s.now, Stream: 2, Size: image.Pt(640, 480)}, nil)
}

func TestConfigIsChecked(t *testing.T) {
	for name, spoil := range map[string]func(*measure.Config){
		"interval": func(c *measure.Config) { c.Interval = 7 * time.Second },
		"scores":   func(c *measure.Config) { c.Tracking.Begin = 0.9 },
		"proof":    func(c *measure.Config) { c.Tracking.Proof = 0 },
		"events":   func(c *measure.Config) { c.Events.Over = -1 },
	} {
		c := measure.DefaultConfig
		spoil(&c)
		if _, err := measure.New(c, layout.Layout{}); err == nil {
			t.Errorf("%s: passed", name)
		}
	}
	if _, err := measure.New(measure.DefaultConfig, layout.Layout{Zones: make([]layout.Zone, 1)}); err == nil {
		t.Error("a bad layout passed")
	}
}
