package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the drivers that Polity uses, too
	_ "modernc.org/sqlite"

	"polity/plane/postgres/postgrestest"
)

// backend is a database that a hub can use, and bare commits on the like of it.
type backend struct {
	config string // lines for the hub's configuration
	// filled is called once the entities are there.
	filled func(ctx context.Context) error
	bare   func(ctx context.Context, clients int, d time.Duration) (perSecond float64, err error)
	stop   func() error
}

func start(ctx context.Context, name, dir string) (*backend, error) {
	switch name {
	case "sqlite":
		return &backend{
			bare: func(ctx context.Context, clients int, d time.Duration) (float64, error) {
				path := filepath.Join(dir, fmt.Sprintf("bare-%d.db", clients))
				db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)")
				if err != nil {
					return 0, err
				}
				defer db.Close()
				db.SetMaxOpenConns(1) // SQLite has one writer
				return commits(ctx, db, "?, ?", clients, d)
			},
			filled: func(context.Context) error { return nil },
			stop:   func() error { return nil },
		}, nil
	case "postgres":
		return startPostgres(ctx)
	}
	return nil, fmt.Errorf("there is no backend %q; there are: sqlite, postgres", name)
}

// startPostgres runs a PostgreSQL server of the benchmark's own, from Debian's packages.
func startPostgres(ctx context.Context) (*backend, error) {
	server, err := postgrestest.Open("")
	if err != nil {
		return nil, err
	}
	address, err := server.NewDatabase(ctx)
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return &backend{
		config: fmt.Sprintf("  store: %q\n", address),
		bare: func(ctx context.Context, clients int, d time.Duration) (float64, error) {
			address, err := server.NewDatabase(ctx)
			if err != nil {
				return 0, err
			}
			db, err := sql.Open("pgx", address)
			if err != nil {
				return 0, err
			}
			defer db.Close()
			db.SetMaxOpenConns(clients)
			db.SetMaxIdleConns(clients)
			return commits(ctx, db, "$1, $2", clients, d)
		},
		filled: func(ctx context.Context) error { // what autovacuum does within a minute
			db, err := sql.Open("pgx", address)
			if err != nil {
				return err
			}
			defer db.Close()
			_, err = db.ExecContext(ctx, "VACUUM ANALYZE polity.entity")
			return err
		},
		stop: server.Close,
	}, nil
}

// commits inserts rows, one to a commit.
func commits(ctx context.Context, db *sql.DB, values string, clients int, d time.Duration) (float64, error) {
	if _, err := db.ExecContext(ctx, "CREATE TABLE bare (id TEXT PRIMARY KEY, body TEXT)"); err != nil {
		return 0, err
	}
	insert := "INSERT INTO bare VALUES (" + values + ")" //nolint:gosec // our own placeholders
	body := strings.Repeat("x", 500)                     // about an entity
	var n atomic.Int64
	errs := make([]error, clients)
	began := time.Now()
	end := began.Add(d)
	var group sync.WaitGroup
	for k := range clients {
		group.Go(func() {
			for time.Now().Before(end) && errs[k] == nil {
				_, errs[k] = db.ExecContext(ctx, insert, fmt.Sprintf("urn:x:%d", n.Add(1)), body)
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return float64(n.Load()) / time.Since(began).Seconds(), nil
}
