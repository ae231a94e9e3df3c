package decode

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"polity/camera/frame"
	"polity/camera/stream"
	"polity/camera/wire"
	"polity/internal/ffmpeg"
	"polity/internal/sandbox"
)

// Config is what a Decoder needs. A zero value has a default.
type Config struct {
	// Rate is how many frames a second are handed over; 0 hands over every one.
	// All are decoded, since each needs the one before.
	Rate float64
	// MaxPixels bounds a picture's size; 12.6 million (4096 x 3072).
	MaxPixels int
	// Patience is how long units may go in without a frame coming out before the
	// decoder is killed; 10 s.
	Patience time.Duration
	// FirstWait is the time from a decoder's end to its next start, doubled with
	// each to LastWait; 250 ms and 30 s. A tenth of it is random.
	FirstWait, LastWait time.Duration
	// Wipe has each unit overwritten once it was decoded or left out, with what was made of
	// it on the way: whoever pushed it then must not use it any more.
	Wipe bool
	Log  *slog.Logger
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.Patience, 10 * time.Second}, {&c.FirstWait, 250 * time.Millisecond}, {&c.LastWait, 30 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.MaxPixels == 0 {
		c.MaxPixels = 4096 * 3072
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Decoder turns the units of a live stream into frames. Whatever the units hold,
// it goes on: a decoder that dies or hangs is started again at the next key unit.
// Nothing waits in a queue without bound: when decoding is too slow, whole groups
// of pictures are left out, and when the frames' taker is too slow, the oldest
// frame.
//
// All methods may be called by any goroutine; Run once.
type Decoder struct {
	cfg   Config
	queue queue
	ready ready
	pool  pool

	mu    sync.Mutex
	state State
	pace  pace
	last  place // of the last frame

	current *ffmpeg.Process
}

// State tells how a Decoder is doing.
type State struct {
	// Shields that hold around the decoder's process: NoDump, Seccomp, Landlock,
	// NetworkApart, MemoryBounded. NoDump must hold for the caller's process, too,
	// before it can be claimed for the camera.
	Shields  wire.Shield
	Decoded  uint64 // frames since the start; one that the rate leaves out may count with the next
	Handed   uint64 // of them, frames that the rate asked for
	Late     uint64 // of those, left out since the taker was too slow
	Skipped  uint64 // units left out since decoding was too slow, or before a key unit
	Restarts uint32 // starts after the first that the stream did not ask for
	// Failing says that units come but no frames; Reason why, as far as it is known.
	Failing bool
	Reason  string
}

// place is where a frame stands in its stream.
type place struct {
	unit, out     int // the units' stream number, and the frames'
	width, height int
	taken         time.Time
}

// New makes a Decoder, which works while Run does.
func New(cfg Config) *Decoder {
	cfg = cfg.withDefaults()
	d := &Decoder{cfg: cfg, pace: pace{rate: cfg.Rate}}
	d.queue.init()
	d.queue.wipe = cfg.Wipe
	d.ready.init(d.pool.put)
	return d
}

// SetRate changes how many frames a second are handed over from now on.
func (d *Decoder) SetRate(rate float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pace.rate, d.pace.set = rate, false
}

// State returns how it is doing now.
func (d *Decoder) State() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state
	s.Skipped += d.queue.dropped()
	s.Late = d.ready.dropped()
	return s
}

// Push gives a unit to decode. It never waits.
func (d *Decoder) Push(u *stream.Unit) { d.queue.push(u) }

// Next waits for a frame and returns it. It belongs to the caller, who may give it
// back by Release. The error is ctx's.
func (d *Decoder) Next(ctx context.Context) (*frame.Frame, error) { return d.ready.next(ctx) }

// Release takes a frame back for reuse; the caller must not touch it again.
func (d *Decoder) Release(f *frame.Frame) { d.pool.put(f) }

// Run decodes until ctx ends. It returns an error only where no decoder can ever
// be started: ffmpeg is missing, or the sandbox has no floor
// (sandbox.ErrNoFloor).
func (d *Decoder) Run(ctx context.Context) error {
	wait := backoff{first: d.cfg.FirstWait, last: d.cfg.LastWait}
	for {
		first, err := d.queue.key(ctx)
		if err != nil {
			return nil //nolint:nilerr // ctx has ended, as it should
		}
		s := &session{d: d, codec: first.Codec, stream: first.Stream}
		err = s.run(ctx, first)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // as above
		case err == nil:
			continue // another stream begins
		case errors.Is(err, sandbox.ErrNoFloor), errors.Is(err, errMissing):
			return err
		}
		if s.frames >= steady {
			wait.reset()
		}
		d.mu.Lock()
		d.state.Restarts++
		d.state.Failing, d.state.Reason = true, err.Error()
		d.mu.Unlock()
		pause := wait.next()
		d.cfg.Log.Warn("the decoder ended", slog.String("reason", err.Error()), slog.Int("frames", s.frames), slog.Duration("again_in", pause))
		if !sleep(ctx, pause) {
			return nil
		}
		d.queue.restart()
	}
}

// steady is how many frames make a decoder's run a good one.
const steady = 100

// deliver puts a frame in its place and hands it over.
func (d *Decoder) deliver(f *frame.Frame, unitStream int, unit stamp) {
	d.mu.Lock()
	p := &d.last
	if p.unit != unitStream || p.width != f.Width || p.height != f.Height {
		*p = place{unit: unitStream, out: p.out + 1, width: f.Width, height: f.Height}
		d.pace.set = false
	}
	taken := unit.taken
	if taken.Before(p.taken) {
		taken = p.taken
	}
	p.taken = taken
	f.Taken, f.Stream = taken, p.out
	wanted := unit.chosen || d.takes(taken)
	d.state.Decoded += 1 + uint64(unit.before)
	d.state.Failing, d.state.Reason = false, ""
	if wanted {
		d.state.Handed++
	}
	d.mu.Unlock()
	if wanted {
		d.ready.put(f)
	} else {
		d.pool.put(f)
	}
}

// wants asks before decoding whether the rate takes the frame taken at that time.
func (d *Decoder) wants(taken time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.takes(taken)
}

func (d *Decoder) takes(taken time.Time) bool { return d.pace.take(taken.Sub(time.Unix(0, 0))) }

// started takes note of a new process and the shields around it.
func (d *Decoder) started(run *ffmpeg.Process) {
	s := run.Held
	var shields wire.Shield
	for _, each := range []struct {
		holds bool
		bit   wire.Shield
	}{
		{s.NoDump, wire.NoDump},
		{s.Seccomp, wire.Seccomp},
		{s.Landlock, wire.Landlock},
		{s.NetworkApart, wire.NetworkApart},
		{s.Bounded, wire.MemoryBounded},
	} {
		if each.holds {
			shields |= each.bit
		}
	}
	d.mu.Lock()
	d.state.Shields, d.current = shields, run
	d.mu.Unlock()
}

// sleep waits; it returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
