package waste

import (
	"context"
	"fmt"
	"slices"
	"time"

	"polity/city"
	"polity/services/waste/roads"
	"polity/services/waste/routing"
)

// Streets is what a plan needs of the road network: Map.Build's networks, one for
// each kind of vehicle by name.
type Streets map[string]*roads.Network

// Planner turns containers, fleet and streets into tours.
type Planner struct {
	Streets Streets
	Fleet   Fleet
	// OverflowCost is what an overflowing container costs the city, in the currency
	// of the trucks' costs: a container that need not be emptied is, if a tour may
	// take it along for less than this times the probability that it overflows.
	OverflowCost float64
	// Balance, if above 0, bounds how much longer than the mean a truck's working
	// day may be: 0.15 is 15%.
	Balance float64
	Seconds float64 // CPU seconds for the search; 0: 10
	Seed    uint64
	// Progress, if not nil, hears about once a second how far the plan is. Several
	// goroutines call it, one at a time.
	Progress func(Progress)
}

// Progress is how far a plan is.
type Progress struct {
	Step  Step
	Share float64 // of the step
	Cost  float64 // of the tours so far, in the trucks' currency; 0 before the search
}

// Step is a part of planning.
type Step string

// The steps, in order.
const (
	Measuring Step = "measuring" // ways between all places
	Searching Step = "searching" // for tours
)

// Call is a stop of a tour.
type Call struct {
	Container string
	Site      string // where a trip unloads; then Container is ""
	Place     city.Point
	Arrive    time.Duration // from midnight
	Leave     time.Duration
	Metres    float64 // driven from the call before
	Kilograms float64 // collected, or unloaded at a site
}

// Tour is one truck's day.
type Tour struct {
	Truck     string
	Start     time.Duration
	End       time.Duration
	Break     time.Duration // when the break begins; 0: none
	Calls     []Call
	Metres    float64
	Driving   time.Duration
	Kilograms float64
	Cost      float64
	KgCO2     float64
}

// Plan is a day's tours.
type Plan struct {
	Tours    []Tour
	LeftOut  []string  // containers that need not be emptied today
	Problems []Problem // containers that should be and cannot, and why
	Metres   float64
	Cost     float64
	KgCO2    float64

	order [][]routing.Trip // as found
	built *built
}

// Plan plans the day. Whatever cannot be done is in Problems with what would
// help; the rest is planned all the same. keep, which may be nil, is a plan in
// force: containers stay with their truck unless moving them saves more than
// stay, in the trucks' currency, each (live re-planning after a breakdown).
func (pl *Planner) Plan(ctx context.Context, containers []Container, keep *Plan, stay float64) (*Plan, error) {
	b, err := pl.build(ctx, containers)
	if err != nil {
		return nil, err
	}
	if keep != nil {
		b.stayHome(keep, stay)
	}
	seconds := pl.Seconds
	if seconds <= 0 {
		seconds = 10
	}
	done := 0.0
	solve := func(p *routing.Problem, share float64) (*routing.Plan, error) {
		o := routing.Options{Budget: time.Duration(seconds * share * 1e9), Seed: pl.Seed}
		if pl.Progress != nil {
			o.Progress = func(r routing.Progress) {
				pl.Progress(Progress{Searching, done + share*r.Fraction, float64(r.Best) / 100})
			}
		}
		found, err := routing.Solve(ctx, p, o)
		done += share
		return found, err
	}
	if pl.Balance <= 0 {
		found, err := solve(b.p, 1)
		if err != nil {
			return nil, err
		}
		return b.describe(found), nil
	}
	found, err := solve(b.p, 0.5)
	if err != nil {
		return nil, err
	}
	return pl.balance(b, found, solve)
}

// balance plans again with shifts cut to the mean working time and the slack
// allowed; if then more is left undone, the first plan stands.
func (pl *Planner) balance(b *built, first *routing.Plan, solve func(*routing.Problem, float64) (*routing.Plan, error)) (*Plan, error) {
	plan := b.describe(first)
	if len(plan.Tours) < 2 {
		return plan, nil
	}
	total := time.Duration(0)
	for _, t := range plan.Tours {
		total += t.End - t.Start
	}
	limit := int32(float64(total/time.Second) / float64(len(plan.Tours)) * (1 + pl.Balance))
	cut := *b.p
	cut.Vehicles = slices.Clone(b.p.Vehicles)
	for i := range cut.Vehicles {
		cut.Vehicles[i].Late = min(cut.Vehicles[i].Late, cut.Vehicles[i].Early+limit)
	}
	found, err := solve(&cut, 0.5)
	if err != nil {
		return nil, err
	}
	if even := b.describe(found); len(even.Problems) <= len(plan.Problems) && len(even.LeftOut) <= len(plan.LeftOut) {
		return even, nil
	}
	plan.Problems = append(plan.Problems, Problem{What: fmt.Sprintf("tours within %.0f%% of each other's length would leave containers standing", 100*pl.Balance), Help: "Allow more difference, or put another truck into service"})
	return plan, nil
}
