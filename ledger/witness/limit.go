package witness

import (
	"sync"
	"time"
)

// bucket lets through so many a second, and some at once.
type bucket struct {
	mu    sync.Mutex
	rate  float64
	burst float64
	left  float64
	at    time.Duration
}

func newBucket(rate, burst float64) *bucket { return &bucket{rate: rate, burst: burst, left: burst} }

// take says whether one more may pass at a time of the program's own clock.
func (b *bucket) take(at time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at > b.at {
		b.left = min(b.burst, b.left+b.rate*(at-b.at).Seconds())
		b.at = at
	}
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
