package entity

import (
	"encoding/json"
	"errors"
	"fmt"

	"polity/plane/ngsild/jsontext"
)

// CheckGeometry checks a GeoJSON geometry (RFC 7946, 3.1): type, nesting, positions
// of two or three numbers on the globe, closed rings.
func CheckGeometry(v json.RawMessage) error {
	o, ok := jsontext.Parse(v)
	if !ok {
		return errors.New("it is not an object")
	}
	t, _ := o.Text("type")
	depth, ok := geometries[t]
	if !ok {
		return fmt.Errorf("the type %q is none of Point, MultiPoint, LineString, MultiLineString, Polygon, MultiPolygon", t)
	}
	var c any
	if json.Unmarshal(o.Get("coordinates"), &c) != nil || c == nil {
		return errors.New("it has no coordinates")
	}
	return checkCoordinates(c, depth-1, t)
}

func checkCoordinates(c any, depth int, kind string) error {
	list, ok := c.([]any)
	if !ok || len(list) == 0 {
		return errors.New("its coordinates are no list, or an empty one")
	}
	if depth == 0 {
		if len(list) < 2 || len(list) > 3 {
			return errors.New("a position has two or three numbers: longitude, latitude, height")
		}
		for i, bound := range []float64{180, 90} {
			x, ok := list[i].(float64)
			if !ok || x < -bound || x > bound {
				return errors.New("a position is not longitude and latitude in degrees")
			}
		}
		return nil
	}
	for _, x := range list {
		if err := checkCoordinates(x, depth-1, kind); err != nil {
			return err
		}
	}
	switch {
	case depth == 1 && (kind == "LineString" || kind == "MultiLineString") && len(list) < 2:
		return errors.New("a line has two positions or more")
	case depth == 1 && (kind == "Polygon" || kind == "MultiPolygon"):
		first, _ := json.Marshal(list[0])
		last, _ := json.Marshal(list[len(list)-1])
		if len(list) < 4 || string(first) != string(last) {
			return errors.New("a ring has four positions or more, and ends where it begins")
		}
	}
	return nil
}
