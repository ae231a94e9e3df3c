package measure_test

import (
	"image"
	"testing"
	"time"

	"polity/camera/detect"
	"polity/camera/layout"
	"polity/camera/measure"
	"polity/camera/wire"
)

// one checks that an event of that kind started and ended once, at about those
// seconds, and returns its end.
func (s *street) one(kind wire.EventKind, class wire.Class, start, end float64) *wire.Event {
	s.t.Helper()
	got := s.events(kind)
	if len(got) != 2 || !got[0].End.IsZero() || got[1].End.IsZero() || !got[0].Start.Equal(got[1].Start) {
		s.t.Fatalf("events of kind %d: %+v", kind, got)
	}
	near := func(a time.Time, seconds float64) bool { d := a.Sub(at(seconds)).Seconds(); return d > -1.5 && d < 1.5 }
	if !near(got[1].Start, start) || !near(got[1].End, end) || got[1].Class != class || got[1].Where != 1 {
		s.t.Fatalf("event of kind %d, class %d at %d from %v to %v, want from %g s to %g s", kind, got[1].Class, got[1].Where, got[1].Start, got[1].End, start, end)
	}
	if _, err := wire.Parse(wire.Append(nil, got[1])); err != nil {
		s.t.Fatal(err)
	}
	return got[1]
}

func zone(set func(*layout.Zone)) layout.Layout {
	z := square("square")
	set(&z)
	return layout.Layout{Revision: 4, Zones: []layout.Zone{z}}
}

func TestCrowding(t *testing.T) {
	s := newStreet(t, zone(func(z *layout.Zone) { z.Crowd = 4 }))
	for i := range 4 {
		y := 200 + 75*float64(i)
		s.things = append(s.things, via(detect.Person, [3]float64{20, y, 0}, [3]float64{400, y, 8}, [3]float64{400, y, 40 + float64(i)}, [3]float64{780, y, 48 + float64(i)}))
	}
	if e := s.run(80).one(wire.Crowding, wire.Person, 4, 45); e.Value != 4 || e.Layout != 4 {
		t.Errorf("%+v", e)
	}
	s = newStreet(t, zone(func(z *layout.Zone) { z.Crowd = 2 }), walk(20, 300, 780, 300, 0, 16))
	if got := s.run(30).events(wire.Crowding); len(got) != 0 {
		t.Errorf("one person is a crowd: %+v", got)
	}
}

func TestIntrusion(t *testing.T) {
	s := newStreet(t, zone(func(z *layout.Zone) { z.KeepEmpty = true }), walk(20, 300, 780, 300, 0, 16))
	s.run(40).one(wire.Intrusion, wire.AnyClass, 4, 12.3)
}

func TestIntrusionIsOneEventThoughTheDetectorBlinks(t *testing.T) {
	s := newStreet(t, zone(func(z *layout.Zone) { z.KeepEmpty = true }), via(detect.Person, [3]float64{20, 300, 0}, [3]float64{400, 300, 8}, [3]float64{500, 300, 40}, [3]float64{780, 300, 46}))
	s.missing, s.every = 0.3, 2
	s.run(70).one(wire.Intrusion, wire.AnyClass, 4, 43)
}

func TestStoppedVehicle(t *testing.T) {
	l := zone(func(z *layout.Zone) { z.NoStop = true })
	s := newStreet(t, l, via(detect.Vehicle, [3]float64{20, 400, 0}, [3]float64{400, 400, 5}, [3]float64{400, 400, 45}, [3]float64{780, 400, 50}))
	s.tremble = 1
	if e := s.run(75).one(wire.Stopped, wire.Vehicle, 5, 46); e.Value < 38 {
		t.Errorf("stood for %g s", e.Value)
	}
	s = newStreet(t, l, via(detect.Vehicle, [3]float64{20, 400, 0}, [3]float64{400, 400, 5}, [3]float64{400, 400, 12}, [3]float64{780, 400, 17}))
	if got := s.run(30).events(wire.Stopped); len(got) != 0 {
		t.Errorf("a short halt: %+v", got)
	}
}

func TestObjectLeftAndObstruction(t *testing.T) {
	s := newStreet(t, zone(func(z *layout.Zone) { z.NoObjects, z.NoStop = true, true }))
	s.run(10)
	s.left = []measure.Left{
		{Box: image.Rect(390, 280, 420, 310), Since: s.now},
		{Box: image.Rect(10, 10, 30, 30), Since: s.now.Add(-time.Hour)}, // outside the zone
	}
	s.run(60)
	s.left = nil
	s.run(20)
	if e := s.one(wire.ObjectLeft, wire.AnyClass, 10, 70); e.Value < 58 || e.Value > 61 {
		t.Errorf("stood for %g s", e.Value)
	}
	s.one(wire.Stopped, wire.AnyClass, 10, 70)
}

func TestWrongWay(t *testing.T) {
	l := gates
	l.Lines = []layout.Line{{Name: "street", From: layout.Point{X: .5, Y: 1}, To: layout.Point{X: .5, Y: 0}, OneWay: "right"}}
	s := newStreet(t, l,
		drive(0, 300, 800, 300, 0, 8), walk(700, 200, 100, 200, 0, 14), // allowed, and a person
		drive(800, 450, 0, 450, 20, 28),
	)
	if e := s.run(60).one(wire.WrongWay, wire.Vehicle, 24.5, 24.5); e.Value != 1 {
		t.Errorf("%+v", e)
	}
}

func TestEventsEndWithWhatIsKnown(t *testing.T) {
	l := zone(func(z *layout.Zone) { z.KeepEmpty = true })
	stays := via(detect.Person, [3]float64{20, 300, 0}, [3]float64{400, 300, 8}, [3]float64{400, 300, 600})
	s := newStreet(t, l, stays)
	s.run(20)
	for range 90 * perSecond { // the detector is gone
		s.m.Miss(s.now)
		s.out = append(s.out, s.m.Take()...)
		s.step()
	}
	s.one(wire.Intrusion, wire.AnyClass, 4, 20)
	s = newStreet(t, l, stays)
	s.run(20)
	if err := s.m.SetLayout(layout.Layout{Revision: 5}, s.now); err != nil {
		t.Fatal(err)
	}
	s.run(5).one(wire.Intrusion, wire.AnyClass, 4, 20)
	newStreet(t, l, stays).run(20).close().one(wire.Intrusion, wire.AnyClass, 4, 20)
}
