package plane

import (
	"context"
	"time"
)

// Event is one change of an entity that was stored.
type Event struct {
	// Sequence rises with every event of the store, in the order in which they were
	// committed, and is never used twice. There may be gaps.
	Sequence uint64
	Key
	At     time.Time
	Before *Entity // nil: it was created
	After  *Entity // nil: it was removed
}

// Feed is a Store that notes each change in the commit that makes it, until it is
// known to be safe elsewhere: an outbox. What was acknowledged is in it, what was not is
// not. Restored entities are not in it.
type Feed interface {
	// Origin names the store: sequence numbers are its own. It never changes, and no
	// two stores have the same, unless one is a copy of the other's files.
	Origin(ctx context.Context) (string, error)

	// Events returns the first events behind a sequence number, at most limit.
	Events(ctx context.Context, after uint64, limit int) ([]Event, error)
	// Await returns when there is an event behind a sequence number, or the error of
	// ctx. It may return without one, but not again and again.
	Await(ctx context.Context, after uint64) error
	// Settle forgets the events up to a sequence number, that one included.
	Settle(ctx context.Context, upTo uint64) error
}
