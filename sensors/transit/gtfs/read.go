package gtfs

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"polity/city"
)

// Read reads a feed. The error lists what is wrong, each with file and line, and is of
// kind Invalid.
func Read(files Files, limits Limits) (*Feed, error) {
	r := &reading{files: files, limits: limits, left: limits.Bytes}
	f := &Feed{stopIndex: map[string]int32{}, routeIndex: map[string]int32{}, tripIndex: map[string]int32{}}
	agencies := r.agencies(f)
	r.info(f)
	r.stops(f)
	r.routes(f, agencies)
	services := r.calendars(f)
	shapes := r.shapesOf(f)
	r.trips(f, services, shapes)
	r.stopTimes(f)
	r.frequencies(f)
	if err := errors.Join(r.problems...); err != nil {
		return nil, city.Errorf(city.Invalid, "the timetable is refused: %w", err)
	}
	if len(f.trips) == 0 || len(f.patterns) == 0 {
		return nil, city.Errorf(city.Invalid, "the timetable is refused: it has no trip that calls anywhere")
	}
	f.index()
	f.Notes = r.notes
	return f, nil
}

func (r *reading) agencies(f *Feed) map[string]int32 {
	index := map[string]int32{}
	t := r.table("agency.txt", true, "agency_name", "agency_url", "agency_timezone")
	if t == nil {
		return index
	}
	defer t.close()
	zone := ""
	for t.next() {
		a := Agency{ID: t.text("agency_id"), Name: t.id("agency_name"), URL: webAddress(t.text("agency_url"))}
		z := t.text("agency_timezone")
		switch {
		case zone != "" && z != zone:
			t.bad("agency_timezone is %q; all agencies of a feed have the same, %q", shorten(z), zone)
		case zone == "":
			loaded, err := time.LoadLocation(z)
			if err != nil || z == "" || z == "Local" {
				t.bad("agency_timezone %q is no time zone such as Europe/Helsinki", shorten(z))
				continue
			}
			f.Zone, zone = loaded, z
		}
		if _, twice := index[a.ID]; twice {
			t.bad("the agency %q stands there twice", shorten(a.ID))
		}
		index[a.ID] = int32(len(f.Agencies))
		f.Agencies = append(f.Agencies, a)
	}
	if f.Zone == nil {
		r.fail("agency.txt has no agency")
	}
	return index
}

// webAddress drops what is no address of the web: pages make links of it.
func webAddress(s string) string {
	if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
		return ""
	}
	return s
}

func (r *reading) info(f *Feed) {
	t := r.table("feed_info.txt", false)
	if t == nil {
		return
	}
	defer t.close()
	for t.next() {
		f.Info = Info{Publisher: t.text("feed_publisher_name"), PublisherURL: webAddress(t.text("feed_publisher_url")), Language: t.text("feed_lang"), Version: t.text("feed_version")}
		f.Info.From, f.Info.Until = t.date("feed_start_date", false), t.date("feed_end_date", false)
	}
}

// date reads a day; 0 is none.
func (t *table) date(name string, needed bool) Date {
	s := t.at(t.column(name))
	if s == "" && !needed {
		return 0
	}
	d, ok := ParseDate(s)
	if !ok {
		t.bad("%s is %q; a day such as 20261130 is expected", name, shorten(s))
	}
	return d
}

func (r *reading) stops(f *Feed) {
	t := r.table("stops.txt", true, "stop_id")
	if t == nil {
		return
	}
	defer t.close()
	type link struct {
		stop, line int
		station    string
	}
	var links []link
	for t.next() {
		s := Stop{ID: t.id("stop_id"), Code: t.text("stop_code"), Name: t.text("stop_name"), Platform: t.text("platform_code"), Kind: int8(t.number("location_type", 0, 4, 0)), Station: -1}
		lat, okLat := t.degrees("stop_lat", 90)
		lon, okLon := t.degrees("stop_lon", 180)
		s.At, s.HasPlace = city.Point{Lon: lon, Lat: lat}, okLat && okLon
		if !s.HasPlace && s.Kind < 3 {
			t.bad("the stop %s has no stop_lat and stop_lon", shorten(s.ID))
		}
		if _, twice := f.stopIndex[s.ID]; twice {
			t.bad("the stop %s stands there twice", shorten(s.ID))
		}
		if parent := t.at(t.column("parent_station")); parent != "" {
			links = append(links, link{len(f.Stops), t.line(), strings.Clone(parent)})
		}
		f.stopIndex[s.ID] = int32(len(f.Stops))
		f.Stops = append(f.Stops, s)
	}
	for _, l := range links {
		if p, ok := f.stopIndex[l.station]; ok && int(p) != l.stop {
			f.Stops[l.stop].Station = p
			if f.Stops[l.stop].Name == "" {
				f.Stops[l.stop].Name = f.Stops[p].Name
			}
		} else {
			r.fail("stops.txt:%d: there is no station %q", l.line, shorten(l.station))
		}
	}
}

func (r *reading) routes(f *Feed, agencies map[string]int32) {
	t := r.table("routes.txt", true, "route_id", "route_type")
	if t == nil {
		return
	}
	defer t.close()
	for t.next() {
		k := Route{ID: t.id("route_id"), Short: t.text("route_short_name"), Long: t.text("route_long_name"), Kind: t.number("route_type", 0, 1799, -1), Colour: colour(t.text("route_color")), Order: t.number("route_sort_order", 0, 1<<30, 1<<30)}
		agency, ok := agencies[t.at(t.column("agency_id"))]
		switch {
		case k.Kind < 0:
			t.bad("route_type is missing")
		case !ok && (len(f.Agencies) != 1 || t.at(t.column("agency_id")) != ""):
			t.bad("there is no agency %q", shorten(t.at(t.column("agency_id"))))
		case k.Short == "" && k.Long == "":
			t.bad("the route %s has no name", shorten(k.ID))
		}
		if _, twice := f.routeIndex[k.ID]; twice {
			t.bad("the route %s stands there twice", shorten(k.ID))
		}
		k.Agency = agency
		f.routeIndex[k.ID] = int32(len(f.Routes))
		f.Routes = append(f.Routes, k)
	}
}

func colour(s string) string {
	if len(s) != 6 || strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return ""
	}
	return strings.ToUpper(s)
}

var weekdays = [7]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

func (r *reading) calendars(f *Feed) map[string]int32 {
	index := map[string]int32{}
	of := func(id string) *service {
		i, ok := index[id]
		if !ok {
			i = int32(len(f.services))
			index[id] = i
			f.services = append(f.services, service{id: id, from: 1, until: 0})
		}
		return &f.services[i]
	}
	weekly := r.table("calendar.txt", false, append([]string{"service_id", "start_date", "end_date"}, weekdays[:]...)...)
	if weekly != nil {
		for weekly.next() {
			id := weekly.id("service_id")
			if _, twice := index[id]; twice {
				weekly.bad("the service %s stands there twice", shorten(id))
			}
			s := of(id)
			for i, day := range weekdays {
				s.days |= uint8(weekly.number(day, 0, 1, 0)) << i
			}
			if s.from, s.until = weekly.date("start_date", true), weekly.date("end_date", true); s.until < s.from {
				weekly.bad("the service %s ends before it begins", shorten(id))
			}
		}
		weekly.close()
	}
	dates := r.table("calendar_dates.txt", false, "service_id", "date", "exception_type")
	if dates != nil {
		for dates.next() {
			s, d := of(dates.id("service_id")), dates.date("date", true)
			switch dates.number("exception_type", 1, 2, 0) {
			case 1:
				s.added = append(s.added, d)
			case 2:
				s.removed = append(s.removed, d)
			default:
				dates.bad("exception_type is missing")
			}
		}
		dates.close()
	}
	if weekly == nil && dates == nil {
		r.fail("calendar.txt and calendar_dates.txt are missing; one of them says when anything runs")
	}
	for i := range f.services {
		slices.Sort(f.services[i].added)
		slices.Sort(f.services[i].removed)
	}
	return index
}

func (r *reading) trips(f *Feed, services, shapes map[string]int32) {
	t := r.table("trips.txt", true, "route_id", "service_id", "trip_id")
	if t == nil {
		return
	}
	defer t.close()
	words := map[string]int32{"": 0}
	f.words = []string{""}
	word := func(s string) int32 {
		i, ok := words[s]
		if !ok {
			i = int32(len(f.words))
			words[s] = i
			f.words = append(f.words, s)
		}
		return i
	}
	lost := 0
	for t.next() {
		k := trip{id: t.id("trip_id"), pattern: -1, timing: -1, shape: -1, headways: -1, direction: int8(t.number("direction_id", 0, 1, -1)), headsign: word(t.text("trip_headsign")), short: word(t.text("trip_short_name"))}
		var ok bool
		if k.route, ok = f.routeIndex[t.at(t.column("route_id"))]; !ok {
			t.bad("there is no route %q", shorten(t.at(t.column("route_id"))))
		}
		if k.service, ok = services[t.at(t.column("service_id"))]; !ok {
			t.bad("there is no service %q in calendar.txt or calendar_dates.txt", shorten(t.at(t.column("service_id"))))
		}
		if id := t.at(t.column("shape_id")); id != "" {
			if k.shape, ok = shapes[id]; !ok {
				k.shape = -1
				lost++
			}
		}
		if _, twice := f.tripIndex[k.id]; twice {
			t.bad("the trip %s stands there twice", shorten(k.id))
		}
		f.tripIndex[k.id] = int32(len(f.trips))
		f.trips = append(f.trips, k)
	}
	if lost > 0 {
		r.note("%d trips name a shape that is not there; they are drawn by their stops", lost)
	}
}

func (r *reading) frequencies(f *Feed) {
	t := r.table("frequencies.txt", false, "trip_id", "start_time", "end_time", "headway_secs")
	if t == nil {
		return
	}
	defer t.close()
	from, to := t.column("start_time"), t.column("end_time")
	for t.next() {
		k, ok := f.tripIndex[t.at(t.column("trip_id"))]
		if !ok {
			t.bad("there is no trip %q", shorten(t.at(t.column("trip_id"))))
			continue
		}
		h := headway{trip: k, from: t.seconds(from), to: t.seconds(to), spread: int32(t.number("headway_secs", 10, 86400, 0)), exact: t.number("exact_times", 0, 1, 0) == 1}
		if h.from < 0 || h.to <= h.from || h.spread == 0 {
			t.bad("the trip runs from %s to %s every %s seconds: the end is behind the start, a headway has 10 seconds or more", shorten(t.at(from)), shorten(t.at(to)), t.at(t.column("headway_secs")))
			continue
		}
		f.headways = append(f.headways, h)
	}
	slices.SortStableFunc(f.headways, func(a, b headway) int { return cmp.Or(cmp.Compare(a.trip, b.trip), cmp.Compare(a.from, b.from)) })
	for i, h := range f.headways {
		if i == 0 || f.headways[i-1].trip != h.trip {
			f.trips[h.trip].headways = int32(i)
		} else if f.headways[i-1].to > h.from {
			r.fail("frequencies.txt: the headways of the trip %s overlap", shorten(f.trips[h.trip].id))
		}
	}
}

// index finishes what departures are found by.
func (f *Feed) index() {
	for i := range f.trips {
		if p := f.trips[i].pattern; p >= 0 {
			f.patterns[p].trips = append(f.patterns[p].trips, int32(i))
		}
	}
	f.callsAt = make([][]patternCall, len(f.Stops))
	for i := range f.patterns {
		p := &f.patterns[i]
		p.trips = slices.Clip(p.trips)
		slices.SortFunc(p.trips, func(a, b int32) int { return int(f.trips[a].start - f.trips[b].start) })
		for j, c := range p.calls {
			f.callsAt[c.stop] = append(f.callsAt[c.stop], patternCall{int32(i), int32(j)})
		}
		for _, t := range p.trips {
			timing := f.timings[f.trips[t].timing]
			p.earliest, p.latest = min(p.earliest, timing[0]), max(p.latest, timing[len(timing)-1])
			f.reach = max(f.reach, f.trips[t].start+timing[len(timing)-1])
		}
	}
	for _, h := range f.headways {
		if p := f.trips[h.trip].pattern; p >= 0 {
			f.reach = max(f.reach, h.to+f.patterns[p].latest)
		}
	}
}
