package restore

import (
	"context"
	"fmt"
	"slices"

	"polity/city"
	"polity/services/power/grid"
	"polity/services/power/switching"
)

// Plan is what to do after a fault.
type Plan struct {
	Isolation *Isolation
	Order     *switching.Order
	// Loads at rated power, in watts: fed before the fault, after the trip, when the
	// order is done; dark in the faulted section; and the most that any switching
	// could feed, limits aside.
	BeforeW, TrippedW, RestoredW, SectionW, BoundW float64
	Customers                                      int // fed when the order is done
	// Proven says that no other state of the switches feeds more within the limits.
	Proven bool
	Trials int // configurations judged
	Reason string
}

// Restore proposes how to cut a fault off and give most of the others their power
// back, every step within limits. When ctx ends the best found until then is
// proposed, if anything was.
func Restore(ctx context.Context, net *grid.Network, fault Fault, o Options) (*Plan, error) {
	o.defaults(net)
	s, err := newSituation(net, fault, o)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Isolation: s.isolation()}
	plan.BeforeW, _ = switching.Fed(net)
	plan.TrippedW, _ = switching.Fed(s.net)
	for i := range net.Loads {
		if l := &net.Loads[i]; slices.Contains(fault.Dark, l.At.Bus) && s.darkened[l.At.Bus] && !l.OutOfService {
			plan.BeforeW += real(l.S)
		}
		if l := &net.Loads[i]; s.section[l.At.Bus] && !l.OutOfService {
			plan.SectionW += real(l.S)
		}
	}
	x := &searcher{s: s, free: s.free(), ctx: ctx}
	var refusal error
	err = x.run(func(c choice) bool {
		order, err := s.order(c)
		if err != nil {
			refusal = err
			return false
		}
		plan.Order = order
		return true
	})
	if err != nil && plan.Order == nil {
		return nil, err
	}
	plan.BoundW, plan.Proven, plan.Trials = x.boundW, x.proven, x.trials
	if plan.Order == nil {
		if refusal == nil {
			refusal = city.Errorf(city.NotFound, "no state of the switches keeps the limits")
		}
		return plan, fmt.Errorf("restore after a fault in %s: %w", net.Lines[fault.Line].Name, refusal)
	}
	s.summarise(plan)
	return plan, nil
}

// summarise fills in what the order achieves.
func (s *situation) summarise(p *Plan) {
	p.RestoredW = p.TrippedW
	if n := len(p.Order.Steps); n > 0 {
		p.RestoredW, p.Customers = p.Order.Steps[n-1].FedW, p.Order.Steps[n-1].Customers
	}
	name := s.net.Lines[s.fault.Line].Name
	rest := "nothing else can be fed"
	switch missing := p.BoundW - p.RestoredW; {
	case missing <= 1 && p.BoundW > p.TrippedW:
		rest = "which is all that does not hang on the fault itself"
	case missing > 1 && p.Proven:
		rest = fmt.Sprintf("%.0f kW stay dark because no switching keeps them within limits", missing/1000)
	case missing > 1:
		rest = fmt.Sprintf("up to %.0f kW more might be fed, which was not proven impossible", missing/1000)
	}
	p.Reason = fmt.Sprintf("After the fault in %s, %d steps feed %.0f of %.0f kW: %s.", name, len(p.Order.Steps), p.RestoredW/1000, p.BeforeW/1000, rest)
}

// order makes the switching order of a choice: cut the fault off, open what must
// be open while it is dead, then energise from the source outwards. Each step is
// checked; an error says which one breaks a limit.
func (s *situation) order(c choice) (*switching.Order, error) {
	title := "Restoration after a fault in " + s.net.Lines[s.fault.Line].Name
	start := s.afterTrip()
	var actions []switching.Action
	var why []string
	add := func(kind switching.Kind, index int, reason string) {
		actions, why = append(actions, switching.Action{Kind: kind, Index: index}), append(why, reason)
	}
	for _, i := range s.opened {
		add(switching.Open, i, "It cuts the fault off.")
	}
	final := s.energised(c.closed)
	_, by, order := tree(final)
	for _, i := range sorted(c.closed) {
		if !c.closed[i] && s.net.Lines[i].Closed() && i != s.tripped {
			add(switching.Open, i, "It is dead now; open, it keeps the parts behind it apart.")
		}
	}
	for _, r := range reversed(final, by, order) {
		add(switching.Neutral, r, "It will be fed from behind, where it cannot regulate.")
	}
	s.energise(c, final, order, add)
	return switching.Make(title, start, actions, why, s.o.Limits, s.o.Tags)
}

// afterTrip is the network as the trip left it, before anybody acted.
func (s *situation) afterTrip() *grid.Network {
	net := s.net.Clone()
	for _, i := range s.opened {
		net.Lines[i].SetClosed(true)
	}
	return net
}

// energise adds the closing steps, from the sources outwards.
func (s *situation) energise(c choice, final *grid.Network, order []int, add func(switching.Kind, int, string)) {
	if s.source >= 0 && !final.Sources[s.source].OutOf {
		add(switching.Energise, s.source, "The fault is cut off: the feeder can carry load again.")
	}
	if s.tripped >= 0 && c.closed[s.tripped] {
		add(switching.Close, s.tripped, "The fault is cut off: the breaker can close.")
	}
	rank := map[int]int{}
	for k, b := range order {
		rank[b] = k + 1
	}
	type closing struct{ line, rank int }
	var list []closing
	for i, closed := range c.closed {
		if !closed || s.net.Lines[i].Closed() || i == s.tripped {
			continue
		}
		a, b := rank[s.net.Lines[i].Ends[0].Bus], rank[s.net.Lines[i].Ends[1].Bus]
		if a == 0 || b == 0 {
			continue // beyond what is fed: it would connect nothing
		}
		list = append(list, closing{i, max(a, b)})
	}
	slices.SortFunc(list, func(x, y closing) int {
		if x.rank != y.rank {
			return x.rank - y.rank
		}
		return x.line - y.line
	})
	for _, l := range list {
		add(switching.Close, l.line, "It feeds the part behind it from the other side.")
	}
}

func sorted(closed map[int]bool) []int {
	out := make([]int, 0, len(closed))
	for i := range closed {
		out = append(out, i)
	}
	slices.Sort(out)
	return out
}

// reversed lists regulators that would be fed from behind and cannot turn round.
func reversed(net *grid.Network, by []link, order []int) []int {
	var out []int
	for i := range net.Regulators {
		r := &net.Regulators[i]
		if r.OutOfService || r.Reversible || r.MaxSteps == 0 {
			continue
		}
		for _, b := range order {
			if l := by[b]; l.line < 0 && l.transformer == r.Transformer && l.winding == r.Winding && l.winding != l.other {
				out = append(out, i)
			}
		}
	}
	return out
}
