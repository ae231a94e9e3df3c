package account

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"polity/city"
	"polity/internal/sqlitefile"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as Polity's accounts (PRAGMA application_id).
const applicationID = 0x506c7941 // "PlyA"

// Accounts is the people of one hub.
type Accounts struct {
	*Reader
	cfg    Config
	now    func() time.Time
	log    *slog.Logger
	at     atomic.Pointer[place] // nil until the origin is known
	limits *limits
	dummy  dummy

	writing sync.Mutex                   // one change at a time
	write   *sql.DB                      // one connection
	fault   func(statement string) error // of tests: an error in place of a statement

	cache      cache
	ceremonies ceremonies

	closing chan struct{}
	once    sync.Once
	done    sync.WaitGroup
}

// Open opens the file of accounts, makes it if it is not there, brings it up to date, and
// checks the book. A file that a later version wrote, or that is damaged, is refused.
func Open(ctx context.Context, cfg Config) (*Accounts, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	cfg.Settings = cfg.WithDefaults()
	a := &Accounts{Reader: &Reader{}, cfg: cfg, now: cfg.Now, log: cfg.Log, closing: make(chan struct{})}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.limits = newLimits(a.now)
	a.cache.reset()
	var err error
	if a.dummy, err = newDummy(); err != nil {
		return nil, err
	}
	if cfg.Origin != "" {
		if err := a.SetOrigin(cfg.Origin); err != nil {
			return nil, err
		}
	}
	if err := a.open(ctx); err != nil {
		return nil, fmt.Errorf("open the accounts in %s: %w", cfg.Path, kind(errors.Join(err, a.shut())))
	}
	a.clearAway()
	a.done.Go(a.keep)
	return a, nil
}

func (a *Accounts) open(ctx context.Context) error {
	if err := sqlitefile.Private(a.cfg.Path); err != nil {
		return city.Errorf(city.Unavailable, "%w", err)
	}
	var err error
	if a.write, err = sql.Open("sqlite", dsn(a.cfg.Path, writePragmas)); err != nil {
		return err
	}
	a.write.SetMaxOpenConns(1)
	c, err := a.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := sound(ctx, c); err != nil {
		return err
	}
	if err := sqlitefile.Migrate(ctx, c, migrations, applicationID, "this is an SQLite file, but not one of Polity's accounts"); err != nil {
		return err
	}
	if a.read, err = sql.Open("sqlite", dsn(a.cfg.Path, readPragmas)); err != nil {
		return err
	}
	a.read.SetMaxOpenConns(2 * runtime.GOMAXPROCS(0))
	a.read.SetMaxIdleConns(2 * runtime.GOMAXPROCS(0))
	_, _, err = a.Verify(ctx)
	return err
}

// OpenReadOnly opens a file of accounts to look at, whether or not a hub uses it. A file
// that is not there is an error of kind NotFound.
func OpenReadOnly(ctx context.Context, path string) (*Reader, error) {
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, city.Errorf(city.NotFound, "there are no accounts in %s: has 'polity hub' run with this folder?", path)
		}
		return nil, city.Errorf(city.Unavailable, "%w", err)
	}
	r := &Reader{}
	var err error
	if r.read, err = sql.Open("sqlite", dsn(path, readPragmas)); err != nil {
		return nil, err
	}
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	f, err := sqlitefile.ReadForm(ctx, r.read)
	if err == nil && (f.Version != len(files) || f.Application != applicationID) {
		err = city.Errorf(city.Conflict, "this is no file of accounts of this version of Polity (form %d, here %d)", f.Version, len(files))
	}
	if err != nil {
		return nil, fmt.Errorf("open the accounts in %s: %w", path, kind(errors.Join(err, r.read.Close())))
	}
	return r, nil
}

// FULL with a write-ahead log syncs the log at every commit: what was committed survives a
// loss of power (sqlite.org/pragma.html#pragma_synchronous).
var (
	writePragmas = []string{"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "busy_timeout(5000)", "temp_store(MEMORY)"}
	readPragmas  = []string{"query_only(ON)", "busy_timeout(5000)", "temp_store(MEMORY)"}
)

// dsn opens for writing also what is only read: a reader alone may have to make the files
// beside the database, and query_only keeps it from more.
func dsn(path string, pragmas []string) string {
	return sqlitefile.Address(path, "rw", pragmas...)
}

// sound refuses a file that is damaged.
func sound(ctx context.Context, c *sql.Conn) error {
	var said string
	if err := c.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&said); err != nil {
		return err
	}
	if said != "ok" {
		return city.Errorf(city.Internal, "the file is damaged (%s): restore it from a backup; without one move it away and enrol everybody again", said)
	}
	return nil
}

// Close writes down when sessions were last used, and closes the file. Whatever waits for
// the end of a session is told.
func (a *Accounts) Close() error {
	a.once.Do(func() { close(a.closing) })
	a.done.Wait()
	err := a.flush(context.Background())
	a.cache.endAll()
	return errors.Join(err, a.shut())
}

func (a *Accounts) shut() error {
	var errs []error
	if a.read != nil {
		errs = append(errs, a.read.Close())
	}
	if a.write != nil {
		errs = append(errs, a.write.Close())
	}
	return errors.Join(errs...)
}
