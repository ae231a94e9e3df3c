package detect

import (
	"context"
	"errors"
	"image"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"polity/camera/frame"
	"polity/city"
)

// fake is a network that finds one person in the middle of every picture.
type fake struct {
	fail  atomic.Bool
	delay time.Duration
	runs  atomic.Int32
}

func (n *fake) Run(_ []byte, size Size, use func([][]float32) error) error {
	n.runs.Add(1)
	time.Sleep(n.delay)
	if n.fail.Load() {
		return errors.New("no")
	}
	out := empty(size)
	put(out, size, 0, 0, size.Width/16, size.Height/16, 2, [4]int{1, 1, 1, 1})
	return use(out)
}

// line is a detector that a test can cut off and bring back.
type line struct {
	server *Server
	down   bool
	ends   []net.Conn
	dials  int
}

func (l *line) dial(context.Context) (Conn, error) {
	l.dials++
	if l.down {
		return nil, errors.New("nobody listens")
	}
	ours, theirs := net.Pipe()
	l.ends = append(l.ends, theirs)
	go func() {
		_ = l.server.Serve(theirs, theirs)
		theirs.Close()
	}()
	return ours, nil
}

func (l *line) cut() {
	l.down = true
	for _, c := range l.ends {
		c.Close()
	}
}

var whole = image.Rect(0, 0, 320, 240)

func TestDetectMapsBoxesToTheFrame(t *testing.T) {
	l := &line{server: NewServer(&fake{}, [32]byte{9}, 1)}
	c := NewClient(l.dial, DefaultTuning)
	defer c.Close()
	if _, ok := c.Network(); ok {
		t.Error("knows the network before the first answer")
	}
	for _, region := range []image.Rectangle{whole, image.Rect(100, 60, 228, 156)} {
		boxes, err := c.Detect(t.Context(), frame.New(320, 240), region, 0.5)
		if err != nil || len(boxes) != 1 {
			t.Fatalf("%v: %v, %v", region, boxes, err)
		}
		x, y := (boxes[0].X0+boxes[0].X1)/2, (boxes[0].Y0+boxes[0].Y1)/2
		if dx, dy := x-float32(region.Min.X+region.Max.X)/2, y-float32(region.Min.Y+region.Max.Y)/2; dx < -8 || dx > 8 || dy < -8 || dy > 8 {
			t.Errorf("%v: found at %g, %g", region, x, y)
		}
	}
	if hash, ok := c.Network(); !ok || hash != [32]byte{9} {
		t.Error("does not know the network")
	}
	if _, err := c.Detect(t.Context(), frame.New(320, 240), image.Rect(400, 0, 500, 100), 0.5); city.KindOf(err) != city.Invalid {
		t.Errorf("a region outside: %v", err)
	}
}

func TestDetectorGoneIsAnErrorAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{server: NewServer(&fake{}, [32]byte{}, 1)}
		c := NewClient(l.dial, DefaultTuning)
		defer c.Close()
		f := frame.New(320, 240)
		ask := func() error { _, err := c.Detect(t.Context(), f, whole, 0.5); return err }
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		l.cut()
		for range 50 {
			if err := ask(); city.KindOf(err) != city.Unavailable {
				t.Fatalf("got %v", err)
			}
		}
		if l.dials > 3 {
			t.Errorf("dialled %d times in no time", l.dials)
		}
		l.down = false
		for began := time.Now(); ask() != nil; time.Sleep(200 * time.Millisecond) {
			if time.Since(began) > lastWait+time.Second {
				t.Fatal("did not come back")
			}
		}
	})
}

func TestDetectorLateIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fake{delay: time.Minute}
		l := &line{server: NewServer(n, [32]byte{}, 1)}
		c := NewClient(l.dial, DefaultTuning)
		began := time.Now()
		_, err := c.Detect(t.Context(), frame.New(320, 240), whole, 0.5)
		if city.KindOf(err) != city.Unavailable || time.Since(began) > DefaultTuning.Timeout {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		began = time.Now()
		if _, err := c.Detect(ctx, frame.New(320, 240), whole, 0.5); err == nil || time.Since(began) > time.Millisecond {
			t.Errorf("cancelled, after %v: %v", time.Since(began), err)
		}
		c.Close()
		time.Sleep(time.Hour) // the late answers find nobody
	})
}

func TestNetworkThatFailsOnce(t *testing.T) {
	n := &fake{}
	l := &line{server: NewServer(n, [32]byte{}, 1)}
	c := NewClient(l.dial, DefaultTuning)
	defer c.Close()
	n.fail.Store(true)
	if _, err := c.Detect(t.Context(), frame.New(320, 240), whole, 0.5); city.KindOf(err) != city.Unavailable {
		t.Fatalf("got %v", err)
	}
	n.fail.Store(false)
	if _, err := c.Detect(t.Context(), frame.New(320, 240), whole, 0.5); err != nil || l.dials != 1 {
		t.Fatalf("after it: %v, %d connections", err, l.dials)
	}
}

// inProcess is a worker in this process that a test can kill.
type inProcess struct {
	network Network
	starts  atomic.Int32
	kill    chan struct{}
}

func (p *inProcess) start(ctx context.Context, listener *os.File) (func() error, error) {
	p.starts.Add(1)
	l, err := net.FileListener(listener)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	server := NewServer(p.network, [32]byte{1}, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				stop := context.AfterFunc(ctx, func() { c.Close() })
				defer stop()
				_ = server.Serve(c, c)
				c.Close()
			}()
		}
	}()
	return func() error {
		defer l.Close()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.kill:
			return errors.New("killed")
		}
	}, nil
}

func TestWorkerIsReplaced(t *testing.T) {
	p := &inProcess{network: &fake{}, kill: make(chan struct{})}
	w, err := StartWorker(t.Context(), filepath.Join(t.TempDir(), "detect"), p.start, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(w.Dial, DefaultTuning)
	defer c.Close()
	f := frame.New(320, 240)
	if _, err := c.Detect(t.Context(), f, whole, 0.5); err != nil {
		t.Fatal(err)
	}
	p.kill <- struct{}{}
	for w.Restarts() == 0 {
		_, _ = c.Detect(t.Context(), f, whole, 0.5)
	}
	for {
		if _, err = c.Detect(t.Context(), f, whole, 0.5); err == nil {
			break
		}
	}
	if p.starts.Load() != 2 || w.Restarts() != 1 {
		t.Errorf("%d starts, %d restarts", p.starts.Load(), w.Restarts())
	}
	if err := w.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(w.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestWorkerThatHangsIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &Worker{log: slog.New(slog.DiscardHandler), start: func(ctx context.Context, _ *os.File) (func() error, error) {
			return func() error { <-ctx.Done(); return ctx.Err() }, nil
		}, dial: func(context.Context) (Conn, error) { // accepts, and says nothing
			ours, theirs := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			return ours, nil
		}, done: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		first, err := w.launch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		go w.run(ctx, first)
		time.Sleep(watchEvery + watchLimit + time.Second)
		if w.Restarts() != 1 {
			t.Errorf("%d restarts", w.Restarts())
		}
		cancel()
		<-w.done
	})
}

func TestStartWorkerSaysWhatIsMissing(t *testing.T) {
	t.Setenv("POLITY_PROGRAMS", t.TempDir())
	_, err := StartWorker(t.Context(), filepath.Join(t.TempDir(), "detect"), nil, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "make build") {
		t.Fatalf("got %v", err)
	}
}
