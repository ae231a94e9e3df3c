package hub

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"polity/camera/canvas"
	"polity/camera/layout"
	"polity/camera/uplink"
	"polity/camera/wire"
	"polity/city"
	"polity/plane"
	"polity/register"
)

const (
	registerEvery = 3 * time.Second
	quietEdge     = 7 * time.Second // an edge that said nothing for so long is not connected
)

// camera is one that has a register entry at the hub.
type camera struct {
	name city.Slug
	edge city.Slug

	mu       sync.Mutex
	entry    *register.Signed
	state    wire.State
	heard    time.Time // by the hub's clock
	report   uplink.CameraState
	revision uint32 // of the layout in use
	layouts  map[uint32]layout.Layout

	live      canvas.Canvas // while somebody looks
	wantWhole bool          // tiles make no sense until a whole place comes
	watchers  map[int]func(wire.Message)
	next      int
	kept      placeHead // of the newest place of the archive
}

// placeHead is what lists tell of a place.
type placeHead struct {
	at            time.Time
	width, height int
}

// keepRegister reads the entries again and again: a new one counts within
// seconds.
func (h *Hub) keepRegister(ctx context.Context) {
	tick := time.NewTicker(registerEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := h.readRegister(ctx); err != nil && ctx.Err() == nil {
			h.log.Error("the register cannot be read", slog.Any("error", err))
		}
	}
}

func (h *Hub) readRegister(ctx context.Context) error {
	entries, problems, err := h.folder.All()
	if err != nil {
		return err
	}
	for _, p := range problems {
		h.complain(p)
	}
	seen := map[city.Slug]bool{}
	for _, entry := range entries {
		seen[entry.Camera] = true
		if err := h.addCamera(ctx, entry); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range h.cameras {
		if !seen[name] {
			delete(h.cameras, name)
			h.log.Info("a camera's entry was withdrawn", slog.String("camera", string(name)))
		}
	}
	return nil
}

// complain logs a problem of the register when it is new.
func (h *Hub) complain(problem error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.complaints[problem.Error()] {
		h.complaints[problem.Error()] = true
		h.log.Warn("an entry of the register does not count", slog.Any("error", problem))
	}
}

// addCamera makes a camera of an entry, or gives the one there is its new entry.
func (h *Hub) addCamera(ctx context.Context, entry *register.Signed) error {
	h.mu.Lock()
	c, known := h.cameras[entry.Camera]
	h.mu.Unlock()
	if known && c.edge == entry.Edge {
		c.mu.Lock()
		same := string(c.entry.Text) == string(entry.Text)
		c.entry = entry
		c.mu.Unlock()
		if same {
			return nil
		}
	} else {
		c = &camera{name: entry.Camera, edge: entry.Edge, entry: entry, layouts: map[uint32]layout.Layout{}, watchers: map[int]func(wire.Message){}}
		if err := h.recall(ctx, c); err != nil {
			return err
		}
		h.mu.Lock()
		h.cameras[entry.Camera] = c
		h.mu.Unlock()
	}
	return h.storeCamera(ctx, c)
}

// recall fetches what the hub knew of a camera before it started.
func (h *Hub) recall(ctx context.Context, c *camera) error {
	place, err := h.places.At(c.name, time.Time{})
	if err == nil {
		c.kept.at = place.At()
		c.kept.width, c.kept.height = place.Size()
	} else if city.KindOf(err) != city.NotFound {
		return err
	}
	e, err := h.store.Entity(ctx, cameraKey(c.name))
	if city.KindOf(err) == city.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if a := e.Attribute(layoutAttribute); a != nil {
		return json.Unmarshal(a.Value, &c.revision)
	}
	return nil
}

const layoutAttribute = "layoutRevision"

// storeCamera keeps the camera as an entity, so that whoever reads the city's data
// finds it. What is public in its entry is all it has.
func (h *Hub) storeCamera(ctx context.Context, c *camera) error {
	c.mu.Lock()
	entry, revision := c.entry, c.revision
	c.mu.Unlock()
	r, err := h.store.Write(ctx, &plane.Batch{Changes: []plane.Change{{Key: cameraKey(c.name), Edit: func(old *plane.Entity) (*plane.Entity, error) {
		if old == nil {
			old = &plane.Entity{Key: cameraKey(c.name), Types: []string{"Camera"}}
		}
		for name, value := range map[string]any{
			"title": entry.Title, "purpose": entry.Purpose, "body": entry.Body, "edge": entry.Edge, layoutAttribute: revision,
			"validUntil": entry.Until, "heading": entry.View.Heading,
		} {
			a, err := property(name, value)
			if err != nil {
				return nil, err
			}
			old.Set(a)
		}
		at, err := property(plane.Location, map[string]any{"type": "Point", "coordinates": []float64{entry.View.Lon, entry.View.Lat}})
		at.Kind = plane.Geo
		old.Set(at)
		return old, err
	}}}})
	return errors.Join(err, r.Err())
}

func property(name string, value any) (plane.Attribute, error) {
	v, err := json.Marshal(value)
	return plane.Attribute{Name: name, Kind: plane.Property, Value: v}, err
}

// camera returns one with an entry, or NotFound.
func (h *Hub) camera(name city.Slug) (*camera, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c, ok := h.cameras[name]; ok {
		return c, nil
	}
	return nil, city.Errorf(city.NotFound, "there is no camera %q in the register", string(name))
}

// all returns every camera, sorted by name.
func (h *Hub) all() []*camera {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]*camera, 0, len(h.cameras))
	for _, c := range h.cameras {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *camera) int { return strings.Compare(string(a.name), string(b.name)) })
	return list
}
