package transit

import (
	"strings"
	"time"

	"polity/sensors/transit/gtfs"
	"polity/sensors/transit/realtime"
)

// match finds the run that a message names. Without a date it is that of the service
// day whose run is nearest to now.
func match(f *gtfs.Feed, t realtime.Trip, now time.Time) (gtfs.Run, bool) {
	k, ok := f.Trip(t.ID)
	if !ok || f.Calls(k) == 0 {
		return gtfs.Run{}, false
	}
	r := gtfs.Run{Trip: k, Start: -1}
	if f.Repeats(k) {
		if r.Start, ok = clockTime(t.Start); !ok {
			return r, false
		}
	}
	if t.Date != "" {
		r.Date, ok = gtfs.ParseDate(t.Date)
		return r, ok && f.Active(k, r.Date)
	}
	best := 36 * time.Hour
	today := gtfs.DateOf(now.In(f.Zone))
	found := false
	for d := today - 2; d <= today+1; d++ {
		if !f.Active(k, d) {
			continue
		}
		x := gtfs.Run{Trip: k, Date: d, Start: r.Start}
		first, last := f.Call(x, 0).Departure, f.Call(x, f.Calls(k)-1).Arrival
		away := max(first.Sub(now), now.Sub(last), 0)
		if away < best {
			best, r, found = away, x, true
		}
	}
	return r, found
}

// clockTime reads HH:MM:SS.
func clockTime(s string) (int32, bool) {
	if strings.Count(s, ":") != 2 {
		return 0, false
	}
	return gtfs.ParseTime(s)
}
