package console_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/console"
	"polity/console/consoletest"
	"polity/demo/helsinki"
	"polity/sensors/transit"
	"polity/sensors/transit/gtfs"
	"polity/sensors/transit/realtime"
)

// lines is public transport with one line of three stops that runs every ten minutes.
type lines struct {
	board *transit.Board
	rows  []transit.HourRow
}

func (l *lines) Boards() []*transit.Board { return []*transit.Board{l.board} }

func (l *lines) Board(name city.Slug) (*transit.Board, error) {
	if name != "trams" {
		return nil, city.Errorf(city.NotFound, "there is no timetable of that name")
	}
	return l.board, nil
}

func (l *lines) Delays(_ context.Context, _ city.Slug, route string, from, to time.Time) (out []transit.HourRow, err error) {
	for _, r := range l.rows {
		if (route == "" || route == r.RouteID) && !r.Start.Before(from) && r.Start.Before(to) {
			out = append(out, r)
		}
	}
	return out, nil
}

type files map[string]string

func (x files) Open(name string) (io.ReadCloser, error) {
	s, ok := x[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(strings.NewReader(s)), nil
}

func newLines(t testing.TB) *lines {
	t.Helper()
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
		t.Fatal(err)
	}
	l := &lines{board: transit.NewBoard(transit.Config{Name: "trams", Trips: "x", Vehicles: "x", Alerts: "x", Simulated: true})}
	l.board.SetTimetable(f, afternoon)
	return l
}

// heard is what vehicles say at 14:32: t15 (14:30) is six minutes late, t16 (14:40) is
// cancelled.
func (l *lines) heard() {
	on := func(trip string) realtime.Trip { return realtime.Trip{ID: trip, Date: "20261124", Direction: -1} }
	cancelled := on("t16")
	cancelled.Schedule = realtime.Canceled
	l.board.Hear(&realtime.Message{
		At: afternoon,
		Trips: []realtime.TripUpdate{
			{Trip: on("t15"), Calls: []realtime.CallUpdate{{Sequence: 1, BySequence: true, Departure: realtime.Event{Delay: 6 * time.Minute, HasDelay: true}}}},
			{Trip: cancelled},
		},
		Vehicles: []realtime.Position{{Trip: on("t15"), Lon: 24.9430, Lat: 60.1717, Bearing: 120, Speed: 4, Sequence: 1, BySequence: true}},
		Alerts: []realtime.Alert{{
			ID: "a", Severity: 3, Title: []realtime.Text{{Text: "Works <i>at</i> the market"}}, Address: []realtime.Text{{Text: "javascript:alert(1)"}},
			About: []realtime.Selector{{Route: "R/1", Kind: -1, Direction: -1}},
		}},
	}, afternoon)
	l.rows = []transit.HourRow{{Feed: "trams", RouteID: "R/1", Route: "=1", Start: afternoon.Truncate(time.Hour).Add(-time.Hour), Covered: 50 * time.Minute, Tally: transit.Tally{Measured: 12, OnTime: 9, Early: 1, Late: 2, Cancelled: 1, Delay: 1200}}}
}

func transitPages(t testing.TB, l *lines) *console.Console {
	t.Helper()
	now := func() time.Time { return afternoon }
	m, err := helsinki.Map()
	if err != nil {
		t.Fatal(err)
	}
	world, err := consoletest.New(consoletest.Config{Now: now, Map: m})
	if err != nil {
		t.Fatal(err)
	}
	cfg := console.Config{City: world, Now: now}
	if l != nil {
		cfg.Transit = l
	}
	pages, err := console.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	return pages
}

func TestTransitForEveryone(t *testing.T) {
	l := newLines(t)
	l.heard()
	pages := transitPages(t, l)
	all := says(t, pages, "/transit", http.StatusOK, "2 lines. 1 runs now. 1 vehicle says where it is.", "simulated", "&lt;b&gt;Square&lt;/b&gt; - Park", `href="/transit/trams/lines/R%2F1"`,
		"Runs are late", "1 under way: 1 late", "Does not run now", "Works &lt;i&gt;at&lt;/i&gt; the market", "The timetable holds until 31 December 2026", `class="transit-vehicle is-late"`, "Line 1 to Park, 6 minutes late")
	if strings.Contains(all, "javascript:") {
		t.Error("an address of the feed became a link that runs a script")
	}
	says(t, pages, "/transit/trams/lines/R%2F1", http.StatusOK, "Line 1: &lt;b&gt;Square", "6 minutes late", "To Park", "75 %", "100 s", `href="/transit/trams/stops/mk"`)
	stop := says(t, pages, "/transit/trams/stops/mk", http.StatusOK, "Times are those expected now.", "14:40", "6 minutes late", "Cancelled", "By plan", "Park")
	if strings.Index(stop, "14:40") > strings.Index(stop, "14:44") {
		t.Error("departures are not in the order in which they leave")
	}
	says(t, pages, "/transit/trams/stops/sq", http.StatusOK, "Square", "By plan") // a station shows what leaves its stops
	says(t, pages, "/transit?stop=squ", http.StatusOK, `href="/transit/trams/stops/sq"`, "all platforms")
	says(t, pages, "/transit?stop=nowhere", http.StatusOK, "No stop has a name like that")
	for _, path := range []string{"/transit/trams/stops/ghost", "/transit/trams/lines/ghost", "/transit/ghost/stops/mk", "/transit/ghost/delays.csv"} {
		says(t, pages, path, http.StatusNotFound)
	}
}

// TestTransitUnheard: without a word of vehicles pages show the plan, and say so.
func TestTransitUnheard(t *testing.T) {
	pages := transitPages(t, newLines(t))
	says(t, pages, "/transit", http.StatusOK, "Nothing was heard of delays yet", "By plan, unheard", "1 under way: 1 unheard")
	says(t, pages, "/transit/trams/stops/mk", http.StatusOK, "Nothing is heard of vehicles", "By plan")
	says(t, pages, "/transit/trams/lines/R%2F1", http.StatusOK, "No vehicle of this line", "No hour is over")
	none := transitPages(t, nil)
	says(t, none, "/transit", http.StatusOK, "No timetable is set up", "timetable: https://")
	says(t, none, "/transit/trams/stops/mk", http.StatusNotFound)
}

func TestTransitAsData(t *testing.T) {
	l := newLines(t)
	l.heard()
	pages := transitPages(t, l)
	var g struct {
		Features []struct {
			ID         string
			Properties map[string]any
		}
	}
	w := get(t, pages, "/transit/trams/vehicles.geojson")
	if err := json.Unmarshal(w.Body.Bytes(), &g); err != nil || len(g.Features) != 1 || g.Features[0].ID != "t15:20261124" || g.Features[0].Properties["delay_s"] != 360.0 || g.Features[0].Properties["simulated"] != true {
		t.Errorf("vehicles: %v, %s", err, w.Body)
	}
	w = get(t, pages, "/transit/trams/delays.csv")
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][3] != "'=1" || rows[1][4] != "12" || rows[1][9] != "100" || rows[1][10] != "3000" {
		t.Errorf("delays: %v, %q", err, rows)
	}
	for query, status := range map[string]int{
		"?from=2026-11-01&to=2026-11-24": http.StatusOK, "?from=yesterday": http.StatusBadRequest, "?from=2026-11-24&to=2026-11-01": http.StatusBadRequest,
		"?from=2020-01-01&to=2026-11-24": http.StatusBadRequest, "?line=none": http.StatusOK,
	} {
		if w := get(t, pages, "/transit/trams/delays.csv"+query); w.Code != status {
			t.Errorf("delays.csv%s: status %d, want %d", query, w.Code, status)
		}
	}
}
