package source

import (
	"math/rand/v2"
	"time"
)

// backoff gives the waits between connections: doubling from first to last, with
// a quarter at random, so that the cameras of a building that had no power do not
// all come back in the same instant.
type backoff struct {
	first, last time.Duration
	wait        time.Duration
}

func (b *backoff) reset() { b.wait = 0 }

func (b *backoff) next() time.Duration {
	b.wait = min(max(2*b.wait, b.first), b.last)
	return b.wait - rand.N(b.wait/4+1)
}
