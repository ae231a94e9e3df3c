package control

import "polity/services/traffic/network"

// Demand returns the groups of a junction that somebody waits for: a vehicle in
// sight on one of its lanes, or a person at its crossing. Of a reading that does not
// fit the network nothing is known: then all are.
func Demand(n *network.Network, junction int, seen *Reading) network.Set {
	j := n.Junctions[junction]
	var set network.Set
	if len(seen.Lanes) != len(n.Lanes) || junction >= len(seen.Waiting) {
		for g := range j.Groups {
			set = set.With(g)
		}
		return set
	}
	for g := range j.Groups {
		for _, lane := range j.Groups[g].Lanes {
			if len(seen.Lanes[lane]) > 0 {
				set = set.With(g)
			}
		}
		for _, s := range j.Groups[g].Signals {
			if c := j.Signals[s].Crossing; c >= 0 && c < len(seen.Waiting[junction]) && seen.Waiting[junction][c] > 0 {
				set = set.With(g)
			}
		}
	}
	return set
}
