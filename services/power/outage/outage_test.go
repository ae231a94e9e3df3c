package outage_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/city"
	"polity/services/power/flow"
	"polity/services/power/grid"
	"polity/services/power/matpower"
	"polity/services/power/outage"
)

// branching is a tree whose bus i hangs on bus parent[i], with a load at each bus but
// the first.
func branching(parent []int) *grid.Network {
	net := &grid.Network{Name: "tree", Balanced: true, Frequency: 50}
	for i, p := range parent {
		net.Buses[net.AddBus(fmt.Sprint("b", i), grid.Origin{})].BaseKV = 10
		if i == 0 {
			net.Sources = []grid.Source{{Name: "s", At: grid.Terminal{Bus: 0, Nodes: []int{1}}, V: []complex128{5773}}}
			continue
		}
		z := grid.NewMatrix(1)
		z.Set(0, 0, 1+1i)
		net.Lines = append(net.Lines, grid.Line{Name: fmt.Sprint("l", i), Ends: [2]grid.Terminal{{Bus: p, Nodes: []int{1}}, {Bus: i, Nodes: []int{1}}}, Z: z})
		net.Loads = append(net.Loads, grid.Load{Name: fmt.Sprint("d", i), At: grid.Terminal{Bus: i, Nodes: []int{1, 0}}, Phases: 1, S: 1000, Customers: 1})
	}
	return net
}

// likelihood of the reports when these lines are open, and which buses are dark:
// straight from the definitions, report by report.
func likelihood(parent []int, e outage.Evidence, open int) (float64, []bool) {
	r := e.Rates
	dark := make([]bool, len(parent))
	p := 1.0
	for i := 1; i < len(parent); i++ {
		isOpen := open>>(i-1)&1 == 1
		dark[i] = dark[parent[i]] || isOpen
		if isOpen {
			p *= r.Failure
		} else {
			p *= 1 - r.Failure
		}
	}
	pick := func(isDark bool, d, l float64) float64 {
		if isDark {
			return d
		}
		return l
	}
	said, called := map[int]bool{}, map[int]bool{}
	for _, x := range e.Reports {
		at := dark[x.Load+1]
		switch {
		case x.Call:
			p *= pick(at, r.Call, r.FalseCall)
			called[x.Load] = true
		case x.Dark:
			p *= pick(at, r.Gasp, r.FalseGasp)
			said[x.Load] = true
		default:
			p *= pick(at, r.FalseAnswer, 1)
			said[x.Load] = true
		}
	}
	for l := range len(parent) - 1 {
		if !called[l] {
			p *= pick(dark[l+1], 1-r.Call, 1-r.FalseCall)
		}
		if !said[l] && e.Metered(l) {
			p *= pick(dark[l+1], 1-r.Gasp, 1-r.FalseGasp)
		}
	}
	return p, dark
}

// TestProbabilitiesAreExact: on any small tree with any reports the probabilities
// are those that adding up all sets of open lines gives, and no set of lines that
// are open with power before them is likelier than the one proposed.
func TestProbabilitiesAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parent := []int{0}
		for i := range rapid.IntRange(1, 8).Draw(t, "lines") {
			parent = append(parent, rapid.IntRange(0, i).Draw(t, "parent"))
		}
		net := branching(parent)
		e := outage.Evidence{Rates: outage.Usual(), Metered: func(l int) bool { return l%3 != 0 }}
		e.Rates.Failure = rapid.Float64Range(0.001, 0.3).Draw(t, "failure")
		for l := range net.Loads {
			switch rapid.IntRange(0, 4).Draw(t, "says") {
			case 0:
				e.Reports = append(e.Reports, outage.Report{Load: l, Dark: true})
			case 1:
				e.Reports = append(e.Reports, outage.Report{Load: l, Dark: true, Call: true})
			case 2:
				e.Reports = append(e.Reports, outage.Report{Load: l})
			}
		}
		got, err := outage.Infer(net, e)
		if err != nil {
			t.Fatal(err)
		}
		total, darkness, sets := 0.0, make([]float64, len(parent)), map[int]float64{}
		for open := range 1 << len(net.Lines) {
			p, dark := likelihood(parent, e, open)
			total += p
			sets[seen(parent, dark, open)] += p
			for b, d := range dark {
				if d {
					darkness[b] += p
				}
			}
		}
		for b, p := range got.Dark {
			if math.Abs(p-darkness[b]/total) > 1e-9 {
				t.Fatalf("bus %d: dark with %.12f instead of %.12f", b, p, darkness[b]/total)
			}
		}
		open := 0
		for _, o := range got.Outages {
			open |= 1 << o.Line
		}
		for other, p := range sets {
			if sets[open] < p*(1-1e-9) {
				t.Fatalf("set %b has %.3g, set %b %.3g", open, sets[open], other, p)
			}
		}
	})
}

// seen keeps of the open lines those that have power before them.
func seen(parent []int, dark []bool, open int) int {
	for i := 1; i < len(parent); i++ {
		if dark[parent[i]] {
			open &^= 1 << (i - 1)
		}
	}
	return open
}

// TestStorm: three faults in the 33-bus network, a third of the gasps lost, meters
// that lie, and calls: the three are found, whatever the seed.
func TestStorm(t *testing.T) {
	net, err := matpower.Read("../example/networks/case33.m")
	if err != nil {
		t.Fatal(err)
	}
	// ten homes at each bus
	base := net.Loads
	net.Loads = nil
	for i := range base {
		for range 10 {
			l := base[i]
			l.Customers = 1
			net.Loads = append(net.Loads, l)
		}
	}
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		broken := map[int]bool{9: true, 19: true, 25: true}
		storm := net.Clone()
		for i := range broken {
			storm.Lines[i].SetClosed(false)
		}
		top := storm.Topology()
		e := outage.Evidence{Metered: func(l int) bool { return l%10 < 6 }}
		lies := 0
		for l := range net.Loads {
			dark := !top.BusLive(net.Loads[l].At.Bus)
			switch metered := e.Metered(l); {
			case metered && dark && rng.Float64() < 0.7, metered && !dark && rng.Float64() < 0.005:
				e.Reports = append(e.Reports, outage.Report{Load: l, Dark: true})
				if !dark {
					lies++
				}
			case !metered && dark && rng.Float64() < 0.1:
				e.Reports = append(e.Reports, outage.Report{Load: l, Dark: true, Call: true})
			}
		}
		got, err := outage.Infer(net, e)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Outages) != 3 || len(got.Stray) != lies {
			t.Errorf("seed %d: %d outages, %d of %d lies found", seed, len(got.Outages), len(got.Stray), lies)
		}
		for _, o := range got.Outages {
			if !broken[o.Line] || o.Probability < 0.5 || o.Customers != len(o.Loads) {
				t.Errorf("seed %d: %s, %d customers", seed, o.Reason, o.Customers)
			}
		}
	}
}

// TestOneMeterAgainstItsNeighbours: a single last gasp among meters that answer is a
// lie or a fuse, not an outage; without a word from the neighbours' meters it is the
// line to its house, and the answer names what else it could be.
func TestOneMeterAgainstItsNeighbours(t *testing.T) {
	net := branching([]int{0, 0, 1, 2, 3})
	e := outage.Evidence{Reports: []outage.Report{{Load: 1, Dark: true}, {Load: 2}, {Load: 3}}}
	got, err := outage.Infer(net, e)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Outages) != 0 || len(got.Stray) != 1 || got.Stray[0].Load != 1 {
		t.Errorf("%+v", got)
	}
	e = outage.Evidence{
		Reports: []outage.Report{{Load: 2, Dark: true}, {Load: 3, Dark: true}, {Load: 3, Dark: true, Call: true}, {Load: 2, Dark: true, Call: true}},
		Devices: func(line int) bool { return line == 0 || line == 2 },
	}
	if got, err = outage.Infer(net, e); err != nil {
		t.Fatal(err)
	}
	if len(got.Outages) != 1 || got.Outages[0].Line != 2 || len(got.Outages[0].Others) != 1 || got.Outages[0].Others[0].Line != 0 {
		t.Fatalf("%+v", got.Outages)
	}
	if r := got.Outages[0].Reason; !strings.HasPrefix(r, "4 reports of darkness behind l3, 0 against: it is open") {
		t.Error(r)
	}
}

// TestRefusals: what inference cannot work with is named.
func TestRefusals(t *testing.T) {
	loop := branching([]int{0, 0, 1, 2})
	loop.Lines = append(loop.Lines, grid.Line{Name: "tie", Ends: [2]grid.Terminal{{Bus: 0, Nodes: []int{1}}, {Bus: 3, Nodes: []int{1}}}, Z: loop.Lines[0].Z})
	if _, err := outage.Infer(loop, outage.Evidence{}); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "closes a loop") {
		t.Errorf("a loop: %v", err)
	}
	net := branching([]int{0, 0})
	if _, err := outage.Infer(net, outage.Evidence{Reports: []outage.Report{{Load: 7}}}); city.KindOf(err) != city.NotFound {
		t.Errorf("a meter nowhere: %v", err)
	}
	r := outage.Usual()
	r.FalseGasp = 0.9
	if _, err := outage.Infer(net, outage.Evidence{Rates: r}); city.KindOf(err) != city.Invalid {
		t.Errorf("gasps that say nothing: %v", err)
	}
}

// TestLocate: the measured current of a fault leads to its bus.
func TestLocate(t *testing.T) {
	net := branching([]int{0, 0, 1, 2, 1})
	short, err := flow.NewShortCircuit(net)
	if err != nil {
		t.Fatal(err)
	}
	for _, bus := range []int{1, 2, 3} {
		amps, ok := short.Least(bus)
		if !ok {
			t.Fatal("no short circuit at", bus)
		}
		places, err := outage.Locate(net, []int{1, 2, 3}, amps*1.02)
		if err != nil || len(places) != 3 || places[0].Bus != bus || math.Abs(places[0].Off-0.02) > 1e-9 {
			t.Errorf("fault at %d: %+v, %v", bus, places, err)
		}
	}
}

// TestReliability: the sums of IEEE Std 1366 on a day worked out by hand.
func TestReliability(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(1, 0, 0)
	at := func(hours, minutes float64, customers int, planned bool) outage.Interruption {
		start := from.Add(time.Duration(hours * float64(time.Hour)))
		return outage.Interruption{Start: start, End: start.Add(time.Duration(minutes * float64(time.Minute))), Customers: customers, Planned: planned}
	}
	list := []outage.Interruption{at(10, 90, 200, false), at(20, 5, 1000, false), at(30, 30, 100, false), at(40, 60, 500, true), at(-1, 60, 1000, false), at(9000, 60, 1000, false)}
	got, err := outage.Reliability(list, from, to, 1000, false)
	if err != nil {
		t.Fatal(err)
	}
	want := outage.Indices{SAIDI: 21, SAIFI: 0.3, CAIDI: 70, MAIFI: 1, ASAI: 1 - 21.0/(365*24*60)}
	if math.Abs(got.SAIDI-want.SAIDI)+math.Abs(got.SAIFI-want.SAIFI)+math.Abs(got.CAIDI-want.CAIDI)+math.Abs(got.MAIFI-want.MAIFI)+math.Abs(got.ASAI-want.ASAI) > 1e-9 {
		t.Errorf("%+v instead of %+v", got, want)
	}
	if got, err = outage.Reliability(list, from, to, 1000, true); err != nil || math.Abs(got.SAIDI-51) > 1e-9 {
		t.Errorf("with planned ones: %+v, %v", got, err)
	}
	if _, err = outage.Reliability(list, from, to, 0, false); city.KindOf(err) != city.Invalid {
		t.Error("without customers:", err)
	}
	if _, err = outage.Reliability([]outage.Interruption{at(1, -5, 1, false)}, from, to, 1, false); city.KindOf(err) != city.Invalid {
		t.Error("ends before it begins:", err)
	}
	if got := outage.MajorDay([]float64{math.E, 0, 1 / math.E}); math.Abs(got-math.Exp(2.5*math.Sqrt2)) > 1e-9 {
		t.Errorf("major day above %.4f", got)
	}
}
