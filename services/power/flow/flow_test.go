package flow_test

import (
	"errors"
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"polity/services/power/flow"
	"polity/services/power/grid"
)

// feeder draws a radial three-phase feeder with loads of one, two or three
// phases.
func feeder(rng *rand.Rand, buses int) *grid.Network {
	n := &grid.Network{Name: "random", Frequency: 50}
	three := func(bus int) grid.Terminal { return grid.Terminal{Bus: bus, Nodes: []int{1, 2, 3}} }
	for i := range buses {
		n.AddBus(fmt.Sprint(i), grid.Origin{File: "random", Line: i + 1})
		n.Buses[i].BaseKV = 10
		if i == 0 {
			n.Sources = []grid.Source{{Name: "source", At: three(0), V: grid.Symmetrical(10.2e3, 0, 3), Z: grid.SequenceZ(0.01+0.05i, 0.02+0.1i, 3)}}
			continue
		}
		z := complex(0.1+0.3*rng.Float64(), 0.1+0.3*rng.Float64())
		n.Lines = append(n.Lines, grid.Line{
			Name: fmt.Sprint("line.", i), Ends: [2]grid.Terminal{three(rng.IntN(i)), three(i)}, Z: grid.SequenceZ(z, 3*z, 3),
			Shunt: grid.SequenceZ(3e-6i, 2e-6i, 3), RatedA: 300,
		})
		s := complex(20e3+60e3*rng.Float64(), 10e3+20e3*rng.Float64())
		l := grid.Load{Name: fmt.Sprint("load.", i), Phases: 3, S: s, Volts: 10e3 / math.Sqrt(3), Model: grid.Model(rng.IntN(8)), ExpP: 0.7, ExpQ: 2.5, VLow: 0.5, VMin: 0.9, VMax: 1.1}
		l.ZIP = [7]float64{0.3, 0.3, 0.4, 0.5, 0.2, 0.3, 0}
		l.At = grid.Terminal{Bus: i, Nodes: []int{1, 2, 3, 0}}
		if rng.IntN(2) == 0 {
			p := 1 + rng.IntN(3)
			l.Phases, l.At.Nodes = 1, []int{p, 0}
		}
		n.Loads = append(n.Loads, l)
	}
	return n
}

// TestMethodsAgreeAndPowerBalances: on any feeder both methods find the same
// voltages, and what the source gives is what loads and losses take.
func TestMethodsAgreeAndPowerBalances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		n := feeder(rng, rapid.IntRange(2, 25).Draw(t, "buses"))
		if rapid.Bool().Draw(t, "loop") && len(n.Buses) > 3 {
			l := n.Lines[0]
			l.Name, l.Ends = "line.loop", [2]grid.Terminal{n.Lines[len(n.Lines)-1].Ends[1], n.Lines[0].Ends[1]}
			n.Lines = append(n.Lines, l)
		}
		var results [2]*flow.Result
		for i, method := range []flow.Method{flow.Sweep, flow.Newton} {
			s, err := flow.New(n, flow.Options{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			if results[i], err = s.Solve(); err != nil {
				t.Fatal(err)
			}
		}
		for v := range results[0].Topology().Nodes {
			if d := cmplx.Abs(results[0].Voltage(v) - results[1].Voltage(v)); d > 1e-4 {
				t.Fatalf("node %d: the methods differ by %g V", v, d)
			}
		}
		r := results[0]
		out := r.Given(0)
		taken := r.Supplied() + r.Losses()
		if cmplx.Abs(out-taken) > 1e-3+1e-7*cmplx.Abs(out) {
			t.Fatalf("the source gives %v, loads and lines take %v", out, taken)
		}
	})
}

// TestNoResultWithoutConvergence: a load beyond what the line can carry gives an
// error and no voltages, by every method; the error says where.
func TestNoResultWithoutConvergence(t *testing.T) {
	n := feeder(rand.New(rand.NewPCG(1, 1)), 3)
	for i := range n.Loads {
		n.Loads[i].Model, n.Loads[i].VMin, n.Loads[i].VLow = grid.ConstantPower, 0, 0
	}
	n.Loads[1].S = 500e6
	for _, method := range []flow.Method{flow.Auto, flow.Sweep, flow.Newton} {
		s, err := flow.New(n, flow.Options{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Solve()
		if r != nil || !errors.Is(err, flow.ErrNotConverged) || !strings.Contains(err.Error(), "kVA missing") {
			t.Errorf("%v: result %v, error %v", method, r != nil, err)
		}
		s.SetLoad(1, 50e3) // and the solver is usable again
		if r, err = s.Solve(); err != nil || r == nil {
			t.Errorf("%v: after the load is gone: %v", method, err)
		}
		n.Loads[1].S = 500e6
	}
}

// TestChangesInPlaceEqualANewSolver: loads, taps and capacitors changed in a
// solver give what a new solver of the changed network gives, and an earlier
// result keeps its values.
func TestChangesInPlaceEqualANewSolver(t *testing.T) {
	n := readFeeder(t, "testdata/transformers.dss")
	s, err := flow.New(n, flow.Options{HoldTaps: true})
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.Solve()
	if err != nil {
		t.Fatal(err)
	}
	losses, load := before.Losses(), before.Load(0)
	s.SetLoad(0, 200e3+50e3i)
	s.SetLoad(11, 300e3) // constant impedance: part of the matrix
	if n.Loads[11].Model != grid.ConstantImpedance {
		t.Fatal("load 11 is not the one this test means")
	}
	if err := s.SetTap(1, 1, 1.05); err != nil {
		t.Fatal(err)
	}
	after, err := s.Solve()
	if err != nil {
		t.Fatal(err)
	}
	fresh := solve(t, n, flow.Options{HoldTaps: true})
	for v := range fresh.Topology().Nodes {
		if d := cmplx.Abs(after.Voltage(v)-fresh.Voltage(v)) / (1 + cmplx.Abs(fresh.Voltage(v))); d > 1e-8 {
			t.Fatalf("node %d: %v in place, %v anew", v, after.Voltage(v), fresh.Voltage(v))
		}
	}
	if before.Losses() != losses || before.Load(0) != load {
		t.Error("an earlier result changed")
	}
	s.Scale(0)
	if r, err := s.Solve(); err != nil || cmplx.Abs(r.Supplied()) > 1 {
		t.Errorf("scaled to nothing: %v, %v", r.Supplied(), err)
	}
}

func TestDeadPartsCarryNothing(t *testing.T) {
	n := feeder(rand.New(rand.NewPCG(3, 3)), 8)
	n.Lines[0].SetClosed(false)
	r := solve(t, n, flow.Options{})
	top := r.Topology()
	for v, node := range top.Nodes {
		if live := top.Live[v]; live != (r.Voltage(v) != 0) {
			t.Errorf("bus %d: live %v, voltage %v", node.Bus, live, r.Voltage(v))
		}
	}
	if n.Lines[0].Ends[1].Bus != 1 || r.Load(0) != 0 {
		t.Errorf("a load behind the open line draws %v", r.Load(0))
	}
}

// TestOneOpenPhase: a conductor that is open at one end leaves its phase dead
// behind it; its neighbours stay as they are but for the coupling.
func TestOneOpenPhase(t *testing.T) {
	n := feeder(rand.New(rand.NewPCG(4, 4)), 2)
	n.Loads[0].At, n.Loads[0].Phases = grid.Terminal{Bus: 1, Nodes: []int{1, 2, 3, 0}}, 3
	n.Lines[0].Open[0] = 1 << 2
	r := solve(t, n, flow.Options{})
	top := r.Topology()
	if v := top.Index(1, 3); top.Live[v] || r.Voltage(v) != 0 {
		t.Error("phase C must be dead")
	}
	whole := n.Loads[0].S
	if got := real(r.Load(0)); math.Abs(got/real(whole)-2.0/3) > 0.1 {
		t.Errorf("two of three phases draw %g of %g W", got, real(whole))
	}
}

func TestFloatingWindingIsNamed(t *testing.T) {
	n := feeder(rand.New(rand.NewPCG(5, 5)), 2)
	n.AddBus("lv", grid.Origin{File: "feeder.dss", Line: 9})
	if _, err := flow.New(n, flow.Options{}); err != nil {
		t.Fatal(err) // a bus that nothing feeds needs no nominal voltage
	}
	n.Transformers = []grid.Transformer{{Name: "t", Phases: 3, X: []float64{0.05}, Windings: []grid.Winding{
		{Terminal: grid.Terminal{Bus: 1, Nodes: []int{1, 2, 3, 0}}, Volts: 10e3, VA: 1e6, R: 0.005, Tap: 1},
		{Terminal: grid.Terminal{Bus: 2, Nodes: []int{1, 2, 3, 0}}, Volts: 400, VA: 1e6, R: 0.005, Tap: 1, Delta: true},
	}}}
	n.Buses[2].BaseKV = 0.4
	s, err := flow.New(n, flow.Options{})
	if err == nil {
		_, err = s.Solve()
	}
	if err == nil || !strings.Contains(err.Error(), "feeder.dss:9") || !strings.Contains(err.Error(), "floats") {
		t.Errorf("a delta that nothing grounds: %v", err)
	}
	n.Transformers[0].AntiFloat = 1e-6
	solve(t, n, flow.Options{})
	n.Buses[2].BaseKV = 0
	if _, err := flow.New(n, flow.Options{}); err == nil || !strings.Contains(err.Error(), "bus lv has no nominal voltage") {
		t.Errorf("without a nominal voltage: %v", err)
	}
}

// TestGeneratorHoldsVoltageWithinItsVars: it holds the voltage as long as its
// vars last, and then gives what it has.
func TestGeneratorHoldsVoltageWithinItsVars(t *testing.T) {
	n := feeder(rand.New(rand.NewPCG(6, 6)), 6)
	n.Generators = []grid.Generator{{
		Name: "g", At: grid.Terminal{Bus: 5, Nodes: []int{1, 2, 3, 0}}, Phases: 3, S: 100e3, Volts: 10e3 / math.Sqrt(3), Hold: 1.02,
	}}
	r := solve(t, n, flow.Options{})
	mean := 0.0
	for p := 1; p <= 3; p++ {
		mean += r.PerUnit(r.Topology().Index(5, p)) / 3
	}
	if math.Abs(mean-1.02) > 1e-9 || r.Method != flow.Newton {
		t.Errorf("mean voltage %.9f by %v", mean, r.Method)
	}
	q := imag(r.Fed(0))
	n.Generators[0].QMin, n.Generators[0].QMax = -math.Abs(q)/2, math.Abs(q)/2
	if r := solve(t, n, flow.Options{}); math.Abs(math.Abs(imag(r.Fed(0)))-math.Abs(q)/2) > 1 {
		t.Errorf("feeds %v, limit %g var", r.Fed(0), q/2)
	}
}

func TestHuntingRegulatorsEnd(t *testing.T) {
	n := readFeeder(t, "testdata/transformers.dss")
	n.MaxControlSteps = 2
	r := solve(t, n, flow.Options{})
	if !r.Hunting {
		t.Error("two steps cannot be enough, and the result must say so")
	}
	before := n.Transformers[1].Windings[1].Tap
	held := solve(t, n, flow.Options{HoldTaps: true})
	if held.ControlSteps != 0 || n.Transformers[1].Windings[1].Tap != before {
		t.Error("taps moved although they were held")
	}
}

func TestNominalVoltagesAreFound(t *testing.T) {
	n := readFeeder(t, "testdata/transformers.dss")
	for bus, want := range map[string]float64{"grid": 69, "mv": 12.47, "r": 12.47, "lv1": 0.4, "lv2": 0.48, "s": 0.208, "t2": 4.16} {
		if got := n.Buses[n.Bus(bus)].BaseKV; got != want {
			t.Errorf("bus %s: %g kV, want %g", bus, got, want)
		}
	}
}
