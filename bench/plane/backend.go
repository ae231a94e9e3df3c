package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver that Polity uses, too
)

// backend is a database that a hub can use, and bare commits on the like of it.
type backend struct {
	config string // lines for the hub's configuration
	bare   func(ctx context.Context, clients int, d time.Duration) (perSecond float64, err error)
	stop   func()
}

func start(_ context.Context, name, dir string) (*backend, error) {
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
			stop: func() {},
		}, nil
	}
	return nil, fmt.Errorf("there is no backend %q; there is: sqlite", name)
}

// commits inserts rows, one to a commit.
func commits(ctx context.Context, db *sql.DB, values string, clients int, d time.Duration) (float64, error) {
	if _, err := db.ExecContext(ctx, "CREATE TABLE bare (id TEXT PRIMARY KEY, body TEXT)"); err != nil {
		return 0, err
	}
	insert, err := db.PrepareContext(ctx, "INSERT INTO bare VALUES ("+values+")")
	if err != nil {
		return 0, err
	}
	defer insert.Close()
	body := strings.Repeat("x", 500) // about an entity
	var n atomic.Int64
	errs := make([]error, clients)
	began := time.Now()
	end := began.Add(d)
	var group sync.WaitGroup
	for k := range clients {
		group.Go(func() {
			for time.Now().Before(end) && errs[k] == nil {
				_, errs[k] = insert.ExecContext(ctx, fmt.Sprintf("urn:x:%d", n.Add(1)), body)
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
