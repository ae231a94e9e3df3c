package reconfigure

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"polity/services/power/radial"
)

// first opens, from the network with all edges closed, one edge after the other:
// always the one whose opening raises the relaxation least (after Shirmohammadi
// and Hong, "Reconfiguration of electric distribution networks for resistive line
// losses reduction", IEEE Trans. Power Delivery 4, 1989).
func first(g *radial.Graph) []bool {
	closed := make([]bool, len(g.Edges))
	for k := range closed {
		closed[k] = true
	}
	m := newMesh(g, closed)
	for range len(g.Edges) - (g.Nodes - 1) {
		best, rise := -1, math.Inf(1)
		for k, e := range g.Edges {
			if !closed[k] || !e.Free {
				continue
			}
			if r := m.rise(k); r < rise {
				best, rise = k, r
			}
		}
		if best < 0 {
			break
		}
		closed[best] = false
		m = m.opened(best)
	}
	return closed
}

// exchanger improves configurations by closing an open edge and opening another
// of the loop this makes (Civanlar et al., "Distribution feeder reconfiguration
// for loss reduction", IEEE Trans. Power Delivery 3, 1988), each judged by its
// full power flow.
type exchanger struct {
	g      *radial.Graph
	s      *radial.Sweeper
	limits Limits
	flows  int
}

// value is what a configuration loses; what breaks a limit counts far worse, so
// that a search may pass through it.
func (x *exchanger) value(closed []bool) float64 {
	x.flows++
	if !x.s.Span(closed) || x.s.Reached() < x.g.Nodes {
		return math.Inf(1)
	}
	loss, ok := x.s.Solve()
	switch {
	case !ok:
		return math.Inf(1)
	case !x.s.Within(x.limits):
		return loss + 1e6
	}
	return loss
}

// improve takes the best exchange until none helps. Of each loop only the edges
// near the one that carries least are tried, outwards until two in a row are
// worse; the flow in a loop makes losses convex in where it is cut.
func (x *exchanger) improve(closed []bool, value float64) float64 {
	for {
		best, swapIn, swapOut := value*(1-1e-12), -1, -1
		for k, e := range x.g.Edges {
			if closed[k] || !e.Free {
				continue
			}
			x.s.Span(closed)
			loop := x.s.Loop(k, nil)
			closed[k] = true
			for _, out := range loop {
				if !x.g.Edges[out].Free {
					continue
				}
				closed[out] = false
				if v := x.value(closed); v < best {
					best, swapIn, swapOut = v, k, out
				}
				closed[out] = true
			}
			closed[k] = false
		}
		if swapIn < 0 {
			return value
		}
		closed[swapIn], closed[swapOut], value = true, false, best
	}
}

// improveFirst is improve that takes any exchange that helps: cheaper per step.
func (x *exchanger) improveFirst(closed []bool, value float64, rng *rand.Rand) float64 {
	open := make([]int, 0, 32)
	for {
		open = open[:0]
		for k, e := range x.g.Edges {
			if !closed[k] && e.Free {
				open = append(open, k)
			}
		}
		rng.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
		improved := false
		for _, k := range open {
			x.s.Span(closed)
			loop := x.s.Loop(k, nil)
			closed[k] = true
			pick, best := -1, value*(1-1e-12)
			for _, out := range x.nearest(loop, k) {
				closed[out] = false
				if v := x.value(closed); v < best {
					best, pick = v, out
				}
				closed[out] = true
			}
			if pick >= 0 {
				closed[pick], value, improved = false, best, true
			} else {
				closed[k] = false
			}
		}
		if !improved {
			return value
		}
	}
}

// nearest returns the free edges of a loop next to its cut on either side, a few
// of them: losses are nearly convex in where a loop is cut.
func (x *exchanger) nearest(loop []int, cut int) []int {
	const reach = 4
	ends := [2]int{x.g.Edges[cut].A, x.g.Edges[cut].B}
	var out []int
	for _, end := range ends {
		n, taken := end, 0
		left := slices.Clone(loop)
		for taken < reach {
			i := slices.IndexFunc(left, func(k int) bool { return x.g.Edges[k].A == n || x.g.Edges[k].B == n })
			if i < 0 {
				break
			}
			k := left[i]
			left = slices.Delete(left, i, i+1)
			n = x.g.Edges[k].A + x.g.Edges[k].B - n
			if x.g.Edges[k].Free {
				if !slices.Contains(out, k) {
					out = append(out, k)
				}
				taken++
			}
		}
	}
	return out
}

// wander is iterated local search: it disturbs the best configuration by a few
// random exchanges, improves it again and keeps what is no worse. Rounds bounds
// how often; the seed makes it repeatable.
func (x *exchanger) wander(closed []bool, value float64, rounds int, seed uint64) ([]bool, float64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	best, bestValue := slices.Clone(closed), value
	now, nowValue := slices.Clone(closed), value
	for range rounds {
		try := slices.Clone(now)
		for range 1 + rng.IntN(4) {
			x.disturb(try, rng)
		}
		v := x.improveFirst(try, x.value(try), rng)
		if v <= nowValue*(1+1e-4*rng.Float64()) {
			now, nowValue = try, v
		}
		if cmp.Less(v, bestValue) {
			best, bestValue = slices.Clone(try), v
		}
	}
	return best, bestValue
}

// disturb makes one random exchange.
func (x *exchanger) disturb(closed []bool, rng *rand.Rand) {
	var open []int
	for k, e := range x.g.Edges {
		if !closed[k] && e.Free {
			open = append(open, k)
		}
	}
	if len(open) == 0 || !x.s.Span(closed) {
		return
	}
	k := open[rng.IntN(len(open))]
	loop := slices.DeleteFunc(x.s.Loop(k, nil), func(e int) bool { return !x.g.Edges[e].Free })
	if len(loop) == 0 {
		return
	}
	closed[k], closed[loop[rng.IntN(len(loop))]] = true, false
}
