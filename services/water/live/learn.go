package live

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"polity/city"
	"polity/services/water/scada"
)

// learnDays are those of the city's data that are learnt from where there is no earlier time in
// a folder.
const learnDays = 30

// learnFrom is the first of them; zero: they are in a folder.
func (c *Config) learnFrom() (time.Time, error) {
	if c.Learn == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, c.Learn)
	if err != nil {
		return day, city.Errorf(city.Invalid, "learn: %q is no date like 2026-03-01", c.Learn)
	}
	return day, nil
}

// earlier is what is learnt from. Of the city's data it waits until all of it was measured;
// what was kept of a day is needed no more from there.
func (s *Service) earlier(ctx context.Context) (*scada.Data, error) {
	first, err := s.cfg.learnFrom()
	if err != nil {
		return nil, err
	}
	if first.IsZero() {
		before, err := scada.ReadFolder(s.cfg.History)
		if err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
		return before, s.watched(before)
	}
	for i, k := range s.cfg.Instruments.all() {
		s.columns[i] = slices.Sorted(maps.Keys(k.of))
	}
	var all *scada.Data
	each := time.NewTicker(folderEach)
	defer each.Stop()
	for n := 0; n < learnDays; {
		day := first.AddDate(0, 0, n)
		if !day.Before(s.overDays()) {
			s.mu.Lock()
			s.learning = Learning{first, n, learnDays}
			s.mu.Unlock()
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-each.C:
			}
			continue
		}
		d, _, err := s.cityDay(ctx, day)
		if err != nil {
			return nil, fmt.Errorf("instruments: %w", err)
		}
		if all == nil {
			all = d
		} else {
			all.Append(d)
		}
		n++
	}
	s.mu.Lock()
	s.learning = Learning{}
	s.mu.Unlock()
	return all, nil
}

// Learning is how much of the city's data is there to learn from: of whole days since one.
type Learning struct {
	Since   time.Time // zero: it is not waited for
	Has, Of int
}

// overDays is the first day that is not over, or whose values may still come.
func (s *Service) overDays() time.Time {
	return s.deps.Now().UTC().Add(-late).Truncate(24 * time.Hour)
}
