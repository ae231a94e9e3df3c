package waste

import (
	"slices"

	"polity/city"
	"polity/services/waste/routing"
)

// Price is what moving a container to another truck's tour would mean.
type Price struct {
	Cost float64 // more, or less where negative, in the trucks' currency
	Fits bool    // whether all capacities, hours and shifts still hold
	Trip int     // trip of the truck's day, from 0, and
	At   int     // place in it, from 0, where it costs least
}

// Move says what it costs to give a container to a truck, with everything else as
// it is. It changes nothing. A container or truck that the plan does not have is
// an error of kind city.NotFound.
func (p *Plan) Move(container, truck string) (Price, error) {
	b := p.built
	stop := slices.IndexFunc(b.containers, func(c *Container) bool { return c.ID == container })
	vehicle := slices.IndexFunc(b.trucks, func(t *Truck) bool { return t.ID == truck })
	if stop < 0 || vehicle < 0 {
		return Price{}, city.Errorf(city.NotFound, "the plan has no container %q or no truck %q", container, truck)
	}
	c := int32(stop)
	before, after := int64(0), int64(0)
	target := p.order[vehicle]
	for v, trips := range p.order {
		without, found := take(trips, c)
		if !found {
			continue
		}
		was, _ := b.p.Evaluate(v, trips)
		now, _ := b.p.Evaluate(v, without)
		before, after = before+was, after+now
		if v == vehicle {
			target = without
		}
	}
	base, _ := b.p.Evaluate(vehicle, target)
	best := Price{Trip: -1}
	cheapest := int64(0)
	consider := func(trips []routing.Trip, trip, at int) {
		cost, holds := b.p.Evaluate(vehicle, trips)
		if best.Trip < 0 || (holds && !best.Fits) || (holds == best.Fits && cost < cheapest) {
			cheapest, best = cost, Price{Fits: holds, Trip: trip, At: at}
		}
	}
	for i, trip := range target {
		for at := 0; at <= len(trip.Stops); at++ {
			with := slices.Clone(target)
			with[i].Stops = slices.Insert(slices.Clone(trip.Stops), at, c)
			consider(with, i, at)
		}
	}
	for i := 0; i <= len(target); i++ {
		for _, station := range b.p.Vehicles[vehicle].Stations {
			consider(slices.Insert(slices.Clone(target), i, routing.Trip{Stops: []int32{c}, Station: station}), i, 0)
		}
	}
	best.Cost = float64(after+cheapest-base-before) / 100
	return best, nil
}

// take returns trips without a stop, and whether they had it; a trip left empty
// goes.
func take(trips []routing.Trip, c int32) ([]routing.Trip, bool) {
	var without []routing.Trip
	found := false
	for _, trip := range trips {
		i := slices.Index(trip.Stops, c)
		if i < 0 {
			without = append(without, trip)
			continue
		}
		found = true
		if len(trip.Stops) > 1 {
			without = append(without, routing.Trip{Stops: slices.Delete(slices.Clone(trip.Stops), i, i+1), Station: trip.Station})
		}
	}
	return without, found
}
