package transit

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/sensors/transit/gtfs"
	"polity/sensors/transit/realtime"
)

// State is one feed as pages show it.
type State struct {
	Name      city.Slug
	Simulated bool
	Publisher string
	Loaded    time.Time // zero: there is no timetable yet
	Expires   gtfs.Date // last day on which anything runs; 0 without a timetable
	Expired   bool
	Problem   string   // of the last look at the timetable; the one before still counts
	Notes     []string // what the timetable's reader passed over
	Sources   []Source
	Early     time.Duration // so much before its plan a departure is on time
	Late      time.Duration // and so much after it
	Lost      int           // runs of the last message that the timetable does not have
	Routes    []Route
	Vehicles  []Vehicle
	Alerts    []Alert
}

// Source is one of trips, vehicles, alerts.
type Source struct {
	Kind    string
	At      time.Time // of what it told last
	Fresh   bool
	Problem string
}

// Route is a line now.
type Route struct {
	ID, Name, Long, Colour string
	Kind                   int
	Running                int // planned to be under way
	Expected               int // of them some expectation is known
	OnTime, Early, Late    int // of those
	Cancelled              int // under way by plan, and cancelled
	Alerts                 int
	Hour                   Tally // the hour that is not over
}

// Vehicle is one that makes a run. It has no name.
type Vehicle struct {
	Run                   string // the run's name: trip, day, start
	RouteID, Route        string
	Kind                  int
	Headsign              string
	At                    time.Time
	Point                 city.Point
	Bearing, Speed        float64 // degrees, m/s; -1: not said
	NextStopID, NextStop  string
	AtStop                bool
	Delay                 time.Duration
	DelayKnown            bool
	routeIndex, nextIndex int
}

// Alert is news about service that holds now.
type Alert struct {
	ID, Title, Words, Address string
	Severity                  string // unknown, info, warning, severe
	Cause, Effect             string // words of the standard in lower case, or empty
	From, Until               time.Time
	Routes, Stops             []string // ids
}

// State returns how the feed is.
func (b *Board) State(now time.Time) State {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := State{Name: b.cfg.Name, Simulated: b.cfg.Simulated, Early: b.cfg.Early, Late: b.cfg.Late, Problem: b.problem, Lost: b.lost}
	for _, k := range []struct {
		kind  kind
		where string
	}{{trips, b.cfg.Trips}, {positions, b.cfg.Vehicles}, {alerts, b.cfg.Alerts}} {
		if k.where == "" {
			continue
		}
		t := b.toldOf(k.kind)
		s.Sources = append(s.Sources, Source{Kind: string(k.kind), At: t.at, Fresh: b.fresh(k.kind, now), Problem: t.problem})
	}
	f := b.feed
	if f == nil {
		return s
	}
	s.Publisher, s.Loaded, s.Expires, s.Notes = cmp.Or(f.Info.Publisher, f.Agencies[0].Name), b.loaded, f.Expires(), f.Notes
	s.Expired = s.Expires < gtfs.DateOf(now.In(f.Zone))
	s.Alerts = b.alertsNow(now)
	s.Routes = b.routesNow(now, s.Alerts)
	s.Vehicles = b.vehiclesNow(now)
	return s
}

func (b *Board) routesNow(now time.Time, news []Alert) []Route {
	f := b.feed
	list := make([]Route, len(f.Routes))
	for i := range f.Routes {
		k := &f.Routes[i]
		list[i] = Route{ID: k.ID, Name: k.Name(), Long: k.Long, Colour: k.Colour, Kind: k.Kind}
		for _, a := range news {
			if slices.Contains(a.Routes, k.ID) {
				list[i].Alerts++
			}
		}
		if h := b.hours.open[hourOf(now, f.Zone).Unix()]; h != nil && h.Routes[k.ID] != nil {
			list[i].Hour = *h.Routes[k.ID]
		}
	}
	fresh := b.fresh(trips, now)
	f.Running(now, now.Add(time.Second), func(r gtfs.Run) {
		k := &list[f.RouteOf(r.Trip)]
		k.Running++
		p := b.runs[r]
		switch {
		case p == nil || !fresh:
		case p.cancelled:
			k.Cancelled++
		default:
			b.countNow(k, r, p, now)
		}
	})
	order := func(i int) int { return f.Routes[i].Order }
	index := make(map[string]int, len(list))
	for i := range list {
		index[list[i].ID] = i
	}
	slices.SortStableFunc(list, func(x, y Route) int {
		return cmp.Or(cmp.Compare(order(index[x.ID]), order(index[y.ID])), natural(x.Name, y.Name), strings.Compare(x.ID, y.ID))
	})
	return list
}

func (b *Board) countNow(k *Route, r gtfs.Run, p *progress, now time.Time) {
	delay, known := b.delay(r, p, now)
	switch {
	case !known:
		return
	case delay < -b.cfg.Early:
		k.Early++
	case delay > b.cfg.Late:
		k.Late++
	default:
		k.OnTime++
	}
	k.Expected++
}

// delay is that at the next call of a run.
func (b *Board) delay(r gtfs.Run, p *progress, now time.Time) (time.Duration, bool) {
	n := min(p.past(now), len(p.expected)-1)
	for ; n >= 0 && n < len(p.expected); n++ {
		if e := p.expected[n]; e.Known {
			return e.Departure.Sub(b.feed.Call(r, n).Departure), true
		}
	}
	return 0, false
}

// natural puts line 2 before line 10.
func natural(a, b string) int {
	x, restA := leading(a)
	y, restB := leading(b)
	return cmp.Or(cmp.Compare(x, y), strings.Compare(restA, restB))
}

func leading(s string) (n int, rest string) {
	i := 0
	for i < len(s) && i < 9 && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int(s[i]-'0')
		i++
	}
	if i == 0 {
		return 1 << 30, s
	}
	return n, s[i:]
}

func (b *Board) vehiclesNow(now time.Time) []Vehicle {
	f := b.feed
	list := []Vehicle{}
	for r, v := range b.vehicles {
		if now.Sub(v.at) > b.cfg.Stale {
			continue
		}
		i := f.RouteOf(r.Trip)
		k := &f.Routes[i]
		x := Vehicle{
			Run: RunName(f, r), RouteID: k.ID, Route: k.Name(), Kind: k.Kind, Headsign: f.Headsign(r.Trip), At: v.at, Point: v.point, Bearing: v.bearing, Speed: v.speed,
			AtStop: v.atStop, routeIndex: i, nextIndex: -1,
		}
		if v.position >= 0 {
			x.nextIndex = f.Call(r, v.position).Stop
			x.NextStopID, x.NextStop = f.Stops[x.nextIndex].ID, f.Stops[x.nextIndex].Name
		}
		if p := b.runs[r]; p != nil && !p.cancelled && b.fresh(trips, now) {
			x.Delay, x.DelayKnown = b.delay(r, p, now)
		}
		list = append(list, x)
	}
	slices.SortFunc(list, func(x, y Vehicle) int { return strings.Compare(x.Run, y.Run) })
	return list
}

// RunName names a run: trip, day, and the start of runs by headways.
func RunName(f *gtfs.Feed, r gtfs.Run) string {
	name := f.TripID(r.Trip) + ":" + r.Date.String()
	if r.Start >= 0 {
		name += ":" + (time.Duration(r.Start) * time.Second).String()
	}
	return name
}

func (b *Board) alertsNow(now time.Time) []Alert {
	var list []Alert
	for i := range b.alerts {
		a := &b.alerts[i]
		x := Alert{ID: a.ID, Severity: severity(a.Severity), Cause: wordOf(causes, a.Cause), Effect: wordOf(effects, a.Effect)}
		holds := len(a.Periods) == 0
		for _, p := range a.Periods {
			if !now.Before(p.From) && (p.Until.IsZero() || now.Before(p.Until)) {
				holds, x.From, x.Until = true, p.From, p.Until
			}
		}
		for _, p := range slices.Backward(a.Impact) { // the first that is not over
			if p.Until.IsZero() || now.Before(p.Until) {
				x.From, x.Until = p.From, p.Until
			}
		}
		if !holds || a.ID == "" {
			continue
		}
		x.Title, x.Words, x.Address = b.say(a.Title), b.say(a.Words), b.say(a.Address)
		if !isAddress(x.Address) {
			x.Address = ""
		}
		b.concerns(&x, a.About)
		list = append(list, x)
	}
	slices.SortFunc(list, func(x, y Alert) int { return strings.Compare(x.ID, y.ID) })
	return list
}

// concerns finds the routes and stops that an alert is about. A selector of several
// fields is about what all of them meet: its trip's, stop's or route's.
func (b *Board) concerns(x *Alert, about []realtime.Selector) {
	for _, s := range about {
		if s.OfTrip {
			if t, ok := b.feed.Trip(s.Trip.ID); ok {
				s.Route = b.feed.Routes[b.feed.RouteOf(t)].ID
			} else {
				s.Route = cmp.Or(s.Route, s.Trip.Route)
			}
		}
		if _, ok := b.feed.Stop(s.Stop); ok && !slices.Contains(x.Stops, s.Stop) {
			x.Stops = append(x.Stops, s.Stop)
		}
		for i := range b.feed.Routes {
			r := &b.feed.Routes[i]
			named := s.Route == r.ID || s.Route == "" && s.Stop == "" && (s.Kind == r.Kind || s.Kind < 0 && s.Agency != "" && s.Agency == b.feed.Agencies[r.Agency].ID)
			if named && !slices.Contains(x.Routes, r.ID) {
				x.Routes = append(x.Routes, r.ID)
			}
		}
	}
}

// say picks a text in English, in none in particular, or the first.
func (b *Board) say(list []realtime.Text) string {
	for _, language := range []string{"en", ""} {
		for _, t := range list {
			if tag, _, _ := strings.Cut(strings.ToLower(t.Language), "-"); tag == language {
				return t.Text
			}
		}
	}
	if len(list) > 0 {
		return list[0].Text
	}
	return ""
}

// Words of Alert.Cause and Alert.Effect in gtfs-realtime.proto, by number.
var (
	causes = []string{"", "unknown", "other", "technical problem", "strike", "demonstration", "accident", "holiday", "weather", "maintenance", "construction", "police activity", "medical emergency", "special event"}
	// NO_SERVICE is 1.
	effects = []string{"", "no service", "reduced service", "significant delays", "detour", "additional service", "modified service", "other", "unknown", "stop moved", "no effect", "accessibility issue"}
)

func wordOf(list []string, n int32) string {
	if n < 0 || int(n) >= len(list) {
		return ""
	}
	return list[n]
}

func severity(n int32) string {
	return map[int32]string{2: "info", 3: "warning", 4: "severe"}[n]
}
