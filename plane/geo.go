package plane

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// Bounds returns the box around an entity's location, and false if it has none
// that can be placed on the map.
func (e *Entity) Bounds() (Box, bool) {
	a := e.Attribute(Location)
	if a == nil || a.Kind != Geo {
		return Box{}, false
	}
	if lon, lat, ok := point(a.Value); ok {
		return Box{West: lon, South: lat, East: lon, North: lat}, math.Abs(lon) <= 180 && math.Abs(lat) <= 90
	}
	var g geometry
	if json.Unmarshal(a.Value, &g) != nil {
		return Box{}, false
	}
	b := Box{West: math.Inf(1), South: math.Inf(1), East: math.Inf(-1), North: math.Inf(-1)}
	if !g.extend(&b, 0) || b.West > b.East {
		return Box{}, false
	}
	return b, true
}

// point reads a point as it is mostly written, without a decoder of JSON.
func point(value []byte) (lon, lat float64, ok bool) {
	rest, ok := bytes.CutPrefix(value, []byte(`{"type":"Point","coordinates":[`))
	if !ok {
		return 0, 0, false
	}
	if rest, ok = bytes.CutSuffix(rest, []byte(`]}`)); !ok {
		return 0, 0, false
	}
	x, y, _ := bytes.Cut(rest, []byte{','})
	lon, err := strconv.ParseFloat(string(x), 64)
	if err != nil {
		return 0, 0, false
	}
	lat, err = strconv.ParseFloat(string(y), 64) // a height behind it is left to the decoder
	return lon, lat, err == nil
}

type geometry struct {
	Coordinates json.RawMessage `json:"coordinates"`
	Geometries  []geometry      `json:"geometries"`
}

func (g *geometry) extend(b *Box, depth int) bool {
	if depth > 4 {
		return false
	}
	for i := range g.Geometries {
		if !g.Geometries[i].extend(b, depth+1) {
			return false
		}
	}
	if g.Coordinates == nil {
		return g.Geometries != nil
	}
	var c any
	return json.Unmarshal(g.Coordinates, &c) == nil && extend(b, c, 0)
}

// extend widens b by a position, or a nesting of them (RFC 7946, 3.1).
func extend(b *Box, c any, depth int) bool {
	list, ok := c.([]any)
	if !ok || len(list) == 0 || depth > 4 {
		return false
	}
	if lon, ok := list[0].(float64); ok {
		if len(list) < 2 {
			return false
		}
		lat, ok := list[1].(float64)
		if !ok || math.Abs(lon) > 180 || math.Abs(lat) > 90 {
			return false
		}
		b.West, b.East = math.Min(b.West, lon), math.Max(b.East, lon)
		b.South, b.North = math.Min(b.South, lat), math.Max(b.North, lat)
		return true
	}
	for _, x := range list {
		if !extend(b, x, depth+1) {
			return false
		}
	}
	return true
}
