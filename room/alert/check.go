package alert

import (
	"slices"
	"time"

	"polity/access"
	"polity/city"
)

// Check reports the first thing that is wrong with what a source says.
func (s *Situation) Check(kinds Kinds) error {
	if err := s.Key.Check(); err != nil {
		return err
	}
	if _, ok := kinds.Of(s.Kind); !ok {
		return city.Errorf(city.Invalid, "alert %s: there is no kind %.50q", s.Key, string(s.Kind))
	}
	if !slices.Contains(access.Desks(), s.Desk) {
		return city.Errorf(city.Invalid, "alert %s: there is no desk %.50q; desks are %v", s.Key, string(s.Desk), access.Desks())
	}
	if s.Priority < Highest || s.Priority > Lowest {
		return city.Errorf(city.Invalid, "alert %s: the priority %d is not between %d and %d", s.Key, s.Priority, Highest, Lowest)
	}
	if err := s.Title.check(s.Kind); err != nil {
		return city.Errorf(city.Invalid, "alert %s: %w", s.Key, err)
	}
	if s.Place != nil {
		if err := s.Place.Check(); err != nil {
			return city.Errorf(city.Invalid, "alert %s: %w", s.Key, err)
		}
	}
	for _, name := range []city.Slug{s.Camera, s.Zone} {
		if name != "" && name.Check() != nil {
			return city.Errorf(city.Invalid, "alert %s: %w", s.Key, name.Check())
		}
	}
	if err := s.Asset.Check(); err != nil {
		return city.Errorf(city.Invalid, "alert %s: %w", s.Key, err)
	}
	if s.Start.IsZero() || !inTime(s.Start) || !s.End.IsZero() && !inTime(s.End) {
		return city.Errorf(city.Invalid, "alert %s: it begins at a time between 1970 and 9999", s.Key)
	}
	return nil
}

func inTime(t time.Time) bool { return t.UTC().Year() >= 1970 && t.UTC().Year() <= 9999 }
