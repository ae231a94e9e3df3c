package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"polity/plane"
	stores "polity/plane/backend"
	"polity/plane/postgres/postgrestest"
)

// backend is where the history is.
type backend struct {
	where string
	size  func(ctx context.Context) (int64, error) // bytes on disk
	stop  func() error
}

func start(ctx context.Context, name string) (*backend, error) {
	switch name {
	case "sqlite":
		dir, err := os.MkdirTemp("", "polity-bench-history-")
		if err != nil {
			return nil, err
		}
		return &backend{
			where: dir,
			size:  func(context.Context) (int64, error) { return sizeOf(dir) },
			stop:  func() error { return os.RemoveAll(dir) },
		}, nil
	case "postgres":
		server, err := postgrestest.Open("")
		if err != nil {
			return nil, err
		}
		address, err := server.NewDatabase(ctx)
		if err != nil {
			return nil, errors.Join(err, server.Close())
		}
		return &backend{
			where: address,
			size:  func(ctx context.Context) (int64, error) { return sizeOfTables(ctx, address) },
			stop:  server.Close,
		}, nil
	}
	return nil, fmt.Errorf("there is no backend %q; there are: sqlite, postgres", name)
}

func (b *backend) open(ctx context.Context) (plane.Store, error) {
	return stores.Open(ctx, b.where, stores.Config{})
}

// pack does at once what the hub does in the background; before is the size until then, 0
// where nothing is packed.
func (b *backend) pack(ctx context.Context) (before int64, took time.Duration, err error) {
	s, err := b.open(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	p, ok := s.(plane.Packer)
	if !ok {
		return 0, 0, nil
	}
	if before, err = b.size(ctx); err != nil {
		return 0, 0, err
	}
	start := time.Now()
	_, err = p.Pack(ctx)
	return before, time.Since(start), err
}

// sizeOf is what all files below a folder hold, bytes.
func sizeOf(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}

// sizeOfTables is what the tables of Polity take with their indexes, bytes.
func sizeOfTables(ctx context.Context, address string) (sum int64, err error) {
	db, err := sql.Open("pgx", address)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'polity' AND relkind = 'r'").Scan(&sum)
	return sum, err
}
