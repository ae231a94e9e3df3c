package simulation

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"time"

	"polity/sensors/transit/gtfs"
)

// How fast and how often lines run.
const (
	pace      = 4.4 // m/s between stops
	dwell     = 20  // seconds at a stop
	byDay     = 4 * time.Minute
	byNight   = 15 * time.Minute
	dayBegins = 5 * time.Hour
	dayEnds   = 25 * time.Hour
	nightEnds = 29 * time.Hour
	daysAhead = 60
)

// timetable is the feed of the made-up lines as a GTFS zip file.
func timetable(zone *time.Location, now time.Time) ([]byte, error) {
	today := gtfs.DateOf(now.In(zone))
	files := map[string][][]string{
		"agency.txt":    {{"agency_id", "agency_name", "agency_url", "agency_timezone"}, {"demo", "Demo lines", "https://www.openstreetmap.org/copyright", zone.String()}},
		"feed_info.txt": {{"feed_publisher_name", "feed_publisher_url", "feed_lang", "feed_version", "feed_start_date", "feed_end_date", "feed_contact_url"}, {"Demo lines", "https://www.openstreetmap.org/copyright", "en", today.String(), (today - 2).String(), (today + daysAhead).String(), "https://www.openstreetmap.org/copyright"}},
		"calendar.txt": {
			{"service_id", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "start_date", "end_date"},
			{"daily", "1", "1", "1", "1", "1", "1", "1", (today - 2).String(), (today + daysAhead).String()},
		},
		"routes.txt":     {{"route_id", "agency_id", "route_short_name", "route_long_name", "route_type", "route_color"}},
		"stops.txt":      {{"stop_id", "stop_name", "stop_lat", "stop_lon", "location_type", "parent_station", "platform_code"}},
		"trips.txt":      {{"route_id", "service_id", "trip_id", "trip_headsign", "direction_id", "shape_id"}},
		"stop_times.txt": {{"trip_id", "arrival_time", "departure_time", "stop_id", "stop_sequence"}},
		"shapes.txt":     {{"shape_id", "shape_pt_lat", "shape_pt_lon", "shape_pt_sequence"}},
	}
	add := func(file string, cells ...any) {
		row := make([]string, len(cells))
		for i, c := range cells {
			row[i] = fmt.Sprint(c)
		}
		files[file] = append(files[file], row)
	}
	stations := map[string]bool{}
	for i := range lines {
		l := &lines[i]
		add("routes.txt", l.name, "demo", l.name, l.long, l.kind, l.colour)
		for direction := range 2 {
			p := l.path(direction)
			shape := fmt.Sprintf("%s-%d", l.name, direction)
			for n, q := range p.points {
				add("shapes.txt", shape, q.Lat, q.Lon, n)
			}
			for _, s := range p.stops {
				q, _ := p.point(s.at)
				if !stations[s.name] {
					stations[s.name] = true
					add("stops.txt", slug(s.name), s.name, q.Lat, q.Lon, 1, "", "")
				}
				add("stops.txt", stopID(l, direction, s), s.name, q.Lat, q.Lon, 0, slug(s.name), l.name+string("ab"[direction]))
			}
			// Apart from one another, so that at night, too, one is always under way.
			for at := dayBegins + time.Duration(2*i+direction)*byNight/time.Duration(2*len(lines)); at < nightEnds; {
				addTrip(add, l, direction, p, at)
				if at < dayEnds {
					at += byDay
				} else {
					at += byNight
				}
			}
		}
	}
	return pack(files)
}

func addTrip(add func(string, ...any), l *line, direction int, p path, at time.Duration) {
	id := fmt.Sprintf("%s-%d-%s", l.name, direction, strings.ReplaceAll(clock(at)[:5], ":", ""))
	add("trips.txt", l.name, "daily", id, p.stops[len(p.stops)-1].name, direction, fmt.Sprintf("%s-%d", l.name, direction))
	for n, s := range p.stops {
		arrival := at
		if n > 0 {
			arrival = at + time.Duration((s.at-p.stops[n-1].at)/pace)*time.Second
			at = arrival + dwell*time.Second
		}
		if n == len(p.stops)-1 {
			at = arrival
		}
		add("stop_times.txt", id, clock(arrival), clock(at), stopID(l, direction, s), n+1)
	}
}

func stopID(l *line, direction int, s halt) string {
	return fmt.Sprintf("%s-%s%c", slug(s.name), l.name, "ab"[direction])
}

func slug(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r
		case r == 'ä':
			return 'a'
		}
		return '-'
	}, strings.ToLower(name))
}

func clock(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
}

func pack(files map[string][][]string) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"agency.txt", "feed_info.txt", "calendar.txt", "routes.txt", "stops.txt", "trips.txt", "stop_times.txt", "shapes.txt"} {
		f, err := z.Create(name)
		if err != nil {
			return nil, err
		}
		if err := csv.NewWriter(f).WriteAll(files[name]); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}
