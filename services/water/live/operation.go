package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/water/epanet"
	"polity/services/water/network"
	"polity/services/water/pumping"
	"polity/services/water/quality"
)

// Operation is how the network runs on a usual day, by its model: computed beside the days,
// rarely.
type Operation struct {
	At         time.Time // zero: not computed yet
	Age        []float64 // of water, h, by node: the mean of a day; nil: not known
	Settled    bool      // ages grow no more
	AgeProblem string
	Pumps      Pumps
	Trace      *Trace
}

// Pumps is when they should run, and when they do.
type Pumps struct {
	Names, Tanks []string
	Low, High    []float64 // m, bounds of each tank's level
	Tariff       *pumping.Tariff
	Assumed      bool // the tariff is made up
	Advice       *pumping.Advice
	Now          *pumping.Outcome // the file's own controls
	Problem      string
}

// How often it is computed, and for how long water is followed.
const (
	operationEach = 6 * time.Hour
	ageHours      = 240
)

// assumedTariff is that of made-up days: night, day and evening.
func assumedTariff() *pumping.Tariff {
	t := &pumping.Tariff{}
	for h := range t {
		switch {
		case h < 6:
			t[h] = 0.08
		case h < 20:
			t[h] = 0.18
		default:
			t[h] = 0.12
		}
	}
	return t
}

func (c *Config) tariff() (*pumping.Tariff, error) {
	if c.Simulate != "" {
		return assumedTariff(), nil
	}
	if c.Tariff == "" {
		return nil, nil
	}
	file, err := os.Open(c.Tariff)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "tariff: %w", err)
	}
	defer file.Close()
	t, err := pumping.ReadTariff(c.Tariff, file)
	return &t, err
}

// operate computes how the network runs, when a day was looked at and again after a while,
// and traces contaminations when somebody asks.
func (s *Service) operate(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		s.mu.Lock()
		due := !s.shown.at.IsZero() && (s.operation.At.IsZero() || s.deps.Now().Sub(s.operation.At) > operationEach)
		asked := s.operation.Trace != nil && s.operation.Trace.Busy
		s.mu.Unlock()
		if asked {
			s.trace(ctx)
		}
		if due {
			s.usual(ctx)
		}
	}
}

// nudge lets operate look whether there is something to compute.
func (s *Service) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// usual computes ages and the pumps' plan.
func (s *Service) usual(ctx context.Context) {
	o := Operation{}
	course, err := quality.Age(ctx, epanet.Native, s.net, ageHours)
	if err != nil {
		o.AgeProblem = err.Error()
	} else {
		o.Age, o.Settled = course.Mean(), course.Settled <= 0.02
	}
	o.Pumps = s.plan(ctx)
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	o.At, o.Trace = s.deps.Now(), s.operation.Trace
	s.operation = o
	s.mu.Unlock()
	if err := s.advisePumps(ctx, &o.Pumps); err != nil && ctx.Err() == nil {
		s.deps.Log.Error("the pumps' plan cannot be proposed", slog.Any("error", err))
	}
}

func (s *Service) plan(ctx context.Context) Pumps {
	p := Pumps{Tariff: s.tariff, Assumed: s.cfg.Simulate != ""}
	b := pumping.Usual()
	for _, l := range s.net.Links {
		if l.Kind == network.Pump {
			p.Names = append(p.Names, l.ID)
		}
	}
	for _, n := range s.net.Nodes {
		if n.Kind == network.Tank {
			p.Tanks = append(p.Tanks, n.ID)
			p.Low = append(p.Low, n.MinLevel+b.Low*(n.MaxLevel-n.MinLevel))
			p.High = append(p.High, n.MaxLevel-b.High*(n.MaxLevel-n.MinLevel))
		}
	}
	switch {
	case len(p.Names) == 0:
		return p
	case p.Tariff == nil:
		p.Problem = "No tariff is named: give hub.services.water.tariff a table (CSV) with the columns hour and price."
		return p
	}
	var err error
	if p.Now, err = pumping.Try(ctx, epanet.Native, s.net, *p.Tariff, b, nil); err != nil {
		p.Problem = err.Error()
	}
	if p.Advice, err = pumping.Advise(ctx, epanet.Native, s.net, *p.Tariff, b); err != nil {
		p.Problem = err.Error()
	}
	return p
}

// TryPumps says what a plan would do: by pump, the hours in which it runs. One is tried at a
// time: city.Unavailable while another one is.
func (s *Service) TryPumps(ctx context.Context, runs [][]int) (*pumping.Outcome, error) {
	if s.tariff == nil {
		return nil, city.Errorf(city.Conflict, "no tariff is named")
	}
	select {
	case s.trying <- struct{}{}:
		defer func() { <-s.trying }()
	default:
		return nil, city.Errorf(city.Unavailable, "another plan is being tried: try again in some seconds")
	}
	plan := make(pumping.Plan, 24)
	for h := range plan {
		for _, hours := range runs {
			plan[h] = append(plan[h], slices.Contains(hours, h))
		}
	}
	return pumping.Try(ctx, epanet.Native, s.net, *s.tariff, pumping.Usual(), plan)
}

// leastSaving is the part of a day's cost from which a plan is proposed.
const leastSaving = 0.02

// advisePumps proposes a plan that costs less than what is done, or keeps bounds that what is
// done breaks. The advice of before is withdrawn.
func (s *Service) advisePumps(ctx context.Context, p *Pumps) error {
	s.mu.Lock()
	old := s.kept.PumpAdvice
	s.mu.Unlock()
	if p.Advice == nil || p.Now == nil {
		return nil
	}
	saves := 1 - p.Advice.Outcome.Cost/p.Now.Cost
	better := len(p.Now.Broken) == 0 && saves >= leastSaving || len(p.Now.Broken) > 0
	var words []string
	for k, name := range p.Names {
		words = append(words, fmt.Sprintf("%s at hours %s", name, HoursWords(Runs(p.Advice.Plan, k))))
	}
	do := service.Sentence(fmt.Sprintf("Run %s.", service.List(words)), 300)
	at := s.deps.Now().UTC()
	if old.Do == do && better && at.Before(old.Until) {
		return nil
	}
	if err := s.deps.Moot(ctx, old.ID, "The pumps' plan was made anew."); err != nil {
		return err
	}
	s.mu.Lock()
	s.kept.PumpAdvice = pumpAdvice{}
	if better {
		s.kept.Count++
		s.kept.PumpAdvice = pumpAdvice{ID: fmt.Sprintf("pumps-%s-%d", at.Format("20060102T150405"), s.kept.Count), Do: do, Until: at.Add(pumpsFor)}
	}
	now, err := s.kept.PumpAdvice, s.save()
	s.mu.Unlock()
	if err != nil || !better {
		return err
	}
	reason := fmt.Sprintf("At the tariff's prices the pumps' day costs %.2f by their own controls and %.2f so, with every tank and pressure within bounds.", p.Now.Cost, p.Advice.Outcome.Cost)
	if len(p.Now.Broken) > 0 {
		reason = fmt.Sprintf("The pumps' own controls cost %.2f a day and break a bound: %s.", p.Now.Cost, strings.Join(p.Now.Broken, "; "))
	}
	var inputs []service.Input
	for k, name := range p.Tanks {
		inputs = append(inputs, service.Input{Entity: "urn:ngsi-ld:Tank:" + name, Attribute: "level", Value: fmt.Sprintf("%.2f m at the start", p.Advice.Outcome.Levels[0][k]), At: at})
	}
	for _, name := range p.Names {
		inputs = append(inputs, service.Input{Entity: "urn:ngsi-ld:Pump:" + name, Attribute: "cost", Value: fmt.Sprintf("%.2f a day by its own controls", p.Now.Cost), At: at})
	}
	return s.deps.Decisions.Propose(ctx, service.Proposal{
		Decision: service.Decision{ID: now.ID, Service: Name, Level: service.Advice, Algorithm: "pump-schedule", At: at, Reason: service.Sentence(reason, 300), Inputs: inputs},
		Do:       do, Effect: fmt.Sprintf("The day costs %.2f for %.0f kWh.", p.Advice.Outcome.Cost, p.Advice.Outcome.Energy), Until: now.Until,
	})
}

// pumpAdvice is the plan that was proposed last.
type pumpAdvice struct {
	ID, Do string
	Until  time.Time
}

// pumpsFor is how long such advice stands.
const pumpsFor = 24 * time.Hour

// Runs are the hours in which a pump of a plan runs.
func Runs(p pumping.Plan, pump int) (hours []int) {
	for h, row := range p {
		if row[pump] {
			hours = append(hours, h)
		}
	}
	return hours
}

// HoursWords writes hours as people do: "4-5, 15-23"; "no hour" for none.
func HoursWords(hours []int) string {
	var parts []string
	for i := 0; i < len(hours); {
		to := i
		for to+1 < len(hours) && hours[to+1] == hours[to]+1 {
			to++
		}
		if to == i {
			parts = append(parts, fmt.Sprint(hours[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", hours[i], hours[to]))
		}
		i = to + 1
	}
	if len(parts) == 0 {
		return "no hour"
	}
	return strings.Join(parts, ", ")
}

// ReadHours reads what HoursWords writes. Errors are of kind city.Invalid.
func ReadHours(text string) (hours []int, err error) {
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		var from, to int
		n, err := fmt.Sscanf(part, "%d-%d", &from, &to)
		if n == 1 {
			to, err = from, nil
			if part != fmt.Sprint(from) {
				err = errors.New("more than a number")
			}
		}
		if err != nil || from < 0 || to > 23 || to < from {
			return nil, city.Errorf(city.Invalid, "%.20q is no hour of the day: write hours from 0 to 23, such as 4-5, 15-23", part)
		}
		for h := from; h <= to; h++ {
			if !slices.Contains(hours, h) {
				hours = append(hours, h)
			}
		}
	}
	slices.Sort(hours)
	return hours, nil
}

// Operation returns how the network runs. It is a copy but for what never changes.
func (s *Service) Operation() Operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.operation
	if o.Trace != nil {
		x := *o.Trace
		o.Trace = &x
	}
	return o
}
