package hub_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"polity/plane/postgres/postgrestest"
)

// TestCityInPostgreSQL: with a database in its configuration the hub keeps the city's
// data there; a restart of the database in between loses and doubles nothing.
func TestCityInPostgreSQL(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	server := postgrestest.Start(t, "")
	w.cfg.Store = server.Database(t)
	w.enter("square", "edge-1")
	w.start()
	e := w.edge("edge-1")
	total := func() float64 {
		all := w.counts("square", 60)
		if len(all) == 0 {
			return 0
		}
		return all[0].Points[0].Value
	}
	for n := range 30 {
		w.keep(e, "square", observed(n))
	}
	w.eventually("30 minutes are counted", func() bool { return total() == 60 })
	server.Kill(t)
	for n := 20; n < 60; n++ { // ten of them again
		w.keep(e, "square", observed(n))
	}
	server.Run(t)
	w.eventually("an hour is counted once", func() bool { return total() == 120 })
	if _, err := os.Stat(filepath.Join(w.cfg.Data, "city.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is an SQLite file besides: %v", err)
	}
	w.stop() // before its server
}
