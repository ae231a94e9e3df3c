package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"polity/city"
	"polity/plane"
)

// groupMost bounds what one commit carries, so that nobody waits long for others.
const groupMost = 256

// request is a batch on its way to the writer.
type request struct {
	ctx    context.Context
	batch  *plane.Batch
	taken  atomic.Bool // by the writer, or by who gave up waiting
	result plane.Result
	err    error
	done   chan struct{}
}

// Write is plane.Store's.
func (s *Store) Write(ctx context.Context, b *plane.Batch) (plane.Result, error) {
	for i := range b.Observations {
		if err := b.Observations[i].Check(); err != nil {
			return plane.Result{}, err
		}
	}
	r := &request{ctx: ctx, batch: b, done: make(chan struct{})}
	if err := s.submit(r); err != nil {
		return plane.Result{}, err
	}
	return r.result, r.err
}

// submit hands a request to the writer and waits for its commit. A context that
// ends while the request waits takes it out; from the moment the writer has begun
// it runs to its end.
func (s *Store) submit(r *request) error {
	if err := r.ctx.Err(); err != nil {
		return kind(err)
	}
	select {
	case <-s.closing:
		return errClosed()
	default:
	}
	select {
	case s.requests <- r:
	case <-r.ctx.Done():
		return kind(r.ctx.Err())
	case <-s.closing:
		return errClosed()
	}
	select {
	case <-r.done:
		return nil
	case <-r.ctx.Done():
		if r.taken.CompareAndSwap(false, true) {
			return kind(r.ctx.Err())
		}
		<-r.done
		return nil
	case <-s.closing:
		// The writer empties its queue before it ends: either it has this one or
		// nobody has.
		s.done.Wait()
		select {
		case <-r.done:
			return nil
		default:
			return errClosed()
		}
	}
}

// writer commits what waits, again and again. While one commit syncs, the next
// group gathers.
func (s *Store) writer() {
	for {
		select {
		case r := <-s.requests:
			s.group(r)
		case <-s.closing:
			for {
				select {
				case r := <-s.requests:
					s.group(r)
				default:
					return
				}
			}
		}
	}
}

// lingerMost bounds how long a group waits for those that came with the last one.
const lingerMost = time.Millisecond

// gather returns what waits, and what comes in a moment if the last group was
// larger: whoever was just told of a commit often has the next batch at hand, and
// without that moment the first of them would have a commit alone.
func (s *Store) gather(first *request) []*request {
	group := make([]*request, 0, 16)
	add := func(r *request) {
		if r.taken.CompareAndSwap(false, true) {
			group = append(group, r)
		}
	}
	add(first)
	for more := true; more && len(group) < groupMost; {
		select {
		case r := <-s.requests:
			add(r)
		default:
			more = false
		}
	}
	if len(group) >= s.last {
		return group
	}
	enough := time.NewTimer(min(s.took/2, lingerMost))
	defer enough.Stop()
	for len(group) < s.last {
		select {
		case r := <-s.requests:
			add(r)
		case <-enough.C:
			return group
		case <-s.closing:
			return group
		}
	}
	return group
}

func (s *Store) group(first *request) {
	group := s.gather(first)
	begun := time.Now()
	defer func() { s.last, s.took = len(group), time.Since(begun) }()
	err := s.commit(group)
	if err != nil && len(group) > 1 && city.KindOf(err) != city.Unavailable {
		// One of them may be at fault: each alone.
		for _, r := range group {
			r.err = s.commit([]*request{r})
			close(r.done)
		}
		return
	}
	for _, r := range group {
		r.err = err
		close(r.done)
	}
}

// errPanic tells a fault of a change from one of the database.
var errPanic = errors.New("a change panicked")
