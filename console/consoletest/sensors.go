package consoletest

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"polity/city"
	"polity/console"
	"polity/sensors"
	"polity/sensors/alarm"
	"polity/sensors/noise"
	"polity/sensors/parking"
	"polity/sensors/series"
)

// Sensors implements console.Sensors: an underpass that floods, a silent one, and the other
// kinds. What they measured follows from the clock alone.
type Sensors struct {
	now  func() time.Time
	zone *time.Location

	mu     sync.Mutex
	broken error
	none   bool
	level  float64 // of the underpass, metres
}

// NewSensors makes them; now nil is time.Now.
func NewSensors(now func() time.Time, zone *time.Location) *Sensors {
	if now == nil {
		now = time.Now
	}
	if zone == nil {
		zone = time.UTC
	}
	return &Sensors{now: now, zone: zone, level: .41}
}

// Break makes everything fail with err; nil mends it.
func (s *Sensors) Break(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

// Empty removes all sensors.
func (s *Sensors) Empty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.none = true
}

// SetLevel sets the water level of the underpass, metres; below 0.05 its alarm is over,
// and below 0.1 a level is reached that has not held for long enough.
func (s *Sensors) SetLevel(metres float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.level = metres
}

// Flooding is the id of the one that floods.
const Flooding = "urn:ngsi-ld:FloodMonitoring:underpass-1"

func value(name string, number float64, unit string, at time.Time) sensors.Value {
	return sensors.Value{Name: name, Number: number, Unit: unit, At: at}
}

func word(name, word string, at time.Time) sensors.Value {
	return sensors.Value{Name: name, Number: math.NaN(), Word: word, At: at}
}

func (s *Sensors) sensor(k sensors.Kind, kind, name, title string, lon, lat float64, seen time.Time, values ...sensors.Value) sensors.Sensor {
	return sensors.Sensor{
		ID: "urn:ngsi-ld:" + kind + ":" + name, Kind: k, Name: title, Place: city.Point{Lon: lon, Lat: lat}, Placed: lon != 0, Simulated: name != "gauge-2",
		Values: values, Seen: seen, Version: 1,
	}
}

var waterLevels = map[alarm.Measure][]alarm.Level{
	alarm.WaterLevel: {{Severity: alarm.Medium, Raise: .1, Clear: .05}, {Severity: alarm.Critical, Raise: .3, Clear: .2}},
	alarm.WaterRise:  {{Severity: alarm.High, Raise: .5, Clear: .1}},
}

func (s *Sensors) all() []alarm.State {
	now := s.now().Truncate(time.Second)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	hour := now.Truncate(time.Hour)
	flood := alarm.State{
		Sensor:  s.sensor(sensors.Water, "FloodMonitoring", "underpass-1", "Underpass, Mannerheimintie", 24.9386, 60.1719, ago(20*time.Second), value("currentLevel", s.level, sensors.Metre, ago(20*time.Second))),
		Figures: []alarm.Figure{{Measure: alarm.WaterLevel, Value: s.level, At: ago(20 * time.Second)}, {Measure: alarm.WaterRise, Value: .84, At: ago(20 * time.Second)}},
		Levels:  waterLevels,
	}
	if s.level >= .05 && s.level < .1 {
		flood.Pending = true
	} else if s.level >= .05 {
		flood.Alarms = []alarm.Alarm{{
			ID: alarm.Prefix + "x", Rule: "water-level", Measure: alarm.WaterLevel, Sensor: flood.Sensor.ID, Severity: alarm.Critical, Start: ago(19 * time.Minute), Changed: ago(6 * time.Minute),
			Value: s.level, Threshold: .3, Peak: s.level, Simulated: true,
		}}
	}
	list := []alarm.State{
		flood,
		{Sensor: s.sensor(sensors.Water, "FloodMonitoring", "underpass-2", "Underpass, Hämeentie", 24.955, 60.18, ago(3*time.Hour), value("currentLevel", .02, sensors.Metre, ago(3*time.Hour))), Doubt: alarm.Silent, Levels: waterLevels},
		{
			Sensor: s.sensor(sensors.Weather, "WeatherObserved", "gauge-2", "Kaisaniemi weather station", 24.9444, 60.1752, ago(2*time.Minute),
				value("precipitation", .4, sensors.Millimetre, ago(2*time.Minute)), value("temperature", 3.4, sensors.Celsius, ago(2*time.Minute)), value("relativeHumidity", 93, sensors.Percent, ago(2*time.Minute)), value("windSpeed", 6.1, sensors.MetrePerSec, ago(2*time.Minute))),
			Figures: []alarm.Figure{{Measure: alarm.Rain10m, Value: 1.9, At: ago(2 * time.Minute)}, {Measure: alarm.Rain1h, Value: 7.2, At: ago(2 * time.Minute)}, {Measure: alarm.Rain24h, Value: 19.4, At: ago(2 * time.Minute), Doubt: alarm.Little}},
			Levels:  map[alarm.Measure][]alarm.Level{alarm.Rain1h: {{Severity: alarm.Medium, Raise: 15, Clear: 10}}},
		},
		{
			Sensor: s.sensor(sensors.Air, "AirQualityObserved", "station-1", "Mannerheimintie, kerb", 24.938, 60.1697, ago(4*time.Minute),
				value("pm25", 12.3, sensors.Micrograms, ago(4*time.Minute)), value("pm10", 31, sensors.Micrograms, ago(4*time.Minute)), value("no2", 18, sensors.PPB, ago(4*time.Minute)), value("o3", 48, sensors.Micrograms, ago(4*time.Minute)), word("stationType", "traffic", ago(4*time.Minute))),
			Figures: []alarm.Figure{{Measure: alarm.AirIndex, Value: 3, At: hour}},
			Levels:  map[alarm.Measure][]alarm.Level{alarm.AirIndex: {{Severity: alarm.Medium, Raise: 5, Clear: 4}, {Severity: alarm.High, Raise: 6, Clear: 5}}},
		},
		{Sensor: s.sensor(sensors.Air, "AirQualityObserved", "station-2", "Kallio, background", 24.95, 60.1868, ago(time.Minute), value("pm25", 4.1, sensors.Micrograms, ago(time.Minute))), Doubt: alarm.Little},
		{
			Sensor:  s.sensor(sensors.Noise, "NoiseLevelObserved", "meter-1", "Railway Square, mast 3", 24.9437, 60.1712, ago(40*time.Second), value("LAeq", 63.4, sensors.Decibel, ago(40*time.Second)), value("LAmax", 78.1, sensors.Decibel, ago(40*time.Second))),
			Figures: []alarm.Figure{{Measure: alarm.Leq15m, Value: 64.2, At: ago(40 * time.Second)}},
			Levels:  map[alarm.Measure][]alarm.Level{alarm.Leq15m: {{Severity: alarm.Low, Raise: 85, Clear: 80}}},
		},
		{
			Sensor:  s.sensor(sensors.Garage, "OffStreetParking", "garage-1", "Kluuvi garage", 24.948, 60.1695, ago(time.Minute), value("availableSpotNumber", 63, sensors.One, ago(time.Minute)), value("totalSpotNumber", 200, sensors.One, ago(time.Minute))),
			Figures: []alarm.Figure{{Measure: alarm.GarageShare, Value: .685, At: ago(time.Minute)}},
		},
		{Sensor: s.sensor(sensors.Garage, "OffStreetParking", "garage-2", "Elielin garage", 0, 0, ago(time.Minute), value("occupiedSpotNumber", 129, sensors.One, ago(time.Minute)), value("totalSpotNumber", 125, sensors.One, ago(time.Minute)))},
	}
	list = append(list, alarm.State{Sensor: s.sensor(sensors.Homes, "EnergyConsumption", "block-7", "Homes of block 7", 24.951, 60.1711, ago(5*time.Minute), value("power", 12_400, sensors.Watt, ago(5*time.Minute))), Homes: 23})
	for i := range 30 {
		status, doubt, seen := "free", alarm.Sure, ago(time.Duration(i)*time.Minute)
		if i%3 != 0 {
			status = "occupied"
		}
		if i == 7 {
			doubt, seen = alarm.Silent, ago(9*time.Hour)
		}
		list = append(list, alarm.State{Doubt: doubt, Sensor: s.sensor(sensors.Bay, "ParkingSpot", fmt.Sprintf("bay-%02d", i+1), fmt.Sprintf("Eteläesplanadi %d", i+1), 24.945+.0002*float64(i), 60.1672, seen, append(taken(i, status, seen), word("status", status, seen))...)})
	}
	return list
}

// taken is whether a bay is; only some have it, and with it a history.
func taken(i int, status string, at time.Time) []sensors.Value {
	if i != 0 {
		return nil
	}
	return []sensors.Value{value("occupied", map[string]float64{"occupied": 1}[status], "", at)}
}

// SensorStates implements console.Sensors.
func (s *Sensors) SensorStates(context.Context) ([]alarm.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil || s.none {
		return nil, s.broken
	}
	return s.all(), nil
}

// SensorState implements console.Sensors.
func (s *Sensors) SensorState(ctx context.Context, id string) (alarm.State, error) {
	all, err := s.SensorStates(ctx)
	for _, x := range all {
		if x.Sensor.ID == id {
			return x, err
		}
	}
	if err != nil {
		return alarm.State{}, err
	}
	return alarm.State{}, city.Errorf(city.NotFound, "there is no sensor %q", id)
}

// measured is what a sensor measures at a time.
func measured(attribute string, t time.Time, now time.Time) float64 {
	day := float64(t.Unix()%86400) / 86400
	wave := .5 - .5*math.Cos(2*math.Pi*(day-.15)*2)
	switch attribute {
	case "currentLevel":
		return max(.01, .41-float64(now.Sub(t))/float64(50*time.Minute)*.4)
	case "precipitation":
		return max(0, 2.2*math.Sin(2*math.Pi*day*3)-.9)
	case "LAeq", "LAmax":
		return 48 + 18*wave
	case "availableSpotNumber":
		return math.Round(190 - 150*wave)
	case "power":
		return 9000 + 9000*wave
	case "occupied":
		return math.Round(wave)
	case "temperature":
		return 1 + 5*wave
	}
	return 6 + 40*wave
}

// SensorSeries implements console.Sensors.
func (s *Sensors) SensorSeries(ctx context.Context, q console.SensorQuery) ([]console.SensorStep, error) {
	x, err := s.SensorState(ctx, q.ID)
	if err != nil {
		return nil, err
	}
	now := s.now()
	var out []console.SensorStep
	for t := q.From; t.Before(q.To) && t.Before(x.Sensor.Seen); t = t.Add(q.Step) {
		if h := t.UTC().Hour(); h == 3 && q.Step <= time.Hour {
			continue // nothing was heard then
		}
		v := measured(q.Attribute, t, now)
		out = append(out, console.SensorStep{Start: t, Value: v, Least: v * .93, Most: v * 1.06, Count: 4})
	}
	return out, nil
}

// SensorAlarms implements console.Sensors.
func (s *Sensors) SensorAlarms(ctx context.Context, id string, _, _ time.Time) ([]alarm.Alarm, error) {
	x, err := s.SensorState(ctx, id)
	if err != nil || id != Flooding {
		return nil, err
	}
	now := s.now().Truncate(time.Minute)
	old := alarm.Alarm{ID: alarm.Prefix + "y", Rule: "water-level", Measure: alarm.WaterLevel, Sensor: id, Severity: alarm.Medium, Start: now.Add(-50 * time.Hour), End: now.Add(-48 * time.Hour), Value: .03, Threshold: .1, Peak: .18, Simulated: true}
	return append(x.Alarms, old), nil
}

// SensorNoise implements console.Sensors.
func (s *Sensors) SensorNoise(_ context.Context, _ string, days int) (out []noise.Day, err error) {
	now := s.now()
	var points []series.Point
	for t := now.Add(-3 * 24 * time.Hour); t.Before(now); t = t.Add(15 * time.Minute) {
		points = append(points, series.Point{At: t, Length: 15 * time.Minute, Value: measured("LAeq", t, now)})
	}
	for i := range days {
		out = append(out, noise.Default.DayOf(points, now.AddDate(0, 0, -i), s.zone))
	}
	return out, nil
}

// SensorHours implements console.Sensors.
func (s *Sensors) SensorHours(_ context.Context, _ string, from, to time.Time) ([24]parking.Hour, error) {
	var points []series.Point
	for t := to.Add(-24 * time.Hour); t.Before(to); t = t.Add(time.Hour) {
		points = append(points, series.Point{At: t, Value: 1 - measured("availableSpotNumber", t, to)/200})
	}
	return parking.ByHour(points, from, to, time.Hour, s.zone), nil
}

// SilentDevices implements console.Sensors.
func (s *Sensors) SilentDevices(context.Context) ([]console.SilentDevice, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil || s.none {
		return nil, s.broken
	}
	return []console.SilentDevice{{Mapping: "water-level", Device: "underpass-2", Since: s.now().Add(-170 * time.Minute), Heard: s.now().Add(-3 * time.Hour), Sensor: "urn:ngsi-ld:FloodMonitoring:underpass-2"}}, nil
}
