package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"polity/plane"
)

// groupMost bounds what one commit carries, so that nobody waits long for others.
const groupMost = 256

// request is a batch on its way to the writer.
type request struct {
	ctx    context.Context
	batch  *plane.Batch
	forget *forget
	settle *uint64 // of the outbox, up to this number
	result plane.Result
	gone   int64
	late   error // its context had ended when its turn came
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

func (s *Store) group(first *request) {
	group := append(make([]*request, 0, 16), first)
	for more := true; more && len(group) < groupMost; {
		select {
		case r := <-s.requests:
			group = append(group, r)
		default:
			more = false
		}
	}
	err := s.commit(group)
	if err != nil && len(group) > 1 {
		// One of them may be at fault: each alone.
		for _, r := range group {
			r.err = errors.Join(s.commit([]*request{r}), r.late)
			close(r.done)
		}
		return
	}
	for _, r := range group {
		r.err = errors.Join(err, r.late)
		close(r.done)
	}
}

// commit runs a group in one transaction.
func (s *Store) commit(group []*request) (err error) {
	ctx := context.Background()
	if _, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return kind(err)
	}
	defer func() {
		if p := recover(); p != nil { // an Edit's fault is not everyone's
			err = fmt.Errorf("a change panicked: %v\n%s", p, debug.Stack())
		}
		if err != nil {
			_, rollback := s.conn.ExecContext(ctx, "ROLLBACK")
			err = kind(errors.Join(err, ignoreNoTransaction(rollback)))
			if lost := s.forgetLearnt(ctx); lost != nil {
				err = errors.Join(err, lost)
			}
		}
	}()
	s.noted = false
	for _, r := range group {
		if err := s.run(ctx, r); err != nil {
			return err
		}
	}
	if _, err = s.conn.ExecContext(ctx, "COMMIT"); err == nil && s.noted {
		s.bell.Ring()
	}
	return err
}

func (s *Store) run(ctx context.Context, r *request) error {
	if err := r.ctx.Err(); err != nil {
		r.late = kind(err)
		return nil
	}
	if r.settle != nil {
		_, err := s.conn.ExecContext(ctx, "DELETE FROM outbox WHERE seq <= ?", int64(*r.settle))
		return err
	}
	if r.forget != nil {
		var err error
		r.gone, err = s.remove(ctx, r.forget)
		return err
	}
	r.result = plane.Result{Refused: make([]error, len(r.batch.Changes))}
	for i := range r.batch.Changes {
		refused, err := s.change(ctx, &r.batch.Changes[i])
		if err != nil {
			return err
		}
		r.result.Refused[i] = refused
	}
	for i := range r.batch.Observations {
		added, err := s.observe(ctx, &r.batch.Observations[i])
		if err != nil {
			return err
		}
		if added {
			r.result.Added++
		}
	}
	return nil
}
