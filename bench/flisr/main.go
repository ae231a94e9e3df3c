// Command flisr restores power after every line fault of a network and has the
// plans judged by programs that share nothing with the planner.
package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"polity/bench/grid/peer"
	"polity/bench/harness"
	"polity/services/power/grid"
	"polity/services/power/restore"
	"polity/services/power/switching"
)

func main() {
	harness.Main(harness.Bench{
		Name: "flisr",
		About: `Puts a fault into each closed line of each network in turn and asks for a plan: which
switches cut it off, and which order feeds most of the rest within 0.9 to 1.1 of the
nominal voltage and all emergency ratings, without a loop. The source's breaker is the
only one that trips, so that all is dark at first.

In .dss files lines with a switch can be operated (a fault in a switch is one of both
sections beside it); in balanced networks every line can, at both of its ends.

Each plan is replayed and compared by bench/flisr/reference.py: unbalanced feeders by
OpenDSS, which also tries every state of the switches; balanced ones by sweeps of its
own and a mixed-integer program that either finds a better state or shows that there
is none. worse_than_best counts plans that feed less than the best, and those of which
that could not be told; limit_violations counts states on the way.

worst_ms is the longest wall time from the fault to the first step, checked;
worst_plan_ms to the whole order. The baseline feeds again what closing the breaker
alone can feed once the fault is cut off.`,
		Variables: []harness.Variable{
			{Name: "CASES", Default: "case33bw," + peer.IEEE123, Help: peer.CasesHelp},
			{Name: "VMIN", Default: "0.9", Help: "lowest voltage allowed, per unit"},
			{Name: "TRIALS", Default: "100000", Help: "most configurations judged for a plan"},
			{Name: "SOLVER_S", Default: "240", Help: "most seconds of one mixed-integer program"},
		},
		Quick: "programs of more than twenty seconds",
		Run:   run,
	})
}

// state is one case with its faults.
type state struct {
	name   string
	net    *grid.Network
	o      restore.Options
	plans  []*restore.Plan // nil: none was found
	faults []int
	first  []time.Duration
	whole  []time.Duration
	simple []float64 // what the baseline feeds, W
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	vmin, err := r.Number("VMIN")
	if err != nil {
		return nil, err
	}
	trials, err := r.Number("TRIALS")
	if err != nil {
		return nil, err
	}
	seconds, err := r.Number("SOLVER_S")
	if err != nil {
		return nil, err
	}
	if r.Quick {
		seconds = min(seconds, 20)
	}
	cases, err := peer.Cases(ctx, r, r.List("CASES"))
	if err != nil {
		return nil, err
	}
	var t tally
	for _, c := range cases {
		s := &state{name: c.Name, net: c.Net}
		s.o = restore.Options{Limits: switching.Limits{VMin: vmin, VMax: 1.1, Currents: true}, Trials: int(trials)}
		if c.Net.Balanced {
			s.o.AtEnds, s.o.Switchable = true, func(int) bool { return true }
		}
		if err := s.restoreAll(ctx, r); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		verdicts, err := judge(ctx, r, s, c.Path, seconds)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		t.add(r, s, verdicts)
	}
	return t.figures(), nil
}

// restoreAll makes a plan for each fault.
func (s *state) restoreAll(ctx context.Context, r *harness.Run) error {
	for i := range s.net.Lines {
		if !s.net.Lines[i].Closed() {
			continue
		}
		start := time.Now()
		fault := restore.Fault{Line: i}
		isolation, err := restore.Isolate(s.net, fault, s.o)
		if err != nil {
			return err
		}
		if err := s.firstStep(isolation); err != nil {
			return err
		}
		s.first = append(s.first, time.Since(start))
		start = time.Now()
		plan, err := restore.Restore(ctx, s.net, fault, s.o)
		s.whole = append(s.whole, time.Since(start))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.Say("%s: no plan: %v", s.name, err)
			plan = nil
		}
		s.faults, s.plans = append(s.faults, i), append(s.plans, plan)
		s.simple = append(s.simple, s.baseline(isolation))
		if plan != nil {
			r.Say("%s (%.2f s) %s", s.name, s.whole[len(s.whole)-1].Seconds(), plan.Reason)
		}
	}
	return nil
}

// tripped is the network after the source's breaker has tripped.
func (s *state) tripped(i *restore.Isolation) *grid.Network {
	net := s.net.Clone()
	if i.Source >= 0 {
		net.Sources[i.Source].OutOf = true
	}
	if i.Tripped >= 0 {
		net.Lines[i.Tripped].SetClosed(false)
	}
	return net
}

// firstStep makes a checked order of the first step.
func (s *state) firstStep(i *restore.Isolation) error {
	if len(i.Open) == 0 {
		return nil
	}
	_, err := switching.Make("Isolation", s.tripped(i), []switching.Action{{Kind: switching.Open, Index: i.Open[0]}}, []string{i.Reason}, s.o.Limits, nil)
	return err
}

// baseline is what closing the breaker again feeds once the fault is cut off.
func (s *state) baseline(i *restore.Isolation) float64 {
	net := s.tripped(i)
	for _, line := range i.Open {
		net.Lines[line].SetClosed(false)
	}
	for k := range net.Sources {
		if k == i.Source && !slices.Contains(i.Section, net.Sources[k].At.Bus) {
			net.Sources[k].OutOf = false
		}
	}
	watts, _ := switching.Fed(net)
	return watts
}
