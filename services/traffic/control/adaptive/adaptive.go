package adaptive

import (
	"fmt"
	"math"
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/control/nowcast"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// Settings are the constants of the method: one set for all networks.
type Settings struct {
	// Search.
	Horizon int     // seconds that are looked ahead
	Beam    int     // plans that go on from each second
	Bias    float64 // a change must save this many vehicle seconds
	// How vehicles leave: the saturation headway of Webster and Cobbe ("Traffic
	// Signals", 1966), start-up lag and end gain of the Highway Capacity Manual 2010,
	// ch. 18.
	Headway    float64 // seconds between vehicles that leave a queue straight on
	TurnFactor float64 // of Headway, for turning vehicles
	Lag        float64 // seconds of green before a queue moves
	EndGain    float64 // seconds of amber that are used
	Accel      float64 // m/s²
	Blocked    float64 // share of capacity while giving way to a stream
	Gap        float64 // critical gap, seconds
	// What time weighs.
	Stop       float64 // seconds that a stop costs beyond the time it takes
	TailWait   float64 // seconds somebody at red waits beyond the horizon
	WalkWeight float64 // of a person on foot, against a vehicle
	BusWeight  float64 // of a vehicle of public transport
	Aging      float64 // growth of weight per minute of red with somebody waiting
	Down       float64 // how far a full exit takes from the weight of those who want to enter it
	Fill       float64 // how much a full lane that would block a junction adds to the weight of those on it
	// What is learned.
	Memory     float64 // seconds: half-life of turning shares
	RateMemory float64 // seconds: half-life of flows
	// Changes and blocked exits.
	MinGreen int
	Room     float64 // metres that a vehicle needs to leave the junction
	FullFor  float64 // seconds an exit is expected to stay full
	Crawl    float64 // m/s: slower vehicles are taken to stand
	Clearing float64 // seconds a change waits at most for the junction to clear
}

// Default returns the settings that are shipped. They were tried on seeds 1 to 5 of
// the maps of bench/traffic.
func Default() Settings {
	return Settings{
		Horizon: 60, Beam: 6, Bias: 0,
		Headway: 1.9, TurnFactor: 1.15, Lag: 1.5, EndGain: 1.5, Accel: 2.6, Blocked: 0.25, Gap: 4,
		Stop: 3, TailWait: 10, WalkWeight: 1, BusWeight: 5, Aging: 1, Down: 0.9, Fill: 1.5,
		Memory: 600, RateMemory: 180,
		MinGreen: 5, Room: 6, FullFor: 6, Crawl: 2, Clearing: 15,
	}
}

// Control is Polity's adaptive control of one network.
type Control struct {
	net   *network.Network
	set   Settings
	sites []*site
	state []memory
	last  time.Duration
	cast  *nowcast.Cast
	room  []float64
	full  []float64 // per lane: share of its length in sight on which vehicles stand
	sight control.Sight
}

// memory is what is learned of one junction and where its signals are.
type memory struct {
	target   int                 // stage wished for
	changing time.Duration       // since when, -1: not
	since    time.Duration       // all of it is green, or -1: not yet
	rates    []float64           // per queue: vehicles per second that come, 0 at least
	flows    []float64           // the same before it is cut off at 0
	shares   [][]float64         // per queue and way
	passed   []int               // per link of ways flattened, last count
	redFor   []float64           // per queue: seconds red with somebody there
	held     []int               // per queue: vehicles in sight on its lane a second ago
	before   [][]control.Vehicle // per queue: its lane a second ago
	crossed  float64             // vehicles that passed the stop lines, fading
	noticed  float64             // those of them that were seen to vanish there
	missed   float64             // share of vehicles that no detector sees
	hidden   []float64           // per queue: vehicles that may wait unseen
	plan     planner
	room     []float64 // per lane of the network: free metres at its start
}

// New makes the controller of a network whose detectors have this sight.
func New(n *network.Network, sight control.Sight, set Settings) (*Control, error) {
	c := &Control{net: n, set: set, sight: sight, sites: newSites(n, sight), last: -1, cast: nowcast.New(n)}
	for _, s := range c.sites {
		m := memory{target: 0, since: -1, changing: -1}
		for _, q := range s.queues {
			m.rates = append(m.rates, 0.05)
			m.held = append(m.held, 0)
			m.redFor = append(m.redFor, 0)
			m.flows = append(m.flows, 0.05)
			m.hidden = append(m.hidden, 0)
			m.before = append(m.before, nil)
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

// Decide wishes for each junction the first step of the best plan found. Who is in a
// junction's way is told by the picture brought up to date; all else by the picture as it
// came, which errs on the side of those who may still be there (docs/benchmarks.md).
func (c *Control) Decide(now time.Duration, seen *control.Reading, shown []safety.Aspects, out []control.Decision) {
	dt := 1.0
	if c.last >= 0 {
		dt = (now - c.last).Seconds()
	}
	c.last = now
	c.look(seen)
	for i, s := range c.sites {
		m := &c.state[i]
		passed := c.learn(s, m, seen, dt)
		c.watch(s, m, seen, passed, dt)
	}
	c.believe()
	c.cast.Remember(now, shown)
	standing := c.cast.Now(now, seen).Standing
	for i, s := range c.sites {
		m := &c.state[i]
		m.room = c.room
		m.hide(s, shown[i], m.plan.sat, dt)
		m.age(s, seen, shown[i], dt)
		out[i] = c.decide(now, s, m, seen, standing, shown[i])
		out[i].Presumed = m.presumed(s, shown[i])
	}
}

// occupied tells whether somebody stands inside the junction in the way of what
// shall become green.
func (c *Control) occupied(s *site, want network.Set, shown safety.Aspects, standing []int) bool {
	fresh := want &^ shown.Green()
	for q := range s.queues {
		for _, w := range s.queues[q].ways {
			if w.link >= 0 && standing[w.link] > 0 && !want.Has(w.group) && s.j.Conflicts[w.group]&fresh != 0 {
				return true
			}
		}
	}
	return false
}

// called returns a stage's groups less the crossings at which nobody waits: clearing a
// crossing takes long, so it ends as soon as those who waited have begun to walk, while
// vehicles beside it go on. A stage of crossings alone stays whole.
func (s *site) called(stage network.Set, seen *control.Reading) network.Set {
	idle := network.Set(0)
	for q := range s.queues {
		qu := &s.queues[q]
		if qu.crossing >= 0 && seen.Waiting[s.index][qu.crossing] == 0 {
			idle = idle.With(qu.ways[0].group)
		}
	}
	if stage&^idle == 0 {
		return stage
	}
	return stage &^ idle
}

func (c *Control) decide(now time.Duration, s *site, m *memory, seen *control.Reading, standing []int, shown safety.Aspects) control.Decision {
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
	want = s.called(want, seen)
	if want&^s.walks&^shown.Green() != 0 || want&^s.walks == 0 && want&^shown.Green() != 0 {
		m.since = -1
		if m.changing < 0 {
			m.changing = now
		}
		if c.occupied(s, want, shown, standing) && now-m.changing < time.Duration(c.set.Clearing*float64(time.Second)) {
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
		reason := "changing is best" // what staying would cost was not followed to the end
		if !math.IsInf(stay, 1) {
			reason = fmt.Sprintf("changing saves %.0f vehicle seconds", stay-best)
		}
		return control.Decision{Want: s.called(s.stages[next].groups, seen), Reason: reason}
	}
	return control.Decision{Want: want, Reason: "staying is best"}
}
