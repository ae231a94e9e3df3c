package live

import (
	"time"

	"polity/city"
	"polity/services/waste/roads"
)

const (
	// shift is the longest that is known who drives a truck, and when it was where.
	shift = 16 * time.Hour
	// idle is when a made-up crew goes on with a tour that somebody took and left.
	idle = 5 * time.Minute
)

// driver is who took a truck. It is kept for a shift, without a name.
type driver struct {
	Person       string // account
	Since, Heard time.Time
}

// driven is the tour of a truck that somebody drives, on a day. The lock is held.
func (s *Service) driven(person, truck, day string) (*Tour, error) {
	t := &s.kept.Today
	switch {
	case t.Day.IsZero() || day != t.Day.Format(time.DateOnly):
		return nil, city.Errorf(city.Conflict, "the day of this report is over: tell the desk what is still to be known of it")
	case t.Phase == Proposed:
		return nil, city.Errorf(city.Conflict, "nobody has agreed to today's tours yet")
	}
	for i := range t.Tours {
		if t.Tours[i].Truck == truck {
			if person == "" || t.Drivers[truck].Person != person {
				return nil, city.Errorf(city.Forbidden, "the tour of %s is not yours: take it first", truck)
			}
			return &t.Tours[i], nil
		}
	}
	return nil, city.Errorf(city.NotFound, "%s has no tour today", truck)
}

// Take makes a truck's tour somebody's, who then alone reports of it. The one that they had
// is free again. Conflict while another has it, or nothing is driven.
func (s *Service) Take(person, truck string) error {
	if person == "" {
		return city.Errorf(city.Invalid, "a tour is taken by a person")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.kept.Today
	at := -1
	for i := range t.Tours {
		if t.Tours[i].Truck == truck {
			at = i
		}
	}
	switch has := t.Drivers[truck]; {
	case at < 0:
		return city.Errorf(city.NotFound, "%s has no tour today", truck)
	case has.Person == person:
		return nil
	case has.Person != "":
		return city.Errorf(city.Conflict, "somebody else drives %s: ask the desk to free it", truck)
	case t.Phase != Driving:
		return city.Errorf(city.Conflict, "tours are driven once a person has agreed to them, until all are back")
	}
	for other, d := range t.Drivers {
		if d.Person == person {
			s.free(other)
		}
	}
	now := s.deps.Now()
	t.Drivers[truck] = driver{Person: person, Since: now, Heard: now}
	if s.world != nil {
		s.kept.Errands = append(s.kept.Errands, errand{What: taken, Truck: truck})
	}
	if err := s.save(); err != nil {
		delete(t.Drivers, truck)
		return err
	}
	s.wake()
	return nil
}

// Free has a truck's tour be nobody's, so that another can take it.
func (s *Service) Free(truck string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept.Today.Drivers[truck].Person == "" {
		return city.Errorf(city.Conflict, "nobody has taken %s", truck)
	}
	s.free(truck)
	defer s.wake()
	return s.save()
}

// free forgets who drives a truck. The lock is held.
func (s *Service) free(truck string) {
	delete(s.kept.Today.Drivers, truck)
	if s.world != nil {
		s.kept.Errands = append(s.kept.Errands, errand{What: freed, Truck: truck})
	}
}

// forget forgets who drove, and when a truck was where, once a shift is over.
func (s *Service) forget() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, now := &s.kept.Today, s.deps.Now()
	changed := s.forgetLast(now)
	for truck, d := range t.Drivers {
		left := s.world != nil && now.Sub(d.Heard) > idle
		if now.Sub(d.Since) >= shift || left {
			s.free(truck)
			changed = true
		}
	}
	for i := range t.Tours {
		if at := t.Tours[i].DoneAt; len(at) > 0 && s.at.Sub(at[0]) >= shift {
			t.blur(&t.Tours[i])
			changed = true
		}
	}
	for id, m := range s.kept.Misses {
		switch {
		case s.at.Sub(m.At) > missKept:
			delete(s.kept.Misses, id)
			changed = true
		case !m.At.Equal(m.Day) && (s.at.Sub(m.At) >= shift || !m.Day.Equal(t.Day)):
			m.At = m.Day
			s.kept.Misses[id], changed = m, true
		}
	}
	if !changed {
		return nil
	}
	return s.save()
}

// blur leaves of a tour what was done, on that day, and not when: that would say where its
// crew was.
func (t *today) blur(tour *Tour) {
	tour.DoneAt = nil
	delete(t.Newest, "truck "+tour.Truck)
	for _, c := range tour.Calls {
		delete(t.Newest, c.Container)
		if !t.Collected[c.Container].IsZero() {
			t.Collected[c.Container] = t.Day
		}
	}
	for id, u := range t.Unloads {
		if u.Truck == tour.Truck {
			u.At = t.Day
			t.Unloads[id] = u
		}
	}
}

// DriveView is what a driver's page shows. It is a copy.
type DriveView struct {
	At        time.Time // by the crews' clock
	Simulated bool
	Day       string // empty: nothing is planned
	Phase     string
	Tours     []DriveTour
	Sites     []string
	Mine      *MyTour // nil: none is taken
}

// DriveTour is a tour that can be taken.
type DriveTour struct {
	Truck       string
	Stops, Done int
	Taken, Mine bool
	Broken      bool
}

// MyTour is the tour of the one who asks.
type MyTour struct {
	Truck  string
	Broken bool
	Home   bool
	Start  time.Duration
	End    time.Duration
	Break  time.Duration // when it begins; 0: none
	Line   []city.Point
	Calls  []MyCall
}

// MyCall is a call of it.
type MyCall struct {
	Container, Site  string // one of them
	Street, Fraction string
	Litres           float64
	Near             bool // the vehicle stops with the container at its own kerb
	Place            city.Point
	Arrive           time.Duration // as planned, from midnight
	Kilograms        float64       // as expected; at a site what is on the vehicle then
	Done             bool
	Missed           string    // why; empty: it was not
	At               time.Time // when it was done, by the crews' clock; zero: not known any more
}

// Drive is what somebody who drives sees: which tours there are, and theirs.
func (s *Service) Drive(person string) DriveView {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.kept.Today
	v := DriveView{At: s.at, Simulated: s.world != nil, Phase: t.Phase}
	if t.Day.IsZero() {
		return v
	}
	v.Day = t.Day.Format(time.DateOnly)
	for i := range s.town.Fleet.Sites {
		v.Sites = append(v.Sites, s.town.Fleet.Sites[i].ID)
	}
	for i := range t.Tours {
		tour := &t.Tours[i]
		d := t.Drivers[tour.Truck]
		x := DriveTour{Truck: tour.Truck, Stops: len(tour.Calls), Done: tour.Done, Taken: d.Person != "", Mine: person != "" && d.Person == person, Broken: tour.Broken}
		v.Tours = append(v.Tours, x)
		if x.Mine {
			v.Mine = s.mine(tour)
		}
	}
	return v
}

func (s *Service) mine(tour *Tour) *MyTour {
	t := &s.kept.Today
	m := &MyTour{Truck: tour.Truck, Broken: tour.Broken, Home: tour.Home, Start: tour.Start, End: tour.End, Break: tour.Break, Line: append([]city.Point(nil), tour.Line...)}
	others := map[string]bool{}
	for i := range t.Tours {
		if t.Tours[i].Truck != tour.Truck {
			for _, c := range t.Tours[i].Calls {
				others[c.Container] = true
			}
		}
	}
	for k, c := range tour.Calls {
		if c.Container != "" && k >= tour.Done && tour.Broken && others[c.Container] {
			continue // another has it now
		}
		m.Calls = append(m.Calls, s.call(tour, k))
	}
	load := 0.0
	for i := range m.Calls {
		switch c := &m.Calls[i]; {
		case c.Site != "":
			c.Kilograms, load = load, 0
		case c.Missed == "":
			load += c.Kilograms
		}
	}
	return m
}

func (s *Service) call(tour *Tour, k int) MyCall {
	c := &tour.Calls[k]
	x := MyCall{Container: c.Container, Site: c.Site, Place: c.Place, Arrive: c.Arrive, Kilograms: c.Kilograms, Done: k < tour.Done}
	if x.Done && k < len(tour.DoneAt) {
		x.At = tour.DoneAt[k]
	}
	if i, known := s.index[c.Container]; known && c.Container != "" {
		of := &s.town.Containers[i]
		x.Street, x.Fraction, x.Litres, x.Near, x.Missed = s.streets[i], string(of.Fraction), of.Litres, of.Side == roads.Near, s.kept.Today.Missed[c.Container]
	} else {
		x.Street = s.street(c.Place)
	}
	return x
}

// Standing is how a truck is, by what its crew told.
type standing struct {
	Place city.Point // of its last call; zero before the first
	Load  float64    // kilograms
}

// standingOf adds up what a truck has on it. The lock is held.
func (s *Service) standingOf(tour *Tour) (now standing) {
	for _, c := range tour.Calls[:tour.Done] {
		now.Place = c.Place
		switch {
		case c.Site != "":
			now.Load = 0
		case s.kept.Today.Missed[c.Container] == "":
			now.Load += c.Kilograms
		}
	}
	return now
}
