package alarm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"polity/city"
	"polity/plane"
	"polity/sensors"
)

// Ids and type of alarms.
const (
	Prefix = "urn:ngsi-ld:Alert:sensor:"
	Type   = "Alert"
)

// Alarm is one situation at one sensor.
type Alarm struct {
	ID        string    // of its entity
	Rule      city.Slug //
	Measure   Measure   //
	Sensor    string    // id of the sensor's entity
	Severity  Severity
	Start     time.Time // when the level was first reached
	Changed   time.Time // of the severity
	End       time.Time // zero while it goes on
	Gone      bool      // it ended because the sensor was removed, or its rule
	Value     float64   // of the measure, when the alarm last changed
	Threshold float64   // of the severity
	Peak      float64   // the worst value so far
	Unknown   bool      // the sensor says nothing of the present: nobody knows whether it goes on
	Simulated bool
}

// sensorPart is a sensor in the ids of its alarms. It holds no two that are alike, and no
// "~", behind which ranges of ids end.
func sensorPart(id string) string {
	part := strings.TrimPrefix(id, "urn:ngsi-ld:")
	if len(part) > 400 || strings.ContainsAny(part, "~") {
		sum := sha256.Sum256([]byte(id))
		return hex.EncodeToString(sum[:])
	}
	return part
}

// idOf names an alarm by what it is about and when it began: raising the same one again,
// after a commit of which nobody knew the outcome, finds it there.
func idOf(sensor string, rule city.Slug, start time.Time) string {
	return fmt.Sprintf("%s%s:%s:%013d", Prefix, sensorPart(sensor), rule, max(0, start.UnixMilli()))
}

// fields are an alarm's attributes.
type fields struct {
	Category    string     `json:"category"`
	SubCategory string     `json:"subCategory"`
	Severity    Severity   `json:"severity"`
	DateIssued  time.Time  `json:"dateIssued"`
	Changed     time.Time  `json:"severityChanged"`
	ValidTo     *time.Time `json:"validTo"`
	Source      string     `json:"alertSource"`
	Description Measure    `json:"description"` // a code, which pages put into words
	Rule        city.Slug  `json:"rule"`
	Value       float64    `json:"value"`
	Threshold   float64    `json:"threshold"`
	Peak        float64    `json:"peak"`
	State       string     `json:"state"`
	Simulated   bool       `json:"simulated,omitempty"`
}

// The states of an alarm as its entity says them.
const (
	stateActive  = "active"
	stateUnknown = "unknown" // the sensor says nothing of the present
	stateEnded   = "ended"
	stateGone    = "removed" // ended because the sensor or its rule was removed
)

func (a *Alarm) fields() fields {
	m := measures[a.Measure]
	f := fields{
		Category: m.category, SubCategory: m.sub, Severity: a.Severity, DateIssued: a.Start, Changed: a.Changed, Source: a.Sensor, Description: a.Measure,
		Rule: a.Rule, Value: a.Value, Threshold: a.Threshold, Peak: a.Peak, State: stateActive, Simulated: a.Simulated,
	}
	switch {
	case !a.End.IsZero():
		end := a.End
		f.ValidTo, f.State = &end, stateEnded
		if a.Gone {
			f.State = stateGone
		}
	case a.Unknown:
		f.State = stateUnknown
	}
	return f
}

// change stores the alarm. What others added to the entity stays. Place is the sensor's
// location, nil if it has none.
func (a *Alarm) change(place *plane.Attribute) (plane.Change, error) {
	text, err := json.Marshal(a.fields())
	if err != nil {
		return plane.Change{}, err
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return plane.Change{}, err
	}
	key, unit := plane.Key{ID: a.ID}, a.Measure.Unit()
	return plane.Change{Key: key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
		if old == nil {
			old = &plane.Entity{Key: key, Types: []string{Type}}
		}
		for name, value := range values {
			x := plane.Attribute{Name: name, Kind: plane.Property, Value: value}
			switch name {
			case "alertSource":
				x.Kind = plane.Relationship
			case "value", "threshold", "peak":
				x.Unit = unit
			}
			if bytes.Equal(value, []byte("null")) {
				old.Drop(name, "")
				continue
			}
			old.Set(x)
		}
		if place != nil {
			old.Set(plane.Attribute{Name: plane.Location, Kind: plane.Geo, Value: place.Value})
		}
		return old, nil
	}}, nil
}

// Read reads an alarm as it was stored.
func Read(e *plane.Entity) (Alarm, error) {
	values := map[string]json.RawMessage{}
	for _, a := range e.Attributes {
		if a.Dataset == "" {
			values[a.Name] = a.Value
		}
	}
	var f fields
	text, err := json.Marshal(values)
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err == nil && (f.Source == "" || f.DateIssued.IsZero() || f.Severity.Rank() < 0) {
		err = city.Errorf(city.Invalid, "its attributes are not those of an alarm")
	}
	if err != nil {
		return Alarm{}, fmt.Errorf("alarm %s as stored: %w", e.ID, err)
	}
	a := Alarm{
		ID: e.ID, Rule: f.Rule, Measure: f.Description, Sensor: f.Source, Severity: f.Severity, Start: f.DateIssued, Changed: f.Changed, Gone: f.State == stateGone,
		Value: f.Value, Threshold: f.Threshold, Peak: f.Peak, Unknown: f.State == stateUnknown, Simulated: f.Simulated,
	}
	if f.ValidTo != nil {
		a.End = *f.ValidTo
	}
	return a, nil
}

// ofSensor is the query for the alarms of a sensor.
func ofSensor(sensor string) plane.Query {
	from := Prefix + sensorPart(sensor) + ":"
	return plane.Query{From: from, To: from + "~", Types: []string{Type}, Descending: true, Limit: plane.MaxLimit}
}

// place returns the location of a sensor's entity.
func place(e *plane.Entity) *plane.Attribute {
	if _, ok := sensors.KindOf(e.Types); !ok {
		return nil
	}
	if a := e.Attribute(plane.Location); a != nil && a.Kind == plane.Geo {
		return a
	}
	return nil
}
