package ngsild

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"polity/plane"
	"polity/plane/ngsild/problem"
)

// orderKey is one part of the parameter orderBy (clause 4.23 of v1.9.1).
type orderKey struct {
	attribute  string   // as stored, or id, type, createdAt, modifiedAt
	path       []string // behind it: attributes of the attribute, or members of its value
	stored     []string // the same, as stored
	descending bool
}

func (r *request) order() ([]orderKey, error) {
	var keys []orderKey
	for _, part := range r.list("orderBy") {
		name, direction, _ := strings.Cut(part, ";")
		k := orderKey{}
		switch direction {
		case "", "asc":
		case "desc":
			k.descending = true
		default:
			return nil, problem.BadRequest("orderBy: %q is none of asc, desc", direction)
		}
		if !validName(name) {
			return nil, problem.BadRequest("orderBy: %q is not the name of a member", name)
		}
		switch name {
		case "id", "type", "createdAt", "modifiedAt":
			k.attribute = name
		default:
			parts := []string{name}
			if !strings.Contains(name, ":") {
				parts = strings.Split(name, ".")
			}
			k.attribute, k.path, k.stored = r.context.Stored(parts[0]), parts[1:], r.context.StoredAll(parts[1:])
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// rank is what entities are ordered by: kind first, so that those without come last.
type rank struct {
	kind   int
	number float64
	text   string
}

func (k *orderKey) rank(e *plane.Entity) rank {
	switch k.attribute {
	case "id":
		return rank{1, 0, e.ID}
	case "type":
		return rank{1, 0, e.Types[0]}
	case "createdAt":
		return rank{1, float64(e.Created.UnixMilli()), ""}
	case "modifiedAt":
		return rank{1, float64(e.Modified.UnixMilli()), ""}
	}
	a := e.Attribute(k.attribute)
	if a == nil {
		return rank{kind: 9}
	}
	path := k.path
	for len(path) > 0 {
		switch path[0] {
		case "createdAt":
			return moment(a.Created)
		case "modifiedAt":
			return moment(a.Modified)
		case "observedAt":
			return moment(a.ObservedAt)
		}
		i := slices.IndexFunc(a.Meta, func(m plane.Attribute) bool { return m.Name == k.stored[len(k.path)-len(path)] })
		if i < 0 {
			break
		}
		a, path = &a.Meta[i], path[1:]
	}
	var v any
	if json.Unmarshal(a.Value, &v) != nil {
		return rank{kind: 9}
	}
	for _, p := range path {
		o, _ := v.(map[string]any)
		v = o[p]
	}
	switch x := v.(type) {
	case float64:
		return rank{1, x, ""}
	case string:
		return rank{2, 0, x}
	case bool:
		if x {
			return rank{0, 1, ""}
		}
		return rank{0, 0, ""}
	default:
		return rank{kind: 8}
	}
}

func moment(t time.Time) rank {
	if t.IsZero() {
		return rank{kind: 9}
	}
	return rank{1, float64(t.UnixMicro()), ""}
}

func sortEntities(list []*plane.Entity, keys []orderKey) {
	slices.SortStableFunc(list, func(a, b *plane.Entity) int {
		for i := range keys {
			x, y := keys[i].rank(a), keys[i].rank(b)
			c := cmp.Or(cmp.Compare(x.kind, y.kind), cmp.Compare(x.number, y.number), strings.Compare(x.text, y.text))
			if keys[i].descending && x.kind < 8 && y.kind < 8 {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
}
