package switching_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"polity/city"
	"polity/services/power/dss"
	"polity/services/power/flow"
	"polity/services/power/grid"
	"polity/services/power/switching"
)

func ring(t testing.TB) *grid.Network {
	t.Helper()
	net, err := dss.Read("testdata/ring.dss")
	if err != nil {
		t.Fatal(err)
	}
	if err := flow.AssignBases(net); err != nil {
		t.Fatal(err)
	}
	for i := range net.Lines {
		net.Lines[i].Switch = net.Lines[i].Name != "line.spur"
		net.Lines[i].EmergencyA = 100
	}
	return net
}

func line(t testing.TB, net *grid.Network, name string) int {
	t.Helper()
	i := slices.IndexFunc(net.Lines, func(l grid.Line) bool { return l.Name == "line."+name })
	if i < 0 {
		t.Fatalf("no line %s", name)
	}
	return i
}

func opened(i int) switching.Action { return switching.Action{Kind: switching.Open, Index: i} }
func shut(i int) switching.Action   { return switching.Action{Kind: switching.Close, Index: i} }

func texts(violations []switching.Violation) string {
	var all []string
	for _, v := range violations {
		all = append(all, v.Text)
	}
	return strings.Join(all, "\n")
}

// TestBoard: actions are checked, shown with what they lead to, undone and redone;
// the network that the board started from stays as it was.
func TestBoard(t *testing.T) {
	net := ring(t)
	b := switching.NewBoard(net, switching.Standard(), nil)
	state, err := b.Do(opened(line(t, net, "a2")))
	if err != nil || math.Abs(state.FedW-1060e3) > 1 || len(state.Violations) > 0 {
		t.Fatalf("after a2: %+v, %v", state, err)
	}
	state, err = b.Do(shut(line(t, net, "tie")))
	if err != nil || math.Abs(state.FedW-1560e3) > 1 || state.Result == nil {
		t.Fatalf("after the tie: %+v, %v", state, err)
	}
	if !b.Undo() || b.Network().Lines[line(t, net, "tie")].Closed() || len(b.Done()) != 1 {
		t.Fatal("the tie was not taken back")
	}
	if state, err = b.Redo(); err != nil || math.Abs(state.FedW-1560e3) > 1 {
		t.Fatalf("redo: %+v, %v", state, err)
	}
	if _, err := b.Redo(); city.KindOf(err) != city.Conflict {
		t.Errorf("redo of nothing: %v", err)
	}
	for b.Undo() {
	}
	if b.Undo() || len(b.Done()) != 0 {
		t.Error("more undone than done")
	}
	if !net.Lines[line(t, net, "a2")].Closed() || net.Lines[line(t, net, "tie")].Closed() {
		t.Error("the board changed the network it was given")
	}
}

// TestUndoAfterAnotherAction: what was undone cannot be redone after something
// else was done.
func TestUndoAfterAnotherAction(t *testing.T) {
	net := ring(t)
	b := switching.NewBoard(net, switching.Standard(), nil)
	for _, name := range []string{"a2", "b2"} {
		if _, err := b.Do(opened(line(t, net, name))); err != nil {
			t.Fatal(err)
		}
	}
	b.Undo()
	if _, err := b.Do(shut(line(t, net, "tie"))); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Redo(); err == nil {
		t.Error("b2 was opened again from a past that no longer is")
	}
}

// TestRefusals: what cannot be done changes nothing and says why.
func TestRefusals(t *testing.T) {
	net := ring(t)
	tie := line(t, net, "tie")
	tags := []switching.Tag{{Line: tie, Reason: "people work on it", By: "M. Ortiz"}}
	b := switching.NewBoard(net, switching.Standard(), tags)
	for _, c := range []struct {
		name   string
		action switching.Action
		code   city.Kind
		text   string
	}{
		{"tagged", shut(tie), city.Forbidden, "line.tie is tagged by M. Ortiz: people work on it"},
		{"no effect", shut(line(t, net, "a1")), city.Conflict, "so already"},
		{"unknown line", opened(99), city.NotFound, "no line 99"},
		{"no regulator", switching.Action{Kind: switching.Neutral}, city.NotFound, "no regulator"},
		{"source is on", switching.Action{Kind: switching.Energise}, city.Conflict, "no source 0"},
	} {
		_, err := b.Do(c.action)
		if city.KindOf(err) != c.code || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if len(b.Done()) != 0 || b.Network().Lines[tie].Closed() {
		t.Error("a refused action left a trace")
	}
}

// TestLimits: a state over a limit names element, value and limit in a sentence.
func TestLimits(t *testing.T) {
	net := ring(t)
	tie, a1, a2 := line(t, net, "tie"), line(t, net, "a1"), line(t, net, "a2")
	for _, c := range []struct {
		name   string
		limits switching.Limits
		do     func(*grid.Network)
		want   []string
	}{
		{"within", switching.Standard(), func(*grid.Network) {}, nil},
		{"loop", switching.Standard(), func(n *grid.Network) { n.Lines[tie].SetClosed(true) }, []string{"closes a loop"}},
		{"loop allowed", switching.Limits{Loops: true}, func(n *grid.Network) { n.Lines[tie].SetClosed(true) }, nil},
		{"low", switching.Limits{VMin: 0.99}, func(*grid.Network) {}, []string{"bus bb, phase 2 has 0.9", "0.9900 is the least allowed"}},
		{"high", switching.Limits{VMax: 1.0}, func(*grid.Network) {}, []string{"bus station, phase 1 has 1.0", "1.0000 is the most allowed"}},
		{"overload", switching.Standard(), func(n *grid.Network) {
			n.Lines[a2].SetClosed(false)
			n.Lines[tie].SetClosed(true)
			n.Lines[tie].EmergencyA = 20
		}, []string{"line.tie carries", "20.0 A is the most it may"}},
		{"overload ignored", switching.Limits{}, func(n *grid.Network) { n.Lines[a1].EmergencyA = 5 }, nil},
	} {
		n := net.Clone()
		c.do(n)
		state, err := switching.Look(n, c.limits)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := texts(state.Violations)
		if (len(c.want) == 0) != (got == "") {
			t.Errorf("%s: %q", c.name, got)
		}
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %q lacks %q", c.name, got, w)
			}
		}
	}
}

// TestFedCountsPhases: a dark phase takes its third of the load with it, and the
// customer of a load that lacks a phase is not counted as fed.
func TestFedCountsPhases(t *testing.T) {
	net := ring(t)
	for i := range net.Loads {
		net.Loads[i].Customers = 10
	}
	watts, customers := switching.Fed(net)
	if math.Abs(watts-1560e3) > 1 || customers != 50 {
		t.Fatalf("all: %.0f W, %d customers", watts, customers)
	}
	net.Lines[line(t, net, "a2")].Open[0] = 1 // phase 1 alone
	if watts, customers = switching.Fed(net); math.Abs(watts-1560e3+500e3/3) > 1 || customers != 40 {
		t.Errorf("one phase open: %.0f W, %d customers", watts, customers)
	}
	net.Sources[0].OutOf = true
	if watts, customers = switching.Fed(net); watts != 0 || customers != 0 {
		t.Errorf("no source: %.0f W, %d customers", watts, customers)
	}
}

// TestProtection: a device must carry the load with a margin and see the smallest
// short circuit of its zone, and a transfer of load or of a longer zone can break
// either.
func TestProtection(t *testing.T) {
	net := ring(t)
	b1, spur := line(t, net, "b1"), line(t, net, "spur")
	check := func(n *grid.Network, devices ...switching.Device) string {
		t.Helper()
		state, err := switching.Look(n, switching.Limits{Devices: devices})
		if err != nil {
			t.Fatal(err)
		}
		return texts(state.Violations)
	}
	if got := check(net, switching.Device{Line: b1, Pickup: 100}, switching.Device{Line: spur, Pickup: 30}); got != "" {
		t.Errorf("as set: %s", got)
	}
	if got := check(net, switching.Device{Line: b1, Pickup: 50}); !strings.Contains(got, "line.b1 carries") || !strings.Contains(got, "too near") {
		t.Errorf("pickup at load: %s", got)
	}
	if got := check(net, switching.Device{Line: b1, Pickup: 900}); !strings.Contains(got, "may not see a short circuit at bus") {
		t.Errorf("insensitive: %s", got)
	}
	moved := net.Clone()
	moved.Lines[line(t, net, "a1")].SetClosed(false)
	moved.Lines[line(t, net, "tie")].SetClosed(true)
	if got := check(moved, switching.Device{Line: b1, Pickup: 100}); !strings.Contains(got, "too near") {
		t.Errorf("with the other feeder's load: %q", got)
	}
	moved.Sources[0].OutOf = true
	if state, err := switching.Look(moved, switching.Limits{Devices: []switching.Device{{Line: b1, Pickup: 1}}}); err != nil || len(state.Violations) > 0 {
		t.Errorf("dead: %+v, %v", state, err)
	}
}

// TestOrder: an order lists each step with what it leads to, and stops at the
// first that breaks a limit.
func TestOrder(t *testing.T) {
	net := ring(t)
	actions := []switching.Action{opened(line(t, net, "a2")), shut(line(t, net, "tie"))}
	why := []string{"It cuts the fault off.", "It feeds the part behind it from the other side."}
	order, err := switching.Make("Transfer of aa", net, actions, why, switching.Standard(), nil)
	if err != nil {
		t.Fatal(err)
	}
	sheet := order.Sheet()
	for _, want := range []string{"Transfer of aa\n", "  1  [ ]  open line.a2", "then 1060 kW fed", "  2  [ ]  close line.tie", "then 1560 kW fed, voltages 0.9", "highest loading"} {
		if !strings.Contains(sheet, want) {
			t.Errorf("the sheet lacks %q:\n%s", want, sheet)
		}
	}
	slices.Reverse(actions)
	if _, err = switching.Make("Loop", net, actions, why, switching.Standard(), nil); city.KindOf(err) != city.Conflict || !strings.Contains(err.Error(), "step 1, close line.tie") {
		t.Errorf("a loop on the way: %v", err)
	}
	net.Lines[line(t, net, "tie")].EmergencyA = 5
	slices.Reverse(actions)
	if _, err = switching.Make("Too much", net, actions, why, switching.Standard(), nil); err == nil || !strings.Contains(err.Error(), "step 2, close line.tie: line.tie carries") {
		t.Errorf("an overload on the way: %v", err)
	}
}
