// Package retention says how long the history of each kind of thing is kept, and thins it
// out accordingly: observations, then summaries of hours, then of days.
package retention

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/plane"
)

// Rule is how long the history of some attributes of some entities is kept. A period that
// is left out makes no such summaries: what was kept before goes on to the next.
type Rule struct {
	Type      string  `yaml:"type"`      // of entities: an IRI, its last part, or "*" for all
	Attribute string  `yaml:"attribute"` // likewise
	Raw       *Period `yaml:"raw"`       // observations as they came
	Hourly    *Period `yaml:"hourly"`    // summaries of UTC hours: count, sum, squares, least, most
	Daily     *Period `yaml:"daily"`     // of UTC days
}

// Rules are looked through in their order; the first that fits counts. What none fits is
// kept for ever.
type Rules []Rule

// Default keeps what is observed for a year, by the hour for five and by the day for twenty.
func Default() Rules {
	return Rules{{Type: "*", Attribute: "*", Raw: &Period{Years: 1}, Hourly: &Period{Years: 5}, Daily: &Period{Years: 20}}}
}

// Period is a time in whole days or years of the calendar; the zero Period is for ever.
type Period struct{ Days, Years int }

var periodForm = regexp.MustCompile(`^([0-9]{1,5})([dy])$`)

// UnmarshalText reads 90d, 2y or forever.
func (p *Period) UnmarshalText(b []byte) error {
	if string(b) == "forever" {
		*p = Period{}
		return nil
	}
	found := periodForm.FindSubmatch(b)
	if found == nil {
		return city.Errorf(city.Invalid, "%.40q is no period; write one such as 90d, 2y or forever", b)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil || n == 0 || n > 10_000 {
		return city.Errorf(city.Invalid, "the period %.40q is not between 1 and 10000", b)
	}
	if *p = (Period{Days: n}); found[2][0] == 'y' {
		*p = Period{Years: n}
	}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// String is as in a configuration.
func (p Period) String() string {
	switch {
	case p.Years > 0:
		return fmt.Sprintf("%dy", p.Years)
	case p.Days > 0:
		return fmt.Sprintf("%dd", p.Days)
	}
	return "forever"
}

// before is the beginning of the UTC day that lies a period back; the zero time for ever.
func (p Period) before(now time.Time) time.Time {
	if p == (Period{}) {
		return time.Time{}
	}
	t := now.UTC().AddDate(-p.Years, 0, -p.Days).Truncate(plane.Day)
	if t.UnixMilli() < 0 {
		return time.Time{}
	}
	return t
}

// least is the shortest time for which observations are kept: later ones than plane.Fresh
// are never thinned out, and a day is cut as a whole.
const least = 3

// Check reports everything that is wrong.
func (r Rules) Check() error {
	var errs []error
	for i := range r {
		if err := r[i].check(); err != nil {
			errs = append(errs, city.Errorf(city.Invalid, "[%d] (type %q, attribute %q): %w", i, r[i].Type, r[i].Attribute, err))
		}
	}
	return errors.Join(errs...)
}

func (r *Rule) check() error {
	switch {
	case r.Type == "" || r.Attribute == "":
		return errors.New(`type and attribute are needed, each a name or "*" for all`)
	case r.Raw == nil:
		return errors.New("raw is missing: how long observations are kept as they came, such as 90d or forever")
	case r.Raw.Years == 0 && r.Raw.Days > 0 && r.Raw.Days < least:
		return fmt.Errorf("raw: %v is too short; %dd is the least", r.Raw, least)
	}
	now := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	last, name := *r.Raw, "raw"
	for _, next := range []struct {
		name string
		p    *Period
	}{{"hourly", r.Hourly}, {"daily", r.Daily}} {
		if next.p == nil {
			continue
		}
		if longer(last, *next.p, now) {
			return fmt.Errorf("%s: %v is shorter than %s, %v", next.name, next.p, name, last)
		}
		last, name = *next.p, next.name
	}
	return nil
}

func longer(a, b Period, now time.Time) bool {
	if b == (Period{}) {
		return false
	}
	return a == (Period{}) || now.AddDate(-a.Years, 0, -a.Days).Before(now.AddDate(-b.Years, 0, -b.Days))
}

// Cut is what of a history has lived its time.
func (r *Rule) Cut(now time.Time) plane.Cut {
	cut := plane.Cut{Raw: r.Raw.before(now)}
	cut.Hourly = cut.Raw
	if r.Hourly != nil {
		cut.Hourly = r.Hourly.before(now)
	}
	cut.Daily = cut.Hourly
	if r.Daily != nil {
		cut.Daily = r.Daily.before(now)
	}
	return cut
}

// String says what holds, in the words of the configuration.
func (r *Rule) String() string {
	said := "raw " + r.Raw.String()
	if r.Hourly != nil {
		said += ", hourly " + r.Hourly.String()
	}
	if r.Daily != nil {
		said += ", daily " + r.Daily.String()
	}
	return said
}

// For returns the rule for an attribute of an entity, nil if none fits.
func (r Rules) For(types []string, attribute string) *Rule {
	for i := range r {
		byType := r[i].Type == "*" || slices.ContainsFunc(types, func(t string) bool { return named(t, r[i].Type) })
		if byType && (r[i].Attribute == "*" || named(attribute, r[i].Attribute)) {
			return &r[i]
		}
	}
	return nil
}

// named says that an IRI, or a name, is meant by a name.
func named(iri, name string) bool { return iri == name || Short(iri) == name }

// Short is the last part of an IRI, as people write types and attributes.
func Short(iri string) string { return iri[strings.LastIndexAny(iri, "/#")+1:] }
