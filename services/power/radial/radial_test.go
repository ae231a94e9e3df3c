package radial_test

import (
	"fmt"
	"math"
	"math/cmplx"
	"testing"

	"pgregory.net/rapid"

	"polity/services/power/flow"
	"polity/services/power/grid"
	"polity/services/power/matpower"
	"polity/services/power/radial"
)

func all(int) bool { return true }

func case33(t testing.TB) *radial.Graph {
	t.Helper()
	net, err := matpower.Read("../example/networks/case33.m")
	if err != nil {
		t.Fatal(err)
	}
	g, err := radial.New(net, all)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestSweeperAgreesWithThePowerFlow: for any radial configuration the sweeps give
// the voltages, currents and losses of the full power flow.
func TestSweeperAgreesWithThePowerFlow(t *testing.T) {
	g := case33(t)
	if !g.Simple || !g.LoadsOnly() || g.Check() != nil {
		t.Fatalf("simple %v (%s), loads only %v, %v", g.Simple, g.Why, g.LoadsOnly(), g.Check())
	}
	var trees [][]bool
	g.Enumerate(func(closed []bool) bool {
		trees = append(trees, append([]bool(nil), closed...))
		return true
	})
	s := radial.NewSweeper(g)
	rapid.Check(t, func(t *rapid.T) {
		closed := trees[rapid.IntRange(0, len(trees)-1).Draw(t, "tree")]
		full, err := g.Solve(closed)
		ok := s.Span(closed)
		loss, solved := s.Solve()
		if err != nil || !solved {
			if solved {
				t.Fatalf("the sweeps solve what has no solution: %v", err)
			}
			if low := lowest(full, err); low > collapse {
				t.Fatalf("the sweeps do not converge at a lowest voltage of %.3f", low)
			}
			return
		}
		if !ok || s.Reached() != g.Nodes {
			t.Fatalf("a tree with %d of %d nodes", s.Reached(), g.Nodes)
		}
		if want := real(full.Losses()); math.Abs(loss*1e6-want) > 1e-6*want {
			t.Fatalf("losses %.3f instead of %.3f W", loss*1e6, want)
		}
		for v, node := range full.Topology().Nodes {
			if got := cmplx.Abs(s.Voltage(g.Node[node.Bus])); math.Abs(got-full.PerUnit(v)) > 1e-8 {
				t.Fatalf("bus %d: %.9f instead of %.9f", node.Bus, got, full.PerUnit(v))
			}
		}
	})
}

// collapse is the voltage, per unit, near which a feeder collapses: sweeps need not
// converge below it, where Newton's method still may.
const collapse = 0.65

// lowest returns the lowest voltage of a solution, per unit; 0 if there is none.
func lowest(full *flow.Result, err error) float64 {
	if err != nil {
		return 0
	}
	low := math.Inf(1)
	for v := range full.Topology().Nodes {
		low = math.Min(low, full.PerUnit(v))
	}
	return low
}

// TestTreesAreCounted: Kirchhoff's theorem gives the number that enumeration does,
// also with lines that cannot be opened.
func TestTreesAreCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 7).Draw(t, "buses")
		net := &grid.Network{Name: "random", Balanced: true, Frequency: 50}
		for i := range n {
			net.Buses = append(net.Buses, grid.Bus{Name: fmt.Sprint("b", i), BaseKV: 10})
		}
		at := func(bus int) grid.Terminal { return grid.Terminal{Bus: bus, Nodes: []int{1}} }
		net.Sources = []grid.Source{{Name: "s", At: at(0), V: []complex128{complex(10000/math.Sqrt(3), 0)}}}
		fixed := map[int]bool{}
		sets := radial.NewSets(n)
		line := func(a, b int) {
			z := grid.NewMatrix(1)
			z.Set(0, 0, 1+1i)
			net.Lines = append(net.Lines, grid.Line{Name: fmt.Sprint("l", len(net.Lines)), Ends: [2]grid.Terminal{at(a), at(b)}, Z: z, Switch: true})
		}
		for b := 1; b < n; b++ {
			line(rapid.IntRange(0, b-1).Draw(t, "parent"), b)
			if rapid.IntRange(0, 3).Draw(t, "fixed") == 0 {
				l := net.Lines[len(net.Lines)-1]
				fixed[len(net.Lines)-1] = sets.Join(l.Ends[0].Bus, l.Ends[1].Bus)
			}
		}
		for range rapid.IntRange(0, 5).Draw(t, "ties") {
			a, b := rapid.IntRange(0, n-1).Draw(t, "a"), rapid.IntRange(0, n-1).Draw(t, "b")
			if a != b {
				line(a, b)
			}
		}
		g, err := radial.New(net, func(i int) bool { return !fixed[i] })
		if err != nil {
			t.Fatal(err)
		}
		count, seen := 0, map[string]bool{}
		g.Enumerate(func(closed []bool) bool {
			count++
			seen[fmt.Sprint(closed)] = true
			if !g.IsTree(closed) {
				t.Fatalf("%v is no tree", closed)
			}
			return true
		})
		if float64(count) != g.Trees() || len(seen) != count {
			t.Fatalf("%d trees, %d of them different; the theorem says %v", count, len(seen), g.Trees())
		}
	})
}

// TestLoopOfATie: closing an open line and opening any other of its loop gives a
// tree again.
func TestLoopOfATie(t *testing.T) {
	g := case33(t)
	s := radial.NewSweeper(g)
	closed := g.State()
	if !s.Span(closed) {
		t.Fatal("the network as it stands has a loop")
	}
	for k := range g.Edges {
		if closed[k] {
			continue
		}
		loop := s.Loop(k, nil)
		if len(loop) < 2 {
			t.Errorf("edge %d closes a loop of %d others", k, len(loop))
		}
		for _, o := range loop {
			closed[k], closed[o] = true, false
			if !g.IsTree(closed) {
				t.Errorf("%d closed and %d open is no tree", k, o)
			}
			closed[k], closed[o] = false, true
		}
	}
}

// TestDivergenceIsSaid: a load that no voltage can supply has no losses.
func TestDivergenceIsSaid(t *testing.T) {
	g := case33(t)
	s := radial.NewSweeper(g)
	s.Span(g.State())
	g.Load[17] = 100
	if loss, ok := s.Solve(); ok {
		t.Errorf("a load of 100 MW behind a rural feeder is said to lose %g MW", loss)
	}
}
