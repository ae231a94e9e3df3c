package control

import (
	"fmt"
	"time"

	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// Stepwise controllers decide all junctions together every Every, as in the RESCO
// benchmark (Ault and Sharon, "Reinforcement learning benchmarks for traffic signal
// control", NeurIPS 2021): for the intergreen only what stays green is wished for,
// then the new stage until the next decision. Stages are those of the junction's own
// plan.
type Stepwise struct {
	name   string
	every  time.Duration
	value  func(seen *Reading, junction, stage int) float64
	net    *network.Network
	stages [][]network.Set
	chosen []int
	from   []network.Set
	at     time.Duration
	began  bool
}

// NewGreedy returns RESCO's max-wave: the stage with the most vehicles within reach
// of the stop line, in metres, on the lanes it gives green to.
func NewGreedy(n *network.Network, every time.Duration, reach float64) *Stepwise {
	s := newStepwise("greedy", n, every)
	s.value = func(seen *Reading, junction, stage int) float64 {
		sum := 0
		for lane := range s.lanes(junction, stage) {
			sum += count(seen.Lanes[lane], reach, false)
		}
		return float64(sum)
	}
	return s
}

// NewMaxPressure returns max-pressure control as RESCO does it (after Varaiya, "Max
// pressure control of a network of signalized intersections", 2013): the stage with
// the largest sum over its movements of the queue before less the queue after the
// junction, as far as that is in sight of another signal.
func NewMaxPressure(n *network.Network, every time.Duration, reach float64) *Stepwise {
	s := newStepwise("max-pressure", n, every)
	signalised := make([]bool, len(n.Lanes))
	for _, l := range n.Links {
		if l.Junction >= 0 {
			signalised[l.From] = true
		}
	}
	s.value = func(seen *Reading, junction, stage int) float64 {
		sum := 0
		for lane, outs := range s.lanes(junction, stage) {
			sum += count(seen.Lanes[lane], reach, true)
			for _, out := range outs {
				if signalised[out] {
					sum -= count(seen.Lanes[out], reach, true)
				}
			}
		}
		return float64(sum)
	}
	return s
}

func newStepwise(name string, n *network.Network, every time.Duration) *Stepwise {
	s := &Stepwise{name: name, every: every, net: n, chosen: make([]int, len(n.Junctions)), from: make([]network.Set, len(n.Junctions))}
	for _, j := range n.Junctions {
		var own []network.Set
		for _, st := range j.Stages {
			if st.Plan {
				own = append(own, st.Groups)
			}
		}
		s.stages = append(s.stages, own)
	}
	return s
}

// Name is the controller's name on reports.
func (s *Stepwise) Name() string { return s.name }

// lanes returns the lanes that get green in a stage, with the lanes after the junction.
func (s *Stepwise) lanes(junction, stage int) map[int][]int {
	j := s.net.Junctions[junction]
	m := map[int][]int{}
	for g := range s.stages[junction][stage].All() {
		for _, sig := range j.Groups[g].Signals {
			for _, l := range j.Signals[sig].Links {
				from := s.net.Links[l].From
				m[from] = append(m[from], s.net.Links[l].To)
			}
		}
	}
	return m
}

func count(lane []Vehicle, reach float64, halted bool) int {
	n := 0
	for _, v := range lane {
		if v.Distance <= reach && (!halted || v.Speed < 0.1) {
			n++
		}
	}
	return n
}

// Decide wishes the stage with the highest value for the next period.
func (s *Stepwise) Decide(now time.Duration, seen *Reading, shown []safety.Aspects, out []Decision) {
	if !s.began || now-s.at >= s.every {
		s.began, s.at = true, now
		for i := range s.net.Junctions {
			s.from[i] = shown[i].Green()
			best := 0.0
			for k := range s.stages[i] {
				if v := s.value(seen, i, k); k == 0 || v > best {
					best, s.chosen[i] = v, k
				}
			}
			out[i].Reason = fmt.Sprintf("stage %d of its plan has the highest %s value, %.0f", s.chosen[i]+1, s.name, best)
		}
	}
	for i, j := range s.net.Junctions {
		next := s.stages[i][s.chosen[i]]
		out[i].Want = next
		if ending := s.from[i] &^ next; ending != 0 {
			var clear time.Duration
			for g := range ending.All() {
				clear = max(clear, j.Groups[g].Timing.Amber)
			}
			if now-s.at < clear {
				out[i].Want = s.from[i] & next
			}
		}
	}
}
