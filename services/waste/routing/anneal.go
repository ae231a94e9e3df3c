package routing

import (
	"context"
	"math"
	"runtime"
	"syscall"
	"time"
)

// tours is a solution that the search changes in place. Stops count from 1.
type tours interface {
	stops() int32
	groups() int                    // trips in use
	group(c int32) (id, size int32) // the trip that serves c, -1 if none
	after(c int32) int32            // the next stop of the trip; 0: none
	before(c int32) int32
	near(c int32) []near
	weight(c int32) int64   // how much it loads
	distance(c int32) int64 // how far out it lies

	begin()                         // from here on revert can undo
	remove(c int32)                 // take a served stop off its trip
	settle() bool                   // after removals, before placings: do all constraints hold?
	place(c int32, b *blinker) bool // put it where it is cheapest; false: it fits nowhere or is not worth it
	commit()
	revert()
	cost() int64    // what the search lowers
	missing() int64 // stops without a place that must have one: a kept solution has as few as possible
	keep()          // remember this solution as the best
	restore()       // go back to it
}

// Progress is what a caller hears while the search goes on.
type Progress struct {
	Elapsed    time.Duration // by Options.Clock
	Fraction   float64       // of the budget
	Iterations int64
	Best       int64
}

// Options bound and steer a search.
type Options struct {
	Budget     time.Duration // by Clock; needed unless Iterations is set
	Iterations int64         // 0: no bound
	Seed       uint64
	Clock      func() time.Duration // nil: CPU time of the calling thread
	Heat       float64              // start temperature in mean links; 0: by size and budget
	Progress   func(Progress)       // called about once a second of Clock, may be nil
	Every      time.Duration        // how often; 0: a second
}

// ProcessClock is the CPU time of the whole process, all threads together.
func ProcessClock() time.Duration { return cpuTime(syscall.RUSAGE_SELF) }

func threadClock() time.Duration { return cpuTime(syscall.RUSAGE_THREAD) }

func cpuTime(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		panic(err) // a constant argument that the kernel knows
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The parameters of ruin are those of Christiaens and Vanden Berghe 2020, table
// 2, but for the temperatures, which follow the instance's own scale and the
// budget (see heat).
const (
	meanRemoved = 10
	longest     = 10
	splitRate   = 0.5
	splitGrowth = 0.01
	blinkEvery  = 100
	clockEvery  = 256 // iterations between looks at the clock
	absentTried = 20
	hottest     = 0.4                   // first temperature, in mean links
	reheated    = 0.15                  // first temperature of later rounds
	coolest     = 0.01                  // last temperature
	perStop     = 60 * time.Millisecond // of a round
	mostRounds  = 8
)

type annealing struct {
	s       tours
	o       Options
	rng     random
	blink   blinker
	hit     []uint32 // by trip
	round   uint32
	removed []int32
	keys    []int64
	absent  []int32
	still   []int32 // absent after this iteration
	temp    float64
	t0, t1  float64
	again   float64 // t0 of later rounds
	start   time.Duration
}

// anneal improves s until the budget is used up or ctx ends and leaves the best
// solution kept. It is ruin and recreate with strings of neighbouring stops
// (Christiaens and Vanden Berghe 2020): remove, from a few neighbouring trips, a
// string of stops each; put them back one by one where it costs least,
// overlooking a position now and then; accept by simulated annealing. Its two
// strengths here: all constraints hold at every step, and the temperature falls
// with the budget, so that a short search is a good short search.
func anneal(ctx context.Context, s tours, o Options) {
	if o.Clock == nil {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		o.Clock = threadClock
	}
	if o.Every == 0 {
		o.Every = time.Second
	}
	a := &annealing{s: s, o: o, rng: newRandom(o.Seed), hit: make([]uint32, s.stops()+1), start: o.Clock()}
	a.blink = blinker{rng: &a.rng, mean: blinkEvery}
	a.listAbsent()
	a.construct()
	s.keep()
	if s.groups() > 0 { // else nothing fits anywhere, and there is nothing to ruin
		a.search(ctx)
	}
}

// construct places everything that can be placed.
func (a *annealing) construct() {
	a.s.begin()
	a.removed = append(a.removed[:0], a.absent...)
	a.absent = a.absent[:0]
	a.sort()
	for _, c := range a.removed {
		if !a.s.place(c, &a.blink) {
			a.absent = append(a.absent, c)
		}
	}
	a.s.commit()
}

func (a *annealing) search(ctx context.Context) {
	s := a.s
	current := s.cost()
	best, missing := current, s.missing()
	a.heat(current)
	report := a.o.Every
	rounds, round := a.rounds(), 0
	for i := int64(0); ; i++ {
		if i%clockEvery == 0 {
			elapsed := a.o.Clock() - a.start
			done := a.fraction(elapsed, i)
			if done >= 1 || ctx.Err() != nil {
				return
			}
			if a.o.Progress != nil && elapsed >= report {
				report = elapsed + a.o.Every
				a.o.Progress(Progress{elapsed, done, i, best})
			}
			done *= float64(rounds)
			if int(done) > round {
				round = int(done)
				s.restore()
				current = s.cost()
				a.listAbsent()
				a.t0 = a.again
			}
			a.temp = a.t0 * math.Pow(a.t1/a.t0, done-float64(round))
		}
		s.begin()
		a.ruin()
		if !s.settle() {
			s.revert()
			continue
		}
		a.recreate()
		cost := s.cost()
		if float64(cost) >= float64(current)+a.temp*a.rng.exponential() {
			s.revert()
			continue
		}
		current = cost
		s.commit()
		a.absent, a.still = a.still, a.absent
		if m := s.missing(); m < missing || (m == missing && cost < best) {
			best, missing = cost, m
			s.keep()
		}
	}
}

func (a *annealing) fraction(elapsed time.Duration, iterations int64) float64 {
	done := 0.0
	if a.o.Budget > 0 {
		done = float64(elapsed) / float64(a.o.Budget)
	}
	if a.o.Iterations > 0 {
		done = max(done, float64(iterations)/float64(a.o.Iterations))
	}
	return done
}

// rounds is how often the temperature falls: once for large problems or little
// time; where there is time to spare, again from a lower temperature and from the
// best solution so far, since one descent may end in a corner.
func (a *annealing) rounds() int {
	each := perStop * time.Duration(a.s.stops())
	return max(1, min(mostRounds, int(a.o.Budget/max(each, 1))))
}

// heat sets the temperatures: a share of the mean cost of a link.
func (a *annealing) heat(cost int64) {
	served := int(a.s.stops()) - len(a.absent)
	link := float64(cost) / float64(max(1, served+a.s.groups()))
	heat := a.o.Heat
	if heat == 0 {
		heat = hottest
	}
	a.t0, a.again, a.t1 = heat*link, min(heat, reheated)*link, min(heat, coolest)*link
	a.t0, a.again, a.t1 = max(a.t0, 1e-9), max(a.again, 1e-9), max(a.t1, 1e-9)
}

// listAbsent finds the stops that are on no trip.
func (a *annealing) listAbsent() {
	a.absent = a.absent[:0]
	for c := int32(1); c <= a.s.stops(); c++ {
		if id, _ := a.s.group(c); id < 0 {
			a.absent = append(a.absent, c)
		}
	}
}

// ruin takes strings of stops off trips around a random one.
func (a *annealing) ruin() {
	s := a.s
	a.removed = a.removed[:0]
	a.round++
	served := int(s.stops()) - len(a.absent)
	if served == 0 {
		return
	}
	mean := float64(served) / float64(s.groups())
	length := math.Min(longest, mean)
	strings := int(a.rng.unit()*(4*meanRemoved/(1+length)-1) + 1)
	seed := 1 + a.rng.below(s.stops())
	if n := len(a.absent); n > 0 && n <= absentTried && a.rng.below(4) == 0 {
		seed = a.absent[a.rng.below(int32(n))]
	}
	a.cut(seed, length, &strings)
	for _, e := range s.near(seed) {
		if strings <= 0 {
			break
		}
		a.cut(e.id, length, &strings)
	}
}

// cut removes a string that contains c from c's trip, unless that lost one
// already in this iteration.
func (a *annealing) cut(c int32, length float64, strings *int) {
	s := a.s
	t, size := s.group(c)
	if t < 0 || a.hit[t] == a.round {
		return
	}
	a.hit[t] = a.round
	*strings--
	l := min(size, int32(a.rng.unit()*math.Min(float64(size), length)+1))
	// A split string keeps some stops in its middle.
	kept, from := int32(0), int32(0)
	if l > 1 && l < size && a.rng.unit() < splitRate {
		kept = 1
		for l+kept < size && a.rng.unit() < splitGrowth {
			kept++
		}
		from = 1 + a.rng.below(l-1)
	}
	span := l + kept
	first := a.beginning(c, span)
	for i := range span {
		next := s.after(first)
		if i < from || i >= from+kept {
			s.remove(first)
			a.removed = append(a.removed, first)
		}
		first = next
	}
}

// beginning picks where a span of that many stops, c among them, begins.
func (a *annealing) beginning(c, span int32) int32 {
	s := a.s
	first := c
	back := a.rng.below(span)
	for range back {
		p := s.before(first)
		if p == 0 {
			break
		}
		first = p
	}
	ahead := int32(1)
	for x := s.after(first); x != 0 && ahead < span; x = s.after(x) {
		ahead++
	}
	for ; ahead < span; ahead++ {
		first = s.before(first)
	}
	return first
}

// recreate puts back what was removed, and tries what was absent before.
func (a *annealing) recreate() {
	a.still = a.still[:0]
	if len(a.absent) > 0 {
		a.callAbsent()
	}
	a.sort()
	for _, c := range a.removed {
		if !a.s.place(c, &a.blink) {
			a.still = append(a.still, c)
		}
	}
}

// callAbsent adds absent stops to those to be placed: all where they are few,
// else a random sample.
func (a *annealing) callAbsent() {
	if len(a.absent) <= absentTried {
		a.removed = append(a.removed, a.absent...)
		return
	}
	from := a.rng.below(int32(len(a.absent)))
	for i, c := range a.absent {
		ahead := int32(i) - from
		if ahead < 0 {
			ahead += int32(len(a.absent))
		}
		if ahead < absentTried {
			a.removed = append(a.removed, c)
		} else {
			a.still = append(a.still, c)
		}
	}
}

// sort puts the stops to be placed into an order: random, largest first, farthest
// first or nearest first, by chance 4:4:2:1.
func (a *annealing) sort() {
	s := a.s
	mode := a.rng.below(11)
	a.keys = a.keys[:0]
	for _, c := range a.removed {
		key := int64(0)
		switch {
		case mode < 4:
			key = int64(a.rng.next() >> 2)
		case mode < 8:
			key = -s.weight(c)
		case mode < 10:
			key = -s.distance(c)
		default:
			key = s.distance(c)
		}
		a.keys = append(a.keys, key)
	}
	if len(a.keys) > 1000 {
		sortPairs(a.keys, a.removed)
		return
	}
	for i := 1; i < len(a.keys); i++ {
		key, c := a.keys[i], a.removed[i]
		j := i
		for ; j > 0 && a.keys[j-1] > key; j-- {
			a.keys[j], a.removed[j] = a.keys[j-1], a.removed[j-1]
		}
		a.keys[j], a.removed[j] = key, c
	}
}

// blinker says now and then that a candidate is to be overlooked, on average
// once in mean times, by counting down to the next one.
type blinker struct {
	left int32
	rng  *random
	mean float64
}

func (b *blinker) blink() bool {
	b.left--
	if b.left >= 0 {
		return false
	}
	if b.rng == nil {
		b.left = math.MaxInt32
		return false
	}
	b.left = int32(math.Min(b.mean*b.rng.exponential(), 1e6))
	return true
}
