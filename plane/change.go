package plane

import (
	"time"

	"polity/city"
)

// Create stores an entity that must not exist yet: Conflict.
func Create(e *Entity) Change {
	return Change{e.Key, func(old *Entity) (*Entity, error) {
		if old != nil {
			return nil, city.Errorf(city.Conflict, "entity %s exists already", e.ID)
		}
		return e.Clone(), nil
	}}
}

// Put stores an entity in place of whatever is there.
func Put(e *Entity) Change {
	return Change{e.Key, func(*Entity) (*Entity, error) { return e.Clone(), nil }}
}

// Update changes an entity that must exist: NotFound. Edit changes its copy in
// place.
func Update(key Key, edit func(*Entity) error) Change {
	return Change{key, func(old *Entity) (*Entity, error) {
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
	return Change{key, func(old *Entity) (*Entity, error) {
		if old == nil {
			return nil, city.Errorf(city.NotFound, "there is no entity %s", key.ID)
		}
		return nil, nil
	}}
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
	if old != nil && sameEntity(old, e) {
		return old, Unchanged, nil
	}
	stamp(old, e, now.UTC().Truncate(time.Millisecond))
	return e, Stored, nil
}
