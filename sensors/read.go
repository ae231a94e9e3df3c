package sensors

import (
	"encoding/json"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"polity/city"
	"polity/plane"
)

// Sensor is one, as it is now.
type Sensor struct {
	ID        string // of the entity
	Kind      Kind
	Name      string // as people call it; never empty
	Place     city.Point
	Placed    bool // Place is known
	Simulated bool // a model stands in for the street
	Values    []Value
	Seen      time.Time // the newest time of a value; zero: none has one
	Version   uint64    // of the entity
	Modified  time.Time // of the entity
}

// Value is one public attribute.
type Value struct {
	Name   string
	Number float64 // true is 1; NaN if it is a word
	Word   string
	Unit   string // as it came, which may not be the one listed
	At     time.Time
}

// maxName bounds names on pages, bytes.
const maxName = 120

// Read says what an entity says as a sensor, and false if it is none. What is not of
// the listed kind is left out, and of Homes every value.
func Read(e *plane.Entity) (Sensor, bool) {
	k, ok := KindOf(e.Types)
	if !ok || e.Tenant != "" {
		return Sensor{}, false
	}
	s := Sensor{ID: e.ID, Kind: k, Name: nameOf(e), Version: e.Version, Modified: e.Modified}
	if a := e.Attribute("simulated"); a != nil {
		s.Simulated = string(a.Value) == "true"
	}
	s.Place, s.Placed = placeOf(e)
	for _, listed := range kinds[k].attributes {
		a := e.Attribute(listed.Name)
		if a == nil || k == Homes || a.Kind != plane.Property && a.Kind != plane.Vocabulary {
			continue
		}
		v := Value{Name: a.Name, Number: math.NaN(), Unit: a.Unit, At: a.ObservedAt}
		if listed.Words {
			if json.Unmarshal(a.Value, &v.Word) != nil || v.Word == "" {
				continue
			}
			v.Word = shorten(v.Word)
		} else if v.Number, ok = number(a.Value); !ok {
			continue
		}
		s.Values = append(s.Values, v)
		if v.At.After(s.Seen) {
			s.Seen = v.At
		}
	}
	return s, true
}

// Value returns an attribute's value.
func (s *Sensor) Value(name string) (Value, bool) {
	for _, v := range s.Values {
		if v.Name == name {
			return v, true
		}
	}
	return Value{}, false
}

// Number returns an attribute's number if it is in the listed unit, or says none.
func (s *Sensor) Number(name string) (float64, bool) {
	v, ok := s.Value(name)
	a, listed := s.Kind.Attribute(name)
	if !ok || !listed || math.IsNaN(v.Number) || (v.Unit != "" && v.Unit != a.Unit) {
		return 0, false
	}
	return v.Number, true
}

func number(value json.RawMessage) (float64, bool) {
	switch string(value) {
	case "true":
		return 1, true
	case "false":
		return 0, true
	}
	var n float64
	if json.Unmarshal(value, &n) != nil || math.IsInf(n, 0) {
		return math.NaN(), false
	}
	return n, true
}

// nameOf is the entity's name, or what its id ends with.
func nameOf(e *plane.Entity) string {
	var name string
	if a := e.Attribute("name"); a != nil && json.Unmarshal(a.Value, &name) == nil {
		if name = shorten(strings.Join(strings.Fields(name), " ")); name != "" {
			return name
		}
	}
	if i := strings.LastIndexAny(e.ID, ":/"); i >= 0 && i+1 < len(e.ID) {
		return shorten(e.ID[i+1:])
	}
	return shorten(e.ID)
}

func shorten(s string) string {
	if len(s) <= maxName {
		return s
	}
	cut := maxName
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// placeOf is the middle of the entity's location.
func placeOf(e *plane.Entity) (city.Point, bool) {
	b, ok := e.Bounds()
	if !ok {
		return city.Point{}, false
	}
	p := city.Point{Lon: (b.West + b.East) / 2, Lat: (b.South + b.North) / 2}
	return p, p.Check() == nil
}
