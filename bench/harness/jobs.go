package harness

import (
	"context"
	"math"
	"strings"
	"sync"
)

// Jobs does the jobs 0 to n-1, begun in this order, so many at a time (one at least).
// told is called after each, by one goroutine at a time. When ctx ends no further job
// is begun, and Jobs returns its error once those under way are done.
func Jobs(ctx context.Context, atATime, n int, do, told func(i int)) error {
	var lock sync.Mutex
	var group sync.WaitGroup
	next := 0
	for range max(1, atATime) {
		group.Go(func() {
			for {
				lock.Lock()
				i := next
				next++
				lock.Unlock()
				if i >= n || ctx.Err() != nil {
					return
				}
				do(i)
				lock.Lock()
				told(i)
				lock.Unlock()
			}
		})
	}
	group.Wait()
	return ctx.Err()
}

// Rounded is a figure with so many decimals; null where there is no number.
func Rounded(v float64, decimals int) any {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	scale := math.Pow10(decimals)
	return math.Round(v*scale) / scale
}

// LastLine is the last line that a program wrote: most say there what went wrong.
func LastLine(said string) string {
	said = strings.TrimSpace(said)
	return said[strings.LastIndexByte(said, '\n')+1:]
}
