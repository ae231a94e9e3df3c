package entity

import (
	"encoding/json"
	"slices"
	"time"

	"polity/plane"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
)

// Refusal is an attribute that an update left as it was.
type Refusal struct {
	Name         string // as the plane keeps it
	Reason       string
	Registration string // of the context source that refused; empty for this broker
}

// Outcome is what an update did, attribute by attribute (clause 5.2.18).
type Outcome struct {
	Updated    []string // names as the plane keeps them
	NotUpdated []Refusal
}

func (o *Outcome) updated(name string) {
	if !slices.Contains(o.Updated, name) {
		o.Updated = append(o.Updated, name)
	}
}

func (o *Outcome) refuse(name, reason string) {
	o.NotUpdated = append(o.NotUpdated, Refusal{Name: name, Reason: reason})
}

func find(e *plane.Entity, name, dataset string) *plane.Attribute {
	for i := range e.Attributes {
		if a := &e.Attributes[i]; a.Name == name && a.Dataset == dataset {
			return a
		}
	}
	return nil
}

func isNullValue(a *plane.Attribute) bool { return string(a.Value) == `"`+Null+`"` }

// addTypes adds what is missing; types are never taken away (clause 5.6.3).
func addTypes(e *plane.Entity, types []string) {
	for _, t := range types {
		if !slices.Contains(e.Types, t) {
			e.Types = append(e.Types, t)
		}
	}
}

func addScopes(e *plane.Entity, f *Fragment, overwrite bool) {
	switch {
	case f.NoScopes:
		e.Scopes = nil
	case len(f.Scopes) > 0 && overwrite:
		e.Scopes = f.Scopes
	case len(f.Scopes) > 0:
		for _, s := range f.Scopes {
			if !slices.Contains(e.Scopes, s) {
				e.Scopes = append(e.Scopes, s)
			}
		}
	}
}

// Append adds attributes and replaces those that are there, unless noOverwrite
// (clause 5.6.3).
func Append(e *plane.Entity, f *Fragment, noOverwrite bool) Outcome {
	var out Outcome
	addTypes(e, f.Types)
	addScopes(e, f, !noOverwrite)
	if len(f.Types) > 0 {
		out.updated("type")
	}
	if len(f.Scopes) > 0 || f.NoScopes {
		out.updated("scope")
	}
	for _, a := range f.Attributes {
		if noOverwrite && find(e, a.Name, a.Dataset) != nil {
			out.refuse(a.Name, "the attribute exists already, and overwriting was ruled out")
			continue
		}
		e.Set(a)
		out.updated(a.Name)
	}
	return out
}

// Update replaces attributes and adds those that are not there, but gives no scope to
// an entity that has none (clause 5.6.2).
func Update(e *plane.Entity, f *Fragment) Outcome {
	var out Outcome
	addTypes(e, f.Types)
	if len(f.Types) > 0 {
		out.updated("type")
	}
	switch {
	case len(f.Scopes) > 0 && len(e.Scopes) == 0:
		out.refuse("scope", "the entity has no scope; it was not added")
	case len(f.Scopes) > 0 || f.NoScopes:
		addScopes(e, f, true)
		out.updated("scope")
	}
	for _, a := range f.Attributes {
		switch {
		case isNullValue(&a) && !e.Drop(a.Name, a.Dataset):
			out.refuse(a.Name, "there is no such attribute to remove")
		case isNullValue(&a):
			out.updated(a.Name)
		default:
			e.Set(withoutNulls(a))
			out.updated(a.Name)
		}
	}
	return out
}

// Merge changes an entity as JSON merge patch does (RFC 7396, clause 5.5.12).
func Merge(e *plane.Entity, f *Fragment) Outcome {
	var out Outcome
	addTypes(e, f.Types)
	addScopes(e, f, true)
	for _, a := range f.Attributes {
		old := find(e, a.Name, a.Dataset)
		switch {
		case isNullValue(&a):
			if e.Drop(a.Name, a.Dataset) {
				out.updated(a.Name)
			}
		case old == nil && a.Value == nil:
			out.refuse(a.Name, "there is no such attribute, and no value to make one")
		case old == nil:
			e.Set(withoutNulls(a))
			out.updated(a.Name)
		default:
			e.Set(merged(old, a))
			out.updated(a.Name)
		}
	}
	return out
}

// withoutNulls leaves out what a new attribute asks to be removed.
func withoutNulls(a plane.Attribute) plane.Attribute {
	if a.ObservedAt.Equal(nullTime) {
		a.ObservedAt = time.Time{}
	}
	a.Meta = slices.DeleteFunc(slices.Clone(a.Meta), func(m plane.Attribute) bool { return isNullValue(&m) })
	for i := range a.Meta {
		a.Meta[i] = withoutNulls(a.Meta[i])
	}
	if a.Kind == plane.Language {
		a.Value = mergeObjects(json.RawMessage("{}"), a.Value)
	}
	return a
}

// merged is an attribute with the members of a patch.
func merged(old *plane.Attribute, a plane.Attribute) plane.Attribute {
	if a.Kind != 0 && a.Kind != old.Kind && a.Value != nil {
		if a.Kind != plane.Property || old.Kind == plane.Property {
			return withoutNulls(a)
		}
	}
	out := *old
	if a.Value != nil {
		out.Value = a.Value
		if a.Kind != 0 {
			out.Kind = a.Kind
		}
		if k := out.Kind; (k == plane.Property || k == plane.Language || k == plane.JSON) && old.Kind == k {
			out.Value = mergeObjects(old.Value, a.Value)
		}
	}
	if a.Unit != "" {
		out.Unit = a.Unit
	}
	if out.Unit == Null {
		out.Unit = ""
	}
	switch {
	case a.ObservedAt.Equal(nullTime):
		out.ObservedAt = time.Time{}
	case !a.ObservedAt.IsZero():
		out.ObservedAt = a.ObservedAt
	}
	out.Meta = slices.Clone(old.Meta)
	for _, m := range a.Meta {
		i := slices.IndexFunc(out.Meta, func(x plane.Attribute) bool { return x.Name == m.Name && x.Dataset == m.Dataset })
		switch {
		case isNullValue(&m) && i >= 0:
			out.Meta = slices.Delete(out.Meta, i, i+1)
		case isNullValue(&m):
		case i >= 0:
			out.Meta[i] = merged(&out.Meta[i], m)
		case m.Value != nil:
			out.Meta = append(out.Meta, withoutNulls(m))
		}
	}
	return out
}

// mergeObjects is RFC 7396 with NGSI-LD's null, for values that are both objects;
// otherwise the patch counts.
func mergeObjects(old, patch json.RawMessage) json.RawMessage {
	o, isObject := jsontext.Parse(old)
	p, patches := jsontext.Parse(patch)
	if !patches || !isObject || o.Has("@value") {
		return patch
	}
	for _, m := range p {
		switch {
		case isNull(m.Value) || jsontext.Kind(m.Value) == 'n':
			o.Drop(m.Name)
		case o.Has(m.Name):
			o.Set(m.Name, mergeObjects(o.Get(m.Name), m.Value))
		default:
			o.Set(m.Name, m.Value)
		}
	}
	return o.Append(nil)
}

// PartialUpdate merges members into one instance of an attribute (clause 5.6.4).
func PartialUpdate(e *plane.Entity, p *Parser, shown, name string, o jsontext.Object) error {
	dataset := ""
	if v := o.Get("datasetId"); v != nil {
		dataset, _ = jsontext.String(v)
	}
	old := find(e, name, dataset)
	if old == nil {
		return problem.NotFound("the entity %s has no attribute %s with the datasetId %q", e.ID, shown, dataset)
	}
	kind := old.Kind
	if t, ok := o.Text("type"); ok {
		k, known := kindOf(t)
		if !known || k != old.Kind {
			return problem.BadRequest("the attribute %s is a %s; a partial update cannot make it a %s", shown, kinds[old.Kind].name, t)
		}
	}
	a := plane.Attribute{Name: name, Kind: kind}
	if err := p.members(&a, shown, o, 0); err != nil {
		return err
	}
	if v := o.Get(kinds[kind].member); v != nil {
		if err := p.value(&a, shown, v); err != nil {
			return err
		}
	}
	if isNullValue(&a) {
		e.Drop(name, dataset)
		return nil
	}
	out := *old
	if a.Value != nil {
		out.Value = a.Value
		if o, _ := jsontext.Parse(a.Value); kind == plane.Language && slices.ContainsFunc(o, func(m jsontext.Member) bool { return isNull(m.Value) }) {
			out.Value = mergeObjects(old.Value, a.Value)
		}
	}
	a.Value, a.Kind = nil, 0
	out = merged(&out, a)
	e.Set(out)
	return nil
}

// ValueAs gives an attribute another kind, with a value of that kind.
func (p *Parser) ValueAs(a *plane.Attribute, kind plane.Kind, v json.RawMessage) (plane.Attribute, error) {
	out := *a
	out.Kind = kind
	return out, p.value(&out, out.Name, v)
}
