package ngsild

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
)

// The temporal evolution of an entity is kept as entities of two tenants: its head,
// with types and scopes, and one for each instance of an attribute, whose id begins
// with the head's and then orders by attribute and time. So any instance can be
// changed or removed alone, which the plane's observations do not allow.

const instanceTenant = "/instances"

// maxTemporalID leaves room for what instances add to the id.
const maxTemporalID = 800

// maxInstances bounds the instances of one request.
const maxInstances = 10_000

const instancePrefix = "urn:ngsi-ld:Instance:"

var temporalResources = []resource{
	{"temporal/entities", map[string]handler{
		http.MethodGet:  {(*request).queryTemporal, whichParams + timeParams + formParams + "pick omit lang datasetId orderBy containedBy " + pageParams, false},
		http.MethodPost: {(*request).createTemporal, "local via", false},
	}},
	{"temporal/entities/*", map[string]handler{
		http.MethodGet:    {(*request).retrieveTemporal, timeParams + formParams + "attrs pick omit lang datasetId local via", false},
		http.MethodDelete: {(*request).deleteTemporal, "local via", false},
	}},
	{"temporal/entities/*/attrs", only(http.MethodPost, handler{(*request).appendTemporal, "local via", false})},
	{"temporal/entities/*/attrs/*", only(http.MethodDelete, handler{(*request).deleteTemporalAttribute, "datasetId deleteAll local via", false})},
	{"temporal/entities/*/attrs//*", only(http.MethodDelete, handler{(*request).noAttribute, "", false})},
	{"temporal/entities/*/attrs/*/*", map[string]handler{
		http.MethodPatch:  {(*request).updateInstance, "local via", false},
		http.MethodDelete: {(*request).deleteInstance, "local via", false},
	}},
	{"temporal/entityOperations/query", only(http.MethodPost, handler{(*request).queryTemporalByPost, timeParams + formParams + pageParams + "local via", false})},
}

func seriesKey(id, attribute, dataset string) string {
	sum := sha256.Sum256([]byte(attribute + "\x00" + dataset))
	return id + "#" + hex.EncodeToString(sum[:8]) + "#"
}

// instanceKey names an instance; those of a series are in the order of their times.
// An observed one is named by its time, so that stored twice it is stored once.
func instanceKey(tenant, id string, a *plane.Attribute, at time.Time, instance string) plane.Key {
	series := seriesKey(id, a.Name, a.Dataset)
	if instance == "" {
		instance = hashID(series + strconv.FormatInt(at.UnixMicro(), 10))
	}
	return plane.Key{Tenant: tenant + instanceTenant, ID: fmt.Sprintf("%s%016x#%s", series, uint64(at.UnixMicro())+1<<62, instance)}
}

// temporalFragment is a body about a temporal evolution.
type temporalFragment struct {
	id     string
	types  []string
	scopes []string
	list   []plane.Attribute // instances; several of the same attribute
}

func (r *request) temporalBody() (*temporalFragment, error) {
	o, err := r.object(jsonType, ldType)
	if err != nil {
		return nil, err
	}
	var plain, attributes jsontext.Object
	for _, m := range o {
		switch m.Name {
		case "id", "type", "scope", "@id", "@type":
			plain = append(plain, m)
		case "@context", "createdAt", "modifiedAt", "deletedAt":
		default:
			attributes = append(attributes, m)
		}
	}
	p := &entity.Parser{Context: r.context}
	if v := plain.Get("scope"); v != nil {
		if items, ok := jsontext.List(v); ok && len(items) > 0 && jsontext.Kind(items[0]) == '{' {
			plain.Set("scope", items[len(items)-1]) // the last one counts
		}
	}
	f, err := p.Fragment(plain)
	if err != nil {
		return nil, err
	}
	out := &temporalFragment{id: f.ID, types: f.Types, scopes: f.Scopes}
	for _, m := range attributes {
		items, ok := jsontext.List(m.Value)
		if !ok {
			items = append(items, m.Value)
		}
		for _, item := range items {
			list, err := p.Attribute(m.Name, item)
			if err != nil {
				return nil, err
			}
			out.list = append(out.list, list...)
		}
		if len(out.list) > maxInstances {
			return nil, problem.TooMany("the body has more than %d instances", maxInstances)
		}
	}
	return out, nil
}

// instances makes the changes that store instances.
func (r *request) instances(id string, list []plane.Attribute) []plane.Change {
	now := r.s.now()
	var out []plane.Change
	for i := range list {
		a := list[i]
		at, instance := a.ObservedAt, ""
		if at.IsZero() {
			at, instance = now, newID()
		}
		key := instanceKey(r.tenant, id, &a, at, instance)
		out = append(out, plane.Put(&plane.Entity{Key: key, Types: []string{"Instance"}, Attributes: []plane.Attribute{a}}))
	}
	return out
}

func (r *request) headKey(id string) plane.Key {
	return plane.Key{Tenant: r.tenant + temporalTenant, ID: id}
}

// createTemporal is clause 5.6.11.
func (r *request) createTemporal() error {
	f, err := r.temporalBody()
	if err != nil {
		return err
	}
	switch {
	case f.id == "":
		return problem.BadRequest("the entity has no id; give a URI such as urn:ngsi-ld:Building:42")
	case len(f.types) == 0:
		return problem.BadRequest("the entity %s has no type", f.id)
	case len(f.id) > maxTemporalID:
		return problem.BadRequest("the id has more than %d bytes", maxTemporalID)
	}
	existed := false
	head := plane.Change{Key: r.headKey(f.id), Edit: func(old *plane.Entity) (*plane.Entity, error) {
		existed = old != nil
		if old == nil {
			return &plane.Entity{Key: r.headKey(f.id), Types: f.types, Scopes: f.scopes}, nil
		}
		entity.Append(old, &entity.Fragment{Types: f.types, Scopes: f.scopes}, false)
		return old, nil
	}}
	result, err := r.s.store.Write(r.Context(), &plane.Batch{Changes: append([]plane.Change{head}, r.instances(f.id, f.list)...)})
	if err != nil {
		return err
	}
	if err := result.Err(); err != nil {
		return err
	}
	if existed {
		return r.done()
	}
	r.created("/temporal/entities/" + url.PathEscape(f.id))
	return nil
}

// head reads the head of the evolution that the path names.
func (r *request) head() (*plane.Entity, error) {
	id, err := r.id(2)
	if err != nil {
		return nil, err
	}
	e, err := r.s.store.Entity(r.Context(), r.headKey(id))
	if city.KindOf(err) == city.NotFound {
		return nil, problem.NotFound("there is no temporal evolution of an entity %s", id)
	}
	return e, err
}

// pastOf reads the head of an evolution, and the entity as it is now; one of them may
// be nil.
func (r *request) pastOf(id string) (head, now *plane.Entity, err error) {
	head, err = r.s.store.Entity(r.Context(), r.headKey(id))
	if err != nil && city.KindOf(err) != city.NotFound {
		return nil, nil, err
	}
	now, err = r.s.store.Entity(r.Context(), plane.Key{Tenant: r.tenant, ID: id})
	if err != nil && city.KindOf(err) != city.NotFound {
		return nil, nil, err
	}
	return head, now, nil
}

// eachInstance calls f with the instances of an evolution whose ids are in a range.
func (r *request) eachInstance(prefix string, f func(*plane.Entity) error) error {
	q := plane.Query{Tenant: r.tenant + instanceTenant, From: prefix, To: prefix[:len(prefix)-1] + "$", Limit: plane.MaxLimit}
	for {
		page, err := r.s.store.Find(r.Context(), q)
		if err != nil {
			return err
		}
		for _, e := range page.Entities {
			q.After = e.ID
			if err := f(e); err != nil {
				return err
			}
		}
		if !page.More {
			return nil
		}
	}
}

// removeAll removes what is in a list, in commits of bounded size.
func (r *request) removeAll(keys []plane.Key, also ...plane.Change) error {
	for len(keys) > 0 || len(also) > 0 {
		b := &plane.Batch{Changes: also}
		also = nil
		n := min(len(keys), 1000)
		for _, k := range keys[:n] {
			b.Changes = append(b.Changes, plane.Change{Key: k, Edit: func(*plane.Entity) (*plane.Entity, error) { return nil, nil }})
		}
		keys = keys[n:]
		result, err := r.s.store.Write(r.Context(), b)
		if err != nil {
			return err
		}
		if err := result.Err(); err != nil {
			return err
		}
	}
	return nil
}

// deleteTemporal is clause 5.6.16.
func (r *request) deleteTemporal() error {
	id, err := r.id(2)
	if err != nil {
		return err
	}
	if strings.HasPrefix(id, own) {
		return problem.NotSupported("the history of %s is kept by Polity itself and cannot be removed here", id)
	}
	head, now, err := r.pastOf(id)
	if err != nil {
		return err
	}
	forgotten, err := r.s.store.Forget(r.Context(), plane.Key{Tenant: r.tenant, ID: id}, endOfTime)
	if err != nil {
		return err
	}
	if head == nil && now == nil && forgotten == 0 {
		return problem.NotFound("there is no temporal evolution of an entity %s", id)
	}
	var keys []plane.Key
	if err := r.eachInstance(id+"#", func(e *plane.Entity) error { keys = append(keys, e.Key); return nil }); err != nil {
		return err
	}
	if err := r.removeAll(keys, plane.Change{Key: r.headKey(id), Edit: func(*plane.Entity) (*plane.Entity, error) { return nil, nil }}); err != nil {
		return err
	}
	return r.done()
}

var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// noteGone notes in a history that is kept that an attribute, or the scope, was
// removed. It says whether there is such a history of it.
func (r *request) noteGone(id, stored, dataset string) (bool, error) {
	head, err := r.s.store.Entity(r.Context(), r.headKey(id))
	if city.KindOf(err) == city.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	now := r.s.now().UTC().Truncate(time.Millisecond)
	if stored == scopeName {
		if len(head.Scopes) == 0 {
			return false, nil
		}
		gone := entity.Gone(&plane.Attribute{Name: stored, Kind: plane.Property}, now, true)
		gone.Value = []byte("[]")
		result, err := r.s.store.Write(r.Context(), &plane.Batch{Changes: append(r.instances(id, []plane.Attribute{gone}), plane.Update(head.Key, func(e *plane.Entity) error { e.Scopes = nil; return nil }))})
		if err != nil {
			return false, err
		}
		return true, result.Err()
	}
	var last *plane.Attribute
	if err := r.eachInstance(seriesKey(id, stored, dataset), func(e *plane.Entity) error { last = &e.Attributes[0]; return nil }); err != nil || last == nil {
		return false, err
	}
	result, err := r.s.store.Write(r.Context(), &plane.Batch{Changes: r.instances(id, []plane.Attribute{entity.Gone(last, now, false)})})
	if err != nil {
		return false, err
	}
	return true, result.Err()
}

const scopeName = jsonld.NGSILD + "scope"

// appendTemporal is clause 5.6.12.
func (r *request) appendTemporal() error {
	if _, err := r.id(2); err != nil {
		return err
	}
	f, err := r.temporalBody()
	if err != nil {
		return err
	}
	if len(f.list) == 0 && f.scopes == nil && f.types == nil {
		return problem.BadRequest("the body has no attribute")
	}
	head, err := r.head()
	if err != nil {
		return err
	}
	changes := r.instances(head.ID, f.list)
	if f.scopes != nil || f.types != nil {
		changes = append(changes, plane.Update(head.Key, func(e *plane.Entity) error {
			entity.Append(e, &entity.Fragment{Types: f.types, Scopes: f.scopes}, false)
			return nil
		}))
	}
	result, err := r.s.store.Write(r.Context(), &plane.Batch{Changes: changes})
	if err != nil {
		return err
	}
	if err := result.Err(); err != nil {
		return err
	}
	return r.done()
}

// temporalAttribute reads the attribute's name from the path.
func (r *request) temporalAttribute() (shown, stored string, err error) {
	if _, err := r.id(2); err != nil {
		return "", "", err
	}
	shown = r.path[4]
	if !validName(shown) {
		return "", "", problem.BadRequest("%q is not the name of an attribute", shown)
	}
	return shown, r.context.Stored(shown), nil
}

// deleteTemporalAttribute is clause 5.6.13.
func (r *request) deleteTemporalAttribute() error {
	shown, stored, err := r.temporalAttribute()
	if err != nil {
		return err
	}
	deleteAll, err := r.flag("deleteAll")
	if err != nil {
		return err
	}
	dataset := r.query.Get("datasetId")
	head, err := r.head()
	if err != nil {
		return err
	}
	prefix := head.ID + "#"
	if !deleteAll {
		prefix = seriesKey(head.ID, stored, dataset)
	}
	var keys []plane.Key
	if err := r.eachInstance(prefix, func(e *plane.Entity) error {
		if e.Attributes[0].Name == stored {
			keys = append(keys, e.Key)
		}
		return nil
	}); err != nil {
		return err
	}
	if len(keys) == 0 {
		return problem.NotFound("the entity %s has no instance of the attribute %s with the datasetId %q", head.ID, shown, dataset)
	}
	if err := r.removeAll(keys); err != nil {
		return err
	}
	return r.done()
}

// noAttribute answers where the attribute's name is missing.
func (r *request) noAttribute() error {
	return problem.BadRequest("the name of the attribute is missing in the path")
}

// instance finds the instance that the path names.
func (r *request) instance() (*plane.Entity, error) {
	shown, stored, err := r.temporalAttribute()
	if err != nil {
		return nil, err
	}
	if !entity.IsURI(r.path[5]) {
		return nil, problem.BadRequest("%q is not the id of an instance: a URI", r.path[5])
	}
	head, err := r.head()
	if err != nil {
		return nil, err
	}
	suffix := "#" + strings.TrimPrefix(r.path[5], instancePrefix)
	var found *plane.Entity
	if err := r.eachInstance(head.ID+"#", func(e *plane.Entity) error {
		if strings.HasSuffix(e.ID, suffix) && e.Attributes[0].Name == stored {
			found = e
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if found == nil {
		return nil, problem.NotFound("the entity %s has no instance %s of the attribute %s", head.ID, r.path[5], shown)
	}
	return found, nil
}

// updateInstance is clause 5.6.14.
func (r *request) updateInstance() error {
	if _, _, err := r.temporalAttribute(); err != nil {
		return err
	}
	o, err := r.object(jsonType, ldType, mergeType)
	if err != nil {
		return err
	}
	e, err := r.instance()
	if err != nil {
		return err
	}
	body := jsontext.Object(nil)
	for _, m := range o {
		if m.Name != "@context" {
			body = append(body, m)
		}
	}
	if len(body) == 1 {
		if inner := body[0]; r.context.Stored(inner.Name) == e.Attributes[0].Name { // wrapped in its name
			if items, ok := jsontext.List(inner.Value); ok && len(items) == 1 {
				inner.Value = items[0]
			}
			if sub, ok := jsontext.Parse(inner.Value); ok {
				body = sub
			}
		}
	}
	p := &entity.Parser{Context: r.context}
	id := e.ID[strings.LastIndexByte(e.ID, '#')+1:]
	var changed *plane.Entity
	edit := func(old *plane.Entity) (*plane.Entity, error) {
		a := &old.Attributes[0]
		if a.Dataset != "" && !body.Has("datasetId") {
			body.Set("datasetId", jsontext.AppendString(nil, a.Dataset))
		}
		return old, entity.PartialUpdate(old, p, r.path[4], a.Name, body)
	}
	if changed, err = edit(e.Clone()); err != nil {
		return err
	}
	a := &changed.Attributes[0]
	at := a.ObservedAt
	if at.IsZero() {
		at = e.Created
	}
	changed.Key = instanceKey(r.tenant, r.path[2], a, at, id)
	changes := []plane.Change{plane.Put(changed)}
	if changed.Key != e.Key {
		changes = append(changes, plane.Remove(e.Key))
	}
	result, err := r.s.store.Write(r.Context(), &plane.Batch{Changes: changes})
	if err != nil {
		return err
	}
	if err := result.Err(); err != nil {
		return err
	}
	return r.done()
}

// deleteInstance is clause 5.6.15.
func (r *request) deleteInstance() error {
	e, err := r.instance()
	if err != nil {
		return err
	}
	if err := r.removeAll([]plane.Key{e.Key}); err != nil {
		return err
	}
	return r.done()
}
