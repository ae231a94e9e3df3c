package link

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"polity/camera/layout"
	"polity/camera/wire"
)

// Config is what NewCamera needs. All durations have a default.
type Config struct {
	Program []string // the camera process and its arguments
	Env     []string // its whole environment, KEY=value
	Spool   string   // path of the file that keeps what the edge had not stored; its folder exists
	// Assignment is asked before each start. Its error ends Run.
	Assignment func() (Assignment, error)
	// Live takes every State, Place and Marks, one at a time. It must not wait.
	Live func(wire.Message)
	// Store makes an Observation or Event durable. It tries until it has done so
	// or ctx ends, in which case it returns an error and the message stays in the
	// spool or with the camera process.
	Store func(ctx context.Context, m wire.Message) error
	// Record serves the recording of one run over conn until the process goes, and closes
	// it. It is called where the assignment asks for recording.
	Record func(ctx context.Context, conn io.ReadWriteCloser)
	Log    *slog.Logger

	Silence   time.Duration // a process that says nothing for so long is killed; 20 s
	Steady    time.Duration // a run of so long makes the next wait the shortest again; 60 s
	FirstWait time.Duration // before the second start; 1 s, doubling with each
	LastWait  time.Duration // the longest wait; 30 s
	StopGrace time.Duration // from the stop command to the kill; 10 s
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.Silence, 20 * time.Second}, {&c.Steady, time.Minute}, {&c.FirstWait, time.Second}, {&c.LastWait, 30 * time.Second}, {&c.StopGrace, 10 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Camera is the edge's end: it starts a camera process, keeps it running, and
// takes what it says. It is safe for concurrent use.
type Camera struct {
	cfg Config

	mu     sync.Mutex
	run    *run // nil while none runs
	status Status
	watch  bool
}

// Status is what is known about a camera's process.
type Status struct {
	PID      int       // 0 while none runs
	Since    time.Time // of the run, or of its end
	Starts   uint64    // since Run was called
	Waiting  int       // messages the process has sent that are not yet stored
	LastExit string    // how the last run ended, for people
}

// NewCamera makes a camera that Run starts.
func NewCamera(cfg Config) *Camera { return &Camera{cfg: cfg.withDefaults()} }

// Status returns what is known now.
func (c *Camera) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	if c.run != nil {
		s.Waiting = int(c.run.received.Load() - c.run.stored.Load())
	}
	return s
}

// Watch says whether somebody looks, to this run and to those after it.
func (c *Camera) Watch(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watch != on {
		c.watch = on
		c.tell(Command{Watch: &on})
	}
}

// Whole asks for the whole place.
func (c *Camera) Whole() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell(Command{Whole: true})
}

// SetLayout gives a new layout to the run; those after it have it from their
// assignment.
func (c *Camera) SetLayout(l layout.Layout) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell(Command{Layout: &l})
}

func (c *Camera) tell(m Command) {
	if c.run != nil {
		c.run.tell(m)
	}
}

// Run starts the process again and again until ctx ends, which stops it in order.
// It returns nil then, and otherwise the error of Assignment or of the spool.
func (c *Camera) Run(ctx context.Context) error {
	k := newKeeper(ctx, c.cfg)
	defer k.end()
	wait := c.cfg.FirstWait
	for {
		start := time.Now()
		err := c.once(ctx, k)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if time.Since(start) > c.cfg.Steady {
			wait = c.cfg.FirstWait
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(jitter(wait)):
		}
		wait = min(2*wait, c.cfg.LastWait)
	}
}

// jitter spreads d by a quarter either way, so that many cameras behind one
// switch do not come back at the same moment.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.75 + rand.Float64()/2))
}

// once is one run, from the spool's lock to the process's end. Its error is one
// that trying again does not help.
func (c *Camera) once(ctx context.Context, k *keeper) error {
	spool, err := openSpool(ctx, c.cfg.Spool, c.cfg.Log)
	if err != nil {
		return err
	}
	defer spool.Close()
	if err := k.leftovers(); err != nil {
		return err
	}
	a, err := c.cfg.Assignment()
	if err != nil {
		return err
	}
	a.Version = Version
	if err := a.Check(); err != nil {
		return err
	}
	why := c.supervise(ctx, a, spool, k)
	c.mu.Lock()
	c.run = nil
	c.status.PID, c.status.Since, c.status.LastExit = 0, time.Now(), why
	c.mu.Unlock()
	if ctx.Err() == nil {
		c.cfg.Log.Warn("a camera's process ended and will be started again", slog.String("camera", string(a.Camera)), slog.String("why", why))
	}
	return nil
}

// supervise starts the process and returns how it ended.
func (c *Camera) supervise(ctx context.Context, a Assignment, spool *os.File, k *keeper) string {
	r, err := start(c.cfg, a, spool, k)
	if err != nil {
		return fmt.Sprintf("it could not be started: %v", err)
	}
	c.mu.Lock()
	c.run = r
	c.status.PID, c.status.Since = r.cmd.Process.Pid, time.Now()
	c.status.Starts++
	if c.watch {
		on := true
		r.tell(Command{Watch: &on})
	}
	c.mu.Unlock()
	return r.serve(ctx)
}
