package ngsild

import (
	"encoding/json"
	"net/http"
	"strings"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/forward"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
	"polity/plane/ngsild/query"
)

// selector reads what names entities: ids, a pattern, types.
func (r *request) selector(ids []string, pattern, types string) (query.Selector, error) {
	s := query.Selector{}
	for _, id := range ids {
		if !entity.IsURI(id) {
			return s, problem.BadRequest("id: %q is not a URI such as urn:ngsi-ld:Building:42", id)
		}
		s.IDs = append(s.IDs, id)
	}
	var err error
	if pattern != "" {
		if s.Pattern, err = query.ParsePattern(pattern); err != nil {
			return s, err
		}
	}
	if types != "" && types != "*" {
		s.Types, err = query.ParseTypes(r.context, types)
	}
	return s, err
}

// conditions are a query's parameters, from the query string or a body.
type conditions struct {
	ids                                      []string
	idPattern, types, q, scopeQ              string
	georel, geometry, coordinates, geography string
	attrs                                    []string
}

func (r *request) conditions() (conditions, error) {
	c := conditions{
		ids: r.list("id"), idPattern: r.query.Get("idPattern"), types: r.query.Get("type"), q: r.query.Get("q"), scopeQ: r.query.Get("scopeQ"),
		georel: r.query.Get("georel"), geometry: r.query.Get("geometry"), coordinates: r.query.Get("coordinates"), geography: r.query.Get("geoproperty"),
	}
	var err error
	c.attrs, err = r.attributeNames("attrs")
	r.asked = c.asked()
	return c, err
}

// filter makes a filter of conditions. It says whether they narrow the answer in a
// way that clause 5.7.2.4 asks for.
func (r *request) filter(c conditions) (f *query.Filter, narrows bool, err error) {
	f = &query.Filter{}
	if c.ids != nil || c.idPattern != "" || c.types != "" {
		s, err := r.selector(c.ids, c.idPattern, c.types)
		if err != nil {
			return nil, false, err
		}
		f.Selectors = []query.Selector{s}
		narrows = c.types != ""
	}
	if c.attrs != nil {
		f.Having, narrows = entity.Attributes(r.context, c.attrs), true
	}
	if c.q != "" {
		if f.Q, err = query.ParseQ(r.context, c.q); err != nil {
			return nil, false, err
		}
		narrows = true
	}
	if c.scopeQ != "" {
		if f.Scopes, err = query.ParseScopes(c.scopeQ); err != nil {
			return nil, false, err
		}
	}
	if c.georel != "" || c.geometry != "" || c.coordinates != "" {
		if f.Geo, err = query.ParseGeo(r.context, c.georel, c.geometry, c.coordinates, c.geography); err != nil {
			return nil, false, err
		}
		narrows = true
	}
	return f, narrows, nil
}

// queryEntities is clause 5.7.2.
func (r *request) queryEntities() error {
	c, err := r.conditions()
	if err != nil {
		return err
	}
	f, err := r.narrowed(c)
	if err != nil {
		return err
	}
	return r.answerQuery(f)
}

// narrowed is the filter of conditions that narrow the answer, or of a query that is for
// this broker alone.
func (r *request) narrowed(c conditions) (*query.Filter, error) {
	f, narrows, err := r.filter(c)
	if err != nil {
		return nil, err
	}
	local, err := r.flag("local")
	if err != nil {
		return nil, err
	}
	if !narrows && !local {
		return nil, problem.BadRequest("the query is too wide: give at least one of type, attrs, q, georel, or local=true")
	}
	return f, nil
}

// answerQuery answers with a page of what a filter takes.
func (r *request) answerQuery(f *query.Filter) error {
	v, err := r.view()
	if err != nil {
		return err
	}
	if v.Pick != nil && f.Having == nil {
		f.Any = v.Pick
	}
	f.Datasets = v.Datasets
	var list []*plane.Entity
	if err := r.paged(func(p page, order []orderKey) (more bool, total int64, err error) {
		list, more, total, err = r.search(f, p, order)
		return more, total, err
	}); err != nil {
		return err
	}
	shown := r.shown(list, v)
	if r.accept == geoType {
		inside := v.Inside
		for i := range shown {
			shown[i].view = shown[i].view.Without()
		}
		return r.answerGeo(func(b []byte) []byte {
			b = append(b, `{"type":"FeatureCollection","features":`...)
			b = appendList(b, shown, (*entity.View).AppendFeature)
			if inside != nil && r.Header.Get("Prefer") != "body=json" {
				b = append(append(b, `,"@context":`...), inside...)
			}
			return append(b, '}')
		}, v)
	}
	return r.answer(http.StatusOK, func(b []byte) []byte { return appendList(b, shown, (*entity.View).Append) })
}

// paged reads which page is asked for and in what order, has it read, and tells of it
// what headers tell.
func (r *request) paged(read func(p page, order []orderKey) (more bool, total int64, err error)) error {
	p, err := r.page()
	if err != nil {
		return err
	}
	order, err := r.order()
	if err != nil {
		return err
	}
	if err := r.knownTenant(); err != nil {
		return err
	}
	more, total, err := read(p, order)
	if err != nil {
		return err
	}
	if p.count {
		r.counted(total)
	}
	r.pageLinks(p, more)
	return nil
}

// search reads a page of what a filter takes, wherever it is.
func (r *request) search(f *query.Filter, p page, order []orderKey) ([]*plane.Entity, bool, int64, error) {
	r.askedNames = r.asked.names(r.context, f)
	shares, err := r.shares(forward.QueryEntity|forward.QueryBatch, forward.Scope{Selectors: f.Selectors, Names: r.askedNames})
	if err != nil {
		return nil, false, 0, err
	}
	if len(shares) > 0 {
		return r.findAnywhere(f, p, order, shares)
	}
	return r.find(f, p, order)
}

// maxOrdered bounds what is sorted.
const maxOrdered = 20_000

// find reads a page of the entities that a filter takes.
func (r *request) find(f *query.Filter, p page, order []orderKey) (list []*plane.Entity, more bool, total int64, err error) {
	q := f.Query(r.tenant, r.linkedEntity())
	q.Count = p.count
	if order != nil {
		return r.findOrdered(q, p, order)
	}
	if p.limit == 0 {
		q.Limit = 1
		found, err := r.s.store.Find(r.Context(), q)
		return nil, false, found.Total, err
	}
	q.Offset = p.offset
	for {
		q.Limit = min(p.limit-len(list), plane.MaxLimit)
		found, err := r.s.store.Find(r.Context(), q)
		if err != nil {
			return nil, false, 0, err
		}
		if q.Count {
			total, q.Count = found.Total, false
		}
		list = append(list, found.Entities...)
		if !found.More || len(list) == p.limit {
			return list, found.More, total, nil
		}
		q.After, q.Offset = list[len(list)-1].ID, 0
	}
}

func (r *request) findOrdered(q plane.Query, p page, order []orderKey) (list []*plane.Entity, more bool, total int64, err error) {
	q.Count, q.Limit = false, plane.MaxLimit
	for {
		found, err := r.s.store.Find(r.Context(), q)
		if err != nil {
			return nil, false, 0, err
		}
		list = append(list, found.Entities...)
		if len(list) > maxOrdered {
			return nil, false, 0, problem.TooComplex("orderBy: the query finds more than %d entities; narrow it", maxOrdered)
		}
		if !found.More {
			break
		}
		q.After = found.Entities[len(found.Entities)-1].ID
	}
	sortEntities(list, order)
	total = int64(len(list))
	from, to := min(p.offset, len(list)), min(p.offset+p.limit, len(list))
	return list[from:to], to < len(list), total, nil
}

// queryByPost is clause 5.7.2 by POST (clause 6.23): the parameters stand in a body.
func (r *request) queryByPost() error {
	o, err := r.object(jsonType, ldType)
	if err != nil {
		return err
	}
	if t, _ := o.Text("type"); t != "Query" {
		return problem.BadRequest("the body is not of the type Query")
	}
	f, err := r.bodyFilter(o)
	if err != nil {
		return err
	}
	return r.answerQuery(f)
}

// bodyFilter reads a Query (clause 5.2.23), and puts what says how to show into the
// parameters.
func (r *request) bodyFilter(o jsontext.Object) (*query.Filter, error) {
	c := conditions{}
	c.q, _ = o.Text("q")
	c.scopeQ, _ = o.Text("scopeQ")
	if v := o.Get("attrs"); v != nil {
		list, ok := jsontext.Strings(v)
		if !ok {
			return nil, problem.BadRequest("attrs is not a list of names")
		}
		r.query.Set("attrs", strings.Join(list, ","))
		var err error
		if c.attrs, err = r.attributeNames("attrs"); err != nil {
			return nil, err
		}
	}
	if g, ok := jsontext.Parse(o.Get("geoQ")); ok {
		c.georel, _ = g.Text("georel")
		c.geometry, _ = g.Text("geometry")
		c.coordinates = coordinatesText(g.Get("coordinates"))
		c.geography, _ = g.Text("geoproperty")
	}
	for _, name := range []string{"lang", "pick", "omit", "join", "joinLevel", "geometryProperty", "orderBy", "datasetId", "containedBy"} {
		v := o.Get(name)
		if v == nil {
			continue
		}
		if list, ok := jsontext.Strings(v); ok {
			r.query.Set(name, strings.Join(list, ","))
		} else {
			r.query.Set(name, string(v))
		}
	}
	f, _, err := r.filter(c)
	if err != nil {
		return nil, err
	}
	r.asked = c.asked()
	f.Selectors, err = r.selectors(o.Get("entities"))
	return f, err
}

// selectors reads a list of EntitySelectors (clause 5.2.33).
func (r *request) selectors(v json.RawMessage) ([]query.Selector, error) {
	if v == nil {
		return nil, nil
	}
	items, ok := jsontext.List(v)
	if !ok || len(items) == 0 {
		return nil, problem.BadRequest("entities is not a list of objects with id, idPattern or type")
	}
	var out []query.Selector
	for _, item := range items {
		o, ok := jsontext.Parse(item)
		if !ok {
			return nil, problem.BadRequest("an item of entities is not an object")
		}
		var ids []string
		if v := o.Get("id"); v != nil {
			if ids, ok = jsontext.Strings(v); !ok {
				return nil, problem.BadRequest("an id of entities is not a URI")
			}
		}
		pattern, _ := o.Text("idPattern")
		types, ok := o.Text("type")
		if o.Has("type") && !ok {
			list, isList := jsontext.Strings(o.Get("type"))
			if !isList {
				return nil, problem.BadRequest("a type of entities is not a name")
			}
			types = strings.Join(list, ",")
		}
		s, err := r.selector(ids, pattern, types)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
		r.asked.selectors = append(r.asked.selectors, askedSelector{ids, pattern, types})
	}
	return out, nil
}

// coordinatesText takes coordinates as JSON or as a text of JSON.
func coordinatesText(v json.RawMessage) string {
	if s, ok := jsontext.String(v); ok {
		return s
	}
	return string(v)
}
