package waste

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/services/waste/roads"
	"polity/services/waste/routing"
)

// Streets is what a plan needs of the road network: Map.Build's networks, one for
// each kind of vehicle by name.
type Streets map[string]*roads.Network

// Planner turns containers, fleet and streets into tours.
type Planner struct {
	Streets Streets
	Fleet   Fleet
	// OverflowCost is what an overflowing container costs the city, in the currency
	// of the trucks' costs: a container that need not be emptied is, if a tour may
	// take it along for less than this times the probability that it overflows.
	OverflowCost float64
	// Balance, if above 0, bounds how much longer than the mean a truck's working
	// day may be: 0.15 is 15%.
	Balance float64
	Seconds float64 // CPU seconds for the search; 0: 10
	Seed    uint64
	// Progress, if not nil, hears about once a second how far the search is.
	Progress func(routing.Progress)
}

// Call is a stop of a tour.
type Call struct {
	Container string
	Site      string // where a trip unloads; then Container is ""
	Place     city.Point
	Arrive    time.Duration // from midnight
	Leave     time.Duration
	Metres    float64 // driven from the call before
	Kilograms float64 // collected, or unloaded at a site
}

// Tour is one truck's day.
type Tour struct {
	Truck     string
	Start     time.Duration
	End       time.Duration
	Break     time.Duration // when the break begins; 0: none
	Calls     []Call
	Metres    float64
	Driving   time.Duration
	Kilograms float64
	Cost      float64
	KgCO2     float64
}

// Plan is a day's tours.
type Plan struct {
	Tours    []Tour
	LeftOut  []string  // containers that need not be emptied today
	Problems []Problem // containers that should be and cannot, and why
	Metres   float64
	Cost     float64
	KgCO2    float64

	order [][]routing.Trip // as found
	built *built
}

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

// Plan plans the day. Whatever cannot be done is in Problems with what would
// help; the rest is planned all the same. keep, which may be nil, is a plan in
// force: containers stay with their truck unless moving them saves more than
// stay, in the trucks' currency, each (live re-planning after a breakdown).
func (pl *Planner) Plan(ctx context.Context, containers []Container, keep *Plan, stay float64) (*Plan, error) {
	b, err := pl.build(ctx, containers)
	if err != nil {
		return nil, err
	}
	if keep != nil {
		b.stayHome(keep, stay)
	}
	seconds := pl.Seconds
	if seconds <= 0 {
		seconds = 10
	}
	solve := func(p *routing.Problem, share float64) (*routing.Plan, error) {
		return routing.Solve(ctx, p, routing.Options{Budget: time.Duration(seconds * share * 1e9), Seed: pl.Seed, Progress: pl.Progress})
	}
	if pl.Balance <= 0 {
		found, err := solve(b.p, 1)
		if err != nil {
			return nil, err
		}
		return b.describe(found), nil
	}
	found, err := solve(b.p, 0.5)
	if err != nil {
		return nil, err
	}
	return pl.balance(b, found, solve)
}

// balance plans again with shifts cut to the mean working time and the slack
// allowed; if then more is left undone, the first plan stands.
func (pl *Planner) balance(b *built, first *routing.Plan, solve func(*routing.Problem, float64) (*routing.Plan, error)) (*Plan, error) {
	plan := b.describe(first)
	if len(plan.Tours) < 2 {
		return plan, nil
	}
	total := time.Duration(0)
	for _, t := range plan.Tours {
		total += t.End - t.Start
	}
	limit := int32(float64(total/time.Second) / float64(len(plan.Tours)) * (1 + pl.Balance))
	cut := *b.p
	cut.Vehicles = slices.Clone(b.p.Vehicles)
	for i := range cut.Vehicles {
		cut.Vehicles[i].Late = min(cut.Vehicles[i].Late, cut.Vehicles[i].Early+limit)
	}
	found, err := solve(&cut, 0.5)
	if err != nil {
		return nil, err
	}
	if even := b.describe(found); len(even.Problems) <= len(plan.Problems) && len(even.LeftOut) <= len(plan.LeftOut) {
		return even, nil
	}
	plan.Problems = append(plan.Problems, Problem{What: fmt.Sprintf("tours within %.0f%% of each other's length would leave containers standing", 100*pl.Balance), Help: "Allow more difference, or put another truck into service"})
	return plan, nil
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
	if err := b.measure(ctx); err != nil {
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
	for i := range containers {
		c := &containers[i]
		if bad[c.ID] || !pl.Fleet.siteFor(c.Fraction) {
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
func (b *built) measure(ctx context.Context) error {
	size := len(b.points)
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
		})
		if err != nil {
			return err
		}
	}
	return nil
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
	from, to := container.Open.open()
	hours := clock(time.Duration(from)*time.Second) + " to " + clock(time.Duration(to)*time.Second)
	var shifts []string
	for _, v := range may {
		shifts = append(shifts, b.trucks[v].ID+" "+clock(b.trucks[v].Shift.From)+"-"+clock(b.trucks[v].Shift.To))
	}
	return Problem{
		container.ID, fmt.Sprintf("even a truck that did nothing else could not collect it (%s), unload and be home within its shift (%s)", hours, strings.Join(shifts, ", ")),
		"Change its hours, the shift, or when a site is open",
	}
}
