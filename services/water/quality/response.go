package quality

import (
	"cmp"
	"context"
	"math"
	"slices"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/network"
)

// Measure is one way to act, and what it would do.
type Measure struct {
	What  string
	Close []int // links
	Flush int   // node; -1: none
	// Drunk is how much water with something of the source in it is used from now on, in
	// m³; Reached how many nodes that use water it reaches.
	Drunk   float64
	Reached int
	// Dry is how many nodes that use water are left without pressure.
	Dry int
}

// Response is what to do about a source, from now on.
type Response struct {
	Now      int64 // seconds
	Reached  []int // nodes that it has reached
	Measures []Measure
}

const (
	trace       = 1.0  // per cent of the source's water that counts as reached
	mostClosed  = 12   // links
	flushRate   = 60.0 // m³/h, a hydrant
	flushHead   = 30.0 // m, at which a hydrant gives it
	leastHead   = 1.0  // m, below which a node is without pressure
	flushPlaces = 3
)

// Respond compares ways to act from a time on, over some hours: nothing, flushing where
// most of the water passes, closing the source's own pipes, closing the pipes through
// which it goes on, and both. Which is best comes first; none is carried out.
func Respond(ctx context.Context, dial epanet.Dialer, n *network.Network, s Source, now int64, hours int) (*Response, error) {
	if !n.Metric() {
		return nil, city.Errorf(city.Invalid, "%s is in %s; what to close and flush is computed for metric networks only (LPS, CMH ...)", n.File.Name, n.Units)
	}
	if now < s.Seconds {
		return nil, city.Errorf(city.Invalid, "the source begins at %.1f h, after now (%.1f h)", float64(s.Seconds)/3600, float64(now)/3600)
	}
	end := int(math.Ceil(float64(now)/3600)) + hours
	plain, err := spread(ctx, dial, n, s, end, nil)
	if err != nil {
		return nil, err
	}
	r := &Response{Now: now}
	reached := make([]bool, len(n.Nodes))
	for i := range reached {
		if plain.at(now, i) >= trace {
			reached[i] = true
			r.Reached = append(r.Reached, i)
		}
	}
	f, err := hydraulics(ctx, dial, n, now+short)
	if err != nil {
		return nil, err
	}
	flow := f.flow[min(int(now/f.step), len(f.flow)-1)]
	own, front := borders(n, s, reached, flow)
	places := flushing(n, reached, flow)
	measures := []Measure{{What: "nothing", Flush: -1}}
	for _, p := range places {
		measures = append(measures, Measure{What: "flush", Flush: p})
	}
	for _, c := range []struct {
		what  string
		links []int
	}{{"close at the source", own}, {"close the front", front}} {
		if len(c.links) == 0 {
			continue
		}
		measures = append(measures, Measure{What: c.what, Close: c.links, Flush: -1})
		for _, p := range places[:min(1, len(places))] {
			measures = append(measures, Measure{What: c.what + " and flush", Close: c.links, Flush: p})
		}
	}
	for i := range measures {
		if err := try(ctx, dial, n, s, now, end, &measures[i]); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(measures, func(a, b Measure) int {
		return cmp.Or(cmp.Compare(a.Drunk, b.Drunk), cmp.Compare(a.Dry, b.Dry))
	})
	r.Measures = measures
	return r, nil
}

// borders are the links through which water leaves the source's node, and those by
// which it leaves what it has reached: the greatest flows first.
func borders(n *network.Network, s Source, reached []bool, flow []float64) (own, front []int) {
	for i, l := range n.Links {
		from, to := l.From, l.To
		if flow[i] < 0 {
			from, to = to, from
		}
		if math.Abs(flow[i]) < 1e-3 {
			continue
		}
		if from == s.Node {
			own = append(own, i)
		}
		if reached[from] && !reached[to] {
			front = append(front, i)
		}
	}
	for _, links := range []*[]int{&own, &front} {
		slices.SortFunc(*links, func(a, b int) int { return cmp.Compare(math.Abs(flow[b]), math.Abs(flow[a])) })
		*links = (*links)[:min(mostClosed, len(*links))]
	}
	return own, front
}

// flushing are the junctions that it has reached where most water passes.
func flushing(n *network.Network, reached []bool, flow []float64) []int {
	var nodes []int
	through := make([]float64, len(n.Nodes))
	for i, l := range n.Links {
		through[l.From] += math.Abs(flow[i])
		through[l.To] += math.Abs(flow[i])
	}
	for i, node := range n.Nodes {
		if reached[i] && node.Kind == network.Junction {
			nodes = append(nodes, i)
		}
	}
	slices.SortFunc(nodes, func(a, b int) int {
		return cmp.Or(cmp.Compare(through[b], through[a]), cmp.Compare(a, b))
	})
	return nodes[:min(flushPlaces, len(nodes))]
}

// try runs a measure.
func try(ctx context.Context, dial epanet.Dialer, n *network.Network, s Source, now int64, end int, m *Measure) error {
	more := func(int64) []epanet.Drive {
		var drives []epanet.Drive
		if len(m.Close) > 0 {
			drives = append(drives, epanet.Drive{Object: epanet.Link, Property: epanet.Status, Indices: m.Close, Start: now, Step: 1 << 40, Rows: [][]float64{make([]float64, len(m.Close))}})
		}
		if m.Flush >= 0 {
			coefficient := flushRate / n.CubicMetresPerHour() / math.Sqrt(flushHead)
			drives = append(drives, epanet.Drive{Object: epanet.Node, Property: epanet.Emitter, Indices: []int{m.Flush}, Start: now, Step: 1 << 40, Rows: [][]float64{{coefficient}}})
		}
		return drives
	}
	c, err := spread(ctx, dial, n, s, end, more)
	if err != nil {
		return err
	}
	reached, dry := map[int]bool{}, map[int]bool{}
	for k, at := range c.Seconds {
		if at < now || k+1 == len(c.Seconds) {
			continue
		}
		part := float64(c.Seconds[k+1]-at) / 3600
		for i, node := range n.Nodes {
			if node.Kind != network.Junction || node.BaseDemand() <= 0 || i == m.Flush {
				continue
			}
			// EPANET goes on serving a node that is cut off, at pressures far below zero.
			if c.Head[k][i] < leastHead {
				dry[i] = true
				continue
			}
			if c.Values[k][i] < trace {
				continue
			}
			m.Drunk += max(0, c.Demand[k][i]) * part
			reached[i] = true
		}
	}
	m.Reached, m.Dry = len(reached), len(dry)
	return nil
}
