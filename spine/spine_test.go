package spine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/city"
	"polity/internal/testport"
	"polity/spine"
)

// check lets bodies through that begin with their channel's name.
func check(c spine.Channel, body []byte) error {
	if !strings.HasPrefix(string(body), c.String()+" ") {
		return fmt.Errorf("%q is no %s", body, c)
	}
	return nil
}

func body(c spine.Channel, n int) []byte { return fmt.Appendf(nil, "%s %d", c, n) }

// eventually waits for a condition; what it says is why the test fails otherwise.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 90 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

type keys struct{ seed, public string }

func newKey(t *testing.T) keys {
	t.Helper()
	seed, public, err := spine.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return keys{seed, public}
}

func testLog(t *testing.T, who string) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With(slog.String("who", who))
}

func startHub(t *testing.T, dir, listen string, edges map[city.Slug]keys) *spine.Hub {
	t.Helper()
	cfg := spine.HubConfig{Data: dir, Listen: listen, Check: check, Log: testLog(t, "hub")}
	for name, k := range edges {
		cfg.Edges = append(cfg.Edges, spine.EdgeKey{Name: name, Public: k.public})
	}
	h, err := spine.StartHub(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

func startEdge(t *testing.T, dir, hub string, name city.Slug, k keys, change func(*spine.EdgeConfig)) *spine.Edge {
	t.Helper()
	cfg := spine.EdgeConfig{Name: name, Data: dir, Seed: k.seed, Check: check, MaxStore: 64 << 20, KeepFree: 1 << 20, Log: testLog(t, string(name))}
	if hub != "" {
		cfg.Hub = "nats-leaf://" + hub
	}
	if change != nil {
		change(&cfg)
	}
	e, err := spine.StartEdge(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sync.OnceFunc(e.Close))
	return e
}

// sink collects what a hub draws.
type sink struct {
	mu   sync.Mutex
	got  map[string]int
	list []string
	fail int // so many batches are refused first
	// putOff names messages that are to come again later, once.
	putOff map[string]bool
}

func (s *sink) commit(_ context.Context, batch []spine.Message) (later []int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail > 0 {
		s.fail--
		return nil, errors.New("the store is away")
	}
	if s.got == nil {
		s.got = map[string]int{}
	}
	for i, m := range batch {
		key := string(m.Camera) + "/" + string(m.Body)
		if s.putOff[key] {
			later = append(later, i)
			delete(s.putOff, key)
			continue
		}
		s.got[key]++
		s.list = append(s.list, key)
	}
	return later, nil
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

// draw draws in the background until the test ends or stop is called.
func draw(t *testing.T, h *spine.Hub, edge city.Slug, s *sink) (stop func()) {
	t.Helper()
	l, err := h.Line(edge)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { l.DrawTaken(ctx, s.commit) })
	stop = func() { cancel(); done.Wait() }
	t.Cleanup(stop)
	return stop
}

func keep(t *testing.T, e *spine.Edge, c spine.Channel, camera city.Slug, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if err := e.Keep(t.Context(), c, camera, body(c, n)); err != nil {
			t.Fatal(err)
		}
	}
}

// waits waits until so many messages wait for the hub: the store counts what was kept a
// moment after it was.
func waits(t *testing.T, e *spine.Edge, n uint64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d messages wait", n), func() bool {
		s, err := e.Stock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.Waiting == n
	})
}

func TestWhatIsKeptArrivesThroughEveryBreak(t *testing.T) {
	t.Parallel()
	dir, hubDir, k := t.TempDir(), t.TempDir(), newKey(t)
	edges := map[city.Slug]keys{"edge-1": k}

	// Alone, before there is any hub.
	listen := testport.Address(t)
	e := startEdge(t, dir, listen, "edge-1", k, nil)
	keep(t, e, spine.Observation, "square", 0, 200)
	waits(t, e, 200)
	if e.Connected() {
		t.Fatal("connected to nobody")
	}

	// The hub comes; its store fails twice.
	var s sink
	s.fail = 2
	h := startHub(t, hubDir, listen, edges)
	draw(t, h, "edge-1", &s)
	eventually(t, "the first 200 arrive", func() bool { return s.count() == 200 })
	keep(t, e, spine.Event, "square", 0, 20)
	eventually(t, "events arrive at once", func() bool { return s.count() == 220 })

	// The hub goes, the edge goes on, ends, and starts again; the hub returns.
	h.Close()
	keep(t, e, spine.Observation, "harbour", 0, 200)
	e.Close()
	e = startEdge(t, dir, listen, "edge-1", k, nil)
	keep(t, e, spine.Observation, "harbour", 200, 300)
	h = startHub(t, hubDir, listen, edges)
	draw(t, h, "edge-1", &s)
	eventually(t, "all 520 arrive", func() bool { return s.count() == 520 })
	eventually(t, "the edge knows that nothing waits", func() bool {
		stock, err := e.Stock(t.Context())
		return err == nil && stock.Waiting == 0 && stock.Lost == 0
	})
}

func TestMessagesThatWerePutOffComeAgainAlone(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	h := startHub(t, t.TempDir(), "127.0.0.1:0", map[city.Slug]keys{"edge-1": k})
	e := startEdge(t, t.TempDir(), h.Listen(), "edge-1", k, nil)
	off := "square/" + string(body(spine.Observation, 7))
	s := sink{putOff: map[string]bool{off: true}}
	keep(t, e, spine.Observation, "square", 0, 30)
	draw(t, h, "edge-1", &s)
	eventually(t, "the others are there", func() bool { return s.count() == 29 })
	eventually(t, "the one that was put off waits", func() bool {
		stock, err := e.Stock(t.Context())
		return err == nil && stock.Waiting == 1 || s.count() == 30 // it has come meanwhile
	})
	eventually(t, "it comes again", func() bool { return s.count() == 30 })
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) != 30 || s.list[29] != off {
		t.Errorf("%d messages came, the last %s", len(s.list), s.list[len(s.list)-1])
	}
}

func TestPlacesOfTheArchiveComeInOrder(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	h := startHub(t, t.TempDir(), "127.0.0.1:0", map[city.Slug]keys{"edge-1": k})
	e := startEdge(t, t.TempDir(), h.Listen(), "edge-1", k, nil)
	keep(t, e, spine.Archive, "square", 0, 50)
	l, err := h.Line("edge-1")
	if err != nil {
		t.Fatal(err)
	}
	var s sink
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { l.DrawArchive(ctx, s.commit) })
	defer done.Wait()
	defer stop()
	eventually(t, "50 places arrive", func() bool { return s.count() == 50 })
	for n, key := range s.list {
		if want := "square/" + string(body(spine.Archive, n)); key != want {
			t.Fatalf("place %d is %s", n, key)
		}
	}
}

func TestLiveAndDown(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	h := startHub(t, t.TempDir(), "127.0.0.1:0", map[city.Slug]keys{"edge-a": a, "edge-b": b})
	ea := startEdge(t, t.TempDir(), h.Listen(), "edge-a", a, nil)
	eb := startEdge(t, t.TempDir(), h.Listen(), "edge-b", b, nil)
	la, err := h.Line("edge-a")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var heard []spine.Message
	stop, err := la.Listen(func(m spine.Message) { mu.Lock(); heard = append(heard, m); mu.Unlock() })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	seen := make(chan city.Slug, 100)
	for _, e := range []*spine.Edge{ea, eb} {
		if err := errors.Join(
			e.Serve(spine.Watch, func(camera city.Slug, _ []byte) []byte { seen <- camera; return nil }),
			e.Serve(spine.Layout, func(camera city.Slug, _ []byte) []byte { return []byte("layout-answer for " + camera) }),
		); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both edges are connected and a live message arrives", func() bool {
		if err := errors.Join(ea.Tell(spine.LiveMarks, "square", body(spine.LiveMarks, 1)), eb.Tell(spine.LiveMarks, "square", body(spine.LiveMarks, 2)), ea.Tell(spine.EdgeState, "", body(spine.EdgeState, 1))); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		return len(heard) >= 2 && ea.Connected() && eb.Connected()
	})
	mu.Lock()
	for _, m := range heard {
		if string(m.Body) == string(body(spine.LiveMarks, 2)) {
			t.Error("one edge's message came out of another's line")
		}
	}
	mu.Unlock()
	eventually(t, "the watch reaches the edge", func() bool {
		if err := la.Tell(spine.Watch, "square", body(spine.Watch, 1)); err != nil {
			t.Fatal(err)
		}
		return len(seen) > 0
	})
	answer, err := la.Ask(t.Context(), spine.Layout, "square", body(spine.Layout, 1))
	if err != nil || string(answer) != "layout-answer for square" {
		t.Fatalf("%q, %v", answer, err)
	}
	ea.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := la.Ask(ctx, spine.Layout, "square", body(spine.Layout, 1)); city.KindOf(err) != city.Unavailable {
		t.Errorf("asking an edge that is gone: %v", err)
	}
}

func TestOnlyTheListPasses(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	h := startHub(t, t.TempDir(), "127.0.0.1:0", map[city.Slug]keys{"edge-1": k})
	e := startEdge(t, t.TempDir(), h.Listen(), "edge-1", k, nil)
	l, err := h.Line("edge-1")
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"a body of another channel, live":   e.Tell(spine.LiveMarks, "square", body(spine.LivePlace, 1)),
		"a body of another channel, stored": e.Keep(t.Context(), spine.Observation, "square", body(spine.Event, 1)),
		"a stored channel, live":            e.Tell(spine.Observation, "square", body(spine.Observation, 1)),
		"a live channel, stored":            e.Keep(t.Context(), spine.LiveMarks, "square", body(spine.LiveMarks, 1)),
		"the hub on an edge's channel":      l.Tell(spine.LiveMarks, "square", body(spine.LiveMarks, 1)),
		"the hub with a wrong body":         l.Tell(spine.Watch, "square", body(spine.Layout, 1)),
		"an edge serving its own channel":   e.Serve(spine.LiveMarks, nil),
	} {
		if err == nil {
			t.Errorf("%s passed", what)
		}
	}
	if _, err := h.Line("edge-9"); city.KindOf(err) != city.NotFound {
		t.Errorf("an edge that is not configured: %v", err)
	}
}

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	taken := startHub(t, t.TempDir(), "127.0.0.1:0", nil)
	for says, cfg := range map[string]spine.HubConfig{
		"without encryption":     {Listen: "0.0.0.0:7422", Check: check},
		"host:port":              {Listen: "7422", Check: check},
		"address already in use": {Listen: taken.Listen(), Check: check},
		"not an edge's public":   {Listen: "127.0.0.1:0", Check: check, Edges: []spine.EdgeKey{{Name: "edge-1", Public: k.seed}}},
		"check of its channels":  {Listen: "127.0.0.1:0"},
	} {
		cfg.Data = t.TempDir()
		if h, err := spine.StartHub(cfg); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, %v", says, h, err)
		}
	}
	for says, change := range map[string]func(*spine.EdgeConfig){
		"tls://host:port":   func(c *spine.EdgeConfig) { c.Hub = "hub.example" },
		"not encrypted":     func(c *spine.EdgeConfig) { c.Hub = "nats-leaf://hub.example:7422" },
		"name or password":  func(c *spine.EdgeConfig) { c.Hub = "tls://a:b@hub.example:7422" },
		"not an edge's key": func(c *spine.EdgeConfig) { c.Hub, c.Seed = "tls://hub.example:7422", "secret" },
	} {
		cfg := spine.EdgeConfig{Name: "edge-1", Data: t.TempDir(), Seed: k.seed, Check: check}
		change(&cfg)
		if e, err := spine.StartEdge(cfg); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, %v", says, e, err)
		}
	}
}
