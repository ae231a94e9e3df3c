package live

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/traffic/compare"
	"polity/services/traffic/entities"
	"polity/services/traffic/network"
	"polity/services/traffic/plan"
	"polity/services/traffic/rsmp"
	"polity/services/traffic/whatif"
)

// planAlgorithm is the entry of the register for changes of plans: people make them, and a
// queue model says what they would do.
const planAlgorithm = "traffic-plans"

// retime is a change on its way to a controller. A restart forgets it, and asks again.
type retime struct {
	message string // id of the request
	sent    time.Time
	tries   int
	refused string
}

const (
	retimeEach  = 10 * time.Second
	retimeTries = 3
	planUntil   = 7 * day
)

// timing takes what a controller tells of its plans.
func (s *Service) timing(id string, t rsmp.Timing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.site(id); x != nil {
		x.timing = t
	}
}

func (s *Service) refused(_, message, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.retimes {
		if r.message == message {
			r.refused = reason
		}
	}
}

// plans are a junction's as its controller has them; told is false where it does not say: then
// they are those of the network's file.
func (x *site) plans() (list []network.Plan, day []plan.Slot, told bool) {
	list = slices.Clone(x.j.Plans)
	if !x.connected || !x.timing.Whole() {
		return list, nil, false
	}
	for _, s := range x.timing.Day {
		if s.Plan >= 1 && s.Plan <= len(list) {
			day = append(day, plan.Slot{Minute: 60*s.Hour + s.Minute, Plan: list[s.Plan-1].ID})
		}
	}
	if len(day) == 1 && day[0] == (plan.Slot{Plan: list[0].ID}) {
		day = nil // the first plan all day
	}
	for i := range list {
		c := plan.Present(x.j, &list[i], nil)
		c.Offset = x.timing.Offsets[i+1]
		bands := x.timing.Bands[i+1]
		phases := plan.Stretchable(x.j, &list[i])
		if len(bands) != len(phases) {
			return slices.Clone(x.j.Plans), nil, false // another junction than the file says
		}
		for k := range bands {
			c.Bands[k] = plan.Least(&list[i], phases[k]) + bands[k]
		}
		p, err := c.Apply(x.j)
		if err != nil {
			return slices.Clone(x.j.Plans), nil, false
		}
		list[i] = p
	}
	return list, day, true
}

// present is the change that would leave a plan as the controller has it; nil: the junction has
// no such plan.
func (x *site) present(id string) *plan.Change {
	list, day, _ := x.plans()
	for i := range list {
		if list[i].ID == id {
			c := plan.Present(x.j, &list[i], day)
			return &c
		}
	}
	return nil
}

// retiming says a change in the protocol's terms.
func (x *site) retiming(c *plan.Change) (r rsmp.Retiming, err error) {
	p, err := c.Apply(x.j)
	if err != nil {
		return r, err
	}
	_, number := plan.Find(x.j, c.Plan)
	r = rsmp.Retiming{Plan: number, Offset: c.Offset, Cycle: int(p.Cycle() / time.Second)}
	for k, i := range plan.Stretchable(x.j, &p) {
		r.Bands = append(r.Bands, c.Bands[k]-plan.Least(&p, i))
	}
	for _, s := range c.Day {
		_, of := plan.Find(x.j, s.Plan)
		r.Day = append(r.Day, rsmp.Switch{Plan: of, Hour: s.Minute / 60, Minute: s.Minute % 60})
	}
	if len(r.Day) == 0 && len(x.timing.Day) > 0 {
		r.Day = []rsmp.Switch{{Plan: 1}} // from midnight on, all day
	}
	return r, nil
}

// running is the number of the plan that runs at a minute of the day.
func running(x *site, list []network.Plan, day []plan.Slot) int {
	if x.connected && x.timing.Now >= 1 && x.timing.Now <= len(list) {
		return x.timing.Now
	}
	if len(day) > 0 {
		_, n := plan.Find(x.j, day[0].Plan)
		return max(1, n)
	}
	return 1
}

// PlanView is a junction's plans as an editor needs them.
type PlanView struct {
	Junction, Name string
	Told           bool // the controller says so; else they are the network file's
	Connected      bool
	Plans          []PlanOf
	Day            []plan.Slot
}

// PlanOf is one plan.
type PlanOf struct {
	ID      string
	Runs    bool
	Present plan.Change
	Cycle   time.Duration
	Phases  []PhaseOf
	Bars    []Bar
}

// Bar is when one signal group is green, in seconds of the cycle; one over its end ends at a
// smaller number than it begins.
type Bar struct {
	Name   string
	Greens []plan.Window
}

func bars(j *network.Junction, p *network.Plan) (list []Bar) {
	t := plan.Of(j, *p)
	for g := range j.Groups {
		list = append(list, Bar{j.Groups[g].Name, t.Greens[j.GroupID(g)]})
	}
	return list
}

// PhaseOf is a phase.
type PhaseOf struct {
	Greens  []string // names of groups
	Changes []string // of groups that are amber
	Lasts   time.Duration
	Band    int // its index among those that can be stretched; -1: it cannot
	Least   int // seconds
}

// Plans returns a junction's plans.
func (s *Service) Plans(junction string) (*PlanView, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.site(junction)
	if x == nil {
		return nil, city.Errorf(city.NotFound, "there is no junction %s", junction)
	}
	v := &PlanView{Junction: x.j.ID, Name: name(x), Connected: x.connected}
	var list []network.Plan
	list, v.Day, v.Told = x.plans()
	runs := running(x, list, v.Day)
	for i := range list {
		p := &list[i]
		one := PlanOf{ID: p.ID, Runs: i+1 == runs, Present: plan.Present(x.j, p, v.Day), Cycle: p.Cycle(), Bars: bars(x.j, p)}
		stretch := plan.Stretchable(x.j, p)
		for k, ph := range p.Phases {
			greens, ambers := x.j.StateGroups(ph.State)
			f := PhaseOf{Lasts: ph.Duration, Band: slices.Index(stretch, k), Least: plan.Least(p, k)}
			for g := range greens.All() {
				f.Greens = append(f.Greens, x.j.Groups[g].Name)
			}
			for g := range ambers.All() {
				f.Changes = append(f.Changes, x.j.Groups[g].Name)
			}
			one.Phases = append(one.Phases, f)
		}
		v.Plans = append(v.Plans, one)
	}
	return v, nil
}

// Trial is a change that somebody thinks about.
type Trial struct {
	Junction                string
	Change                  plan.Change
	Today                   plan.Change
	TodayWords, ChangeWords string
	Problems                []string            // why nobody may ask for it, in the safety layer's words
	Compared                *compare.Comparison // nil: there are problems
	Words                   string              // what it came to
	Made                    string              // how many vehicles were taken to come, and why so many
	Cycle                   time.Duration       // of the plan as it would be; 0: there is no such plan
	Bars                    []Bar               // of it
}

// Try checks a change, and if nothing stands against it, simulates today's plans and the
// proposed one side by side.
func (s *Service) Try(ctx context.Context, c plan.Change) (*Trial, error) {
	s.mu.Lock()
	x := s.site(c.Junction)
	if x == nil {
		s.mu.Unlock()
		return nil, city.Errorf(city.NotFound, "there is no junction %s", c.Junction)
	}
	today := x.present(c.Plan)
	if today == nil {
		s.mu.Unlock()
		return nil, city.Errorf(city.NotFound, "junction %s has no plan %s", c.Junction, c.Plan)
	}
	t := &Trial{Junction: name(x), Change: c, Today: *today, TodayWords: today.Words(x.j), ChangeWords: c.Words(x.j), Problems: c.Check(x.j)}
	if p, err := c.Apply(x.j); err == nil {
		t.Cycle, t.Bars = p.Cycle(), bars(x.j, &p)
	}
	study := whatif.Study{Network: s.net}
	study.Comes, t.Made = s.comes(s.deps.Now())
	for _, o := range s.sites {
		list, d, _ := o.plans()
		p := list[running(o, list, d)-1]
		after := p
		if o == x { // the plan that is changed is tried, whichever runs at this hour
			for i := range list {
				if list[i].ID == c.Plan {
					p = list[i]
				}
			}
			var err error
			if after, err = c.Apply(x.j); err != nil && len(t.Problems) == 0 {
				s.mu.Unlock()
				return nil, err
			}
		}
		study.Before, study.After = append(study.Before, p), append(study.After, after)
	}
	s.mu.Unlock()
	if len(t.Problems) > 0 {
		return t, nil
	}
	var err error
	if t.Compared, err = study.Run(ctx); err != nil {
		return nil, err
	}
	t.Words = whatif.Words(t.Compared)
	return t, nil
}

// assumed is how many vehicles come to a lane in an hour where nobody counted.
const assumed = 200.0

// comes says how many vehicles come into each lane in an hour: as many as the made-up street
// has at its peak; of a real one as many as its detectors counted in the last fifteen minutes.
// The lock is held.
func (s *Service) comes(now time.Time) (rate func(lane int) float64, words string) {
	if s.cfg.Simulate != "" {
		return nil, "As many vehicles and people come as to the made-up street at its peak."
	}
	hourly, counted, all := make([]float64, len(s.net.Lanes)), 0, 0
	for i := range s.net.Lanes {
		if s.net.Lanes[i].Motor && len(s.net.Lanes[i].In) == 0 {
			hourly[i] = assumed
			all++
		}
	}
	for _, x := range s.sites {
		for a, lanes := range x.meter.lanes {
			q := x.meter.approaches[a].queue(now)
			if q.Served == 0 {
				continue
			}
			for _, l := range lanes {
				if hourly[l] > 0 {
					hourly[l] = float64(q.Served) * float64(time.Hour/(window*time.Minute)) / float64(len(lanes))
					counted++
				}
			}
		}
	}
	return func(lane int) float64 { return hourly[lane] }, fmt.Sprintf("Of %d lanes that lead into these streets, vehicles were counted on %d in the last fifteen minutes; for the others %.0f an hour are assumed.", all, counted, assumed)
}

// ProposePlan puts a change before people, for the one who asks for it. The error is of kind
// Invalid if the safety layer has something against it, and says all of it.
func (s *Service) ProposePlan(ctx context.Context, c plan.Change, why, by string) (id string, err error) {
	t, err := s.Try(ctx, c)
	if err != nil {
		return "", err
	}
	switch {
	case len(t.Problems) > 0:
		return "", city.Errorf(city.Invalid, "%s", strings.Join(t.Problems, "; "))
	case t.Today.Same(&c):
		return "", city.Errorf(city.Invalid, "that is the plan as it is")
	case strings.TrimSpace(why) == "":
		return "", city.Errorf(city.Invalid, "say why the plan is to be changed")
	}
	detail, err := json.Marshal(order{Junction: c.Junction, Plan: &c, Before: &t.Today})
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	x, now := s.site(c.Junction), s.deps.Now().UTC()
	if _, _, told := x.plans(); !told {
		s.mu.Unlock()
		return "", city.Errorf(city.Unavailable, "the controller of %s does not tell its plans now, so nobody could see whether a change is in effect", name(x))
	}
	p := service.Proposal{
		Decision: service.Decision{
			ID: fmt.Sprintf("plan-%s-%s", c.Junction, now.Format("20060102T150405.000")), Service: Name, Level: service.Confirm, Algorithm: planAlgorithm, At: now,
			Reason: service.Sentence(fmt.Sprintf("%s asks for it: %s", by, why), 300),
			Inputs: s.inputs(x, now),
		},
		Do:     service.Sentence(fmt.Sprintf("Change plan %s of %s in its controller to %s.", c.Plan, name(x), c.Words(x.j)), 300),
		Effect: service.Sentence(t.Words, 300),
		Until:  now.Add(planUntil), Detail: detail,
	}
	p.Inputs = append(p.Inputs, service.Input{Entity: entities.ID(entities.Junction, c.Junction), Attribute: "plan " + c.Plan, Value: service.Sentence(t.Today.Words(x.j), 200), At: now})
	st := s.kept.Junctions[c.Junction]
	if st == nil {
		st = &standing{}
		s.kept.Junctions[c.Junction] = st
	}
	earlier := st.Plan
	s.mu.Unlock()
	if err := s.deps.Moot(ctx, earlier, "Another change of this junction's plans was asked for."); err != nil {
		return "", err
	}
	if err := s.deps.Decisions.Propose(ctx, p); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Plan = p.ID
	return p.ID, s.save()
}

// carryOutPlan brings a change to the controller, or takes it back, until that reports it.
func (s *Service) carryOutPlan(ctx context.Context, d service.Due, o *order) error {
	target := o.Plan
	if d.Undo {
		target = o.Before
	}
	fail, done, err := s.retime(d, o, target)
	switch {
	case err != nil:
		return err
	case fail != "":
		return s.settled(d.ID, s.deps.Decisions.Failed(ctx, d, fail))
	case done:
		s.deps.Log.Info("a plan is in effect", slog.String("junction", o.Junction), slog.String("plan", target.Plan), slog.String("decision", d.ID))
		return s.settled(d.ID, s.deps.Decisions.Done(ctx, d))
	}
	return nil // asked for, or waiting for the controller
}

// settled forgets a change's way.
func (s *Service) settled(id string, err error) error {
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.retimes, id)
	for _, st := range s.kept.Junctions {
		if st != nil && st.Plan == id {
			st.Plan = ""
		}
	}
	return s.save()
}

// retime asks a controller for a change, or says how it went.
func (s *Service) retime(d service.Due, o *order, target *plan.Change) (fail string, done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.site(o.Junction)
	if target == nil || x == nil {
		return "its detail cannot be read", false, nil
	}
	r, err := x.retiming(target)
	if err != nil {
		return err.Error(), false, nil //nolint:nilerr // told as the reason
	}
	if _, _, told := x.plans(); !told {
		return "", false, nil // later
	}
	if x.timing.InEffect(&r) {
		return "", true, nil
	}
	if found := target.Check(x.j); len(found) > 0 {
		return strings.Join(found, "; "), false, nil
	}
	way := s.retimes[d.ID]
	now := time.Now()
	switch {
	case way == nil && !d.Undo && o.Before != nil && !o.Before.Same(x.present(target.Plan)):
		return "the plan was changed in the meantime; look at it as it is now, and ask again", false, nil
	case way == nil:
		way = &retime{}
		s.retimes[d.ID] = way
	case way.refused != "":
		return service.Sentence("the controller refuses: "+way.refused, 300), false, nil
	case now.Sub(way.sent) < retimeEach:
		return "", false, nil
	case way.tries >= retimeTries:
		return fmt.Sprintf("the controller was asked %d times and does not report the change", way.tries), false, nil
	}
	way.tries++
	way.sent = now
	if way.message, err = s.sup.Retime(x.j.ID, r); err != nil {
		s.deps.Log.Warn("a change of plan is not sent", slog.String("junction", x.j.ID), slog.Any("error", err))
	}
	return "", false, nil //nolint:nilerr // it is tried again
}
