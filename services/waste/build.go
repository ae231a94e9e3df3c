package waste

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"polity/city"
	"polity/services/waste/roads"
	"polity/services/waste/routing"
)

// built is a planner's problem in the solver's terms.
type built struct {
	p          *routing.Problem
	containers []*Container // by stop
	trucks     []*Truck     // by vehicle
	sites      []*Site      // by station
	places     [][]roads.Place
	points     []city.Point
	networks   []*roads.Network
	problems   []Problem
}

// build turns everything into matrices, stops and vehicles. Costs are in
// hundredths of the currency.
func (pl *Planner) build(ctx context.Context, containers []Container) (*built, error) {
	b := &built{p: &routing.Problem{}, problems: pl.Fleet.Check(containers)}
	names := pl.kinds()
	if len(names) == 0 {
		return b.empty(), nil
	}
	for _, name := range names {
		n := pl.Streets[name]
		if n == nil {
			return nil, city.Errorf(city.Invalid, "there is no street network for the vehicle %q; build one from the map for it", name)
		}
		b.networks = append(b.networks, n)
	}
	bad := map[string]bool{}
	for _, p := range b.problems {
		bad[p.Container] = true
	}
	b.locate(pl, containers, bad)
	if len(b.trucks) == 0 || len(b.sites) == 0 || len(b.containers) == 0 {
		return b.empty(), nil
	}
	if err := b.measure(ctx, pl.Progress); err != nil {
		return nil, err
	}
	pl.stops(b)
	return b, nil
}

// empty is the build of a day on which nothing can be planned.
func (b *built) empty() *built {
	b.p = &routing.Problem{}
	b.containers, b.trucks = nil, nil
	return b
}

// kinds lists the kinds of vehicle of the trucks in service.
func (pl *Planner) kinds() []string {
	var names []string
	for _, t := range pl.Fleet.Trucks {
		if !t.Out && !slices.Contains(names, t.Vehicle.Name) {
			names = append(names, t.Vehicle.Name)
		}
	}
	return names
}

// locate finds a place in every network for depots, sites and containers. A
// container that only some kinds of vehicle reach is for those.
func (b *built) locate(pl *Planner, containers []Container, bad map[string]bool) {
	b.places = make([][]roads.Place, len(b.networks))
	add := func(p city.Point, side roads.Side) (reached []bool, last error) {
		reached = make([]bool, len(b.networks))
		for i, n := range b.networks {
			at, err := n.Snap(p, side)
			if err != nil {
				last = err
			}
			reached[i] = err == nil
			b.places[i] = append(b.places[i], at)
		}
		b.points = append(b.points, p)
		return reached, last
	}
	drop := func() {
		for i := range b.places {
			b.places[i] = b.places[i][:len(b.places[i])-1]
		}
		b.points = b.points[:len(b.points)-1]
	}
	for i := range pl.Fleet.Trucks {
		t := &pl.Fleet.Trucks[i]
		if t.Out || t.Shift.To <= t.Shift.From {
			continue
		}
		kind := slices.IndexFunc(b.networks, func(n *roads.Network) bool { return n.Vehicle.Name == t.Vehicle.Name })
		if reached, err := add(t.Depot, roads.Either); kind < 0 || !reached[kind] {
			drop()
			b.problems = append(b.problems, Problem{What: fmt.Sprintf("truck %s cannot leave its depot: %v", t.ID, err), Help: "Correct the depot's position"})
			continue
		}
		end := int32(len(b.points) - 1)
		start := end
		if t.From != nil {
			if reached, err := add(*t.From, roads.Either); reached[kind] {
				start = int32(len(b.points) - 1)
			} else {
				drop()
				b.problems = append(b.problems, Problem{What: fmt.Sprintf("truck %s is planned from its depot, because where it is no way begins: %v", t.ID, err), Help: "Correct its position"})
			}
		}
		b.trucks = append(b.trucks, t)
		b.p.Vehicles = append(b.p.Vehicles, routing.Vehicle{Start: start, End: end, Profile: int32(kind)})
	}
	for i := range pl.Fleet.Sites {
		s := &pl.Fleet.Sites[i]
		if s.Closed {
			continue
		}
		if reached, err := add(s.Place, roads.Either); slices.Contains(reached, false) {
			drop()
			b.problems = append(b.problems, Problem{What: fmt.Sprintf("no way leads to %s: %v", s.ID, err), Help: "Correct the site's position"})
			continue
		}
		b.sites = append(b.sites, s)
		from, to := s.Open.open()
		b.p.Stations = append(b.p.Stations, routing.Station{Location: int32(len(b.points) - 1), Service: seconds(s.Service), Early: from, Late: to})
	}
	trucks := pl.Fleet.inService()
	for i := range containers {
		c := &containers[i]
		if bad[c.ID] || !pl.Fleet.siteFor(c.Fraction) || pl.Fleet.meets(c.Fraction, trucks) != nil {
			continue
		}
		reached, err := add(c.Place, c.Side)
		if !slices.Contains(reached, true) {
			drop()
			what, help, _ := strings.Cut(err.Error(), "; ")
			b.problems = append(b.problems, Problem{c.ID, what, strings.ToUpper(help[:1]) + help[1:]})
			continue
		}
		from, to := c.Open.open()
		b.containers = append(b.containers, c)
		b.p.Stops = append(b.p.Stops, routing.Stop{Location: int32(len(b.points) - 1), Early: from, Late: to, Service: seconds(c.Service), Needs: needs(reached)})
	}
}

// needs sets a bit for every kind of vehicle that does not reach a container; a
// truck has the bits of all kinds but its own.
func needs(reached []bool) uint64 {
	bits := uint64(0)
	for i, r := range reached {
		if !r {
			bits |= 1 << (32 + i%32)
		}
	}
	return bits
}

func seconds(d time.Duration) int32 { return int32(math.Round(d.Seconds())) }

// measure fills the matrices: a profile for each truck that costs otherwise.
func (b *built) measure(ctx context.Context, progress func(Progress)) error {
	size := len(b.points)
	told := rowsTold{of: size * len(b.networks), progress: progress}
	b.p.Locations = size
	type key struct {
		network        int32
		perKm, perHour float64
	}
	known := map[key]int32{}
	priced := make([][]*Truck, len(b.networks)) // by network: a truck of each price
	profiles := make([][]int32, len(b.networks))
	for i, t := range b.trucks {
		v := &b.p.Vehicles[i]
		k := key{v.Profile, t.PerKm, t.PerHour}
		profile, ok := known[k]
		if !ok {
			profile = int32(len(b.p.Profiles))
			known[k] = profile
			b.p.Profiles = append(b.p.Profiles, routing.Profile{Cost: make([]int32, size*size), Time: make([]int32, size*size)})
			priced[k.network], profiles[k.network] = append(priced[k.network], t), append(profiles[k.network], profile)
		}
		v.Profile = profile
		v.Has = ^uint64(1 << (32 + k.network%32))
	}
	for i, n := range b.networks {
		err := n.Rows(ctx, b.places[i], 0, func(row int, millis []uint32, metres []float32) {
			for j, t := range priced[i] {
				p := &b.p.Profiles[profiles[i][j]]
				t.price(p.Cost[row*size:], p.Time[row*size:], millis, metres)
			}
			told.one()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rowsTold tells of rows that are measured, about once a second.
type rowsTold struct {
	progress func(Progress)
	of       int

	mu   sync.Mutex
	done int
	last time.Time
}

func (r *rowsTold) one() {
	if r.progress == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	if now := time.Now(); now.Sub(r.last) >= time.Second || r.done == r.of {
		r.last = now
		r.progress(Progress{Step: Measuring, Share: float64(r.done) / float64(r.of)})
	}
}

// price fills a row of costs, in hundredths of the currency, and of seconds.
func (t *Truck) price(cost, time []int32, millis []uint32, metres []float32) {
	for i, ms := range millis {
		s := (float64(ms) + 500) / 1000
		c := 100 * (t.PerKm*float64(metres[i])/1000 + t.PerHour*s/3600)
		if t.PerKm == 0 && t.PerHour == 0 {
			c = s // time is what is left to save
		}
		cost[i], time[i] = int32(min(math.Round(c), routing.Blocked-1)), int32(min(s, routing.Blocked-1))
	}
}

// stops fills in loads, prizes, shifts and who takes what.
func (pl *Planner) stops(b *built) {
	fractions := []Fraction{}
	bit := func(f Fraction) uint64 {
		i := slices.Index(fractions, f)
		if i < 0 {
			fractions = append(fractions, f)
			i = len(fractions) - 1
		}
		return 1 << min(i, 31)
	}
	home := map[string]int32{}
	for i, t := range b.trucks {
		home[t.ID] = int32(i) + 1
	}
	for i, c := range b.containers {
		s := &b.p.Stops[i]
		s.Needs |= bit(c.Fraction)
		s.Load = [routing.Dims]int32{int32(math.Ceil(c.kilograms())), int32(math.Ceil(c.litres()))}
		s.Prize = routing.Must
		if !c.Must && c.Overflow < 1 {
			s.Prize = int64(100 * pl.OverflowCost * c.Overflow)
		}
		s.Home = home[c.Home]
		if s.Home > 0 {
			s.Move = 100
		}
	}
	for i, t := range b.trucks {
		v := &b.p.Vehicles[i]
		v.Capacity = [routing.Dims]int32{int32(t.Kilograms), int32(t.Litres)}
		v.Early, v.Late = seconds(t.Shift.From), seconds(t.Shift.To)
		v.Fixed = int64(100 * t.PerDay)
		if t.BreakLength > 0 {
			from, to := t.Break.open()
			v.Pause = routing.Pause{Early: from, Late: to, Length: seconds(t.BreakLength)}
		}
		for k, f := range fractions {
			if !takes(t.Fractions, f) {
				v.Has &^= 1 << min(k, 31)
			}
		}
		for s, site := range b.sites {
			// A truck that carries one fraction goes where that is taken; one that
			// carries several goes where all are.
			if !slices.ContainsFunc(fractions, func(f Fraction) bool { return takes(t.Fractions, f) && !takes(site.Fractions, f) }) {
				v.Stations = append(v.Stations, int32(s))
			}
		}
	}
	b.dropTrucksWithoutSite()
}

// dropTrucksWithoutSite says which trucks have nowhere to unload; they stay.
func (b *built) dropTrucksWithoutSite() {
	for i, t := range b.trucks {
		v := &b.p.Vehicles[i]
		if len(v.Stations) > 0 {
			continue
		}
		b.problems = append(b.problems, Problem{What: fmt.Sprintf("no open site takes all that truck %s collects", t.ID), Help: "Give it fewer fractions, or open such a site"})
		v.Stations, v.Capacity = []int32{0}, [routing.Dims]int32{-1, -1}
	}
}

// stayHome makes containers stay with the truck of a plan in force.
func (b *built) stayHome(keep *Plan, stay float64) {
	with := map[string]string{}
	for _, t := range keep.Tours {
		for _, c := range t.Calls {
			if c.Container != "" {
				with[c.Container] = t.Truck
			}
		}
	}
	for i, c := range b.containers {
		s := &b.p.Stops[i]
		s.Home, s.Move = 0, 0
		for v, t := range b.trucks {
			if t.ID == with[c.ID] {
				s.Home, s.Move = int32(v)+1, int32(min(100*stay, routing.Blocked/4))
			}
		}
	}
}
