package order

import (
	"context"
	"database/sql"
	_ "embed" // the schema
	"errors"
	"fmt"

	"polity/city"
	"polity/internal/sqlitefile"
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
	err := sqlitefile.Private(path)
	if err != nil {
		return nil, fmt.Errorf("open the book of orders: %w", err)
	}
	f := &file{}
	if f.write, err = sql.Open("sqlite", sqlitefile.Address(path, "rw", writePragmas...)); err == nil {
		f.write.SetMaxOpenConns(1)
		err = migrate(ctx, f.write)
	}
	if err == nil {
		f.read, err = sql.Open("sqlite", sqlitefile.Address(path, "ro", readPragmas...))
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

func migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	has, err := sqlitefile.ReadForm(ctx, tx)
	switch {
	case err != nil:
		return err
	case has.Version > 0 && has.Application != applicationID, has.Version == 0 && (has.Application != 0 || has.Tables > 0):
		return city.Errorf(city.Conflict, "this is an SQLite file, but no book of orders")
	case has.Version > len(migrations):
		return sqlitefile.Newer(has.Version, len(migrations))
	}
	for i := has.Version; i < len(migrations); i++ {
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
	return sqlitefile.Kind(err, sqlitefile.Words{
		Full: "the disk is full, nothing of the change was kept: make room", Busy: "another program holds the book of orders: try again",
		Failing: "the disk or machine fails", Damaged: "the book of orders is damaged or no database: restore it from a backup",
	})
}
