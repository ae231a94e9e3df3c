package adaptive

import (
	"math"
	"slices"

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

	wanted  []network.Set // per queue: the groups of ways that its vehicles take
	walkers bool          // somebody waits at a crossing
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
	p.wanted = make([]network.Set, n)
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
	p.findRivals()
}

// findRivals lists per stage and queue the green ways that it must let go.
func (p *planner) findRivals() {
	s := p.s
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
			if p.s.stages[b].groups&p.wanted[q]&^p.s.stages[a].groups != 0 {
				return false // some of them can go in b alone
			}
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
	for g := range last {
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
	between := p.s.between
	if !p.walkers {
		between = p.s.quick
	}
	mid := min(t+between[k][j], horizon)
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
