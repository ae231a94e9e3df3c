package traffic

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"polity/city"
	"polity/services/traffic/network"
	"polity/services/traffic/streetmap"
)

// Open reads a network: an OpenStreetMap extract (.osm.pbf, .osm, .osm.xml), of which
// area is read; a SUMO network (.net.xml, .net.xml.gz); or Polity's own JSON (.json).
// An area goes with a map only. Errors are of kind NotFound or Invalid.
func Open(ctx context.Context, path string, area streetmap.Area) (*network.Network, error) {
	isMap := strings.HasSuffix(path, ".pbf") || strings.HasSuffix(path, ".osm") || strings.HasSuffix(path, ".osm.xml")
	switch {
	case isMap:
		return streetmap.ReadFile(ctx, path, area)
	case area != streetmap.Area{}:
		return nil, city.Errorf(city.Invalid, "%s is no map: an area can be cut out of an OpenStreetMap extract (.osm.pbf, .osm) only", path)
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, city.Errorf(city.NotFound, "%s is not there; give an OpenStreetMap extract, a SUMO network (.net.xml) or a network's JSON", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open the network: %w", err)
	}
	defer f.Close()
	var r io.Reader = f
	name := path
	if plain, ok := strings.CutSuffix(path, ".gz"); ok {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s is not gzip: %v", path, err)
		}
		r, name = z, plain
	}
	switch {
	case strings.HasSuffix(name, ".json"):
		return network.ReadJSON(r, path)
	case strings.HasSuffix(name, ".xml"):
		return network.ReadSUMO(r, path)
	}
	return nil, city.Errorf(city.Invalid, "%s: what it is shows in its name, which must end in .osm.pbf, .osm, .osm.xml, .net.xml or .json (.gz after .xml and .json)", path)
}
