package alarm

import (
	"math"
	"time"

	"polity/sensors"
	"polity/sensors/air"
	"polity/sensors/flood"
	"polity/sensors/noise"
	"polity/sensors/parking"
	"polity/sensors/series"
)

// Measure is what is compared with thresholds: a figure made of a sensor's values.
type Measure string

// The measures. Besides them pm25, pm10, no2, o3 and so2 are hourly means in µg/m³.
const (
	WaterLevel  Measure = "water-level"      // m, without spikes
	WaterRise   Measure = "water-rise"       // m/h over five minutes, or seven messages
	Rain10m     Measure = "rain-10m"         // mm
	Rain1h      Measure = "rain-1h"          // mm
	Rain24h     Measure = "rain-24h"         // mm
	AirIndex    Measure = "air-index"        // 1 good to 6 extremely poor, of the last whole hour
	Leq15m      Measure = "leq-15m"          // dB
	Leq1h       Measure = "leq-1h"           // dB
	GarageShare Measure = "garage-occupancy" // 0 to 1
)

// Doubt is why little can be said of a sensor.
type Doubt string

// The doubts.
const (
	Sure   Doubt = ""
	Silent Doubt = "silent" // nothing new for too long
	Stuck  Doubt = "stuck"  // the very same value for too long
	Little Doubt = "little" // too few values for what would have to be said
)

// input is what a measure is made of.
type input struct {
	sensor *sensors.Sensor
	points map[string][]series.Point // by attribute, sorted by time
	now    time.Time
	since  time.Time // samples from then on are wanted
}

// measure makes samples: the figure as it was at some moments, the newest last.
type measure struct {
	kind          sensors.Kind
	unit          string // UN/CEFACT code
	window        time.Duration
	category, sub string // of the Alert
	derive        func(in *input) ([]series.Point, Doubt)
}

var measures = allMeasures()

func allMeasures() map[Measure]measure {
	all := map[Measure]measure{
		WaterLevel:  {sensors.Water, sensors.Metre, time.Hour, "weather", "flood", waterLevel},
		WaterRise:   {sensors.Water, "", 2 * time.Hour, "weather", "flood", waterRise}, // no code for m/h
		Rain10m:     {sensors.Weather, sensors.Millimetre, 10 * time.Minute, "weather", "rainfall", rain(10 * time.Minute)},
		Rain1h:      {sensors.Weather, sensors.Millimetre, time.Hour, "weather", "rainfall", rain(time.Hour)},
		Rain24h:     {sensors.Weather, sensors.Millimetre, 24 * time.Hour, "weather", "rainfall", rain(24 * time.Hour)},
		AirIndex:    {sensors.Air, sensors.One, 4 * time.Hour, "environment", "airPollution", airIndex},
		Leq15m:      {sensors.Noise, sensors.Decibel, 15 * time.Minute, "environment", "noise", leq(15 * time.Minute)},
		Leq1h:       {sensors.Noise, sensors.Decibel, time.Hour, "environment", "noise", leq(time.Hour)},
		GarageShare: {sensors.Garage, "", 0, "traffic", "parkingFull", garage},
	}
	for _, p := range air.Pollutants() {
		all[Measure(p)] = measure{sensors.Air, sensors.Micrograms, 4 * time.Hour, "environment", "airPollution", pollutant(p)}
	}
	return all
}

// shown are the measures that are worked out of every sensor of a kind, rules or not. Of
// the first it depends whether anything can be said of the sensor.
var shown = map[sensors.Kind][]Measure{
	sensors.Water: {WaterLevel, WaterRise}, sensors.Weather: {Rain10m, Rain1h, Rain24h}, sensors.Air: {AirIndex},
	sensors.Noise: {Leq15m}, sensors.Garage: {GarageShare},
}

// Kind is the kind of sensors of which it is made, and Unit the code of its unit.
func (m Measure) Kind() sensors.Kind { return measures[m].kind }

// Unit is the UN/CEFACT code of its unit; empty for none.
func (m Measure) Unit() string { return measures[m].unit }

// stuckFor is how long the very same wet level is believed.
const stuckFor = 6 * time.Hour

func waterLevel(in *input) ([]series.Point, Doubt) {
	points := in.points["currentLevel"]
	samples := flood.Steady(points)
	switch {
	case flood.Stuck(points, 0, stuckFor):
		return samples, Stuck
	case len(samples) == 0:
		return nil, Little
	}
	return samples, Sure
}

// riseWindow is over which time a rise is worked out: as short as a sensor's messages
// allow, since a rise is seen when it has lasted for a third of it.
func riseWindow(points []series.Point) time.Duration {
	return min(max(5*time.Minute, 7*series.Gap(points[max(0, len(points)-20):])), time.Hour)
}

// maxRises bounds the moments at which a rise is worked out.
const maxRises = 30

func waterRise(in *input) ([]series.Point, Doubt) {
	points := in.points["currentLevel"]
	first := len(points)
	for first > 0 && !points[first-1].At.Before(in.since) {
		first--
	}
	step, window := (len(points)-first)/maxRises+1, riseWindow(points)
	var out []series.Point
	for i := len(points) - 1; i >= first; i -= step {
		if rise, ok := flood.Rise(points[:i+1], window); ok {
			out = append(out, series.Point{At: points[i].At, Value: rise})
		}
	}
	series.Sort(out)
	return out, Sure // a level that is sparse has no rise, and may still be sure as a level
}

func rain(over time.Duration) func(in *input) ([]series.Point, Doubt) {
	return func(in *input) ([]series.Point, Doubt) {
		var out []series.Point
		covered := 0.0
		for _, s := range flood.Sums(in.points["precipitation"], over, in.since) {
			out, covered = append(out, series.Point{At: s.At, Value: s.MM}), s.Covered
		}
		if covered < flood.MinCovered {
			return out, Little
		}
		return out, Sure
	}
}

// concentrations are a pollutant's points in µg/m³; none if its unit is another.
func concentrations(in *input, p air.Pollutant) []series.Point {
	points := in.points[string(p)]
	v, ok := in.sensor.Value(string(p))
	switch {
	case !ok:
		return nil
	case v.Unit == sensors.Micrograms || v.Unit == "":
		return points
	case v.Unit != sensors.PPB || math.IsNaN(air.FromPPB(p, 1)):
		return nil
	}
	out := make([]series.Point, len(points))
	for i, x := range points {
		x.Value = air.FromPPB(p, x.Value)
		out[i] = x
	}
	return out
}

// hours are the ends of the whole hours that are wanted, the last three at least, oldest
// first.
func hours(in *input) []time.Time {
	var out []time.Time
	last := in.now.Truncate(time.Hour)
	first := last.Add(-2 * time.Hour)
	if in.since.Before(first) {
		first = in.since.Truncate(time.Hour)
	}
	for t := first; !t.After(last); t = t.Add(time.Hour) {
		out = append(out, t)
	}
	return out
}

func airIndex(in *input) ([]series.Point, Doubt) {
	all := map[air.Pollutant][]series.Point{}
	for _, p := range air.Pollutants() {
		all[p] = concentrations(in, p)
	}
	station, _ := in.sensor.Value("stationType")
	var out []series.Point
	for _, end := range hours(in) {
		means := map[air.Pollutant]air.Hour{}
		for p, points := range all {
			means[p] = air.HourOf(points, end.Add(-time.Hour))
		}
		if x := air.IndexOf(air.Station(station.Word), means); x.Level > 0 {
			out = append(out, series.Point{At: end, Value: float64(x.Level)})
		}
	}
	if len(out) == 0 {
		return nil, Little
	}
	return out, Sure
}

func pollutant(p air.Pollutant) func(in *input) ([]series.Point, Doubt) {
	return func(in *input) ([]series.Point, Doubt) {
		points := concentrations(in, p)
		var out []series.Point
		for _, end := range hours(in) {
			if h := air.HourOf(points, end.Add(-time.Hour)); h.Valid() {
				out = append(out, series.Point{At: end, Value: h.Mean})
			}
		}
		return out, Sure // one of five: the index says when too much is missing
	}
}

func leq(over time.Duration) func(in *input) ([]series.Point, Doubt) {
	return func(in *input) ([]series.Point, Doubt) {
		points := in.points["LAeq"]
		spans := series.Spans(points, noise.Most)
		var out []series.Point
		for _, p := range points {
			if p.At.Before(in.since) {
				continue
			}
			end := p.At.Add(max(p.Length, 0))
			if level, covered := noise.Leq(spans, end.Add(-over), end); covered >= noise.MinCovered {
				out = append(out, series.Point{At: end, Value: level})
			}
		}
		if len(out) == 0 {
			return nil, Little
		}
		return out, Sure
	}
}

// garage has no history of its own: the share follows from two attributes at once.
func garage(in *input) ([]series.Point, Doubt) {
	total, ok := in.sensor.Number("totalSpotNumber")
	if !ok {
		return nil, Little
	}
	name, complement := "occupiedSpotNumber", false
	if len(in.points[name]) == 0 {
		name, complement = "availableSpotNumber", true
	}
	var out []series.Point
	for _, p := range in.points[name] {
		occupied, available := p.Value, math.NaN()
		if complement {
			occupied, available = math.NaN(), p.Value
		}
		if room, ok := parking.Garage(total, occupied, available); ok {
			out = append(out, series.Point{At: p.At, Value: room.Share()})
		}
	}
	if len(out) == 0 {
		return nil, Little
	}
	return out, Sure
}
