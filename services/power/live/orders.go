package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/power/grid"
	"polity/services/power/restore"
	"polity/services/power/switching"
)

// What a decision does, as its detail says.
const (
	giveBack = "restore" // cut a fault off and feed the others
	usual    = "return"  // a mended line goes back into service
	byHand   = "switch"  // what a person wrote on the board
)

// order is the detail of a decision.
type order struct {
	Kind  string `json:"kind"`
	Fault string `json:"fault,omitempty"` // none where a person wrote it
	Steps []step `json:"steps"`
	Tags  []Tag  `json:"tags,omitempty"` // in force when it was made
}

type step struct {
	Line  int    `json:"line"`
	Name  string `json:"name"`
	Close bool   `json:"close"`
	Why   string `json:"why"`
	After *Check `json:"after,omitempty"`
}

func (s step) action() switching.Action {
	if s.Close {
		return switching.Action{Kind: switching.Close, Index: s.Line}
	}
	return switching.Action{Kind: switching.Open, Index: s.Line}
}

const (
	planTime = 5 * time.Second
	openFor  = 4 * time.Hour // that a person can agree
)

// propose puts before people what follows for each fault that nothing waits for.
func (s *Service) propose(ctx context.Context) error {
	if err := s.renew(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	var waiting []*Fault
	for _, f := range s.kept.Faults {
		if f.Waiting == "" && f.Note == "" && (!f.Isolated || f.Mended) {
			waiting = append(waiting, f)
		}
	}
	s.mu.Unlock()
	for _, f := range waiting {
		p, steps, err := s.proposal(ctx, f)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.mu.Lock()
			f.Note, f.Noted = service.Sentence(err.Error(), 300), s.picturedAs()
			s.mu.Unlock()
			continue
		}
		// One of this id that the book has already was made before a crash: it waits.
		if err := s.deps.Decisions.Propose(ctx, p); err != nil && city.KindOf(err) != city.Conflict {
			return err
		}
		s.mu.Lock()
		f.Waiting, f.Until, f.Order, f.Tries = p.ID, p.Until, steps, f.Tries+1
		err = s.save()
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// renew takes back orders that the network as it stands now does not allow any more, and
// forgets those that nobody answered in time: others are looked for.
func (s *Service) renew(ctx context.Context) error {
	type old struct {
		f   *Fault
		id  string
		why string
	}
	var list []old
	s.mu.Lock()
	now, as := s.deps.Now(), s.picturedAs()
	same := as == s.checkedAs
	s.checkedAs = as
	for _, f := range s.kept.Faults {
		switch {
		case f.Note != "" && f.Noted != "" && f.Noted != as:
			f.Note, f.Noted = "", "" // what was in the way may be gone
		case f.Waiting == "" || f.Waiting == s.carrying:
		case now.After(f.Until):
			list = append(list, old{f, f.Waiting, "Nobody agreed in time."})
		case !same && len(f.Order) > 0:
			if _, err := checked(s.standing(), f.Order, s.rules(f.Mended, f.Line)); err != nil {
				list = append(list, old{f, f.Waiting, "The network has changed: " + err.Error()})
			}
		}
	}
	s.mu.Unlock()
	for _, x := range list {
		switch err := s.deps.Decisions.Withdraw(ctx, x.id, service.Sentence(x.why, 300)); {
		case city.KindOf(err) == city.Conflict && now.Before(x.f.Until):
			continue // somebody answered it meanwhile; each step is tried again before it is done
		case err != nil && city.KindOf(err) != city.Conflict && city.KindOf(err) != city.NotFound:
			return err
		}
		s.mu.Lock()
		if x.f.Waiting == x.id {
			x.f.Waiting, x.f.Order = "", nil
		}
		err := s.save()
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// picturedAs tells one state of switches, faults and tags from another. The lock is held.
func (s *Service) picturedAs() string {
	sum := fnv.New64a()
	net := s.standing()
	for i := range net.Lines {
		fmt.Fprintf(sum, "%v", net.Lines[i].Closed())
	}
	for _, f := range s.kept.Faults {
		fmt.Fprintf(sum, "|%s %v %v", f.ID, f.Isolated, f.Mended)
	}
	for i := range s.kept.Tags {
		fmt.Fprintf(sum, "|%s", s.kept.Tags[i].Line)
	}
	return strconv.FormatUint(sum.Sum64(), 16)
}

func (s *Service) proposal(ctx context.Context, f *Fault) (p service.Proposal, steps []step, err error) {
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	s.mu.Lock()
	net, now := s.standing(), s.deps.Now().UTC()
	one, loops := s.rules(false, f.Line), s.rules(true, f.Line)
	fault := *f
	o := order{Kind: giveBack, Fault: f.ID, Tags: slices.Clone(s.kept.Tags)}
	s.mu.Unlock()
	var doing, effect string
	if fault.Mended {
		o.Kind = usual
		if o.Steps, err = backSteps(s.net, net, &fault, one, loops); err != nil {
			return p, nil, err
		}
		doing = fmt.Sprintf("Put %s back into service: %s.", f.Name, words(o.Steps))
		effect = "The network stands as on a usual day."
		if fault.Dark > 0 {
			effect = fmt.Sprintf("%d customers get power back; the network stands as on a usual day.", fault.Dark)
		}
	} else {
		if o.Steps, err = s.restoreSteps(ctx, net, &fault, one); err != nil {
			return p, nil, err
		}
		_, before := switching.Fed(net)
		doing = fmt.Sprintf("Cut %s out: %s.", f.Name, words(o.Steps))
		gain := o.Steps[len(o.Steps)-1].After.Customers - before
		effect = fmt.Sprintf("%d of %d customers get power back; %d wait for the repair.", gain, fault.Dark, fault.Dark-gain)
	}
	p, err = proposed(&o, fmt.Sprintf("%s-%s-%d", o.Kind, f.ID, fault.Tries+1), now)
	p.Reason, p.Inputs, p.Do, p.Effect = s.reason(&fault), inputs(&fault, net, now), service.Sentence(doing, 300), effect
	return p, o.Steps, err
}

// proposed is a decision to confirm about an order; the caller says what it does, and why.
func proposed(o *order, id string, now time.Time) (service.Proposal, error) {
	detail, err := json.Marshal(o)
	return service.Proposal{
		Decision: service.Decision{ID: id, Service: Name, Level: service.Confirm, Algorithm: "power-restoration", At: now},
		Until:    now.Add(openFor), Detail: detail,
	}, err
}

// restoreSteps cut a fault out and feed the others.
func (s *Service) restoreSteps(ctx context.Context, net *grid.Network, f *Fault, r rules) ([]step, error) {
	plan, err := restore.Restore(ctx, net, restore.Fault{Line: f.Line, Dark: f.Buses}, restore.Options{
		AtEnds: true, Switchable: s.switchable, Limits: r.limits,
		Tags: append(slices.Clone(r.tags), switching.Tag{Line: f.Line, Reason: "faulty", By: "the power service"}),
	})
	if err != nil {
		return nil, err
	}
	steps := []step{{Line: f.Line, Name: f.Name, Why: "So that nothing feeds the fault from either end."}}
	for _, x := range plan.Order.Steps {
		if x.Action.Kind != switching.Open && x.Action.Kind != switching.Close {
			return nil, city.Errorf(city.Invalid, "the order needs a step that only people at the place can do: %s", x.Text)
		}
		steps = append(steps, step{Line: x.Action.Index, Name: net.Lines[x.Action.Index].Name, Close: x.Action.Kind == switching.Close, Why: x.Why})
	}
	return checked(net, steps, r)
}

func (s *Service) reason(f *Fault) string {
	switch {
	case f.Mended && f.MendedBy != "":
		return fmt.Sprintf("%s says that %s is mended.", f.MendedBy, f.Name)
	case f.Mended:
		return fmt.Sprintf("The crew has mended %s.", f.Name)
	}
	return service.Sentence(f.Reason, 300)
}

const inputsMost = 64

func inputs(f *Fault, net *grid.Network, now time.Time) []service.Input {
	line := entityOf(f.Name)
	list := []service.Input{
		{Entity: line, Attribute: "probabilityOpen", Value: fmt.Sprintf("%.0f %%", 100*f.Probability), At: now},
		{Entity: line, Attribute: "customersOut", Value: fmt.Sprint(f.Dark), At: now},
	}
	return append(list, openLines(net, f.Line, now)...)
}

// openLines are positions as an order is made from: those that are open.
func openLines(net *grid.Network, but int, now time.Time) (list []service.Input) {
	for i := range net.Lines {
		if l := &net.Lines[i]; !l.Closed() && i != but && len(list) < inputsMost {
			list = append(list, service.Input{Entity: entityOf(l.Name), Attribute: "position", Value: "open", At: now})
		}
	}
	return list
}

// entityOf is the id of a line in the city's data and in work orders.
func entityOf(line string) string { return "urn:ngsi-ld:PowerLine:" + line }

// switchable are lines whose switch moves from here.
func (s *Service) switchable(line int) bool {
	if s.field == nil {
		return s.net.Lines[line].Switch
	}
	_, has := s.field.switches[line]
	return has
}

// backSteps closes the mended line and undoes what was done for it and is not as on a usual day
// (a line that another fault had open may have stood in for this one), in the other order: closed
// first where that keeps within limits, so that nobody's light goes out; else opened first.
func backSteps(usual, net *grid.Network, f *Fault, one, loops rules) ([]step, error) {
	back := []step{{Line: f.Line, Name: f.Name, Close: true, Why: "The line is mended."}}
	for _, i := range slices.Backward(f.Closed) {
		if usual.Lines[i].Closed() { // it was open for another fault, which is over
			continue
		}
		back = append(back, step{Line: i, Name: net.Lines[i].Name, Why: "It stood in for " + f.Name + "."})
	}
	for _, i := range slices.Backward(f.Opened) {
		if !usual.Lines[i].Closed() {
			continue
		}
		back = append(back, step{Line: i, Name: net.Lines[i].Name, Close: true, Why: "It is closed on a usual day."})
	}
	steps, first := checked(net, back, loops)
	if first == nil {
		return steps, nil
	}
	steps, err := checked(net, append(slices.Clone(back[1:]), back[0]), one)
	if err != nil {
		return nil, errors.Join(first, err)
	}
	return steps, nil
}

func verb(x step) string {
	if x.Close {
		return "close " + x.Name
	}
	return "open " + x.Name
}

func words(steps []step) string {
	var list []string
	for _, x := range steps {
		list = append(list, verb(x))
	}
	return service.List(list)
}
