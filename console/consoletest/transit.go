package consoletest

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"polity/city"
	"polity/sensors/transit"
	"polity/sensors/transit/gtfs"
	"polity/sensors/transit/realtime"
)

// Transit is public transport with one line of three stops that runs every ten minutes
// from noon, and one that never does. It implements console.Transit.
type Transit struct {
	board *transit.Board
	rows  []transit.HourRow
	now   time.Time
}

// NewTransit makes it at a time of 24 November 2026; nobody is heard yet.
func NewTransit(now time.Time) (*Transit, error) {
	x := files{
		"agency.txt":   "agency_name,agency_url,agency_timezone\nTram Works,https://tram.example,Europe/Helsinki\n",
		"calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nall,1,1,1,1,1,1,1,20260101,20261231\n",
		"routes.txt":   "route_id,route_short_name,route_long_name,route_type\nR/1,1,\"<b>Square</b> - Park\",0\nR2,2,Night line,3\n",
		"stops.txt":    "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\nsq,Square,60.1717,24.9430,1,\nsq1,Square,60.1717,24.9430,0,sq\nmk,Market,60.1680,24.9510,,\npk,Park,60.1745,24.9470,,\n",
	}
	trips, times := "route_id,service_id,trip_id,direction_id\n", "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
	for i := range 30 {
		at := 12*60 + 10*i
		trips += fmt.Sprintf("R/1,all,t%d,0\n", i)
		for n, stop := range []string{"sq1", "mk", "pk"} {
			clock := fmt.Sprintf("%02d:%02d:00", (at+4*n)/60, (at+4*n)%60)
			times += fmt.Sprintf("t%d,%s,%s,%s,%d\n", i, clock, clock, stop, n+1)
		}
	}
	x["trips.txt"], x["stop_times.txt"] = trips, times
	f, err := gtfs.Read(x, gtfs.DefaultLimits())
	if err != nil {
		return nil, err
	}
	t := &Transit{now: now, board: transit.NewBoard(transit.Config{Name: "trams", Trips: "x", Vehicles: "x", Alerts: "x", Stale: time.Hour, Simulated: true})}
	t.board.SetTimetable(f, now)
	return t, nil
}

type files map[string]string

func (x files) Open(name string) (io.ReadCloser, error) {
	s, ok := x[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(strings.NewReader(s)), nil
}

// Boards is one feed.
func (t *Transit) Boards() []*transit.Board { return []*transit.Board{t.board} }

// Board knows the feed trams.
func (t *Transit) Board(name city.Slug) (*transit.Board, error) {
	if name != "trams" {
		return nil, city.Errorf(city.NotFound, "there is no timetable of that name")
	}
	return t.board, nil
}

// Delays is one hour once vehicles were heard.
func (t *Transit) Delays(_ context.Context, _ city.Slug, route string, from, to time.Time) (out []transit.HourRow, err error) {
	for _, r := range t.rows {
		if (route == "" || route == r.RouteID) && !r.Start.Before(from) && r.Start.Before(to) {
			out = append(out, r)
		}
	}
	return out, nil
}

// Hear lets vehicles be heard: the run of 14:30 is six minutes late, that of 14:40
// cancelled. The feed's texts try to be markup and scripts.
func (t *Transit) Hear() {
	on := func(trip string) realtime.Trip { return realtime.Trip{ID: trip, Date: "20261124", Direction: -1} }
	cancelled := on("t16")
	cancelled.Schedule = realtime.Canceled
	t.board.Hear(&realtime.Message{
		At: t.now,
		Trips: []realtime.TripUpdate{
			{Trip: on("t15"), Calls: []realtime.CallUpdate{{Sequence: 1, BySequence: true, Departure: realtime.Event{Delay: 6 * time.Minute, HasDelay: true}}}},
			{Trip: cancelled},
		},
		Vehicles: []realtime.Position{{Trip: on("t15"), Lon: 24.9430, Lat: 60.1717, Bearing: 120, Speed: 4, Sequence: 1, BySequence: true}},
		Alerts: []realtime.Alert{{
			ID: "a", Severity: 3, Title: []realtime.Text{{Text: "Works <i>at</i> the market"}}, Address: []realtime.Text{{Text: "javascript:alert(1)"}},
			About: []realtime.Selector{{Route: "R/1", Kind: -1, Direction: -1}},
		}},
	}, t.now)
	t.rows = []transit.HourRow{{
		Feed: "trams", RouteID: "R/1", Route: "=1", Start: t.now.Truncate(time.Hour).Add(-time.Hour), Covered: 50 * time.Minute,
		Tally: transit.Tally{Measured: 12, OnTime: 9, Early: 1, Late: 2, Cancelled: 1, Delay: 1200},
	}}
}
