// Package store is the control room's file room.db: one SQLite file with one writer, whose
// commits many share, and in which whatever was answered survives a loss of power.
package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"polity/city"
	"polity/internal/groupcommit"
	"polity/internal/sqlitefile"
)

// File is its name in the hub's data folder.
const File = "room.db"

// applicationID marks the file as the control room's (PRAGMA application_id).
const applicationID = 0x506c7952 // "PlyR"

// DB is the open file. Its methods may be called by any goroutine.
type DB struct {
	origin string
	write  *sql.DB
	conn   *sql.Conn // the writer's
	read   *sql.DB
	queue  *groupcommit.Queue[*request]

	// The writer's own.
	prepared map[string]*sql.Stmt
}

type request struct {
	do    func(*Tx) error
	after []func()
}

// Open opens the file, makes it if it is not there, mode 0600, and brings it up to date.
// A file of a later version of Polity is refused: Conflict.
func Open(ctx context.Context, path string) (*DB, error) {
	d := &DB{prepared: map[string]*sql.Stmt{}}
	if err := d.open(ctx, path); err != nil {
		return nil, fmt.Errorf("open the control room's file %s: %w", path, Kind(errors.Join(err, d.shut())))
	}
	d.queue = groupcommit.New(d.commit, func(error) bool { return true })
	return d, nil
}

func (d *DB) open(ctx context.Context, path string) error {
	if err := sqlitefile.Private(path); err != nil {
		return err
	}
	var err error
	if d.write, err = sql.Open("sqlite", sqlitefile.Address(path, "rw", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "busy_timeout(10000)", "cache_size(-4000)", "journal_size_limit(33554432)", "temp_store(MEMORY)")); err != nil {
		return err
	}
	d.write.SetMaxOpenConns(1)
	if d.conn, err = d.write.Conn(ctx); err != nil {
		return err
	}
	if err := migrate(ctx, d.conn); err != nil {
		return err
	}
	if d.origin, err = origin(ctx, d.conn); err != nil {
		return err
	}
	if d.read, err = sql.Open("sqlite", sqlitefile.Address(path, "ro", "query_only(ON)", "busy_timeout(10000)", "cache_size(-2000)", "temp_store(MEMORY)")); err != nil {
		return err
	}
	d.read.SetMaxOpenConns(2 * runtime.GOMAXPROCS(0))
	return nil
}

// origin names the file: cursors are its own.
func origin(ctx context.Context, c *sql.Conn) (name string, err error) {
	err = c.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'origin'").Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		b := make([]byte, 8)
		if _, err := rand.Read(b); err != nil {
			return "", err
		}
		name = hex.EncodeToString(b)
		_, err = c.ExecContext(ctx, "INSERT INTO meta (name, value) VALUES ('origin', ?)", name)
	}
	return name, err
}

// Origin names the file; a copy of it has the same.
func (d *DB) Origin() string { return d.origin }

// Read is for queries; it cannot write.
func (d *DB) Read() *sql.DB { return d.read }

// Closed says whether Close was called.
func (d *DB) Closed() bool { return d.queue.Closed() }

// Close lets the writer end what it has, then closes the file.
func (d *DB) Close() error {
	d.queue.Close()
	return d.shut()
}

func (d *DB) shut() error {
	var errs []error
	for _, st := range d.prepared {
		errs = append(errs, st.Close())
	}
	if d.read != nil {
		errs = append(errs, d.read.Close())
	}
	if d.conn != nil {
		if err := d.conn.Close(); !errors.Is(err, sql.ErrConnDone) {
			errs = append(errs, err)
		}
	}
	if d.write != nil {
		errs = append(errs, d.write.Close())
	}
	return errors.Join(errs...)
}

// Do runs do in a transaction that it may share with others, and returns when it is
// committed, or with the error of do or of the commit; then nothing of it is stored. do
// may be run more than once and has no effects but through tx.
func (d *DB) Do(ctx context.Context, do func(tx *Tx) error) error {
	err := d.queue.Do(ctx, &request{do: do})
	if errors.Is(err, groupcommit.ErrClosed) {
		return city.Errorf(city.Unavailable, "the control room's file is closed")
	}
	return Kind(err)
}

func (d *DB) commit(group []*request) (err error) {
	ctx := context.Background()
	tx := &Tx{d: d, ctx: ctx}
	if err := tx.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a change panicked: %v\n%s", p, debug.Stack())
		}
		if err != nil {
			_, rollback := d.conn.ExecContext(ctx, "ROLLBACK")
			err = errors.Join(err, sqlitefile.IgnoreNoTransaction(rollback))
		}
	}()
	for _, r := range group {
		tx.after = nil
		if err := r.do(tx); err != nil {
			return err
		}
		r.after = tx.after
	}
	if err := tx.Exec("COMMIT"); err != nil {
		return err
	}
	for _, r := range group {
		for _, f := range r.after {
			f()
		}
	}
	return nil
}

// Tx is the writer's transaction.
type Tx struct {
	d     *DB
	ctx   context.Context
	after []func()
}

// After runs f once the transaction is committed, in the order of commits, before Do
// returns. It must not block.
func (t *Tx) After(f func()) { t.after = append(t.after, f) }

func (t *Tx) statement(query string) (*sql.Stmt, error) {
	if st := t.d.prepared[query]; st != nil {
		return st, nil
	}
	st, err := t.d.conn.PrepareContext(t.ctx, query) //nolint:sqlclosecheck // shut closes it
	if err != nil {
		return nil, fmt.Errorf("%s: %w", query, err)
	}
	t.d.prepared[query] = st
	return st, nil
}

// Exec runs a statement, whose text is one of few: it stays prepared.
func (t *Tx) Exec(query string, args ...any) error {
	st, err := t.statement(query) //nolint:sqlclosecheck // shut closes it
	if err != nil {
		return err
	}
	_, err = st.ExecContext(t.ctx, args...)
	return err
}

// Row reads one row; found is false where there is none.
func (t *Tx) Row(query string, args, into []any) (found bool, err error) {
	st, err := t.statement(query) //nolint:sqlclosecheck // shut closes it
	if err != nil {
		return false, err
	}
	err = st.QueryRowContext(t.ctx, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Kind gives an error of the database one of our kinds.
func Kind(err error) error {
	return sqlitefile.Kind(err, sqlitefile.Words{
		Full: "the disk is full", Busy: "another program holds the file", Failing: "the disk or machine fails",
		Damaged: "the file is damaged or no database; restore it from a backup",
	})
}
