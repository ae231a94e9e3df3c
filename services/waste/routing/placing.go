package routing

import "math"

// spot is where a stop can go: in a trip between two calls, or as a new trip.
type spot struct {
	trip, prev, next int32
	vehicle          int32 // of a new trip (trip < 0)
	before           int32 // new trip: the trip it comes before; -1: at the day's end
	station          int32 // of a new trip, or of the trip when next is 0
	delta            int32
}

// allowed says whether vehicle v may serve stop c at all.
func (s *planned) allowed(c, v int32) bool {
	return s.p.Stops[c-1].Needs&^s.p.Vehicles[v].Has == 0
}

func (s *planned) room(c int32, r *run) bool {
	load := &s.p.Stops[c-1].Load
	capacity := &s.p.Vehicles[r.vehicle].Capacity
	return r.load[0]+load[0] <= capacity[0] && r.load[1]+load[1] <= capacity[1]
}

// moved is what serving c by vehicle v costs beyond driving.
func (s *planned) moved(c, v int32) int32 {
	stop := &s.p.Stops[c-1]
	if stop.Home != 0 && stop.Home != v+1 {
		return stop.Move
	}
	return 0
}

// beyond returns the location and latest arrival that follow a trip's station, and before
// when the vehicle does not leave the station: the next trip's first call and release, or
// the end of the day.
func (s *planned) beyond(r *run) (loc, latest, released int32) {
	if r.next >= 0 {
		x := &s.runs[r.next]
		if x.first != 0 {
			return s.calls[x.first].loc, s.calls[x.first].latest, x.release
		}
	}
	v := &s.p.Vehicles[r.vehicle]
	return v.End, v.Late, 0
}

// between prices c between prev and next of trip t and keeps it as best if it is
// cheaper and the day holds.
func (s *planned) between(c, t, prev, next int32, best *spot, b *blinker) {
	r := &s.runs[t]
	p := s.p
	v := &p.Vehicles[r.vehicle]
	m := &p.Profiles[v.Profile]
	n := int32(p.Locations)
	stop := &p.Stops[c-1]
	loc := stop.Location
	from, leaves, old := r.from, r.start, int32(0)
	if prev != 0 {
		a := &s.calls[prev]
		from, leaves, old = a.loc, a.leaves, a.toNext
	} else {
		old = s.calls[r.first].toPrev
	}
	to, latest := p.Stations[r.station].Location, r.latestEnd
	if next != 0 {
		to, latest = s.calls[next].loc, s.calls[next].latest
	}
	delta := m.Cost[from*n+loc] + m.Cost[loc*n+to] - old + s.moved(c, r.vehicle)
	if delta >= best.delta || b.blink() {
		return
	}
	if stop.Release > r.start {
		leaves = stop.Release
		if prev != 0 {
			a := &s.calls[prev]
			if stop.Release > a.last {
				return
			}
			leaves = max(stop.Release, a.first) + a.length
		}
	}
	arrives := leaves + m.Time[from*n+loc]
	if arrives > stop.Late || max(arrives, stop.Early)+stop.Service+m.Time[loc*n+to] > latest {
		return
	}
	candidate := spot{trip: t, prev: prev, next: next, vehicle: r.vehicle, station: r.station, delta: delta}
	if v.Pause.Length > 0 && !s.holdsWith(c, &candidate) {
		return
	}
	*best = candidate
	if next == 0 && len(v.Stations) > 1 {
		s.otherStation(c, t, best)
	}
}

// otherStation sees whether the trip, with c as its last call, had better unload
// elsewhere. best is the placing of c with the present station.
func (s *planned) otherStation(c, t int32, best *spot) {
	r := &s.runs[t]
	p := s.p
	v := &p.Vehicles[r.vehicle]
	m := &p.Profiles[v.Profile]
	n := int32(p.Locations)
	stop := &p.Stops[c-1]
	prev := &s.calls[best.prev] // a trip is never empty, so c at its end has one before it
	arrives := prev.leaves + m.Time[prev.loc*n+stop.Location]
	if stop.Release > r.start {
		return // rare; the present station will do
	}
	leaves := max(arrives, stop.Early) + stop.Service
	loc, latest, released := s.beyond(r)
	now := p.Stations[r.station].Location
	keep := *best
	for _, st := range v.Stations {
		if st == r.station {
			continue
		}
		o := &p.Stations[st]
		delta := keep.delta + m.Cost[stop.Location*n+o.Location] + m.Cost[o.Location*n+loc] - m.Cost[stop.Location*n+now] - m.Cost[now*n+loc]
		if delta >= best.delta {
			continue
		}
		at := leaves + m.Time[stop.Location*n+o.Location]
		if at > o.Late || max(at, o.Early, released-o.Service)+o.Service+m.Time[o.Location*n+loc] > latest {
			continue
		}
		candidate := keep
		candidate.station, candidate.delta = st, delta
		if v.Pause.Length > 0 && !s.holdsWith(c, &candidate) {
			continue
		}
		*best = candidate
	}
}

// alone prices c as a trip of its own before trip `before` of vehicle v's day
// (-1: at its end).
func (s *planned) alone(c, v, before int32, best *spot) {
	p := s.p
	vehicle := &p.Vehicles[v]
	stop := &p.Stops[c-1]
	d := &s.days[v]
	m := &p.Profiles[vehicle.Profile]
	n := int32(p.Locations)
	from, ready, fixed := vehicle.Start, vehicle.Early, int32(0)
	last := d.last
	if before >= 0 {
		last = s.runs[before].prev
	}
	to, latest, released := vehicle.End, vehicle.Late, int32(0)
	if before >= 0 {
		x := &s.runs[before]
		to, latest, released = s.calls[x.first].loc, s.calls[x.first].latest, x.release
	}
	if last >= 0 {
		x := &s.runs[last]
		station := &p.Stations[x.station]
		from = station.Location
		a := &s.calls[x.last]
		ready = max(a.leaves+m.Time[a.loc*n+from], station.Early) + station.Service
	}
	old := m.Cost[from*n+to]
	if d.trips == 0 {
		fixed, old = int32(min(vehicle.Fixed, Blocked)), 0
	}
	loc := stop.Location
	base := m.Cost[from*n+loc] - old + s.moved(c, v) + fixed
	if base >= best.delta {
		return
	}
	leaves := max(max(ready, stop.Release)+m.Time[from*n+loc], stop.Early)
	if leaves > stop.Late {
		return
	}
	leaves += stop.Service
	for _, st := range vehicle.Stations {
		o := &p.Stations[st]
		delta := base + m.Cost[loc*n+o.Location] + m.Cost[o.Location*n+to]
		if delta >= best.delta {
			continue
		}
		at := leaves + m.Time[loc*n+o.Location]
		if at > o.Late || max(at, o.Early, released-o.Service)+o.Service+m.Time[o.Location*n+to] > latest {
			continue
		}
		candidate := spot{trip: -1, vehicle: v, before: before, station: st, delta: delta}
		if vehicle.Pause.Length > 0 && !s.holdsWith(c, &candidate) {
			continue
		}
		*best = candidate
	}
}

// holdsWith drives vehicle's day with c put in, for vehicles with a pause, whose
// place in the day moves with everything else.
func (s *planned) holdsWith(c int32, at *spot) bool {
	v := &s.p.Vehicles[at.vehicle]
	m := &s.p.Profiles[v.Profile]
	n := int32(s.p.Locations)
	now, loc := v.Early, v.Start
	pause := NewPausing(v)
	holds := true
	call := func(c int32) {
		stop := &s.p.Stops[c-1]
		now = pause.Visit(now, m.Time[loc*n+stop.Location], stop.Early, stop.Service)
		loc = stop.Location
		holds = holds && now-stop.Service <= stop.Late
	}
	unload := func(st int32) {
		station := &s.p.Stations[st]
		now = pause.Visit(now, m.Time[loc*n+station.Location], station.Early, station.Service)
		loc = station.Location
		holds = holds && now-station.Service <= station.Late
	}
	single := func() {
		now = max(now, s.p.Stops[c-1].Release)
		call(c)
		unload(at.station)
	}
	for t := s.days[at.vehicle].first; t >= 0 && holds; t = s.runs[t].next {
		if at.trip < 0 && at.before == t {
			single()
		}
		r := &s.runs[t]
		release, station := r.release, r.station
		here := at.trip == t
		if here {
			release = max(release, s.p.Stops[c-1].Release)
			if at.next == 0 {
				station = at.station
			}
		}
		now = max(now, release)
		for x := r.first; x != 0 && holds; x = s.calls[x].next {
			if here && at.next == x {
				call(c)
			}
			call(x)
		}
		if here && at.next == 0 {
			call(c)
		}
		unload(station)
	}
	if at.trip < 0 && at.before < 0 {
		single()
	}
	return holds && pause.End(now, m.Time[loc*n+v.End]) <= v.Late
}

// nothing is the delta over which a stop is rather left out.
func (s *planned) nothing(c int32) int32 {
	prize := s.p.Stops[c-1].Prize
	if prize == Must {
		return Blocked
	}
	return int32(min(prize, Blocked))
}

// sometimes is one in how many times a large problem looks for a place
// everywhere; what is left out is tried again anyway.
const sometimes = 16

// place puts c where it is cheapest, or leaves it out where it fits nowhere or
// is not worth it.
func (s *planned) place(c int32, b *blinker) bool {
	best := spot{trip: -1, vehicle: -1, delta: s.nothing(c)}
	s.nearby(c, &best, b)
	if s.lone[c] < best.delta {
		s.trips(c, &best, b)
	}
	if best.vehicle < 0 && (s.n <= large || b.rng.below(sometimes) == 0) {
		s.everywhere(c, &best)
	}
	if best.vehicle < 0 {
		return false
	}
	s.put(c, &best)
	return true
}

// nearby looks at the positions beside c's near stops.
func (s *planned) nearby(c int32, best *spot, b *blinker) {
	for _, e := range s.lists[int(c)*s.k : int(c)*s.k+s.k] {
		a := &s.calls[e.id]
		if a.trip < 0 {
			continue
		}
		r := &s.runs[a.trip]
		if !s.room(c, r) || !s.allowed(c, r.vehicle) {
			continue
		}
		s.between(c, a.trip, e.id, a.next, best, b)
		s.between(c, a.trip, a.prev, e.id, best, b)
	}
}

// trips looks at a trip of c's own anywhere in any day. Unused vehicles come
// first, of each kind one, and the others from a random one on: where a trip
// costs the same, days that are not packed leave room for what comes later.
func (s *planned) trips(c int32, best *spot, b *blinker) {
	idle := int32(-1)
	for v := range s.days {
		v := int32(v)
		if s.days[v].trips > 0 || (s.kinds[v] == idle && s.p.Stops[c-1].Home == 0) || !s.mayOpen(c, v) {
			continue
		}
		idle = s.kinds[v]
		s.alone(c, v, -1, best)
	}
	if s.lone[c] >= best.delta {
		return
	}
	n := int32(len(s.days))
	for i, v := int32(0), b.rng.below(n); i < n; i, v = i+1, v+1 {
		if v >= n {
			v = 0
		}
		if s.days[v].trips == 0 || !s.mayOpen(c, v) {
			continue
		}
		for t := s.days[v].first; t >= 0; t = s.runs[t].next {
			if !b.blink() {
				s.alone(c, v, t, best)
			}
		}
		s.alone(c, v, -1, best)
	}
}

// mayOpen says whether vehicle v can make one more trip for c.
func (s *planned) mayOpen(c, v int32) bool {
	vehicle := &s.p.Vehicles[v]
	load := &s.p.Stops[c-1].Load
	return (vehicle.MaxTrips == 0 || s.days[v].trips < vehicle.MaxTrips) && s.allowed(c, v) &&
		load[0] <= vehicle.Capacity[0] && load[1] <= vehicle.Capacity[1]
}

// everywhere looks at every position of every trip.
func (s *planned) everywhere(c int32, best *spot) {
	never := blinker{left: math.MaxInt32}
	for v := range s.days {
		if !s.allowed(c, int32(v)) {
			continue
		}
		for t := s.days[v].first; t >= 0; t = s.runs[t].next {
			r := &s.runs[t]
			if !s.room(c, r) {
				continue
			}
			s.between(c, t, 0, r.first, best, &never)
			for x := r.first; x != 0; x = s.calls[x].next {
				s.between(c, t, x, s.calls[x].next, best, &never)
			}
		}
	}
}

// put carries out a placing.
func (s *planned) put(c int32, at *spot) {
	s.touchDay(at.vehicle)
	d := &s.days[at.vehicle]
	t := at.trip
	if t < 0 {
		t = s.open()
		s.touchRun(t)
		s.inUse++
		r := &s.runs[t]
		before := at.before
		prev := d.last
		if before >= 0 {
			prev = s.runs[before].prev
		}
		*r = run{vehicle: at.vehicle, next: before, prev: prev, station: at.station, stamp: r.stamp}
		if prev >= 0 {
			s.touchRun(prev)
			s.runs[prev].next = t
		} else {
			d.first = t
		}
		if before >= 0 {
			s.touchRun(before)
			s.runs[before].prev = t
		} else {
			d.last = t
		}
		d.trips++
	}
	s.touchRun(t)
	s.touch(c)
	r := &s.runs[t]
	call := &s.calls[c]
	call.prev, call.next, call.trip = at.prev, at.next, t
	if at.prev != 0 {
		s.touch(at.prev)
		s.calls[at.prev].next = c
	} else {
		r.first = c
	}
	if at.next != 0 {
		s.touch(at.next)
		s.calls[at.next].prev = c
	} else {
		r.last = c
		r.station = at.station
	}
	r.size++
	for i := range r.load {
		r.load[i] += s.p.Stops[c-1].Load[i]
	}
	s.total += int64(at.delta) - s.price(c)
	if s.p.Stops[c-1].Prize == Must {
		s.out--
	}
	s.links(t)
	s.reckon(at.vehicle)
}

// price is what leaving c out costs the search.
func (s *planned) price(c int32) int64 {
	if prize := s.p.Stops[c-1].Prize; prize != Must {
		return prize
	}
	return s.must
}

// links computes the costs along a trip and into the one after it.
func (s *planned) links(t int32) {
	r := &s.runs[t]
	p := s.p
	v := &p.Vehicles[r.vehicle]
	m := &p.Profiles[v.Profile]
	n := int32(p.Locations)
	at := v.Start
	if r.prev >= 0 {
		at = p.Stations[s.runs[r.prev].station].Location
	}
	for c := r.first; c != 0; c = s.calls[c].next {
		s.touch(c)
		call := &s.calls[c]
		call.toPrev = m.Cost[at*n+call.loc]
		if call.prev != 0 {
			s.calls[call.prev].toNext = call.toPrev
		}
		at = call.loc
	}
	station := p.Stations[r.station].Location
	s.calls[r.last].toNext = m.Cost[at*n+station]
	if r.next >= 0 {
		x := s.runs[r.next].first
		s.touch(x)
		s.calls[x].toPrev = m.Cost[station*n+s.calls[x].loc]
	}
}

// remove takes c off its trip; a trip left empty goes.
func (s *planned) remove(c int32) {
	s.touch(c)
	call := &s.calls[c]
	t := call.trip
	s.touchRun(t)
	r := &s.runs[t]
	v := r.vehicle
	s.touchDay(v)
	m := &s.p.Profiles[s.p.Vehicles[v].Profile]
	n := int32(s.p.Locations)
	from, to := s.origin(r), s.p.Stations[r.station].Location
	if call.prev != 0 {
		s.touch(call.prev)
		s.calls[call.prev].next = call.next
		from = s.calls[call.prev].loc
	} else {
		r.first = call.next
	}
	if call.next != 0 {
		s.touch(call.next)
		s.calls[call.next].prev = call.prev
		to = s.calls[call.next].loc
	} else {
		r.last = call.prev
	}
	r.size--
	for i := range r.load {
		r.load[i] -= s.p.Stops[c-1].Load[i]
	}
	call.trip = -1
	delta := -call.toPrev - call.toNext - s.moved(c, v)
	if r.size == 0 {
		delta += s.drop(t, from, to)
	} else {
		drive := m.Cost[from*n+to]
		delta += drive
		if call.prev != 0 {
			s.calls[call.prev].toNext = drive
		}
		if call.next != 0 {
			s.calls[call.next].toPrev = drive
		}
	}
	s.total += int64(delta) + s.price(c)
	if s.p.Stops[c-1].Prize == Must {
		s.out++
	}
}

// origin is where a trip starts.
func (s *planned) origin(r *run) int32 {
	if r.prev >= 0 {
		return s.p.Stations[s.runs[r.prev].station].Location
	}
	return s.p.Vehicles[r.vehicle].Start
}

// drop takes an empty trip, which led from one location to a station at another,
// out of its day, and returns what that adds to the cost besides.
func (s *planned) drop(t, from, station int32) int32 {
	r := &s.runs[t]
	vehicle := &s.p.Vehicles[r.vehicle]
	m := &s.p.Profiles[vehicle.Profile]
	n := int32(s.p.Locations)
	d := &s.days[r.vehicle]
	beyond := vehicle.End
	if r.next >= 0 {
		s.touchRun(r.next)
		x := &s.runs[r.next]
		x.prev = r.prev
		s.touch(x.first)
		beyond = s.calls[x.first].loc
		s.calls[x.first].toPrev = m.Cost[from*n+beyond]
	} else {
		d.last = r.prev
	}
	if r.prev >= 0 {
		s.touchRun(r.prev)
		s.runs[r.prev].next = r.next
	} else {
		d.first = r.next
	}
	d.trips--
	s.inUse--
	s.free = append(s.free, t)
	delta := -m.Cost[station*n+beyond]
	if d.trips == 0 {
		return delta - int32(min(vehicle.Fixed, Blocked))
	}
	return delta + m.Cost[from*n+beyond]
}
