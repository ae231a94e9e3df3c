package mapping

import (
	"slices"
	"time"

	"polity/plane"
)

// Change brings a reading into the entity. What is there and was observed at the same
// time or later stays, so that late and repeated messages change nothing.
func (r *Reading) Change() plane.Change { return Merge(r.Entity) }

// Move gives a reading another time.
func (r *Reading) Move(at time.Time) {
	for i := range r.Entity.Attributes {
		if a := &r.Entity.Attributes[i]; a.ObservedAt.Equal(r.At) {
			a.ObservedAt = at
		}
	}
	r.At = at
}

// Merge sets the attributes of an entity that are newer than those stored.
func Merge(e *plane.Entity) plane.Change {
	return plane.Change{Key: e.Key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
		if old == nil {
			return e.Clone(), nil
		}
		for _, t := range e.Types {
			if !slices.Contains(old.Types, t) {
				old.Types = append(old.Types, t)
			}
		}
		for _, a := range e.Clone().Attributes {
			if there := old.Attribute(a.Name); there != nil {
				if !a.ObservedAt.IsZero() && !a.ObservedAt.After(there.ObservedAt) {
					continue
				}
				a.Meta = there.Meta
			}
			old.Set(a)
		}
		return old, nil
	}}
}

// Observations are a reading's numbers for history, each at an instant.
func (r *Reading) Observations() []plane.Observation {
	out := make([]plane.Observation, len(r.Values))
	for i, v := range r.Values {
		out[i] = plane.Observation{Series: plane.Series{Key: r.Entity.Key, Attribute: v.Attribute}, Start: r.At, Value: v.Number}
	}
	return out
}
