package restore_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"polity/city"
	"polity/services/power/dss"
	"polity/services/power/flow"
	"polity/services/power/grid"
	"polity/services/power/matpower"
	"polity/services/power/restore"
	"polity/services/power/switching"
)

func all(int) bool { return true }

func case33(t testing.TB) *grid.Network {
	t.Helper()
	net, err := matpower.Read("../example/networks/case33.m")
	if err != nil {
		t.Fatal(err)
	}
	return net
}

func ring(t testing.TB) *grid.Network {
	t.Helper()
	net, err := dss.Read("../switching/testdata/ring.dss")
	if err == nil {
		err = flow.AssignBases(net)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range net.Lines {
		net.Lines[i].Switch = net.Lines[i].Name != "line.spur"
		net.Lines[i].EmergencyA = 130
	}
	return net
}

func line(t testing.TB, net *grid.Network, name string) int {
	t.Helper()
	i := slices.IndexFunc(net.Lines, func(l grid.Line) bool { return l.Name == name })
	if i < 0 {
		t.Fatalf("no line %s", name)
	}
	return i
}

func texts(o *switching.Order) string {
	var all []string
	for _, s := range o.Steps {
		all = append(all, s.Text)
	}
	return strings.Join(all, "; ")
}

// replay does the steps of a plan after the trip and returns the load that is fed
// in the end. Each state must be within limits and must not feed the fault.
func replay(t interface{ Fatalf(string, ...any) }, net *grid.Network, p *restore.Plan, limits switching.Limits, tags []switching.Tag) float64 {
	after := net.Clone()
	if i := p.Isolation.Source; i >= 0 {
		after.Sources[i].OutOf = true
	}
	if i := p.Isolation.Tripped; i >= 0 {
		after.Lines[i].SetClosed(false)
	}
	b := switching.NewBoard(after, limits, tags)
	fed, _ := switching.Fed(after)
	isolated := map[int]bool{}
	for _, i := range p.Isolation.Open {
		isolated[i] = true
	}
	for k, step := range p.Order.Steps {
		state, err := b.Do(step.Action)
		if err != nil {
			t.Fatalf("step %d, %s: %v", k+1, step.Text, err)
		}
		if len(state.Violations) > 0 {
			t.Fatalf("step %d, %s: %s", k+1, step.Text, state.Violations[0].Text)
		}
		delete(isolated, step.Action.Index)
		if step.Action.Kind == switching.Energise && len(isolated) > 0 {
			t.Fatalf("step %d feeds the fault before it is cut off", k+1)
		}
		top := b.Network().Topology()
		for _, bus := range p.Isolation.Section {
			if len(isolated) == 0 && top.BusLive(bus) {
				t.Fatalf("step %d, %s: bus %s in the faulted section is live", k+1, step.Text, net.Buses[bus].Name)
			}
		}
		if fed = state.FedW; math.Abs(fed-step.FedW) > 1 {
			t.Fatalf("step %d says %.0f W, it is %.0f W", k+1, step.FedW, fed)
		}
	}
	return fed
}

// TestEveryFaultOf33Buses: every plan is proven, its steps can be done one by one,
// and they feed what it says.
func TestEveryFaultOf33Buses(t *testing.T) {
	net := case33(t)
	o := restore.Options{Limits: switching.Standard(), AtEnds: true, Switchable: all}
	known := map[int]float64{0: 0, 1: 2435e3, 28: 3515e3} // the rest can be fed whole
	for i := range net.Lines {
		if !net.Lines[i].Closed() || (i == 28 && testing.Short()) {
			continue
		}
		plan, err := restore.Restore(t.Context(), net, restore.Fault{Line: i}, o)
		if err != nil || !plan.Proven {
			t.Fatalf("line %d: %v", i, err)
		}
		want, ok := known[i]
		if !ok {
			want = 3715e3
		}
		if fed := replay(t, net, plan, o.Limits, nil); math.Abs(fed-want) > 1 || math.Abs(plan.RestoredW-want) > 1 {
			t.Errorf("line %d: %.0f W fed, %.0f W planned, %.0f W expected", i, fed, plan.RestoredW, want)
		}
	}
}

// small draws a balanced network with loops and loads that its lines can hardly
// carry.
func small(t *rapid.T) *grid.Network {
	n := rapid.IntRange(3, 6).Draw(t, "buses")
	net := &grid.Network{Name: "random", Balanced: true, Frequency: 50}
	for i := range n {
		net.AddBus(fmt.Sprint("b", i), grid.Origin{})
		net.Buses[i].BaseKV = 10
	}
	at := func(bus int) grid.Terminal { return grid.Terminal{Bus: bus, Nodes: []int{1}} }
	net.Sources = []grid.Source{{Name: "s", At: at(0), V: []complex128{complex(10000/math.Sqrt(3), 0)}}}
	add := func(a, b int, closed bool) {
		z := grid.NewMatrix(1)
		z.Set(0, 0, complex(rapid.Float64Range(0.5, 4).Draw(t, "r"), rapid.Float64Range(0.2, 3).Draw(t, "x")))
		l := grid.Line{Name: fmt.Sprint("l", len(net.Lines)), Ends: [2]grid.Terminal{at(a), at(b)}, Z: z, Switch: true}
		if rapid.Bool().Draw(t, "rated") {
			l.EmergencyA = rapid.Float64Range(30, 150).Draw(t, "rating")
		}
		l.SetClosed(closed)
		net.Lines = append(net.Lines, l)
	}
	for i := 1; i < n; i++ {
		add(rapid.IntRange(0, i-1).Draw(t, "from"), i, true)
	}
	for range rapid.IntRange(1, 3).Draw(t, "ties") {
		a := rapid.IntRange(0, n-1).Draw(t, "a")
		if b := rapid.IntRange(0, n-1).Draw(t, "b"); a != b {
			add(a, b, false)
		}
	}
	for i := 1; i < n; i++ {
		s := complex(float64(rapid.IntRange(0, 12).Draw(t, "kw"))*1e5, float64(rapid.IntRange(0, 6).Draw(t, "kvar"))*1e5)
		net.Loads = append(net.Loads, grid.Load{Name: fmt.Sprint("d", i), At: grid.Terminal{Bus: i, Nodes: []int{1, 0}}, Phases: 1, S: s, Volts: 10000 / math.Sqrt(3), Model: grid.ConstantPower})
	}
	return net
}

// mostFed tries every state of the switches by the full power flow.
func mostFed(net *grid.Network, fault int, limits switching.Limits) float64 {
	best := 0.0
	for mask := range 1 << len(net.Lines) {
		if mask>>fault&1 == 1 {
			continue
		}
		n := net.Clone()
		for i := range n.Lines {
			n.Lines[i].SetClosed(mask>>i&1 == 1)
		}
		if fed, _ := switching.Fed(n); fed <= best {
			continue
		}
		if state, err := switching.Look(n, limits); err == nil && len(state.Violations) == 0 {
			best = state.FedW
		}
	}
	return best
}

// TestNoStateFeedsMore: on small networks the plan feeds what the best of all states
// of the switches does.
func TestNoStateFeedsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		net := small(t)
		o := restore.Options{Limits: switching.Limits{VMin: rapid.SampledFrom([]float64{0.85, 0.9, 0.95}).Draw(t, "vmin"), VMax: 1.1, Currents: true}, AtEnds: true}
		fault := rapid.IntRange(0, len(net.Buses)-2).Draw(t, "fault")
		plan, err := restore.Restore(context.Background(), net, restore.Fault{Line: fault}, o)
		if err != nil {
			t.Fatalf("no plan: %v", err)
		}
		fed := replay(t, net, plan, o.Limits, nil)
		if want := mostFed(net, fault, o.Limits); math.Abs(fed-want) > 1 || !plan.Proven {
			t.Fatalf("fault in %s: %.0f W, the best of all is %.0f W (proven: %v)\n%s", net.Lines[fault].Name, fed, want, plan.Proven, plan.Order.Sheet())
		}
	})
}

// TestUnbalancedFeeder: a fault between switches takes its section, the rest comes
// back over the tie; a breaker before it keeps the other feeder on.
func TestUnbalancedFeeder(t *testing.T) {
	net := ring(t)
	o := restore.Options{Limits: switching.Standard(), AtEnds: true, Breakers: []int{line(t, net, "line.a1"), line(t, net, "line.b1")}}
	plan, err := restore.Restore(t.Context(), net, restore.Fault{Line: line(t, net, "line.a1")}, o)
	if err != nil {
		t.Fatal(err)
	}
	if fed := replay(t, net, plan, o.Limits, nil); math.Abs(fed-1560e3) > 1 || !plan.Proven {
		t.Errorf("%.0f W fed: %s", fed, plan.Reason)
	}
	if math.Abs(plan.TrippedW-760e3) > 1 {
		t.Errorf("%.0f W after the trip: the other feeder should stay on", plan.TrippedW)
	}
	if got := texts(plan.Order); got != "close line.tie" {
		t.Errorf("steps: %s", got)
	}
	// a fault in the spur, which has no switch, takes bus b with it
	plan, err = restore.Restore(t.Context(), net, restore.Fault{Line: line(t, net, "line.spur")}, o)
	if err != nil {
		t.Fatal(err)
	}
	if fed := replay(t, net, plan, o.Limits, nil); math.Abs(fed-1100e3) > 1 || math.Abs(plan.SectionW-460e3) > 1 {
		t.Errorf("%.0f W fed, %.0f W in the section: %s", fed, plan.SectionW, texts(plan.Order))
	}
}

// TestTagsStand: a tagged tie stays open, and what hangs on it stays dark.
func TestTagsStand(t *testing.T) {
	net := ring(t)
	o := restore.Options{
		Limits: switching.Standard(), AtEnds: true,
		Tags: []switching.Tag{{Line: line(t, net, "line.tie"), Reason: "people work on it", By: "M. Ortiz"}},
	}
	plan, err := restore.Restore(t.Context(), net, restore.Fault{Line: line(t, net, "line.a1")}, o)
	if err != nil {
		t.Fatal(err)
	}
	if fed := replay(t, net, plan, o.Limits, o.Tags); math.Abs(fed-760e3) > 1 || strings.Contains(texts(plan.Order), "tie") {
		t.Errorf("%.0f W fed by %s", fed, texts(plan.Order))
	}
}

// TestLimitsDecide: where the tie cannot carry both loads behind it, only one of
// them comes back.
func TestLimitsDecide(t *testing.T) {
	net := ring(t)
	net.Lines[line(t, net, "line.b1")].EmergencyA = 100
	o := restore.Options{Limits: switching.Standard(), AtEnds: true}
	plan, err := restore.Restore(t.Context(), net, restore.Fault{Line: line(t, net, "line.a1")}, o)
	if err != nil {
		t.Fatal(err)
	}
	if fed := replay(t, net, plan, o.Limits, nil); math.Abs(fed-1260e3) > 1 || !plan.Proven || !strings.Contains(plan.Reason, "stay dark because no switching keeps them within limits") {
		t.Errorf("%.0f W fed: %s", fed, plan.Reason)
	}
}

// TestDeadPartsAreLeftAlone: what was dead before the fault stays so, unless it is said
// to be dark because of it.
func TestDeadPartsAreLeftAlone(t *testing.T) {
	net := ring(t)
	for _, name := range []string{"line.b1", "line.b2"} { // bus b and its spur are being worked on
		net.Lines[line(t, net, name)].SetClosed(false)
	}
	net.Lines[line(t, net, "line.tie")].SetClosed(true)
	o := restore.Options{Limits: switching.Standard(), AtEnds: true}
	for _, c := range []struct {
		name string
		dark []int
		fed  float64
	}{{"left alone", nil, 0}, {"dark because of it", []int{net.Bus("b"), net.Bus("c")}, 1560e3}} {
		plan, err := restore.Restore(t.Context(), net, restore.Fault{Line: line(t, net, "line.a1"), Dark: c.dark}, o)
		if err != nil {
			t.Fatal(err)
		}
		if fed := replay(t, net, plan, o.Limits, nil); math.Abs(fed-c.fed) > 1 {
			t.Errorf("%s: %.0f W fed by %s", c.name, fed, texts(plan.Order))
		}
	}
	if _, err := restore.Restore(t.Context(), net, restore.Fault{Line: 0, Dark: []int{99}}, o); city.KindOf(err) != city.NotFound {
		t.Errorf("a bus that is not there: %v", err)
	}
}

// TestIsolationNeedsNoFlow: what cuts a fault off is known at once, with a reason.
func TestIsolationNeedsNoFlow(t *testing.T) {
	net := ring(t)
	i, err := restore.Isolate(net, restore.Fault{Line: line(t, net, "line.a2")}, restore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if i.Source != 0 || i.Tripped != -1 || len(i.Section) != 2 || i.Reason != "Opening line.a1 leaves line.a2 without any feed." {
		t.Errorf("%+v", i)
	}
	if _, err := restore.Isolate(net, restore.Fault{Line: 99}, restore.Options{}); city.KindOf(err) != city.NotFound {
		t.Errorf("a fault nowhere: %v", err)
	}
}

// TestImpatience: a caller who waits no longer gets what was found, not proven, or
// an error; never a plan that breaks a limit.
func TestImpatience(t *testing.T) {
	net := case33(t)
	o := restore.Options{Limits: switching.Standard(), AtEnds: true, Switchable: all, Trials: 2000}
	plan, err := restore.Restore(t.Context(), net, restore.Fault{Line: 1}, o)
	if err != nil {
		t.Fatal(err)
	}
	if fed := replay(t, net, plan, o.Limits, nil); plan.Proven || fed < 1e6 || fed > 2435e3+1 {
		t.Errorf("%.0f W fed, proven %v", fed, plan.Proven)
	}
	done, stop := context.WithCancel(t.Context())
	stop()
	if plan, err = restore.Restore(done, net, restore.Fault{Line: 1}, o); err == nil {
		replay(t, net, plan, o.Limits, nil)
		if plan.Proven {
			t.Error("proven without looking")
		}
	}
}
