package live

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/traffic/entities"
	"polity/services/traffic/plan"
)

// kept is what a restart must not forget.
type kept struct {
	Junctions map[string]*standing `json:"junctions"`
	Alerts    map[string]alert     `json:"alerts"`
	Untold    service.Untold       `json:"untold,omitempty"`
}

// standing is what was decided about a junction.
type standing struct {
	On       bool      `json:"on"`             // the service may lead it
	Off      bool      `json:"off"`            // a person took it back
	By       string    `json:"by"`             // who did, or who let the service lead again
	At       time.Time `json:"at"`             // of On or Off
	Decision string    `json:"decision"`       // the last that was asked for
	Until    time.Time `json:"until"`          // of Decision
	Leads    string    `json:"leads"`          // the decision by which it is led
	Ends     time.Time `json:"ends"`           // of Off, as the person said; zero: until a person says so
	Plan     string    `json:"plan,omitempty"` // a decision about its plans that is not settled
}

// holdMost is the longest time that a person can name for holding a junction.
const holdMost = 7 * day

// HoldUntil notes until when a junction stays on its own plan once the decision by which it
// is led is overridden; the zero time: until a person agrees to lead it again. After the
// time it is led again without asking.
func (s *Service) HoldUntil(junction string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.kept.Junctions[junction]
	now := s.deps.Now()
	switch {
	case s.net.Junction(junction) < 0 || st == nil:
		return city.Errorf(city.NotFound, "there is no junction %s", junction)
	case !until.IsZero() && (!until.After(now) || until.Sub(now) > holdMost):
		return city.Errorf(city.Invalid, "a junction is held for a time to come, a week at most")
	}
	st.Ends = until.UTC()
	if until.IsZero() {
		st.Ends = time.Time{}
	}
	return s.save()
}

// order is the detail of a decision.
type order struct {
	Junction string       `json:"junction"`
	Plan     *plan.Change `json:"plan,omitempty"`   // nil: to lead the junction
	Before   *plan.Change `json:"before,omitempty"` // what Plan replaces
}

const (
	day       = 24 * time.Hour
	algorithm = "traffic-adaptive"
)

// orders does what is due, and asks for what is needed next: each day, inside its limits, to
// lead a junction; and a person's word to lead one again that a person took back.
func (s *Service) orders(ctx context.Context) error {
	due, err := s.deps.Decisions.Due(ctx)
	if err != nil {
		return err
	}
	for _, d := range due {
		if err := s.carryOut(ctx, d); err != nil {
			return err
		}
	}
	s.mu.Lock()
	var list []service.Proposal
	var moot []string
	now := s.deps.Now().UTC()
	for i, x := range s.sites {
		st := s.kept.Junctions[x.j.ID]
		if st == nil {
			st = &standing{}
			s.kept.Junctions[x.j.ID] = st
		}
		over := st.Off && !st.Ends.IsZero() && !now.Before(st.Ends) // the time that a person named
		if !x.connected || now.Before(st.Until) && !over {
			continue
		}
		p, err := s.proposal(i, st.Off && !over, now)
		if over {
			p.Reason = "The time is over for which a person had given it back to its own plan."
			st.Ends = time.Time{}
			if now.Before(st.Until) {
				moot = append(moot, st.Decision)
			}
		}
		if err != nil {
			s.mu.Unlock()
			return err
		}
		list = append(list, p)
	}
	s.mu.Unlock()
	for _, id := range moot {
		if err := s.deps.Moot(ctx, id, "The time that a person had named is over."); err != nil {
			return err
		}
	}
	for _, p := range list {
		if err := s.deps.Decisions.Propose(ctx, p); err != nil {
			return err
		}
		var o order
		if err := json.Unmarshal(p.Detail, &o); err != nil {
			return err
		}
		s.mu.Lock()
		st := s.kept.Junctions[o.Junction]
		st.Decision, st.Until = p.ID, p.Until
		err := s.save()
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) carryOut(ctx context.Context, d service.Due) error {
	var o order
	if err := json.Unmarshal(d.Detail, &o); err != nil {
		return s.deps.Decisions.Failed(ctx, d, "its detail cannot be read: "+err.Error())
	}
	if s.net.Junction(o.Junction) < 0 {
		return s.deps.Decisions.Failed(ctx, d, "the network has no junction "+o.Junction)
	}
	if o.Plan != nil {
		return s.carryOutPlan(ctx, d, &o)
	}
	s.mu.Lock()
	st := s.kept.Junctions[o.Junction]
	if st == nil {
		st = &standing{}
		s.kept.Junctions[o.Junction] = st
	}
	if st.On == d.Undo {
		st.At = s.deps.Now().UTC()
	}
	st.On, st.Off, st.By = !d.Undo, d.Undo, d.By
	if d.Undo {
		st.Until, st.Leads = time.Time{}, "" // what would lead it again is asked for at once
	} else {
		st.Leads, st.Ends = d.ID, time.Time{}
	}
	err := s.save()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.deps.Decisions.Done(ctx, d)
}

// proposal asks to lead a junction. The lock is held.
func (s *Service) proposal(i int, again bool, now time.Time) (service.Proposal, error) {
	x := s.sites[i]
	detail, err := json.Marshal(order{Junction: x.j.ID})
	if err != nil {
		return service.Proposal{}, err
	}
	p := service.Proposal{
		Decision: service.Decision{
			ID: fmt.Sprintf("lead-%s-%s", x.j.ID, now.Format("20060102T150405")), Service: Name, Level: service.Bounded, Algorithm: algorithm, At: now,
			Reason: "Its controller is connected, and its detectors show who comes.",
		},
		Do:     service.Sentence(fmt.Sprintf("Decide every second what the signals of %s show, for a day: greens of %.0f s at least, nobody red for more than %.0f s, its own intergreens.", name(x), shortest(x).Seconds(), longest(x).Seconds()), 300),
		Effect: "Shorter waits, on foot too; its own plan runs again as soon as the service is gone.",
		Until:  now.Add(day), Detail: detail,
	}
	if again {
		p.ID, p.Level = fmt.Sprintf("again-%s-%s", x.j.ID, now.Format("20060102T150405")), service.Confirm
		p.Reason = "A person gave the junction back to its own plan; whether that is over, people know."
	}
	p.Inputs = s.inputs(x, now)
	return p, nil
}

// inputs are what is known of a junction now. The lock is held.
func (s *Service) inputs(x *site, now time.Time) []service.Input {
	list := []service.Input{{Entity: entities.ID(entities.Junction, x.j.ID), Attribute: "signals", Value: orNone(x.letters), At: now}}
	for a, edge := range x.meter.edges {
		q := x.meter.approaches[a].queue(now)
		list = append(list, service.Input{Entity: entities.ID(entities.RoadSegment, edge), Attribute: "queue", Value: fmt.Sprintf("%d vehicles", q.Now), At: now})
	}
	return list
}

func orNone(s string) string {
	if s == "" {
		return "not told yet"
	}
	return s
}

func name(x *site) string {
	if x.j.Name != "" {
		return x.j.Name
	}
	return x.j.ID
}

func shortest(x *site) (t time.Duration) {
	for g := range x.j.Groups {
		if m := x.j.Groups[g].Timing.MinGreen; t == 0 || m < t {
			t = m
		}
	}
	return t
}

func longest(x *site) (t time.Duration) {
	for g := range x.j.Groups {
		t = max(t, x.j.Groups[g].Timing.MaxRed)
	}
	return t
}
