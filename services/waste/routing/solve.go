package routing

import (
	"context"
	"slices"

	"polity/city"
)

// How many near stops an insertion looks beside: where time matters the best
// place is often beside a stop that is not so near. Large problems look at fewer.
const (
	neighbours      = 60
	timedNeighbours = 150
	largeNeighbours = 40
	large           = 3000 // stops
)

func neighboursFor(stops, usual int) int {
	if stops > large {
		return largeNeighbours
	}
	return usual
}

// SolveInstance plans an instance and returns its tours, a 0 between two trips of
// one vehicle, and their cost. An instance for which it finds no tours that serve
// everybody is an error of kind city.Invalid that names who is left out.
func SolveInstance(ctx context.Context, in *Instance, o Options) ([][]int32, int64, error) {
	if in.plain() {
		s := newCapacitated(in, neighboursFor(in.Size, neighbours))
		anneal(ctx, s, o)
		return s.best(), s.bestTotal, nil
	}
	p := in.Problem()
	plan, err := Solve(ctx, p, o)
	if err != nil {
		return nil, 0, err
	}
	if len(plan.LeftOut) > 0 {
		return nil, 0, city.Errorf(city.Invalid, "%s: no tours found that serve everybody: %d of %d customers are left out, the first is %d; more time or more vehicles may help",
			in.Name, len(plan.LeftOut), in.Size-1, plan.LeftOut[0]+1)
	}
	var all [][]int32
	for _, trips := range plan.Days {
		var tour []int32
		for i, trip := range trips {
			if i > 0 {
				tour = append(tour, 0)
			}
			for _, c := range trip.Stops {
				tour = append(tour, c+1)
			}
		}
		if len(tour) > 0 {
			all = append(all, tour)
		}
	}
	return all, plan.Cost, nil
}

// plain says whether capacity is all that binds, and distances are symmetric.
func (in *Instance) plain() bool {
	if in.Timed || in.Reload || in.Vehicles > 0 || slices.ContainsFunc(in.Release, func(r int32) bool { return r > 0 }) {
		return false
	}
	n := in.Size
	for i := range n {
		for j := range i {
			if in.Distance[i*n+j] != in.Distance[j*n+i] {
				return false
			}
		}
	}
	return true
}

// Problem returns the instance in the general form.
func (in *Instance) Problem() *Problem {
	p := &Problem{Locations: in.Size, Profiles: []Profile{{Cost: in.Distance, Time: in.Distance}}}
	late := min(in.Late[0], Forever)
	p.Stations = []Station{{Early: in.Early[0], Late: late}}
	for c := 1; c < in.Size; c++ {
		p.Stops = append(p.Stops, Stop{
			Location: int32(c), Load: [Dims]int32{in.Demand[c]}, Service: in.Service[c],
			Early: in.Early[c], Late: min(in.Late[c], Forever), Release: in.Release[c], Prize: Must,
		})
	}
	vehicles := in.Vehicles
	if vehicles == 0 {
		vehicles = in.Size - 1
	}
	trips := int32(1)
	if in.Reload {
		trips = 0
	}
	for range vehicles {
		p.Vehicles = append(p.Vehicles, Vehicle{
			Capacity: [Dims]int32{in.Capacity}, Early: in.Early[0], Late: late, Stations: []int32{0}, MaxTrips: trips,
		})
	}
	return p
}

// Solve plans p. It returns the best plan found within the budget; stops that
// must be served and found no place are in LeftOut (see Complete).
func Solve(ctx context.Context, p *Problem, o Options) (*Plan, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if len(p.Stops) == 0 || len(p.Vehicles) == 0 {
		return p.idle(), nil
	}
	s := newPlanned(p, neighboursFor(len(p.Stops), timedNeighbours))
	anneal(ctx, s, o)
	return s.plan(), nil
}

// idle is the plan in which nobody drives.
func (p *Problem) idle() *Plan {
	plan := &Plan{Days: make([][]Trip, len(p.Vehicles))}
	for c, s := range p.Stops {
		plan.LeftOut = append(plan.LeftOut, int32(c))
		if s.Prize != Must {
			plan.Cost += s.Prize
		}
	}
	return plan
}

func newPlanned(p *Problem, k int) *planned {
	n := len(p.Stops)
	s := &planned{p: p, n: n, iteration: 1}
	s.nearLists(k)
	s.calls, s.savedCalls = make([]call, n+1), make([]call, n+1)
	s.runs, s.savedRuns = make([]run, n+1), make([]run, n+1)
	s.days, s.savedDays = make([]day, len(p.Vehicles)), make([]day, len(p.Vehicles))
	largest := int32(1)
	for _, m := range p.Profiles {
		for _, c := range m.Cost {
			if c < Blocked {
				largest = max(largest, c)
			}
		}
	}
	s.must = 4 * int64(largest)
	for c := 1; c <= n; c++ {
		s.calls[c] = call{trip: -1, loc: p.Stops[c-1].Location}
		s.total += s.price(int32(c))
		if p.Stops[c-1].Prize == Must {
			s.out++
		}
	}
	for t := n; t >= 0; t-- {
		s.free = append(s.free, int32(t))
	}
	for v := range s.days {
		s.days[v] = day{first: -1, last: -1}
	}
	s.sortKinds()
	s.findLone()
	return s
}

// findLone bounds from below what a trip with c alone adds to any day: the way
// from where a trip can start over c to a station, less the way to the station
// itself, which at most is saved elsewhere if distances keep to the triangle
// inequality; where they do not, some such trips are not looked at.
func (s *planned) findLone() {
	p := s.p
	n := int32(p.Locations)
	type leg struct{ profile, from, to int32 }
	legs := map[leg]bool{}
	for i := range p.Vehicles {
		v := &p.Vehicles[i]
		for _, st := range v.Stations {
			to := p.Stations[st].Location
			legs[leg{v.Profile, v.Start, to}] = true
			for _, from := range v.Stations {
				legs[leg{v.Profile, p.Stations[from].Location, to}] = true
			}
		}
	}
	s.lone = make([]int32, s.n+1)
	for c := range p.Stops {
		loc, least := p.Stops[c].Location, int32(Blocked)
		for l := range legs {
			m := p.Profiles[l.profile].Cost
			least = min(least, m[l.from*n+loc]+m[loc*n+l.to]-m[l.from*n+l.to])
		}
		s.lone[c+1] = least
	}
}

// sortKinds finds vehicles that are the same in every respect.
func (s *planned) sortKinds() {
	s.kinds = make([]int32, len(s.p.Vehicles))
	for i := range s.p.Vehicles {
		a := &s.p.Vehicles[i]
		s.kinds[i] = int32(i)
		for j := range i {
			b := &s.p.Vehicles[j]
			if a.Start == b.Start && a.End == b.End && a.Capacity == b.Capacity && a.Early == b.Early && a.Late == b.Late && a.Profile == b.Profile &&
				a.MaxTrips == b.MaxTrips && a.Fixed == b.Fixed && a.Has == b.Has && a.Pause == b.Pause && slices.Equal(a.Stations, b.Stations) {
				s.kinds[i] = int32(j)
				break
			}
		}
	}
}

// nearLists finds, for every stop, the stops that could well be its neighbours:
// by cost, plus what their windows make one wait or miss (as in Vidal et al.
// 2013: a fifth of the wait, all of the lateness).
func (s *planned) nearLists(k int) {
	p := s.p
	m := &p.Profiles[0]
	n := int32(p.Locations)
	far := func(i, j int) int64 {
		a, b := &p.Stops[i], &p.Stops[j]
		drive := int64(m.Time[a.Location*n+b.Location])
		wait := max(0, int64(b.Early)-drive-int64(a.Service)-int64(a.Late))
		miss := max(0, max(int64(a.Early), int64(b.Release))+int64(a.Service)+drive-int64(b.Late))
		miss += max(0, int64(b.Release)-int64(a.Late)) // on one trip, a would wait for b's goods
		return int64(m.Cost[a.Location*n+b.Location]) + wait/5 + miss
	}
	k = max(0, min(k, len(p.Stops)-1))
	s.k = k
	s.lists = make([]near, (len(p.Stops)+1)*k)
	var found nearest
	for i := range p.Stops {
		found.reset(k)
		for j := range p.Stops {
			if j != i {
				found.offer(int32(j+1), min(far(i, j), far(j, i)))
			}
		}
		for x, r := range found.all {
			s.lists[(i+1)*k+x] = near{r.id, int32(min(r.far, Blocked))}
		}
	}
}

func (s *planned) stops() int32         { return int32(s.n) }
func (s *planned) groups() int          { return s.inUse }
func (s *planned) cost() int64          { return s.total }
func (s *planned) missing() int64       { return int64(s.out) }
func (s *planned) after(c int32) int32  { return s.calls[c].next }
func (s *planned) before(c int32) int32 { return s.calls[c].prev }
func (s *planned) near(c int32) []near  { return s.lists[int(c)*s.k : int(c)*s.k+s.k] }

func (s *planned) group(c int32) (id, size int32) {
	t := s.calls[c].trip
	if t < 0 {
		return t, 0
	}
	return t, s.runs[t].size
}

func (s *planned) weight(c int32) int64 {
	load := &s.p.Stops[c-1].Load
	return int64(load[0]) + int64(load[1])
}

func (s *planned) distance(c int32) int64 {
	return int64(s.p.Profiles[0].Cost[int(s.p.Vehicles[0].Start)*s.p.Locations+int(s.p.Stops[c-1].Location)])
}

// settle computes the times of the days that lost a stop.
func (s *planned) settle() bool {
	for _, v := range s.touchedDay {
		if !s.reckon(v) {
			return false
		}
	}
	return true
}

func (s *planned) keep() {
	s.best.total = s.total
	s.best.out = s.out
	s.best.calls = append(s.best.calls[:0], s.calls...)
	s.best.runs = append(s.best.runs[:0], s.runs...)
	s.best.days = append(s.best.days[:0], s.days...)
}

func (s *planned) restore() {
	copy(s.calls, s.best.calls)
	copy(s.runs, s.best.runs)
	copy(s.days, s.best.days)
	s.total, s.out = s.best.total, s.best.out
	s.free, s.inUse = s.free[:0], 0
	for t := range s.runs {
		if s.runs[t].size == 0 {
			s.free = append(s.free, int32(t))
		} else {
			s.inUse++
		}
	}
}

// plan returns the solution kept last.
func (s *planned) plan() *Plan {
	plan := &Plan{Days: make([][]Trip, len(s.days)), Cost: s.best.total - int64(s.best.out)*s.must}
	for v := range s.best.days {
		for t := s.best.days[v].first; t >= 0; t = s.best.runs[t].next {
			trip := Trip{Station: s.best.runs[t].station}
			for c := s.best.runs[t].first; c != 0; c = s.best.calls[c].next {
				trip.Stops = append(trip.Stops, c-1)
			}
			plan.Days[v] = append(plan.Days[v], trip)
		}
	}
	for c := 1; c <= s.n; c++ {
		if s.best.calls[c].trip < 0 {
			plan.LeftOut = append(plan.LeftOut, int32(c-1))
		}
	}
	return plan
}
