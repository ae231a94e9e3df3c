package console

import (
	"context"
	"time"

	"polity/access"
	"polity/city"
	"polity/console/frame"
)

// Looks writes down who looks at what, before it is shown.
type Looks interface {
	// Begin commits that somebody begins to look. An error means that it is not written
	// down: nothing is shown then.
	Begin(ctx context.Context, l Look) (Looking, error)
}

// Looking is a look that goes on.
type Looking interface {
	// Finish says that it is over.
	Finish()
	// Gone is closed when the book can no longer note that it goes on: nothing more may be
	// shown.
	Gone() <-chan struct{}
}

// Look is one look.
type Look struct {
	Who access.Who
	Do  access.Action // access.LookLive, LookBack or LookData
	On  access.Thing
	// At is the moment of the past that is looked at, zero for now.
	At time.Time
}

// viewer is what the one who asks may do on this page, with the camera that it names.
func (c *Console) viewer(r *frame.Request) frame.Viewer {
	v := frame.Viewer{Operate: c.Allowed(r, access.SeeSystem, access.City())}
	name := r.PathValue("camera")
	if name == "" {
		return v
	}
	camera := c.thing(city.Slug(name))
	look, back := c.Decide(r, access.LookLive, camera), c.Decide(r, access.LookBack, camera)
	v.Live, v.Back = look.Allowed && c.cfg.Looks != nil, back.Allowed && c.cfg.Looks != nil
	v.Purpose = look.Purpose || back.Purpose
	v.Counts = c.Allowed(r, access.SeeCounts, camera)
	v.Edit = c.Allowed(r, access.EditLayout, camera)
	return v
}

// thing is a camera as policies know it, with its areas.
func (c *Console) thing(name city.Slug) access.Thing {
	if c.cfg.Areas == nil {
		return access.Camera(name)
	}
	return access.Camera(name, c.cfg.Areas(name)...)
}

// look writes down a look before anything of it is shown.
func (c *Console) look(r *frame.Request, do access.Action, on access.Thing, at time.Time) (Looking, error) {
	if c.cfg.Looks == nil {
		return nil, city.Errorf(city.Unavailable, "%s", c.Say("error.nobook"))
	}
	return c.cfg.Looks.Begin(r.Context(), Look{Who: r.Who, Do: do, On: on, At: at})
}
