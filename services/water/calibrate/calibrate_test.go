package calibrate_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/services/water/calibrate"
	"polity/services/water/epanet"
	"polity/services/water/epanet/epanettest"
	"polity/services/water/network"
	"polity/services/water/scada"
	"polity/services/water/steady"
)

func TestMain(m *testing.M) { epanettest.Main(m) }

var start = time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)

// grid is 6 x 6 crossings behind one metered main: wide pipes along two rows, narrow
// and rough ones elsewhere.
func grid(t *testing.T) *network.Network {
	t.Helper()
	var b strings.Builder
	b.WriteString("[JUNCTIONS]\n")
	for i := range 36 {
		fmt.Fprintf(&b, " n%d%d %d 5 day\n", i/6, i%6, 10+i%3)
	}
	b.WriteString("[RESERVOIRS]\n r 60\n[PIPES]\n main r n00 300 350 130 0 Open\n")
	for i := range 6 {
		for j := range 6 {
			kind := "150 130"
			switch {
			case i == 0 || i == 3:
				kind = "200 110"
			case j > 3:
				kind = "100 90"
			}
			if j < 5 {
				fmt.Fprintf(&b, " h%d%d n%d%d n%d%d 200 %s 0 Open\n", i, j, i, j, i, j+1, kind)
			}
			if i < 5 {
				fmt.Fprintf(&b, " v%d%d n%d%d n%d%d 200 %s 0 Open\n", i, j, i, j, i+1, j, kind)
			}
		}
	}
	b.WriteString("[PATTERNS]\n day .4 .3 .3 .3 .4 .7 1.2 1.6 1.5 1.3 1.2 1.2\n day 1.2 1.1 1.0 1.0 1.1 1.3 1.5 1.6 1.4 1.1 .8 .6\n")
	b.WriteString("[TIMES]\n Pattern Timestep 1:00\n[OPTIONS]\n Units CMH\n Headloss H-W\n Pattern day\n")
	n, err := network.Read("grid.inp", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// areas are the quarters of the grid.
func areas(n *network.Network) []calibrate.Group {
	groups := make([]calibrate.Group, 4)
	for i := range 36 {
		k := i/6/3*2 + i%6/3
		node, _ := n.Node(fmt.Sprintf("n%d%d", i/6, i%6))
		groups[k].Name = fmt.Sprintf("quarter %d", k+1)
		groups[k].Members = append(groups[k].Members, node)
	}
	return groups
}

// truth draws multipliers from what is believed beforehand.
type truth struct{ demand, rough, offset []float64 }

func draw(o calibrate.Options, seed uint64, sensors int) truth {
	random := rand.New(rand.NewPCG(seed, 1))
	many := func(n int, sd float64) (out []float64) {
		for range n {
			out = append(out, sd*random.NormFloat64())
		}
		return out
	}
	return truth{many(len(o.Areas), o.Demand), many(len(o.Pipes), o.Rough), many(sensors, o.Offset)}
}

var sensors = []string{"n02", "n05", "n22", "n25", "n40", "n43", "n50", "n55", "n33", "n14"}

// measure computes a day of the true network, and measures it with noise.
func measure(t *testing.T, n *network.Network, o calibrate.Options, x truth, seed uint64) *scada.Data {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 2))
	use, err := n.Use()
	if err != nil {
		t.Fatal(err)
	}
	m := steady.Model{Network: n}
	for _, s := range sensors {
		i, _ := n.Node(s)
		m.Nodes = append(m.Nodes, i)
	}
	table := func(name string, names ...string) *scada.Table {
		return &scada.Table{Name: name, Start: start, Step: time.Hour, Names: names, Values: make([][]float32, len(names))}
	}
	d := &scada.Data{Pressures: table("Pressures", sensors...), Flows: table("Flows", "main"), Levels: table("Levels"), Demands: table("Demands", "n10")}
	main, _ := n.Link("main")
	m.Links = []int{main}
	home, _ := n.Node("n10")
	meters := make([]float64, 24)
	err = m.Solve(t.Context(), epanet.Native, 24, func(h int) steady.State {
		s := steady.State{Demand: make([]float64, len(n.Nodes)), Rough: make([]float64, len(n.Links))}
		for k, g := range o.Areas {
			for _, i := range g.Members {
				s.Demand[i] = use.Mean(i, time.Duration(h)*time.Hour) * math.Exp(x.demand[k])
			}
		}
		meters[h] = s.Demand[home]
		for k, g := range o.Pipes {
			for _, i := range g.Members {
				s.Rough[i] = n.Links[i].Rough * math.Exp(x.rough[k])
			}
		}
		return s
	}, func(h int, r steady.Result) error {
		for c, v := range r.Pressure {
			d.Pressures.Values[c] = append(d.Pressures.Values[c], float32(v+x.offset[c]+o.Pressure*random.NormFloat64()))
		}
		d.Flows.Values[0] = append(d.Flows.Values[0], float32(r.Flow[0]*(1+o.Flow*random.NormFloat64())))
		d.Demands.Values[0] = append(d.Demands.Values[0], float32(1000*meters[h]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func options(n *network.Network) calibrate.Options {
	o := calibrate.Default()
	o.Areas, o.Pipes = areas(n), calibrate.Pipes(n)
	return o
}

// TestIntervalsCover: of networks drawn from what is believed, the 95% intervals hold
// the true multipliers about that often, and they are narrower than the belief.
func TestIntervalsCover(t *testing.T) {
	epanettest.Native(t)
	n := grid(t)
	o := options(n)
	within, all, learnt := 0, 0, 0.0
	for seed := range uint64(12) {
		x := draw(o, seed, len(sensors))
		r, err := calibrate.Calibrate(t.Context(), epanet.Native, n, measure(t, n, o, x, seed), o)
		if err != nil {
			t.Fatal(err)
		}
		for k, p := range slices.Concat(r.Demands, r.Roughness) {
			want := math.Exp(slices.Concat(x.demand, x.rough)[k])
			all++
			learnt += p.Learnt
			if want >= p.Low && want <= p.High {
				within++
			}
		}
		if r.After > 1.5*o.Pressure || r.After > r.Before+0.01 {
			t.Errorf("seed %d: pressures are %.3f m off after calibration, %.3f before", seed, r.After, r.Before)
		}
	}
	if part := float64(within) / float64(all); part < 0.88 {
		t.Errorf("%d of %d intervals hold the truth", within, all)
	}
	if learnt/float64(all) < 0.3 {
		t.Errorf("measurements narrow the belief by %.2f on average", learnt/float64(all))
	}
	t.Logf("%d of %d intervals hold the truth; the belief is narrowed by %.2f on average", within, all, learnt/float64(all))
}

// TestCalibratedFile: the file that is written says what was measured.
func TestCalibratedFile(t *testing.T) {
	epanettest.Native(t)
	n := grid(t)
	o := options(n)
	x := truth{demand: []float64{0.3, -0.2, 0.1, 0}, rough: []float64{0, -0.2, 0.1, 0, 0}[:len(o.Pipes)], offset: make([]float64, len(sensors))}
	d := measure(t, n, o, x, 5)
	r, err := calibrate.Calibrate(t.Context(), epanet.Native, n, d, o)
	if err != nil {
		t.Fatal(err)
	}
	again, err := network.Read("calibrated.inp", r.File.Text())
	if err != nil {
		t.Fatal(err)
	}
	o.Areas, o.Pipes = areas(again), nil
	second, err := calibrate.Calibrate(t.Context(), epanet.Native, again, d, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range second.Demands {
		if math.Abs(math.Log(p.Value)) > 0.1 {
			t.Errorf("calibrated again, %s changes by %.2f", p.Name, p.Value)
		}
	}
}

// TestEstimate: the state of an hour in which one quarter uses half as much again.
func TestEstimate(t *testing.T) {
	epanettest.Native(t)
	n := grid(t)
	o := options(n)
	x := truth{demand: make([]float64, 4), rough: make([]float64, len(o.Pipes)), offset: make([]float64, len(sensors))}
	usual := measure(t, n, o, x, 1)
	x.demand[3] = math.Log(1.5)
	other := measure(t, n, o, x, 2)
	const hour = 18
	for _, pair := range [][2]*scada.Table{{usual.Pressures, other.Pressures}, {usual.Flows, other.Flows}} {
		for c := range pair[0].Values {
			pair[0].Values[c] = append(pair[0].Values[c], pair[1].Values[c]...)
		}
	}
	usual.Demands.Values[0] = append(usual.Demands.Values[0], usual.Demands.Values[0]...)
	r, err := calibrate.Calibrate(t.Context(), epanet.Native, n, usual, o)
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.Estimate(t.Context(), epanet.Native, start.AddDate(0, 0, 1).Add(hour*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	// The mean of both days is what was calibrated to: the second is above it.
	if p := e.Areas[3]; p.Low < 1 || p.Value > 1.6 {
		t.Errorf("quarter 4 uses %.2f (%.2f to %.2f) of the mean day", p.Value, p.Low, p.High)
	}
	for c, s := range sensors {
		i, _ := n.Node(s)
		if off := math.Abs(e.Pressure[i] - float64(other.Pressures.Values[c][hour])); off > 5*(e.Spread[i]+o.Pressure)+0.3 {
			t.Errorf("%s: estimated %.2f ± %.2f m, measured %.2f", s, e.Pressure[i], e.Spread[i], other.Pressures.Values[c][hour])
		}
	}
	if _, err := r.Estimate(t.Context(), epanet.Native, start.AddDate(1, 0, 0)); city.KindOf(err) != city.Invalid {
		t.Errorf("a time that was not measured: %v", err)
	}
}

func TestReadAreas(t *testing.T) {
	n := grid(t)
	good, err := calibrate.ReadAreas("areas.csv", []byte("node,area\nn00,east\nn01,west\nn02,east\n"), n)
	if err != nil || len(good) != 2 || len(good[0].Members) != 2 {
		t.Fatalf("%+v, %v", good, err)
	}
	for text, want := range map[string]string{
		"":                            "the first line must be node,area",
		"area,node\na,n00\n":          "the first line must be node,area",
		"node,area\n":                 "no node is in any area",
		"node,area\nn99,a\n":          "areas.csv:2: n99 is no junction",
		"node,area\nn00,a\nn00,b\n":   "areas.csv:3: n00 is in an area already",
		"node,area\nn00,a\nr,b\n":     "areas.csv:3: r is no junction",
		"node,area\nn00,a,too many\n": "wrong number of fields",
	} {
		if _, err := calibrate.ReadAreas("areas.csv", []byte(text), n); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestGapsAndNonsense: what is not measured is left out; what cannot be is refused.
func TestGapsAndNonsense(t *testing.T) {
	epanettest.Native(t)
	n := grid(t)
	o := options(n)
	x := draw(o, 3, len(sensors))
	d := measure(t, n, o, x, 3)
	nan := float32(math.NaN())
	for i := range d.Pressures.Values[4] {
		d.Pressures.Values[4][i] = nan
	}
	d.Flows.Values[0][9] = nan
	r, err := calibrate.Calibrate(t.Context(), epanet.Native, n, d, o)
	if err != nil || r.After > 2*o.Pressure {
		t.Fatalf("with a dead sensor: %v, %+v", err, r)
	}
	if p := r.Offsets[4]; p.Learnt > 0.01 {
		t.Errorf("something was learnt about a dead sensor: %+v", p)
	}
	d.Pressures.Names[0] = "n99"
	if _, err := calibrate.Calibrate(t.Context(), epanet.Native, n, d, o); err == nil || !strings.Contains(err.Error(), "column n99 is no node") {
		t.Errorf("unknown column: %v", err)
	}
}
