package process

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"polity/camera/link"
	"polity/camera/source"
	"polity/camera/stream"
	"polity/recording/fmp4"
	"polity/recording/recorder"
	"polity/recording/remote"
	"polity/recording/segment"
)

// waiting is how many pictures wait for the edge's disk: ten seconds at 25 a second.
const waiting = 250

// recording seals the camera's compressed main stream, in this process, into the store of
// the edge. It is beside the scene: whatever happens to it, the scene goes on.
type recording struct {
	r     *recorder.Recorder
	own   *source.Source // the main stream, where it is another than the one analysed
	units chan *stream.Unit
	lost  chan struct{}  // pictures were dropped since
	given []*stream.Unit // to r, and not overwritten yet
	log   *slog.Logger
}

// keptFor is how long a picture stays as it is after the recorder had it: it asks for two
// seconds.
const keptFor = 3 * time.Second

// newRecording returns nil where the edge asks for none.
func newRecording(p *link.Process, log *slog.Logger) (*recording, error) {
	a := p.Assignment()
	if a.Record == nil {
		return nil, nil
	}
	edge := remote.NewClient(p.Recording(), a.Record.Recorder)
	rec := &recording{units: make(chan *stream.Unit, waiting), lost: make(chan struct{}, 1), log: log}
	var err error
	if rec.r, err = recorder.New(recorder.Config{
		Domain: a.Record.Domain, Camera: a.Camera, Class: a.Record.Class, Keys: edge, Signer: edge, Place: edge, Event: rec.tell,
	}); err != nil {
		return nil, err
	}
	if s := a.Record.Source; s != nil {
		if rec.own, err = source.New(source.Config{Address: s.Address, User: s.User, Password: s.Password, Transport: s.Transport, Log: log}); err != nil {
			return nil, err
		}
	}
	return rec, nil
}

// take is given every unit of the stream that is analysed.
func (r *recording) take(u *stream.Unit) {
	if r != nil && r.own == nil {
		r.push(u)
	}
}

// push never waits: where the edge's disk is too slow, a gap is noted. The unit is copied:
// what is recorded and what is analysed of it are overwritten at times of their own.
func (r *recording) push(u *stream.Unit) {
	if u.Codec != stream.H264 && u.Codec != stream.H265 {
		return // JPEG pictures are not video: run notes that none comes
	}
	u = u.Clone()
	select {
	case r.units <- u:
	default:
		u.Wipe()
		select {
		case r.lost <- struct{}{}:
		default:
		}
	}
}

// run records until ctx ends.
func (r *recording) run(ctx context.Context) {
	if r.own != nil {
		go func() {
			if err := r.own.Run(ctx, func(u *stream.Unit) { r.push(u); u.Wipe() }); err != nil {
				r.log.Error("the stream to record cannot be had", slog.Any("error", err))
			}
		}()
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	defer func() { r.wipe(time.Now().Add(time.Hour)) }()
	began := time.Now()
	heard := false
	for {
		select {
		case <-ctx.Done():
			r.r.Stop(segment.Started, time.Now())
			return
		case <-r.lost:
			for len(r.units) > 0 {
				(<-r.units).Wipe()
			}
			r.r.Lost(time.Now())
		case u := <-r.units:
			heard = true
			r.r.Add(ctx, &fmp4.Unit{Codec: fmp4.Codec(u.Codec), NALs: u.NALs, Key: u.Key, PTS: u.PTS, Taken: u.Taken, Stream: u.Stream})
			r.given = append(r.given, u)
			r.wipe(u.Taken)
		case now := <-tick.C:
			if !heard && now.Sub(began) > silentAfter {
				heard = true
				r.r.Stop(segment.NoPicture, began)
			}
			r.r.Tick(ctx, now)
			r.wipe(now)
		}
	}
}

// wipe overwrites what the recorder was given long enough before now, or after: where a
// clock jumps, the recorder has ended what came before.
func (r *recording) wipe(now time.Time) {
	n := 0
	for n < len(r.given) && now.Sub(r.given[n].Taken).Abs() > keptFor {
		r.given[n].Wipe()
		n++
	}
	r.given = slices.Delete(r.given, 0, n)
}

// tell writes what happened into the process's log, which the edge reads.
func (r *recording) tell(e recorder.Event) {
	attributes := []slog.Attr{slog.String("recording", string(e.Kind)), slog.String("reason", e.Reason.String())}
	if e.Kind == recorder.KeysLow {
		attributes = append(attributes, slog.Int("days", e.Days))
	}
	if e.Err != nil {
		attributes = append(attributes, slog.Any("error", e.Err))
	}
	level := slog.LevelWarn
	if e.Kind == recorder.Resumed {
		level = slog.LevelInfo
	}
	r.log.LogAttrs(context.Background(), level, "recording", attributes...)
}
