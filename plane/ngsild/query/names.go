package query

import (
	"regexp"
	"slices"
	"strings"

	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/problem"
)

// Types is an entity type selection (clause 4.17), such as (Home;Vehicle)|Motorhome.
type Types struct{ root *node[string] }

// ParseTypes reads a type selection.
func ParseTypes(c *jsonld.Context, text string) (*Types, error) {
	r := &reader[string]{text: text, what: "type", or: "|,", leaf: func(r *reader[string]) (string, error) {
		name := strings.TrimSpace(r.until("|,;()"))
		if name == "" || strings.ContainsAny(name, "<>\"'= ") {
			return "", r.fail("%q is not the name of a type", name)
		}
		return c.Stored(name), nil
	}}
	root, err := r.parse()
	if err != nil {
		return nil, err
	}
	return &Types{root}, nil
}

// Match says whether an entity of these types is selected.
func (t *Types) Match(types []string) bool {
	return t.root.holds(func(name string) bool { return slices.Contains(types, name) })
}

// Names lists the types one of which every selected entity has; exact says that
// having one is enough.
func (t *Types) Names() (names []string, exact bool) {
	exact = true
	var walk func(n *node[string])
	walk = func(n *node[string]) {
		switch {
		case n.isLeaf:
			if !slices.Contains(names, n.leaf) {
				names = append(names, n.leaf)
			}
		case n.all != nil:
			exact = false
			walk(n.all[0])
		default:
			for _, x := range n.any {
				walk(x)
			}
		}
	}
	walk(t.root)
	return names, exact
}

// Scopes is a scope query (clause 4.19), such as /Madrid/+/ParqueNorte.
type Scopes struct{ root *node[[]string] }

// ParseScopes reads a scope query.
func ParseScopes(text string) (*Scopes, error) {
	r := &reader[[]string]{text: text, what: "scopeQ", or: "|,", leaf: func(r *reader[[]string]) ([]string, error) {
		s := r.until("|,;()")
		if !strings.HasPrefix(s, "/") || len(s) < 2 {
			return nil, r.fail("%q is not a scope such as /traffic/centre", s)
		}
		levels := strings.Split(s[1:], "/")
		for i, l := range levels {
			if l == "" || l == "#" && i != len(levels)-1 || len(l) > 1 && strings.ContainsAny(l, "+#") {
				return nil, r.fail("%q is not a scope with + for one level and # at the end for any", s)
			}
		}
		return levels, nil
	}}
	root, err := r.parse()
	if err != nil {
		return nil, err
	}
	return &Scopes{root}, nil
}

// Match says whether one of an entity's scopes is meant, term by term.
func (s *Scopes) Match(scopes []string) bool {
	return s.root.holds(func(pattern []string) bool {
		return slices.ContainsFunc(scopes, func(scope string) bool {
			return matchScope(pattern, strings.Split(strings.TrimPrefix(scope, "/"), "/"))
		})
	})
}

func matchScope(pattern, levels []string) bool {
	for i, p := range pattern {
		switch {
		case p == "#":
			return true
		case i >= len(levels):
			return false
		case p != "+" && p != levels[i]:
			return false
		}
	}
	return len(pattern) == len(levels)
}

// maxIDPattern bounds regular expressions for ids.
const maxIDPattern = 1000

// ParsePattern reads an idPattern.
func ParsePattern(text string) (*regexp.Regexp, error) {
	if len(text) > maxIDPattern {
		return nil, problem.BadRequest("idPattern has more than %d bytes", maxIDPattern)
	}
	p, err := regexp.Compile(text)
	if err != nil {
		return nil, problem.BadRequest("idPattern: %q is not a regular expression: %v", text, err)
	}
	return p, nil
}
