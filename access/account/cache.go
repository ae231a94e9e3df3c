package account

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"polity/access"
)

// skew is how far the clock may go back before what is dated later than now is refused.
const skew = time.Minute

// live is a session or token that was found in the store.
type live struct {
	who   access.Who
	owner string // the person's ID
	from  time.Time
	until time.Time
	idle  time.Duration // 0: does not end by itself when it is not used
	seen  *atomic.Int64 // milliseconds
}

// valid says whether it counts now. A clock that goes back ends it, never lengthens it.
func (l *live) valid(now time.Time) bool {
	if now.Before(l.from.Add(-skew)) || !now.Before(l.until) {
		return false
	}
	if l.idle == 0 {
		return true
	}
	unused := now.Sub(timeOf(l.seen.Load()))
	return unused < l.idle && unused >= -skew
}

// cache keeps what Who found, so that it costs no query. Any change empties it.
type cache struct {
	mu     sync.RWMutex
	epoch  uint64
	byHash map[hash]*live
	seen   map[string]*seen    // by ID of session or token
	open   map[string]*watched // by the same
}

// seen is when a session or token was last used, and what the store knows of it.
type seen struct {
	now     atomic.Int64
	written int64
}

// watched is what somebody holds open for a session or token.
type watched struct {
	live  *live
	ended chan struct{}
}

func (k *cache) reset() {
	k.byHash, k.seen, k.open = map[hash]*live{}, map[string]*seen{}, map[string]*watched{}
}

// get returns what is known, and the epoch in which the store may be asked otherwise.
func (k *cache) get(h hash) (*live, uint64) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.byHash[h], k.epoch
}

// put keeps what the store said, unless something changed meanwhile.
func (k *cache) put(h hash, l *live, epoch uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.epoch == epoch {
		k.byHash[h] = l
	}
}

// lastSeen is shared by all that was found under one ID.
func (k *cache) lastSeen(id string, stored int64) *atomic.Int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.seen[id]
	if s == nil {
		s = &seen{written: stored}
		s.now.Store(stored)
		k.seen[id] = s
	}
	return &s.now
}

// changed forgets everything that was found and tells who holds something open of the
// people who were touched, or of the sessions and tokens that moved or ended.
func (k *cache) changed(touched, moved, ended []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.epoch++
	clear(k.byHash)
	for _, id := range ended {
		delete(k.seen, id)
	}
	for id, w := range k.open {
		if slices.Contains(ended, id) || slices.Contains(moved, id) || slices.Contains(touched, w.live.owner) {
			close(w.ended)
			delete(k.open, id)
		}
	}
}

// sweep tells who holds something open that has come to its end by itself, and forgets what
// is not valid any more.
func (k *cache) sweep(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, w := range k.open {
		if !w.live.valid(now) {
			close(w.ended)
			delete(k.open, id)
		}
	}
	for h, l := range k.byHash {
		if !l.valid(now) {
			l.seen.Store(0) // it stays ended, wherever the clock goes
			delete(k.byHash, h)
		}
	}
}

func (k *cache) endAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, w := range k.open {
		close(w.ended)
		delete(k.open, id)
	}
}

var alwaysEnded = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
