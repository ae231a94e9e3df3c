package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/waste"
	"polity/services/waste/rounds"
)

const (
	overtime = 2 * time.Hour // that shifts may be longer by after a breakdown
	warning  = 5 * time.Minute
	fullLoad = 0.7 // of a truck's load, from which on it takes on nothing more
	stay     = 25  // what a container that changes its truck has to save, in the trucks' currency
	forGood  = 1e6
)

// carryOut does what people agreed to.
func (s *Service) carryOut(ctx context.Context) error {
	list, err := s.deps.Decisions.Due(ctx)
	if err != nil {
		return err
	}
	for _, d := range list {
		var o order
		if err := json.Unmarshal(d.Detail, &o); err != nil {
			return errors.Join(err, s.deps.Decisions.Failed(ctx, d, "its detail cannot be read"))
		}
		s.mu.Lock()
		s.kept.Waiting = slices.DeleteFunc(s.kept.Waiting, func(id string) bool { return id == d.ID })
		s.mu.Unlock()
		failed := s.do(ctx, d, &o)
		if ctx.Err() != nil {
			return ctx.Err() // it is due at the next start
		}
		if failed != nil {
			s.deps.Log.Error("an order to crews was not carried out", slog.String("decision", d.ID), slog.Any("error", failed))
			err = s.deps.Decisions.Failed(ctx, d, service.Sentence(failed.Error(), 300))
		} else {
			err = s.deps.Decisions.Done(ctx, d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) do(ctx context.Context, d service.Due, o *order) error {
	s.mu.Lock()
	t := &s.kept.Today
	ours := t.Day.Equal(o.Day) && (d.ID == t.Decision || d.ID == t.Moves)
	s.mu.Unlock()
	switch {
	case !ours:
		return errOver
	case d.Undo && o.Kind == sendOut:
		return s.recall()
	case d.Undo:
		return s.takeBack(o)
	case o.Kind == handOn:
		return s.rearrange(ctx, o)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Phase == Driving {
		return nil
	}
	t.Phase = Driving
	t.give()
	for i := range t.Tours {
		s.send(&t.Tours[i])
	}
	return s.save()
}

// send has a made-up crew drive what is left of a tour, unless a person does. The lock is held.
func (s *Service) send(t *Tour) {
	if s.world == nil || s.kept.Today.Drivers[t.Truck].Person != "" {
		return
	}
	late := time.Duration(0)
	if rest := t.Calls[t.Done:]; len(rest) > 0 {
		late = max(0, s.clock()-rest[0].Arrive)
	}
	r := rounds.Round{Truck: t.Truck, Line: t.Line, Start: t.Start, End: t.End + late}
	for _, c := range t.Calls[t.Done:] {
		r.Stops = append(r.Stops, rounds.Stop{Container: c.Container, Site: c.Site, Place: c.Place, Arrive: c.Arrive + late, Leave: c.Leave + late, Kilograms: c.Kilograms})
	}
	s.world.Drive(r)
}

func (s *Service) recall() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.world != nil {
		s.world.Recall()
	}
	s.kept.Today.Phase = Recalled
	return s.save()
}

// takeBack takes from the trucks what they were to do for the broken one.
func (s *Service) takeBack(o *order) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.kept.Today.Tours {
		t := &s.kept.Today.Tours[i]
		if t.Truck == o.Truck {
			continue
		}
		before := len(t.Calls)
		done := slices.Clone(t.Calls[:t.Done])
		t.Calls = append(done, slices.DeleteFunc(slices.Clone(t.Calls[t.Done:]), func(c waste.Call) bool { return c.Container != "" && s.brokenHad(o.Truck, c.Container) })...)
		if len(t.Calls) != before {
			s.send(t)
		}
	}
	return s.save()
}

// brokenHad says whether a container was the broken truck's. The lock is held.
func (s *Service) brokenHad(truck, container string) bool {
	for i := range s.kept.Today.Tours {
		t := &s.kept.Today.Tours[i]
		if t.Truck == truck {
			return slices.ContainsFunc(t.Calls, func(c waste.Call) bool { return c.Container == container })
		}
	}
	return false
}

// happened takes what the made-up crews tell: a report, as of any crew.
func (s *Service) happened(ctx context.Context, e rounds.Event) error {
	if e.What == rounds.Dawn {
		return s.dawn(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.kept.Today
	at := slices.IndexFunc(t.Tours, func(x Tour) bool { return x.Truck == e.Truck })
	if at < 0 {
		return nil
	}
	r := Report{
		ID: fmt.Sprintf("made-up-%s-%s-%d", e.Truck, t.Day.Format(time.DateOnly), len(t.Reports)), Day: t.Day.Format(time.DateOnly),
		What: tells[e.What], Container: e.Container, Site: e.Site, Told: s.deps.Now(),
	}
	switch e.What {
	case rounds.Blocked:
		r.Reason = "blocked"
	case rounds.Unloaded:
		r.Kilograms = math.Round(e.Kilograms)
	}
	if err := s.take(&t.Tours[at], &r, e.At, false); err != nil {
		return err
	}
	return s.save()
}

// tells is what the made-up crews tell, as reports have it.
var tells = map[string]string{rounds.Emptied: Collected, rounds.Blocked: Missed, rounds.Unloaded: Unloaded, rounds.Broke: Stands, rounds.Home: Back}

// undone are the containers of the plan that were neither collected nor found blocked.
func (s *Service) undone(t *today) (list []string) {
	for i := range t.Tours {
		for _, c := range t.Tours[i].Calls {
			if _, missed := t.Missed[c.Container]; c.Container != "" && !missed && t.Collected[c.Container].IsZero() && !slices.Contains(list, c.Container) {
				list = append(list, c.Container)
			}
		}
	}
	return list
}

// dawn ends what was of the day before, and tells of containers that no truck came to.
func (s *Service) dawn(ctx context.Context) error {
	s.mu.Lock()
	tours, left := slices.Clone(s.kept.Today.Tours), s.undone(&s.kept.Today)
	for _, id := range left {
		s.kept.Misses[id] = Miss{Container: id, Day: s.kept.Today.Day, At: s.at, Reason: noTruck}
	}
	err := s.save()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for i := range tours {
		if err := s.settle(ctx, truckURN(tours[i].Truck), ""); err != nil {
			return err
		}
	}
	for _, id := range left {
		if err := s.raiseMissed(ctx, id); err != nil {
			return err
		}
	}
	return s.dropMoves(ctx, "The day is over.")
}

// standing is the fleet as it is out there, and what it has not done: for planning again
// from now on. The lock is held.
func (s *Service) standing(clock time.Duration) (fleet waste.Fleet, rest []waste.Container, keep *waste.Plan) {
	fleet = s.town.Fleet
	fleet.Trucks = slices.Clone(fleet.Trucks)
	keep = &waste.Plan{}
	t := &s.kept.Today
	full := map[string]bool{}
	for i := range fleet.Trucks {
		truck := &fleet.Trucks[i]
		truck.Shift.To += overtime
		truck.Shift.From = max(truck.Shift.From, clock+warning)
		at := slices.IndexFunc(t.Tours, func(x Tour) bool { return x.Truck == truck.ID })
		if at < 0 {
			continue
		}
		tour := &t.Tours[at]
		now := s.standingOf(tour)
		switch {
		case tour.Broken:
			truck.Out = true
		case now.Load > fullLoad*truck.Kilograms:
			truck.Out, full[truck.ID] = true, true
		case now.Place != (city.Point{}) && !tour.Home:
			truck.From = &now.Place
			share := 1 - now.Load/truck.Kilograms
			truck.Kilograms -= now.Load
			truck.Litres *= share
		}
		if tour.Break > 0 && tour.Break < clock {
			truck.BreakLength = 0
		}
		left := Tour{Tour: waste.Tour{Truck: truck.ID}}
		for _, c := range tour.Calls[tour.Done:] {
			if _, missed := t.Missed[c.Container]; c.Container == "" || missed || !t.Collected[c.Container].IsZero() {
				continue
			}
			left.Calls = append(left.Calls, c)
			if full[truck.ID] || slices.ContainsFunc(rest, func(x waste.Container) bool { return x.ID == c.Container }) {
				continue
			}
			x := s.town.Containers[s.index[c.Container]]
			x.Must, x.Overflow = true, 1
			x.Fill = c.Kilograms / (x.Litres * x.Density)
			rest = append(rest, x)
		}
		keep.Tours = append(keep.Tours, left.Tour)
	}
	return fleet, rest, keep
}

// proposeMoves asks who takes a broken truck's containers. Others keep theirs unless a move
// saves much.
func (s *Service) proposeMoves(ctx context.Context, broken string) error {
	s.mu.Lock()
	fleet, rest, keep := s.standing(s.clock())
	day := s.kept.Today.Day
	s.mu.Unlock()
	if len(rest) == 0 {
		return nil
	}
	plan, err := s.planner(fleet, whatSeconds).Plan(ctx, rest, keep, stay)
	if err != nil || ctx.Err() != nil {
		return err
	}
	was := holders(keep.Tours)
	is := holders(plan.Tours)
	o := order{Kind: handOn, Day: day, Truck: broken, To: is}
	gets, moved, others := map[string]int{}, 0, 0
	for id, truck := range is {
		if was[id] == broken {
			gets[truck]++
			moved++
		} else if was[id] != truck {
			others++
		}
	}
	if moved == 0 {
		s.note(plan.Problems)
		return nil
	}
	var parts []string
	for i := range s.town.Fleet.Trucks {
		if n := gets[s.town.Fleet.Trucks[i].ID]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s takes %d", s.town.Fleet.Trucks[i].ID, n))
		}
	}
	detail, err := json.Marshal(o)
	if err != nil {
		return err
	}
	now := s.deps.Now().UTC()
	effect := fmt.Sprintf("All of them are emptied today; %d containers of other trucks change hands.", others)
	if n := len(plan.Problems); n > 0 {
		effect = service.Sentence(fmt.Sprintf("%d of them stay today: %s %d containers of other trucks change hands.", n, plan.Problems[0], others), 300)
	}
	s.mu.Lock()
	p := service.Proposal{
		Decision: service.Decision{
			ID: s.name(handOn), Service: Name, Level: service.Confirm, Algorithm: "waste-tours", At: now,
			Inputs: []service.Input{{Entity: truckURN(broken), Attribute: "serviceStatus", Value: "broken down", At: now}},
			Reason: fmt.Sprintf("%s has broken down with %d containers still to empty.", broken, moved+len(plan.Problems)),
		},
		Do: service.Sentence(fmt.Sprintf("Give %s's containers to others: %s.", broken, strings.Join(parts, ", ")), 300), Effect: effect, Until: now.Add(openFor), Detail: detail,
	}
	s.mu.Unlock()
	if err := s.deps.Decisions.Propose(ctx, p); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.Today.Moves = p.ID
	s.kept.Today.Problems = plan.Problems
	for i := range s.kept.Today.Tours {
		if t := &s.kept.Today.Tours[i]; t.Truck == broken {
			t.Asked = true
		}
	}
	s.kept.Waiting = append(s.kept.Waiting, p.ID)
	return s.save()
}

func (s *Service) note(list []waste.Problem) {
	s.mu.Lock()
	s.kept.Today.Problems = list
	s.mu.Unlock()
}

// holders says which truck has which container.
func holders(tours []waste.Tour) map[string]string {
	has := map[string]string{}
	for _, t := range tours {
		for _, c := range t.Calls {
			if c.Container != "" {
				has[c.Container] = t.Truck
			}
		}
	}
	return has
}

func (s *Service) clock() time.Duration { return s.now().Sub(midnight(s.now())) }

// rearrange gives containers to the trucks that a person agreed to. In which order they
// drive is found from where they are now.
func (s *Service) rearrange(ctx context.Context, o *order) error {
	s.mu.Lock()
	fleet, rest, keep := s.standing(s.clock())
	s.mu.Unlock()
	agreed := &waste.Plan{}
	for i := range fleet.Trucks {
		tour := waste.Tour{Truck: fleet.Trucks[i].ID}
		for _, c := range rest {
			if o.To[c.ID] == tour.Truck {
				tour.Calls = append(tour.Calls, waste.Call{Container: c.ID})
			}
		}
		agreed.Tours = append(agreed.Tours, tour)
	}
	if len(rest) == 0 {
		return city.Errorf(city.Conflict, "nothing is left to be done for %s", o.Truck)
	}
	plan, err := s.planner(fleet, whatSeconds).Plan(ctx, rest, agreed, forGood)
	if err != nil || ctx.Err() != nil {
		return err
	}
	if len(plan.Tours) == 0 {
		return city.Errorf(city.Conflict, "no truck can take them any more today: %s", problems(plan.Problems))
	}
	was := holders(keep.Tours)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.kept.Today
	t.Problems = plan.Problems
	for i := range plan.Tours {
		fresh := &plan.Tours[i]
		fresh.Calls = slices.DeleteFunc(fresh.Calls, func(c waste.Call) bool { // done while it was planned
			return c.Container != "" && (!t.Collected[c.Container].IsZero() || t.Missed[c.Container] != "")
		})
		if !slices.ContainsFunc(fresh.Calls, func(c waste.Call) bool { return was[c.Container] == o.Truck }) && !changed(fresh, was) {
			continue // it goes on as before
		}
		at := slices.IndexFunc(t.Tours, func(x Tour) bool { return x.Truck == fresh.Truck })
		if at < 0 {
			t.Tours = append(t.Tours, Tour{Tour: *fresh, Line: plan.Line(fresh)})
			s.send(&t.Tours[len(t.Tours)-1])
			continue
		}
		s.join(&t.Tours[at], fresh, plan.Line(fresh))
	}
	t.give()
	if t.Phase == Over {
		t.Phase = Driving
	}
	s.total()
	s.plan = nil // prices of moves were those of the morning's tours
	return s.save()
}

func problems(list []waste.Problem) string {
	if len(list) == 0 {
		return "their shifts are over"
	}
	return list[0].String()
}

// changed says whether a tour has a container that another truck had.
func changed(t *waste.Tour, was map[string]string) bool {
	return slices.ContainsFunc(t.Calls, func(c waste.Call) bool { return c.Container != "" && was[c.Container] != t.Truck })
}

// join puts what is left of a day behind what was done of it. The lock is held.
func (s *Service) join(t *Tour, fresh *waste.Tour, line []city.Point) {
	done := slices.Clone(t.Calls[:t.Done])
	s.price(t, done, *fresh)
	t.Calls, t.End, t.Home = append(done, fresh.Calls...), fresh.End, false
	t.Kilograms = 0
	for _, c := range t.Calls {
		if c.Container != "" {
			t.Kilograms += c.Kilograms
		}
	}
	t.Line = append(slices.Clone(t.Line), line...)
	s.send(t)
}

// price is what a tour comes to: what was done of it, and what is left to drive.
func (s *Service) price(t *Tour, done []waste.Call, left waste.Tour) {
	truck := s.truck(t.Truck)
	t.Metres, t.Driving = left.Metres, left.Driving
	before := t.Start
	for _, c := range done {
		t.Metres += c.Metres
		t.Driving += max(0, c.Arrive-before)
		before = c.Leave
	}
	t.Cost = truck.PerDay + truck.PerKm*t.Metres/1000 + truck.PerHour*t.Driving.Hours()
	t.KgCO2 = truck.GramsCO2Km * t.Metres / 1e6
}

// total adds up the day's tours.
func (s *Service) total() {
	t := &s.kept.Today
	t.Cost, t.Metres, t.KgCO2 = 0, 0, 0
	for i := range t.Tours {
		t.Cost, t.Metres, t.KgCO2 = t.Cost+t.Tours[i].Cost, t.Metres+t.Tours[i].Metres, t.KgCO2+t.Tours[i].KgCO2
	}
}

func (s *Service) truck(id string) *waste.Truck {
	for i := range s.town.Fleet.Trucks {
		if s.town.Fleet.Trucks[i].ID == id {
			return &s.town.Fleet.Trucks[i]
		}
	}
	return &waste.Truck{}
}
