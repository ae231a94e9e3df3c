package plane_test

import (
	"encoding/json"
	"math"
	"testing"

	"polity/plane"
)

func placed(value string) *plane.Entity {
	return &plane.Entity{Attributes: []plane.Attribute{{Name: plane.Location, Kind: plane.Geo, Value: json.RawMessage(value)}}}
}

func TestBoundsOfPlaces(t *testing.T) {
	point := plane.Box{West: 24.95, South: 60.17, East: 24.95, North: 60.17}
	for value, want := range map[string]*plane.Box{
		`{"type":"Point","coordinates":[24.95,60.17]}`:                          &point,
		`{"coordinates":[24.95,60.17],"type":"Point"}`:                          &point,
		`{"type":"Point","coordinates":[24.95,60.17,12.5]}`:                     &point,
		`{"type":"Point","coordinates":[2495e-2,6017e-2]}`:                      &point,
		`{"type":"Point","coordinates":[-181,60]}`:                              nil,
		`{"type":"Point","coordinates":[24,90.5]}`:                              nil,
		`{"type":"Point","coordinates":[24]}`:                                   nil,
		`{"type":"Point","coordinates":[]}`:                                     nil,
		`{"type":"Point","coordinates":["24","60"]}`:                            nil,
		`{"type":"Point","coordinates":[[24.95,60.17]]}`:                        &point, // lenient, as ever
		`{"type":"LineString","coordinates":[[1,2],[3,-4]]}`:                    {West: 1, South: -4, East: 3, North: 2},
		`{"type":"GeometryCollection","geometries":[{"coordinates":[1,2]},{}]}`: nil,
		`{"type":"Point","coordinates":[1,2],"bbox":[1,2,1,2],"also":["x,y"]}`:  {West: 1, South: 2, East: 1, North: 2},
		`"nowhere"`: nil,
	} {
		got, ok := placed(value).Bounds()
		if ok != (want != nil) || want != nil && got != *want {
			t.Errorf("%s: %+v, %v; want %+v", value, got, ok, want)
		}
	}
}

// FuzzPointIsReadAsItsGeometry: the short way says what the long one does.
func FuzzPointIsReadAsItsGeometry(f *testing.F) {
	f.Add("24.95,60.17")
	f.Add("1,2,3")
	f.Add("1e400,2")
	f.Add("0x1p4,1_0")
	f.Fuzz(func(t *testing.T, text string) {
		short, long := `{"type":"Point","coordinates":[`+text+`]}`, `{"coordinates":[`+text+`],"type":"Point"}`
		if !json.Valid([]byte(short)) || !json.Valid([]byte(long)) {
			return // never stored
		}
		a, x := placed(short).Bounds()
		b, y := placed(long).Bounds()
		if x != y || x && a != b && !math.IsNaN(a.West) {
			t.Errorf("%s: %+v %v, and %+v %v", text, a, x, b, y)
		}
	})
}
