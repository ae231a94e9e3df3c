// Package recorder records one camera: its compressed pictures into sealed segments of
// about six seconds, cut at key frames, and whatever is not recorded into named gaps.
//
// A segment's key lives as long as the segment. No error of recording stops the rest of the
// camera: it is told, the gap is noted, and recording is tried again with the next key frame.
package recorder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"polity/city"
	"polity/recording/fmp4"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/recording/store"
)

// How long segments are. A key frame after Length begins the next; where none comes, it
// begins anyway after MaxLength, and cannot be decoded until a key frame comes.
const (
	Length    = 6 * time.Second
	MaxLength = 12 * time.Second
	// Quiet is how long no picture may come until that is a gap.
	Quiet = 2 * time.Second
	// usual is how long the last picture before a gap counts as shown.
	usual = 40 * time.Millisecond
	// early is how much before Length a key frame ends a segment: clocks jitter.
	early = 100 * time.Millisecond
	// DaysLow is the number of days with epoch keys from which on there is an alarm.
	DaysLow = 30
)

// Config is what is recorded and where to.
type Config struct {
	Domain string    // the city's
	Camera city.Slug // as registered
	Class  city.Slug // of retention
	Keys   share.KeySource
	Signer segment.Signer
	Place  Place
	// Event is told what happened; it does not wait. nil: nobody asks.
	Event func(Event)
}

// EventKind is what happened.
type EventKind string

// The events.
const (
	KeysLow    EventKind = "keys-low"     // Days are left until recording stops
	NoKey      EventKind = "no-key"       // recording has stopped for want of an epoch key
	Stopped    EventKind = "stopped"      // recording has stopped for another reason
	Resumed    EventKind = "resumed"      // it goes on
	NoKeyFrame EventKind = "no-key-frame" // none came for MaxLength: a segment was cut without
)

// Event says what happened to a camera's recording.
type Event struct {
	Kind   EventKind
	Camera city.Slug
	At     time.Time
	Reason segment.Gap // of Stopped and NoKey
	Days   int         // of KeysLow
	Err    error       // nil where nothing failed
}

// Recorder records one camera. It is used by one goroutine.
type Recorder struct {
	cfg   Config
	order fmp4.Order
	sets  fmp4.Sets
	codec fmp4.Codec
	held  *picture // it is written when the next tells how long it is shown
	open  *open    // nil: nothing is being recorded
	keys  epochs   // of the day last recorded

	stopped segment.Gap // why nothing is recorded, of which was told
	lowDay  string      // when it was last looked how many keys are left
}

type picture struct {
	*fmp4.Unit
	dts, pts int64
}

// open is a segment being recorded.
type open struct {
	pending Pending
	seal    *segment.Writer
	mux     *fmp4.Muxer
	start   time.Time
}

type epochs struct {
	day  string
	keys [2]share.EpochKey
}

// New returns a recorder. The error is of kind Invalid.
func New(cfg Config) (*Recorder, error) {
	if err := cfg.Class.Check(); err != nil {
		return nil, city.Errorf(city.Invalid, "camera %s: retention class: %w", cfg.Camera, err)
	}
	if cfg.Event == nil {
		cfg.Event = func(Event) {}
	}
	return &Recorder{cfg: cfg}, nil
}

// Add records a picture, which stays as it is for two seconds after. Units come in order of
// decoding. What cannot be recorded is a gap, and an event.
func (r *Recorder) Add(ctx context.Context, u *fmp4.Unit) {
	if bad(u) {
		r.stop(segment.BadStream, u.Taken, city.Errorf(city.Invalid, "a picture without content"))
		return
	}
	r.breakBefore(u)
	next := &picture{Unit: u}
	next.dts, next.pts = r.order.Decode(u)
	if h := r.held; h != nil && r.open != nil {
		if err := r.open.mux.Add(h.Unit, h.dts, h.pts, max(1, next.dts-h.dts)); err != nil {
			r.abort(err)
		}
	}
	if r.open != nil && r.cutBefore(u) {
		r.end(u.Taken)
	}
	if sets, ok := fmp4.SetsOf(u); ok && u.Key {
		r.sets, r.codec = sets, u.Codec
	}
	if r.open == nil && (u.Key || r.held != nil) {
		r.begin(ctx, u)
	}
	if r.held = next; r.open == nil {
		r.held = nil
	}
}

func bad(u *fmp4.Unit) bool {
	for _, nal := range u.NALs {
		if len(nal) == 0 {
			return true
		}
	}
	return len(u.NALs) == 0 || u.Codec != fmp4.H264 && u.Codec != fmp4.H265
}

// breakBefore ends the segment where a picture does not continue it: it came much later,
// is of another stream, or the clock went back.
func (r *Recorder) breakBefore(u *fmp4.Unit) {
	h := r.held
	if h == nil {
		return
	}
	since := u.Taken.Sub(h.Taken)
	quiet := since > Quiet
	if !quiet && since >= -segment.Slack && u.Stream == h.Stream {
		return
	}
	end := r.last()
	r.flushHeld()
	r.end(end)
	r.held, r.order = nil, fmp4.Order{}
	if quiet {
		r.stop(segment.NoPicture, end, nil)
	}
}

// cutBefore says whether a segment ends with the picture before u.
func (r *Recorder) cutBefore(u *fmp4.Unit) bool {
	length := u.Taken.Sub(r.open.start)
	if u.Key && length >= Length-early {
		return true
	}
	if length < MaxLength {
		return false
	}
	r.cfg.Event(Event{Kind: NoKeyFrame, Camera: r.cfg.Camera, At: u.Taken})
	return true
}

// begin begins a segment with a picture. Where that cannot be, the gap is noted.
func (r *Recorder) begin(ctx context.Context, u *fmp4.Unit) {
	if r.sets.SPS == nil {
		return // nothing was ever decodable
	}
	h, reason, err := r.header(u)
	if err == nil {
		reason = segment.NoEpochKey
		err = r.epochKeys(ctx, share.Day(h.Start))
	}
	if err != nil {
		r.stop(reason, u.Taken, err)
		return
	}
	o := &open{start: h.Start}
	if o.pending, err = r.cfg.Place.Begin(); err != nil {
		r.stop(segment.DiskFailed, u.Taken, err)
		return
	}
	r.open = o
	if o.seal, err = segment.Seal(o.pending, h, r.keys.keys, r.cfg.Signer); err == nil {
		o.mux, err = fmp4.NewMuxer(o.seal, r.codec, r.sets)
	}
	if err != nil {
		r.abort(err)
		return
	}
}

// header says how the next segment continues the chain. With an error comes the reason
// of the gap.
func (r *Recorder) header(u *fmp4.Unit) (segment.Header, segment.Gap, error) {
	head, gap, err := r.cfg.Place.Next()
	if err != nil {
		return segment.Header{}, segment.DiskFailed, err
	}
	start := u.Taken.UTC().Truncate(time.Millisecond)
	if start.Before(head.End) {
		if head.End.Sub(start) > segment.Slack {
			return segment.Header{}, segment.ClockBack, city.Errorf(city.Unavailable, "the clock shows %s, and it was %s already: recording goes on from then", start.Format(time.RFC3339), head.End.Format(time.RFC3339))
		}
		start = head.End
	}
	h := segment.Header{
		Media: segment.H264, Domain: r.cfg.Domain, Camera: r.cfg.Camera, Class: r.cfg.Class,
		Sequence: head.Sequence + 1, Previous: head.Hash, Start: start, GapStart: start,
	}
	if r.codec == fmp4.H265 {
		h.Media = segment.H265
	}
	switch {
	case gap != nil && gap.Start.Before(start):
		h.Gap, h.GapStart = gap.Reason, gap.Start
	case gap != nil:
		h.Gap, h.GapStart = gap.Reason, start
	case head.Sequence > 0 && start.Sub(head.End) > segment.Slack:
		h.Gap, h.GapStart = segment.NoPicture, head.End
	}
	return h, segment.None, nil
}

// epochKeys gets both bodies' keys of a day, and holds them to what they must be.
func (r *Recorder) epochKeys(ctx context.Context, day string) error {
	if r.keys.day == day {
		return nil
	}
	next := epochs{day: day}
	for i, body := range share.Bodies {
		k, err := r.cfg.Keys.Key(ctx, body, r.cfg.Class, day)
		if err != nil {
			return fmt.Errorf("no epoch key of %s for %s, class %s: %w", body, day, r.cfg.Class, err)
		}
		if err := k.For(body, r.cfg.Class, day); err != nil {
			return err
		}
		next.keys[i] = k
	}
	r.keys = next
	return nil
}

// end completes the segment at a time.
func (r *Recorder) end(at time.Time) {
	o := r.open
	if o == nil {
		return
	}
	err := o.mux.Close()
	if err == nil {
		_, err = o.seal.Close(at, o.mux.Pictures())
	}
	if err != nil {
		r.abort(err)
		return
	}
	r.open = nil
	if err = o.pending.Commit(); err != nil {
		r.tell(store.Reason(err), at, err)
		return
	}
	if r.stopped != segment.None {
		r.stopped = segment.None
		r.cfg.Event(Event{Kind: Resumed, Camera: r.cfg.Camera, At: o.start})
	}
}

// abort ends a segment that cannot go on: its key is wiped, what of it is whole is kept.
func (r *Recorder) abort(err error) {
	o := r.open
	r.open, r.held = nil, nil
	if o.seal != nil {
		o.seal.Abandon()
	}
	reason := store.Reason(err)
	if k := city.KindOf(err); reason != segment.DiskFull && (k == city.Invalid || k == city.TooLarge) {
		reason = segment.BadStream
	}
	r.tell(reason, o.start, errors.Join(err, o.pending.Abort(reason)))
}

// stop notes a gap and tells it.
func (r *Recorder) stop(reason segment.Gap, since time.Time, err error) {
	if r.open != nil {
		r.end(since)
		r.held, r.order = nil, fmp4.Order{}
	}
	if r.stopped == reason {
		return // noted and told already
	}
	err = errors.Join(err, r.cfg.Place.Stop(reason, since))
	r.tell(reason, since, err)
}

func (r *Recorder) tell(reason segment.Gap, at time.Time, err error) {
	if r.stopped == reason {
		return // each key frame tries again
	}
	kind := Stopped
	if reason == segment.NoEpochKey {
		kind = NoKey
	}
	r.stopped = reason
	r.cfg.Event(Event{Kind: kind, Camera: r.cfg.Camera, At: at, Reason: reason, Err: err})
}

// Tick is to be called each second, pictures or not: it ends a segment when none come,
// and looks once a day how many days of epoch keys are left.
func (r *Recorder) Tick(ctx context.Context, now time.Time) {
	if r.held != nil && now.Sub(r.held.Taken) > Quiet {
		r.Stop(segment.NoPicture, now)
	}
	if day := share.Day(now); day != r.lowDay {
		r.lowDay = day
		if days := DaysLeft(ctx, r.cfg.Keys, r.cfg.Class, now); days <= DaysLow {
			r.cfg.Event(Event{Kind: KeysLow, Camera: r.cfg.Camera, At: now, Days: days})
		}
	}
}

// flushHeld writes the last picture without knowing the next.
func (r *Recorder) flushHeld() {
	if h := r.held; h != nil && r.open != nil {
		if err := r.open.mux.Add(h.Unit, h.dts, h.pts, int64(usual.Seconds()*fmp4.TimeScale)); err != nil {
			r.abort(err)
		}
	}
}

func (r *Recorder) last() time.Time { return r.held.Taken.Add(usual) }

// Lost notes that pictures could not be taken in for want of time.
func (r *Recorder) Lost(now time.Time) { r.Stop(segment.TooSlow, now) }

// Stop ends recording for a reason, at the last picture or at now. With the next key
// frame it goes on.
func (r *Recorder) Stop(reason segment.Gap, now time.Time) {
	if r.held != nil {
		now = r.last()
		r.flushHeld()
	}
	r.stop(reason, now, nil)
}

// DaysLeft returns for how many days from a moment on both bodies have keys of a class,
// its own day included. It looks 90 days ahead.
func DaysLeft(ctx context.Context, keys share.KeySource, class city.Slug, from time.Time) int {
	for days := range 90 {
		day := share.Day(from.AddDate(0, 0, days))
		for _, body := range share.Bodies {
			k, err := keys.Key(ctx, body, class, day)
			if err != nil || k.For(body, class, day) != nil {
				return days
			}
		}
	}
	return 90
}
