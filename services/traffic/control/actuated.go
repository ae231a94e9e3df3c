package control

import (
	"fmt"
	"time"

	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// Times of actuated control (FHWA, Traffic Signal Timing Manual, 2008, ch. 5).
const (
	unitExtension = 3 * time.Second  // a gap longer than this ends the green
	longestGreen  = 50 * time.Second // while others wait
)

// Actuated serves the green stages of each junction's own plan in their order,
// leaves out those that nobody waits for, and keeps each as long as vehicles follow
// one another. It looks at the last seconds before the stop line only.
type Actuated struct {
	net   *network.Network
	sites []actuatedSite
	// Recall, if set, names lanes whose detectors cannot be trusted: somebody is taken
	// to wait there, and is given the green time of the plan.
	Recall map[int]bool
}

type actuatedSite struct {
	stages []network.Set
	times  []time.Duration // of the plan
	at     int
	since  time.Duration // all of the stage is green, -1: not yet
}

// NewActuated makes the controller.
func NewActuated(n *network.Network) *Actuated {
	a := &Actuated{net: n, Recall: map[int]bool{}}
	for _, j := range n.Junctions {
		s := actuatedSite{since: -1}
		for _, ph := range j.Plans[0].Phases {
			greens, ambers := j.StateGroups(ph.State)
			if greens != 0 && ambers == 0 && j.Compatible(greens) {
				s.stages = append(s.stages, greens)
				s.times = append(s.times, ph.Duration)
			}
		}
		a.sites = append(a.sites, s)
	}
	return a
}

// Name is the controller's name on reports.
func (a *Actuated) Name() string { return "actuated" }

// Decide wishes the present stage for as long as it is used, then the next one that
// somebody waits for.
func (a *Actuated) Decide(now time.Duration, seen *Reading, shown []safety.Aspects, out []Decision) {
	for i := range a.sites {
		out[i] = a.decide(i, now, seen, shown[i])
	}
}

func (a *Actuated) decide(i int, now time.Duration, seen *Reading, shown safety.Aspects) Decision {
	s, j := &a.sites[i], a.net.Junctions[i]
	if len(s.stages) == 0 {
		return Decision{Want: shown.Green(), Reason: "its plan has no green stage"}
	}
	want := s.stages[s.at]
	if want&^shown.Green() != 0 {
		s.since = -1
		return Decision{Want: want, Reason: "changing"}
	}
	if s.since < 0 {
		s.since = now
	}
	waiting := Demand(a.net, i, seen)
	for g := range j.Groups {
		if a.recalled(&j.Groups[g]) {
			waiting = waiting.With(g)
		}
	}
	green := now - s.since + time.Second
	if waiting&^want == 0 {
		return Decision{Want: want, Reason: "nobody else waits"}
	}
	if green < longestGreen && a.used(j, want, seen, green, s.times[s.at]) {
		return Decision{Want: want, Reason: fmt.Sprintf("stage %d is still used", s.at+1)}
	}
	for k := 1; k <= len(s.stages); k++ {
		next := (s.at + k) % len(s.stages)
		if s.stages[next]&waiting&^want != 0 {
			reason := fmt.Sprintf("stage %d is done, somebody waits for stage %d", s.at+1, next+1)
			s.at, s.since = next, -1
			return Decision{Want: s.stages[next], Reason: reason}
		}
	}
	return Decision{Want: want, Reason: "nobody waits for another stage of its plan"}
}

func (a *Actuated) recalled(g *network.Group) bool {
	for _, lane := range g.Lanes {
		if a.Recall[lane] {
			return true
		}
	}
	return false
}

// used tells whether a vehicle will reach the stop line within the unit extension.
func (a *Actuated) used(j *network.Junction, stage network.Set, seen *Reading, green, planned time.Duration) bool {
	for g := range stage.All() {
		if a.recalled(&j.Groups[g]) {
			if green < planned {
				return true
			}
			continue
		}
		for _, lane := range j.Groups[g].Lanes {
			for _, v := range seen.Lanes[lane] {
				reach := max(v.Speed, 2) * unitExtension.Seconds()
				if v.Distance <= reach {
					return true
				}
			}
		}
	}
	return false
}
