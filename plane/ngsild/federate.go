package ngsild

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"polity/city"
	"polity/plane"
	"polity/plane/ngsild/forward"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
	"polity/plane/ngsild/query"
)

// asked is what a query asks for, in the words of the request.
type asked struct {
	selectors []askedSelector
	attrs     []string
	q, scopeQ string
	geo       [4]string // georel, geometry, coordinates, geoproperty
}

type askedSelector struct {
	ids            []string
	pattern, types string
}

func (c *conditions) asked() asked {
	a := asked{attrs: c.attrs, q: c.q, scopeQ: c.scopeQ, geo: [4]string{c.georel, c.geometry, c.coordinates, c.geography}}
	if c.ids != nil || c.idPattern != "" || c.types != "" {
		a.selectors = []askedSelector{{c.ids, c.idPattern, c.types}}
	}
	return a
}

// entityAnywhere reads the entity that the path names, here and at the sources that
// have a part of it (clause 5.7.1).
func (r *request) entityAnywhere() (*plane.Entity, error) {
	here, err := r.entity()
	if err != nil && problem.From(err).Status != http.StatusNotFound {
		return nil, err
	}
	if list, listErr := r.registered(); listErr != nil || len(list) == 0 {
		return here, cmp.Or(listErr, err)
	}
	id := r.path[1]
	var types []string
	if here != nil {
		types = here.Types
	}
	r.asked = asked{attrs: r.list("attrs")}
	r.askedNames = r.asked.names(r.context, nil)
	shares, shareErr := r.sharesOf(forward.RetrieveEntity|forward.QueryEntity|forward.QueryBatch, id, types, r.askedNames)
	if shareErr != nil {
		return nil, shareErr
	}
	if len(shares) == 0 {
		return here, err
	}
	r.asked.selectors = []askedSelector{{ids: []string{id}}}
	var parts []forward.Part
	if here != nil {
		parts = append(parts, forward.Part{Entity: here})
	}
	for _, p := range r.gather(shares, func(x *forward.Share, c *jsonld.Context) []forward.Call { return r.retrieveCalls(x, c, id) }) {
		if p.Entity.ID != id {
			r.warn(p.Share, "its answer is of another entity")
			continue
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return nil, problem.NotFound("there is no entity %s", id)
	}
	return forward.Merge(parts), nil
}

// names lists the attributes that an answer depends on, as stored; nil for any.
func (a *asked) names(c *jsonld.Context, f *query.Filter) []string {
	if a.attrs == nil {
		return nil
	}
	names := c.StoredAll(a.attrs)
	if f != nil && f.Q != nil {
		f.Q.Attributes(func(n string) { names = append(names, n) })
	}
	if f != nil && f.Geo != nil {
		names = append(names, c.Stored(cmp.Or(a.geo[3], plane.Location)))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// gather asks sources and reads what they say. What cannot be used becomes a warning.
func (r *request) gather(shares []forward.Share, ask func(*forward.Share, *jsonld.Context) []forward.Call) []forward.Part {
	var parts []forward.Part
	for _, said := range r.askEach(shares, ask) {
		list, err := said.share.Read(said.body, said.context, r.tenant)
		if err != nil {
			r.warn(said.share, err.Error())
			continue
		}
		if len(list) == forward.MaxEntities {
			r.warn(said.share, fmt.Sprintf("only its first %d entities are looked at", len(list)))
		}
		for _, e := range list {
			parts = append(parts, forward.Part{Entity: e, Share: said.share})
		}
	}
	return parts
}

// said is what a source answered, in the words of a @context.
type said struct {
	share   *forward.Share
	context *jsonld.Context
	body    []byte
}

// askEach asks sources and returns the answers that are there. A failure becomes a
// warning.
func (r *request) askEach(shares []forward.Share, ask func(*forward.Share, *jsonld.Context) []forward.Call) []said {
	var calls []forward.Call
	var out []said
	for i := range shares {
		x := &shares[i]
		if x.Refused != "" {
			r.warn(x, x.Refused)
			continue
		}
		c := r.context
		if want := x.WantsContext(); want != "" {
			var err error
			if c, err = r.s.useContext(r.Context(), jsontext.AppendString(nil, want)); err != nil {
				r.warn(x, "its @context cannot be had")
				continue
			}
		}
		for _, call := range ask(x, c) {
			calls, out = append(calls, call), append(out, said{share: x, context: c})
		}
	}
	var answered []said
	for i, a := range r.s.client.AskAll(r.Context(), calls) {
		x := out[i].share
		switch {
		case a.Err != nil:
			r.warn(x, a.Err.Error())
		case a.Status == http.StatusNotFound && ofOne(calls[i].Path):
		case a.Status != http.StatusOK:
			r.warn(x, fmt.Sprintf("it answered %d", a.Status))
		default:
			out[i].body = a.Body
			answered = append(answered, out[i])
		}
	}
	return answered
}

// ofOne says whether a path is of one thing, which may not be there; a list always is.
func ofOne(path string) bool {
	return strings.Count(path, "/") > 1 && path != "/entityOperations/query"
}

// retrieveCalls asks for one entity by the operation that the source offers.
func (r *request) retrieveCalls(x *forward.Share, c *jsonld.Context, id string) []forward.Call {
	if x.Ops&forward.RetrieveEntity == 0 {
		return r.queryCalls(x, c)
	}
	q := params{}
	q.add("attrs", strings.Join(r.attrsFor(x, c), ","))
	q.add("options", "sysAttrs")
	return []forward.Call{r.callIn(c, x, http.MethodGet, "/entities/"+url.PathEscape(id), q.text())}
}

// callIn is a call whose names are those of a @context.
func (r *request) callIn(c *jsonld.Context, x *forward.Share, method, path, rawQuery string) forward.Call {
	call := r.call(x, method, path, rawQuery)
	switch {
	case x.WantsContext() != "":
		call.Link = x.WantsContext()
	case r.link == "" && c.Link != "":
		call.Link = r.absolute(c.Link)
	}
	return call
}

// attrsFor lists the attributes to ask a source for, in its words: those it is
// registered for, or else those that are asked for; nil for all.
func (r *request) attrsFor(x *forward.Share, c *jsonld.Context) []string {
	names := x.Names
	if names == nil {
		names = r.askedNames
	}
	if names == nil {
		return nil
	}
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = c.Shown(n)
	}
	return out
}

// queryCalls asks for entities, by POST where the request came so or the source offers
// nothing else. Conditions on values go along only to a source that has the entities
// as a whole; others are asked without, since what is put together may hold where a
// part does not (clause 5.7.2).
func (r *request) queryCalls(x *forward.Share, c *jsonld.Context) []forward.Call {
	own := x.WantsContext() == ""
	selectors := r.selectorsFor(x, c, own)
	conditions := own && x.Names == nil
	if x.Ops&forward.QueryBatch != 0 && (r.Method == http.MethodPost || x.Ops&forward.QueryEntity == 0) {
		call := r.callIn(c, x, http.MethodPost, "/entityOperations/query", "options=sysAttrs&limit="+fmt.Sprint(forward.MaxEntities))
		call.Body, call.ContentType = r.queryBody(selectors, r.attrsFor(x, c), conditions), jsonType
		return []forward.Call{call}
	}
	var calls []forward.Call
	for _, s := range selectors {
		q := params{}
		q.add("type", s.types)
		q.add("id", strings.Join(s.ids, ","))
		q.add("idPattern", s.pattern)
		q.add("attrs", strings.Join(r.attrsFor(x, c), ","))
		if conditions {
			q.add("q", r.asked.q)
			q.add("scopeQ", r.asked.scopeQ)
			for i, name := range []string{"georel", "geometry", "coordinates", "geoproperty"} {
				q.add(name, r.asked.geo[i])
			}
		}
		q.add("options", "sysAttrs")
		q.add("limit", fmt.Sprint(forward.MaxEntities))
		calls = append(calls, r.callIn(c, x, http.MethodGet, "/entities", q.text()))
	}
	return calls
}

// selectorsFor narrows what is asked for to what a source is registered for.
func (r *request) selectorsFor(x *forward.Share, c *jsonld.Context, own bool) []askedSelector {
	list := r.asked.selectors
	if len(list) == 0 {
		list = []askedSelector{{}}
	}
	var out []askedSelector
	for _, s := range list {
		if x.IDs != nil {
			ids := x.IDs
			if s.ids != nil {
				ids = slices.DeleteFunc(slices.Clone(s.ids), func(id string) bool { return !slices.Contains(x.IDs, id) })
			}
			if len(ids) == 0 {
				continue
			}
			s.ids, s.pattern = ids, ""
		}
		switch {
		case s.types == "" || s.types == "*":
			names := make([]string, len(x.Types))
			for i, t := range x.Types {
				names[i] = c.Shown(t)
			}
			s.types = strings.Join(names, ",")
		case !own:
			s.types = renameBetween(s.types, "|,;()", func(n string) string { return c.Shown(r.context.Stored(n)) })
		}
		out = append(out, s)
	}
	return out
}

func (r *request) queryBody(selectors []askedSelector, attrs []string, conditions bool) []byte {
	b := []byte(`{"type":"Query"`)
	text := func(name, value string) {
		if value != "" {
			b = jsontext.AppendString(append(jsontext.AppendString(append(b, ','), name), ':'), value)
		}
	}
	b = append(b, `,"entities":[`...)
	first := true
	for _, s := range selectors {
		ids := s.ids
		if len(ids) == 0 {
			ids = []string{""}
		}
		for _, id := range ids {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(b, `{"type":`...)
			b = jsontext.AppendString(b, s.types)
			text("id", id)
			text("idPattern", s.pattern)
			b = append(b, '}')
		}
	}
	b = append(b, ']')
	if attrs != nil {
		b = jsontext.AppendStrings(append(b, `,"attrs":`...), attrs)
	}
	if conditions {
		text("q", r.asked.q)
		text("scopeQ", r.asked.scopeQ)
		if g := r.asked.geo; g[0] != "" {
			b = append(b, `,"geoQ":{"georel":`...)
			b = jsontext.AppendString(b, g[0])
			text("geometry", g[1])
			b = append(append(b, `,"coordinates":`...), g[2]...)
			text("geoproperty", g[3])
			b = append(b, '}')
		}
	}
	return append(b, '}')
}

// params is a query string in the order in which it was made.
type params []string

// add adds a parameter unless it is empty. Signs that may stand in a query string stay
// as they are (RFC 3986, section 3.4).
func (p *params) add(name, value string) {
	if value != "" {
		escaped := strings.NewReplacer("%3A", ":", "%2C", ",", "%2F", "/").Replace(url.QueryEscape(value))
		*p = append(*p, name+"="+escaped)
	}
}

func (p params) text() string { return strings.Join(p, "&") }

// findAnywhere reads a page of what a filter takes, here and at sources.
func (r *request) findAnywhere(f *query.Filter, p page, order []orderKey, shares []forward.Share) ([]*plane.Entity, bool, int64, error) {
	parts := map[string][]forward.Part{}
	for _, x := range r.gather(shares, r.queryCalls) {
		parts[x.Entity.ID] = append(parts[x.Entity.ID], x)
	}
	window := p
	window.offset, window.limit = 0, min(p.offset+p.limit+1, maxOrdered)
	if order != nil {
		window.limit = maxOrdered + 1
	}
	here, _, total, err := r.find(f, window, nil)
	if err != nil {
		return nil, false, 0, err
	}
	if len(here) > maxOrdered {
		return nil, false, 0, problem.TooComplex("orderBy: the query finds more than %d entities; narrow it", maxOrdered)
	}
	list := slices.DeleteFunc(here, func(e *plane.Entity) bool { return parts[e.ID] != nil })
	known, err := r.entitiesHere(parts)
	if err != nil {
		return nil, false, 0, err
	}
	linked := r.linkedEntity()
	for id, all := range parts {
		if e := known[id]; e != nil {
			if f.Match(e, linked) {
				total--
			}
			all = append([]forward.Part{{Entity: e}}, all...)
		}
		if e := forward.Merge(all); f.Match(e, linked) {
			list = append(list, e)
			total++
		}
	}
	slices.SortFunc(list, func(a, b *plane.Entity) int { return strings.Compare(a.ID, b.ID) })
	if order != nil {
		sortEntities(list, order)
	}
	from, to := min(p.offset, len(list)), min(p.offset+p.limit, len(list))
	return list[from:to], to < len(list), total, nil
}

// entitiesHere reads those entities of which sources have parts.
func (r *request) entitiesHere(parts map[string][]forward.Part) (map[string]*plane.Entity, error) {
	ids := make([]string, 0, len(parts))
	for id := range parts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	out := map[string]*plane.Entity{}
	for chunk := range slices.Chunk(ids, plane.MaxLimit) {
		found, err := r.s.store.Find(r.Context(), plane.Query{Tenant: r.tenant, IDs: chunk, Limit: len(chunk)})
		if city.KindOf(err) == city.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range found.Entities {
			out[e.ID] = e
		}
	}
	return out, nil
}
