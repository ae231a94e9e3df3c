package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"runtime"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"polity/internal/bell"
	"polity/internal/groupcommit"
	"polity/internal/sqlitefile"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as Polity's (PRAGMA application_id).
const applicationID = 0x506c7931 // "Ply1"

// Config is what Open needs besides the path.
type Config struct {
	Now func() time.Time // nil: time.Now
	// Feed notes changes for plane.Feed. Somebody must settle them, or the file grows.
	Feed bool
	// Wanted says whether changes are noted now, and is asked for each; nil: always.
	Wanted func() bool
	// Always are types of entities whose changes are noted whatever Wanted says.
	Always []string
}

// Store is a plane.Store in one SQLite file.
type Store struct {
	path  string
	now   func() time.Time
	feed  bool
	wants func() bool // nil: always
	also  []string    // types that are wanted always
	bell  bell.Bell
	write *sql.DB   // one connection
	conn  *sql.Conn // that one, held by the writer
	read  *sql.DB

	queue *groupcommit.Queue[*request]

	// The writer's own.
	statements statements
	series     map[short]numbered
	parts      map[string]bool // tables of history that are there
	noted      bool            // the transaction under way has events
	at         time.Time       // of the batch under way
}

// Open opens the file, makes it if it is not there, and brings it up to date. A
// file that a later version of Polity wrote is refused.
func Open(ctx context.Context, path string, cfg Config) (*Store, error) {
	s := &Store{path: path, now: cfg.Now, feed: cfg.Feed, wants: cfg.Wanted, also: cfg.Always}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("open the city's data in %s: %w", path, kind(errors.Join(err, s.shut())))
	}
	s.queue = groupcommit.New(s.commit, func(error) bool { return true })
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	var err error
	if s.write, err = sql.Open("sqlite", sqlitefile.Address(s.path, "rwc", writePragmas...)); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if s.conn, err = s.write.Conn(ctx); err != nil {
		return err
	}
	if err := sqlitefile.Migrate(ctx, s.conn, migrations, applicationID, "this is an SQLite file, but not one of Polity's"); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if s.read, err = sql.Open("sqlite", sqlitefile.Address(s.path, "ro", readPragmas...)); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(2 * runtime.GOMAXPROCS(0))
	s.read.SetMaxIdleConns(2 * runtime.GOMAXPROCS(0))
	return s.forgetLearnt(ctx)
}

// FULL with a write-ahead log syncs the log at every commit: what was committed
// survives a loss of power (sqlite.org/pragma.html#pragma_synchronous).
var (
	writePragmas = []string{"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "busy_timeout(10000)", "cache_size(-8000)", "wal_autocheckpoint(4000)", "journal_size_limit(67108864)", "temp_store(MEMORY)"}
	readPragmas  = []string{"query_only(ON)", "busy_timeout(10000)", "cache_size(-2000)", "temp_store(MEMORY)"}
)

// Close lets the writer end what it has, then closes the file.
func (s *Store) Close() error {
	s.queue.Close()
	return s.shut()
}

func (s *Store) shut() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.conn != nil {
		errs = append(errs, s.statements.close(), ignoreDone(s.conn.Close()))
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	return errors.Join(errs...)
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}
