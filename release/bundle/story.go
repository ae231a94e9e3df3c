package bundle

import (
	"fmt"
	"slices"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster"
	"polity/release/token"
)

// Story is what the public log says of one release.
type Story struct {
	Token     canonical.Hash
	Requested *Told[*entry.ReleaseRequested]
	Approved  map[city.Slug]*Told[*entry.ReleaseApproved] // by body, the first of each
	Refused   map[city.Slug]*Told[*entry.ReleaseRefused]
	Opened    []Told[*entry.ReleaseOpened]
	Published *Told[*entry.ReleaseDetails]
	Extended  []Told[*entry.ReleaseDetails]
}

// Told is an entry and its place in the log.
type Told[E any] struct {
	Index int64
	Entry E
}

func newStory(id canonical.Hash) *Story {
	return &Story{Token: id, Approved: map[city.Slug]*Told[*entry.ReleaseApproved]{}, Refused: map[city.Slug]*Told[*entry.ReleaseRefused]{}}
}

// add takes in an entry of the log, in any order. It says whether it is of this release.
func (s *Story) add(index int64, e entry.Entry) bool {
	switch e := e.(type) {
	case *entry.ReleaseRequested:
		if e.ID == s.Token {
			s.Requested = &Told[*entry.ReleaseRequested]{index, e}
			return true
		}
	case *entry.ReleaseApproved:
		if e.Token == s.Token {
			if was := s.Approved[e.Body]; was == nil || index < was.Index {
				s.Approved[e.Body] = &Told[*entry.ReleaseApproved]{index, e}
			}
			return true
		}
	case *entry.ReleaseRefused:
		if e.Token == s.Token {
			if was := s.Refused[e.Body]; was == nil || index < was.Index {
				s.Refused[e.Body] = &Told[*entry.ReleaseRefused]{index, e}
			}
			return true
		}
	case *entry.ReleaseOpened:
		if e.Token == s.Token {
			s.Opened = append(s.Opened, Told[*entry.ReleaseOpened]{index, e})
			slices.SortFunc(s.Opened, func(a, b Told[*entry.ReleaseOpened]) int { return int(a.Index - b.Index) })
			return true
		}
	case *entry.ReleaseDetails:
		if e.Token == s.Token {
			one := Told[*entry.ReleaseDetails]{index, e}
			if e.What != "published" {
				s.Extended = append(s.Extended, one)
			} else if s.Published == nil || index < s.Published.Index {
				s.Published = &one
			}
			return true
		}
	}
	return false
}

// bodies are the two whose approval it takes.
var bodies = []city.Slug{roster.Court, roster.Ombudsman}

// wrong says in words what may not be so, under the roster of the request.
func (s *Story) wrong(r *roster.Roster) (list []string) {
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if s.Requested == nil {
		return []string{"nobody asked for this release in the log"}
	}
	if id, err := token.ID(r, s.Requested.Entry); err != nil || id != s.Token {
		add("the token's id is not the one that it has to have: it is of another city or log, or was changed")
	}
	expires := s.Requested.Entry.Expires.Time()
	for _, body := range bodies {
		if a := s.Approved[body]; a != nil {
			if a.Index < s.Requested.Index {
				add("the approval of the %s stands in the log before the request", body)
			}
			if a.Entry.At.Time().After(expires) {
				add("the %s approved at %s, after the request had expired at %s", body, a.Entry.At, s.Requested.Entry.Expires)
			}
		}
	}
	for _, o := range s.Opened {
		for _, body := range bodies {
			if a := s.Approved[body]; a == nil {
				add("it was opened (entry %d) without an approval of the %s in the log", o.Index, body)
			} else if a.Index > o.Index {
				add("it was opened (entry %d) before the approval of the %s stood in the log (entry %d)", o.Index, body, a.Index)
			}
		}
		if o.Entry.Body != s.Requested.Entry.Body {
			add("%s opened what %s had asked for", o.Entry.Body, s.Requested.Entry.Body)
		}
	}
	if p := s.Published; p != nil {
		if err := s.openings().whole(&s.Requested.Entry.Commitments); err != nil {
			add("the published details (entry %d) do not open what the request commits to", p.Index)
		}
	}
	return list
}

// openings are what the published details open; nil: nothing was published.
func (s *Story) openings() *Openings {
	if s.Published == nil || s.Published.Entry.Salts == nil {
		return nil
	}
	e := s.Published.Entry
	return &Openings{
		Cameras: e.Cameras, Case: e.Case, Format: OpeningsFormat, From: e.From, Order: e.Order, To: e.To,
		Salts: Salts{&e.Salts.Cameras, &e.Salts.Case, &e.Salts.Order, &e.Salts.Times},
	}
}

// whole checks openings that must open everything.
func (o *Openings) whole(c *entry.Commitments) error {
	if o == nil {
		return city.Errorf(city.Invalid, "no salts")
	}
	_, err := o.fits(c)
	return err
}

// PublicOn is the day from which the details have to be public.
func (s *Story) PublicOn() canonical.Day {
	if s.Requested == nil {
		return ""
	}
	on := s.Requested.Entry.DetailsPublicOn
	for _, e := range s.Extended {
		if e.Entry.PublicOn > on {
			on = e.Entry.PublicOn
		}
	}
	return on
}

// Overdue says whether the details should be public at a time and are not.
func (s *Story) Overdue(at time.Time) bool {
	on := s.PublicOn()
	return s.Requested != nil && s.Published == nil && on != "" && !at.Before(on.Time().AddDate(0, 0, 1))
}
