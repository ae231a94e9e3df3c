package service_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/sqlite"
	"polity/service"
)

// failing is a store whose next writes fail: before they are made, or after.
type failing struct {
	plane.Store
	before, after int
}

func (f *failing) Write(ctx context.Context, b *plane.Batch) (plane.Result, error) {
	if f.before > 0 {
		f.before--
		return plane.Result{}, city.Errorf(city.Unavailable, "the disk is full")
	}
	r, err := f.Store.Write(ctx, b)
	if err == nil && f.after > 0 {
		f.after--
		return r, city.Errorf(city.Unavailable, "the line broke")
	}
	return r, err
}

// TestNoAlertAndNoEndIsLost: not by writes that fail, and not by crashes before, between and
// behind what is kept and what is written.
func TestNoAlertAndNoEndIsLost(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "city.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	f := &failing{Store: store}
	d := service.Deps{Data: f, Dir: t.TempDir()}
	var mu sync.Mutex
	var u service.Untold
	save := func() error { return d.Save(&u) }
	crash := func() { // what was only in memory is gone
		u = nil
		if err := d.Load(&u); err != nil {
			t.Fatal(err)
		}
	}
	tell := func() error { return d.Tell(t.Context(), &mu, &u, save) }
	state := func(id string) string {
		e, err := store.Entity(t.Context(), plane.Key{ID: id})
		if city.KindOf(err) == city.NotFound {
			return "none"
		}
		if err != nil {
			t.Fatal(err)
		}
		var s string
		if err := json.Unmarshal(e.Attribute("state").Value, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	start := time.Date(2026, 12, 1, 6, 0, 0, 0, time.UTC)
	a := service.Alert{ID: "urn:ngsi-ld:Alert:test:1", Category: "power", SubCategory: "outage", Severity: "high", Start: start, Place: &city.Point{Lon: 25, Lat: 60}}

	put := func(a service.Alert) {
		mu.Lock()
		defer mu.Unlock()
		u.Put(a)
		if err := save(); err != nil {
			t.Fatal(err)
		}
	}
	put(a)
	crash()
	for f.before = 2; f.before > 0; {
		if tell() == nil {
			t.Fatal("a write that failed is told as made")
		}
	}
	if state(a.ID) != "none" || len(u) != 1 {
		t.Fatalf("%s, %d wait", state(a.ID), len(u))
	}
	if err := tell(); err != nil || state(a.ID) != "active" || len(u) != 0 {
		t.Fatalf("%v, %s, %d wait", err, state(a.ID), len(u))
	}
	a.End = start.Add(time.Hour)
	b := a
	b.ID, b.End = "urn:ngsi-ld:Alert:test:2", time.Time{}
	put(b)
	put(a)
	b.End = start.Add(2 * time.Hour) // before anybody was told that it began
	put(b)
	if len(u) != 2 {
		t.Errorf("%d wait", len(u))
	}
	if f.after = 1; tell() == nil || len(u) != 2 {
		t.Errorf("forgotten before it is known that it was written; %d wait", len(u))
	}
	crash()
	if err := tell(); err != nil || state(a.ID) != "ended" || state(b.ID) != "ended" || len(u) != 0 {
		t.Errorf("%v, %s, %s, %d wait", err, state(a.ID), state(b.ID), len(u))
	}
	crash()
	if len(u) != 0 {
		t.Error("what was told waits again behind a crash")
	}
}
