package hub_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"polity/camera/layout"
	"polity/camera/uplink"
	"polity/camera/wire"
	"polity/city"
	"polity/console"
	"polity/console/counts"
	"polity/hub"
	"polity/register"
	"polity/spine"
)

// town is a hub in this program, with edges played by the test.
type town struct {
	t       *testing.T
	dir     string
	cfg     hub.Config
	signer  note.Signer
	started hub.Started
	stop    func()
	log     *logBuffer
	seeds   map[city.Slug]string
}

type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{t: t, dir: t.TempDir(), log: &logBuffer{}, seeds: map[city.Slug]string{}}
	private, public, err := register.NewKey("city.example/cameras")
	if err != nil {
		t.Fatal(err)
	}
	if w.signer, err = register.ReadKey([]byte(private), nil); err != nil {
		t.Fatal(err)
	}
	w.cfg = hub.Config{
		City: "Town", Zone: "Europe/Helsinki", Data: filepath.Join(w.dir, "hub"), Listen: "127.0.0.1:0", CityKeys: []string{public},
		Register: filepath.Join(w.dir, "register"), Edges: hub.Edges{Listen: "127.0.0.1:0"},
	}
	for _, name := range []city.Slug{"edge-1", "edge-2"} {
		seed, key, err := spine.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		w.seeds[name] = seed
		w.cfg.Edges.Known = append(w.cfg.Edges.Known, hub.Known{Name: name, Key: key})
	}
	if err := os.Mkdir(w.cfg.Register, 0o700); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *town) enter(camera, edge city.Slug) {
	w.t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	b, err := register.Sign(register.Entry{
		Camera: camera, Edge: edge, Title: "The " + string(camera), Purpose: "Counting.", View: register.View{Words: "It.", Lon: 24.9, Lat: 60.1, Field: 60, Reach: 50},
		Body: "City", Decision: register.Decision{Reference: "D 1", On: "2020-01-01"}, Retention: register.Retention{CountsDays: 30, PlaceDays: 7},
		Public: register.Public{DelayMinutes: 10, Threshold: 5}, Events: []string{"crowding"}, CrowdAtLeast: 20,
		From: now.Add(-time.Hour), Until: now.Add(1000 * time.Hour),
	}, w.signer)
	if err == nil {
		err = os.WriteFile(filepath.Join(w.cfg.Register, string(camera)+".entry"), b, 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) start() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan hub.Started, 1), make(chan error, 1)
	go func() {
		done <- hub.Run(ctx, w.cfg, hub.Deps{Log: slog.New(slog.NewTextHandler(w.log, nil)), Ready: func(s hub.Started) { ready <- s }})
	}()
	select {
	case w.started = <-ready:
	case err := <-done:
		w.t.Fatalf("the hub did not start: %v", err)
	}
	w.cfg.Edges.Listen = w.started.Edges // the same after a restart
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the hub ended: %v", err)
		}
	})
	w.t.Cleanup(w.stop)
}

// edge is one played by the test.
func (w *town) edge(name city.Slug) *spine.Edge {
	w.t.Helper()
	e, err := spine.StartEdge(spine.EdgeConfig{
		Name: name, Data: filepath.Join(w.dir, string(name)), Hub: "nats-leaf://" + w.started.Edges, Seed: w.seeds[name], Check: uplink.Check, MaxStore: 64 << 20, KeepFree: 1 << 20,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(e.Close)
	return e
}

func (w *town) eventually(what string, condition func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within 30 s: %s\n%s", what, w.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *town) keep(e *spine.Edge, camera city.Slug, messages ...wire.Message) {
	w.t.Helper()
	for _, m := range messages {
		c := spine.Observation
		switch m.(type) {
		case *wire.Event:
			c = spine.Event
		case *wire.Place:
			c = spine.Archive
		}
		if err := e.Keep(w.t.Context(), c, camera, wire.Append(nil, m)); err != nil {
			w.t.Fatal(err)
		}
	}
}

var minute = time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)

func observed(n int) *wire.Observation {
	return &wire.Observation{Metric: wire.Crossings, Class: wire.Person, Where: 1, Direction: wire.ToRight, Start: minute.Add(time.Duration(n) * time.Minute), Length: time.Minute, Covered: time.Minute, Value: 2}
}

func (w *town) counts(camera city.Slug, minutes int) []counts.Series {
	w.t.Helper()
	all, err := w.started.City.Counts(w.t.Context(), camera, counts.Query{From: minute, To: minute.Add(time.Duration(minutes) * time.Minute), Step: time.Duration(minutes) * time.Minute})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func picture(t *testing.T, width, height int, shade uint8) wire.Picture {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = shade
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func place(t *testing.T, at time.Time, sequence uint32, shade uint8, tiles ...uint16) *wire.Place {
	p := &wire.Place{At: at, Sequence: sequence, Width: 32, Height: 16, Whole: len(tiles) == 2, Tiles: tiles, Atlas: picture(t, 16*len(tiles), 16, shade)}
	for range tiles {
		p.Known = append(p.Known, 0xf)
	}
	return p
}

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
	if stock, err := e.Stock(t.Context()); err != nil || stock.Waiting != 1 {
		t.Errorf("%+v, %v", stock, err)
	}
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

// report plays what an edge says of itself, until the test ends.
func (w *town) report(e *spine.Edge, camera city.Slug, revision func() uint32) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			now := time.Now()
			_ = e.Tell(spine.EdgeState, "", uplink.Encode(uplink.EdgeState{At: now.UnixMilli(), Cameras: 1, Running: 1, Waiting: 3, Version: [3]uint16{1, 2, 3}}))
			_ = e.Tell(spine.CameraState, camera, uplink.Encode(uplink.CameraState{At: now.UnixMilli(), Layout: revision(), Running: 1}))
			_ = e.Tell(spine.LiveState, camera, wire.Append(nil, &wire.State{At: now, Condition: wire.Live, PerSecond: 5, Wanted: 5}))
			time.Sleep(50 * time.Millisecond)
		}
	})
	w.t.Cleanup(func() { cancel(); done.Wait() })
}

func (w *town) connected(name city.Slug) bool {
	list, err := w.started.City.Edges(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range list {
		if e.Name == name {
			return e.Connected
		}
	}
	return false
}

func TestLayoutsGoDownAndNameTheCounts(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enter("square", "edge-1")
	w.start()
	triangle := []layout.Point{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}}
	drawn := layout.Layout{Zones: []layout.Zone{{Name: "plaza", Corners: triangle}}, Lines: []layout.Line{{Name: "north", To: layout.Point{X: 1, Y: 1}}}}
	set := func(l layout.Layout) (layout.Layout, error) {
		return w.started.City.SetLayout(t.Context(), "square", l)
	}
	if _, err := set(drawn); city.KindOf(err) != city.Unavailable {
		t.Errorf("without the edge: %v", err)
	}
	e := w.edge("edge-1")
	var mu sync.Mutex
	revision, refuse := uint32(0), uplink.Result(0)
	w.report(e, "square", func() uint32 { mu.Lock(); defer mu.Unlock(); return revision })
	if err := e.Serve(spine.Layout, func(_ city.Slug, body []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		l, err := uplink.DecodeLayout(body)
		if err != nil {
			t.Error(err)
		}
		if refuse != 0 {
			return uplink.Encode(uplink.LayoutAnswer{Result: refuse, Number: 1, Revision: revision})
		}
		revision = l.Revision
		return uplink.Encode(uplink.LayoutAnswer{Result: uplink.Taken, Revision: revision})
	}); err != nil {
		t.Fatal(err)
	}
	w.eventually("the edge is connected", func() bool { return w.connected("edge-1") })
	got, err := set(drawn)
	if err != nil || got.Revision != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := set(drawn); city.KindOf(err) != city.Conflict {
		t.Errorf("drawn on an old layout: %v", err)
	}
	bad := got
	bad.Zones = []layout.Zone{{Name: "a"}}
	if _, err := set(bad); city.KindOf(err) != city.Invalid {
		t.Errorf("a zone without area: %v", err)
	}
	for result, kind := range map[uplink.Result]city.Kind{
		uplink.CrowdTooSmall: city.Invalid, uplink.NotAllowed: city.Invalid, uplink.NotStored: city.Unavailable, uplink.Stale: city.Conflict, uplink.NoCamera: city.NotFound,
	} {
		mu.Lock()
		refuse = result
		mu.Unlock()
		if _, err := set(got); city.KindOf(err) != kind {
			t.Errorf("refused as %d: %v", result, err)
		}
	}
	mu.Lock()
	refuse = 0
	mu.Unlock()
	again, err := set(got)
	if err != nil || again.Revision <= got.Revision {
		t.Errorf("after refusals: %+v, %v", again, err)
	}

	o, line := observed(0), observed(1)
	o.Metric, o.Layout = wire.Occupancy, got.Revision
	line.Layout = again.Revision
	event := &wire.Event{Kind: wire.Crowding, Where: 1, Layout: got.Revision, Start: minute}
	w.keep(e, "square", o, line, event)
	w.eventually("the counts arrive", func() bool { return len(w.counts("square", 60)) == 2 })
	if all := w.counts("square", 60); all[0].Where != "plaza" || all[1].Where != "north" {
		t.Errorf("%v and %v", all[0].Where, all[1].Where)
	}
	w.eventually("the event is named", func() bool {
		list, err := w.started.City.Events(t.Context(), console.EventQuery{Camera: "square"})
		return err == nil && len(list) == 1 && list[0].Where == "plaza"
	})

	// The hub knows it still after a restart, also before the edge says anything.
	w.stop()
	w.start()
	l, err := w.started.City.Layout(t.Context(), "square")
	if err != nil || l.Revision != again.Revision || len(l.Zones) != 1 {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestWatchShowsAScenePixelsOnly(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enter("square", "edge-1")
	w.start()
	e := w.edge("edge-1")
	w.report(e, "square", func() uint32 { return 0 })
	var mu sync.Mutex
	var leases, wholes int
	secret := []byte("hidden in a comment")
	send := func(p *wire.Place) {
		p.Atlas = append(append(wire.Picture{0xff, 0xd8, 0xff, 0xfe, 0, byte(len(secret) + 2)}, secret...), p.Atlas[2:]...)
		if err := e.Tell(spine.LivePlace, "square", wire.Append(nil, p)); err != nil {
			t.Error(err)
		}
	}
	if err := e.Serve(spine.Watch, func(_ city.Slug, body []byte) []byte {
		l, err := uplink.DecodeWatch(body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if leases++; l.Whole == 1 {
			wholes++
			send(place(t, minute, 7, 50, 0)) // tiles before the whole: of no use
			send(place(t, minute, 8, 50, 0, 1))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w.eventually("the edge is connected", func() bool { return w.connected("edge-1") })
	if err := w.started.City.Watch(t.Context(), "nowhere", nil); city.KindOf(err) != city.NotFound {
		t.Errorf("an unknown camera: %v", err)
	}
	var got []wire.Message
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		err := w.started.City.Watch(ctx, "square", func(m wire.Message) { mu.Lock(); got = append(got, m); mu.Unlock() })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("watch: %v", err)
		}
	})
	places := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range got {
			if p, ok := m.(*wire.Place); ok {
				n++
				if n == 1 && !p.Whole {
					t.Error("the first place is not whole")
				}
				if bytes.Contains(p.Atlas, secret) {
					t.Error("foreign bytes passed")
				}
			}
		}
		return n
	}
	w.eventually("the whole place comes", func() bool { return places() == 1 })
	mu.Lock()
	if _, ok := got[0].(*wire.State); !ok {
		t.Errorf("first comes a %T", got[0])
	}
	mu.Unlock()
	send(place(t, minute.Add(time.Second), 9, 90, 1))
	w.eventually("a change comes", func() bool { return places() == 2 })
	send(place(t, minute.Add(2*time.Second), 11, 90, 1)) // one was missed
	w.eventually("after a gap the whole place is asked for", func() bool { mu.Lock(); defer mu.Unlock(); return wholes >= 2 })
	if err := e.Tell(spine.LiveMarks, "square", wire.Append(nil, &wire.Marks{At: minute})); err != nil {
		t.Fatal(err)
	}
	w.keep(e, "square", &wire.Event{Kind: wire.Crowding, Start: minute, Place: picture(t, 32, 32, 10)})
	w.eventually("marks and the event come", func() bool {
		mu.Lock()
		defer mu.Unlock()
		marks, events := 0, 0
		for _, m := range got {
			switch m := m.(type) {
			case *wire.Marks:
				marks++
			case *wire.Event:
				events++
				if len(m.Place) != 0 {
					t.Error("a live event carries a picture")
				}
			}
		}
		return marks > 0 && events > 0
	})
	p, err := w.started.City.Place(t.Context(), "square", time.Time{})
	if err != nil || bytes.Contains(p.JPEG, secret) {
		t.Errorf("the place as a picture: %v", err)
	}
	cancel()
	done.Wait()
}

func TestWatchEndsWhenTheEdgeIsGone(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enter("square", "edge-1")
	w.start()
	if err := w.started.City.Watch(t.Context(), "square", nil); city.KindOf(err) != city.Unavailable {
		t.Errorf("an edge that never came: %v", err)
	}
	e := w.edge("edge-1")
	w.eventually("the edge is connected", func() bool {
		if err := e.Tell(spine.EdgeState, "", uplink.Encode(uplink.EdgeState{At: 1})); err != nil {
			t.Fatal(err)
		}
		return w.connected("edge-1")
	})
	if err := w.started.City.Watch(t.Context(), "square", func(wire.Message) {}); city.KindOf(err) != city.Unavailable {
		t.Errorf("an edge that fell silent: %v", err)
	}
	if w.connected("edge-1") {
		t.Error("it is still called connected")
	}
}

func (w *town) get(path string, header ...string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.started.Address+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestHealthMetricsAndPages(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enter("square", "edge-1")
	w.start()
	if code, body := w.get("/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("health: %d %s", code, body)
	}
	if code, body := w.get("/metrics"); code != 200 || !strings.Contains(body, "polity_hub_observations_total 0") || !strings.Contains(body, `polity_hub_edge_connected{edge="edge-1"} 0`) {
		t.Errorf("metrics: %d %s", code, body)
	}
	if code, _ := w.get("/metrics", "X-Forwarded-For", "192.0.2.7"); code != 404 {
		t.Errorf("metrics through a proxy: %d", code)
	}
	if code, body := w.get("/cameras/square"); code != 200 || !strings.Contains(body, "The square") {
		t.Errorf("page: %d", code)
	}
	if code, _ := w.get("/cameras/nowhere"); code != 404 {
		t.Errorf("unknown camera: %d", code)
	}
}

// TestPagesKnowWhatEntryAndEdgeSay: what a register entry allows, why a camera does
// not run and how its edge is reaches the pages.
func TestPagesKnowWhatEntryAndEdgeSay(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enter("square", "edge-1")
	w.start()
	e := w.edge("edge-1")
	state := uplink.EdgeState{At: time.Now().UnixMilli(), Waiting: 3, Lost: 2, Free: 5 << 30, Cameras: 1, Detector: 1, Space: uint8(spine.Full), Version: [3]uint16{1, 2, 3}}
	w.eventually("the edge is heard", func() bool {
		_ = e.Tell(spine.EdgeState, "", uplink.Encode(state))
		_ = e.Tell(spine.CameraState, "square", uplink.Encode(uplink.CameraState{At: time.Now().UnixMilli(), Reason: uint8(register.OtherEdge)}))
		list, err := w.started.City.Cameras(t.Context())
		return err == nil && w.connected("edge-1") && list[0].Refused == register.OtherEdge
	})
	cameras, err := w.started.City.Cameras(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if k := cameras[0].Entry; k.PlaceRetention != 7*24*time.Hour || k.CrowdAtLeast != 20 || !slices.Equal(k.Events, []wire.EventKind{wire.Crowding}) {
		t.Errorf("entry: %+v", k)
	}
	edges, err := w.started.City.Edges(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := edges[slices.IndexFunc(edges, func(e console.Edge) bool { return e.Name == "edge-1" })]
	if got.Waiting != 3 || got.Lost != 2 || got.Free != 5<<30 || !got.Detector || got.Disk != console.DiskFull || got.Version != "1.2.3" || got.Heard.IsZero() {
		t.Errorf("edge: %+v", got)
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
	w.enter("square", "edge-1")
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
	w.start() // removes at once after the start
	w.eventually("the old is gone, the fresh is not", func() bool { o, n, p := ask(); return o == 1 && n == 1 && !p })
	pictures, err := filepath.Glob(filepath.Join(w.cfg.Data, "pictures", "square", "*"))
	if err != nil || len(pictures) != 1 {
		t.Errorf("pictures: %v, %v", pictures, err)
	}
	if _, err := w.started.City.Place(t.Context(), "square", time.Time{}); err != nil {
		t.Error(err)
	}
}

func TestManyViewersOneWatch(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enter("square", "edge-1")
	w.start()
	e := w.edge("edge-1")
	w.report(e, "square", func() uint32 { return 0 })
	w.eventually("the edge is connected", func() bool { return w.connected("edge-1") })
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 10 {
		all.Go(func() {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.started.Address+"/live?cameras=square", nil)
			if err != nil {
				t.Error(err)
				return
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			_, _ = io.Copy(io.Discard, res.Body)
		})
	}
	w.eventually("ten look at one watch", func() bool {
		_, body := w.get("/metrics")
		return strings.Contains(body, "polity_hub_viewers 10") && strings.Contains(body, "polity_hub_watched_cameras 1")
	})
	cancel()
	all.Wait()
	if code, _ := w.get("/live?cameras=square", "X-Forwarded-For", "192.0.2.7"); code != http.StatusForbidden {
		t.Errorf("live for the public: %d", code)
	}
}
