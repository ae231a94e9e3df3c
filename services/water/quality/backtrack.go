package quality

import (
	"container/heap"
	"context"
	"fmt"
	"math"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/network"
)

// flows are hydraulics over time, for following water backwards.
type flows struct {
	n    *network.Network
	step int64       // seconds
	flow [][]float64 // m³/h, by step, then link; from From to To is positive
	tank [][]float64 // m³ in each tank, by step, then node
}

// hydraulics runs a network up to a time.
func hydraulics(ctx context.Context, dial epanet.Dialer, n *network.Network, seconds int64) (*flows, error) {
	f := &flows{n: n, step: short}
	file := n.File.Clone()
	file.Section("TIMES").Add(" Hydraulic Timestep 0:05")
	unit := n.CubicMetresPerHour()
	bad := 0
	err := epanet.Simulate(ctx, dial, epanet.Scenario{
		Network: file.Text(), Seconds: seconds, Restarts: 1, Every: f.step,
		Columns: []epanet.Column{{Object: epanet.Link, Property: epanet.Flow}, {Object: epanet.Node, Property: epanet.Head}},
	}, func(_ epanet.Layout, p epanet.Period) error {
		if p.Warning == 1 || p.Warning == 2 {
			bad++
		}
		for i := range p.Values[0] {
			p.Values[0][i] *= unit
		}
		volumes := make([]float64, len(n.Nodes))
		for i, node := range n.Nodes {
			if node.Kind == network.Tank {
				volumes[i] = math.Pi / 4 * node.Diameter * node.Diameter * max(0, p.Values[1][i]-node.Elevation)
			}
		}
		f.flow, f.tank = append(f.flow, p.Values[0]), append(f.tank, volumes)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.File.Name, err)
	}
	if bad > 0 {
		return nil, city.Errorf(city.Invalid, "%s: EPANET does not balance %d periods, so where water flows is not known: 'polity water simulate' shows more", n.File.Name, bad)
	}
	return f, nil
}

// parcel is a part of a sample's water: where it was, when.
type parcel struct {
	node   int
	at     float64 // seconds
	weight float64
}

type latest []parcel

func (l latest) Len() int           { return len(l) }
func (l latest) Less(i, j int) bool { return l[i].at > l[j].at }
func (l latest) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *latest) Push(x any)        { *l = append(*l, x.(parcel)) }
func (l *latest) Pop() any {
	old := *l
	x := old[len(old)-1]
	*l = old[:len(old)-1]
	return x
}

// slice is how finely times of origin are told apart, in seconds.
const slice = 900

// negligible is the part of a sample that is not followed further.
const negligible = 1e-3

// origins follows the water of a node at a time backwards (F. Shang, J. G. Uber, M. M.
// Polycarpou, Particle Backtracking Algorithm for Water Distribution System Analysis,
// J. Environ. Eng. 128(5), 2002). It returns what part of it passed each node in each
// slice of time: node, then slice.
func (f *flows) origins(node int, at float64) map[int]map[int]float64 {
	seen := map[int]map[int]float64{}
	queue := &latest{}
	waiting := map[[2]int]float64{} // weight by node and slice, so that parcels that meet go on as one
	push := func(p parcel) {
		key := [2]int{p.node, int(p.at) / short}
		if was, ok := waiting[key]; ok {
			waiting[key] = was + p.weight
			return
		}
		waiting[key] = p.weight
		heap.Push(queue, p)
	}
	push(parcel{node, at, 1})
	for queue.Len() > 0 {
		p := heap.Pop(queue).(parcel)
		key := [2]int{p.node, int(p.at) / short}
		p.weight = waiting[key]
		delete(waiting, key)
		if p.weight < negligible || p.at < 0 {
			continue
		}
		if seen[p.node] == nil {
			seen[p.node] = map[int]float64{}
		}
		seen[p.node][int(p.at)/slice] += p.weight
		f.back(p, push)
	}
	return seen
}

// back moves a parcel to where its water came from.
func (f *flows) back(p parcel, push func(parcel)) {
	k := min(int(p.at)/int(f.step), len(f.flow)-1)
	var links []int
	total := 0.0
	for _, a := range f.n.Arms(p.node) {
		q := f.flow[k][a.Link]
		if f.n.Links[a.Link].To != p.node {
			q = -q
		}
		if q > 1e-6 {
			links, total = append(links, a.Link), total+q
		}
	}
	switch f.n.Nodes[p.node].Kind {
	case network.Reservoir:
		return // it came from outside
	case network.Tank: // well mixed: a part came in during this step, the rest before
		part := 1.0
		if v := f.tank[k][p.node]; v > 0 {
			part = min(1, total*float64(f.step)/3600/v)
		}
		push(parcel{p.node, p.at - float64(f.step), p.weight * (1 - part)})
		p.weight *= part
	}
	for _, l := range links {
		q := math.Abs(f.flow[k][l])
		node, at := f.through(l, p.node, p.at)
		push(parcel{node, at, p.weight * q / total})
	}
}

// through follows water back in a link from its end at a node: to the other end, or,
// where the flow had turned, to the same.
func (f *flows) through(link, node int, at float64) (int, float64) {
	l := &f.n.Links[link]
	other := l.From
	if node == l.From {
		other = l.To
	}
	area := math.Pi / 4 * l.Diameter * l.Diameter * 1e-6
	if l.Kind != network.Pipe || l.Length <= 0 || area <= 0 {
		return other, at - 1
	}
	left := l.Length // m to go
	for at > 0 {
		k := min(int(at)/int(f.step), len(f.flow)-1)
		q := f.flow[k][link]
		if l.To != node {
			q = -q
		}
		velocity := q / 3600 / area // towards node
		since := at - float64(k)*float64(f.step)
		if since <= 0 {
			since = float64(f.step)
			if k > 0 {
				q = f.flow[k-1][link]
				if l.To != node {
					q = -q
				}
				velocity = q / 3600 / area
			}
		}
		if velocity > 0 && left <= velocity*since {
			return other, at - left/velocity
		}
		if velocity < 0 && left-velocity*since >= l.Length { // it had come out of node
			return node, at - min(since, (l.Length-left)/-velocity) - 1
		}
		left -= velocity * since
		at -= since
	}
	return node, -1
}
