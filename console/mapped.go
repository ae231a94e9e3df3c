package console

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"polity/city"
)

// ReadMapped reads cameras.geojson.gz beside the layers of a map: points with the
// number of their node in OpenStreetMap as id and, where the map says so, the
// properties operator, kind, watches and heading. Without such a file there are none.
func ReadMapped(layers fs.FS) ([]MappedCamera, error) {
	f, err := layers.Open("cameras.geojson.gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("cameras.geojson.gz: %w", err)
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
		return nil, fmt.Errorf("cameras.geojson.gz: %w", err)
	}
	var mapped []MappedCamera
	for _, ft := range collection.Features {
		m := MappedCamera{
			ID: ft.ID, Position: city.Point{Lon: ft.Geometry.Coordinates[0], Lat: ft.Geometry.Coordinates[1]},
			Operator: ft.Properties.Operator, Kind: ft.Properties.Kind, Watches: ft.Properties.Watches, Heading: -1,
		}
		if err := m.Position.Check(); err != nil {
			return nil, fmt.Errorf("cameras.geojson.gz: camera %d: %w", ft.ID, err)
		}
		if ft.Properties.Heading != nil {
			m.Heading = *ft.Properties.Heading
		}
		mapped = append(mapped, m)
	}
	return mapped, nil
}
