package sqlite

import "context"

// Durability reads the settings on the writer's connection.
func (s *Store) Durability(ctx context.Context) (mode string, synchronous int) {
	_ = s.conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode)
	_ = s.conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous)
	return mode, synchronous
}
