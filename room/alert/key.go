package alert

import (
	"strings"

	"polity/city"
)

// Key names an alert: its source, a colon, and the id that the source gave it. Raised
// twice it is one alert.
type Key string

// maxKey is how long a key may be, bytes.
const maxKey = 1100

// NewKey makes a key.
func NewKey(source city.Slug, id string) Key { return Key(string(source) + ":" + id) }

// Source is who raised it.
func (k Key) Source() city.Slug {
	source, _, _ := strings.Cut(string(k), ":")
	return city.Slug(source)
}

// Check reports a key that is none.
func (k Key) Check() error {
	source, id, ok := strings.Cut(string(k), ":")
	if !ok || id == "" || len(k) > maxKey || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0xfffd }) {
		return city.Errorf(city.Invalid, "an alert's key is SOURCE:ID without spaces, at most %d bytes", maxKey)
	}
	return city.Slug(source).Check()
}

// Asset is the id of a thing of the city, such as urn:ngsi-ld:Streetlight:12. Types of
// things that are or follow people are none.
type Asset string

// assetTypes are the types whose ids may stand in an alert, of the Smart Data Models and
// of Polity. An id of another type is left out: the alert then has its place.
var assetTypes = map[string]bool{
	"AirQualityObserved": true, "NoiseLevelObserved": true, "WeatherObserved": true, "FloodMonitoring": true, "WaterLevelObserved": true,
	"ParkingSpot": true, "OffStreetParking": true, "OnStreetParking": true, "TrafficFlowObserved": true, "ItemFlowObserved": true,
	"Camera": true, "Device": true, "Streetlight": true, "StreetlightGroup": true, "StreetlightControlCabinet": true,
	"TrafficLight": true, "Junction": true, "Road": true, "RoadSegment": true, "Bridge": true, "Tunnel": true, "Building": true,
	"WasteContainer": true, "WasteContainerIsle": true,
	"WaterNetwork": true, "Pipe": true, "Valve": true, "Pump": true, "Tank": true, "Reservoir": true, "WaterMeterGroup": true, "Hydrant": true,
	"Substation": true, "Transformer": true, "PowerLine": true, "Feeder": true, "Switch": true, "EVChargingStation": true,
	"GtfsStop": true, "GtfsRoute": true,
}

// NewAsset returns the id as an asset, or "" where it is none.
func NewAsset(id string) Asset {
	rest, ok := strings.CutPrefix(id, "urn:ngsi-ld:")
	kind, name, named := strings.Cut(rest, ":")
	if device, is := strings.CutPrefix(id, "urn:polity:device:"); is {
		ok, kind, name, named = true, "Device", device, true
	}
	if !ok || !named || name == "" || len(id) > 200 || !assetTypes[kind] || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return ""
	}
	return Asset(id)
}

// Check reports an asset that NewAsset would not make.
func (a Asset) Check() error {
	if a != "" && NewAsset(string(a)) != a {
		return city.Errorf(city.Invalid, "%.80q is no id of an asset of the city", string(a))
	}
	return nil
}
