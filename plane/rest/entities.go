package rest

import (
	"net/http"
	"slices"

	"polity/city"
	"polity/plane"
	"polity/plane/ngsild/query"
)

// conditions are what a list of entities is narrowed by. They look at what may be seen
// alone: else the answer would tell of what may not.
type conditions struct {
	kind  string
	box   *plane.Box
	since bool
	q     *query.Q
	r     *request
}

func (r *request) conditions() (*conditions, error) {
	c := &conditions{kind: r.values.words["type"], box: r.values.box, r: r}
	_, c.since = r.values.times["updated_since"]
	if text := r.values.words["q"]; text != "" {
		var err error
		if c.q, err = query.ParseQ(r.s.names, text); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func nothing(string) *plane.Entity { return nil }

// match takes an entity as it may be seen.
func (c *conditions) match(e *plane.Entity) bool {
	if e == nil || (c.kind != "" && !slices.Contains(e.Types, c.kind)) {
		return false
	}
	if c.box != nil {
		if b, ok := e.Bounds(); !ok || !touches(*c.box, b) {
			return false
		}
	}
	return (!c.since || !e.Modified.Before(c.r.values.times["updated_since"])) && (c.q == nil || c.q.Match(e, nothing))
}

// listEntities answers with a page of entities.
func listEntities(r *request) error {
	c, err := r.conditions()
	if err != nil {
		return err
	}
	limit := r.values.numbers["limit"]
	if limit == 0 {
		limit = defaultPage
	}
	at, err := r.resume()
	if err != nil {
		return err
	}
	after := ""
	if at != nil {
		after = at.After
	}
	list, more, err := r.page(c, after, limit)
	if err != nil {
		return err
	}
	next := ""
	if more {
		next = r.next(cursor{After: list[len(list)-1].ID})
	}
	body, err := r.listed(list, next)
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, body, digest(body))
}

func (r *request) listed(list []*plane.Entity, next string) ([]byte, error) {
	switch r.accept {
	case GeoJSON:
		c := collection{Type: "FeatureCollection", Features: make([]feature, len(list)), Next: next}
		for i, e := range list {
			var err error
			if c.Features[i], err = featureOf(e); err != nil {
				return nil, err
			}
		}
		return encode(c)
	case CSV:
		b, w := newTable(entityHead...)
		for _, e := range list {
			entityRows(w, e)
		}
		w.Flush()
		return b.Bytes(), w.Error()
	}
	out := struct {
		Entities []*entityShape `json:"entities"`
		Next     string         `json:"next,omitempty"`
	}{make([]*entityShape, len(list)), next}
	for i, e := range list {
		out.Entities[i] = shapeOf(e)
	}
	return encode(out)
}

// page finds entities behind an id, those of the store and of sources in one order.
func (r *request) page(c *conditions, after string, limit int) (list []*plane.Entity, more bool, err error) {
	list, more, err = r.stored(c, after, limit)
	if err != nil {
		return nil, false, err
	}
	for _, s := range r.s.cfg.Sources {
		if c.kind != "" && c.kind != s.Public().Type {
			continue
		}
		kept, err := s.Entities(r.Context())
		if err != nil {
			return nil, false, err
		}
		for _, e := range kept {
			if e.ID > after && c.match(e) {
				list = append(list, e)
			}
		}
	}
	slices.SortFunc(list, func(a, b *plane.Entity) int { return compare(a.ID, b.ID) })
	if len(list) > limit {
		list, more = list[:limit], true
	}
	return list, more, nil
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// stored finds those of the store. Without a right no type is looked for that is not
// public, whatever was asked.
func (r *request) stored(c *conditions, after string, limit int) ([]*plane.Entity, bool, error) {
	q := plane.Query{After: after, Limit: limit, Box: c.box, Match: func(e *plane.Entity) bool { return c.match(r.view.project(e)) }}
	if !r.view.all {
		for _, p := range r.view.public {
			q.Types = append(q.Types, p.Type)
		}
		if q.Types == nil {
			return nil, false, nil
		}
	}
	if c.kind != "" {
		if q.Types != nil && !slices.Contains(q.Types, c.kind) {
			return nil, false, nil
		}
		q.Types = []string{c.kind}
	}
	found, err := r.s.store.Find(r.Context(), q)
	if err != nil {
		return nil, false, err
	}
	list := make([]*plane.Entity, len(found.Entities))
	for i, e := range found.Entities {
		list[i] = r.view.project(e)
	}
	return list, found.More, nil
}

// entity finds the one that the path names, and the source that keeps it, if one does.
func (r *request) entity() (*plane.Entity, Source, error) {
	for _, s := range r.s.cfg.Sources {
		list, err := s.Entities(r.Context())
		if err != nil {
			return nil, nil, err
		}
		if i := slices.IndexFunc(list, func(e *plane.Entity) bool { return e.ID == r.id }); i >= 0 {
			return list[i], s, nil
		}
	}
	e, err := r.s.store.Entity(r.Context(), plane.Key{ID: r.id})
	if city.KindOf(err) == city.NotFound {
		return nil, nil, errMissing(r.id)
	}
	if err != nil {
		return nil, nil, err
	}
	if e = r.view.project(e); e == nil {
		return nil, nil, errMissing(r.id)
	}
	return e, nil, nil
}

// getEntity answers with one entity.
func getEntity(r *request) error {
	e, _, err := r.entity()
	if err != nil {
		return err
	}
	return r.one(http.StatusOK, e)
}

func (r *request) one(status int, e *plane.Entity) error {
	text, err := encode(shapeOf(e))
	if err != nil {
		return err
	}
	body := text
	switch r.accept {
	case GeoJSON:
		f, err := featureOf(e)
		if err != nil {
			return err
		}
		if body, err = encode(f); err != nil {
			return err
		}
	case CSV:
		b, w := newTable(entityHead...)
		entityRows(w, e)
		w.Flush()
		body = b.Bytes()
	}
	if !e.Modified.IsZero() {
		r.w.Header().Set("Last-Modified", e.Modified.UTC().Format(http.TimeFormat))
	}
	return r.answer(status, body, digest(text))
}
