package rsmp

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/services/traffic/control"
	"polity/services/traffic/network"
	"polity/services/traffic/plan"
)

// program is the time plans of a simulated controller, and when which runs. It does not change.
type program struct {
	net   *network.Network // of the site, with these plans
	day   []plan.Slot
	begin time.Duration // time of day when the site's clock shows zero
	fixed *control.Fixed
}

func newProgram(n *network.Network, plans []network.Plan, day []plan.Slot, begin time.Duration) (*program, error) {
	j, own := *n.Junctions[0], *n
	j.Plans = plans
	own.Junctions = []*network.Junction{&j}
	var slots []control.Slot
	for _, s := range day {
		slots = append(slots, control.Slot{From: time.Duration(s.Minute) * time.Minute, Plan: s.Plan})
	}
	fixed, err := control.NewFixed(&own, begin, slots)
	if err != nil {
		return nil, err
	}
	return &program{&own, day, begin, fixed}, nil
}

func (p *program) junction() *network.Junction { return p.net.Junctions[0] }

// wish is what the plan shows green.
func (p *program) wish(clock time.Duration) network.Set {
	out := make([]control.Decision, 1)
	p.fixed.Decide(clock, nil, nil, out)
	return out[0].Want
}

// now is the number of the plan that runs.
func (p *program) now(clock time.Duration) int {
	if len(p.day) == 0 {
		return 1
	}
	minute := int((p.begin+clock)%(24*time.Hour)) / int(time.Minute)
	id := p.day[len(p.day)-1].Plan
	for _, s := range p.day {
		if minute >= s.Minute {
			id = s.Plan
		}
	}
	_, number := plan.Find(p.junction(), id)
	return number
}

// status is the value of one of the statuses that tell of plans; had is false for others.
func (p *program) status(code, name string, clock time.Duration) (value string, had bool) {
	var items []string
	j := p.junction()
	switch code + " " + name {
	case "S0014 status":
		return strconv.Itoa(p.now(clock)), true
	case "S0014 source":
		if len(p.day) == 0 {
			return "startup", true
		}
		return "calendar_clock", true
	case "S0022 status":
		for i := range j.Plans {
			items = append(items, strconv.Itoa(i+1))
		}
	case "S0023 status":
		for i := range j.Plans {
			for k, phase := range plan.Stretchable(j, &j.Plans[i]) {
				long := int(j.Plans[i].Phases[phase].Duration / time.Second)
				items = append(items, fmt.Sprintf("%d-%d-%d", i+1, k+1, long-plan.Least(&j.Plans[i], phase)))
			}
		}
	case "S0024 status":
		for i := range j.Plans {
			items = append(items, fmt.Sprintf("%d-%d", i+1, int(j.Plans[i].Offset/time.Second)))
		}
	case "S0026 status":
		for d := range 7 {
			items = append(items, fmt.Sprintf("%d-%d", d, everyDay))
		}
	case "S0027 status":
		var day []Switch
		for _, s := range p.day {
			_, number := plan.Find(j, s.Plan)
			day = append(day, Switch{number, s.Minute / 60, s.Minute % 60})
		}
		return writeDay(day), true
	case "S0028 status":
		for i := range j.Plans {
			items = append(items, fmt.Sprintf("%d-%d", i+1, int(j.Plans[i].Cycle()/time.Second)))
		}
	default:
		return "", false
	}
	return strings.Join(items, ","), true
}

// retimed is the program after commands M0014 to M0018: all of them, or an error that says
// what stands against them.
func (p *program) retimed(args []Argument, code string) (*program, error) {
	values := map[string]map[string]string{}
	for _, a := range args {
		if values[a.Code] == nil {
			values[a.Code] = map[string]string{}
		}
		values[a.Code][a.Name] = a.Value
	}
	j := p.junction()
	changes, day := map[int]*plan.Change{}, p.day
	for _, c := range slices.Sorted(maps.Keys(values)) {
		v := values[c]
		if v["securityCode"] != code {
			return nil, errCode
		}
		switch c {
		case "M0014", "M0015", "M0018":
			n, err := strconv.Atoi(v["plan"])
			if err != nil || n < 1 || n > len(j.Plans) {
				return nil, city.Errorf(city.NotFound, "%s: there is no plan %q; there are 1 to %d", c, v["plan"], len(j.Plans))
			}
			if changes[n] == nil {
				x := plan.Present(j, &j.Plans[n-1], nil)
				changes[n] = &x
			}
			if err := stretch(c, v["status"], j, &j.Plans[n-1], changes[n]); err != nil {
				return nil, err
			}
		case "M0016":
			for item := range strings.SplitSeq(v["status"], ",") {
				if !strings.HasSuffix(item, "-"+strconv.Itoa(everyDay)) {
					return nil, city.Errorf(city.NotFound, "M0016: %q: there is time table %d only", item, everyDay)
				}
			}
		case "M0017":
			list, err := readDay(v["status"])
			if err != nil {
				return nil, city.Errorf(city.Invalid, "M0017: %w", err)
			}
			day = nil
			for _, s := range list {
				if s.Plan < 1 || s.Plan > len(j.Plans) {
					return nil, city.Errorf(city.NotFound, "M0017: there is no plan %d; there are 1 to %d", s.Plan, len(j.Plans))
				}
				day = append(day, plan.Slot{Minute: 60*s.Hour + s.Minute, Plan: j.Plans[s.Plan-1].ID})
			}
		}
	}
	plans := slices.Clone(j.Plans)
	for n, x := range changes {
		x.Day = day
		if found := x.Check(j); len(found) > 0 {
			return nil, city.Errorf(city.Invalid, "plan %d: %s", n, strings.Join(found, "; "))
		}
		changed, err := x.Apply(j)
		if err != nil {
			return nil, err
		}
		if text, had := values["M0018"]["status"]; had && text != strconv.Itoa(int(changed.Cycle()/time.Second)) {
			return nil, city.Errorf(city.Invalid, "plan %d: its phases take %v together, not %s s", n, changed.Cycle(), text)
		}
		plans[n-1] = changed
	}
	return newProgram(p.net, plans, day, p.begin)
}

// stretch reads one command onto a change.
func stretch(code, text string, j *network.Junction, p *network.Plan, x *plan.Change) error {
	if code == "M0014" {
		list, err := numbers(text, 2)
		if err != nil {
			return city.Errorf(city.Invalid, "M0014: %w", err)
		}
		phases := plan.Stretchable(j, p)
		for _, b := range list {
			if b[0] < 1 || b[0] > len(phases) {
				return city.Errorf(city.NotFound, "M0014: there is no band %d; there are 1 to %d", b[0], len(phases))
			}
			x.Bands[b[0]-1] = plan.Least(p, phases[b[0]-1]) + b[1]
		}
		return nil
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < 0 || v > 255 {
		return city.Errorf(city.Invalid, "%s: %q is not a number from 0 to 255", code, text)
	}
	if code == "M0015" {
		x.Offset = v
	}
	return nil
}

// told is what a subscriber of a status was told last.
type told map[Subscription]string

// watchPlans tells subscribers of what changed; s.mu is held.
func (s *Site) watchPlans(now time.Time) {
	var changed []StatusValue
	for q, last := range s.told {
		if value, _ := s.value(q.Code, q.Name, now); value != last {
			s.told[q] = value
			changed = append(changed, StatusValue{Code: q.Code, Name: q.Name, Value: value, Quality: "recent"})
		}
	}
	if len(changed) == 0 {
		return
	}
	slices.SortFunc(changed, func(a, b StatusValue) int { return strings.Compare(a.Code+a.Name, b.Code+b.Name) })
	m := newMessage(KindStatusUpdate)
	m.Component, m.StatusTime = s.id, stamp(now)
	m.Status, _ = json.Marshal(changed) // strings only
	s.deliver(m)
}

// value is that of a status; had is false for one that is not known here. s.mu is held.
func (s *Site) value(code, name string, now time.Time) (value string, had bool) {
	switch {
	case code == "S0001" && name == "signalgroupstatus":
		return s.letters, true
	case code == "S0002" && name == "detectorlogicstatus" && s.Logics != nil:
		return s.Logics(), true
	}
	return s.program.status(code, name, s.clock(now))
}

// clock is the time since the site began. s.mu is held.
func (s *Site) clock(now time.Time) time.Duration { return now.Sub(s.began).Truncate(time.Second) }

// Plan returns what the site's own plan shows green now.
func (s *Site) Plan() network.Set {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.own
}
