package routing

// visit is one customer's place in the tours. The depot is 0 as a neighbour on
// either side. All that an insertion beside this customer needs stands in one
// half of a cache line.
type visit struct {
	next, prev int32
	tour       int32 // -1: on no tour
	toNext     int32 // distance to next
	toPrev     int32 // distance from prev
	demand     int32
	stamp      uint32 // iteration in which it was last touched
}

// tourEnds is one tour: its first and last customer (0: empty), what it can
// still take, and how many customers it has.
type tourEnds struct {
	first, last, slack, size int32
	stamp                    uint32
}

// capacitated is a solution of a capacitated problem with symmetric distances,
// changed in place by removing and inserting customers.
type capacitated struct {
	n        int
	dist     []int32
	capacity int32
	lists    []near
	k        int

	visits []visit // by customer; 0 unused
	tours  []tourEnds
	free   []int32 // empty tours
	total  int64
	used   int // tours in use

	// What the current, accepted solution held before this iteration's changes.
	iteration   uint32
	savedVisits []visit
	savedTours  []tourEnds
	touched     []int32
	touchedTour []int32
	totalBefore int64

	bestVisits []visit
	bestTours  []tourEnds
	bestTotal  int64
}

func (s *capacitated) touch(c int32) {
	if v := &s.visits[c]; v.stamp != s.iteration {
		s.savedVisits[c] = *v
		v.stamp = s.iteration
		s.touched = append(s.touched, c)
	}
}

func (s *capacitated) touchTour(t int32) {
	if r := &s.tours[t]; r.stamp != s.iteration {
		s.savedTours[t] = *r
		r.stamp = s.iteration
		s.touchedTour = append(s.touchedTour, t)
	}
}

func newCapacitated(in *Instance, k int) *capacitated {
	n := in.Size
	s := &capacitated{n: n, dist: in.Distance, capacity: in.Capacity}
	s.lists, s.k = nearLists(in.Distance, n, k)
	s.visits = make([]visit, n)
	s.savedVisits = make([]visit, n)
	s.tours = make([]tourEnds, n)
	s.savedTours = make([]tourEnds, n)
	s.bestVisits, s.bestTours = make([]visit, n), make([]tourEnds, n)
	s.iteration = 1
	for c := 1; c < n; c++ {
		s.visits[c] = visit{tour: -1, demand: in.Demand[c]}
	}
	for t := n - 1; t >= 0; t-- {
		s.tours[t].slack = s.capacity
		s.free = append(s.free, int32(t))
	}
	return s
}

func (s *capacitated) stops() int32   { return int32(s.n - 1) }
func (s *capacitated) groups() int    { return s.used }
func (s *capacitated) cost() int64    { return s.total }
func (s *capacitated) missing() int64 { return 0 }
func (s *capacitated) settle() bool   { return true }

func (s *capacitated) group(c int32) (id, size int32) {
	t := s.visits[c].tour
	if t < 0 {
		return t, 0
	}
	return t, s.tours[t].size
}

func (s *capacitated) after(c int32) int32    { return s.visits[c].next }
func (s *capacitated) before(c int32) int32   { return s.visits[c].prev }
func (s *capacitated) near(c int32) []near    { return s.lists[int(c)*s.k : int(c)*s.k+s.k] }
func (s *capacitated) weight(c int32) int64   { return int64(s.visits[c].demand) }
func (s *capacitated) distance(c int32) int64 { return int64(s.dist[c]) }

func (s *capacitated) place(c int32, b *blinker) bool {
	s.insert(c, s.cheapest(c, b))
	return true
}

func (s *capacitated) keep() {
	copy(s.bestVisits, s.visits)
	copy(s.bestTours, s.tours)
	s.bestTotal = s.total
}

func (s *capacitated) restore() {
	copy(s.visits, s.bestVisits)
	copy(s.tours, s.bestTours)
	s.total = s.bestTotal
	s.free, s.used = s.free[:0], 0
	for t := s.n - 1; t >= 0; t-- {
		if s.tours[t].size == 0 {
			s.free = append(s.free, int32(t))
		} else {
			s.used++
		}
	}
}

// best returns the tours kept last.
func (s *capacitated) best() [][]int32 {
	var all [][]int32
	for _, r := range s.bestTours {
		if r.size == 0 {
			continue
		}
		tour := make([]int32, 0, r.size)
		for c := r.first; c != 0; c = s.bestVisits[c].next {
			tour = append(tour, c)
		}
		all = append(all, tour)
	}
	return all
}

func (s *capacitated) begin() {
	s.totalBefore = s.total
	s.iteration++
	s.touched = s.touched[:0]
	s.touchedTour = s.touchedTour[:0]
}

func (s *capacitated) commit() { s.settleFree() }

func (s *capacitated) revert() {
	s.total = s.totalBefore
	for _, c := range s.touched {
		s.visits[c] = s.savedVisits[c]
	}
	for _, t := range s.touchedTour {
		s.used += min(1, int(s.savedTours[t].size)) - min(1, int(s.tours[t].size))
		s.tours[t] = s.savedTours[t]
	}
	s.settleFree()
}

// settleFree drops from the end of the free list what is in use; the list may
// hold used tours elsewhere and a tour twice, which open sorts out.
func (s *capacitated) settleFree() {
	for _, t := range s.touchedTour {
		if s.tours[t].size == 0 {
			s.free = append(s.free, t)
		}
	}
	if len(s.free) > 4*s.n {
		s.free = s.free[:0]
		for t := s.n - 1; t >= 0; t-- {
			if s.tours[t].size == 0 {
				s.free = append(s.free, int32(t))
			}
		}
	}
}

func (s *capacitated) open() int32 {
	for {
		t := s.free[len(s.free)-1]
		s.free = s.free[:len(s.free)-1]
		if s.tours[t].size == 0 {
			return t
		}
	}
}

// remove takes customer c off its tour.
func (s *capacitated) remove(c int32) {
	s.touch(c)
	v := &s.visits[c]
	t, p, x := v.tour, v.prev, v.next
	s.touchTour(t)
	r := &s.tours[t]
	d := s.dist[int(p)*s.n+int(x)]
	if p != 0 {
		s.touch(p)
		s.visits[p].next, s.visits[p].toNext = x, d
	} else {
		r.first = x
	}
	if x != 0 {
		s.touch(x)
		s.visits[x].prev, s.visits[x].toPrev = p, d
	} else {
		r.last = p
	}
	r.slack += v.demand
	r.size--
	if r.size == 0 {
		s.free = append(s.free, t)
		s.used--
	}
	s.total += int64(d - v.toPrev - v.toNext)
	v.tour = -1
}

// place is where a customer goes: on tour between prev and next.
type place struct {
	tour, prev, next int32
	delta            int32
}

func (s *capacitated) insert(c int32, at place) {
	s.touch(c)
	s.touchTour(at.tour)
	v, r := &s.visits[c], &s.tours[at.tour]
	row := s.dist[int(c)*s.n : int(c)*s.n+s.n]
	v.prev, v.next, v.tour = at.prev, at.next, at.tour
	v.toPrev, v.toNext = row[at.prev], row[at.next]
	if at.prev != 0 {
		s.touch(at.prev)
		p := &s.visits[at.prev]
		p.next, p.toNext = c, v.toPrev
	} else {
		r.first = c
	}
	if at.next != 0 {
		s.touch(at.next)
		x := &s.visits[at.next]
		x.prev, x.toPrev = c, v.toNext
	} else {
		r.last = c
	}
	r.slack -= v.demand
	if r.size == 0 {
		s.used++
	}
	r.size++
	s.total += int64(at.delta)
}

// cheapest returns the cheapest place for c beside one of its near customers, at
// a tour of its own, or anywhere if none of those fits. Positions are skipped
// ("blinked") by blink, which counts candidates down.
func (s *capacitated) cheapest(c int32, b *blinker) place {
	n := s.n
	row := s.dist[int(c)*n : int(c)*n+n]
	q := s.visits[c].demand
	home := row[0]
	best := place{tour: -1, delta: 2 * home}
	visits, tours := s.visits, s.tours
	for _, e := range s.lists[int(c)*s.k : int(c)*s.k+s.k] {
		v := &visits[e.id]
		// A position is looked at from its nearer end, so the farther end costs at
		// least as much as this one, the depot aside.
		if v.tour < 0 || tours[v.tour].slack < q {
			continue
		}
		if d := e.dist - v.toNext + row[v.next]; d < best.delta && !b.blink() {
			best = place{v.tour, e.id, v.next, d}
		}
		if d := e.dist - v.toPrev + row[v.prev]; d < best.delta && !b.blink() {
			best = place{v.tour, v.prev, e.id, d}
		}
	}
	if best.tour < 0 {
		s.anywhere(c, &best)
	}
	if best.tour < 0 {
		best.tour = s.open()
	}
	return best
}

// anywhere looks at every position of every tour with room.
func (s *capacitated) anywhere(c int32, best *place) {
	row := s.dist[int(c)*s.n : int(c)*s.n+s.n]
	q := s.visits[c].demand
	for t := range s.tours {
		r := &s.tours[t]
		if r.size == 0 || r.slack < q {
			continue
		}
		if d := row[0] + row[r.first] - s.visits[r.first].toPrev; d < best.delta {
			*best = place{int32(t), 0, r.first, d}
		}
		for p := r.first; p != 0; p = s.visits[p].next {
			v := &s.visits[p]
			if d := row[p] + row[v.next] - v.toNext; d < best.delta {
				*best = place{int32(t), p, v.next, d}
			}
		}
	}
}
