package pumping_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/epanet/epanettest"
	"polity/services/water/network"
	"polity/services/water/pumping"
)

func TestMain(m *testing.M) { epanettest.Main(m) }

// hill is a well, pumps, a street and a tank on a hill.
func hill(t *testing.T, pumps int, change ...string) *network.Network {
	t.Helper()
	text := `[JUNCTIONS]
 well 5 0
 street 10 40 day
[RESERVOIRS]
 r 10
[TANKS]
 hill 45 2.5 0 5 12 0
[PIPES]
 p1 well street 800 300 120
 p2 street hill 600 300 120
[PUMPS]
 pump1 r well HEAD big
`
	if pumps > 1 {
		text += " pump2 r well HEAD small\n"
	}
	text += `[CURVES]
 big 80 60
 small 45 55
[PATTERNS]
 day 0.5 0.8 1.6 1.4 1.0 0.7
[TIMES]
 Pattern Timestep 1:00
[OPTIONS]
 Units CMH
 Headloss H-W
`
	for i := 0; i+1 < len(change); i += 2 {
		text = strings.Replace(text, change[i], change[i+1], 1)
	}
	n, err := network.Read("hill.inp", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func tariff() pumping.Tariff {
	var x pumping.Tariff
	for h := range x {
		x[h] = []float64{0.10, 0.30, 0.30, 0.12, 0.28, 0.08}[h%6]
	}
	return x
}

// TestAgainstEveryPlan: no plan of all that there are is cheaper by more than what the
// levels' grid and the hour's mean may cost, and none costs less than the bound.
func TestAgainstEveryPlan(t *testing.T) {
	epanettest.Native(t)
	for _, c := range []struct{ pumps, hours int }{{1, 6}, {2, 3}} {
		n := hill(t, c.pumps)
		b := pumping.Bounds{Hours: c.hours, Pressure: 20, Low: 0.1, High: 0.05}
		a, err := pumping.Advise(t.Context(), epanet.Native, n, tariff(), b)
		if err != nil {
			t.Fatal(err)
		}
		best, kept := math.Inf(1), 0
		for i := range 1 << (c.pumps * c.hours) {
			plan := make(pumping.Plan, c.hours)
			for h := range plan {
				for p := range c.pumps {
					plan[h] = append(plan[h], i>>(h*c.pumps+p)&1 == 1)
				}
			}
			o, err := pumping.Try(t.Context(), epanet.Native, n, tariff(), b, plan)
			if err != nil {
				t.Fatal(err)
			}
			if len(o.Broken) == 0 {
				kept++
				best = min(best, o.Cost)
			}
		}
		t.Logf("%d pumps, %d hours: %d plans keep the bounds; the cheapest costs %.3f, the advice %.3f, the bound %.3f", c.pumps, c.hours, kept, best, a.Outcome.Cost, a.Bound)
		if kept < 2 {
			t.Fatalf("only %d plans keep the bounds: the case says nothing", kept)
		}
		if a.Outcome.Cost > best*1.05 {
			t.Errorf("the advice costs %.3f, the cheapest plan %.3f", a.Outcome.Cost, best)
		}
		if a.Bound > best*1.02 || a.Bound < best*0.5 {
			t.Errorf("the bound is %.3f, the cheapest plan costs %.3f", a.Bound, best)
		}
	}
}

// TestADay: over a day the plan keeps the bounds, in EPANET, and costs less than
// pumping whenever the tank is low.
func TestADay(t *testing.T) {
	epanettest.Native(t)
	n := hill(t, 2, "[OPTIONS]", "[CONTROLS]\n LINK pump1 OPEN IF NODE hill BELOW 1.5\n LINK pump1 CLOSED IF NODE hill ABOVE 4.5\n LINK pump2 OPEN IF NODE hill BELOW 1\n LINK pump2 CLOSED IF NODE hill ABOVE 4\n[OPTIONS]")
	b := pumping.Usual()
	a, err := pumping.Advise(t.Context(), epanet.Native, n, tariff(), b)
	if err != nil {
		t.Fatal(err)
	}
	now, err := pumping.Try(t.Context(), epanet.Native, n, tariff(), b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Plan) != 24 || len(a.Outcome.Levels) != 25 || len(a.Outcome.Broken) > 0 {
		t.Fatalf("%+v", a.Outcome)
	}
	if a.Outcome.Cost >= now.Cost || a.Bound > a.Outcome.Cost*1.02 {
		t.Errorf("the advice costs %.2f, the file's controls %.2f, the bound %.2f", a.Outcome.Cost, now.Cost, a.Bound)
	}
	again, err := pumping.Advise(t.Context(), epanet.Native, n, tariff(), b)
	if err != nil || fmt.Sprint(again.Plan) != fmt.Sprint(a.Plan) {
		t.Errorf("asked again, the advice is another: %v", err)
	}
}

func TestWhatCannotBePlanned(t *testing.T) {
	epanettest.Native(t)
	for name, c := range map[string]struct {
		n    *network.Network
		b    pumping.Bounds
		want string
	}{
		"pressure":  {hill(t, 1), pumping.Bounds{Hours: 4, Pressure: 90}, "of pressure, below 90"},
		"too weak":  {hill(t, 1, "big 80 60", "big 8 60"), pumping.Bounds{Hours: 4, Pressure: 5}, "tank hill loses water even with all pumps on"},
		"no hours":  {hill(t, 1), pumping.Bounds{}, "a plan of 0 hours"},
		"no range":  {hill(t, 1), pumping.Bounds{Hours: 4, Low: 0.6, High: 0.5}, "below 1 together"},
		"beginning": {hill(t, 1, "hill 45 2.5", "hill 45 0.1"), pumping.Usual(), "tank hill begins at 0.1 m, outside the bounds"},
		"flat tank": {hill(t, 1, "2.5 0 5 12", "2.5 5 5 12"), pumping.Usual(), "stores nothing"},
		"units":     {hill(t, 1, "CMH", "GPM"), pumping.Usual(), "metric networks only"},
	} {
		_, err := pumping.Advise(t.Context(), epanet.Native, c.n, tariff(), c.b)
		if err == nil || city.KindOf(err) != city.Invalid || !(strings.Contains(err.Error(), c.want) || name == "pressure" && strings.Contains(err.Error(), "90.0 m are wanted")) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestReadTariff(t *testing.T) {
	var b strings.Builder
	for h := range 24 {
		fmt.Fprintf(&b, "%d,0.%d\n", h, h+10)
	}
	x, err := pumping.ReadTariff("tariff.csv", strings.NewReader("hour,price\n"+b.String()))
	if err != nil || x[3] != 0.13 {
		t.Fatalf("%v, %v", x, err)
	}
	for text, want := range map[string]string{
		"":                          "the first line must be hour,price",
		"price,hour\n0.1,0\n":       "the first line must be hour,price",
		"hour,price\n0,0.1\n":       "hour 1 has no price",
		"hour,price\n24,0.1\n":      `tariff.csv:2: "24" is no hour`,
		"hour,price\n0.12,0\n":      `"0.12" is no hour from 0 to 23; are the columns exchanged?`,
		"hour,price\n0,-1\n":        `"-1" is no price`,
		"hour,price\n0,1\n0,1\n":    "tariff.csv:3: hour 0 is there twice",
		"hour,price\n0,NaN\n":       `"NaN" is no price`,
		"hour,price\n0,\"0,12\"\n":  `"0,12" is no price`,
		"hour,price\n0,0.1,extra\n": "wrong number of fields",
	} {
		if _, err := pumping.ReadTariff("tariff.csv", strings.NewReader(text)); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestANetworkThatDoesNotConvergeIsTold, whether the file lets EPANET go on or stop there.
func TestANetworkThatDoesNotConvergeIsTold(t *testing.T) {
	epanettest.Native(t)
	for _, what := range []string{"Continue 0", "Stop"} {
		n := hill(t, 1, "[OPTIONS]", "[OPTIONS]\n Trials 1\n Unbalanced "+what)
		if _, err := pumping.Advise(t.Context(), epanet.Native, n, tariff(), pumping.Usual()); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "hill.inp: EPANET ") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
