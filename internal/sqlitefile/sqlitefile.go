// Package sqlitefile is what every SQLite file of Polity's has in common: how it is opened,
// for whom, which form it has, and what its errors mean.
package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"modernc.org/sqlite" // and the driver "sqlite"
	lib "modernc.org/sqlite/lib"

	"polity/city"
)

// Address is a file as the driver takes it: mode is ro, rw or rwc (sqlite.org/uri.html), and
// transactions begin with the lock to write.
func Address(path, mode string, pragmas ...string) string {
	q := url.Values{"mode": {mode}, "_pragma": pragmas, "_txlock": {"immediate"}}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// Private makes a file, if it is not there, for its owner alone, where SQLite would use the
// umask. SQLite gives the files beside it the same mode.
func Private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// Form is what a file says of itself.
type Form struct {
	Version     int // PRAGMA user_version
	Application int // PRAGMA application_id
	Tables      int // how many there are, with indexes
}

// ReadForm reads it from a database, connection or transaction.
func ReadForm(ctx context.Context, from interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
},
) (f Form, err error) {
	return f, errors.Join(
		from.QueryRowContext(ctx, "PRAGMA user_version").Scan(&f.Version),
		from.QueryRowContext(ctx, "PRAGMA application_id").Scan(&f.Application),
		from.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&f.Tables),
	)
}

// Words are what to do, put before the database's own.
type Words struct{ Full, Busy, Failing, Damaged string }

// Kind gives an error of the database one of our kinds. Codes in failing count as those of a
// disk that fails.
func Kind(err error, say Words, failing ...int) error {
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
	switch code := e.Code() & 0xff; code {
	case lib.SQLITE_FULL:
		return city.Errorf(city.Unavailable, "%s: %w", say.Full, err)
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return city.Errorf(city.Unavailable, "%s: %w", say.Busy, err)
	case lib.SQLITE_IOERR, lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY, lib.SQLITE_NOMEM:
		return city.Errorf(city.Unavailable, "%s: %w", say.Failing, err)
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return city.Errorf(city.Internal, "%s: %w", say.Damaged, err)
	default:
		if slices.Contains(failing, code) {
			return city.Errorf(city.Unavailable, "%s: %w", say.Failing, err)
		}
	}
	return err
}

// IgnoreNoTransaction passes over a rollback that the database has done itself.
func IgnoreNoTransaction(err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code() == lib.SQLITE_ERROR {
		return nil
	}
	return err
}
