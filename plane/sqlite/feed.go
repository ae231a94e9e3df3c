package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"polity/city"
	"polity/plane"
)

var _ plane.Feed = (*Store)(nil)

// note writes a change into the outbox, in the writer's transaction.
func (s *Store) note(ctx context.Context, c *plane.Change, was *row, before []string, after *plane.Entity, body []byte) error {
	if !s.feed || c.Restores() || s.wants != nil && !s.wants() && !s.always(before, after) {
		return nil
	}
	args := make([]any, 0, 11)
	args = append(args, c.Key.Tenant, c.Key.ID, s.at.UnixMilli())
	if was.n != 0 {
		args = append(args, was.version, was.created, was.modified, was.body)
	} else {
		args = append(args, nil, nil, nil, nil)
	}
	if after != nil {
		args = append(args, after.Version, after.Created.UnixMilli(), after.Modified.UnixMilli(), body)
	} else {
		args = append(args, nil, nil, nil, nil)
	}
	s.noted = true
	_, err := s.statements.note.ExecContext(ctx, args...)
	return err
}

// always says whether an entity, before or after a change, is of a type that is wanted always.
func (s *Store) always(before []string, after *plane.Entity) bool {
	is := func(name string) bool { return slices.Contains(s.also, name) }
	return len(s.also) > 0 && (slices.ContainsFunc(before, is) || after != nil && slices.ContainsFunc(after.Types, is))
}

// Origin is plane.Feed's.
func (s *Store) Origin(ctx context.Context) (name string, err error) {
	if err := s.read.QueryRowContext(ctx, "SELECT name FROM origin").Scan(&name); err != nil {
		return "", s.readError(err)
	}
	return name, nil
}

// maxEvents is how many events are read at once.
const maxEvents = 10_000

// Events is plane.Feed's.
func (s *Store) Events(ctx context.Context, after uint64, limit int) ([]plane.Event, error) {
	if err := s.checkFeed(); err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, `SELECT seq, tenant, id, at, before_version, before_created, before_modified, before,
		after_version, after_created, after_modified, after FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?`, int64(after), min(max(limit, 1), maxEvents))
	if err != nil {
		return nil, s.readError(err)
	}
	defer rows.Close()
	var out []plane.Event
	for rows.Next() {
		var e plane.Event
		var at int64
		var before, later state
		if err := rows.Scan(&e.Sequence, &e.Tenant, &e.ID, &at, &before.version, &before.created, &before.modified, &before.body,
			&later.version, &later.created, &later.modified, &later.body); err != nil {
			return nil, kind(err)
		}
		e.At = time.UnixMilli(at).UTC()
		if e.Before, err = before.entity(e.Key); err != nil {
			return nil, err
		}
		if e.After, err = later.entity(e.Key); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, kind(rows.Err())
}

// state is an entity before or after, or none.
type state struct {
	version, created, modified sql.NullInt64
	body                       []byte
}

func (x *state) entity(key plane.Key) (*plane.Entity, error) {
	if !x.version.Valid {
		return nil, nil //nolint:nilnil // there is none
	}
	r := row{id: key.ID, version: uint64(x.version.Int64), created: x.created.Int64, modified: x.modified.Int64, body: x.body}
	return r.entity(key.Tenant)
}

// Await is plane.Feed's.
func (s *Store) Await(ctx context.Context, after uint64) error {
	if err := s.checkFeed(); err != nil {
		return err
	}
	rung := s.bell.Wait() // before looking, so that none is missed
	var there bool
	if err := s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM outbox WHERE seq > ?)", int64(after)).Scan(&there); err != nil {
		return s.readError(err)
	}
	if there {
		return nil
	}
	select {
	case <-rung:
		return nil
	case <-ctx.Done():
		return kind(ctx.Err())
	case <-s.queue.Closing():
		return errClosed()
	}
}

// Settle is plane.Feed's.
func (s *Store) Settle(ctx context.Context, upTo uint64) error {
	if err := s.checkFeed(); err != nil {
		return err
	}
	return s.submit(ctx, &request{do: func(ctx context.Context) error {
		_, err := s.conn.ExecContext(ctx, "DELETE FROM outbox WHERE seq <= ?", int64(upTo))
		return err
	}})
}

func (s *Store) checkFeed() error {
	if s.feed {
		return nil
	}
	return city.Errorf(city.Invalid, "this store was opened without a feed: it notes no changes")
}
