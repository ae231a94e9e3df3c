package alarm

import (
	"context"
	"time"

	"polity/plane"
)

// pruneEvery is how often alarms that are long over are looked for.
const pruneEvery = time.Hour

// prune removes alarms that have been over for as long as they are kept, a few of them at a
// time.
func (w *Watch) prune(ctx context.Context) error {
	now := w.now()
	if !w.pruned.IsZero() && now.Before(w.pruned.Add(pruneEvery)) {
		return nil
	}
	page, err := w.store.Find(ctx, plane.Query{
		From: Prefix, To: Prefix + "~", Types: []string{Type}, Limit: batchSize,
		Match: func(e *plane.Entity) bool {
			a, err := Read(e)
			return err == nil && !a.End.IsZero() && now.Sub(a.End) > w.cfg.Keep
		},
	})
	if err != nil {
		return err
	}
	var b plane.Batch
	for _, e := range page.Entities {
		key := e.Key
		b.Changes = append(b.Changes, plane.Change{Key: key, Edit: func(*plane.Entity) (*plane.Entity, error) { return nil, nil }})
	}
	if len(b.Changes) > 0 {
		if _, err := w.store.Write(ctx, &b); err != nil {
			return err
		}
	}
	if !page.More { // else the next round goes on
		w.pruned = now
	}
	return nil
}
