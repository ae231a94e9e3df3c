package live

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"polity/city"
	"polity/services/waste"
)

// What a crew tells.
const (
	Collected = "collected" // a container is emptied
	Missed    = "missed"    // it could not be
	Unloaded  = "unloaded"  // at a site
	Stands    = "stands"    // the vehicle has broken down
	Goes      = "goes"      // it drives again
	Back      = "back"      // it is home for today
)

// Reasons why a container is missed are a closed list: nothing can be written about people.
var Reasons = []string{"blocked", "locked", "not-there", "damaged", "wrong-waste", "too-heavy", "empty", "unsafe"}

// noTruck is the reason of a container that no truck came to.
const noTruck = "no-truck"

// Report is one thing that a crew tells.
type Report struct {
	ID        string  // given by who tells: 16 to 64 letters, digits and hyphens. It counts once
	Day       string  // of the tours, as in 2026-11-30
	What      string  // one of the list above
	Container string  // of Collected and Missed
	Site      string  // of Unloaded
	Reason    string  // of Missed
	Kilograms float64 // of Unloaded, as the weighbridge says; 0: not known
	Told      time.Time
}

const (
	loadMost    = 60_000 // kilograms
	reportsMost = 5_000  // of a day; a tour has some hundred
)

func (r *Report) check() error {
	switch {
	case !plainID(r.ID):
		return city.Errorf(city.Invalid, "report: its id has 16 to 64 letters, digits and hyphens")
	case !slices.Contains([]string{Collected, Missed, Unloaded, Stands, Goes, Back}, r.What):
		return city.Errorf(city.Invalid, "report: %q is nothing that a crew tells", r.What)
	case (r.What == Collected || r.What == Missed) != (r.Container != ""):
		return city.Errorf(city.Invalid, "report: a container goes with what is collected or missed")
	case (r.What == Unloaded) != (r.Site != ""):
		return city.Errorf(city.Invalid, "report: a site goes with what is unloaded")
	case (r.What == Missed) != slices.Contains(Reasons, r.Reason) || r.What != Missed && r.Reason != "":
		return city.Errorf(city.Invalid, "report: a missed container has a reason of the list: %v", Reasons)
	case !(r.Kilograms >= 0 && r.Kilograms <= loadMost) || r.What != Unloaded && r.Kilograms != 0:
		return city.Errorf(city.Invalid, "report: a weight goes with what is unloaded, from 0 to %d kg", loadMost)
	}
	return nil
}

func plainID(id string) bool {
	if len(id) < 16 || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// digest tells whether a report under an id is the one that was told before.
func (r *Report) digest(truck string) string {
	text, _ := json.Marshal([]any{truck, r.Day, r.What, r.Container, r.Site, r.Reason, r.Kilograms, r.Told.UTC()})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// Report takes what the crew of a truck tells. It is on disk when nil is returned. The same
// report again does nothing; in which order reports come does not matter: of two about one
// container the one that was told later holds. Forbidden for a tour that is another's,
// Conflict with a day that is over; what its crew tells within a shift of taking the tour
// still counts.
func (s *Service) Report(person, truck string, r Report) error {
	if err := r.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.kept.Today
	if s.late(person, truck, r.Day) {
		return s.reportLate(truck, &r)
	}
	if known, err := heard(t.Reports, &r, truck); known || err != nil {
		return err
	}
	tour, err := s.driven(person, truck, r.Day)
	if err != nil {
		return err
	}
	if err := room(t.Reports); err != nil {
		return err
	}
	now := s.deps.Now()
	told := r.Told
	if told.IsZero() || told.After(now) { // a telephone that is wrong tells nothing of the future
		told = now
	}
	digest := r.digest(truck)
	r.Told = told
	if err := s.take(tour, &r, s.crewTime(told), true); err != nil {
		return err
	}
	t.Reports[r.ID] = digest
	d := t.Drivers[truck]
	d.Heard = now
	t.Drivers[truck] = d
	if err := s.save(); err != nil {
		delete(t.Reports, r.ID) // told again, it is written then
		return err
	}
	s.wake()
	return nil
}

// heard says whether a report was told before, by the digests of a day's: Conflict if another
// has its id.
func heard(reports map[string]string, r *Report, truck string) (bool, error) {
	was, known := reports[r.ID]
	if known && was != r.digest(truck) {
		return known, city.Errorf(city.Conflict, "another report has this id")
	}
	return known, nil
}

// room says that a day takes one more report, or Conflict.
func room(reports map[string]string) error {
	if len(reports) >= reportsMost {
		return city.Errorf(city.Conflict, "the day has %d reports, no more are taken: call the desk", reportsMost)
	}
	return nil
}

// crewTime is when something was told, by the clock of crews and containers. The lock is held.
func (s *Service) crewTime(told time.Time) time.Time {
	at := told.In(s.zone)
	if s.world != nil {
		at = s.at.Add(time.Duration(s.cfg.Pace * float64(told.Sub(s.seen))))
	}
	if first := s.kept.Today.Day; at.Before(first) {
		at = first
	}
	return at
}

// stamp orders what was told about one thing.
type stamp struct {
	At time.Time
	ID string
}

func (a stamp) later(b stamp) bool { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) > 0 }

// take makes a report count, which happened at a time of the crews' clock. What follows from it besides, the run loop does. The lock is held.
func (s *Service) take(tour *Tour, r *Report, at time.Time, person bool) error {
	t := &s.kept.Today
	now := stamp{r.Told, r.ID}
	thing := r.Container
	switch r.What {
	case Stands, Goes:
		thing = "truck " + tour.Truck
	case Unloaded, Back:
		thing = ""
	}
	if r.Container != "" {
		if err := s.theirs(tour, r.Container); err != nil {
			return err
		}
	}
	if r.Site != "" && !slices.ContainsFunc(s.town.Fleet.Sites, func(x waste.Site) bool { return x.ID == r.Site }) {
		return city.Errorf(city.NotFound, "there is no site %q", r.Site)
	}
	t.Reports[r.ID] = r.digest(tour.Truck)
	if thing != "" {
		if !now.later(t.Newest[thing]) {
			return nil
		}
		t.Newest[thing] = now
	}
	errand := errand{What: r.What, Truck: tour.Truck, Container: r.Container, At: at, Person: person}
	switch r.What {
	case Collected:
		s.collected(tour, r.Container, at)
	case Missed:
		s.missed(tour, r.Container, r.Reason, at)
	case Unloaded:
		if _, again := t.Unloads[r.ID]; !again {
			t.Unloads[r.ID] = Unload{Truck: tour.Truck, Site: r.Site, Kilograms: r.Kilograms, At: at}
			tour.settle(func(c *waste.Call) bool { return c.Site == r.Site }, tour.Done, at)
		}
	case Stands:
		if tour.Broken {
			return nil
		}
		tour.Broken = true
		s.price(tour, tour.Calls[:tour.Done], waste.Tour{})
		s.total()
	case Goes:
		if !tour.Broken {
			return nil
		}
		s.goes(tour)
	case Back:
		tour.Home = true
		if !slices.ContainsFunc(t.Tours, func(x Tour) bool { return !x.Broken && !x.Home }) && t.Phase == Driving {
			t.Phase = Over
		}
	}
	s.kept.Errands = append(s.kept.Errands, errand)
	return nil
}

// theirs says that a container is, or was, on a tour: it may have been handed on while the
// telephone had no line. The lock is held.
func (s *Service) theirs(tour *Tour, id string) error {
	if _, known := s.index[id]; !known {
		return city.Errorf(city.NotFound, "there is no container %q", id)
	}
	if slices.Contains(s.kept.Today.Given[id], tour.Truck) {
		return nil
	}
	for i := range s.kept.Today.Tours {
		x := &s.kept.Today.Tours[i]
		if x.has(id) >= 0 {
			return city.Errorf(city.Forbidden, "container %s is on the tour of %s, not on yours", id, x.Truck)
		}
	}
	return city.Errorf(city.Forbidden, "container %s is on no tour today", id)
}

func (t *Tour) has(container string) int {
	return slices.IndexFunc(t.Calls, func(c waste.Call) bool { return c.Container == container })
}

// settle moves the first call from some place on that matches behind what was done before
// it, by time.
func (t *Tour) settle(is func(*waste.Call) bool, from int, at time.Time) (found bool) {
	for k := from; k < len(t.Calls); k++ {
		if !is(&t.Calls[k]) {
			continue
		}
		call := t.Calls[k]
		timed := len(t.DoneAt) == t.Done
		t.Calls = slices.Delete(slices.Clone(t.Calls), k, k+1)
		if k < t.Done {
			if t.Done--; timed {
				t.DoneAt = slices.Delete(t.DoneAt, k, k+1)
			}
		}
		to := t.Done
		for timed && to > 0 && t.DoneAt[to-1].After(at) {
			to--
		}
		t.Calls = slices.Insert(t.Calls, to, call)
		if timed {
			t.DoneAt = slices.Insert(t.DoneAt, to, at)
		}
		t.Done++
		return true
	}
	return false
}

// collected has a container emptied by a truck, also if another was to come for it. The lock
// is held.
func (s *Service) collected(tour *Tour, id string, at time.Time) {
	t := &s.kept.Today
	is := func(c *waste.Call) bool { return c.Container == id }
	var call waste.Call
	for i := range t.Tours {
		x := &t.Tours[i]
		if k := x.has(id); x.Truck != tour.Truck && k >= x.Done {
			call = x.Calls[k]
			x.Calls = slices.Delete(slices.Clone(x.Calls), k, k+1)
		}
	}
	if tour.has(id) < 0 {
		call.Container, call.Place = id, s.town.Containers[s.index[id]].Place
		tour.Calls = append(slices.Clone(tour.Calls), call)
	}
	tour.settle(is, 0, at)
	t.Collected[id] = at
	delete(t.Missed, id)
	delete(s.kept.Misses, id)
	if i := s.index[id]; at.After(s.levels[i].At) {
		s.levels[i] = level{0, at}
	}
}

// missed has a container left standing. The lock is held.
func (s *Service) missed(tour *Tour, id, reason string, at time.Time) {
	t := &s.kept.Today
	if tour.has(id) >= 0 {
		tour.settle(func(c *waste.Call) bool { return c.Container == id }, 0, at)
	}
	if was := t.Collected[id]; !was.IsZero() { // it was told by mistake: how full it is, its sensor says next
		delete(t.Collected, id)
		if i := s.index[id]; s.levels[i].At.Equal(was) {
			s.levels[i] = level{}
		}
	}
	t.Missed[id] = reason
	s.kept.Misses[id] = Miss{Container: id, Day: t.Day, At: at, Reason: reason}
}

// goes has a broken truck drive on, with what was not given to others meanwhile. The lock is held.
func (s *Service) goes(tour *Tour) {
	tour.Broken, tour.Asked = false, false
	var others []string
	for i := range s.kept.Today.Tours {
		x := &s.kept.Today.Tours[i]
		if x.Truck == tour.Truck || x.Broken {
			continue
		}
		for _, c := range x.Calls {
			others = append(others, c.Container)
		}
	}
	rest := slices.DeleteFunc(slices.Clone(tour.Calls[tour.Done:]), func(c waste.Call) bool { return c.Container != "" && slices.Contains(others, c.Container) })
	tour.Calls = append(slices.Clone(tour.Calls[:tour.Done]), rest...)
	s.price(tour, tour.Calls[:tour.Done], waste.Tour{})
	for _, c := range rest {
		tour.Metres += c.Metres
	}
	s.total()
}
