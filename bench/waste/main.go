// Command waste solves vehicle routing instances with Polity and its peers, with
// the same CPU seconds on one core each, and checks what they return.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/bench/harness"
)

func main() {
	harness.Main(harness.Bench{
		Name: "waste",
		About: `Solves instances in VRPLIB format (capacitated, or multi-trip with time windows and
release times) with 'polity waste solve' and with PyVRP, HGS-CVRP and OR-Tools, the
same CPU seconds on one core each. Costs are recomputed and feasibility is checked
by code that shares nothing with the solver. Gaps are per cent above the cost in the
.sol file beside each instance (best known). PyVRP is the only peer that takes
instances with several trips.`,
		Variables: []harness.Variable{
			{Name: "INSTANCES", Help: "instance files or folders of them, comma-separated", Default: defaultInstances},
			{Name: "CPU_S", Help: "CPU seconds for each; empty: 30, and 2.4 for each location of a multi-trip instance"},
			{Name: "SEEDS", Help: "seeds, comma-separated", Default: "1"},
			{Name: "PEERS", Help: "of pyvrp, hgs, ortools; none for none", Default: "pyvrp,hgs,ortools"},
			{Name: "JOBS", Help: "runs at a time, each on one core", Default: "2"},
		},
		Quick: "all but three small instances, with 3 CPU seconds, and all peers but PyVRP",
		Full:  "all of ../shared/data/waste, seeds 1, 2 and 3: about three hours on two cores; results up to a day old are taken from .cache/bench-waste, so that it resumes",
		Run:   run,
	})
}

const (
	data             = "../shared/data/waste"
	defaultInstances = data + "/X/X-n101-k25.vrp," + data + "/X/X-n200-k36.vrp," + data + "/X/X-n303-k21.vrp," + data + "/X/X-n502-k39.vrp," + data + "/MTVRPTWR/C201R0.25.vrp"
	quickInstances   = data + "/X/X-n101-k25.vrp," + data + "/X/X-n200-k36.vrp," + data + "/MTVRPTWR/C201R0.25.vrp"
	python           = ".cache/venv/waste/bin/python"
)

// job is one solver on one instance with one seed.
type job struct {
	solver, path string
	seed         string
	seconds      float64
	in           *instance
	cost         int
	err          error
	absent       bool // the solver does not take such instances
	cached       bool
}

func (j *job) gap() float64 { return 100 * (float64(j.cost) - j.in.best) / j.in.best }

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	jobs, err := plan(r)
	if err != nil {
		return nil, err
	}
	parallel, err := r.Number("JOBS")
	if err != nil {
		return nil, err
	}
	total := 0.0
	for _, j := range jobs {
		total += j.seconds
	}
	r.Say("%d runs, %.0f CPU seconds in all, %.0f at a time", len(jobs), total, parallel)
	folder, err := filepath.Abs(".cache/bench-waste")
	if err != nil {
		return nil, err
	}
	err = harness.Jobs(ctx, int(parallel), len(jobs), func(i int) { jobs[i].solve(ctx, folder, r.Full) }, func(i int) { jobs[i].report(r) })
	if err != nil {
		return nil, err
	}
	return figures(jobs), nil
}

// plan lists the runs, Polity's first on each instance.
func plan(r *harness.Run) ([]*job, error) {
	names, seeds, peers := r.List("INSTANCES"), r.List("SEEDS"), r.List("PEERS")
	cpu := r.Text("CPU_S")
	asked := r.Text("INSTANCES") != defaultInstances
	switch {
	case r.Full && !asked:
		names = []string{data}
		if len(seeds) == 1 {
			seeds = []string{"1", "2", "3"}
		}
	case r.Quick && !asked:
		names, peers = strings.Split(quickInstances, ","), []string{"pyvrp"}
		if cpu == "" {
			cpu = "3"
		}
	}
	if slices.Contains(peers, "none") {
		peers = nil
	}
	for _, p := range peers {
		if !slices.Contains([]string{"pyvrp", "hgs", "ortools"}, p) {
			return nil, fmt.Errorf("PEERS: %q is not one of pyvrp, hgs, ortools, none", p)
		}
	}
	files, err := instanceFiles(names)
	if err != nil {
		return nil, err
	}
	var jobs []*job
	for _, path := range files {
		in, err := readInstance(path)
		if err != nil {
			return nil, err
		}
		if in.best <= 0 {
			r.Say("%s: no best-known cost beside it; it is left out", path)
			continue
		}
		seconds := 30.0
		if in.trips {
			seconds = 2.4 * float64(len(in.x)-1)
		}
		if cpu != "" {
			if seconds, err = strconv.ParseFloat(cpu, 64); err != nil || seconds <= 0 {
				return nil, fmt.Errorf("CPU_S=%q is not a number above 0", cpu)
			}
		}
		for _, seed := range seeds {
			for _, solver := range append([]string{"polity"}, peers...) {
				if (solver == "hgs" || solver == "ortools") && in.kind != "CVRP" {
					continue
				}
				jobs = append(jobs, &job{solver: solver, path: path, seed: seed, seconds: seconds, in: in})
			}
		}
	}
	if len(jobs) == 0 {
		return nil, errors.New("INSTANCES names no instance with a best-known cost (a .sol file beside it)")
	}
	return jobs, nil
}

func instanceFiles(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		if _, err := os.Stat(name); err != nil {
			return nil, fmt.Errorf("%s is not there; name instance files or folders with INSTANCES=", name)
		}
		err := filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, ".vrp") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// version is what a cached result depends on besides the instance.
func (j *job) version() string {
	name := "bench/waste/requirements.txt"
	if j.solver == "polity" {
		name = "bin/polity"
	}
	program, err := os.ReadFile(name)
	if err != nil {
		return "unknown"
	}
	content, _ := os.ReadFile(j.path)
	return fmt.Sprintf("%x", sha256.Sum256(append(program, content...)))[:16]
}

func (j *job) solve(ctx context.Context, folder string, resume bool) {
	base := strings.TrimSuffix(filepath.Base(j.path), ".vrp")
	out := filepath.Join(folder, fmt.Sprintf("%s-%s-%gs-seed%s", j.solver, j.version(), j.seconds, j.seed))
	solution := filepath.Join(out, base+".sol")
	if info, err := os.Stat(solution); err == nil && resume && time.Since(info.ModTime()) < 24*time.Hour {
		j.cached = true
		j.cost, j.err = j.in.check(solution)
		return
	}
	if j.err = os.MkdirAll(out, 0o750); j.err != nil {
		return
	}
	_ = os.Remove(solution)
	seconds := strconv.FormatFloat(j.seconds, 'g', -1, 64)
	command := exec.CommandContext(ctx, "bin/polity", "waste", "solve", "--seconds", seconds, "--seed", j.seed, "--out", out, j.path) //nolint:gosec // the benchmark's own programs
	if j.solver != "polity" {
		command = exec.CommandContext(ctx, python, "bench/waste/peers.py", j.solver, j.path, seconds, j.seed, solution) //nolint:gosec // as above
	}
	var said bytes.Buffer
	command.Stderr = &said
	err := command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 3 && j.solver != "polity" {
		j.absent = true
		return
	}
	if err != nil {
		j.err = fmt.Errorf("%w: %s", err, harness.LastLine(said.String()))
		return
	}
	used := (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
	if used > j.seconds*1.1+5 {
		j.err = fmt.Errorf("it used %.1f CPU seconds of %g", used, j.seconds)
		return
	}
	j.cost, j.err = j.in.check(solution)
}

func (j *job) report(r *harness.Run) {
	note := ""
	if j.cached {
		note = " (measured earlier today)"
	}
	switch {
	case j.absent:
	case j.err != nil:
		r.Say("%-12s %-8s seed %s: no valid solution: %v%s", j.in.name, j.solver, j.seed, j.err, note)
	default:
		r.Say("%-12s %-8s seed %s: cost %d, gap %.3f%%%s", j.in.name, j.solver, j.seed, j.cost, j.gap(), note)
	}
}

func round(v float64) any { return harness.Rounded(v, 4) }

// mean of the gaps of a solver's valid solutions; NaN where there are none.
func mean(jobs []*job, solver string, which func(*job) bool) float64 {
	sum, n := 0.0, 0.0
	for _, j := range jobs {
		if j.solver == solver && j.err == nil && !j.absent && which(j) {
			sum += j.gap()
			n++
		}
	}
	return sum / n
}

func figures(jobs []*job) harness.Figures {
	solvers := []string{"polity", "pyvrp", "hgs", "ortools"}
	names := map[string]bool{}
	byInstance := map[string]map[string]any{}
	infeasible, unsolved := 0, 0
	for _, j := range jobs {
		names[j.in.name] = true
		if j.solver == "polity" && j.err != nil {
			infeasible++
		}
		if j.solver == "pyvrp" && j.err != nil {
			unsolved++
		}
	}
	for name := range names {
		row := map[string]any{}
		for _, s := range solvers {
			if g := mean(jobs, s, func(j *job) bool { return j.in.name == name }); !math.IsNaN(g) {
				row[s] = round(g)
			}
		}
		byInstance[name] = row
	}
	every := func(*job) bool { return true }
	// Against PyVRP on the runs for which both have a solution.
	both := func(j *job) bool {
		return slices.ContainsFunc(jobs, func(o *job) bool {
			return o.solver == "pyvrp" && o.err == nil && o.in == j.in && o.seed == j.seed
		}) && slices.ContainsFunc(jobs, func(o *job) bool {
			return o.solver == "polity" && o.err == nil && o.in == j.in && o.seed == j.seed
		})
	}
	one := func(prefix string) any {
		return round(mean(jobs, "polity", func(j *job) bool { return strings.HasPrefix(j.in.name, prefix) }))
	}
	return harness.Figures{
		{Name: "instances", Value: len(names)},
		{Name: "gap_pct_mean", Value: round(mean(jobs, "polity", every))},
		{Name: "gap_minus_pyvrp_pct", Value: round(mean(jobs, "polity", both) - mean(jobs, "pyvrp", both))},
		{Name: "infeasible", Value: infeasible},
		{Name: "x_n101_gap_pct", Value: one("X-n101-")},
		{Name: "x_n200_gap_pct", Value: one("X-n200-")},
		{Name: "x_n502_gap_pct", Value: one("X-n502-")},
		{Name: "mtvrptwr_gap_pct", Value: round(mean(jobs, "polity", func(j *job) bool { return j.in.trips }))},
		{Name: "pyvrp_gap_pct", Value: round(mean(jobs, "pyvrp", every))},
		{Name: "pyvrp_without_solution", Value: unsolved},
		{Name: "pyvrp_mtvrptwr_gap_pct", Value: round(mean(jobs, "pyvrp", func(j *job) bool { return j.in.trips }))},
		{Name: "hgs_gap_pct", Value: round(mean(jobs, "hgs", every))},
		{Name: "ortools_gap_pct", Value: round(mean(jobs, "ortools", every))},
		{Name: "gap_pct_by_instance", Value: byInstance},
	}
}
