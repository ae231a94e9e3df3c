package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"polity/city"
)

// Codes are those of PostgreSQL's manual, appendix A.
const (
	uniqueViolation   = "23505"
	noPartition       = "23514" // check_violation: no partition takes the row
	serialization     = "40001"
	deadlock          = "40P01"
	noPrivilege       = "42501"
	planChanged       = "0A000" // cached plan must not change result type
	noStatement       = "26000" // somebody discarded what was prepared
	diskFull          = "53100"
	readOnly          = "25006" // a standby, or one that was a primary
	lockNotAvailable  = "55P03"
	extensionNotThere = "58P01"
	noDatabase        = "3D000"
	outOfRange        = "22003"
)

func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// conflicts says that somebody else wrote at the same time, so that trying again
// helps.
func conflicts(err error) bool {
	switch code(err) {
	case uniqueViolation, noPartition, serialization, deadlock, planChanged, noStatement:
		return true
	}
	return false
}

// lost says that the connection is gone, rather than that the database refuses.
func lost(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(e.Code, "57P") || strings.HasPrefix(e.Code, "08")
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || pgconn.SafeToRetry(err)
}

// kind gives an error of the database one of our kinds.
func kind(err error) error {
	if err == nil || city.KindOf(err) != city.Internal {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return city.Errorf(city.Unavailable, "%w", err)
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refused(e, err)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok || lost(err) {
		return city.Errorf(city.Unavailable, "the database cannot be reached; is it running, and is its address right? (%w)", err)
	}
	return err
}

func refused(e *pgconn.PgError, err error) error {
	switch e.Code {
	case diskFull:
		return city.Errorf(city.Unavailable, "the database's disk is full: %w", err)
	case readOnly:
		return city.Errorf(city.Unavailable, "the database only reads now; name the primary in its address: %w", err)
	case lockNotAvailable:
		return city.Errorf(city.Unavailable, "somebody else holds what is needed; try again: %w", err)
	case noPrivilege:
		return city.Errorf(city.Forbidden, "the database's user lacks a right: %w", err)
	case outOfRange:
		return city.Errorf(city.TooLarge, "the numbers are too large to be summed: %w", err)
	case noDatabase:
		return city.Errorf(city.Unavailable, "there is no such database; make it with 'createdb': %w", err)
	case uniqueViolation, serialization, deadlock, noPartition, planChanged, noStatement:
		return city.Errorf(city.Unavailable, "others write the same at the same time; try again: %w", err)
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "25", "57": // 25P03: it took too long within a transaction
		return city.Errorf(city.Unavailable, "the database is going down or coming up: %w", err)
	case "28":
		return city.Errorf(city.Unavailable, "the database refuses this user or password: %w", err)
	case "53":
		return city.Errorf(city.Unavailable, "the database lacks room, memory or connections: %w", err)
	case "58":
		return city.Errorf(city.Unavailable, "the database's disk or machine fails: %w", err)
	case "54":
		return city.Errorf(city.TooLarge, "this is more than the database takes: %w", err)
	case "XX":
		return city.Errorf(city.Internal, "the database is damaged or faulty; its log says more: %w", err)
	}
	return err
}

func errClosed() error { return city.Errorf(city.Unavailable, "the store is closed") }

// reading runs f on a connection of the pool; on one that turns out to be dead, once
// more on another. f writes nothing, and tells nobody anything before it has ended.
func (s *Store) reading(ctx context.Context, f func(c *pgxpool.Conn) error) error {
	err := s.pool.AcquireFunc(ctx, f)
	if lost(err) && ctx.Err() == nil {
		s.pool.Reset()
		err = s.pool.AcquireFunc(ctx, f)
	}
	return s.readError(err)
}

// readError tells a store that was closed from one that fails.
func (s *Store) readError(err error) error {
	if err == nil || errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if s.queue.Closed() {
		return errClosed()
	}
	return kind(err)
}
