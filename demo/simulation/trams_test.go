package simulation

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"polity/city"
	"polity/demo/helsinki"
	"polity/sensors/transit/realtime"
)

func TestTramsRunAsTheyTell(t *testing.T) {
	c := town(t)
	x, err := NewTrams(c, func() time.Time { return start })
	if err != nil {
		t.Fatal(err)
	}
	m, err := helsinki.Map()
	if err != nil {
		t.Fatal(err)
	}
	before := map[string]city.Point{}
	alerts := 0
	for minute := range 40 {
		got, err := realtime.Decode(x.Message(start.Add(time.Duration(minute) * time.Minute)).Encode())
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Vehicles) < 6 || len(got.Trips) <= len(got.Vehicles) || got.Skipped != 0 {
			t.Fatalf("minute %d: %d vehicles, %d runs", minute, len(got.Vehicles), len(got.Trips))
		}
		alerts += len(got.Alerts)
		for _, v := range got.Vehicles {
			p := city.Point{Lon: v.Lon, Lat: v.Lat}
			if p.Lon < m.Bounds[0].Lon || p.Lon > m.Bounds[1].Lon || p.Lat < m.Bounds[0].Lat || p.Lat > m.Bounds[1].Lat {
				t.Errorf("a vehicle of %s is off the map: %v", v.Trip.ID, p)
			}
			if was, ok := before[v.Trip.ID]; ok && was.Metres(p) > 700 {
				t.Errorf("%s went %.0f m in a minute", v.Trip.ID, was.Metres(p))
			}
			before[v.Trip.ID] = p
		}
		for _, u := range got.Trips {
			if k, ok := x.feed.Trip(u.Trip.ID); !ok || u.Trip.Schedule != realtime.Canceled && len(u.Calls) > x.feed.Calls(k) {
				t.Errorf("a run that the timetable does not have: %+v", u.Trip)
			}
			for i := 1; i < len(u.Calls); i++ {
				if u.Calls[i].Arrival.Time.Before(u.Calls[i-1].Departure.Time) {
					t.Errorf("%s goes back in time", u.Trip.ID)
				}
			}
		}
	}
	if alerts == 0 || alerts >= 40 {
		t.Errorf("%d of 40 minutes have an alert", alerts)
	}
}

func TestTramsAreServedOnLoopback(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	x, err := NewTrams(town(t), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	at, ended, err := x.Serve(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/gtfs.zip", "/realtime.pb"} {
		answer, err := http.Get(at + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || len(body) < 1000 || answer.Header.Get("ETag") == "" {
			t.Errorf("%s: %d bytes, %v", path, len(body), err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}
