package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"polity/city"
	"polity/plane"
)

// What one commit of an import takes.
const (
	batchItems = 5000
	batchBytes = 4 << 20
)

// errNotEmpty ends a dump at its first item.
var errNotEmpty = errors.New("it is not empty")

// Empty says whether a store holds nothing.
func Empty(ctx context.Context, s plane.Store) (bool, error) {
	err := dump(ctx, s, func(*plane.Entity) error { return errNotEmpty }, func(plane.Observation) error { return errNotEmpty }, func(plane.Kept) error { return errNotEmpty })
	if errors.Is(err, errNotEmpty) {
		return false, nil
	}
	return err == nil, err
}

// Import puts what a file holds into a store: entities in place of those that are
// there, with their times and versions; observations and summaries beside those that are
// there.
// Doing it again changes nothing. A store that holds something is refused with
// Conflict unless merge says so. A file should have been verified before: what stands
// before a fault is stored.
func Import(ctx context.Context, s plane.Store, from io.Reader, merge bool, progress Progress) (Counts, error) {
	if !merge {
		if empty, err := Empty(ctx, s); err != nil {
			return Counts{}, err
		} else if !empty {
			return Counts{}, city.Errorf(city.Conflict, "the store holds data already; import into an empty one, or say that both are to be merged")
		}
	}
	r, err := newReader(from)
	if err != nil {
		return Counts{}, err
	}
	var b plane.Batch
	size := 0
	for {
		x, more, err := r.read()
		if err != nil {
			return r.counts, err
		}
		if !more {
			return r.counts, store(ctx, s, &b)
		}
		switch {
		case x.entity != nil:
			b.Changes = append(b.Changes, plane.Restore(x.entity))
		case x.kept != nil:
			b.Summaries = append(b.Summaries, *x.kept)
		default:
			b.Observations = append(b.Observations, x.observation)
		}
		if size += len(r.line); len(b.Changes)+len(b.Observations)+len(b.Summaries) >= batchItems || size >= batchBytes {
			if err := store(ctx, s, &b); err != nil {
				return r.counts, fmt.Errorf("up to line %d: %w", r.number, err)
			}
			b, size = plane.Batch{Changes: b.Changes[:0], Observations: b.Observations[:0], Summaries: b.Summaries[:0]}, 0
		}
		progress.tell(r.counts)
	}
}

func store(ctx context.Context, s plane.Store, b *plane.Batch) error {
	result, err := s.Write(ctx, b)
	if err != nil {
		return err
	}
	return result.Err()
}
