package roads

import (
	"slices"
	"strconv"

	"polity/city"
)

func formatFloat(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

// Way is a drive from one place to another.
type Way struct {
	Millis uint32
	Metres float64
	Arcs   []int32 // driven, in order; the first and last in part
	from   Place
	to     Place
}

// search is the working space of one query; not for use by two goroutines.
type search struct {
	dist [2][]uint32
	from [2][]step
	seen [2][]int32
	heap [2]heap
}

type step struct {
	arc int32 // the one before
	via int32
}

func (n *Network) newSearch() *search {
	s := &search{}
	for side := range 2 {
		s.dist[side] = make([]uint32, len(n.arcs))
		s.from[side] = make([]step, len(n.arcs))
		for i := range s.dist[side] {
			s.dist[side][i] = never
		}
	}
	return s
}

func (s *search) reset() {
	for side := range 2 {
		for _, a := range s.seen[side] {
			s.dist[side][a] = never
		}
		s.seen[side] = s.seen[side][:0]
		s.heap[side].reset()
	}
}

func (s *search) start(side int, arc int32, millis uint32) {
	if millis < s.dist[side][arc] {
		if s.dist[side][arc] == never {
			s.seen[side] = append(s.seen[side], arc)
		}
		s.dist[side][arc] = millis
		s.from[side][arc] = step{-1, -1}
		s.heap[side].push(millis, arc)
	}
}

// relax settles the next arc of one side and returns it; ok is false at the end.
func (s *search) relax(n *Network, side int) (arc int32, d uint32, ok bool) {
	for s.heap[side].len() > 0 {
		d, a := s.heap[side].pop()
		if d > s.dist[side][a] {
			continue
		}
		edges := n.up.ups(a)
		if side == 1 {
			edges = n.up.downs(a)
		}
		for _, e := range edges {
			if x := d + e.millis; x < s.dist[side][e.to] {
				if s.dist[side][e.to] == never {
					s.seen[side] = append(s.seen[side], e.to)
				}
				s.dist[side][e.to] = x
				s.from[side][e.to] = step{a, e.via}
				s.heap[side].push(x, e.to)
			}
		}
		return a, d, true
	}
	return 0, 0, false
}

// Quickest returns the quickest way between two places of the network. Every
// place of a network is reached from every other.
func (n *Network) Quickest(from, to Place) Way { return n.quickest(n.newSearch(), from, to) }

// Asker asks for many ways without new memory for each; for one goroutine.
type Asker struct {
	n *Network
	s *search
}

// NewAsker returns an Asker.
func (n *Network) NewAsker() *Asker { return &Asker{n, n.newSearch()} }

// Quickest is as Network.Quickest.
func (a *Asker) Quickest(from, to Place) Way { return a.n.quickest(a.s, from, to) }

func (n *Network) quickest(s *search, from, to Place) Way {
	a, b := &n.arcs[from.Arc], &n.arcs[to.Arc]
	w := Way{from: from, to: to}
	if from.Arc == to.Arc && to.Along >= from.Along {
		w.Arcs = []int32{from.Arc}
		w.Millis = portion(a.Millis, to.Along) - portion(a.Millis, from.Along)
		w.Metres = float64(a.Metres) * (to.Along - from.Along)
		return w
	}
	s.reset()
	// From an arc to itself the way leads out and round, so the search begins with
	// what follows the arc.
	first := make(map[int32]int32, 4)
	if from.Arc == to.Arc {
		for _, t := range n.turns[from.Arc] {
			s.start(0, t.to, t.millis+n.arcs[t.to].Millis)
			first[t.to] = from.Arc
		}
	} else {
		s.start(0, from.Arc, 0)
	}
	s.start(1, to.Arc, 0)
	best, meet := uint32(never), int32(-1)
	for open := [2]bool{true, true}; open[0] || open[1]; {
		for side := range 2 {
			if !open[side] {
				continue
			}
			if s.heap[side].len() == 0 || s.heap[side].top() >= best {
				open[side] = false
				continue
			}
			arc, d, ok := s.relax(n, side)
			if !ok {
				open[side] = false
				continue
			}
			if o := s.dist[1-side][arc]; o != never && d+o < best {
				best, meet = d+o, arc
			}
		}
	}
	if meet < 0 {
		panic("roads: two arcs of one strongly connected network without a way between them")
	}
	w.Arcs = n.unpackWay(s, meet)
	if before, ok := first[w.Arcs[0]]; ok && from.Arc == to.Arc {
		w.Arcs = append([]int32{before}, w.Arcs...)
	}
	w.Millis = best + a.Millis - portion(a.Millis, from.Along) - (b.Millis - portion(b.Millis, to.Along))
	for _, arc := range w.Arcs {
		w.Metres += float64(n.arcs[arc].Metres)
	}
	w.Metres -= float64(a.Metres)*from.Along + float64(b.Metres)*(1-to.Along)
	return w
}

// portion is the share of an arc's time, rounded so that parts add up.
func portion(millis uint32, share float64) uint32 { return uint32(float64(millis)*share + 0.5) }

// unpackWay lists the arcs of the way that the two searches found.
func (n *Network) unpackWay(s *search, meet int32) []int32 {
	var tops []int32
	for a := meet; a >= 0; a = s.from[0][a].arc {
		tops = append(tops, a)
	}
	slices.Reverse(tops)
	arcs := []int32{tops[0]}
	for i := 1; i < len(tops); i++ {
		arcs = n.unpack(arcs, tops[i-1], tops[i], s.from[0][tops[i]].via)
	}
	for a := meet; ; {
		next := s.from[1][a]
		if next.arc < 0 {
			return arcs
		}
		arcs = n.unpack(arcs, a, next.arc, next.via)
		a = next.arc
	}
}

// unpack appends the arcs after from up to and including to.
func (n *Network) unpack(arcs []int32, from, to, via int32) []int32 {
	if via < 0 {
		return append(arcs, to)
	}
	arcs = n.unpack(arcs, from, via, n.viaDown(from, via))
	return n.unpack(arcs, via, to, n.viaUp(via, to))
}

// viaDown and viaUp look up what a shortcut's halves skip: the arc in the middle
// ranks below both ends, so one half stands among its downs, one among its ups.
func (n *Network) viaDown(from, mid int32) int32 {
	for _, e := range n.up.downs(mid) {
		if e.to == from {
			return e.via
		}
	}
	panic("roads: a shortcut without its first half")
}

func (n *Network) viaUp(mid, to int32) int32 {
	for _, e := range n.up.ups(mid) {
		if e.to == to {
			return e.via
		}
	}
	panic("roads: a shortcut without its second half")
}

// Line returns the way's line on the map.
func (n *Network) Line(w Way) []city.Point {
	if len(w.Arcs) == 1 {
		return n.part(w.Arcs[0], w.from.Along, w.to.Along)
	}
	line := n.part(w.Arcs[0], w.from.Along, 1)
	for _, a := range w.Arcs[1 : len(w.Arcs)-1] {
		line = append(line, n.Points(a)[1:]...)
	}
	return append(line, n.part(w.Arcs[len(w.Arcs)-1], 0, w.to.Along)[1:]...)
}

// Streets lists the names of the streets driven, one after the other.
func (n *Network) Streets(w Way) []string {
	var names []string
	for _, a := range w.Arcs {
		if name := n.Name(a); len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return names
}
