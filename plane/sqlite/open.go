package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"runtime"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"polity/city"
	"polity/internal/bell"
	"polity/internal/groupcommit"
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
	if s.write, err = sql.Open("sqlite", dsn(s.path, "rwc", writePragmas)); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if s.conn, err = s.write.Conn(ctx); err != nil {
		return err
	}
	if err := migrate(ctx, s.conn); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if s.read, err = sql.Open("sqlite", dsn(s.path, "ro", readPragmas)); err != nil {
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

func dsn(path, mode string, pragmas []string) string {
	q := url.Values{"mode": {mode}, "_pragma": pragmas, "_txlock": {"immediate"}}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// migrate runs the migrations that the file has not had, each in a transaction,
// after checking that those it had are the ones we know.
func migrate(ctx context.Context, c *sql.Conn) error {
	files, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return err
	}
	var version, application int
	if err := errors.Join(
		c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version),
		c.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application),
	); err != nil {
		return err
	}
	switch {
	case version > len(files):
		return city.Errorf(city.Conflict, "a newer Polity wrote this file (its form is %d, this program knows %d): update Polity, or restore the backup from before", version, len(files))
	case version > 0 && application != applicationID, version == 0 && application != 0:
		return city.Errorf(city.Conflict, "this is an SQLite file, but not one of Polity's")
	}
	if version == 0 {
		if err := mustBeEmpty(ctx, c); err != nil {
			return err
		}
	}
	for i, name := range files {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		digest := hex.EncodeToString(sum[:])
		if i < version {
			if err := checkMigration(ctx, c, i+1, digest); err != nil {
				return err
			}
			continue
		}
		if err := runMigration(ctx, c, i+1, string(text), digest); err != nil {
			return fmt.Errorf("bring the file to form %d: %w", i+1, err)
		}
	}
	return nil
}

func mustBeEmpty(ctx context.Context, c *sql.Conn) error {
	var tables int
	if err := c.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if tables > 0 {
		return city.Errorf(city.Conflict, "this is an SQLite file, but not one of Polity's")
	}
	return nil
}

func checkMigration(ctx context.Context, c *sql.Conn, version int, digest string) error {
	var had string
	err := c.QueryRowContext(ctx, "SELECT digest FROM migration WHERE version = ?", version).Scan(&had)
	if err == nil && had != digest {
		err = city.Errorf(city.Conflict, "the file was brought to form %d by another program than this one (%.12s, here %.12s)", version, had, digest)
	}
	return err
}

func runMigration(ctx context.Context, c *sql.Conn, version int, text, digest string) (err error) {
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, rollback := c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
			err = errors.Join(err, rollback)
		}
	}()
	const note = "CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY, digest TEXT NOT NULL) STRICT"
	for _, q := range []string{text, note, fmt.Sprintf("PRAGMA user_version = %d", version), fmt.Sprintf("PRAGMA application_id = %d", applicationID)} {
		if _, err := c.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	if _, err := c.ExecContext(ctx, "INSERT INTO migration (version, digest) VALUES (?, ?)", version, digest); err != nil {
		return err
	}
	_, err = c.ExecContext(ctx, "COMMIT")
	return err
}

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
