package sqlite

import (
	"time"

	"polity/plane"
	"polity/plane/record"
)

// row is a row of the table entity.
type row struct {
	n, created, modified int64
	version              uint64
	id                   string
	body                 []byte
}

// entity reads the row's body, of which the entity keeps the values.
func (r *row) entity(tenant string) (*plane.Entity, error) {
	e := &plane.Entity{
		Key:     plane.Key{Tenant: tenant, ID: r.id},
		Created: time.UnixMilli(r.created).UTC(), Modified: time.UnixMilli(r.modified).UTC(), Version: r.version,
	}
	if err := record.ReadBody(r.body, e); err != nil {
		return nil, err
	}
	return e, nil
}
