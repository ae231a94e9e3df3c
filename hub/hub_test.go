package hub_test

import (
	"bytes"
	"image/jpeg"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/camera/wire"
	"polity/city"
	"polity/console"
	"polity/console/counts"
	"polity/hub"
	"polity/register"
)

func TestCountsArriveOnceThroughRestarts(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enter("square", "edge-1")
	w.start()
	e := w.edge("edge-1")
	for n := range 30 {
		w.keep(e, "square", observed(n), observed(n)) // each twice
	}
	total := func() float64 {
		all := w.counts("square", 60)
		if len(all) == 0 {
			return 0
		}
		return all[0].Points[0].Value
	}
	w.eventually("30 minutes are counted once each", func() bool { return total() == 60 })
	w.stop()
	for n := 20; n < 60; n++ { // ten of them again
		w.keep(e, "square", observed(n))
	}
	w.start()
	w.eventually("an hour is counted once", func() bool { return total() == 120 })
	all := w.counts("square", 60)
	if s := all[0]; len(all) != 1 || s.Where != "line-1" || s.Class != wire.Person || s.Direction != wire.ToRight || s.Metric != wire.Crossings || s.Points[0].Covered != time.Hour {
		t.Errorf("%+v", all)
	}
}

func TestHistogramsSurvive(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enter("square", "edge-1")
	w.start()
	o := observed(0)
	o.Metric, o.Direction, o.Value, o.Histogram = wire.Dwell, 0, 6, [wire.HistogramBins]uint32{1, 2, 3}
	w.keep(w.edge("edge-1"), "square", o)
	w.eventually("it arrives", func() bool { return len(w.counts("square", 60)) == 1 })
	if p := w.counts("square", 60)[0].Points[0]; p.Histogram == nil || p.Histogram[2] != 3 || p.Value != 6 {
		t.Errorf("%+v", p)
	}
}

func TestCameraWithoutEntryWaitsAtTheEdge(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enter("square", "edge-1")
	w.start()
	e := w.edge("edge-1")
	w.keep(e, "harbour", observed(0), place(t, minute, 1, 50, 0, 1))
	w.keep(e, "square", observed(0))
	w.eventually("the other camera's counts arrive", func() bool { return len(w.counts("square", 60)) == 1 })
	if _, err := w.started.City.Place(t.Context(), "harbour", time.Time{}); city.KindOf(err) != city.NotFound {
		t.Errorf("a camera without an entry is shown: %v", err)
	}
	// The hub shows a count before the edge hears that it has it.
	w.eventually("only what has no entry still waits", func() bool {
		stock, err := e.Stock(t.Context())
		return err == nil && stock.Waiting == 1
	})
	if !strings.Contains(w.log.String(), "waits at the edge until it has") {
		t.Errorf("nobody is told: %s", w.log)
	}
	w.enter("harbour", "edge-1")
	w.eventually("with its entry they arrive", func() bool {
		_, err := w.started.City.Place(t.Context(), "harbour", time.Time{})
		return err == nil && len(w.counts("harbour", 60)) == 1
	})
}

func TestEdgeCannotSpeakForAnothersCamera(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enter("square", "edge-1")
	w.start()
	right, wrong := w.edge("edge-1"), w.edge("edge-2")
	forged := observed(0)
	forged.Value = 1000
	w.keep(wrong, "square", forged, &wire.Event{Kind: wire.Crowding, Start: minute}, place(t, minute, 1, 200, 0, 1))
	w.eventually("what the wrong edge sent is gone from it", func() bool {
		stock, err := wrong.Stock(t.Context())
		return err == nil && stock.Waiting == 0
	})
	w.keep(right, "square", observed(0))
	w.eventually("the right edge's count arrives", func() bool { return len(w.counts("square", 60)) == 1 })
	if v := w.counts("square", 60)[0].Points[0].Value; v != 2 {
		t.Errorf("counted %g", v)
	}
	events, err := w.started.City.Events(t.Context(), console.EventQuery{})
	if err != nil || len(events) != 0 {
		t.Errorf("forged events: %v, %v", events, err)
	}
	if _, err := w.started.City.Place(t.Context(), "square", time.Time{}); city.KindOf(err) != city.NotFound {
		t.Errorf("a forged place: %v", err)
	}
}

func TestEventsBeginEndAndStayOne(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enter("square", "edge-1")
	w.start()
	e := w.edge("edge-1")
	begun := &wire.Event{Kind: wire.Crowding, Class: wire.Person, Where: 1, Start: minute, Value: 25, Place: picture(t, 64, 48, 90)}
	ended := *begun
	ended.End, ended.Value, ended.Place = minute.Add(20*time.Minute), 31, nil
	w.keep(e, "square", begun, &ended, begun, &ended) // the beginning comes again after the end
	w.keep(e, "square", &wire.Event{Kind: wire.CameraBlind, Start: minute.Add(time.Hour), Value: 0})
	ask := func(from, to time.Time) []console.Event {
		t.Helper()
		list, err := w.started.City.Events(t.Context(), console.EventQuery{Camera: "square", From: from, To: to})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	w.eventually("both are there", func() bool { return len(ask(minute, minute.Add(2*time.Hour))) == 2 })
	list := ask(minute.Add(-time.Hour), minute.Add(2*time.Hour))
	if list[0].Kind != wire.CameraBlind || !list[0].End.IsZero() || list[0].Place {
		t.Errorf("newest first: %+v", list[0])
	}
	crowd := list[1]
	if crowd.Value != 31 || !crowd.End.Equal(ended.End) || crowd.Where != "zone-1" || !crowd.Place || crowd.Camera != "square" {
		t.Errorf("%+v", crowd)
	}
	if got := ask(minute.Add(10*time.Minute), minute.Add(15*time.Minute)); len(got) != 1 || got[0].ID != crowd.ID {
		t.Errorf("one that began before and goes on: %+v", got)
	}
	if got := ask(minute.Add(20*time.Minute), minute.Add(30*time.Minute)); len(got) != 0 {
		t.Errorf("one that had ended: %+v", got)
	}
	if got := ask(minute.AddDate(0, 0, 3), time.Time{}); len(got) != 1 || got[0].Kind != wire.CameraBlind {
		t.Errorf("one that still goes on: %+v", got)
	}
	if list, err := w.started.City.Events(t.Context(), console.EventQuery{Limit: 1}); err != nil || len(list) != 1 || list[0].Kind != wire.CameraBlind {
		t.Errorf("of all cameras, one: %+v, %v", list, err)
	}
	x, p, err := w.started.City.EventPlace(t.Context(), "square", crowd.ID)
	if err != nil || x.ID != crowd.ID || len(p) == 0 {
		t.Errorf("its picture: %+v, %d bytes, %v", x, len(p), err)
	}
	for _, id := range []string{"", "../../hub/city.db", list[0].ID, "0000000000000-1-1-1", crowd.ID + "/.."} {
		if _, _, err := w.started.City.EventPlace(t.Context(), "square", id); city.KindOf(err) != city.NotFound {
			t.Errorf("picture of %q: %v", id, err)
		}
	}
}

func TestPlaceAtAnyTime(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enter("square", "edge-1")
	w.start()
	e := w.edge("edge-1")
	w.keep(e, "square", place(t, minute, 1, 50, 0, 1), place(t, minute.Add(time.Hour), 2, 200, 0))
	w.eventually("the newest place is there", func() bool {
		p, err := w.started.City.Place(t.Context(), "square", time.Time{})
		return err == nil && p.Sequence == 2
	})
	p, err := w.started.City.Place(t.Context(), "square", minute.Add(time.Minute))
	if err != nil || !p.At.Equal(minute) || p.Width != 32 || p.Height != 16 || len(p.Known) != 1 || p.Known[0] != 0xff {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := jpeg.Decode(bytes.NewReader(p.JPEG)); err != nil {
		t.Error(err)
	}
	if _, err := w.started.City.Place(t.Context(), "square", minute.Add(-time.Minute)); city.KindOf(err) != city.NotFound {
		t.Errorf("before the first: %v", err)
	}
	w.eventually("the list of cameras has the newest", func() bool {
		list, err := w.started.City.Cameras(t.Context())
		return err == nil && len(list) == 1 && list[0].PlaceAt.Equal(minute.Add(time.Hour))
	})
	list, err := w.started.City.Cameras(t.Context())
	if err != nil || len(list) != 1 || list[0].Width != 32 || list[0].Entry.Title != "The square" || list[0].Entry.Threshold != 5 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestWhatIsTakenIsSaid(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.start()
	other := filepath.Join(w.dir, "other")
	for says, change := range map[string]func(*hub.Config){
		"another hub uses the data folder": func(*hub.Config) {},
		"hub.listen":                       func(c *hub.Config) { c.Data, c.Listen = other, strings.TrimPrefix(w.started.Address, "http://") },
		"listens for edges":                func(c *hub.Config) { c.Data, c.Edges.Listen = other, w.started.Edges },
		"is no folder":                     func(c *hub.Config) { c.Register = other + "x" },
		"without encryption":               func(c *hub.Config) { c.Edges.Listen = "0.0.0.0:0" },
		"not an edge's public key":         func(c *hub.Config) { c.Edges.Known = []hub.Known{{Name: "a", Key: "b"}} },
	} {
		cfg := w.cfg
		change(&cfg)
		if err := hub.Run(t.Context(), cfg, hub.Deps{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func TestRetentionRemovesWhatTheEntrySays(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enterKept("square", "edge-1", register.Retention{CountsDays: 60, PlaceDays: 60})
	w.start()
	e := w.edge("edge-1")
	old := time.Now().AddDate(0, 0, -40).UTC().Truncate(time.Minute)
	fresh := time.Now().AddDate(0, 0, -2).UTC().Truncate(time.Minute)
	for i, at := range []time.Time{old, fresh} {
		o := observed(0)
		o.Start = at
		w.keep(e, "square", o, &wire.Event{Kind: wire.Crowding, Start: at, End: at, Place: picture(t, 32, 32, 10)}, place(t, at, uint32(i+1), 50, 0, 1))
	}
	ask := func() (observations, events int, places bool) {
		all, err := w.started.City.Counts(t.Context(), "square", counts.Query{From: old.Truncate(time.Hour), To: time.Now(), Step: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			for _, p := range s.Points {
				if p.Covered > 0 {
					observations++
				}
			}
		}
		list, err := w.started.City.Events(t.Context(), console.EventQuery{Camera: "square"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.started.City.Place(t.Context(), "square", old.Add(time.Minute))
		return observations, len(list), err == nil
	}
	w.eventually("all is there", func() bool { o, n, p := ask(); return o == 2 && n == 2 && p })
	w.eventually("and in the places too", func() bool {
		p, err := w.started.City.Place(t.Context(), "square", time.Time{})
		return err == nil && p.At.Equal(fresh)
	})
	w.stop()
	w.enter("square", "edge-1") // 30 and 7 days
	w.start()                   // removes at once after the start
	w.eventually("the old is gone, the fresh is not", func() bool { o, n, p := ask(); return o == 1 && n == 1 && !p })
	pictures, err := filepath.Glob(filepath.Join(w.cfg.Data, "pictures", "square", "*"))
	if err != nil || len(pictures) != 1 {
		t.Errorf("pictures: %v, %v", pictures, err)
	}
	if _, err := w.started.City.Place(t.Context(), "square", time.Time{}); err != nil {
		t.Error(err)
	}
}
