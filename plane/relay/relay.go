// Package relay carries what a store noted of its changes to a JetStream stream, each
// event once and in order, apart from documents of the program's own: the store commits
// first, and forgets an event only once the stream has it on disk. A crash at any point
// loses and doubles nothing, because the stream itself says how far it is.
package relay

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"polity/city"
	"polity/plane"
)

// Stream is where events go.
type Stream interface {
	// Last returns the number of the last event of a store that the stream holds; 0 if
	// it holds none.
	Last(ctx context.Context, origin string) (uint64, error)
	// Publish adds an event behind what Last or Publish found last, and returns when it
	// is on disk. After an error it may be there or not: ask Last.
	Publish(ctx context.Context, origin string, e *plane.Event) error
}

// Internal says whether a tenant is one in which the program keeps documents of its own,
// such as subscriptions with the keys of their receivers: no request can name it, and
// its changes are not passed on.
func Internal(tenant string) bool { return strings.Contains(tenant, "/") }

// Waits between attempts while something does not work.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 10 * time.Second
)

// batch is how many events are read and settled together.
const batch = 256

// Run carries events until ctx ends. What does not work is tried again, with longer
// and longer waits; meanwhile events gather in the store.
func Run(ctx context.Context, feed plane.Feed, to Stream, log *slog.Logger) {
	wait := firstWait
	for ctx.Err() == nil {
		began := time.Now()
		err := carry(ctx, feed, to)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > 2*lastWait {
			wait = firstWait
		}
		log.Warn("changes of the city's data are not passed on for now; they are kept", slog.String("reason", err.Error()), slog.Duration("again_in", wait))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, lastWait)
	}
}

// carry carries events until something does not work.
func carry(ctx context.Context, feed plane.Feed, to Stream) error {
	origin, err := feed.Origin(ctx)
	if err != nil {
		return err
	}
	at, err := to.Last(ctx, origin)
	if err != nil {
		return err
	}
	if at > 0 { // published, and perhaps not settled when something ended
		if err := feed.Settle(ctx, at); err != nil {
			return err
		}
	}
	for {
		if err := feed.Await(ctx, at); err != nil {
			return err
		}
		events, err := feed.Events(ctx, at, batch)
		if err != nil {
			return err
		}
		for i := range events {
			e := &events[i]
			if e.Sequence <= at {
				return city.Errorf(city.Internal, "event %d came behind event %d", e.Sequence, at)
			}
			if !Internal(e.Tenant) {
				if err := to.Publish(ctx, origin, e); err != nil {
					return err
				}
			}
			at = e.Sequence
		}
		if len(events) > 0 {
			if err := feed.Settle(ctx, at); err != nil {
				return err
			}
		}
	}
}
