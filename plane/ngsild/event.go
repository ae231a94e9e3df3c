package ngsild

import (
	"bytes"
	"context"
	"slices"
	"time"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/query"
)

// event is what a change did to an entity.
type event struct {
	old, now *plane.Entity // stamped; nil where there is none
	at       time.Time
	created  []*plane.Attribute
	updated  []*plane.Attribute
	deleted  []*plane.Attribute
}

// newEvent compares before and after.
func newEvent(e *plane.Event) *event {
	ev := &event{old: e.Before, now: e.After, at: e.At}
	if ev.now != nil {
		for i := range ev.now.Attributes {
			a := &ev.now.Attributes[i]
			switch old := instanceOf(ev.old, a); {
			case old == nil:
				ev.created = append(ev.created, a)
			case changed(old, a):
				ev.updated = append(ev.updated, a)
			}
		}
	}
	if ev.old != nil {
		for i := range ev.old.Attributes {
			if a := &ev.old.Attributes[i]; instanceOf(ev.now, a) == nil {
				ev.deleted = append(ev.deleted, a)
			}
		}
	}
	return ev
}

// changed says whether the store stamped an attribute again. Two changes of one
// millisecond have the same stamp, and then the contents tell.
func changed(old, now *plane.Attribute) bool {
	return !now.Modified.Equal(old.Modified) || !bytes.Equal(now.Value, old.Value) || !now.ObservedAt.Equal(old.ObservedAt) || now.Unit != old.Unit
}

func instanceOf(e *plane.Entity, a *plane.Attribute) *plane.Attribute {
	if e == nil {
		return nil
	}
	for i := range e.Attributes {
		if x := &e.Attributes[i]; x.Name == a.Name && x.Dataset == a.Dataset {
			return x
		}
	}
	return nil
}

// meets says whether a subscription wants to know of it (clause 5.8.6).
func (ev *event) meets(x *subscription, linked query.Linked) bool {
	any := func(list []*plane.Attribute) bool {
		return slices.ContainsFunc(list, func(a *plane.Attribute) bool { return x.watched == nil || slices.Contains(x.watched, a.Name) })
	}
	touched := x.watched == nil || any(ev.created) || any(ev.updated) || any(ev.deleted)
	wanted := false
	for _, t := range x.triggers {
		switch t {
		case entityCreated:
			wanted = wanted || ev.old == nil && touched
		case entityUpdated:
			wanted = wanted || ev.old != nil && ev.now != nil && touched
		case entityDeleted:
			wanted = wanted || ev.now == nil && touched
		case attributeCreated:
			wanted = wanted || any(ev.created)
		case attributeUpdated:
			wanted = wanted || any(ev.updated)
		case attributeDeleted:
			wanted = wanted || any(ev.deleted)
		}
	}
	if !wanted {
		return false
	}
	if ev.now == nil {
		return x.matches(ev.old, linked)
	}
	return x.matches(ev.now, linked)
}

// append writes the entity as the subscription wants it.
func (ev *event) append(b []byte, x *subscription, linked func(string) *plane.Entity) []byte {
	v := x.view
	if x.endpoint.accept == ldType {
		v.Inside = x.context.Source
	}
	if x.changes {
		v.Previous = ev.old
	}
	if ev.now == nil {
		return ev.appendDeleted(b, x, &v)
	}
	e := ev.now
	if len(ev.deleted) > 0 && (x.changes || slices.Contains(x.triggers, attributeDeleted)) {
		e = ev.withGone(&v)
	}
	if x.flat {
		return appendFlat(b, e, &v, linked)
	}
	if v.Levels > 0 {
		v.Linked = linked
	}
	if x.endpoint.accept == geoType {
		return v.AppendFeature(b, e)
	}
	return v.Append(b, e)
}

// withGone is the entity with the attributes that were removed, as null: an instance
// where others are left, or one for all.
func (ev *event) withGone(v *entity.View) *plane.Entity {
	e := ev.now.Clone()
	at := time.Time{}
	if v.System {
		at = ev.at
	}
	for _, a := range ev.deleted {
		left := slices.ContainsFunc(ev.now.Attributes, func(n plane.Attribute) bool { return n.Name == a.Name })
		gone := entity.Gone(a, at, false)
		if !left {
			if e.Attribute(a.Name) != nil {
				continue
			}
			gone.Dataset = ""
		}
		e.Set(gone)
	}
	return e
}

func (ev *event) appendDeleted(b []byte, x *subscription, v *entity.View) []byte {
	e := &plane.Entity{Key: ev.old.Key, Types: ev.old.Types, Scopes: ev.old.Scopes, Created: ev.old.Created, Modified: ev.old.Modified}
	at := time.Time{}
	if v.System {
		at = ev.at
	}
	if x.changes || slices.Contains(x.triggers, attributeDeleted) {
		for i := range ev.old.Attributes {
			a := &ev.old.Attributes[i]
			if x.changes || x.watched == nil || slices.Contains(x.watched, a.Name) {
				e.Set(entity.Gone(a, at, true))
			}
		}
	}
	b = v.Append(b, e)
	b = append(b[:len(b)-1], `,"deletedAt":`...)
	return append(jsontext.AppendTime(b, ev.at), '}')
}

// appendFlat writes an entity and behind it those that its relationships lead to.
func appendFlat(b []byte, e *plane.Entity, v *entity.View, linked func(string) *plane.Entity) []byte {
	seen := map[string]bool{e.ID: true}
	here := []shown{{e, v}}
	b = v.Append(b, e)
	for range v.Levels {
		var next []shown
		for _, x := range here {
			x.view.Links(x.entity, func(id string, below *entity.View) {
				if seen[id] {
					return
				}
				seen[id] = true
				if e := linked(id); e != nil {
					next = append(next, shown{e, below})
					b = below.Append(append(b, ','), e)
				}
			})
		}
		here = next
	}
	return b
}

// linkedIn is linkedEntity for work that is of no request.
func (r *request) linkedIn(ctx context.Context) func(id string) *plane.Entity {
	seen := map[string]*plane.Entity{}
	return func(id string) *plane.Entity {
		e, known := seen[id]
		if known || len(seen) >= maxLinked {
			return e
		}
		e, err := r.s.store.Entity(ctx, plane.Key{Tenant: r.tenant, ID: id})
		if err != nil {
			e = nil
		}
		seen[id] = e
		return e
	}
}
