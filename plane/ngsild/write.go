package ngsild

import (
	"context"
	"strconv"
	"strings"

	"polity/plane"
	"polity/plane/ngsild/problem"
)

// change is one change of an entity, with what was before and after.
type change struct {
	key      plane.Key
	edit     func(old *plane.Entity) (*plane.Entity, error) // as plane.Change.Edit
	err      error                                          // why it was refused
	old, now *plane.Entity                                  // nil where there is none
	ran      bool                                           // edit was called and refused nothing
}

// write stores changes in one commit. Each change has its own refusal; the error is one
// of all of them. Subscriptions hear of it from the store's feed.
func (s *Server) write(ctx context.Context, changes []*change) error {
	b := &plane.Batch{}
	for _, c := range changes {
		b.Changes = append(b.Changes, plane.Change{Key: c.key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
			c.old, c.now, c.ran = nil, nil, false
			if strings.HasPrefix(c.key.ID, own) {
				return nil, problem.NotSupported("the entity %s is kept by Polity itself and cannot be changed here", c.key.ID)
			}
			if old != nil {
				c.old = old.Clone()
			}
			now, err := c.edit(old)
			if err != nil {
				return nil, err
			}
			if now != nil {
				if err := now.Check(); err != nil {
					return nil, err
				}
			}
			if now != nil {
				c.now = now.Clone()
			}
			c.ran = true
			return now, nil
		}, Observe: observed})
	}
	result, err := s.store.Write(ctx, b)
	if err != nil {
		return err
	}
	for i, c := range changes {
		if i < len(result.Refused) {
			c.err = result.Refused[i]
		}
	}
	return nil
}

// observed returns the numbers that were observed among what a change stored, for the
// city's history.
func observed(old, now *plane.Entity) (list []plane.Observation) {
	if now == nil {
		return nil
	}
	for i := range now.Attributes {
		a := &now.Attributes[i]
		if a.Kind != plane.Property || a.ObservedAt.Year() < 1970 {
			continue
		}
		value, err := strconv.ParseFloat(string(a.Value), 64)
		if err != nil {
			continue // no number
		}
		if was := instanceOf(old, a); was != nil && was.ObservedAt.Equal(a.ObservedAt) {
			continue
		}
		o := plane.Observation{Series: plane.Series{Key: now.Key, Attribute: a.Name, Dataset: a.Dataset}, Start: a.ObservedAt, Value: value}
		if o.Check() == nil {
			list = append(list, o)
		}
	}
	return list
}

// writeOne stores one change of the entity that a request is about.
func (r *request) writeOne(id string, edit func(old *plane.Entity) (*plane.Entity, error)) (*change, error) {
	c := &change{key: plane.Key{Tenant: r.tenant, ID: id}, edit: edit}
	if err := r.s.write(r.Context(), []*change{c}); err != nil {
		return nil, err
	}
	return c, c.err
}

// update stores a change of an entity that must be there.
func (r *request) update(id string, edit func(e *plane.Entity) error) (*change, error) {
	return r.writeOne(id, func(old *plane.Entity) (*plane.Entity, error) {
		if old == nil {
			return nil, problem.NotFound("there is no entity %s", id)
		}
		return old, edit(old)
	})
}
