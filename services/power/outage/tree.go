package outage

import (
	"polity/city"
	"polity/services/power/grid"
)

// tree is the network as power comes from the sources.
type tree struct {
	parent  []int // -1: a source, or not reached
	by      []int // line to the parent; -1: a transformer, or none
	order   []int // buses reached, from the sources outwards
	reached []bool
}

func newTree(net *grid.Network) (*tree, error) {
	n := len(net.Buses)
	t := &tree{parent: make([]int, n), by: make([]int, n), reached: make([]bool, n)}
	type way struct{ bus, line, element int }
	next := make([][]way, n)
	join := func(a, b, line, element int) {
		next[a] = append(next[a], way{b, line, element})
		next[b] = append(next[b], way{a, line, element})
	}
	for i := range net.Lines {
		if l := &net.Lines[i]; l.Closed() {
			join(l.Ends[0].Bus, l.Ends[1].Bus, i, i)
		}
	}
	seen := map[[2]int]bool{} // single-phase transformers beside each other are one way
	for i := range net.Transformers {
		x := &net.Transformers[i]
		for w := 1; !x.OutOfService && w < len(x.Windings); w++ {
			a, b := x.Windings[0].Bus, x.Windings[w].Bus
			if key := [2]int{min(a, b), max(a, b)}; !seen[key] {
				seen[key] = true
				join(a, b, -1, len(net.Lines)+len(seen))
			}
		}
	}
	entered := make([]int, n) // element that led to the bus
	for b := range n {
		t.parent[b], t.by[b], entered[b] = -1, -1, -1
	}
	for i := range net.Sources {
		if s := &net.Sources[i]; !s.OutOf && !t.reached[s.At.Bus] {
			t.reached[s.At.Bus] = true
			t.order = append(t.order, s.At.Bus)
		}
	}
	for k := 0; k < len(t.order); k++ {
		b := t.order[k]
		for _, w := range next[b] {
			switch {
			case w.element == entered[b]:
			case t.reached[w.bus]:
				name := "a transformer"
				if w.line >= 0 {
					name = net.Lines[w.line].Name
				}
				return nil, city.Errorf(city.Invalid, "%s closes a loop, or joins two sources: what an open line darkens is not clear then", name)
			default:
				t.reached[w.bus], t.parent[w.bus], t.by[w.bus], entered[w.bus] = true, b, w.line, w.element
				t.order = append(t.order, w.bus)
			}
		}
	}
	return t, nil
}
