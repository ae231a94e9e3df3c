// Package whatif tries a change of signal plans before anybody agrees to it: the junctions on
// their plans of today, and the same with the change, with the same made-up vehicles and people
// in a queue model (package street). It needs no other program and takes about a second; SUMO
// as a twin ('polity traffic simulate --plan') models more and takes minutes.
package whatif

import (
	"context"
	"fmt"
	"strings"
	"time"

	"polity/city"
	"polity/services/traffic"
	"polity/services/traffic/compare"
	"polity/services/traffic/control"
	"polity/services/traffic/network"
	"polity/services/traffic/rsmp"
	"polity/services/traffic/safety"
	"polity/services/traffic/street"
	"polity/services/traffic/twin"
)

// Model is the name of what computes, for reports.
const Model = "Polity's queue model"

// Study is one question.
type Study struct {
	Network *network.Network
	// Before and After give, for each junction, the plan that it runs.
	Before, After []network.Plan
	// Comes and Walkers are as in street.Config.
	Comes   func(lane int) float64
	Walkers float64
	// Draws is how often it is tried with other vehicles and people; 0: three times.
	Draws int
}

// How long a street is simulated: what happens while it fills is not counted.
const (
	fill    = 5 * 60
	counted = 15 * 60
)

// Run answers. The error is of kind Invalid if a plan cannot be run.
func (s Study) Run(ctx context.Context) (*compare.Comparison, error) {
	if s.Draws <= 0 {
		s.Draws = 3
	}
	before, err := s.run(ctx, "today's plans", s.Before)
	if err != nil {
		return nil, err
	}
	after, err := s.run(ctx, "proposed plan", s.After)
	if err != nil {
		return nil, err
	}
	c, err := compare.Of(before, after)
	if err != nil {
		return nil, err
	}
	c.Notes = []string{
		fmt.Sprintf("The mean of %d tries, each with other vehicles and people, the same before and after.", s.Draws),
		"In this model vehicles queue and move off one by one; nobody changes lanes, chooses another way, or is slower than others. It tells which plan is better, not how long a wait will be on the street.",
	}
	return c, nil
}

// run is one of the two.
func (s *Study) run(ctx context.Context, name string, plans []network.Plan) (*compare.Run, error) {
	if len(plans) != len(s.Network.Junctions) {
		return nil, city.Errorf(city.Invalid, "%d plans for %d junctions", len(plans), len(s.Network.Junctions))
	}
	own := *s.Network
	own.Junctions = nil
	for i, j := range s.Network.Junctions {
		x := *j
		x.Plans = []network.Plan{plans[i]}
		own.Junctions = append(own.Junctions, &x)
	}
	r := &compare.Run{Dir: name, Report: traffic.Report{Scenario: s.Network.Name, Control: name, Seed: 1, Junctions: len(own.Junctions)}}
	r.Report.SUMO = Model
	r.Record.Begin, r.Record.End = fill, fill+counted
	seen := map[string]int{}
	for i := range own.Links {
		l := &own.Links[i]
		if l.Junction < 0 {
			continue
		}
		edge := own.Lanes[l.From].Edge
		if _, had := seen[edge]; !had {
			seen[edge] = len(r.Record.Approaches)
			r.Record.Approaches = append(r.Record.Approaches, twin.Approach{Junction: own.Junctions[l.Junction].ID, Edge: edge, Street: own.Lanes[l.From].Street})
		}
	}
	for _, j := range own.Junctions {
		for k := range j.Crossings {
			r.Record.Crossings = append(r.Record.Crossings, twin.CrossingRecord{Junction: j.ID, Crossing: j.Crossings[k].ID})
		}
	}
	for d := range s.Draws {
		if err := s.draw(ctx, &own, uint64(d+1), r, seen); err != nil { //nolint:gosec // a small number
			return nil, err
		}
	}
	for i := range r.Record.Approaches {
		r.Record.Approaches[i].QueueMean /= float64(counted * s.Draws)
	}
	t := &r.Report.Trips
	if t.Finished > 0 {
		t.Delay /= float64(t.Finished)
	}
	if r.Report.People > 0 {
		r.Report.WalkWait /= float64(r.Report.People)
	}
	t.OnTheWay /= s.Draws
	return r, nil
}

// draw adds one street full of people to the record.
func (s *Study) draw(ctx context.Context, n *network.Network, seed uint64, r *compare.Run, approach map[string]int) error {
	is, err := street.New(street.Config{Network: n, Seed: seed, Comes: s.Comes, Walkers: s.Walkers})
	if err != nil {
		return err
	}
	fixed, err := control.NewFixed(n, 0, nil)
	if err != nil {
		return err
	}
	var guards []*safety.Guard
	for _, j := range n.Junctions {
		g, err := safety.New(j)
		if err != nil {
			return err
		}
		guards = append(guards, g)
	}
	out, letters := make([]control.Decision, len(guards)), make([]string, len(guards))
	for t := range fill + counted {
		if t%60 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		clock := time.Duration(t) * time.Second
		fixed.Decide(clock, nil, nil, out)
		for i, g := range guards {
			j := n.Junctions[i]
			letters[i] = rsmp.Letters(len(j.Groups), g.Step(clock, out[i].Want, j.All()))
		}
		is.Step(letters)
		if t < fill {
			continue
		}
		queues := make([]int, len(r.Record.Approaches))
		for i := range n.Lanes {
			if a, had := approach[n.Lanes[i].Edge]; had {
				queues[a] += is.Approach(i).Queue
			}
		}
		for a, q := range queues {
			x := &r.Record.Approaches[a]
			x.QueueMean += float64(q)
			x.QueueMax = max(x.QueueMax, q)
		}
	}
	s.add(is, n, r, approach)
	return nil
}

// add takes what the street counted in its last fifteen minutes.
func (s *Study) add(is *street.Street, n *network.Network, r *compare.Run, approach map[string]int) {
	for i := range n.Lanes {
		if a, had := approach[n.Lanes[i].Edge]; had {
			x, t := &r.Record.Approaches[a], is.Approach(i).Tally
			x.Vehicles += t.Count
			x.TimeLoss += t.Mean * float64(t.Count)
			x.Stops += int(t.Stopped*float64(t.Count) + 0.5)
		}
	}
	at := 0
	for i, j := range n.Junctions {
		for k := range j.Crossings {
			x := &r.Record.Crossings[at]
			at++
			_, t := is.Crossing(i, k)
			x.People += t.Count
			x.Wait += t.Mean * float64(t.Count)
			x.Longest = max(x.Longest, t.Longest)
			r.Report.People += t.Count
			r.Report.WalkWait += t.Mean * float64(t.Count)
		}
	}
	f := is.Figures()
	r.Report.Trips.Due += f.Trips.Count + f.Held
	r.Report.Trips.Finished += f.Trips.Count
	r.Report.Trips.OnTheWay += f.Held
	r.Report.Trips.Delay += f.Trips.Mean * float64(f.Trips.Count)
}

// Words is what a study came to, in one sentence.
func Words(c *compare.Comparison) string {
	a, b := &c.Before.Report, &c.After.Report
	text := "In the queue model the delay of a vehicle on its whole way " + goes(a.Trips.Delay, b.Trips.Delay)
	if a.People > 0 && b.People > 0 {
		text += ", the wait on foot " + strings.TrimPrefix(goes(a.WalkWait, b.WalkWait), "stays ")
	}
	if b.Trips.OnTheWay > 2*a.Trips.OnTheWay+20 {
		text += fmt.Sprintf("; %d vehicles wait at its end, today %d", b.Trips.OnTheWay, a.Trips.OnTheWay)
	}
	return text + "."
}

func goes(from, to float64) string {
	if a, b := fmt.Sprintf("%.0f", from), fmt.Sprintf("%.0f", to); a != b {
		return "goes from " + a + " to " + b + " s"
	}
	return fmt.Sprintf("stays at %.0f s", from)
}
