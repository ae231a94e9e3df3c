// Package groupcommit lets many writers share one commit: while one commit syncs, those
// who come meanwhile gather for the next. DeWitt and others, Implementation Techniques
// for Main Memory Database Systems (SIGMOD 1984), section 5.2.
package groupcommit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Most is how many requests one commit carries, so that nobody waits long for others.
const Most = 256

// lingerMost bounds how long a group waits for those that came with the last one.
const lingerMost = time.Millisecond

// ErrClosed is what Do returns once the queue is closed.
var ErrClosed = errors.New("the queue of commits is closed")

// Queue hands requests to one writer, in groups. Its methods may be called by any
// goroutine.
type Queue[T any] struct {
	commit func(group []T) error
	apart  func(err error) bool

	waiting chan *request[T]
	closing chan struct{}
	once    sync.Once
	done    sync.WaitGroup

	// The writer's own.
	last int           // requests of the last group,
	took time.Duration // and how long its commit took
}

type request[T any] struct {
	value T
	taken atomic.Bool // by the writer, or by who gave up waiting
	err   error
	done  chan struct{}
}

// New starts the writer. It calls commit with one group at a time, each of 1 to Most
// requests; when commit returns nil all of them are committed, after an error none is. If
// apart says of the error that one of them may be at fault, each is committed alone.
func New[T any](commit func(group []T) error, apart func(err error) bool) *Queue[T] {
	q := &Queue[T]{commit: commit, apart: apart, waiting: make(chan *request[T], Most), closing: make(chan struct{})}
	q.done.Go(q.write)
	return q
}

// Do returns when the request is committed, or with the error of its commit. A context
// that ends while the request waits takes it out, and its error is returned; from the
// moment the writer has begun the request runs to its end.
func (q *Queue[T]) Do(ctx context.Context, value T) error {
	if q.Closed() {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request[T]{value: value, done: make(chan struct{})}
	select {
	case q.waiting <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-q.closing:
		return ErrClosed
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		if r.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		<-r.done
		return r.err
	case <-q.closing:
		// The writer empties its queue before it ends: either it has this one or nobody
		// has.
		q.done.Wait()
		select {
		case <-r.done:
			return r.err
		default:
			return ErrClosed
		}
	}
}

// Closed says whether Close was called.
func (q *Queue[T]) Closed() bool {
	select {
	case <-q.closing:
		return true
	default:
		return false
	}
}

// Closing is closed when Close is called.
func (q *Queue[T]) Closing() <-chan struct{} { return q.closing }

// Close lets the writer commit what waits, and returns when it has ended.
func (q *Queue[T]) Close() {
	q.once.Do(func() { close(q.closing) })
	q.done.Wait()
}

func (q *Queue[T]) write() {
	for {
		select {
		case r := <-q.waiting:
			q.group(r)
		case <-q.closing:
			for {
				select {
				case r := <-q.waiting:
					q.group(r)
				default:
					return
				}
			}
		}
	}
}

// gather returns what waits, and what comes in a moment if the last group was larger:
// whoever was just told of a commit often has the next request at hand, and without that
// moment the first of them would have a commit alone.
func (q *Queue[T]) gather(first *request[T]) []*request[T] {
	group := make([]*request[T], 0, 16)
	add := func(r *request[T]) {
		if r.taken.CompareAndSwap(false, true) {
			group = append(group, r)
		}
	}
	add(first)
	for more := true; more && len(group) < Most; {
		select {
		case r := <-q.waiting:
			add(r)
		default:
			more = false
		}
	}
	if len(group) >= q.last {
		return group
	}
	enough := time.NewTimer(min(q.took/2, lingerMost))
	defer enough.Stop()
	for len(group) < q.last {
		select {
		case r := <-q.waiting:
			add(r)
		case <-enough.C:
			return group
		case <-q.closing:
			return group
		}
	}
	return group
}

func (q *Queue[T]) group(first *request[T]) {
	group := q.gather(first)
	if len(group) == 0 {
		return // all of them had given up
	}
	begun := time.Now()
	defer func() { q.last, q.took = len(group), time.Since(begun) }()
	values := make([]T, len(group))
	for i, r := range group {
		values[i] = r.value
	}
	err := q.commit(values)
	alone := err != nil && len(group) > 1 && q.apart(err)
	for i, r := range group {
		if r.err = err; alone {
			r.err = q.commit(values[i : i+1])
		}
		close(r.done)
	}
}
