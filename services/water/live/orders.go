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
	"polity/services/water/season"
)

// What a decision does, as its detail says.
const (
	isolate = "isolate" // search a pipe and close the valves around it
	reopen  = "reopen"  // open them again behind a repair
	repair  = "repair"  // mend a leak that is cut off, and open its valves again
)

// order is the detail of a decision.
type order struct {
	Kind   string   `json:"kind"`
	Leak   string   `json:"leak"`
	Pipe   string   `json:"pipe"`
	Valves []int    `json:"valves"`
	Names  []string `json:"names"`
	Dry    []int    `json:"dry,omitempty"`
}

const (
	openFor   = 4 * time.Hour      // that a person can agree
	adviceFor = 7 * 24 * time.Hour // that advice stands
	triesMost = 6
)

// propose puts before people what follows for each leak that nothing waits for.
func (s *Service) propose(ctx context.Context) error {
	s.mu.Lock()
	var list []*Leak
	now := s.deps.Now()
	for _, l := range s.kept.Leaks {
		if l.Waiting != "" && !l.Sent && now.After(l.Until) { // nobody answered, or somebody refused
			l.Waiting = ""
		}
		if l.Waiting == "" && l.Note == "" && l.Ended.IsZero() && l.Opened.IsZero() && (l.Cut == l.Mended || s.season == nil && s.crews()) {
			list = append(list, l)
		}
	}
	s.mu.Unlock()
	for _, l := range list {
		s.mu.Lock()
		p, err := s.proposal(l, now.UTC())
		if err != nil {
			l.Note = service.Sentence(err.Error(), 300)
			s.mu.Unlock()
			continue
		}
		l.Waiting, l.Until, l.Sent, l.Tries = p.ID, p.Until, false, l.Tries+1
		err = s.save() // before it is proposed: whoever is killed between proposes the next
		s.mu.Unlock()
		if err == nil {
			err = s.deps.Decisions.Propose(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// proposal is what follows for a leak. The lock is held.
func (s *Service) proposal(l *Leak, now time.Time) (p service.Proposal, err error) {
	if l.Tries >= triesMost {
		return p, city.Errorf(city.Conflict, "Six orders have not helped: people at the place are needed.")
	}
	o := order{Kind: reopen, Leak: l.ID, Pipe: l.Pipe, Valves: l.Close}
	var do, effect, reason string
	level, open := service.Confirm, s.openFor()
	if l.Cut && !l.Mended {
		o.Kind, o.Names = repair, s.valveNames(l.Close)
		do = fmt.Sprintf("Mend the leak on %s, then open %s again.", l.Pipe, service.List(o.Names))
		reason = fmt.Sprintf("A crew has closed the valves around %s.", l.Pipe)
		effect = s.backWord(l)
	} else if l.Mended {
		o.Valves = slices.DeleteFunc(slices.Clone(l.Close), func(v int) bool { return s.needed(v, l) })
		o.Names = s.valveNames(o.Valves)
		do = fmt.Sprintf("Open %s again.", service.List(o.Names))
		reason = fmt.Sprintf("The crew has mended %s.", l.Pipe)
		effect = s.backWord(l)
	} else {
		o.Kind = isolate
		o.Pipe = s.target(l)
		if o.Pipe == "" {
			return p, city.Errorf(city.NotFound, "No leak was heard around any pipe where it may be.")
		}
		link, _ := s.net.Link(o.Pipe)
		do, reason = fmt.Sprintf("Listen for the leak around %s.", o.Pipe), l.Reason
		effect = fmt.Sprintf("It is the likeliest place within %.0f m.", l.Within)
		plan, planErr := s.planner.Isolate(link)
		if planErr == nil {
			o.Valves, o.Names, o.Dry = plan.Close, s.valveNames(plan.Close), plan.Dry
			do = fmt.Sprintf("Listen for the leak around %s, and where it is heard close %s.", o.Pipe, service.List(o.Names))
			if s.season != nil {
				do = fmt.Sprintf("Listen for the leak around %s, close %s and mend it.", o.Pipe, service.List(o.Names))
			}
			effect = fmt.Sprintf("About %.0f m³/h are lost no more; %s has no water meanwhile.", l.Flow, s.homesWord(plan.Dry))
		}
		if _, reports := s.ranked(l); reports > 0 && l.Heard == "" {
			reason = fmt.Sprintf("%s Reports of residents near: %d.", l.Reason, reports)
		}
		if l.Heard != "" {
			reason = fmt.Sprintf("A crew has heard the leak on %s.", l.Heard)
		}
		if !s.crews() || planErr != nil { // nothing moves from here
			level, open = service.Advice, adviceFor
		}
	}
	detail, err := json.Marshal(o)
	if err != nil {
		return p, err
	}
	return service.Proposal{
		Decision: service.Decision{
			ID: fmt.Sprintf("%s-%s-%d", o.Kind, l.ID, l.Tries+1), Service: Name, Level: level, Algorithm: "leak-search", At: now,
			Reason: service.Sentence(reason, 300), Inputs: s.inputs(l, now),
		},
		Do: service.Sentence(do, 300), Effect: effect, Until: now.Add(open), Detail: detail,
	}, nil
}

// backWord is what opening a leak's valves brings.
func (s *Service) backWord(l *Leak) string {
	if homes := s.homes(l.Dry); homes > 0 {
		return fmt.Sprintf("About %d homes get water back.", homes)
	}
	return "The network stands as on a usual day."
}

// openFor is how long a person can agree: made-up days pass quickly.
func (s *Service) openFor() time.Duration {
	if s.season != nil {
		return openFor
	}
	return adviceFor
}

// homesWord says how many homes some nodes feed: one subject of a sentence.
func (s *Service) homesWord(nodes []int) string {
	switch n := s.homes(nodes); n {
	case 0:
		return "no home"
	case 1:
		return "about one home"
	default:
		return fmt.Sprintf("a part of town with about %d homes", n)
	}
}

// needed says whether another leak's isolation needs a valve closed.
func (s *Service) needed(valve int, but *Leak) bool {
	return slices.ContainsFunc(s.kept.Leaks, func(l *Leak) bool { return l != but && l.Cut && slices.Contains(l.Close, valve) })
}

// target is the pipe to search: where it was heard, else the likeliest one that was not
// searched in vain.
func (s *Service) target(l *Leak) string {
	if l.Heard != "" {
		return l.Heard
	}
	ranked, reports := s.ranked(l)
	list := []string{l.Pipe}
	if reports > 0 && len(ranked) > 0 { // residents' word comes before the middle of what instruments say
		list = nil
	}
	for _, c := range ranked {
		list = append(list, c.Pipe)
	}
	for _, pipe := range append(list, l.Pipe) {
		if !slices.Contains(l.Searched, pipe) {
			return pipe
		}
	}
	return ""
}

func (s *Service) inputs(l *Leak, now time.Time) []service.Input {
	var list []service.Input
	ranked, _ := s.ranked(l)
	for _, c := range ranked[:min(5, len(ranked))] {
		list = append(list, service.Input{Entity: "urn:ngsi-ld:Pipe:" + c.Pipe, Attribute: "leakProbability", Value: fmt.Sprintf("%.0f %%", 100*c.Probability), At: now})
	}
	for _, r := range s.shown.residuals {
		last, unit, attribute := mean(r.Days[max(0, len(r.Days)-3):]), "m", "pressureResidual"
		if r.Balance {
			unit, attribute = "m³/h", "nightResidual"
		}
		if last == last { // not where it is unknown
			list = append(list, service.Input{Entity: "urn:ngsi-ld:Device:" + r.Instrument, Attribute: attribute, Value: fmt.Sprintf("%+.2f %s", last, unit), At: s.shown.at.UTC()})
		}
	}
	list = append(list, service.Input{Entity: "urn:ngsi-ld:Pipe:" + l.Pipe, Attribute: "leakFlow", Value: fmt.Sprintf("%.1f m³/h", l.Flow), At: l.Found})
	return list[max(0, len(list)-64):]
}

func (s *Service) valveNames(valves []int) (names []string) {
	for _, v := range valves {
		names = append(names, s.valves[v].ID)
	}
	return names
}

var errStale = city.Errorf(city.Conflict, "what this was proposed for is over, or the valves have changed: it is looked at anew")

// carryOut sends crews for what people agreed to.
func (s *Service) carryOut(ctx context.Context) error {
	list, err := s.deps.Decisions.Due(ctx)
	if err != nil || !s.crews() {
		return err
	}
	for _, d := range list {
		job, moot, stale := s.job(d)
		switch {
		case errors.Is(stale, errDone):
			err = s.deps.Decisions.Done(ctx, d)
		case stale != nil:
			err = s.deps.Decisions.Failed(ctx, d, service.Sentence(stale.Error(), 300))
		case job == nil:
		case s.season != nil:
			s.season.Send(*job)
		default:
			err = s.ask(ctx, d)
		}
		if err == nil && moot != "" {
			err = s.deps.Moot(ctx, moot, "A person had the order undone that it follows.")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// errDone is of a decision whose effect is kept already.
var errDone = errors.New("it is done already")

// job is what a crew is sent for, nil where it was sent already; and the decision that is moot
// because of it.
func (s *Service) job(d service.Due) (j *season.Job, moot string, err error) {
	var o order
	if err := json.Unmarshal(d.Detail, &o); err != nil {
		return nil, "", city.Errorf(city.Invalid, "its detail cannot be read: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.byID(o.Leak)
	if l != nil && slices.Contains(l.Did, did(d)) {
		if w := l.Work; w != nil && w.Key == did(d) && w.Failed != "" {
			return nil, "", city.Errorf(city.Conflict, "%s", w.Failed)
		}
		return nil, "", errDone
	}
	if l == nil || !l.Ended.IsZero() || l.Waiting != d.ID && !d.Undo {
		return nil, "", errStale
	}
	for i, v := range o.Valves {
		if v < 0 || v >= len(s.valves) || i >= len(o.Names) || s.valves[v].ID != o.Names[i] {
			return nil, "", errStale
		}
	}
	switch {
	case d.Undo && o.Kind != isolate:
		return nil, "", city.Errorf(city.Conflict, "valves that were opened are closed again only by a new order")
	case l.Sent:
		return nil, "", nil
	}
	if l.Waiting != d.ID {
		moot = l.Waiting
	}
	l.Waiting, l.Sent = d.ID, true
	j = &season.Job{ID: d.ID, Open: o.Valves}
	if o.Kind == isolate && !d.Undo {
		j.Pipe, j.Close, j.Open = o.Pipe, o.Valves, nil
		l.Close, l.Dry = o.Valves, o.Dry
	}
	return j, moot, nil
}

// did names what was due, for a leak's list of what was done.
func did(d service.Due) string {
	if d.Undo {
		return d.ID + "-undo"
	}
	return d.ID
}

// heard takes what crews said: it ends decisions, and tells how leaks are.
func (s *Service) heard(ctx context.Context, said []season.Word) error {
	if len(said) == 0 {
		return nil
	}
	list, err := s.deps.Decisions.Due(ctx)
	if err != nil {
		return err
	}
	for _, w := range said {
		s.mu.Lock()
		i := slices.IndexFunc(s.kept.Leaks, func(l *Leak) bool { return l.Waiting == w.Job })
		if i < 0 {
			i = slices.IndexFunc(s.kept.Leaks, func(l *Leak) bool { return l.Pipe == w.Pipe && l.Cut }) // its order is done
		}
		if i < 0 {
			s.mu.Unlock()
			continue
		}
		failed := s.hear(s.kept.Leaks[i], w)
		err := s.save()
		s.mu.Unlock()
		s.deps.Log.Info("a crew says", slog.String("what", string(w.What)), slog.String("pipe", w.Pipe), slog.String("decision", w.Job))
		if k := slices.IndexFunc(list, func(d service.Due) bool { return d.ID == w.Job }); k >= 0 && w.What != season.Mended {
			if failed != "" {
				err = errors.Join(err, s.deps.Decisions.Failed(ctx, list[k], service.Sentence(failed, 300)))
			} else {
				err = errors.Join(err, s.deps.Decisions.Done(ctx, list[k]))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hear notes one word, and says why an order could not be carried out. The lock is held.
func (s *Service) hear(l *Leak, w season.Word) (failed string) {
	l.Sent = false
	switch w.What {
	case "": // the desk cancelled the order
		failed = "The work order was cancelled."
		l.Waiting, l.Note = "", "Its work order was cancelled: whoever cancelled it decides what follows."
	case season.Closed:
		l.Waiting, l.Cut, l.Pipe, l.Heard = "", true, w.Pipe, w.Pipe
		for _, v := range l.Close {
			s.closed[v] = true
		}
		s.kept.Shut = append(s.kept.Shut, Span{From: w.At})
		s.kept.Shut = s.kept.Shut[max(0, len(s.kept.Shut)-shutMost):]
	case season.Heard:
		failed = fmt.Sprintf("The crew heard the leak on %s, which these valves do not cut off; nothing was closed.", w.Pipe)
		l.Waiting, l.Heard, l.Pipe = "", w.Pipe, w.Pipe
	case season.Nothing:
		failed = "The crew heard no leak there; nothing was closed."
		l.Searched = append(l.Searched, s.target(l))
		l.Waiting = ""
	case season.Mended:
		l.Mended = true
	case season.Opened:
		for _, v := range l.Close {
			if !s.needed(v, l) {
				delete(s.closed, v)
			}
		}
		l.Waiting, l.Cut = "", false
		for i := range s.kept.Shut {
			if x := &s.kept.Shut[i]; len(s.closed) == 0 && x.To.IsZero() {
				x.To = w.At
			}
		}
		if l.Mended {
			l.Opened = w.At
		} else {
			l.Note = "A person had the order undone."
		}
	}
	return failed
}
