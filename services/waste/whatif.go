package waste

import (
	"fmt"
	"slices"
	"time"

	"polity/city"
	"polity/services/waste/routing"
)

// Price is what moving a container to another truck's tour would mean, all else as it is.
type Price struct {
	Cost    float64       // more, or less where negative, in the trucks' currency
	Metres  float64       // more driven
	Working time.Duration // more of all trucks together, from leaving the depot to coming home
	KgCO2   float64
	Fits    bool     // whether all capacities, hours and shifts still hold
	Broken  []string // what does not, in words; none if it fits
	Trip    int      // trip of the truck's day, from 0, and
	At      int      // place in it, from 0, where it costs least
}

// Move says what it costs to give a container to a truck, with everything else as
// it is. Truck "" is none: the container waits for another day. It changes nothing. A
// container or truck that the plan does not have is an error of kind city.NotFound.
func (p *Plan) Move(container, truck string) (Price, error) {
	price, _, _, err := p.move(container, truck)
	return price, err
}

// Moved is the plan with a container given to a truck, where that costs least; p stays as
// it is. A move that breaks something is an error of kind city.Conflict that says what.
func (p *Plan) Moved(container, truck string) (*Plan, Price, error) {
	price, order, touched, err := p.move(container, truck)
	if err != nil {
		return nil, price, err
	}
	if !price.Fits {
		return nil, price, city.Errorf(city.Conflict, "%s cannot go to %s: %s", container, truck, price.Broken[0])
	}
	b := p.built
	next := &Plan{order: order, built: b}
	for _, x := range p.Problems {
		if x.Container != container {
			next.Problems = append(next.Problems, x)
		}
	}
	had := map[string]*Tour{}
	for i := range p.Tours {
		had[p.Tours[i].Truck] = &p.Tours[i]
	}
	for v := range order {
		switch {
		case len(order[v]) == 0:
		case touched[v]:
			next.add(b.tour(v, order[v]))
		default:
			next.add(*had[b.trucks[v].ID])
		}
	}
	for _, id := range p.LeftOut {
		if id != container {
			next.LeftOut = append(next.LeftOut, id)
		}
	}
	if truck != "" {
		return next, price, nil
	}
	if stop := &b.p.Stops[b.stop(container)]; stop.Prize == routing.Must {
		next.Problems = append(next.Problems, Problem{container, "it was taken off today's tours, and it should be emptied today", "Give it to a truck"})
	} else {
		next.LeftOut = append(next.LeftOut, container)
	}
	return next, price, nil
}

func (b *built) stop(container string) int {
	return slices.IndexFunc(b.containers, func(c *Container) bool { return c.ID == container })
}

// move finds where a container costs least with a truck, the days that this makes, and the
// vehicles whose day is another.
func (p *Plan) move(container, truck string) (price Price, order [][]routing.Trip, touched map[int]bool, err error) {
	b := p.built
	if b == nil {
		return Price{}, nil, nil, city.Errorf(city.NotFound, "the plan has no container %q", container)
	}
	stop := b.stop(container)
	vehicle := slices.IndexFunc(b.trucks, func(t *Truck) bool { return t.ID == truck })
	if stop < 0 || (vehicle < 0 && truck != "") {
		return Price{}, nil, nil, city.Errorf(city.NotFound, "the plan has no container %q or no truck %q", container, truck)
	}
	c := int32(stop) //nolint:gosec // an index
	order, touched = slices.Clone(p.order), map[int]bool{}
	for v, trips := range p.order {
		if without, found := take(trips, c); found {
			order[v], touched[v] = without, true
		}
	}
	best := Price{Fits: true}
	if vehicle >= 0 {
		touched[vehicle] = true
		order[vehicle], best = b.insert(vehicle, order[vehicle], c)
	}
	for v := range touched {
		was, is := b.worked(v, p.order[v]), b.worked(v, order[v])
		best.Cost += is.Cost - was.Cost
		best.Metres += is.Metres - was.Metres
		best.KgCO2 += is.KgCO2 - was.KgCO2
		best.Working += (is.End - is.Start) - (was.End - was.Start)
	}
	if !best.Fits {
		for _, x := range b.p.Breaches(vehicle, order[vehicle]) {
			best.Broken = append(best.Broken, b.broken(vehicle, x))
		}
	}
	return best, order, touched, nil
}

// worked is a vehicle's tour; nothing for one that stays.
func (b *built) worked(v int, trips []routing.Trip) Tour {
	if len(trips) == 0 {
		return Tour{}
	}
	return b.tour(v, trips)
}

// insert puts a stop into a vehicle's day where it costs least, or least of what is wrong.
func (b *built) insert(vehicle int, day []routing.Trip, c int32) (with []routing.Trip, best Price) {
	best.Trip = -1
	cheapest := int64(0)
	consider := func(trips []routing.Trip, trip, at int) {
		cost, holds := b.p.Evaluate(vehicle, trips)
		if !holds {
			cost = wrong(b.p.Breaches(vehicle, trips))
		}
		if best.Trip < 0 || (holds && !best.Fits) || (holds == best.Fits && cost < cheapest) {
			cheapest, best, with = cost, Price{Fits: holds, Trip: trip, At: at}, trips
		}
	}
	for i, trip := range day {
		for at := 0; at <= len(trip.Stops); at++ {
			trips := slices.Clone(day)
			trips[i].Stops = slices.Insert(slices.Clone(trip.Stops), at, c)
			consider(trips, i, at)
		}
	}
	for i := 0; i <= len(day); i++ {
		for _, station := range b.p.Vehicles[vehicle].Stations {
			consider(slices.Insert(slices.Clone(day), i, routing.Trip{Stops: []int32{c}, Station: station}), i, 0)
		}
	}
	return with, best
}

// wrong weighs breaches, so that the fewest and smallest are told of.
func wrong(list []routing.Breach) (sum int64) {
	const each = 1 << 32
	for _, x := range list {
		sum += each + x.By
	}
	return sum
}

// broken says what a breach is, in words.
func (b *built) broken(vehicle int, x routing.Breach) string {
	truck := b.trucks[vehicle]
	late := func() string {
		m := (x.By + 59) / 60
		if m == 1 {
			return "1 minute"
		}
		return fmt.Sprintf("%d minutes", m)
	}
	switch x.Kind {
	case routing.Load:
		unit, most := "kg", truck.Kilograms
		if x.Dim == 1 {
			unit, most = "l", truck.Litres
		}
		return fmt.Sprintf("trip %d of %s carries %d %s more than the %.0f %s that it takes", x.Trip+1, truck.ID, x.By, unit, most, unit)
	case routing.Late:
		return fmt.Sprintf("%s is reached %s after its hours", b.containers[x.Stop].ID, late())
	case routing.Closed:
		return fmt.Sprintf("%s comes to unload %s after the site closes", truck.ID, late())
	case routing.Unfit:
		c := b.containers[x.Stop]
		if !takes(truck.Fractions, c.Fraction) {
			return fmt.Sprintf("%s does not take %s", truck.ID, c.Fraction)
		}
		return fmt.Sprintf("%s cannot drive to %s", truck.ID, c.ID)
	case routing.Over:
		return fmt.Sprintf("%s is home %s after its shift ends at %s", truck.ID, late(), clock(truck.Shift.To))
	case routing.Trips:
	}
	return fmt.Sprintf("%s makes more trips than it may", truck.ID)
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
