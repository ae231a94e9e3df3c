package ngsild

import (
	"net/http"
	"net/url"
	"time"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/forward"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
)

// createEntity is clause 5.6.1.
func (r *request) createEntity() error {
	o, err := r.object(jsonType, ldType)
	if err != nil {
		return err
	}
	f, err := (&entity.Parser{Context: r.context}).Fragment(o)
	if err != nil {
		return err
	}
	e, err := f.Entity(r.tenant)
	if err != nil {
		return err
	}
	w := &write{op: forward.CreateEntity, id: e.ID, types: e.Types, names: namesOf(e.Attributes), body: o}
	return r.spread(w, func(rest []string) (out entity.Outcome, err error) {
		e.Attributes = keep(e.Attributes, rest)
		_, err = r.writeOne(e.ID, func(old *plane.Entity) (*plane.Entity, error) {
			if old != nil {
				return nil, problem.Exists("the entity %s exists already; change it by PATCH or replace it by PUT", e.ID)
			}
			return e.Clone(), nil
		})
		return out, err
	}, func(entity.Outcome) error {
		r.created("/entities/" + url.PathEscape(e.ID))
		return nil
	})
}

// created answers 201 with where the resource is.
func (r *request) created(path string) {
	r.w.Header().Set("Location", Root+path)
	r.w.WriteHeader(http.StatusCreated)
}

func (r *request) done() error {
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

// retrieveEntity is clause 5.7.1.
func (r *request) retrieveEntity() error {
	v, err := r.view()
	if err != nil {
		return err
	}
	e, err := r.entityAnywhere()
	if err != nil {
		return err
	}
	if v.Pick != nil && !v.Pick.AnyMember(e) || r.query.Has("attrs") && !v.Pick.HasAny(e) {
		return problem.NotFound("the entity %s has none of the attributes that are asked for", e.ID)
	}
	if v.Datasets != nil && !anyDataset(e, v.Datasets) {
		return problem.NotFound("the entity %s has no attribute with the datasetId", e.ID)
	}
	if v.Omit != nil && v.ShowsNothing(e) {
		return problem.NotFound("the entity %s has no members but those that are omitted", e.ID)
	}
	if list := r.shown([]*plane.Entity{e}, v); len(list) > 1 && r.accept != geoType {
		return r.answer(http.StatusOK, func(b []byte) []byte { return appendList(b, list, (*entity.View).Append) })
	}
	if r.accept == geoType {
		return r.answerGeo(func(b []byte) []byte { return v.AppendFeature(b, e) }, v)
	}
	return r.answer(http.StatusOK, func(b []byte) []byte { return v.Append(b, e) })
}

func anyDataset(e *plane.Entity, datasets []string) bool {
	for i := range e.Attributes {
		for _, d := range datasets {
			if d == e.Attributes[i].Dataset || d == "@none" && e.Attributes[i].Dataset == "" {
				return true
			}
		}
	}
	return false
}

// answerGeo answers in GeoJSON; the header Prefer says whether the @context is
// inside (clause 6.3.15).
func (r *request) answerGeo(write func(b []byte) []byte, v *entity.View) error {
	if r.Header.Get("Prefer") == "body=json" {
		v.Inside = nil
		if err := r.setLink(); err != nil {
			return err
		}
	}
	return r.answer(http.StatusOK, write)
}

func appendList(b []byte, list []shown, one func(*entity.View, []byte, *plane.Entity) []byte) []byte {
	b = append(b, '[')
	for i, x := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(x.view, b, x.entity)
	}
	return append(b, ']')
}

// deleteEntity is clause 5.6.6.
func (r *request) deleteEntity() error {
	id, err := r.id(1)
	if err != nil {
		return err
	}
	w := &write{op: forward.DeleteEntity, id: id, whole: true}
	return r.spread(w, func([]string) (out entity.Outcome, err error) {
		_, err = r.writeOne(id, remove(id))
		return out, err
	}, r.finished)
}

// finished answers a write of which nothing more is to be said.
func (r *request) finished(entity.Outcome) error { return r.done() }

func remove(id string) func(old *plane.Entity) (*plane.Entity, error) {
	return func(old *plane.Entity) (*plane.Entity, error) {
		if old == nil {
			return nil, problem.NotFound("there is no entity %s", id)
		}
		return nil, nil
	}
}

// fragment reads a body about the entity of the path.
func (r *request) fragment(op forward.Op, p *entity.Parser, types ...string) (*write, *entity.Fragment, error) {
	id, err := r.id(1)
	if err != nil {
		return nil, nil, err
	}
	o, err := r.object(types...)
	if err != nil {
		return nil, nil, err
	}
	p.Context = r.context
	f, err := p.Fragment(o)
	if err != nil {
		return nil, nil, err
	}
	if f.ID != "" && f.ID != id {
		return nil, nil, problem.BadRequest("the body is about the entity %s, the path about %s", f.ID, id)
	}
	return &write{op: op, id: id, types: f.Types, names: namesOf(f.Attributes), body: o}, f, nil
}

// replaceEntity is clause 5.6.18.
func (r *request) replaceEntity() error {
	w, f, err := r.fragment(forward.ReplaceEntity, &entity.Parser{}, jsonType, ldType)
	if err != nil {
		return err
	}
	f.ID = w.id
	return r.spread(w, func(rest []string) (out entity.Outcome, err error) {
		f.Attributes = keep(f.Attributes, rest)
		_, err = r.update(w.id, func(e *plane.Entity) error {
			if len(f.Types) == 0 {
				f.Types = e.Types
			}
			made, err := f.Entity(r.tenant)
			if err == nil {
				made = made.Clone()
				e.Types, e.Scopes, e.Attributes = made.Types, made.Scopes, made.Attributes
			}
			return err
		})
		return out, err
	}, r.finished)
}

// mergeEntity is clause 5.6.17.
func (r *request) mergeEntity() error {
	p := &entity.Parser{Nulls: true, Partial: true}
	w, f, err := r.fragment(forward.MergeEntity, p, jsonType, ldType, mergeType)
	if err != nil {
		return err
	}
	if text := r.query.Get("observedAt"); text != "" {
		t, err := entity.ParseTime(text)
		if err != nil {
			return err
		}
		for i := range f.Attributes {
			if f.Attributes[i].ObservedAt.IsZero() {
				f.Attributes[i].ObservedAt = t
			}
		}
	}
	simple, _, err := r.form()
	if err != nil {
		return err
	}
	return r.spread(w, func(rest []string) (out entity.Outcome, err error) {
		f.Attributes = keep(f.Attributes, rest)
		_, err = r.update(w.id, func(e *plane.Entity) error {
			patch := *f
			patch.Attributes = append([]plane.Attribute(nil), f.Attributes...)
			if simple == entity.Simplified || simple == entity.Concise {
				asStored(e, &patch, r.query.Get("lang"), p)
			}
			if r.query.Has("observedAt") {
				onlyObserved(e, &patch, f)
			}
			entity.Merge(e, &patch)
			return nil
		})
		return out, err
	}, r.finished)
}

// onlyObserved keeps the common observedAt for attributes that are observed already,
// or new.
func onlyObserved(e *plane.Entity, patch, given *entity.Fragment) {
	for i := range patch.Attributes {
		a := &patch.Attributes[i]
		if old := e.Attribute(a.Name); old != nil && old.ObservedAt.IsZero() && given.Attributes[i].Unit == "" && a.Kind != plane.Property {
			a.ObservedAt = time.Time{}
		}
	}
}

// asStored gives attributes of the simplified form the types that they have.
func asStored(e *plane.Entity, f *entity.Fragment, lang string, p *entity.Parser) {
	for i := range f.Attributes {
		a := &f.Attributes[i]
		old := e.Attribute(a.Name)
		if old == nil || old.Kind == a.Kind || a.Kind != plane.Property || a.Value == nil {
			continue
		}
		value := a.Value
		if old.Kind == plane.Language && jsontext.Kind(value) != '{' {
			if lang == "" {
				lang = "@none"
			}
			value = append(append(jsontext.AppendString([]byte{'{'}, lang), ':'), value...)
			value = append(value, '}')
		}
		if changed, err := p.ValueAs(a, old.Kind, value); err == nil {
			*a = changed
		}
	}
}

// noID answers for changes of an entity whose id is missing.
func (r *request) noID() error {
	return problem.BadRequest("the id of the entity is missing in the path")
}
