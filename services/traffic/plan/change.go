package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// Change is what a signal controller lets others set of one of its plans (RSMP, M0014 to
// M0018): how long its phases last, its offset, and at which times of day which plan runs.
// What phases show, and what lies between them, is the controller's.
type Change struct {
	Junction string `json:"junction"`
	Plan     string `json:"plan"`     // its ID
	Bands    []int  `json:"bands_s"`  // how long each of Stretchable lasts, in seconds
	Offset   int    `json:"offset_s"` // in seconds
	Day      []Slot `json:"day"`      // the same every day; empty: the first plan runs all day
}

// Slot says from which minute of the day on, by the clock of the place, a plan runs.
type Slot struct {
	Minute int    `json:"minute"` // since midnight
	Plan   string `json:"plan"`
}

func (s Slot) String() string { return fmt.Sprintf("%02d:%02d", s.Minute/60, s.Minute%60) }

// The most that the protocol can say.
const (
	mostBands     = 10
	mostExtension = 99
	mostCycle     = 255
	mostPlans     = 16
	mostSlots     = 24
)

// Stretchable are the phases of a plan that can last longer or shorter: those with a green
// and without anything that is just changing.
func Stretchable(j *network.Junction, p *network.Plan) (phases []int) {
	for i, ph := range p.Phases {
		greens, ambers := j.StateGroups(ph.State)
		if greens != 0 && ambers == 0 && !strings.ContainsRune(ph.State, 'u') {
			phases = append(phases, i)
		}
	}
	return phases
}

// Find returns a junction's plan by its ID, and its number among them, from 1.
func Find(j *network.Junction, id string) (p *network.Plan, number int) {
	for i := range j.Plans {
		if j.Plans[i].ID == id {
			return &j.Plans[i], i + 1
		}
	}
	return nil, 0
}

// Present is the change that leaves a plan as it is.
func Present(j *network.Junction, p *network.Plan, day []Slot) Change {
	c := Change{Junction: j.ID, Plan: p.ID, Offset: int(p.Offset / time.Second), Day: slices.Clone(day)}
	for _, i := range Stretchable(j, p) {
		c.Bands = append(c.Bands, int(p.Phases[i].Duration/time.Second))
	}
	return c
}

// Same tells whether two changes ask for the same.
func (c *Change) Same(o *Change) bool {
	return c.Junction == o.Junction && c.Plan == o.Plan && c.Offset == o.Offset && slices.Equal(c.Bands, o.Bands) && slices.Equal(c.Day, o.Day)
}

// Apply returns the plan as it would be. The error is of kind Invalid and says what the
// junction does not have; whether what comes out is safe, Check says.
func (c *Change) Apply(j *network.Junction) (network.Plan, error) {
	if c.Junction != j.ID {
		return network.Plan{}, city.Errorf(city.Invalid, "the plan is for junction %s, not %s", c.Junction, j.ID)
	}
	own, _ := Find(j, c.Plan)
	if own == nil {
		return network.Plan{}, city.Errorf(city.Invalid, "junction %s has no plan %s", j.ID, c.Plan)
	}
	phases := Stretchable(j, own)
	if len(phases) != len(c.Bands) {
		return network.Plan{}, city.Errorf(city.Invalid, "plan %s of junction %s has %d phases that can be stretched, not %d", c.Plan, j.ID, len(phases), len(c.Bands))
	}
	p := *own
	p.Phases = slices.Clone(own.Phases)
	p.Offset = time.Duration(c.Offset) * time.Second
	for k, i := range phases {
		if c.Bands[k] < 0 || c.Bands[k] > 600 {
			return network.Plan{}, city.Errorf(city.Invalid, "phase %d of plan %s lasts %d s; from 0 to 600 can be said", i+1, c.Plan, c.Bands[k])
		}
		p.Phases[i].Duration = time.Duration(c.Bands[k]) * time.Second
	}
	return p, nil
}

// Check lists all that stands against a change, each in a sentence: what the safety layer's
// model of the junction forbids (see the function Check), what its guard would not follow,
// and what cannot be said to a controller. An empty list means none of these.
func (c *Change) Check(j *network.Junction) []string {
	p, err := c.Apply(j)
	if err != nil {
		return []string{err.Error()}
	}
	found := c.sayable(j, &p)
	if p.Cycle() < 10*time.Second || p.Cycle() > mostCycle*time.Second {
		return found
	}
	t := Of(j, p)
	for _, check := range []func() []string{
		func() []string { return Check(j, t) },
		func() []string { return j.PlanDangers(p) }, // says the same in other words where Check has found something
		func() []string { return guarded(j, &p, &t) },
	} {
		if wrong := check(); len(wrong) > 0 {
			return append(found, wrong...)
		}
	}
	return found
}

// sayable finds what the protocol has no words for.
func (c *Change) sayable(j *network.Junction, p *network.Plan) (found []string) {
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	cycle := p.Cycle()
	switch {
	case cycle < 10*time.Second || cycle > mostCycle*time.Second:
		say("the cycle would be %s s; from 10 to %d are possible", number(cycle.Seconds()), mostCycle)
	case cycle%time.Second != 0:
		say("the cycle would be %s s; a controller takes whole seconds", number(cycle.Seconds()))
	case c.Offset < 0 || time.Duration(c.Offset)*time.Second >= cycle:
		say("the offset is %d s; it must be from 0 to below the cycle of %s s", c.Offset, number(cycle.Seconds()))
	}
	phases := Stretchable(j, p)
	if len(phases) > mostBands {
		say("the plan has %d phases that can be stretched; a controller takes %d", len(phases), mostBands)
	}
	for k, i := range phases {
		if least := Least(p, i); c.Bands[k] < least || c.Bands[k] > least+mostExtension {
			say("phase %d lasts %d s; from %d to %d are possible", i+1, c.Bands[k], least, least+mostExtension)
		}
	}
	if len(j.Plans) > mostPlans {
		say("junction %s has %d plans; %d can be told apart", j.ID, len(j.Plans), mostPlans)
	}
	if len(c.Day) > mostSlots {
		say("the day has %d times at which plans change; %d are possible", len(c.Day), mostSlots)
	}
	for i, s := range c.Day {
		own, _ := Find(j, s.Plan)
		switch {
		case s.Minute < 0 || s.Minute >= 24*60:
			say("minute %d of the day is no time; a day has 1440 minutes", s.Minute)
		case own == nil:
			say("from %v on plan %s would run, which junction %s does not have", s, s.Plan, j.ID)
		case i > 0 && s.Minute <= c.Day[i-1].Minute:
			say("plan %s from %v on does not come after plan %s from %v on", s.Plan, s, c.Day[i-1].Plan, c.Day[i-1])
		}
	}
	return found
}

// Least is the shortest time of a phase in the controller, in seconds, from which its bands
// are reckoned.
func Least(p *network.Plan, phase int) int { return int(math.Ceil(p.Phases[phase].Min.Seconds())) }

// guarded lets the guard show the plan, and tells whom it would not give what the plan does.
func guarded(j *network.Junction, p *network.Plan, t *Timetable) (found []string) {
	guard, err := safety.New(j)
	if err != nil {
		return []string{err.Error()}
	}
	cycle := int(p.Cycle() / time.Second)
	got := make([]int, len(j.Groups))
	for s := range 4 * cycle { // two cycles to come into step
		var want network.Set
		for g := range j.Groups {
			if t.green(j.GroupID(g), float64(s%cycle)) {
				want = want.With(g)
			}
		}
		shown := guard.Step(time.Duration(s)*time.Second, want, j.All()).Green()
		for g := range shown.All() {
			if s >= 3*cycle {
				got[g]++
			}
		}
	}
	for g := range j.Groups {
		planned := 0.0
		for _, w := range t.Greens[j.GroupID(g)] {
			planned += t.lasts(w[0], w[1])
		}
		if float64(got[g]) < planned-2 {
			found = append(found, fmt.Sprintf("the guard would not follow: %s (%s) would be green for %d s of the %s s planned", j.GroupID(g), j.Groups[g].Name, got[g], number(planned)))
		}
	}
	return found
}

// Words is the change in a sentence's part: "phases of 30, 5, 20 and 5 s, a cycle of 70 s,
// offset 12 s".
func (c *Change) Words(j *network.Junction) string {
	p, err := c.Apply(j)
	if err != nil {
		return err.Error()
	}
	var bands []string
	for _, b := range c.Bands {
		bands = append(bands, fmt.Sprint(b))
	}
	text := fmt.Sprintf("phases of %s s, a cycle of %s s, offset %d s", strings.Join(bands, ", "), number(p.Cycle().Seconds()), c.Offset)
	if len(c.Day) == 0 {
		return text
	}
	var day []string
	for _, s := range c.Day {
		day = append(day, fmt.Sprintf("%s from %v", s.Plan, s))
	}
	return text + "; each day " + strings.Join(day, ", ")
}
