package quality_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/epanet/epanettest"
	"polity/services/water/network"
	"polity/services/water/quality"
)

func TestMain(m *testing.M) { epanettest.Main(m) }

// tree is a reservoir, a main, and three branches of four streets each.
func tree(t *testing.T, change ...string) *network.Network {
	t.Helper()
	var b strings.Builder
	b.WriteString("[JUNCTIONS]\n a 10 0\n")
	for i := range 3 {
		for j := range 4 {
			fmt.Fprintf(&b, " b%d%d 10 4\n", i, j)
		}
	}
	b.WriteString("[RESERVOIRS]\n r 60\n[PIPES]\n main r a 600 250 120 0 Open\n")
	for i := range 3 {
		for j := range 4 {
			from := "a"
			if j > 0 {
				from = fmt.Sprintf("b%d%d", i, j-1)
			}
			fmt.Fprintf(&b, " p%d%d %s b%d%d 250 150 120 0 Open\n", i, j, from, i, j)
		}
	}
	b.WriteString(" ring b03 b13 300 100 120 0 Open\n[OPTIONS]\n Units CMH\n Headloss H-W\n[TIMES]\n Duration 24:00\n")
	text := b.String()
	for i := 0; i+1 < len(change); i += 2 {
		text = strings.Replace(text, change[i], change[i+1], 1)
	}
	n, err := network.Read("tree.inp", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func node(t *testing.T, n *network.Network, id string) int {
	t.Helper()
	i, ok := n.Node(id)
	if !ok {
		t.Fatalf("no node %s", id)
	}
	return i
}

// TestAge: water is as old as its way is long, and it settles.
func TestAge(t *testing.T) {
	epanettest.Native(t)
	n := tree(t)
	c, err := quality.Age(t.Context(), epanet.Native, n, 72)
	if err != nil {
		t.Fatal(err)
	}
	mean := c.Mean()
	hours := func(length, diameter, q float64) float64 {
		return length * math.Pi / 4 * diameter * diameter * 1e-6 / q
	}
	if want := hours(600, 250, 48); math.Abs(mean[node(t, n, "a")]-want) > 0.05*want+0.05 {
		t.Errorf("water at a is %.2f h old, %.2f expected", mean[node(t, n, "a")], want)
	}
	if want := hours(600, 250, 48) + hours(250, 150, 16); math.Abs(mean[node(t, n, "b20")]-want) > 0.05*want+0.05 {
		t.Errorf("water at b20 is %.2f h old, %.2f expected", mean[node(t, n, "b20")], want)
	}
	if mean[node(t, n, "b23")] <= mean[node(t, n, "b22")] || c.Settled > 0.01 {
		t.Errorf("ages are %v, settled to %.3f", mean, c.Settled)
	}
	if one, err := quality.Age(t.Context(), epanet.Native, n, 24); err != nil || !math.IsNaN(one.Settled) {
		t.Errorf("a day alone cannot say whether it settled: %v, %v", one, err)
	}
}

func TestTrace(t *testing.T) {
	epanettest.Native(t)
	n := tree(t)
	c, err := quality.Trace(t.Context(), epanet.Native, n, node(t, n, "b10"), 72)
	if err != nil {
		t.Fatal(err)
	}
	mean := c.Mean()
	if mean[node(t, n, "b12")] < 99 || mean[node(t, n, "b22")] > 0.1 {
		t.Errorf("%.1f%% of the water at b12 and %.1f%% at b22 come from b10", mean[node(t, n, "b12")], mean[node(t, n, "b22")])
	}
}

// TestSourceIsFound: something enters at one node; sensors elsewhere tell where.
func TestSourceIsFound(t *testing.T) {
	epanettest.Native(t)
	n := tree(t)
	csv := "node,hours,seen\nb12,8,yes\nb11,8,yes\nb02,8,no\nb22,8,no\na,8,no\nb10,8,no\n"
	samples, err := quality.ReadSamples("samples.csv", strings.NewReader(csv), n)
	if err != nil {
		t.Fatal(err)
	}
	sources, err := quality.Sources(t.Context(), epanet.Native, n, samples)
	if err != nil {
		t.Fatal(err)
	}
	if id := n.Nodes[sources[0].Node].ID; id != "b11" || sources[0].Agrees != len(samples) {
		t.Errorf("the likeliest source is %s (%.2f), which explains %d of %d", id, sources[0].Probability, sources[0].Agrees, len(samples))
	}
	sum := 0.0
	for _, s := range sources {
		sum += s.Probability
		if id := n.Nodes[s.Node].ID; (id == "b22" || id == "b02") && s.Probability > 0.01 {
			t.Errorf("%s is clean and has probability %.3f", id, s.Probability)
		}
	}
	if math.Abs(sum-1) > 1e-6 {
		t.Errorf("probabilities add up to %g", sum)
	}
}

// TestOneWrongSample: a sensor that is wrong once does not hide the source.
func TestOneWrongSample(t *testing.T) {
	epanettest.Native(t)
	n := tree(t)
	csv := "node,hours,seen\nb12,8,yes\nb12,9,yes\nb11,8,no\nb11,9,yes\nb11,10,yes\nb02,8,no\nb10,8,no\nb10,9,no\na,9,no\n"
	samples, err := quality.ReadSamples("samples.csv", strings.NewReader(csv), n)
	if err != nil {
		t.Fatal(err)
	}
	sources, err := quality.Sources(t.Context(), epanet.Native, n, samples)
	if err != nil {
		t.Fatal(err)
	}
	if id := n.Nodes[sources[0].Node].ID; id != "b11" {
		t.Errorf("the likeliest source is %s", id)
	}
}

// TestResponse: closing at the source leaves nobody further with its water, and doing
// nothing is never the best of all.
func TestResponse(t *testing.T) {
	epanettest.Native(t)
	n := tree(t)
	s := quality.Source{Node: node(t, n, "b20"), Seconds: 4 * 3600}
	r, err := quality.Respond(t.Context(), epanet.Native, n, s, 6*3600, 12)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Reached) < 2 || len(r.Measures) < 4 {
		t.Fatalf("%+v", r)
	}
	byName := map[string]quality.Measure{}
	for _, m := range r.Measures {
		if was, ok := byName[m.What]; !ok || m.Drunk < was.Drunk {
			byName[m.What] = m
		}
	}
	nothing, closed := byName["nothing"], byName["close at the source"]
	if nothing.Drunk < 100 || closed.Drunk > 0.6*nothing.Drunk || closed.Dry == 0 {
		t.Errorf("nothing: %+v; closed at the source: %+v", nothing, closed)
	}
	if r.Measures[0].What == "nothing" || nothing.Dry != 0 {
		t.Errorf("the best is %+v", r.Measures[0])
	}
}

func TestReadSamples(t *testing.T) {
	n := tree(t)
	for text, want := range map[string]string{
		"":                               "the first line must be node,hours,seen",
		"hours,node,seen\n1,a,yes\n":     "the first line must be node,hours,seen",
		"node,hours,seen\nx,1,yes\n":     "samples.csv:2: x is no node",
		"node,hours,seen\na,soon,yes\n":  `"soon" is no number of hours`,
		"node,hours,seen\na,-1,yes\n":    `"-1" is no number of hours`,
		"node,hours,seen\na,NaN,yes\n":   `"NaN" is no number of hours`,
		"node,hours,seen\na,1,perhaps\n": `seen is "perhaps"; it must be yes or no`,
		"node,hours,seen\na,1,no\n":      "nothing was seen anywhere",
		"node,hours,seen\na,1\n":         "wrong number of fields",
		"node,hours,seen\n1,a,yes\n":     "samples.csv:2: 1 is no node",
	} {
		if _, err := quality.ReadSamples("samples.csv", strings.NewReader(text), n); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	epanettest.Native(t)
	n := tree(t)
	if _, err := quality.Age(t.Context(), epanet.Native, n, 0); city.KindOf(err) != city.Invalid {
		t.Errorf("no hours: %v", err)
	}
	if _, err := quality.Sources(t.Context(), epanet.Native, n, []quality.Sample{{Node: 1, Seen: true}}); city.KindOf(err) != city.Invalid {
		t.Errorf("samples of hour 0: %v", err)
	}
	if _, err := quality.Respond(t.Context(), epanet.Native, n, quality.Source{Seconds: 7200}, 3600, 5); city.KindOf(err) != city.Invalid {
		t.Errorf("a source that begins later: %v", err)
	}
	if _, err := quality.Respond(t.Context(), epanet.Native, tree(t, "CMH", "GPM"), quality.Source{}, 3600, 5); city.KindOf(err) != city.Invalid {
		t.Errorf("gallons: %v", err)
	}
}
