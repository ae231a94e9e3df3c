package uplink

import (
	"polity/camera/layout"
	"polity/camera/wire"
	"polity/register"
)

// eventNames are the register's words for the situations that an entry can allow.
var eventNames = map[wire.EventKind]string{
	wire.Crowding: "crowding", wire.WrongWay: "wrong-way", wire.Intrusion: "intrusion", wire.Stopped: "stopped", wire.ObjectLeft: "object-left",
}

// Allowed lists the events that a camera with the entry may send: those that the
// entry names, and all that concern the camera itself.
func Allowed(e *register.Entry) []wire.EventKind {
	var kinds []wire.EventKind
	for k := wire.Crowding; k <= wire.ObservingLess; k++ {
		if name, street := eventNames[k]; !street || e.Allows(name) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// CheckLayout says whether a camera with the entry may use the layout.
func CheckLayout(l *layout.Layout, e *register.Entry) LayoutAnswer {
	if l.Check() != nil {
		return LayoutAnswer{Result: Wrong}
	}
	for i, z := range l.Zones {
		for _, w := range []struct {
			wanted bool
			kind   wire.EventKind
		}{{z.Crowd > 0, wire.Crowding}, {z.KeepEmpty, wire.Intrusion}, {z.NoStop, wire.Stopped}, {z.NoObjects, wire.ObjectLeft}} {
			if w.wanted && !e.Allows(eventNames[w.kind]) {
				return LayoutAnswer{Result: NotAllowed, Number: uint8(i + 1)}
			}
		}
		if z.Crowd > 0 && z.Crowd < e.CrowdAtLeast {
			return LayoutAnswer{Result: CrowdTooSmall, Number: uint8(i + 1)}
		}
	}
	for i, n := range l.Lines {
		if n.OneWay != "" && !e.Allows(eventNames[wire.WrongWay]) {
			return LayoutAnswer{Result: NotAllowed, Number: uint8(i + 1)}
		}
	}
	return LayoutAnswer{Result: Taken, Revision: l.Revision}
}
