// Command traffic simulates maps with SUMO under Polity's adaptive control of signals
// and under its peers, and compares the delay of everyone who wanted to travel.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"polity/bench/harness"
	"polity/services/traffic"
)

// resco lists the maps of the RESCO benchmark (Ault and Sharon, NeurIPS 2021), the
// fastest to simulate first.
var resco = []string{"cologne1", "ingolstadt1", "cologne3", "cologne8", "grid4x4", "ingolstadt7", "ingolstadt21", "arterial4x4"}

const (
	venv        = ".cache/venv/traffic"
	pedestrians = "pedestrians"
)

func main() {
	harness.Main(harness.Bench{
		Name: "traffic",
		About: `Simulates the eight RESCO maps (from PyPI's sumo-rl) and a map with pedestrians with
SUMO under five controls: fixed (the map's own plans), actuated (SUMO's, of those
plans), greedy and max-pressure (as RESCO does them), and Polity. Every control keeps
the amber times of the map's plans; nobody is lifted out of a jam. Each run is one
process, 'polity traffic simulate'; results are kept in .cache/bench-traffic under a
hash of map, SUMO, control and code, so that a second run resumes.

delay: mean of timeLoss + departDelay over all vehicles due to depart, the unfinished
and never inserted ones included, seconds; it decides who wins a map. timeLoss: the
same without departDelay, as published tables have it. One configuration of Polity
serves all maps; its hash is printed.`,
		Variables: []harness.Variable{
			{Name: "MAPS", Help: "names of RESCO maps, pedestrians, or paths of .sumocfg files", Default: strings.Join(append(slices.Clone(resco), pedestrians), ",")},
			{Name: "SEEDS", Help: "seeds of SUMO's random numbers", Default: "1,2"},
			{Name: "CONTROLLERS", Help: "of " + strings.Join(traffic.Controls(), ", "), Default: strings.Join(traffic.Controls(), ",")},
			{Name: "DETECTORS", Help: "perfect, imperfect (a tenth of the vehicles never seen, all 5 s late; Polity only), or both", Default: "perfect,imperfect"},
			{Name: "JOBS", Help: "simulations at a time", Default: "2"},
		},
		Quick: "all but cologne1, ingolstadt1 and cologne3, and seed 2",
		Full:  "seeds 1 to 5: about an hour on two free cores; it resumes",
		Run:   run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	jobs, err := plan(ctx, r)
	if err != nil {
		return nil, err
	}
	parallel, err := r.Number("JOBS")
	if err != nil {
		return nil, err
	}
	waiting := 0
	for _, j := range jobs {
		if !j.load() {
			waiting++
		}
	}
	r.Say("%d simulations, %d of them to do, %.0f at a time; Polity's settings %s", len(jobs), waiting, parallel, traffic.SettingsHash())
	err = harness.Jobs(ctx, int(parallel), len(jobs), func(i int) { jobs[i].run(ctx) }, func(i int) { jobs[i].say(r) })
	if err != nil {
		return nil, fmt.Errorf("%w; what is done is kept, the next run goes on from there", err)
	}
	for _, j := range jobs {
		if j.err != nil {
			return nil, j.err
		}
	}
	t := table{jobs: jobs}
	t.print(r)
	return t.figures(), nil
}

// plan lists the simulations, map by map.
func plan(ctx context.Context, r *harness.Run) ([]*job, error) {
	maps, seeds, names, detectors := r.List("MAPS"), r.List("SEEDS"), r.List("CONTROLLERS"), r.List("DETECTORS")
	asked := len(maps) != len(resco)+1
	switch {
	case r.Full && len(seeds) == 2:
		seeds = []string{"1", "2", "3", "4", "5"}
	case r.Quick:
		seeds = seeds[:1]
		if !asked {
			maps = resco[:3]
		}
	}
	for _, n := range names {
		if !slices.Contains(traffic.Controls(), n) {
			return nil, fmt.Errorf("CONTROLLERS: %q is not one of %s", n, strings.Join(traffic.Controls(), ", "))
		}
	}
	for _, d := range detectors {
		if d != "perfect" && d != "imperfect" {
			return nil, fmt.Errorf("DETECTORS: %q is neither perfect nor imperfect", d)
		}
	}
	sources, err := newSources()
	if err != nil {
		return nil, err
	}
	var jobs []*job
	for _, m := range maps {
		scenario, err := find(ctx, m)
		if err != nil {
			return nil, err
		}
		for _, seed := range seeds {
			number, err := strconv.Atoi(seed)
			if err != nil {
				return nil, fmt.Errorf("SEEDS: %q is not a whole number", seed)
			}
			for _, c := range names {
				for _, d := range detectors {
					if d == "imperfect" && (c != "polity" || m == pedestrians) {
						continue
					}
					j := &job{place: m, scenario: scenario, control: c, seed: number, imperfect: d == "imperfect"}
					if err := j.locate(sources); err != nil {
						return nil, err
					}
					jobs = append(jobs, j)
				}
			}
		}
	}
	if len(jobs) == 0 {
		return nil, errors.New("nothing to simulate: MAPS, SEEDS, CONTROLLERS and DETECTORS leave no run over")
	}
	return jobs, nil
}

// find returns the SUMO configuration of a map.
func find(ctx context.Context, name string) (string, error) {
	if name == pedestrians {
		return makePedestrians(ctx)
	}
	if strings.HasSuffix(name, ".sumocfg") {
		if _, err := os.Stat(name); err != nil {
			return "", fmt.Errorf("MAPS: %s is not there", name)
		}
		return name, nil
	}
	found, err := filepath.Glob(filepath.Join(venv, "lib", "python3*", "site-packages", "sumo_rl", "nets", "RESCO", name, name+".sumocfg"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("MAPS: %q is neither a path of a .sumocfg file, nor %s, nor one of RESCO's: %s", name, pedestrians, strings.Join(resco, ", "))
	}
	return found[0], nil
}
