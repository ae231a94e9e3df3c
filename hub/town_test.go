package hub_test

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"polity/access"
	"polity/camera/uplink"
	"polity/camera/wire"
	"polity/city"
	"polity/console/consoletest"
	"polity/console/counts"
	"polity/console/frame"
	"polity/hub"
	"polity/internal/testport"
	"polity/register"
	"polity/release/docket"
	"polity/service"
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
	access  frame.Access // here whoever asks on loopback may do everything
	modules []service.Module
	films   docket.Recordings
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

func everythingOnLoopback() *consoletest.Access {
	a := consoletest.Everything()
	a.From = access.OnLoopback
	return a
}

func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{t: t, dir: t.TempDir(), log: &logBuffer{}, seeds: map[city.Slug]string{}, access: everythingOnLoopback()}
	private, public, err := register.NewKey("city.example/cameras")
	if err != nil {
		t.Fatal(err)
	}
	if w.signer, err = register.ReadKey([]byte(private), nil); err != nil {
		t.Fatal(err)
	}
	w.cfg = hub.Config{
		City: "Town", Zone: "Europe/Helsinki", Data: filepath.Join(w.dir, "hub"), Listen: "127.0.0.1:0", CityKeys: []string{public},
		Register: filepath.Join(w.dir, "register"), Edges: hub.Edges{Listen: testport.Address(t)},
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
	w.enterKept(camera, edge, register.Retention{CountsDays: 30, PlaceDays: 7})
}

func (w *town) enterKept(camera, edge city.Slug, kept register.Retention) {
	w.t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	b, err := register.Sign(register.Entry{
		Camera: camera, Edge: edge, Title: "The " + string(camera), Purpose: "Counting.", View: register.View{Words: "It.", Lon: 24.9, Lat: 60.1, Field: 60, Reach: 50},
		Body: "City", Decision: register.Decision{Reference: "D 1", On: "2020-01-01"}, Retention: kept,
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
		deps := hub.Deps{Log: slog.New(slog.NewTextHandler(w.log, nil)), Ready: func(s hub.Started) { ready <- s }, Services: w.modules}
		done <- hub.Run(ctx, w.cfg, hub.WithRecordings(hub.WithAccess(deps, w.access, &consoletest.Looks{}), w.films))
	}()
	select {
	case w.started = <-ready:
	case err := <-done:
		w.t.Fatalf("the hub did not start: %v", err)
	}
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
	deadline := time.Now().Add(90 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within 90 s: %s\n%s", what, w.log)
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

// minute is not so long ago that a hub forgets it, and is over.
var minute = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -5).Add(14 * time.Hour)

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
