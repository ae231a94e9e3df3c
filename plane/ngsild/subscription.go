package ngsild

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
	"polity/plane/ngsild/query"
)

// Triggers of notifications (clause 5.2.12).
const (
	entityCreated    = "entityCreated"
	entityUpdated    = "entityUpdated"
	entityDeleted    = "entityDeleted"
	attributeCreated = "attributeCreated"
	attributeUpdated = "attributeUpdated"
	attributeDeleted = "attributeDeleted"
)

var defaultTriggers = []string{attributeCreated, attributeUpdated}

// subscription is one subscription, ready to be matched. It never changes.
type subscription struct {
	tenant, id string
	body       jsontext.Object // as given, names expanded, without @context
	context    *jsonld.Context // with which notifications are written
	implicit   string          // path of a @context that was kept for it; empty for none

	triggers []string
	watched  []string // attributes, as stored; nil for all
	filter   query.Filter
	interval time.Duration // 0: on changes
	throttle time.Duration
	expires  time.Time // zero: never
	paused   bool

	view     entity.View
	flat     bool
	changes  bool // showChanges
	endpoint endpoint
}

// endpoint is where notifications go.
type endpoint struct {
	uri     string
	accept  string
	headers []header          // receiverInfo
	info    map[string]string // notifierInfo
	timeout time.Duration
	// cooldown is how long it is left alone after a failure, at least.
	cooldown time.Duration
}

type header struct{ key, value string }

func (x *subscription) status(now time.Time) string {
	switch {
	case !x.expires.IsZero() && !x.expires.After(now):
		return "expired"
	case x.paused:
		return "paused"
	}
	return "active"
}

// number reads a member that is a number above zero; 0 if it is not there.
func number(o jsontext.Object, name string) (float64, error) {
	v := o.Get(name)
	if v == nil {
		return 0, nil
	}
	var n float64
	if json.Unmarshal(v, &n) != nil || !(n > 0) || n > 1e9 {
		return 0, problem.BadRequest("%s is %s; it is a number above 0", name, v)
	}
	return n, nil
}

func boolean(o jsontext.Object, name string) (is, has bool, err error) {
	switch string(o.Get(name)) {
	case "":
		return false, false, nil
	case "true":
		return true, true, nil
	case "false":
		return false, true, nil
	}
	return false, false, problem.BadRequest("%s is %s; it is true or false", name, o.Get(name))
}

func names(o jsontext.Object, name string) ([]string, error) {
	v := o.Get(name)
	if v == nil {
		return nil, nil
	}
	list, ok := jsontext.Strings(v)
	if !ok || len(list) == 0 {
		return nil, problem.BadRequest("%s is not a list of names, or an empty one", name)
	}
	return list, nil
}

// parseSubscription checks a subscription whose names are expanded (clause 5.2.12).
func (s *Server) parseSubscription(ctx context.Context, tenant string, o jsontext.Object, kind string, c *jsonld.Context) (*subscription, error) {
	x := &subscription{tenant: tenant, body: o, context: c}
	x.id, _ = o.Text("id")
	if !entity.IsURI(x.id) {
		return nil, problem.BadRequest("the id %q of the subscription is not a URI", x.id)
	}
	if t, _ := o.Text("type"); t != kind {
		return nil, problem.BadRequest("the type is %q; it is %s", t, kind)
	}
	for _, m := range o {
		if jsontext.Kind(m.Value) == 'n' {
			return nil, problem.BadRequest("the member %s is null", m.Name)
		}
	}
	r := &request{s: s, tenant: tenant, context: c, query: url.Values{}}
	var err error
	if x.filter.Selectors, err = r.selectors(o.Get("entities")); err != nil {
		return nil, err
	}
	if x.watched, err = names(o, "watchedAttributes"); err != nil {
		return nil, err
	}
	x.watched = c.StoredAll(x.watched)
	if len(x.watched) == 0 {
		x.watched = nil
	}
	if len(x.filter.Selectors) == 0 && x.watched == nil && o.Get("localOnly") == nil {
		return nil, problem.BadRequest("the subscription has neither entities nor watchedAttributes")
	}
	if err := x.parseConditions(r, o); err != nil {
		return nil, err
	}
	if err := x.parseTimes(o); err != nil {
		return nil, err
	}
	if x.triggers, err = names(o, "notificationTrigger"); err != nil {
		return nil, err
	}
	for _, t := range x.triggers {
		switch t {
		case entityCreated, entityUpdated, entityDeleted, attributeCreated, attributeUpdated, attributeDeleted:
		default:
			return nil, problem.BadRequest("notificationTrigger: %q is no trigger", t)
		}
	}
	if x.triggers == nil {
		x.triggers = defaultTriggers
	}
	if address, ok := o.Text("jsonldContext"); ok {
		if !entity.IsURI(address) {
			return nil, problem.BadRequest("jsonldContext %q is not a URI", address)
		}
		if x.context, err = s.cache.At(ctx, address); err != nil {
			return nil, err
		}
	}
	return x, x.parseNotification(c, o)
}

func (x *subscription) parseConditions(r *request, o jsontext.Object) (err error) {
	if q, ok := o.Text("q"); ok {
		if x.filter.Q, err = query.ParseQ(r.context, q); err != nil {
			return err
		}
	}
	if q, ok := o.Text("scopeQ"); ok {
		if x.filter.Scopes, err = query.ParseScopes(q); err != nil {
			return err
		}
	}
	if v := o.Get("geoQ"); v != nil {
		g, ok := jsontext.Parse(v)
		if !ok {
			return problem.BadRequest("geoQ is not an object")
		}
		georel, _ := g.Text("georel")
		geometry, _ := g.Text("geometry")
		property, _ := g.Text("geoproperty")
		if x.filter.Geo, err = query.ParseGeo(r.context, georel, geometry, coordinatesText(g.Get("coordinates")), property); err != nil {
			return err
		}
	}
	return nil
}

func (x *subscription) parseTimes(o jsontext.Object) error {
	interval, err := number(o, "timeInterval")
	if err != nil {
		return err
	}
	throttle, err := number(o, "throttling")
	if err != nil {
		return err
	}
	if interval > 0 && (throttle > 0 || o.Has("watchedAttributes")) {
		return problem.BadRequest("timeInterval excludes throttling and watchedAttributes")
	}
	x.interval, x.throttle = time.Duration(interval*float64(time.Second)), time.Duration(throttle*float64(time.Second))
	if v := o.Get("expiresAt"); v != nil {
		if x.expires, err = entity.Time(v); err != nil {
			return problem.BadRequest("expiresAt: %v", err)
		}
	}
	active, has, err := boolean(o, "isActive")
	x.paused = has && !active
	return err
}

// parseNotification reads NotificationParams (clause 5.2.14).
func (x *subscription) parseNotification(c *jsonld.Context, o jsontext.Object) error {
	n, ok := jsontext.Parse(o.Get("notification"))
	if !ok {
		return problem.BadRequest("the subscription has no member notification that is an object")
	}
	x.view = entity.View{Context: x.context}
	switch format, _ := n.Text("format"); format {
	case "", "normalized":
	case "keyValues", "simplified":
		x.view.Form = entity.Simplified
	case "concise":
		x.view.Form = entity.Concise
	default:
		return problem.BadRequest("notification.format is %q; it is normalized, concise, simplified or keyValues", format)
	}
	var err error
	if x.view.System, _, err = boolean(n, "sysAttrs"); err != nil {
		return err
	}
	if x.changes, _, err = boolean(n, "showChanges"); err != nil {
		return err
	}
	if x.changes && x.view.Form == entity.Simplified {
		return problem.BadRequest("showChanges needs a format that is normalized or concise")
	}
	if err := x.parseMembers(c, n); err != nil {
		return err
	}
	if v := o.Get("datasetId"); v != nil {
		if x.view.Datasets, ok = jsontext.Strings(v); !ok {
			return problem.BadRequest("datasetId is not a list of URIs")
		}
	}
	x.view.Language, _ = o.Text("lang")
	join, _ := n.Text("join")
	level, err := number(n, "joinLevel")
	if err != nil {
		return err
	}
	switch join {
	case "", "@none":
	case "inline", "flat":
		x.flat = join == "flat"
		x.view.Levels = max(1, min(int(level), maxLevels))
	default:
		return problem.BadRequest("notification.join is %q; it is inline, flat or @none", join)
	}
	e, ok := jsontext.Parse(n.Get("endpoint"))
	if !ok {
		return problem.BadRequest("notification has no member endpoint that is an object")
	}
	return x.parseEndpoint(e)
}

func (x *subscription) parseMembers(c *jsonld.Context, n jsontext.Object) error {
	attributes, err := names(n, "attributes")
	if err != nil {
		return err
	}
	pick, err := names(n, "pick")
	if err != nil {
		return err
	}
	omit, err := names(n, "omit")
	if err != nil {
		return err
	}
	if attributes != nil && (pick != nil || omit != nil) {
		return problem.BadRequest("notification.attributes cannot stand beside pick or omit")
	}
	if attributes != nil {
		x.view.Pick = entity.Attributes(c, attributes)
	}
	if pick != nil {
		if x.view.Pick, err = entity.ParseMembers(c, strings.Join(pick, ",")); err != nil {
			return err
		}
	}
	if omit != nil {
		if x.view.Omit, err = entity.ParseMembers(c, strings.Join(omit, ",")); err != nil {
			return err
		}
	}
	if x.view.Pick.Overlaps(x.view.Omit) {
		return problem.BadRequest("a member stands in pick and in omit")
	}
	return nil
}

// parseEndpoint reads an Endpoint (clause 5.2.15).
func (x *subscription) parseEndpoint(e jsontext.Object) error {
	x.endpoint.uri, _ = e.Text("uri")
	u, err := url.Parse(x.endpoint.uri)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "mqtt", "mqtts"}, u.Scheme) {
		return problem.BadRequest("the endpoint's uri %q is not an address http://, https://, mqtt:// or mqtts://", x.endpoint.uri)
	}
	switch x.endpoint.accept, _ = e.Text("accept"); x.endpoint.accept {
	case "":
		x.endpoint.accept = jsonType
	case jsonType, ldType, geoType:
	default:
		return problem.BadRequest("the endpoint's accept is %q; it is application/json, application/ld+json or application/geo+json", x.endpoint.accept)
	}
	timeout, err := number(e, "timeout")
	if err != nil {
		return err
	}
	cooldown, err := number(e, "cooldown")
	if err != nil {
		return err
	}
	x.endpoint.cooldown = time.Duration(cooldown) * time.Millisecond
	x.endpoint.timeout = min(max(time.Duration(timeout)*time.Millisecond, 0), 30*time.Second)
	if x.endpoint.headers, err = pairs(e, "receiverInfo"); err != nil {
		return err
	}
	info, err := pairs(e, "notifierInfo")
	if err != nil {
		return err
	}
	x.endpoint.info = map[string]string{}
	for _, p := range info {
		x.endpoint.info[p.key] = p.value
	}
	return nil
}

// pairs reads a list of KeyValuePairs (clause 5.2.22).
func pairs(e jsontext.Object, name string) ([]header, error) {
	v := e.Get(name)
	if v == nil {
		return nil, nil
	}
	items, ok := jsontext.List(v)
	if !ok || len(items) > 100 {
		return nil, problem.BadRequest("the endpoint's %s is not a list of at most 100 objects with key and value", name)
	}
	var out []header
	for _, item := range items {
		o, _ := jsontext.Parse(item)
		key, hasKey := o.Text("key")
		value, hasValue := o.Text("value")
		if !hasKey || !hasValue || key == "" || strings.ContainsAny(key+value, "\r\n\x00") || strings.ContainsAny(key, " :") {
			return nil, problem.BadRequest("the endpoint's %s has an item without key and value, or with characters that headers cannot have", name)
		}
		out = append(out, header{key, value})
	}
	return out, nil
}

// matches says whether an entity is one that the subscription is about.
func (x *subscription) matches(e *plane.Entity, linked query.Linked) bool {
	return x.filter.Match(e, linked)
}
