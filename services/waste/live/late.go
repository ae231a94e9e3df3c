package live

import (
	"cmp"
	"slices"
	"time"

	"polity/city"
)

// past is the day before, for what its crews tell once they have a line again. It holds
// nothing of when or where: reports count in the order in which they come.
type past struct {
	Day     time.Time           `json:"day"`
	Given   map[string][]string `json:"given"`   // the trucks that a container was ever on the tour of
	Drivers map[string]driver   `json:"drivers"` // by truck; forgotten a shift after they took it
	Reports map[string]string   `json:"reports"` // digests of what crews told, by id
}

// pass keeps of a day that is over what late reports need; nil: nobody drove on it.
func (t *today) pass() *past {
	if len(t.Drivers) == 0 {
		return nil
	}
	return &past{Day: t.Day, Given: t.Given, Drivers: t.Drivers, Reports: t.Reports}
}

// late says whether somebody tells of the day before, of a truck that they drove then. The
// lock is held.
func (s *Service) late(person, truck, day string) bool {
	p := s.kept.Last
	return p != nil && person != "" && day == p.Day.Format(time.DateOnly) && p.Drivers[truck].Person == person
}

// reportLate takes what was told on the day before and comes only now. Of that day it
// changes which containers were collected and which were not, no tour any more. The lock is
// held.
func (s *Service) reportLate(truck string, r *Report) error {
	p := s.kept.Last
	if known, err := heard(p.Reports, r, truck); known || err != nil {
		return err
	}
	if err := room(p.Reports); err != nil {
		return err
	}
	if r.Container != "" {
		if err := s.theirsThen(truck, r.Container); err != nil {
			return err
		}
	}
	miss, missed := s.kept.Misses[r.Container]
	since := missed && miss.Day.After(p.Day) || !s.kept.Today.Collected[r.Container].IsZero() // what was told of the new day holds
	switch {
	case since:
	case r.What == Collected:
		at := cmp.Or(r.Told, s.deps.Now()).In(s.zone)
		if end := p.Day.AddDate(0, 0, 1); !at.Before(end) || at.Before(p.Day) { // a telephone's wrong clock
			at = end.Add(-time.Second)
		}
		delete(s.kept.Misses, r.Container)
		delete(s.kept.Photos, r.Container)
		if i := s.index[r.Container]; at.After(s.levels[i].At) {
			s.levels[i] = level{0, at}
		}
		s.kept.Errands = append(s.kept.Errands, errand{What: Collected, Truck: truck, Container: r.Container, At: p.Day, Person: true})
	case r.What == Missed:
		s.kept.Misses[r.Container] = Miss{Container: r.Container, Day: p.Day, At: p.Day, Reason: r.Reason}
		s.kept.Errands = append(s.kept.Errands, errand{What: Missed, Truck: truck, Container: r.Container, At: p.Day, Person: true})
	}
	p.Reports[r.ID] = r.digest(truck)
	if err := s.save(); err != nil {
		delete(p.Reports, r.ID) // told again, it is written then
		return err
	}
	s.wake()
	return nil
}

// theirsThen says that a container was on a truck's tour of the day before. The lock is held.
func (s *Service) theirsThen(truck, container string) error {
	switch _, known := s.index[container]; {
	case !known:
		return city.Errorf(city.NotFound, "there is no container %q", container)
	case !slices.Contains(s.kept.Last.Given[container], truck):
		return city.Errorf(city.Forbidden, "container %s was on no tour of %s that day", container, truck)
	}
	return nil
}

// forgetLast forgets who drove on the day before. The lock is held.
func (s *Service) forgetLast(now time.Time) (changed bool) {
	p := s.kept.Last
	if p == nil {
		return false
	}
	for truck, d := range p.Drivers {
		if now.Sub(d.Since) >= shift {
			delete(p.Drivers, truck)
			changed = true
		}
	}
	if len(p.Drivers) == 0 {
		s.kept.Last, changed = nil, true
	}
	return changed
}
