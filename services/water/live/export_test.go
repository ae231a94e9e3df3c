package live

import (
	"slices"
	"testing"
	"time"

	"polity/services/water/example"
	"polity/services/water/leaks"
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

// Note lets a service note a detector's alarms as of a day.
func Note(s *Service, date time.Time, found ...leaks.Found) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown.date, s.shown.day = date, 1
	s.note(found)
}

// Change lets a test change what a service knows of its leaks.
func Change(s *Service, change func(list []*Leak)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.kept.Leaks)
}

// StreetOf is the street in which a pipe lies.
func StreetOf(s *Service, pipe string) string {
	link, _ := s.net.Link(pipe)
	for _, x := range s.streets {
		if slices.Contains(x.Pipes, link) {
			return x.Name
		}
	}
	return ""
}

// ReadStreets reads a table of streets of the example network.
func ReadStreets(t *testing.T, name string) ([]Street, error) {
	n, err := example.Town()
	if err != nil {
		t.Fatal(err)
	}
	return (&Config{Streets: name}).streets(n)
}
