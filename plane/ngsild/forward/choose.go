package forward

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"polity/plane/ngsild/query"
)

// Share is what one source has to do with a request.
type Share struct {
	*Registration
	Names   []string // attributes, as stored; nil: all
	IDs     []string // the only entities, for queries; nil: any
	Types   []string // of the entities registered, as stored
	Refused string   // why a source that holds the data cannot be asked; empty if it can
}

// Covers says whether the share has an attribute.
func (s *Share) Covers(name string) bool { return s.Names == nil || slices.Contains(s.Names, name) }

// Scope is what a request is about.
type Scope struct {
	Selectors []query.Selector // one of them; none: any entity
	Types     []string         // of the one entity that is named, as stored; nil: not known
	Names     []string         // attributes, as stored; nil: any
	Sources   *query.Q         // condition on the registrations themselves (csf); nil: none
}

// One is the scope of an entity.
func One(id string, types, names []string) Scope {
	return Scope{Selectors: []query.Selector{{IDs: []string{id}}}, Types: types, Names: names}
}

// Choose returns the shares of the registrations that match a scope and are asked for
// one of the operations, those that take precedence first (clause 4.3.6). Via are the
// names of those that the request came by: a source among them is not asked again.
// One that holds the data in place of this broker, but does not allow the operation,
// has a share that says so.
func Choose(list []*Registration, ops Op, s Scope, via []string, now time.Time) []Share {
	var out []Share
	for _, r := range list {
		if !r.Expires.IsZero() && !r.Expires.After(now) || r.Past || r.Alias != "" && slices.Contains(via, r.Alias) {
			continue
		}
		if s.Sources != nil && (r.Probe == nil || !s.Sources.Match(r.Probe, nil)) {
			continue
		}
		share, ok := r.share(&s)
		if !ok {
			continue
		}
		switch {
		case r.Mode == Exclusive && share.Names == nil:
			share.Refused = "the registration " + r.ID + " is exclusive but names no attributes (clause 4.3.6.3), so nothing can be passed on to it; name them or remove it"
		case !r.Ops.allows(ops) && r.Mode.Proxied():
			share.Refused = "the registration " + r.ID + " holds these data elsewhere and does not allow the operation"
		case !r.Ops.allows(ops):
			continue
		}
		out = append(out, share)
	}
	slices.SortStableFunc(out, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Mode, a.Mode), strings.Compare(a.ID, b.ID))
	})
	return out
}

// share puts together what the items of a registration have of a scope.
func (r *Registration) share(s *Scope) (Share, bool) {
	out := Share{Registration: r}
	matched, anyName, anyID := false, false, false
	for i := range r.Information {
		info := &r.Information[i]
		names := info.Names
		if names != nil && s.Names != nil {
			if names = common(names, s.Names); len(names) == 0 {
				continue
			}
		}
		hit := info.Entities == nil
		anyID = anyID || hit
		for j := range info.Entities {
			e := &info.Entities[j]
			if !e.meets(s) {
				continue
			}
			hit = true
			out.Types = union(out.Types, e.Types)
			if e.ID != "" {
				out.IDs = union(out.IDs, []string{e.ID})
			} else {
				anyID = true
			}
		}
		if hit {
			matched = true
			anyName = anyName || names == nil
			out.Names = union(out.Names, names)
		}
	}
	if anyName {
		out.Names = nil
	}
	if anyID {
		out.IDs = nil
	}
	return out, matched
}

// meets says whether entities that are registered can be among those asked for.
func (e *EntityInfo) meets(s *Scope) bool {
	if s.Types != nil && len(common(e.Types, s.Types)) == 0 {
		return false
	}
	return len(s.Selectors) == 0 || slices.ContainsFunc(s.Selectors, func(x query.Selector) bool { return e.Selected(&x) })
}

// Selected says whether a selector can take one of the entities (clause 5.12).
func (e *EntityInfo) Selected(s *query.Selector) bool {
	if s.Types != nil && !s.Types.Match(e.Types) {
		return false
	}
	if e.ID != "" {
		return (len(s.IDs) == 0 || slices.Contains(s.IDs, e.ID)) && (s.Pattern == nil || s.Pattern.MatchString(e.ID))
	}
	return e.Pattern == nil || len(s.IDs) == 0 || slices.ContainsFunc(s.IDs, e.Pattern.MatchString)
}

// OfType says whether the registration is of entities of a type, as stored.
func (r *Registration) OfType(name string) bool {
	return slices.ContainsFunc(r.Information, func(i Information) bool {
		return i.Entities == nil || slices.ContainsFunc(i.Entities, func(e EntityInfo) bool { return slices.Contains(e.Types, name) })
	})
}

// Has says whether the registration is of an entity. A source is believed only for
// those.
func (r *Registration) Has(id string, types []string) bool {
	one := Scope{Selectors: []query.Selector{{IDs: []string{id}}}, Types: types}
	return slices.ContainsFunc(r.Information, func(i Information) bool {
		return i.Entities == nil || slices.ContainsFunc(i.Entities, func(e EntityInfo) bool { return e.meets(&one) })
	})
}

// Conflict returns the registration that a new one cannot stand beside, nil if there is
// none: what is held exclusively by one source is not held by another, nor redirected
// (clause 4.3.6.3).
func Conflict(list []*Registration, made *Registration, now time.Time) *Registration {
	for _, r := range list {
		if r.ID == made.ID || !r.Expires.IsZero() && !r.Expires.After(now) || !r.Mode.Proxied() || !made.Mode.Proxied() || r.Mode != Exclusive && made.Mode != Exclusive {
			continue
		}
		for i := range r.Information {
			for j := range made.Information {
				if overlap(&r.Information[i], &made.Information[j]) {
					return r
				}
			}
		}
	}
	return nil
}

func overlap(a, b *Information) bool {
	if a.Names != nil && b.Names != nil && len(common(a.Names, b.Names)) == 0 {
		return false
	}
	if a.Entities == nil || b.Entities == nil {
		return true
	}
	for i := range a.Entities {
		for j := range b.Entities {
			if a.Entities[i].overlaps(&b.Entities[j]) {
				return true
			}
		}
	}
	return false
}

// overlaps says whether some entity can be both. Two patterns are taken to overlap.
func (e *EntityInfo) overlaps(o *EntityInfo) bool {
	switch {
	case len(common(e.Types, o.Types)) == 0:
		return false
	case e.ID != "" && o.ID != "":
		return e.ID == o.ID
	case e.ID != "" && o.Pattern != nil:
		return o.Pattern.MatchString(e.ID)
	case o.ID != "" && e.Pattern != nil:
		return e.Pattern.MatchString(o.ID)
	}
	return true
}

// common lists what is in both, in the order of the first; not nil.
func common(a, b []string) []string {
	out := []string{}
	for _, x := range a {
		if slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}

func union(a, b []string) []string {
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}
