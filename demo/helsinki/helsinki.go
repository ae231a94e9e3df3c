// Package helsinki is the demo city's map: layers of central Helsinki and the
// surveillance cameras that people put on OpenStreetMap. README.md says where the
// data is from.
package helsinki

import (
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"polity/city"
	"polity/console"
)

// Attribution names whose data the map is, as the Open Database License asks.
const Attribution = "© OpenStreetMap contributors"

//go:embed layers/*.geojson.gz
var files embed.FS

// Map returns the layers and the mapped cameras.
func Map() (console.Map, error) {
	layers, err := fs.Sub(files, "layers")
	if err != nil {
		return console.Map{}, err
	}
	mapped, err := mappedCameras(layers)
	if err != nil {
		return console.Map{}, fmt.Errorf("mapped cameras: %w", err)
	}
	return console.Map{ //nolint:gosec // a credit is no credential
		Bounds: [2]city.Point{{Lon: 24.935176, Lat: 60.164155}, {Lon: 24.953415, Lat: 60.179108}},
		Layers: layers, Credit: Attribution, CreditURL: "https://www.openstreetmap.org/copyright", Mapped: mapped,
	}, nil
}

func mappedCameras(layers fs.FS) ([]console.MappedCamera, error) {
	f, err := layers.Open("cameras.geojson.gz")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var collection struct {
		Features []struct {
			ID       int64
			Geometry struct{ Coordinates [2]float64 }
			// Properties is null where the map says nothing more.
			Properties struct {
				Operator, Kind, Watches string
				Heading                 *float64
			}
		}
	}
	if err := json.NewDecoder(z).Decode(&collection); err != nil {
		return nil, err
	}
	var mapped []console.MappedCamera
	for _, ft := range collection.Features {
		m := console.MappedCamera{
			ID: ft.ID, Position: city.Point{Lon: ft.Geometry.Coordinates[0], Lat: ft.Geometry.Coordinates[1]},
			Operator: ft.Properties.Operator, Kind: ft.Properties.Kind, Watches: ft.Properties.Watches, Heading: -1,
		}
		if ft.Properties.Heading != nil {
			m.Heading = *ft.Properties.Heading
		}
		mapped = append(mapped, m)
	}
	return mapped, nil
}
