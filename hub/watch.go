package hub

import (
	"context"
	"time"

	"polity/camera/canvas"
	"polity/camera/uplink"
	"polity/camera/wire"
	"polity/city"
	"polity/spine"
)

const (
	leaseEvery = 2 * time.Second
	leaseTime  = 6 // seconds that an edge goes on without hearing again
)

// Watch implements console.City. While it runs it tells the edge every two seconds
// that somebody looks; when it ends the edge stops by itself.
func (h *Hub) Watch(ctx context.Context, name city.Slug, each func(wire.Message)) error {
	c, err := h.camera(name)
	if err != nil {
		return err
	}
	h.mu.Lock()
	e := h.edges[c.edge]
	h.mu.Unlock()
	if e == nil {
		return city.Errorf(city.Unavailable, "the edge %s of camera %s is not known to this hub", c.edge, name)
	}
	if on, _, _, _ := e.connected(); !on {
		return city.Errorf(city.Unavailable, "the edge %s is not connected", c.edge)
	}
	id, err := c.addWatcher(each)
	if err != nil {
		return err
	}
	defer c.dropWatcher(id)
	tick := time.NewTicker(leaseEvery)
	defer tick.Stop()
	for {
		if on, _, _, _ := e.connected(); !on {
			return city.Errorf(city.Unavailable, "the line to the edge %s is lost", c.edge)
		}
		if err := e.line.Tell(spine.Watch, name, uplink.Encode(c.lease())); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (c *camera) lease() uplink.Watch {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := uplink.Watch{Seconds: leaseTime}
	if c.wantWhole {
		w.Whole = 1
	}
	return w
}

// addWatcher gives a new watcher the latest state, and the place if others look
// already.
func (c *camera) addWatcher(each func(wire.Message)) (id int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.heard.IsZero() {
		state := c.state
		each(&state)
	}
	if len(c.watchers) == 0 {
		c.live, c.wantWhole = canvas.Canvas{}, true
	} else if !c.live.Empty() {
		p, err := c.live.Tiles(nil, c.live.Sequence())
		if err != nil {
			return 0, err
		}
		each(p)
	}
	c.next++
	c.watchers[c.next] = each
	return c.next, nil
}

func (c *camera) dropWatcher(id int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.watchers, id)
}
