package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"polity/plane"
	"polity/plane/record"
)

// statements are prepared once on the writer's connection.
type statements struct {
	get, insert, update, remove        *sql.Stmt
	addType, dropTypes                 *sql.Stmt
	setBox, dropBox                    *sql.Stmt
	findSeries, addSeries, historyPart *sql.Stmt
	note, begin, commit                *sql.Stmt
	observe                            map[string]*sql.Stmt // by part
}

func (s *Store) prepare(ctx context.Context) error {
	s.statements.observe = map[string]*sql.Stmt{}
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&s.statements.get, "SELECT n, version, created, modified, body FROM entity WHERE tenant = ? AND id = ?"},
		{&s.statements.insert, "INSERT INTO entity (tenant, id, version, created, modified, body) VALUES (?, ?, ?, ?, ?, ?)"},
		{&s.statements.update, "UPDATE entity SET version = ?, created = ?, modified = ?, body = ? WHERE n = ?"},
		{&s.statements.remove, "DELETE FROM entity WHERE n = ?"},
		{&s.statements.addType, "INSERT INTO entity_type (tenant, type, id, n) VALUES (?, ?, ?, ?)"},
		{&s.statements.dropTypes, "DELETE FROM entity_type WHERE tenant = ? AND type = ? AND id = ?"},
		{&s.statements.setBox, "INSERT OR REPLACE INTO entity_box (n, west, east, south, north) VALUES (?, ?, ?, ?, ?)"},
		{&s.statements.dropBox, "DELETE FROM entity_box WHERE n = ?"},
		{&s.statements.findSeries, "SELECT s, thinned FROM series WHERE tenant = ? AND id = ? AND attribute = ? AND dataset = ?"},
		{&s.statements.addSeries, "INSERT OR IGNORE INTO series (tenant, id, attribute, dataset) VALUES (?, ?, ?, ?)"},
		{&s.statements.note, `INSERT INTO outbox (tenant, id, at, before_version, before_created, before_modified, before,
			after_version, after_created, after_modified, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&s.statements.begin, "BEGIN IMMEDIATE"},
		{&s.statements.commit, "COMMIT"},
		{&s.statements.historyPart, "INSERT OR IGNORE INTO part (name, begin, until) VALUES (?, ?, ?)"},
	} {
		var err error
		if *p.to, err = s.conn.PrepareContext(ctx, p.text); err != nil { //nolint:sqlclosecheck // statements.close closes it
			return err
		}
	}
	return nil
}

func (p *statements) close() error {
	var errs []error
	all := []*sql.Stmt{p.get, p.insert, p.update, p.remove, p.addType, p.dropTypes, p.setBox, p.dropBox, p.findSeries, p.addSeries, p.historyPart, p.note, p.begin, p.commit}
	for _, st := range p.observe {
		all = append(all, st)
	}
	for _, st := range all {
		if st != nil {
			errs = append(errs, st.Close())
		}
	}
	return errors.Join(errs...)
}

// change runs one change in the writer's transaction. Refused is the change's own
// fault, err the database's.
func (s *Store) change(ctx context.Context, c *plane.Change, to *plane.Result) (refused, err error) {
	var r row
	var old *plane.Entity
	r.id = c.Key.ID
	err = s.statements.get.QueryRowContext(ctx, c.Key.Tenant, c.Key.ID).Scan(&r.n, &r.version, &r.created, &r.modified, &r.body)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return nil, err
	default:
		if old, err = r.entity(c.Key.Tenant); err != nil {
			return nil, err
		}
	}
	var types []string
	if old != nil {
		types = old.Types
	}
	e, outcome, refused := c.Apply(old, s.at)
	if refused != nil {
		return refused, nil
	}
	var body []byte
	switch outcome {
	case plane.Removed:
		err = s.removeEntity(ctx, r.n, old)
	case plane.Stored:
		body = record.Body(e)
		err = s.store(ctx, r.n, old, e, body)
	case plane.Unchanged:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	observed, err := c.Observed(old, e)
	if err == nil {
		err = s.observeAll(ctx, observed, to)
	}
	if err != nil {
		return nil, err
	}
	return nil, s.note(ctx, c, &r, types, e, body)
}

func (s *Store) removeEntity(ctx context.Context, n int64, old *plane.Entity) error {
	if _, err := s.statements.remove.ExecContext(ctx, n); err != nil {
		return err
	}
	if _, err := s.statements.dropBox.ExecContext(ctx, n); err != nil {
		return err
	}
	return s.dropTypes(ctx, old)
}

func (s *Store) dropTypes(ctx context.Context, e *plane.Entity) error {
	for _, t := range e.Types {
		if _, err := s.statements.dropTypes.ExecContext(ctx, e.Tenant, t, e.ID); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) store(ctx context.Context, n int64, old, e *plane.Entity, b []byte) error {
	if old == nil {
		res, err := s.statements.insert.ExecContext(ctx, e.Tenant, e.ID, e.Version, e.Created.UnixMilli(), e.Modified.UnixMilli(), b)
		if err != nil {
			return err
		}
		if n, err = res.LastInsertId(); err != nil {
			return err
		}
	} else if _, err := s.statements.update.ExecContext(ctx, e.Version, e.Created.UnixMilli(), e.Modified.UnixMilli(), b, n); err != nil {
		return err
	}
	if old == nil || !slices.Equal(old.Types, e.Types) {
		if old != nil {
			if err := s.dropTypes(ctx, old); err != nil {
				return err
			}
		}
		for _, t := range e.Types {
			if _, err := s.statements.addType.ExecContext(ctx, e.Tenant, t, e.ID, n); err != nil {
				return err
			}
		}
	}
	return s.place(ctx, n, old, e)
}

// place keeps the tree of boxes in step.
func (s *Store) place(ctx context.Context, n int64, old, e *plane.Entity) error {
	box, on := e.Bounds()
	if on {
		_, err := s.statements.setBox.ExecContext(ctx, n, box.West, box.East, box.South, box.North)
		return err
	}
	if old == nil {
		return nil
	}
	if _, was := old.Bounds(); was {
		_, err := s.statements.dropBox.ExecContext(ctx, n)
		return err
	}
	return nil
}
