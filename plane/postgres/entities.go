package postgres

import (
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"polity/plane"
)

// entities are rows of the table entity, column by column: one statement stores them all.
type entities struct {
	tenants, ids, types []string // types: each row's as the text of an array
	versions            []int64
	created, modified   []time.Time
	places, bodies      [][]byte
}

func (x *entities) add(e *plane.Entity, body []byte) error {
	place, err := location(e)
	if err != nil {
		return err
	}
	x.remove(e.Key)
	x.types, x.versions = append(x.types, textArray(e.Types)), append(x.versions, int64(e.Version)) //nolint:gosec // Check bounds it
	x.created, x.modified = append(x.created, e.Created), append(x.modified, e.Modified)
	x.places, x.bodies = append(x.places, place), append(x.bodies, body)
	return nil
}

func (x *entities) remove(key plane.Key) {
	x.tenants, x.ids = append(x.tenants, key.Tenant), append(x.ids, key.ID)
}

// textArray is a text[] as PostgreSQL reads it (manual, 8.15.2).
func textArray(list []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, s := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		for k := range len(s) {
			if s[k] == '"' || s[k] == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(s[k])
		}
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}

func (x *entities) queueInsert(b *pgx.Batch) {
	if len(x.ids) > 0 {
		b.Queue(`INSERT INTO polity.entity (tenant, id, types, version, created, modified, location, body)
			SELECT tenant, id, types::text[], version, created, modified, ST_GeomFromWKB(location, 4326), body
			FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::bytea[], $8::bytea[])
			AS k (tenant, id, types, version, created, modified, location, body)`,
			x.tenants, x.ids, x.types, x.versions, x.created, x.modified, x.places, x.bodies)
	}
}

func (x *entities) queueUpdate(b *pgx.Batch) {
	if len(x.ids) > 0 {
		b.Queue(`UPDATE polity.entity e SET types = k.types::text[], version = k.version, created = k.created, modified = k.modified,
			location = ST_GeomFromWKB(k.location, 4326), body = k.body
			FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::bytea[], $8::bytea[])
			AS k (tenant, id, types, version, created, modified, location, body) WHERE e.tenant = k.tenant AND e.id = k.id`,
			x.tenants, x.ids, x.types, x.versions, x.created, x.modified, x.places, x.bodies)
	}
}

func (x *entities) queueDelete(b *pgx.Batch) {
	if len(x.ids) > 0 {
		b.Queue("DELETE FROM polity.entity e USING unnest($1::text[], $2::text[]) AS k (tenant, id) WHERE e.tenant = k.tenant AND e.id = k.id", x.tenants, x.ids)
	}
}
