package relay

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"polity/plane"
)

// settleEach is how often a shared feed is told what it may forget.
const settleEach = time.Second

// Shared lets several readers follow one feed, each at its own pace. An event is
// forgotten once all of them have settled it, a moment later: forgetting is a commit.
// What was not forgotten when the program ended comes to each reader again, which knows
// by its own record what it has seen.
type Shared struct {
	feed plane.Feed
	log  *slog.Logger

	mu      sync.Mutex
	settled []uint64 // by reader
	done    uint64   // forgotten
}

// Share shares a feed.
func Share(feed plane.Feed, log *slog.Logger) *Shared { return &Shared{feed: feed, log: log} }

// Reader returns the feed for one more reader. All are made before the first settles.
func (s *Shared) Reader() plane.Feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = append(s.settled, 0)
	return &reader{s.feed, s, len(s.settled) - 1}
}

// Spread is how far apart, in sequence numbers, the readers are: about how many changes
// the store keeps for the slowest.
func (s *Shared) Spread() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.settled) == 0 {
		return 0
	}
	return slices.Max(s.settled) - slices.Min(s.settled)
}

// Run lets the feed forget until ctx ends, and a last time then.
func (s *Shared) Run(ctx context.Context) {
	tick := time.NewTicker(settleEach)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		if err := s.settle(last); err != nil {
			s.log.Warn("changes that are safe elsewhere cannot be forgotten for now", slog.Any("error", err))
		}
		cancel()
	}
}

func (s *Shared) settle(ctx context.Context) error {
	s.mu.Lock()
	var upTo uint64
	if len(s.settled) > 0 {
		upTo = slices.Min(s.settled)
	}
	behind := upTo > s.done
	s.mu.Unlock()
	if !behind {
		return nil
	}
	if err := s.feed.Settle(ctx, upTo); err != nil {
		return err
	}
	s.mu.Lock()
	s.done = upTo
	s.mu.Unlock()
	return nil
}

type reader struct {
	plane.Feed
	of *Shared
	n  int
}

// Settle is plane.Feed's: the event may go once the others have settled it too.
func (r *reader) Settle(_ context.Context, upTo uint64) error {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	r.of.settled[r.n] = max(r.of.settled[r.n], upTo)
	return nil
}
