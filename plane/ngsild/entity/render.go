package entity

import (
	"encoding/json"
	"slices"
	"strings"

	"polity/plane"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
)

// Form is a representation of entities.
type Form uint8

// The forms (clauses 4.5.1, 4.5.18, 4.5.4).
const (
	Normalised Form = iota
	Concise
	Simplified
)

// View is how entities are shown. It is safe for concurrent use while it is not
// changed.
type View struct {
	Context    *jsonld.Context
	Form       Form
	System     bool            // with createdAt and modifiedAt
	Language   string          // natural language filter (clause 4.15); empty for none
	Datasets   []string        // only these instances, "@none" for the default; nil for all
	Pick, Omit *Members        // nil for all, for none
	Inside     json.RawMessage // @context to be put into the body; nil for none
	Geometry   string          // attribute that is a GeoJSON feature's geometry, as stored

	Linked   func(id string) *plane.Entity // the target of a relationship, to be shown inside it; nil for none
	Levels   int                           // how many steps Linked is followed
	Previous *plane.Entity                 // what was before, to be shown beside (clause 5.8.6)
}

// Append writes an entity.
func (v *View) Append(b []byte, e *plane.Entity) []byte {
	b = append(b, '{')
	b = v.members(b, e, true)
	b = v.close(b)
	return b
}

func (v *View) close(b []byte) []byte {
	if v.Inside != nil {
		b = append(member(b, "@context"), v.Inside...)
	}
	return append(b, '}')
}

// member writes a member's name and what separates it from the one before.
func member(b []byte, name string) []byte {
	if last := b[len(b)-1]; last != '{' {
		b = append(b, ',')
	}
	return append(jsontext.AppendString(b, name), ':')
}

func (v *View) members(b []byte, e *plane.Entity, withID bool) []byte {
	if withID && v.shows("id") {
		b = jsontext.AppendString(member(b, "id"), e.ID)
	}
	if v.shows("type") {
		b = v.shownNames(member(b, "type"), e.Types)
	}
	if len(e.Scopes) > 0 && v.shows("scope") {
		b = member(b, "scope")
		if len(e.Scopes) == 1 {
			b = jsontext.AppendString(b, e.Scopes[0])
		} else {
			b = jsontext.AppendStrings(b, e.Scopes)
		}
	}
	for i := 0; i < len(e.Attributes); {
		n := i + 1
		for n < len(e.Attributes) && e.Attributes[n].Name == e.Attributes[i].Name {
			n++
		}
		if v.shows(e.Attributes[i].Name) {
			b = v.attribute(b, e.Attributes[i:n])
		}
		i = n
	}
	if v.System {
		if v.shows("createdAt") && !e.Created.IsZero() {
			b = jsontext.AppendTime(member(b, "createdAt"), e.Created)
		}
		if v.shows("modifiedAt") && !e.Modified.IsZero() {
			b = jsontext.AppendTime(member(b, "modifiedAt"), e.Modified)
		}
	}
	return b
}

func (v *View) shows(name string) bool {
	if name == "createdAt" || name == "modifiedAt" {
		return !v.Omit.only(name)
	}
	return (v.Pick == nil || v.Pick.has(name)) && !v.Omit.only(name)
}

func (v *View) shownNames(b []byte, stored []string) []byte {
	if len(stored) == 1 {
		return jsontext.AppendString(b, v.Context.Shown(stored[0]))
	}
	b = append(b, '[')
	for i, t := range stored {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsontext.AppendString(b, v.Context.Shown(t))
	}
	return append(b, ']')
}

// attribute writes all instances of one attribute.
func (v *View) attribute(b []byte, list []plane.Attribute) []byte {
	if v.Datasets != nil {
		list = slices.DeleteFunc(slices.Clone(list), func(a plane.Attribute) bool {
			return !slices.Contains(v.Datasets, a.Dataset) && (a.Dataset != "" || !slices.Contains(v.Datasets, "@none"))
		})
		if len(list) == 0 {
			return b
		}
	}
	name := list[0].Name
	b = member(b, v.Context.Shown(name))
	switch {
	case len(list) == 1:
		return v.instance(b, &list[0], name)
	case v.Form == Simplified:
		b = append(b, `{"dataset":{`...)
		for i := range list {
			key := list[i].Dataset
			if key == "" {
				key = "@none"
			}
			b = v.instance(member(b, key), &list[i], name)
		}
		return append(b, '}', '}')
	}
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if v.Form == Concise && isBare(&list[i]) { // among others it would be read as a value
			b = append(append(append(b, `{"value":`...), list[i].Value...), '}')
			continue
		}
		b = v.instance(b, &list[i], name)
	}
	return append(b, ']')
}

// isBare says whether the concise form may be the value alone.
func isBare(a *plane.Attribute) bool {
	return (a.Kind == plane.Property || a.Kind == plane.Geo) && bare(a)
}

// instance writes one instance of an attribute, which is at the path top.
func (v *View) instance(b []byte, a *plane.Attribute, top string) []byte {
	kind, value, lang := a.Kind, a.Value, ""
	if kind == plane.Language && v.Language != "" {
		kind = plane.Property
		value, lang = inLanguage(value, v.Language)
	}
	switch v.Form {
	case Simplified:
		return v.simplified(b, kind, value, top)
	case Concise:
		if isBare(a) && lang == "" && !v.System && !needsKey(kind, value) {
			return append(b, value...)
		}
		b = append(b, '{')
	default:
		b = append(b, `{"type":"`...)
		b = append(append(b, kinds[kind].name...), '"')
	}
	b = v.value(member(b, kinds[kind].member), kind, value)
	if lang != "" {
		b = jsontext.AppendString(member(b, "lang"), lang)
	}
	if a.Unit != "" {
		b = jsontext.AppendString(member(b, "unitCode"), a.Unit)
	}
	if !a.ObservedAt.IsZero() {
		b = jsontext.AppendTime(member(b, "observedAt"), a.ObservedAt)
	}
	if a.Dataset != "" {
		b = jsontext.AppendString(member(b, "datasetId"), a.Dataset)
	}
	for i := range a.Meta {
		b = v.meta(b, &a.Meta[i])
	}
	if v.Previous != nil && top == a.Name {
		b = v.previous(b, a)
	}
	if v.System && !a.Created.IsZero() {
		b = jsontext.AppendTime(member(b, "createdAt"), a.Created)
		b = jsontext.AppendTime(member(b, "modifiedAt"), a.Modified)
	}
	if v.Linked != nil && v.Levels > 0 && kind == plane.Relationship {
		b = v.linked(b, value, top, false)
	}
	return append(b, '}')
}

func bare(a *plane.Attribute) bool {
	return a.Unit == "" && a.ObservedAt.IsZero() && a.Dataset == "" && len(a.Meta) == 0
}

// needsKey says whether a bare value would be read as something else.
func needsKey(kind plane.Kind, value json.RawMessage) bool {
	switch {
	case kind == plane.Geo:
		return false
	case jsontext.Kind(value) == '[':
		items, _ := jsontext.List(value)
		return (&Parser{}).instances(items)
	case jsontext.Kind(value) != '{':
		return false
	}
	o, _ := jsontext.Parse(value)
	_, has := valueOf(o)
	return has || o.Has("type") || o.Has("@type")
}

func (v *View) meta(b []byte, m *plane.Attribute) []byte {
	name, isPlain := plainMember(m.Name)
	if !isPlain {
		return v.instance(member(b, v.Context.Shown(m.Name)), m, "")
	}
	b = member(b, name)
	if name == "expiresAt" || name == "deletedAt" {
		return append(b, m.Value...)
	}
	return v.vocabulary(b, m.Value)
}

// value writes a value as the normalised form does.
func (v *View) value(b []byte, kind plane.Kind, value json.RawMessage) []byte {
	switch kind {
	case plane.Vocabulary:
		return v.vocabulary(b, value)
	case plane.ListOfLinks:
		list, _ := jsontext.Strings(value)
		b = append(b, '[')
		for i, s := range list {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(jsontext.AppendString(append(b, `{"object":`...), s), '}')
		}
		return append(b, ']')
	default:
		return append(b, value...)
	}
}

func (v *View) vocabulary(b []byte, value json.RawMessage) []byte {
	list, _ := jsontext.Strings(value)
	if jsontext.Kind(value) == '"' && len(list) == 1 {
		return jsontext.AppendString(b, v.Context.Compact(list[0]))
	}
	for i, iri := range list {
		list[i] = v.Context.Compact(iri)
	}
	return jsontext.AppendStrings(b, list)
}

// simplified writes a value as clause 4.5.4 says.
func (v *View) simplified(b []byte, kind plane.Kind, value json.RawMessage, top string) []byte {
	switch kind {
	case plane.Relationship:
		if v.Linked != nil && v.Levels > 0 && top != "" {
			return v.linked(b, value, top, true)
		}
	case plane.Language, plane.Vocabulary, plane.JSON:
		b = v.value(member(append(b, '{'), kinds[kind].member), kind, value)
		return append(b, '}')
	case plane.ListOfLinks:
		return append(b, value...)
	}
	return append(b, value...)
}

// inLanguage picks a text by a list of language ranges in the order of preference,
// as in the header Accept-Language (RFC 4647, lookup).
func inLanguage(value json.RawMessage, ranges string) (json.RawMessage, string) {
	o, _ := jsontext.Parse(value)
	if len(o) == 0 {
		return json.RawMessage(`""`), ""
	}
	for _, r := range preferences(ranges) {
		if r == "*" {
			break
		}
		for ; r != ""; r = r[:max(0, strings.LastIndexByte(r, '-'))] {
			for _, m := range o {
				if strings.EqualFold(m.Name, r) {
					return m.Value, m.Name
				}
			}
		}
	}
	for _, m := range o {
		if m.Name == "@none" {
			return m.Value, m.Name
		}
	}
	return o[0].Value, o[0].Name
}
