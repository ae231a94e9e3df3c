package hub

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/retention"
)

const retentionEvery = time.Hour

// keepRetention removes what each camera's entry says is not kept any longer, and thins
// out all other history as the configuration says, after packing it: at once after the
// start, then every hour or, where whole days count, every day.
func (h *Hub) keepRetention(ctx context.Context) {
	var thinned time.Time // the day on which history was
	for {
		for _, c := range h.all() {
			if err := h.forget(ctx, c); err != nil && ctx.Err() == nil {
				h.log.Error("what a camera's entry says is not kept could not be removed; it is tried again in an hour",
					slog.String("camera", string(c.name)), slog.Any("error", err))
			}
		}
		// Whole UTC days are packed and thinned out: once a day is enough.
		if today := h.now().UTC().Truncate(plane.Day); !today.Equal(thinned) {
			if err := h.thinOut(ctx); err == nil {
				thinned = today
			} else if ctx.Err() == nil {
				h.log.Error("history could not be packed or thinned out; it is tried again in an hour", slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retentionEvery):
		}
	}
}

// OfCamera says whether a series is of a camera: the camera's entry says how long it is
// kept.
func OfCamera(x plane.Series) bool { return strings.HasPrefix(x.ID, cameraPrefix) }

func (h *Hub) thinOut(ctx context.Context) error {
	if p, ok := h.store.(plane.Packer); ok {
		n, err := p.Pack(ctx)
		if n > 0 {
			h.log.Info("packed history", slog.Int64("observations", n))
		}
		if err != nil {
			return err
		}
	}
	s, ok := h.store.(plane.Thinner)
	if !ok {
		return nil
	}
	list, err := retention.Run(ctx, s, h.cfg.Retention, h.now(), OfCamera)
	for _, x := range list {
		if x.Thinned != (plane.Thinned{}) {
			h.log.Info("thinned out history", slog.String("type", x.Type), slog.String("attribute", x.Attribute), slog.Int64("observations", x.Thinned.Raw),
				slog.Int64("hours", x.Thinned.Hourly), slog.Int64("days", x.Thinned.Daily))
		}
	}
	return err
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
	if err := h.minutes.Forget(ctx, cameraKey(c.name).ID, before); err != nil {
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
