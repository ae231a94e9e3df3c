package live

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"polity/city"
	"polity/services/waste"
	"polity/services/waste/example"
)

// Case is a day as it could be.
type Case struct {
	Day     time.Time // midnight; zero: today
	Without []string  // trucks that stay
	Closed  []string  // sites that are closed
	Tables  *Tables   // in place of the city's; nil: the city's
}

// Answer is what a day would be. It is a copy.
type Answer struct {
	Case
	Asked      time.Time
	Running    bool
	Progress   waste.Progress
	Why        string // there is no answer; empty: there is, once it no longer runs
	Containers int
	Tours      []Tour
	LeftOut    int
	Problems   []waste.Problem
	Currency   string
	Working    time.Duration // of all trucks
	Cost       float64
	Metres     float64
	KgCO2      float64
}

// trial is the question that was asked last, with its answer.
type trial struct {
	Answer
	stop context.CancelFunc
}

const (
	daysAhead   = 7 // that are foretold
	emptiedFrom = collected
)

// Ask begins to find out what a day would be; one that is being found out is left. Answer
// has it. Invalid: a day, truck or site that there is not.
func (s *Service) Ask(c Case) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() {
		return city.Errorf(city.Conflict, "the service has just begun: ask again in a moment")
	}
	today := midnight(s.at)
	if c.Day.IsZero() {
		c.Day = today
	}
	if c.Day.Before(today) || c.Day.After(today.AddDate(0, 0, daysAhead)) || !c.Day.Equal(midnight(c.Day)) {
		return city.Errorf(city.Invalid, "a day from %s to %s can be asked for", today.Format(time.DateOnly), today.AddDate(0, 0, daysAhead).Format(time.DateOnly))
	}
	for _, id := range c.Without {
		if !slices.ContainsFunc(s.town.Fleet.Trucks, func(t waste.Truck) bool { return t.ID == id }) {
			return city.Errorf(city.Invalid, "there is no truck %q", id)
		}
	}
	for _, id := range c.Closed {
		if !slices.ContainsFunc(s.town.Fleet.Sites, func(x waste.Site) bool { return x.ID == id }) {
			return city.Errorf(city.Invalid, "there is no site %q", id)
		}
	}
	if s.trial != nil && s.trial.stop != nil {
		s.trial.stop()
	}
	s.trial = &trial{Answer: Answer{Case: c, Asked: s.deps.Now(), Running: true}}
	s.wake()
	return nil
}

// Answer is what was found out last; false: nothing was asked.
func (s *Service) Answer() (Answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trial == nil {
		return Answer{}, false
	}
	a := s.trial.Answer
	a.Tours, a.Problems = slices.Clone(a.Tours), slices.Clone(a.Problems)
	return a, true
}

// WriteAnswerGPX writes a tour of the answer; NotFound if it has none for the truck.
func (s *Service) WriteAnswerGPX(w io.Writer, truck string) error {
	a, _ := s.Answer()
	for i := range a.Tours {
		if a.Tours[i].Truck == truck {
			return waste.WriteGPX(w, &a.Tours[i].Tour, a.Tours[i].Line)
		}
	}
	return city.Errorf(city.NotFound, "%q has no tour in what was asked last", truck)
}

// try begins the trial that was asked for, beside the run loop.
func (s *Service) try(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.trial
	if t == nil || !t.Running || t.stop != nil {
		return
	}
	town, containers, why := s.supposed(&t.Case)
	if why != nil {
		t.Running, t.Why = false, why.Error()
		return
	}
	ctx, t.stop = context.WithCancel(ctx)
	s.trials.Go(func() {
		a, err := s.found(ctx, t, town, containers)
		if err == nil {
			err = ctx.Err()
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		t.stop()
		t.Running = false
		if err != nil {
			t.Why = err.Error()
			return
		}
		a.Case, a.Asked, a.Progress = t.Case, t.Asked, t.Progress
		t.Answer = a
	})
}

// supposed is the town of a case, and how full its containers would be. The lock is held.
func (s *Service) supposed(c *Case) (*example.Town, []waste.Container, error) {
	town := *s.town
	var containers []waste.Container
	if c.Tables != nil {
		p, err := s.check(*c.Tables)
		if err != nil {
			return nil, nil, err
		}
		if n := p.Wrong(); n > 0 {
			return nil, nil, city.Errorf(city.Invalid, "%d lines are wrong: correct them first", n)
		}
		town.Containers, town.Fleet = p.Whole, p.Fleet
		containers = slices.Clone(p.Whole)
	} else {
		if s.model == nil {
			return nil, nil, city.Errorf(city.Conflict, "nothing is foretold yet: ask again in a moment")
		}
		gone := map[string]time.Time{}
		if today := s.kept.Today; c.Day.After(today.Day) {
			for i := range today.Tours {
				for _, call := range today.Tours[i].Calls {
					gone[call.Container] = today.Day.Add(emptiedFrom)
				}
			}
			maps.Copy(gone, today.Collected)
			for id := range today.Missed {
				delete(gone, id)
			}
		}
		containers, _ = s.foretell(s.model, c.Day, s.now(), gone)
	}
	town.Fleet.Trucks, town.Fleet.Sites = slices.Clone(town.Fleet.Trucks), slices.Clone(town.Fleet.Sites)
	for i := range town.Fleet.Trucks {
		t := &town.Fleet.Trucks[i]
		t.Out = t.Out || slices.Contains(c.Without, t.ID)
	}
	for i := range town.Fleet.Sites {
		x := &town.Fleet.Sites[i]
		x.Closed = x.Closed || slices.Contains(c.Closed, x.ID)
	}
	return &town, containers, nil
}

// found plans the day of a case.
func (s *Service) found(ctx context.Context, t *trial, town *example.Town, containers []waste.Container) (a Answer, err error) {
	streets, err := s.cfg.networks(ctx, town.Streets, &town.Fleet)
	if err != nil {
		return a, fmt.Errorf("streets: %w", err)
	}
	planner := &waste.Planner{Streets: streets, Fleet: town.Fleet, OverflowCost: overflowCost, Seconds: s.searchFor(), Seed: 1, Progress: func(p waste.Progress) {
		s.mu.Lock()
		t.Progress = p
		s.mu.Unlock()
	}}
	plan, err := planner.Plan(ctx, containers, nil, 0)
	if err != nil {
		return a, err
	}
	a = Answer{
		Containers: len(containers), LeftOut: len(plan.LeftOut), Problems: plan.Problems, Currency: town.Fleet.Currency,
		Working: working(plan), Cost: plan.Cost, Metres: plan.Metres, KgCO2: plan.KgCO2,
	}
	for i := range plan.Tours {
		a.Tours = append(a.Tours, Tour{Tour: plan.Tours[i], Line: plan.Line(&plan.Tours[i])})
	}
	return a, nil
}
