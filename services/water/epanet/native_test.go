package epanet_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"polity/services/water/epanet"
	"polity/services/water/epanet/epanettest"
)

func TestMain(m *testing.M) { epanettest.Main(m) }

// twoPipes is a reservoir, two pipes in a row, a tank and one consumer.
const twoPipes = `[JUNCTIONS]
 a 10 5
 b 12 0
[RESERVOIRS]
 r 60
[TANKS]
 t 40 3 0 6 10 0
[PIPES]
 p1 r a 500 200 120 0 Open
 p2 a b 300 200 120 0 Open
 p3 b t 300 200 120 0 Open
[TIMES]
 Duration 6:00
 Hydraulic Timestep 1:00
[OPTIONS]
 Units LPS
 Headloss H-W
 Accuracy 0.0001
[END]
`

func TestNativeRun(t *testing.T) {
	dial := epanettest.Native(t)
	var levels, flows []float64
	err := epanet.Simulate(t.Context(), dial, epanet.Scenario{
		Network: []byte(twoPipes),
		Columns: []epanet.Column{{Object: epanet.Node, Property: epanet.Head}, {Object: epanet.Link, Property: epanet.Flow, Indices: []int{0, 2}}},
	}, func(l epanet.Layout, p epanet.Period) error {
		if len(p.Values[0]) != len(l.Nodes) || len(p.Values[1]) != 2 {
			t.Fatalf("%d heads, %d flows", len(p.Values[0]), len(p.Values[1]))
		}
		levels = append(levels, p.Values[0][3]-40)
		flows = append(flows, p.Values[1][0]-p.Values[1][1])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(levels) < 2 || math.Abs(levels[0]-3) > 1e-9 || levels[1] <= levels[0] {
		t.Errorf("levels of a filling tank: %v", levels)
	}
	for i, f := range flows {
		if math.Abs(f-5) > 0.01 {
			t.Errorf("period %d: %g of 5 L/s are consumed", i, f)
		}
	}
}

func TestNativeRefuses(t *testing.T) {
	dial := epanettest.Native(t)
	for name, c := range map[string]struct{ network, want string }{
		"unknown node":  {strings.Replace(twoPipes, "p2 a b", "p2 a zz", 1), "error 200"},
		"no source":     {"[JUNCTIONS]\n a 1 1\n b 1 1\n[PIPES]\n p a b 1 100 100\n[END]\n", "EPANET error"},
		"not a network": {"\x00\xff\x00", "EPANET error"},
	} {
		err := epanet.Simulate(t.Context(), dial, epanet.Scenario{Network: []byte(c.network)}, func(epanet.Layout, epanet.Period) error { return nil })
		if _, ok := errors.AsType[*epanet.Error](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNativeKilled kills the worker after some periods: the run goes on in another
// one, and every period is heard once and in order, as without the death.
func TestNativeKilled(t *testing.T) {
	dial := epanettest.Native(t)
	run := func(kill bool) (heard []epanet.Period) {
		workers, kills := 0, 0
		var end func() error
		counted := func(ctx context.Context) (*epanet.Conn, error) {
			workers++
			c, err := dial(ctx)
			if err == nil {
				end = c.End
			}
			return c, err
		}
		scenario := epanet.Scenario{
			Network: []byte(twoPipes), Restarts: 2, Chunk: 3600, Seconds: 6 * 3600,
			Columns: []epanet.Column{{Object: epanet.Node, Property: epanet.Head}},
		}
		err := epanet.Simulate(t.Context(), counted, scenario, func(_ epanet.Layout, p epanet.Period) error {
			heard = append(heard, p)
			if kill && kills < 2 && len(heard) == 2+2*kills {
				kills++
				_ = end()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if kill && workers != 3 {
			t.Errorf("%d workers were used", workers)
		}
		return heard
	}
	whole, killed := run(false), run(true)
	if len(whole) != len(killed) {
		t.Fatalf("%d periods without deaths, %d with", len(whole), len(killed))
	}
	for i := range whole {
		if whole[i].Seconds != killed[i].Seconds || whole[i].Values[0][1] != killed[i].Values[0][1] {
			t.Errorf("period %d differs: %v, %v", i, whole[i], killed[i])
		}
	}
}

func TestNativeDrive(t *testing.T) {
	dial := epanettest.Native(t)
	var got []float64
	err := epanet.Simulate(t.Context(), dial, epanet.Scenario{
		Network: []byte(strings.Replace(twoPipes, "40 3 0 6 10", "40 3 0 6 90", 1)), Seconds: 3 * 3600, Chunk: 7200, Every: 3600,
		Columns: []epanet.Column{{Object: epanet.Node, Property: epanet.Demand, Indices: []int{1}}},
		Drives: func(from, to int64) ([]epanet.Drive, error) {
			var rows [][]float64
			for s := from; s < to; s += 3600 {
				rows = append(rows, []float64{float64(s / 3600)})
			}
			return []epanet.Drive{{Object: epanet.Node, Property: epanet.BaseDemand, Indices: []int{1}, Start: from, Step: 3600, Rows: rows}}, nil
		},
	}, func(_ epanet.Layout, p epanet.Period) error {
		got = append(got, p.Values[0][0])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0, 1, 2, 3} {
		if i >= len(got) || math.Abs(got[i]-want) > 1e-9 {
			t.Fatalf("driven demands came out as %v", got)
		}
	}
}

// TestNativeQuality: the age of water in one pipe is its length by its velocity.
func TestNativeQuality(t *testing.T) {
	dial := epanettest.Native(t)
	text := "[JUNCTIONS]\n a 10 0\n b 10 5\n[RESERVOIRS]\n r 60\n[PIPES]\n p1 r a 500 200 120\n p2 a b 300 200 120\n" +
		"[OPTIONS]\n Units LPS\n Headloss H-W\n Quality Age\n[TIMES]\n Duration 6:00\n Quality Timestep 0:01\n[END]\n"
	var ages []float64
	err := epanet.Simulate(t.Context(), dial, epanet.Scenario{
		Network: []byte(text), Columns: []epanet.Column{{Object: epanet.Node, Property: epanet.Quality}},
	}, func(_ epanet.Layout, p epanet.Period) error {
		ages = p.Values[0]
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	velocity := 0.005 / (math.Pi / 4 * 0.2 * 0.2)
	for i, length := range []float64{500, 800} {
		if want := length / velocity / 3600; math.Abs(ages[i]-want) > 0.04 {
			t.Errorf("node %d has water of %.3f h, %.3f expected", i, ages[i], want)
		}
	}
}
