package decode

import (
	"math/rand/v2"
	"time"
)

// backoff gives the waits between starts: doubling from first to last, with a
// tenth at random so that many cameras do not start at once.
type backoff struct {
	first, last time.Duration
	wait        time.Duration
}

func (b *backoff) reset() { b.wait = 0 }

func (b *backoff) next() time.Duration {
	b.wait = min(max(2*b.wait, b.first), b.last)
	return b.wait - rand.N(b.wait/10+1)
}
