// Package reconfigure finds the radial configuration of a network that loses
// least, and says how good it is: proven best where that can be proven, else
// with a bound that no configuration undercuts.
package reconfigure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"polity/city"
	"polity/services/power/flow"
	"polity/services/power/grid"
	"polity/services/power/radial"
)

// Limits are what a configuration must keep to.
type Limits = radial.Limits

// Options are how to search.
type Options struct {
	// Switchable says which lines can be opened and closed; nil: those with a
	// switch of their own.
	Switchable func(line int) bool
	Limits     Limits
	// Families bounds the branch-and-bound search; 0 stands for 20,000. When it is
	// spent the best found is returned with the bound reached.
	Families int
	// Rounds of iterated local search beforehand; 0 stands for 300.
	Rounds int
	Seed   uint64
}

// All is a Switchable for networks in which every line can be switched.
func All(int) bool { return true }

// Method says how a Plan was found to be the best, or not.
type Method string

// The methods.
const (
	// ByBound: every family of configurations was searched, or left out because a
	// relaxation shows that none of it loses less.
	ByBound Method = "branch and bound"
	// ByEnumeration: the power flow of every radial configuration was solved.
	ByEnumeration Method = "enumeration"
	// BySearch: local search; only the bound says how far it is from the best.
	BySearch Method = "local search"
)

// Plan is a proposal for how to operate the network.
type Plan struct {
	// Open are the lines to leave open, by index into Network.Lines, ascending.
	Open []int
	// LossW is what the plan loses, StartW what is lost now (0 where the network is
	// not radial now), both by the full power flow.
	LossW, StartW float64
	// BoundW: no radial configuration loses less. Where Proven it is LossW but for
	// rounding.
	BoundW float64
	// RelaxedW is the bound before any search: the loss with every switch closed
	// and power flowing as is best, without losses on the way.
	RelaxedW float64
	Proven   bool
	Method   Method
	Trees    float64 // number of radial configurations
	Families int     // families that the search looked into
	Flows    int     // power flows solved
	// Lowest voltage and highest loading in the plan.
	LowestPU float64
	LowestAt string
	Reason   string // in one sentence, for people
}

// enumerable is the most configurations that are enumerated with full power
// flows where the bound does not hold.
const enumerable = 20000

// Optimise looks for the radial configuration with the least losses that feeds
// all loads and keeps to the limits.
func Optimise(ctx context.Context, net *grid.Network, o Options) (*Plan, error) {
	if o.Switchable == nil {
		o.Switchable = func(i int) bool { return net.Lines[i].Switch }
	}
	if o.Families == 0 {
		o.Families = 20000
	}
	if o.Rounds == 0 {
		o.Rounds = 300
	}
	g, err := radial.New(net, o.Switchable)
	if err != nil {
		return nil, err
	}
	if err := g.Check(); err != nil {
		return nil, err
	}
	plan := &Plan{Trees: g.Trees()}
	found, err := best(ctx, g, o, plan)
	if err != nil {
		return nil, err
	}
	return plan, plan.finish(g, found)
}

// best finds the configuration and fills in how.
func best(ctx context.Context, g *radial.Graph, o Options, plan *Plan) ([]bool, error) {
	if !g.Simple {
		return byFlows(ctx, g, o, plan)
	}
	x := &exchanger{g: g, s: radial.NewSweeper(g), limits: o.Limits}
	start := first(g)
	if now := g.State(); g.IsTree(now) && x.value(now) < x.value(start) {
		start = now
	}
	value := x.improve(start, x.value(start))
	if plan.Trees > enumerable {
		start, value = x.wander(start, value, o.Rounds, o.Seed)
		value = x.improve(start, value)
	}
	plan.Flows = x.flows
	if !g.LoadsOnly() {
		return bySweeps(ctx, g, plan, x, start, value)
	}
	b := &search{g: g, s: x.s, limits: o.Limits, best: start, loss: value, budget: o.Families, ctx: ctx}
	if value >= 1e6 || math.IsInf(value, 1) { // nothing within limits is known yet
		b.best, b.loss = nil, math.Inf(1)
	}
	usable := make([]bool, len(g.Edges))
	for k := range usable {
		usable[k] = true
	}
	watts := g.Base * g.Net.PhasesPerNode()
	plan.RelaxedW = newMesh(g, usable).bound() * watts
	plan.Proven = b.run()
	plan.Families, plan.Flows = b.families, plan.Flows+b.flows
	plan.BoundW = min(b.loss, b.left, b.cut) * watts
	plan.Method = ByBound
	if !plan.Proven {
		plan.Method = BySearch
	}
	if b.best == nil {
		return nil, nothing(plan.Proven)
	}
	return b.best, nil
}

func nothing(proven bool) error {
	if proven {
		return city.Errorf(city.NotFound, "no radial configuration keeps to the limits")
	}
	return city.Errorf(city.NotFound, "no radial configuration within the limits was found; there may be one")
}

// bySweeps enumerates simple graphs for which the bound does not hold.
func bySweeps(ctx context.Context, g *radial.Graph, plan *Plan, x *exchanger, best []bool, value float64) ([]bool, error) {
	plan.Method = BySearch
	if plan.Trees <= 1e6 {
		complete := true
		g.Enumerate(func(closed []bool) bool {
			if v := x.value(closed); v < value {
				value, best = v, slices.Clone(closed)
			}
			complete = x.flows%1024 != 0 || ctx.Err() == nil
			return complete
		})
		if complete {
			plan.Method, plan.Proven = ByEnumeration, true
		}
	}
	plan.Flows = x.flows
	if value >= 1e6 {
		return nil, nothing(plan.Proven)
	}
	if plan.Proven {
		plan.BoundW = value * g.Base * g.Net.PhasesPerNode()
	}
	return best, nil
}

// byFlows enumerates configurations with the full power flow, for networks that
// the fast sweep does not cover: unbalanced ones, and those with regulators. A
// configuration counts only if it feeds every phase of every load that can be
// fed: a switch of one phase does not stand in for one of three.
func byFlows(ctx context.Context, g *radial.Graph, o Options, plan *Plan) ([]bool, error) {
	if plan.Trees > enumerable {
		return nil, city.Errorf(city.TooLarge, "%.3g radial configurations of a network that needs the full power flow (%s): at most %d are tried; let fewer lines be switchable", plan.Trees, g.Why, enumerable)
	}
	var best []bool
	value := math.Inf(1)
	all := make([]bool, len(g.Edges))
	for k := range all {
		all[k] = true
	}
	most := fedPhases(g.Apply(all))
	var failure error
	g.Enumerate(func(closed []bool) bool {
		if failure = ctx.Err(); failure != nil {
			return false
		}
		net := g.Apply(closed)
		if fedPhases(net) < most {
			return true
		}
		plan.Flows++
		r, err := radial.Solve(net)
		if err != nil {
			return true // a configuration without a solution is none
		}
		if loss := real(r.Losses()); loss < value && keeps(o.Limits, r) {
			value, best = loss, slices.Clone(closed)
		}
		return true
	})
	if failure != nil {
		return nil, failure
	}
	if best == nil {
		return nil, nothing(true)
	}
	plan.Method, plan.Proven, plan.BoundW = ByEnumeration, true, value
	return best, nil
}

// finish checks the result by the full power flow and puts it into words.
func (p *Plan) finish(g *radial.Graph, best []bool) error {
	r, err := g.Solve(best)
	if err != nil {
		return fmt.Errorf("the best configuration found has no power flow: %w", err)
	}
	loss := real(r.Losses())
	if g.Simple && p.BoundW > loss*(1+1e-6) {
		return errors.New("the bound is above the loss it bounds: please report this network")
	}
	p.Open, p.LossW = g.OpenLines(best), loss
	low, _, at, _ := r.Extreme()
	p.LowestPU, p.LowestAt = low, g.Net.Buses[at.Bus].Name
	if now := g.State(); g.IsTree(now) {
		if r, err := g.Solve(now); err == nil {
			p.StartW = real(r.Losses())
		}
	}
	names := make([]string, len(p.Open))
	for i, l := range p.Open {
		names[i] = g.Net.Lines[l].Name
	}
	saves := ""
	if p.StartW > 0 {
		saves = fmt.Sprintf(", %.2f kW less than now", (p.StartW-p.LossW)/1000)
	}
	sure := fmt.Sprintf("no configuration can lose less than %.3f kW", p.BoundW/1000)
	switch {
	case p.Proven:
		sure = fmt.Sprintf("proven best of %.0f radial configurations by %s", p.Trees, p.Method)
	case p.BoundW == 0:
		sure = "found by local search, without a bound"
	}
	p.Reason = fmt.Sprintf("With %v open the network loses %.3f kW%s; %s.", names, p.LossW/1000, saves, sure)
	return nil
}

// keeps says whether a solved network is within the limits.
func keeps(l Limits, r *flow.Result) bool {
	low, high, _, _ := r.Extreme()
	if (l.VMin > 0 && low < l.VMin) || (l.VMax > 0 && high > l.VMax) {
		return false
	}
	within := true
	if l.Currents {
		net := r.Network()
		r.Branches(func(b *flow.Branch) {
			if b.Kind == grid.LineKind {
				most := net.Lines[b.Index].EmergencyA
				within = within && (most == 0 || b.Amperes() <= most)
			}
		})
	}
	return within
}

// fedPhases counts the phases of loads and generators that a source reaches.
func fedPhases(net *grid.Network) int {
	top, count := net.Topology(), 0
	fed := func(at grid.Terminal) {
		for _, k := range at.Nodes {
			if v := top.Index(at.Bus, k); v >= 0 && top.Live[v] {
				count++
			}
		}
	}
	for i := range net.Loads {
		fed(net.Loads[i].At)
	}
	for i := range net.Generators {
		fed(net.Generators[i].At)
	}
	return count
}
