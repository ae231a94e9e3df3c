package order

import (
	"context"
	"database/sql"
	_ "embed" // the schema
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite" // and the driver "sqlite"
	lib "modernc.org/sqlite/lib"

	"polity/city"
)

//go:embed schema.sql
var schema string

// migrations bring a file forward, one version each; the first makes it.
var migrations = []string{schema}

// applicationID marks the file as a book of orders (PRAGMA application_id).
const applicationID = 0x506c794f // "PlyO"

// file is the SQLite file: one connection writes, some read. FULL with a write-ahead
// log syncs at every commit; what is deleted is overwritten.
type file struct {
	write, read *sql.DB
}

var (
	writePragmas = []string{"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "busy_timeout(10000)", "secure_delete(ON)", "journal_size_limit(0)", "temp_store(MEMORY)"}
	readPragmas  = []string{"query_only(ON)", "busy_timeout(10000)", "temp_store(MEMORY)"}
)

func openFile(ctx context.Context, path string) (*file, error) {
	made, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // SQLite gives its other files the same mode
	if err != nil {
		return nil, fmt.Errorf("open the book of orders: %w", err)
	}
	if err := errors.Join(made.Chmod(0o600), made.Close()); err != nil {
		return nil, fmt.Errorf("open the book of orders: %w", err)
	}
	f := &file{}
	if f.write, err = sql.Open("sqlite", dsn(path, "rw", writePragmas)); err == nil {
		f.write.SetMaxOpenConns(1)
		err = migrate(ctx, f.write)
	}
	if err == nil {
		f.read, err = sql.Open("sqlite", dsn(path, "ro", readPragmas))
	}
	if err == nil {
		f.read.SetMaxOpenConns(4)
		err = f.read.PingContext(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("open the book of orders in %s: %w", path, kindOf(errors.Join(err, f.close())))
	}
	return f, nil
}

func dsn(path, mode string, pragmas []string) string {
	q := url.Values{"mode": {mode}, "_pragma": pragmas, "_txlock": {"immediate"}}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: q.Encode()}).String()
}

func migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	var version, application, tables int
	if err := errors.Join(
		tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version),
		tx.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application),
		tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables),
	); err != nil {
		return err
	}
	switch {
	case version > 0 && application != applicationID, version == 0 && (application != 0 || tables > 0):
		return city.Errorf(city.Conflict, "this is an SQLite file, but no book of orders")
	case version > len(migrations):
		return city.Errorf(city.Conflict, "a newer Polity wrote this file (its form is %d, this program knows %d): update Polity, or restore the backup from before", version, len(migrations))
	}
	for i := version; i < len(migrations); i++ {
		if _, err := tx.ExecContext(ctx, migrations[i]); err != nil {
			return fmt.Errorf("bring the file to form %d: %w", i+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d", len(migrations), applicationID)); err != nil {
		return err
	}
	return tx.Commit()
}

func (f *file) close() error {
	var errs []error
	for _, db := range []*sql.DB{f.read, f.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// kindOf gives errors of SQLite a kind that says what to do.
func kindOf(err error) error {
	if err == nil || city.KindOf(err) != city.Internal {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrConnDone) {
		return city.Errorf(city.Unavailable, "%w", err)
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_FULL:
		return city.Errorf(city.Unavailable, "the disk is full, nothing of the change was kept: make room: %w", err)
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return city.Errorf(city.Unavailable, "another program holds the book of orders: try again: %w", err)
	case lib.SQLITE_IOERR, lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY, lib.SQLITE_NOMEM:
		return city.Errorf(city.Unavailable, "the disk or machine fails: %w", err)
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return city.Errorf(city.Internal, "the book of orders is damaged or no database: restore it from a backup: %w", err)
	}
	return err
}
