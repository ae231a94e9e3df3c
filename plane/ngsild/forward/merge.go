package forward

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
)

// MaxEntities is the most that one answer of a source has.
const MaxEntities = 1000

// Read reads the entities of an answer, an object or a list, whose names are those of
// a @context. What the share does not cover is not believed: an entity that is not
// registered is an error, an attribute is left out.
func (s *Share) Read(body []byte, c *jsonld.Context, tenant string) ([]*plane.Entity, error) {
	if err := jsontext.Valid(body); err != nil {
		return nil, fmt.Errorf("its answer is not JSON: %w", err)
	}
	items, isList := jsontext.List(body)
	if !isList {
		items = []json.RawMessage{body}
	}
	if len(items) > MaxEntities {
		return nil, fmt.Errorf("its answer has %d entities; %d are taken", len(items), MaxEntities)
	}
	out := make([]*plane.Entity, 0, len(items))
	seen := map[string]bool{}
	for _, item := range items {
		o, ok := jsontext.Parse(item)
		if !ok {
			return nil, fmt.Errorf("its answer is no entity")
		}
		e, err := readEntity(o, c, tenant)
		if err != nil {
			return nil, fmt.Errorf("its answer is no entity: %w", err)
		}
		if !s.Has(e.ID, e.Types) || strings.HasPrefix(e.ID, "urn:polity:") {
			return nil, fmt.Errorf("its answer has the entity %s, which is not registered for it", e.ID)
		}
		if seen[e.ID] {
			return nil, fmt.Errorf("its answer has the entity %s twice", e.ID)
		}
		seen[e.ID] = true
		e.Attributes = slices.DeleteFunc(e.Attributes, func(a plane.Attribute) bool { return !s.Covers(a.Name) })
		out = append(out, e)
	}
	return out, nil
}

func readEntity(o jsontext.Object, c *jsonld.Context, tenant string) (*plane.Entity, error) {
	o.Drop("@context")
	f, err := (&entity.Parser{Context: c}).Fragment(o)
	if err != nil {
		return nil, err
	}
	e, err := f.Entity(tenant)
	if err != nil {
		return nil, err
	}
	e.Created, e.Modified = times(o)
	for _, m := range o {
		name := c.Stored(m.Name)
		items, ok := jsontext.List(m.Value)
		if !ok {
			items = []json.RawMessage{m.Value}
		}
		for _, item := range items {
			x, ok := jsontext.Parse(item)
			if !ok {
				continue
			}
			dataset, _ := x.Text("datasetId")
			for i := range e.Attributes {
				if a := &e.Attributes[i]; a.Name == name && a.Dataset == dataset {
					a.Created, a.Modified = times(x)
				}
			}
		}
	}
	return e, nil
}

// times reads the system attributes of an entity or attribute; zero where it has none.
func times(o jsontext.Object) (created, modified time.Time) {
	created, _ = entity.Time(o.Get("createdAt"))
	modified, _ = entity.Time(o.Get("modifiedAt"))
	return created, modified
}

// Part is what one side knows of an entity. Share is nil for this broker.
type Part struct {
	Entity *plane.Entity
	Share  *Share
}

func (p *Part) rank() Mode {
	if p.Share == nil {
		return Inclusive
	}
	return p.Share.Mode
}

// Merge puts together what is known of an entity (clauses 4.3.6 and 4.5.5). What a
// source holds in place of others counts instead of theirs; among equals the instance
// observed last counts, then the one changed last, then the first. An auxiliary source
// only gives attributes that nobody else has. It returns nil for no parts.
func Merge(parts []Part) *plane.Entity {
	if len(parts) == 0 {
		return nil
	}
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b Part) int { return int(b.rank()) - int(a.rank()) })
	out := parts[0].Entity.Clone()
	from := map[instance]Mode{}
	for _, a := range out.Attributes {
		from[instance{a.Name, a.Dataset}] = parts[0].rank()
	}
	for i := 1; i < len(parts); i++ {
		p := &parts[i]
		out.Types, out.Scopes = union(out.Types, p.Entity.Types), union(out.Scopes, p.Entity.Scopes)
		if !p.Entity.Created.IsZero() && (out.Created.IsZero() || p.Entity.Created.Before(out.Created)) {
			out.Created = p.Entity.Created
		}
		if p.Entity.Modified.After(out.Modified) {
			out.Modified = p.Entity.Modified
		}
		for _, a := range p.Entity.Attributes {
			if held(parts[:i], p.rank(), a.Name) || p.rank() == Auxiliary && has(out, a.Name) && from[instance{a.Name, a.Dataset}] != Auxiliary {
				continue
			}
			key := instance{a.Name, a.Dataset}
			if old := find(out, key); old != nil && (from[key] > p.rank() || !newer(&a, old)) {
				continue
			}
			out.Set(a)
			from[key] = p.rank()
		}
	}
	return out
}

type instance struct{ name, dataset string }

// held says whether a source of higher precedence answered for an attribute, and so
// whether another's is out of date.
func held(above []Part, rank Mode, name string) bool {
	return slices.ContainsFunc(above, func(p Part) bool {
		return p.Share != nil && p.rank() > rank && p.rank().Proxied() && p.Share.Covers(name)
	})
}

func has(e *plane.Entity, name string) bool {
	return slices.ContainsFunc(e.Attributes, func(a plane.Attribute) bool { return a.Name == name })
}

func find(e *plane.Entity, key instance) *plane.Attribute {
	for i := range e.Attributes {
		if a := &e.Attributes[i]; a.Name == key.name && a.Dataset == key.dataset {
			return a
		}
	}
	return nil
}

func newer(a, b *plane.Attribute) bool {
	if !a.ObservedAt.Equal(b.ObservedAt) {
		return a.ObservedAt.After(b.ObservedAt)
	}
	return a.Modified.After(b.Modified)
}
