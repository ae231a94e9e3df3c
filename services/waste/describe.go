package waste

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"polity/services/waste/roads"
	"polity/services/waste/routing"
)

// describe turns what the solver found into tours, and says why what is missing
// is missing.
func (b *built) describe(found *routing.Plan) *Plan {
	plan := &Plan{Problems: slices.Clone(b.problems), order: found.Days, built: b}
	for v := range found.Days {
		if len(found.Days[v]) == 0 {
			continue
		}
		plan.add(b.tour(v, found.Days[v]))
	}
	for _, c := range found.LeftOut {
		if b.p.Stops[c].Prize == routing.Must {
			plan.Problems = append(plan.Problems, b.why(c))
		} else {
			plan.LeftOut = append(plan.LeftOut, b.containers[c].ID)
		}
	}
	return plan
}

func (p *Plan) add(t Tour) {
	p.Tours = append(p.Tours, t)
	p.Metres += t.Metres
	p.Cost += t.Cost
	p.KgCO2 += t.KgCO2
}

// tour drives a day: when each call is reached and left.
func (b *built) tour(v int, trips []routing.Trip) Tour {
	truck, vehicle := b.trucks[v], &b.p.Vehicles[v]
	profile := &b.p.Profiles[vehicle.Profile]
	kind := slices.IndexFunc(b.networks, func(n *roads.Network) bool { return n.Vehicle.Name == truck.Vehicle.Name })
	t := Tour{Truck: truck.ID, Start: truck.Shift.From}
	n := b.p.Locations
	asker := b.networks[kind].NewAsker()
	metres := func(from, to int) float64 {
		return asker.Quickest(b.places[kind][from], b.places[kind][to]).Metres
	}
	now, at := vehicle.Early, int(vehicle.Start)
	pause := routing.NewPausing(vehicle)
	drive := func(to int, early, service int32, call Call) {
		way := profile.Time[at*n+to]
		before := pause.Due()
		leave := pause.Visit(now, way, early, service)
		if before && !pause.Due() {
			t.Break = time.Duration(pause.Began()) * time.Second
		}
		call.Arrive, call.Leave = time.Duration(leave-service)*time.Second, time.Duration(leave)*time.Second
		call.Place, call.Metres = b.points[to], metres(at, to)
		t.Metres += call.Metres
		t.Driving += time.Duration(way) * time.Second
		now, at = leave, to
		t.Calls = append(t.Calls, call)
	}
	for _, trip := range trips {
		load := 0.0
		for _, s := range trip.Stops {
			stop, c := &b.p.Stops[s], b.containers[s]
			load += c.kilograms()
			drive(int(stop.Location), stop.Early, stop.Service, Call{Container: c.ID, Kilograms: c.kilograms()})
		}
		station := &b.p.Stations[trip.Station]
		drive(int(station.Location), station.Early, station.Service, Call{Site: b.sites[trip.Station].ID, Kilograms: load})
		t.Kilograms += load
	}
	way := profile.Time[at*n+int(vehicle.End)]
	t.Metres += metres(at, int(vehicle.End))
	t.Driving += time.Duration(way) * time.Second
	t.End = time.Duration(pause.End(now, way)) * time.Second
	t.Cost = truck.PerDay + truck.PerKm*t.Metres/1000 + truck.PerHour*t.Driving.Hours()
	t.KgCO2 = truck.GramsCO2Km * t.Metres / 1e6
	return t
}

// why says what keeps a container from any tour: no truck may, none reaches it in
// time even alone, or the day is full.
func (b *built) why(c int32) Problem {
	stop, container := &b.p.Stops[c], b.containers[c]
	may := []int{}
	for v := range b.p.Vehicles {
		if stop.Needs&^b.p.Vehicles[v].Has == 0 && b.p.Vehicles[v].Capacity[0] >= 0 {
			may = append(may, v)
		}
	}
	if len(may) == 0 {
		return Problem{container.ID, fmt.Sprintf("no truck in service both takes %s and can drive there", container.Fraction), "Put a smaller truck for it into service"}
	}
	for _, v := range may {
		alone := &routing.Problem{Locations: b.p.Locations, Profiles: b.p.Profiles, Stations: b.p.Stations, Stops: []routing.Stop{*stop}, Vehicles: []routing.Vehicle{b.p.Vehicles[v]}}
		alone.Stops[0].Home = 0
		if found, err := routing.Solve(context.Background(), alone, routing.Options{Iterations: 1}); err == nil && alone.Complete(found) {
			return Problem{container.ID, "every truck's day is full", "Lengthen a shift, put another truck into service, or let containers wait that need not be emptied today"}
		}
	}
	hours := ""
	if container.Open != (Hours{}) {
		hours = " (" + clock(container.Open.From) + " to " + clock(container.Open.To) + ")"
	}
	var shifts []string
	for _, v := range may {
		shifts = append(shifts, b.trucks[v].ID+" "+clock(b.trucks[v].Shift.From)+"-"+clock(b.trucks[v].Shift.To))
	}
	return Problem{
		container.ID, fmt.Sprintf("even a truck that did nothing else could not collect it%s, unload and be home within its shift (%s)", hours, strings.Join(shifts, ", ")),
		"Change its hours, the shift, or when a site is open",
	}
}
