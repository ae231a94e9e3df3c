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

// Folder sets how often tables are looked at, until the test ends.
func Folder(t *testing.T, each time.Duration) {
	was := folderEach
	t.Cleanup(func() { folderEach = was })
	folderEach = each
}
