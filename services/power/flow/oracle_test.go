package flow_test

import (
	"encoding/json"
	"fmt"
	"math/cmplx"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polity/services/power/dss"
	"polity/services/power/flow"
	"polity/services/power/grid"
)

// golden is what OpenDSS found; testdata/oracle.py writes it.
type golden struct {
	Losses [2]float64
	Taps   map[string]int
	Steps  map[string]int
	Volts  map[string][2]float64
}

func readFeeder(t testing.TB, path string) *grid.Network {
	t.Helper()
	net, err := dss.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := flow.AssignBases(net); err != nil {
		t.Fatal(err)
	}
	return net
}

func solve(t testing.TB, net *grid.Network, o flow.Options) *flow.Result {
	t.Helper()
	s, err := flow.New(net, o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Solve()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAgreesWithOpenDSS: every node's voltage, the losses, all taps and all
// capacitor steps are those of OpenDSS, by either method.
func TestAgreesWithOpenDSS(t *testing.T) {
	feeders, err := filepath.Glob("testdata/*.dss")
	if err != nil || len(feeders) < 3 {
		t.Fatalf("%d feeders, %v", len(feeders), err)
	}
	for _, path := range feeders {
		var want golden
		text, err := os.ReadFile(strings.TrimSuffix(path, ".dss") + ".golden.json")
		if err == nil {
			err = json.Unmarshal(text, &want)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, method := range []flow.Method{flow.Sweep, flow.Newton} {
			t.Run(filepath.Base(path)+"/"+method.String(), func(t *testing.T) {
				r := solve(t, readFeeder(t, path), flow.Options{Method: method})
				compare(t, r, want)
			})
		}
	}
}

func compare(t *testing.T, r *flow.Result, want golden) {
	t.Helper()
	net, top := r.Network(), r.Topology()
	compared := 0
	for i, node := range top.Nodes {
		name := fmt.Sprintf("%s.%d", net.Buses[node.Bus].Name, node.Number)
		v, ok := want.Volts[name]
		if !ok {
			t.Errorf("OpenDSS has no node %s", name)
			continue
		}
		if !top.Live[i] {
			continue // OpenDSS lets a dead node float on stray capacitance
		}
		compared++
		base := net.Buses[node.Bus].BaseKV * 1000
		if d := cmplx.Abs(complex(v[0], v[1])-r.Voltage(i)) / base; d > 2e-7 {
			t.Errorf("%s: %.6f instead of %.6f V (%.1e pu)", name, r.Voltage(i), complex(v[0], v[1]), d)
		}
	}
	if compared < 5 {
		t.Errorf("only %d nodes compared", compared)
	}
	if d := real(r.Losses())/want.Losses[0] - 1; d > 1e-6 || d < -1e-6 {
		t.Errorf("losses %.3f instead of %.3f W", real(r.Losses()), want.Losses[0])
	}
	for _, g := range net.Regulators {
		p := net.Transformers[g.Transformer].Windings[g.TapWinding].Position()
		if w := want.Taps[strings.TrimPrefix(g.Name, "regcontrol.")]; p != w {
			t.Errorf("%s: tap %d instead of %d", g.Name, p, w)
		}
	}
	for _, s := range net.Shunts {
		if w, ok := want.Steps[strings.TrimPrefix(s.Name, "capacitor.")]; ok && s.On() != w {
			t.Errorf("%s: %d steps on instead of %d", s.Name, s.On(), w)
		}
	}
}
