package restore

import (
	"cmp"
	"slices"

	"polity/services/power/radial"
)

// byTrees finds the choice with most load in a simple graph. A tree over all
// nodes that keeps the limits restores everything that can be restored, and those
// that few operations lead to are tried first; where none keeps the limits, trees
// are grown from the source as far as the limits let them.
func (x *searcher) byTrees(g *radial.Graph, accept finish) {
	start, done := x.whole(g, accept)
	if !done {
		newGrower(x, g, x.limits()).run(accept, start)
	}
}

func (x *searcher) limits() radial.Limits {
	l := x.s.o.Limits
	return radial.Limits{VMin: l.VMin, VMax: l.VMax, Currents: l.Currents}
}

// whole looks for a tree over all nodes. Without success it returns the one that
// came nearest, nil if there is none.
func (x *searcher) whole(g *radial.Graph, accept finish) (nearest []bool, done bool) {
	limits, w := x.limits(), radial.NewSweeper(g)
	list, last := x.near(g, w, limits)
	if len(last) > 0 {
		nearest = last[0]
	}
	if len(list) == 0 && !x.over() {
		if tree, left := x.mend(g, w, limits, last); tree != nil {
			nearest = tree
			if left == 0 {
				c := x.choice(g, x.fewer(g, w, limits, tree))
				c.fedW = x.boundW
				list = append(list, c)
			}
		}
	}
	x.inOrder(list, func(c choice) bool {
		done = accept(c)
		return done
	})
	x.proven = done
	return nearest, done
}

// near lists trees over all nodes within limits, those with the fewest
// operations: it joins the dark parts by open switches, then exchanges up to two
// of the closed switches for open ones. Beside them it returns the trees that it
// began with.
func (x *searcher) near(g *radial.Graph, w *radial.Sweeper, limits radial.Limits) (list []choice, start [][]bool) {
	const exchanges, most = 2, 3000
	seen := map[string]bool{}
	level := x.joined(g)
	start = level
	for k := 0; ; k++ {
		for _, closed := range level {
			x.trials++
			w.Span(closed)
			if loss, ok := w.Solve(); ok && w.Within(limits) {
				c := x.choice(g, closed)
				c.loss, c.fedW = loss, x.boundW
				list = append(list, c)
			}
		}
		if len(list) > 0 || k == exchanges || x.over() {
			slices.SortStableFunc(list, func(a, b choice) int {
				return cmp.Or(cmp.Compare(a.operations, b.operations), cmp.Compare(a.loss, b.loss))
			})
			return list[:min(len(list), 50)], start
		}
		level = exchanged(g, w, level, seen, most)
	}
}

// joined lists the trees over all nodes that closing switches alone leads to.
func (x *searcher) joined(g *radial.Graph) [][]bool {
	base, sets := make([]bool, len(g.Edges)), radial.NewSets(g.Nodes)
	missing := g.Nodes - 1
	var open []int
	for k, e := range g.Edges {
		if e.Line >= 0 && e.Line != x.s.tripped && !x.s.net.Lines[e.Line].Closed() {
			open = append(open, k)
			continue
		}
		if !sets.Join(e.A, e.B) {
			return nil // a loop: not radial as it stands
		}
		base[k] = true
		missing--
	}
	var out [][]bool
	var walk func(from, missing int, sets radial.Sets)
	walk = func(from, missing int, sets radial.Sets) {
		if missing == 0 {
			out = append(out, slices.Clone(base))
			return
		}
		for k := from; k < len(open) && len(out) < 5000; k++ {
			next := slices.Clone(sets)
			if e := g.Edges[open[k]]; next.Join(e.A, e.B) {
				base[open[k]] = true
				walk(k+1, missing-1, next)
				base[open[k]] = false
			}
		}
	}
	walk(0, missing, sets)
	return out
}

// exchanged lists the trees that one exchange leads to: an open switch closes, and
// one in the loop that this makes opens.
func exchanged(g *radial.Graph, w *radial.Sweeper, trees [][]bool, seen map[string]bool, most int) [][]bool {
	var out [][]bool
	var loop []int
	for _, closed := range trees {
		seen[key(closed)] = true
		w.Span(closed)
		for k, e := range g.Edges {
			if !e.Free || closed[k] {
				continue
			}
			loop = w.Loop(k, loop)
			for _, o := range loop {
				if !g.Edges[o].Free {
					continue
				}
				next := slices.Clone(closed)
				next[k], next[o] = true, false
				if name := key(next); !seen[name] {
					seen[name] = true
					if out = append(out, next); len(out) >= most {
						return out
					}
				}
			}
		}
	}
	return out
}

// choice turns the closed edges of a tree into a choice; switches that it does not
// touch stay as they are.
func (x *searcher) choice(g *radial.Graph, closed []bool) choice {
	c := choice{closed: make(map[int]bool, len(x.free))}
	fed := make([]bool, g.Nodes)
	fed[0] = true
	for k, e := range g.Edges {
		if closed[k] {
			fed[e.A], fed[e.B] = true, true
		}
	}
	for k, e := range g.Edges {
		if e.Free && (fed[e.A] || fed[e.B]) {
			c.closed[e.Line] = closed[k]
		}
	}
	for _, i := range x.free {
		if _, ok := c.closed[i]; !ok {
			c.closed[i] = x.s.net.Lines[i].Closed()
		}
	}
	c.operations = x.s.operations(c.closed)
	return c
}
