package postgres

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
	"github.com/paulmach/orb/geojson"

	"polity/plane"
)

// location is an entity's place as WKB, nil if it has none: its geometry, or the box
// around it where PostGIS would refuse the geometry. Queries look at boxes only.
func location(e *plane.Entity) ([]byte, error) {
	box, ok := e.Bounds()
	if !ok {
		return nil, nil
	}
	if bytes.HasPrefix(e.Attribute(plane.Location).Value, []byte(`{"type":"Point","coordinates":[`)) && box.West == box.East && box.South == box.North {
		return appendPoint(nil, box.West, box.South), nil // most are, and their JSON has been read once
	}
	bound := orb.Bound{Min: orb.Point{box.West, box.South}, Max: orb.Point{box.East, box.North}}
	var place orb.Geometry = bound.ToPolygon()
	if g, err := geojson.UnmarshalGeometry(e.Attribute(plane.Location).Value); err == nil {
		if exact := g.Geometry(); exact != nil && sound(exact) && exact.Bound() == bound {
			place = exact
		}
	}
	b, err := wkb.Marshal(place)
	if err != nil {
		return nil, fmt.Errorf("write the location of %s: %w", e.ID, err)
	}
	return b, nil
}

// appendPoint writes a point as WKB (OGC 06-103r4, 8.2.7).
func appendPoint(b []byte, lon, lat float64) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, 1), 1)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(lon))
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(lat))
}

// sound says that PostGIS takes a geometry (LW_PARSER_CHECK_ALL in its lwgeom.h):
// enough points, and closed rings.
func sound(g orb.Geometry) bool {
	switch g := g.(type) {
	case orb.Point:
		return true
	case orb.MultiPoint:
		return len(g) > 0
	case orb.LineString:
		return len(g) >= 2
	case orb.MultiLineString:
		return all(g)
	case orb.Polygon:
		for _, ring := range g {
			if len(ring) < 4 || ring[0] != ring[len(ring)-1] {
				return false
			}
		}
		return len(g) > 0
	case orb.MultiPolygon:
		return all(g)
	case orb.Collection:
		return all(g)
	}
	return false
}

func all[G orb.Geometry](list []G) bool {
	for _, g := range list {
		if !sound(g) {
			return false
		}
	}
	return len(list) > 0
}
