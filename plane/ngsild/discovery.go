package ngsild

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/forward"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
)

// attributeInfo is what is known of an attribute's name.
type attributeInfo struct {
	name  string // as stored
	count int64  // entities that have it
	kinds []string
	types []string // of those entities, as stored
}

// typeInfo is what is known of an entity type.
type typeInfo struct {
	name       string
	count      int64
	attributes map[string]*attributeInfo
}

// survey is what there is in a tenant. Nobody changes it.
type survey struct {
	types      map[string]*typeInfo
	attributes map[string]*attributeInfo
}

// survey looks through all entities of the tenant. However many ask at a time, one look
// goes through them, and another waits.
func (r *request) survey() (*survey, error) {
	if err := r.knownTenant(); err != nil {
		return nil, err
	}
	mine, _ := r.s.surveys.LoadOrStore(r.tenant, &turns[*survey]{})
	return mine.(*turns[*survey]).do(r.Context(), func(ctx context.Context) (*survey, error) {
		return r.s.lookThrough(ctx, plane.Query{Tenant: r.tenant})
	})
}

func (s *Server) lookThrough(ctx context.Context, q plane.Query) (*survey, error) {
	out := &survey{map[string]*typeInfo{}, map[string]*attributeInfo{}}
	err := each(ctx, s.store, q, func(e *plane.Entity) {
		noteAttributes(out.attributes, e)
		for _, t := range e.Types {
			info := out.types[t]
			if info == nil {
				info = &typeInfo{name: t, attributes: map[string]*attributeInfo{}}
				out.types[t] = info
			}
			info.count++
			noteAttributes(info.attributes, e)
		}
	})
	return out, err
}

func noteAttributes(attributes map[string]*attributeInfo, e *plane.Entity) {
	last := ""
	for i := range e.Attributes {
		a := &e.Attributes[i]
		info := attributes[a.Name]
		if info == nil {
			info = &attributeInfo{name: a.Name}
			attributes[a.Name] = info
		}
		if a.Name != last {
			info.count++
		}
		last = a.Name
		if kind := entity.KindName(a.Kind); !slices.Contains(info.kinds, kind) {
			info.kinds = append(info.kinds, kind)
		}
		for _, t := range e.Types {
			if !slices.Contains(info.types, t) {
				info.types = append(info.types, t)
			}
		}
	}
}

func sorted[T any](m map[string]T) []T {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	out := make([]T, len(names))
	for i, n := range names {
		out[i] = m[n]
	}
	return out
}

// shownList compacts names, in their order.
func (r *request) shownList(b []byte, stored []string) []byte {
	shown := make([]string, len(stored))
	for i, s := range stored {
		shown[i] = r.context.Shown(s)
	}
	return jsontext.AppendStrings(b, shown)
}

// within puts the @context into an object's body where it belongs there.
func (r *request) within(b []byte) []byte {
	if c := r.inside(); c != nil {
		b = append(append(b, `,"@context":`...), c...)
	}
	return append(b, '}')
}

// listTypes is clauses 5.7.5 and 5.7.6.
func (r *request) listTypes() error {
	details, err := r.flag("details")
	if err != nil {
		return err
	}
	found, err := r.surveyAnywhere(forward.RetrieveTypes, forward.RetrieveTypeDetails, details)
	if err != nil {
		return err
	}
	list := sorted(found.types)
	if details {
		return r.answer(http.StatusOK, func(b []byte) []byte {
			b = append(b, '[')
			for i, t := range list {
				if i > 0 {
					b = append(b, ',')
				}
				b = jsontext.AppendString(append(b, `{"id":`...), jsonld.IRI(t.name))
				b = jsontext.AppendString(append(b, `,"type":"EntityType","typeName":`...), r.context.Shown(t.name))
				b = append(b, `,"attributeNames":`...)
				b = r.shownList(b, attributeNamesOf(t.attributes))
				b = r.within(b)
			}
			return append(b, ']')
		})
	}
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = t.name
	}
	return r.answer(http.StatusOK, func(b []byte) []byte {
		b = append(b, `{"id":"urn:ngsi-ld:EntityTypeList:`+listID(names)+`","type":"EntityTypeList","typeList":`...)
		return r.within(r.shownList(b, names))
	})
}

func attributeNamesOf(m map[string]*attributeInfo) []string {
	var names []string
	for _, a := range sorted(m) {
		names = append(names, a.name)
	}
	return names
}

// listID is the same for the same list.
func listID(names []string) string { return hashID(strings.Join(names, "\n")) }

// retrieveType is clause 5.7.7.
func (r *request) retrieveType() error {
	stored := r.context.Stored(r.path[1])
	if err := r.knownTenant(); err != nil {
		return err
	}
	found, err := r.s.lookThrough(r.Context(), plane.Query{Tenant: r.tenant, Types: []string{stored}})
	if err != nil {
		return err
	}
	if found, err = r.withSources(found, forward.RetrieveTypeInfo, forward.Scope{Types: []string{stored}}, func(c *jsonld.Context) (string, string) {
		return "/types/" + url.PathEscape(c.Shown(stored)), ""
	}); err != nil {
		return err
	}
	t := found.types[stored]
	if t == nil {
		return problem.NotFound("no entity has the type %s", jsonld.IRI(stored))
	}
	return r.answer(http.StatusOK, func(b []byte) []byte {
		b = jsontext.AppendString(append(b, `{"id":`...), jsonld.IRI(stored))
		b = jsontext.AppendString(append(b, `,"type":"EntityTypeInfo","typeName":`...), r.context.Shown(stored))
		b = jsontext.AppendInt(append(b, `,"entityCount":`...), t.count)
		b = append(b, `,"attributeDetails":[`...)
		for i, a := range sorted(t.attributes) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(r.attributeHead(b, a), `,"attributeTypes":`...)
			b = append(jsontext.AppendStrings(b, a.kinds), '}')
		}
		return r.within(append(b, ']'))
	})
}

func (r *request) attributeHead(b []byte, a *attributeInfo) []byte {
	b = jsontext.AppendString(append(b, `{"id":`...), jsonld.IRI(a.name))
	return jsontext.AppendString(append(b, `,"type":"Attribute","attributeName":`...), r.context.Shown(a.name))
}

// listAttributes is clauses 5.7.8 and 5.7.9.
func (r *request) listAttributes() error {
	details, err := r.flag("details")
	if err != nil {
		return err
	}
	found, err := r.surveyAnywhere(forward.RetrieveAttrTypes, forward.RetrieveAttrTypeDetails, details)
	if err != nil {
		return err
	}
	if details {
		return r.answer(http.StatusOK, func(b []byte) []byte {
			b = append(b, '[')
			for i, a := range sorted(found.attributes) {
				if i > 0 {
					b = append(b, ',')
				}
				b = append(r.attributeHead(b, a), `,"typeNames":`...)
				b = r.within(r.shownList(b, a.types))
			}
			return append(b, ']')
		})
	}
	names := attributeNamesOf(found.attributes)
	return r.answer(http.StatusOK, func(b []byte) []byte {
		b = append(b, `{"id":"urn:ngsi-ld:AttributeList:`+listID(names)+`","type":"AttributeList","attributeList":`...)
		return r.within(r.shownList(b, names))
	})
}

// retrieveAttribute is clause 5.7.10.
func (r *request) retrieveAttribute() error {
	stored := r.context.Stored(r.path[1])
	found, err := r.survey()
	if err != nil {
		return err
	}
	if found, err = r.withSources(found, forward.RetrieveAttrTypeInfo, forward.Scope{Names: []string{stored}}, func(c *jsonld.Context) (string, string) {
		return "/attributes/" + url.PathEscape(c.Shown(stored)), ""
	}); err != nil {
		return err
	}
	a := found.attributes[stored]
	if a == nil {
		return problem.NotFound("no entity has the attribute %s", jsonld.IRI(stored))
	}
	return r.answer(http.StatusOK, func(b []byte) []byte {
		b = append(r.attributeHead(b, a), `,"attributeCount":`...)
		b = append(jsontext.AppendInt(b, a.count), `,"attributeTypes":`...)
		b = append(jsontext.AppendStrings(b, a.kinds), `,"typeNames":`...)
		return r.within(r.shownList(b, a.types))
	})
}
