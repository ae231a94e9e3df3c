package adaptive

import (
	"math"
	"slices"

	"polity/services/traffic/control"
	"polity/services/traffic/network"
)

// planner searches stage sequences of one junction.
type planner struct {
	s   *site
	set *Settings
	n   int // queues

	total  []float32   // [second*n+queue]: arrivals before that second
	weight []float32   // per queue
	sat    []float32   // per queue, vehicles per second
	flow   [][]float32 // per stage and queue: capacity per second without opposing traffic
	open   [][]float32 // per stage and queue: share of the lane's traffic that has green
	perm   [][]giving  // per stage
	stuck  [][]float32 // per stage and queue: capacity per second while exits are full
	full   int         // until this second
	rivals [][][]rival // per stage and queue: the green ways that it must let go

	grid   []int
	after  []int     // per second: the first point of the grid not before it
	labels [][]label // per point and stage
	active []int
	live   []int // queues in which somebody is or to which somebody comes
	x, cap []float32
	ranks  []float32
}

// giving is a queue part of which must give way.
type giving struct {
	q      int
	share  float32
	rivals []stream
}

// stream is the part of a queue that others must let go.
type stream struct {
	q     int
	share float32
}

type label struct {
	cost  float32
	rank  float32
	x     []float32
	first int16 // stage of the first change, -1: none yet, -2: stays at first
	ok    bool
}

func (p *planner) init(s *site, set *Settings) {
	p.s, p.set = s, set
	n := len(s.queues)
	p.n = n
	p.total = make([]float32, (set.Horizon+4)*n)
	p.weight, p.sat, p.x, p.cap = make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for t := 0; t < set.Horizon; {
		p.grid = append(p.grid, t)
		switch {
		case t < 8:
			t++
		case t < 20:
			t += 2
		default:
			t += 4
		}
	}
	p.grid = append(p.grid, set.Horizon)
	for g := range p.grid {
		for len(p.after) <= p.grid[g] {
			p.after = append(p.after, g)
		}
	}
	p.labels = make([][]label, len(p.grid))
	for t := range p.labels {
		p.labels[t] = make([]label, len(s.stages))
		for k := range p.labels[t] {
			p.labels[t][k].x = make([]float32, n)
		}
	}
	for range s.stages {
		p.open = append(p.open, make([]float32, n))
		p.flow = append(p.flow, make([]float32, n))
		p.stuck = append(p.stuck, make([]float32, n))
		p.perm = append(p.perm, nil)
		p.rivals = append(p.rivals, make([][]rival, n))
	}
	for k, st := range s.stages {
		for q := range s.queues {
			for _, w := range s.queues[q].ways {
				if !st.groups.Has(w.group) {
					continue
				}
				for _, o := range w.yields {
					if st.groups.Has(s.queues[o.queue].ways[o.way].group) && !slices.Contains(p.rivals[k][q], o) {
						p.rivals[k][q] = append(p.rivals[k][q], o)
					}
				}
			}
		}
	}
}

// forecast fills in who arrives when, and how fast each queue leaves in each stage.
func (p *planner) forecast(c *Control, s *site, m *memory, seen *control.Reading) {
	set, n, H := p.set, p.n, p.set.Horizon
	clear(p.total)
	arrive := p.total[n:] // [t*n+q]: arrivals within second t, summed up below
	for q := range s.queues {
		qu := &s.queues[q]
		if qu.crossing >= 0 {
			arrive[q] = float32(seen.Waiting[s.index][qu.crossing])
			p.weight[q] = float32(set.WalkWeight * (1 + set.Aging*m.redFor[q]/60))
			p.sat[q] = 100
			continue
		}
		weight, count := 0.0, 0.0
		add := func(v control.Vehicle, d, share float64) {
			if k := int(travel(d, v.Speed, qu.speed, set.Accel)); k < H {
				arrive[k*n+q] += float32(share)
			}
			w := 1.0
			switch v.Class {
			case control.Bus:
				w = set.BusWeight
			case control.Emergency:
				w = 50
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
		for t := int(qu.horizon) + 1; t < H; t++ {
			arrive[t*n+q] += float32(m.rates[q])
		}
		p.weight[q] = 1
		if count > 0 {
			p.weight[q] = float32(weight / count)
		}
		p.weight[q] *= float32(1 + set.Aging*m.redFor[q]/60)
		sum, head := 0.0, 0.0
		for w := range qu.ways {
			sum += m.shares[q][w]
			h := set.Headway
			if qu.ways[w].turn != network.Straight {
				h *= set.TurnFactor
			}
			head += m.shares[q][w] * h
		}
		p.sat[q] = float32(sum / head)
		beyond := 0.0
		for w := range qu.ways {
			beyond += m.shares[q][w] / sum * c.full[qu.ways[w].to]
		}
		here := 0.0
		if qu.behind {
			here = c.full[qu.lane]
		}
		p.weight[q] *= float32((1 + set.Fill*here*here) * (1 - set.Down*beyond))
	}
	for i := n; i < len(p.total); i++ {
		p.total[i] += p.total[i-n]
	}
	p.full = 0
	blocked := false
	for k, st := range s.stages {
		p.perm[k] = p.perm[k][:0]
		for q := range s.queues {
			qu := &s.queues[q]
			open, perm, sum, shut := 0.0, 0.0, 0.0, 0.0
			for w, way := range qu.ways {
				sh := m.shares[q][w]
				sum += sh
				if !st.groups.Has(way.group) {
					continue
				}
				open += sh
				if way.link >= 0 && m.room[way.to] < set.Room {
					shut += sh
				}
				if slices.ContainsFunc(way.yields, func(o rival) bool { return slices.Contains(p.rivals[k][q], o) }) {
					perm += sh
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
				blocked = true
				free := max(0, float64(p.open[k][q])-shut/sum)
				p.stuck[k][q] = p.sat[q] * float32(free*free)
			}
			if perm > 0.01*sum {
				p.give(k, giving{q: q, share: min(1, float32(perm/sum)/p.open[k][q])}, m)
			}
		}
	}

	if blocked {
		p.full = int(set.FullFor)
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

// giveWay lowers the capacities of queues that must let others go in stage k.
func (p *planner) giveWay(x []float32, k, from, to int) {
	if len(p.perm[k]) == 0 {
		return
	}
	n := p.n
	dt := float32(to - from)
	for i := range p.perm[k] {
		g := &p.perm[k][i]
		if p.cap[g.q] <= 0 {
			continue
		}
		until := min(to+2, p.set.Horizon)
		var busy float32
		for _, r := range g.rivals {
			if x[r.q] > 0.3 {
				// They leave first; what is left of the time is free.
				busy += r.share * x[r.q] / p.sat[r.q] / dt
			}
			busy += r.share * (p.total[until*n+r.q] - p.total[from*n+r.q]) / float32(until-from) * float32(p.set.Gap)
		}
		kappa := max(min(1, float32(p.set.Blocked)/g.share), 1-busy)
		s := p.cap[g.q]
		p.cap[g.q] = s / ((1 - g.share) + g.share/kappa)
	}
}

// advance moves x from second from to second to with the capacities in p.cap and
// returns the cost.
func (p *planner) advance(x []float32, from, to int) float32 {
	n := p.n
	dt := float32(to - from)
	a0 := p.total[from*n : from*n+n]
	a1 := p.total[to*n : to*n+n]
	stop := float32(p.set.Stop)
	var cost float32
	for _, q := range p.live {
		a := a1[q] - a0[q]
		s := p.cap[q]
		before := x[q]
		if s <= 0 {
			before = max(before, 0)
			x[q] = before + a
			cost += (dt*(before+a/2) + a*stop) * p.weight[q]
			continue
		}
		after := before + a - s
		if after > 0 {
			if before < 0 {
				before = 0
			}
			cost += dt * (before + after) / 2 * p.weight[q]
			if before > 1 {
				cost += a * stop * p.weight[q]
			}
		} else {
			if before > 0 {
				cost += before * before / (2 * s) * dt * p.weight[q]
			}
			if after < -1 {
				after = -1
			}
		}
		x[q] = after
	}
	return cost
}

// tail estimates what the queues at the end of the horizon still cost in stage k.
func (p *planner) tail(x []float32, k int) float32 {
	var cost float32
	for _, q := range p.live {
		v := x[q]
		if v <= 0 {
			continue
		}
		wait := v / (2 * p.sat[q])
		if p.open[k][q] < 0.5 {
			wait += float32(p.set.TailWait)
		}
		cost += v * wait * p.weight[q]
	}
	return cost
}

// candidates lists the stages worth a thought: not those that another one is at
// least as good as for every queue somebody is in or comes to.
func (p *planner) candidates(current int) {
	p.active = p.active[:0]
	p.live = p.live[:0]
	for q := range p.n {
		if p.total[p.set.Horizon*p.n+q] >= 0.05 {
			p.live = append(p.live, q)
		}
	}
	better := func(a, b int) bool { // a at least as good as b everywhere
		for _, q := range p.live {
			fa, fb := p.flow[a][q], p.flow[b][q]
			if fa < fb-1e-6 || (fb > 0 && p.gives(a, q) > p.gives(b, q)+0.01) {
				return false
			}
		}
		return true
	}
	for k := range p.s.stages {
		if k == current {
			p.active = append(p.active, k)
			continue
		}
		dominated := false
		for j := range p.s.stages {
			if j != k && better(j, k) && (!better(k, j) || j < k || j == current) {
				dominated = true
				break
			}
		}
		if !dominated {
			p.active = append(p.active, k)
		}
	}
}

func (p *planner) gives(k, q int) float32 {
	for i := range p.perm[k] {
		if p.perm[k][i].q == q {
			return p.perm[k][i].share
		}
	}
	return 0
}

// search returns the stage to show next when current is green, the cost of the best
// plan that stays, and of the best plan.
func (p *planner) search(current int) (next int, stay, best float64) {
	p.candidates(current)
	for t := range p.labels {
		for _, k := range p.active {
			p.labels[t][k].ok = false
		}
	}
	root := &p.labels[0][current]
	clear(root.x)
	root.cost, root.first, root.ok = 0, -1, true
	last := len(p.grid) - 1
	H := p.set.Horizon
	for g := 0; g < last; g++ {
		t := p.grid[g]
		limit := p.beam(g)
		for _, k := range p.active {
			l := &p.labels[g][k]
			if !l.ok {
				continue
			}
			to := p.grid[g+1]
			copy(p.x, l.x)
			dt := float32(to - t)
			flow := p.rate(k, t)
			for _, q := range p.live {
				p.cap[q] = flow[q] * dt
			}
			p.giveWay(p.x, k, t, to)
			c := l.cost + p.advance(p.x, t, to)
			first := l.first
			if g == 0 {
				first = -2
			}
			p.offer(g+1, k, c, first, p.x)
			if l.rank > limit {
				continue
			}
			for _, j := range p.active {
				if j != k {
					p.change(l, g, k, j, H)
				}
			}
		}
	}
	bestCost, bestFirst, stayCost := float32(math.Inf(1)), int16(-1), float32(math.Inf(1))
	for _, k := range p.active {
		l := &p.labels[last][k]
		if !l.ok {
			continue
		}
		if l.rank < bestCost {
			bestCost, bestFirst = l.rank, l.first
		}
		if l.first == -2 && l.rank < stayCost {
			stayCost = l.rank
		}
	}
	if bestFirst >= 0 && float64(stayCost-bestCost) > p.set.Bias {
		return int(bestFirst), float64(stayCost), float64(bestCost)
	}
	return current, float64(stayCost), float64(bestCost)
}

// beam returns the rank above which plans at point g are not worth a change: the
// Beam best go on.
func (p *planner) beam(g int) float32 {
	p.ranks = p.ranks[:0]
	for _, k := range p.active {
		if l := &p.labels[g][k]; l.ok {
			p.ranks = append(p.ranks, l.rank)
		}
	}
	if len(p.ranks) <= p.set.Beam {
		return float32(math.Inf(1))
	}
	slices.Sort(p.ranks)
	return p.ranks[p.set.Beam-1]
}

// change extends the plan l, in stage k at point g, by a change to stage j and its
// minimum green.
func (p *planner) change(l *label, g, k, j, horizon int) {
	t := p.grid[g]
	on := p.s.goesOn[k][j]
	copy(p.x, l.x)
	c := l.cost
	mid := min(t+p.s.between[k][j], horizon)
	if mid > t {
		dt := float32(mid - t)
		use := min(dt, float32(p.set.EndGain))
		from, into := p.rate(k, t), p.rate(j, t)
		for _, q := range p.live {
			fk, fj := from[q], into[q]
			if fk > 0 && fj > 0 && on[q] {
				p.cap[q] = min(fk, fj) * dt
			} else {
				p.cap[q] = fk * use
			}
		}
		p.giveWay(p.x, k, t, mid)
		c += p.advance(p.x, t, mid)
	}
	end := p.after[min(mid+p.set.MinGreen, horizon)]
	to := p.grid[end]
	if to > mid {
		dt := float32(to - mid)
		fresh := max(0, dt-float32(p.set.Lag))
		from, into := p.rate(k, mid), p.rate(j, mid)
		for _, q := range p.live {
			fj := into[q]
			if from[q] > 0 && on[q] {
				p.cap[q] = fj * dt
			} else {
				p.cap[q] = fj * fresh
			}
		}
		p.giveWay(p.x, j, mid, to)
		c += p.advance(p.x, mid, to)
	}
	first := l.first
	if first == -1 {
		first = int16(j)
	}
	p.offer(end, j, c, first, p.x)
}

func (p *planner) offer(g, k int, cost float32, first int16, x []float32) {
	l := &p.labels[g][k]
	rank := cost + p.tail(x, k)
	if l.ok && l.rank <= rank {
		return
	}
	l.ok, l.cost, l.rank, l.first = true, cost, rank, first
	copy(l.x, x)
}
