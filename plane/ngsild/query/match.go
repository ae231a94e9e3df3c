package query

import (
	"encoding/json"
	"strings"
	"time"

	"polity/plane"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
)

// Linked gives the entity that a relationship leads to, nil if there is none.
type Linked func(id string) *plane.Entity

// Match says whether an entity meets the query.
func (q *Q) Match(e *plane.Entity, linked Linked) bool {
	return q.root.holds(func(t *term) bool { return t.holds(q, e, linked) })
}

func (t *term) holds(q *Q, e *plane.Entity, linked Linked) bool {
	if len(t.path) == 1 && t.members == nil && t.linked == nil {
		switch t.path[0] {
		case "createdAt":
			return t.moment(e.Created)
		case "modifiedAt":
			return t.moment(e.Modified)
		case "id":
			return t.text(e.ID)
		}
	}
	found := false
	for i := range e.Attributes {
		if a := &e.Attributes[i]; a.Name == t.path[0] {
			found = true
			if t.negated {
				continue
			}
			if t.instance(q, a, t.path[1:], linked) {
				return true
			}
		}
	}
	return t.negated && !found
}

// instance looks at the rest of the path below an attribute.
func (t *term) instance(q *Q, a *plane.Attribute, rest []string, linked Linked) bool {
	if len(rest) > 0 {
		if len(rest) == 1 {
			switch rest[0] {
			case "observedAt":
				return t.moment(a.ObservedAt)
			case "createdAt":
				return t.moment(a.Created)
			case "modifiedAt":
				return t.moment(a.Modified)
			case "unitCode":
				return a.Unit != "" && t.text(a.Unit)
			case "datasetId":
				return a.Dataset != "" && t.text(a.Dataset)
			}
		}
		for i := range a.Meta {
			if a.Meta[i].Name == rest[0] && t.instance(q, &a.Meta[i], rest[1:], linked) {
				return true
			}
		}
		return false
	}
	if t.linked != nil {
		if linked == nil || a.Kind != plane.Relationship {
			return false
		}
		ids, _ := jsontext.Strings(a.Value)
		for _, id := range ids {
			if e := linked(id); e != nil && t.linked.Match(e, linked) {
				return true
			}
		}
		return false
	}
	if t.operator == "" && t.members == nil {
		return true
	}
	var v any
	if json.Unmarshal(a.Value, &v) != nil {
		return false
	}
	if a.Kind == plane.Vocabulary {
		return t.vocabulary(q.context, v)
	}
	if a.Kind == plane.Language && (len(t.members) == 0 || t.members[0] == "*") {
		o, _ := v.(map[string]any)
		for _, text := range o {
			if t.value(text) {
				return true
			}
		}
		return false
	}
	for _, m := range t.members {
		o, ok := v.(map[string]any)
		if !ok {
			return false
		}
		if v, ok = o[m]; !ok {
			return false
		}
	}
	return t.operator == "" || t.value(v)
}

func (t *term) vocabulary(c *jsonld.Context, v any) bool {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, x := range list {
		iri, _ := x.(string)
		if t.value(iri) || t.value(c.Compact(iri)) {
			return true
		}
	}
	return false
}

func (t *term) moment(m time.Time) bool {
	if m.IsZero() {
		return false
	}
	return t.operator == "" || t.compare(value{kind: 't', time: m, text: m.UTC().Format(time.RFC3339Nano)})
}

func (t *term) text(s string) bool {
	return t.operator == "" || t.compare(value{kind: 's', text: s})
}

// value compares any JSON value; one item of a list is enough, and for != all.
func (t *term) value(v any) bool {
	switch x := v.(type) {
	case []any:
		for _, item := range x {
			is := t.value(item)
			if t.operator == "!=" && !is {
				return false
			}
			if t.operator != "!=" && is {
				return true
			}
		}
		return t.operator == "!="
	case map[string]any:
		if inner, ok := x["@value"]; ok {
			return t.value(inner)
		}
		return t.operator == "!=" || t.operator == "!~="
	case string:
		return t.compare(value{kind: 's', text: x})
	case float64:
		return t.compare(value{kind: 'n', number: x})
	case bool:
		text := "false"
		if x {
			text = "true"
		}
		return t.compare(value{kind: 'b', text: text})
	default:
		return false
	}
}

func (t *term) compare(v value) bool {
	switch t.operator {
	case "~=":
		return v.kind == 's' && t.pattern.MatchString(v.text)
	case "!~=":
		return v.kind == 's' && !t.pattern.MatchString(v.text)
	case "==", "!=":
		for _, o := range t.values {
			if o.covers(v) {
				return t.operator == "=="
			}
		}
		return t.operator == "!="
	}
	sign, ok := order(v, t.values[0].value)
	if !ok {
		return false
	}
	switch t.operator {
	case ">":
		return sign > 0
	case ">=":
		return sign >= 0
	case "<":
		return sign < 0
	default:
		return sign <= 0
	}
}

func (o *operand) covers(v value) bool {
	sign, ok := order(v, o.value)
	if !o.hasTo {
		return ok && sign == 0
	}
	end, same := order(v, *o.to)
	return ok && same && sign >= 0 && end <= 0
}

// order compares values of one kind; a text that is a moment may be compared with one.
func order(a, b value) (sign int, ok bool) {
	if a.kind == 's' && b.kind == 't' {
		if t, is := parseMoment(a.text); is {
			a = value{kind: 't', time: t}
		}
	}
	if a.kind == 't' && b.kind == 's' {
		if t, is := parseMoment(b.text); is {
			b = value{kind: 't', time: t}
		}
	}
	switch {
	case a.kind != b.kind:
		return 0, false
	case a.kind == 'n' && a.number < b.number:
		return -1, true
	case a.kind == 'n' && a.number > b.number:
		return 1, true
	case a.kind == 'n':
		return 0, true
	case a.kind == 't':
		return a.time.Compare(b.time), true
	}
	return strings.Compare(a.text, b.text), true
}
