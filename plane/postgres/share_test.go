package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"polity/plane"
	"polity/plane/postgres"
	"polity/plane/postgres/postgrestest"
)

// TestTwoProgramsOnOneDatabase: what two stores do to the same entities and series
// never crosses, and an observation is added by one of them.
func TestTwoProgramsOnOneDatabase(t *testing.T) {
	address := postgrestest.Shared(t).Database(t)
	stores := []*postgres.Store{open(t, address), open(t, address)}
	const writers, each = 4, 40
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var added, created atomic.Int64
	var all sync.WaitGroup
	for _, s := range stores {
		for w := range writers {
			all.Go(func() {
				for i := range each {
					b := &plane.Batch{Changes: []plane.Change{{Key: plane.Key{ID: "urn:x:counter"}, Edit: increment}}}
					for j := range 5 {
						n := w*each + i + j // others write some of the same, in another order
						if w%2 == 1 {
							n = writers*each - n
						}
						b.Changes = append(b.Changes, plane.Create(thing(fmt.Sprintf("urn:x:%d", n))))
						b.Observations = append(b.Observations, observation(fmt.Sprintf("urn:x:%d", n%7), begin.AddDate(0, 0, n)))
					}
					r, err := s.Write(context.Background(), b)
					if err != nil {
						t.Error(err)
						return
					}
					added.Add(int64(r.Added))
					for _, refused := range r.Refused[1:] {
						if refused == nil {
							created.Add(1)
						}
					}
				}
			})
		}
	}
	all.Wait()
	e, err := stores[0].Entity(t.Context(), plane.Key{ID: "urn:x:counter"})
	if err != nil || string(e.Attribute("n").Value) != fmt.Sprint(2*writers*each) {
		t.Errorf("counted to %s, %v", e.Attribute("n").Value, err)
	}
	var entities, observations int64
	if err := stores[1].Dump(t.Context(), func(*plane.Entity) error { entities++; return nil }, func(plane.Observation) error { observations++; return nil }); err != nil {
		t.Fatal(err)
	}
	if entities != created.Load()+1 || observations != added.Load() {
		t.Errorf("%d entities, %d said to be created; %d observations, %d said to be added", entities, created.Load()+1, observations, added.Load())
	}
}

func increment(old *plane.Entity) (*plane.Entity, error) {
	n := 0
	if old == nil {
		old = thing("urn:x:counter")
	} else if err := json.Unmarshal(old.Attribute("n").Value, &n); err != nil {
		return nil, err
	}
	old.Attribute("n").Value = json.RawMessage(fmt.Sprint(n + 1))
	return old, nil
}

// TestFeedOfTwoPrograms: who follows the feed by its numbers misses no change of
// either program, and each goes on from the one before.
func TestFeedOfTwoPrograms(t *testing.T) {
	address := postgrestest.Shared(t).Database(t)
	var stores []*postgres.Store
	for range 2 {
		s, err := postgres.Open(t.Context(), address, postgres.Config{Feed: true})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		stores = append(stores, s)
	}
	const writers, each = 3, 40
	var all sync.WaitGroup
	for _, s := range stores {
		for range writers {
			all.Go(func() {
				for i := range each {
					c := plane.Change{Key: plane.Key{ID: fmt.Sprintf("urn:x:%d", i%3)}, Edit: increment}
					c.Edit = func(old *plane.Entity) (*plane.Entity, error) {
						e, err := increment(old)
						if err == nil {
							e.ID = c.Key.ID
						}
						return e, err
					}
					r, err := s.Write(context.Background(), &plane.Batch{Changes: []plane.Change{c}})
					if err := errors.Join(err, r.Err()); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	versions := map[string]uint64{}
	after := uint64(0)
	for n := 0; n < 2*writers*each; {
		if err := stores[0].Await(ctx, after); err != nil {
			t.Fatalf("after %d events: %v", n, err)
		}
		list, err := stores[0].Events(ctx, after, 5)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if n, after = n+1, e.Sequence; e.After.Version != versions[e.ID]+1 {
				t.Fatalf("event %d brings %s from version %d to %d", e.Sequence, e.ID, versions[e.ID], e.After.Version)
			}
			versions[e.ID]++
		}
	}
	all.Wait()
}

func TestProgramsThatStartTogether(t *testing.T) {
	address := postgrestest.Shared(t).Database(t)
	var all sync.WaitGroup
	for n := range 6 {
		all.Go(func() {
			s, err := postgres.Open(t.Context(), address, postgres.Config{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(put(t, s, thing(fmt.Sprintf("urn:x:%d", n))), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := count(t, open(t, address)); n != 6 {
		t.Errorf("%d entities", n)
	}
}

func TestPanickingEditHarmsNobodyElse(t *testing.T) {
	s := open(t, postgrestest.Shared(t).Database(t))
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			c := plane.Create(thing(fmt.Sprintf("urn:x:%d", n)))
			if n == 7 {
				c.Edit = func(*plane.Entity) (*plane.Entity, error) { panic("a fault") }
			}
			if _, err := s.Write(t.Context(), &plane.Batch{Changes: []plane.Change{c}}); (err != nil) != (n == 7) {
				t.Errorf("%d: %v", n, err)
			}
		})
	}
	all.Wait()
	if n := count(t, s); n != 19 {
		t.Errorf("%d entities", n)
	}
}

func partitions(t *testing.T, address string) []string {
	t.Helper()
	list := ask(t, address, "SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'polity.history'::regclass")
	return strings.Fields(list)
}

func TestPartitionsComeAndGo(t *testing.T) {
	address := postgrestest.Shared(t).Database(t)
	now := time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)
	s, err := postgres.Open(t.Context(), address, postgres.Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ahead := []string{"history_2026_12", "history_2027_01", "history_2027_02"}
	if got := partitions(t, address); !slices.Equal(got, ahead) {
		t.Errorf("made ahead: %v", got)
	}
	write := func(id string, at ...time.Time) {
		t.Helper()
		var b plane.Batch
		for _, x := range at {
			b.Observations = append(b.Observations, observation(id, x))
		}
		if r, err := s.Write(t.Context(), &b); err != nil || r.Added != len(at) {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	month := func(m time.Month) time.Time { return time.Date(2026, m, 15, 0, 0, 0, 0, time.UTC) }
	write("urn:x:1", month(9), month(10), month(11), time.UnixMilli(0), time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))
	write("urn:x:2", month(9), month(10))
	if got := partitions(t, address); len(got) != 8 || !slices.Contains(got, "history_before_2000") || !slices.Contains(got, "history_from_2100") {
		t.Errorf("there are %v", got)
	}
	forget := func(key plane.Key, before time.Time, want int64) {
		t.Helper()
		if n, err := s.Forget(t.Context(), key, before); err != nil || n != want {
			t.Errorf("forgot %d, %v; want %d", n, err, want)
		}
	}
	// Another's rows keep a partition; so does a bound within it.
	forget(plane.Key{ID: "urn:x:1"}, month(10).Add(time.Millisecond), 4)
	if got := partitions(t, address); slices.Contains(got, "history_before_2000") || !slices.Contains(got, "history_2026_09") || !slices.Contains(got, "history_2026_10") {
		t.Errorf("there are %v", got)
	}
	forget(plane.Key{}, month(11), 2)
	if got := partitions(t, address); slices.Contains(got, "history_2026_09") || slices.Contains(got, "history_2026_10") || !slices.Contains(got, "history_2026_11") {
		t.Errorf("there are %v", got)
	}
	write("urn:x:1", month(9)) // which the writer believes to be there
	// With another tenant's history the whole cannot be dropped unseen.
	other := observation("urn:x:1", month(9))
	other.Tenant = "other"
	if _, err := s.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{other}}); err != nil {
		t.Fatal(err)
	}
	forget(plane.Key{}, month(10), 1)
	forget(plane.Key{Tenant: "other"}, month(10), 1)
	if got := partitions(t, address); slices.Contains(got, "history_2026_09") {
		t.Errorf("there are %v", got)
	}
	now = now.AddDate(0, 0, 40)
	write("urn:x:1", month(11).Add(time.Minute))
	if got := partitions(t, address); !slices.Contains(got, "history_2027_04") {
		t.Errorf("a month later there are %v", got)
	}
}

// TestForgettingWhileSomebodyReads: who reads for long is not waited for.
func TestForgettingWhileSomebodyReads(t *testing.T) {
	address := postgrestest.Shared(t).Database(t)
	s := open(t, address)
	at := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
	if _, err := s.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{observation("urn:x:1", at)}}); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	tx, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT count(*) FROM polity.history"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Forget(t.Context(), plane.Key{}, at.AddDate(0, 1, 0)); err != nil || n != 1 {
		t.Errorf("forgot %d, %v", n, err)
	}
	if !slices.Contains(partitions(t, address), "history_2026_01") {
		t.Error("the partition is gone under its reader")
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Forget(t.Context(), plane.Key{}, at.AddDate(0, 1, 0)); err != nil || n != 0 {
		t.Errorf("forgot %d, %v", n, err)
	}
	if slices.Contains(partitions(t, address), "history_2026_01") {
		t.Error("the empty partition stays")
	}
}

// TestBytesOfAnObservation holds the arithmetic of doc.go: cameras write a minute's
// counts of many series, minute after minute.
func TestBytesOfAnObservation(t *testing.T) {
	address := postgrestest.Shared(t).Database(t)
	s, err := postgres.Open(t.Context(), address, postgres.Config{Now: func() time.Time { return time.Date(2026, 12, 4, 0, 0, 0, 0, time.UTC) }}) // the month is over
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const series, minutes = 50, 400
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for minute := range minutes {
		var b plane.Batch
		for n := range series {
			b.Observations = append(b.Observations, plane.Observation{
				Series: plane.Series{Key: plane.Key{ID: fmt.Sprintf("urn:polity:camera:c%d", n/10)}, Attribute: "occupancy", Dataset: fmt.Sprintf("person/zone-%d", n%10)},
				Start:  begin.Add(time.Duration(minute) * time.Minute), Length: time.Minute, Covered: time.Minute, Value: float64(n*minute%97) / 60,
			})
		}
		if _, err := s.Write(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	size := func() float64 {
		var bytes int64
		if _, err := fmt.Sscan(ask(t, address, "SELECT (pg_total_relation_size('polity.history_2026_11') + pg_total_relation_size('polity.chunk'))::text"), &bytes); err != nil {
			t.Fatal(err)
		}
		return float64(bytes) / (series * minutes)
	}
	rows := size()
	if _, err := s.Pack(t.Context()); err != nil {
		t.Fatal(err)
	}
	if packed := size(); rows > 150 || packed > 25 {
		t.Errorf("%.1f bytes an observation, %.1f packed", rows, packed)
	} else {
		t.Logf("%.1f bytes an observation, %.1f packed", rows, packed)
	}
}
