package roads

import "math"

// edge leads from one arc's end to another's: a turn and the arc after it, or a
// shortcut over the arc via.
type edge struct {
	to     int32
	millis uint32
	metres float32
	via    int32 // -1: no shortcut
}

// hierarchy is the contraction hierarchy: up[a] leads to arcs ranked higher,
// down[a] comes from arcs ranked higher, flat with offsets.
type hierarchy struct {
	upFirst, downFirst []int32
	up, down           []edge
	Shortcuts          int
}

const never = math.MaxUint32

// contractor contracts arcs one by one, the least important first.
type contractor struct {
	out, in [][]edge
	deleted []int32 // neighbours contracted
	level   []int32
	done    []bool
	rank    []int32
	queue   heap
	search  heap
	dist    []uint32
	hops    []int8
	seen    []int32
}

// contract orders and contracts the arcs (Geisberger et al. 2012): priority is
// twice the edge difference, plus contracted neighbours and level; witness
// searches are bounded, which may add a shortcut too many but never loses a way.
func contract(n *Network) hierarchy {
	count := len(n.arcs)
	c := &contractor{
		out: make([][]edge, count), in: make([][]edge, count), deleted: make([]int32, count), level: make([]int32, count),
		done: make([]bool, count), rank: make([]int32, count), dist: make([]uint32, count), hops: make([]int8, count),
	}
	for i := range c.dist {
		c.dist[i] = never
	}
	for a, list := range n.turns {
		for _, t := range list {
			e := edge{to: t.to, millis: t.millis + n.arcs[t.to].Millis, metres: n.arcs[t.to].Metres, via: -1}
			c.out[a] = addEdge(c.out[a], e)
			e.to = int32(a)
			c.in[t.to] = addEdge(c.in[t.to], e)
		}
	}
	for a := range count {
		c.queue.push(c.priority(int32(a)), int32(a))
	}
	for order := int32(0); c.queue.len() > 0; {
		key, a := c.queue.pop()
		if now := c.priority(a); now > key && c.queue.len() > 0 && now > c.queue.top() {
			c.queue.push(now, a)
			continue
		}
		c.take(a)
		c.rank[a] = order
		order++
	}
	return c.hierarchy()
}

// addEdge adds e, or lowers the edge that leads to the same arc.
func addEdge(list []edge, e edge) []edge {
	for i := range list {
		if list[i].to == e.to {
			if e.millis < list[i].millis {
				list[i] = e
			}
			return list
		}
	}
	return append(list, e)
}

func (c *contractor) priority(a int32) uint32 {
	added := c.shortcut(a, false)
	removed := 0
	for _, e := range c.out[a] {
		if !c.done[e.to] {
			removed++
		}
	}
	for _, e := range c.in[a] {
		if !c.done[e.to] {
			removed++
		}
	}
	return uint32(100_000 + 2*(added-removed) + int(c.deleted[a]) + int(c.level[a]))
}

// take contracts a: it adds the shortcuts that keep all quickest ways.
func (c *contractor) take(a int32) {
	c.shortcut(a, true)
	c.done[a] = true
	for _, list := range [2][]edge{c.out[a], c.in[a]} {
		for _, e := range list {
			if !c.done[e.to] {
				c.deleted[e.to]++
				c.level[e.to] = max(c.level[e.to], c.level[a]+1)
			}
		}
	}
}

// shortcut counts, or adds, the shortcuts that contracting a needs.
func (c *contractor) shortcut(a int32, add bool) int {
	needed := 0
	for _, i := range c.in[a] {
		if c.done[i.to] || i.to == a {
			continue
		}
		bound := uint32(0)
		for _, o := range c.out[a] {
			if !c.done[o.to] && o.to != i.to && o.to != a {
				bound = max(bound, i.millis+o.millis)
			}
		}
		if bound == 0 {
			continue
		}
		c.witness(i.to, a, bound, add)
		for _, o := range c.out[a] {
			if c.done[o.to] || o.to == i.to || o.to == a {
				continue
			}
			if c.dist[o.to] <= i.millis+o.millis {
				continue
			}
			needed++
			if add {
				e := edge{to: o.to, millis: i.millis + o.millis, metres: i.metres + o.metres, via: a}
				c.out[i.to] = addEdge(c.out[i.to], e)
				e.to = i.to
				c.in[o.to] = addEdge(c.in[o.to], e)
			}
		}
		c.forget()
	}
	return needed
}

// witness looks for ways from an arc that avoid another and take at most bound.
func (c *contractor) witness(from, avoid int32, bound uint32, thorough bool) {
	limit := 60
	if thorough {
		limit = 300
	}
	c.search.reset()
	c.dist[from], c.hops[from] = 0, 0
	c.seen = append(c.seen, from)
	c.search.push(0, from)
	for settled := 0; c.search.len() > 0 && settled < limit; settled++ {
		d, a := c.search.pop()
		if d > bound {
			return
		}
		if d > c.dist[a] {
			continue
		}
		for _, e := range c.out[a] {
			if c.done[e.to] || e.to == avoid {
				continue
			}
			if x := d + e.millis; x < c.dist[e.to] {
				if c.dist[e.to] == never {
					c.seen = append(c.seen, e.to)
				}
				c.dist[e.to] = x
				c.search.push(x, e.to)
			}
		}
	}
}

func (c *contractor) forget() {
	for _, a := range c.seen {
		c.dist[a] = never
	}
	c.seen = c.seen[:0]
}

func (c *contractor) hierarchy() hierarchy {
	count := len(c.out)
	h := hierarchy{upFirst: make([]int32, count+1), downFirst: make([]int32, count+1)}
	for a := range count {
		for _, e := range c.out[a] {
			if c.rank[e.to] > c.rank[a] {
				h.up = append(h.up, e)
			}
		}
		for _, e := range c.in[a] {
			if c.rank[e.to] > c.rank[a] {
				h.down = append(h.down, e)
			}
		}
		h.upFirst[a+1], h.downFirst[a+1] = int32(len(h.up)), int32(len(h.down))
	}
	for _, e := range h.up {
		if e.via >= 0 {
			h.Shortcuts++
		}
	}
	return h
}

func (h *hierarchy) ups(a int32) []edge   { return h.up[h.upFirst[a]:h.upFirst[a+1]] }
func (h *hierarchy) downs(a int32) []edge { return h.down[h.downFirst[a]:h.downFirst[a+1]] }

// heap is a binary heap of arcs by key.
type heap struct {
	keys []uint32
	arcs []int32
}

func (h *heap) len() int    { return len(h.keys) }
func (h *heap) top() uint32 { return h.keys[0] }
func (h *heap) reset()      { h.keys, h.arcs = h.keys[:0], h.arcs[:0] }

func (h *heap) push(key uint32, arc int32) {
	h.keys, h.arcs = append(h.keys, key), append(h.arcs, arc)
	i := len(h.keys) - 1
	for i > 0 {
		p := (i - 1) / 2
		if h.keys[p] <= key {
			break
		}
		h.keys[i], h.arcs[i] = h.keys[p], h.arcs[p]
		i = p
	}
	h.keys[i], h.arcs[i] = key, arc
}

func (h *heap) pop() (uint32, int32) {
	key, arc := h.keys[0], h.arcs[0]
	last := len(h.keys) - 1
	k, a := h.keys[last], h.arcs[last]
	h.keys, h.arcs = h.keys[:last], h.arcs[:last]
	if last > 0 {
		i := 0
		for {
			c := 2*i + 1
			if c >= last {
				break
			}
			if c+1 < last && h.keys[c+1] < h.keys[c] {
				c++
			}
			if h.keys[c] >= k {
				break
			}
			h.keys[i], h.arcs[i] = h.keys[c], h.arcs[c]
			i = c
		}
		h.keys[i], h.arcs[i] = k, a
	}
	return key, arc
}
