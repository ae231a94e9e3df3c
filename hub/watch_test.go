package hub_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/camera/layout"
	"polity/camera/uplink"
	"polity/camera/wire"
	"polity/city"
	"polity/console"
	"polity/register"
	"polity/spine"
)

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
	if code, _ := w.get("/metrics", "X-Forwarded-For", "192.0.2.7"); code != http.StatusUnauthorized {
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
