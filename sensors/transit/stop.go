package transit

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/sensors/transit/gtfs"
)

// StopView is a stop or station with what leaves it next.
type StopView struct {
	ID, Name, Code, Platform string
	Point                    city.Point
	HasPlace                 bool
	Live                     bool // expectations are fresh
	Departures               []Departure
	Alerts                   []Alert
}

// Departure is one from a stop.
type Departure struct {
	RouteID, Route, Headsign string
	Kind                     int
	StopID, Platform         string
	Planned                  time.Time // zero: the timetable does not have it
	Expected                 time.Time // zero: nothing is known
	Cancelled                bool      // the run, or its call here
	Alighting                bool      // nobody may get on
}

// when is by what departures are in order.
func (d *Departure) when() time.Time {
	if d.Expected.IsZero() {
		return d.Planned
	}
	return d.Expected
}

const (
	ahead       = 2 * time.Hour
	gone        = 30 * time.Second
	behindPlan  = 3 * time.Hour // a run later than this is not looked for
	mostLeaving = 40
)

// Stop returns a stop's next departures; of a station those of its stops. NotFound for
// one that is not there.
func (b *Board) Stop(id string, now time.Time) (StopView, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.feed == nil {
		return StopView{}, city.Errorf(city.Unavailable, "the timetable %s is not read yet", b.cfg.Name)
	}
	f := b.feed
	s, ok := f.Stop(id)
	if !ok {
		return StopView{}, city.Errorf(city.NotFound, "the timetable %s has no such stop", b.cfg.Name)
	}
	k := &f.Stops[s]
	v := StopView{ID: k.ID, Name: k.Name, Code: k.Code, Platform: k.Platform, Point: k.At, HasPlace: k.HasPlace, Live: b.fresh(trips, now)}
	from := []int{s}
	if k.Kind == 1 {
		for i := range f.Stops {
			if int(f.Stops[i].Station) == s {
				from = append(from, i)
			}
		}
	}
	for _, i := range from {
		b.leaving(&v, i, now)
	}
	slices.SortStableFunc(v.Departures, func(x, y Departure) int {
		return cmp.Or(x.when().Compare(y.when()), natural(x.Route, y.Route), strings.Compare(x.Headsign, y.Headsign))
	})
	v.Departures = v.Departures[:min(len(v.Departures), mostLeaving)]
	for _, a := range b.alertsNow(now) {
		if slices.Contains(a.Stops, id) || slices.ContainsFunc(v.Departures, func(d Departure) bool { return slices.Contains(a.Routes, d.RouteID) }) {
			v.Alerts = append(v.Alerts, a)
		}
	}
	return v, nil
}

func (b *Board) leaving(v *StopView, stop int, now time.Time) {
	f := b.feed
	f.At(stop, now.Add(-behindPlan), now.Add(ahead), func(r gtfs.Run, n int) {
		if n == f.Calls(r.Trip)-1 {
			return // it ends here
		}
		c, k := f.Call(r, n), &f.Routes[f.RouteOf(r.Trip)]
		d := Departure{RouteID: k.ID, Route: k.Name(), Headsign: f.Headsign(r.Trip), Kind: k.Kind, StopID: f.Stops[stop].ID, Platform: f.Stops[stop].Platform, Planned: c.Departure, Alighting: !c.Pickup}
		if p := b.runs[r]; p != nil && v.Live {
			d.Cancelled = p.cancelled
			if !p.cancelled && n < len(p.expected) {
				d.Cancelled = p.expected[n].Skipped
				if p.expected[n].Known {
					d.Expected = p.expected[n].Departure
				}
			}
		}
		if !d.when().Before(now.Add(-gone)) {
			v.Departures = append(v.Departures, d)
		}
	})
	if !v.Live {
		return
	}
	for i := range b.extra {
		x := &b.extra[i]
		for _, c := range x.calls[:len(x.calls)-1] {
			if c.stop != stop || c.departure.Before(now.Add(-gone)) || c.departure.After(now.Add(ahead)) {
				continue
			}
			d := Departure{Headsign: x.headsign, StopID: f.Stops[stop].ID, Platform: f.Stops[stop].Platform, Expected: c.departure, Kind: -1}
			if x.route >= 0 {
				k := &f.Routes[x.route]
				d.RouteID, d.Route, d.Kind = k.ID, k.Name(), k.Kind
			}
			v.Departures = append(v.Departures, d)
		}
	}
}

// Named is a stop that a search found.
type Named struct {
	ID, Name, Platform string
	Station            bool
}

// Find returns stops whose name begins with or holds the words, stations first; a stop
// of a station that was found is left out.
func (b *Board) Find(words string, most int) []Named {
	b.mu.Lock()
	defer b.mu.Unlock()
	words = strings.ToLower(strings.TrimSpace(words))
	if b.feed == nil || words == "" {
		return nil
	}
	var list []Named
	found := map[int32]bool{}
	for _, station := range []bool{true, false} {
		for i := range b.feed.Stops {
			s := &b.feed.Stops[i]
			if station != (s.Kind == 1) || s.Kind > 1 || found[s.Station] || !strings.Contains(strings.ToLower(s.Name), words) {
				continue
			}
			if station {
				found[int32(i)] = true
			}
			list = append(list, Named{ID: s.ID, Name: s.Name, Platform: s.Platform, Station: station})
		}
	}
	slices.SortStableFunc(list, func(x, y Named) int {
		starts := func(n Named) int {
			if strings.HasPrefix(strings.ToLower(n.Name), words) {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(starts(x), starts(y)), strings.Compare(x.Name, y.Name), strings.Compare(x.ID, y.ID))
	})
	return list[:min(len(list), most)]
}

// RouteView is a line with its ways.
type RouteView struct {
	Route
	Ways     []Way
	Vehicles []Vehicle
	Alerts   []Alert
}

// Way is a line in one direction, by its trip with the most calls.
type Way struct {
	Headsign string
	Stops    []Named
	Shape    []city.Point
}

// Route returns a line. NotFound for one that is not there.
func (b *Board) Route(id string, now time.Time) (RouteView, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.feed == nil {
		return RouteView{}, city.Errorf(city.Unavailable, "the timetable %s is not read yet", b.cfg.Name)
	}
	f := b.feed
	i, ok := f.Route(id)
	if !ok {
		return RouteView{}, city.Errorf(city.NotFound, "the timetable %s has no such line", b.cfg.Name)
	}
	news := b.alertsNow(now)
	v := RouteView{}
	for _, r := range b.routesNow(now, news) {
		if r.ID == id {
			v.Route = r
		}
	}
	for _, t := range f.LongestOfAll()[i] {
		w := Way{Headsign: f.Headsign(t), Shape: f.Shape(t)}
		for n := range f.Calls(t) {
			s := &f.Stops[f.Call(gtfs.Run{Trip: t, Start: -1}, n).Stop]
			w.Stops = append(w.Stops, Named{ID: s.ID, Name: s.Name, Platform: s.Platform})
		}
		v.Ways = append(v.Ways, w)
	}
	for _, x := range b.vehiclesNow(now) {
		if x.routeIndex == i {
			v.Vehicles = append(v.Vehicles, x)
		}
	}
	for _, a := range news {
		if slices.Contains(a.Routes, id) {
			v.Alerts = append(v.Alerts, a)
		}
	}
	return v, nil
}

// Lines returns the shapes of all lines by their ids, for a map. Nobody changes them.
func (b *Board) Lines() map[string][][]city.Point {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ways != nil || b.feed == nil {
		return b.ways
	}
	b.ways = map[string][][]city.Point{}
	for i, longest := range b.feed.LongestOfAll() {
		for _, t := range longest {
			b.ways[b.feed.Routes[i].ID] = append(b.ways[b.feed.Routes[i].ID], b.feed.Shape(t))
		}
	}
	return b.ways
}
