package ngsild

import (
	"slices"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/jsontext"
)

// append writes an evolution in the form that is asked for.
func (q *temporalQuery) append(b []byte, ev *evolution, context []byte) []byte {
	b = append(b, '{')
	if q.view.Shows("id") {
		b = jsontext.AppendString(name(b, "id"), ev.head.ID)
	}
	if q.view.Shows("type") {
		b = q.view.Types(name(b, "type"), ev.head.Types)
	}
	b = q.scope(b, ev.head)
	for i := 0; i < len(ev.series); {
		n := i + 1
		for n < len(ev.series) && ev.series[n][0].a.Name == ev.series[i][0].a.Name {
			n++
		}
		if shown := ev.series[i][0].a.Name; q.view.Shows(shown) {
			b = q.attribute(name(b, q.view.Context.Shown(shown)), ev.series[i:n], q.start(ev))
		}
		i = n
	}
	for _, cut := range sortedNames(ev.cut) {
		if q.view.Shows(cut) {
			b = name(b, q.view.Context.Shown(cut))
			if q.form == everyInstance {
				b = append(b, "[]"...)
				continue
			}
			b = jsontext.AppendString(append(b, `{"type":`...), entity.KindName(ev.cut[cut]))
			b = append(name(b, plural[ev.cut[cut]]), "[]}"...)
		}
	}
	if q.system {
		b = jsontext.AppendTime(name(b, "createdAt"), ev.head.Created)
		b = jsontext.AppendTime(name(b, "modifiedAt"), ev.head.Modified)
	}
	if context != nil {
		b = append(name(b, "@context"), context...)
	}
	return append(b, '}')
}

func sortedNames(m map[string]plane.Kind) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// name writes a member's name and what separates it from the one before.
func name(b []byte, n string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(jsontext.AppendString(b, n), ':')
}

func (q *temporalQuery) scope(b []byte, head *plane.Entity) []byte {
	if !q.view.Shows("scope") || len(head.Scopes) == 0 || q.property == "deletedAt" {
		return b
	}
	b = name(b, "scope")
	if len(head.Scopes) == 1 {
		return jsontext.AppendString(b, head.Scopes[0])
	}
	return jsontext.AppendStrings(b, head.Scopes)
}

// attribute writes the series of one attribute, one for each dataset.
func (q *temporalQuery) attribute(b []byte, series [][]instance, start start) []byte {
	if q.form == everyInstance {
		b = append(b, '[')
		first := true
		for _, s := range series {
			for _, x := range s {
				if !first {
					b = append(b, ',')
				}
				first = false
				b = q.view.Instance(b, x.a)
				b = jsontext.AppendString(name(b[:len(b)-1], "instanceId"), x.id)
				b = append(b, '}')
			}
		}
		return append(b, ']')
	}
	if len(series) > 1 {
		b = append(b, '[')
	}
	for i, s := range series {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsontext.AppendString(append(b, `{"type":`...), entity.KindName(s[0].a.Kind))
		if s[0].a.Dataset != "" {
			b = jsontext.AppendString(name(b, "datasetId"), s[0].a.Dataset)
		}
		if q.form == aggregated {
			b = q.aggregates(b, s, start)
		} else {
			b = q.values(b, s)
		}
		b = append(b, '}')
	}
	if len(series) > 1 {
		b = append(b, ']')
	}
	return b
}

// plural is the member with the values of a kind over time (clause 4.5.8).
var plural = [...]string{
	plane.Property: "values", plane.Relationship: "objects", plane.Geo: "values", plane.Language: "languageMaps", plane.JSON: "jsons",
	plane.Vocabulary: "vocabs", plane.List: "valueLists", plane.ListOfLinks: "objectLists",
}

func (q *temporalQuery) values(b []byte, s []instance) []byte {
	b = append(name(b, plural[s[0].a.Kind]), '[')
	for i, x := range s {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(q.view.Simple(append(b, '['), x.a), ',')
		at := x.at
		if at.IsZero() {
			at = x.a.Created
		}
		b = append(jsontext.AppendTime(b, at), ']')
	}
	return append(b, ']')
}
