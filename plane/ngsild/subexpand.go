package ngsild

import (
	"encoding/json"
	"strings"

	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
)

// Subscriptions and registrations are kept with their names expanded, and shown with
// those of the @context that is asked with (clause 5.5.7).

// rename applies f to every name in a subscription or registration.
func rename(o jsontext.Object, f func(string) string) jsontext.Object {
	out := make(jsontext.Object, 0, len(o))
	for _, m := range o {
		v := m.Value
		switch m.Name {
		case "entities":
			v = renameEach(v, func(e jsontext.Object) jsontext.Object { return renameTypes(e, f) })
		case "watchedAttributes", "attributes", "propertyNames", "relationshipNames", "attributeNames":
			v = renameList(v, f)
		case "pick", "omit":
			v = renameList(v, func(s string) string { return renameMembers(s, f) })
		case "notification":
			if n, ok := jsontext.Parse(v); ok {
				v = rename(n, f).Append(nil)
			}
		case "information":
			v = renameEach(v, func(e jsontext.Object) jsontext.Object { return rename(e, f) })
		case "geoQ":
			if g, ok := jsontext.Parse(v); ok {
				if p, ok := g.Text("geoproperty"); ok {
					g.Set("geoproperty", jsontext.AppendString(nil, f(p)))
				}
				v = g.Append(nil)
			}
		}
		out = append(out, jsontext.Member{Name: m.Name, Value: v})
	}
	return out
}

func renameEach(v json.RawMessage, f func(jsontext.Object) jsontext.Object) json.RawMessage {
	items, ok := jsontext.List(v)
	if !ok {
		return v
	}
	b := []byte{'['}
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		if o, ok := jsontext.Parse(item); ok {
			b = f(o).Append(b)
		} else {
			b = append(b, item...)
		}
	}
	return append(b, ']')
}

func renameTypes(e jsontext.Object, f func(string) string) jsontext.Object {
	out := append(jsontext.Object(nil), e...)
	v := e.Get("type")
	if s, ok := jsontext.String(v); ok {
		out.Set("type", jsontext.AppendString(nil, renameSelection(s, f)))
	} else if v != nil {
		out.Set("type", renameList(v, f))
	}
	return out
}

func renameList(v json.RawMessage, f func(string) string) json.RawMessage {
	if s, ok := jsontext.String(v); ok {
		return jsontext.AppendString(nil, f(s))
	}
	list, ok := jsontext.Strings(v)
	if !ok {
		return v
	}
	for i, s := range list {
		list[i] = f(s)
	}
	return jsontext.AppendStrings(nil, list)
}

// renameSelection renames the names in a type selection.
func renameSelection(s string, f func(string) string) string { return renameBetween(s, "|,;()", f) }

// renameMembers renames those of pick and omit; id, type and scope stay.
func renameMembers(s string, f func(string) string) string {
	return renameBetween(s, "{},|", func(n string) string {
		switch n {
		case "id", "type", "scope":
			return n
		}
		return f(n)
	})
}

func renameBetween(s, marks string, f func(string) string) string {
	var b strings.Builder
	for s != "" {
		end := strings.IndexAny(s, marks)
		if end < 0 {
			end = len(s)
		}
		if end > 0 {
			name := strings.TrimSpace(s[:end])
			if name == "*" {
				b.WriteString(name)
			} else {
				b.WriteString(f(name))
			}
		}
		if end < len(s) {
			b.WriteByte(s[end])
			end++
		}
		s = s[end:]
	}
	return b.String()
}

// expanded is a subscription or registration as it is kept, without its @context.
func expanded(o jsontext.Object, c *jsonld.Context) jsontext.Object {
	out := rename(o, c.Expand)
	out.Drop("@context")
	return out
}
