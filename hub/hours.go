package hub

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"time"

	"polity/city"
	"polity/console"
	"polity/console/counts"
	"polity/hub/minutes"
	"polity/plane"
)

// Counts of cameras come by the minute, and stay so for some hours in a file of their own
// (hub/minutes): until each quarter of an hour is public, and counts.Fine after the hour's
// end. Then the hour goes into the city's data in the form of counts.Rule.Archive.
const (
	minutesFile   = "minutes.db"
	archiveEvery  = time.Minute
	archiveSettle = 15 * time.Minute // what comes a second time, after a broken connection, comes by then
)

// keepHours archives hours as they become due.
func (h *Hub) keepHours(ctx context.Context) {
	tick := time.NewTicker(archiveEvery)
	defer tick.Stop()
	for {
		if err := h.archiveDue(ctx); err != nil && ctx.Err() == nil {
			h.log.Error("counts of an hour that is over could not be archived; it is tried again in a minute", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *Hub) archiveDue(ctx context.Context) error {
	list, err := h.minutes.Hours(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].ID == list[0].ID {
			n++
		}
		var of []minutes.Hour
		of, list = list[:n], list[n:]
		c := h.cameraOf(of[0].ID)
		for _, hour := range dueHours(of, h.now(), h.delayOf(c), h.speaksFor(c)) {
			errs = append(errs, h.archive(ctx, c, hour))
		}
	}
	return errors.Join(errs...)
}

// speaking is how an edge stands with the hub.
type speaking struct {
	never bool          // it sends nothing any more: it or the camera is not registered
	up    time.Duration // for how long it has been connected; 0: it is not
}

// dueHours are the hours of a camera (by start) that can leave: they ended long enough ago,
// all of each is public, and nothing of them comes any more. That is so when later hours
// have come, some time ago, over a connection that lasts: an edge sends in order, and again
// soon after a break.
func dueHours(list []minutes.Hour, now time.Time, delay time.Duration, from speaking) (due []minutes.Hour) {
	for i, hour := range list {
		if hour.Start.Add(time.Hour).Add(max(counts.Fine, delay+archiveSettle)).After(now) {
			continue
		}
		later := false
		for _, next := range list[i+1:] {
			later = later || !next.First.Add(archiveSettle).After(now)
		}
		if from.never || later && from.up >= archiveSettle {
			due = append(due, hour)
		}
	}
	return due
}

// cameraOf returns nil for one that has no entry.
func (h *Hub) cameraOf(id string) *camera {
	c, err := h.camera(city.Slug(strings.TrimPrefix(id, cameraPrefix)))
	if err != nil {
		return nil
	}
	return c
}

func (*Hub) delayOf(c *camera) time.Duration {
	if c == nil {
		return 0
	}
	return c.view().Entry.PublicDelay
}

func (h *Hub) speaksFor(c *camera) (s speaking) {
	h.mu.Lock()
	var e *edge
	if c != nil {
		e = h.edges[c.edge]
	}
	h.mu.Unlock()
	if e == nil {
		return speaking{never: true}
	}
	if yes, since, _, _ := e.connected(); yes {
		s.up = time.Since(since)
	}
	return s
}

// archive has an hour leave, once all that becomes public of it is written down.
func (h *Hub) archive(ctx context.Context, c *camera, hour minutes.Hour) error {
	if h.data != nil && c != nil {
		at := hour.Start.In(h.about.Zone)
		day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, at.Location())
		if _, err := h.data.book.day(ctx, c.name, day, day.AddDate(0, 0, 1), false); err != nil {
			return err
		}
	}
	return h.leave(ctx, c, hour)
}

// ruleOf is how an hour of a camera is archived: of one without an entry nothing becomes
// public any more.
func (h *Hub) ruleOf(ctx context.Context, c *camera) (counts.Rule, error) {
	if c == nil {
		return counts.Rule{Threshold: math.MaxInt}, nil
	}
	l, err := h.Layout(ctx, c.name)
	return counts.Rule{Threshold: c.view().Entry.Threshold, Inside: console.Inside(l.Zones)}, err
}

func (h *Hub) leave(ctx context.Context, c *camera, hour minutes.Hour) error {
	rule, err := h.ruleOf(ctx, c)
	if err != nil {
		return err
	}
	camera := city.Slug(strings.TrimPrefix(hour.ID, cameraPrefix))
	return h.minutes.Archive(ctx, hour, func(list []plane.Observation) error {
		var observed []counts.Observed
		for _, p := range list {
			if o, ok := fromPlane(p); ok {
				observed = append(observed, o)
			}
		}
		var b plane.Batch
		for _, o := range rule.Archive(hour.Start, observed) {
			p, err := toPlane(camera, &o.Observation, o.Where)
			if err != nil {
				return err
			}
			b.Observations = append(b.Observations, p)
		}
		_, err := h.store.Write(ctx, &b)
		return err
	})
}

// finishHours archives what was leaving when the hub was killed, before anybody reads: it
// may stand in the city's data already, and what becomes public of it is written down.
func (h *Hub) finishHours(ctx context.Context) error {
	list, err := h.minutes.Unfinished(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, hour := range list {
		errs = append(errs, h.leave(ctx, h.cameraOf(hour.ID), hour))
	}
	return errors.Join(errs...)
}
