package adaptive

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
