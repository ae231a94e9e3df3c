package sqlite_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"polity/plane"
	"polity/plane/sqlite"
)

// BenchmarkCreate creates entities from 16 goroutines; BenchmarkBareCommit is the
// same number of single-row commits without anything else.
func BenchmarkCreate(b *testing.B) {
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "city.db"), sqlite.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var n atomic.Int64
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Write(b.Context(), &plane.Batch{Changes: []plane.Change{plane.Create(thing(fmt.Sprintf("urn:x:%d", n.Add(1))))}}); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkBareCommit(b *testing.B) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "bare.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE TABLE t (id TEXT PRIMARY KEY, body TEXT)"); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := db.Exec("INSERT INTO t VALUES (?, ?)", fmt.Sprintf("urn:x:%d", n.Add(1)), "{}"); err != nil {
				b.Error(err)
			}
		}
	})
}
