package routing

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"polity/city"
)

// verify recomputes a plan's cost and checks every constraint by driving each
// day call by call; it shares nothing with the search.
func verify(t interface {
	Helper()
	Fatalf(string, ...any)
}, p *Problem, plan *Plan,
) {
	t.Helper()
	seen := map[int32]int{}
	cost := int64(0)
	for v, trips := range plan.Days {
		vehicle := &p.Vehicles[v]
		m := &p.Profiles[vehicle.Profile]
		now, at := vehicle.Early, vehicle.Start
		paused := vehicle.Pause.Length == 0
		var gaps []int32 // idle starts at which the pause could have been
		if len(trips) > 0 {
			cost += vehicle.Fixed
		}
		if vehicle.MaxTrips > 0 && len(trips) > int(vehicle.MaxTrips) {
			t.Fatalf("vehicle %d makes %d trips of at most %d", v, len(trips), vehicle.MaxTrips)
		}
		drive := func(to, early, late, service int32, what string) {
			cost += int64(m.Cost[int(at)*p.Locations+int(to)])
			way := m.Time[int(at)*p.Locations+int(to)]
			arrive := now + way
			if !paused {
				// As late as its window allows or as soon as it opens.
				if now >= vehicle.Pause.Early || max(arrive, early)+service > vehicle.Pause.Late {
					gaps = append(gaps, max(now, vehicle.Pause.Early))
					arrive = max(now, vehicle.Pause.Early) + vehicle.Pause.Length + way
					paused = true
				} else if early-max(arrive, vehicle.Pause.Early) >= vehicle.Pause.Length {
					paused = true
				}
			}
			arrive = max(arrive, early)
			if arrive > late {
				t.Fatalf("vehicle %d reaches %s at %d, which closes at %d", v, what, arrive, late)
			}
			now, at = arrive+service, to
		}
		for _, trip := range trips {
			var load [Dims]int64
			for _, c := range trip.Stops {
				s := &p.Stops[c]
				seen[c]++
				for i := range load {
					load[i] += int64(s.Load[i])
				}
				if s.Needs&^vehicle.Has != 0 {
					t.Fatalf("vehicle %d serves stop %d without what it needs", v, c)
				}
				if s.Home != 0 && s.Home != int32(v)+1 {
					cost += int64(s.Move)
				}
				now = max(now, s.Release)
			}
			for i := range load {
				if load[i] > int64(vehicle.Capacity[i]) {
					t.Fatalf("vehicle %d carries %d of %d", v, load[i], vehicle.Capacity[i])
				}
			}
			if len(trip.Stops) == 0 {
				t.Fatalf("vehicle %d has an empty trip", v)
			}
			for _, c := range trip.Stops {
				s := &p.Stops[c]
				drive(s.Location, s.Early, s.Late, s.Service, fmt.Sprintf("stop %d", c))
			}
			s := &p.Stations[trip.Station]
			drive(s.Location, s.Early, s.Late, s.Service, "its station")
		}
		if len(trips) > 0 {
			way := m.Time[int(at)*p.Locations+int(vehicle.End)]
			cost += int64(m.Cost[int(at)*p.Locations+int(vehicle.End)])
			if !paused && now+way > vehicle.Pause.Late {
				now = max(now, vehicle.Pause.Early) + vehicle.Pause.Length
			}
			if now+way > vehicle.Late {
				t.Fatalf("vehicle %d is home at %d, after %d", v, now+way, vehicle.Late)
			}
		}
		for _, g := range gaps {
			if g > vehicle.Pause.Late {
				t.Fatalf("vehicle %d pauses at %d, after %d", v, g, vehicle.Pause.Late)
			}
		}
	}
	for _, c := range plan.LeftOut {
		seen[c]++
		if p.Stops[c].Prize != Must {
			cost += p.Stops[c].Prize
		}
	}
	for c := range p.Stops {
		if seen[int32(c)] != 1 {
			t.Fatalf("stop %d is planned %d times", c, seen[int32(c)])
		}
	}
	if cost != plan.Cost {
		t.Fatalf("cost %d, said to be %d", cost, plan.Cost)
	}
}

// randomProblem draws a problem with everything that a day can have: two
// profiles, stations with hours, pauses, releases, prizes, needs and homes.
func randomProblem(seed uint64, n int) *Problem {
	r := rand.New(rand.NewPCG(seed, 7))
	p := &Problem{Locations: n + 4}
	x, y := make([]float64, n+4), make([]float64, n+4)
	for i := range x {
		x[i], y[i] = r.Float64()*300, r.Float64()*300
	}
	for profile := range 2 {
		m := Profile{Cost: make([]int32, (n+4)*(n+4)), Time: make([]int32, (n+4)*(n+4))}
		for i := range x {
			for j := range x {
				d := math.Hypot(x[i]-x[j], y[i]-y[j])
				if x[i] < x[j] {
					d *= 1.2 // a way back is not the way there
				}
				m.Cost[i*(n+4)+j], m.Time[i*(n+4)+j] = int32(d*(1+0.2*float64(profile))), int32(math.Ceil(d))
			}
		}
		p.Profiles = append(p.Profiles, m)
	}
	p.Stations = []Station{{Location: 1, Service: 20, Late: Forever}, {Location: 2, Service: 10, Early: 100, Late: 3000}}
	for v := range 1 + r.IntN(5) {
		vehicle := Vehicle{Start: 0, End: int32(r.IntN(2) * 3), Capacity: [Dims]int32{int32(40 + r.IntN(40)), 100}, Late: 4000, Profile: int32(v % 2), Stations: []int32{0, 1}, Fixed: 50, Has: uint64(r.IntN(4))}
		if r.IntN(2) == 0 {
			vehicle.Pause = Pause{Early: 1000, Late: 2200, Length: 100}
		}
		if r.IntN(3) == 0 {
			vehicle.MaxTrips = 2
		}
		p.Vehicles = append(p.Vehicles, vehicle)
	}
	for i := range n {
		s := Stop{Location: int32(i + 4), Load: [Dims]int32{int32(r.IntN(30)), int32(r.IntN(60))}, Service: 15, Late: Forever, Prize: Must}
		switch r.IntN(6) {
		case 0:
			s.Early = int32(r.IntN(2000))
			s.Late = s.Early + 800
		case 1:
			s.Release = int32(r.IntN(1500))
		case 2:
			s.Prize = int64(r.IntN(300))
		case 3:
			s.Needs = uint64(1 + r.IntN(2))
		case 4:
			s.Home, s.Move = int32(1+r.IntN(len(p.Vehicles))), 40
		}
		p.Stops = append(p.Stops, s)
	}
	return p
}

func TestEveryPlanIsDrivable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := randomProblem(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 40).Draw(t, "stops"))
		plan, err := Solve(context.Background(), p, Options{Iterations: 200, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		verify(t, p, plan)
	})
}

// TestATripBeforeOneThatWaits: a trip that is put before one whose load is released later, and
// has it begin elsewhere, leaves it time enough (found by the test above).
func TestATripBeforeOneThatWaits(t *testing.T) {
	p := randomProblem(11, 14)
	plan, err := Solve(context.Background(), p, Options{Iterations: 200, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	verify(t, p, plan)
}

// TestAPauseIsNotCutShort by a wait that began before it and is too short for it.
func TestAPauseIsNotCutShort(t *testing.T) {
	for _, x := range []struct {
		drive, early int32
		due          bool
		leaves       int32
		began        int32
	}{
		{100, 1110, true, 1120, 0},     // it waits from 1050 for 60: the pause comes later
		{100, 1160, false, 1170, 1050}, // for 110
		{20, 1105, false, 1115, 1000},  // there since 970; the pause may begin at 1000
	} {
		v := Vehicle{Pause: Pause{Early: 1000, Late: 1300, Length: 100}}
		pause := NewPausing(&v)
		if leaves := pause.Visit(950, x.drive, x.early, 10); leaves != x.leaves || pause.Due() != x.due || pause.Began() != x.began {
			t.Errorf("%+v: leaves %d, due %v, began %d", x, leaves, pause.Due(), pause.Began())
		}
	}
}

func TestSearchImprovesAndRepeats(t *testing.T) {
	p := randomProblem(3, 80)
	cost := func(iterations int64) int64 {
		plan, err := Solve(context.Background(), p, Options{Iterations: iterations, Seed: 5})
		if err != nil {
			t.Fatal(err)
		}
		verify(t, p, plan)
		if !p.Complete(plan) {
			t.Fatal("a stop that must be served is left out")
		}
		return plan.Cost
	}
	short, long := cost(1), cost(20_000)
	if long >= short {
		t.Errorf("20,000 iterations cost %d, one cost %d", long, short)
	}
	if again := cost(20_000); again != long {
		t.Errorf("the same seed gave %d, then %d", long, again)
	}
}

// TestSmallOptimum compares with all permutations of few stops in one trip.
func TestSmallOptimum(t *testing.T) {
	for seed := range uint64(20) {
		in := randomInstance(seed, 8, 1000)
		tours, cost, err := SolveInstance(context.Background(), in, Options{Iterations: 2000, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		if best := shortest(in); cost != best {
			t.Errorf("seed %d: %v costs %d, the best round costs %d", seed, tours, cost, best)
		}
	}
}

func randomInstance(seed uint64, n int, capacity int32) *Instance {
	r := rand.New(rand.NewPCG(seed, 3))
	var b strings.Builder
	fmt.Fprintf(&b, "NAME: t\nTYPE: CVRP\nDIMENSION: %d\nEDGE_WEIGHT_TYPE: EUC_2D\nCAPACITY: %d\nNODE_COORD_SECTION\n", n, capacity)
	for i := range n {
		fmt.Fprintln(&b, i+1, r.IntN(1000), r.IntN(1000))
	}
	fmt.Fprintln(&b, "DEMAND_SECTION\n1 0")
	for i := range n - 1 {
		fmt.Fprintln(&b, i+2, 1+r.IntN(50))
	}
	fmt.Fprintln(&b, "DEPOT_SECTION\n1\n-1\nEOF")
	in, err := ReadVRPLIB(strings.NewReader(b.String()), "t")
	if err != nil {
		panic(err)
	}
	return in
}

// shortest is the cheapest round through all customers, by Held and Karp.
func shortest(in *Instance) int64 {
	n := in.Size - 1
	best := map[[2]int]int64{}
	for c := range n {
		best[[2]int{1 << c, c}] = int64(in.Distance[c+1])
	}
	for set := 1; set < 1<<n; set++ {
		for last := range n {
			d, ok := best[[2]int{set, last}]
			if !ok {
				continue
			}
			for c := range n {
				if set&(1<<c) != 0 {
					continue
				}
				key := [2]int{set | 1<<c, c}
				if x := d + int64(in.Distance[(last+1)*in.Size+c+1]); best[key] == 0 || x < best[key] {
					best[key] = x
				}
			}
		}
	}
	round := int64(math.MaxInt64)
	for last := range n {
		round = min(round, best[[2]int{1<<n - 1, last}]+int64(in.Distance[last+1]))
	}
	return round
}

func TestCapacityHoldsAndCostIsRight(t *testing.T) {
	in := randomInstance(9, 200, 300)
	tours, cost, err := SolveInstance(context.Background(), in, Options{Iterations: 5000, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	sum, seen := int64(0), map[int32]bool{}
	for _, tour := range tours {
		load, at := int32(0), int32(0)
		for _, c := range append(tour, 0) {
			sum += int64(in.Distance[int(at)*in.Size+int(c)])
			load += in.Demand[c]
			if c != 0 && seen[c] {
				t.Fatalf("customer %d twice", c)
			}
			seen[c], at = true, c
		}
		if load > in.Capacity {
			t.Fatalf("tour carries %d of %d", load, in.Capacity)
		}
	}
	if sum != cost || len(seen) != in.Size {
		t.Fatalf("cost %d said to be %d; %d of %d visited", sum, cost, len(seen), in.Size)
	}
}

// TestBothFormsAgree solves one instance in the form for capacity alone and in
// the general form; both must reach the optimum of so small an instance.
func TestBothFormsAgree(t *testing.T) {
	in := randomInstance(4, 16, 120)
	_, cost, err := SolveInstance(context.Background(), in, Options{Iterations: 20_000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := in.Problem()
	plan, err := Solve(context.Background(), p, Options{Iterations: 20_000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	verify(t, p, plan)
	if plan.Cost != cost {
		t.Errorf("capacity form %d, general form %d", cost, plan.Cost)
	}
}

func TestTooFewVehiclesLeaveStopsOut(t *testing.T) {
	p := randomProblem(1, 30)
	p.Vehicles = p.Vehicles[:1]
	p.Vehicles[0].Late = 500
	for i := range p.Stops {
		p.Stops[i].Prize, p.Stops[i].Home = Must, 0
	}
	plan, err := Solve(context.Background(), p, Options{Iterations: 500})
	if err != nil {
		t.Fatal(err)
	}
	verify(t, p, plan)
	if p.Complete(plan) {
		t.Fatal("one vehicle with an hour cannot serve 30 stops")
	}
}

func TestReadVRPLIBSaysWhatIsWrong(t *testing.T) {
	good := "NAME: t\nTYPE: CVRP\nDIMENSION: 3\nEDGE_WEIGHT_TYPE: EUC_2D\nCAPACITY: 9\nNODE_COORD_SECTION\n1 0 0\n2 3 4\n3 0 1\nDEMAND_SECTION\n1 0\n2 5\n3 5\nDEPOT_SECTION\n1\n-1\nEOF\n"
	in, err := ReadVRPLIB(strings.NewReader(good), "t.vrp")
	if err != nil || in.Distance[1] != 5 {
		t.Fatalf("%v %v", in, err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"2 3 4", "2 3 x", `t.vrp:8: "x" is not a number`},
		{"2 3 4", "7 3 4", "t.vrp:8: expected location 2"},
		{"3 5", "3 10", "t.vrp:13: no vehicle can carry 10: the capacity is 9"},
		{"DIMENSION: 3", "DIMENSION: 4", "t.vrp:10: DEMAND_SECTION has 3 lines; DIMENSION says 4"},
		{"DIMENSION: 3", "DIMENSION: 900000", "DIMENSION is 900000"},
		{"DEPOT_SECTION\n1", "DEPOT_SECTION\n2", "t.vrp:15: depot 2"},
		{"DEMAND_SECTION", "PRIZE_SECTION", "PRIZE_SECTION is not supported"},
		{"EUC_2D", "GEO", `EDGE_WEIGHT_TYPE "GEO" is not supported`},
		{"3 5", "3 -5", "t.vrp:13: -5 is below 0"},
		{"NAME: t", "what", `t.vrp:1: "what" is neither`},
	} {
		// DEMAND's lines come after the coordinates', so the last match is meant.
		at := strings.LastIndex(good, c.old)
		text := good[:at] + c.new + good[at+len(c.old):]
		_, err := ReadVRPLIB(strings.NewReader(text), "t.vrp")
		if err == nil || !strings.Contains(err.Error(), c.want) || city.KindOf(err) != city.Invalid {
			t.Errorf("%q for %q: error %v, want %q", c.new, c.old, err, c.want)
		}
	}
}

func FuzzReadVRPLIB(f *testing.F) {
	f.Add("NAME: t\nTYPE: CVRP\nDIMENSION: 3\nEDGE_WEIGHT_TYPE: EUC_2D\nCAPACITY: 9\nNODE_COORD_SECTION\n1 0 0\n2 3 4\n3 0 1\nDEMAND_SECTION\n1 0\n2 5\n3 5\nDEPOT_SECTION\n1\n-1\nEOF\n")
	f.Add("DIMENSION: 2\nEDGE_WEIGHT_TYPE: EXPLICIT\nEDGE_WEIGHT_FORMAT: FULL_MATRIX\nCAPACITY: 9\nVEHICLES: 1\nEDGE_WEIGHT_SECTION\n0 1\n2 0\nDEMAND_SECTION\n1 0\n2 5\nTIME_WINDOW_SECTION\n1 0 90\n2 5 60\nRELEASE_TIME_SECTION\n1 0\n2 7\nVEHICLES_RELOAD_DEPOT_SECTION\n1 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 || strings.Contains(text, "000") {
			return // not about large matrices
		}
		in, err := ReadVRPLIB(strings.NewReader(text), "f")
		if err != nil {
			if city.KindOf(err) != city.Invalid {
				t.Fatalf("kind %v: %v", city.KindOf(err), err)
			}
			return
		}
		if _, _, err := SolveInstance(context.Background(), in, Options{Iterations: 20}); err != nil && city.KindOf(err) != city.Invalid {
			t.Fatal(err)
		}
	})
}
