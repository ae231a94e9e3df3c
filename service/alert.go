package service

import (
	"encoding/json"
	"time"

	"polity/city"
	"polity/plane"
)

// Alert is a situation that asks for a person. Stored as an entity of type Alert (Smart
// Data Models, Alert), the control room takes it from the city's data.
type Alert struct {
	ID          string // of the entity: urn:ngsi-ld:Alert:SERVICE:...
	Category    string // traffic, waste, water or power
	SubCategory string // a word of the service's own
	Severity    string // critical, high, medium, low, informational
	Asset       string // id of the entity that it is about; empty: none
	Start, End  time.Time
	Place       *city.Point // nil: none
	Simulated   bool
}

// AlertChange stores an alert, or brings it forward.
func AlertChange(a Alert) (plane.Change, error) {
	set := map[string]any{"category": a.Category, "subCategory": a.SubCategory, "severity": a.Severity, "dateIssued": a.Start.UTC(), "state": "active"}
	if !a.End.IsZero() {
		set["validTo"], set["state"] = a.End.UTC(), "ended"
	}
	if a.Simulated {
		set["simulated"] = true
	}
	var list []plane.Attribute
	for name, v := range set {
		text, err := json.Marshal(v)
		if err != nil {
			return plane.Change{}, err
		}
		list = append(list, plane.Attribute{Name: name, Kind: plane.Property, Value: text})
	}
	if a.Asset != "" {
		text, err := json.Marshal(a.Asset)
		if err != nil {
			return plane.Change{}, err
		}
		list = append(list, plane.Attribute{Name: "alertSource", Kind: plane.Relationship, Value: text})
	}
	if a.Place != nil {
		text, err := json.Marshal(map[string]any{"type": "Point", "coordinates": []float64{a.Place.Lon, a.Place.Lat}})
		if err != nil {
			return plane.Change{}, err
		}
		list = append(list, plane.Attribute{Name: plane.Location, Kind: plane.Geo, Value: text})
	}
	key := plane.Key{ID: a.ID}
	return plane.Change{Key: key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
		if old == nil {
			old = &plane.Entity{Key: key, Types: []string{"Alert"}}
		}
		for _, x := range list {
			old.Set(x)
		}
		return old, nil
	}}, nil
}
