package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/plane"
	"polity/plane/sqlite"
	"polity/room/queue"
)

// everyone may do everything.
type everyone struct{}

func (everyone) Decide(access.Who, access.Action, access.Thing, access.Circumstances) access.Decision {
	return access.Decision{Allowed: true}
}

var errKilled = errors.New("killed")

// killed is a feed whose reader dies at one of its steps.
type killed struct {
	plane.Feed
	await, events, settle int // calls that still work; -1: all
}

func (k *killed) Await(ctx context.Context, after uint64) error {
	if k.await--; k.await == -1 {
		return errKilled
	}
	return k.Feed.Await(ctx, after)
}

func (k *killed) Events(ctx context.Context, after uint64, limit int) ([]plane.Event, error) {
	if k.events--; k.events == -1 {
		return nil, errKilled
	}
	return k.Feed.Events(ctx, after, min(limit, 3))
}

func (k *killed) Settle(ctx context.Context, upTo uint64) error {
	if k.settle--; k.settle == -1 {
		return errKilled
	}
	return k.Feed.Settle(ctx, upTo)
}

// readAll reads until the feed is empty.
func (h *Hub) readAll(ctx context.Context, feed plane.Feed) error {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- h.readFeed(ctx) }()
	for {
		left, err := feed.Events(ctx, 0, 1)
		if err != nil || len(left) == 0 {
			stop()
			if last := <-ended; ctx.Err() == nil {
				return last
			}
			return err
		}
		select {
		case err := <-ended:
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestNoAlertIsLostWhereverTheHubDies lets the reader of changes die at each of its steps,
// with and without the alerts' commit before it, and go on as after a start.
func TestNoAlertIsLostWhereverTheHubDies(t *testing.T) {
	for step := range 12 {
		for name, feed := range map[string]killed{"await": {await: step, events: -2, settle: -2}, "events": {await: -2, events: step, settle: -2}, "settle": {await: -2, events: -2, settle: step}} {
			t.Run(fmt.Sprintf("%s %d", name, step), func(t *testing.T) {
				dir := t.TempDir()
				store, err := sqlite.Open(t.Context(), filepath.Join(dir, "city.db"), sqlite.Config{Feed: true, Wanted: func() bool { return false }, Always: alertTypes()})
				if err != nil {
					t.Fatal(err)
				}
				defer store.Close()
				h := &Hub{store: store, log: slog.New(slog.NewTextHandler(t.Output(), nil)), now: time.Now, cameras: map[city.Slug]*camera{}}
				open := func() {
					if h.alerts, err = queue.Open(t.Context(), dir, queue.Config{Decider: everyone{}, Log: h.log}); err != nil {
						t.Fatal(err)
					}
				}
				open()
				const alerts = 10
				write := func(edit func(n int) func(*plane.Entity) (*plane.Entity, error)) {
					for n := range alerts {
						r, err := store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{{Key: plane.Key{ID: fmt.Sprintf("urn:ngsi-ld:Alert:x:%d", n)}, Edit: edit(n)}}})
						if err != nil || r.Err() != nil {
							t.Fatal(err, r.Err())
						}
					}
				}
				write(func(n int) func(*plane.Entity) (*plane.Entity, error) {
					return func(*plane.Entity) (*plane.Entity, error) {
						return &plane.Entity{Key: plane.Key{ID: fmt.Sprintf("urn:ngsi-ld:Alert:x:%d", n)}, Types: []string{"Alert"}}, nil
					}
				})
				write(func(int) func(*plane.Entity) (*plane.Entity, error) {
					return func(*plane.Entity) (*plane.Entity, error) { return nil, nil }
				})
				feed.Feed = store
				h.alertReader = &feed
				dying, stop := context.WithTimeout(t.Context(), 300*time.Millisecond) // where no step kills it
				if err := h.readFeed(dying); err == nil || !errors.Is(err, errKilled) && dying.Err() == nil {
					t.Fatal(err)
				}
				stop()
				if err := h.alerts.Close(); err != nil {
					t.Fatal(err)
				}
				open()
				defer h.alerts.Close()
				h.alertReader = store
				if err := h.readAll(t.Context(), store); err != nil {
					t.Fatal(err)
				}
				page, err := h.alerts.List(t.Context(), access.Who{Kind: access.Person, ID: "p"}, queue.Query{})
				if err != nil || page.Total != alerts {
					t.Fatalf("%d alerts, %v", page.Total, err)
				}
				for _, a := range page.Alerts {
					d, err := h.alerts.Alert(t.Context(), access.Who{Kind: access.Person, ID: "p"}, a.Key)
					if err != nil || a.End.IsZero() || len(d.Timeline) != 2 {
						t.Errorf("%s: ended %v, %d entries, %v", a.Key, a.End, len(d.Timeline), err)
					}
				}
				if left, err := store.Events(t.Context(), 0, 100); err != nil || len(left) != 0 {
					t.Errorf("%d changes are not settled, %v", len(left), err)
				}
			})
		}
	}
}
