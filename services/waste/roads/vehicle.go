// Package roads finds the quickest ways of refuse vehicles through a street
// network read from OpenStreetMap.
//
// The network is kept by arcs, a street in one direction between two junctions,
// and turns between them, so that one-way streets, turn restrictions, the cost of
// turning, and the kerb on which a container stands are all part of the way. A
// contraction hierarchy over the arcs (Geisberger et al. 2012; over arcs instead
// of junctions as in Geisberger and Vetter 2011) answers queries and whole
// matrices.
package roads

import (
	"strconv"
	"strings"

	"github.com/paulmach/osm"
)

// Vehicle is what streets and turns ask of a vehicle.
type Vehicle struct {
	Name    string
	WeightT float64 // gross weight in tonnes; 0: not checked
	WidthM  float64
	HeightM float64
	LengthM float64
	AxleT   float64
	KMH     float64 // top speed
	Heavy   bool    // above 3.5 t: rules for hgv apply
}

// RefuseTruck is a usual three-axle collection vehicle.
var RefuseTruck = Vehicle{Name: "refuse truck", WeightT: 26, WidthM: 2.55, HeightM: 3.8, LengthM: 10, AxleT: 10, KMH: 80, Heavy: true}

// NarrowTruck is a small collection vehicle for old towns.
var NarrowTruck = Vehicle{Name: "narrow truck", WeightT: 12, WidthM: 2.2, HeightM: 3, LengthM: 7, AxleT: 8, KMH: 80, Heavy: true}

// speeds are the driving speeds of a heavy vehicle in km/h by class of street, an
// assumption: those of free-flow routing engines less about a fifth. A posted
// limit below them counts.
var speeds = map[string]float64{
	"motorway": 80, "motorway_link": 50, "trunk": 70, "trunk_link": 45, "primary": 50, "primary_link": 35,
	"secondary": 45, "secondary_link": 30, "tertiary": 40, "tertiary_link": 30, "unclassified": 35, "residential": 25,
	"living_street": 10, "service": 12, "road": 25,
}

// What turning costs, in milliseconds: assumptions for a heavy vehicle, so that
// of two ways about as long the one with fewer turns across traffic wins.
const (
	turnSlight = 1_000  // 20 to 60 degrees
	turnNear   = 4_000  // to the side of driving
	turnAcross = 9_000  // over the opposite lane
	turnRound  = 40_000 // back into the same street, at a dead end only
	signalWait = 8_000
	crossing   = 500 // straight over a junction
)

// speed returns the vehicle's speed on a way, or 0 where it may not drive.
func (v *Vehicle) speed(tags osm.Tags) float64 {
	speed, ok := speeds[tags.Find("highway")]
	if !ok || tags.Find("area") == "yes" {
		return 0
	}
	if !v.admitted(tags) {
		return 0
	}
	for _, limit := range []struct {
		key  string
		have float64
	}{{"maxweight", v.WeightT}, {"maxwidth", v.WidthM}, {"maxheight", v.HeightM}, {"maxlength", v.LengthM}, {"maxaxleload", v.AxleT}} {
		if allowed, ok := measure(tags.Find(limit.key)); ok && limit.have > allowed {
			return 0
		}
	}
	if v.KMH > 0 {
		speed = min(speed, v.KMH)
	}
	if posted, ok := measure(tags.Find("maxspeed")); ok && posted > 0 {
		speed = min(speed, posted)
	}
	return max(speed, 3)
}

// admitted reads the access tags, the most specific first.
func (v *Vehicle) admitted(tags osm.Tags) bool {
	keys := []string{"motor_vehicle", "vehicle", "access"}
	if v.Heavy {
		keys = append([]string{"hgv", "goods"}, keys...)
	}
	for _, key := range keys {
		switch tags.Find(key) {
		case "":
		case "no", "private", "agricultural", "forestry", "emergency", "psv", "bus", "delivery_only":
			return false
		default:
			return true
		}
	}
	return true
}

// measure reads a number with an optional unit: "3.5", "3.5 t", "30 mph", "12'6\"".
func measure(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, false
	}
	if feet, inches, ok := strings.Cut(text, "'"); ok {
		f, err := strconv.ParseFloat(feet, 64)
		i, _ := strconv.ParseFloat(strings.TrimSuffix(inches, `"`), 64)
		return (f*12 + i) * 0.0254, err == nil && f > 0
	}
	end := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	unit := ""
	if end >= 0 {
		unit = strings.TrimSpace(text[end:])
		text = text[:end]
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v <= 0 {
		return 0, false
	}
	switch unit {
	case "mph":
		v *= 1.609344
	case "kg":
		v /= 1000
	case "cm":
		v /= 100
	}
	return v, true
}

// direction says which ways along a street may be driven.
func direction(tags osm.Tags) (forward, backward bool) {
	oneway := tags.Find("oneway:motor_vehicle")
	if oneway == "" {
		oneway = tags.Find("oneway")
	}
	switch oneway {
	case "yes", "true", "1":
		return true, false
	case "-1", "reverse":
		return false, true
	case "no", "false", "0":
		return true, true
	}
	class := tags.Find("highway")
	if j := tags.Find("junction"); j == "roundabout" || j == "circular" || class == "motorway" || class == "motorway_link" {
		return true, false
	}
	return true, true
}
