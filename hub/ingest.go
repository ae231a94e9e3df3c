package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"polity/camera/wire"
	"polity/city"
	"polity/plane"
	"polity/spine"
)

// takeRecords commits a batch of observations, events and statements, each once however
// often it comes. What is of a camera without an entry here is put off.
func (e *edge) takeRecords(ctx context.Context, batch []spine.Message) (later []int, err error) {
	var b plane.Batch
	var observed []plane.Observation
	var events []*stored
	var statements []spine.Message
	dropped := 0
	for i, m := range batch {
		if m.Channel == spine.Statement {
			statements = append(statements, m)
			continue
		}
		c, missing := e.mine(m.Camera)
		if c == nil {
			if missing {
				later = append(later, i)
			} else {
				dropped++
			}
			continue
		}
		x, err := wire.Parse(m.Body)
		if err != nil {
			return nil, err
		}
		switch x := x.(type) {
		case *wire.Observation:
			o, err := e.h.observation(ctx, c, x)
			if err != nil {
				return nil, err
			}
			observed = append(observed, o)
		case *wire.Event:
			s, err := e.h.event(ctx, c, x)
			if err != nil {
				return nil, err
			}
			events = append(events, s)
			b.Changes = append(b.Changes, s.change())
		}
	}
	if len(statements) > 0 {
		if err := e.takeStatements(ctx, statements); err != nil {
			return nil, err
		}
	}
	if len(statements) == len(batch) {
		return nil, nil
	}
	added, err := e.h.minutes.Add(ctx, observed)
	if err != nil {
		return nil, err
	}
	var r plane.Result
	if len(events) > 0 {
		if r, err = e.h.store.Write(ctx, &b); err != nil {
			return nil, err
		}
	}
	for i, refused := range r.Refused {
		if refused != nil { // a fault of ours: keep it at the edge, and say so
			return nil, fmt.Errorf("event %s: %w", events[i].id, refused)
		}
	}
	for _, s := range events {
		s.camera.announce(s.event)
	}
	e.h.count(len(observed), added, len(events), len(later), dropped)
	return later, nil
}

func (h *Hub) count(observations, added, events, put, dropped int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counted.observations += uint64(added)
	h.counted.repeated += uint64(observations - added)
	h.counted.events += uint64(events)
	h.counted.put += uint64(put)
	h.counted.dropped += uint64(dropped)
}

// observation names what was observed by the zone or line that it is about.
func (h *Hub) observation(ctx context.Context, c *camera, o *wire.Observation) (plane.Observation, error) {
	where, err := h.whereName(ctx, c, o.Layout, o.Where, aboutLine(o.Metric))
	if err != nil {
		return plane.Observation{}, err
	}
	return toPlane(c.name, o, where)
}

// whereName is the name of the n-th zone or line of a layout. One of a layout that
// this hub does not hold (its data is older than the edge's) is called by number.
func (h *Hub) whereName(ctx context.Context, c *camera, revision uint32, n uint8, line bool) (city.Slug, error) {
	if n == 0 {
		return "", nil
	}
	l, err := h.layoutOf(ctx, c, revision)
	if err != nil && city.KindOf(err) != city.NotFound {
		return "", err
	}
	switch {
	case err == nil && line && int(n) <= len(l.Lines):
		return l.Lines[n-1].Name, nil
	case err == nil && !line && int(n) <= len(l.Zones):
		return l.Zones[n-1].Name, nil
	case line:
		return city.Slug(fmt.Sprintf("line-%d", n)), nil
	}
	return city.Slug(fmt.Sprintf("zone-%d", n)), nil
}

// announce tells those who look that an event began or ended.
func (c *camera) announce(e *wire.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pass(e)
}

// takePlaces keeps a place of the archive.
func (e *edge) takePlaces(_ context.Context, batch []spine.Message) (later []int, err error) {
	for i, m := range batch {
		c, missing := e.mine(m.Camera)
		if c == nil {
			if missing {
				later = append(later, i)
			}
			continue
		}
		x, err := wire.Parse(m.Body)
		p, ok := x.(*wire.Place)
		if err != nil || !ok {
			return nil, errors.Join(err, fmt.Errorf("a %T in the archive", x))
		}
		added, err := e.h.places.Add(c.name, p)
		if city.KindOf(err) == city.Invalid {
			e.log.Warn("a place of the archive cannot be used", slog.String("camera", string(c.name)), slog.Any("error", err))
			continue
		}
		if err != nil {
			return nil, err
		}
		if added {
			c.mu.Lock()
			c.kept = placeHead{p.At, int(p.Width), int(p.Height)}
			c.mu.Unlock()
		}
	}
	return later, nil
}
