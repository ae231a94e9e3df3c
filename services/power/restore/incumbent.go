package restore

import (
	"math"
	"slices"

	"polity/services/power/radial"
)

// excess says how far a solved tree is from its limits, 0 where it keeps them:
// the sum of all that voltages lack and of the parts by which lines are overloaded.
func excess(w *radial.Sweeper, g *radial.Graph, l radial.Limits) float64 {
	sum := 0.0
	for _, n := range w.Order() {
		v := w.Voltage(n)
		m := math.Hypot(real(v), imag(v))
		if l.VMin > 0 {
			sum += max(0, l.VMin-m)
		}
		if l.VMax > 0 {
			sum += max(0, m-l.VMax)
		}
	}
	if l.Currents {
		for _, n := range w.Order()[1:] {
			_, e := w.Parent(n)
			i := w.Current(n)
			sum += max(0, math.Hypot(real(i), imag(i))/g.Edges[e].Most-1)
		}
	}
	return sum
}

// judge spans and solves a tree and returns its excess, +Inf without a solution.
func (x *searcher) judge(w *radial.Sweeper, g *radial.Graph, l radial.Limits, closed []bool) float64 {
	x.trials++
	w.Span(closed)
	if _, ok := w.Solve(); !ok {
		return math.Inf(1)
	}
	if w.Within(l) {
		return 0
	}
	return max(excess(w, g, l), math.SmallestNonzeroFloat64)
}

// mend exchanges branches of the tree over all nodes that is nearest to the
// limits, as long as that brings it nearer. It returns the tree it ends with and
// its excess; nil where there is no tree to begin with.
func (x *searcher) mend(g *radial.Graph, w *radial.Sweeper, limits radial.Limits, trees [][]bool) ([]bool, float64) {
	var best []bool
	least := math.Inf(1)
	for _, closed := range trees {
		if f := x.judge(w, g, limits, closed); f < least || best == nil {
			best, least = closed, f
		}
	}
	for best != nil && least > 0 && x.ctx.Err() == nil {
		var next []bool
		for _, closed := range exchanged(g, w, [][]bool{best}, map[string]bool{}, math.MaxInt) {
			if f := x.judge(w, g, limits, closed); f < least {
				next, least = closed, f
			}
		}
		if next == nil {
			break
		}
		best = next
	}
	return best, least
}

// prune takes away branches of a tree until the rest keeps the limits: from the
// worst place the branch at the far end of what hangs there.
func (r *grower) prune(closed []bool) []bool {
	closed = slices.Clone(closed)
	for {
		r.x.trials++
		r.w.Span(closed)
		_, ok := r.w.Solve()
		if ok && r.w.Within(r.limits) {
			return closed
		}
		end := r.worst(ok)
		for end > 0 {
			parent, edge := r.w.Parent(end)
			if r.g.Edges[edge].Free {
				closed[edge] = false
				break
			}
			end = parent
		}
		if end <= 0 { // what is left hangs on the source without a switch
			return nil
		}
		r.trim(closed)
	}
}

// worst is the node at the end of the branch that should go first.
func (r *grower) worst(solved bool) int {
	order := r.w.Order()
	end, least := 0, math.Inf(1)
	for _, n := range order[1:] {
		v := r.w.Voltage(n)
		m := math.Hypot(real(v), imag(v))
		_, e := r.w.Parent(n)
		if i := r.w.Current(n); r.limits.Currents && solved {
			if load := math.Hypot(real(i), imag(i)) / r.g.Edges[e].Most; load > 1 {
				m = min(m, r.limits.VMin/load)
			}
		}
		if !solved {
			m = -float64(r.w.Depth(n))
		}
		if m < least {
			end, least = n, m
		}
	}
	for k := len(order) - 1; k > 0; k-- { // its last descendant
		n := order[k]
		for at := n; at > 0; at, _ = r.w.Parent(at) {
			if at == end {
				return n
			}
		}
	}
	return end
}

// trim opens what the root no longer reaches.
func (r *grower) trim(closed []bool) {
	r.w.Span(closed)
	for k, e := range r.g.Edges {
		if closed[k] && !r.w.Reaches(e.A) {
			closed[k] = false
		}
	}
}

// fill sets the present tree to closed and lets it take in what the rim offers
// within limits, the cheapest first. What it ends with is the first tree to beat.
func (r *grower) fill(closed []bool) {
	r.reset()
	r.w.Span(closed)
	for _, n := range r.w.Order() {
		r.in[n] = true
		r.load += r.rated[n]
	}
	copy(r.closed, closed)
	for {
		r.x.trials++
		r.w.Span(r.closed)
		if _, ok := r.w.Solve(); !ok || !r.w.Within(r.limits) {
			return // without anything: the source alone breaks a limit
		}
		r.keep()
		if r.x.over() || !r.take() {
			return
		}
	}
}

// take includes the first edge of the rim that keeps the limits; those that do not
// are excluded.
func (r *grower) take() bool {
	for {
		rim, _ := r.rim()
		if len(rim) == 0 {
			return false
		}
		e := r.pick(rim)
		n := r.g.Edges[e].A
		if r.in[n] {
			n = r.g.Edges[e].B
		}
		before := r.load
		r.closed[e] = true
		nodes, edges := r.include(n)
		r.x.trials++
		r.w.Span(r.closed)
		if _, ok := r.w.Solve(); ok && r.w.Within(r.limits) {
			return true
		}
		r.drop(e, nodes, edges)
		r.load, r.excluded[e] = before, true
		r.w.Span(r.closed)
		r.w.Solve()
	}
}

// drop undoes the inclusion of an edge and what came with it.
func (r *grower) drop(e int, nodes, edges []int) {
	for _, m := range nodes {
		r.in[m] = false
	}
	for _, k := range edges {
		r.closed[k] = false
	}
	r.closed[e] = false
}

// fewer exchanges switches that a tree would have to close for closed ones that it
// would have to open, while the limits allow: the same nodes are fed by fewer
// operations.
func (x *searcher) fewer(g *radial.Graph, w *radial.Sweeper, limits radial.Limits, closed []bool) []bool {
	now := func(k int) bool {
		line := g.Edges[k].Line
		return line == x.s.tripped || x.s.net.Lines[line].Closed()
	}
	closed = slices.Clone(closed)
	var loop []int
	for changed := true; changed && x.ctx.Err() == nil; {
		changed = false
		for f, e := range g.Edges {
			w.Span(closed)
			if !e.Free || closed[f] || !now(f) || !w.Reaches(e.A) || !w.Reaches(e.B) {
				continue
			}
			loop = w.Loop(f, loop)
			for _, k := range loop {
				if !g.Edges[k].Free || now(k) {
					continue
				}
				closed[f], closed[k] = true, false
				if x.judge(w, g, limits, closed) == 0 {
					changed = true
					break
				}
				closed[f], closed[k] = false, true
			}
		}
	}
	return closed
}
