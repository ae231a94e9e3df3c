package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/power/grid"
	"polity/services/power/iec104"
	"polity/services/power/restore"
	"polity/services/power/switching"
)

// What a decision does, as its detail says.
const (
	giveBack = "restore" // cut a fault off and feed the others
	usual    = "return"  // a mended line goes back into service
)

// order is the detail of a decision.
type order struct {
	Kind  string `json:"kind"`
	Fault string `json:"fault"`
	Steps []step `json:"steps"`
}

type step struct {
	Line  int    `json:"line"`
	Name  string `json:"name"`
	Close bool   `json:"close"`
	Why   string `json:"why"`
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
	s.mu.Lock()
	var waiting []*Fault
	for _, f := range s.kept.Faults {
		if f.Waiting == "" && f.Note == "" && (!f.Isolated || f.Mended) {
			waiting = append(waiting, f)
		}
	}
	s.mu.Unlock()
	for _, f := range waiting {
		p, err := s.proposal(ctx, f)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.mu.Lock()
			f.Note = service.Sentence(err.Error(), 300)
			s.mu.Unlock()
			continue
		}
		if err := s.deps.Decisions.Propose(ctx, p); err != nil {
			return err
		}
		s.mu.Lock()
		f.Waiting, f.Tries = p.ID, f.Tries+1
		err = s.save()
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) proposal(ctx context.Context, f *Fault) (p service.Proposal, err error) {
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	s.mu.Lock()
	net, tags, now := s.standing(), s.tags(f.Line), s.deps.Now().UTC()
	fault := *f
	s.mu.Unlock()
	o := order{Kind: giveBack, Fault: f.ID}
	var doing, effect string
	if fault.Mended {
		o.Kind = usual
		if o.Steps, err = backSteps(net, &fault, tags); err != nil {
			return p, err
		}
		doing = fmt.Sprintf("Put %s back into service: %s.", f.Name, words(o.Steps))
		effect = "The network stands as on a usual day."
		if fault.Dark > 0 {
			effect = fmt.Sprintf("%d customers get power back; the network stands as on a usual day.", fault.Dark)
		}
	} else {
		plan, planErr := restore.Restore(ctx, net, restore.Fault{Line: f.Line, Dark: fault.Buses}, restore.Options{
			AtEnds: true, Switchable: s.switchable, Limits: limits(false), Tags: append(tags, switching.Tag{Line: f.Line, Reason: "faulty", By: "the power service"}),
		})
		if planErr != nil {
			return p, planErr
		}
		o.Steps = append(o.Steps, step{f.Line, f.Name, false, "So that nothing feeds the fault from either end."})
		for _, x := range plan.Order.Steps {
			if x.Action.Kind != switching.Open && x.Action.Kind != switching.Close {
				return p, city.Errorf(city.Invalid, "the order needs a step that only people at the place can do: %s", x.Text)
			}
			o.Steps = append(o.Steps, step{x.Action.Index, net.Lines[x.Action.Index].Name, x.Action.Kind == switching.Close, x.Why})
		}
		_, before := switching.Fed(net)
		doing = fmt.Sprintf("Cut %s out: %s.", f.Name, words(o.Steps))
		gain := plan.Customers - before
		effect = fmt.Sprintf("%d of %d customers get power back; %d wait for the repair.", gain, fault.Dark, fault.Dark-gain)
	}
	detail, err := json.Marshal(o)
	if err != nil {
		return p, err
	}
	return service.Proposal{
		Decision: service.Decision{
			ID: fmt.Sprintf("%s-%s-%d", o.Kind, f.ID, fault.Tries+1), Service: Name, Level: service.Confirm, Algorithm: "power-restoration", At: now,
			Reason: s.reason(&fault), Inputs: inputs(&fault, net, now),
		},
		Do: service.Sentence(doing, 300), Effect: effect, Until: now.Add(openFor), Detail: detail,
	}, nil
}

func (s *Service) reason(f *Fault) string {
	if f.Mended {
		return fmt.Sprintf("The crew has mended %s.", f.Name)
	}
	return service.Sentence(f.Reason, 300)
}

func inputs(f *Fault, net *grid.Network, now time.Time) []service.Input {
	line := "urn:ngsi-ld:PowerLine:" + f.Name
	list := []service.Input{
		{Entity: line, Attribute: "probabilityOpen", Value: fmt.Sprintf("%.0f %%", 100*f.Probability), At: now},
		{Entity: line, Attribute: "customersOut", Value: fmt.Sprint(f.Dark), At: now},
	}
	for i := range net.Lines {
		if l := &net.Lines[i]; !l.Closed() && i != f.Line {
			list = append(list, service.Input{Entity: "urn:ngsi-ld:PowerLine:" + l.Name, Attribute: "position", Value: "open", At: now})
		}
	}
	return list[:min(len(list), 64)]
}

// switchable are lines whose switch moves from here.
func (s *Service) switchable(line int) bool {
	if s.field == nil {
		return s.net.Lines[line].Switch
	}
	_, has := s.field.switches[line]
	return has
}

// backSteps closes the mended line and undoes what was done for it, in the other order: closed
// first where that keeps within limits, so that nobody's light goes out; else opened first.
func backSteps(net *grid.Network, f *Fault, tags []switching.Tag) ([]step, error) {
	back := []step{{f.Line, f.Name, true, "The line is mended."}}
	for _, i := range slices.Backward(f.Closed) {
		back = append(back, step{i, net.Lines[i].Name, false, "It stood in for " + f.Name + "."})
	}
	for _, i := range slices.Backward(f.Opened) {
		back = append(back, step{i, net.Lines[i].Name, true, "It is closed on a usual day."})
	}
	first := tried(net, back, limits(true), tags)
	if first == nil {
		return back, nil
	}
	last := append(slices.Clone(back[1:]), back[0])
	if err := tried(net, last, limits(false), tags); err != nil {
		return nil, errors.Join(first, err)
	}
	return last, nil
}

// tried does steps on a copy of the network, each within limits.
func tried(net *grid.Network, steps []step, l switching.Limits, tags []switching.Tag) error {
	board := switching.NewBoard(net, l, tags)
	for i, x := range steps {
		if board.Network().Lines[x.Line].Closed() == x.Close {
			continue // it stands there already
		}
		after, err := board.Do(x.action())
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, verb(x), err)
		}
		if len(after.Violations) > 0 {
			return city.Errorf(city.Conflict, "step %d, %s: %s", i+1, verb(x), after.Violations[0].Text)
		}
	}
	return nil
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

// carryOut does what people agreed to, step by step, each tried on the network as it stands
// now before its switch moves.
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
		s.carrying = d.ID
		s.mu.Unlock()
		failed := s.do(ctx, d, &o)
		s.mu.Lock()
		s.carrying = ""
		s.mu.Unlock()
		if ctx.Err() != nil {
			return ctx.Err() // it is due at the next start
		}
		if failed != nil {
			s.deps.Log.Error("a switching order was not carried out", slog.String("decision", d.ID), slog.Any("error", failed))
			err = s.deps.Decisions.Failed(ctx, d, service.Sentence(failed.Error(), 300))
		} else {
			err = s.deps.Decisions.Done(ctx, d)
		}
		if err = errors.Join(err, s.over(ctx, &o, d, failed)); err != nil {
			return err
		}
	}
	return nil
}

// do moves the switches of an order, or moves them back.
func (s *Service) do(ctx context.Context, d service.Due, o *order) error {
	if s.field == nil {
		return city.Errorf(city.Unavailable, "no outstation is configured: nothing can be operated from here")
	}
	steps := slices.Clone(o.Steps)
	if d.Undo {
		slices.Reverse(steps)
		for i := range steps {
			steps[i].Close = !steps[i].Close
		}
		if o.Kind == giveBack {
			steps = steps[:len(steps)-1] // the faulty line stays open
		}
	}
	s.mu.Lock()
	f := s.byID(o.Fault)
	if f == nil {
		s.mu.Unlock()
		return errStale
	}
	but := f.Line
	if !f.Mended {
		but = -1
	}
	tags := s.tags(but)
	s.mu.Unlock()
	for i, x := range steps {
		s.mu.Lock()
		net := s.standing()
		s.mu.Unlock()
		if x.Line < 0 || x.Line >= len(net.Lines) || net.Lines[x.Line].Name != x.Name {
			return errStale
		}
		if isolates := x.Line == f.Line && !x.Close; !isolates { // the network has it open already
			if net.Lines[x.Line].Closed() == x.Close {
				continue
			}
			if err := tried(net, steps[i:i+1], limits(o.Kind == usual || d.Undo), tags); err != nil {
				return fmt.Errorf("nothing more was moved: %w", err)
			}
		}
		if err := s.field.operate(ctx, x.Line, x.Close, iec104.Confirmation{By: d.By, Decision: d.ID}); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, verb(x), err)
		}
		if x.Line == f.Line {
			s.mu.Lock()
			f.Isolated = !x.Close
			err := s.save()
			s.mu.Unlock()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) byID(id string) *Fault {
	for _, f := range s.kept.Faults {
		if f.ID == id {
			return f
		}
	}
	return nil
}

// over notes what an order came to.
func (s *Service) over(ctx context.Context, o *order, d service.Due, failed error) error {
	s.mu.Lock()
	f := s.byID(o.Fault)
	if f == nil {
		s.mu.Unlock()
		return nil
	}
	now := s.deps.Now()
	f.Waiting = ""
	ended := false
	switch {
	case failed != nil:
		if f.Tries >= 3 {
			f.Note = "Three orders could not be carried out: people at the place are needed."
		}
	case d.Undo:
		f.Note = "A person had the order undone."
	case o.Kind == giveBack:
		for _, x := range o.Steps[1:] {
			if x.Close {
				f.Closed = append(f.Closed, x.Line)
			} else {
				f.Opened = append(f.Opened, x.Line)
			}
		}
		f.Restored = now.UTC()
	case o.Kind == usual:
		f.Isolated, ended = false, true
	}
	s.settled(f, now)
	if ended {
		s.kept.Faults = slices.DeleteFunc(s.kept.Faults, func(x *Fault) bool { return x == f })
		s.known = s.standing()
	}
	err := s.save()
	s.mu.Unlock()
	if ended {
		err = errors.Join(err, s.publish(ctx, f, now))
	}
	return err
}
