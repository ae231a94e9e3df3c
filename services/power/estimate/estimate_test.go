package estimate

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"polity/city"
	"polity/services/power/dss"
	"polity/services/power/flow"
	"polity/services/power/grid"
	"polity/services/power/matpower"
)

func solved(t testing.TB, net *grid.Network) *flow.Result {
	t.Helper()
	if err := flow.AssignBases(net); err != nil {
		t.Fatal(err)
	}
	s, err := flow.New(net, flow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Solve()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func case33(t testing.TB) *flow.Result {
	t.Helper()
	net, err := matpower.Read("../example/networks/case33.m")
	if err != nil {
		t.Fatal(err)
	}
	return solved(t, net)
}

func feeder(t testing.TB, name string) *flow.Result {
	t.Helper()
	net, err := dss.Read("../flow/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return solved(t, net)
}

// noisy returns the measurements with errors of their standard deviations.
func noisy(exact []Measurement, seed uint64) []Measurement {
	rng := rand.New(rand.NewPCG(seed, 7))
	out := append([]Measurement(nil), exact...)
	for i := range out {
		out[i].Value += out[i].Sigma * rng.NormFloat64()
	}
	return out
}

// rmse is the root mean square error of the magnitudes, per unit.
func rmse(e *Estimate, r *flow.Result) float64 {
	sum, n := 0.0, 0
	net, top := r.Network(), r.Topology()
	for _, node := range e.Nodes() {
		base := net.Buses[node.Bus].BaseKV * 1000 / math.Sqrt(3)
		d := (cmplx.Abs(e.Voltage(node)) - cmplx.Abs(r.Voltage(top.Index(node.Bus, node.Number)))) / base
		sum, n = sum+d*d, n+1
	}
	return math.Sqrt(sum / float64(n))
}

// TestExactMeasurementsGiveTheState: without noise the estimate is the power
// flow, balanced and in three phases, with transformers, loops and nodes where
// nothing is connected.
func TestExactMeasurementsGiveTheState(t *testing.T) {
	for name, r := range map[string]*flow.Result{
		"case33": case33(t), "loads": feeder(t, "loads.dss"), "transformers": feeder(t, "transformers.dss"), "lines": feeder(t, "lines.dss"),
	} {
		set := Set{Measurements: Sample(r, Errors{Voltage: 0.004, Power: 0.02}, true)}
		e, err := Solve(r.Network(), set, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		top := r.Topology()
		for _, node := range e.Nodes() {
			want := r.Voltage(top.Index(node.Bus, node.Number))
			base := r.Network().Buses[node.Bus].BaseKV * 1000
			if d := math.Abs(cmplx.Abs(e.Voltage(node))-cmplx.Abs(want)) / base; d > 1e-6 {
				t.Errorf("%s: %s.%d: %v instead of %v", name, r.Network().Buses[node.Bus].Name, node.Number, e.Voltage(node), want)
			}
		}
		if len(e.Bad) != 0 || e.Objective > 1e-3 || e.Chance < 0.99 {
			t.Errorf("%s: exact measurements are suspected: %v, objective %g", name, e.Bad, e.Objective)
		}
	}
}

// TestErrorsAreThoseOfTheBound: over many draws of noise the error is that of the
// Cramér-Rao bound, and the weighted sum of squares has the mean of its χ².
func TestErrorsAreThoseOfTheBound(t *testing.T) {
	r := case33(t)
	for _, known := range []bool{false, true} {
		exact := Sample(r, Errors{Voltage: 0.004, Power: 0.02}, true)
		bound, err := Bound(r, Set{Measurements: exact, SourceKnown: known})
		if err != nil {
			t.Fatal(err)
		}
		sum, objective, redundancy := 0.0, 0.0, 0
		const draws = 60
		for seed := range draws {
			e, err := Solve(r.Network(), Set{Measurements: noisy(exact, uint64(seed)), SourceKnown: known}, Options{KeepBad: true})
			if err != nil {
				t.Fatal(err)
			}
			d := rmse(e, r)
			sum += d * d
			objective += e.Objective / draws
			redundancy = e.Redundancy
		}
		if ratio := math.Sqrt(sum/draws) / bound; ratio < 0.8 || ratio > 1.2 {
			t.Errorf("source known %v: error %.2e, bound %.2e", known, math.Sqrt(sum/draws), bound)
		}
		if z := (objective - float64(redundancy)) / math.Sqrt(2*float64(redundancy)/draws); math.Abs(z) > 4 {
			t.Errorf("mean objective %.1f with %d degrees of freedom", objective, redundancy)
		}
	}
}

// TestOneGrossErrorIsFoundAndSetAside: a meter that reads far off is named, and
// without it the estimate is as good as before.
func TestOneGrossErrorIsFoundAndSetAside(t *testing.T) {
	for _, r := range []*flow.Result{case33(t), feeder(t, "loads.dss")} {
		exact := Sample(r, Errors{Voltage: 0.004, Power: 0.02}, true)
		for seed, kind := range []Kind{Voltage, Flow, FlowVars, Voltage, Flow} {
			set := Set{Measurements: noisy(exact, uint64(seed))}
			bad := -1
			for i := range set.Measurements {
				if set.Measurements[i].Kind == kind && set.Measurements[i].Value > 100*least && (bad < 0 || i%11 == seed) {
					bad = i
				}
			}
			if bad < 0 {
				continue
			}
			set.Measurements[bad].Value *= 1.3
			e, err := Solve(r.Network(), set, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(e.Bad) == 0 || e.Bad[0].Index != bad {
				t.Errorf("%s: not found: %+v", set.Measurements[bad].Name, e.Bad)
				continue
			}
			reason := e.Bad[0].Reason
			if !strings.Contains(reason, set.Measurements[bad].Name) || !strings.Contains(reason, "set aside") {
				t.Errorf("reason: %s", reason)
			}
			if d := rmse(e, r); d > 3e-3 {
				t.Errorf("%s: error %.1e pu after it was set aside", set.Measurements[bad].Name, d)
			}
		}
	}
}

// TestDerivatives: the derivatives of every kind of measurement are those of
// finite differences.
func TestDerivatives(t *testing.T) {
	r := feeder(t, "transformers.dss")
	m, err := newModel(r.Network(), false)
	if err != nil {
		t.Fatal(err)
	}
	all := Sample(r, Errors{0.01, 0.01}, true)
	for i := range r.Network().Lines {
		all = append(all, Measurement{Name: "I", Kind: Current, Element: grid.Element{Kind: grid.LineKind, Index: i}, Sigma: 1})
	}
	all = append(all, Measurement{Name: "I of a winding", Kind: Current, Element: grid.Element{Kind: grid.TransformerKind, Index: 0}, Terminal: 1, Conductor: 2, Sigma: 1})
	rapid.Check(t, func(t *rapid.T) {
		z := all[rapid.IntRange(0, len(all)-1).Draw(t, "measurement")]
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		v := make([]complex128, m.n)
		for p := range v {
			v[p] = m.start[p] * cmplx.Rect(1+0.1*rng.Float64(), 0.2*rng.Float64())
		}
		look, err := m.sight(&z)
		if err != nil {
			t.Fatal(err)
		}
		value, row := m.value(&look, v, nil)
		slope := make([]float64, m.states)
		for _, e := range row {
			slope[e.state] += e.value
		}
		scale := math.Abs(value)
		for _, s := range slope {
			scale = max(scale, math.Abs(s))
		}
		const h = 1e-6
		step := make([]float64, m.states)
		for _, e := range row {
			step[e.state] = h
			moved := append([]complex128(nil), v...)
			m.move(moved, step)
			up, _ := m.value(&look, moved, nil)
			step[e.state] = -h
			moved = append(moved[:0], v...)
			m.move(moved, step)
			down, _ := m.value(&look, moved, nil)
			step[e.state] = 0
			if d := math.Abs((up-down)/(2*h) - slope[e.state]); d > 1e-4*scale+1e-6 {
				t.Fatalf("%s by %s: %g instead of %g", z.Name, m.name(e.state), slope[e.state], (up-down)/(2*h))
			}
		}
	})
}

// TestPseudoMeasurementsFillIn: with the head of the feeder measured and loads
// only assumed there is an estimate, and it says how unsure it is.
func TestPseudoMeasurementsFillIn(t *testing.T) {
	r := feeder(t, "loads.dss")
	pseudo, err := Pseudo(r.Network(), 0.4)
	if err != nil {
		t.Fatal(err)
	}
	var measured []Measurement
	for _, z := range Sample(r, Errors{Voltage: 0.003, Power: 0.01}, true) {
		if z.Kind == Voltage && z.Node.Bus == 0 || z.Kind >= Flow && z.Element.Index == 0 {
			measured = append(measured, z)
		}
	}
	e, err := Solve(r.Network(), Set{Measurements: append(measured, pseudo...)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	far, near := e.Deviation(grid.Node{Bus: r.Network().Bus("three"), Number: 2}), e.Deviation(grid.Node{Bus: 0, Number: 1})
	if d := rmse(e, r); d > 0.02 || !(far > near) || far > 0.05 {
		t.Errorf("error %.4f, deviations %.4f at the head and %.4f at the end", d, near, far)
	}
	_, err = Solve(r.Network(), Set{Measurements: measured}, Options{})
	if city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "do not determine the state") {
		t.Errorf("without loads the state is not determined: %v", err)
	}
}

func TestUncheckedMeasurementsAreListed(t *testing.T) {
	r := case33(t)
	var just []Measurement
	for _, z := range Sample(r, Errors{Voltage: 0.004, Power: 0.02}, false) {
		if z.Kind != Voltage || z.Node.Bus == 0 {
			just = append(just, z)
		}
	}
	e, err := Solve(r.Network(), Set{Measurements: just}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if e.Redundancy != 0 || len(e.Unchecked()) != len(just) {
		t.Errorf("%d measurements, %d degrees of freedom, %d unchecked", len(just), e.Redundancy, len(e.Unchecked()))
	}
}

func TestWrongMeasurementsAreRefused(t *testing.T) {
	r := case33(t)
	good := Sample(r, Errors{0.01, 0.01}, true)
	for name, spoil := range map[string]func(*Measurement){
		"no deviation":   func(z *Measurement) { z.Sigma = 0 },
		"not a number":   func(z *Measurement) { z.Value = math.NaN() },
		"a dead node":    func(z *Measurement) { z.Node.Number = 3 },
		"an open line":   func(z *Measurement) { z.Kind, z.Element = Flow, grid.Element{Kind: grid.LineKind, Index: 36} },
		"no such end":    func(z *Measurement) { z.Kind, z.Terminal = Flow, 5 },
		"an endless one": func(z *Measurement) { z.Sigma = math.Inf(1) },
	} {
		set := Set{Measurements: append([]Measurement(nil), good...)}
		spoil(&set.Measurements[0])
		if _, err := Solve(r.Network(), set, Options{}); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), good[0].Name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChance(t *testing.T) {
	for _, c := range []struct {
		x       float64
		degrees int
		want    float64
	}{{3.841, 1, 0.05}, {18.307, 10, 0.05}, {124.342, 100, 0.05}, {67.328, 100, 0.995}, {0, 5, 1}} {
		if got := chance(c.x, c.degrees); math.Abs(got-c.want) > 2e-5 {
			t.Errorf("χ² of %d above %g: %g, want %g", c.degrees, c.x, got, c.want)
		}
	}
	if z := threshold(1, 0.05); math.Abs(z-1.95996) > 1e-4 {
		t.Errorf("threshold of one %g", z)
	}
}
