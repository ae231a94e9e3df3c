package live

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/waste"
	"polity/services/waste/forecast"
)

const (
	overflowing = 0.98 // as sensors see it
	mustFrom    = 0.2  // probability of overflow by the next chance, from which on a container is emptied whatever it costs
	// overflowCost is what an overflowing container is taken to cost the city, and crewHour
	// what a crew that stands at one does, assumptions.
	overflowCost = 40
	crewHour     = 60
	collected    = 8 * time.Hour  // when containers are taken to be emptied, for what they hold
	nextChance   = 34 * time.Hour // from the day's midnight: tomorrow's tours
	openFor      = 4 * time.Hour  // that a person can agree
)

// What a decision does, as its detail says.
const (
	sendOut = "plan"  // trucks drive the day's tours
	handOn  = "moves" // a broken truck's containers go to others
)

// order is the detail of a decision.
type order struct {
	Kind  string            `json:"kind"`
	Day   time.Time         `json:"day"`
	Truck string            `json:"truck,omitempty"` // that broke down
	To    map[string]string `json:"to"`              // truck by container
}

// planDay plans a day and puts the plan before people.
func (s *Service) planDay(ctx context.Context, now time.Time) error {
	day := midnight(now)
	s.mu.Lock()
	s.planning = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.planning, s.progress = false, waste.Progress{}
		s.mu.Unlock()
	}()
	begun := time.Now()
	containers, err := s.expect(ctx, day, now)
	if err != nil {
		return err
	}
	planner := s.planner(s.town.Fleet, s.searchFor())
	planner.Progress = func(p waste.Progress) {
		s.mu.Lock()
		s.progress = p
		s.mu.Unlock()
	}
	plan, err := planner.Plan(ctx, containers, nil, 0)
	if err != nil || ctx.Err() != nil {
		return err
	}
	t := today{
		Day: day, Phase: Proposed, Collected: map[string]time.Time{}, Missed: map[string]string{}, LeftOut: plan.LeftOut, Problems: plan.Problems,
		Cost: plan.Cost, Metres: plan.Metres, KgCO2: plan.KgCO2,
	}
	for i := range plan.Tours {
		t.Tours = append(t.Tours, Tour{Tour: plan.Tours[i], Line: plan.Line(&plan.Tours[i])})
	}
	if t.Fewer, err = s.fewer(ctx, containers, plan); err != nil || ctx.Err() != nil {
		return err
	}
	s.deps.Log.Info("the day is planned", slog.Int("tours", len(t.Tours)), slog.Float64("km", t.Metres/1000), slog.Int("problems", len(t.Problems)), slog.Duration("took", time.Since(begun)))
	for _, p := range t.Problems {
		s.deps.Log.Warn("cannot be collected", slog.String("why", p.String()))
	}
	s.edit.Lock()
	defer s.edit.Unlock()
	s.mu.Lock()
	p, err := s.proposal(&t, containers)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if len(t.Tours) > 0 {
		if err := s.deps.Decisions.Propose(ctx, p); err != nil {
			return err
		}
		t.Decision, t.Until = p.ID, p.Until
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(t.Tours) == 0 {
		t.Phase = Over
		if s.world != nil {
			s.world.Recall()
		}
	} else {
		s.kept.Waiting = append(s.kept.Waiting, p.ID)
		s.kept.Waiting = s.kept.Waiting[max(0, len(s.kept.Waiting)-8):]
	}
	t.ready()
	if was := &s.kept.Today; s.world == nil && !was.Day.Equal(t.Day) {
		s.kept.Last = was.pass()
	}
	s.plan, s.kept.Today = plan, t
	if err := s.tidy(); err != nil {
		return err
	}
	return s.save()
}

func (s *Service) planner(fleet waste.Fleet, seconds float64) *waste.Planner {
	return &waste.Planner{Streets: s.town.Streets, Fleet: fleet, OverflowCost: overflowCost, Seconds: seconds, Seed: 1}
}

// expect says how full containers will be when they could be emptied, and how likely it is
// that they overflow if they are not.
func (s *Service) expect(ctx context.Context, day, now time.Time) ([]waste.Container, error) {
	if s.world == nil {
		if err := s.remember(ctx, now); err != nil {
			return nil, err
		}
	}
	model := forecast.Fit(s.histories, forecast.Calendar{Zone: s.zone}, now)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.model, s.suspects = model, nil
	for _, x := range model.Suspicions {
		s.suspects = append(s.suspects, x.Container)
	}
	slices.Sort(s.suspects)
	containers, outlooks := s.foretell(model, day, now, nil)
	s.outlooks = outlooks
	return containers, nil
}

// foretell says how full containers will be on a day, and by how likely an overflow they are
// planned; and how likely it is. gone are those that will have been emptied by then. The lock
// is held.
func (s *Service) foretell(model *forecast.Model, day, now time.Time, gone map[string]time.Time) (containers []waste.Container, outlooks map[string]float64) {
	containers, outlooks = slices.Clone(s.town.Containers), map[string]float64{}
	then := day.Add(collected)
	if then.Before(now) {
		then = now
	}
	for i := range containers {
		c := &containers[i]
		list, ok := model.Forecast(c.ID, then, day.Add(nextChance))
		if at, emptied := gone[c.ID]; emptied {
			list, ok = model.ForecastEmptied(c.ID, at, then, day.Add(nextChance))
		}
		if !ok { // nothing is known: as full as the table says, and it is not left standing
			if !s.levels[i].At.IsZero() {
				c.Fill = s.levels[i].Fill
			}
			outlooks[c.ID] = c.Overflow
			continue
		}
		c.Fill, c.Overflow = math.Max(0, list[0].Fill), list[1].Overflow
		c.Must = c.Must || c.Overflow >= mustFrom
		outlooks[c.ID] = c.Overflow
		// Stopping has a price beside the way, so that no nearly empty one is taken along.
		c.Overflow = math.Max(0, c.Overflow-crewHour*c.Service.Hours()/overflowCost)
	}
	return containers, outlooks
}

// fewerMost is how many trucks' absence is thought through each day.
const fewerMost = 8

// fewer plans the day without each truck that has a tour, with those alone that have another.
func (s *Service) fewer(ctx context.Context, containers []waste.Container, plan *waste.Plan) (list []Fewer, err error) {
	for _, tour := range plan.Tours[:min(len(plan.Tours), fewerMost)] {
		fleet := s.town.Fleet
		fleet.Trucks = slices.Clone(fleet.Trucks)
		for i := range fleet.Trucks {
			truck := &fleet.Trucks[i]
			goes := truck.ID != tour.Truck && slices.ContainsFunc(plan.Tours, func(t waste.Tour) bool { return t.Truck == truck.ID })
			truck.Out = truck.Out || !goes
		}
		p, err := s.planner(fleet, whatSeconds).Plan(ctx, containers, nil, 0)
		if err != nil || ctx.Err() != nil {
			return nil, err
		}
		left := max(0, len(p.Problems)-len(plan.Problems))
		if len(p.Tours) == 0 {
			left = stops(plan.Tours)
		}
		list = append(list, Fewer{Without: tour.Truck, Tours: len(p.Tours), Left: left, Cost: p.Cost - plan.Cost, Metres: p.Metres - plan.Metres, KgCO2: p.KgCO2 - plan.KgCO2})
	}
	return list, nil
}

func stops(tours []waste.Tour) (n int) {
	for _, t := range tours {
		for _, c := range t.Calls {
			if c.Container != "" {
				n++
			}
		}
	}
	return n
}

// name makes the id of a decision. The lock is held.
func (s *Service) name(kind string) string {
	s.kept.Count++
	return fmt.Sprintf("%s-%s-%d", kind, s.deps.Now().UTC().Format("20060102T150405"), s.kept.Count)
}

const inputsMost = 64

func (s *Service) proposal(t *today, containers []waste.Container) (p service.Proposal, err error) {
	now := s.deps.Now().UTC()
	o := order{Kind: sendOut, Day: t.Day, To: map[string]string{}}
	var tours []string
	likely := 0
	type risk struct {
		id string
		p  float64
	}
	var risks []risk
	for i := range t.Tours {
		n := 0
		for _, c := range t.Tours[i].Calls {
			if c.Container == "" {
				continue
			}
			n++
			o.To[c.Container] = t.Tours[i].Truck
			risks = append(risks, risk{c.Container, s.outlooks[c.Container]})
			if s.outlooks[c.Container] >= mustFrom {
				likely++
			}
		}
		tours = append(tours, fmt.Sprintf("%s (%d stops, %.1f km)", t.Tours[i].Truck, n, t.Tours[i].Metres/1000))
	}
	slices.SortStableFunc(risks, func(a, b risk) int { return -compare(a.p, b.p) })
	var inputs []service.Input
	for _, r := range risks[:min(len(risks), inputsMost)] {
		inputs = append(inputs, service.Input{Entity: containerURN(r.id), Attribute: "fillingLevel", Value: service.Chance(r.p) + " to overflow by tomorrow's tours", At: now})
	}
	detail, err := json.Marshal(o)
	if err == nil && len(detail) > service.MaxDetail {
		o.To = nil // the plan in force has them
		detail, err = json.Marshal(o)
	}
	if err != nil {
		return p, err
	}
	reason := fmt.Sprintf("%d containers are likely enough to overflow by tomorrow's tours (%s or more); %d more lie on the way.", likely, service.Chance(mustFrom), len(risks)-likely)
	if t.Edits > 0 {
		reason = fmt.Sprintf("%s The desk made %s in the tours.", reason, changes(t.Edits))
	}
	effect := fmt.Sprintf("%d of %d containers are emptied: %.1f km, cost %.0f, %.1f kg CO2; %d wait for another day.", len(risks), len(containers), t.Metres/1000, t.Cost, t.KgCO2, len(t.LeftOut))
	if n := len(t.Problems); n > 0 {
		effect = fmt.Sprintf("%s %s cannot be done; the waste page says why and what would help.", effect, things(n))
	}
	return service.Proposal{
		Decision: service.Decision{
			ID: s.name(sendOut), Service: Name, Level: service.Confirm, Algorithm: "waste-tours", At: now, Inputs: inputs,
			Reason: reason,
		},
		Do: service.Sentence("Drive today's tours: "+strings.Join(tours, ", ")+".", 300), Effect: service.Sentence(effect, 300), Until: s.until(now, t.Day), Detail: detail,
	}, nil
}

func changes(n int) string {
	if n == 1 {
		return "one change"
	}
	return fmt.Sprintf("%d changes", n)
}

func things(n int) string {
	if n == 1 {
		return "One thing"
	}
	return fmt.Sprintf("%d things", n)
}

// until is when a decision lapses: of a real day at its end.
func (s *Service) until(now, day time.Time) time.Time {
	if end := day.AddDate(0, 0, 1).UTC(); s.world == nil && end.After(now) {
		return end
	}
	return now.Add(openFor)
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

var errOver = city.Errorf(city.Conflict, "the day that this was proposed for is over, or planned anew")
