package entity

import (
	"encoding/json"
	"time"

	"polity/plane"
	"polity/plane/ngsild/jsontext"
)

// linked writes the entities that a relationship leads to (clause 4.5.23): beside
// its object, or in the simplified form in its place.
func (v *View) linked(b []byte, object json.RawMessage, name string, instead bool) []byte {
	ids, _ := jsontext.Strings(object)
	inner := v.behind(name)
	inner.Inside = nil
	var found []*plane.Entity
	for _, id := range ids {
		if e := v.Linked(id); e != nil {
			found = append(found, e)
		}
	}
	if len(found) == 0 {
		if instead {
			return append(b, object...)
		}
		return b
	}
	if !instead {
		b = member(b, "entity")
	}
	if len(ids) == 1 {
		return inner.Append(b, found[0])
	}
	b = append(b, '[')
	for i, e := range found {
		if i > 0 {
			b = append(b, ',')
		}
		b = inner.Append(b, e)
	}
	return append(b, ']')
}

// behind is how entities behind a relationship are shown.
func (v *View) behind(name string) *View {
	inner := *v
	inner.Levels, inner.Previous = v.Levels-1, nil
	inner.Pick, inner.Omit = v.Pick.below(name), v.Omit.below(name)
	return &inner
}

// Without is the view without a @context inside.
func (v *View) Without() *View {
	c := *v
	c.Inside = nil
	return &c
}

// ShowsNothing says whether no member of an entity is left.
func (v *View) ShowsNothing(e *plane.Entity) bool {
	for i := range e.Attributes {
		if v.shows(e.Attributes[i].Name) {
			return false
		}
	}
	return !v.shows("id") && !v.shows("type") && (len(e.Scopes) == 0 || !v.shows("scope"))
}

// Links lists the ids that an entity's shown relationships lead to, with how those
// entities are shown.
func (v *View) Links(e *plane.Entity, each func(id string, below *View)) {
	for i := range e.Attributes {
		if a := &e.Attributes[i]; a.Kind == plane.Relationship && v.shows(a.Name) {
			ids, _ := jsontext.Strings(a.Value)
			for _, id := range ids {
				each(id, v.behind(a.Name))
			}
		}
	}
}

// previous writes the value before beside a changed one (clause 5.8.6).
func (v *View) previous(b []byte, a *plane.Attribute) []byte {
	old := find(v.Previous, a.Name, a.Dataset)
	if old == nil || string(old.Value) == string(a.Value) {
		return b
	}
	return v.value(member(b, previousMember[old.Kind]), old.Kind, old.Value)
}

var previousMember = [...]string{
	plane.Property: "previousValue", plane.Relationship: "previousObject", plane.Geo: "previousValue", plane.Language: "previousLanguageMap",
	plane.JSON: "previousJson", plane.Vocabulary: "previousVocab", plane.List: "previousValueList", plane.ListOfLinks: "previousObjectList",
}

// Gone is an attribute that was removed, with NGSI-LD's null as its value.
func Gone(a *plane.Attribute, at time.Time, whole bool) plane.Attribute {
	gone := plane.Attribute{Name: a.Name, Dataset: a.Dataset, Kind: a.Kind, Value: json.RawMessage(`"` + Null + `"`), Created: a.Created, Modified: a.Modified}
	if a.Kind == plane.Language && !whole {
		gone.Value = json.RawMessage(`{"@none":"` + Null + `"}`)
	}
	if !at.IsZero() {
		gone.Meta = []plane.Attribute{{Name: plain["deletedAt"], Kind: plane.JSON, Value: jsontext.AppendTime(nil, at)}}
	}
	return gone
}

// AppendFeature writes an entity as a GeoJSON feature (clause 4.5.16).
func (v *View) AppendFeature(b []byte, e *plane.Entity) []byte {
	b = append(jsontext.AppendString(append(b, `{"id":`...), e.ID), `,"type":"Feature","geometry":`...)
	geometry := v.Geometry
	if geometry == "" {
		geometry = plane.Location
	}
	b = append(b, v.geometry(e, geometry)...)
	b = append(b, `,"properties":{`...)
	b = append(v.members(b, e, false), '}')
	if v.Inside != nil {
		b = append(append(b, `,"@context":`...), v.Inside...)
	}
	return append(b, '}')
}

func (v *View) geometry(e *plane.Entity, name string) json.RawMessage {
	for i := range e.Attributes {
		a := &e.Attributes[i]
		if a.Name != name || a.Kind != plane.Geo {
			continue
		}
		if v.Datasets == nil && a.Dataset == "" {
			return a.Value
		}
		for _, d := range v.Datasets {
			if d == a.Dataset || d == "@none" && a.Dataset == "" {
				return a.Value
			}
		}
	}
	return json.RawMessage("null")
}

// Deleted is when an instance was removed, zero for one that was not.
func Deleted(a *plane.Attribute) time.Time {
	for i := range a.Meta {
		if a.Meta[i].Name == plain["deletedAt"] {
			t, _ := Time(a.Meta[i].Value)
			return t
		}
	}
	return time.Time{}
}

// Shows says whether a member is shown.
func (v *View) Shows(name string) bool { return v.shows(name) }

// Types writes the value of an entity's member type.
func (v *View) Types(b []byte, stored []string) []byte { return v.shownNames(b, stored) }

// Instance writes one instance of an attribute, which ends with a brace.
func (v *View) Instance(b []byte, a *plane.Attribute) []byte {
	c := *v
	c.Form, c.Linked = Normalised, nil
	return c.instance(b, a, "")
}

// Simple writes the value of an instance as in the simplified form.
func (v *View) Simple(b []byte, a *plane.Attribute) []byte {
	c := *v
	c.Form, c.Linked = Simplified, nil
	return c.instance(b, a, "")
}
