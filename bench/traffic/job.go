package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"polity/bench/harness"
	"polity/services/traffic"
)

// job is one simulation in a process of its own.
type job struct {
	place     string // name of the map
	scenario  string
	control   string
	seed      int
	imperfect bool
	dir       string // where its results are kept
	report    traffic.Report
	done      bool
	cached    bool
	err       error
}

// every returns the time between decisions of the stepwise peers, as RESCO sets it.
func (j *job) every() string {
	if j.place == "arterial4x4" {
		return "5s"
	}
	return "10s"
}

// locate gives the job its folder, named by all that its result depends on.
func (j *job) locate(s sources) error {
	h := sha256.New()
	fmt.Fprintln(h, j.control, j.seed, j.imperfect, j.every(), s.sumo, s.code[j.control])
	// All of a map's folder: its configuration may name any of it.
	if err := hashFolder(h, filepath.Dir(j.scenario), func(name string) bool {
		return strings.HasSuffix(name, ".xml") || strings.HasSuffix(name, ".gz") || name == filepath.Base(j.scenario)
	}); err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(j.scenario), ".sumocfg")
	dir, err := filepath.Abs(filepath.Join(".cache", "bench-traffic", fmt.Sprintf("%s-%s-%d-%x", name, j.control, j.seed, h.Sum(nil)[:8])))
	j.dir = dir
	return err
}

// load takes the result of an earlier run, if there is one.
func (j *job) load() bool {
	text, err := os.ReadFile(filepath.Join(j.dir, "report.json"))
	if err != nil || json.Unmarshal(text, &j.report) != nil {
		return false
	}
	j.done, j.cached = true, true
	return true
}

func (j *job) run(ctx context.Context) {
	if j.done {
		return
	}
	detectors := "perfect"
	if j.imperfect {
		detectors = "imperfect"
	}
	command := exec.CommandContext(ctx, "bin/polity", "traffic", "simulate", j.scenario, "--control", j.control, "--seed", strconv.Itoa(j.seed), "--detectors", detectors, "--every", j.every(), "--out", j.dir) //nolint:gosec // the benchmark's own program
	var said bytes.Buffer
	command.Stderr = &said
	if err := command.Run(); err != nil {
		j.err = fmt.Errorf("simulate %s under %s with seed %d: %w: %s", j.place, j.control, j.seed, err, harness.LastLine(said.String()))
		return
	}
	if !j.load() {
		j.err = fmt.Errorf("simulate %s under %s: it wrote no report.json into %s", j.place, j.control, j.dir)
	}
	j.cached = false
}

func (j *job) say(r *harness.Run) {
	if j.err != nil || !j.done {
		return
	}
	note := ""
	if j.imperfect {
		note = ", imperfect detectors"
	}
	if j.cached {
		note += " (kept from an earlier run)"
	}
	t := j.report.Trips
	r.Say("%-12s %-12s seed %d: delay %.2f s, timeLoss %.2f s, decision %.1f ms, longest red %.0f s%s", j.place, j.control, j.seed, t.Delay, t.TimeLoss, j.report.DecisionP99, j.report.MaxRed, note)
}

// sources identifies the code and the SUMO that results come from.
type sources struct {
	sumo string
	code map[string]string // per control
}

// newSources hashes the program's sources that a run depends on, so that a change
// elsewhere leaves results valid.
func newSources() (sources, error) {
	text, err := os.ReadFile("bench/traffic/requirements.txt")
	if err != nil {
		return sources{}, fmt.Errorf("read the versions of SUMO and the maps: %w", err)
	}
	s := sources{sumo: string(text), code: map[string]string{}}
	simulator := []string{"twin/*", "network/*", "traci/*"}
	stepwise := append([]string{"safety/*", "control/control.go", "control/demand.go", "control/greedy.go"}, simulator...)
	for control, patterns := range map[string][]string{
		"fixed": simulator, "actuated": simulator, "greedy": stepwise, "max-pressure": stepwise,
		"polity": append([]string{"control/*", "control/adaptive/*", "control/nowcast/*", "safety/*"}, simulator...),
	} {
		h := sha256.New()
		for _, pattern := range patterns {
			err := hashFolder(h, filepath.Join("services", "traffic", filepath.Dir(pattern)), func(name string) bool {
				match, err := filepath.Match(filepath.Base(pattern), name)
				return err == nil && match && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
			})
			if err != nil {
				return s, fmt.Errorf("read the sources of %s (run this from the project's root): %w", control, err)
			}
		}
		s.code[control] = fmt.Sprintf("%x", h.Sum(nil))
	}
	return s, nil
}

// hashFolder adds a folder's files, not those of folders in it, to h.
func hashFolder(h hash.Hash, dir string, want func(name string) bool) error {
	entries, err := fs.ReadDir(os.DirFS(dir), ".")
	if err != nil {
		return fmt.Errorf("read %s: %w", dir, err)
	}
	for _, e := range entries {
		if e.IsDir() || !want(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", e.Name(), len(text))
		h.Write(text)
	}
	return nil
}
