// Command water-engine measures the hydraulic engine against wntr, which runs
// EPANET 2.2, and against the bare C library.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"polity/bench/harness"
	"polity/internal/parts"
	"polity/internal/sandbox"
	"polity/services/water/epanet"
	"polity/services/water/network"
)

const (
	python   = ".cache/venv/water/bin/python"
	packages = ".cache/venv/water/lib/python3*/site-packages/"
)

func main() {
	sandbox.Stage()
	harness.Main(harness.Bench{
		Name: "water-engine",
		About: `The hydraulic engine against EPANET's own results: the greatest difference of any
head (m) and flow (m³/h) at any node, link and time from wntr's EpanetSimulator
(EPANET 2.2) in the same run; and its time, process and pipes included, beside the
bare C library's loop without any result read, and beside wntr's.`,
		Variables: []harness.Variable{
			{Name: "NETWORKS", Default: packages + "wntr/library/networks/Net3.inp " + packages + "wntr/library/networks/ky4.inp " + packages + "epyt/networks/L-TOWN.inp", Help: "network files (.inp)"},
			{Name: "HOURS", Default: "168", Help: "hours that are simulated, 24 at least"},
			{Name: "REPEATS", Default: "5", Help: "runs of which the fastest counts, ours and the bare library's in turn"},
		},
		Quick: "all but 24 hours and two repeats",
		Run:   run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	hours, err := r.Number("HOURS")
	if err != nil {
		return nil, err
	}
	repeats, err := r.Number("REPEATS")
	if err != nil {
		return nil, err
	}
	if r.Quick {
		hours, repeats = 24, 2
	}
	if hours < 24 || repeats < 1 {
		return nil, errors.New("HOURS must be 24 at least and REPEATS 1 at least")
	}
	var files []string
	for _, pattern := range r.List("NETWORKS") {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("NETWORKS: %s is not there", pattern)
		}
		files = append(files, found...)
	}
	worstHead, worstFlow, ours, bare, peer := 0.0, 0.0, 0.0, 0.0, 0.0
	var week any
	for _, file := range files {
		m, err := measure(ctx, file, int64(hours*3600), int(repeats))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		r.Say("%-11s %4.0f h, %5d periods: heads within %.2e m, flows within %.2e m3/h; %.3f s, bare library %.3f s (ratio %.3f), wntr %.2f s",
			filepath.Base(file), hours, m.periods, m.head, m.flow, m.ours, m.bare, m.ours/m.bare, m.wntr)
		worstHead, worstFlow = max(worstHead, m.head), max(worstFlow, m.flow)
		ours, bare, peer = ours+m.ours, bare+m.bare, peer+m.wntr
		if filepath.Base(file) == "L-TOWN.inp" && hours == 168 {
			week = m.ours
		}
	}
	return harness.Figures{
		{Name: "max_head_error_m", Value: worstHead},
		{Name: "max_flow_error_m3h", Value: worstFlow},
		{Name: "ratio_to_bare_engine", Value: ours / bare},
		{Name: "ltown_week_s", Value: week},
		{Name: "wntr_s", Value: peer},
		{Name: "ours_s", Value: ours},
	}, nil
}

type measured struct {
	head, flow, ours, bare, wntr float64
	periods                      int
}

func measure(ctx context.Context, file string, seconds int64, repeats int) (m measured, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return m, err
	}
	n, err := network.Read(file, text)
	if err != nil {
		return m, err
	}
	truth, err := wntr(ctx, file, seconds)
	if err != nil {
		return m, err
	}
	m.wntr, m.ours, m.bare = truth.Seconds, math.Inf(1), math.Inf(1)
	for range repeats { // in turn, so that a busy moment of the machine meets both
		took, err := bareRun(ctx, file, seconds)
		if err != nil {
			return m, err
		}
		m.bare = min(m.bare, took)
		start := time.Now()
		heads, flows, err := simulate(ctx, text, seconds)
		if err != nil {
			return m, err
		}
		m.ours = min(m.ours, time.Since(start).Seconds())
		m.periods = len(heads.at)
		m.head, m.flow, err = truth.compare(n, heads, flows)
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

// table is one property of all objects by time.
type table struct {
	names  []string
	at     map[int64]int
	values [][]float64
}

func simulate(ctx context.Context, text []byte, seconds int64) (heads, flows table, err error) {
	heads.at, flows.at = map[int64]int{}, map[int64]int{}
	err = epanet.Simulate(ctx, epanet.Native, epanet.Scenario{
		Network: text, Seconds: seconds,
		Columns: []epanet.Column{{Object: epanet.Node, Property: epanet.Head}, {Object: epanet.Link, Property: epanet.Flow}},
	}, func(l epanet.Layout, p epanet.Period) error {
		heads.names, flows.names = l.Nodes, l.Links
		heads.at[p.Seconds], flows.at[p.Seconds] = len(heads.values), len(flows.values)
		heads.values, flows.values = append(heads.values, p.Values[0]), append(flows.values, p.Values[1])
		return nil
	})
	return heads, flows, err
}

// truth is what wntr computed, in SI units.
type truth struct {
	Seconds      float64  `json:"seconds"`
	Times        []int64  `json:"times"`
	Nodes        []string `json:"nodes"`
	Links        []string `json:"links"`
	heads, flows []float64
}

func wntr(ctx context.Context, file string, seconds int64) (*truth, error) {
	folder, err := os.MkdirTemp("", "bench-water-engine-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	t := &truth{}
	if err := peer(ctx, t, "wntr", absolute, strconv.FormatInt(seconds, 10), folder); err != nil {
		return nil, err
	}
	if t.heads, err = floats(filepath.Join(folder, "heads"), len(t.Times)*len(t.Nodes)); err != nil {
		return nil, err
	}
	t.flows, err = floats(filepath.Join(folder, "flows"), len(t.Times)*len(t.Links))
	return t, err
}

func floats(name string, n int) ([]float64, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if len(b) != 4*n {
		return nil, fmt.Errorf("wntr wrote %d bytes of %d", len(b), 4*n)
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
	}
	return out, nil
}

func bareRun(ctx context.Context, file string, seconds int64) (float64, error) {
	library, err := parts.Find(epanet.LibraryName)
	if err != nil {
		return 0, err
	}
	var out struct {
		Seconds float64 `json:"seconds"`
	}
	err = peer(ctx, &out, "bare", file, strconv.FormatInt(seconds, 10), library)
	return out.Seconds, err
}

func peer(ctx context.Context, into any, args ...string) error {
	cmd := exec.CommandContext(ctx, python, append([]string{"bench/water-engine/peer.py"}, args...)...) //nolint:gosec // the benchmark's own program
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", args[0], err, bytes.TrimSpace(said.Bytes()))
	}
	return json.Unmarshal(out, into)
}

// compare returns the greatest differences of heads (m) and flows (m³/h).
func (t *truth) compare(n *network.Network, heads, flows table) (head, flow float64, err error) {
	metres := 1.0
	if !n.Metric() {
		metres = 0.3048
	}
	head, err = worst(t.Times, t.Nodes, t.heads, heads, metres)
	if err == nil {
		flow, err = worst(t.Times, t.Links, t.flows, flows, n.CubicMetresPerHour()/3600)
	}
	return head, flow * 3600, err
}

func worst(times []int64, names []string, want []float64, got table, scale float64) (float64, error) {
	places := make([]int, len(names))
	for i, name := range names {
		if places[i] = slices.Index(got.names, name); places[i] < 0 {
			return 0, fmt.Errorf("we have no %s", name)
		}
	}
	greatest := 0.0
	for k, at := range times {
		row, ok := got.at[at]
		if !ok {
			return 0, fmt.Errorf("we have no period at %d s", at)
		}
		for i, place := range places {
			d := math.Abs(want[k*len(names)+i] - got.values[row][place]*scale)
			if math.IsNaN(d) {
				return 0, fmt.Errorf("%s at %d s is not a number", names[i], at)
			}
			greatest = max(greatest, d)
		}
	}
	return greatest, nil
}
