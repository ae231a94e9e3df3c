package leaks

import (
	"context"
	"math"
	"time"

	"polity/services/water/epanet"
	"polity/services/water/network"
)

// rows says what the numbers of a day are, in order: for night and day each, the
// difference of every pressure (m) and of every flow that the model computes (m³/h)
// from the model; then for night and day each, the balance of every balanced zone
// (m³/h).
type rows struct {
	pressures, flows int
	open             []int // columns of flows whose link the model leaves open
	zones            []int // balanced ones
}

func (p *plant) rows() rows {
	r := rows{pressures: len(p.pressure)}
	for c := range p.flow {
		if !p.pumps[c] {
			r.open = append(r.open, c)
		}
	}
	r.flows = len(r.open)
	for z := range p.zones {
		if p.balanced(z) {
			r.zones = append(r.zones, z)
		}
	}
	return r
}

func (r rows) half() int  { return r.pressures + r.flows + len(r.zones) }
func (r rows) count() int { return 2 * r.half() }

// pressureRow says whether row i is a pressure.
func (r rows) pressureRow(i int) bool { return i%r.half() < r.pressures }

// balanceRow says whether row i is the balance of a zone.
func (r rows) balanceRow(i int) bool { return i%r.half() >= r.pressures+r.flows }

// daily makes the numbers of every day: means over the slots of the night and of
// the day. Numbers that could not be had are NaN.
func (p *plant) daily(r rows, slots []slot, model []*expected, hours, nightBefore int) [][]float64 {
	var days [][]float64
	nominal := make([]float64, len(p.n.Nodes))
	for first := 0; first+hours <= len(slots); first += hours {
		sum, n := make([]float64, r.count()), make([]float64, r.count())
		add := func(row int, v float64) {
			if !math.IsNaN(v) {
				sum[row] += v
				n[row]++
			}
		}
		for k := first; k < first+hours; k++ {
			base := r.half()
			if slots[k].at.Hour() < nightBefore {
				base = 0
			}
			for i := range nominal {
				nominal[i] = p.nominal(i, slots[k].at)
			}
			for i, z := range r.zones {
				add(base+r.pressures+r.flows+i, slots[k].used[z]-p.expectedUse(z, slots[k], nominal))
			}
			if model[k] == nil {
				continue
			}
			for i := range r.pressures {
				add(base+i, slots[k].pressure[i]-model[k].pressure[i])
			}
			for i, c := range r.open {
				add(base+r.pressures+i, slots[k].flow[c]-model[k].flow[c])
			}
		}
		for i := range sum {
			sum[i] /= n[i] // NaN where there was nothing
		}
		days = append(days, sum)
	}
	return days
}

// expectedUse is what a zone should use in a slot by the meters there are: the
// model's demand, by as much more or less as all meters show.
func (p *plant) expectedUse(z int, s slot, nominal []float64) float64 {
	measured, model, base, own, ownModel := 0.0, 0.0, 0.0, 0.0, 0.0
	for c, node := range p.meter {
		if math.IsNaN(s.meter[c]) {
			continue
		}
		measured, model = measured+s.meter[c], model+nominal[node]
		if p.zoneOf[node] == z {
			own, ownModel = own+s.meter[c], ownModel+nominal[node]
		}
	}
	for _, node := range p.zones[z].nodes {
		base += nominal[node]
	}
	switch {
	case p.zones[z].metered && ownModel > 0:
		return base * own / ownModel
	case model > 0:
		return base * measured / model
	}
	return base
}

// signatures computes how a leak of one m³/h at each link would show in the rows of
// a day, as the mean of a leak at either end: the difference that EPANET finds, at
// every hour of a mean day, between the leak and the same water used all over the
// zone (where the twin spreads it), or no leak (where meters tell the demand).
func (p *plant) signatures(ctx context.Context, dial epanet.Dialer, r rows, c Config, mean []slot, progress func(float64)) ([][]float64, error) {
	var junctions []int
	for i, node := range p.n.Nodes {
		if node.Kind == network.Junction && p.balanced(p.zoneOf[i]) {
			junctions = append(junctions, i)
		}
	}
	base := make([][]float64, len(mean))
	sums := make([][]float64, len(mean))
	for k := range mean {
		nominal := make([]float64, len(p.n.Nodes))
		for i := range nominal {
			for d := range 7 {
				nominal[i] += p.nominal(i, mean[k].at.AddDate(0, 0, d)) / 7
			}
		}
		base[k], _ = p.demands(mean[k], nominal)
		sums[k] = make([]float64, len(p.zones))
		for i, v := range nominal {
			sums[k][p.zoneOf[i]] += v
		}
	}
	hours := len(mean)
	node := make([][]float64, len(p.n.Nodes))
	var plain []expected
	err := p.solve(ctx, dial, hours*(len(junctions)+1), func(i int) state {
		k, j := i%hours, i/hours-1
		s := state{demand: base[k], level: mean[k].level}
		if j >= 0 {
			s.demand = p.withLeak(base[k], mean[k], junctions[j], c.Reference)
		}
		return s
	}, func(i int, e expected) error {
		k, j := i%hours, i/hours-1
		if j < 0 {
			plain = append(plain, e)
			return nil
		}
		if node[junctions[j]] == nil {
			node[junctions[j]] = make([]float64, r.count())
			if progress != nil && j%100 == 0 {
				progress(float64(j) / float64(len(junctions)))
			}
		}
		p.addSignature(node[junctions[j]], r, c, mean, k, junctions[j], e, plain[k])
		return nil
	})
	if err != nil {
		return nil, err
	}
	links := make([][]float64, len(p.n.Links))
	for i, l := range p.n.Links {
		a, b := node[l.From], node[l.To]
		if l.Kind != network.Pipe || a == nil && b == nil {
			continue
		}
		if a == nil {
			a = b
		} else if b == nil {
			b = a
		}
		links[i] = make([]float64, r.count())
		for m := range links[i] {
			links[i][m] = (a[m] + b[m]) / 2
		}
	}
	return links, nil
}

func (p *plant) withLeak(base []float64, s slot, at int, q float64) []float64 {
	z := p.zoneOf[at]
	demand := make([]float64, len(base))
	copy(demand, base)
	if !p.zones[z].metered && s.used[z] > 0 {
		pumped := map[int]float64{}
		for c, pump := range p.pumps {
			if pump {
				pumped[p.n.Links[p.flow[c]].From] += s.flow[c]
			}
		}
		for _, i := range p.zones[z].nodes {
			demand[i] = pumped[i] + (demand[i]-pumped[i])*(1-q/s.used[z])
		}
	}
	demand[at] += q
	return demand
}

func (p *plant) addSignature(into []float64, r rows, c Config, mean []slot, k, at int, with, without expected) {
	first, count := r.half(), 0.0
	night := mean[k].at.Hour() < c.NightBefore
	if night {
		first = 0
	}
	for _, m := range mean {
		if m.at.Hour() < c.NightBefore == night {
			count++
		}
	}
	part := 1 / (count * c.Reference)
	for i := range r.pressures {
		into[first+i] += (with.pressure[i] - without.pressure[i]) * part
	}
	for i, f := range r.open {
		into[first+r.pressures+i] += (with.flow[f] - without.flow[f]) * part
	}
	for i, z := range r.zones {
		if z == p.zoneOf[at] {
			into[first+r.pressures+r.flows+i] = 1
		}
	}
}

// meanDay is the mean of all slots of an hour, for every hour compared.
func (p *plant) meanDay(slots []slot, hours int) []slot {
	mean := make([]slot, hours)
	for k := range mean {
		m := &mean[k]
		m.at = monday.Add(time.Duration(slots[k].at.Hour()) * time.Hour)
		over := func(of func(s *slot) []float64) []float64 {
			out := make([]float64, len(of(&slots[k])))
			for c := range out {
				n := 0.0
				for i := k; i < len(slots); i += hours {
					if v := of(&slots[i])[c]; !math.IsNaN(v) {
						out[c] += v
						n++
					}
				}
				out[c] /= n
			}
			return out
		}
		m.pressure, m.flow = over(func(s *slot) []float64 { return s.pressure }), over(func(s *slot) []float64 { return s.flow })
		m.level, m.used = over(func(s *slot) []float64 { return s.level }), over(func(s *slot) []float64 { return s.used })
		m.meter = over(func(s *slot) []float64 { return s.meter })
	}
	return mean
}
