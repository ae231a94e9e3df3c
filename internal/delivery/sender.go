package delivery

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Attempts at once. Receivers that failed or took their time lately have a lane of
// their own, so that however many of them there are, the others go on.
const (
	fastLane = 96
	slowLane = 64
	slowFrom = time.Second
)

// maxReason bounds what is kept of an error.
const maxReason = 300

// begin lets a receiver's notifications be sent. The caller holds mu.
func (q *Queue) begin(x *receiver) {
	x.more = true
	if x.running || q.closed {
		return
	}
	x.running = true
	q.senders.Go(func() { q.drain(x) })
}

// head is a note under way.
type head struct {
	n, tried int64
	body     []byte
}

// drain sends a receiver's notifications, one after the other, until none is left.
// What was taken is removed from the file while the next is under way.
func (q *Queue) drain(x *receiver) {
	var after int64            // what was sent in this round stands before
	off := make(chan struct{}) // closed once what was taken is off the file
	close(off)
	for q.pause(x) {
		if q.rewound(x) {
			<-off
			after = 0
		}
		lane := q.lane(x)
		select {
		case lane <- struct{}{}:
		case <-q.sending.Done():
			continue
		}
		h, err := q.next(x, after)
		if err == nil && h != nil {
			came, took := q.attempt(x, h)
			<-lane
			if came != stays {
				after = h.n
				<-off
				off = q.remove(x, h, came, took)
			}
			continue
		}
		<-lane
		switch {
		case q.sending.Err() != nil:
		case err != nil:
			q.log.Error("notifications cannot be read", slog.Any("error", err))
			q.mu.Lock()
			x.next = time.Now().Add(time.Second)
			q.mu.Unlock()
		default:
			<-off // or the next round would begin with what was taken
			if q.rest(x) {
				return
			}
		}
	}
	<-off
}

// rest ends a round, unless something was added since the last look.
func (q *Queue) rest(x *receiver) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if x.more || x.rewind {
		return false
	}
	x.running = false
	if x.r == 0 {
		delete(q.receivers, x.Receiver)
	}
	return true
}

// pause waits until a receiver may be tried; false where nothing is sent any more.
func (q *Queue) pause(x *receiver) bool {
	for q.sending.Err() == nil {
		q.mu.Lock()
		wait := time.Until(x.next)
		q.mu.Unlock()
		if wait <= 0 {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-x.wake:
		case <-q.sending.Done():
		}
		timer.Stop()
	}
	return false
}

// rewound says whether notes were put back that have lower numbers than those that were
// sent.
func (q *Queue) rewound(x *receiver) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	was := x.rewind
	x.rewind = false
	return was
}

func (q *Queue) lane(x *receiver) chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if x.slow || x.state.Failing() {
		return q.slow
	}
	return q.fast
}

// next returns the first note behind a number; nil where there is none.
func (q *Queue) next(x *receiver, after int64) (*head, error) {
	q.mu.Lock()
	r := x.r
	x.more = false
	q.mu.Unlock()
	var h head
	err := q.read.QueryRowContext(q.sending, "SELECT n, tried, body FROM waiting WHERE r = ? AND n > ? ORDER BY n LIMIT 1", r, after).Scan(&h.n, &h.tried, &h.body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // there is none
	}
	return &h, err
}

// outcome is what came of an attempt.
type outcome uint8

const (
	stays outcome = iota // it is tried again, or is a dead letter
	taken
	gone // the receiver is
)

func (q *Queue) attempt(x *receiver, h *head) (came outcome, took time.Duration) {
	q.mu.Lock()
	x.flight = h.n
	hurries := x.hurries
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		x.flight = 0
		q.mu.Unlock()
	}()
	began := time.Now()
	err := q.cfg.Send(q.attempts, x.Receiver, h.body)
	took = time.Since(began)
	switch {
	case err == nil:
		return taken, took
	case q.attempts.Err() != nil: // whether it was taken or not, it is sent again
		return stays, took
	case errors.Is(err, ErrGone):
		return gone, took
	}
	q.failed(x, h, err, hurries)
	return stays, took
}

// remove takes a note off the file, and closes the channel when it is.
func (q *Queue) remove(x *receiver, h *head, came outcome, took time.Duration) chan struct{} {
	off := make(chan struct{})
	go func() {
		defer close(off)
		_ = q.do(context.Background(), func(ctx context.Context) error { return q.taken(ctx, x, h, came, took) }, nil) // logged; it comes twice then
	}()
	return off
}

// taken is remove in the writer's transaction. The note may have become a dead letter
// meanwhile.
func (q *Queue) taken(ctx context.Context, x *receiver, h *head, came outcome, took time.Duration) error {
	res, err := q.stmts.take.ExecContext(ctx, h.n)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n > 0 {
		q.waits(x, -1, -int64(len(h.body)))
	} else {
		if res, err = q.stmts.takeDead.ExecContext(ctx, h.n); err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n > 0 {
			q.isDead(x, -1, -int64(len(h.body)))
		}
	}
	if came == gone || x.r == 0 {
		return nil
	}
	s := &x.state
	if s.Failing() {
		q.log.Info("a receiver of notifications is back", slog.String("receiver", x.ID))
	}
	now := q.now()
	s.Sent++
	s.Last, s.Success, s.InRow = now, now, 0
	x.slow = took > slowFrom
	q.counts.Sent++
	q.touch(x)
	return nil
}

// failed notes an attempt that failed, and says when the next one may be.
func (q *Queue) failed(x *receiver, h *head, cause error, hurries int) {
	reason := cause.Error()
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	dies := int(h.tried)+1 > len(q.limits.Pauses)
	_ = q.do(q.attempts, func(ctx context.Context) error { // logged; it is tried again all the same
		now := q.now()
		res, err := q.stmts.tried.ExecContext(ctx, h.n)
		if err != nil {
			return err
		}
		there, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if there > 0 && dies {
			if err := q.kill(ctx, x, h.n, int64(len(h.body)), reason, now); err != nil {
				return err
			}
		}
		if x.r == 0 {
			return nil // forgotten meanwhile
		}
		s := &x.state
		s.Sent++
		s.Failed++
		s.InRow++
		s.Last, s.Failure, s.Reason = now, now, reason
		q.counts.Sent++
		q.counts.Failed++
		q.touch(x)
		return nil
	}, nil)
	q.mu.Lock()
	defer q.mu.Unlock()
	if x.hurries == hurries { // or its address became another under way
		x.next = time.Now().Add(q.back(x.state.InRow, cause))
	}
}

// back is how long a receiver that failed so many times in a row is left alone, up to
// a tenth more, so that many do not come back at the same moment.
func (q *Queue) back(inRow int, cause error) time.Duration {
	p := q.limits.Pauses
	wait := p[max(0, min(inRow, len(p))-1)]
	if later, ok := errors.AsType[*Later](cause); ok {
		wait = max(wait, min(later.For, longest))
	}
	return wait + rand.N(wait/10+1)
}
