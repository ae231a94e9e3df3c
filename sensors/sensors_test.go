package sensors_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"polity/plane"
	"polity/sensors"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func entity(types string, attributes ...plane.Attribute) *plane.Entity {
	e := &plane.Entity{Key: plane.Key{ID: "urn:ngsi-ld:X:a-1"}, Types: []string{types}}
	for _, a := range attributes {
		if a.Kind == 0 {
			a.Kind = plane.Property
		}
		e.Set(a)
	}
	return e
}

func attribute(name, value, unit string) plane.Attribute {
	return plane.Attribute{Name: name, Value: json.RawMessage(value), Unit: unit, ObservedAt: noon}
}

func TestReadWhatIsListed(t *testing.T) {
	s, ok := sensors.Read(entity("AirQualityObserved",
		attribute("pm25", "7.5", "GQ"), attribute("no2", "20", "61"), attribute("stationType", `"traffic"`, ""), attribute("o3", `"high"`, "GQ"),
		attribute("licensePlate", `"ABC-123"`, ""), attribute("simulated", "true", ""), attribute("name", `"  Main \n street "`, ""),
		plane.Attribute{Name: "location", Kind: plane.Geo, Value: json.RawMessage(`{"type":"Point","coordinates":[24.9,60.1]}`)}))
	if !ok || s.Kind != sensors.Air || s.Name != "Main street" || !s.Simulated || !s.Placed || s.Place.Lat != 60.1 || !s.Seen.Equal(noon) {
		t.Fatalf("%+v", s)
	}
	if len(s.Values) != 3 {
		t.Errorf("more or less than pm25, no2 and the kind of station is told: %+v", s.Values)
	}
	if v, ok := s.Number("pm25"); !ok || v != 7.5 {
		t.Errorf("pm25: %v, %v", v, ok)
	}
	if _, ok := s.Number("no2"); ok {
		t.Error("parts per billion pass for µg/m³")
	}
	if v, ok := s.Value("no2"); !ok || v.Unit != "61" {
		t.Errorf("no2: %+v", v)
	}
	if v, ok := s.Value("stationType"); !ok || v.Word != "traffic" {
		t.Errorf("the kind of station: %+v", v)
	}
}

func TestWhatIsNoSensor(t *testing.T) {
	for _, types := range []string{"Device", "DeviceAlarm", "EnvironmentObserved", "Alert", "CameraEvent"} {
		if _, ok := sensors.Read(entity(types)); ok {
			t.Errorf("%s is a public sensor", types)
		}
	}
	e := entity("ParkingSpot")
	e.Tenant = "other"
	if _, ok := sensors.Read(e); ok {
		t.Error("a tenant's entity is the city's sensor")
	}
}

// Nothing that the entity of a home says is read: what is of one home cannot be told from
// a sum by it.
func TestNoValueOfHomesIsRead(t *testing.T) {
	for _, types := range sensors.Types(sensors.Homes) {
		s, ok := sensors.Read(entity(types, attribute("power", "230", "WTT"), attribute("energy", "12", "WHR")))
		if !ok || len(s.Values) != 0 || !s.Seen.IsZero() {
			t.Errorf("%s: %+v", types, s)
		}
	}
}

func TestOddEntities(t *testing.T) {
	e := entity("ParkingSpot", attribute("status", "7", ""), attribute("occupied", "true", ""), attribute("name", `["x"]`, ""),
		plane.Attribute{Name: "location", Kind: plane.Geo, Value: json.RawMessage(`{"type":"Point","coordinates":[999,0]}`)})
	s, ok := sensors.Read(e)
	if !ok || s.Placed || s.Name != "a-1" || len(s.Values) != 1 || s.Values[0].Number != 1 {
		t.Errorf("%+v", s)
	}
	e.Set(attribute("name", `"`+strings.Repeat("ä", 200)+`"`, ""))
	if s, _ = sensors.Read(e); len(s.Name) > 130 || !utf8.ValidString(s.Name) {
		t.Errorf("the name has %d bytes", len(s.Name))
	}
}

func TestEveryKindIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range sensors.Kinds() {
		if !k.Known() || len(k.Attributes()) == 0 || k.Stale() <= 0 || len(sensors.Types(k)) == 0 {
			t.Errorf("%s: %v", k, k.Attributes())
		}
		for _, name := range sensors.Types(k) {
			if seen[name] {
				t.Errorf("the type %s is of two kinds", name)
			}
			seen[name] = true
			if got, ok := sensors.KindOf([]string{"Thing", name}); !ok || got != k {
				t.Errorf("%s is of kind %s", name, got)
			}
		}
	}
	if sensors.Kind("people").Known() {
		t.Error("there is a kind of people")
	}
}
