package sensors

import (
	"slices"
	"time"
)

// Kind is what sort of sensor it is, as it stands in addresses.
type Kind string

// The kinds.
const (
	Air     Kind = "air"
	Noise   Kind = "noise"
	Weather Kind = "weather"
	Water   Kind = "water"
	Bay     Kind = "bay"
	Garage  Kind = "garage"
	// Homes are sums over the homes of an area. What their entities say is not read: only
	// sums in history that say of how many homes they are count (docs/formats/ingest.md).
	Homes Kind = "homes"
)

// Kinds lists the kinds in the order of pages.
func Kinds() []Kind { return []Kind{Water, Weather, Air, Noise, Garage, Bay, Homes} }

// Attribute is a public attribute of a kind.
type Attribute struct {
	Name     string
	Unit     string // UN/CEFACT code; empty: none
	Decimals int    // that are worth showing
	Words    bool   // its value is a word of a list, not a number
}

// kind is what is known of one.
type kind struct {
	types      []string
	attributes []Attribute // the first that a sensor has is its main one
	stale      time.Duration
}

// Codes of units (UN/CEFACT Recommendation 20).
const (
	Micrograms  = "GQ" // per cubic metre
	PPB         = "61" // parts per billion of volume
	Decibel     = "2N"
	Millimetre  = "MMT"
	Metre       = "MTR"
	Celsius     = "CEL"
	Percent     = "P1"
	MetrePerSec = "MTS"
	One         = "C62"
	Watt        = "WTT"
	WattHour    = "WHR"
)

var kinds = map[Kind]kind{
	Air: {[]string{"AirQualityObserved"}, []Attribute{
		{"pm25", Micrograms, 1, false},
		{"pm10", Micrograms, 1, false},
		{"no2", Micrograms, 1, false},
		{"o3", Micrograms, 1, false},
		{"so2", Micrograms, 1, false},
		{"temperature", Celsius, 1, false},
		{"relativeHumidity", Percent, 0, false},
		{"stationType", "", 0, true},
	}, 3 * time.Hour},
	Noise: {[]string{"NoiseLevelObserved"}, []Attribute{
		{"LAeq", Decibel, 1, false}, {"LAmax", Decibel, 1, false}, {"LA10", Decibel, 1, false}, {"LA90", Decibel, 1, false},
	}, 30 * time.Minute},
	Weather: {[]string{"WeatherObserved"}, []Attribute{
		{"precipitation", Millimetre, 1, false}, {"temperature", Celsius, 1, false}, {"relativeHumidity", Percent, 0, false}, {"windSpeed", MetrePerSec, 1, false},
	}, 45 * time.Minute},
	Water: {[]string{"FloodMonitoring", "WaterLevelObserved"}, []Attribute{
		{"currentLevel", Metre, 2, false}, {"alertLevel", Metre, 2, false}, {"dangerLevel", Metre, 2, false},
	}, 15 * time.Minute},
	Bay: {[]string{"ParkingSpot"}, []Attribute{
		{"status", "", 0, true}, {"occupied", "", 0, false},
	}, 4 * time.Hour},
	Garage: {[]string{"OffStreetParking"}, []Attribute{
		{"availableSpotNumber", One, 0, false}, {"occupiedSpotNumber", One, 0, false}, {"totalSpotNumber", One, 0, false},
	}, time.Hour},
	Homes: {[]string{"EnergyConsumption", "Consumption"}, []Attribute{
		{"power", Watt, 0, false}, {"energy", WattHour, 0, false},
	}, time.Hour},
}

// Known says whether there is such a kind.
func (k Kind) Known() bool { return kinds[k].types != nil }

// Attributes lists the public attributes of a kind.
func (k Kind) Attributes() []Attribute { return slices.Clone(kinds[k].attributes) }

// Attribute returns one of them.
func (k Kind) Attribute(name string) (Attribute, bool) {
	for _, a := range kinds[k].attributes {
		if a.Name == name {
			return a, true
		}
	}
	return Attribute{}, false
}

// Stale is how old the newest value may be before a sensor of the kind says nothing of
// the present any more, where no rule says otherwise.
func (k Kind) Stale() time.Duration { return kinds[k].stale }

// Types lists the entity types of kinds, of all kinds if none is given.
func Types(of ...Kind) []string {
	if len(of) == 0 {
		of = Kinds()
	}
	var out []string
	for _, k := range of {
		out = append(out, kinds[k].types...)
	}
	return out
}

// KindOf is the kind of an entity with such types.
func KindOf(types []string) (Kind, bool) {
	for _, k := range Kinds() {
		for _, t := range types {
			if slices.Contains(kinds[k].types, t) {
				return k, true
			}
		}
	}
	return "", false
}
