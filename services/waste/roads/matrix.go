package roads

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// Matrix holds times and distances between places, row by row: from row to
// column, in milliseconds and metres.
type Matrix struct {
	Size   int
	Millis []uint32
	Metres []float32
}

// bucket says that an arc is left for target with so much still to go.
type bucket struct {
	target int32
	millis uint32
	metres float32
}

// Matrix computes the quickest ways between all pairs of places, by searching
// once backwards from every place and once forwards (Knopp et al. 2007). It uses
// up to workers goroutines; 0 means as many as there are processors. The distance
// is that of the quickest way.
func (n *Network) Matrix(ctx context.Context, places []Place, workers int) (*Matrix, error) {
	size := len(places)
	m := &Matrix{Size: size, Millis: make([]uint32, size*size), Metres: make([]float32, size*size)}
	err := n.Rows(ctx, places, workers, func(i int, millis []uint32, metres []float32) {
		copy(m.Millis[i*size:], millis)
		copy(m.Metres[i*size:], metres)
	})
	return m, err
}

// Rows is as Matrix, but hands over one row at a time, for matrices too large to
// hold besides what is made of them. take is called from several goroutines, once
// for each row, and must not keep the slices.
func (n *Network) Rows(ctx context.Context, places []Place, workers int, take func(i int, millis []uint32, metres []float32)) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	buckets := n.buckets(places, workers)
	return each(ctx, len(places), workers, func() func(int) {
		s := n.newSpread()
		millis, metres := make([]uint32, len(places)), make([]float32, len(places))
		return func(i int) {
			n.row(s, places, i, buckets, millis, metres)
			take(i, millis, metres)
		}
	})
}

// each calls work for 0..count-1 from several goroutines, each with a worker of
// its own.
func each(ctx context.Context, count, workers int, worker func() func(int)) error {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(workers, max(1, count)) {
		group.Go(func() {
			work := worker()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				work(i)
			}
		})
	}
	group.Wait()
	return ctx.Err()
}

// spread is one search upwards through the hierarchy with distances.
type spread struct {
	millis []uint32
	metres []float32
	seen   []int32
	heap   heap
}

func (n *Network) newSpread() *spread {
	s := &spread{millis: make([]uint32, len(n.arcs)), metres: make([]float32, len(n.arcs))}
	for i := range s.millis {
		s.millis[i] = never
	}
	return s
}

func (s *spread) reset() {
	for _, a := range s.seen {
		s.millis[a] = never
	}
	s.seen = s.seen[:0]
	s.heap.reset()
}

func (s *spread) reach(arc int32, millis uint32, metres float32) {
	if millis >= s.millis[arc] {
		return
	}
	if s.millis[arc] == never {
		s.seen = append(s.seen, arc)
	}
	s.millis[arc], s.metres[arc] = millis, metres
	s.heap.push(millis, arc)
}

// run settles everything above and calls f for each arc. An arc to which a way
// from above is shorter is on no quickest way and is passed over ("stall on
// demand").
func (s *spread) run(h *hierarchy, backward bool, f func(arc int32)) {
	for s.heap.len() > 0 {
		d, a := s.heap.pop()
		if d > s.millis[a] {
			continue
		}
		onward, against := h.ups(a), h.downs(a)
		if backward {
			onward, against = against, onward
		}
		stalled := false
		for i := range against {
			if e := &against[i]; s.millis[e.to] != never && s.millis[e.to]+e.millis < d {
				stalled = true
				break
			}
		}
		if stalled {
			continue
		}
		f(a)
		for i := range onward {
			e := &onward[i]
			s.reach(e.to, d+e.millis, s.metres[a]+e.metres)
		}
	}
}

func (n *Network) buckets(places []Place, workers int) [][]bucket {
	found := make([][]bucket, len(n.arcs))
	var lock sync.Mutex
	type entry struct {
		arc int32
		bucket
	}
	_ = each(context.Background(), len(places), workers, func() func(int) {
		s := n.newSpread()
		var mine []entry
		return func(i int) {
			p := places[i]
			s.reset()
			s.reach(p.Arc, 0, 0)
			mine = mine[:0]
			s.run(&n.up, true, func(arc int32) {
				mine = append(mine, entry{arc, bucket{int32(i), s.millis[arc], s.metres[arc]}})
			})
			lock.Lock()
			for _, e := range mine {
				found[e.arc] = append(found[e.arc], e.bucket)
			}
			lock.Unlock()
		}
	})
	return found
}

// row fills the row of one place.
func (n *Network) row(s *spread, places []Place, i int, buckets [][]bucket, row []uint32, ways []float32) {
	from := places[i]
	for j := range row {
		row[j] = never
	}
	s.reset()
	s.reach(from.Arc, 0, 0)
	s.run(&n.up, false, func(arc int32) {
		d, metres := s.millis[arc], s.metres[arc]
		for _, b := range buckets[arc] {
			if x := d + b.millis; x < row[b.target] {
				row[b.target], ways[b.target] = x, metres+b.metres
			}
		}
	})
	a := &n.arcs[from.Arc]
	var own *search
	for j := range row {
		to := places[j]
		if to.Arc == from.Arc {
			// On one arc the way leads along it, or out and round.
			if own == nil && to.Along < from.Along {
				own = n.newSearch()
			}
			w := n.quickest(own, from, to)
			row[j], ways[j] = w.Millis, float32(w.Metres)
			continue
		}
		b := &n.arcs[to.Arc]
		row[j] += a.Millis - portion(a.Millis, from.Along) - (b.Millis - portion(b.Millis, to.Along))
		ways[j] += a.Metres*float32(1-from.Along) - b.Metres*float32(1-to.Along)
	}
}
