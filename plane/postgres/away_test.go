package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/postgres"
	"polity/plane/postgres/postgrestest"
)

func open(t testing.TB, address string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), address, postgres.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func thing(id string) *plane.Entity {
	return &plane.Entity{Key: plane.Key{ID: id}, Types: []string{"T"}, Attributes: []plane.Attribute{{Name: "n", Kind: plane.Property, Value: json.RawMessage(`1`)}}}
}

func observation(id string, at time.Time) plane.Observation {
	return plane.Observation{Series: plane.Series{Key: plane.Key{ID: id}, Attribute: "n"}, Start: at.Truncate(time.Millisecond), Value: 1}
}

func put(t testing.TB, s plane.Store, e *plane.Entity) error {
	t.Helper()
	r, err := s.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Put(e)}})
	if err == nil {
		err = r.Err()
	}
	return err
}

func count(t *testing.T, s plane.Store) int64 {
	t.Helper()
	p, err := s.Find(t.Context(), plane.Query{Count: true, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	return p.Total
}

// TestWhatWasAcknowledgedSurvivesKills kills the server while eight write, and
// starts it again, while they go on.
func TestWhatWasAcknowledgedSurvivesKills(t *testing.T) {
	server := postgrestest.Start(t, "")
	s := open(t, server.Database(t))
	const writers, kills = 8, 3
	acknowledged := make([][]string, writers)
	var total, failed atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	for w := range writers {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprintf("urn:x:%d-%d", w, n)
				b := &plane.Batch{Changes: []plane.Change{plane.Put(thing(id))}, Observations: []plane.Observation{observation("urn:x:series", time.UnixMilli(int64(w*1e6+n)))}}
				_, err := s.Write(context.Background(), b)
				for ; err != nil && ctx.Err() == nil; _, err = s.Write(context.Background(), b) { // the same again
					if city.KindOf(err) != city.Unavailable {
						t.Error(err)
						return
					}
					failed.Add(1)
					time.Sleep(5 * time.Millisecond)
				}
				if err == nil {
					acknowledged[w] = append(acknowledged[w], id)
					total.Add(1)
				}
			}
		})
	}
	for round := range kills {
		more(t, &total, int64(100+50*round))
		server.Kill(t)
		more(t, &failed, 1)
		server.Run(t)
	}
	more(t, &total, 50)
	stop()
	all.Wait()
	for _, list := range acknowledged {
		for _, id := range list {
			if _, err := s.Entity(t.Context(), plane.Key{ID: id}); err != nil {
				t.Errorf("acknowledged and lost: %v", err)
			}
		}
	}
	observed := int64(0)
	if err := s.History(t.Context(), plane.HistoryQuery{Key: plane.Key{ID: "urn:x:series"}}, func(plane.Observation) error { observed++; return nil }); err != nil {
		t.Fatal(err)
	}
	if entities := count(t, s); entities < total.Load() || observed != entities {
		t.Errorf("%d acknowledged, %d entities, %d observations of the same batches", total.Load(), entities, observed)
	}
	t.Logf("%d acknowledged, %d refused while the server was away", total.Load(), failed.Load())
}

// more waits until a counter has risen by n.
func more(t *testing.T, counter *atomic.Int64, n int64) {
	t.Helper()
	begun, deadline := counter.Load(), time.Now().Add(time.Minute)
	for counter.Load() < begun+n {
		if time.Now().After(deadline) {
			t.Fatalf("in a minute %d of %d", counter.Load()-begun, n)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestDatabaseThatIsAwayComesBack(t *testing.T) {
	server := postgrestest.Start(t, "")
	address := server.Database(t)
	s := open(t, address)
	key := plane.Key{ID: "urn:x:1"}
	if err := put(t, s, thing(key.ID)); err != nil {
		t.Fatal(err)
	}
	// A restart between two operations is not noticed.
	for range 2 {
		if _, err := s.Entity(t.Context(), key); err != nil { // leaves a connection in the pool
			t.Fatal(err)
		}
		server.Stop(t)
		server.Run(t)
		if _, err := s.Entity(t.Context(), key); err != nil {
			t.Errorf("read after a restart: %v", err)
		}
		if err := put(t, s, thing("urn:x:2")); err != nil {
			t.Errorf("write after a restart: %v", err)
		}
	}
	server.Stop(t)
	nothing := func(plane.Observation) error { return nil }
	for what, err := range map[string]error{
		"write":   put(t, s, thing("urn:x:3")),
		"entity":  second(s.Entity(t.Context(), key)),
		"find":    second(s.Find(t.Context(), plane.Query{})),
		"history": s.History(t.Context(), plane.HistoryQuery{Key: key}, nothing),
		"forget":  second(s.Forget(t.Context(), key, time.Now())),
		"dump":    s.Dump(t.Context(), func(*plane.Entity) error { return nil }, nothing),
		"open":    second(postgres.Open(t.Context(), address, postgres.Config{})),
	} {
		if city.KindOf(err) != city.Unavailable || !strings.Contains(err.Error(), "cannot be reached") {
			t.Errorf("%s: %v", what, err)
		}
	}
	server.Run(t)
	if err := put(t, s, thing("urn:x:4")); err != nil {
		t.Error(err)
	}
	if n := count(t, s); n != 3 {
		t.Errorf("%d entities", n)
	}
}

func second[T any](_ T, err error) error { return err }

// TestWaitingEndsWithItsContext: a write that waits behind one that hangs.
func TestWaitingEndsWithItsContext(t *testing.T) {
	s := open(t, postgrestest.Shared(t).Database(t))
	begun, release := make(chan struct{}), make(chan struct{})
	var first sync.WaitGroup
	first.Go(func() {
		c := plane.Create(thing("urn:x:slow"))
		edit := c.Edit
		c.Edit = func(old *plane.Entity) (*plane.Entity, error) {
			close(begun)
			<-release
			return edit(old)
		}
		if _, err := s.Write(t.Context(), &plane.Batch{Changes: []plane.Change{c}}); err != nil {
			t.Error(err)
		}
	})
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.Write(ctx, &plane.Batch{Changes: []plane.Change{plane.Create(thing("urn:x:waits"))}}); city.KindOf(err) != city.Unavailable {
		t.Error(err)
	}
	close(release)
	first.Wait()
	if n := count(t, s); n != 1 {
		t.Errorf("%d entities: one that was given up is stored", n)
	}
}

func TestFullDiskRefusesAndRecovers(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "polity-full-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=120m"); err != nil {
		t.Skipf("a small file system cannot be mounted here (%v): run as root to test a full disk", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	t.Run("server", func(t *testing.T) { // it ends before its file system
		server := postgrestest.Start(t, filepath.Join(dir, "s"))
		s := open(t, server.Database(t))
		ballast, err := os.Create(filepath.Join(dir, "ballast"))
		if err != nil {
			t.Fatal(err)
		}
		defer ballast.Close()
		size, _ := io.CopyN(ballast, zeros{}, 1<<30) // until nothing more goes
		if err := ballast.Truncate(size - 4<<20); err != nil {
			t.Fatal(err)
		}
		big := thing("urn:x:big")
		big.Attributes[0].Value = json.RawMessage(`"` + strings.Repeat("0123456789abcdef", 4096) + `"`)
		stored := int64(0)
		var full error
		for n := 0; full == nil && n < 10_000; n++ {
			big.ID = fmt.Sprintf("urn:x:%d", n)
			if full = put(t, s, big); full == nil {
				stored++
			}
		}
		if city.KindOf(full) != city.Unavailable || stored == 0 {
			t.Fatalf("after %d: %v", stored, full)
		}
		t.Logf("after %d: %v", stored, full)
		if err := os.Remove(ballast.Name()); err != nil {
			t.Fatal(err)
		}
		ballast.Close()
		after := func() error { return put(t, s, thing("urn:x:after")) }
		err = after()
		for deadline := time.Now().Add(2 * time.Minute); err != nil && city.KindOf(err) == city.Unavailable && time.Now().Before(deadline); err = after() {
			server.Revive(t)
			time.Sleep(20 * time.Millisecond) // it may be recovering
		}
		if err != nil {
			t.Fatalf("with room again: %v", err)
		}
		if n := count(t, s); n != stored+1 && n != stored+2 { // the refused one, if it was in the very commit
			t.Errorf("%d stored, %d there", stored+1, n)
		}
	})
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
