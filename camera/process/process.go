// Package process is the process of one camera: the only one that holds its raw
// frames. What it says to the edge are messages of polity/camera/wire and nothing
// else (docs/adr/0001-camera-process.md, docs/formats/link.md).
package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"polity/camera/decode"
	"polity/camera/detect"
	"polity/camera/frame"
	"polity/camera/link"
	"polity/camera/pipeline"
	"polity/camera/source"
	"polity/camera/stream"
	"polity/camera/wire"
	"polity/city"
	"polity/internal/sandbox"
)

// Protect closes this process against others: no core dump, no tracing, and no
// unencrypted swap unless that is allowed. It must succeed before the first frame.
// The shields that hold are returned.
func Protect(allowUnencryptedSwap bool) (wire.Shield, error) {
	if err := sandbox.Harden(); err != nil {
		return 0, err
	}
	shields := wire.Shield(0)
	if sandbox.Hardened() {
		shields |= wire.NoDump
	}
	err := sandbox.CheckSwap()
	switch {
	case err == nil:
		shields |= wire.SwapSafe
	case !allowUnencryptedSwap:
		return 0, city.Errorf(city.Invalid, "%w; or set edge.allow_unencrypted_swap: true, knowing what that means", err)
	}
	return shields, nil
}

// Run watches the camera that the edge assigned, until the edge says stop, is gone,
// or the entry has ended. What was observed and not yet stored by the edge is then
// in the spool.
func Run(ctx context.Context, p *link.Process, log *slog.Logger) error {
	err := run(ctx, p, log)
	return errors.Join(err, p.Close())
}

func run(ctx context.Context, p *link.Process, log *slog.Logger) error {
	a := p.Assignment()
	shields, err := Protect(a.AllowUnencryptedSwap)
	if err != nil {
		return err
	}
	w, err := newWatch(p, log)
	if err != nil {
		return err
	}
	w.shields = shields
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2)
	rec, err := newRecording(p, log)
	if err != nil {
		return err
	}
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		if rec != nil {
			rec.run(ctx)
		}
	}()
	go func() { ended <- w.source.Run(ctx, func(u *stream.Unit) { rec.take(u); w.decoder.Push(u) }) }()
	go func() { ended <- w.decoder.Run(ctx) }()
	frames := make(chan *frame.Frame)
	go w.pump(ctx, frames)
	err = w.loop(ctx, frames, ended)
	stop()
	<-recorded
	for _, m := range w.pipeline.Close(time.Now()) {
		w.send(m)
	}
	w.say(time.Now(), wire.Ended)
	return err
}

// watch is the camera's process at work. All but pump is one goroutine's.
type watch struct {
	link     *link.Process
	log      *slog.Logger
	source   *source.Source
	decoder  *decode.Decoder
	client   *detect.Client
	pipeline *pipeline.Pipeline
	pace     *detect.Pace
	allowed  map[wire.EventKind]bool
	shields  wire.Shield // of this process

	whole    bool      // the whole place was asked for
	seen     time.Time // when the last frame was taken in
	quiet    bool      // no picture comes
	analysed uint64
	delay    time.Duration
	last     wire.Condition
	failure  string
}

func newWatch(p *link.Process, log *slog.Logger) (*watch, error) {
	a := p.Assignment()
	w := &watch{link: p, log: log, pace: detect.NewPace(a.PerSecond), allowed: map[wire.EventKind]bool{}, seen: time.Now()}
	for _, k := range a.Events {
		w.allowed[k] = true
	}
	var err error
	if w.source, err = source.New(source.Config{
		Address: a.Source.Address, User: a.Source.User, Password: a.Source.Password, Transport: a.Source.Transport, Log: log,
	}); err != nil {
		return nil, err
	}
	w.decoder = decode.New(decode.Config{Rate: a.PerSecond, Wipe: true, Log: log})
	config := pipeline.DefaultConfig
	var eyes detect.Eyes
	if a.Detector != "" {
		w.client = detect.NewClient(detect.Socket(a.Detector), config.Tuning)
		eyes = w.client
	}
	w.pipeline, err = pipeline.New(config, eyes, a.Layout, true)
	return w, err
}

// pump hands frames to the loop, one at a time.
func (w *watch) pump(ctx context.Context, frames chan<- *frame.Frame) {
	for {
		f, err := w.decoder.Next(ctx)
		if err != nil {
			return
		}
		select {
		case frames <- f:
		case <-ctx.Done():
			return
		}
	}
}

const (
	stateEvery = time.Second
	// quietAfter is how long no frame may come until the time counts as not seen,
	// silentAfter until that is an event.
	quietAfter  = 2 * time.Second
	silentAfter = 15 * time.Second
)

func (w *watch) loop(ctx context.Context, frames <-chan *frame.Frame, ended <-chan error) error {
	tick := time.NewTicker(stateEvery)
	defer tick.Stop()
	w.say(time.Now(), w.condition())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.link.Gone():
			return nil
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("the camera cannot be watched: %w", err)
			}
			return nil
		case c, open := <-w.link.Commands():
			if !open || c.Stop {
				return nil
			}
			w.obey(c)
		case f := <-frames:
			w.see(ctx, f)
		case now := <-tick.C:
			w.second(now)
		}
	}
}

func (w *watch) obey(c link.Command) {
	if c.Whole {
		w.whole = true
		w.sendPlace()
	}
	if c.Layout != nil {
		if err := w.pipeline.SetLayout(*c.Layout, time.Now()); err != nil {
			w.log.Error("a layout was not taken", slog.Any("error", err)) // the edge has checked it
		}
		w.sendRecords()
	}
}

// see analyses a frame and sends what came of it.
func (w *watch) see(ctx context.Context, f *frame.Frame) {
	began := time.Now()
	w.pipeline.See(ctx, f)
	w.analysed++
	w.seen, w.quiet = began, false
	w.pipeline.Silent(false, f.Taken)
	w.link.Send(w.pipeline.Meter().Marks(f.Taken))
	w.delay = time.Since(f.Taken)
	taken := f.Taken
	w.decoder.Release(f)
	w.sendPlace()
	w.sendRecords()
	if w.pace.Took(time.Since(began)) {
		now, wanted := w.pace.Rate()
		w.decoder.SetRate(now)
		w.pipeline.Less(now < wanted, now, taken)
		w.log.Info("analysed frames a second changed", slog.Float64("now", now), slog.Float64("wanted", wanted))
	}
	if c := w.condition(); c != w.last {
		w.say(time.Now(), c)
	}
}

func (w *watch) sendPlace() {
	place, err := w.pipeline.Scene().Update(w.whole)
	if err != nil {
		w.log.Error("the place could not be sent", slog.Any("error", err))
		return
	}
	if place != nil {
		w.whole = false
		w.link.Send(place)
	}
}

func (w *watch) sendRecords() {
	for _, m := range w.pipeline.Take() {
		w.send(m)
	}
}

// send passes on a message, but for events that the entry does not allow.
func (w *watch) send(m wire.Message) {
	if e, ok := m.(*wire.Event); ok && !w.allowed[e.Kind] {
		return
	}
	w.link.Send(m)
}

// second is what is done once a second, pictures or not.
func (w *watch) second(now time.Time) {
	if quiet := now.Sub(w.seen); quiet > quietAfter {
		w.quiet = true
		w.pipeline.Miss(now.Add(-quietAfter))
		w.pipeline.Silent(quiet > silentAfter, w.seen)
		w.sendRecords()
	}
	w.say(now, w.condition())
}

// condition says how the camera is doing: the first thing that is wrong on the way
// from the camera to the scene.
func (w *watch) condition() wire.Condition {
	from, decoder := w.source.Status(), w.decoder.State()
	reason := from.Reason
	c := from.Condition
	switch {
	case c != wire.Live:
	case decoder.Failing:
		c, reason = wire.BadStream, decoder.Reason
	case w.analysed == 0:
		c = wire.Starting
	case w.quiet:
		c, reason = wire.NoPicture, "no picture comes"
	case w.pipeline.Failed() != nil:
		c, reason = wire.NoDetector, w.pipeline.Failed().Error()
	}
	if c != w.last || reason != w.failure {
		if w.failure = reason; reason != "" {
			w.log.Warn("the camera is not live", slog.String("reason", reason))
		}
	}
	return c
}

// say sends the state.
func (w *watch) say(now time.Time, c wire.Condition) {
	from, decoder := w.source.Status(), w.decoder.State()
	rate, wanted := w.pace.Rate()
	w.last = c
	shields := w.shields&wire.SwapSafe | decoder.Shields
	if w.shields&wire.NoDump == 0 {
		shields &^= wire.NoDump
	}
	w.link.Send(&wire.State{
		At: now, Condition: c, Shields: shields, Decoded: decoder.Decoded, Analysed: w.analysed,
		Detected: w.pipeline.Looks(), Restarts: decoder.Restarts, Delay: w.delay,
		PerSecond: float32(rate), Wanted: float32(wanted), Unknown: float32(w.pipeline.Scene().Unknown()), ClockSkew: from.ClockSkew,
	})
}
