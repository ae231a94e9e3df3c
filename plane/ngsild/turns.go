package ngsild

import (
	"context"
	"sync"
)

// turns runs one piece of work of a kind at a time. Those who ask while it runs share
// the next turn, which begins after they asked: nobody gets what was so before, and
// however many ask, two are on their way at most. The zero one is ready.
type turns[T any] struct {
	mu      sync.Mutex
	running bool
	next    *turn[T]
}

type turn[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// do runs work, or waits for a turn that somebody else runs. Work gets a context that
// outlives the one who asked.
func (t *turns[T]) do(ctx context.Context, work func(context.Context) (T, error)) (T, error) {
	t.mu.Lock()
	if t.next == nil {
		t.next = &turn[T]{done: make(chan struct{})}
	}
	mine := t.next
	if !t.running {
		t.running = true
		go t.run(context.WithoutCancel(ctx), work)
	}
	t.mu.Unlock()
	select {
	case <-mine.done:
		return mine.value, mine.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// run runs turns until nobody waits for one.
func (t *turns[T]) run(ctx context.Context, work func(context.Context) (T, error)) {
	for {
		t.mu.Lock()
		now := t.next
		t.next = nil
		if now == nil {
			t.running = false
			t.mu.Unlock()
			return
		}
		t.mu.Unlock()
		now.value, now.err = work(ctx)
		close(now.done)
	}
}
