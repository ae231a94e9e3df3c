package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"polity/camera/canvas"
	"polity/camera/wire"
	"polity/city"
	"polity/console"
	"polity/internal/durable"
	"polity/plane"
)

// lookBack is how long an event may last and still be found by the time it ends.
const lookBack = 7 * 24 * time.Hour

const pictureSide = 640 // pixels, the longest side of an event's picture

// stored is an event on its way into the city's data.
type stored struct {
	camera  *camera
	id      string
	event   *wire.Event // without its picture
	where   city.Slug
	picture bool
}

// eventID names an event within its camera by its key, so that its beginning, its
// end and their repetitions are one. It begins with the time: ids in order are
// events in order.
func eventID(e *wire.Event) string {
	return fmt.Sprintf("%013d-%d-%d-%d", min(max(0, e.Start.UnixMilli()), 9999999999999), e.Kind, e.Class, e.Where)
}

var eventIDForm = regexp.MustCompile(`^[0-9]{13}-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}$`)

func eventKey(camera city.Slug, id string) plane.Key {
	return plane.Key{ID: eventPrefix + string(camera) + ":" + id}
}

// event keeps the picture, if there is one, and makes the rest ready.
func (h *Hub) event(ctx context.Context, c *camera, e *wire.Event) (*stored, error) {
	where, err := h.whereName(ctx, c, e.Layout, e.Where, eventAboutLine(e.Kind))
	if err != nil {
		return nil, err
	}
	plain := *e
	plain.Place = nil
	s := &stored{camera: c, id: eventID(e), event: &plain, where: where}
	if len(e.Place) == 0 {
		return s, nil
	}
	clean, err := canvas.Clean(e.Place, pictureSide)
	if err != nil {
		return s, nil //nolint:nilerr // an event without its picture is still an event
	}
	path := h.picturePath(c.name, s.id)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("keep an event's picture: %w", err)
	}
	if err := durable.WriteFile(path, clean, 0o600); err != nil {
		return nil, fmt.Errorf("keep an event's picture: %w", err)
	}
	s.picture = true
	return s, nil
}

func (h *Hub) picturePath(camera city.Slug, id string) string {
	return filepath.Join(h.cfg.Data, "pictures", string(camera), id+".jpg")
}

// record is an event's attributes, each under the name of its tag.
type record struct {
	Kind    wire.EventKind `json:"kind"`
	Class   wire.Class     `json:"class"`
	Where   string         `json:"where"` // empty: the whole view
	Layout  uint32         `json:"layout"`
	Start   time.Time      `json:"start"`
	End     *time.Time     `json:"end,omitempty"`
	Value   float64        `json:"value"`
	Picture bool           `json:"picture"`
}

// change merges the event into what is known of it: an end stays, whichever order
// beginning and end come in, and the peak is the greatest.
func (s *stored) change() plane.Change {
	key := eventKey(s.camera.name, s.id)
	return plane.Change{Key: key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
		now := record{
			Kind: s.event.Kind, Class: s.event.Class, Where: string(s.where), Layout: s.event.Layout,
			Start: s.event.Start.UTC(), Value: s.event.Value, Picture: s.picture,
		}
		if !s.event.End.IsZero() {
			end := s.event.End.UTC()
			now.End = &end
		}
		if old == nil {
			link, err := property("camera", cameraKey(s.camera.name).ID)
			if err != nil {
				return nil, err
			}
			link.Kind = plane.Relationship
			old = &plane.Entity{Key: key, Types: []string{eventType}, Attributes: []plane.Attribute{link}}
		} else {
			before, err := readRecord(old)
			if err != nil {
				return nil, err
			}
			if now.End == nil || (before.End != nil && before.End.Before(*now.End)) {
				now.End = before.End
			}
			now.Value, now.Picture = max(now.Value, before.Value), now.Picture || before.Picture
		}
		return old, writeRecord(old, now)
	}}
}

// writeRecord sets an attribute per field.
func writeRecord(e *plane.Entity, r record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	for name, value := range fields {
		e.Set(plane.Attribute{Name: name, Kind: plane.Property, Value: value})
	}
	return nil
}

func readRecord(e *plane.Entity) (r record, err error) {
	fields := map[string]json.RawMessage{}
	for _, a := range e.Attributes {
		if a.Kind == plane.Property && a.Dataset == "" {
			fields[a.Name] = a.Value
		}
	}
	b, err := json.Marshal(fields)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		return r, fmt.Errorf("event %s as stored: %w", e.ID, err)
	}
	return r, nil
}

func toEvent(camera city.Slug, e *plane.Entity) (console.Event, error) {
	r, err := readRecord(e)
	if err != nil {
		return console.Event{}, err
	}
	x := console.Event{
		ID: e.ID[len(eventPrefix)+len(camera)+1:], Camera: camera, Kind: r.Kind, Class: r.Class, Where: city.Slug(r.Where), Start: r.Start, Value: r.Value, Place: r.Picture,
	}
	if r.End != nil {
		x.End = *r.End
	}
	return x, nil
}

// Events implements console.City. An event that began more than a week before
// q.From is not found.
func (h *Hub) Events(ctx context.Context, q console.EventQuery) ([]console.Event, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	var cameras []*camera
	if q.Camera == "" {
		cameras = h.all()
	} else {
		c, err := h.camera(q.Camera)
		if err != nil {
			return nil, err
		}
		cameras = []*camera{c}
	}
	all := []console.Event{}
	for _, c := range cameras {
		list, err := h.cameraEvents(ctx, c.name, q)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	slices.SortStableFunc(all, func(a, b console.Event) int { return b.Start.Compare(a.Start) })
	return all[:min(len(all), q.Limit)], nil
}

func (h *Hub) cameraEvents(ctx context.Context, camera city.Slug, q console.EventQuery) ([]console.Event, error) {
	prefix := eventPrefix + string(camera) + ":"
	page := plane.Query{From: prefix, To: prefix + "~", Descending: true, Limit: min(q.Limit, plane.MaxLimit)}
	if !q.From.IsZero() {
		page.From = prefix + eventTime(q.From.Add(-lookBack))
		page.Match = func(e *plane.Entity) bool {
			r, err := readRecord(e)
			return err == nil && (r.End == nil || r.End.After(q.From) || !r.Start.Before(q.From))
		}
	}
	if !q.To.IsZero() {
		page.To = prefix + eventTime(q.To)
	}
	var list []console.Event
	for len(list) < q.Limit {
		found, err := h.store.Find(ctx, page)
		if err != nil {
			return nil, err
		}
		for _, e := range found.Entities {
			x, err := toEvent(camera, e)
			if err != nil {
				return nil, err
			}
			list = append(list, x)
			page.After = e.ID
		}
		if !found.More {
			break
		}
	}
	return list, nil
}

func eventTime(t time.Time) string {
	return fmt.Sprintf("%013d", min(max(0, t.UnixMilli()), 9999999999999))
}

// EventPlace implements console.City.
func (h *Hub) EventPlace(ctx context.Context, name city.Slug, id string) (console.Event, wire.Picture, error) {
	none := city.Errorf(city.NotFound, "there is no such event of camera %s, or it has no picture", name)
	if _, err := h.camera(name); err != nil {
		return console.Event{}, nil, err
	}
	if !eventIDForm.MatchString(id) {
		return console.Event{}, nil, none
	}
	e, err := h.store.Entity(ctx, eventKey(name, id))
	if city.KindOf(err) == city.NotFound {
		return console.Event{}, nil, none
	}
	if err != nil {
		return console.Event{}, nil, err
	}
	x, err := toEvent(name, e)
	if err != nil {
		return x, nil, err
	}
	picture, err := os.ReadFile(h.picturePath(name, id))
	if errors.Is(err, os.ErrNotExist) {
		return x, nil, none
	}
	return x, picture, err
}
