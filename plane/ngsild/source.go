package ngsild

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/internal/delivery"
	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/forward"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
	"polity/plane/ngsild/query"
)

// The registry of context sources (clauses 5.9 to 5.11): who else has data, for those
// who ask. Requests are not passed on to them.

var sourceResources = []resource{
	{"csourceRegistrations", map[string]handler{
		http.MethodGet:  {(*request).querySources, whichParams + timeParams + pageParams + "options", false},
		http.MethodPost: {(*request).createSource, "local via", false},
	}},
	{"csourceRegistrations/*", map[string]handler{
		http.MethodGet:    {(*request).retrieveSource, "options local via", false},
		http.MethodPatch:  {(*request).updateSource, "local via", false},
		http.MethodDelete: {(*request).deleteSource, "local via", false},
	}},
	{"csourceSubscriptions", map[string]handler{
		http.MethodGet:  {(*request).listSubscriptions, pageParams + "options local via", false},
		http.MethodPost: {(*request).createSubscription, "local via", false},
	}},
	{"csourceSubscriptions/*", map[string]handler{
		http.MethodGet:    {(*request).retrieveSubscription, "options local via", false},
		http.MethodPatch:  {(*request).updateSubscription, "local via", false},
		http.MethodDelete: {(*request).deleteSubscription, "local via", false},
	}},
}

// source is a registration of a context source (clause 5.2.9), with names expanded.
type source struct {
	*forward.Registration
	id       string
	body     jsontext.Object
	probe    *plane.Entity // its properties, for q and geo-queries
	observed interval
	managed  interval
}

type interval struct{ from, to time.Time } // zero: open

// parseSource checks a registration.
func parseSource(o jsontext.Object, c *jsonld.Context) (*source, error) {
	s := &source{body: o}
	s.id, _ = o.Text("id")
	if !entity.IsURI(s.id) {
		return nil, problem.BadRequest("the id %q of the registration is not a URI", s.id)
	}
	if t, _ := o.Text("type"); t != "ContextSourceRegistration" {
		return nil, problem.BadRequest("the type is %q; it is ContextSourceRegistration", t)
	}
	var err error
	if s.Registration, err = forward.Parse(o, c); err != nil {
		return nil, err
	}
	if v := o.Get("expiresAt"); v != nil {
		if s.Expires, err = entity.Time(v); err != nil {
			return nil, problem.BadRequest("expiresAt: %v", err)
		}
	}
	if s.observed, err = parseInterval(o, "observationInterval"); err != nil {
		return nil, err
	}
	if s.managed, err = parseInterval(o, "managementInterval"); err != nil {
		return nil, err
	}
	s.Past = s.observed != (interval{}) || s.managed != (interval{})
	err = s.makeProbe(c)
	s.Probe = s.probe
	return s, err
}

func parseInterval(o jsontext.Object, name string) (interval, error) {
	v := o.Get(name)
	if v == nil {
		return interval{}, nil
	}
	i, ok := jsontext.Parse(v)
	if !ok {
		return interval{}, problem.BadRequest("%s is not an object with startAt and endAt", name)
	}
	from, err := entity.Time(i.Get("startAt"))
	if err != nil {
		return interval{}, problem.BadRequest("%s.startAt: %v", name, err)
	}
	out := interval{from: from, to: endOfTime}
	if v := i.Get("endAt"); v != nil {
		if out.to, err = entity.Time(v); err != nil {
			return interval{}, problem.BadRequest("%s.endAt: %v", name, err)
		}
	}
	return out, nil
}

// makeProbe makes an entity of the registration's own properties.
func (s *source) makeProbe(c *jsonld.Context) error {
	s.probe = &plane.Entity{Key: plane.Key{ID: s.id}}
	p := &entity.Parser{Context: c}
	for _, m := range s.body {
		switch m.Name {
		case "location", "observationSpace", "operationSpace":
			if entity.CheckGeometry(m.Value) != nil {
				if inner, ok := jsontext.Parse(m.Value); !ok || entity.CheckGeometry(inner.Get("value")) != nil {
					return problem.BadRequest("%s is not a GeoJSON geometry", m.Name)
				}
			}
		case "id", "type", "information", "endpoint", "mode", "operations", "expiresAt", "tenant", "observationInterval", "managementInterval",
			"registrationName", "description", "contextSourceInfo", "scope", "refreshRate", "management", "status", "createdAt", "modifiedAt":
			continue
		}
		list, err := p.Attribute(m.Name, m.Value)
		if err != nil {
			continue // no property in NGSI-LD's sense
		}
		for _, a := range list {
			s.probe.Set(a)
		}
	}
	return nil
}

// sourceQuery is what registrations are asked for by.
type sourceQuery struct {
	ids       []string // of registrations
	selectors []query.Selector
	attrs     []string // as stored
	q         *query.Q
	geo       *query.Geo
	property  string
	relation  string
	from, to  time.Time
}

func (q *sourceQuery) matches(s *source) bool {
	if len(q.ids) > 0 && !slices.Contains(q.ids, s.id) {
		return false
	}
	if q.q != nil && !q.q.Match(s.probe, nil) || q.geo != nil && !q.geo.Match(s.probe) {
		return false
	}
	if q.relation != "" {
		i := s.observed
		if q.property == "createdAt" || q.property == "modifiedAt" {
			i = s.managed
		}
		if i == (interval{}) || !q.to.IsZero() && !i.from.Before(q.to) || !q.from.IsZero() && !i.to.After(q.from) {
			return false
		}
	} else if s.observed != (interval{}) || s.managed != (interval{}) {
		if q.from.IsZero() && q.property == "" {
			return false // it has data of the past only (clause 5.10.2.4)
		}
	}
	return slices.ContainsFunc(s.Information, func(i forward.Information) bool { return q.meets(&i) })
}

func (q *sourceQuery) meets(i *forward.Information) bool {
	if q.attrs != nil && len(i.Names) > 0 && !slices.ContainsFunc(i.Names, func(n string) bool { return slices.Contains(q.attrs, n) }) {
		return false
	}
	if len(q.selectors) == 0 || i.Entities == nil {
		return true
	}
	return slices.ContainsFunc(i.Entities, func(e forward.EntityInfo) bool {
		return slices.ContainsFunc(q.selectors, func(s query.Selector) bool { return e.Selected(&s) })
	})
}

func (r *request) sourceKey(id string) plane.Key {
	return plane.Key{Tenant: r.tenant + sourceTenant, ID: id}
}

// keptSource reads a registration as it is kept.
func (s *Server) keptSource(e *plane.Entity) *source {
	o, _ := jsontext.Parse(documentText(e))
	x, err := parseSource(o, s.cache.Core())
	if err != nil || !x.Expires.IsZero() && !x.Expires.After(s.now()) {
		return nil
	}
	return x
}

// sources lists the registrations of a tenant that have not expired.
func (s *Server) sources(ctx context.Context, tenant string) ([]*source, error) {
	var list []*source
	err := all(ctx, s.store, tenant+sourceTenant, func(e *plane.Entity) {
		if x := s.keptSource(e); x != nil {
			list = append(list, x)
		}
	})
	return list, err
}

// createSource is clause 5.9.2.
func (r *request) createSource() error {
	o, err := r.object(jsonType, ldType)
	if err != nil {
		return err
	}
	if !o.Has("id") {
		o.Set("id", jsontext.AppendString(nil, "urn:ngsi-ld:ContextSourceRegistration:"+newID()))
	}
	x, err := parseSource(expanded(o, r.context), r.s.cache.Core())
	if err != nil {
		return err
	}
	if !x.Expires.IsZero() && !x.Expires.After(r.s.now()) {
		return problem.BadRequest("expiresAt is past")
	}
	if err := r.s.registry.change(r.Context(), r.tenant, x.Registration, func() error {
		return r.s.putOne(r.Context(), plane.Create(document(r.tenant+sourceTenant, x.id, "ContextSourceRegistration", x.body.Append(nil))))
	}); err != nil {
		if city.KindOf(err) == city.Conflict {
			return problem.Exists("the registration %s exists already", x.id)
		}
		return err
	}
	r.created("/csourceRegistrations/" + url.PathEscape(x.id))
	return nil
}

func (r *request) source() (*source, error) {
	id := r.path[1]
	if !entity.IsURI(id) {
		return nil, problem.BadRequest("%q is not the id of a registration: a URI", id)
	}
	e, err := r.s.store.Entity(r.Context(), r.sourceKey(id))
	if city.KindOf(err) == city.NotFound {
		return nil, problem.NotFound("there is no registration %s", id)
	}
	if err != nil {
		return nil, err
	}
	if x := r.s.keptSource(e); x != nil {
		return x, nil
	}
	return nil, problem.NotFound("the registration %s has expired", id)
}

// append writes a registration with the names of a @context.
func (s *source) append(b []byte, c *jsonld.Context, inside []byte) []byte {
	o := rename(s.body, c.Compact)
	if !o.Has("mode") {
		o.Set("mode", json.RawMessage(`"inclusive"`))
	}
	if !o.Has("operations") {
		o.Set("operations", json.RawMessage(`["federationOps"]`))
	}
	if inside != nil {
		o.Set("@context", inside)
	}
	return o.Append(b)
}

// retrieveSource is clause 5.10.1.
func (r *request) retrieveSource() error {
	x, err := r.source()
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, func(b []byte) []byte { return x.append(b, r.context, r.inside()) })
}

// updateSource is clause 5.9.3.
func (r *request) updateSource() error {
	o, err := r.object(jsonType, ldType, mergeType)
	if err != nil {
		return err
	}
	old, err := r.source()
	if err != nil {
		return err
	}
	body, err := patched(old.body, expanded(o, r.context), "id", "type", "information", "endpoint")
	if err != nil {
		return err
	}
	x, err := parseSource(body, r.s.cache.Core())
	if err != nil {
		return err
	}
	if err := r.s.registry.change(r.Context(), r.tenant, x.Registration, func() error {
		return r.s.putOne(r.Context(), plane.Put(document(r.tenant+sourceTenant, x.id, "ContextSourceRegistration", x.body.Append(nil))))
	}); err != nil {
		return err
	}
	return r.done()
}

// deleteSource is clause 5.9.4.
func (r *request) deleteSource() error {
	x, err := r.source()
	if err != nil {
		return err
	}
	if err := r.s.registry.change(r.Context(), r.tenant, nil, func() error {
		return r.s.putOne(r.Context(), plane.Remove(r.sourceKey(x.id)))
	}); err != nil {
		return err
	}
	return r.done()
}

// querySources is clause 5.10.2.
func (r *request) querySources() error {
	c, err := r.conditions()
	if err != nil {
		return err
	}
	if c.attrs != nil && r.query.Get("attrs") == "" {
		c.attrs = nil
	}
	q := &sourceQuery{ids: c.ids}
	for _, id := range c.ids {
		if !entity.IsURI(id) {
			return problem.BadRequest("id: %q is not a URI", id)
		}
	}
	f, narrows, err := r.filter(conditions{types: c.types, idPattern: c.idPattern, q: c.q, georel: c.georel, geometry: c.geometry, coordinates: c.coordinates, geography: c.geography, attrs: c.attrs})
	if err != nil {
		return err
	}
	if !narrows && c.ids == nil {
		return problem.BadRequest("the query is too wide: give at least one of type, attrs, q, georel, id")
	}
	q.selectors, q.q, q.geo = f.Selectors, f.Q, f.Geo
	if c.attrs != nil {
		q.attrs = r.context.StoredAll(c.attrs)
	}
	t := &temporalQuery{}
	if err := t.times(r); err != nil {
		return err
	}
	q.relation, q.from, q.to, q.property = t.relation, t.from, t.to, r.query.Get("timeproperty")
	p, err := r.page()
	if err != nil {
		return err
	}
	list, err := r.s.sources(r.Context(), r.tenant)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(s *source) bool { return !q.matches(s) })
	if p.count {
		r.counted(int64(len(list)))
	}
	from, to := min(p.offset, len(list)), min(p.offset+p.limit, len(list))
	return r.answerPage(p, to < len(list), func(b []byte) []byte {
		return appendSources(b, list[from:to], r.context, r.inside())
	})
}

func appendSources(b []byte, list []*source, c *jsonld.Context, inside []byte) []byte {
	b = append(b, '[')
	for i, x := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = x.append(b, c, inside)
	}
	return append(b, ']')
}

// relevant is a registration with the information that a query asks for; all of it
// where that is none.
func (s *source) relevant(q *sourceQuery) *source {
	items, _ := jsontext.List(s.body.Get("information"))
	kept := []byte{'['}
	for i, item := range items {
		if q.meets(&s.Information[i]) {
			if len(kept) > 1 {
				kept = append(kept, ',')
			}
			kept = append(kept, item...)
		}
	}
	if len(kept) == 1 {
		return s
	}
	c := *s
	c.body = slices.Clone(s.body)
	c.body.Set("information", append(kept, ']'))
	return &c
}

// sourceSubscriptionTenant ends the names of tenants whose subscriptions are about
// registrations.
const sourceSubscriptionTenant = "/csource"

// registry is the tenant under which a request's subscriptions are kept.
func (r *request) registry() string {
	if r.path[0] == "csourceSubscriptions" {
		return r.tenant + sourceSubscriptionTenant
	}
	return r.tenant
}

func (x *subscription) aboutSources() bool {
	return strings.HasSuffix(x.tenant, sourceSubscriptionTenant)
}

func (x *subscription) realTenant() string {
	return strings.TrimSuffix(x.tenant, sourceSubscriptionTenant)
}

// sourceQuery is what a subscription asks registrations for.
func (x *subscription) sourceQuery() *sourceQuery {
	q := &sourceQuery{selectors: x.filter.Selectors, attrs: x.watched, geo: x.filter.Geo}
	if t, ok := jsontext.Parse(x.body.Get("temporalQ")); ok {
		q.relation, _ = t.Text("timerel")
		q.property, _ = t.Text("timeproperty")
		at, _ := entity.Time(t.Get("timeAt"))
		end, _ := entity.Time(t.Get("endTimeAt"))
		switch q.relation {
		case "before":
			q.to = at
		case "after":
			q.from = at
		case "between":
			q.from, q.to = at, end
		}
	}
	return q
}

// sourceChanged makes what subscriptions about registrations are to know (clause
// 5.11.7).
func (subs *subscriptions) sourceChanged(list []*subscription, old, now *source) (out []delivery.Note) {
	for _, x := range list {
		if x.status(subs.s.now()) != "active" {
			continue
		}
		q := x.sourceQuery()
		before, after := old != nil && q.matches(old), now != nil && q.matches(now)
		switch {
		case after && !before:
			out = append(out, subs.sourcesNote(x, []*source{now}, "newlyMatching"))
		case after:
			out = append(out, subs.sourcesNote(x, []*source{now}, "updated"))
		case before && now != nil:
			out = append(out, subs.sourcesNote(x, []*source{now}, "noLongerMatching"))
		case before:
			out = append(out, subs.sourcesNote(x, []*source{old}, "noLongerMatching"))
		}
	}
	return out
}

// sendMatching sends all registrations that a subscription is about.
func (subs *subscriptions) sendMatching(ctx context.Context, x *subscription) error {
	list, err := subs.s.sources(ctx, x.realTenant())
	if err != nil {
		return err
	}
	q := x.sourceQuery()
	list = slices.DeleteFunc(list, func(s *source) bool { return !q.matches(s) })
	if len(list) == 0 {
		return nil
	}
	return subs.queue.Put(ctx, nil, []delivery.Note{subs.sourcesNote(x, list, "newlyMatching")})
}

func (subs *subscriptions) sourcesNote(x *subscription, list []*source, reason string) delivery.Note {
	var inside []byte
	if x.endpoint.accept == ldType {
		inside = x.context.Source
	}
	now := subs.s.now().UTC().Truncate(time.Millisecond)
	q := x.sourceQuery()
	relevant := make([]*source, len(list))
	for i, s := range list {
		relevant[i] = s.relevant(q)
	}
	b := x.notification(appendSources(nil, relevant, x.context, inside), now)
	b = append(b[:len(b)-1], `,"triggerReason":"`...)
	return delivery.Note{To: delivery.Receiver{Tenant: x.tenant, ID: x.id}, Body: append(append(b, reason...), '"', '}')}
}
