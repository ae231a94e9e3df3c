package custodian

import (
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/recording/share"
)

// state is what a device keeps in its vault.
type state struct {
	Body   share.Body
	Device city.Slug
	Roster []byte // signed file; empty before one was adopted
	Seen   Seen
	Keys   []epochKey // rising by class and day
	Gone   []goneKey
	Uses   []Use
	Audits []Audited
	Holds  []held
}

// held is the private key of a hold.
type held struct {
	ID    canonical.Hash `json:"id"`
	Seed  canonical.Hash `json:"seed"`
	Until canonical.Day  `json:"until"` // this day included
}

func (h *held) over(at time.Time) bool { return !at.Before(h.Until.Time().Add(day)) }

func (s *state) held(id canonical.Hash) *held {
	for i := range s.Holds {
		if s.Holds[i].ID == id {
			return &s.Holds[i]
		}
	}
	return nil
}

// Seen is the highest checkpoint that a device saw. Size is 0 before the first.
type Seen struct {
	Size int64
	Root canonical.Hash
	Time time.Time // never falls
}

// epochKey is a private epoch key.
type epochKey struct {
	Class city.Slug
	Day   canonical.Day
	Seed  canonical.Hash
}

// goneKey is an epoch key that was destroyed.
type goneKey struct {
	Class city.Slug
	Day   canonical.Day
	ID    canonical.Hash
	At    canonical.Time
	Why   string
}

// Use is what a device did with a token.
type Use struct {
	Token    canonical.Hash
	Approved int // times that an answer with shares was begun
	Refused  int
	Last     time.Time // by the log
}

// Audited is an audit that was done.
type Audited struct {
	Week           canonical.Week
	Checked, Wrong int64
}

func (s *state) use(id canonical.Hash) *Use {
	for i := range s.Uses {
		if s.Uses[i].Token == id {
			return &s.Uses[i]
		}
	}
	s.Uses = append(s.Uses, Use{Token: id})
	return &s.Uses[len(s.Uses)-1]
}
