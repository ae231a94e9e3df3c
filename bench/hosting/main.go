// Command hosting compares hosting capacities with brute force by OpenDSS.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"polity/bench/grid/peer"
	"polity/bench/harness"
	"polity/services/power"
	"polity/services/power/flow"
	"polity/services/power/grid"
	"polity/services/power/hosting"
)

func main() {
	harness.Main(harness.Bench{
		Name: "hosting",
		About: `Finds how much sun and how many cars each bus of an OpenDSS feeder can take, alone,
before a voltage leaves 0.9 to 1.1 of the nominal one or a line or transformer its
continuous rating, and compares with brute force: OpenDSS solves every step of 10 kW
up to the first that breaks a limit, and hundredths of it there.

Four cases: sun with taps held and with taps following, cars with both. The error of a
bus is |difference| over OpenDSS's capacity, or over 10 kW where that is less; the
figure is the worst of all buses and cases. The baseline is a rule of thumb: 15% of the
peak load (the fast-track screen of FERC's Small Generator Interconnection Procedures).`,
		Variables: []harness.Variable{
			{Name: "FEEDER", Default: "../shared/data/power/Version8/Distrib/IEEETestCases/34Bus/ieee34Mod1.dss", Help: "OpenDSS script"},
			{Name: "VMIN", Default: "0.9", Help: "lowest voltage, per unit"},
			{Name: "VMAX", Default: "1.1", Help: "highest voltage, per unit"},
			{Name: "STEP_KW", Default: "10", Help: "step of the brute force"},
			{Name: "MOST_KW", Default: "5000", Help: "where both stop looking"},
			{Name: "EVERY", Default: "1", Help: "look at every so-manieth bus"},
		},
		Quick: "five of six buses",
		Run:   run,
	})
}

// given is what peer.py is asked.
type given struct {
	Buses  map[string][]int `json:"buses"`
	Kind   string           `json:"kind"`
	Taps   string           `json:"taps"`
	VMin   float64          `json:"vmin"`
	VMax   float64          `json:"vmax"`
	MostKW float64          `json:"most_kw"`
	StepKW float64          `json:"step_kw"`
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	number := map[string]float64{}
	for _, name := range []string{"VMIN", "VMAX", "STEP_KW", "MOST_KW", "EVERY"} {
		x, err := r.Number(name)
		if err != nil {
			return nil, err
		}
		number[name] = x
	}
	path, err := r.Data("FEEDER")
	if err != nil {
		return nil, err
	}
	net, err := power.Read(path)
	if err != nil {
		return nil, err
	}
	net.MaxControlSteps = max(net.MaxControlSteps, 300)
	every := max(1, int(number["EVERY"]))
	if r.Quick {
		every *= 6
	}
	buses, asked, err := choose(net, every)
	if err != nil {
		return nil, err
	}
	worst, sum, count, flows := 0.0, 0.0, 0, 0
	thumb, took := 0.0, 0.0
	missing := false
	for kind, kindName := range []string{"sun", "cars"} {
		for taps, tapsName := range []string{"follow", "hold"} {
			o := hosting.Options{Kind: hosting.Kind(kind), Taps: hosting.Taps(taps), VMin: number["VMIN"], VMax: number["VMAX"], Ratings: true, MostW: number["MOST_KW"] * 1000}
			start := time.Now()
			found, err := hosting.All(ctx, net, buses, o)
			if err != nil {
				return nil, err
			}
			took += time.Since(start).Seconds()
			brute := map[string]float64{}
			err = ask(ctx, path, given{asked, kindName, tapsName, o.VMin, o.VMax, number["MOST_KW"], number["STEP_KW"]}, &brute)
			if errors.Is(err, peer.ErrMissing) {
				r.Say("%v", err)
				missing = true
			} else if err != nil {
				return nil, err
			}
			for _, c := range found {
				flows += c.Flows
				want, ok := brute[net.Buses[c.Bus].Name]
				if !ok {
					continue
				}
				off := 100 * math.Abs(c.Watts/1000-want) / max(want, 10)
				r.Say("%s, taps %s, bus %s: %.1f kW, brute force %.1f kW (%.3f%%). %s", kindName, tapsName, net.Buses[c.Bus].Name, c.Watts/1000, want, off, c.Reason)
				worst, sum, count = max(worst, off), sum+off, count+1
				thumb = max(thumb, 100*math.Abs(0.15*peak(net)/1000-want)/max(want, 10))
			}
		}
	}
	figures := harness.Figures{
		{Name: "max_error_pct", Value: worst},
		{Name: "mean_error_pct", Value: sum / float64(max(1, count))},
		{Name: "capacities", Value: count},
		{Name: "baseline_max_error_pct", Value: thumb},
		{Name: "flows", Value: flows},
		{Name: "seconds", Value: took},
	}
	if missing || count == 0 {
		figures[0].Value, figures[1].Value, figures[3].Value = nil, nil, nil
	}
	return figures, nil
}

// choose takes every so-manieth bus with live phases.
func choose(net *grid.Network, every int) ([]int, map[string][]int, error) {
	s, err := flow.New(net.Clone(), flow.Options{})
	if err != nil {
		return nil, nil, err
	}
	result, err := s.Solve()
	if err != nil {
		return nil, nil, err
	}
	var buses []int
	asked := map[string][]int{}
	top, seen := result.Topology(), 0
	for b := range net.Buses {
		var phases []int
		from, to := top.At(b)
		for v := from; v < to; v++ {
			if n := top.Nodes[v].Number; top.Live[v] && n <= 3 {
				phases = append(phases, n)
			}
		}
		if len(phases) == 0 {
			continue
		}
		if seen%every == 0 {
			buses = append(buses, b)
			asked[net.Buses[b].Name] = phases
		}
		seen++
	}
	return buses, asked, nil
}

func peak(net *grid.Network) float64 {
	sum := 0.0
	for i := range net.Loads {
		sum += real(net.Loads[i].S)
	}
	return sum
}

func ask(ctx context.Context, path string, q given, answer *map[string]float64) error {
	dir, err := os.MkdirTemp("", "polity-hosting-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	text, err := json.Marshal(q)
	if err != nil {
		return err
	}
	in := filepath.Join(dir, "in.json")
	if err := os.WriteFile(in, text, 0o600); err != nil {
		return err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("FEEDER: %w", err)
	}
	return peer.Run(ctx, "bench/hosting/peer.py", answer, absolute, in, "OUT")
}
