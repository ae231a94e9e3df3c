package access

import "polity/city"

// ThingKind is what sort of thing something is done to.
type ThingKind string

// The kinds of things.
const (
	TheCity  ThingKind = "City"    // everything that is no thing of its own
	ACamera  ThingKind = "Camera"  // in areas, and in the city
	AService ThingKind = "Service" // traffic, waste, water, power, safety, system
	APerson  ThingKind = "Person"  // somebody's account
)

// Thing is what something is done to. The zero value is the city itself.
type Thing struct {
	Kind ThingKind
	ID   string      // a camera's or service's name, a person's ID
	In   []city.Slug // the areas that a camera is in, AllAreas understood
}

// City is the thing of actions that concern no single camera, service or person.
func City() Thing { return Thing{Kind: TheCity} }

// Camera is a camera in areas.
func Camera(name city.Slug, areas ...city.Slug) Thing {
	return Thing{Kind: ACamera, ID: string(name), In: areas}
}

// Service is a municipal service, or one of the desks Safety and System.
func Service(name city.Slug) Thing { return Thing{Kind: AService, ID: string(name)} }

// Account is a person's account.
func Account(id string) Thing { return Thing{Kind: APerson, ID: id} }

// The desks of the control room. Each alert and each work order belongs to one.
const (
	Traffic city.Slug = "traffic"
	Waste   city.Slug = "waste"
	Water   city.Slug = "water"
	Power   city.Slug = "power"
	Safety  city.Slug = "safety" // events of cameras, alarms of sensors in the street
	System  city.Slug = "system" // edges, devices and disks
)

// Desks lists the desks in the order of pages.
func Desks() []city.Slug { return []city.Slug{Safety, Traffic, Waste, Water, Power, System} }
