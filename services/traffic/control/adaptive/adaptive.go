package adaptive

import (
	"fmt"
	"math"
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// Settings are the constants of the method: one set for all networks.
type Settings struct {
	Horizon    int     // seconds that are searched
	Headway    float64 // seconds between vehicles that leave a queue straight on
	TurnFactor float64 // of Headway, for turning vehicles
	Lag        float64 // seconds of green before a queue moves
	Accel      float64 // m/s²
	Stop       float64 // seconds that a stop costs beyond the time it takes
	Blocked    float64 // share of capacity while giving way to a stream
	Gap        float64 // critical gap, seconds
	Memory     float64 // seconds: half-life of learned shares
	RateMemory float64 // seconds: half-life of learned flows
	TailWait   float64 // seconds somebody at red waits beyond the horizon
	MinGreen   int
	WalkWeight float64
	BusWeight  float64
	Extra      int     // 1: stages beyond the plan's own
	EndGain    float64 // seconds of amber that are used
	Room       float64 // metres that a vehicle needs to leave the junction
	FullFor    float64 // seconds an exit is expected to stay full
	Crawl      float64
	Aging      float64 // growth of weight per minute of red with somebody waiting
	Clearing   float64 // seconds a change waits at most for the junction to clear
	Bias       float64 // a change must save this many vehicle seconds
	Down       float64 // how far a full exit takes from the weight of those who want to enter it
	Fill       float64 // how much a full lane adds to the weight of those on it
	Beam       int     // plans that go on from each second of the search
}

// Default returns the settings that are shipped.
func Default() Settings {
	return Settings{
		Horizon: 60, Headway: 1.9, TurnFactor: 1.15, Lag: 1.5, Accel: 2.6, Stop: 3,
		Blocked: 0.25, Gap: 4, Memory: 600, RateMemory: 180, TailWait: 10, MinGreen: 5,
		WalkWeight: 1, BusWeight: 5, Extra: 1, EndGain: 1.5, Bias: 0, Room: 6, FullFor: 6, Crawl: 2, Aging: 1, Clearing: 15, Beam: 6, Down: 0.9, Fill: 1.5,
	}
}

// Control is Polity's adaptive control of one network.
type Control struct {
	net   *network.Network
	set   Settings
	sites []*site
	state []memory
	last  time.Duration
	room  []float64
	full  []float64 // per lane: share of its length in sight on which vehicles stand
	sight control.Sight
}

// minGap is the distance between standing vehicles in metres.
const minGap = 2.5

// look finds how much room there is at the start of each lane: up to the last
// vehicle that stands or crawls.
func (c *Control) look(seen *control.Reading) {
	if c.room == nil {
		c.room = make([]float64, len(c.net.Lanes))
		c.full = make([]float64, len(c.net.Lanes))
	}
	for i := range c.full {
		taken := 0.0
		for _, v := range seen.Lanes[i] {
			if v.Speed < c.set.Crawl {
				taken += v.Length + minGap
			}
		}
		c.full[i] = min(1, taken/min(c.sight.Before, c.net.Lanes[i].Length))
	}
	for i := range c.room {
		c.room[i] = c.roomFrom(i, seen, 0)
	}
}

// roomFrom returns the metres free from the start of a lane on; past is how far the
// start is behind the junction. Beyond 30 m nothing matters.
func (c *Control) roomFrom(lane int, seen *control.Reading, past float64) float64 {
	l := &c.net.Lanes[lane]
	if vs := seen.Lanes[lane]; len(vs) > 0 {
		v := vs[len(vs)-1]
		if v.Speed >= c.set.Crawl {
			return 1000
		}
		return past + l.Length - v.Distance - v.Length
	}
	if past+l.Length > 30 {
		return 1000
	}
	best := 1000.0
	for k, o := range l.Out {
		if c.net.Links[o].Junction >= 0 {
			return 1000
		}
		r := c.roomFrom(c.net.Links[o].To, seen, past+l.Length+c.net.Links[o].Length)
		if k == 0 || r > best {
			best = r
		}
	}
	return best
}

// memory is what is learned of one junction and where its signals are.
type memory struct {
	target   int // stage wished for
	jammed   bool
	changing time.Duration // since when, -1: not
	since    time.Duration // all of it is green, or -1: not yet
	rates    []float64     // per queue: vehicles per second
	flows    []float64
	shares   [][]float64 // per queue and way
	passed   []int       // per link of ways flattened, last count
	redFor   []float64   // per queue: seconds red with somebody there
	held     []int       // per queue: vehicles in sight on its lane a second ago
	plan     planner
	room     []float64 // per lane of the network: free metres at its start
}

// New makes the controller of a network whose detectors have this sight.
func New(n *network.Network, sight control.Sight, set Settings) (*Control, error) {
	c := &Control{net: n, set: set, sight: sight, sites: newSites(n, sight), last: -1}
	for _, s := range c.sites {
		if set.Extra == 0 {
			var own []stage
			for _, st := range s.stages {
				if st.plan {
					own = append(own, st)
				}
			}
			s.stages = own
			s.pairs()
		}
		m := memory{target: 0, since: -1, changing: -1}
		for _, q := range s.queues {
			m.rates = append(m.rates, 0.05)
			m.held = append(m.held, 0)
			m.redFor = append(m.redFor, 0)
			m.flows = append(m.flows, 0.05)
			sh := make([]float64, len(q.ways))
			for w, way := range q.ways {
				sh[w] = 1
				if way.turn == network.Straight {
					sh[w] = 3
				}
				if way.turn == network.Around {
					sh[w] = 0.1
				}
			}
			m.shares = append(m.shares, sh)
		}
		m.plan.init(s, &c.set)
		c.state = append(c.state, m)
	}
	return c, nil
}

// Name is the controller's name on reports.
func (c *Control) Name() string { return "polity" }

// Decide wishes for each junction the first step of the best plan found.
func (c *Control) Decide(now time.Duration, seen *control.Reading, shown []safety.Aspects, out []control.Decision) {
	dt := 1.0
	if c.last >= 0 {
		dt = (now - c.last).Seconds()
	}
	c.last = now
	c.look(seen)
	for i, s := range c.sites {
		m := &c.state[i]
		m.room = c.room
		c.learn(s, m, seen, dt)
		m.age(s, seen, shown[i], dt)
		out[i] = c.decide(now, s, m, seen, shown[i])
	}
}

// occupied tells whether somebody stands inside the junction in the way of what
// shall become green.
func (c *Control) occupied(s *site, want network.Set, shown safety.Aspects, inside []int) bool {
	fresh := want &^ shown.Green()
	for q := range s.queues {
		for _, w := range s.queues[q].ways {
			if w.link >= 0 && inside[w.link] > 0 && !want.Has(w.group) && s.j.Conflicts[w.group]&fresh != 0 {
				return true
			}
		}
	}
	return false
}

func (m *memory) age(s *site, seen *control.Reading, shown safety.Aspects, dt float64) {
	for q := range s.queues {
		qu := &s.queues[q]
		there := qu.lane >= 0 && len(seen.Lanes[qu.lane]) > 0 || qu.crossing >= 0 && seen.Waiting[s.index][qu.crossing] > 0
		for _, w := range qu.ways {
			if shown.Of(w.group) == safety.Green {
				there = false
			}
		}
		if there {
			m.redFor[q] += dt
		} else {
			m.redFor[q] = 0
		}
	}
}

func (c *Control) learn(s *site, m *memory, seen *control.Reading, dt float64) {
	fade := math.Exp2(-dt / c.set.Memory)
	rfade := math.Exp2(-dt / c.set.RateMemory)
	k := 0
	for q := range s.queues {
		total := 0
		if lane := s.queues[q].lane; lane >= 0 {
			total = len(seen.Lanes[lane]) - m.held[q]
			m.held[q] = len(seen.Lanes[lane])
		}
		for w, way := range s.queues[q].ways {
			if way.link < 0 {
				continue
			}
			if k >= len(m.passed) {
				m.passed = append(m.passed, seen.Passed[way.link])
			}
			d := seen.Passed[way.link] - m.passed[k]
			m.passed[k] = seen.Passed[way.link]
			k++
			total += d
			if d > 0 {
				m.shares[q][w] += float64(d)
			}
			if m.shares[q][w] > 0.2 {
				m.shares[q][w] = 0.02 + (m.shares[q][w]-0.02)*fade
			}
		}
		m.flows[q] = m.flows[q]*rfade + float64(total)/dt*(1-rfade)
		m.rates[q] = max(0, m.flows[q])
	}
}

func (c *Control) decide(now time.Duration, s *site, m *memory, seen *control.Reading, shown safety.Aspects) control.Decision {
	want := s.stages[m.target].groups
	if shown.Forced() != 0 {
		// The guard serves somebody: go on from the stage that fits best.
		best, most := m.target, -1
		for p, st := range s.stages {
			if shown.Forced()&^st.groups == 0 {
				if n := (st.groups & shown.Green()).Len(); n > most {
					best, most = p, n
				}
			}
		}
		m.target = best
		m.since = -1
		want = s.stages[best].groups
	}
	if want&^shown.Green() != 0 {
		m.since = -1
		if m.changing < 0 {
			m.changing = now
		}
		m.jammed = m.jammed || c.occupied(s, want, shown, seen.Standing)
		if c.occupied(s, want, shown, seen.Standing) && now-m.changing < time.Duration(c.set.Clearing*float64(time.Second)) {
			return control.Decision{Want: want & shown.Green(), Reason: "waiting for the junction to clear"}
		}
		return control.Decision{Want: want, Reason: "changing"}
	}
	if m.since < 0 {
		m.since = now
	}
	m.plan.forecast(c, s, m, seen)
	if now-m.since+time.Second < time.Duration(c.set.MinGreen)*time.Second {
		return control.Decision{Want: want, Reason: "minimum green"}
	}
	next, stay, best := m.plan.search(m.target)
	if next != m.target {
		m.target, m.since, m.changing = next, -1, now
		return control.Decision{Want: s.stages[next].groups, Reason: fmt.Sprintf("changing saves %.0f vehicle seconds", stay-best)}
	}
	return control.Decision{Want: want, Reason: "staying is best"}
}

// Debug writes what the controller sees of one junction.
func (c *Control) Debug(now time.Duration, i int, seen *control.Reading, shown safety.Aspects) string {
	s, m := c.sites[i], &c.state[i]
	t := fmt.Sprintf("%v %s stage %d ", now, s.j.ID[:min(8, len(s.j.ID))], m.target)
	for q := range s.queues {
		l := s.queues[q].lane
		if l < 0 {
			continue
		}
		halted := 0
		for _, v := range seen.Lanes[l] {
			if v.Speed < 0.1 {
				halted++
			}
		}
		g := ""
		for _, w := range s.queues[q].ways {
			if shown.Of(w.group) == safety.Green {
				g += string(w.turn)
			}
			if n := seen.Standing[w.link]; n > 0 {
				g += fmt.Sprintf("<%c%d>", w.turn, n)
			}
		}
		fed := 0
		for _, f := range s.queues[q].feeders {
			fed += len(seen.Lanes[f.lane])
		}
		n, H := m.plan.n, c.set.Horizon
		t += fmt.Sprintf("| %d: %d/%d+%d %s %.2f A%.1f w%.1f", q, halted, len(seen.Lanes[l]), fed, g, m.rates[q], m.plan.total[H*n+q], m.plan.weight[q])
	}
	t += fmt.Sprint(" active ", m.plan.active)
	for _, k := range m.plan.active {
		l := &m.plan.labels[len(m.plan.grid)-1][k]
		t += fmt.Sprintf(" [%d %v first %d cost %.0f rank %.0f x %.1f flow %.2f]", k, l.ok, l.first, l.cost, l.rank, l.x, m.plan.flow[k])
	}
	return t
}
