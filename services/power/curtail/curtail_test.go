package curtail_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"polity/city"
	"polity/services/power/curtail"
	"polity/services/power/grid"
	"polity/services/power/switching"
)

// street is a source, a line of so many amperes, and behind it on buses of their own
// loads and one generator, all in watts; a second line to a load beside it.
func street(amps float64, sun float64, loads ...float64) *grid.Network {
	net := &grid.Network{Name: "street", Balanced: true, Frequency: 50}
	volts := 400 / math.Sqrt(3)
	bus := func(name string) int {
		b := net.AddBus(name, grid.Origin{})
		net.Buses[b].BaseKV = 0.4
		return b
	}
	at := func(b int) grid.Terminal { return grid.Terminal{Bus: b, Nodes: []int{1, grid.Earth}} }
	line := func(a, b int, ohms, amps float64) {
		z := grid.NewMatrix(1)
		z.Set(0, 0, complex(ohms, ohms/4))
		net.Lines = append(net.Lines, grid.Line{
			Name: fmt.Sprint("line.", len(net.Lines)), Ends: [2]grid.Terminal{{Bus: a, Nodes: []int{1}}, {Bus: b, Nodes: []int{1}}}, Z: z, EmergencyA: amps,
		})
	}
	root, end := bus("root"), bus("end")
	net.Sources = []grid.Source{{Name: "s", At: grid.Terminal{Bus: root, Nodes: []int{1}}, V: []complex128{complex(volts, 0)}}}
	line(root, end, 0.05, amps)
	for i, w := range loads {
		net.Loads = append(net.Loads, grid.Load{Name: fmt.Sprint("load.", i), At: at(end), Phases: 1, S: complex(w, 0), Volts: volts})
	}
	beside := bus("beside")
	line(root, beside, 0.05, 0)
	net.Loads = append(net.Loads, grid.Load{Name: "load.beside", At: at(beside), Phases: 1, S: 5000, Volts: volts})
	if sun > 0 {
		net.Generators = []grid.Generator{{Name: "sun", At: at(end), Phases: 1, S: complex(sun, 0), Volts: volts}}
	}
	return net
}

var chargers = curtail.Rule{Name: "chargers", Register: "r-1", Loads: []int{0, 1, 3}, Least: 0.3}

// TestChargersGiveWay: chargers behind an overloaded line are limited alike, just as
// far as is needed; the one beside it is not.
func TestChargersGiveWay(t *testing.T) {
	net := street(60, 0, 20e3, 20e3, 10e3)
	p, err := curtail.Relieve(net, switching.Standard(), []curtail.Rule{chargers})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Before) != 1 || len(p.Left) != 0 || len(p.Cuts) != 1 {
		t.Fatalf("%+v", p)
	}
	c := p.Cuts[0]
	if len(c.Loads) != 2 || c.Loads[0] != 0 || c.Loads[1] != 1 || math.Abs(c.Watts-(1-c.Part)*40e3) > 1 {
		t.Errorf("%+v", c)
	}
	if want := `By rule "chargers" 2 of 3 are limited to`; !strings.Contains(c.Reason, want) || !strings.HasPrefix(c.Reason, "line.0 carries") {
		t.Error(c.Reason)
	}
	net.Loads[0].S, net.Loads[1].S = complex(20e3*(c.Part+0.01), 0), complex(20e3*(c.Part+0.01), 0)
	if state, err := switching.Look(net, switching.Standard()); err != nil || len(state.Violations) == 0 {
		t.Errorf("a hundredth more would have done: %v", err)
	}
}

// TestRulesInOrder: the second rule acts when the first is at its least, and what no
// rule reaches is left and said.
func TestRulesInOrder(t *testing.T) {
	second := curtail.Rule{Name: "heat pumps", Register: "r-2", Loads: []int{2}, Least: 0.5}
	p, err := curtail.Relieve(street(40, 0, 20e3, 20e3, 20e3), switching.Standard(), []curtail.Rule{chargers, second})
	if err != nil || len(p.Cuts) != 2 || p.Cuts[0].Part != 0.3 || p.Cuts[1].Part <= 0.5 || len(p.Left) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = curtail.Relieve(street(20, 0, 20e3, 20e3, 20e3), switching.Standard(), []curtail.Rule{chargers, second})
	if err != nil || len(p.Cuts) != 2 || p.Cuts[1].Part != 0.5 || len(p.Left) != 1 {
		t.Errorf("too little: %+v, %v", p, err)
	}
	p, err = curtail.Relieve(street(200, 0, 20e3), switching.Standard(), []curtail.Rule{{Name: "n", Register: "r", Loads: []int{0}}})
	if err != nil || len(p.Cuts) != 0 {
		t.Errorf("nothing is broken: %+v, %v", p, err)
	}
}

// TestSunGivesWay: too high a voltage limits generation, and a rule that does not
// help does nothing.
func TestSunGivesWay(t *testing.T) {
	sun := curtail.Rule{Name: "sun", Register: "r-3", Generators: []int{0}}
	net := street(0, 400e3, 10e3)
	p, err := curtail.Relieve(net, switching.Standard(), []curtail.Rule{{Name: "loads", Register: "r", Loads: []int{0}}, sun})
	if err != nil || len(p.Cuts) != 1 || p.Cuts[0].Rule != "sun" || len(p.Left) != 0 || p.Cuts[0].Part < 0.5 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestNobodyWithoutARule: rules without a register entry, or wrong ones, limit nobody.
func TestNobodyWithoutARule(t *testing.T) {
	net := street(60, 0, 20e3, 20e3)
	for _, c := range []struct {
		rule curtail.Rule
		kind city.Kind
	}{
		{curtail.Rule{Name: "n", Loads: []int{0}}, city.Forbidden},
		{curtail.Rule{Name: "n", Register: "r"}, city.Invalid},
		{curtail.Rule{Name: "n", Register: "r", Loads: []int{0}, Least: 2}, city.Invalid},
		{curtail.Rule{Name: "n", Register: "r", Loads: []int{99}}, city.NotFound},
		{curtail.Rule{Name: "n", Register: "r", Generators: []int{0}}, city.NotFound},
	} {
		if _, err := curtail.Relieve(net, switching.Standard(), []curtail.Rule{c.rule}); city.KindOf(err) != c.kind {
			t.Errorf("%+v: %v", c.rule, err)
		}
	}
}

// TestLeastIsKept: nobody is limited below what a rule leaves, and nobody outside the
// rules at all, whatever is broken.
func TestLeastIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		net := street(rapid.Float64Range(5, 150).Draw(t, "amps"), 0, rapid.Float64Range(0, 30e3).Draw(t, "a"), rapid.Float64Range(0, 30e3).Draw(t, "b"), 10e3)
		rule := curtail.Rule{Name: "n", Register: "r", Loads: []int{0, 1}, Least: rapid.Float64Range(0, 1).Draw(t, "least")}
		p, err := curtail.Relieve(net, switching.Standard(), []curtail.Rule{rule})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Cuts {
			if c.Part < rule.Least || c.Part > 1 || len(c.Loads) > 2 {
				t.Fatalf("%+v", c)
			}
		}
		if len(p.Before) > 0 && len(p.Left) == 0 && len(p.Cuts) != 1 {
			t.Fatalf("relieved by nothing: %+v", p)
		}
	})
}
