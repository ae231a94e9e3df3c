package reconfigure

import (
	"cmp"
	"context"
	"math"
	"slices"

	"polity/services/power/radial"
)

// search is branch and bound over the edges that may be open. A family of
// configurations is a set of edges that are open in all of them, and one of edges
// that are closed in all; it is left out once the relaxation says that none of it
// can lose less than the best known.
type search struct {
	g        *radial.Graph
	s        *radial.Sweeper
	limits   Limits
	best     []bool
	loss     float64 // of best, per unit; +Inf while none is known
	families int
	flows    int
	left     float64 // lowest bound of what was not searched; +Inf when all was
	cut      float64 // lowest bound of what was left out for good
	budget   int     // families
	ctx      context.Context
}

// slack is the part of the best loss within which a bound counts as equal: it
// covers rounding in the relaxation.
const slack = 1e-9

// run searches everything below the given families and says whether it finished.
func (b *search) run() bool {
	usable, forced := make([]bool, len(b.g.Edges)), make([]bool, len(b.g.Edges))
	for k, e := range b.g.Edges {
		usable[k], forced[k] = true, !e.Free
	}
	b.left, b.cut = math.Inf(1), math.Inf(1)
	b.family(newMesh(b.g, usable), usable, forced)
	return math.IsInf(b.left, 1)
}

// hopeless says whether a bound rules a family out.
func (b *search) hopeless(bound float64) bool { return bound >= b.loss*(1-slack) }

func (b *search) family(m *mesh, usable, forced []bool) {
	bound := m.bound()
	if b.hopeless(bound) {
		b.cut = min(b.cut, bound)
		return
	}
	if b.families >= b.budget || (b.families%256 == 0 && b.ctx.Err() != nil) {
		b.left = min(b.left, bound)
		return
	}
	b.families++
	forced = b.force(m, usable, forced, bound)
	chords := b.chords(m, usable, forced)
	if chords == nil {
		return // the edges that must be closed hold a loop
	}
	if len(chords.list) == 0 {
		b.leaf(usable)
		return
	}
	candidates := b.narrowest(m, chords, forced, bound)
	child := slices.Clone(forced)
	for _, c := range candidates {
		if b.hopeless(bound + c.rise) { // the best may have improved meanwhile
			b.cut = min(b.cut, bound+c.rise)
			continue
		}
		without := slices.Clone(usable)
		without[c.edge] = false
		b.family(m.opened(c.edge), without, child)
		child[c.edge] = true // later siblings keep it closed: no configuration is met twice
	}
}

// force marks edges as closed whose opening alone would make the family hopeless.
func (b *search) force(m *mesh, usable, forced []bool, bound float64) []bool {
	out := slices.Clone(forced)
	for k := range b.g.Edges {
		if !usable[k] || forced[k] {
			continue
		}
		if rise := m.rise(k); b.hopeless(bound + rise) {
			out[k] = true
			b.cut = min(b.cut, bound+rise)
		}
	}
	return out
}

// chordSet is a spanning tree of the usable edges and the edges beside it.
type chordSet struct {
	tree []bool
	list []int
}

// chords finds a spanning tree with all edges that must be closed, and else those
// that carry most; nil when the former hold a loop.
func (b *search) chords(m *mesh, usable, forced []bool) *chordSet {
	order := make([]int, 0, len(usable))
	carries := make([]float64, len(usable))
	for k := range usable {
		if usable[k] {
			p, q, _ := m.across(&b.g.Edges[k])
			r := resistance(&b.g.Edges[k])
			carries[k] = (p*p + q*q) / (r * r)
			order = append(order, k)
		}
	}
	slices.SortFunc(order, func(x, y int) int {
		if forced[x] != forced[y] {
			if forced[x] {
				return -1
			}
			return 1
		}
		return cmp.Compare(carries[y], carries[x])
	})
	sets := radial.NewSets(b.g.Nodes)
	c := &chordSet{tree: make([]bool, len(usable))}
	for _, k := range order {
		switch {
		case sets.Join(b.g.Edges[k].A, b.g.Edges[k].B):
			c.tree[k] = true
		case forced[k]:
			return nil
		default:
			c.list = append(c.list, k)
		}
	}
	return c
}

// candidate is an edge to open.
type candidate struct {
	edge int
	rise float64
}

// narrowest returns the edges of the loop that leaves fewest choices: one of them
// must be opened.
func (b *search) narrowest(m *mesh, c *chordSet, forced []bool, bound float64) []candidate {
	b.s.Span(c.tree)
	var best, list []candidate
	var loop []int
	for _, chord := range c.list {
		list = list[:0]
		loop = b.s.Loop(chord, loop)
		for _, k := range append(loop, chord) {
			if forced[k] {
				continue
			}
			if rise := m.rise(k); !b.hopeless(bound + rise) {
				list = append(list, candidate{k, rise})
			}
		}
		if best == nil || len(list) < len(best) {
			best = append(make([]candidate, 0, len(list)), list...)
		}
		if len(list) == 0 {
			return nil
		}
	}
	slices.SortFunc(best, func(x, y candidate) int { return cmp.Compare(x.rise, y.rise) })
	return best
}

// leaf solves the power flow of a tree and keeps it if it is the best.
func (b *search) leaf(closed []bool) {
	b.flows++
	if !b.s.Span(closed) || b.s.Reached() < b.g.Nodes {
		return
	}
	loss, ok := b.s.Solve()
	if ok && loss < b.loss && b.s.Within(b.limits) {
		b.loss, b.best = loss, slices.Clone(closed)
	}
}
