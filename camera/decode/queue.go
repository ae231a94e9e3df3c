package decode

import (
	"context"
	"sync"

	"polity/camera/frame"
	"polity/camera/stream"
)

// queue holds units between the network and the decoder. When it is full it is
// emptied and waits for the next key unit: a unit without those before it would
// decode to something that was never there.
type queue struct {
	mu      sync.Mutex
	units   []*stream.Unit
	bytes   int
	needKey bool
	skipped uint64
	arrived chan struct{} // capacity 1
	wipe    bool          // overwrite what is left out
}

// Bounds of the queue: some seconds of an ordinary camera.
const (
	maxQueued      = 64
	maxQueuedBytes = 2 * stream.MaxUnit
)

func (q *queue) init() { q.arrived, q.needKey = make(chan struct{}, 1), true }

func (q *queue) push(u *stream.Unit) {
	q.mu.Lock()
	if u.Key {
		q.needKey = false
	}
	if len(q.units) >= maxQueued || q.bytes+u.Size() > maxQueuedBytes {
		q.empty()
		q.needKey = !u.Key
	}
	if q.needKey {
		q.skipped++
		q.spent(u)
		q.mu.Unlock()
		return
	}
	q.units = append(q.units, u)
	q.bytes += u.Size()
	q.mu.Unlock()
	select {
	case q.arrived <- struct{}{}:
	default:
	}
}

// empty leaves out what waits. The lock is held.
func (q *queue) empty() {
	q.skipped += uint64(len(q.units))
	for _, u := range q.units {
		q.spent(u)
	}
	q.units, q.bytes = nil, 0
}

// spent is told of each unit that nobody uses any more.
func (q *queue) spent(u *stream.Unit) {
	if q.wipe {
		u.Wipe()
	}
}

// peek waits for the next unit and returns it without taking it.
func (q *queue) peek(ctx context.Context) (*stream.Unit, error) {
	for {
		q.mu.Lock()
		if len(q.units) > 0 {
			u := q.units[0]
			q.mu.Unlock()
			return u, nil
		}
		q.mu.Unlock()
		select {
		case <-q.arrived:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take removes u if it is still the next.
func (q *queue) take(u *stream.Unit) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.units) == 0 || q.units[0] != u {
		return false
	}
	q.units[0] = nil
	q.units = q.units[1:]
	q.bytes -= u.Size()
	return true
}

// key waits until the next unit is one to start at, leaves out those before, and
// returns it without taking it.
func (q *queue) key(ctx context.Context) (*stream.Unit, error) {
	for {
		u, err := q.peek(ctx)
		if err != nil || u.Key {
			return u, err
		}
		if q.take(u) {
			q.mu.Lock()
			q.skipped++
			q.spent(u)
			q.mu.Unlock()
		}
	}
}

// restart drops what waits: what came while no decoder ran is old.
func (q *queue) restart() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.empty()
	q.needKey = true
}

func (q *queue) dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.skipped
}

// ready holds frames until they are taken; the oldest gives way.
type ready struct {
	mu      sync.Mutex
	frames  []*frame.Frame
	late    uint64
	arrived chan struct{} // capacity 1
	discard func(*frame.Frame)
}

// maxReady is how many frames may wait: one that is being worked off while the
// next comes is no reason to lose it.
const maxReady = 2

func (r *ready) init(discard func(*frame.Frame)) {
	r.arrived, r.discard = make(chan struct{}, 1), discard
}

func (r *ready) put(f *frame.Frame) {
	r.mu.Lock()
	if len(r.frames) == maxReady {
		r.discard(r.frames[0])
		r.frames = append(r.frames[:0], r.frames[1:]...)
		r.late++
	}
	r.frames = append(r.frames, f)
	r.mu.Unlock()
	select {
	case r.arrived <- struct{}{}:
	default:
	}
}

func (r *ready) next(ctx context.Context) (*frame.Frame, error) {
	for {
		r.mu.Lock()
		if len(r.frames) > 0 {
			f := r.frames[0]
			r.frames = append(r.frames[:0], r.frames[1:]...)
			more := len(r.frames) > 0
			r.mu.Unlock()
			if more {
				select {
				case r.arrived <- struct{}{}:
				default:
				}
			}
			return f, nil
		}
		r.mu.Unlock()
		select {
		case <-r.arrived:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *ready) dropped() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.late
}
