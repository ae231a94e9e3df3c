// Command waste-large plans the day of a very large city: ten thousand
// containers and more, from streets to tours.
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"polity/bench/harness"
	"polity/city"
	"polity/services/waste"
	"polity/services/waste/roads"
)

func main() {
	harness.Main(harness.Bench{
		Name: "waste-large",
		About: `Plans STOPS containers (simulated: placed at random along the streets of OSM, 240 or
660 litres, filled at random) with as many trucks as they need: streets, hierarchy,
matrix of all pairs, search. Minutes are of the clock, from reading the map to the
plan; rss_mib is the most memory the process ever held. Every tour is driven again
to check load, windows and shift; beside the search's cost stands that of its first
plan, cheapest insertion alone.`,
		Variables: []harness.Variable{
			{Name: "STOPS", Help: "containers", Default: "10000"},
			{Name: "SEARCH_S", Help: "CPU seconds of search", Default: "150"},
			{Name: "OSM", Help: "OpenStreetMap extract", Default: ".cache/osm/Liechtenstein.osm.pbf"},
			{Name: "SEED", Help: "seed of containers and search", Default: "1"},
		},
		Quick: "most of the search: 10 CPU seconds, 2,000 containers",
		Run:   run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	var stops, search, seed float64
	for name, into := range map[string]*float64{"STOPS": &stops, "SEARCH_S": &search, "SEED": &seed} {
		v, err := r.Number(name)
		if err != nil {
			return nil, err
		}
		*into = v
	}
	if r.Quick {
		stops, search = 2000, 10
	}
	if stops < 10 || stops > 20_000 || search <= 0 {
		return nil, errors.New("STOPS must be 10 to 20000 and SEARCH_S above 0")
	}
	start := time.Now()
	m, err := roads.ReadFile(ctx, r.Text("OSM"))
	if err != nil {
		return nil, err
	}
	network, err := m.Build(roads.RefuseTruck)
	if err != nil {
		return nil, err
	}
	containers := scatter(network, int(stops), uint64(seed))
	first, told := 0.0, 0.0
	planner := &waste.Planner{
		Streets: waste.Streets{roads.RefuseTruck.Name: network}, Fleet: fleet(network, containers), Seconds: search, Seed: uint64(seed),
		Progress: func(p waste.Progress) {
			if p.Step != waste.Searching {
				return
			}
			if first == 0 {
				first = p.Cost
			}
			if passed := p.Share * search; passed >= told {
				told = passed + 20
				r.Say("%.0f of %.0f CPU seconds of search, cost %.0f", passed, search, p.Cost)
			}
		},
	}
	r.Say("%d arcs, %.0f containers, %d trucks; now the matrix", len(network.Arcs()), stops, len(planner.Fleet.Trucks))
	plan, err := planner.Plan(ctx, containers, nil, 0)
	if err != nil {
		return nil, err
	}
	minutes := time.Since(start).Minutes()
	wrong := check(plan, containers)
	rss, err := peakMiB()
	if err != nil {
		return nil, err
	}
	r.Say("%d tours, %.0f km, %d problems", len(plan.Tours), plan.Metres/1000, len(plan.Problems))
	for _, p := range plan.Problems[:min(3, len(plan.Problems))] {
		r.Say("%s", p)
	}
	return harness.Figures{
		{Name: "stops", Value: int(stops) - len(plan.Problems)},
		{Name: "minutes", Value: math.Round(minutes*100) / 100},
		{Name: "rss_mib", Value: math.Round(rss)},
		{Name: "left_out", Value: len(plan.Problems)},
		{Name: "wrong_tours", Value: wrong},
		{Name: "tours", Value: len(plan.Tours)},
		{Name: "km", Value: math.Round(plan.Metres / 1000)},
		{Name: "cost", Value: math.Round(plan.Cost)},
		{Name: "cost_in_first_second", Value: first},
		{Name: "simulated", Value: true},
	}, nil
}

// scatter puts containers along streets.
func scatter(n *roads.Network, count int, seed uint64) []waste.Container {
	rng := rand.New(rand.NewPCG(seed, 5))
	all := make([]waste.Container, count)
	for i := range all {
		at := n.Point(roads.Place{Arc: int32(rng.IntN(len(n.Arcs()))), Along: rng.Float64()})
		all[i] = waste.Container{
			ID: "c" + strconv.Itoa(i+1), Place: at, Fraction: "mixed", Litres: []float64{240, 660}[rng.IntN(2)], Density: 0.12,
			Fill: 0.4 + 0.6*rng.Float64(), Overflow: 1, Side: roads.Either, Service: 30 * time.Second,
		}
	}
	return all
}

// fleet is a depot, two sites and as many trucks as the containers need at about
// 100 a day; those not needed stay at home.
func fleet(n *roads.Network, containers []waste.Container) waste.Fleet {
	arcs := len(n.Arcs())
	at := func(share float64) city.Point {
		return n.Point(roads.Place{Arc: int32(share * float64(arcs)), Along: 0.5})
	}
	f := waste.Fleet{Sites: []waste.Site{
		{ID: "landfill", Place: at(0.25), Service: 15 * time.Minute},
		{ID: "transfer station", Place: at(0.75), Service: 10 * time.Minute},
	}}
	for i := range len(containers)/100 + 2 {
		f.Trucks = append(f.Trucks, waste.Truck{
			ID: fmt.Sprintf("truck-%d", i+1), Depot: at(0.5), Kilograms: 10_000, Litres: 100_000, Vehicle: roads.RefuseTruck,
			Shift: waste.Hours{From: 6 * time.Hour, To: 14 * time.Hour}, PerKm: 1.5, PerHour: 65, PerDay: 150, GramsCO2Km: 900,
		})
	}
	return f
}

// check drives the tours again and counts those that break a rule.
func check(plan *waste.Plan, containers []waste.Container) int {
	weight := map[string]float64{}
	for _, c := range containers {
		weight[c.ID] = c.Litres * c.Fill * c.Density
	}
	seen := map[string]bool{}
	wrong := 0
	for _, t := range plan.Tours {
		bad := t.End > 14*time.Hour || t.Start < 6*time.Hour
		load, now := 0.0, t.Start
		for _, c := range t.Calls {
			bad = bad || c.Arrive < now || seen[c.Container]
			now = c.Leave
			if c.Site != "" {
				bad = bad || load > 10_000
				load = 0
				continue
			}
			seen[c.Container] = true
			load += weight[c.Container]
		}
		if bad || load > 0 {
			wrong++
		}
	}
	return wrong
}

// peakMiB is the process's largest resident set so far, as Linux counts it.
func peakMiB() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			kib, err := strconv.ParseFloat(f[1], 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("the kernel does not say how much memory was used")
}
