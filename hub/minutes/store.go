package minutes

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"polity/internal/sqlitefile"
	"polity/plane"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as one of minutes (PRAGMA application_id).
const applicationID = 0x506c794d // "PlyM"

var (
	writePragmas = []string{"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "secure_delete(ON)", "journal_size_limit(0)", "temp_store(MEMORY)"}
	readPragmas  = []string{"query_only(ON)", "busy_timeout(10000)", "temp_store(MEMORY)"}
)

// Store is the file. It is safe for concurrent use. What a method acknowledged is on disk.
type Store struct {
	path        string
	now         func() time.Time
	write, read *sql.DB

	// leave is held while an hour leaves, so that nobody sees it twice or not at all.
	leave sync.RWMutex
}

// Open opens the file at a path and makes it if it is not there. now nil: time.Now.
func Open(ctx context.Context, path string, now func() time.Time) (*Store, error) {
	if now == nil {
		now = time.Now
	}
	s := &Store{path: path, now: now}
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("open the counts of the last hours in %s: %w", path, kind(errors.Join(err, s.Close())))
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if err = sqlitefile.Private(s.path); err != nil {
		return err
	}
	if s.write, err = sql.Open("sqlite", sqlitefile.Address(s.path, "rw", writePragmas...)); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	err = sqlitefile.Migrate(ctx, conn, migrations, applicationID, "this is an SQLite file, but not one of counts of the last hours")
	if err = errors.Join(err, conn.Close()); err != nil {
		return err
	}
	if s.read, err = sql.Open("sqlite", sqlitefile.Address(s.path, "ro", readPragmas...)); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(4)
	return s.read.PingContext(ctx)
}

// Close closes the file.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

func kind(err error) error {
	return sqlitefile.Kind(err, sqlitefile.Words{
		Full: "the disk is full, nothing of what came was kept: make room", Busy: "another program holds the counts of the last hours: try again",
		Failing: "the disk or machine fails", Damaged: "the file with the counts of the last hours is damaged: move it away; the edges keep what the hub has not taken",
	})
}

const hourMS = int64(time.Hour / time.Millisecond)

// Add stores observations together, each once however often it comes (by series, start and
// length; the first stays). It returns how many were not there before.
func (s *Store) Add(ctx context.Context, list []plane.Observation) (added int, err error) {
	if len(list) == 0 {
		return 0, nil
	}
	for i := range list {
		if err := list[i].Check(); err != nil {
			return 0, err
		}
	}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		put, err := tx.PrepareContext(ctx, "INSERT INTO minute (id, start, attribute, dataset, length, covered, value, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
		if err != nil {
			return err
		}
		defer put.Close()
		type hour struct {
			id    string
			start int64
		}
		hours := map[hour]bool{}
		for i := range list {
			o := &list[i]
			start := o.Start.UnixMilli()
			r, err := put.ExecContext(ctx, o.ID, start, o.Attribute, o.Dataset, o.Length.Milliseconds(), o.Covered.Milliseconds(), o.Value, o.Detail)
			if err != nil {
				return err
			}
			n, err := r.RowsAffected()
			if err != nil {
				return err
			}
			if n > 0 {
				added++
				hours[hour{o.ID, start - start%hourMS}] = true
			}
		}
		for h := range hours {
			if _, err := tx.ExecContext(ctx, "INSERT INTO hour (id, start, first) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", h.id, h.start, s.now().UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
	return added, err
}

func (s *Store) inTx(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return kind(err)
	}
	defer func() { _ = tx.Rollback() }() // nothing after Commit
	if err := do(tx); err != nil {
		return kind(err)
	}
	return kind(tx.Commit())
}

// Join runs a function that reads the archive, with History or not: no hour leaves
// meanwhile, so that it finds each once.
func (s *Store) Join(read func() error) error {
	s.leave.RLock()
	defer s.leave.RUnlock()
	return read()
}

// History calls each with what is there of an entity from a time until before another, by
// start. It ends with each's error, if that returns one.
func (s *Store) History(ctx context.Context, id string, from, to time.Time, each func(plane.Observation) error) error {
	return s.rows(ctx, each, "WHERE id = ? AND start >= ? AND start < ? ORDER BY start, attribute, dataset, length", id, from.UnixMilli(), to.UnixMilli())
}

func (s *Store) rows(ctx context.Context, each func(plane.Observation) error, where string, args ...any) error {
	rows, err := s.read.QueryContext(ctx, "SELECT id, attribute, dataset, start, length, covered, value, detail FROM minute "+where, args...) //nolint:gosec // where is a constant of this file
	if err != nil {
		return kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var o plane.Observation
		var start, length, covered int64
		if err := rows.Scan(&o.ID, &o.Attribute, &o.Dataset, &start, &length, &covered, &o.Value, &o.Detail); err != nil {
			return kind(err)
		}
		o.Start = time.UnixMilli(start).UTC()
		o.Length, o.Covered = time.Duration(length)*time.Millisecond, time.Duration(covered)*time.Millisecond
		if err := each(o); err != nil {
			return err
		}
	}
	return kind(rows.Err())
}

// Hour is one of which there is anything.
type Hour struct {
	ID    string
	Start time.Time
	First time.Time // when the first of it came
}

// Hours lists them by entity and start.
func (s *Store) Hours(ctx context.Context) (list []Hour, err error) {
	return s.hours(ctx, "SELECT id, start, first FROM hour ORDER BY id, start")
}

// Unfinished lists the hours that were leaving when the program was killed. Archive them
// before anybody reads.
func (s *Store) Unfinished(ctx context.Context) ([]Hour, error) {
	return s.hours(ctx, "SELECT id, start, first FROM hour h WHERE EXISTS (SELECT 1 FROM minute m WHERE m.id = h.id AND m.start >= h.start AND m.start < h.start + 3600000 AND m.leaving = 1) ORDER BY id, start")
}

func (s *Store) hours(ctx context.Context, query string) (list []Hour, err error) {
	rows, err := s.read.QueryContext(ctx, query)
	if err != nil {
		return nil, kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var h Hour
		var start, first int64
		if err := rows.Scan(&h.ID, &start, &first); err != nil {
			return nil, kind(err)
		}
		h.Start, h.First = time.UnixMilli(start).UTC(), time.UnixMilli(first).UTC()
		list = append(list, h)
	}
	return list, kind(rows.Err())
}

// Archive has keep store what is there of an hour in the archive, and removes it here. When
// it fails, or the program dies, it stays, and keep gets the same again, and nothing that
// came since: keep stores what has the same key once.
func (s *Store) Archive(ctx context.Context, h Hour, keep func([]plane.Observation) error) error {
	from, to := h.Start.UnixMilli(), h.Start.Add(time.Hour).UnixMilli()
	s.leave.Lock()
	defer s.leave.Unlock()
	const marked = " WHERE id = ? AND start >= ? AND start < ? AND leaving = 1"
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		var begun bool
		if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM minute"+marked+")", h.ID, from, to).Scan(&begun); err != nil || begun {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE minute SET leaving = 1 WHERE id = ? AND start >= ? AND start < ?", h.ID, from, to)
		return err
	})
	if err != nil {
		return err
	}
	var list []plane.Observation
	if err := s.rows(ctx, func(o plane.Observation) error { list = append(list, o); return nil }, marked+" ORDER BY start, attribute, dataset, length", h.ID, from, to); err != nil {
		return err
	}
	if len(list) > 0 {
		if err := keep(list); err != nil {
			return err
		}
	}
	return s.remove(ctx, h.ID, marked, h.ID, from, to)
}

// Forget removes what began before a time.
func (s *Store) Forget(ctx context.Context, id string, before time.Time) error {
	s.leave.Lock()
	defer s.leave.Unlock()
	return s.remove(ctx, id, " WHERE id = ? AND start < ?", id, before.UnixMilli())
}

// remove deletes minutes, the hours of which nothing is left, and what the journal has of
// them.
func (s *Store) remove(ctx context.Context, id, where string, args ...any) error {
	var gone int64
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, "DELETE FROM minute"+where, args...) //nolint:gosec // where is a constant of this file
		if err != nil {
			return err
		}
		if gone, err = r.RowsAffected(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM hour WHERE id = ? AND NOT EXISTS (SELECT 1 FROM minute m WHERE m.id = hour.id AND m.start >= hour.start AND m.start < hour.start + 3600000)", id)
		return err
	})
	if err != nil || gone == 0 {
		return err
	}
	// Readers may keep the journal from being emptied; the next hour tries again.
	_, err = s.write.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return kind(err)
}
