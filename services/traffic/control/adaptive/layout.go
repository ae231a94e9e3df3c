// Package adaptive is Polity's own signal control. Every second it forecasts for
// each lane when who arrives at the stop line, and searches the sequence of stages
// over the next minute that costs all of them together the least time.
//
// README.md of services/traffic explains the method and where its parts come from.
package adaptive

import (
	"slices"
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/network"
)

// site is what does not change of one junction: its queues and how they are fed.
type site struct {
	index  int
	j      *network.Junction
	queues []queue
	stages []stage
	// between[p][q] is the time from the end of stage p to the full green of stage q.
	between [][]int
	// quick is the same where no crossing is green.
	quick [][]int
	walks network.Set // the groups of crossings
	// goesOn[p][q] tells per queue whether something of it stays green from p to q.
	goesOn [][][]bool
}

// queue is what waits for green together: the vehicles of one lane, or the people at
// one crossing.
type queue struct {
	lane     int // in the network, -1: a crossing
	crossing int // in the junction, -1: a lane
	ways     []way
	feeders  []feeder
	speed    float64
	horizon  float64 // seconds: who arrives later is not in sight yet
	behind   bool    // another signalised junction lies behind it, and would be blocked
}

// way is one link out of a lane.
type way struct {
	link   int
	signal int
	group  int
	to     int
	turn   network.Turn
	yields []rival // whom it must let go first
}

// rival is one way out of another queue.
type rival struct{ queue, way int }

// feeder is an upstream lane in sight.
type feeder struct {
	lane   int
	offset float64 // from its end to the stop line
}

// stage is one candidate set of green groups.
type stage struct {
	groups network.Set
	plan   bool
}

func newSites(n *network.Network, sight control.Sight) []*site {
	sites := make([]*site, len(n.Junctions))
	for i, j := range n.Junctions {
		sites[i] = newSite(n, i, j, sight)
	}
	return sites
}

func newSite(n *network.Network, index int, j *network.Junction, sight control.Sight) *site {
	s := &site{index: index, j: j}
	local := map[int]int{}
	for sig := range j.Signals {
		for _, l := range j.Signals[sig].Links {
			lane := n.Links[l].From
			q, ok := local[lane]
			if !ok {
				q = len(s.queues)
				local[lane] = q
				s.queues = append(s.queues, queue{lane: lane, crossing: -1, speed: n.Lanes[lane].Speed})
			}
			s.queues[q].ways = append(s.queues[q].ways, way{link: l, signal: sig, group: j.Signals[sig].Group, to: n.Links[l].To, turn: n.Links[l].Turn})
		}
		if c := j.Signals[sig].Crossing; c >= 0 {
			s.queues = append(s.queues, queue{lane: -1, crossing: c, ways: []way{{link: -1, signal: sig, group: j.Signals[sig].Group, to: -1}}})
		}
	}
	bySignal := map[int][]rival{}
	for q := range s.queues {
		for k, w := range s.queues[q].ways {
			bySignal[w.signal] = append(bySignal[w.signal], rival{q, k})
		}
	}
	for q := range s.queues {
		for w := range s.queues[q].ways {
			way := &s.queues[q].ways[w]
			for _, sig := range j.Signals[way.signal].YieldsTo {
				for _, o := range bySignal[sig] {
					if s.queues[o.queue].lane >= 0 && o.queue != q {
						way.yields = append(way.yields, o)
					}
				}
			}
		}
		if s.queues[q].lane >= 0 {
			s.queues[q].feed(n, sight.Before)
		}
	}
	s.setStages(n)
	s.pairs()
	return s
}

// pocket is the length in metres below which a lane behind another junction holds hardly
// anybody.
const pocket = 30

// setStages takes the junction's stages, less those groups of each that would be wedged in
// it and are green elsewhere without being so.
func (s *site) setStages(n *network.Network) {
	var free network.Set
	for _, st := range s.j.Stages {
		free |= st.Groups &^ s.wedged(n, st.Groups)
	}
	for _, st := range s.j.Stages {
		groups := st.Groups &^ (s.wedged(n, st.Groups) & free)
		if groups == 0 || slices.ContainsFunc(s.stages, func(o stage) bool { return o.groups == groups }) {
			continue
		}
		s.stages = append(s.stages, stage{groups: groups, plan: st.Plan})
	}
}

// wedged returns those groups of a stage who would wait inside the junction to let others
// go, with the next ones behind them, for want of room, in the junction before: from both
// sides of a short street they would block one another for good.
func (s *site) wedged(n *network.Network, stage network.Set) network.Set {
	var set network.Set
	for q := range s.queues {
		qu := &s.queues[q]
		if qu.lane < 0 || !qu.behind || n.Lanes[qu.lane].Length >= pocket {
			continue
		}
		for _, w := range qu.ways {
			for _, o := range w.yields {
				if stage.Has(w.group) && stage.Has(s.queues[o.queue].ways[o.way].group) {
					set = set.With(w.group)
				}
			}
		}
	}
	return set
}

// pairs works out what a change from one stage to another means.
func (s *site) pairs() {
	s.between, s.quick, s.goesOn = make([][]int, len(s.stages)), make([][]int, len(s.stages)), make([][][]bool, len(s.stages))
	for g := range s.j.Groups {
		if s.j.Groups[g].Kind == network.Pedestrians {
			s.walks = s.walks.With(g)
		}
	}
	for p := range s.stages {
		s.between[p], s.quick[p], s.goesOn[p] = make([]int, len(s.stages)), make([]int, len(s.stages)), make([][]bool, len(s.stages))
		for q := range s.stages {
			from, to := s.stages[p].groups, s.stages[q].groups
			s.between[p][q] = changeSeconds(s.j, from, to)
			s.quick[p][q] = changeSeconds(s.j, from&^s.walks, to&^s.walks)
			kept := from & s.j.Untrapped(from, to)
			s.goesOn[p][q] = make([]bool, len(s.queues))
			for k := range s.queues {
				for _, w := range s.queues[k].ways {
					if kept.Has(w.group) {
						s.goesOn[p][q][k] = true
					}
				}
			}
		}
	}
}

// changeSeconds returns the seconds until all of to is green once from begins to end.
func changeSeconds(j *network.Junction, from, to network.Set) int {
	longest := 0
	for b := range (to &^ j.Untrapped(from, to)).All() {
		longest = max(longest, int((j.Groups[b].Timing.Amber+time.Second+999_999_999)/time.Second))
	}
	for a := range (from &^ to).All() {
		for b := range (to &^ from & j.Conflicts[a]).All() {
			longest = max(longest, int((j.Intergreen[a][b]+999_999_999)/1_000_000_000))
		}
	}
	for a := range (from &^ to).All() {
		if j.Yields[a]&to&^from != 0 {
			longest = max(longest, int((j.Groups[a].Timing.Amber+999_999_999)/1_000_000_000))
		}
	}
	return longest
}

// feed lists the lanes upstream of q's lane as far as detectors see.
func (q *queue) feed(n *network.Network, before float64) {
	seen := map[int]bool{q.lane: true}
	q.horizon = min(n.Lanes[q.lane].Length, before)
	var walk func(lane int, offset float64)
	walk = func(lane int, offset float64) {
		for _, l := range n.Lanes[lane].In {
			link := n.Links[l]
			at := offset + link.Length
			if link.Junction >= 0 && at < before {
				q.behind = true
			}
			if link.Junction >= 0 || at >= before || seen[link.From] || !n.Lanes[link.From].Motor {
				continue
			}
			seen[link.From] = true
			q.feeders = append(q.feeders, feeder{lane: link.From, offset: at})
			q.horizon = max(q.horizon, min(before, at+n.Lanes[link.From].Length))
			walk(link.From, at+n.Lanes[link.From].Length)
		}
	}
	walk(q.lane, n.Lanes[q.lane].Length)
	q.horizon /= q.speed
}
