// Command isolation measures which valves isolate a burst pipe, for every pipe.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"polity/bench/harness"
	"polity/city"
	"polity/services/water/isolation"
	"polity/services/water/network"
)

const packages = ".cache/venv/water/lib/python3*/site-packages/"

func main() {
	harness.Main(harness.Bench{
		Name: "isolation",
		About: `For every pipe: the valves that isolate a burst. The networks carry no isolating
valves, so a layout is drawn by seed (assumed: N-1 rule at junctions, each valve
kept with probability DENSITY, one in ten plain joints, one at every source). Each
plan is checked by a walk over nodes and links that knows nothing of segments: the
set isolates, and with any one valve left open water comes. The smallest set by
maximum flow is checked in the same way. (All sets are compared on small networks
by the package's tests.) Baseline: closing every valve within two pipes.`,
		Variables: []harness.Variable{
			{Name: "NETWORKS", Default: packages + "epyt/networks/L-TOWN.inp " + packages + "wntr/library/networks/ky4.inp", Help: "network files (.inp)"},
			{Name: "SEEDS", Default: "1 2 3", Help: "seeds of valve layouts"},
			{Name: "DENSITY", Default: "0.8", Help: "part of the N-1 valves that exist"},
		},
		Quick: "nothing; it is quick",
		Run:   run,
	})
}

type totals struct {
	pipes, wrong, none, near, nearWorks int
	valves, fewest, dry, dryFewest      int
	worst                               time.Duration
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	density, err := r.Number("DENSITY")
	if err != nil {
		return nil, err
	}
	var all totals
	for _, pattern := range r.List("NETWORKS") {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("NETWORKS: %s is not there", pattern)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			n, err := network.Read(file, text)
			if err != nil {
				return nil, err
			}
			for _, s := range r.List("SEEDS") {
				var seed uint64
				if _, err := fmt.Sscan(s, &seed); err != nil {
					return nil, fmt.Errorf("SEEDS: %q is no number", s)
				}
				if err := every(ctx, r, &all, n, filepath.Base(file), isolation.Draw(n, seed, density), seed); err != nil {
					return nil, err
				}
			}
		}
	}
	if all.pipes == 0 {
		return nil, errors.New("no pipe was asked about")
	}
	return harness.Figures{
		{Name: "not_minimal", Value: all.wrong},
		{Name: "worst_ms", Value: float64(all.worst.Microseconds()) / 1000},
		{Name: "pipes", Value: all.pipes},
		{Name: "no_valve_before_source", Value: all.none},
		{Name: "valves_mean", Value: float64(all.valves) / float64(all.pipes)},
		{Name: "valves_fewest_mean", Value: float64(all.fewest) / float64(all.pipes)},
		{Name: "dry_nodes_mean", Value: float64(all.dry) / float64(all.pipes)},
		{Name: "dry_nodes_fewest_mean", Value: float64(all.dryFewest) / float64(all.pipes)},
		{Name: "baseline_valves_mean", Value: float64(all.near) / float64(all.pipes)},
		{Name: "baseline_isolates_pct", Value: 100 * float64(all.nearWorks) / float64(all.pipes)},
	}, nil
}

// every asks about each pipe of a network, the time being that of a planner made
// anew: no answer rests on another's work.
func every(ctx context.Context, r *harness.Run, all *totals, n *network.Network, name string, valves []isolation.Valve, seed uint64) error {
	var here totals
	for link, l := range n.Links {
		if l.Kind != network.Pipe {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		here.pipes++
		plan, took, err := timed(n, valves, link)
		here.worst = max(here.worst, took)
		if city.KindOf(err) == city.Conflict {
			here.none++
			if every := closing(len(valves)); !isolation.Reaches(n, valves, every, link) {
				here.wrong++ // all valves together do isolate it
			}
			continue
		}
		if err != nil {
			return err
		}
		fewest, err := isolation.NewPlanner(n, valves).Fewest(link)
		if err != nil {
			return err
		}
		if !minimal(n, valves, plan.Close, link) || !minimal(n, valves, fewest.Close, link) || len(fewest.Close) > len(plan.Close) {
			here.wrong++
		}
		here.valves, here.fewest = here.valves+len(plan.Close), here.fewest+len(fewest.Close)
		here.dry, here.dryFewest = here.dry+len(plan.Dry), here.dryFewest+len(fewest.Dry)
		near := around(n, valves, link)
		here.near += len(near)
		if !isolation.Reaches(n, valves, near, link) {
			here.nearWorks++
		}
	}
	r.Say("%-10s seed %d: %d valves (assumed), %d pipes, %.1f valves to close (fewest %.1f), worst %v, wrong %d",
		name, seed, len(valves), here.pipes, float64(here.valves)/float64(here.pipes), float64(here.fewest)/float64(here.pipes), here.worst.Round(time.Microsecond), here.wrong)
	all.pipes, all.wrong, all.none = all.pipes+here.pipes, all.wrong+here.wrong, all.none+here.none
	all.valves, all.fewest, all.dry, all.dryFewest = all.valves+here.valves, all.fewest+here.fewest, all.dry+here.dry, all.dryFewest+here.dryFewest
	all.near, all.nearWorks, all.worst = all.near+here.near, all.nearWorks+here.nearWorks, max(all.worst, here.worst)
	return nil
}

// timed takes the fastest of three, so that what is measured is the work and not
// the machine's other business.
func timed(n *network.Network, valves []isolation.Valve, link int) (plan *isolation.Plan, took time.Duration, err error) {
	took = time.Hour
	for range 3 {
		start := time.Now()
		plan, err = isolation.NewPlanner(n, valves).Isolate(link)
		took = min(took, time.Since(start))
	}
	return plan, took, err
}

func closing(n int) map[int]bool {
	m := map[int]bool{}
	for i := range n {
		m[i] = true
	}
	return m
}

// minimal says whether the set isolates, and none of it can stay open.
func minimal(n *network.Network, valves []isolation.Valve, set []int, link int) bool {
	closed := map[int]bool{}
	for _, v := range set {
		closed[v] = true
	}
	if isolation.Reaches(n, valves, closed, link) {
		return false
	}
	for _, v := range set {
		closed[v] = false
		if !isolation.Reaches(n, valves, closed, link) {
			return false
		}
		closed[v] = true
	}
	return true
}

// around is the baseline: the valves on the pipe and on all that join it.
func around(n *network.Network, valves []isolation.Valve, link int) map[int]bool {
	near := map[int]bool{}
	l := n.Links[link]
	for i, v := range valves {
		w := n.Links[v.Link]
		if v.Link == link || w.From == l.From || w.From == l.To || w.To == l.From || w.To == l.To {
			near[i] = true
		}
	}
	return near
}
