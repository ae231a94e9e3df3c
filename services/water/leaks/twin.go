package leaks

import (
	"context"
	"math"
	"slices"
	"time"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/network"
	"polity/services/water/scada"
	"polity/services/water/steady"
)

// slot is one hour of one day: means of what was measured.
type slot struct {
	at       time.Time
	pressure []float64
	flow     []float64 // m³/h
	level    []float64 // m, at its middle
	used     []float64 // by zone: net inflow, m³/h; NaN where it cannot be known
	meter    []float64 // m³/h
	steady   bool      // no pump switched within the hour
}

// slots takes the hours to compare out of the tables.
func (p *plant) slots(d *scada.Data, hours []int) []slot {
	perHour := int(time.Hour / d.Pressures.Step)
	perDay := 24 * perHour
	var all []slot
	for day := range d.Pressures.Len() / perDay {
		for _, h := range hours {
			first := day*perDay + h*perHour
			s := slot{at: d.Pressures.Start.Add(time.Duration(first) * d.Pressures.Step), steady: true}
			mean := func(t *scada.Table, scale float64) []float64 {
				out := make([]float64, len(t.Names))
				for c, column := range t.Values {
					out[c] = average(column[first:first+perHour]) * scale
				}
				return out
			}
			s.pressure, s.flow, s.level, s.meter = mean(d.Pressures, 1), mean(d.Flows, 1), mean(d.Levels, 1), mean(d.Demands, 0.001)
			for c, pump := range p.pumps {
				if pump && switches(d.Flows.Values[c][first:first+perHour]) {
					s.steady = false
				}
			}
			s.used = p.use(d, s, first, perHour)
			all = append(all, s)
		}
	}
	return all
}

func average(values []float32) float64 {
	sum, n := 0.0, 0
	for _, v := range values {
		if !math.IsNaN(float64(v)) {
			sum += float64(v)
			n++
		}
	}
	if 2*n < len(values) {
		return math.NaN()
	}
	return sum / float64(n)
}

func switches(flow []float32) bool {
	least, most := math.Inf(1), math.Inf(-1)
	for _, v := range flow {
		least, most = min(least, float64(v)), max(most, float64(v))
	}
	return most-least > 0.2*math.Max(most, 1)
}

// use draws up the balance of every zone over an hour; the change of a tank's level
// is the slope over the hour.
func (p *plant) use(d *scada.Data, s slot, first, perHour int) []float64 {
	used := make([]float64, len(p.zones))
	for z := range p.zones {
		if !p.balanced(z) {
			used[z] = math.NaN()
			continue
		}
		for _, c := range p.zones[z].in {
			used[z] += s.flow[c]
		}
		for _, c := range p.zones[z].out {
			used[z] -= s.flow[c]
		}
		for k, c := range p.zones[z].tanks {
			used[z] -= slope(d.Levels.Values[c][first:first+perHour]) * float64(perHour) * p.zones[z].areas[k]
		}
	}
	return used
}

// slope is the least-squares change from one value to the next.
func slope(values []float32) float64 {
	n := float64(len(values))
	sx, sy, sxy, sxx := 0.0, 0.0, 0.0, 0.0
	for i, v := range values {
		x := float64(i)
		sx, sy, sxy, sxx = sx+x, sy+float64(v), sxy+x*float64(v), sxx+x*x
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

// expected is what the model says for a slot, or nil where its boundary is unknown.
type expected struct{ pressure, flow []float64 }

// demands is what every node is taken to use in a slot, in m³/h: metered homes what
// their meters say; others the model's demand, scaled such that their zone uses
// what flowed into it, or, in a zone where most is metered, as the meters scale.
func (p *plant) demands(s slot, nominal []float64) ([]float64, bool) {
	demand := make([]float64, len(p.n.Nodes))
	copy(demand, nominal)
	known := make([]bool, len(p.n.Nodes))
	sum, sumKnown, meters := make([]float64, len(p.zones)), make([]float64, len(p.zones)), make([]float64, len(p.zones))
	for c, node := range p.meter {
		if !math.IsNaN(s.meter[c]) && p.zones[p.zoneOf[node]].metered {
			known[node] = true
			demand[node] = s.meter[c]
			sumKnown[p.zoneOf[node]] += nominal[node]
			meters[p.zoneOf[node]] += s.meter[c]
		}
	}
	for i, v := range nominal {
		sum[p.zoneOf[i]] += v
	}
	for i := range demand {
		z := p.zoneOf[i]
		if known[i] || p.n.Nodes[i].Kind != network.Junction {
			continue
		}
		switch {
		case p.zones[z].metered && sumKnown[z] > 0:
			demand[i] *= meters[z] / sumKnown[z]
		case p.balanced(z) && sum[z] > 0:
			if math.IsNaN(s.used[z]) {
				return nil, false
			}
			demand[i] *= s.used[z] / sum[z]
		}
	}
	for c, pump := range p.pumps {
		if !pump {
			continue
		}
		if math.IsNaN(s.flow[c]) {
			return nil, false
		}
		l := p.n.Links[p.flow[c]]
		demand[l.From] += s.flow[c]
		if p.n.Nodes[l.To].Kind == network.Junction {
			demand[l.To] -= s.flow[c]
		}
	}
	return demand, !slices.ContainsFunc(s.level, math.IsNaN)
}

// state is one steady state to compute.
type state struct {
	demand []float64 // by node, m³/h
	level  []float64 // by level column
}

// solve computes states one after another, and is city.Invalid where EPANET does not solve
// many of them: metered pumps are closed and their flow
// is part of the demands, tanks stand at the level given.
func (p *plant) solve(ctx context.Context, dial epanet.Dialer, count int, at func(i int) state, each func(i int, e expected) error) error {
	m := steady.Model{Network: p.n, Tanks: p.level, Nodes: p.pressure, Links: p.flow}
	for c, pump := range p.pumps {
		if pump {
			m.Shut = append(m.Shut, p.flow[c])
		}
	}
	unbalanced := 0
	err := m.Solve(ctx, dial, count, func(i int) steady.State {
		s := at(i)
		return steady.State{Demand: s.demand, Level: s.level}
	}, func(i int, r steady.Result) error {
		if r.Unbalanced() {
			unbalanced++
		}
		return each(i, expected{pressure: r.Pressure, flow: r.Flow})
	})
	if err == nil && float64(unbalanced) > mostUnbalanced*float64(count) {
		err = city.Errorf(city.Invalid, "%s: EPANET does not balance %d of %d states, so the model says nothing of pressures: 'polity water simulate' shows more; more trials or a looser accuracy may help, or measured flows are not possible in this network", p.n.File.Name, unbalanced, count)
	}
	return err
}

// mostUnbalanced is the part of states that EPANET may leave unsolved.
const mostUnbalanced = 0.05

// follow computes what the model expects in every slot.
func (p *plant) follow(ctx context.Context, dial epanet.Dialer, slots []slot) ([]*expected, error) {
	out := make([]*expected, len(slots))
	known := make([]int, 0, len(slots))
	nominal := make([]float64, len(p.n.Nodes))
	prepare := func(k int) []float64 {
		for i := range nominal {
			nominal[i] = p.nominal(i, slots[k].at)
		}
		demand, known := p.demands(slots[k], nominal)
		if !known {
			return nil
		}
		return demand
	}
	for k := range slots {
		if slots[k].steady && prepare(k) != nil {
			known = append(known, k)
		}
	}
	if len(known) == 0 {
		return out, nil
	}
	err := p.solve(ctx, dial, len(known), func(i int) state {
		return state{demand: prepare(known[i]), level: slots[known[i]].level}
	}, func(i int, e expected) error {
		out[known[i]] = &e
		return nil
	})
	return out, err
}
