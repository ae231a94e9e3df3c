package sqlite

import (
	"context"

	"polity/plane"
)

// EncodeBody and DecodeBody are the stored form of what an entity has.
func EncodeBody(e *plane.Entity) []byte { return encode(e) }

// DecodeBody is described with EncodeBody.
func DecodeBody(b []byte) (*plane.Entity, error) {
	r := row{id: "urn:x:1", body: b}
	return r.entity("")
}

// Durability reads the settings on the writer's connection.
func (s *Store) Durability(ctx context.Context) (mode string, synchronous int) {
	_ = s.conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode)
	_ = s.conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous)
	return mode, synchronous
}
