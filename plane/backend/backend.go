// Package backend opens the city's data wherever a configuration says it is: in a
// PostgreSQL database or in an SQLite file.
package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/postgres"
	"polity/plane/sqlite"
)

// File is the name of the SQLite file in a folder.
const File = "city.db"

// Config is what opening needs besides where the data is.
type Config struct {
	Now  func() time.Time // nil: time.Now
	Feed bool             // note changes for plane.Feed; somebody must settle them
	// Wanted says whether changes are noted now; nil: always.
	Wanted func() bool
	// Always are types of entities whose changes are noted whatever Wanted says.
	Always []string
}

// Check reports what is wrong with where a store is said to be, without opening it.
// No error shows a password.
func Check(where string) error {
	if postgres.IsAddress(where) {
		return postgres.Check(where)
	}
	if where == "" {
		return city.Errorf(city.Invalid, "say where the data is: postgres://..., a folder with a %s, or an SQLite file", File)
	}
	return nil
}

// Open opens what is at an address postgres://..., in a folder, or in an SQLite file.
// It makes what is not there. Every store is a plane.Feed and a plane.Summarizer too.
func Open(ctx context.Context, where string, cfg Config) (plane.Store, error) {
	if err := Check(where); err != nil {
		return nil, err
	}
	if postgres.IsAddress(where) {
		s, err := postgres.Open(ctx, where, postgres.Config{Now: cfg.Now, Feed: cfg.Feed, Wanted: cfg.Wanted, Always: cfg.Always})
		if err != nil {
			return nil, err // not a nil *Store as a Store
		}
		return s, nil
	}
	s, err := sqlite.Open(ctx, file(where), sqlite.Config{Now: cfg.Now, Feed: cfg.Feed, Wanted: cfg.Wanted, Always: cfg.Always})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// OpenExisting opens what is there already: NotFound otherwise.
func OpenExisting(ctx context.Context, where string, cfg Config) (plane.Store, error) {
	if err := Check(where); err != nil {
		return nil, err
	}
	if !postgres.IsAddress(where) {
		switch _, err := os.Stat(file(where)); {
		case errors.Is(err, os.ErrNotExist):
			return nil, city.Errorf(city.NotFound, "there is no data in %s", file(where))
		case err != nil:
			return nil, fmt.Errorf("open the city's data: %w", err)
		}
	}
	return Open(ctx, where, cfg)
}

func file(where string) string {
	if info, err := os.Stat(where); err == nil && info.IsDir() {
		return filepath.Join(where, File)
	}
	return where
}
