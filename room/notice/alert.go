package notice

import (
	"context"
	"time"

	"polity/access"
	"polity/city"
)

// Alert is what a notice may say of an alert, and what rules look at. It has no field for
// a note or a person.
type Alert struct {
	Key       string // lasting
	Desk      city.Slug
	Kind      city.Slug
	Title     string // the kind in words
	Priority  int    // that counts now, 1 the most urgent, to Least
	Place     string // in words; may be empty
	At        time.Time
	Revision  uint64 // rises with what people do about it: told again after that, it is another notice
	Open      bool
	New       bool // nobody has taken it on
	Snoozed   bool
	Escalated bool
	Quiet     bool
}

// Least is the least urgent priority.
const Least = 4

// Source is where alerts come from.
type Source interface {
	// Follow calls tell with every alert that is open now, then with what changes,
	// until ctx ends or tell returns an error. The first call has all that is open,
	// and may be empty. A change may be told twice; of several changes of one alert
	// the last is enough. tell does not block for long.
	Follow(ctx context.Context, tell func([]Alert) error) error
}

// People are those who may have channels of their own.
type People interface {
	// Person returns who somebody is now; false where there is no such account, or it
	// may not sign in any more.
	Person(ctx context.Context, id string) (access.Who, bool, error)
}

// Words are the texts of notices.
type Words interface {
	// Say returns the text of a key with values, name and value in turn.
	Say(key string, values ...any) string
}
