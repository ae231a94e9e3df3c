package live

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"polity/city"
	"polity/plane"
	"polity/services/traffic/control"
	"polity/services/traffic/network"
	"polity/services/traffic/rsmp"
)

// Transit lets public transport that is late wait less, by the positions in the city's data
// (sensors/transit, GTFS-RT). Junctions that are led weigh such a vehicle as a bus in sight; of
// those on their own plan the controller is asked (M0022), one vehicle at a time.
type Transit struct {
	Late  int `yaml:"late_s"` // seconds behind its timetable from which it counts
	Level int `yaml:"level"`  // of the request, from 0 to 14
}

func (t *Transit) check() error {
	if t.Late < 0 || t.Late > 3600 || t.Level < 0 || t.Level > 14 {
		return city.Errorf(city.Invalid, "transit: late_s goes from 0 to 3600, level from 0 to 14")
	}
	return nil
}

// How far priority goes.
const (
	transitEach  = 5 * time.Second
	positionHold = 30 * time.Second // older positions do not count
	approachLen  = 200.0            // metres before the stop line
	beside       = 20.0             // metres from the lane
	favourMost   = time.Minute
	favourPause  = 2 * time.Minute // at one junction, after one before the next
)

// ride is a vehicle on its way to a junction. Its name is nobody's: it is not kept.
type ride struct {
	lane     int
	distance float64
	at       time.Time
	kind     string
}

// asked is a request of a junction's controller.
type asked struct {
	id    string
	since time.Time
	ended time.Time // zero: it holds
	lane  int
}

// transit reads where public transport is, and asks controllers for priority.
func (s *Service) transit(ctx context.Context) error {
	box, any := s.surroundings()
	if s.cfg.Transit == nil || !any {
		return nil
	}
	page, err := s.deps.Data.Find(ctx, plane.Query{Types: []string{"Vehicle"}, Box: &box, Limit: plane.MaxLimit})
	if err != nil {
		return fmt.Errorf("read where public transport is: %w", err)
	}
	now := s.deps.Now()
	var rides []ride
	for _, e := range page.Entities {
		if r, is := s.ride(e, now); is {
			rides = append(rides, r)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rides = rides
	for i := range s.sites {
		s.favour(i, now)
	}
	return nil
}

// surroundings is where junctions are, and 400 m around.
func (s *Service) surroundings() (box plane.Box, any bool) {
	for _, x := range s.sites {
		p := x.j.Place
		if p == nil {
			continue
		}
		dy := 400 / 111_200.0
		dx := dy / max(0.1, math.Cos(p.Lat*math.Pi/180))
		if !any {
			box = plane.Box{West: p.Lon - dx, East: p.Lon + dx, South: p.Lat - dy, North: p.Lat + dy}
		}
		any = true
		box.West, box.East, box.South, box.North = min(box.West, p.Lon-dx), max(box.East, p.Lon+dx), min(box.South, p.Lat-dy), max(box.North, p.Lat+dy)
	}
	return box, any
}

// ride reads a vehicle of public transport that is late and on its way to a stop line.
func (s *Service) ride(e *plane.Entity, now time.Time) (r ride, is bool) {
	number := func(name string) (v float64, had bool) {
		if a := e.Attribute(name); a != nil {
			had = json.Unmarshal(a.Value, &v) == nil
		}
		return v, had
	}
	where, kind := e.Attribute(plane.Location), e.Attribute("vehicleType")
	bounds, placed := e.Bounds()
	delay, late := number("delay")
	bearing, turned := number("bearing")
	if where == nil || kind == nil || !placed || !late || !turned || delay < float64(s.cfg.Transit.Late) || now.Sub(where.ObservedAt).Abs() > positionHold {
		return r, false
	}
	if json.Unmarshal(kind.Value, &r.kind) != nil || !slices.Contains([]string{"bus", "tram", "trolleybus"}, r.kind) {
		return r, false
	}
	r.at = where.ObservedAt
	r.lane, r.distance = nearest(s.net, city.Point{Lon: (bounds.West + bounds.East) / 2, Lat: (bounds.South + bounds.North) / 2}, bearing)
	return r, r.lane >= 0
}

// nearest is the lane before signals on which somebody at a place drives in a direction
// (degrees clockwise from north), and how many metres are left; -1: none.
func nearest(n *network.Network, p city.Point, bearing float64) (lane int, left float64) {
	lane = -1
	best := beside
	scale := math.Cos(p.Lat * math.Pi / 180)
	for i := range n.Lanes {
		shape := n.Lanes[i].Shape
		if len(shape) < 2 || !slices.ContainsFunc(n.Lanes[i].Out, func(l int) bool { return n.Links[l].Junction >= 0 }) {
			continue
		}
		rest := 0.0 // from the end of the segment to the stop line
		for k := len(shape) - 2; k >= 0 && rest <= approachLen; k-- {
			a, b := shape[k], shape[k+1]
			dx, dy := (b.Lon-a.Lon)*111_200*scale, (b.Lat-a.Lat)*111_200
			px, py := (p.Lon-a.Lon)*111_200*scale, (p.Lat-a.Lat)*111_200
			length := math.Hypot(dx, dy)
			if length == 0 {
				continue
			}
			t := min(1, max(0, (px*dx+py*dy)/(length*length)))
			off := math.Hypot(px-t*dx, py-t*dy)
			turn := math.Abs(math.Remainder(math.Atan2(dx, dy)*180/math.Pi-bearing, 360))
			if d := rest + (1-t)*length; off < best && turn < 45 && d <= approachLen {
				lane, left, best = i, d, off
			}
			rest += length
		}
	}
	return lane, left
}

// favour asks a junction on its own plan for priority, or ends it. The lock is held.
func (s *Service) favour(i int, now time.Time) {
	x := s.sites[i]
	var first *ride
	for k := range s.rides {
		if r := &s.rides[k]; s.leads(r.lane) == i && (first == nil || r.distance < first.distance) {
			first = r
		}
	}
	holds := x.asked.id != "" && x.asked.ended.IsZero()
	own := x.connected && (x.mode == ByPlan || x.mode == Waiting) // never where a person took it back
	switch {
	case holds && (first == nil || first.lane != x.asked.lane || !own || now.Sub(x.asked.since) > favourMost):
		x.asked.ended = now
		s.prioritise(x, &rsmp.Priority{ID: x.asked.id, Level: s.cfg.Transit.Level, Cancel: true})
	case !holds && own && first != nil && now.Sub(x.asked.ended) > favourPause:
		for g := range x.j.Groups {
			if !slices.Contains(x.j.Groups[g].Lanes, first.lane) {
				continue
			}
			x.asked = asked{id: fmt.Sprintf("polity-%d", now.UnixMilli()), since: now, lane: first.lane}
			kind := "bus"
			if first.kind == "tram" {
				kind = "tram"
			}
			s.prioritise(x, &rsmp.Priority{ID: x.asked.id, Group: x.j.GroupID(g), Level: s.cfg.Transit.Level, Vehicle: kind, Arrives: min(255, int(first.distance/speedOf(s.net, first.lane)))})
			return
		}
	}
}

func (s *Service) prioritise(x *site, p *rsmp.Priority) {
	if err := s.sup.Prioritise(x.j.ID, p); err != nil {
		s.deps.Log.Warn("a request for priority is not sent", slog.String("junction", x.j.ID), slog.Any("error", err))
	}
}

// withRides marks those in sight that are public transport and late, or adds them. The lock is
// held.
func (s *Service) withRides(r *control.Reading) {
	now := s.deps.Now()
	for k := range s.rides {
		b := &s.rides[k]
		age := now.Sub(b.at)
		if age > positionHold {
			continue
		}
		at := max(0, b.distance-speedOf(s.net, b.lane)*max(0, age.Seconds()))
		list := r.Lanes[b.lane]
		near := -1
		for i := range list {
			if d := math.Abs(list[i].Distance - at); d < 2*carSpace && (near < 0 || d < math.Abs(list[near].Distance-at)) {
				near = i
			}
		}
		if near >= 0 {
			list[near].Class = control.Bus
			continue
		}
		list = append(list, control.Vehicle{Distance: at, Speed: speedOf(s.net, b.lane), Length: 12, Class: control.Bus})
		slices.SortFunc(list, func(a, b control.Vehicle) int { return int(math.Copysign(1, a.Distance-b.Distance)) })
		r.Lanes[b.lane] = list
	}
}
