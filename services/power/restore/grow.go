package restore

import (
	"cmp"
	"math"
	"slices"

	"polity/services/power/radial"
)

// grower finds the tree from the source that feeds most within limits, when not
// everything can be fed. It includes or excludes one edge at the rim after the
// other (each tree is met once) and leaves out what cannot beat the best:
//
//   - A tree that breaks a limit breaks it with more branches too: more load lowers
//     every voltage and raises every current, since loads draw watts and vars.
//   - Load added behind a line raises the power that arrives through it by at least
//     that load, at no more than the present voltage, so that the line's rating
//     bounds it; and it lowers the squares of all voltages behind by at least twice
//     the load times R + t·X of the way there, the line to the new node included,
//     where t is the least ratio of vars to watts of what may still come (all per
//     unit).
type grower struct {
	x      *searcher
	g      *radial.Graph
	w      *radial.Sweeper
	limits radial.Limits

	in       []bool    // nodes of the tree
	closed   []bool    // edges of the tree
	excluded []bool    // edges that no longer may join it
	rated    []float64 // load per node, without what generators take off it
	load     float64
	unit     float64 // all loads are multiples of it
	best     float64
	found    []candidate
	refused  map[string]bool
	spent    bool
	queue    []int
	seen     []bool
	vars     float64 // least ratio of vars to watts ahead
	// Of the nodes of the tree: what can be added behind, the lowest squared voltage
	// at or behind, and R + vars·X of the way from the source.
	carry, lowest, way []float64
}

func newGrower(x *searcher, g *radial.Graph, limits radial.Limits) *grower {
	r := &grower{
		x: x, g: g, w: radial.NewSweeper(g), limits: limits, in: make([]bool, g.Nodes), closed: make([]bool, len(g.Edges)),
		excluded: make([]bool, len(g.Edges)), refused: map[string]bool{}, seen: make([]bool, g.Nodes),
		rated: make([]float64, g.Nodes), carry: make([]float64, g.Nodes), lowest: make([]float64, g.Nodes), way: make([]float64, g.Nodes),
	}
	for i := range g.Net.Loads {
		l := &g.Net.Loads[i]
		if n := g.Node[l.At.Bus]; n >= 0 && !l.OutOfService {
			r.rated[n] += real(l.S) / (g.Base * g.Net.PhasesPerNode())
		}
	}
	r.unit = granularity(r.rated)
	return r
}

// granularity is the largest power of which all loads are multiples, to the watt;
// 0 where they have none above a watt.
func granularity(load []float64) float64 {
	const watt = 1e-6 // of a per-unit power of 1 MW
	divisor := int64(0)
	for _, s := range load {
		p := int64(math.Round(s / watt))
		if math.Abs(s/watt-float64(p)) > 1e-3 {
			return 0
		}
		for p != 0 {
			divisor, p = p, divisor%p
		}
	}
	return float64(divisor) * watt
}

// run grows trees until the best is known, and again without it where a step on
// the way to it breaks a limit. Trees over all nodes that break limits give it
// something to start from.
func (r *grower) run(accept finish, start []bool) {
	offer := func(c candidate) bool {
		if r.refused[key(c.closed)] {
			return false
		}
		closed := r.x.fewer(r.g, r.w, r.limits, c.closed)
		one := r.x.choice(r.g, closed)
		one.fedW = c.load * r.g.Base * r.g.Net.PhasesPerNode()
		r.refused[key(c.closed)] = true
		return accept(one)
	}
	rounds := 20
	if !r.x.exact { // refusals tell little then
		rounds = 1
	}
	for range rounds {
		r.best = -1
		r.fill(make([]bool, len(r.g.Edges)))
		if start != nil {
			if rest := r.prune(start); rest != nil {
				r.fill(rest)
			}
		}
		r.reset()
		r.include(0)
		r.grow(true)
		if r.best < 0 || r.spent {
			break
		}
		if offer(r.found[len(r.found)-1]) {
			r.x.proven = r.x.exact
			return
		}
	}
	slices.SortStableFunc(r.found, func(a, b candidate) int { return cmp.Compare(b.load, a.load) })
	_ = slices.ContainsFunc(r.found, offer) // up to the first that makes an order
}

// candidate is a tree that was the best when it was met.
type candidate struct {
	closed []bool
	load   float64
}

// keep remembers the present tree, which keeps the limits, if it is the best.
func (r *grower) keep() {
	if r.load > r.best*(1+1e-12)+1e-12 && !r.refused[key(r.closed)] {
		r.best = r.load
		r.found = append(r.found, candidate{slices.Clone(r.closed), r.load})
	}
}

// reset empties the present tree.
func (r *grower) reset() {
	r.load = 0
	clear(r.in)
	clear(r.closed)
	clear(r.excluded)
}

func key(closed []bool) string {
	b := make([]byte, len(closed))
	for i, c := range closed {
		if c {
			b[i] = 1
		}
	}
	return string(b)
}

// include adds a node and all that hangs on it without a switch, and returns the
// nodes and edges added.
func (r *grower) include(n int) (nodes, edges []int) {
	r.in[n] = true
	r.load += r.rated[n]
	nodes = append(nodes, n)
	for k := 0; k < len(nodes); k++ {
		for _, e := range r.g.Adjoin[nodes[k]] {
			m := r.g.Edges[e].A + r.g.Edges[e].B - nodes[k]
			if r.g.Edges[e].Free || r.in[m] {
				continue
			}
			r.in[m], r.closed[e] = true, true
			r.load += r.rated[m]
			nodes, edges = append(nodes, m), append(edges, e)
		}
	}
	return nodes, edges
}

// grow searches all trees that hold the present one; changed says that it has not
// been solved yet.
func (r *grower) grow(changed bool) {
	if r.spent {
		return
	}
	if changed {
		if r.x.trials++; r.x.over() {
			r.spent = true
			return
		}
		r.w.Span(r.closed)
		if _, ok := r.w.Solve(); !ok || !r.w.Within(r.limits) {
			return
		}
		r.keep()
	}
	rim, ahead := r.rim()
	if len(rim) == 0 || !r.promising(rim, ahead) {
		return
	}
	e := r.pick(rim)
	n := r.g.Edges[e].A
	if r.in[n] {
		n = r.g.Edges[e].B
	}
	before := r.load
	r.closed[e] = true
	nodes, edges := r.include(n)
	r.grow(true)
	r.drop(e, nodes, edges)
	r.load, r.excluded[e] = before, true
	r.w.Span(r.closed)
	r.w.Solve()
	r.grow(false)
	r.excluded[e] = false
}

// rim lists the edges by which the tree can grow, and the load that they lead to.
func (r *grower) rim() (edges []int, ahead float64) {
	clear(r.seen)
	r.queue = r.queue[:0]
	for k, e := range r.g.Edges {
		if e.Free && !r.closed[k] && !r.excluded[k] && r.in[e.A] != r.in[e.B] {
			edges = append(edges, k)
			n := e.A
			if r.in[n] {
				n = e.B
			}
			if !r.seen[n] {
				r.seen[n] = true
				r.queue = append(r.queue, n)
			}
		}
	}
	r.vars = math.Inf(1)
	for k := 0; k < len(r.queue); k++ {
		load := r.g.Load[r.queue[k]]
		if ahead += r.rated[r.queue[k]]; real(load) > 0 {
			r.vars = min(r.vars, imag(load)/real(load))
		}
		for _, e := range r.g.Adjoin[r.queue[k]] {
			m := r.g.Edges[e].A + r.g.Edges[e].B - r.queue[k]
			if !r.excluded[e] && !r.in[m] && !r.seen[m] {
				r.seen[m] = true
				r.queue = append(r.queue, m)
			}
		}
	}
	return edges, ahead
}

// promising says whether a tree that grows on can beat the best.
func (r *grower) promising(rim []int, ahead float64) bool {
	most := r.load + min(ahead, r.room(rim))
	if r.unit > 0 { // sums of loads come in steps
		most = math.Floor(most/r.unit+1e-6) * r.unit
	}
	return most > r.best*(1+1e-12)+1e-12
}

// room is the most load that the ways to the rim can still carry: from the ends
// inwards, each line passes on what those behind it can, or its own limit.
func (r *grower) room(rim []int) float64 {
	order := r.w.Order()
	for _, n := range order {
		r.carry[n] = 0
		v := r.w.Voltage(n)
		r.lowest[n] = real(v)*real(v) + imag(v)*imag(v)
	}
	for _, n := range order[1:] {
		parent, edge := r.w.Parent(n)
		r.way[n] = r.way[parent] + r.drag(edge)
	}
	for _, e := range rim {
		n := r.g.Edges[e].A
		if !r.in[n] {
			n = r.g.Edges[e].B
		}
		v := r.w.Voltage(n)
		r.carry[n] += r.until(real(v)*real(v)+imag(v)*imag(v), r.way[n]+r.drag(e))
	}
	for k := len(order) - 1; k > 0; k-- {
		n := order[k]
		parent, edge := r.w.Parent(n)
		if r.carry[n] > 0 {
			r.carry[parent] += min(r.carry[n], r.capacity(n, &r.g.Edges[edge]))
		}
		r.lowest[parent] = min(r.lowest[parent], r.lowest[n])
	}
	return r.carry[0]
}

// capacity is the most load that can be added behind a node: by the rating of the
// line to it, and by the lowest voltage behind it.
func (r *grower) capacity(n int, e *radial.Edge) float64 {
	room := math.Inf(1)
	if r.limits.Currents && !math.IsInf(e.Most, 1) {
		v, i := r.w.Voltage(n), r.w.Current(n)
		p, q := real(v)*real(i)+imag(v)*imag(i), imag(v)*real(i)-real(v)*imag(i)
		most := e.Most * math.Hypot(real(v), imag(v))
		left := most*most - q*q
		if left <= 0 {
			return 0
		}
		room = math.Sqrt(left) - p
	}
	return max(0, min(room, r.until(r.lowest[n], r.way[n])))
}

// drag is R + vars·X of an edge.
func (r *grower) drag(edge int) float64 {
	z := r.g.Edges[edge].Z
	if math.IsInf(r.vars, 1) { // nothing ahead draws watts
		return real(z)
	}
	return real(z) + r.vars*imag(z)
}

// until is the load that brings a squared voltage down to the limit.
func (r *grower) until(square, way float64) float64 {
	if r.limits.VMin == 0 || way <= 0 {
		return math.Inf(1)
	}
	return max(0, (square-r.limits.VMin*r.limits.VMin)/(2*way))
}

// pick takes the rim's edge that starts at the highest voltage: what is near the
// source costs least of what is scarce.
func (r *grower) pick(rim []int) int {
	best, most := rim[0], -1.0
	for _, k := range rim {
		e := &r.g.Edges[k]
		n, m := e.A, e.B
		if !r.in[n] {
			n, m = m, n
		}
		v := r.w.Voltage(n)
		score := math.Hypot(real(v), imag(v)) - real(e.Z)*real(r.g.Load[m]) - imag(e.Z)*imag(r.g.Load[m])
		if score > most {
			best, most = k, score
		}
	}
	return best
}
