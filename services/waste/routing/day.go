package routing

// call is one stop's place in the plan; links of 0 are the trip's ends. Stops
// count from 1 here, so that 0 can be "none".
type call struct {
	next, prev int32
	trip       int32 // -1: left out
	loc        int32
	toNext     int32 // cost of driving to the next call or the trip's station
	toPrev     int32 // cost of driving here from the one before or the trip's start
	leaves     int32 // earliest departure
	latest     int32 // latest arrival with which the rest of the day holds
	// The trip from its start up to and including this call, as a function of the
	// departure t at the trip's start: t <= last, and then the call is left at
	// max(t, first) + length. (Segments of Kindervater and Savelsbergh 1997 in the
	// form of Vidal et al. 2013.)
	first, last, length int32
	stamp               uint32
}

// run is one trip in use or free.
type run struct {
	first, last int32 // calls; 0: none
	size        int32
	load        [Dims]int32
	vehicle     int32
	next, prev  int32 // trips of the same day; -1: none
	station     int32 // index
	from        int32 // location where it starts
	release     int32
	ready       int32 // when the vehicle is there
	start       int32 // when it leaves: max(ready, release)
	latestEnd   int32 // latest arrival at the station
	stamp       uint32
}

// day is one vehicle's trips.
type day struct {
	first, last int32 // trips; -1: none
	trips       int32
	stamp       uint32
}

// planned is a solution of a Problem, changed in place.
type planned struct {
	p     *Problem
	n     int // stops
	lists []near
	k     int
	lone  []int32 // least that a trip of its own costs, by call
	must  int64   // what leaving out a stop that must be served costs the search

	calls []call
	runs  []run
	days  []day
	free  []int32
	total int64
	inUse int
	out   int // stops left out that must be served

	iteration  uint32
	savedCalls []call
	savedRuns  []run
	savedDays  []day
	touched    []int32
	touchedRun []int32
	touchedDay []int32
	saved      struct {
		total int64
		inUse int
		out   int
	}

	best struct {
		calls []call
		runs  []run
		days  []day
		total int64
		out   int
	}
	kinds []int32 // by vehicle: first vehicle that is the same in every respect
}

func (s *planned) touch(c int32) {
	if v := &s.calls[c]; v.stamp != s.iteration {
		s.savedCalls[c] = *v
		v.stamp = s.iteration
		s.touched = append(s.touched, c)
	}
}

func (s *planned) touchRun(t int32) {
	if r := &s.runs[t]; r.stamp != s.iteration {
		s.savedRuns[t] = *r
		r.stamp = s.iteration
		s.touchedRun = append(s.touchedRun, t)
	}
}

func (s *planned) touchDay(v int32) {
	if d := &s.days[v]; d.stamp != s.iteration {
		s.savedDays[v] = *d
		d.stamp = s.iteration
		s.touchedDay = append(s.touchedDay, v)
	}
}

func (s *planned) begin() {
	s.iteration++
	s.touched, s.touchedRun, s.touchedDay = s.touched[:0], s.touchedRun[:0], s.touchedDay[:0]
	s.saved.total, s.saved.inUse, s.saved.out = s.total, s.inUse, s.out
}

func (s *planned) commit() {}

func (s *planned) revert() {
	for _, c := range s.touched {
		s.calls[c] = s.savedCalls[c]
	}
	for _, t := range s.touchedRun {
		s.runs[t] = s.savedRuns[t]
		if s.runs[t].size == 0 {
			s.free = append(s.free, t)
		}
	}
	for _, v := range s.touchedDay {
		s.days[v] = s.savedDays[v]
	}
	s.total, s.inUse, s.out = s.saved.total, s.saved.inUse, s.saved.out
	if len(s.free) > 4*len(s.runs) {
		s.free = s.free[:0]
		for t := range s.runs {
			if s.runs[t].size == 0 {
				s.free = append(s.free, int32(t))
			}
		}
	}
}

// open returns an unused trip.
func (s *planned) open() int32 {
	for {
		t := s.free[len(s.free)-1]
		s.free = s.free[:len(s.free)-1]
		if s.runs[t].size == 0 {
			return t
		}
	}
}

// reckon computes times of a vehicle's day anew: forward what happens at the
// earliest, backward how late things may be. It reports whether the day holds.
func (s *planned) reckon(v int32) bool {
	vehicle := &s.p.Vehicles[v]
	m := &s.p.Profiles[vehicle.Profile]
	n := int32(s.p.Locations)
	now, at := vehicle.Early, vehicle.Start
	holds := true
	pause := NewPausing(vehicle)
	for t := s.days[v].first; t >= 0; t = s.runs[t].next {
		s.touchRun(t)
		r := &s.runs[t]
		r.from, r.ready = at, now
		r.release = 0
		for c := r.first; c != 0; c = s.calls[c].next {
			r.release = max(r.release, s.p.Stops[c-1].Release)
		}
		r.start = max(now, r.release)
		now = r.start
		first, last, length := int32(0), int32(Forever), int32(0)
		for c := r.first; c != 0; c = s.calls[c].next {
			s.touch(c)
			call, stop := &s.calls[c], &s.p.Stops[c-1]
			drive := m.Time[at*n+call.loc]
			length += drive
			first = max(first, stop.Early-length)
			last = min(last, stop.Late-length)
			length += stop.Service
			now = pause.Visit(now, drive, stop.Early, stop.Service)
			holds = holds && now-stop.Service <= stop.Late
			call.first, call.last, call.length, call.leaves = first, last, length, now
			at = call.loc
		}
		station := &s.p.Stations[r.station]
		now = pause.Visit(now, m.Time[at*n+station.Location], station.Early, station.Service)
		holds = holds && now-station.Service <= station.Late
		at = station.Location
	}
	if s.days[v].first >= 0 {
		now = pause.End(now, m.Time[at*n+vehicle.End])
		holds = holds && now <= vehicle.Late
	}
	latest, to := vehicle.Late, vehicle.End
	for t := s.days[v].last; t >= 0; t = s.runs[t].prev {
		r := &s.runs[t]
		station := &s.p.Stations[r.station]
		r.latestEnd = min(station.Late, latest-m.Time[station.Location*n+to]-station.Service)
		latest, to = r.latestEnd, station.Location
		for c := r.last; c != 0; c = s.calls[c].prev {
			call, stop := &s.calls[c], &s.p.Stops[c-1]
			call.latest = min(stop.Late, latest-m.Time[call.loc*n+to]-stop.Service)
			latest, to = call.latest, call.loc
		}
	}
	return holds
}

// Pausing takes a vehicle's pause as its day goes on: at the first departure
// within the pause's window, or before, if the next one would come too late.
type Pausing struct {
	Pause
	due   bool
	began int32
}

// NewPausing returns the pause of a vehicle at the start of its day.
func NewPausing(v *Vehicle) Pausing { return Pausing{Pause: v.Pause, due: v.Pause.Length > 0} }

// Due says whether the pause is still to come.
func (p *Pausing) Due() bool { return p.due }

// Began returns when the pause began.
func (p *Pausing) Began() int32 { return p.began }

// Visit returns when a call is left that is driven to from now on.
func (p *Pausing) Visit(now, drive, early, service int32) int32 {
	if p.due {
		leaves := max(now+drive, early) + service
		if now >= p.Early || leaves > p.Late {
			p.began = max(now, p.Early)
			now = p.began + p.Length
			p.due = false
		} else if from := max(now+drive, p.Early); from+p.Length <= early {
			p.due, p.began = false, from // it fits into the wait
		}
	}
	return max(now+drive, early) + service
}

// End returns when the vehicle is home. A day over before the pause's window
// closes needs none.
func (p *Pausing) End(now, drive int32) int32 {
	if p.due && now+drive > p.Late {
		p.began, p.due = max(now, p.Early), false
		now = p.began + p.Length
	}
	return now + drive
}
