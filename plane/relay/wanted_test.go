package relay_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"polity/plane"
	"polity/plane/backend"
	"polity/plane/postgres/postgrestest"
)

// TestWhatNobodyWantsIsNotNoted, on both stores; and what one batch changes has one
// time, by which readers know it.
func TestWhatNobodyWantsIsNotNoted(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { wanted(t, filepath.Join(t.TempDir(), "city.db")) })
	t.Run("postgres", func(t *testing.T) { wanted(t, postgrestest.Start(t, "").Database(t)) })
}

func wanted(t *testing.T, where string) {
	t.Helper()
	var wants atomic.Bool
	store, err := backend.Open(t.Context(), where, backend.Config{Feed: true, Wanted: wants.Load, Always: []string{"Alert"}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	feed, ok := store.(plane.Feed)
	if !ok {
		t.Fatal("the store has no feed")
	}
	const each = 300
	for round := range 4 {
		wants.Store(round%2 == 1)
		var b plane.Batch
		for n := range each {
			b.Changes = append(b.Changes, plane.Create(&plane.Entity{Key: plane.Key{ID: fmt.Sprintf("urn:x:%d-%d", round, n)}, Types: []string{"T"}}))
		}
		if r, err := store.Write(t.Context(), &b); err != nil || r.Err() != nil {
			t.Fatal(err, r.Err())
		}
	}
	// Of some types everything is, whoever wants it: made, changed from and into, removed.
	wants.Store(false)
	turn := func(id string, types ...string) {
		t.Helper()
		key := plane.Key{ID: id}
		r, err := store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{{Key: key, Edit: func(*plane.Entity) (*plane.Entity, error) {
			if len(types) == 0 {
				return nil, nil
			}
			return &plane.Entity{Key: key, Types: types}, nil
		}}}})
		if err != nil || r.Err() != nil {
			t.Fatal(err, r.Err())
		}
	}
	turn("urn:x:a", "T")
	turn("urn:x:a", "Alert", "T")
	turn("urn:x:a", "T")
	turn("urn:x:a")
	turn("urn:x:b", "Alert")
	turn("urn:x:b")
	all, err := feed.Events(t.Context(), 0, 10_000)
	if err != nil || len(all) != 2*each+4 || all[2*each].ID != "urn:x:a" || all[2*each+3].After != nil {
		t.Fatalf("%d changes are noted of %d, %v", len(all), 2*each+4, err)
	}
	events := all[:2*each]
	for i, e := range events {
		if want := fmt.Sprintf("urn:x:%d-%d", 1+2*(i/each), i%each); e.ID != want {
			t.Fatalf("change %d is of %s, not %s", i, e.ID, want)
		}
		if first := events[i/each*each].At; !e.At.Equal(first) || !e.After.Modified.Equal(first) {
			t.Fatalf("change %d of a batch is at %v, modified %v; the first at %v", i, e.At, e.After.Modified, first)
		}
	}
}
