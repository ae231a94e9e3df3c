package entity

import (
	"strings"

	"polity/plane"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/problem"
)

// maxMembers bounds a projection.
const maxMembers = 1000

// Members are names of members to pick or to omit (clause 4.21); those of entities
// that relationships lead to stand below the relationship. The nil Members have none.
type Members struct {
	names map[string]*Members // as stored; id, type and scope as they are
}

func (m *Members) has(name string) bool {
	if m == nil {
		return false
	}
	_, ok := m.names[name]
	return ok
}

// below returns what is asked for behind a relationship, nil for nothing said.
func (m *Members) below(name string) *Members {
	if m == nil {
		return nil
	}
	return m.names[name]
}

// only says whether the whole member is omitted, not only something below it.
func (m *Members) only(name string) bool { return m.has(name) && m.names[name] == nil }

// HasAny says whether an entity has one of the attributes.
func (m *Members) HasAny(e *plane.Entity) bool {
	for i := range e.Attributes {
		if m.has(e.Attributes[i].Name) {
			return true
		}
	}
	return false
}

// AnyMember says whether an entity has one of the members, id and type included.
func (m *Members) AnyMember(e *plane.Entity) bool {
	return m.has("id") || m.has("type") || m.has("scope") && len(e.Scopes) > 0 || m.HasAny(e)
}

// Attributes makes Members of the parameter attrs.
func Attributes(c *jsonld.Context, names []string) *Members {
	m := &Members{names: map[string]*Members{"id": nil, "type": nil, "scope": nil}}
	for _, n := range names {
		m.names[c.Stored(n)] = nil
	}
	return m
}

// ParseMembers reads the parameters pick and omit: names with commas between, and
// below a relationship those of its target in braces: name,isParked{name,location}.
func ParseMembers(c *jsonld.Context, text string) (*Members, error) {
	r := &memberReader{context: c, rest: text}
	m, err := r.read(0)
	if err != nil {
		return nil, err
	}
	if r.rest != "" {
		return nil, problem.BadRequest("%q: a closing brace has no opening one", text)
	}
	return m, nil
}

type memberReader struct {
	context *jsonld.Context
	rest    string
	count   int
}

func (r *memberReader) read(depth int) (*Members, error) {
	m := &Members{names: map[string]*Members{}}
	if depth > plane.MaxDepth {
		return nil, problem.BadRequest("members to pick or omit are nested deeper than %d", plane.MaxDepth)
	}
	for {
		end := strings.IndexAny(r.rest, ",|{}")
		name := r.rest
		if end >= 0 {
			name = r.rest[:end]
		}
		name = strings.TrimSpace(name)
		if r.count++; r.count > maxMembers {
			return nil, problem.BadRequest("more than %d members to pick or omit", maxMembers)
		}
		if name == "" || strings.ContainsAny(name, forbidden+" ") {
			return nil, problem.BadRequest("%q is not the name of a member", name)
		}
		stored := name
		switch name {
		case "id", "type", "scope", "createdAt", "modifiedAt":
		default:
			stored = r.context.Stored(name)
		}
		m.names[stored] = nil
		if end < 0 {
			r.rest = ""
			if depth > 0 {
				return nil, problem.BadRequest("a brace is not closed")
			}
			return m, nil
		}
		sep := r.rest[end]
		r.rest = r.rest[end+1:]
		if sep == '{' {
			sub, err := r.read(depth + 1)
			if err != nil {
				return nil, err
			}
			m.names[stored] = sub
			if r.rest == "" {
				if depth > 0 {
					return nil, problem.BadRequest("a brace is not closed")
				}
				return m, nil
			}
			sep = r.rest[0]
			r.rest = r.rest[1:]
		}
		if sep == '}' {
			if depth == 0 {
				return nil, problem.BadRequest("a closing brace has no opening one")
			}
			return m, nil
		}
	}
}

// Purge removes the attributes to drop, or all but those to keep.
func Purge(e *plane.Entity, keep, drop *Members) {
	kept := e.Attributes[:0]
	for _, a := range e.Attributes {
		if keep != nil && keep.has(a.Name) || keep == nil && !drop.has(a.Name) {
			kept = append(kept, a)
		}
	}
	e.Attributes = kept
	if keep == nil && drop.has("scope") || keep != nil && !keep.has("scope") {
		e.Scopes = nil
	}
}

// Overlaps says whether a member is wholly named by both.
func (m *Members) Overlaps(other *Members) bool {
	if m == nil || other == nil {
		return false
	}
	for name, below := range m.names {
		if below == nil && other.only(name) || below != nil && below.Overlaps(other.below(name)) {
			return true
		}
	}
	return false
}

// Names says whether a member is among them.
func (m *Members) Names(name string) bool { return m.has(name) }
