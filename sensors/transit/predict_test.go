package transit

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"polity/sensors/transit/gtfs"
	"polity/sensors/transit/realtime"
)

type texts map[string]string

func (x texts) Open(name string) (io.ReadCloser, error) {
	s, ok := x[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(strings.NewReader(s)), nil
}

// line is one line of ten stops, a minute apart, every ten minutes from 08:00 to 09:50,
// every day of 2026; and one that runs by headways.
func line() texts {
	x := texts{
		"agency.txt":      "agency_name,agency_url,agency_timezone\nTram Works,https://tram.example,Europe/Helsinki\n",
		"routes.txt":      "route_id,route_short_name,route_type\nR1,1,0\nR2,2,3\n",
		"calendar.txt":    "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nall,1,1,1,1,1,1,1,20260101,20261231\n",
		"frequencies.txt": "trip_id,start_time,end_time,headway_secs\nloop,06:00:00,22:00:00,300\n",
	}
	stops, trips, times := "stop_id,stop_name,stop_lat,stop_lon\n", "route_id,service_id,trip_id\nR2,all,loop\n", "trip_id,arrival_time,departure_time,stop_id,stop_sequence\nloop,00:00:00,00:00:00,s1,1\nloop,00:09:00,00:09:00,s10,2\n"
	for i := 1; i <= 10; i++ {
		stops += fmt.Sprintf("s%d,Stop %d,60.1%d,24.9\n", i, i, i)
	}
	for i := range 12 {
		trips += fmt.Sprintf("R1,all,t%d\n", i)
		for n := 1; n <= 10; n++ {
			at := fmt.Sprintf("%02d:%02d:00", 8+i/6, i%6*10+n-1)
			times += fmt.Sprintf("t%d,%s,%s,s%d,%d\n", i, at, at, n, n)
		}
	}
	x["stops.txt"], x["trips.txt"], x["stop_times.txt"] = stops, trips, times
	return x
}

func feedOf(t testing.TB, x texts) *gtfs.Feed {
	t.Helper()
	f, err := gtfs.Read(x, gtfs.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// clock is a time of 30 November 2026 in Helsinki.
func clock(t testing.TB, s string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		t.Fatal(err)
	}
	v, err := time.ParseInLocation("2006-01-02 15:04:05", "2026-11-30 "+s, zone)
	if err != nil {
		t.Fatal(err)
	}
	return v.UTC()
}

func bySequence(n uint32, e realtime.Event) realtime.CallUpdate {
	return realtime.CallUpdate{Sequence: n, BySequence: true, Arrival: e, Departure: e}
}

func late(d time.Duration) realtime.Event { return realtime.Event{Delay: d, HasDelay: true} }

// TestDelaysHoldUntilTheNextThatIsTold is the example of the GTFS-Realtime reference
// (Trip Updates: Stop Time Updates), and what stands beside it.
func TestDelaysHoldUntilTheNextThatIsTold(t *testing.T) {
	f := feedOf(t, line())
	t0, _ := f.Trip("t0")
	date, _ := gtfs.ParseDate("20261130")
	run := gtfs.Run{Trip: t0, Date: date, Start: -1}
	eight := clock(t, "08:00:00")
	for name, c := range map[string]struct {
		u    realtime.TripUpdate
		want string // of each call: delay in seconds, ? unknown, x skipped
	}{
		"the reference's example": {
			realtime.TripUpdate{Calls: []realtime.CallUpdate{bySequence(3, late(300*time.Second)), bySequence(8, late(60*time.Second)), {Sequence: 10, BySequence: true, Relation: realtime.NoData}}},
			"? ? 300 300 300 300 300 60 60 ?",
		},
		"a skipped call changes no delay": {
			realtime.TripUpdate{Calls: []realtime.CallUpdate{bySequence(2, late(120*time.Second)), {Sequence: 4, BySequence: true, Relation: realtime.Skipped}}},
			"? 120 120 x 120 120 120 120 120 120",
		},
		"the whole run": {realtime.TripUpdate{Has: true, Delay: -30 * time.Second}, "-30 -30 -30 -30 -30 -30 -30 -30 -30 -30"},
		"a call says more than the whole run": {
			realtime.TripUpdate{Has: true, Delay: 30 * time.Second, Calls: []realtime.CallUpdate{bySequence(9, late(0))}},
			"30 30 30 30 30 30 30 30 0 0",
		},
		"a time counts before a delay": {
			realtime.TripUpdate{Calls: []realtime.CallUpdate{bySequence(1, realtime.Event{Time: eight.Add(90 * time.Second), Delay: time.Hour, HasDelay: true})}},
			"90 90 90 90 90 90 90 90 90 90",
		},
		"calls by their stops": {
			realtime.TripUpdate{Calls: []realtime.CallUpdate{{Stop: "s5", Departure: late(60 * time.Second)}}},
			"? ? ? ? 60 60 60 60 60 60",
		},
		"out of order and unknown": {
			realtime.TripUpdate{Calls: []realtime.CallUpdate{bySequence(5, late(60*time.Second)), bySequence(2, late(600*time.Second)), bySequence(77, late(0)), {Stop: "ghost", Arrival: late(0)}}},
			"? ? ? ? 60 60 60 60 60 60",
		},
		"a time of another year": {realtime.TripUpdate{Calls: []realtime.CallUpdate{bySequence(5, realtime.Event{Time: eight.AddDate(3, 0, 0)})}}, "? ? ? ? ? ? ? ? ? ?"},
		"an arrival alone":       {realtime.TripUpdate{Calls: []realtime.CallUpdate{{Sequence: 10, BySequence: true, Arrival: late(45 * time.Second)}}}, "? ? ? ? ? ? ? ? ? 45"},
		"nothing":                {realtime.TripUpdate{}, "? ? ? ? ? ? ? ? ? ?"},
	} {
		calls, _ := Predict(f, run, &c.u)
		var got []string
		for i, e := range calls {
			switch {
			case e.Skipped:
				got = append(got, "x")
			case !e.Known:
				got = append(got, "?")
			default:
				got = append(got, fmt.Sprint(int(e.Departure.Sub(f.Call(run, i).Departure).Seconds())))
				if e.Departure.Before(e.Arrival) {
					t.Errorf("%s: call %d leaves before it arrives", name, i)
				}
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
	}
}

func TestMatchFindsTheDay(t *testing.T) {
	x := line()
	x["stop_times.txt"] = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\nt0,23:50:00,23:50:00,s1,1\nt0,24:40:00,24:40:00,s2,2\nloop,00:00:00,00:00:00,s1,1\nloop,00:09:00,00:09:00,s10,2\n"
	f := feedOf(t, x)
	for _, c := range []struct {
		trip realtime.Trip
		at   string
		want string
	}{
		{realtime.Trip{ID: "t0"}, "23:55:00", "20261130"},
		{realtime.Trip{ID: "t0"}, "00:20:00", "20261129"},
		{realtime.Trip{ID: "t0"}, "09:00:00", "20261129"},
		{realtime.Trip{ID: "t0", Date: "20261128"}, "09:00:00", "20261128"},
		{realtime.Trip{ID: "t0", Date: "20270101"}, "09:00:00", ""}, // nothing runs then
		{realtime.Trip{ID: "t0", Date: "yesterday"}, "09:00:00", ""},
		{realtime.Trip{ID: "t3"}, "09:00:00", ""}, // it calls nowhere
		{realtime.Trip{ID: "ghost"}, "09:00:00", ""},
		{realtime.Trip{ID: "loop"}, "09:00:00", ""}, // which of its runs?
		{realtime.Trip{ID: "loop", Start: "09:00:00"}, "09:00:00", "20261130"},
		{realtime.Trip{ID: "loop", Start: "soon"}, "09:00:00", ""},
	} {
		r, ok := match(f, c.trip, clock(t, c.at))
		if got := r.Date.String(); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%+v at %s: %s, %v", c.trip, c.at, got, ok)
		}
	}
}
