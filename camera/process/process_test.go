package process_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"polity/camera/link"
	"polity/camera/process"
	"polity/camera/standin"
	"polity/camera/wire"
	"polity/city"
	"polity/internal/sandbox"
)

// TestMain runs this program as a camera's process when it is started as one.
func TestMain(m *testing.M) {
	sandbox.Stage()
	if len(os.Args) > 1 && os.Args[1] == "camera-process" {
		log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
		p, err := link.Standard()
		if err == nil {
			err = process.Run(context.Background(), p, log)
		}
		if err != nil {
			log.Error("the camera's process ended", slog.Any("error", err))
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// edge plays the edge: it notes what the process says.
type edge struct {
	t      *testing.T
	camera *link.Camera
	stop   func()

	mu     sync.Mutex
	states []*wire.State
	places []*wire.Place
	marks  int
	stored []wire.Message
}

func start(t *testing.T, a link.Assignment) *edge {
	t.Helper()
	return startWith(t, a, nil)
}

// startWith plays an edge that takes recordings.
func startWith(t *testing.T, a link.Assignment, record func(context.Context, io.ReadWriteCloser)) *edge {
	t.Helper()
	e := &edge{t: t}
	a.Camera, a.PerSecond, a.AllowUnencryptedSwap = "square", 5, true
	if a.Until.IsZero() {
		a.Until = time.Now().Add(time.Hour)
	}
	e.camera = link.NewCamera(link.Config{
		Program: []string{os.Args[0], "camera-process"}, Env: []string{"PATH=" + os.Getenv("PATH"), "GOCOVERDIR=" + t.TempDir()},
		Spool:      filepath.Join(t.TempDir(), "square.spool"),
		Assignment: func() (link.Assignment, error) { return a, nil },
		Live:       e.live, Store: e.store, Record: record, LastWait: 100 * time.Millisecond, FirstWait: 50 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.camera.Run(ctx) }()
	e.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the link: %v", err)
		}
	})
	t.Cleanup(e.stop)
	return e
}

func (e *edge) live(m wire.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch m := m.(type) {
	case *wire.State:
		e.states = append(e.states, m)
	case *wire.Place:
		e.places = append(e.places, m)
	case *wire.Marks:
		e.marks++
	}
}

func (e *edge) store(_ context.Context, m wire.Message) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stored = append(e.stored, m)
	return nil
}

func (e *edge) last() wire.State {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.states) == 0 {
		return wire.State{}
	}
	return *e.states[len(e.states)-1]
}

func (e *edge) eventually(what string, condition func() bool) {
	e.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			e.t.Fatalf("not within 90 s: %s; last state %+v, link %+v", what, e.last(), e.camera.Status())
		}
	}
}

// camera serves a moving test card.
func camera(t *testing.T) *standin.Camera {
	t.Helper()
	film := filepath.Join(t.TempDir(), "card.mp4")
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=2", "-c:v", "libx264", "-preset", "ultrafast",
		"-bf", "0", "-g", "10", "-pix_fmt", "yuv420p", film).CombinedOutput(); err != nil {
		t.Fatalf("make a film: %v: %s", err, out)
	}
	c, err := standin.Serve(t.Context(), standin.Config{Film: film, User: "polity", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func source(c *standin.Camera, password string) link.Source {
	return link.Source{Address: c.URL(), User: "polity", Password: password}
}

// TestWithoutADetectorNothingIsShownOrCounted: the process sees everything and says
// that it can make nothing of it.
func TestWithoutADetectorNothingIsShownOrCounted(t *testing.T) {
	t.Parallel()
	e := start(t, link.Assignment{Source: source(camera(t), "secret")})
	e.camera.Watch(true)
	e.camera.Whole()
	e.eventually("frames are analysed", func() bool { return e.last().Analysed > 10 })
	s := e.last()
	if s.Condition != wire.NoDetector || s.Unknown != 1 || s.Detected != 0 {
		t.Errorf("state: %+v", s)
	}
	if want := wire.NoDump | wire.Seccomp | wire.MemoryBounded; s.Shields&want != want {
		t.Errorf("shields %b, want at least %b", s.Shields, want)
	}
	e.stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.places {
		for i, k := range p.Known {
			if k != 0 {
				t.Fatalf("tile %d of a place is shown", p.Tiles[i])
			}
		}
	}
	for _, m := range e.stored {
		if o, ok := m.(*wire.Observation); ok && o.Covered > 0 {
			t.Errorf("counted without a detector: %+v", o)
		}
	}
}

// TestConditionsFollowTheCamera: what is wrong is said, and what is right again.
func TestConditionsFollowTheCamera(t *testing.T) {
	t.Parallel()
	c := camera(t)
	c.Misbehave(standin.Faults{Password: "another"})
	e := start(t, link.Assignment{Source: source(c, "secret")})
	is := func(want wire.Condition) func() bool {
		return func() bool { return e.last().Condition == want }
	}
	e.eventually("the password is wrong", is(wire.WrongPassword))
	c.Misbehave(standin.Faults{})
	e.eventually("it is right", func() bool { return e.last().Analysed > 0 })
	c.Misbehave(standin.Faults{Stall: true})
	e.eventually("no picture comes", is(wire.NoPicture))
	c.Misbehave(standin.Faults{})
	e.eventually("pictures come again", is(wire.NoDetector))
	if n := e.camera.Status().Starts; n != 1 {
		t.Errorf("the process was started %d times", n)
	}
}

// TestTheProcessEndsWithItsEntry, whatever the edge does.
func TestTheProcessEndsWithItsEntry(t *testing.T) {
	t.Parallel()
	e := start(t, link.Assignment{Source: source(camera(t), "secret"), Until: time.Now().Add(time.Second)})
	e.eventually("it ends by itself", func() bool { return e.camera.Status().LastExit != "" })
	if s := e.last(); s.Condition != wire.Ended {
		t.Errorf("its last word: %+v", s)
	}
}

// TestSilenceIsAnEventOnlyIfAllowed: an entry that does not name an event gets none.
func TestSilenceIsAnEventOnlyIfAllowed(t *testing.T) {
	t.Parallel()
	for _, allowed := range []bool{true, false} {
		a := link.Assignment{Source: link.Source{Address: "rtsp://127.0.0.1:1/none"}}
		if allowed {
			a.Events = []wire.EventKind{wire.CameraSilent}
		}
		e := start(t, a)
		e.eventually("it has been silent for long", func() bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			n := len(e.states)
			return n > 0 && e.states[n-1].At.Sub(e.states[0].At) > 18*time.Second
		})
		e.stop()
		e.mu.Lock()
		events := 0
		for _, m := range e.stored {
			if x, ok := m.(*wire.Event); ok && x.Kind == wire.CameraSilent {
				events++
			}
		}
		e.mu.Unlock()
		if (events > 0) != allowed {
			t.Errorf("allowed: %v; %d events", allowed, events)
		}
	}
}

// TestUnencryptedSwapIsRefused where the machine has such: raw frames may not reach
// a disk.
func TestUnencryptedSwapIsRefused(t *testing.T) {
	if err := sandbox.CheckSwap(); err == nil {
		if _, err := process.Protect(false); err != nil {
			t.Errorf("on a machine that is safe: %v", err)
		}
		return
	}
	if _, err := process.Protect(false); city.KindOf(err) != city.Invalid {
		t.Errorf("on a machine that is not safe: %v", err)
	}
	if _, err := process.Protect(true); err != nil {
		t.Errorf("allowed: %v", err)
	}
}
