package adaptive

import (
	"math"
	"slices"

	"polity/services/traffic/control"
	"polity/services/traffic/network"
)

// forecast fills in who arrives when, what everybody's time weighs, and how fast each
// queue leaves in each stage.
func (p *planner) forecast(c *Control, s *site, m *memory, seen *control.Reading) {
	clear(p.total)
	p.walkers = false
	for q := range s.queues {
		if s.queues[q].crossing >= 0 {
			waiting := seen.Waiting[s.index][s.queues[q].crossing]
			p.walkers = p.walkers || waiting > 0
			p.total[p.n+q] = float32(waiting)
			p.weight[q] = float32(p.set.WalkWeight * (1 + p.set.Aging*m.redFor[q]/60))
			p.sat[q] = walkersPerSecond
			continue
		}
		p.arrivals(c, s, m, q, seen)
		p.saturation(c, s, m, q)
	}
	for i := p.n; i < len(p.total); i++ {
		p.total[i] += p.total[i-p.n]
	}
	p.full = 0
	for k := range s.stages {
		p.perm[k] = p.perm[k][:0]
		for q := range s.queues {
			p.capacity(m, k, q)
		}
	}
}

// walkersPerSecond is more than ever wait: at green all start together.
const walkersPerSecond = 100

// emergencyWeight is how many cars an emergency vehicle counts for.
const emergencyWeight = 50

// arrivals notes per second who reaches the stop line of queue q then, if nobody is in
// the way: those in sight, and beyond sight as many as came lately.
func (p *planner) arrivals(c *Control, s *site, m *memory, q int, seen *control.Reading) {
	n, horizon, qu := p.n, p.set.Horizon, &s.queues[q]
	arrive := p.total[n:] // [t*n+q]: arrivals within second t, summed up by forecast
	weight, count := 0.0, 0.0
	add := func(v control.Vehicle, d, share float64) {
		if k := int(travel(d, v.Speed, qu.speed, p.set.Accel)); k < horizon {
			arrive[k*n+q] += float32(share)
		}
		w := 1.0
		switch v.Class {
		case control.Bus:
			w = p.set.BusWeight
		case control.Emergency:
			w = emergencyWeight
		}
		weight += w * share
		count += share
	}
	for _, v := range seen.Lanes[qu.lane] {
		add(v, v.Distance, 1)
	}
	for _, f := range qu.feeders {
		if len(seen.Lanes[f.lane]) == 0 {
			continue
		}
		share := c.feedShare(s, m, q, f.lane)
		for _, v := range seen.Lanes[f.lane] {
			add(v, v.Distance+f.offset, share)
		}
	}
	arrive[q] += float32(m.hidden[q])
	sighted := int(qu.horizon) + 1
	if m.missed > 0 {
		for t := range min(sighted, horizon) {
			arrive[t*n+q] += float32(m.rates[q] * m.missed)
		}
	}
	for t := sighted; t < horizon; t++ {
		arrive[t*n+q] += float32(m.rates[q])
	}
	p.weight[q] = 1
	if count > 0 {
		p.weight[q] = float32(weight / count)
	}
}

// saturation works out how fast queue q leaves when nothing hinders it, and what a
// second of its vehicles weighs: more the longer somebody has waited and the nearer
// the queue is to blocking the junction behind it; less where those who leave would
// only stand behind the next queue.
func (p *planner) saturation(c *Control, s *site, m *memory, q int) {
	qu := &s.queues[q]
	sum, head, beyond := 0.0, 0.0, 0.0
	p.wanted[q] = 0
	for w := range qu.ways {
		share := m.shares[q][w]
		sum += share
		if share > 0.1 {
			p.wanted[q] = p.wanted[q].With(qu.ways[w].group)
		}
		h := p.set.Headway
		if qu.ways[w].turn != network.Straight {
			h *= p.set.TurnFactor
		}
		head += share * h
		beyond += share * c.full[qu.ways[w].to]
	}
	p.sat[q] = float32(sum / head)
	here := 0.0
	if qu.behind {
		here = c.full[qu.lane]
	}
	p.weight[q] *= float32((1 + p.set.Aging*m.redFor[q]/60) * (1 + p.set.Fill*here*here) * (1 - p.set.Down*beyond/sum))
}

// capacity works out how fast queue q leaves in stage k. Of a lane that serves several
// ways, one that has red or a full exit holds up the others.
func (p *planner) capacity(m *memory, k, q int) {
	st, qu := &p.s.stages[k], &p.s.queues[q]
	open, perm, sum, shut := 0.0, 0.0, 0.0, 0.0
	for w, way := range qu.ways {
		share := m.shares[q][w]
		sum += share
		if !st.groups.Has(way.group) {
			continue
		}
		open += share
		if way.link >= 0 && m.room[way.to] < p.set.Room {
			shut += share
		}
		if slices.ContainsFunc(way.yields, func(o rival) bool { return slices.Contains(p.rivals[k][q], o) }) {
			perm += share
		}
	}
	open /= sum
	p.open[k][q] = float32(open)
	if open < 0.98 {
		open *= open
	}
	p.flow[k][q] = p.sat[q] * float32(open)
	p.stuck[k][q] = p.flow[k][q]
	if shut > 0 {
		p.full = int(p.set.FullFor)
		free := max(0, float64(p.open[k][q])-shut/sum)
		p.stuck[k][q] = p.sat[q] * float32(free*free)
	}
	if perm > 0.01*sum {
		p.give(k, giving{q: q, share: min(1, float32(perm/sum)/p.open[k][q])}, m)
	}
}

// give adds g to what must give way in stage k, with the streams it gives way to.
func (p *planner) give(k int, g giving, m *memory) {
	if n := len(p.perm[k]); n < cap(p.perm[k]) {
		g.rivals = p.perm[k][:n+1][n].rivals[:0] // of an earlier second, used again
	}
	for _, o := range p.rivals[k][g.q] {
		sum := 0.0
		for _, sh := range m.shares[o.queue] {
			sum += sh
		}
		part := float32(m.shares[o.queue][o.way] / sum)
		if i := slices.IndexFunc(g.rivals, func(r stream) bool { return r.q == o.queue }); i >= 0 {
			g.rivals[i].share += part
		} else {
			g.rivals = append(g.rivals, stream{o.queue, part})
		}
	}
	p.perm[k] = append(p.perm[k], g)
}

// rate returns the capacities per second of stage k at second t.
func (p *planner) rate(k, t int) []float32 {
	if t < p.full {
		return p.stuck[k]
	}
	return p.flow[k]
}

// feedShare returns the share of an upstream lane's vehicles that come to queue q.
func (c *Control) feedShare(s *site, m *memory, q, lane int) float64 {
	sum := 0.0
	for o := range s.queues {
		for _, f := range s.queues[o].feeders {
			if f.lane == lane {
				sum += m.rates[o] + 0.01
				break
			}
		}
	}
	if sum == 0 {
		return 0
	}
	return (m.rates[q] + 0.01) / sum
}

// travel returns the seconds from distance d at speed v to the stop line if nobody
// is in the way.
func travel(d, v, limit, accel float64) float64 {
	if v >= limit {
		return d / limit
	}
	need := (limit*limit - v*v) / (2 * accel)
	if d <= need {
		return (math.Sqrt(v*v+2*accel*d) - v) / accel
	}
	return (limit-v)/accel + (d-need)/limit
}
