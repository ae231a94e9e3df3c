// Package curtail limits charging and generation in an emergency, by rules that were
// registered in advance: who is limited first, how far at most, and nobody otherwise.
// It says what to limit; a bounded decision or a person does it.
package curtail

import (
	"fmt"
	"math"

	"polity/city"
	"polity/services/power/grid"
	"polity/services/power/switching"
)

// Rule limits a group of loads or of generators, all by the same part.
type Rule struct {
	Name     string
	Register string // the entry in the public register that decided it
	// Loads and Generators are indices into the network's; a rule has one kind.
	Loads, Generators []int
	// Least is the part of their power that stays whatever happens, from 0 to 1.
	Least float64
}

// Cut is what a rule does.
type Cut struct {
	Rule string
	Part float64 // of the power that may still be drawn or fed in
	// Loads and Generators that it applies to: those whose limit helps.
	Loads, Generators []int
	Watts             float64 // taken away
	Reason            string
}

// Plan is what to do, rule by rule.
type Plan struct {
	Cuts []Cut
	// Before and Left are the limits broken without and with the cuts; none should be
	// left, and where some are, the rules do not reach far enough.
	Before, Left []switching.Violation
}

// grain is the precision of a part.
const grain = 1e-3

// Relieve finds the smallest cuts that bring a network back within limits. Rules act
// in their order: the next one only when the one before is at its least. Within a
// rule all are limited alike, so that nobody is favoured, but those whose limit
// changes nothing are left alone.
func Relieve(net *grid.Network, limits switching.Limits, rules []Rule) (*Plan, error) {
	state, err := switching.Look(net, limits)
	if err != nil {
		return nil, fmt.Errorf("the network as it stands: %w", err)
	}
	p := &Plan{Before: state.Violations, Left: state.Violations}
	net = net.Clone()
	for i := range rules {
		r := &rules[i]
		if err := r.check(net); err != nil {
			return nil, err
		}
		if len(p.Left) == 0 {
			continue
		}
		cut, left, err := r.relieve(net, limits, p.Left)
		if err != nil {
			return nil, err
		}
		if cut.Watts > 0 {
			apply(net, net, cut.Part, cut.Loads, cut.Generators)
			p.Cuts, p.Left = append(p.Cuts, cut), left
		}
	}
	return p, nil
}

func (r *Rule) check(net *grid.Network) error {
	switch {
	case r.Register == "":
		return city.Errorf(city.Forbidden, "rule %q has no register entry: nobody is limited without one", r.Name)
	case !(r.Least >= 0 && r.Least <= 1):
		return city.Errorf(city.Invalid, "rule %q leaves a part of %g; it must lie between 0 and 1", r.Name, r.Least)
	case (len(r.Loads) == 0) == (len(r.Generators) == 0):
		return city.Errorf(city.Invalid, "rule %q must name loads or generators, one of the two", r.Name)
	}
	for _, l := range r.Loads {
		if l < 0 || l >= len(net.Loads) {
			return city.Errorf(city.NotFound, "rule %q: there is no load %d", r.Name, l)
		}
	}
	for _, g := range r.Generators {
		if g < 0 || g >= len(net.Generators) {
			return city.Errorf(city.NotFound, "rule %q: there is no generator %d", r.Name, g)
		}
	}
	return nil
}

// relieve finds the rule's cut: the largest part at which nothing is broken, or
// Least.
func (r *Rule) relieve(net *grid.Network, limits switching.Limits, broken []switching.Violation) (Cut, []switching.Violation, error) {
	loads, generators := r.Loads, r.Generators
	try := func(part float64) ([]switching.Violation, error) {
		next := net.Clone()
		apply(next, net, part, loads, generators)
		state, err := switching.Look(next, limits)
		if err != nil {
			return nil, fmt.Errorf("rule %q at %.0f%%: %w", r.Name, 100*part, err)
		}
		return state.Violations, nil
	}
	left, err := try(r.Least)
	if err != nil {
		return Cut{}, nil, err
	}
	part := r.Least
	if len(left) == 0 {
		low, high := r.Least, 1.0
		for high-low > grain {
			middle := (low + high) / 2
			bad, err := try(middle)
			if err != nil {
				return Cut{}, nil, err
			}
			if len(bad) == 0 {
				low = middle
			} else {
				high = middle
			}
		}
		part = low
	} else if worse(left, broken) {
		return Cut{}, broken, nil // it does not help
	}
	free := func(list *[]int) error { // those whose limit changes nothing
		for k := 0; k < len(*list); {
			all := *list
			*list = append(append([]int(nil), all[:k]...), all[k+1:]...)
			bad, err := try(part)
			if err != nil {
				return err
			}
			if len(bad) > len(left) || sum(bad) > sum(left)*(1+1e-9)+1e-12 {
				*list = all
				k++
			}
		}
		return nil
	}
	if err := free(&loads); err != nil {
		return Cut{}, nil, err
	}
	if err := free(&generators); err != nil {
		return Cut{}, nil, err
	}
	c := Cut{Rule: r.Name, Part: part, Loads: loads, Generators: generators}
	for _, l := range loads {
		c.Watts += (1 - part) * math.Abs(real(net.Loads[l].S))
	}
	for _, g := range generators {
		c.Watts += (1 - part) * math.Abs(real(net.Generators[g].S))
	}
	c.Reason = fmt.Sprintf("%s By rule %q %d of %d are limited to %.0f%%.", broken[0].Text, r.Name, len(loads)+len(generators), len(r.Loads)+len(r.Generators), 100*part)
	return c, left, nil
}

// sum is how far all limits together are broken, each as a part of itself.
func sum(list []switching.Violation) float64 {
	total := 0.0
	for _, v := range list {
		if v.Limit > 0 {
			total += math.Abs(v.Value-v.Limit) / v.Limit
		}
	}
	return total
}

func worse(a, b []switching.Violation) bool { return sum(a) > sum(b)*(1-1e-9) }

// apply sets powers in net to a part of those in from.
func apply(net, from *grid.Network, part float64, loads, generators []int) {
	for _, l := range loads {
		net.Loads[l].S = from.Loads[l].S * complex(part, 0)
	}
	for _, g := range generators {
		net.Generators[g].S = from.Generators[g].S * complex(part, 0)
	}
}
