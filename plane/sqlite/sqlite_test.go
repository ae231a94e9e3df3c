package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"polity/plane"
	"polity/plane/planetest"
	"polity/plane/sqlite"
)

func TestPlane(t *testing.T) {
	planetest.Run(t, func(t *testing.T) planetest.Backend {
		path := filepath.Join(t.TempDir(), "city data.db") // a space, as people have in paths
		return planetest.Backend{Open: func(t *testing.T, now func() time.Time) plane.Store {
			s, err := sqlite.Open(t.Context(), path, sqlite.Config{Now: now, Feed: true})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}}
	})
}
