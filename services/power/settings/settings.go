// Package settings finds the tap positions and capacitor steps with which a network
// loses least while voltages, and currents where asked, stay within limits.
//
// All devices are set at once for one state of the loads, in whole steps, and a
// setting counts only with a converged power flow. Settings are ordered: first by how
// far limits are broken, so that any that keeps them beats any that does not; then
// by the losses of lines and transformers; then by the fewest steps to go. Where
// there are no more settings than power flows may be solved, all are, and the best is
// proven. Otherwise it comes from descents from several starts (search.go), and the
// plan says that it is not, with a bound that no setting reaches (bound.go).
package settings

import (
	"context"
	"fmt"
	"math"

	"polity/city"
	"polity/services/power/flow"
	"polity/services/power/grid"
	"polity/services/power/switching"
)

// Options are what may be set, and within which limits.
type Options struct {
	// VMin and VMax are the limits of all voltages, per unit; 0: none.
	VMin, VMax float64
	// Currents keeps lines and transformers within their emergency ratings, where
	// these are known.
	Currents bool
	// Tap says which tap changers may be set; nil stands for those that a regulator
	// moves. It is asked for windings that have steps only.
	Tap func(transformer, winding int) bool
	// Shunt says which capacitors may be set; nil stands for all.
	Shunt func(shunt int) bool
	// HoldTaps compares with taps and steps as the file has them; otherwise with
	// those at which regulators and capacitor controls are content.
	HoldTaps bool
	// Flows is the most power flows to solve; 0 stands for 20000.
	Flows int
}

// Standard are the limits of EN 50160:2010, 4.2.2 and 5.2.2.
func Standard() Options { return Options{VMin: 0.9, VMax: 1.1, Currents: true} }

func (o Options) limits() switching.Limits {
	return switching.Limits{VMin: o.VMin, VMax: o.VMax, Currents: o.Currents, Loops: true}
}

// Setting is where one device stands and where it is to stand.
type Setting struct {
	Device  string
	Origin  grid.Origin
	Element grid.Element // a transformer or a shunt
	Winding int          // of the transformer, from 0
	// Now and To are positions of a tap from the middle of its range, or the number
	// of a capacitor's steps that are on.
	Now, To int
	// NowTap and ToTap are per unit; 0 of capacitors.
	NowTap, ToTap float64
}

// Changes says whether the device is to be moved.
func (s *Setting) Changes() bool { return s.Now != s.To || s.NowTap != s.ToTap }

// State is what a setting leads to.
type State struct {
	LossW               float64
	LowestPU, HighestPU float64
	LowestAt, HighestAt string // buses
	Broken              []switching.Violation
}

// Plan is a setting, compared with the present one.
type Plan struct {
	Settings      []Setting // of all devices, those too that stay as they are
	Before, After State
	Hunting       bool // regulators were still moving when their steps were spent: Before is no rest
	// Proven says that all combinations were tried.
	Proven bool
	// BoundW is what no setting that keeps the limits of voltage loses less than; 0: none is
	// known.
	BoundW       float64
	Combinations float64 // how many there are
	Flows        int     // power flows solved
	Failed       int     // of these without a solution, and so never used
	Network      *grid.Network
	Reason       string
}

// Optimise looks for the best setting. It fails with kind city.Invalid where there is
// nothing to set, and where the network as it stands has no power flow.
func Optimise(ctx context.Context, net *grid.Network, o Options) (*Plan, error) {
	if o.Flows == 0 {
		o.Flows = 20000
	}
	if o.Flows < 1 || (o.VMin > 0 && o.VMax > 0 && o.VMin >= o.VMax) {
		return nil, city.Errorf(city.Invalid, "%d power flows, voltages from %g to %g: at least one flow, and the lowest voltage below the highest", o.Flows, o.VMin, o.VMax)
	}
	base := net.Clone()
	before, err := solve(base, flow.Options{HoldTaps: o.HoldTaps})
	if err != nil {
		return nil, fmt.Errorf("the network as it stands: %w", err)
	}
	devices := collect(base, o)
	if len(devices) == 0 {
		return nil, city.Errorf(city.Invalid, "%s has no capacitor, and no tap changer with a regulator, to set", net.Name)
	}
	p := &Plan{Before: state(before, o), Hunting: before.Hunting, Combinations: 1}
	for i := range devices {
		p.Combinations *= float64(devices[i].levels)
	}
	j, err := newJudge(ctx, base, devices, o, p.Before.LossW)
	if err != nil {
		return nil, err
	}
	p.Proven = p.Combinations <= float64(o.Flows)
	if p.Proven {
		err = j.enumerate()
	} else {
		err = j.search()
	}
	if err != nil {
		return nil, err
	}
	p.Flows, p.Failed, p.BoundW = j.flows, j.failed, Bound(base, o)
	return p, p.finish(base, j)
}

func solve(net *grid.Network, o flow.Options) (*flow.Result, error) {
	s, err := flow.New(net, o)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%w", err)
	}
	return s.Solve()
}

func state(r *flow.Result, o Options) State {
	low, high, lowAt, highAt := r.Extreme()
	net := r.Network()
	return State{
		LossW: real(r.Losses()), LowestPU: low, HighestPU: high,
		LowestAt: net.Buses[lowAt.Bus].Name, HighestAt: net.Buses[highAt.Bus].Name, Broken: switching.Check(r, o.limits()),
	}
}

// finish solves the best setting anew, from nothing that the search left behind, and
// puts it into words.
func (p *Plan) finish(base *grid.Network, j *judge) error {
	if j.best == nil {
		return fmt.Errorf("none of %d settings has a power flow: %w", j.flows, flow.ErrNotConverged)
	}
	p.Network = base.Clone()
	for i, d := range j.devices {
		d.put(p.Network, j.best[i])
		p.Settings = append(p.Settings, d.setting(base, p.Network))
	}
	after, err := solve(p.Network, flow.Options{HoldTaps: true})
	if err != nil {
		return fmt.Errorf("the best setting, solved anew: %w", err)
	}
	p.After = state(after, j.o)
	if d := math.Abs(p.After.LossW - j.of.lossW); d > 1e-5*math.Abs(p.After.LossW)+1 {
		return fmt.Errorf("the best setting, solved anew, loses %.1f W and not %.1f: %w", p.After.LossW, j.of.lossW, flow.ErrNotConverged)
	}
	p.Reason = p.words()
	return nil
}

// gap says how far what was found is from what is known to be out of reach.
func (p *Plan) gap() string {
	switch {
	case p.BoundW <= 0 || p.After.LossW <= 0:
		return ", and no bound is known"
	case len(p.After.Broken) > 0:
		return fmt.Sprintf(", and none that keeps them loses less than %.3f kW", p.BoundW/1000)
	}
	return fmt.Sprintf(", and none within limits loses less than %.3f kW: at most %.0f%% could still be saved", p.BoundW/1000, math.Ceil(100*(1-p.BoundW/p.After.LossW)))
}

func (p *Plan) words() string {
	moved := 0
	for _, s := range p.Settings {
		if s.Changes() {
			moved++
		}
	}
	how := fmt.Sprintf("the best of all %.0f settings", p.Combinations)
	none := "No setting keeps all limits"
	if !p.Proven {
		how = fmt.Sprintf("the best found of %.3g settings, by %d power flows; that none is better is not proven%s", p.Combinations, p.Flows, p.gap())
		none = "No setting that was tried keeps all limits"
	}
	saved := p.Before.LossW - p.After.LossW
	change := fmt.Sprintf("%.3f kW less than now", saved/1000)
	if saved < 0 {
		change = fmt.Sprintf("%.3f kW more than now", -saved/1000)
	}
	switch {
	case moved == 0 && len(p.After.Broken) == 0:
		return fmt.Sprintf("Nothing is to be set: losses of %.3f kW are %s.", p.After.LossW/1000, how)
	case len(p.After.Broken) > 0:
		return fmt.Sprintf("%s; this one comes nearest. %d devices to set, losses %.3f kW, %s: %s.", none, moved, p.After.LossW/1000, change, how)
	case len(p.Before.Broken) > 0:
		return fmt.Sprintf("%d devices to set, so that limits are kept that are broken now: losses %.3f kW, %s; %s.", moved, p.After.LossW/1000, change, how)
	}
	return fmt.Sprintf("%d devices to set: losses %.3f kW, %s; %s.", moved, p.After.LossW/1000, change, how)
}
