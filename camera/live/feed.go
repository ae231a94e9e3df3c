package live

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"polity/camera/canvas"
	"polity/camera/wire"
	"polity/city"
)

const (
	placesKept = 16 // a viewer that missed more gets the whole place
	eventsKept = 16
	retryAfter = time.Second
)

// feed is one camera's latest, each kind with a version that grows by one with
// every update, so that a viewer knows what it has not had. What a viewer is sent
// is encoded once, however many they are.
type feed struct {
	camera city.Slug
	log    *slog.Logger

	mu      sync.Mutex
	viewers map[*viewer]struct{}
	stop    context.CancelFunc // of the watch; nil while nobody looks
	idle    *time.Timer        // ends the watch some time after the last has left

	line   versioned
	up     bool
	state  versioned
	marks  versioned
	place  uint64 // version of the canvas
	canvas canvas.Canvas
	whole  versioned   // of the canvas, encoded when somebody needs it
	places []versioned // the latest changes, the last is place
	events []versioned
}

type versioned struct {
	part
	version uint64
}

// cursor is what one viewer has had of one camera.
type cursor struct{ line, state, marks, place, event uint64 }

// take is called with every message of the camera, one at a time. A message that
// arrives after its watch ended is nobody's.
func (f *feed) take(ctx context.Context, m wire.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	f.setLine(true)
	if err := f.keep(m); err != nil {
		f.log.Warn("a camera's message was not passed on", slog.String("camera", string(f.camera)), slog.Any("error", err))
		return
	}
	f.wake()
}

func (f *feed) keep(m wire.Message) error {
	if p, ok := m.(*wire.Place); ok {
		if err := f.canvas.Apply(p); err != nil {
			return err
		}
		f.place++
		if p.Whole {
			f.places = f.places[:0]
			return nil
		}
		return f.push(&f.places, m, f.place, placesKept)
	}
	e, err := encode(m)
	if err != nil {
		return err
	}
	switch m.(type) {
	case *wire.Marks:
		f.marks = versioned{e, f.marks.version + 1}
	case *wire.State:
		f.state = versioned{e, f.state.version + 1}
	case *wire.Event:
		version := uint64(1)
		if n := len(f.events); n > 0 {
			version = f.events[n-1].version + 1
		}
		return f.push(&f.events, m, version, eventsKept)
	}
	return nil
}

func (f *feed) push(list *[]versioned, m wire.Message, version uint64, kept int) error {
	e, err := encode(m)
	if err != nil {
		return err
	}
	if *list = append(*list, versioned{e, version}); len(*list) > kept {
		*list = append((*list)[:0], (*list)[1:]...)
	}
	return nil
}

// setLine notes whether messages arrive.
func (f *feed) setLine(up bool) {
	if f.up == up && f.line.version > 0 {
		return
	}
	e, err := newPart("line", Line{Up: up})
	if err != nil {
		return // a bool always encodes
	}
	f.up, f.line = up, versioned{e, f.line.version + 1}
	f.wake()
}

func (f *feed) wake() {
	for v := range f.viewers {
		select {
		case v.wake <- struct{}{}:
		default: // it is awake, or will be
		}
	}
}

// appendNew adds to b what the viewer has not had.
func (f *feed) appendNew(b []byte, index int, c *cursor) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range []struct {
		latest versioned
		had    *uint64
	}{{f.line, &c.line}, {f.state, &c.state}} {
		if x.latest.version > *x.had {
			b, *x.had = x.latest.appendTo(b, index), x.latest.version
		}
	}
	b, err := f.appendPlace(b, index, c)
	if err != nil {
		return b, err
	}
	if f.marks.version > c.marks {
		b, c.marks = f.marks.appendTo(b, index), f.marks.version
	}
	for _, e := range f.events {
		if e.version > c.event {
			b, c.event = e.appendTo(b, index), e.version
		}
	}
	return b, nil
}

func (f *feed) appendPlace(b []byte, index int, c *cursor) ([]byte, error) {
	if f.place == c.place {
		return b, nil
	}
	if n := len(f.places); n > 0 && c.place > 0 && f.places[0].version <= c.place+1 {
		for _, p := range f.places {
			if p.version > c.place {
				b = p.appendTo(b, index)
			}
		}
		c.place = f.place
		return b, nil
	}
	if f.whole.version != f.place {
		p, err := f.canvas.Tiles(nil, uint32(f.place))
		if err != nil {
			return b, err
		}
		e, err := encode(p)
		if err != nil {
			return b, err
		}
		f.whole = versioned{e, f.place}
	}
	c.place = f.place
	return f.whole.appendTo(b, index), nil
}

// join adds a viewer, and begins to watch if it is the first.
func (f *feed) join(v *viewer, watch Watch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.viewers[v] = struct{}{}
	if f.idle != nil {
		f.idle.Stop()
		f.idle = nil
	}
	if f.stop == nil {
		ctx, stop := context.WithCancel(context.Background())
		f.stop = stop
		go f.watch(ctx, watch)
	}
}

// leave removes a viewer. The watch goes on for a while, so that a page that is
// loaded again finds it running.
func (f *feed) leave(v *viewer, linger time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.viewers, v)
	if len(f.viewers) == 0 && f.idle == nil {
		f.idle = time.AfterFunc(linger, f.endIfIdle)
	}
}

func (f *feed) endIfIdle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.viewers) == 0 && f.stop != nil {
		f.end()
	}
}

// end stops the watch; the caller holds the lock. What was shown is old by the
// time somebody looks again, so none of it is kept.
func (f *feed) end() {
	f.stop()
	f.stop, f.idle, f.up = nil, nil, false
	f.line, f.state, f.marks, f.whole = versioned{}, versioned{}, versioned{}, versioned{}
	f.canvas, f.place, f.places, f.events = canvas.Canvas{}, 0, nil, nil
}

// watch keeps the camera's messages coming until ctx ends.
func (f *feed) watch(ctx context.Context, watch Watch) {
	for ctx.Err() == nil {
		err := watch(ctx, f.camera, func(m wire.Message) { f.take(ctx, m) })
		if ctx.Err() != nil {
			return
		}
		f.log.Debug("the line to a camera was lost", slog.String("camera", string(f.camera)), slog.Any("error", err))
		f.lost(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter):
		}
	}
}

func (f *feed) lost(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() == nil {
		f.setLine(false)
	}
}
