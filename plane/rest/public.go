package rest

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/plane"
)

// Public is what everyone may see of one type.
type Public struct {
	Type        string
	Title       string // of the type, one line; may be empty
	Attributes  []Attribute
	Description string
}

// Attribute is one that is public.
type Attribute struct {
	Name  string
	Unit  string // UN/CEFACT code; may be empty
	Title string
	// AtLeast is for attributes that count people: smaller values are withheld. 0: it
	// does not.
	AtLeast float64
}

// Check reports the first thing that is wrong with a list of public types.
func Check(list []Public) error {
	seen := map[string]bool{}
	for _, p := range list {
		switch {
		case p.Type == "":
			return city.Errorf(city.Invalid, "a public type has no name")
		case seen[p.Type]:
			return city.Errorf(city.Invalid, "the public type %s stands there twice", p.Type)
		}
		seen[p.Type] = true
		names := map[string]bool{}
		for _, a := range p.Attributes {
			if a.Name == "" || names[a.Name] {
				return city.Errorf(city.Invalid, "the public type %s has an attribute without a name, or %q twice", p.Type, a.Name)
			}
			names[a.Name] = true
			if a.AtLeast < 0 {
				return city.Errorf(city.Invalid, "%s of the public type %s is published from %g on; give a number above 0", a.Name, p.Type, a.AtLeast)
			}
		}
	}
	return nil
}

// view is what one who asks may see.
type view struct {
	all    bool // everything
	public []Public
}

// attribute returns what is public of an attribute of an entity with some types.
func (v *view) attribute(types []string, name string) (Attribute, bool) {
	found, ok := Attribute{}, false
	for _, p := range v.public {
		if !slices.Contains(types, p.Type) {
			continue
		}
		for _, a := range p.Attributes {
			if a.Name == name {
				a.AtLeast = max(a.AtLeast, found.AtLeast) // the stricter of two types
				found, ok = a, true
			}
		}
	}
	return found, ok
}

func (v *view) types(all []string) []string {
	if v.all {
		return all
	}
	var out []string
	for _, t := range all {
		if slices.ContainsFunc(v.public, func(p Public) bool { return p.Type == t }) {
			out = append(out, t)
		}
	}
	return out
}

// project returns what may be seen of an entity, nil for nothing. Times are those of
// what is seen: else a change of what is not would show.
func (v *view) project(e *plane.Entity) *plane.Entity {
	if v.all {
		return e
	}
	types := v.types(e.Types)
	if len(types) == 0 || strings.HasPrefix(e.ID, own) {
		return nil
	}
	p := &plane.Entity{Key: e.Key, Types: types}
	for _, a := range e.Attributes {
		is, ok := v.attribute(types, a.Name)
		if !ok || (is.AtLeast > 0 && !atLeast(a.Value, is.AtLeast)) {
			continue
		}
		if p.Created.IsZero() || a.Created.Before(p.Created) {
			p.Created = a.Created
		}
		if a.Modified.After(p.Modified) {
			p.Modified = a.Modified
		}
		a.Meta = nil
		p.Attributes = append(p.Attributes, a)
	}
	return p
}

func atLeast(value json.RawMessage, least float64) bool {
	var n float64
	return json.Unmarshal(value, &n) == nil && n >= least
}

// Observed is an observation as it may be seen.
type Observed struct {
	Dataset         string
	Start           time.Time
	Length, Covered time.Duration
	Value           float64
	Withheld        bool // below what is published; Value says nothing
}

// Aggregate is the observations of a series that begin in [From, To).
type Aggregate struct {
	Dataset  string
	From, To time.Time
	Count    int64 // of observations that are in the numbers
	Withheld int64 // of those that are not, because they are not published
	// Mean is of the numbers, or over time if they are means over intervals. Absent
	// says that none of the numbers below is known.
	Sum, Mean, Least, Most float64
	Absent                 bool
}

// Seen returns what everyone may see of an entity by a list of public types, nil for
// nothing.
func Seen(list []Public, e *plane.Entity) *plane.Entity {
	v := view{public: list}
	return v.project(e)
}
