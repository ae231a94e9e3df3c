package grid_test

import (
	"math"
	"math/cmplx"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"polity/services/power/grid"
)

// small is a source, two lines in a row and a tie, all three-phase.
func small() *grid.Network {
	n := &grid.Network{Name: "small", Frequency: 50}
	for i, name := range []string{"a", "b", "c"} {
		n.AddBus(name, grid.Origin{File: "small.dss", Line: i + 1})
		n.Buses[i].BaseKV = 10
	}
	three := func(bus int) grid.Terminal { return grid.Terminal{Bus: bus, Nodes: []int{1, 2, 3}} }
	z := grid.SequenceZ(complex(0.5, 0.4), complex(0.9, 1.4), 3)
	n.Sources = []grid.Source{{Name: "source", At: three(0), V: grid.Symmetrical(10e3, 0, 3)}}
	n.Lines = []grid.Line{
		{Name: "line.ab", Origin: grid.Origin{File: "small.dss", Line: 10}, Ends: [2]grid.Terminal{three(0), three(1)}, Z: z},
		{Name: "line.bc", Origin: grid.Origin{File: "small.dss", Line: 11}, Ends: [2]grid.Terminal{three(1), three(2)}, Z: z},
		{Name: "line.tie", Origin: grid.Origin{File: "small.dss", Line: 12}, Ends: [2]grid.Terminal{three(2), three(0)}, Z: z, Switch: true, Open: [2]uint32{7, 7}},
	}
	n.Loads = []grid.Load{{Name: "load.c", Origin: grid.Origin{File: "small.dss", Line: 20}, At: grid.Terminal{Bus: 2, Nodes: []int{1, 2, 3, 0}}, Phases: 3, S: 90e3, Volts: 10e3 / math.Sqrt(3)}}
	return n
}

func TestTopologyFollowsSwitches(t *testing.T) {
	n := small()
	if top := n.Topology(); len(top.Loops) != 0 || !top.BusLive(2) || len(top.Nodes) != 9 {
		t.Fatalf("loops %v, %d nodes", top.Loops, len(top.Nodes))
	}
	n.Lines[2].SetClosed(true)
	if top := n.Topology(); len(top.Loops) != 1 || top.Loops[0] != (grid.Element{Kind: grid.LineKind, Index: 2}) {
		t.Fatalf("the switch must be what closes the loop: %v", top.Loops)
	}
	n.Lines[2].SetClosed(false)
	n.Lines[0].Open[0] = 1 << 1 // phase B alone
	top := n.Topology()
	if v := top.Index(1, 2); top.Live[v] || !top.Live[top.Index(1, 1)] || !top.BusLive(1) {
		t.Fatal("one open phase must take its own nodes only")
	}
	c := n.Clone()
	c.Lines[0].SetClosed(false)
	c.Buses[0].BaseKV = 1
	if !n.Lines[0].Closed() || n.Buses[0].BaseKV != 10 || c.Bus("b") != 1 {
		t.Fatal("a clone's state is not its own")
	}
}

// TestCheckNamesElementAndLine: each mistake is named with its element, file and
// line, and what is right is not.
func TestCheckNamesElementAndLine(t *testing.T) {
	if problems := small().Check(); len(problems) != 0 {
		t.Fatalf("nothing is wrong, but: %v", problems)
	}
	for name, c := range map[string]struct {
		spoil func(*grid.Network)
		want  string
	}{
		"missing phase": {func(n *grid.Network) { n.Lines[1].Open[1] = 1 << 2 }, "small.dss:20: fault: load.c: it uses node 3 of bus c, which only nodes 1, 2 reach"},
		"crossed phases": {
			func(n *grid.Network) { n.Lines[1].Ends[1].Nodes = []int{2, 1, 3} },
			"small.dss:11: warning: line.bc: its conductor 1 joins phase 1 of bus b to phase 2 of bus c",
		},
		"zero impedance": {func(n *grid.Network) { n.Lines[0].Z = grid.NewMatrix(3) }, "small.dss:10: fault: line.ab: its series impedance is zero"},
		"loop":           {func(n *grid.Network) { n.Lines[2].SetClosed(true) }, "small.dss:12: remark: line.tie: the network is not radial"},
		"island": {
			func(n *grid.Network) { n.Lines[1].Open[0] = 7 },
			"small.dss:3: warning: bus c: no source reaches this island of 1 buses (c) with 90 kW of load; line.bc, which is open, leads to it",
		},
		"no source":    {func(n *grid.Network) { n.Sources = nil }, "fault: small: there is no source"},
		"line to line": {func(n *grid.Network) { n.Loads[0].Volts = 10e3 }, "line to line instead of line to neutral"},
		"kilovolts":    {func(n *grid.Network) { n.Loads[0].Volts = 5.77 }, "volts instead of kilovolts"},
		"miles": {
			func(n *grid.Network) { n.Lines[0].Metres = 5 },
			"small.dss:10: warning: line.ab: 193.8 ohms per km over 5 m is more than any line has",
		},
		"watts": {
			func(n *grid.Network) {
				n.Transformers = []grid.Transformer{{Name: "t", Phases: 3, RatedVA: 400e3, OutOfService: true}}
				n.Loads[0].S = 90e6
			},
			"is its power in W instead of kW?",
		},
		"a line to itself": {
			func(n *grid.Network) { n.Lines[2].Ends[1] = n.Lines[2].Ends[0] },
			"small.dss:12: warning: line.tie: both its ends are at bus",
		},
		"two voltages": {func(n *grid.Network) { n.Buses[2].BaseKV = 0.4 }, "line.bc: it joins a bus of 10 kV to one of 0.4 kV"},
	} {
		n := small()
		c.spoil(n)
		var all []string
		for _, p := range n.Check() {
			all = append(all, p.String())
		}
		if !strings.Contains(strings.Join(all, "\n"), c.want) {
			t.Errorf("%s: want %q in\n%s", name, c.want, strings.Join(all, "\n"))
		}
	}
}

func TestManyAlikeAreCutShort(t *testing.T) {
	n := small()
	for range 50 {
		l := n.Loads[0]
		l.Volts = 1
		n.Loads = append(n.Loads, l)
	}
	if got := len(n.Check()); got > 20 {
		t.Fatalf("%d problems for one mistake made 50 times", got)
	}
}

// TestAdmittancesConserveCurrent: what an ungrounded element takes in at one
// conductor leaves at others: rows and columns of its admittance add up to zero.
func TestAdmittancesConserveCurrent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := grid.Transformer{Name: "t", Phases: rapid.IntRange(1, 3).Draw(t, "phases"), X: []float64{0.06, 0.08, 0.04}}
		for range rapid.IntRange(2, 3).Draw(t, "windings") {
			x.Windings = append(x.Windings, grid.Winding{
				Delta: rapid.Bool().Draw(t, "delta"), Volts: rapid.SampledFrom([]float64{400, 10e3, 20e3}).Draw(t, "volts"), VA: 1e6, R: 0.005,
				Tap: rapid.Float64Range(0.9, 1.1).Draw(t, "tap"), NeutralOpen: true,
			})
		}
		if len(x.Windings) == 2 {
			x.X = x.X[:1]
		}
		y, err := x.Admittance()
		if err != nil {
			t.Fatal(err)
		}
		per := x.Phases + 1
		for i := range y.N {
			for w := range x.Windings { // within each winding, since windings are isolated from one another
				var sum complex128
				for c := range per {
					sum += y.At(i, w*per+c)
				}
				if scale := cmplx.Abs(y.At(i, i)) + 1; cmplx.Abs(sum) > 1e-9*scale {
					t.Fatalf("row %d, winding %d adds up to %v", i, w, sum)
				}
			}
			for j := range y.N {
				if cmplx.Abs(y.At(i, j)-y.At(j, i)) > 1e-9*(1+cmplx.Abs(y.At(i, j))) {
					t.Fatalf("not symmetric at %d, %d", i, j)
				}
			}
		}
	})
}

func TestTapsMoveInSteps(t *testing.T) {
	w := grid.Winding{Tap: 1, MinTap: 0.9, MaxTap: 1.1, Steps: 32}
	w.SetPosition(5)
	if math.Abs(w.Tap-1.03125) > 1e-12 || w.Position() != 5 {
		t.Fatalf("tap %g at position %d", w.Tap, w.Position())
	}
	w.SetPosition(99)
	if w.Tap != 1.1 || w.Position() != 16 {
		t.Fatalf("tap %g at position %d past the end", w.Tap, w.Position())
	}
}

func TestShuntSteps(t *testing.T) {
	s := grid.Shunt{Phases: 3, At: grid.Terminal{Nodes: []int{1, 2, 3}}, Steps: []grid.Step{{Y: 1i}, {Y: 2i}}}
	if s.DropStep() || !s.AddStep() || !s.AddStep() || s.AddStep() || s.On() != 2 {
		t.Fatal("steps do not count")
	}
	if y := s.Admittance(); y.At(1, 1) != 3i || y.At(0, 1) != 0 {
		t.Fatalf("wye bank: %v", y)
	}
	s.Delta = true
	if y := s.Admittance(); y.At(0, 0) != 6i || y.At(0, 1) != -3i {
		t.Fatalf("delta bank: %v", y)
	}
	if y := grid.Capacitance(600e3, 20e3, 3, false); math.Abs(imag(y)*20e3*20e3-600e3) > 1e-6 {
		t.Fatalf("600 kvar at 20 kV: %v", y)
	}
}
