package gtfs

import (
	"slices"
	"sort"
	"time"

	"polity/city"
)

// Feed is a timetable. It is never changed once it is read.
type Feed struct {
	Info     Info
	Zone     *time.Location // of all its times
	Agencies []Agency
	Stops    []Stop
	Routes   []Route
	Notes    []string // what was passed over, for who publishes it

	stopIndex, routeIndex, tripIndex map[string]int32
	services                         []service
	trips                            []trip
	patterns                         []pattern
	timings                          [][]int32 // arrival and departure of each call, seconds from the trip's start
	shapes                           [][]vertex
	words                            []string // headsigns, short names
	headways                         []headway
	callsAt                          [][]patternCall // by stop
	reach                            int32           // seconds of the service day in which the last run ends
}

// Info is feed_info.txt.
type Info struct {
	Publisher, PublisherURL, Language, Version string
	From, Until                                Date // 0: not said
}

// Agency runs routes.
type Agency struct {
	ID, Name, URL string
}

// Stop is a place where vehicles call, or a station that holds some.
type Stop struct {
	ID, Code, Name, Platform string
	At                       city.Point
	HasPlace                 bool
	Kind                     int8  // location_type: 0 stop or platform, 1 station, 2 entrance, 3 node, 4 boarding area
	Station                  int32 // index of the station; -1 none
}

// Route is a line.
type Route struct {
	ID, Short, Long string
	Agency          int32
	Kind            int    // route_type: 0 tram, 1 metro, 2 rail, 3 bus, 4 ferry, extended types above 99
	Colour          string // RRGGBB or empty
	Order           int
}

// Name is what people call the route.
func (r *Route) Name() string {
	if r.Short != "" {
		return r.Short
	}
	return r.Long
}

type service struct {
	id             string
	days           uint8 // bit per time.Weekday
	from, until    Date
	added, removed []Date // sorted
}

func (s *service) active(d Date) bool {
	if _, found := slices.BinarySearch(s.removed, d); found {
		return false
	}
	if _, found := slices.BinarySearch(s.added, d); found {
		return true
	}
	return d >= s.from && d <= s.until && s.days&(1<<d.Weekday()) != 0
}

type trip struct {
	id              string
	route, service  int32
	pattern, timing int32 // -1: the trip calls nowhere
	start           int32 // seconds of the service day of the first departure
	shape           int32 // -1: none
	headsign, short int32 // index of words
	headways        int32 // index of the first headway; -1: none
	direction       int8  // -1: not said
}

// pattern is a sequence of calls that trips share.
type pattern struct {
	calls    []call
	trips    []int32 // sorted by start
	earliest int32   // of a call, seconds from the start; may be below 0
	latest   int32
}

type call struct {
	stop     int32
	sequence uint32
	flags    uint8
}

const (
	noPickup uint8 = 1 << iota
	noDropOff
	estimated // the time is not exact
)

type patternCall struct{ pattern, position int32 }

type headway struct {
	trip             int32
	from, to, spread int32 // seconds
	exact            bool
}

// vertex is a point of a shape, in 1e-6 degrees.
type vertex struct{ lon, lat int32 }

// Run is one vehicle's way along a trip on one service day. Start tells runs of a trip
// with headways apart (seconds of the day); it is -1 for all others.
type Run struct {
	Trip  int32
	Date  Date
	Start int32
}

// Call is a run's call at a stop.
type Call struct {
	Stop               int
	Sequence           uint32
	Arrival, Departure time.Time // as planned
	Pickup, DropOff    bool
}

// Stop finds a stop by its id.
func (f *Feed) Stop(id string) (int, bool) { i, ok := f.stopIndex[id]; return int(i), ok }

// Route finds a route by its id.
func (f *Feed) Route(id string) (int, bool) { i, ok := f.routeIndex[id]; return int(i), ok }

// Trip finds a trip by its id.
func (f *Feed) Trip(id string) (int32, bool) { i, ok := f.tripIndex[id]; return i, ok }

// TripID is a trip's id.
func (f *Feed) TripID(t int32) string { return f.trips[t].id }

// Trips is how many there are.
func (f *Feed) Trips() int { return len(f.trips) }

// RouteOf is the route of a trip.
func (f *Feed) RouteOf(t int32) int { return int(f.trips[t].route) }

// Direction is that of a trip: 0, 1, or -1 if it is not said.
func (f *Feed) Direction(t int32) int { return int(f.trips[t].direction) }

// Headsign says where a trip goes, by its last stop if by nothing else.
func (f *Feed) Headsign(t int32) string {
	k := &f.trips[t]
	if s := f.words[k.headsign]; s != "" || k.pattern < 0 {
		return s
	}
	calls := f.patterns[k.pattern].calls
	return f.Stops[calls[len(calls)-1].stop].Name
}

// Calls is how many calls a trip has.
func (f *Feed) Calls(t int32) int {
	if f.trips[t].pattern < 0 {
		return 0
	}
	return len(f.patterns[f.trips[t].pattern].calls)
}

// Repeats says whether a trip runs by headways.
func (f *Feed) Repeats(t int32) bool { return f.trips[t].headways >= 0 }

// Call is the n-th call of a run, from 0.
func (f *Feed) Call(r Run, n int) Call {
	k := &f.trips[r.Trip]
	c, timing := f.patterns[k.pattern].calls[n], f.timings[k.timing]
	start := f.startOf(r)
	return Call{
		Stop: int(c.stop), Sequence: c.sequence, Pickup: c.flags&noPickup == 0, DropOff: c.flags&noDropOff == 0,
		Arrival: start.Add(time.Duration(timing[2*n]) * time.Second), Departure: start.Add(time.Duration(timing[2*n+1]) * time.Second),
	}
}

func (f *Feed) startOf(r Run) time.Time {
	seconds := r.Start
	if seconds < 0 {
		seconds = f.trips[r.Trip].start
	}
	return r.Date.Start(f.Zone).Add(time.Duration(seconds) * time.Second)
}

// PositionOf is the call with a stop_sequence, from 0; -1 for none.
func (f *Feed) PositionOf(t int32, sequence uint32) int {
	if f.trips[t].pattern < 0 {
		return -1
	}
	calls := f.patterns[f.trips[t].pattern].calls
	i := sort.Search(len(calls), func(i int) bool { return calls[i].sequence >= sequence })
	if i < len(calls) && calls[i].sequence == sequence {
		return i
	}
	return -1
}

// NextAt is the first call at a stop from the n-th on; -1 for none.
func (f *Feed) NextAt(t int32, stop string, n int) int {
	s, ok := f.stopIndex[stop]
	if f.trips[t].pattern < 0 || !ok {
		return -1
	}
	calls := f.patterns[f.trips[t].pattern].calls
	for i := n; i < len(calls); i++ {
		if calls[i].stop == s {
			return i
		}
	}
	return -1
}

// Active says whether a trip runs on a service day.
func (f *Feed) Active(t int32, d Date) bool { return f.services[f.trips[t].service].active(d) }

// Shape is the way of a trip, by its stops if the feed does not draw it.
func (f *Feed) Shape(t int32) []city.Point {
	k := &f.trips[t]
	var out []city.Point
	if k.shape >= 0 {
		for _, v := range f.shapes[k.shape] {
			out = append(out, city.Point{Lon: float64(v.lon) / 1e6, Lat: float64(v.lat) / 1e6})
		}
		return out
	}
	if k.pattern >= 0 {
		for _, c := range f.patterns[k.pattern].calls {
			if s := &f.Stops[c.stop]; s.HasPlace {
				out = append(out, s.At)
			}
		}
	}
	return out
}

// LongestOfAll returns, for each route and each of its directions, a trip with the most
// calls.
func (f *Feed) LongestOfAll() [][]int32 {
	best := make([][3]int32, len(f.Routes)) // by direction, -1 first; a trip's number and 1 more
	for p := range f.patterns {
		for _, t := range f.patterns[p].trips {
			k := &f.trips[t]
			if b := &best[k.route][k.direction+1]; *b == 0 || f.Calls(t) > f.Calls(*b-1) {
				*b = t + 1
			}
		}
	}
	out := make([][]int32, len(f.Routes))
	for i := range best {
		for _, b := range best[i] {
			if b > 0 {
				out[i] = append(out[i], b-1)
			}
		}
	}
	return out
}

// Planned says whether the timetable has a run, not just its trip.
func (f *Feed) Planned(r Run) bool {
	if !f.Active(r.Trip, r.Date) {
		return false
	}
	if !f.Repeats(r.Trip) {
		return r.Start < 0
	}
	for _, h := range f.headways[f.trips[r.Trip].headways:] {
		if h.trip != r.Trip {
			break
		}
		if r.Start >= h.from && r.Start < h.to && (r.Start-h.from)%h.spread == 0 {
			return true
		}
	}
	return false
}

// Span is the first and last day on which anything runs.
func (f *Feed) Span() (from, until Date) {
	for i := range f.services {
		s := &f.services[i]
		first, last := s.from, s.until
		if s.days == 0 {
			first, last = 1<<30, -1
		}
		if n := len(s.added); n > 0 {
			first, last = min(first, s.added[0]), max(last, s.added[n-1])
		}
		if last < first {
			continue
		}
		if until == 0 || first < from {
			from = first
		}
		until = max(until, last)
	}
	return from, until
}

// Expires is the last day that the feed says it is for, or on which anything runs.
func (f *Feed) Expires() Date {
	_, until := f.Span()
	if f.Info.Until != 0 {
		until = min(until, f.Info.Until)
	}
	return until
}
