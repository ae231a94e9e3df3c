package network

import "polity/city"

// All returns the set of all groups of a junction.
func (j *Junction) All() Set {
	var s Set
	for g := range j.Groups {
		s = s.With(g)
	}
	return s
}

// Only returns the network of one junction: its links, and the lanes that they join.
func (n *Network) Only(junction int) (*Network, error) {
	if junction < 0 || junction >= len(n.Junctions) {
		return nil, city.Errorf(city.NotFound, "%s has no junction %d", n.Name, junction)
	}
	one := *n.Junctions[junction]
	one.Groups = append([]Group(nil), one.Groups...)
	one.Signals = append([]Signal(nil), one.Signals...)
	out := &Network{Name: n.Name + ": " + one.ID, Source: n.Source, Junctions: []*Junction{&one}}
	lanes := map[int]int{}
	lane := func(i int) int {
		at, had := lanes[i]
		if !had {
			at = len(out.Lanes)
			lanes[i] = at
			out.Lanes = append(out.Lanes, n.Lanes[i])
		}
		return at
	}
	for i := range n.Links {
		if l := n.Links[i]; l.Junction == junction {
			l.From, l.To, l.Junction = lane(l.From), lane(l.To), 0
			out.Links = append(out.Links, l)
		}
	}
	return out, Complete(out)
}
