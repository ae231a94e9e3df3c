package settings

import (
	"context"
	"errors"
	"math"

	"polity/services/power/flow"
	"polity/services/power/grid"
)

// score orders settings: less is better, field by field. Broken and loss are whole
// numbers of grains, so that the order does not hang on the last digits of a power
// flow, and has no rings.
type score struct {
	broken float64 // how far limits are passed, each as a part of itself, summed
	loss   float64
	moves  int // steps away from now
	lossW  float64
}

func (a *score) better(b *score) bool {
	switch {
	case a.broken != b.broken:
		return a.broken < b.broken
	case a.loss != b.loss:
		return a.loss < b.loss
	}
	return a.moves < b.moves
}

const (
	brokenGrain = 1e-9
	lossGrain   = 1e-7 // of the losses before
	tolerance   = 1e-6 // as in package switching: how far past a limit counts as on it
)

// errSpent says that the power flows are spent.
var errSpent = errors.New("all power flows are spent")

// judge solves settings one by one and keeps the best.
type judge struct {
	ctx     context.Context
	net     *grid.Network
	solver  *flow.Solver
	devices []device
	o       Options
	grain   float64 // of losses, in W
	at      []int   // where the solver stands

	seen          map[string]*score // nil where there is no power flow
	flows, failed int
	best          []int
	of            score
}

func newJudge(ctx context.Context, net *grid.Network, devices []device, o Options, lossW float64) (*judge, error) {
	j := &judge{ctx: ctx, net: net.Clone(), devices: devices, o: o, grain: max(1e-9, lossGrain*math.Abs(lossW)), seen: map[string]*score{}}
	for i := range devices {
		devices[i].put(j.net, devices[i].now)
		j.at = append(j.at, devices[i].now)
	}
	var err error
	j.solver, err = flow.New(j.net, flow.Options{HoldTaps: true})
	return j, err
}

// try scores a setting; nil: it has no power flow, and nothing of it is used.
func (j *judge) try(x []int) (*score, error) {
	key := make([]byte, 0, 2*len(x))
	for _, level := range x {
		key = append(key, byte(level), byte(level>>8))
	}
	if s, ok := j.seen[string(key)]; ok {
		return s, nil
	}
	if j.flows >= j.o.Flows {
		return nil, errSpent
	}
	if err := j.ctx.Err(); err != nil {
		return nil, err
	}
	for i, level := range x {
		if level == j.at[i] {
			continue
		}
		if err := j.devices[i].move(j.solver, j.net, level); err != nil {
			return nil, err
		}
		j.at[i] = level
	}
	j.flows++
	r, err := j.solver.Solve()
	if errors.Is(err, flow.ErrNotConverged) {
		r, err = j.solver.Solve() // from the voltages without load, in place of the last ones
	}
	switch {
	case errors.Is(err, flow.ErrNotConverged):
		j.failed++
		j.seen[string(key)] = nil
		return nil, nil
	case err != nil:
		return nil, err
	}
	s := j.score(r, x)
	j.seen[string(key)] = s
	if j.best == nil || s.better(&j.of) {
		j.best, j.of = append(j.best[:0], x...), *s
	}
	return s, nil
}

func (j *judge) score(r *flow.Result, x []int) *score {
	loss := real(r.Losses())
	s := &score{broken: math.Round(j.broken(r) / brokenGrain), loss: math.Round(loss / j.grain), lossW: loss}
	for i, level := range x {
		s.moves += max(level-j.devices[i].now, j.devices[i].now-level)
	}
	return s
}

// broken sums how far voltages and ratings are outside, each as a part of its limit.
func (j *judge) broken(r *flow.Result) float64 {
	sum, top := 0.0, r.Topology()
	for v, node := range top.Nodes {
		if !top.Live[v] || node.Number > 3 {
			continue
		}
		pu := r.PerUnit(v)
		if j.o.VMin > 0 && pu < j.o.VMin*(1-tolerance) {
			sum += (j.o.VMin - pu) / j.o.VMin
		}
		if j.o.VMax > 0 && pu > j.o.VMax*(1+tolerance) {
			sum += (pu - j.o.VMax) / j.o.VMax
		}
	}
	if !j.o.Currents {
		return sum
	}
	r.Branches(func(b *flow.Branch) {
		limit, value := 0.0, 0.0
		switch b.Kind {
		case grid.LineKind:
			limit, value = j.net.Lines[b.Index].EmergencyA, b.Amperes()
		case grid.TransformerKind:
			limit = j.net.Transformers[b.Index].EmergencyVA
			for _, p := range b.Power {
				value = max(value, math.Hypot(real(p), imag(p)))
			}
		}
		if limit > 0 && value > limit*(1+tolerance) {
			sum += (value - limit) / limit
		}
	})
	return sum
}
