package consoletest

import (
	"fmt"
	"slices"
	"time"

	"polity/camera/wire"
	"polity/city"
	"polity/console"
)

// AddStreets adds n cameras, street-01 and on, each with people of its own. Their places
// change by a few tiles a second: with marks and states some 2 KB a second of each on the
// line. `make bench-view` measured 2.7 KB of a film.
func (c *City) AddStreets(n int) {
	c.change(func() {
		for i := range n {
			k := square(c.now(), c.streets["square"].picture)
			k.Name = city.Slug(fmt.Sprintf("street-%02d", i+1))
			k.Entry.Title = fmt.Sprintf("Street %d, at the corner", i+1)
			k.Entry.Position.Lon += .0012 * float64(i%8-3)
			k.Entry.Position.Lat += .0007 * float64(i/8-3)
			k.Entry.Heading = float64(i * 47 % 360)
			c.cameras = append(c.cameras, k)
			c.streets[k.Name] = &street{
				picture: c.streets["square"].picture, layout: squareLayout(),
				phase: time.Duration(i+1) * (11*time.Minute + 3700*time.Millisecond), restless: i + 1,
			}
		}
		slices.SortFunc(c.cameras, func(a, b console.Camera) int {
			if a.Name < b.Name {
				return -1
			}
			return 1
		})
	})
}

// changes is what of a restless street's place changed by its n-th message, nil for
// nothing.
func (s *street) changes(now time.Time, n int) wire.Message {
	if s.restless == 0 || (n+s.restless)%5 != 0 {
		return nil
	}
	columns, rows := wire.TilesIn(s.picture.width, s.picture.height)
	first := uint16((n*37 + s.restless*101) % (columns*rows - 4))
	m := s.picture.tiles(now, []uint16{first, first + 1, first + 2, first + 3}, s.picture.pixels)
	m.Sequence = uint32(n + 2)
	return m
}
