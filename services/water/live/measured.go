package live

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"polity/plane"
	"polity/services/water/scada"
)

// measured writes the last values of a day into the city's data, as entities of type
// DeviceMeasurement (Smart Data Models, Device): pressures, flows and levels. Meters of homes
// are never written, and nothing that comes from there.
func (s *Service) measured(ctx context.Context, d *scada.Data) error {
	if !s.cfg.Instruments.empty() {
		return nil
	}
	var b plane.Batch
	for _, t := range []struct {
		of             *scada.Table
		property, unit string // UN/CEFACT code of the unit
	}{{d.Pressures, "pressureHead", "MTR"}, {d.Flows, "waterFlow", "MQH"}, {d.Levels, "waterLevel", "MTR"}} {
		for c, name := range t.of.Names {
			row := t.of.Len() - 1
			v := float64(t.of.Values[c][row])
			if math.IsNaN(v) {
				continue
			}
			change, err := s.measurement(t.property, name, t.unit, math.Round(v*100)/100, t.of.Start.Add(time.Duration(row)*t.of.Step))
			if err != nil {
				return err
			}
			b.Changes = append(b.Changes, change)
		}
	}
	if len(b.Changes) == 0 {
		return nil
	}
	if _, err := s.deps.Data.Write(ctx, &b); err != nil {
		return fmt.Errorf("write measurements: %w", err)
	}
	return nil
}

func (s *Service) measurement(property, name, unit string, value float64, at time.Time) (plane.Change, error) {
	var list []plane.Attribute
	for name, v := range map[string]any{"controlledProperty": property, "numValue": value, "dateObserved": at.UTC()} {
		text, err := json.Marshal(v)
		if err != nil {
			return plane.Change{}, err
		}
		a := plane.Attribute{Name: name, Kind: plane.Property, Value: text}
		if name == "numValue" {
			a.Unit, a.ObservedAt = unit, at.UTC()
		}
		list = append(list, a)
	}
	device, err := json.Marshal("urn:ngsi-ld:Device:" + name)
	if err != nil {
		return plane.Change{}, err
	}
	list = append(list, plane.Attribute{Name: "refDevice", Kind: plane.Relationship, Value: device})
	if s.cfg.Simulate != "" {
		list = append(list, plane.Attribute{Name: "simulated", Kind: plane.Property, Value: json.RawMessage("true")})
	}
	key := plane.Key{ID: "urn:ngsi-ld:DeviceMeasurement:water:" + property + ":" + name}
	return plane.Change{Key: key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
		if old == nil {
			old = &plane.Entity{Key: key, Types: []string{"DeviceMeasurement"}}
		}
		for _, x := range list {
			old.Set(x)
		}
		return old, nil
	}}, nil
}
