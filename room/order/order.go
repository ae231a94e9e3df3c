package order

import (
	"encoding/json"
	"time"

	"polity/city"
)

// Order is one work order as its readers see it.
type Order struct {
	ID       string    `json:"id"`
	Number   int64     `json:"number"`
	Revision int64     `json:"revision"`
	Desk     city.Slug `json:"desk"`
	State    State     `json:"state"`
	Content
	Assigned Assignee   `json:"assigned"`
	Source   Source     `json:"source"`
	Made     time.Time  `json:"made"`
	Changed  time.Time  `json:"changed"`
	Given    *time.Time `json:"given,omitempty"` // the last time
	Closed   *time.Time `json:"closed,omitempty"`
	Timeline []Entry    `json:"timeline,omitempty"` // oldest first; not in lists
	Photos   []Photo    `json:"photos,omitempty"`   // not in lists
}

// Content is what a desk writes and may change.
type Content struct {
	Kind     Kind        `json:"kind"`
	Task     string      `json:"task"`
	Asset    string      `json:"asset,omitempty"` // an entity's id
	Place    *city.Point `json:"place,omitempty"`
	Where    string      `json:"where,omitempty"` // the place in words
	Priority Priority    `json:"priority"`
	Due      *time.Time  `json:"due,omitempty"`
}

// Assignee is who an order was given to: a person or a crew, not both.
type Assignee struct {
	Person string    `json:"person,omitempty"` // an account's id
	Crew   city.Slug `json:"crew,omitempty"`
	Name   string    `json:"name,omitempty"` // as colleagues know them
}

// None reports whether nobody was named.
func (a Assignee) None() bool { return a.Person == "" && a.Crew == "" }

func (a Assignee) same(b Assignee) bool { return a.Person == b.Person && a.Crew == b.Crew }

// Where an order may come from.
const (
	FromAlert    = "alert"
	FromDecision = "decision"
)

// Source is where an order comes from. The zero Source is a desk's own idea.
type Source struct {
	From    string    `json:"from,omitempty"`    // FromAlert, FromDecision or empty
	Key     string    `json:"key,omitempty"`     // the alert's key, the decision's id
	Service city.Slug `json:"service,omitempty"` // that decided
	Reason  string    `json:"reason,omitempty"`  // one sentence, of a decision
	Level   string    `json:"level,omitempty"`   // of a decision
}

// What an entry of a timeline says.
const (
	WasMade    = "made"
	WasChanged = "changed"
	WasMoved   = "state" // State and perhaps Reason say how
	WasNoted   = "note"
	WasPhoto   = "photo"
	PhotosGone = "photos-removed"
)

// Entry is one line of an order's timeline.
type Entry struct {
	At     time.Time  `json:"at"`             // when the hub knew
	Told   *time.Time `json:"told,omitempty"` // when the crew did it, where that is earlier
	Who    string     `json:"who,omitempty"`  // an account's id, empty for the hub itself
	Name   string     `json:"name"`
	What   string     `json:"what"`
	State  State      `json:"state,omitempty"`
	Reason Reason     `json:"reason,omitempty"`
	Text   string     `json:"text,omitempty"` // a note; to whom it was given; the photo's id
}

// Stage says when a photo was taken.
type Stage string

// The stages.
const (
	Before Stage = "before"
	After  Stage = "after"
)

// Photo is a photo of an order, without its bytes.
type Photo struct {
	ID     string    `json:"id"`
	Stage  Stage     `json:"stage"`
	At     time.Time `json:"at"`
	Width  int       `json:"width"`
	Height int       `json:"height"`
}

// digestable is what makes a repeated request the same request.
func digestable(parts ...any) ([]byte, error) { return json.Marshal(parts) }
