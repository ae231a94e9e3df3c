package alarm

import (
	"reflect"
	"testing"
	"time"

	"polity/city"
	"polity/sensors"
)

// TestPackedIsTheSame: what is kept of a sensor is what was found, to the millisecond.
func TestPackedIsTheSame(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 7e6, time.UTC)
	for name, s := range map[string]State{
		"nothing": {Sensor: sensors.Sensor{ID: "urn:x:1", Kind: sensors.Air, Name: "1", Modified: at}},
		"all of it": {
			Sensor: sensors.Sensor{
				ID: "urn:ngsi-ld:AirQualityObserved:roof", Kind: sensors.Air, Name: "Roof", Place: city.Point{Lon: 24.9, Lat: -60.1}, Placed: true, Simulated: true, Version: 1 << 60, Modified: at, Seen: at,
				Values: []sensors.Value{
					{Name: "pm25", Number: 7.25, Unit: sensors.Micrograms, At: at},
					{Name: "no2", Number: -1, Unit: sensors.PPB},
					{Name: "o3", Number: 0},
					{Name: "stationType", Number: 3, Word: "traffic", Unit: "odd", At: at.Add(-time.Hour)},
				},
			},
			Figures: []Figure{{AirIndex, 3, at, Little}, {"pm25", 7, at, Sure}}, Doubt: Stuck, Pending: true,
		},
		"homes": {Sensor: sensors.Sensor{ID: "urn:x:block", Kind: sensors.Homes, Name: "block", Modified: at, Seen: at, Values: []sensors.Value{{Name: "power", Number: 4000, At: at}}}, Homes: 12},
	} {
		entity := s.Sensor // what it says of itself is read again
		if s.Homes > 0 {
			entity.Values, entity.Seen = nil, time.Time{}
		}
		if got := pack(&s).of(entity); !reflect.DeepEqual(got, s) {
			t.Errorf("%s: kept %+v\n of %+v", name, got, s)
		}
	}
}
