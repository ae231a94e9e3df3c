package planetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polity/city"
	"polity/plane"
)

func feedOf(t *testing.T, b *bench) plane.Feed {
	t.Helper()
	f, ok := b.store.(plane.Feed)
	if !ok {
		t.Fatal("this backend has no feed")
	}
	return f
}

func events(t *testing.T, f plane.Feed, after uint64) []plane.Event {
	t.Helper()
	list, err := f.Events(t.Context(), after, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// feed: every change is noted with what was before and after it, and nothing else.
func feed(t *testing.T, b *bench) {
	f := feedOf(t, b)
	key := plane.Key{ID: "urn:x:1"}
	first := entity(key.ID, "T", number("n", 1))
	write := func(c plane.Change) *plane.Entity {
		t.Helper()
		if _, err := b.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{c}}); err != nil {
			t.Fatal(err)
		}
		e, err := b.store.Entity(t.Context(), c.Key)
		if err != nil && city.KindOf(err) != city.NotFound {
			t.Fatal(err)
		}
		return e
	}
	created := write(plane.Create(first))
	write(plane.Create(first)) // refused: it exists
	write(plane.Put(created))  // nothing changes
	updated := write(plane.Update(key, func(e *plane.Entity) error { e.Set(number("n", 2)); return nil }))
	restored := *created
	restored.ID = "urn:x:restored"
	write(plane.Restore(&restored))
	if _, err := b.store.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{observation("urn:x:1", "n", b.now(), 1)}}); err != nil {
		t.Fatal(err)
	}
	write(plane.Remove(key))
	got := events(t, f, 0)
	want := []plane.Event{
		{Key: key, At: b.now(), After: created},
		{Key: key, At: b.now(), Before: created, After: updated},
		{Key: key, At: b.now(), Before: updated},
	}
	for i := range got {
		if i > 0 && got[i].Sequence <= got[i-1].Sequence {
			t.Errorf("event %d has number %d after %d", i, got[i].Sequence, got[i-1].Sequence)
		}
		if i < len(want) {
			want[i].Sequence = got[i].Sequence
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	if part, err := f.Events(t.Context(), got[0].Sequence, 1); err != nil || len(part) != 1 || part[0].Sequence != got[1].Sequence {
		t.Errorf("one event behind the first: %+v, %v", part, err)
	}

	// What is settled is gone, also after reopening, and its numbers are not used again.
	last := got[2].Sequence
	origin, err := f.Origin(t.Context())
	if err != nil || origin == "" {
		t.Fatalf("origin %q, %v", origin, err)
	}
	if err := f.Settle(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	b.reopen(t)
	f = feedOf(t, b)
	if left := events(t, f, 0); len(left) != 0 {
		t.Errorf("after settling there are %+v", left)
	}
	if again, err := f.Origin(t.Context()); err != nil || again != origin {
		t.Errorf("after reopening the origin is %q, %v; it was %q", again, err, origin)
	}
	write(plane.Create(first))
	if left := events(t, f, 0); len(left) != 1 || left[0].Sequence <= last {
		t.Errorf("after settling %d and one change: %+v", last, left)
	}
}

// feedOfMany: with many writers the events of each entity follow one another without a
// gap, end in what is stored, and wake who waits.
func feedOfMany(t *testing.T, b *bench) {
	f := feedOf(t, b)
	const writers, changes = 8, 25
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var all []plane.Event
	heard := make(chan error, 1)
	go func() {
		var after uint64
		for len(all) < writers*changes {
			if err := f.Await(ctx, after); err != nil {
				heard <- err
				return
			}
			list, err := f.Events(ctx, after, 7)
			if err != nil {
				heard <- err
				return
			}
			for _, e := range list {
				all, after = append(all, e), e.Sequence
			}
		}
		heard <- nil
	}()
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range changes {
				key := plane.Key{ID: fmt.Sprintf("urn:x:%d", (w+i)%5)}
				c := plane.Change{Key: key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
					if old == nil {
						old = entity(key.ID, "T")
					}
					old.Set(number("n", float64(w*changes+i)))
					return old, nil
				}}
				if _, err := b.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{c}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := <-heard; err != nil {
		t.Fatalf("after %d events: %v", len(all), err)
	}
	now := map[string]*plane.Entity{}
	for i, e := range all {
		if diff := cmp.Diff(now[e.ID], e.Before); diff != "" {
			t.Fatalf("event %d of %s does not go on from the one before:\n%s", i, e.ID, diff)
		}
		now[e.ID] = e.After
	}
	for id, last := range now {
		stored, err := b.store.Entity(t.Context(), plane.Key{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(stored, last); diff != "" {
			t.Errorf("the last event of %s is not what is stored:\n%s", id, diff)
		}
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := f.Await(short, all[len(all)-1].Sequence); err == nil {
		t.Error("Await returns although nothing happened")
	}
}
