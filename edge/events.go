package edge

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"polity/camera/wire"
	"polity/internal/durable"
)

// openEvents is which events of a camera have begun and not ended, on disk, so
// that they are ended even if the edge goes in between. It is safe for concurrent
// use.
type openEvents struct {
	path string

	mu   sync.Mutex
	list map[eventKey]*wire.Event
	last time.Time // when the camera was last known to watch, before this run
}

type eventKey struct {
	kind  wire.EventKind
	class wire.Class
	where uint8
	start int64
}

func keyOf(e *wire.Event) eventKey {
	return eventKey{e.Kind, e.Class, e.Where, e.Start.UnixMilli()}
}

// loadOpenEvents reads what an earlier run left. A file that cannot be read is as
// good as none: its events end with the next of their kind.
func loadOpenEvents(path string) (*openEvents, error) {
	o := &openEvents{path: path, list: map[eventKey]*wire.Event{}}
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return o, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read which events are under way: %w", err)
	}
	if info, err := os.Stat(path); err == nil {
		o.last = info.ModTime()
	}
	for r := bufio.NewReader(bytes.NewReader(b)); ; {
		m, err := wire.Read(r)
		if errors.Is(err, io.EOF) || errors.Is(err, wire.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) {
			return o, nil
		}
		if err != nil {
			return nil, err
		}
		if e, ok := m.(*wire.Event); ok {
			o.list[keyOf(e)] = e
		}
	}
}

// note writes down that an event began or ended.
func (o *openEvents) note(e *wire.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	k := keyOf(e)
	_, was := o.list[k]
	if !e.End.IsZero() {
		if delete(o.list, k); !was {
			return nil
		}
		return o.write()
	}
	begun := *e
	begun.Place = nil
	if o.list[k] = &begun; was {
		return nil
	}
	return o.write()
}

// touch notes that the camera is watched still, for the case that the edge is
// killed.
func (o *openEvents) touch(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.list) > 0 {
		_ = os.Chtimes(o.path, now, now) // only makes an end more exact
	}
}

// endAll returns the events that are under way, ended: now, or when an earlier run
// of the edge was last alive.
func (o *openEvents) endAll(now time.Time) []*wire.Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	end := now.UTC().Truncate(time.Millisecond)
	if !o.last.IsZero() && o.last.Before(end) {
		end = o.last.UTC().Truncate(time.Millisecond)
	}
	var ended []*wire.Event
	for _, e := range o.list {
		x := *e
		if x.End = end; x.End.Before(x.Start) {
			x.End = x.Start
		}
		ended = append(ended, &x)
	}
	return ended
}

func (o *openEvents) clear() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = time.Time{}
	if len(o.list) == 0 {
		return nil
	}
	clear(o.list)
	return o.write()
}

func (o *openEvents) write() error {
	var b bytes.Buffer
	for _, e := range o.list {
		if err := wire.Write(&b, e); err != nil {
			return err
		}
	}
	return durable.WriteFile(o.path, b.Bytes(), 0o600)
}
