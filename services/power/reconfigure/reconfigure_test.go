package reconfigure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"polity/city"
	"polity/services/power/flow"
	"polity/services/power/grid"
	"polity/services/power/matpower"
	"polity/services/power/radial"
)

func case33(t testing.TB) *grid.Network {
	t.Helper()
	net, err := matpower.Read("../example/networks/case33.m")
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// TestBaranWu: the best configuration of the 33-bus network is known (switches 7,
// 9, 14, 32 and 37 open, 139.55 kW); it is found and proven.
func TestBaranWu(t *testing.T) {
	plan, err := Optimise(t.Context(), case33(t), Options{Switchable: All})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(plan.Open, []int{6, 8, 13, 31, 36}) || math.Abs(plan.LossW-139551) > 1 || math.Abs(plan.StartW-202677) > 1 {
		t.Errorf("open %v, %.1f W instead of %.1f W", plan.Open, plan.LossW, plan.StartW)
	}
	if !plan.Proven || plan.Method != ByBound || plan.Trees != 50751 || plan.BoundW < plan.LossW*(1-1e-6) || plan.BoundW > plan.LossW*(1+1e-6) {
		t.Errorf("proof: %+v", plan)
	}
	if plan.RelaxedW >= plan.LossW || plan.RelaxedW < 0.7*plan.LossW || plan.Families > 5000 {
		t.Errorf("bound before the search %.1f W, %d families", plan.RelaxedW, plan.Families)
	}
	if !strings.Contains(plan.Reason, "proven best of 50751") || strings.Count(plan.Reason, ".") > 12 {
		t.Errorf("reason: %s", plan.Reason)
	}
}

// TestProofAgainstAllTrees: solving each of the 50,751 radial configurations
// finds none better, and no configuration is below the relaxation of the network.
func TestProofAgainstAllTrees(t *testing.T) {
	g, err := radial.New(case33(t), All)
	if err != nil {
		t.Fatal(err)
	}
	s := radial.NewSweeper(g)
	all := make([]bool, len(g.Edges))
	for k := range all {
		all[k] = true
	}
	relaxed := newMesh(g, all).bound()
	count, best := 0, math.Inf(1)
	g.Enumerate(func(closed []bool) bool {
		count++
		if !s.Span(closed) {
			t.Fatal("not a tree")
		}
		if loss, ok := s.Solve(); ok {
			best = min(best, loss)
			if loss < relaxed {
				t.Fatalf("a configuration loses %g, below the relaxation's %g", loss, relaxed)
			}
		}
		return true
	})
	if count != 50751 || math.Abs(best*1e6-139551.3) > 1 {
		t.Fatalf("%d configurations, the best loses %.1f W", count, best*1e6)
	}
}

// meshed draws a small balanced network with ties.
func meshed(t *rapid.T) *grid.Network {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
	n := rapid.IntRange(3, 9).Draw(t, "buses")
	net := &grid.Network{Name: "random", Frequency: 50, Balanced: true}
	for i := range n {
		net.AddBus(fmt.Sprint(i), grid.Origin{})
		net.Buses[i].BaseKV = 10
	}
	net.Sources = []grid.Source{{Name: "s", At: grid.Terminal{Bus: 0, Nodes: []int{1}}, V: []complex128{complex(10e3/math.Sqrt(3), 0)}}}
	line := func(a, b int, closed bool) {
		z := grid.NewMatrix(1)
		z.Set(0, 0, complex(0.2+rng.Float64(), 0.2+rng.Float64()))
		l := grid.Line{Name: fmt.Sprintf("line.%d", len(net.Lines)), Ends: [2]grid.Terminal{{Bus: a, Nodes: []int{1}}, {Bus: b, Nodes: []int{1}}}, Z: z}
		l.SetClosed(closed)
		net.Lines = append(net.Lines, l)
	}
	for i := 1; i < n; i++ {
		line(rng.IntN(i), i, true)
		net.Loads = append(net.Loads, grid.Load{
			Name: fmt.Sprint("load.", i), At: grid.Terminal{Bus: i, Nodes: []int{1, 0}}, Phases: 1, Volts: 10e3 / math.Sqrt(3),
			S: complex(1e6*rng.Float64(), 0.5e6*rng.Float64()),
		})
	}
	for range rapid.IntRange(1, 4).Draw(t, "ties") {
		if a, b := rng.IntN(n), rng.IntN(n); a != b {
			line(a, b, false)
		}
	}
	return net
}

// TestSearchEqualsEnumeration: on any small network branch and bound finds the
// best of all configurations, counts them right, and its sweeps agree with the
// full power flow.
func TestSearchEqualsEnumeration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		net := meshed(t)
		plan, err := Optimise(context.Background(), net, Options{Switchable: All, Rounds: 5})
		if err != nil {
			t.Fatal(err)
		}
		g, err := radial.New(net, All)
		if err != nil {
			t.Fatal(err)
		}
		s, count, best := radial.NewSweeper(g), 0, math.Inf(1)
		g.Enumerate(func(closed []bool) bool {
			count++
			if s.Span(closed) {
				if loss, ok := s.Solve(); ok {
					best = min(best, loss)
				}
			}
			return true
		})
		if !plan.Proven || math.Abs(plan.LossW/(best*1e6)-1) > 1e-7 || float64(count) != plan.Trees {
			t.Fatalf("%d configurations, best %.3f W; found %+v", count, best*1e6, plan)
		}
	})
}

// TestOpeningUpdatesTheRelaxation: opening an edge by the rank-one formula gives
// the relaxation computed anew, and the predicted rise.
func TestOpeningUpdatesTheRelaxation(t *testing.T) {
	g, err := radial.New(case33(t), All)
	if err != nil {
		t.Fatal(err)
	}
	usable := make([]bool, len(g.Edges))
	for k := range usable {
		usable[k] = true
	}
	m := newMesh(g, usable)
	for _, k := range []int{6, 36, 8} {
		want := m.bound() + m.rise(k)
		m = m.opened(k)
		usable[k] = false
		fresh := newMesh(g, usable)
		if math.Abs(m.bound()/fresh.bound()-1) > 1e-9 || math.Abs(want/fresh.bound()-1) > 1e-9 {
			t.Fatalf("edge %d: %g, predicted %g, anew %g", k, m.bound(), want, fresh.bound())
		}
	}
	for k := range g.Edges {
		if k == 0 && !math.IsInf(m.rise(k), 1) {
			t.Error("the only line from the source is a bridge")
		}
	}
}

func TestLimitsAreKept(t *testing.T) {
	net := case33(t)
	free, err := Optimise(t.Context(), net, Options{Switchable: All})
	if err != nil {
		t.Fatal(err)
	}
	limit := free.LowestPU + 0.002
	plan, err := Optimise(t.Context(), net, Options{Switchable: All, Limits: Limits{VMin: limit}})
	if err != nil {
		t.Fatal(err)
	}
	if plan.LowestPU < limit || plan.LossW <= free.LossW || !plan.Proven {
		t.Errorf("lowest %.5f for a limit of %.5f, loss %.1f W after %.1f W", plan.LowestPU, limit, plan.LossW, free.LossW)
	}
	_, err = Optimise(t.Context(), net, Options{Switchable: All, Limits: Limits{VMin: 0.99}})
	if city.KindOf(err) != city.NotFound {
		t.Errorf("a limit that nothing keeps: %v", err)
	}
}

// TestSpentBudgetIsNoProof: a search that was cut short says so, and its bound
// holds.
func TestSpentBudgetIsNoProof(t *testing.T) {
	plan, err := Optimise(t.Context(), case33(t), Options{Switchable: All, Families: 3})
	if err != nil {
		t.Fatal(err)
	}
	if plan.Proven || plan.Method != BySearch || plan.BoundW >= plan.LossW || plan.BoundW < plan.RelaxedW {
		t.Errorf("%+v", plan)
	}
}

func TestUnbalancedByFullFlows(t *testing.T) {
	net := case33(t)
	net.Balanced = false // each node is a phase of its own
	net.Loads = net.Loads[:12]
	few := map[int]bool{6: true, 32: true, 34: true, 8: true}
	plan, err := Optimise(t.Context(), net, Options{Switchable: func(i int) bool { return few[i] }})
	if err != nil {
		t.Fatal(err)
	}
	if plan.Method != ByEnumeration || !plan.Proven || plan.Flows != int(plan.Trees) {
		t.Errorf("%+v", plan)
	}
	if slices.Contains(plan.Open, 34) {
		t.Fatalf("line 34 is meant to be closed in the best plan; open are %v", plan.Open)
	}
	// the same switch on another phase than the loads': losses would be lower with it
	// closed and half the loads dark, so it must stay open
	net.Lines[34].Ends[0].Nodes = []int{2}
	net.Lines[34].Ends[1].Nodes = []int{2}
	without, err := Optimise(t.Context(), net, Options{Switchable: func(i int) bool { return few[i] }})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(without.Open, 34) || without.Flows >= int(without.Trees) {
		t.Errorf("a switch of the wrong phase is used: %+v", without)
	}
	s, err := flow.New(net, flow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Solve(); err != nil || plan.LossW > real(r.Losses()) {
		t.Errorf("worse than now: %v", err)
	}
	if _, err := Optimise(t.Context(), net, Options{Switchable: All}); city.KindOf(err) != city.TooLarge {
		t.Errorf("too many configurations for full flows: %v", err)
	}
}

func TestLoopWithoutSwitchesIsNamed(t *testing.T) {
	net := case33(t)
	net.Lines[32].SetClosed(true)
	_, err := Optimise(t.Context(), net, Options{Switchable: func(i int) bool { return i > 32 }})
	if err == nil || !strings.Contains(err.Error(), "branch.33") || !strings.Contains(err.Error(), "loop") {
		t.Errorf("%v", err)
	}
	net.Sources = nil
	if _, err := Optimise(t.Context(), net, Options{}); city.KindOf(err) != city.Invalid {
		t.Errorf("without a source: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if plan, err := Optimise(ctx, case33(t), Options{Switchable: All}); err == nil && plan.Proven {
		t.Error("a cancelled search proved something")
	} else if err != nil && !errors.Is(err, context.Canceled) {
		t.Log(err)
	}
}
