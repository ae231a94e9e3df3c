package look

import (
	"slices"
	"strings"
	"time"

	"polity/access"
	"polity/city"
)

// Look is what somebody is about to see.
type Look struct {
	Who     access.Who
	Purpose city.Slug // empty: the one that Who has stated
	Do      access.Action
	On      access.Thing // a camera or a service
	// From and To are the time that is looked at; zero: the present.
	From, To time.Time
}

// check completes a look, or says what is missing of it.
func (l *Look) check(purposes []access.Purpose) error {
	if l.Purpose == "" {
		l.Purpose = l.Who.Purpose
	}
	switch {
	case l.Purpose == "":
		return city.Errorf(city.Invalid, "say what you look for: choose a purpose, and it holds for your shift")
	case !slices.ContainsFunc(purposes, func(p access.Purpose) bool { return p.Name == l.Purpose }):
		return city.Errorf(city.Invalid, "the city has no purpose %q; choose one of its list", short(string(l.Purpose)))
	case !l.Do.IsLook():
		return city.Errorf(city.Invalid, "%s is no look", short(string(l.Do)))
	case l.Who.Kind == access.Public || l.Who.ID == "" || l.Who.Session == "":
		return city.Errorf(city.Forbidden, "who looks must be signed in")
	case l.Who.Body.Check() != nil:
		return city.Errorf(city.Invalid, "your account names no body that you work for, so that the look could not be counted; ask IT to enter it")
	case l.On.Kind != access.ACamera && l.On.Kind != access.AService:
		return city.Errorf(city.Invalid, "a look is at a camera or a service")
	case (l.Do == access.LookData) != (l.On.Kind == access.AService):
		return city.Errorf(city.Invalid, "%s is not done to a %s", l.Do, l.On.Kind)
	case l.From.IsZero() != l.To.IsZero() || l.To.Before(l.From):
		return city.Errorf(city.Invalid, "what is looked at begins and ends, in this order")
	}
	if err := city.Slug(l.On.ID).Check(); err != nil {
		return err
	}
	for _, text := range []string{l.Who.ID, l.Who.Session} {
		if !plain(text) {
			return city.Errorf(city.Invalid, "the account or session has a name that is no plain text of at most %d characters", textMost)
		}
	}
	return nil
}

// textMost bounds names of people and sessions, in bytes.
const textMost = 200

func plain(s string) bool {
	return len(s) <= textMost && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

func short(s string) string {
	if len(s) > 48 {
		return s[:48] + "…"
	}
	return s
}

// Detail is one look as the book has it. Its JSON is the leaf that a day's root commits
// to.
type Detail struct {
	Salt      string           `json:"salt"` // 16 bytes, hex
	Look      int64            `json:"look"`
	Continues int64            `json:"continues,omitempty"` // the look of the day before
	Who       string           `json:"who"`                 // ID of a person or token
	Kind      string           `json:"kind"`                // person or program
	Session   string           `json:"session"`
	Body      city.Slug        `json:"body"`
	Roles     []access.Role    `json:"roles,omitempty"`
	Purpose   city.Slug        `json:"purpose"`
	Do        access.Action    `json:"do"`
	On        access.ThingKind `json:"on"`
	Name      city.Slug        `json:"name"`
	From      Stamp            `json:"from,omitzero"`
	To        Stamp            `json:"to,omitzero"`
	Begun     Stamp            `json:"begun"`
	Ended     Stamp            `json:"ended,omitzero"` // zero while it goes on
	Why       string           `json:"why,omitempty"`  // it ended: left, day or restart
	noted     time.Time        // that it goes on
}

// Minutes is how long it was, in begun minutes, at least one; of a look that goes on, as
// far as it was noted.
func (d *Detail) Minutes() int {
	end := d.Ended.Time
	if end.IsZero() {
		end = d.noted
	}
	return max(1, int((end.Sub(d.Begun.Time)+time.Minute-1)/time.Minute))
}

// Reading is that somebody read the details.
type Reading struct {
	At      time.Time
	Who     string
	Body    city.Slug
	Session string
	About   string // what they asked for, such as the page's query
}

// Rule is why somebody is said to look much.
type Rule string

// The rules.
const (
	Many Rule = "many" // far more than others with the same role
	Wide Rule = "wide" // many cameras within an hour
)

// Flag is that a person looked much on a day.
type Flag struct {
	At     Stamp       `json:"-"`
	Day    string      `json:"day"` // 2026-11-30
	Who    string      `json:"who"`
	Rule   Rule        `json:"rule"`
	Role   access.Role `json:"role,omitempty"`  // whose others they were compared with
	Number int         `json:"number"`          // looks in Days, or cameras within the hour
	Usual  float64     `json:"usual,omitempty"` // median of the others
	Limit  float64     `json:"limit"`           // what Number passed
}
