package street

import (
	"math"
	"math/rand/v2"
	"slices"

	"polity/city"
	"polity/services/traffic/network"
)

// How vehicles and people move.
const (
	spacing   = 7.5 // from front to front in a queue
	headway   = 2.0 // between two that leave one queue
	gap       = 4.0 // seconds that who gives way wants before the next one comes
	walking   = network.WalkingSpeed
	creep     = 1.0 // slower than this stands
	trackEach = 2
	trackKeep = 300
	backlog   = 400 // vehicles that wait outside a lane at most
)

// Config is what a street is made of.
type Config struct {
	Network *network.Network
	Seed    uint64
	// Load scales who comes; 0 is 1. Rates of lane and crossing are Flow's.
	Load float64
	// Comes says how many vehicles come into a lane in an hour; nil: it is a Corridor, Flow says.
	Comes func(lane int) float64
	// Walkers come to each crossing in an hour; 0: as to those of a Corridor.
	Walkers float64
}

// Flow says how many vehicles come into a lane in an hour at t seconds: as at a peak, half as
// many twenty minutes later, and so on; of the main street more in one direction, then in the
// other, in turns of twenty minutes.
func Flow(lane *network.Lane, t float64) float64 {
	tide := math.Sin(2 * math.Pi * t / 1200)
	load := 0.75 + 0.25*math.Cos(2*math.Pi*t/2400)
	switch {
	case lane.Length != entry:
		return 190 * load
	case lane.ID == "east-1":
		return (520 + 180*tide) * load
	}
	return (520 - 180*tide) * load
}

const (
	walkersPerHour = 140.0
	busEach        = 22 // vehicles of the main street
)

type vehicle struct {
	at, speed float64 // metres to the stop line, metres per second
	since     float64 // on this lane
	delay     float64 // on lanes before
	turns     uint64  // makes its choices
	hop       uint64
	link      int // chosen; -1: the lane leads out
	bus       bool
	stood     bool    // on this lane
	halted    bool    // on any
	leaves    float64 // the junction, when it is in one
	track     *Track
}

type lane struct {
	queue   []*vehicle // the first at the stop line
	outside []*vehicle
	last    float64 // when one left
	comes   float64 // the next
	rng     *rand.Rand
	start   float64 // metres along the corridor; -1: not on it
	tally   tally
}

type crossing struct {
	comes   float64
	rng     *rand.Rand
	waiting []float64 // since when
	walked  float64   // until when somebody is on it
	tally   tally
}

// Track is where one vehicle was along the eastbound way: seconds and metres.
type Track [][2]float64

// Street is a street at one moment. It serves one goroutine.
type Street struct {
	cfg       Config
	net       *network.Network
	now       float64
	lanes     []lane
	inside    [][]*vehicle // per link
	passed    []int        // per link
	crossings [][]crossing // per junction
	tracks    []*Track
	trips     tally
	buses     tally
}

// New makes an empty street. The same seed brings the same vehicles and people, whatever the
// signals show.
func New(c Config) (*Street, error) {
	if c.Network == nil || len(c.Network.Junctions) == 0 {
		return nil, city.Errorf(city.Invalid, "a street needs a network with signals")
	}
	if c.Load == 0 {
		c.Load = 1
	}
	if !(c.Load > 0) || c.Load > 3 {
		return nil, city.Errorf(city.Invalid, "load %g: it scales who comes, above 0 and at most 3", c.Load)
	}
	if c.Walkers == 0 {
		c.Walkers = walkersPerHour
	}
	n := c.Network
	s := &Street{cfg: c, net: n, lanes: make([]lane, len(n.Lanes)), inside: make([][]*vehicle, len(n.Links)), passed: make([]int, len(n.Links))}
	at := 0.0
	for i := range s.lanes {
		l := &s.lanes[i]
		l.last, l.comes, l.start = -headway, math.Inf(1), -1
		if len(n.Lanes[i].In) == 0 && s.flow(i, 0) > 0 {
			l.rng = rand.New(rand.NewPCG(c.Seed, uint64(i))) //nolint:gosec // made-up traffic
			l.comes = s.next(i, 0)
		}
		if len(n.Lanes[i].ID) > 5 && n.Lanes[i].ID[:5] == "east-" {
			l.start = at
			at += n.Lanes[i].Length + inside
		}
	}
	for j := range n.Junctions {
		var list []crossing
		for k := range n.Junctions[j].Crossings {
			x := crossing{rng: rand.New(rand.NewPCG(c.Seed+1, uint64(100*j+k)))} //nolint:gosec // made-up people, few crossings
			x.comes = x.rng.ExpFloat64() * 3600 / (c.Walkers * c.Load)
			list = append(list, x)
		}
		s.crossings = append(s.crossings, list)
	}
	return s, nil
}

func (s *Street) next(i int, t float64) float64 {
	return t + s.lanes[i].rng.ExpFloat64()*3600/(s.cfg.Load*s.flow(i, t))
}

// flow is how many come into a lane in an hour, before Load.
func (s *Street) flow(i int, t float64) float64 {
	if s.cfg.Comes != nil {
		return s.cfg.Comes(i)
	}
	return Flow(&s.net.Lanes[i], t)
}

// Now is the street's clock, in seconds.
func (s *Street) Now() float64 { return s.now }

// Step lets a second pass while the signals show these letters (RSMP's S0001, one string
// for each junction, a letter for each group).
func (s *Street) Step(letters []string) {
	s.now++
	s.come()
	s.clear()
	for j := range s.crossings {
		s.walk(j, letters)
	}
	for i := range s.lanes {
		s.move(i, letters)
	}
	s.tracks = slices.DeleteFunc(s.tracks, func(t *Track) bool { return (*t)[len(*t)-1][0] < s.now-trackKeep })
}

// shows is a group's letter; of a junction that says nothing all is red.
func shows(letters []string, junction, group int) byte {
	if junction >= len(letters) || group >= len(letters[junction]) {
		return 'B'
	}
	return letters[junction][group]
}

func green(letter byte) bool { return letter == '1' }

func amber(letter byte) bool { return letter == 'N' || letter == 'c' }

// come brings those who want to enter, and lets in whom there is room for.
func (s *Street) come() {
	for i := range s.lanes {
		l := &s.lanes[i]
		for l.comes <= s.now {
			v := &vehicle{since: l.comes, turns: l.rng.Uint64()}
			v.bus = s.net.Lanes[i].Length == entry && v.turns%busEach == 0
			l.comes = s.next(i, l.comes)
			if len(l.outside) < backlog {
				l.outside = append(l.outside, v)
			}
		}
		if len(l.outside) > 0 && s.room(i) {
			v := l.outside[0]
			l.outside = l.outside[1:]
			s.enter(i, v, v.since)
		}
	}
}

// room tells whether one more vehicle can stand at a lane's start.
func (s *Street) room(i int) bool {
	q := s.lanes[i].queue
	return len(q) == 0 || q[len(q)-1].at < s.net.Lanes[i].Length-spacing
}

func (s *Street) enter(i int, v *vehicle, since float64) {
	v.at, v.speed, v.since, v.stood = s.net.Lanes[i].Length, s.net.Lanes[i].Speed, since, false
	v.hop++
	v.link = s.choose(i, v)
	l := &s.lanes[i]
	l.queue = append(l.queue, v)
	if l.start >= 0 && v.track == nil {
		v.track = &Track{{s.now, l.start}}
		s.tracks = append(s.tracks, v.track)
	}
	if l.start < 0 {
		v.track = nil
	}
}

// choose is a vehicle's way at the end of a lane: its own whatever else happens. Buses stay
// on the main street.
func (s *Street) choose(i int, v *vehicle) int {
	out := s.net.Lanes[i].Out
	if len(out) == 0 {
		return -1
	}
	if s.cfg.Comes != nil {
		return s.turn(out, v)
	}
	share := rand.New(rand.NewPCG(v.turns, v.hop)).Float64() //nolint:gosec // made-up traffic
	straight := 0.88
	if s.net.Lanes[i].Length == side {
		straight = 0.4
	}
	if share < straight || v.bus || len(out) == 1 {
		return out[0]
	}
	turn := int((share - straight) / (1 - straight) * float64(len(out)-1))
	return out[1+min(turn, len(out)-2)]
}

// turn is a vehicle's way where nobody counted turns: of five, four go straight on where that
// is possible.
func (s *Street) turn(out []int, v *vehicle) int {
	sum := 0.0
	weight := func(l int) float64 {
		if s.net.Links[l].Turn == network.Straight {
			return 4
		}
		return 1
	}
	for _, l := range out {
		sum += weight(l)
	}
	share := sum * rand.New(rand.NewPCG(v.turns, v.hop)).Float64() //nolint:gosec // made-up traffic
	for _, l := range out {
		if share -= weight(l); share < 0 {
			return l
		}
	}
	return out[len(out)-1]
}

// clear lets those leave the junctions who are through and have room.
func (s *Street) clear() {
	for l := range s.inside {
		for len(s.inside[l]) > 0 {
			v, to := s.inside[l][0], s.net.Links[l].To
			if v.leaves > s.now || !s.room(to) {
				break
			}
			s.inside[l] = s.inside[l][1:]
			s.enter(to, v, v.leaves)
		}
	}
}

func (s *Street) walk(j int, letters []string) {
	for k := range s.crossings[j] {
		x := &s.crossings[j][k]
		for x.comes <= s.now {
			x.waiting = append(x.waiting, x.comes)
			x.comes += x.rng.ExpFloat64() * 3600 / (s.cfg.Walkers * s.cfg.Load)
		}
		if len(x.waiting) == 0 || !green(shows(letters, j, s.group(j, k))) {
			continue
		}
		for _, since := range x.waiting {
			x.tally.add(s.now, max(0, s.now-since), false)
		}
		x.waiting = x.waiting[:0]
		x.walked = s.now + s.net.Junctions[j].Crossings[k].Length/walking
	}
}

// group is the signal group of a crossing.
func (s *Street) group(j, k int) int {
	for _, sig := range s.net.Junctions[j].Signals {
		if sig.Crossing == k {
			return sig.Group
		}
	}
	return -1
}

func (s *Street) move(i int, letters []string) {
	l, free := &s.lanes[i], s.net.Lanes[i].Speed
	ahead := math.Inf(-1) // where the one before was a second ago
	left := 0
	for k, v := range l.queue {
		was := v.at
		v.at = max(v.at-free, ahead+spacing)
		switch {
		case k > left || v.at > 0:
			v.at = max(v.at, 0)
		case v.link < 0:
			s.gone(v, i)
			left++
		case s.now-l.last >= headway && s.may(v, letters):
			s.leave(v, i)
			left++
		default:
			v.at = 0
		}
		v.speed = max(0, was-v.at)
		if v.speed < creep {
			v.stood, v.halted = true, true
		}
		ahead = was
		if v.track != nil && l.start >= 0 && int(s.now)%trackEach == 0 {
			*v.track = append(*v.track, [2]float64{s.now, l.start + s.net.Lanes[i].Length - v.at})
		}
	}
	l.queue = l.queue[left:]
}

// may tells whether a vehicle at the stop line goes.
func (s *Street) may(v *vehicle, letters []string) bool {
	link := &s.net.Links[v.link]
	if link.Junction < 0 {
		return true
	}
	j := s.net.Junctions[link.Junction]
	sig := &j.Signals[link.Signal]
	letter := shows(letters, link.Junction, sig.Group)
	if !green(letter) && !amber(letter) {
		return false
	}
	if waits := len(s.inside[v.link]); float64(waits)*spacing > inside || !s.space(link.To) {
		return false
	}
	for _, y := range sig.YieldsTo {
		other := &j.Signals[y]
		if other.Crossing >= 0 {
			if s.crossings[link.Junction][other.Crossing].walked > s.now {
				return false
			}
			continue
		}
		if !green(shows(letters, link.Junction, other.Group)) {
			continue
		}
		for _, o := range other.Links {
			q := s.lanes[s.net.Links[o].From].queue
			if len(q) > 0 && q[0].link == o && q[0].at < gap*s.net.Lanes[s.net.Links[o].From].Speed {
				return false
			}
		}
	}
	// At amber those go who could not stop, and those who waited inside to turn.
	return green(letter) || letter == 'c' || v.speed > creep || len(sig.YieldsTo) > 0
}

// space tells whether a lane takes one more beside those on their way to it.
func (s *Street) space(to int) bool {
	q := s.lanes[to].queue
	if len(q) == 0 {
		return true
	}
	coming := 0
	for _, l := range s.net.Lanes[to].In {
		coming += len(s.inside[l])
	}
	last := q[len(q)-1]
	return last.speed > creep || s.net.Lanes[to].Length-last.at > spacing*float64(1+coming)
}

func (s *Street) leave(v *vehicle, i int) {
	l := &s.lanes[i]
	l.last = s.now
	late := max(0, s.now-v.since-s.net.Lanes[i].Length/s.net.Lanes[i].Speed)
	v.delay += late
	l.tally.add(s.now, late, v.stood)
	speed := s.net.Lanes[i].Speed
	if s.net.Links[v.link].Turn != network.Straight {
		speed /= 2
	}
	v.leaves = s.now + inside/speed
	s.passed[v.link]++
	s.inside[v.link] = append(s.inside[v.link], v)
}

// gone counts a trip that is over.
func (s *Street) gone(v *vehicle, i int) {
	v.delay += max(0, s.now-v.since-s.net.Lanes[i].Length/s.net.Lanes[i].Speed)
	s.trips.add(s.now, v.delay, v.halted)
	if v.bus {
		s.buses.add(s.now, v.delay, v.halted)
	}
}
