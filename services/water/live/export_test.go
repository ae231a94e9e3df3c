package live

import (
	"testing"
	"time"

	"polity/services/water/season"
)

// Days sets how the next played days go, until the test ends.
func Days(t *testing.T, takes time.Duration, list ...season.Leak) {
	was := *plays[Season]
	t.Cleanup(func() { *plays[Season] = was })
	plays[Season].takes, plays[Season].leaks = takes, list
}

// Folder sets how often tables are looked at, until the test ends.
func Folder(t *testing.T, each time.Duration) {
	was := folderEach
	t.Cleanup(func() { folderEach = was })
	folderEach = each
}

// LTownDays sets the leaks of the days that are played in L-TOWN, and the hours of a day that
// are compared with the model, until the test ends.
func LTownDays(t *testing.T, hours []int, list ...season.Leak) {
	was := *plays[LTown]
	t.Cleanup(func() { *plays[LTown] = was })
	plays[LTown].leaks, plays[LTown].judges.Hours = list, hours
}
