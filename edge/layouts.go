package edge

import (
	"errors"
	"log/slog"
	"os"

	"polity/camera/layout"
	"polity/camera/uplink"
	"polity/camera/wire"
	"polity/internal/durable"
	"polity/register"
)

func (c *camera) layoutPath() string {
	return c.e.cfg.path("layouts", string(c.cfg.Name)+".json")
}

// loadLayout reads the layout that was last taken. A file that is not one is set
// aside: the camera then runs without zones until it gets a new layout.
func (c *camera) loadLayout() layout.Layout {
	b, err := os.ReadFile(c.layoutPath())
	if errors.Is(err, os.ErrNotExist) {
		return layout.Layout{}
	}
	var l layout.Layout
	if err == nil {
		l, err = uplink.DecodeLayout(b)
	}
	if err == nil {
		err = l.Check()
	}
	if err != nil {
		c.log.Error("the camera's layout cannot be read and was set aside: draw its zones again",
			slog.Any("error", errors.Join(err, os.Rename(c.layoutPath(), c.layoutPath()+"-damaged"))))
		return layout.Layout{}
	}
	return l
}

// setLayout takes a new layout if the entry allows it, first on disk, then in
// force.
func (c *camera) setLayout(l layout.Layout) uplink.LayoutAnswer {
	entry, err := c.e.folder.Load(c.cfg.Name)
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := uplink.LayoutAnswer{Result: uplink.NotAllowed}
	switch {
	case l.Revision <= c.layout.Revision:
		answer.Result = uplink.Stale
	case err == nil:
		answer = uplink.CheckLayout(&l, &entry.Entry)
	}
	answer.Revision = c.layout.Revision
	if answer.Result != uplink.Taken {
		return answer
	}
	b, err := uplink.EncodeLayout(l)
	if err == nil {
		err = durable.WriteFile(c.layoutPath(), b, 0o600)
	}
	if err != nil {
		c.log.Error("a new layout could not be written down; the one before stays", slog.Any("error", err))
		answer.Result = uplink.NotStored
		return answer
	}
	c.layout = l
	c.link.SetLayout(within(l, &entry.Entry))
	c.log.Info("the camera has a new layout", slog.Int("revision", int(l.Revision)), slog.Int("zones", len(l.Zones)), slog.Int("lines", len(l.Lines)))
	answer.Revision = l.Revision
	return answer
}

// within narrows a layout to what the entry allows: an entry may have become
// stricter since the layout was drawn.
func within(l layout.Layout, e *register.Entry) layout.Layout {
	may := map[wire.EventKind]bool{}
	for _, k := range uplink.Allowed(e) {
		may[k] = true
	}
	l.Zones, l.Lines = append([]layout.Zone{}, l.Zones...), append([]layout.Line{}, l.Lines...)
	for i := range l.Zones {
		z := &l.Zones[i]
		if !may[wire.Crowding] {
			z.Crowd = 0
		} else if z.Crowd > 0 {
			z.Crowd = max(z.Crowd, e.CrowdAtLeast)
		}
		z.KeepEmpty = z.KeepEmpty && may[wire.Intrusion]
		z.NoStop = z.NoStop && may[wire.Stopped]
		z.NoObjects = z.NoObjects && may[wire.ObjectLeft]
	}
	for i := range l.Lines {
		if !may[wire.WrongWay] {
			l.Lines[i].OneWay = ""
		}
	}
	return l
}
