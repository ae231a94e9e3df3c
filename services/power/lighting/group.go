package lighting

import (
	"fmt"
	"time"

	"polity/city"
)

// Group is a number of lamps on one cabinet that burn alike. Its steps are
// registered in advance: nobody tunes them by the hour.
type Group struct {
	Name     string  `yaml:"name"`
	Title    string  `yaml:"title"`    // as people call it; empty: the name
	Register string  `yaml:"register"` // the algorithm's entry in the public register
	Lat      float64 `yaml:"lat"`
	Lon      float64 `yaml:"lon"`
	Class    string  `yaml:"class"` // installed
	Lamps    int     `yaml:"lamps"`
	LampW    float64 `yaml:"lamp_w"` // of one lamp at full light
	// StandbyW is what a lamp's driver takes beyond what follows its light.
	StandbyW float64 `yaml:"standby_w"`
	// OnHeight is the height of the sun, in degrees, below which lamps burn.
	OnHeight float64 `yaml:"on_height"`
	// Steps say which class is enough up to which count of people and vehicles, in
	// rising order; above the last the installed class holds.
	Steps []Step `yaml:"steps"`
	// Hold is how long the light stays after a count has fallen: it rises at once.
	Hold time.Duration `yaml:"hold"`
	// Stale is the age from which on a count says nothing any more.
	Stale time.Duration `yaml:"stale"`
	// Dimming is allowed between these times of day ("22:00", "05:30"); both empty:
	// all night.
	From string `yaml:"from"`
	To   string `yaml:"to"`
	// Seasons have times of their own; the first that a night falls into counts.
	Seasons []Season `yaml:"seasons"`

	levels     []float64 // per step
	begin, end time.Duration
	always     bool
}

// Season is a part of the year in which dimming is allowed at other times of day.
type Season struct {
	First string `yaml:"first"` // day, as in 05-15
	Last  string `yaml:"last"`  // included; before First: over the turn of the year
	From  string `yaml:"from"`
	To    string `yaml:"to"`

	first, last int // month*100 + day
	begin, end  time.Duration
}

// Step is one step of dimming.
type Step struct {
	UpTo  int    `yaml:"up_to"`
	Class string `yaml:"class"`
}

// ReadGroups reads groups from a YAML file's text, which may name areas, too.
func ReadGroups(name string, text []byte) ([]Group, error) {
	t, err := ReadTown(name, text)
	if err != nil {
		return nil, err
	}
	return t.Groups, nil
}

// Prepare checks a group and readies it for use.
func (g *Group) Prepare() error {
	bad := func(format string, args ...any) error {
		return city.Errorf(city.Invalid, "group %q: %w", g.Name, fmt.Errorf(format, args...))
	}
	at := city.Point{Lon: g.Lon, Lat: g.Lat}
	installed, err := FindClass(g.Class)
	switch {
	case g.Name == "":
		return bad("it has no name")
	case err != nil:
		return bad("%w", err)
	case at.Check() != nil:
		return bad("%w", at.Check())
	case g.Lamps <= 0 || !(g.LampW > 0) || !(g.StandbyW >= 0) || g.StandbyW > g.LampW:
		return bad("%d lamps of %g W, %g W of it for the driver: give numbers above zero", g.Lamps, g.LampW, g.StandbyW)
	case !(g.OnHeight >= -18 && g.OnHeight <= 6):
		return bad("on_height %g: lamps go on between 6 and -18 degrees", g.OnHeight)
	case len(g.Steps) > 0 && g.Register == "":
		return bad("it dims by counts without a register entry")
	case len(g.Steps) > 0 && (g.Hold <= 0 || g.Stale <= 0):
		return bad("it dims by counts and needs hold and stale")
	}
	if g.Title == "" {
		g.Title = g.Name
	}
	g.levels = nil
	for i, s := range g.Steps {
		to, err := FindClass(s.Class)
		if err != nil {
			return bad("step %d: %w", i+1, err)
		}
		level, err := dimmed(installed, to)
		if err != nil {
			return bad("step %d: %w", i+1, err)
		}
		if i > 0 && (s.UpTo <= g.Steps[i-1].UpTo || level < g.levels[i-1]) {
			return bad("step %d: counts and light must rise from step to step", i+1)
		}
		g.levels = append(g.levels, level)
	}
	for i := range g.Seasons {
		if err := g.Seasons[i].prepare(); err != nil {
			return bad("season %d: %w", i+1, err)
		}
	}
	if g.always = g.From == "" && g.To == ""; g.always {
		return nil
	}
	if g.begin, g.end, err = clocks(g.From, g.To); err != nil {
		return bad("%w", err)
	}
	return nil
}

func (s *Season) prepare() (err error) {
	day := func(text string) int {
		t, parseErr := time.Parse("01-02", text)
		if parseErr != nil {
			err = fmt.Errorf("%q is no day like 05-15", text)
		}
		return int(t.Month())*100 + t.Day()
	}
	if s.first, s.last = day(s.First), day(s.Last); err != nil {
		return err
	}
	s.begin, s.end, err = clocks(s.From, s.To)
	return err
}

// has says whether a night that begins on that day falls into the season.
func (s *Season) has(t time.Time) bool {
	day := int(t.Month())*100 + t.Day()
	if s.first <= s.last {
		return day >= s.first && day <= s.last
	}
	return day >= s.first || day <= s.last
}

func clocks(from, to string) (begin, end time.Duration, err error) {
	if begin, err = clock(from); err == nil {
		end, err = clock(to)
	}
	return begin, end, err
}

// clock reads a time of day.
func clock(text string) (time.Duration, error) {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%q is no time of day like 22:30", text)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// may says whether the group may be dimmed at that time of day.
func (g *Group) may(t time.Time) bool {
	h, m, s := t.Clock()
	now := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
	begin, end, always := g.begin, g.end, g.always
	night := t.Add(-12 * time.Hour) // a night belongs to the day on which it begins
	for i := range g.Seasons {
		if g.Seasons[i].has(night) {
			begin, end, always = g.Seasons[i].begin, g.Seasons[i].end, false
			break
		}
	}
	switch {
	case always:
		return true
	case begin <= end:
		return now >= begin && now < end
	}
	return now >= begin || now < end
}

// Plan is what a group's own schedule has at a time: between the least that counts may
// dim it to and the most.
type Plan struct {
	Least, Most float64 // of full light
}

// Plan returns it; times of day are those of t's location.
func (g *Group) Plan(t time.Time) Plan {
	switch {
	case Height(t, city.Point{Lon: g.Lon, Lat: g.Lat}) >= g.OnHeight:
		return Plan{}
	case len(g.levels) == 0 || !g.may(t):
		return Plan{1, 1}
	}
	return Plan{g.levels[0], 1}
}

// StepLevel is the light of a step, counted from 0; above the last it is full.
func (g *Group) StepLevel(step int) float64 {
	if step < 0 || step >= len(g.levels) {
		return 1
	}
	return g.levels[step]
}

// StepClass is the class that a step keeps.
func (g *Group) StepClass(step int) string {
	if step < 0 || step >= len(g.Steps) {
		return g.Class
	}
	return g.Steps[step].Class
}

// Level is the light, as a part of full light, that a count asks for.
func (g *Group) Level(count int) (float64, error) {
	if count < 0 || len(g.levels) != len(g.Steps) {
		return 0, city.Errorf(city.Invalid, "group %q: a count of %d, or the group is not prepared", g.Name, count)
	}
	return g.step(count), nil
}

// step is the light that a count asks for.
func (g *Group) step(count int) float64 {
	for i, s := range g.Steps {
		if count <= s.UpTo {
			return g.levels[i]
		}
	}
	return 1
}

// Watts is what the group draws at a level, 0 to 1 of full light, with so many lamps
// broken: light follows power but for what the driver takes.
func (g *Group) Watts(level float64, broken int) float64 {
	if level <= 0 {
		return 0
	}
	return float64(g.Lamps-broken) * (g.StandbyW + (g.LampW-g.StandbyW)*level)
}
