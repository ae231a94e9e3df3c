package live

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"polity/plane"
	"polity/service"
)

func containerURN(id string) string { return "urn:ngsi-ld:WasteContainer:" + id }
func truckURN(id string) string     { return "urn:ngsi-ld:Vehicle:" + id }

// raise stores an alert that is not there yet. name is its id's last part.
func (s *Service) raise(ctx context.Context, name string, a service.Alert) error {
	s.mu.Lock()
	a.ID = fmt.Sprintf("urn:ngsi-ld:Alert:waste:%s:%s", name, s.begun.UTC().Format("20060102T150405"))
	for _, open := range s.kept.Alerts {
		if open.Asset == a.Asset && open.SubCategory == a.SubCategory {
			s.mu.Unlock()
			return nil
		}
	}
	a.ID = fmt.Sprintf("%s-%d", a.ID, s.kept.Count)
	s.kept.Count++
	a.Category, a.Start, a.Simulated = "waste", s.deps.Now().UTC(), s.world != nil
	if s.kept.Alerts == nil {
		s.kept.Alerts = map[string]service.Alert{}
	}
	s.kept.Alerts[a.ID] = a
	s.kept.Untold.Put(a)
	err := s.save()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.tell(ctx)
}

// tell writes what the city's data does not know yet of alerts.
func (s *Service) tell(ctx context.Context) error {
	return s.deps.Tell(ctx, &s.mu, &s.kept.Untold, s.save)
}

// settle ends the alerts about an entity; sub empty: of any kind.
func (s *Service) settle(ctx context.Context, asset, sub string) error {
	s.mu.Lock()
	ended := false
	for id, a := range s.kept.Alerts {
		if a.Asset == asset && (sub == "" || sub == a.SubCategory) {
			a.End = s.deps.Now().UTC()
			s.kept.Untold.Put(a)
			delete(s.kept.Alerts, id)
			ended = true
		}
	}
	var err error
	if ended {
		err = s.save()
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.tell(ctx)
}

// tellsFrom is the change of fill that is written.
const tellsFrom = 0.05

// publishContainers writes containers whose fill has changed (Smart Data Models,
// WasteContainer). Of a real city the levels are the city's data already.
func (s *Service) publishContainers(ctx context.Context) error {
	if s.world == nil {
		return nil
	}
	s.mu.Lock()
	var b plane.Batch
	for i, l := range s.levels {
		if l.At.IsZero() || (s.shown[i] > 0 && math.Abs(l.Fill-s.shown[i]) < tellsFrom) {
			continue
		}
		s.shown[i] = max(l.Fill, 1e-9)
		c := &s.town.Containers[i]
		set, err := attributes(map[string]any{
			"fillingLevel": l.Fill, "cargoVolume": c.Litres, "storedWasteKind": []string{string(c.Fraction)}, "simulated": true,
		})
		if err != nil {
			s.mu.Unlock()
			return err
		}
		place, err := json.Marshal(map[string]any{"type": "Point", "coordinates": []float64{c.Place.Lon, c.Place.Lat}})
		if err != nil {
			s.mu.Unlock()
			return err
		}
		set = append(set, plane.Attribute{Name: plane.Location, Kind: plane.Geo, Value: place})
		key := plane.Key{ID: containerURN(c.ID)}
		b.Changes = append(b.Changes, plane.Change{Key: key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
			if old == nil {
				old = &plane.Entity{Key: key, Types: []string{"WasteContainer"}}
			}
			for _, x := range set {
				old.Set(x)
			}
			return old, nil
		}})
	}
	s.mu.Unlock()
	if len(b.Changes) == 0 {
		return nil
	}
	if _, err := s.deps.Data.Write(ctx, &b); err != nil {
		return fmt.Errorf("write containers: %w", err)
	}
	return nil
}

func attributes(set map[string]any) (list []plane.Attribute, err error) {
	for name, v := range set {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		list = append(list, plane.Attribute{Name: name, Kind: plane.Property, Value: text})
	}
	return list, nil
}
