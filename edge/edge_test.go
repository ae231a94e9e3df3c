package edge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"polity/camera/layout"
	"polity/camera/link/linktest"
	"polity/camera/uplink"
	"polity/camera/wire"
	"polity/city"
	"polity/edge"
	"polity/internal/sandbox"
	"polity/register"
	"polity/spine"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	linktest.Main()
	realCamera()
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	os.Exit(m.Run())
}

// street is an edge in this program, with the hub's end played by the test.
type street struct {
	t      *testing.T
	dir    string
	cfg    edge.Config
	signer note.Signer
	hub    *spine.Hub
	line   *spine.Line
	log    *logBuffer

	mu      sync.Mutex
	jump    time.Duration // of the edge's clock
	address string
	heard   []spine.Message
	drawn   []wire.Message
	stated  []spine.Message // for the public log
	stop    func()
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

func newStreet(t *testing.T, script string) *street {
	t.Helper()
	s := &street{t: t, dir: t.TempDir(), log: &logBuffer{}}
	private, public, err := register.NewKey("city.example/cameras")
	if err != nil {
		t.Fatal(err)
	}
	if s.signer, err = register.ReadKey([]byte(private), nil); err != nil {
		t.Fatal(err)
	}
	seed, key, err := spine.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if s.hub, err = spine.StartHub(spine.HubConfig{
		Data: t.TempDir(), Listen: "127.0.0.1:0", Check: uplink.Check, Edges: []spine.EdgeKey{{Name: "edge-1", Public: key}},
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.hub.Close)
	s.listen()
	s.write("edge.key", seed)
	if err := os.Mkdir(s.path("register"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.cfg = edge.Config{
		Name: "edge-1", Data: s.path("data"), Listen: "127.0.0.1:0", Hub: edge.Hub{Address: "nats-leaf://" + s.hub.Listen(), KeyFile: s.path("edge.key")},
		CityKeys: []string{public}, Register: s.path("register"), Detector: edge.Detector{Off: true}, ArchiveEvery: time.Second,
		CameraProcess: []string{os.Args[0], linktest.Arg}, Disk: edge.Disk{Limit: 64 << 20, KeepFree: 1 << 20},
		Cameras: []edge.Camera{{Name: "square", Source: "script://square?" + script}},
	}
	return s
}

// listen plays the hub: it notes what arrives live and draws what is stored.
func (s *street) listen() {
	var err error
	if s.line, err = s.hub.Line("edge-1"); err != nil {
		s.t.Fatal(err)
	}
	stop, err := s.line.Listen(func(m spine.Message) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.heard = append(s.heard, m)
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		s.line.DrawTaken(ctx, func(_ context.Context, batch []spine.Message) ([]int, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, m := range batch {
				if m.Channel == spine.Statement {
					s.stated = append(s.stated, m)
					continue
				}
				x, err := wire.Parse(m.Body)
				if err != nil {
					return nil, err
				}
				s.drawn = append(s.drawn, x)
			}
			return nil, nil
		})
	})
	s.t.Cleanup(func() { stop(); cancel(); done.Wait() })
}

func (s *street) path(name string) string { return filepath.Join(s.dir, name) }

func (s *street) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func entry() register.Entry {
	now := time.Now().UTC().Truncate(time.Second)
	return register.Entry{
		Camera: "square", Edge: "edge-1", Title: "Square", Purpose: "Counting.", View: register.View{Words: "The square.", Lon: 24.9, Lat: 60.1, Field: 60, Reach: 50},
		Body: "City", Decision: register.Decision{Reference: "D 1", On: "2020-01-01"}, Retention: register.Retention{CountsDays: 30, PlaceDays: 7},
		Public: register.Public{DelayMinutes: 10, Threshold: 5}, Events: []string{"crowding"}, CrowdAtLeast: 20,
		From: now.Add(-time.Hour), Until: now.Add(1000 * time.Hour),
	}
}

func (s *street) sign(e register.Entry) string {
	s.t.Helper()
	b, err := register.Sign(e, s.signer)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func (s *street) put(file string) { s.write("register/square.entry", file) }

func (s *street) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.jump)
}

func (s *street) setJump(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jump = d
}

// start runs the edge until stop or the end of the test.
func (s *street) start() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- edge.Run(ctx, s.cfg, edge.Deps{
			Log: slog.New(slog.NewTextHandler(s.log, nil)), Now: s.now, Version: "1.2.3", Ready: func(a string) { ready <- a },
		})
	}()
	select {
	case s.address = <-ready:
	case err := <-done:
		s.t.Fatalf("the edge did not start: %v", err)
	}
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("the edge ended: %v", err)
		}
	})
	s.t.Cleanup(s.stop)
}

func (s *street) page(path string) string {
	r, err := http.Get(s.address + path)
	if err != nil {
		return err.Error()
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d\n%s", r.StatusCode, b)
}

func (s *street) eventually(what string, condition func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within 90 s: %s\n%s\n%s", what, s.page("/"), s.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *street) live() bool { return strings.Contains(s.page("/"), "Camera square: live") }

// got counts what the hub has: live messages of a channel, and stored ones.
func (s *street) got(c spine.Channel) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.heard {
		if m.Channel == c {
			n++
		}
	}
	return n
}

func (s *street) events(kind wire.EventKind) (list []*wire.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.drawn {
		if e, ok := m.(*wire.Event); ok && e.Kind == kind {
			list = append(list, e)
		}
	}
	return list
}

func (s *street) reason() register.Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range slices.Backward(s.heard) {
		if m.Channel == spine.CameraState {
			if c, err := uplink.DecodeCameraState(m.Body); err == nil {
				return register.Reason(c.Reason)
			}
		}
	}
	return 0
}

// TestNoValidEntryNoCamera is the charter's sixth point on a running edge.
func TestNoValidEntryNoCamera(t *testing.T) {
	t.Parallel()
	s := newStreet(t, "state=20ms")
	s.start()
	good := s.sign(entry())
	change := func(f func(*register.Entry)) string {
		e := entry()
		f(&e)
		return s.sign(e)
	}
	stranger := newStreetKey(t)
	forged, err := register.Sign(entry(), stranger)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file string
		want register.Reason
	}{
		{"", register.Missing},
		{"camera: yes", register.Unreadable},
		{good[:strings.Index(good, "\n\n")+1], register.Unsigned},
		{string(forged), register.UnknownKey},
		{strings.Replace(good, "Counting", "Watching", 1), register.Altered},
		{change(func(e *register.Entry) { e.Camera = "harbour" }), register.OtherCamera},
		{change(func(e *register.Entry) { e.Edge = "edge-2" }), register.OtherEdge},
		{change(func(e *register.Entry) { e.From = e.From.Add(100 * time.Hour) }), register.NotYetValid},
		{change(func(e *register.Entry) { e.From, e.Until = e.From.Add(-10*time.Hour), e.From.Add(-time.Hour) }), register.Expired},
	} {
		if c.file != "" {
			s.put(c.file)
		}
		s.eventually("the page says "+c.want.String(), func() bool {
			return strings.Contains(s.page("/"), "Camera square: does not run: "+c.want.String())
		})
		s.eventually("the hub is told "+c.want.String(), func() bool { return s.reason() == c.want })
		if page := s.page("/metrics"); !strings.Contains(page, `polity_camera_running{camera="square"} 0`) || !strings.Contains(page, `polity_camera_starts_total{camera="square"} 0`) {
			t.Errorf("%s: the process ran:\n%s", c.want, page)
		}
	}
	s.put(good)
	s.eventually("with a valid entry it runs", s.live)
	if len(s.events(wire.EntryEnded)) != 0 {
		t.Error("an entry ended although the camera never ran")
	}
}

func newStreetKey(t *testing.T) note.Signer {
	t.Helper()
	private, _, err := register.NewKey("city.example/cameras")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := register.ReadKey([]byte(private), nil)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestRunningCameraStopsWithItsEntry(t *testing.T) {
	t.Parallel()
	s := newStreet(t, "state=20ms&observe=20ms")
	e := entry()
	s.put(s.sign(e))
	s.start()
	s.eventually("it runs", s.live)
	s.setJump(time.Until(e.Until) - 3*time.Second)
	s.eventually("it stops when its entry ends", func() bool { return strings.Contains(s.page("/"), "does not run: expired") })
	s.eventually("the city is told", func() bool { return len(s.events(wire.EntryEnded)) == 1 })
	if s.now().Before(e.Until) {
		t.Error("it stopped too early")
	}
	e.Until = e.Until.Add(1000 * time.Hour)
	s.put(s.sign(e))
	s.eventually("with a new decision it runs again", s.live)

	// Withdrawn: the file is gone.
	if err := os.Remove(s.path("register/square.entry")); err != nil {
		t.Fatal(err)
	}
	s.eventually("withdrawn, it stops", func() bool { return strings.Contains(s.page("/"), "does not run: missing") })
	s.eventually("and the city is told again", func() bool { return len(s.events(wire.EntryEnded)) == 2 })
}

func TestClockThatJumps(t *testing.T) {
	t.Parallel()
	s := newStreet(t, "state=20ms")
	s.put(s.sign(entry()))
	s.start()
	s.eventually("it runs", s.live)
	s.setJump(5000 * time.Hour)
	s.eventually("beyond its entry's end it stops", func() bool { return strings.Contains(s.page("/"), "does not run: expired") })
	s.setJump(-5000 * time.Hour)
	s.eventually("before its beginning it does not run", func() bool { return strings.Contains(s.page("/"), "does not run: not yet valid") })
	s.setJump(0)
	s.eventually("with the right time it runs again", s.live)
}

func TestSceneLeavesOnlyWhileSomebodyLooks(t *testing.T) {
	t.Parallel()
	s := newStreet(t, "state=50ms&place=50ms&marks=20ms")
	s.put(s.sign(entry()))
	s.start()
	s.eventually("it runs and its state is told", func() bool { return s.live() && s.got(spine.LiveState) > 0 })
	if s.got(spine.LiveMarks)+s.got(spine.LivePlace) != 0 {
		t.Fatal("a scene left although nobody looks")
	}
	look := uplink.Encode(uplink.Watch{Seconds: 2, Whole: 1})
	s.eventually("marks and places come", func() bool {
		if err := s.line.Tell(spine.Watch, "square", look); err != nil {
			t.Fatal(err)
		}
		return s.got(spine.LiveMarks) > 5 && s.got(spine.LivePlace) > 2
	})
	s.mu.Lock()
	for _, m := range s.heard {
		if m.Channel == spine.LivePlace {
			if p, err := wire.Parse(m.Body); err != nil || !p.(*wire.Place).Whole {
				t.Errorf("the first place is not whole: %v", err)
			}
			break
		}
	}
	s.mu.Unlock()
	var marks int
	s.eventually("they end when nobody says again that they look", func() bool {
		marks = s.got(spine.LiveMarks)
		time.Sleep(300 * time.Millisecond)
		return s.got(spine.LiveMarks) == marks
	})
}

func TestLayoutsAreCheckedKeptAndInForce(t *testing.T) {
	t.Parallel()
	s := newStreet(t, "state=20ms&observe=20ms")
	s.put(s.sign(entry()))
	s.start()
	s.eventually("it runs", s.live)
	triangle := []layout.Point{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}}
	ask := func(camera city.Slug, l layout.Layout) uplink.LayoutAnswer {
		t.Helper()
		b, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		var answer []byte
		s.eventually("the edge answers", func() bool { // there is nobody to ask before its line stands
			answer, err = s.line.Ask(ctx, spine.Layout, camera, b)
			return err == nil
		})
		a, err := uplink.DecodeLayoutAnswer(answer)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	good := layout.Layout{Revision: 5, Zones: []layout.Zone{{Name: "plaza", Corners: triangle, Crowd: 30}}}
	if a := ask("square", good); a.Result != uplink.Taken || a.Revision != 5 {
		t.Fatalf("%+v", a)
	}
	for name, c := range map[string]struct {
		camera city.Slug
		l      layout.Layout
		want   uplink.Result
	}{
		"the same revision":     {"square", good, uplink.Stale},
		"another camera":        {"harbour", good, uplink.NoCamera},
		"no area":               {"square", layout.Layout{Revision: 6, Zones: []layout.Zone{{Name: "a"}}}, uplink.Wrong},
		"one person is a crowd": {"square", layout.Layout{Revision: 6, Zones: []layout.Zone{{Name: "a", Corners: triangle, Crowd: 1}}}, uplink.CrowdTooSmall},
		"not in the entry":      {"square", layout.Layout{Revision: 6, Zones: []layout.Zone{{Name: "a", Corners: triangle, NoStop: true}}}, uplink.NotAllowed},
	} {
		if a := ask(c.camera, c.l); a.Result != c.want || (c.camera == "square" && a.Revision != 5) {
			t.Errorf("%s: %+v", name, a)
		}
	}
	inForce := func(revision uint32) func() bool {
		return func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.drawn) == 0 {
				return false
			}
			o, ok := s.drawn[len(s.drawn)-1].(*wire.Observation)
			return ok && o.Layout == revision
		}
	}
	s.eventually("the process measures by it", inForce(5))
	s.stop()
	s.start()
	s.eventually("the line stands", func() bool { return strings.Contains(s.page("/"), "Hub: connected") })
	if a := ask("square", good); a.Result != uplink.Stale || a.Revision != 5 {
		t.Errorf("after a restart: %+v", a)
	}

	// A file that is damaged is set aside, and the camera runs on.
	s.stop()
	s.write("data/layouts/square.json", "{")
	s.start()
	s.eventually("it runs", s.live)
	if _, err := os.Stat(s.path("data/layouts/square.json-damaged")); err != nil {
		t.Error(err)
	}
}

func TestEventsAreHeldToTheEntryAndNeverLeftOpen(t *testing.T) {
	t.Parallel()
	s := newStreet(t, "state=20ms&event=100ms")
	e := entry()
	e.Events = nil // crowding is not allowed
	s.put(s.sign(e))
	s.start()
	s.eventually("forbidden events are dropped", func() bool {
		m := regexp.MustCompile(`polity_camera_events_dropped_total\{camera="square"\} ([0-9]+)`).FindStringSubmatch(s.page("/metrics"))
		return m != nil && len(m[1]) > 0 && m[1] != "0" && m[1] != "1"
	})
	if got := s.events(wire.Crowding); len(got) != 0 {
		t.Errorf("%d events that the entry does not allow left the edge", len(got))
	}
	s.put(s.sign(entry()))
	s.eventually("allowed ones arrive, with a picture that was encoded here", func() bool {
		for _, e := range s.events(wire.Crowding) {
			if len(e.Place) > 0 {
				return true
			}
		}
		return false
	})

	// One begins and the process dies: it ends all the same.
	s.stop()
	s.cfg.Cameras[0].Source = "script://square?state=20ms&begin=100ms&exit=600ms"
	s.start()
	s.eventually("an event that nobody ended is ended", func() bool {
		open := map[int64]bool{}
		began := 0
		for _, e := range s.events(wire.Crowding) {
			if e.End.IsZero() {
				open[e.Start.UnixMilli()] = true
				began++
			} else {
				delete(open, e.Start.UnixMilli())
			}
		}
		return began > 0 && len(open) == 0 && strings.Contains(s.page("/"), "exit status 3")
	})
}

func TestWhatIsTakenIsSaid(t *testing.T) {
	t.Parallel()
	s := newStreet(t, "state=20ms")
	s.put(s.sign(entry()))
	s.start()
	for says, change := range map[string]func(*edge.Config){
		"another edge uses the data folder": func(*edge.Config) {},
		"address already in use":            func(c *edge.Config) { c.Data, c.Listen = s.path("other"), strings.TrimPrefix(s.address, "http://") },
		"is no folder":                      func(c *edge.Config) { c.Register = s.path("nowhere") },
		"chmod 600":                         func(c *edge.Config) { c.Hub.KeyFile = s.path("open.key") },
		"not an edge's key":                 func(c *edge.Config) { c.Hub.KeyFile = s.path("bad.key") },
		"camera square: password_file": func(c *edge.Config) {
			c.Cameras = []edge.Camera{{Name: "square", Source: "x", PasswordFile: s.path("none")}}
		},
		"no city key": func(c *edge.Config) { c.CityKeys = nil },
	} {
		s.write("open.key", "SUA")
		s.write("bad.key", "hello")
		if err := os.Chmod(s.path("open.key"), 0o644); err != nil {
			t.Fatal(err)
		}
		cfg := s.cfg
		change(&cfg)
		if err := edge.Run(t.Context(), cfg, edge.Deps{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	if s.page("/healthz") != "200\nok\n" {
		t.Errorf("health: %s", s.page("/healthz"))
	}
}

func TestEdgeAloneStoresAndSaysSo(t *testing.T) {
	t.Parallel()
	s := newStreet(t, "state=20ms&observe=5ms")
	s.cfg.Hub = edge.Hub{}
	s.put(s.sign(entry()))
	s.start()
	s.eventually("it says how much waits", func() bool {
		page := s.page("/")
		return strings.Contains(page, "none is configured") && regexp.MustCompile(`Store: [1-9][0-9]+ observations`).MatchString(page)
	})
}
