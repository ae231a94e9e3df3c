package live

import (
	"testing"
	"time"
)

// Hurry makes made-up days and searches short, until the test ends.
func Hurry(t *testing.T, truck string, at time.Duration) {
	wasTick, wasPlan, wasReal, wasWhat, wasBreaks, wasAt := tick, planSeconds, realSeconds, whatSeconds, breaks, breaksAt
	t.Cleanup(func() {
		tick, planSeconds, realSeconds, whatSeconds, breaks, breaksAt = wasTick, wasPlan, wasReal, wasWhat, wasBreaks, wasAt
	})
	tick, planSeconds, realSeconds, whatSeconds, breaks, breaksAt = 20*time.Millisecond, 0.3, 0.3, 0.1, truck, at
}
