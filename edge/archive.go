package edge

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"polity/camera/wire"
	"polity/city"
	"polity/spine"
)

const wholeEvery = time.Hour // the archive holds a whole place so often, if it changes

// pending is what of a camera's place has changed since it was last archived.
type pending struct {
	tiles    map[uint16]bool
	whole    bool      // all of it: the first, or after a whole place came
	sequence uint32    // of the archive's own series
	last     time.Time // when something was last archived
	lastAll  time.Time // when the whole place was
}

// note adds a change of the place.
func (p *pending) note(m *wire.Place) {
	if p.tiles == nil {
		p.tiles = map[uint16]bool{}
		p.whole = true
	}
	for _, t := range m.Tiles {
		p.tiles[t] = true
	}
	p.whole = p.whole || m.Whole
}

// archive writes each camera's changed place down from time to time, for the day's
// slider. Marks are never among it.
func (e *edge) archive(ctx context.Context) {
	tick := time.NewTicker(min(time.Second, e.cfg.ArchiveEvery))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, c := range e.cameras {
			c.archivePlace(ctx)
		}
	}
}

func (c *camera) archivePlace(ctx context.Context) {
	p, err := c.duePlace()
	if err != nil {
		c.log.Error("the place cannot be encoded for the archive", slog.Any("error", err))
	}
	if p == nil {
		return
	}
	if err := c.e.spine.Keep(ctx, spine.Archive, c.cfg.Name, wire.Append(nil, p)); err != nil {
		if city.KindOf(err) != city.Unavailable {
			c.log.Warn("the place was not archived", slog.Any("error", err))
		}
		c.mu.Lock()
		c.pending.whole = true // what was missed is in the next
		c.mu.Unlock()
	}
}

// duePlace returns what is to be archived now, nil if nothing is.
func (c *camera) duePlace() (*wire.Place, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := &c.pending
	if (len(d.tiles) == 0 && !d.whole) || c.place.Empty() || time.Since(d.last) < c.e.cfg.ArchiveEvery {
		return nil, nil
	}
	d.whole = d.whole || time.Since(d.lastAll) >= wholeEvery
	var tiles []uint16
	if !d.whole {
		for t := range d.tiles {
			tiles = append(tiles, t)
		}
		slices.Sort(tiles)
	}
	d.sequence++
	p, err := c.place.Tiles(tiles, d.sequence)
	if err != nil {
		return nil, err
	}
	if d.last = time.Now(); d.whole {
		d.lastAll = d.last
	}
	d.tiles, d.whole = map[uint16]bool{}, false
	return p, nil
}
