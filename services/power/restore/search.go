package restore

import (
	"cmp"
	"context"
	"math"
	"math/bits"
	"slices"

	"polity/services/power/grid"
	"polity/services/power/radial"
	"polity/services/power/switching"
)

// choice is a configuration to restore with: which of the free lines are closed.
type choice struct {
	closed     map[int]bool
	fedW       float64
	operations int
	loss       float64
}

// free lists the lines whose state restoration may choose: switches without a tag
// that do not touch the fault, where the trip made it dark, and the breaker that
// tripped. Those that lead to parts which were dead before stay as they are.
func (s *situation) free() []int {
	var out []int
	top := s.net.Topology()
	alien := func(b int) bool { return !s.darkened[b] && !top.BusLive(b) }
	for i := range s.net.Lines {
		l := &s.net.Lines[i]
		if s.around(i) || alien(l.Ends[0].Bus) || alien(l.Ends[1].Bus) {
			continue
		}
		dark := s.darkened[l.Ends[0].Bus] || s.darkened[l.Ends[1].Bus]
		if i == s.tripped || (dark && !s.o.fixed(i)) {
			out = append(out, i)
		}
	}
	return out
}

// energised returns the network after isolation with the tripped source back on
// and the free lines as chosen.
func (s *situation) energised(c map[int]bool) *grid.Network {
	net := s.net.Clone()
	if s.source >= 0 && !s.section[net.Sources[s.source].At.Bus] {
		net.Sources[s.source].OutOf = false
	}
	for i, closed := range c {
		if net.Lines[i].Closed() != closed {
			net.Lines[i].SetClosed(closed)
		}
	}
	return net
}

// operations counts the switches that a choice moves.
func (s *situation) operations(c map[int]bool) int {
	n := 0
	for i, closed := range c {
		if s.net.Lines[i].Closed() != closed {
			n++
		}
	}
	return n
}

// searcher finds choices, the best first.
type searcher struct {
	s      *situation
	free   []int
	ctx    context.Context
	trials int
	// boundW: nothing can feed more.
	boundW float64
	proven bool
	// exact says that the sweeps are the full power flow, and more load never helps.
	exact bool
}

// over says whether the trials are spent or the caller has lost patience.
// A search that proves nothing gets a fifth of them.
func (x *searcher) over() bool {
	most := x.s.o.Trials
	if !x.exact {
		most /= 5
	}
	return x.trials > most || x.ctx.Err() != nil
}

// finish tries to make an order of a choice; it says no where a step on the way
// breaks a limit.
type finish func(choice) bool

func (x *searcher) run(accept finish) error {
	all := map[int]bool{}
	for _, i := range x.free {
		all[i] = true
	}
	top := x.s.energised(all)
	x.boundW, _ = switching.Fed(top)
	free := map[int]bool{}
	for _, i := range x.free {
		free[i] = true
	}
	live := false
	for i := range top.Sources {
		live = live || !top.Sources[i].OutOf
	}
	if !live {
		x.proven = true
		accept(choice{closed: map[int]bool{}})
		return nil
	}
	g, err := radial.New(top, func(i int) bool { return free[i] })
	if err != nil {
		return err
	}
	tree := g.Check() == nil
	switch x.exact = tree && g.Simple && g.LoadsOnly(); {
	case x.exact:
		x.byTrees(g, accept)
	case len(x.free) <= 16:
		x.bySubsets(accept)
	case tree && top.Balanced: // the sweeps are near enough to search with; the order is checked in full
		fed := -1.0
		better := func(c choice) bool { // true ends a search: with a plan, or for want of a better one
			if c.fedW <= fed+1 {
				return true
			}
			if !accept(c) {
				return false
			}
			fed = c.fedW
			return true
		}
		start, done := x.whole(g, better)
		if done {
			break
		}
		if x.byTies(better); fed < x.boundW-1 && !x.over() {
			newGrower(x, g, x.limits()).run(better, start)
		}
	default:
		x.byTies(accept)
	}
	return x.ctx.Err()
}

// bySubsets judges every state of the free switches by the full power flow, those
// that feed most and move least first: the first within limits is the best.
func (x *searcher) bySubsets(accept finish) {
	type state struct {
		mask, operations int
		fedW             float64
	}
	k := newBlocks(x)
	var list []state
	for mask := range 1 << len(x.free) {
		if fed, ok := k.fed(mask); ok {
			list = append(list, state{mask, bits.OnesCount(uint(mask ^ k.now)), fed})
		}
	}
	slices.SortStableFunc(list, func(a, b state) int {
		if math.Abs(a.fedW-b.fedW) > 1 {
			return cmp.Compare(b.fedW, a.fedW)
		}
		return cmp.Compare(a.operations, b.operations)
	})
	for _, one := range list {
		if x.trials++; x.trials > x.s.o.Trials || x.ctx.Err() != nil {
			return
		}
		c := choice{closed: map[int]bool{}, fedW: one.fedW, operations: one.operations}
		for b, i := range x.free {
			c.closed[i] = one.mask>>b&1 == 1
		}
		if accept(c) {
			x.proven = true
			return
		}
	}
	x.proven = true
}

// blocks are the parts of the network that free switches join.
type blocks struct {
	ends [][2]int // of the free switches
	load []float64
	live []int // blocks with a source
	now  int   // mask of the free switches that are closed now
	sets radial.Sets
}

func newBlocks(x *searcher) *blocks {
	net := x.s.energised(nil)
	k := &blocks{sets: radial.NewSets(len(net.Buses))}
	free := map[int]bool{}
	for b, i := range x.free {
		free[i] = true
		if net.Lines[i].Closed() {
			k.now |= 1 << b
		}
	}
	for i := range net.Lines {
		if l := &net.Lines[i]; l.Closed() && !free[i] {
			k.sets.Join(l.Ends[0].Bus, l.Ends[1].Bus)
		}
	}
	for i := range net.Transformers {
		t := &net.Transformers[i]
		for w := 1; !t.OutOfService && w < len(t.Windings); w++ {
			k.sets.Join(t.Windings[0].Bus, t.Windings[w].Bus)
		}
	}
	number := map[int]int{}
	block := func(bus int) int {
		root := k.sets.Find(bus)
		if _, ok := number[root]; !ok {
			number[root] = len(number)
			k.load = append(k.load, 0)
		}
		return number[root]
	}
	for _, i := range x.free {
		l := &net.Lines[i]
		k.ends = append(k.ends, [2]int{block(l.Ends[0].Bus), block(l.Ends[1].Bus)})
	}
	for i := range net.Loads {
		if l := &net.Loads[i]; !l.OutOfService {
			k.load[block(l.At.Bus)] += real(l.S)
		}
	}
	for i := range net.Sources {
		if s := &net.Sources[i]; !s.OutOf {
			k.live = append(k.live, block(s.At.Bus))
		}
	}
	k.sets = radial.NewSets(len(k.load))
	return k
}

// fed is the load that a state of the free switches feeds; false where it makes a
// loop or joins two sources.
func (k *blocks) fed(mask int) (float64, bool) {
	for b := range k.sets {
		k.sets[b] = b
	}
	for _, b := range k.live[1:] {
		k.sets.Join(k.live[0], b)
	}
	for b, e := range k.ends {
		if mask>>b&1 == 1 && !k.sets.Join(e[0], e[1]) {
			return 0, false
		}
	}
	sum, root := 0.0, k.sets.Find(k.live[0])
	for b, load := range k.load {
		if k.sets.Find(b) == root {
			sum += load
		}
	}
	return sum, true
}

func (x *searcher) inOrder(list []choice, accept finish) {
	slices.SortStableFunc(list, func(a, b choice) int {
		if math.Abs(a.fedW-b.fedW) > 1 {
			return cmp.Compare(b.fedW, a.fedW)
		}
		return cmp.Compare(a.operations, b.operations)
	})
	for _, c := range list {
		if x.trials++; x.ctx.Err() != nil {
			return
		}
		if accept(c) {
			x.proven = x.proven || c.fedW > x.boundW-1
			return
		}
	}
}

// byTies is for networks with too many switches to try all: from the switches as
// they are it closes up to three open ones and opens up to one. What it finds is
// within limits, but not proven to be the best.
func (x *searcher) byTies(accept finish) {
	const most = 3
	var list []choice
	var ties, closed []int
	for _, i := range x.free {
		if x.s.net.Lines[i].Closed() || i == x.s.tripped {
			closed = append(closed, i)
		} else {
			ties = append(ties, i)
		}
	}
	base := func() map[int]bool {
		c := map[int]bool{}
		for _, i := range x.free {
			c[i] = x.s.net.Lines[i].Closed() || i == x.s.tripped
		}
		return c
	}
	add := func(c map[int]bool) {
		net := x.s.energised(c)
		if len(net.Topology().Loops) == 0 {
			fed, _ := switching.Fed(net)
			list = append(list, choice{closed: c, fedW: fed, operations: x.s.operations(c)})
		}
	}
	var walk func(from, left int, chosen []int)
	walk = func(from, left int, chosen []int) {
		for _, open := range append([]int{-1}, closed...) {
			c := base()
			for _, t := range chosen {
				c[t] = true
			}
			if open >= 0 {
				if len(chosen) == 0 || len(list) > 5000 {
					break
				}
				c[open] = false
			}
			add(c)
		}
		for k := from; left > 0 && k < len(ties) && len(list) <= 5000; k++ {
			walk(k+1, left-1, append(slices.Clone(chosen), ties[k]))
		}
	}
	walk(0, most, nil)
	add(func() map[int]bool { // last resort: nothing but the cut
		c := base()
		for i := range c {
			c[i] = i == x.s.tripped
		}
		return c
	}())
	x.inOrder(list, accept)
}
