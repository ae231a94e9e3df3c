// Package helsinki is the demo city's map: layers of central Helsinki and the
// surveillance cameras that people put on OpenStreetMap. README.md says where the
// data is from.
package helsinki

import (
	"embed"
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
	mapped, err := console.ReadMapped(layers)
	if err != nil {
		return console.Map{}, fmt.Errorf("mapped cameras: %w", err)
	}
	return console.Map{ //nolint:gosec // a credit is no credential
		Bounds: [2]city.Point{{Lon: 24.935176, Lat: 60.164155}, {Lon: 24.953415, Lat: 60.179108}},
		Layers: layers, Credit: Attribution, CreditURL: "https://www.openstreetmap.org/copyright", Mapped: mapped,
	}, nil
}
