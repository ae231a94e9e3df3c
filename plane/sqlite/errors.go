package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"polity/city"
)

// kind gives an error of the database one of our kinds.
func kind(err error) error {
	if err == nil || city.KindOf(err) != city.Internal {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, sql.ErrConnDone):
		return city.Errorf(city.Unavailable, "%w", err)
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_FULL:
		return city.Errorf(city.Unavailable, "the disk is full: %w", err)
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return city.Errorf(city.Unavailable, "another program holds the file: %w", err)
	case lib.SQLITE_IOERR, lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY, lib.SQLITE_NOMEM:
		return city.Errorf(city.Unavailable, "the disk or machine fails: %w", err)
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return city.Errorf(city.Internal, "the file is damaged or no database; restore it from a backup: %w", err)
	}
	return err
}

func errClosed() error { return city.Errorf(city.Unavailable, "the store is closed") }

// ignoreNoTransaction passes over a rollback that the database has done itself.
func ignoreNoTransaction(err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code() == lib.SQLITE_ERROR {
		return nil
	}
	return err
}
