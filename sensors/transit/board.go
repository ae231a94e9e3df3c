package transit

import (
	"slices"
	"sync"
	"time"

	"polity/city"
	"polity/sensors/transit/gtfs"
	"polity/sensors/transit/realtime"
)

// Board is what is known of one feed. It is safe for concurrent use.
type Board struct {
	cfg Config

	mu       sync.Mutex
	feed     *gtfs.Feed // nil: none yet
	loaded   time.Time
	problem  string // of the last look at the timetable
	runs     map[gtfs.Run]*progress
	extra    []extraRun
	vehicles map[gtfs.Run]vehicle
	alerts   []realtime.Alert
	told     map[kind]*told
	hours    *hours
	ways     map[string][][]city.Point // of each line, once they were asked for
	lost     int                       // runs, calls and positions that the timetable does not have, of the last messages
}

// kind is one of the three things that GTFS-Realtime tells.
type kind string

const (
	trips     kind = "trips"
	positions kind = "vehicles"
	alerts    kind = "alerts"
)

// told is how one of them is.
type told struct {
	at      time.Time // of the last message, by its own clock, ours if it says none
	problem string
}

// progress is a run of which something is expected.
type progress struct {
	expected  []Expected
	cancelled bool
	counted   bool // its cancellation is
	at        time.Time
	next      int // first call that is not measured yet
}

// extraRun is one that the timetable does not have.
type extraRun struct {
	route    int // -1: not said
	headsign string
	calls    []extraCall
}

type extraCall struct {
	stop               int
	arrival, departure time.Time
}

type vehicle struct {
	at       time.Time
	point    city.Point
	bearing  float64
	speed    float64
	position int // of the call that it is at or makes for; -1: not said
	atStop   bool
}

// NewBoard makes an empty one.
func NewBoard(cfg Config) *Board {
	return &Board{cfg: cfg.WithDefaults(), runs: map[gtfs.Run]*progress{}, vehicles: map[gtfs.Run]vehicle{}, told: map[kind]*told{}, hours: newHours()}
}

// Name is the feed's.
func (b *Board) Name() city.Slug { return b.cfg.Name }

// Simulated says whether a model stands in for vehicles.
func (b *Board) Simulated() bool { return b.cfg.Simulated }

// SetTimetable takes a timetable in place of the one before. What was expected is
// told anew with the next messages.
func (b *Board) SetTimetable(f *gtfs.Feed, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.feed, b.loaded, b.problem = f, now, ""
	b.ways = nil
	b.runs, b.vehicles, b.extra = map[gtfs.Run]*progress{}, map[gtfs.Run]vehicle{}, nil
}

// Apply takes a message, the full dataset of what its source tells. One that is older
// than the last changes nothing.
func (b *Board) Apply(k kind, m *realtime.Message, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.toldOf(k)
	at := m.At
	if at.IsZero() || at.After(now) {
		at = now
	}
	if at.Before(t.at) {
		return
	}
	fresh := at.After(t.at)
	t.problem = ""
	if b.feed == nil || !fresh {
		return
	}
	b.hours.cover(t.at, at, b.cfg.Stale, k, b.feed.Zone)
	t.at = at
	switch k {
	case trips:
		b.applyTrips(m, at)
	case positions:
		b.applyPositions(m, at, now)
	case alerts:
		b.alerts = m.Alerts
	}
}

// Hear takes a message that tells everything: trips, positions and news.
func (b *Board) Hear(m *realtime.Message, now time.Time) {
	for _, k := range []kind{trips, positions, alerts} {
		b.Apply(k, m, now)
	}
	b.Measure(now)
}

func (b *Board) toldOf(k kind) *told {
	t := b.told[k]
	if t == nil {
		t = &told{}
		b.told[k] = t
	}
	return t
}

// fail notes that a source could not be used.
func (b *Board) fail(k kind, why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.toldOf(k).problem = why
}

func (b *Board) failTimetable(why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problem = why
}

func (b *Board) applyTrips(m *realtime.Message, at time.Time) {
	now := at
	seen := map[gtfs.Run]bool{}
	b.extra, b.lost = nil, 0
	for i := range m.Trips {
		u := &m.Trips[i]
		switch u.Trip.Schedule {
		case realtime.Added, realtime.New, realtime.Replacement:
			b.addRun(u)
			if u.Trip.Schedule != realtime.Replacement {
				continue
			}
		case realtime.Duplicated:
			b.lost++
			continue
		}
		r, ok := match(b.feed, u.Trip, now)
		if !ok {
			b.lost++
			continue
		}
		if !b.feed.Planned(r) {
			b.addUnplanned(r, u)
			continue
		}
		p := b.runs[r]
		first := p == nil
		if first {
			p = &progress{}
			b.runs[r] = p
		}
		seen[r] = true
		p.take(b.feed, r, u, at)
		if first { // what is past when we first hear of it was told to others
			p.next = p.past(now)
		}
		if u.Trip.Schedule == realtime.Replacement {
			p.counted = true // no cancellation
		}
	}
	for r, p := range b.runs {
		if !seen[r] && at.Sub(p.at) > linger {
			delete(b.runs, r)
		}
	}
}

// linger is how long a run that is not told any more is still measured.
const linger = 10 * time.Minute

// take brings what is told now in. Of calls that are not told any more, what was said
// last stays: feeds leave out what lies behind.
func (p *progress) take(f *gtfs.Feed, r gtfs.Run, u *realtime.TripUpdate, at time.Time) {
	p.at = at
	switch u.Trip.Schedule {
	case realtime.Canceled, realtime.Deleted, realtime.Replacement:
		p.cancelled = true
		return
	}
	p.cancelled = false
	fresh, _ := Predict(f, r, u)
	if first := firstTold(f, r.Trip, u); len(p.expected) == len(fresh) && !u.Has {
		for i := range min(first, len(fresh)) {
			if !fresh[i].Known && !fresh[i].Skipped {
				fresh[i] = p.expected[i]
			}
		}
	}
	p.expected = fresh
}

func firstTold(f *gtfs.Feed, trip int32, u *realtime.TripUpdate) int {
	told, _ := place(f, trip, u)
	i := slices.IndexFunc(told, func(c *realtime.CallUpdate) bool { return c != nil })
	if i < 0 {
		return len(told)
	}
	return i
}

// past is the first call that is not over.
func (p *progress) past(now time.Time) int {
	next := 0
	for i, e := range p.expected {
		if e.Known && !e.Departure.After(now) {
			next = i + 1
		}
	}
	return next
}

// addUnplanned takes a run by headways that starts when no planned one does.
func (b *Board) addUnplanned(r gtfs.Run, u *realtime.TripUpdate) {
	if u.Trip.Schedule == realtime.Canceled || u.Trip.Schedule == realtime.Deleted {
		return
	}
	x := extraRun{route: b.feed.RouteOf(r.Trip), headsign: b.feed.Headsign(r.Trip)}
	expected, _ := Predict(b.feed, r, u)
	for i, e := range expected {
		if e.Known {
			x.calls = append(x.calls, extraCall{stop: b.feed.Call(r, i).Stop, arrival: e.Arrival, departure: e.Departure})
		}
	}
	if len(x.calls) < 2 {
		b.lost++
		return
	}
	b.extra = append(b.extra, x)
}

// addRun takes a run that the timetable does not have, if it says when it calls where.
func (b *Board) addRun(u *realtime.TripUpdate) {
	x := extraRun{route: -1}
	if i, ok := b.feed.Route(u.Trip.Route); ok {
		x.route = i
	} else if t, ok := b.feed.Trip(u.Trip.ID); ok {
		x.route = b.feed.RouteOf(t)
	}
	for i := range u.Calls {
		c := &u.Calls[i]
		s, ok := b.feed.Stop(c.Stop)
		if !ok || c.Relation == realtime.Skipped {
			continue
		}
		call := extraCall{stop: s, arrival: c.Arrival.Time, departure: c.Departure.Time}
		if call.departure.IsZero() {
			call.departure = call.arrival
		}
		if call.arrival.IsZero() {
			call.arrival = call.departure
		}
		if !call.departure.IsZero() {
			x.calls = append(x.calls, call)
		}
	}
	if len(x.calls) < 2 {
		b.lost++
		return
	}
	x.headsign = b.feed.Stops[x.calls[len(x.calls)-1].stop].Name
	b.extra = append(b.extra, x)
}

// applyPositions takes where vehicles are. One that makes no run of the timetable is
// nobody's business; of two that make the same, the newer counts.
func (b *Board) applyPositions(m *realtime.Message, at, now time.Time) {
	b.vehicles = map[gtfs.Run]vehicle{}
	for i := range m.Vehicles {
		p := &m.Vehicles[i]
		v := vehicle{at: p.At, point: city.Point{Lon: p.Lon, Lat: p.Lat}, bearing: p.Bearing, speed: p.Speed, position: -1, atStop: p.Status == realtime.AtStop}
		if v.at.IsZero() || v.at.After(at) {
			v.at = at
		}
		if now.Sub(v.at) > b.cfg.Stale || p.Trip.ID == "" {
			continue
		}
		r, ok := match(b.feed, p.Trip, now)
		if !ok {
			continue
		}
		if p.BySequence {
			v.position = b.feed.PositionOf(r.Trip, p.Sequence)
		} else if p.Stop != "" {
			v.position = b.feed.NextAt(r.Trip, p.Stop, 0)
		}
		if before, twice := b.vehicles[r]; !twice || v.at.After(before.at) {
			b.vehicles[r] = v
		}
	}
}

// fresh says whether what a source told still counts.
func (b *Board) fresh(k kind, now time.Time) bool {
	t := b.told[k]
	return t != nil && !t.at.IsZero() && now.Sub(t.at) <= b.cfg.Stale
}
