package alarm

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/sensors"
)

// Config is the section hub.alarms.
type Config struct {
	Off   bool          `yaml:"off"`
	Every time.Duration `yaml:"every"` // between two rounds; 0: five seconds
	// Stale is how old the newest value of a kind may be before its sensor is unknown.
	Stale map[sensors.Kind]time.Duration `yaml:"stale"`
	// Keep is how long alarms are kept when they are over; 0: DefaultKeep.
	Keep time.Duration `yaml:"keep"`
	// Without names shipped rules that do not apply.
	Without []city.Slug `yaml:"without"`
	// Rules are further rules; one with a shipped rule's name takes its place.
	Rules []Rule `yaml:"rules"`
}

// Severity is how bad an alarm is, in the words of the Smart Data Models' Alert.
type Severity string

// The severities, rising.
const (
	Informational Severity = "informational"
	Low           Severity = "low"
	Medium        Severity = "medium"
	High          Severity = "high"
	Critical      Severity = "critical"
)

var severities = []Severity{Informational, Low, Medium, High, Critical}

// Rank is the place of a severity, rising; -1 of none.
func (s Severity) Rank() int { return slices.Index(severities, s) }

// Rule says when what sensors measure is an alarm.
type Rule struct {
	Name    city.Slug `yaml:"name"`
	Measure Measure   `yaml:"measure"`
	// Sensors are the ids that the rule is for; empty: all of the measure's kind. A rule
	// that names a sensor takes the place of those of the same measure that name none.
	Sensors []string `yaml:"sensors"`
	// Hold is for how long a level must be reached before it is raised, ClearHold for how
	// long it must be left before it clears.
	Hold      time.Duration `yaml:"hold"`
	ClearHold time.Duration `yaml:"clear_hold"`
	Levels    []Level       `yaml:"levels"` // rising in severity
}

// Level is one level of a rule: raised at Raise and beyond, cleared at Clear and on its
// other side. Raise below Clear is for measures that are bad when they are low.
type Level struct {
	Severity Severity `yaml:"severity"`
	Raise    float64  `yaml:"raise"`
	Clear    float64  `yaml:"clear"`
}

func (l Level) below() bool { return l.Raise < l.Clear }

func (l Level) raised(v float64) bool {
	if l.below() {
		return v <= l.Raise
	}
	return v >= l.Raise
}

func (l Level) cleared(v float64) bool {
	if l.below() {
		return v >= l.Clear
	}
	return v <= l.Clear
}

// DefaultEvery is the time between rounds where the configuration gives none.
const DefaultEvery = 5 * time.Second

// DefaultKeep is how long alarms are kept when they are over: two years.
const DefaultKeep = 2 * 365 * 24 * time.Hour

// Shipped are the rules that apply unless the configuration says otherwise. Their sources
// stand in docs/formats/sensors.md.
func Shipped() []Rule {
	return []Rule{
		{Name: "water-level", Measure: WaterLevel, Hold: time.Minute, ClearHold: 5 * time.Minute, Levels: []Level{{Medium, .10, .05}, {Critical, .30, .20}}},
		{Name: "water-rise", Measure: WaterRise, Hold: 2 * time.Minute, ClearHold: 10 * time.Minute, Levels: []Level{{High, .5, .1}}},
		{Name: "rain-hour", Measure: Rain1h, ClearHold: 10 * time.Minute, Levels: []Level{{Medium, 15, 10}, {High, 25, 20}, {Critical, 40, 35}}},
		{Name: "rain-day", Measure: Rain24h, ClearHold: time.Hour, Levels: []Level{{Medium, 30, 25}, {High, 50, 45}, {Critical, 80, 70}}},
		{Name: "air-index", Measure: AirIndex, Levels: []Level{{Medium, 5, 4}, {High, 6, 5}}},
		{Name: "ozone", Measure: "o3", Levels: []Level{{Medium, 180, 170}, {High, 240, 220}}},
		{Name: "noise-loud", Measure: Leq15m, ClearHold: 5 * time.Minute, Levels: []Level{{Low, 85, 80}, {Medium, 95, 90}}},
		{Name: "garage-full", Measure: GarageShare, Hold: 2 * time.Minute, ClearHold: 5 * time.Minute, Levels: []Level{{Informational, .98, .95}}},
	}
}

// Check reports everything that is wrong.
func (c *Config) Check() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, city.Errorf(city.Invalid, format, args...)) }
	if c.Every < 0 || (c.Every > 0 && c.Every < time.Second) || c.Every > 10*time.Minute {
		add("every: %v is not between 1s and 10m", c.Every)
	}
	if c.Keep < 0 || (c.Keep > 0 && c.Keep < 24*time.Hour) {
		add("keep: %v; alarms that are over are kept for 24h at least", c.Keep)
	}
	for k, d := range c.Stale {
		if !k.Known() {
			add("stale: there is no kind %q; kinds are %v", k, sensors.Kinds())
		} else if d < 10*time.Second || d > 7*24*time.Hour {
			add("stale: %v of %s is not between 10s and 168h", d, k)
		}
	}
	shipped := Shipped()
	for _, name := range c.Without {
		if !slices.ContainsFunc(shipped, func(r Rule) bool { return r.Name == name }) {
			add("without: no rule %q comes with the program%s", name, hint(string(name), ruleNames(shipped)))
		}
	}
	seen := map[city.Slug]bool{}
	for i := range c.Rules {
		r := &c.Rules[i]
		if seen[r.Name] {
			add("rules[%d]: a rule %s stands there twice", i, r.Name)
		}
		seen[r.Name] = true
		if err := r.check(); err != nil {
			errs = append(errs, city.Errorf(city.Invalid, "rules[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

func ruleNames(rules []Rule) []string {
	var out []string
	for _, r := range rules {
		out = append(out, string(r.Name))
	}
	return out
}

func hint(got string, names []string) string {
	if n := strictyaml.Nearest(got, names); n != "" {
		return "; did you mean " + n + "?"
	}
	return "; there are " + strings.Join(names, ", ")
}

func (r *Rule) check() error {
	if err := r.Name.Check(); err != nil {
		return err
	}
	if _, ok := measures[r.Measure]; !ok {
		return fmt.Errorf("there is no measure %q%s", r.Measure, hint(string(r.Measure), measureNames()))
	}
	const most = 6 * time.Hour
	if r.Hold < 0 || r.Hold > most || r.ClearHold < 0 || r.ClearHold > most {
		return fmt.Errorf("rule %s: hold and clear_hold are between 0 and %v", r.Name, most)
	}
	if len(r.Levels) == 0 || len(r.Levels) > 5 {
		return fmt.Errorf("rule %s has %d levels; it needs one to five", r.Name, len(r.Levels))
	}
	for i, l := range r.Levels {
		switch {
		case l.Severity.Rank() < 0:
			return fmt.Errorf("rule %s: the severity %q is none of %v", r.Name, l.Severity, severities)
		case math.IsNaN(l.Raise) || math.IsInf(l.Raise, 0) || math.IsNaN(l.Clear) || math.IsInf(l.Clear, 0):
			return fmt.Errorf("rule %s: raise and clear are numbers", r.Name)
		case i > 0 && l.Severity.Rank() <= r.Levels[i-1].Severity.Rank():
			return fmt.Errorf("rule %s: levels rise in severity; %s stands behind %s", r.Name, l.Severity, r.Levels[i-1].Severity)
		case i > 0 && l.below() != r.Levels[0].below():
			return fmt.Errorf("rule %s: raise is above clear in one level and below it in another", r.Name)
		case i > 0 && (l.below() && l.Raise >= r.Levels[i-1].Raise || !l.below() && l.Raise <= r.Levels[i-1].Raise):
			return fmt.Errorf("rule %s: the level %s is raised no later than %s", r.Name, l.Severity, r.Levels[i-1].Severity)
		case i > 0 && (l.below() && l.Clear >= r.Levels[i-1].Clear || !l.below() && l.Clear <= r.Levels[i-1].Clear):
			return fmt.Errorf("rule %s: the level %s clears no earlier than %s", r.Name, l.Severity, r.Levels[i-1].Severity)
		}
	}
	return nil
}

// rules are those in force.
func (c *Config) rules() []Rule {
	own := map[city.Slug]bool{}
	for _, r := range c.Rules {
		own[r.Name] = true
	}
	var out []Rule
	for _, r := range Shipped() {
		if !own[r.Name] && !slices.Contains(c.Without, r.Name) {
			out = append(out, r)
		}
	}
	return append(out, c.Rules...)
}

// stale is how old the newest value of a kind may be.
func (c *Config) stale(k sensors.Kind) time.Duration {
	if d := c.Stale[k]; d > 0 {
		return d
	}
	return k.Stale()
}

func measureNames() []string {
	var out []string
	for _, m := range slices.Sorted(maps.Keys(measures)) {
		out = append(out, string(m))
	}
	return out
}
