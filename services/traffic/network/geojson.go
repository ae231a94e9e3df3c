package network

import (
	"encoding/json"
	"fmt"
	"io"

	"polity/city"
)

type feature struct {
	Type       string         `json:"type"`
	Geometry   geometry       `json:"geometry"`
	Properties map[string]any `json:"properties"`
}

type geometry struct {
	Type        string `json:"type"`
	Coordinates any    `json:"coordinates"`
}

// WriteGeoJSON writes lanes, signalised links, crossings and junctions as features
// for a map (RFC 7946), each with a property "is". A network without geographic
// coordinates is an error of kind Invalid.
func (n *Network) WriteGeoJSON(w io.Writer) error {
	features := []feature{}
	line := func(shape []city.Point, properties map[string]any) {
		if len(shape) > 1 {
			features = append(features, feature{"Feature", geometry{"LineString", pairs(shape)}, properties})
		}
	}
	for i := range n.Lanes {
		l := &n.Lanes[i]
		line(l.Shape, map[string]any{"is": "lane", "id": l.ID, "street": l.Street, "length_m": centi(l.Length), "speed_kmh": centi(l.Speed * 3.6)})
	}
	for i := range n.Links {
		l := &n.Links[i]
		if l.Junction < 0 {
			continue
		}
		j := n.Junctions[l.Junction]
		g := j.Signals[l.Signal].Group
		line(l.Shape, map[string]any{"is": "link", "junction": j.ID, "group": j.GroupID(g), "name": j.Groups[g].Name, "turn": string(l.Turn)})
	}
	for _, j := range n.Junctions {
		for s := range j.Signals {
			if c := j.Signals[s].Crossing; c >= 0 {
				line(j.Crossings[c].Shape, map[string]any{"is": "crossing", "junction": j.ID, "group": j.GroupID(j.Signals[s].Group), "name": j.Groups[j.Signals[s].Group].Name})
			}
		}
		if j.Place != nil {
			features = append(features, feature{"Feature", geometry{"Point", pairs([]city.Point{*j.Place})[0]}, map[string]any{
				"is": "junction", "id": j.ID, "name": j.Name, "groups": len(j.Groups), "assumed": j.Assumed,
			}})
		}
	}
	if len(features) == 0 {
		return city.Errorf(city.Invalid, "%s has no geographic coordinates; write it as JSON instead", n.Name)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	err := e.Encode(map[string]any{"type": "FeatureCollection", "attribution": n.Source, "features": features})
	if err != nil {
		return fmt.Errorf("write GeoJSON: %w", err)
	}
	return nil
}
