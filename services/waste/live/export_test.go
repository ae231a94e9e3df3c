package live

import (
	"testing"
	"time"
)

// Hurry makes made-up days and searches short, until the test ends.
func Hurry(t *testing.T, truck string, at time.Duration) {
	wasTick, wasPlan, wasWhat, wasBreaks, wasAt := tick, planSeconds, whatSeconds, breaks, breaksAt
	t.Cleanup(func() { tick, planSeconds, whatSeconds, breaks, breaksAt = wasTick, wasPlan, wasWhat, wasBreaks, wasAt })
	tick, planSeconds, whatSeconds, breaks, breaksAt = 20*time.Millisecond, 0.3, 0.1, truck, at
}
