package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"polity/internal/groupcommit"
	"polity/internal/sqlitefile"
	"polity/plane"
)

// request is what the writer is asked to do within a commit that others may share.
type request struct {
	batch  *plane.Batch
	result plane.Result // of batch
	do     func(ctx context.Context) error
}

// Write is plane.Store's.
func (s *Store) Write(ctx context.Context, b *plane.Batch) (plane.Result, error) {
	if err := b.Check(); err != nil {
		return plane.Result{}, err
	}
	r := &request{batch: b}
	if err := s.submit(ctx, r); err != nil {
		return plane.Result{}, err
	}
	return r.result, nil
}

// submit returns when the request is committed.
func (s *Store) submit(ctx context.Context, r *request) error {
	err := s.queue.Do(ctx, r)
	if errors.Is(err, groupcommit.ErrClosed) {
		return errClosed()
	}
	return kind(err)
}

// commit runs a group in one transaction.
func (s *Store) commit(group []*request) (err error) {
	ctx := context.Background()
	if _, err := s.statements.begin.ExecContext(ctx); err != nil {
		return kind(err)
	}
	defer func() {
		if p := recover(); p != nil { // an Edit's fault is not everyone's
			err = fmt.Errorf("a change panicked: %v\n%s", p, debug.Stack())
		}
		if err != nil {
			_, rollback := s.conn.ExecContext(ctx, "ROLLBACK")
			err = kind(errors.Join(err, sqlitefile.IgnoreNoTransaction(rollback)))
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
	if _, err = s.statements.commit.ExecContext(ctx); err == nil && s.noted {
		s.bell.Ring()
	}
	return err
}

func (s *Store) run(ctx context.Context, r *request) error {
	if r.do != nil {
		return r.do(ctx)
	}
	s.at = s.now() // one batch, one time
	r.result = plane.Result{Refused: make([]error, len(r.batch.Changes))}
	for i := range r.batch.Changes {
		refused, err := s.change(ctx, &r.batch.Changes[i], &r.result)
		if err != nil {
			return err
		}
		r.result.Refused[i] = refused
	}
	if err := s.observeAll(ctx, r.batch.Observations, &r.result); err != nil {
		return err
	}
	return s.restoreSummaries(ctx, r.batch.Summaries)
}

func (s *Store) observeAll(ctx context.Context, list []plane.Observation, r *plane.Result) error {
	for i := range list {
		if err := s.observe(ctx, &list[i], r); err != nil {
			return err
		}
	}
	return nil
}
