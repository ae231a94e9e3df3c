package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"polity/camera/layout"
	"polity/camera/uplink"
	"polity/city"
	"polity/plane"
	"polity/spine"
)

const askTime = 5 * time.Second

func layoutKey(camera city.Slug, revision uint32) plane.Key {
	return plane.Key{ID: fmt.Sprintf("%s%s:%010d", layoutPrefix, camera, revision)}
}

// layoutOf returns a layout by its revision. Revision 0 is the empty one; one that
// this hub never had is NotFound.
func (h *Hub) layoutOf(ctx context.Context, c *camera, revision uint32) (layout.Layout, error) {
	if revision == 0 {
		return layout.Layout{}, nil
	}
	c.mu.Lock()
	l, ok := c.layouts[revision]
	c.mu.Unlock()
	if ok {
		return l, nil
	}
	e, err := h.store.Entity(ctx, layoutKey(c.name, revision))
	if err != nil {
		return l, err
	}
	a := e.Attribute("layout")
	if a == nil {
		return l, fmt.Errorf("layout %s holds none", e.ID)
	}
	if err := json.Unmarshal(a.Value, &l); err != nil {
		return l, fmt.Errorf("layout %s as stored: %w", e.ID, err)
	}
	c.mu.Lock()
	c.layouts[revision] = l
	c.mu.Unlock()
	return l, nil
}

// Layout implements console.City. Of a layout that this hub does not hold it
// returns the revision alone: an editor begins anew from there.
func (h *Hub) Layout(ctx context.Context, name city.Slug) (layout.Layout, error) {
	c, err := h.camera(name)
	if err != nil {
		return layout.Layout{}, err
	}
	c.mu.Lock()
	revision := c.revision
	c.mu.Unlock()
	l, err := h.layoutOf(ctx, c, revision)
	if city.KindOf(err) == city.NotFound {
		return layout.Layout{Revision: revision}, nil
	}
	return l, err
}

// SetLayout implements console.City. The layout is stored before it is sent: from
// the moment it is in force its names are known here.
func (h *Hub) SetLayout(ctx context.Context, name city.Slug, l layout.Layout) (layout.Layout, error) {
	c, err := h.camera(name)
	if err != nil {
		return l, err
	}
	if err := l.Check(); err != nil {
		return l, err
	}
	h.mu.Lock()
	e := h.edges[c.edge]
	h.mu.Unlock()
	if e == nil {
		return l, city.Errorf(city.Unavailable, "the edge %s of camera %s is not known to this hub", c.edge, name)
	}
	if on, _, _, _ := e.connected(); !on {
		return l, city.Errorf(city.Unavailable, "the edge %s is not connected; nothing was changed", c.edge)
	}
	c.mu.Lock()
	current := c.revision
	c.mu.Unlock()
	if l.Revision != current {
		return l, city.Errorf(city.Conflict, "the camera has layout %d by now, and yours was drawn on layout %d: load the page again", current, l.Revision)
	}
	if l.Revision, err = h.propose(ctx, c, l); err != nil {
		return l, err
	}
	return h.sendLayout(ctx, e, c, l)
}

// propose stores the layout under the next revision that was never used.
func (h *Hub) propose(ctx context.Context, c *camera, l layout.Layout) (uint32, error) {
	c.mu.Lock()
	revision := c.revision + 1
	c.mu.Unlock()
	for ; ; revision++ {
		l.Revision = revision
		a, err := property("layout", l)
		if err != nil {
			return 0, err
		}
		a.Kind = plane.JSON
		r, err := h.store.Write(ctx, &plane.Batch{Changes: []plane.Change{
			plane.Create(&plane.Entity{Key: layoutKey(c.name, revision), Types: []string{"CameraLayout"}, Attributes: []plane.Attribute{a}}),
		}})
		if err != nil {
			return 0, err
		}
		if city.KindOf(r.Err()) == city.Conflict {
			continue // an earlier proposal that the edge did not take
		}
		return revision, r.Err()
	}
}

func (h *Hub) sendLayout(ctx context.Context, e *edge, c *camera, l layout.Layout) (layout.Layout, error) {
	body, err := uplink.EncodeLayout(l)
	if err != nil {
		return l, err
	}
	asking, stop := context.WithTimeout(ctx, askTime)
	defer stop()
	b, err := e.line.Ask(asking, spine.Layout, c.name, body)
	if err != nil {
		return l, err
	}
	answer, err := uplink.DecodeLayoutAnswer(b)
	if err != nil {
		return l, err
	}
	c.mu.Lock()
	c.revision = answer.Revision
	c.mu.Unlock()
	h.noteRevision(c)
	return l, refusal(answer, c, l)
}

// refusal says in words why an edge did not take a layout.
func refusal(a uplink.LayoutAnswer, c *camera, l layout.Layout) error {
	zone := "a zone"
	if a.Number > 0 && int(a.Number) <= len(l.Zones) {
		zone = "the zone " + string(l.Zones[a.Number-1].Name)
	}
	c.mu.Lock()
	least := c.entry.CrowdAtLeast
	c.mu.Unlock()
	switch a.Result {
	case uplink.Taken:
		return nil
	case uplink.Stale:
		return city.Errorf(city.Conflict, "the camera has layout %d by now: load the page again", a.Revision)
	case uplink.CrowdTooSmall:
		return city.Errorf(city.Invalid, "%s calls fewer than %d people a crowd, which is the least that the camera's register entry allows", zone, least)
	case uplink.NotAllowed:
		return city.Errorf(city.Invalid, "%s or a line asks for an event that the camera's register entry does not allow", zone)
	case uplink.NotStored:
		return city.Errorf(city.Unavailable, "the edge could not write the layout down (is its disk full?); the one before stays")
	case uplink.NoCamera:
		return city.Errorf(city.NotFound, "the edge %s runs no camera %s: it is not in the edge's configuration", c.edge, c.name)
	}
	return city.Errorf(city.Invalid, "the edge does not take this layout")
}

// noteRevision keeps which layout is in force for the next start of the hub.
func (h *Hub) noteRevision(c *camera) {
	ctx, stop := context.WithTimeout(context.Background(), askTime)
	defer stop()
	c.mu.Lock()
	revision := c.revision
	c.mu.Unlock()
	a, err := property(layoutAttribute, revision)
	if err == nil {
		var r plane.Result
		r, err = h.store.Write(ctx, &plane.Batch{Changes: []plane.Change{plane.Update(cameraKey(c.name), func(e *plane.Entity) error { e.Set(a); return nil })}})
		err = errors.Join(err, r.Err())
	}
	if err != nil {
		h.log.Warn("which layout is in force could not be noted", slog.String("camera", string(c.name)), slog.Any("error", err))
	}
}
