package live

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/waste"
)

// Move gives a container to a truck; truck "" is none: the container waits for another day.
type Move struct{ Container, Truck string }

// Moved is a move and what it means.
type Moved struct {
	Move
	From string // the truck that had it; empty: none
	waste.Price
}

// Draft is the day's plan with moves that nobody has put forward yet.
type Draft struct {
	Decision            string  // that waits for a person, and that the moves would replace
	Moves               []Moved // in order
	Asked               *Moved  // what one more would mean
	Tours               []Tour
	Waiting             []string // containers for another day
	Problems            []waste.Problem
	Cost, Metres, KgCO2 float64
	Working             time.Duration // of all trucks, from leaving the depot to coming home
}

// MovesMost is how many moves a draft may have.
const MovesMost = 100

// drafted is a plan with moves.
type drafted struct {
	plan  *waste.Plan
	moved []Moved
}

const draftsMost = 64

// Draft is the plan that waits for a decision with moves made, and what another one, asked,
// would mean; an empty one asks nothing. It changes nothing. Conflict: no plan waits, or a
// move does not fit or leads nowhere else; NotFound: one is of something that the plan does not have.
func (s *Service) Draft(moves []Move, asked Move) (Draft, error) {
	d, on, err := s.draft(moves)
	if err != nil {
		return Draft{}, err
	}
	v := Draft{
		Decision: on, Moves: d.moved, Waiting: slices.Clone(d.plan.LeftOut), Problems: slices.Clone(d.plan.Problems),
		Cost: d.plan.Cost, Metres: d.plan.Metres, KgCO2: d.plan.KgCO2, Working: working(d.plan),
	}
	for i := range d.plan.Tours {
		v.Tours = append(v.Tours, Tour{Tour: d.plan.Tours[i], Line: d.plan.Line(&d.plan.Tours[i])})
	}
	if asked.Container == "" {
		return v, nil
	}
	price, err := d.plan.Move(asked.Container, asked.Truck)
	if err != nil {
		return v, err
	}
	from := holders(d.plan.Tours)[asked.Container]
	if from == asked.Truck {
		return v, city.Errorf(city.Conflict, "%s is there already", asked.Container)
	}
	v.Asked = &Moved{asked, from, price}
	return v, nil
}

func working(p *waste.Plan) (sum time.Duration) {
	for i := range p.Tours {
		sum += p.Tours[i].End - p.Tours[i].Start
	}
	return sum
}

// draft makes moves, and names the decision that waits.
func (s *Service) draft(moves []Move) (drafted, string, error) {
	if len(moves) > MovesMost {
		return drafted{}, "", city.Errorf(city.TooLarge, "a draft has at most %d moves: put these forward first", MovesMost)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.kept.Today
	if s.plan == nil || t.Phase != Proposed || len(t.Tours) == 0 {
		return drafted{}, "", city.Errorf(city.Conflict, "tours can be changed while the plan of the day waits for a decision")
	}
	d := drafted{plan: s.plan}
	if s.draftsOf != t.Decision {
		s.draftsOf, s.drafts = t.Decision, map[string]drafted{}
	}
	for i, m := range moves {
		key, err := json.Marshal(moves[:i+1])
		if err != nil {
			return drafted{}, "", err
		}
		if known, is := s.drafts[string(key)]; is {
			d = known
			continue
		}
		from := holders(d.plan.Tours)[m.Container]
		next, price, err := d.plan.Moved(m.Container, m.Truck)
		if err != nil {
			return drafted{}, "", err
		}
		d = drafted{next, append(slices.Clone(d.moved), Moved{m, from, price})}
		if len(s.drafts) >= draftsMost {
			s.drafts = map[string]drafted{}
		}
		s.drafts[string(key)] = d
	}
	return d, t.Decision, nil
}

// unsent is a plan that a person changed, until the book of decisions has it.
type unsent struct {
	Old      string           `json:"old"` // the decision that it replaces
	Proposal service.Proposal `json:"proposal"`
	Today    today            `json:"today"`
}

// PutForward replaces the plan that waits, and whose decision is on, by the one with moves
// made: the old decision is withdrawn, and the new one waits for a person. Conflict: the plan
// was answered or changed meanwhile, or a move does not fit.
func (s *Service) PutForward(ctx context.Context, on string, moves []Move) error {
	if len(moves) == 0 {
		return city.Errorf(city.Invalid, "nothing was moved")
	}
	s.edit.Lock()
	defer s.edit.Unlock()
	d, now, err := s.draft(moves)
	if err != nil {
		return err
	}
	if now != on {
		return errChanged
	}
	tours := make([]Tour, len(d.plan.Tours))
	for i := range d.plan.Tours {
		tours[i] = Tour{Tour: d.plan.Tours[i], Line: d.plan.Line(&d.plan.Tours[i])}
	}
	s.mu.Lock()
	if s.kept.Today.Decision != on || s.kept.Today.Phase != Proposed {
		s.mu.Unlock()
		return errChanged
	}
	t := s.kept.Today
	for i := range t.Fewer {
		t.Fewer = slices.Clone(t.Fewer)
		f := &t.Fewer[i]
		f.Cost, f.Metres, f.KgCO2 = f.Cost+t.Cost-d.plan.Cost, f.Metres+t.Metres-d.plan.Metres, f.KgCO2+t.KgCO2-d.plan.KgCO2
	}
	t.Tours, t.LeftOut, t.Problems, t.Edits = tours, d.plan.LeftOut, d.plan.Problems, t.Edits+len(moves)
	t.Cost, t.Metres, t.KgCO2 = d.plan.Cost, d.plan.Metres, d.plan.KgCO2
	t.Given = map[string][]string{}
	t.give()
	p, err := s.proposal(&t, s.town.Containers)
	if err == nil {
		t.Decision, t.Until = p.ID, p.Until
		s.kept.Unsent = &unsent{on, p, t}
		err = s.save()
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if err := s.deps.Decisions.Withdraw(ctx, on, "The tours were changed by hand and are put forward anew."); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.kept.Unsent = nil
		if kind := city.KindOf(err); kind == city.Conflict || kind == city.NotFound {
			err = errChanged
		}
		if bad := s.save(); bad != nil {
			return bad
		}
		return err
	}
	return s.forward(ctx, d.plan)
}

var errChanged = city.Errorf(city.Conflict, "the plan was answered, or changed, meanwhile: look at it again")

// forward brings a changed plan into the book of decisions; nil plan: after a restart.
func (s *Service) forward(ctx context.Context, plan *waste.Plan) error {
	s.mu.Lock()
	u := s.kept.Unsent
	s.mu.Unlock()
	if u == nil {
		return nil
	}
	if err := s.deps.Decisions.Propose(ctx, u.Proposal); err != nil {
		return fmt.Errorf("put the changed tours forward: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.Waiting = slices.DeleteFunc(s.kept.Waiting, func(id string) bool { return id == u.Old })
	s.kept.Waiting = append(s.kept.Waiting, u.Proposal.ID)
	s.kept.Today, s.kept.Unsent, s.plan = u.Today, nil, plan
	return s.save()
}

// takeUp does after a restart what a changed plan was left at, and knows again what moves
// cost of a plan that waits.
func (s *Service) takeUp(ctx context.Context) error {
	s.mu.Lock()
	u := s.kept.Unsent
	s.mu.Unlock()
	if u != nil {
		if err := s.deps.Moot(ctx, u.Old, "The tours were changed by hand and are put forward anew."); err != nil {
			return err
		}
		if err := s.forward(ctx, nil); err != nil {
			return err
		}
	}
	s.mu.Lock()
	t := &s.kept.Today
	tours, day := t.plain(), t.Day
	resume := s.world == nil && s.plan == nil && t.Phase == Proposed && len(tours) > 0 && day.Equal(midnight(s.now()))
	s.mu.Unlock()
	if !resume {
		return nil
	}
	containers, err := s.expect(ctx, day, s.now())
	if err != nil {
		return err
	}
	for _, tour := range tours {
		for _, c := range tour.Calls {
			if i, known := s.index[c.Container]; known {
				x := &containers[i]
				x.Fill = c.Kilograms / (x.Litres * x.Density)
			}
		}
	}
	plan, err := s.planner(s.town.Fleet, s.searchFor()).Resume(ctx, containers, tours)
	if err != nil || ctx.Err() != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept.Today.Day.Equal(day) && s.kept.Today.Phase == Proposed {
		plan.Problems = slices.Clone(s.kept.Today.Problems)
		s.plan = plan
	}
	return nil
}

// plain are a day's tours as they were planned.
func (t *today) plain() (list []waste.Tour) {
	for i := range t.Tours {
		list = append(list, t.Tours[i].Tour)
	}
	return list
}
