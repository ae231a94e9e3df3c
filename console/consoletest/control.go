package consoletest

import (
	"slices"
	"time"

	"polity/camera/wire"
	"polity/city"
	"polity/console"
	"polity/register"
)

// Change lets a test change anything under the lock; watchers look again after it.
func (c *City) change(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
	close(c.changed)
	c.changed = make(chan struct{})
}

// Cut takes the line to a camera down, or up again: watches end, and nothing more
// is heard of it from then on.
func (c *City) Cut(camera city.Slug, cut bool) {
	c.change(func() {
		c.streets[camera].cut = cut
		for i := range c.cameras {
			if c.cameras[i].Name == camera {
				c.cameras[i].Heard = c.now()
			}
		}
		for i := range c.edges {
			c.edges[i].Connected, c.edges[i].Since, c.edges[i].Waiting = !cut, c.now(), 0
		}
	})
}

// SetWaiting sets how many messages the edge still holds.
func (c *City) SetWaiting(n int64) { c.change(func() { c.edges[0].Waiting = n }) }

// Fix makes the camera's marks stand still at given cells; nil lets people walk
// again.
func (c *City) Fix(camera city.Slug, marks *wire.Marks) {
	c.change(func() { c.streets[camera].marks = marks })
}

// Send passes a message to who watches the camera.
func (c *City) Send(camera city.Slug, m wire.Message) {
	c.change(func() { c.streets[camera].sent = append(c.streets[camera].sent, m) })
}

// SetState changes a camera's last state.
func (c *City) SetState(camera city.Slug, edit func(*wire.State)) {
	c.change(func() {
		for i := range c.cameras {
			if c.cameras[i].Name == camera {
				edit(&c.cameras[i].State)
			}
		}
	})
}

// SetRefused makes the edge refuse a camera's entry.
func (c *City) SetRefused(camera city.Slug, why register.Reason) {
	c.SetState(camera, func(s *wire.State) { s.Condition = wire.Refused })
	c.change(func() {
		for i := range c.cameras {
			if c.cameras[i].Name == camera {
				c.cameras[i].Refused = why
			}
		}
	})
}

// SetEdge changes the edge.
func (c *City) SetEdge(edit func(*console.Edge)) { c.change(func() { edit(&c.edges[0]) }) }

// Refuse makes SetLayout fail with err; nil lets it succeed.
func (c *City) Refuse(err error) { c.change(func() { c.refuse = err }) }

// Break makes everything fail with err; nil mends it.
func (c *City) Break(err error) { c.change(func() { c.broken = err }) }

// Empty removes all cameras and edges, as in a city that has just begun.
func (c *City) Empty() {
	c.change(func() { c.cameras, c.edges, c.streets = nil, nil, map[city.Slug]*street{} })
}

// AddUnseen adds a camera that was registered and never heard of.
func (c *City) AddUnseen(name city.Slug, title string) {
	c.change(func() {
		k := square(c.now(), &picture{})
		k.Name, k.Entry.Title = name, title
		k.State, k.Heard, k.PlaceAt, k.Width, k.Height = wire.State{}, time.Time{}, time.Time{}, 0, 0
		k.Entry.Position.Lon -= .004
		k.Entry.Heading = 40
		c.cameras = append(c.cameras, k)
		slices.SortFunc(c.cameras, func(a, b console.Camera) int {
			if a.Name < b.Name {
				return -1
			}
			return 1
		})
		c.streets[name] = &street{}
	})
}
