// Package switching is what is done to a network's switches: single actions, what
// they lead to and whether that is allowed, and orders of several steps that a
// person confirms one by one. Nothing here operates a device.
package switching

import (
	"fmt"

	"polity/services/power/flow"
	"polity/services/power/grid"
)

// Limits are what a state of the network must keep to.
type Limits struct {
	VMin, VMax float64 // per unit; 0: none
	Currents   bool    // lines and transformers within their emergency ratings, where these are known
	Loops      bool    // loops are allowed
	// Devices are protective devices whose settings must fit every state.
	Devices []Device
}

// Standard are the limits of EN 50160:2010, 4.2.2 and 5.2.2: 10% around the
// nominal voltage, with lines within their emergency ratings and no loops.
func Standard() Limits { return Limits{VMin: 0.9, VMax: 1.1, Currents: true} }

// Violation is a limit that a state breaks.
type Violation struct {
	Element string  `json:"element"`
	Value   float64 `json:"value"`
	Limit   float64 `json:"limit"`
	Text    string  `json:"text"` // in one sentence
}

// tolerance is how far past a limit counts as on it, as a part of the limit: the
// precision of the power flow.
const tolerance = 1e-6

// Check lists the limits that a solved state breaks.
func Check(r *flow.Result, l Limits) []Violation {
	var out []Violation
	net, top := r.Network(), r.Topology()
	for v, node := range top.Nodes {
		if !top.Live[v] || node.Number > 3 {
			continue
		}
		name, pu := fmt.Sprintf("bus %s, phase %d", net.Buses[node.Bus].Name, node.Number), r.PerUnit(v)
		switch {
		case l.VMin > 0 && pu < l.VMin*(1-tolerance):
			out = append(out, Violation{name, pu, l.VMin, fmt.Sprintf("%s has %.4f of its nominal voltage; %.4f is the least allowed.", name, pu, l.VMin)})
		case l.VMax > 0 && pu > l.VMax*(1+tolerance):
			out = append(out, Violation{name, pu, l.VMax, fmt.Sprintf("%s has %.4f of its nominal voltage; %.4f is the most allowed.", name, pu, l.VMax)})
		}
	}
	if l.Currents {
		r.Branches(func(b *flow.Branch) { out = append(out, overload(net, b)...) })
	}
	if !l.Loops {
		for _, e := range top.Loops {
			name, _ := net.Describe(e)
			out = append(out, Violation{Element: name, Text: fmt.Sprintf("%s closes a loop.", name)})
		}
	}
	return append(out, protect(r, l.Devices)...)
}

func overload(net *grid.Network, b *flow.Branch) []Violation {
	name, _ := net.Describe(b.Element)
	switch b.Kind {
	case grid.LineKind:
		limit := net.Lines[b.Index].EmergencyA
		if amps := b.Amperes(); limit > 0 && amps > limit*(1+tolerance) {
			return []Violation{{name, amps, limit, fmt.Sprintf("%s carries %.1f A; %.1f A is the most it may.", name, amps, limit)}}
		}
	case grid.TransformerKind:
		limit := net.Transformers[b.Index].EmergencyVA
		power := 0.0
		for _, p := range b.Power {
			power = max(power, abs(p))
		}
		if limit > 0 && power > limit*(1+tolerance) {
			return []Violation{{name, power, limit, fmt.Sprintf("%s carries %.0f kVA; %.0f kVA is the most it may.", name, power/1000, limit/1000)}}
		}
	}
	return nil
}

// Fed returns the rated power (W) of the loads, and the number of customers, that
// a source reaches: a load between phases counts with the part of its phases that
// are live.
func Fed(net *grid.Network) (watts float64, customers int) {
	top := net.Topology()
	for i := range net.Loads {
		l := &net.Loads[i]
		if l.OutOfService {
			continue
		}
		nodes, live := top.Terminal(l.At), 0
		for p := range l.Phases {
			a, b := l.Pair(p)
			if (nodes[a] < 0 || top.Live[nodes[a]]) && (nodes[b] < 0 || top.Live[nodes[b]]) {
				live++
			}
		}
		watts += real(l.S) * float64(live) / float64(l.Phases)
		if live == l.Phases {
			customers += l.Customers
		}
	}
	return watts, customers
}

// Loading is the highest load of any line or transformer as a part of its
// emergency rating; 0 where no ratings are known.
func Loading(r *flow.Result) float64 {
	net, most := r.Network(), 0.0
	r.Branches(func(b *flow.Branch) {
		switch b.Kind {
		case grid.LineKind:
			if limit := net.Lines[b.Index].EmergencyA; limit > 0 {
				most = max(most, b.Amperes()/limit)
			}
		case grid.TransformerKind:
			if limit := net.Transformers[b.Index].EmergencyVA; limit > 0 {
				most = max(most, abs(b.Power[0])/limit)
			}
		}
	})
	return most
}
