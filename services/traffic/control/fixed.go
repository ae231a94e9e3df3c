package control

import (
	"fmt"
	"time"

	"polity/city"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// Slot says from which time of day on, counted from midnight, a plan runs.
type Slot struct {
	From time.Duration
	Plan string // its ID; a junction without such a plan runs its first one
}

// Fixed runs the junctions' own plans by the time of day. It needs no detector.
type Fixed struct {
	net   *network.Network
	begin time.Duration
	slots []Slot
}

const day = 24 * time.Hour

// NewFixed makes the controller; begin is the time of day when its clock shows zero.
// Without slots every junction runs its first plan. A plan that shows conflicting
// greens is refused.
func NewFixed(n *network.Network, begin time.Duration, slots []Slot) (*Fixed, error) {
	for i, s := range slots {
		if s.From < 0 || s.From >= day || (i > 0 && s.From <= slots[i-1].From) {
			return nil, city.Errorf(city.Invalid, "slot %d of the schedule begins at %v: slots begin within a day, each after the one before", i+1, s.From)
		}
	}
	for _, j := range n.Junctions {
		for _, p := range j.Plans {
			if p.Cycle() <= 0 {
				return nil, city.Errorf(city.Invalid, "junction %s: plan %s has a cycle of no time: give its phases durations", j.ID, p.ID)
			}
			for i, ph := range p.Phases {
				if greens, _ := j.StateGroups(ph.State); !j.Compatible(greens) {
					return nil, city.Errorf(city.Invalid, "junction %s: plan %s shows conflicting greens in phase %d", j.ID, p.ID, i)
				}
			}
		}
	}
	return &Fixed{net: n, begin: begin, slots: slots}, nil
}

// Name is the controller's name on reports.
func (f *Fixed) Name() string { return "fixed" }

// Network returns the network whose plans it runs.
func (f *Fixed) Network() *network.Network { return f.net }

// plan returns the plan of a junction at a time of day.
func (f *Fixed) plan(j *network.Junction, at time.Duration) *network.Plan {
	if len(f.slots) == 0 {
		return &j.Plans[0]
	}
	id := f.slots[len(f.slots)-1].Plan // of the day before, until the first slot
	for _, s := range f.slots {
		if at >= s.From {
			id = s.Plan
		}
	}
	for i := range j.Plans {
		if j.Plans[i].ID == id {
			return &j.Plans[i]
		}
	}
	return &j.Plans[0]
}

// Decide wishes what each junction's plan shows green now; amber and intergreens are
// the guard's.
func (f *Fixed) Decide(now time.Duration, _ *Reading, _ []safety.Aspects, out []Decision) {
	clock := (f.begin + now) % day
	for i, j := range f.net.Junctions {
		p := f.plan(j, clock)
		cycle := p.Cycle()
		at := ((clock-p.Offset)%cycle + cycle) % cycle
		for k, ph := range p.Phases {
			if at < ph.Duration {
				greens, _ := j.StateGroups(ph.State)
				out[i] = Decision{Want: greens, Reason: fmt.Sprintf("plan %s, phase %d of %d", p.ID, k+1, len(p.Phases))}
				break
			}
			at -= ph.Duration
		}
	}
}
