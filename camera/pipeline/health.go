package pipeline

import (
	"time"

	"polity/camera/scene"
	"polity/camera/wire"
)

// health keeps the events that are about the camera itself.
type health struct {
	open [wire.ObservingLess + 1]*wire.Event
}

// set begins or ends the event of a kind, and appends it to out when it does.
func (h *health) set(out []wire.Message, kind wire.EventKind, is bool, at time.Time, value float64, layout uint32) []wire.Message {
	e := h.open[kind]
	switch {
	case is && e == nil:
		e = &wire.Event{Kind: kind, Layout: layout, Start: at, Value: value}
		h.open[kind] = e
		begun := *e
		return append(out, &begun)
	case !is && e != nil:
		h.open[kind] = nil
		e.End = at
		return append(out, e)
	}
	return out
}

// tampered follows what the scene says of the camera.
func (h *health) tampered(out []wire.Message, t scene.Tamper, at time.Time, layout uint32) []wire.Message {
	out = h.set(out, wire.CameraMoved, t == scene.Moved, at, 0, layout)
	return h.set(out, wire.CameraBlind, t == scene.Covered, at, 0, layout)
}

// close ends all events.
func (h *health) close(out []wire.Message, at time.Time) []wire.Message {
	for kind := range h.open {
		out = h.set(out, wire.EventKind(kind), false, at, 0, 0)
	}
	return out
}
