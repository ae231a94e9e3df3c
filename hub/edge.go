package hub

import (
	"log/slog"
	"sync"
	"time"

	"polity/camera/uplink"
	"polity/camera/wire"
	"polity/city"
	"polity/spine"
)

// edge is the hub's end of an edge.
type edge struct {
	h    *Hub
	name city.Slug
	line *spine.Line
	log  *slog.Logger
	// wants is what the edge said it has of epoch keys.
	wants chan keyWant

	mu     sync.Mutex
	state  uplink.EdgeState
	heard  time.Time // its last word, by the hub's clock
	since  time.Time // connected since
	roomy  time.Time // since when its disk takes everything, as far as was looked at
	warned map[city.Slug]string
}

// openEdge listens to an edge.
func (h *Hub) openEdge(name city.Slug) (*edge, error) {
	line, err := h.spine.Line(name)
	if err != nil {
		return nil, err
	}
	e := &edge{h: h, name: name, line: line, log: h.log.With(slog.String("edge", string(name))), since: time.Now(), wants: make(chan keyWant, 16), warned: map[city.Slug]string{}}
	stop, err := line.Listen(e.hear)
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, func() error { stop(); return nil })
	h.mu.Lock()
	h.edges[name] = e
	h.mu.Unlock()
	return e, nil
}

// connected says whether the edge was heard lately, since when that is so, and when
// it last told its state.
func (e *edge) connected() (yes bool, since, heard time.Time, state uplink.EdgeState) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.heard) > quietEdge {
		if e.heard.IsZero() {
			return false, e.since, e.heard, e.state
		}
		return false, e.heard, e.heard, e.state
	}
	return true, e.since, e.heard, e.state
}

// alive notes a word of the edge.
func (e *edge) alive(state uplink.EdgeState) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.heard) > quietEdge {
		e.since = time.Now()
		e.log.Info("an edge is connected")
	}
	e.heard, e.state = time.Now(), state
}

// mine returns the camera if it has an entry for this edge, and says once why not.
func (e *edge) mine(name city.Slug) (c *camera, missing bool) {
	c, err := e.h.camera(name)
	why := ""
	switch {
	case err != nil:
		missing, why = true, "it has no entry in the hub's register; what it observed waits at the edge until it has"
	case c.edge != e.name:
		c, why = nil, "its entry is for the edge "+string(c.edge)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if why != "" && e.warned[name] != why {
		e.log.Warn("an edge speaks of a camera that is not its", slog.String("camera", string(name)), slog.String("why", why))
	}
	e.warned[name] = why
	return c, missing
}

// hear takes a live message.
func (e *edge) hear(m spine.Message) {
	if m.Channel == spine.EdgeState {
		if s, err := uplink.DecodeEdgeState(m.Body); err == nil {
			e.alive(s)
		}
		return
	}
	c, _ := e.mine(m.Camera)
	if c == nil {
		return
	}
	if m.Channel == spine.CameraState {
		if s, err := uplink.DecodeCameraState(m.Body); err == nil {
			e.h.hearReport(c, s)
		}
		return
	}
	if m.Channel == spine.KeyState {
		if s, err := uplink.DecodeKeyState(m.Body); err == nil {
			e.hearKeys(c, s)
		}
		return
	}
	x, err := wire.Parse(m.Body)
	if err != nil {
		return // the line's check has said so
	}
	c.hear(x, e.log)
}

// hearReport notes what the edge says of a camera. A layout that came into force
// without an answer to us (the answer was lost) is noted here.
func (h *Hub) hearReport(c *camera, s uplink.CameraState) {
	c.mu.Lock()
	c.report = s
	changed := s.Layout != c.revision
	c.revision = s.Layout
	c.mu.Unlock()
	if changed {
		h.noteRevision(c)
	}
}

// hear takes a state, or a piece of the scene for those who look.
func (c *camera) hear(m wire.Message, log *slog.Logger) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m := m.(type) {
	case *wire.State:
		c.state, c.heard = *m, time.Now()
		c.pass(m)
	case *wire.Marks:
		c.pass(m)
	case *wire.Place:
		if len(c.watchers) == 0 {
			return
		}
		clean, err := c.draw(m)
		if err != nil {
			log.Warn("a place cannot be shown", slog.String("camera", string(c.name)), slog.Any("error", err))
		}
		if clean != nil {
			c.pass(clean)
		}
	}
}

// draw puts a change of the place on the canvas and encodes it anew: no byte of the
// edge's picture goes on. It returns nil when a whole place is needed first.
func (c *camera) draw(p *wire.Place) (*wire.Place, error) {
	if !p.Whole && (c.wantWhole || p.Sequence != c.live.Sequence()+1) {
		c.wantWhole = true
		return nil, nil
	}
	if err := c.live.Apply(p); err != nil {
		c.wantWhole = true
		return nil, err
	}
	c.wantWhole = false
	tiles := p.Tiles
	if p.Whole {
		tiles = nil
	}
	return c.live.Tiles(tiles, p.Sequence)
}

func (c *camera) pass(m wire.Message) {
	for _, each := range c.watchers {
		each(m)
	}
}
