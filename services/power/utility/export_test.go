package utility

import (
	"testing"
	"time"
)

// QuickGasps sets how often what meters say is looked at, until the test ends.
func QuickGasps(t *testing.T, each time.Duration) {
	was := gaspEach
	t.Cleanup(func() { gaspEach = was })
	gaspEach = each
}
