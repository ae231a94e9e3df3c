package hub

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"polity/city"
	"polity/plane"
)

const retentionEvery = time.Hour

// keepRetention removes what each camera's entry says is not kept any longer: at
// once after the start, then every hour.
func (h *Hub) keepRetention(ctx context.Context) {
	for {
		for _, c := range h.all() {
			if err := h.forget(ctx, c); err != nil && ctx.Err() == nil {
				h.log.Error("what a camera's entry says is not kept could not be removed; it is tried again in an hour",
					slog.String("camera", string(c.name)), slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retentionEvery):
		}
	}
}

func (h *Hub) forget(ctx context.Context, c *camera) error {
	c.mu.Lock()
	kept := c.entry.Retention
	c.mu.Unlock()
	now := h.now()
	before := now.AddDate(0, 0, -kept.CountsDays)
	observations, err := h.store.Forget(ctx, cameraKey(c.name), before)
	if err != nil {
		return err
	}
	events, err := h.forgetEvents(ctx, c.name, before)
	if err != nil {
		return err
	}
	days, err := h.places.Forget(c.name, now.AddDate(0, 0, -kept.PlaceDays))
	if err != nil {
		return err
	}
	if observations > 0 || events > 0 || days > 0 {
		h.log.Info("removed what is not kept any longer", slog.String("camera", string(c.name)),
			slog.Int64("observations", observations), slog.Int("events", events), slog.Int("days_of_places", days))
	}
	return nil
}

// forgetEvents removes events that began before a time: the picture first, so
// that none is left without its event.
func (h *Hub) forgetEvents(ctx context.Context, camera city.Slug, before time.Time) (n int, err error) {
	prefix := eventPrefix + string(camera) + ":"
	for {
		page, err := h.store.Find(ctx, plane.Query{From: prefix, To: prefix + eventTime(before), Limit: plane.MaxLimit})
		if err != nil || len(page.Entities) == 0 {
			return n, err
		}
		var b plane.Batch
		for _, e := range page.Entities {
			if err := os.Remove(h.picturePath(camera, e.ID[len(prefix):])); err != nil && !errors.Is(err, os.ErrNotExist) {
				return n, err
			}
			b.Changes = append(b.Changes, plane.Change{Key: e.Key, Edit: func(*plane.Entity) (*plane.Entity, error) { return nil, nil }})
		}
		if _, err := h.store.Write(ctx, &b); err != nil {
			return n, err
		}
		n += len(b.Changes)
	}
}
