package notice

import (
	"context"
	"database/sql"
	_ "embed" // schema.sql
	"errors"
	"fmt"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"polity/city"
	"polity/internal/sqlitefile"
)

//go:embed schema.sql
var schema string

// applicationID marks the file as one of this package (PRAGMA application_id), form is
// its form (PRAGMA user_version).
const (
	applicationID = 0x506c7953 // "PlyS": staff who are told
	form          = 1
)

// book is what is kept besides the queue: an SQLite file with one connection.
type book struct{ db *sql.DB }

func openBook(ctx context.Context, path string) (*book, error) {
	if err := sqlitefile.Private(path); err != nil {
		return nil, err
	}
	// FULL with a write-ahead log syncs every commit.
	db, err := sql.Open("sqlite", sqlitefile.Address(path, "rw", "journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "journal_size_limit(16777216)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err := prepare(ctx, db); err != nil {
		return nil, fmt.Errorf("open the book of notices %s: %w", path, errors.Join(err, db.Close()))
	}
	return &book{db}, nil
}

// prepare makes the tables, or checks that they are this package's.
func prepare(ctx context.Context, db *sql.DB) error {
	f, err := sqlitefile.ReadForm(ctx, db)
	switch {
	case err != nil:
		return err
	case f.Version == form && f.Application == applicationID:
		return nil
	case f.Version > form && f.Application == applicationID:
		return city.Errorf(city.Conflict, "a newer Polity wrote this file (its form is %d, this program knows %d): update Polity", f.Version, form)
	case f.Tables > 0:
		return city.Errorf(city.Conflict, "this is an SQLite file, but not one of notices")
	}
	_, err = db.ExecContext(ctx, fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT", schema, form, applicationID))
	return err
}

func (b *book) close() error { return b.db.Close() }

// change runs f in one transaction.
func (b *book) change(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return fault(err)
	}
	if err := f(tx); err != nil {
		return fault(errors.Join(err, tx.Rollback()))
	}
	return fault(tx.Commit())
}

// fault gives an error of the file its kind.
func fault(err error) error {
	if err == nil || city.KindOf(err) != city.Internal {
		return err
	}
	return city.Errorf(city.Unavailable, "%w; is the disk full?", err)
}

// outlet returns the number of a channel, and whether it is a new one.
func (b *book) outlet(ctx context.Context, name string) (o int64, isNew bool, err error) {
	var ready bool
	err = b.db.QueryRowContext(ctx, "SELECT o, ready FROM outlet WHERE name = ?", name).Scan(&o, &ready)
	if err == nil || !errors.Is(err, sql.ErrNoRows) {
		return o, !ready, fault(err)
	}
	err = b.change(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "INSERT INTO outlet (name) VALUES (?)", name)
		if err != nil {
			return err
		}
		o, err = res.LastInsertId()
		return err
	})
	return o, true, err
}

// forgetOutlet removes a channel and what was told to it.
func (b *book) forgetOutlet(ctx context.Context, o int64) error {
	return b.change(ctx, func(tx *sql.Tx) error {
		for _, q := range []string{"DELETE FROM told WHERE o = ?", "DELETE FROM made WHERE o = ?", "DELETE FROM outlet WHERE o = ?"} {
			if _, err := tx.ExecContext(ctx, q, o); err != nil {
				return err
			}
		}
		return nil
	})
}

// mark is that an alert was told to a channel.
type mark struct {
	alert   string
	o       int64
	reasons reasons
}

// made is that a channel got a message.
type made struct {
	o  int64
	at time.Time
}

// keep notes what was told, which channels are no longer new, and forgets alerts that are
// closed.
func (b *book) keep(ctx context.Context, marks []mark, ready []int64, messages []made, closed []string, now time.Time) error {
	if len(marks)+len(ready)+len(messages)+len(closed) == 0 {
		return nil
	}
	return b.change(ctx, func(tx *sql.Tx) error {
		add, err := tx.PrepareContext(ctx, "INSERT INTO told (alert, o, reasons) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET reasons = reasons | excluded.reasons")
		if err != nil {
			return err
		}
		defer add.Close()
		for _, m := range marks {
			if _, err := add.ExecContext(ctx, m.alert, m.o, int64(m.reasons)); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM made WHERE at < ?", now.Add(-window).UnixMilli()); err != nil {
			return err
		}
		for _, m := range messages {
			if _, err := tx.ExecContext(ctx, "INSERT INTO made (o, at) VALUES (?, ?)", m.o, m.at.UnixMilli()); err != nil {
				return err
			}
		}
		for _, o := range ready {
			if _, err := tx.ExecContext(ctx, "UPDATE outlet SET ready = 1 WHERE o = ?", o); err != nil {
				return err
			}
		}
		for _, key := range closed {
			if _, err := tx.ExecContext(ctx, "DELETE FROM told WHERE alert = ?", key); err != nil {
				return err
			}
		}
		return nil
	})
}

// told returns everything that was told, by alert.
func (b *book) told(ctx context.Context) (map[string]map[int64]reasons, error) {
	out := map[string]map[int64]reasons{}
	err := b.each(ctx, "SELECT alert, o, reasons FROM told", nil, func(scan func(...any) error) error {
		var m mark
		var r int64
		if err := scan(&m.alert, &m.o, &r); err != nil {
			return err
		}
		if out[m.alert] == nil {
			out[m.alert] = map[int64]reasons{}
		}
		out[m.alert][m.o] = reasons(r)
		return nil
	})
	return out, err
}

// made returns when a channel got messages in the last minute.
func (b *book) made(ctx context.Context, o int64, now time.Time) ([]time.Time, error) {
	var out []time.Time
	err := b.each(ctx, "SELECT at FROM made WHERE o = ? AND at >= ? ORDER BY at", []any{o, now.Add(-window).UnixMilli()}, func(scan func(...any) error) error {
		var at int64
		if err := scan(&at); err != nil {
			return err
		}
		out = append(out, time.UnixMilli(at))
		return nil
	})
	return out, err
}

// each reads rows one after the other. It must not use the book itself.
func (b *book) each(ctx context.Context, query string, args []any, f func(scan func(...any) error) error) error {
	rows, err := b.db.QueryContext(ctx, query, args...)
	if err != nil {
		return fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return fault(err)
		}
	}
	return fault(rows.Err())
}
