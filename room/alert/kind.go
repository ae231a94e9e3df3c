package alert

import (
	"slices"
	"time"

	"polity/access"
	"polity/city"
)

// Kind is a sort of situation. The list of kinds is closed: what is of none of them is
// raised as Other.
type Kind struct {
	Name     city.Slug
	Desk     city.Slug
	Priority int // where the source names none
	// Precision is the registered one: the share of useful among useful and false
	// verdicts below which the kind is demoted to quiet by itself (room/verdict).
	Precision float64
	// Registered is when the precision was registered; verdicts from before do not count
	// against it. The zero time: all count.
	Registered time.Time
	// Cameras were registered anew on their own.
	Cameras map[city.Slug]time.Time
}

// DefaultPrecision is the registered precision of kinds that have no other.
const DefaultPrecision = 0.5

// Other is the kind of what no list knows.
const Other city.Slug = "other"

// Shipped lists the kinds in the order of pages.
func Shipped() []Kind {
	list := []Kind{
		// Events of cameras, by their words.
		{Name: "crowding", Desk: access.Safety, Priority: 2},
		{Name: "wrong-way", Desk: access.Safety, Priority: 2},
		{Name: "intrusion", Desk: access.Safety, Priority: 2},
		{Name: "stopped", Desk: access.Safety, Priority: 3},
		{Name: "object-left", Desk: access.Safety, Priority: 3},
		{Name: "camera-moved", Desk: access.System, Priority: 3},
		{Name: "camera-blind", Desk: access.System, Priority: 3},
		{Name: "camera-silent", Desk: access.System, Priority: 3},
		{Name: "entry-ended", Desk: access.System, Priority: 3},
		{Name: "observing-less", Desk: access.System, Priority: 4},
		// Alarms of sensors and alerts of other programs, by what they are about.
		{Name: "flood", Desk: access.Safety, Priority: 2},
		{Name: "rain", Desk: access.Safety, Priority: 3},
		{Name: "weather", Desk: access.Safety, Priority: 3},
		{Name: "air", Desk: access.Safety, Priority: 3},
		{Name: "noise", Desk: access.Safety, Priority: 4},
		{Name: "environment", Desk: access.Safety, Priority: 3},
		{Name: "garage-full", Desk: access.Traffic, Priority: 4},
		{Name: "traffic", Desk: access.Traffic, Priority: 3},
		{Name: "water", Desk: access.Water, Priority: 3},
		{Name: "power", Desk: access.Power, Priority: 3},
		{Name: "waste", Desk: access.Waste, Priority: 3},
		// What the hub sees of its own parts.
		{Name: "edge-lost", Desk: access.System, Priority: 2},
		{Name: "edge-disk", Desk: access.System, Priority: 2},
		{Name: "log-disk", Desk: access.System, Priority: 2},
		{Name: "recording-stopped", Desk: access.System, Priority: 2},
		{Name: "epoch-keys-none", Desk: access.System, Priority: 2},
		{Name: "epoch-keys-few", Desk: access.System, Priority: 3},
		{Name: "device-silent", Desk: access.System, Priority: 3},
		{Name: Other, Desk: access.Safety, Priority: 3},
	}
	for i := range list {
		list[i].Precision = DefaultPrecision
	}
	return list
}

// Kinds are those that apply in a city.
type Kinds []Kind

// Of returns a kind; false: there is none of the name.
func (k Kinds) Of(name city.Slug) (Kind, bool) {
	i := slices.IndexFunc(k, func(x Kind) bool { return x.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return k[i], true
}
