package incident

import (
	"slices"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/alert"
)

// Near is how far apart alerts of one incident are at most, and Within how long after one
// another they begin, for them to be proposed.
const (
	Near   = 300.0 // metres
	Within = 10 * time.Minute
)

// Proposal is alerts that may belong together.
type Proposal struct {
	Kind   city.Slug   `json:"kind"`
	Desk   city.Slug   `json:"desk"`
	Start  time.Time   `json:"start"` // of the first
	Alerts []alert.Key `json:"alerts"`
}

// Proposals returns groups of two or more open alerts of one kind that somebody may see,
// belong to no incident, and began near one another in place and time: each near
// to one other of the group at least. The largest come first, at most 50.
func (b *Book) Proposals(who access.Who) []Proposal {
	desks := map[city.Slug]bool{}
	for _, d := range b.q.Desks(who) {
		desks[d] = true
	}
	return Propose(b.q.OpenAlerts(func(a *alert.Alert) bool { return a.Incident == "" && !a.Quiet && desks[a.Desk] }))
}

// Propose groups alerts.
func Propose(list []*alert.Alert) []Proposal {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b *alert.Alert) int { return a.Start.Compare(b.Start) })
	group := make([]int, len(list)) // of union-find
	for i := range group {
		group[i] = i
	}
	find := func(i int) int {
		for group[i] != i {
			group[i] = group[group[i]]
			i = group[i]
		}
		return i
	}
	recent := map[city.Slug][]int{} // of each kind, those that began lately
	for i, a := range list {
		r := recent[a.Kind]
		for len(r) > 0 && a.Start.Sub(list[r[0]].Start) > Within {
			r = r[1:]
		}
		for _, j := range r[max(0, len(r)-500):] {
			if near(a, list[j]) {
				group[find(i)] = find(j)
			}
		}
		recent[a.Kind] = append(r, i)
	}
	members := map[int][]*alert.Alert{}
	for i, a := range list {
		root := find(i)
		members[root] = append(members[root], a)
	}
	var out []Proposal
	for _, m := range members {
		if len(m) < 2 {
			continue
		}
		p := Proposal{Kind: m[0].Kind, Desk: m[0].Desk, Start: m[0].Start}
		for _, a := range m {
			p.Alerts = append(p.Alerts, a.Key)
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Proposal) int {
		if n := len(b.Alerts) - len(a.Alerts); n != 0 {
			return n
		}
		return b.Start.Compare(a.Start)
	})
	return out[:min(len(out), 50)]
}

func near(a, b *alert.Alert) bool {
	if a.Camera != "" && a.Camera == b.Camera || a.Asset != "" && a.Asset == b.Asset {
		return true
	}
	return a.Place != nil && b.Place != nil && a.Place.Metres(*b.Place) <= Near
}
