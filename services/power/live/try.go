package live

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"polity/city"
	"polity/service"
	"polity/services/power/grid"
	"polity/services/power/switching"
)

// Move is a switch moved, as people write it: "open branch.7" or "close branch.33".
type Move struct {
	Line  string
	Close bool
}

// ReadMove reads one.
func ReadMove(text string) (Move, error) {
	word, line, _ := strings.Cut(strings.TrimSpace(text), " ")
	if line = strings.TrimSpace(line); line == "" || (word != "open" && word != "close") {
		return Move{}, city.Errorf(city.Invalid, "%.60q is no move: write open or close and the name of a line", text)
	}
	return Move{Line: line, Close: word == "close"}, nil
}

func (m Move) String() string { return verb(step{Name: m.Line, Close: m.Close}) }

// MovesMost is how many moves a trial and an order may have.
const MovesMost = 40

// Trial is what moves would lead to on a copy of the network as it stands. Nothing is sent.
type Trial struct {
	Picture          // after the last move that can be made
	Before    Check  // as it stands
	Steps     []Step // those that can be made
	Refused   string // why the move behind them cannot be; empty: all can
	Customers int    // of the network
	Allowed   bool   // every step keeps the limits, and no loop stays: it can be proposed
}

// Step is a move, with what it leads to.
type Step struct {
	Move
	After  Check
	Broken []string // limits that the network breaks then, each in a sentence
}

// Try makes moves on a copy of the network as it stands now.
func (s *Service) Try(moves []Move) Trial {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, _ := s.try(moves)
	return t
}

// try also returns the network that the moves lead from. The lock is held.
func (s *Service) try(moves []Move) (Trial, *grid.Network) {
	net, r := s.standing(), s.rules(true, -1)
	var t Trial
	_, t.Customers = switching.Fed(s.net)
	board := switching.NewBoard(net, r.limits, r.tags)
	if state, err := switching.Look(net, r.limits); err == nil {
		t.Before = checkOf(state, net)
	}
	t.Allowed = len(moves) > 0 && len(moves) <= MovesMost
	for _, m := range moves[:min(len(moves), MovesMost)] {
		x, err := s.move(board, &r, m)
		if err != nil {
			t.Refused, t.Allowed = fmt.Sprintf("%s: %s.", m, strings.TrimSuffix(err.Error(), ".")), false
			break
		}
		t.Steps = append(t.Steps, x)
		t.Allowed = t.Allowed && len(x.Broken) == 0
	}
	if len(moves) > MovesMost {
		t.Refused = fmt.Sprintf("%d moves are too many for one order; %d are the most.", len(moves), MovesMost)
	}
	t.Picture, _ = s.draw(board.Network())
	t.Allowed = t.Allowed && len(t.Loops) == 0
	return t, net
}

// move makes one on a board.
func (s *Service) move(board *switching.Board, r *rules, m Move) (x Step, err error) {
	i := lineOf(s.net, m.Line)
	if i < 0 {
		return x, city.Errorf(city.NotFound, "the network has no line of this name")
	}
	if s.field != nil && !s.switchable(i) {
		return x, city.Errorf(city.Conflict, "it has no switch that moves from here")
	}
	if f := s.fault(i); f != nil && !f.Mended {
		return x, city.Errorf(city.Conflict, "it is the line that failed; its own order cuts it out and puts it back")
	}
	before := board.Network()
	one := step{Line: i, Name: m.Line, Close: m.Close}
	state, err := board.Do(one.action())
	if err != nil {
		return x, err
	}
	x = Step{Move: m, After: checkOf(state, board.Network())}
	for _, v := range state.Violations {
		x.Broken = append(x.Broken, v.Text)
	}
	if fault := r.feeds(before, board.Network()); fault != "" {
		x.Broken = append(x.Broken, fmt.Sprintf("It would feed the fault in %s, which is not cut out yet.", fault))
	}
	return x, nil
}

const wroteMost = 100

// Write puts moves that a person tried before people, as a decision to confirm. Each step is
// checked as those of every order are, now and again before its switch moves.
func (s *Service) Write(ctx context.Context, by string, moves []Move, why string) (id string, err error) {
	if by == "" {
		return "", city.Errorf(city.Forbidden, "an order has the name of the person who wrote it")
	}
	if why, err = sentence("why it is to be done", why); err != nil {
		return "", err
	}
	s.mu.Lock()
	p, err := s.written(by, moves, why)
	if err == nil {
		s.kept.Written++
		s.kept.Wrote = append(s.kept.Wrote, p.ID)
		s.kept.Wrote = slices.Delete(s.kept.Wrote, 0, max(0, len(s.kept.Wrote)-wroteMost))
		err = s.save()
	}
	s.mu.Unlock()
	if err != nil {
		return "", err
	}
	return p.ID, s.deps.Decisions.Propose(ctx, p)
}

// written is the decision about moves. The lock is held.
func (s *Service) written(by string, moves []Move, why string) (p service.Proposal, err error) {
	if s.field == nil {
		return p, city.Errorf(city.Conflict, "no outstation is configured: nothing can be operated from here")
	}
	t, net := s.try(moves)
	if !t.Allowed {
		return p, city.Errorf(city.Conflict, "%s", t.wrong())
	}
	now := s.deps.Now().UTC()
	o := order{Kind: byHand, Tags: slices.Clone(s.kept.Tags)}
	for _, m := range moves {
		o.Steps = append(o.Steps, step{Line: lineOf(s.net, m.Line), Name: m.Line, Close: m.Close, Why: "As " + by + " tried it on the board."})
	}
	if o.Steps, err = checked(net, o.Steps, s.rules(true, -1)); err != nil {
		return p, err
	}
	p, err = proposed(&o, fmt.Sprintf("%s-%s-%d", byHand, now.Format("20060102T150405"), s.kept.Written+1), now)
	p.Reason = service.Sentence(fmt.Sprintf("%s wrote it: %s", by, why), 300)
	p.Do = service.Sentence("Switch: "+words(o.Steps)+".", 300)
	last := o.Steps[len(o.Steps)-1].After
	switch gain := last.Customers - t.Before.Customers; {
	case gain > 0:
		p.Effect = fmt.Sprintf("%d customers get power back.", gain)
	case gain < 0:
		p.Effect = fmt.Sprintf("%d customers lose power.", -gain)
	default:
		p.Effect = fmt.Sprintf("As many customers have power as before; %.1f kW are lost in place of %.1f, and the lowest voltage is %.1f %%.", t.LossKW, s.lossKW(net), 100*last.LowestPU)
	}
	p.Inputs = append([]service.Input{{Entity: "urn:ngsi-ld:PowerNetwork:" + strings.ReplaceAll(s.net.Name, " ", "-"), Attribute: "customersFed", Value: fmt.Sprint(t.Before.Customers), At: now}}, openLines(net, -1, now)...)
	p.Inputs = p.Inputs[:min(len(p.Inputs), inputsMost)]
	return p, err
}

// lossKW is what a network loses; 0 where it has no power flow. The lock is held.
func (s *Service) lossKW(net *grid.Network) float64 {
	p, _ := s.draw(net)
	return p.LossKW
}

// wrong says why a trial cannot be proposed.
func (t *Trial) wrong() string {
	if t.Refused != "" {
		return t.Refused
	}
	for i := range t.Steps {
		if len(t.Steps[i].Broken) > 0 {
			return fmt.Sprintf("step %d, %s: %s", i+1, t.Steps[i].Move, t.Steps[i].Broken[0])
		}
	}
	if len(t.Loops) > 0 {
		return fmt.Sprintf("a loop stays closed, by %s: open a switch of it", service.List(t.Loops))
	}
	return "there is no move to propose"
}

// OrderStep is a step of an order as its decision has it.
type OrderStep struct {
	Move
	Why   string
	After *Check // nil: it is not known
}

// OrderOf reads the steps of an order from the detail of its decision, and the tags that
// hung when it was made.
func OrderOf(detail []byte) (steps []OrderStep, tags []Tag, err error) {
	var o order
	if err := json.Unmarshal(detail, &o); err != nil {
		return nil, nil, city.Errorf(city.Invalid, "this is no switching order: %w", err)
	}
	if len(o.Steps) == 0 {
		return nil, nil, city.Errorf(city.Invalid, "this is no switching order: it has no steps")
	}
	for _, x := range o.Steps {
		steps = append(steps, OrderStep{Move{x.Name, x.Close}, x.Why, x.After})
	}
	return steps, o.Tags, nil
}
