package opendata

import (
	"context"
	"encoding/json"
	"regexp"
	"time"

	"polity/city"
)

// Set is a data set that is published.
type Set struct {
	ID          city.Slug
	Title       string
	Description string
	Keywords    []string
	Theme       string // of the EU's authority table data-theme, such as ENVI
	Columns     []Column
	// Box is where what is described lies: west, south, east, north, degrees. Zero: the
	// set does not say.
	Box [4]float64
	// Keep is how long a day's file is published; 0 for ever.
	Keep time.Duration
	// Notes are what a reader must know to use the numbers, such as which are withheld.
	Notes []string
	// Address is of the same data in the API; empty for none.
	Address string
}

// Column is one of a table.
type Column struct {
	Name, Title, About string
	Kind               Kind
	Unit               string // in words or as UN/CEFACT code; empty for none
}

// Kind is what stands in a column's cells. Any of them may be empty.
type Kind string

// The kinds, named as the data types of CSV on the Web.
const (
	Text   Kind = "string"
	Number Kind = "double"
	Whole  Kind = "integer"
	Truth  Kind = "boolean"
	Moment Kind = "dateTime"
)

// Row is a cell per column: string, float64, int64, bool, time.Time, or nil for an
// empty one.
type Row struct {
	Cells    []any
	Geometry json.RawMessage // of GeoJSON; nil: none
}

// Source is where the rows of a set come from. Methods are safe for concurrent use.
type Source interface {
	Set() Set
	// Rows calls each with the rows of [from, to), a whole day of the city or the part
	// of it that has passed, in an order that is always the same. Closing says that the
	// day is about to be published for good: what comes late is left out from then on.
	Rows(ctx context.Context, from, to time.Time, closing bool, each func(Row) error) error
}

var slugForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Check reports the first thing that is wrong with a set.
func (s *Set) Check() error {
	if !slugForm.MatchString(string(s.ID)) || len(s.ID) > 100 {
		return city.Errorf(city.Invalid, "the set %q: an id is lower-case letters, digits and hyphens, at most 100", s.ID)
	}
	if s.Title == "" || s.Description == "" || len(s.Columns) == 0 {
		return city.Errorf(city.Invalid, "the set %s has no title, no description or no columns", s.ID)
	}
	seen := map[string]bool{}
	for _, c := range s.Columns {
		if c.Name == "" || seen[c.Name] {
			return city.Errorf(city.Invalid, "the set %s has a column without a name, or %q twice", s.ID, c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}
