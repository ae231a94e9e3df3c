package order

import (
	"slices"

	"polity/access"
	"polity/city"
)

// Kind is what sort of work an order asks for, from the list of its desk. No kind is
// about a person.
type Kind string

// Inspection is on every desk's list.
const Inspection Kind = "inspection"

var kinds = map[city.Slug][]Kind{
	access.Safety:  {"obstruction", "flooding", "ice", "damage", "barrier"},
	access.Traffic: {"signal-fault", "sign", "road-damage", "marking", "detour"},
	access.Waste:   {"overflowing", "container-damage", "missed-collection", "dumped-waste", "container-move"},
	access.Water:   {"leak", "valve", "hydrant", "pump", "meter"},
	access.Power:   {"outage", "cable", "transformer", "street-light", "switch"},
	access.System:  {"camera", "sensor", "edge", "network", "battery"},
}

// Kinds lists what a desk gives orders for; nothing for what is no desk.
func Kinds(desk city.Slug) []Kind {
	if kinds[desk] == nil {
		return nil
	}
	return append(slices.Clone(kinds[desk]), Inspection)
}

// Priority says which order comes first.
type Priority string

// The priorities.
const (
	Urgent  Priority = "urgent"
	Soon    Priority = "soon"
	Routine Priority = "routine"
)

// Priorities lists them, the first first.
func Priorities() []Priority { return []Priority{Urgent, Soon, Routine} }

// Reason says why an order cannot be done.
type Reason string

// Reasons lists why an order cannot be done.
func Reasons() []Reason {
	return []Reason{"no-access", "not-found", "unsafe", "wrong-tools", "no-parts", "other-trade", "already-done", "weather", "shift-over"}
}
