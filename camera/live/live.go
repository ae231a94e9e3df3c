// Package live carries cameras' scenes to people who look: one watch per camera
// however many viewers there are, every update encoded once, and no queue that a
// slow reader could fill. The form is docs/formats/live.md.
//
// It trusts that who feeds it has checked the pictures, and that who asks has the
// right to look.
package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"polity/camera/wire"
	"polity/city"
)

// MaxCameras is how many cameras one response carries at most.
const MaxCameras = 64

const (
	heartbeat    = 15 * time.Second
	writeTimeout = 10 * time.Second
)

// Watch calls each with every message of a camera, in order, one at a time, until
// ctx ends or the line is lost. The first Place after the call is whole. It is
// the method of that name of console.City.
type Watch func(ctx context.Context, camera city.Slug, each func(wire.Message)) error

// Config is what New needs.
type Config struct {
	Watch Watch
	// Check returns an error, of a kind of package city, for a camera that is not
	// there.
	Check func(ctx context.Context, camera city.Slug) error
	// Every is the shortest time between two updates of one viewer; 0 is 200 ms.
	Every time.Duration
	// Linger is how long a camera is watched after the last viewer has left; 0 is
	// 10 s.
	Linger time.Duration
	Log    *slog.Logger // nil: nothing is logged
}

// Live serves `GET ...?cameras=a,b`. It is safe for concurrent use.
type Live struct {
	cfg    Config
	closed chan struct{}
	once   sync.Once

	mu    sync.Mutex
	feeds map[city.Slug]*feed

	viewers atomic.Int64
	bytes   atomic.Uint64
	updates atomic.Uint64
}

// Stats counts what a Live has done since it was made.
type Stats struct {
	Viewers int64  // connected now
	Views   int64  // cameras that somebody watches now
	Updates uint64 // written, one may carry many cameras
	Bytes   uint64 // of body
}

// New makes a feed. Close it to end the responses.
func New(cfg Config) *Live {
	if cfg.Every == 0 {
		cfg.Every = 200 * time.Millisecond
	}
	if cfg.Linger == 0 {
		cfg.Linger = 10 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Live{cfg: cfg, closed: make(chan struct{}), feeds: map[city.Slug]*feed{}}
}

// Close ends all responses and all watches.
func (l *Live) Close() {
	l.once.Do(func() { close(l.closed) })
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.feeds {
		f.mu.Lock()
		if f.stop != nil {
			f.end()
		}
		f.mu.Unlock()
	}
}

// Stats returns the counts.
func (l *Live) Stats() Stats {
	s := Stats{Viewers: l.viewers.Load(), Updates: l.updates.Load(), Bytes: l.bytes.Load()}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.feeds {
		f.mu.Lock()
		if f.stop != nil {
			s.Views++
		}
		f.mu.Unlock()
	}
	return s
}

// Cameras reads the list of cameras of a request. Errors are of kind Invalid.
func Cameras(r *http.Request) ([]city.Slug, error) {
	var names []city.Slug
	for text := range strings.SplitSeq(r.URL.Query().Get("cameras"), ",") {
		name := city.Slug(strings.TrimSpace(text))
		if name == "" || slices.Contains(names, name) {
			continue
		}
		if err := name.Check(); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	switch {
	case len(names) == 0:
		return nil, city.Errorf(city.Invalid, "name the cameras to see: /live?cameras=NAME,NAME")
	case len(names) > MaxCameras:
		return nil, city.Errorf(city.Invalid, "%d cameras were asked for; one feed carries at most %d", len(names), MaxCameras)
	}
	return names, nil
}

// Open checks the request without writing anything, so that the caller can
// answer an error in its own form. Serve the result.
func (l *Live) Open(r *http.Request) (func(http.ResponseWriter) error, error) {
	names, err := Cameras(r)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := l.cfg.Check(r.Context(), name); err != nil {
			return nil, err
		}
	}
	return func(w http.ResponseWriter) error { return l.serve(w, r, names) }, nil
}

// viewer is one response.
type viewer struct {
	wake    chan struct{}
	feeds   []*feed
	cursors []cursor
	buf     []byte
}

func (l *Live) serve(w http.ResponseWriter, r *http.Request, names []city.Slug) error {
	v := &viewer{wake: make(chan struct{}, 1), cursors: make([]cursor, len(names))}
	for _, name := range names {
		f := l.feed(name)
		v.feeds = append(v.feeds, f)
		f.join(v, l.cfg.Watch)
		defer f.leave(v, l.cfg.Linger)
	}
	l.viewers.Add(1)
	defer l.viewers.Add(-1)
	head := w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Accel-Buffering", "no") // a reverse proxy passes each update on at once
	hello, err := json.Marshal(Hello{Cameras: words(names), Every: int(l.cfg.Every.Milliseconds())})
	if err != nil {
		return fmt.Errorf("encode hello: %w", err)
	}
	v.buf = fmt.Appendf(v.buf, "retry: 2000\nevent: hello\ndata: %s\n\n", hello)
	return l.run(r.Context(), http.NewResponseController(w), w, v)
}

// run writes what is new until the reader leaves.
func (l *Live) run(ctx context.Context, rc *http.ResponseController, w http.ResponseWriter, v *viewer) error {
	pause, beat := time.NewTimer(0), time.NewTimer(heartbeat)
	defer pause.Stop()
	defer beat.Stop()
	for {
		var err error
		for i, f := range v.feeds {
			if v.buf, err = f.appendNew(v.buf, i, &v.cursors[i]); err != nil {
				return err
			}
		}
		if len(v.buf) > 0 {
			if err := l.write(rc, w, v); err != nil {
				return err
			}
			beat.Reset(heartbeat)
			pause.Reset(l.cfg.Every)
			if !l.wait(ctx, pause.C) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.closed:
			return nil
		case <-v.wake:
		case <-beat.C:
			v.buf = append(v.buf, ":\n\n"...)
		}
	}
}

// wait returns false when there is nobody left to write to.
func (l *Live) wait(ctx context.Context, pause <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-l.closed:
		return false
	case <-pause:
		return true
	}
}

func (l *Live) write(rc *http.ResponseController, w http.ResponseWriter, v *viewer) error {
	if err := rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("live feed: %w", err)
	}
	n, err := w.Write(v.buf)
	if err == nil {
		err = rc.Flush()
	}
	l.bytes.Add(uint64(n))
	l.updates.Add(1)
	if v.buf = v.buf[:0]; cap(v.buf) > 64<<10 {
		v.buf = nil // a whole place is rare: do not keep its room for every viewer
	}
	if err != nil {
		return fmt.Errorf("live feed: %w", err)
	}
	return nil
}

func (l *Live) feed(camera city.Slug) *feed {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.feeds[camera]
	if !ok {
		f = &feed{camera: camera, log: l.cfg.Log, viewers: map[*viewer]struct{}{}}
		l.feeds[camera] = f
	}
	return f
}

func words(names []city.Slug) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = string(n)
	}
	return out
}
