package street

import (
	"slices"
	"time"

	"polity/city"
	"polity/services/power/lighting"
)

// View is what pages show. It is a copy.
type View struct {
	At        time.Time // of the last look, by the cabinets' clock
	Simulated bool
	Problem   string // why lighting stands still; empty: it does not
	Line      LineView
	Groups    []GroupView
	Areas     []AreaView
	Tonight   Energy   // so far
	Nights    []Energy // that are over, the oldest first
}

// LineView is the way to the cabinets.
type LineView struct {
	Configured bool
	Stands     bool
	Since      time.Time
}

// GroupView is a group of lamps.
type GroupView struct {
	Name    string
	Title   string
	Class   lighting.Class // installed
	Keeps   lighting.Class // what the present level keeps, of the same family
	Place   city.Point
	Lamps   int
	Area    city.Slug // empty: it is not dimmed
	Heard   time.Time // zero: never
	Silent  bool      // nothing is known of the present
	Lost    bool      // its supply
	Level   float64   // of full light
	By      string    // lighting.BySun and so on
	Watts   float64
	Broken  int
	Burning int // by day
	Finding string
	Refused string // why its cabinet refused what it was told
}

// AreaView is streets that are dimmed together.
type AreaView struct {
	Name     city.Slug
	Title    string
	Groups   []string
	Least    int // how many are out at a time, as coarse as a step: from Least on,
	Below    int // and fewer than Below; 0: no bound
	Known    bool
	Decision string // id of the night's; empty: none yet
	Until    time.Time
	Dimmed   bool // the decision is in effect
	Full     bool // a person ended it
}

// View returns what is known.
func (s *Service) View() View {
	v := View{Simulated: s.cfg.Simulate != ""}
	if s.line != nil {
		v.Line.Configured = true
		v.Line.Stands, v.Line.Since = s.line.kept.Stands()
	}
	now := s.deps.Now().In(s.zone)
	s.mu.Lock()
	defer s.mu.Unlock()
	v.At, v.Problem = s.looked, s.problem
	for i := range s.town.Groups {
		g := &s.town.Groups[i]
		l := s.lamps[g.Name]
		class, err := lighting.FindClass(g.Class)
		if err != nil {
			continue // Prepare has seen it
		}
		x := GroupView{
			Name: g.Name, Title: g.Title, Class: class, Place: city.Point{Lon: g.Lon, Lat: g.Lat}, Lamps: g.Lamps, Heard: l.at, Silent: l.at.IsZero() || now.Sub(l.at) > silentAfter,
			Lost: l.lost, Level: l.level, By: l.by, Watts: l.watts, Broken: l.told.Broken, Burning: l.told.Burning, Finding: l.told.Reason, Refused: s.refused[g.Name], Keeps: class,
		}
		if a := s.areaOf[g.Name]; a != nil {
			x.Area = a.Name
		}
		for k := range g.Steps {
			if l.level <= g.StepLevel(k)+0.005 {
				if x.Keeps, err = lighting.FindClass(g.StepClass(k)); err != nil {
					x.Keeps = class
				}
				break
			}
		}
		v.Groups = append(v.Groups, x)
	}
	for i := range s.town.Areas {
		a := &s.town.Areas[i]
		x := AreaView{Name: a.Name, Title: a.Title, Groups: slices.Clone(a.Groups), Known: s.steps[a.Name].known}
		x.Least, x.Below = a.Crowd(s.steps[a.Name].n)
		if n := s.kept.Nights[a.Name]; n != nil && n.Proposal != nil && n.Day.Equal(nightOf(now)) {
			x.Decision, x.Until, x.Full = n.Proposal.ID, n.Proposal.Until.In(s.zone), n.Full
			x.Dimmed = n.Active && !n.Full && now.Before(n.Proposal.Until)
		}
		v.Areas = append(v.Areas, x)
	}
	v.Tonight.Day = s.kept.Night
	for _, x := range s.kept.Used {
		v.Tonight.Used, v.Tonight.Full = v.Tonight.Used+x.Used, v.Tonight.Full+x.Full
	}
	v.Nights = slices.Clone(s.kept.Energy)
	return v
}

// Evening is what groups' own schedules have in the night around a moment.
type Evening struct {
	From   time.Time // noon
	Step   time.Duration
	Groups []string
	Plans  [][]lighting.Plan // by step, then group
}

// EveningStep is how far apart the moments of an Evening are.
const EveningStep = lighting.Quarter

// Evening returns the night that a moment belongs to, from noon to noon by the cabinets' clock.
func (s *Service) Evening(at time.Time) Evening {
	day := nightOf(at.In(s.zone))
	e := Evening{From: time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, s.zone), Step: EveningStep}
	for i := range s.town.Groups {
		e.Groups = append(e.Groups, s.town.Groups[i].Name)
	}
	for t := e.From; nightOf(t).Equal(day); t = t.Add(EveningStep) {
		row := make([]lighting.Plan, len(s.town.Groups))
		for i := range s.town.Groups {
			row[i] = s.town.Groups[i].Plan(t)
		}
		e.Plans = append(e.Plans, row)
	}
	return e
}

// Now is the time by the cabinets' clock.
func (s *Service) Now() time.Time { return s.deps.Now().In(s.zone) }
