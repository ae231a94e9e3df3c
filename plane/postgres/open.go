package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"polity/internal/bell"
	"polity/internal/groupcommit"
)

// Config is what Open needs besides the address.
type Config struct {
	Now func() time.Time // nil: time.Now
	// Feed notes changes for plane.Feed. Somebody must settle them, or the database
	// grows.
	Feed bool
	// Wanted says whether changes are noted now, and is asked for each; nil: always.
	Wanted func() bool
	// Always are types of entities whose changes are noted whatever Wanted says.
	Always []string
}

// Store is a plane.Store in a PostgreSQL database.
type Store struct {
	name  string // of the database, for errors
	now   func() time.Time
	feed  bool
	wants func() bool
	also  []string // types that are wanted always
	bell  bell.Bell
	pool  *pgxpool.Pool // for readers, and for what forgets

	queue *groupcommit.Queue[*request]

	packing     sync.Mutex // of packedUntil
	packedUntil time.Time  // days before it were looked through

	// The writer's own.
	address *pgx.ConnConfig
	conn    *pgx.Conn // nil or closed: to be made
	series  map[short]int32
	parts   map[string]bool // partitions of history that are there
}

// Open connects to the database at an address, postgres://USER@HOST:PORT/NAME, and
// brings its schema up to date. A password may stand in the address, in the
// environment (PGPASSWORD) or in a password file (PGPASSFILE). A schema that a later
// version of Polity wrote is refused. When the database goes away afterwards,
// operations fail with city.Unavailable until it is back.
func Open(ctx context.Context, address string, cfg Config) (*Store, error) {
	parsed, err := parse(address)
	if err != nil {
		return nil, err
	}
	s := &Store{name: named(parsed.ConnConfig), now: cfg.Now, feed: cfg.Feed, wants: cfg.Wanted, also: cfg.Always, address: parsed.ConnConfig.Copy()}
	if s.now == nil {
		s.now = time.Now
	}
	parsed.ConnConfig.RuntimeParams = maps.Clone(parsed.ConnConfig.RuntimeParams)
	parsed.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	// One plan for all types and times would suit none: a type may have three entities
	// or most of them.
	parsed.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_custom_plan"
	if s.pool, err = pgxpool.NewWithConfig(ctx, parsed); err == nil {
		err = s.connect(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("open the city's data in %s: %w", s.name, kind(errors.Join(err, s.shut())))
	}
	s.queue = groupcommit.New(s.commit, apart)
	return s, nil
}

// String names the database, without its password.
func (s *Store) String() string { return s.name }

// connect makes the writer's connection if there is none that works, and learns anew
// what is there: it may be another server than before.
func (s *Store) connect(ctx context.Context) (err error) {
	if s.conn != nil && !s.conn.IsClosed() {
		return nil
	}
	conn, err := pgx.ConnectConfig(ctx, s.address.Copy())
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
		}
	}()
	if err := settings(ctx, conn); err != nil {
		return err
	}
	if err := migrate(ctx, conn); err != nil {
		return err
	}
	// What the writer names by its key is found by its key, whatever the planner thinks of
	// tables that were small when it planned.
	if _, err := conn.Exec(ctx, "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off", pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	s.conn, s.series = conn, map[short]int32{}
	if err := s.listParts(ctx); err != nil {
		return err
	}
	return s.makeParts(ctx, s.ahead())
}

// Close lets the writer end what it has, then closes the connections.
func (s *Store) Close() error {
	s.queue.Close()
	return s.shut()
}

func (s *Store) shut() error {
	if s.pool != nil {
		s.pool.Close()
	}
	if s.conn == nil || s.conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	return s.conn.Close(ctx)
}
