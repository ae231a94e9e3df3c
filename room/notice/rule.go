package notice

import (
	"slices"
	"time"

	"polity/access"
	"polity/city"
)

// Reason is why an alert is told.
type Reason string

// The reasons.
const (
	Opened         Reason = "opened"
	Unacknowledged Reason = "unacknowledged" // for so long nobody has taken it on
	Escalated      Reason = "escalated"
)

// reasons are a set of them; a later one says more.
type reasons uint8

const (
	opened reasons = 1 << iota
	unacknowledged
	escalated
	all = opened | unacknowledged | escalated
)

// strongest is the reason that a notice gives where there are several.
func (r reasons) strongest() Reason {
	switch {
	case r&escalated != 0:
		return Escalated
	case r&unacknowledged != 0:
		return Unacknowledged
	}
	return Opened
}

// Rule says which alerts go to a channel.
type Rule struct {
	Desks    []city.Slug   `yaml:"desks"`    // none: all
	Kinds    []city.Slug   `yaml:"kinds"`    // none: all
	Priority int           `yaml:"priority"` // this one and more urgent ones; 0: 2
	When     []Reason      `yaml:"when"`     // none: all
	After    time.Duration `yaml:"after"`    // until an alert is unacknowledged; 0: 5m
}

// DefaultAfter is when an alert that nobody has taken on is told again.
const DefaultAfter = 5 * time.Minute

func (r Rule) withDefaults() Rule {
	if r.Priority == 0 {
		r.Priority = 2
	}
	if r.After == 0 {
		r.After = DefaultAfter
	}
	if len(r.When) == 0 {
		r.When = []Reason{Opened, Unacknowledged, Escalated}
	}
	return r
}

// check reports the first thing that is wrong with a rule.
func (r Rule) check() error {
	for _, d := range r.Desks {
		if !slices.Contains(access.Desks(), d) {
			return city.Errorf(city.Invalid, "desks: there is no desk %q; desks are %v", string(d), access.Desks())
		}
	}
	for _, k := range r.Kinds {
		if err := k.Check(); err != nil {
			return city.Errorf(city.Invalid, "kinds: %w", err)
		}
	}
	if r.Priority < 0 || r.Priority > Least {
		return city.Errorf(city.Invalid, "priority: %d is none; give 1, the most urgent, to %d", r.Priority, Least)
	}
	for _, w := range r.When {
		if w != Opened && w != Unacknowledged && w != Escalated {
			return city.Errorf(city.Invalid, "when: %q is no reason; reasons are opened, unacknowledged and escalated", string(w))
		}
	}
	if r.After < 0 || r.After > 24*time.Hour || r.After > 0 && r.After < time.Second {
		return city.Errorf(city.Invalid, "after: %v; give 1s to 24h", r.After)
	}
	return nil
}

// about says whether a rule is about an alert at all.
func (r *Rule) about(a *Alert) bool {
	return a.Open && !a.Quiet && a.Priority <= r.Priority &&
		(len(r.Desks) == 0 || slices.Contains(r.Desks, a.Desk)) && (len(r.Kinds) == 0 || slices.Contains(r.Kinds, a.Kind))
}

// due returns the reasons for which an alert is to be told now, and when there may be
// another one; the zero time: never. New is since when nobody has taken it on.
func (r *Rule) due(a *Alert, since, now time.Time) (reasons, time.Time) {
	var out reasons
	var next time.Time
	if !r.about(a) || a.Snoozed {
		return 0, next
	}
	if a.Escalated {
		out |= escalated
	}
	if a.New {
		out |= opened
		if next = since.Add(r.After); !next.After(now) {
			out, next = out|unacknowledged, time.Time{}
		}
	}
	var wanted reasons
	for _, w := range r.When {
		wanted |= map[Reason]reasons{Opened: opened, Unacknowledged: unacknowledged, Escalated: escalated}[w]
	}
	if wanted&unacknowledged == 0 {
		next = time.Time{}
	}
	return out & wanted, next
}
