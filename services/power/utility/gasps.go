package utility

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"polity/plane"
	"polity/plane/ingest/twin"
	"polity/services/power/storm"
)

// What meters say of their supply comes as entities by the mapping home-meter-gasp, the
// meter being called as its load in the network. It is about one home, kept while a fault is
// sought, and removed when there is power again or after gaspKept.
const (
	gaspPrefix  = "urn:polity:gasp:"
	gaspType    = "MeterGasp"
	gaspMapping = "home-meter-gasp"
	gaspKept    = 12 * time.Hour
)

var gaspEach = 5 * time.Second

// hear passes what meters say on to the network until ctx ends.
func (s *Service) hear(ctx context.Context) error {
	told := map[string]time.Time{}
	tick := time.NewTicker(gaspEach)
	defer tick.Stop()
	for {
		if err := s.hearOnce(ctx, told); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // it was to end
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *Service) hearOnce(ctx context.Context, told map[string]time.Time) error {
	now := s.deps.Now()
	var said []storm.Message
	var b plane.Batch
	q := plane.Query{From: gaspPrefix, To: gaspPrefix + "~", Types: []string{gaspType}, Limit: plane.MaxLimit}
	for {
		page, err := s.deps.Data.Find(ctx, q)
		if err != nil {
			return fmt.Errorf("read what meters say: %w", err)
		}
		for _, e := range page.Entities {
			q.After = e.ID
			a := e.Attribute("supplyLost")
			var lost bool
			if a == nil || json.Unmarshal(a.Value, &lost) != nil {
				continue
			}
			load := s.LoadNamed(strings.TrimPrefix(e.ID, gaspPrefix))
			if load >= 0 && a.ObservedAt.After(told[e.ID]) {
				said = append(said, storm.Message{At: a.ObservedAt, Load: load, Dark: lost})
				told[e.ID] = a.ObservedAt
			}
			if load < 0 || !lost || now.Sub(a.ObservedAt) > gaspKept {
				b.Changes = append(b.Changes, forget(e.Key, a.ObservedAt), plane.Change{
					Key:  twin.Key(gaspMapping, strings.TrimPrefix(e.ID, gaspPrefix)),    // which has the time of its last message
					Edit: func(*plane.Entity) (*plane.Entity, error) { return nil, nil }, //nolint:nilnil // remove it
				})
				delete(told, e.ID)
				if load < 0 {
					s.deps.Log.Warn("a meter is called as no load of the network: name its device as the load", slog.String("mapping", gaspMapping))
				}
			}
		}
		if !page.More {
			break
		}
	}
	if len(said) > 0 {
		s.Tell(said)
	}
	if len(b.Changes) == 0 {
		return nil
	}
	if _, err := s.deps.Data.Write(ctx, &b); err != nil {
		return fmt.Errorf("forget what meters said: %w", err)
	}
	return nil
}

// forget removes what a meter said, unless it has said something since.
func forget(key plane.Key, at time.Time) plane.Change {
	return plane.Change{Key: key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
		if old != nil {
			if a := old.Attribute("supplyLost"); a != nil && a.ObservedAt.After(at) {
				return old, nil
			}
		}
		return nil, nil //nolint:nilnil // remove it
	}}
}
