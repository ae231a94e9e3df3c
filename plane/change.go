package plane

import (
	"math"
	"time"

	"polity/city"
)

// Create stores an entity that must not exist yet: Conflict.
func Create(e *Entity) Change {
	return Change{Key: e.Key, Edit: func(old *Entity) (*Entity, error) {
		if old != nil {
			return nil, city.Errorf(city.Conflict, "entity %s exists already", e.ID)
		}
		return e.Clone(), nil
	}}
}

// Put stores an entity in place of whatever is there.
func Put(e *Entity) Change {
	return Change{Key: e.Key, Edit: func(*Entity) (*Entity, error) { return e.Clone(), nil }}
}

// Restore stores an entity exactly as it is, with the times and versions that it
// carries, in place of whatever is there: it comes from another store. Times have
// millisecond precision.
func Restore(e *Entity) Change {
	return Change{Key: e.Key, Edit: func(*Entity) (*Entity, error) { return e.Clone(), nil }, restore: true}
}

// Update changes an entity that must exist: NotFound. Edit changes its copy in
// place.
func Update(key Key, edit func(*Entity) error) Change {
	return Change{Key: key, Edit: func(old *Entity) (*Entity, error) {
		if old == nil {
			return nil, city.Errorf(city.NotFound, "there is no entity %s", key.ID)
		}
		if err := edit(old); err != nil {
			return nil, err
		}
		return old, nil
	}}
}

// Remove removes an entity that must exist: NotFound.
func Remove(key Key) Change {
	return Change{Key: key, Edit: func(old *Entity) (*Entity, error) {
		if old == nil {
			return nil, city.Errorf(city.NotFound, "there is no entity %s", key.ID)
		}
		return nil, nil
	}}
}

// Restores says whether the change is one of Restore, for backends.
func (c *Change) Restores() bool { return c.restore }

// Observed returns what Observe does, checked, for backends: an observation that is wrong
// is a fault of who wrote Observe, and ends the batch.
func (c *Change) Observed(old, now *Entity) ([]Observation, error) {
	if c.Observe == nil {
		return nil, nil
	}
	list := c.Observe(old, now)
	for i := range list {
		if err := list[i].Check(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Outcome is what a change comes to, for backends.
type Outcome uint8

// The outcomes.
const (
	Unchanged Outcome = iota
	Stored
	Removed
)

// Apply runs a change against what is stored: it calls Edit, checks and stamps
// the result. Backends call it inside their transaction. Old may be changed by it.
func (c *Change) Apply(old *Entity, now time.Time) (*Entity, Outcome, error) {
	var given *Entity
	if old != nil {
		given = old.Clone()
	}
	e, err := c.Edit(given)
	switch {
	case err != nil:
		return nil, Unchanged, err
	case e == nil && old == nil:
		return nil, Unchanged, nil
	case e == nil:
		return nil, Removed, nil
	}
	if e.Key != c.Key {
		return nil, Unchanged, city.Errorf(city.Invalid, "a change of entity %s may not become entity %s", c.Key.ID, e.ID)
	}
	if err := e.Check(); err != nil {
		return nil, Unchanged, err
	}
	if c.restore {
		return e, Stored, checkStamps(e)
	}
	if old != nil && sameEntity(old, e) {
		return old, Unchanged, nil
	}
	stamp(old, e, now.UTC().Truncate(time.Millisecond))
	return e, Stored, nil
}

// checkStamps reports the first time or version that no store can have set.
func checkStamps(e *Entity) error {
	if e.Version < 1 || e.Version > math.MaxInt64 || !isStamp(e.Created) || !isStamp(e.Modified) {
		return city.Errorf(city.Invalid, "entity %s cannot be restored with version %d, created %v, modified %v: versions begin with 1, times are whole milliseconds from 1970 to 9999",
			e.ID, e.Version, e.Created, e.Modified)
	}
	return checkAttributeStamps(e.ID, e.Attributes)
}

func checkAttributeStamps(id string, list []Attribute) error {
	for i := range list {
		a := &list[i]
		if !isStamp(a.Created) || !isStamp(a.Modified) {
			return city.Errorf(city.Invalid, "attribute %s of entity %s cannot be restored as created %v, modified %v: times are whole milliseconds from 1970 to 9999",
				shorten(a.Name), id, a.Created, a.Modified)
		}
		if err := checkAttributeStamps(id, a.Meta); err != nil {
			return err
		}
	}
	return nil
}

func isStamp(t time.Time) bool {
	ms := t.UnixMilli()
	return ms >= 0 && ms <= lastYear && t.Equal(time.UnixMilli(ms))
}
