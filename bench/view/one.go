package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"polity/camera/live"
	"polity/camera/wire"
	"polity/city"
)

// oneResult is what one view costs on the line, bytes a second.
type oneResult struct {
	perSecond, places, marks, states float64
	whole                            int // bytes of the whole place at the start
}

// sink is a viewer's connection: it counts what is written, with the chunks that
// HTTP/1.1 makes of it (RFC 9112, section 7.1).
type sink struct {
	mu     sync.Mutex
	more   *sync.Cond
	header http.Header
	bytes  int
	kinds  map[string]int // bytes by event
	seen   map[string]int // events
}

func newSink() *sink {
	s := &sink{header: http.Header{}, kinds: map[string]int{}, seen: map[string]int{}}
	s.more = sync.NewCond(&s.mu)
	return s
}

// Header implements http.ResponseWriter.
func (s *sink) Header() http.Header { return s.header }

// WriteHeader implements http.ResponseWriter.
func (s *sink) WriteHeader(int) {}

// Flush implements http.Flusher.
func (s *sink) Flush() {}

// Write implements http.ResponseWriter.
func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += len(b) + len(fmt.Sprintf("%x\r\n\r\n", len(b)))
	for event := range bytes.SplitSeq(b, []byte("\n\n")) {
		if name, _, ok := bytes.Cut(bytes.TrimPrefix(event, []byte("event: ")), []byte("\n")); ok {
			s.kinds[string(name)] += len(event) + 2
			s.seen[string(name)]++
		}
	}
	s.more.Broadcast()
	return len(b), nil
}

// await waits until so many events of a kind were written.
func (s *sink) await(ctx context.Context, kind string, n int) error {
	stop := context.AfterFunc(ctx, s.more.Broadcast)
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.seen[kind] < n && ctx.Err() == nil {
		s.more.Wait()
	}
	return ctx.Err()
}

// oneView plays the recording to one viewer, each step when the one before has
// reached it, so that nothing is left out however busy the machine is.
func oneView(ctx context.Context, rec *recording) (oneResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	steps := make(chan []wire.Message)
	l := live.New(live.Config{
		Every: time.Nanosecond,
		Check: func(context.Context, city.Slug) error { return nil },
		Watch: func(ctx context.Context, _ city.Slug, each func(wire.Message)) error {
			for {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case step := <-steps:
					for _, m := range step {
						each(m)
					}
				}
			}
		},
	})
	defer l.Close()
	serve, err := l.Open(httptest.NewRequestWithContext(ctx, http.MethodGet, "/live?cameras=square", nil))
	if err != nil {
		return oneResult{}, err
	}
	s := newSink()
	ended := make(chan error, 1)
	go func() { ended <- serve(s) }()
	play := func(step []wire.Message, kind string, n int) error {
		select {
		case steps <- step:
			return s.await(ctx, kind, n)
		case err := <-ended:
			return errors.Join(errors.New("the view ended"), err)
		}
	}
	if err := play([]wire.Message{rec.first}, "place", 1); err != nil {
		return oneResult{}, err
	}
	out := oneResult{whole: s.kinds["place"]}
	before := s.bytes
	for i, step := range rec.steps {
		if err := play(step, "marks", i+1); err != nil {
			return out, err
		}
		for _, m := range step {
			if _, ok := m.(*wire.State); ok {
				if err := s.await(ctx, "state", i/updates+1); err != nil {
					return out, err
				}
			}
		}
	}
	per := float64(updates) / float64(len(rec.steps))
	s.mu.Lock()
	defer s.mu.Unlock()
	out.perSecond = float64(s.bytes-before) * per
	out.places, out.marks, out.states = float64(s.kinds["place"]-out.whole)*per, float64(s.kinds["marks"])*per, float64(s.kinds["state"])*per
	return out, nil
}
