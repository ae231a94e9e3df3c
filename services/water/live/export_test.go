package live

import (
	"testing"
	"time"

	"polity/services/water/season"
)

// Days sets how the next played days go, until the test ends.
func Days(t *testing.T, takes time.Duration, list ...season.Leak) {
	wasTakes, was := dayTakes, seasonLeaks
	t.Cleanup(func() { dayTakes, seasonLeaks = wasTakes, was })
	dayTakes, seasonLeaks = takes, list
}
