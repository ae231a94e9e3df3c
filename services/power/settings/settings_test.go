package settings

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"polity/city"
	"polity/services/power/dss"
	"polity/services/power/flow"
	"polity/services/power/grid"
	"polity/services/power/switching"
)

// script reads a feeder from the text of a script.
func script(t interface{ Fatal(...any) }, text string) *grid.Network {
	dir, err := os.MkdirTemp("", "settings")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "feeder.dss")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	net, err := dss.Read(name)
	if err == nil {
		err = flow.AssignBases(net)
	}
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// feeder has three single-phase regulators of so many steps at its head, unequal
// loads, and a capacitor of two steps at its end.
func feeder(kw [3]float64, taps int, kvar float64) string {
	return fmt.Sprintf(`Clear
New Circuit.feeder basekv=12.47 pu=1.0 bus1=grid MVAsc3=200 MVAsc1=200
New Transformer.a phases=1 bank=reg buses=(grid.1 r.1) kvs='7.2 7.2' kvas='2000 2000' xhl=0.5 %%loadloss=0.1 wdg=2 numtaps=%[4]d
New Transformer.b like=a buses=(grid.2 r.2)
New Transformer.c like=a buses=(grid.3 r.3)
New RegControl.a transformer=a winding=2 vreg=122 band=2 ptratio=60
New RegControl.b like=a transformer=b
New RegControl.c like=a transformer=c
New Line.one bus1=r bus2=m r1=0.3 x1=0.6 r0=0.6 x0=1.8 c1=10 c0=6 length=3 units=km
New Line.two bus1=m bus2=end r1=0.3 x1=0.6 r0=0.6 x0=1.8 c1=10 c0=6 length=3 units=km
New Load.a bus1=m.1 phases=1 kv=7.2 kw=%[1]g pf=0.9
New Load.b bus1=end.2 phases=1 kv=7.2 kw=%[2]g pf=0.85
New Load.c bus1=end.3 phases=1 kv=7.2 kw=%[3]g pf=0.8 model=2
New Capacitor.end bus1=end phases=3 kv=12.47 kvar=[%[5]g %[5]g] numsteps=2 states=[0 0]
Set voltagebases=[12.47]
Calcv
Solve
`, kw[0], kw[1], kw[2], taps, kvar)
}

// brute tries all settings as a reader of the definition would: each a copy of the
// network, solved from nothing. It returns the least losses within limits.
func brute(t interface{ Fatal(...any) }, net *grid.Network, o Options) (best float64, count int) {
	devices := collect(net, o)
	best = math.Inf(1)
	x := make([]int, len(devices))
	for {
		count++
		c := net.Clone()
		for i := range devices {
			devices[i].put(c, x[i])
		}
		r, err := solve(c, flow.Options{HoldTaps: true})
		switch {
		case errors.Is(err, flow.ErrNotConverged):
		case err != nil:
			t.Fatal(err)
		case len(switching.Check(r, o.limits())) == 0:
			best = min(best, real(r.Losses()))
		}
		i := 0
		for ; i < len(x); i++ {
			if x[i]++; x[i] < devices[i].levels {
				break
			}
			x[i] = 0
		}
		if i == len(x) {
			return best, count
		}
	}
}

func same(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Abs(b) }

// TestEqualsEnumeration: on feeders with unequal phases both ways, trying all and
// descending, find what a plain enumeration with power flows from nothing finds.
func TestEqualsEnumeration(t *testing.T) {
	kept := 0
	for _, c := range []struct {
		kw         [3]float64
		kvar       float64
		vmin, vmax float64
	}{
		{[3]float64{400, 900, 600}, 300, 0.85, 1.1},
		{[3]float64{900, 300, 1200}, 600, 0.85, 1.08},
		{[3]float64{100, 100, 100}, 900, 0.9, 1.1}, // too many vars: the capacitor is to stay off
		{[3]float64{1500, 1500, 1200}, 600, 0.97, 1.03},
	} {
		net := script(t, feeder(c.kw, 8, c.kvar))
		o := Standard()
		o.VMin, o.VMax = c.vmin, c.vmax
		want, count := brute(t, net, o)
		if count != 9*9*9*3 {
			t.Fatalf("%d settings", count)
		}
		all, err := Optimise(t.Context(), net, o)
		if err != nil {
			t.Fatal(err)
		}
		if math.IsInf(want, 1) {
			if len(all.After.Broken) == 0 {
				t.Errorf("%+v: nothing keeps the limits, and yet: %s", c, all.Reason)
			}
			continue
		}
		kept++
		if !all.Proven || all.Flows != count || !same(all.After.LossW, want) || len(all.After.Broken) > 0 {
			t.Errorf("%+v: all %d: %.4f W, not %.4f: %s", c, all.Flows, all.After.LossW, want, all.Reason)
		}
		o.Flows = 1000
		some, err := Optimise(t.Context(), net, o)
		if err != nil {
			t.Fatal(err)
		}
		if some.Proven || some.Flows > 1000 || !same(some.After.LossW, want) || !strings.Contains(some.Reason, "not proven, and none within limits loses less than") || some.BoundW > want {
			t.Errorf("%+v: %d flows: %.4f W, not %.4f: %s", c, some.Flows, some.After.LossW, want, some.Reason)
		}
	}
	if kept < 3 {
		t.Errorf("limits can be kept in %d cases only", kept)
	}
}

// TestAnyFeeder: on feeders drawn at random the enumeration equals the plain one, a
// search never beats it, and what is proposed holds when it is solved anew.
func TestAnyFeeder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.Float64Range(20, 2500)
		kw := [3]float64{draw.Draw(t, "a"), draw.Draw(t, "b"), draw.Draw(t, "c")}
		net := script(t, feeder(kw, rapid.IntRange(2, 4).Draw(t, "taps"), rapid.Float64Range(10, 900).Draw(t, "kvar")))
		o := Standard()
		o.VMin, o.VMax, o.HoldTaps = rapid.Float64Range(0.8, 0.97).Draw(t, "vmin"), 1.05, true
		want, _ := brute(t, net, o)
		p, err := Optimise(context.Background(), net, o)
		if err != nil {
			if errors.Is(err, flow.ErrNotConverged) { // as it stands
				return
			}
			t.Fatal(err)
		}
		if p.BoundW > want*(1+1e-6) || p.BoundW <= 0 {
			t.Fatalf("a bound of %.4f W, and a setting loses %.4f", p.BoundW, want)
		}
		kept := len(p.After.Broken) == 0
		if kept != !math.IsInf(want, 1) || (kept && !same(p.After.LossW, want)) {
			t.Fatalf("%.4f W with %d limits broken, not %.4f", p.After.LossW, len(p.After.Broken), want)
		}
		r, err := solve(p.Network, flow.Options{HoldTaps: true})
		if err != nil || !same(real(r.Losses()), p.After.LossW) {
			t.Fatalf("solved anew: %v", err)
		}
		o.Flows = 20
		some, err := Optimise(context.Background(), net, o)
		if err != nil {
			t.Fatal(err)
		}
		if some.Flows > 20 || (kept && len(some.After.Broken) == 0 && some.After.LossW < want*(1-1e-6)) {
			t.Fatalf("%d flows lose %.4f W, less than the least of all, %.4f", some.Flows, some.After.LossW, want)
		}
	})
}

// TestWithoutSolutionNeverUsed: near collapse some settings have no power flow. They
// are counted, and the best is of those that have one.
func TestWithoutSolutionNeverUsed(t *testing.T) {
	for kw := 1500.0; ; kw *= 1.1 {
		net := script(t, strings.ReplaceAll(feeder([3]float64{kw, kw, kw}, 4, 900), "kw=", "vminpu=0.1 kw="))
		for i := range 3 {
			net.Transformers[i].Windings[1].Tap = 1.1
		}
		net.Shunts[0].AddStep()
		net.Shunts[0].AddStep()
		o := Options{HoldTaps: true}
		p, err := Optimise(t.Context(), net, o)
		if err != nil {
			t.Fatal("no feeder is near collapse: ", err)
		}
		if p.Failed == 0 {
			continue
		}
		if want, _ := brute(t, net, o); p.Failed == p.Flows || !same(p.After.LossW, want) || p.After.LossW > p.Before.LossW {
			t.Errorf("%d of %d without solution; %.4f W, not %.4f", p.Failed, p.Flows, p.After.LossW, want)
		}
		return
	}
}

// TestLimitsComeFirst: what would lose less but breaks a limit is not proposed, and
// where nothing keeps them the plan says so.
func TestLimitsComeFirst(t *testing.T) {
	net := script(t, feeder([3]float64{900, 300, 1200}, 4, 600))
	free, err := Optimise(t.Context(), net, Options{})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := Optimise(t.Context(), net, Options{VMin: 0.85})
	if err != nil {
		t.Fatal(err)
	}
	if len(kept.After.Broken) > 0 || kept.After.LossW <= free.After.LossW || free.After.LowestPU >= 0.85 || kept.After.LowestPU < 0.85*(1-1e-6) {
		t.Errorf("%s and %s", free.Reason, kept.Reason)
	}
	none, err := Optimise(t.Context(), net, Options{VMin: 1.0, VMax: 1.001})
	if err != nil {
		t.Fatal(err)
	}
	if len(none.After.Broken) == 0 || !strings.Contains(none.Reason, "No setting keeps all limits") {
		t.Errorf("%s", none.Reason)
	}
	// the least rating of a line counts as a limit
	net.Line("line.two").EmergencyA = 1
	rated, err := Optimise(t.Context(), net, Standard())
	if err != nil || !slices.ContainsFunc(rated.After.Broken, func(v switching.Violation) bool { return v.Element == "line.two" }) {
		t.Errorf("%+v, %v", rated.After, err)
	}
}

// TestOnlyWhatMay: devices that may not be set stay; the network given is untouched.
func TestOnlyWhatMay(t *testing.T) {
	net := script(t, feeder([3]float64{900, 300, 1200}, 4, 600))
	o := Standard()
	o.Tap = func(x, _ int) bool { return net.Transformers[x].Name == "transformer.b" }
	o.Shunt = func(int) bool { return false }
	p, err := Optimise(t.Context(), net, o)
	if err != nil {
		t.Fatal(err)
	}
	// each winding of a transformer in a script has steps
	if len(p.Settings) != 2 || p.Settings[0].Device != "transformer.b" || p.Network.Shunts[0].On() != 0 || net.Transformers[1].Windings[1].Tap != 1 {
		t.Errorf("%+v", p.Settings)
	}
	o.Tap = func(int, int) bool { return false }
	if _, err := Optimise(t.Context(), net, o); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "no capacitor") {
		t.Errorf("nothing to set: %v", err)
	}
	if _, err := Optimise(t.Context(), net, Options{VMin: 1.1, VMax: 0.9}); city.KindOf(err) != city.Invalid {
		t.Errorf("limits the wrong way round: %v", err)
	}
	done, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Optimise(done, net, Standard()); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
}
