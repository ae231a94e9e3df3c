package isolation

import (
	"slices"

	"polity/city"
	"polity/services/water/network"
)

// Planner answers for one network and its valves. It may be used by several
// goroutines at once.
//
// Links that are closed in the network count as shut: no water passes them. Pumps,
// check valves and regulating valves count as open in both directions, for none of
// them is a tight closure.
type Planner struct {
	n       *network.Network
	valves  []Valve
	segment []int // of every node, then of every link
	edges   [][]edge
	sources []int // segments with a reservoir or tank
	members [][]int
}

// edge is a valve as seen from a segment.
type edge struct{ valve, to int }

// Plan is what to close and what follows.
type Plan struct {
	Close []int // indices of valves
	// Dry are the nodes without water: those of the segment, and those that are fed
	// through it alone.
	Dry []int
	// Segment are the links that are cut off with the burst.
	Segment []int
}

// NewPlanner finds the segments.
func NewPlanner(n *network.Network, valves []Valve) *Planner { return planner(n, valves, -1) }

// planner takes the link open as open, whatever the file says.
func planner(n *network.Network, valves []Valve, open int) *Planner {
	p := &Planner{n: n, valves: valves}
	joined := newUnion(len(n.Nodes) + len(n.Links))
	parted := make([][2]bool, len(n.Links)) // at its start, at its end
	for _, v := range valves {
		if !v.Stuck {
			at := &parted[v.Link]
			at[0], at[1] = at[0] || n.Links[v.Link].From == v.Node, at[1] || n.Links[v.Link].To == v.Node
		}
	}
	shut := func(link int) bool { return n.Links[link].Closed && link != open }
	for i, l := range n.Links {
		for end, node := range [2]int{l.From, l.To} {
			if !parted[i][end] && !shut(i) {
				joined.join(len(n.Nodes)+i, node)
			}
		}
	}
	p.number(joined)
	for i, v := range valves {
		a, b := p.segment[len(n.Nodes)+v.Link], p.segment[v.Node]
		if v.Stuck || shut(v.Link) || a == b {
			continue
		}
		p.edges[a] = append(p.edges[a], edge{i, b})
		p.edges[b] = append(p.edges[b], edge{i, a})
	}
	return p
}

func (p *Planner) number(joined *union) {
	n := p.n
	p.segment = make([]int, len(n.Nodes)+len(n.Links))
	numbers := slices.Repeat([]int{-1}, len(p.segment))
	for i := range p.segment {
		root := joined.find(i)
		if numbers[root] < 0 {
			numbers[root] = len(p.members)
			p.members = append(p.members, nil)
		}
		p.segment[i] = numbers[root]
		p.members[numbers[root]] = append(p.members[numbers[root]], i)
	}
	p.edges = make([][]edge, len(p.members))
	for i, node := range n.Nodes {
		if node.Kind != network.Junction && !slices.Contains(p.sources, p.segment[i]) {
			p.sources = append(p.sources, p.segment[i])
		}
	}
}

// Isolate returns the valves around the burst link that cut it off from every
// reservoir and tank while the fewest nodes go dry. None of them can be left open.
// Where no set of valves does it, because a source lies in the link's own segment,
// the error is of kind city.Conflict and names the source.
func (p *Planner) Isolate(link int) (*Plan, error) {
	q, at, err := p.at(link)
	if err != nil {
		return nil, err
	}
	fed := q.fed(at, nil)
	plan := &Plan{}
	for _, e := range q.edges[at] {
		if fed[e.to] {
			plan.Close = append(plan.Close, e.valve)
		}
	}
	slices.Sort(plan.Close)
	plan.Close = slices.Compact(plan.Close)
	q.consequences(plan, at, fed)
	return plan, nil
}

// Fewest returns a smallest set of valves that cuts the link off: fewer valves to
// find and turn than [Planner.Isolate] may name, at the price of more dry nodes.
func (p *Planner) Fewest(link int) (*Plan, error) {
	q, at, err := p.at(link)
	if err != nil {
		return nil, err
	}
	closed := q.cut(at)
	plan := &Plan{Close: closed}
	shut := map[int]bool{}
	for _, v := range closed {
		shut[v] = true
	}
	q.consequences(plan, at, q.fed(at, shut))
	return plan, nil
}

// at returns the planner to ask about a link, and its segment.
func (p *Planner) at(link int) (*Planner, int, error) {
	if link < 0 || link >= len(p.n.Links) {
		return nil, 0, city.Errorf(city.NotFound, "there is no link %d", link)
	}
	q := p
	if p.n.Links[link].Closed { // who knows where it is closed: water may come from both ends
		q = planner(p.n, p.valves, link)
	}
	at := q.segment[len(p.n.Nodes)+link]
	if slices.Contains(q.sources, at) {
		for _, m := range q.members[at] {
			if m < len(p.n.Nodes) && p.n.Nodes[m].Kind != network.Junction {
				return nil, 0, city.Errorf(city.Conflict, "no valve lies between %s and %v %s; shut that source itself", p.n.Links[link].ID, p.n.Nodes[m].Kind, p.n.Nodes[m].ID)
			}
		}
	}
	return q, at, nil
}

// fed says which segments a source reaches without passing the segment at or a
// closed valve. With closed valves the segment itself may be passed: they part it.
func (p *Planner) fed(at int, closed map[int]bool) []bool {
	fed := make([]bool, len(p.edges))
	queue := slices.Clone(p.sources)
	for _, s := range queue {
		fed[s] = true
	}
	for len(queue) > 0 {
		s := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, e := range p.edges[s] {
			if e.to != at && !fed[e.to] && !closed[e.valve] {
				fed[e.to] = true
				queue = append(queue, e.to)
			}
		}
	}
	return fed
}

func (p *Planner) consequences(plan *Plan, at int, fed []bool) {
	whole := p.fed(-1, nil)
	for s, members := range p.members {
		if fed[s] || !whole[s] && s != at {
			continue // has water, or had none before
		}
		for _, m := range members {
			switch {
			case m < len(p.n.Nodes):
				plan.Dry = append(plan.Dry, m)
			case s == at:
				plan.Segment = append(plan.Segment, m-len(p.n.Nodes))
			}
		}
	}
}

// cut returns a smallest set of valves between the segment at and all sources: as
// many as there are ways that share no valve (Menger), found by augmenting ways
// (Ford, Fulkerson 1956). Of all smallest sets it is the one nearest the burst.
func (p *Planner) cut(at int) []int {
	used := map[int]int{} // valve: the segment it is passed from
	var came []edge
	source := make([]bool, len(p.edges))
	for _, s := range p.sources {
		source[s] = true
	}
	for {
		came = make([]edge, len(p.edges))
		seen := make([]bool, len(p.edges))
		seen[at] = true
		queue, end := []int{at}, -1
		for i := 0; i < len(queue) && end < 0; i++ {
			s := queue[i]
			for _, e := range p.edges[s] {
				from, passed := used[e.valve]
				if seen[e.to] || passed && from == s {
					continue
				}
				seen[e.to], came[e.to] = true, edge{e.valve, s}
				queue = append(queue, e.to)
				if source[e.to] {
					end = e.to
					break
				}
			}
		}
		if end < 0 {
			return p.between(seen)
		}
		for s := end; s != at; s = came[s].to {
			if _, back := used[came[s].valve]; back {
				delete(used, came[s].valve)
			} else {
				used[came[s].valve] = came[s].to
			}
		}
	}
}

func (p *Planner) between(inside []bool) []int {
	var valves []int
	for s, edges := range p.edges {
		for _, e := range edges {
			if inside[s] && !inside[e.to] {
				valves = append(valves, e.valve)
			}
		}
	}
	slices.Sort(valves)
	return slices.Compact(valves)
}

// union is a disjoint-set forest.
type union struct{ parent []int }

func newUnion(n int) *union {
	u := &union{parent: make([]int, n)}
	for i := range u.parent {
		u.parent[i] = i
	}
	return u
}

func (u *union) find(i int) int {
	for u.parent[i] != i {
		u.parent[i] = u.parent[u.parent[i]]
		i = u.parent[i]
	}
	return i
}

func (u *union) join(a, b int) { u.parent[u.find(a)] = u.find(b) }
