package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"polity/sensors/transit/gtfs"
	"polity/sensors/transit/realtime"
)

// Trams are the made-up lines: a timetable and what vehicles say, served on loopback as
// a city's transport agency would.
type Trams struct {
	city  *City
	now   func() time.Time
	zip   []byte
	feed  *gtfs.Feed
	paths map[string][2]path // by line
}

// NewTrams makes them.
func NewTrams(c *City, now func() time.Time) (*Trams, error) {
	x := &Trams{city: c, now: now, paths: map[string][2]path{}}
	var err error
	if x.zip, err = timetable(c.Zone, now()); err != nil {
		return nil, fmt.Errorf("the demo's timetable: %w", err)
	}
	if x.feed, err = gtfs.ReadZip(bytes.NewReader(x.zip), int64(len(x.zip)), gtfs.DefaultLimits()); err != nil {
		return nil, fmt.Errorf("the demo's timetable: %w", err)
	}
	for i := range lines {
		x.paths[lines[i].name] = [2]path{lines[i].path(0), lines[i].path(1)}
	}
	return x, nil
}

// Serve answers at http://127.0.0.1:PORT until ctx ends; it returns that address.
func (x *Trams) Serve(ctx context.Context) (address string, ended <-chan error, err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("the demo's trams: %w", err)
	}
	server := &http.Server{Handler: x.handler(), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	stopped := context.AfterFunc(ctx, func() { server.Close() })
	go func() {
		defer stopped()
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			done <- err
		}
		close(done)
	}()
	return "http://" + l.Addr().String(), done, nil
}

const tellEvery = 5 * time.Second

func (x *Trams) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /gtfs.zip", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+x.feed.Info.Version+`"`)
		http.ServeContent(w, r, "gtfs.zip", time.Time{}, bytes.NewReader(x.zip))
	})
	mux.HandleFunc("GET /realtime.pb", func(w http.ResponseWriter, r *http.Request) {
		at := x.now().Truncate(tellEvery)
		m := x.Message(at)
		w.Header().Set("ETag", `"`+strconv.FormatInt(at.Unix(), 10)+`"`)
		w.Header().Set("Content-Type", "application/x-protobuf")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.Encode()))
	})
	return mux
}

const told = 20 * time.Minute // before its start a run is told of

// Message is what is told at a time: runs, positions, news.
func (x *Trams) Message(now time.Time) *realtime.Message {
	m := &realtime.Message{At: now}
	x.feed.Running(now.Add(-told), now.Add(told), func(r gtfs.Run) {
		name := realtime.Trip{ID: x.feed.TripID(r.Trip), Date: r.Date.String(), Route: x.feed.Routes[x.feed.RouteOf(r.Trip)].ID, Direction: x.feed.Direction(r.Trip)}
		if x.city.uniform("cancelled"+name.ID, int64(r.Date)) < .02 {
			name.Schedule = realtime.Canceled
			m.Trips = append(m.Trips, realtime.TripUpdate{Trip: name, At: now})
			return
		}
		calls := x.expected(r)
		if calls[len(calls)-1].arrival.Before(now) {
			return
		}
		u := realtime.TripUpdate{Trip: name, At: now}
		for i, c := range calls {
			if c.departure.Before(now) {
				continue
			}
			u.Calls = append(u.Calls, realtime.CallUpdate{Sequence: x.feed.Call(r, i).Sequence, BySequence: true, Arrival: realtime.Event{Time: c.arrival}, Departure: realtime.Event{Time: c.departure}})
		}
		m.Trips = append(m.Trips, u)
		if p, ok := x.position(r, name, calls, now); ok {
			m.Vehicles = append(m.Vehicles, p)
		}
	})
	if since := x.city.Storm(now); since < waterStays {
		began := now.Add(-since).Truncate(time.Second)
		m.Alerts = append(m.Alerts, realtime.Alert{
			ID: "storm-" + strconv.FormatInt(began.Unix(), 10), Periods: []realtime.Period{{From: began, Until: began.Add(waterStays)}}, Impact: []realtime.Period{{From: began, Until: began.Add(waterStays)}}, Cause: 8, Effect: 3, Severity: 3,
			About: []realtime.Selector{{Route: "1", Kind: -1, Direction: -1, Trip: realtime.Trip{Direction: -1}}},
			Title: []realtime.Text{{Text: "Line 1 is late: water in the underpass at Vilhonkatu", Language: "en"}},
			Words: []realtime.Text{{Text: "Simulated: a heavy shower flooded the underpass. Trams pass it slowly until the pump has emptied it.", Language: "en"}},
		})
	}
	return m
}

type passing struct{ arrival, departure time.Time }

// expected is when a run passes its stops: late by what its day brings, and by the water
// in the underpass.
func (x *Trams) expected(r gtfs.Run) []passing {
	n := x.feed.Calls(r.Trip)
	out := make([]passing, n)
	id := x.feed.TripID(r.Trip)
	base := 150*x.city.uniform("late"+id, int64(r.Date)) - 45
	if x.city.uniform("trouble"+id, int64(r.Date)) < .06 {
		base += 330
	}
	slower := 14 * x.city.uniform("slow"+id, int64(r.Date))
	slow := x.feed.Routes[x.feed.RouteOf(r.Trip)].ID == "1"
	for i := range out {
		plan := x.feed.Call(r, i)
		late := base + slower*float64(i)
		if since := x.city.Storm(plan.Departure); since < waterStays {
			late += 40
			if slow {
				late += 330 * (1 - since.Seconds()/waterStays.Seconds())
			}
		}
		d := time.Duration(late) * time.Second
		out[i] = passing{plan.Arrival.Add(d), plan.Departure.Add(d)}
		if i > 0 { // nobody drives back, or much faster than planned
			before := out[i-1].departure
			least := before.Add(plan.Arrival.Sub(x.feed.Call(r, i-1).Departure) * 7 / 10)
			if out[i].arrival.Before(least) {
				out[i].arrival = least
			}
			if stay := out[i].arrival.Add(8 * time.Second); out[i].departure.Before(stay) {
				out[i].departure = stay
			}
		}
	}
	return out
}

// position is where the vehicle of a run is, if it is under way.
func (x *Trams) position(r gtfs.Run, name realtime.Trip, calls []passing, now time.Time) (realtime.Position, bool) {
	if now.Before(calls[0].arrival.Add(-time.Minute)) {
		return realtime.Position{}, false
	}
	way := x.paths[name.Route][name.Direction]
	p := realtime.Position{Trip: name, At: now, Speed: 0}
	for i, c := range calls {
		if now.After(c.departure) {
			continue
		}
		p.Sequence, p.BySequence, p.Status = x.feed.Call(r, i).Sequence, true, realtime.AtStop
		at := way.stops[i].at
		if i > 0 && now.Before(c.arrival) {
			from, length := way.stops[i-1].at, c.arrival.Sub(calls[i-1].departure)
			done := now.Sub(calls[i-1].departure).Seconds() / length.Seconds()
			p.Status, p.Speed = realtime.OnTheWay, (at-from)/length.Seconds()
			at = from + done*(at-from)
		}
		point, bearing := way.point(at)
		p.Lon, p.Lat, p.Bearing = point.Lon, point.Lat, bearing
		return p, true
	}
	return p, false
}
