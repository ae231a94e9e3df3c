package postgres

import (
	"context"
	"errors"

	"polity/city"
	"polity/internal/groupcommit"
	"polity/plane"
)

// request is a batch on its way to the writer.
type request struct {
	batch    *plane.Batch
	observed []plane.Observation // by its changes, as of the last attempt, and by itself
	result   plane.Result
}

// Write is plane.Store's.
func (s *Store) Write(ctx context.Context, b *plane.Batch) (plane.Result, error) {
	if err := b.Check(); err != nil {
		return plane.Result{}, err
	}
	r := &request{batch: b}
	err := s.queue.Do(ctx, r)
	if errors.Is(err, groupcommit.ErrClosed) {
		return plane.Result{}, errClosed()
	}
	if err != nil {
		return plane.Result{}, kind(err)
	}
	return r.result, nil
}

// apart says that one of a group may be at fault, rather than the database.
func apart(err error) bool { return city.KindOf(err) != city.Unavailable }

// errPanic tells a fault of a change from one of the database.
var errPanic = errors.New("a change panicked")
