package console

import (
	"context"
	"sync"
	"time"

	"polity/city"
	"polity/console/counts"
)

// countsCache keeps the counts of a day for a moment, so that many readers of one
// camera ask the city's store once. Who comes while it is asked waits for the same
// answer.
type countsCache struct {
	fetch func(ctx context.Context, camera city.Slug, q counts.Query) ([]counts.Series, error)

	mu   sync.Mutex
	kept map[countsKey]*countsEntry
}

type countsKey struct {
	camera   city.Slug
	from, to time.Time
	step     time.Duration
}

type countsEntry struct {
	until  time.Time
	done   chan struct{}
	series []counts.Series
	err    error
}

const (
	countsFor     = 5 * time.Second // how long an answer is kept
	countsAtMost  = 512             // answers
	countsPatient = 30 * time.Second
)

// get returns the series; nobody may change them.
func (c *countsCache) get(ctx context.Context, now time.Time, camera city.Slug, q counts.Query) ([]counts.Series, error) {
	key := countsKey{camera, q.From, q.To, q.Step}
	c.mu.Lock()
	e := c.kept[key]
	if e == nil || now.After(e.until) {
		e = &countsEntry{until: now.Add(countsFor), done: make(chan struct{})}
		c.keep(key, e, now)
		go c.ask(context.WithoutCancel(ctx), key, e, camera, q) // others may wait for it when this reader has left
	}
	c.mu.Unlock()
	select {
	case <-e.done:
		return e.series, e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// keep adds an entry; the caller holds the lock. What is old goes when there are too
// many.
func (c *countsCache) keep(key countsKey, e *countsEntry, now time.Time) {
	if len(c.kept) >= countsAtMost {
		for k, old := range c.kept {
			if now.After(old.until) || len(c.kept) >= countsAtMost {
				delete(c.kept, k)
			}
		}
	}
	c.kept[key] = e
}

func (c *countsCache) ask(ctx context.Context, key countsKey, e *countsEntry, camera city.Slug, q counts.Query) {
	ctx, cancel := context.WithTimeout(ctx, countsPatient)
	defer cancel()
	e.series, e.err = c.fetch(ctx, camera, q)
	close(e.done)
	if e.err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept[key] == e { // a failure is not kept
		delete(c.kept, key)
	}
}
