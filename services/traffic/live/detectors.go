package live

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"polity/city"
	"polity/plane"
	"polity/services/traffic/control"
)

// heard is what the city's data says of detectors: by lane, and by junction and crossing.
type heard struct {
	lanes   map[int]count
	walkers map[[2]int]count
}

type count struct {
	n    int
	at   time.Time
	lack string // why there is none; empty: there is one
}

const (
	mostCounted = 200                     // who wait at one place; more is no count
	carSpace    = 7.5                     // metres of a queue that each takes
	gapTime     = 3500 * time.Millisecond // for which a lane with one detector is taken to be used after somebody left it
)

func (s *Service) checkDetectors() error {
	for lane, d := range s.cfg.Detectors {
		if s.net.Lane(lane) < 0 {
			return city.Errorf(city.Invalid, "detectors: the network has no lane %s", lane)
		}
		if lack := d.check(); lack != "" {
			return city.Errorf(city.Invalid, "detectors: %s: %s", lane, lack)
		}
		if d.Logic > 0 && s.leads(s.net.Lane(lane)) < 0 {
			return city.Errorf(city.Invalid, "detectors: %s: the lane leads to no signals, so no controller has its logic", lane)
		}
	}
	for id, d := range s.cfg.Walkers {
		if j, _ := s.crossing(id); j < 0 {
			return city.Errorf(city.Invalid, "walkers: the network has no crossing %s", id)
		}
		if lack := d.check(); lack != "" {
			return city.Errorf(city.Invalid, "walkers: %s: %s", id, lack)
		}
	}
	return nil
}

func (s *Service) crossing(id string) (junction, index int) {
	for i, j := range s.net.Junctions {
		for k := range j.Crossings {
			if j.Crossings[k].ID == id {
				return i, k
			}
		}
	}
	return -1, -1
}

// leads is the junction that a lane leads to, -1: none.
func (s *Service) leads(lane int) int {
	for _, l := range s.net.Lanes[lane].Out {
		if j := s.net.Links[l].Junction; j >= 0 {
			return j
		}
	}
	return -1
}

// logics takes what a controller tells of its detector logics. Whoever leaves one counts as
// passed.
func (s *Service) logics(id, letters string, _ time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.site(id)
	if x == nil {
		return
	}
	for name, d := range s.cfg.Detectors {
		lane := s.net.Lane(name)
		if d.Logic == 0 || s.sites[s.leads(lane)] != x {
			continue
		}
		if letter(x.logics, d.Logic) == '1' && letter(letters, d.Logic) == '0' {
			s.passed[s.net.Lanes[lane].Out[0]]++
			s.left[lane] = s.deps.Now()
		}
		if d.Before != nil {
			if s.between[lane] == nil {
				s.between[lane] = &between{}
			}
			s.between[lane].take(x.logics, letters, d.Logic, d.Before.Logic, s.deps.Now())
		}
	}
	x.logics = letters
}

// letter is the letter of a logic; '-' if it is not told.
func letter(letters string, logic int) byte {
	if logic > len(letters) {
		return '-'
	}
	return letters[logic-1]
}

// logic reads a controller's own detector. The lock is held.
func (s *Service) logic(junction, n int) count {
	x := s.sites[junction]
	switch {
	case !x.connected || x.logics == "":
		return count{lack: fmt.Sprintf("the controller of %s does not tell its detectors", x.j.ID)}
	case letter(x.logics, n) == '1':
		return count{n: 1, at: s.deps.Now()}
	case letter(x.logics, n) == '0':
		return count{at: s.deps.Now()}
	}
	return count{lack: fmt.Sprintf("the controller of %s has no detector logic %d", x.j.ID, n)}
}

// hear reads the detectors out of the city's data, and those that controllers tell.
func (s *Service) hear(ctx context.Context) error {
	if len(s.cfg.Detectors) == 0 {
		return nil
	}
	h := heard{lanes: map[int]count{}, walkers: map[[2]int]count{}}
	known := map[string]*plane.Entity{}
	value := func(d Detector) (count, error) {
		e, had := known[d.Entity]
		if !had {
			var err error
			if e, err = s.deps.Data.Entity(ctx, plane.Key{ID: d.Entity}); err != nil && city.KindOf(err) != city.NotFound {
				return count{}, fmt.Errorf("detector %s: %w", d.Entity, err)
			}
			known[d.Entity] = e
		}
		return readCount(e, d), nil
	}
	var err error
	for lane, d := range s.cfg.Detectors {
		if d.Logic > 0 {
			continue
		}
		if h.lanes[s.net.Lane(lane)], err = value(d); err != nil {
			return err
		}
	}
	for id, d := range s.cfg.Walkers {
		if d.Logic > 0 {
			continue
		}
		j, k := s.crossing(id)
		if h.walkers[[2]int{j, k}], err = value(d); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for lane, d := range s.cfg.Detectors {
		if d.Logic > 0 {
			l := s.net.Lane(lane)
			h.lanes[l] = s.logic(s.leads(l), d.Logic)
			if d.Before != nil && h.lanes[l].lack == "" {
				if c := s.logic(s.leads(l), d.Before.Logic); c.lack != "" {
					h.lanes[l] = c
				}
			}
			if c := h.lanes[l]; c.lack == "" && c.n == 0 && s.deps.Now().Sub(s.left[l]) < gapTime {
				h.lanes[l] = count{n: 1, at: c.at} // the next one is between two lengths of the loop
			}
		}
	}
	for id, d := range s.cfg.Walkers {
		if d.Logic > 0 {
			j, k := s.crossing(id)
			h.walkers[[2]int{j, k}] = s.logic(j, d.Logic)
		}
	}
	s.heard = h
	return nil
}

func readCount(e *plane.Entity, d Detector) count {
	if e == nil {
		return count{lack: "there is no entity " + d.Entity}
	}
	a := e.Attribute(d.Attribute)
	if a == nil {
		return count{lack: d.Entity + " has no " + d.Attribute}
	}
	var v float64
	if err := json.Unmarshal(a.Value, &v); err != nil || v < 0 || v > mostCounted || math.IsNaN(v) {
		return count{lack: fmt.Sprintf("%s of %s is no count: %.40s", d.Attribute, d.Entity, a.Value)}
	}
	at := a.ObservedAt
	if at.IsZero() {
		at = a.Modified
	}
	return count{n: int(math.Ceil(v)), at: at}
}

// silent says why nothing can be decided about a junction by its detectors; empty: it can.
// A crossing without a detector is taken to be waited at.
func (s *Service) silent(i int) string {
	if s.cfg.Simulate != "" {
		return "" // whether those can be believed, control.Watchful says
	}
	if len(s.cfg.Detectors) == 0 {
		return "no detectors are configured"
	}
	now := s.deps.Now()
	for _, lanes := range s.sites[i].meter.lanes {
		for _, l := range lanes {
			c, had := s.heard.lanes[l]
			switch {
			case !had:
				return "the lane " + s.net.Lanes[l].ID + " has no detector"
			case c.lack != "":
				return c.lack
			case c.at.Sub(now) > fresh:
				return fmt.Sprintf("the detector of %s says what it sees at %s, which is yet to come", s.net.Lanes[l].ID, c.at.UTC().Format(time.DateTime))
			case now.Sub(c.at) > fresh:
				return fmt.Sprintf("the detector of %s was last heard at %s", s.net.Lanes[l].ID, c.at.UTC().Format(time.TimeOnly))
			}
		}
	}
	return ""
}

// detect is what detectors see, on the clock of this run. A count becomes a queue of so many
// before the stop line.
func (s *Service) detect(clock time.Duration) control.Reading {
	if s.cfg.Simulate != "" && s.world != nil {
		r, age := s.world.Seen()
		r.At = clock - age.Truncate(time.Second)
		return r
	}
	links := len(s.net.Links)
	r := control.Reading{At: clock, Lanes: make([][]control.Vehicle, len(s.net.Lanes)), Passed: slices.Clone(s.passed), Inside: make([]int, links), Standing: make([]int, links)}
	if len(s.heard.lanes) == 0 {
		r.At = -time.Hour
	}
	for l, c := range s.heard.lanes {
		if d := s.cfg.Detectors[s.net.Lanes[l].ID]; d.Before != nil {
			r.Lanes[l] = s.upstream(l, &d)
			continue
		}
		for k := range c.n {
			r.Lanes[l] = append(r.Lanes[l], control.Vehicle{Distance: carSpace * float64(k), Length: carSpace})
		}
	}
	s.withRides(&r)
	for i, j := range s.net.Junctions {
		row := make([]int, len(j.Crossings))
		for k := range row {
			c, had := s.heard.walkers[[2]int{i, k}]
			row[k] = c.n
			if !had || c.lack != "" || s.deps.Now().Sub(c.at) > fresh {
				row[k] = 1
			}
		}
		r.Waiting = append(r.Waiting, row)
	}
	return r
}
