// Package bell wakes those who wait for something to happen.
package bell

import "sync"

// Bell is rung when something happened. The zero Bell is ready; its methods may be
// called by any goroutine.
type Bell struct {
	mu   sync.Mutex
	rung chan struct{}
}

// Wait returns a channel that is closed when the bell is rung next. Ask for it before
// looking whether there is something to wait for, so that no ring is missed.
func (b *Bell) Wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	return b.rung
}

// Ring wakes all who wait.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}
