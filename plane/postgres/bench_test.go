package postgres_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"polity/plane"
	"polity/plane/postgres/postgrestest"
)

const clients = 16

// BenchmarkCreate creates entities from 16 goroutines; BenchmarkBareCommit is the
// same number of single-row commits by as many connections, without anything else.
func BenchmarkCreate(b *testing.B) {
	s := open(b, postgrestest.Shared(b).Database(b))
	var n atomic.Int64
	b.ResetTimer()
	b.SetParallelism(max(1, clients/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Write(b.Context(), &plane.Batch{Changes: []plane.Change{plane.Create(thing(fmt.Sprintf("urn:x:%d", n.Add(1))))}}); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkBareCommit(b *testing.B) {
	cfg, err := pgxpool.ParseConfig(postgrestest.Shared(b).Database(b))
	if err != nil {
		b.Fatal(err)
	}
	cfg.MaxConns = clients
	pool, err := pgxpool.NewWithConfig(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(b.Context(), "CREATE TABLE t (id text PRIMARY KEY, body text)"); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.ResetTimer()
	b.SetParallelism(max(1, clients/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := pool.Exec(b.Context(), "INSERT INTO t VALUES ($1, $2)", fmt.Sprintf("urn:x:%d", n.Add(1)), "{}"); err != nil {
				b.Error(err)
			}
		}
	})
}
