package main

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"time"

	"polity/bench/grid/peer"
	"polity/bench/harness"
	"polity/services/power/radial"
	"polity/services/power/switching"
)

// most is how many switches the reference tries all states of.
const most = 14

// question is what reference.py is asked about a network.
type question struct {
	Path     string       `json:"path,omitempty"`
	Switches []string     `json:"switches,omitempty"`
	P        []float64    `json:"p,omitempty"`
	Q        []float64    `json:"q,omitempty"`
	Edges    [][5]float64 `json:"edges,omitempty"` // a, b, r, x, highest current (0: none)
	Names    []string     `json:"names,omitempty"`
	Closed   []int        `json:"closed,omitempty"`
	V0       float64      `json:"v0,omitempty"`
	KW       float64      `json:"kw,omitempty"` // of one per unit
	VMin     float64      `json:"vmin"`
	VMax     float64      `json:"vmax"`
	Seconds  float64      `json:"seconds"`
	Faults   []faultAsked `json:"faults"`
}

type faultAsked struct {
	Line    string      `json:"line"`
	Actions [][2]string `json:"actions"`
	KW      float64     `json:"kw"`
}

// verdict is its answer about a fault.
type verdict struct {
	Fed    float64  // kW when all is done, by the reference
	Wrong  []string // limits broken on the way
	Best   float64  // kW: the best, or a bound above it
	Better bool     // a better state exists
	Proven bool     // whether that is certain
}

// judge asks the reference; nil where it cannot tell.
func judge(ctx context.Context, r *harness.Run, s *state, path string, seconds float64) ([]verdict, error) {
	q := question{VMin: s.o.Limits.VMin, VMax: s.o.Limits.VMax, Seconds: seconds}
	switch {
	case filepath.Ext(path) == ".dss":
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		q.Path = absolute
		for i := range s.net.Lines {
			if s.net.Lines[i].Switch {
				q.Switches = append(q.Switches, s.net.Lines[i].Name)
			}
		}
		if len(q.Switches) > most {
			r.Say("%s: %d switches are too many to try all states: nobody judges these plans", s.name, len(q.Switches))
			return nil, nil
		}
	default:
		if ok, err := q.graph(s); err != nil || !ok {
			r.Say("%s: more than loads and lines: nobody judges these plans", s.name)
			return nil, err
		}
	}
	for k, i := range s.faults {
		q.Faults = append(q.Faults, s.asked(k, i))
	}
	dir, err := os.MkdirTemp("", "polity-judge-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	text, err := json.Marshal(map[string]question{"one": q})
	if err != nil {
		return nil, err
	}
	given := filepath.Join(dir, "in.json")
	if err := os.WriteFile(given, text, 0o600); err != nil {
		return nil, err
	}
	r.Say("%s: the reference looks at %d plans", s.name, len(q.Faults))
	answer := map[string][]verdict{}
	err = peer.Run(ctx, "bench/flisr/reference.py", &answer, given, "OUT")
	if errors.Is(err, peer.ErrMissing) {
		r.Say("%s: %v: nobody judges these plans", s.name, err)
		return nil, nil
	}
	return answer["one"], err
}

// graph fills in a balanced network; false where it has more than loads and lines.
func (q *question) graph(s *state) (bool, error) {
	g, err := radial.New(s.net, func(int) bool { return true })
	if err != nil {
		return false, err
	}
	if !g.Simple || !g.LoadsOnly() {
		return false, nil
	}
	for _, load := range g.Load {
		q.P, q.Q = append(q.P, real(load)), append(q.Q, imag(load))
	}
	for k, e := range g.Edges {
		if e.Line < 0 {
			return false, nil
		}
		limit := e.Most
		if math.IsInf(limit, 1) {
			limit = 0
		}
		q.Edges = append(q.Edges, [5]float64{float64(e.A), float64(e.B), real(e.Z), imag(e.Z), limit})
		q.Names = append(q.Names, s.net.Lines[e.Line].Name)
		if s.net.Lines[e.Line].Closed() {
			q.Closed = append(q.Closed, k)
		}
	}
	q.V0, q.KW = g.V0, g.Base*g.Net.PhasesPerNode()/1000
	return true, nil
}

// asked puts the plan of the k-th fault into words for the reference.
func (s *state) asked(k, line int) faultAsked {
	f := faultAsked{Line: s.net.Lines[line].Name, Actions: [][2]string{}}
	plan := s.plans[k]
	if plan == nil {
		return f
	}
	f.KW = plan.RestoredW / 1000
	for _, step := range plan.Order.Steps {
		a := step.Action
		switch a.Kind {
		case switching.Open:
			f.Actions = append(f.Actions, [2]string{"open", s.net.Lines[a.Index].Name})
		case switching.Close:
			f.Actions = append(f.Actions, [2]string{"close", s.net.Lines[a.Index].Name})
		case switching.Neutral:
			f.Actions = append(f.Actions, [2]string{"neutral", s.net.Regulators[a.Index].Name})
		default:
			f.Actions = append(f.Actions, [2]string{"energise", s.net.Sources[a.Index].Name})
		}
	}
	return f
}

// tally sums up all networks.
type tally struct {
	faults, planned, proven, unjudged, worse, violations, steps int
	worst, worstWhole                                           time.Duration
	before, fed, best, simple                                   float64 // kW
}

func (t *tally) add(r *harness.Run, s *state, verdicts []verdict) {
	for k, line := range s.faults {
		t.faults++
		t.worst, t.worstWhole = max(t.worst, s.first[k]), max(t.worstWhole, s.whole[k])
		t.simple += s.simple[k] / 1000
		name := s.net.Lines[line].Name
		plan := s.plans[k]
		if plan != nil {
			t.planned++
			t.before += plan.BeforeW / 1000
			t.fed += plan.RestoredW / 1000
			t.steps += len(plan.Order.Steps)
			if plan.Proven {
				t.proven++
			}
		}
		if verdicts == nil {
			t.unjudged++
			t.worse++
			continue
		}
		v := verdicts[k]
		t.best += v.Best
		t.violations += len(v.Wrong)
		for _, w := range v.Wrong {
			r.Say("%s, fault in %s: %s", s.name, name, w)
		}
		differs := plan != nil && math.Abs(v.Fed-plan.RestoredW/1000) > 0.5
		if differs {
			r.Say("%s, fault in %s: the plan says that it feeds %.1f kW, the reference %.1f kW", s.name, name, plan.RestoredW/1000, v.Fed)
		}
		if plan == nil || v.Better || !v.Proven || differs {
			t.worse++
			r.Say("%s, fault in %s: the plan feeds %.1f kW; the best, or its bound, is %.1f kW (proven: %v)", s.name, name, v.Fed, v.Best, v.Proven)
		}
	}
}

func (t *tally) figures() harness.Figures {
	part := func(x float64) any {
		if t.before == 0 {
			return nil
		}
		return 100 * x / t.before
	}
	return harness.Figures{
		{Name: "faults", Value: t.faults},
		{Name: "worse_than_best", Value: t.worse},
		{Name: "limit_violations", Value: t.violations},
		{Name: "worst_ms", Value: float64(t.worst.Microseconds()) / 1000},
		{Name: "worst_plan_ms", Value: float64(t.worstWhole.Microseconds()) / 1000},
		{Name: "planned", Value: t.planned},
		{Name: "proven_by_planner", Value: t.proven},
		{Name: "not_judged", Value: t.unjudged},
		{Name: "restored_pct", Value: part(t.fed)},
		{Name: "best_pct", Value: part(t.best)},
		{Name: "baseline_pct", Value: part(t.simple)},
		{Name: "steps", Value: t.steps},
	}
}
