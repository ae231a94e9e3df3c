package ngsild

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/forward"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
)

// surveyAnywhere is what there is here and at sources (clauses 5.7.5, 5.7.6, 5.7.8 and
// 5.7.9).
func (r *request) surveyAnywhere(plain, detailed forward.Op, details bool) (*survey, error) {
	here, err := r.survey()
	if err != nil {
		return nil, err
	}
	op, rawQuery := plain, ""
	if details {
		op, rawQuery = detailed, "details=true"
	}
	return r.withSources(here, op, forward.Scope{}, func(*jsonld.Context) (string, string) { return r.samePath(), rawQuery })
}

// withSources adds what sources say of types and attributes to what there is here. At
// gives the path to ask, and the query string.
func (r *request) withSources(here *survey, op forward.Op, scope forward.Scope, at func(*jsonld.Context) (path, rawQuery string)) (*survey, error) {
	shares, err := r.shares(op, scope)
	if err != nil {
		return nil, err
	}
	shares = slices.DeleteFunc(shares, func(x forward.Share) bool { return x.Refused != "" })
	if len(shares) == 0 {
		return here, nil
	}
	out := here.clone()
	for _, s := range r.askEach(shares, func(x *forward.Share, c *jsonld.Context) []forward.Call {
		path, rawQuery := at(c)
		return []forward.Call{r.callIn(c, x, http.MethodGet, path, rawQuery)}
	}) {
		if err := out.add(s); err != nil {
			r.warn(s.share, err.Error())
		}
	}
	return out, nil
}

func (s *survey) clone() *survey {
	out := &survey{map[string]*typeInfo{}, cloneInfos(s.attributes)}
	for name, t := range s.types {
		out.types[name] = &typeInfo{name, t.count, cloneInfos(t.attributes)}
	}
	return out
}

func cloneInfos(m map[string]*attributeInfo) map[string]*attributeInfo {
	out := maps.Clone(m)
	for name, a := range out {
		c := *a
		c.kinds, c.types = slices.Clone(a.kinds), slices.Clone(a.types)
		out[name] = &c
	}
	return out
}

// maxNamed bounds the types and attributes that one source tells of.
const maxNamed = 10_000

// add adds what a source tells of the types and attributes that it is registered for,
// in any of the forms of clauses 5.2.24 to 5.2.28.
func (s *survey) add(x said) error {
	if err := jsontext.Valid(x.body); err != nil {
		return errors.New("its answer is not JSON")
	}
	items, isList := jsontext.List(x.body)
	if !isList {
		items = []json.RawMessage{x.body}
	}
	if len(items) > maxNamed {
		return errors.New("its answer tells of too many names")
	}
	for _, item := range items {
		o, ok := jsontext.Parse(item)
		if !ok {
			return errors.New("its answer is no list of types or attributes")
		}
		if err := s.addOne(x, o); err != nil {
			return err
		}
	}
	return nil
}

func (s *survey) addOne(x said, o jsontext.Object) error {
	for _, name := range textsOf(o, "typeList") {
		s.ofType(x, name)
	}
	for _, name := range textsOf(o, "attributeList") {
		ofAttribute(s.attributes, x, name)
	}
	if name, ok := o.Text("typeName"); ok {
		if t := s.ofType(x, name); t != nil {
			t.count += countOf(o, "entityCount")
			for _, a := range textsOf(o, "attributeNames") {
				ofAttribute(t.attributes, x, a)
			}
			list, _ := jsontext.List(o.Get("attributeDetails"))
			for _, item := range list {
				d, _ := jsontext.Parse(item)
				name, _ := d.Text("attributeName")
				if a := ofAttribute(t.attributes, x, name); a != nil {
					a.addKinds(textsOf(d, "attributeTypes"))
				}
			}
		}
	} else if name, ok := o.Text("attributeName"); ok {
		if a := ofAttribute(s.attributes, x, name); a != nil {
			a.count += countOf(o, "attributeCount")
			a.addKinds(textsOf(o, "attributeTypes"))
			for _, t := range textsOf(o, "typeNames") {
				if stored := x.context.Stored(t); validName(t) && x.share.OfType(stored) && !slices.Contains(a.types, stored) {
					a.types = append(a.types, stored)
				}
			}
		}
	}
	if len(s.types) > 10*maxNamed || len(s.attributes) > 10*maxNamed {
		return errors.New("its answer tells of too many names")
	}
	return nil
}

// ofType returns what is known of a type, nil if the source is not registered for it.
func (s *survey) ofType(x said, name string) *typeInfo {
	stored := x.context.Stored(name)
	if !validName(name) || !x.share.OfType(stored) {
		return nil
	}
	if s.types[stored] == nil {
		s.types[stored] = &typeInfo{name: stored, attributes: map[string]*attributeInfo{}}
	}
	return s.types[stored]
}

func ofAttribute(m map[string]*attributeInfo, x said, name string) *attributeInfo {
	stored := x.context.Stored(name)
	if !validName(name) || !x.share.Covers(stored) || len(m) > maxNamed {
		return nil
	}
	if m[stored] == nil {
		m[stored] = &attributeInfo{name: stored}
	}
	return m[stored]
}

func textsOf(o jsontext.Object, name string) []string {
	list, _ := jsontext.Strings(o.Get(name))
	return list[:min(len(list), maxNamed)]
}

func countOf(o jsontext.Object, name string) int64 {
	var n int64
	if v := o.Get(name); v == nil || json.Unmarshal(v, &n) != nil || n < 0 || n > 1e12 {
		return 0
	}
	return n
}

// addKinds adds sorts of attributes, those that NGSI-LD knows.
func (a *attributeInfo) addKinds(names []string) {
	for k := plane.Property; k <= plane.ListOfLinks; k++ {
		if name := entity.KindName(k); slices.Contains(names, name) && !slices.Contains(a.kinds, name) {
			a.kinds = append(a.kinds, name)
		}
	}
}
