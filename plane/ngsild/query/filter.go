package query

import (
	"regexp"

	"polity/plane"
	"polity/plane/ngsild/entity"
)

// Selector names entities: by ids, a pattern of ids, and types. All that is given
// must hold (clause 5.2.33).
type Selector struct {
	IDs     []string
	Pattern *regexp.Regexp
	Types   *Types
}

// Match says whether an entity is selected.
func (s *Selector) Match(id string, types []string) bool {
	if len(s.IDs) > 0 {
		found := false
		for _, x := range s.IDs {
			found = found || x == id
		}
		if !found {
			return false
		}
	}
	return (s.Pattern == nil || s.Pattern.MatchString(id)) && (s.Types == nil || s.Types.Match(types))
}

// Filter is a whole query of entities. The zero one takes all.
type Filter struct {
	Selectors []Selector // one of them; empty for any entity
	Having    *entity.Members
	Any       *entity.Members // entities without any of these members are left out
	Datasets  []string
	Q         *Q
	Scopes    *Scopes
	Geo       *Geo
}

// Match says whether an entity is asked for.
func (f *Filter) Match(e *plane.Entity, linked Linked) bool {
	if len(f.Selectors) > 0 {
		ok := false
		for i := range f.Selectors {
			ok = ok || f.Selectors[i].Match(e.ID, e.Types)
		}
		if !ok {
			return false
		}
	}
	return (f.Having == nil || f.Having.HasAny(e)) && (f.Any == nil || f.Any.AnyMember(e)) &&
		(f.Scopes == nil || f.Scopes.Match(e.Scopes)) && (f.Q == nil || f.Q.Match(e, linked)) &&
		(f.Geo == nil || f.Geo.Match(e))
}

// Query is what the store can answer of the filter; its Match does the rest, and is
// nil where there is no rest.
func (f *Filter) Query(tenant string, linked Linked) plane.Query {
	q := plane.Query{Tenant: tenant}
	rest := f.Having != nil || f.Any != nil || f.Scopes != nil || f.Q != nil || f.Geo != nil
	ids, types := true, true
	for _, s := range f.Selectors {
		ids = ids && len(s.IDs) > 0
		types = types && s.Types != nil
	}
	for _, s := range f.Selectors {
		if ids {
			q.IDs = append(q.IDs, s.IDs...)
		}
		if types {
			names, exact := s.Types.Names()
			q.Types = append(q.Types, names...)
			rest = rest || !exact
		}
		rest = rest || s.Pattern != nil || len(f.Selectors) > 1
	}
	if f.Geo != nil {
		q.Box = f.Geo.Box()
	}
	if rest {
		q.Match = func(e *plane.Entity) bool { return f.Match(e, linked) }
	}
	return q
}
