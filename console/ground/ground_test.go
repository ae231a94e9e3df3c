package ground

import (
	"bytes"
	"compress/gzip"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"polity/city"
)

func packed(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var helsinki = [2]city.Point{{Lon: 24.93, Lat: 60.16}, {Lon: 24.96, Lat: 60.18}}

const road = `{"features":[{"geometry":{"type":"LineString","coordinates":[[24.94,60.17],[24.95,60.17]]},"properties":{"k":"main","n":"Long Street"}}]}`

func TestGroundIsDrawn(t *testing.T) {
	g, err := Open(Source{Bounds: helsinki, Layers: fstest.MapFS{
		"streets.geojson.gz":   {Data: packed(t, road)},
		"buildings.geojson.gz": {Data: packed(t, `{"features":[{"geometry":{"type":"Polygon","coordinates":[[[24.941,60.171],[24.942,60.171],[24.942,60.172],[24.941,60.171]]]},"properties":null}]}`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Layers) != 2 || g.Light == g.Dark || g.files[strings.TrimPrefix(g.Light, "/map/")] == nil {
		t.Fatalf("layers %v, pictures %q and %q", g.Layers, g.Light, g.Dark)
	}
	x, y := g.Project(city.Point{Lon: 24.945, Lat: 60.17})
	if x < 499 || x > 501 || y < float64(g.Height)/2-2 || y > float64(g.Height)/2+4 {
		t.Errorf("the middle of the map is at %g, %g of %d x %d", x, y, g.Width, g.Height)
	}
	for at, want := range map[city.Point]string{{Lon: 24.945, Lat: 60.1702}: "Long Street", {Lon: 24.945, Lat: 60.1717}: ""} {
		if got := Nearest(g.Streets, at); got != want {
			t.Errorf("%v is at %q, want %q", at, got, want)
		}
	}
}

func TestWrongGroundsAreRefused(t *testing.T) {
	for name, m := range map[string]Source{
		"no bounds":  {Layers: fstest.MapFS{}},
		"the pole":   {Layers: fstest.MapFS{}, Bounds: [2]city.Point{{Lon: 1, Lat: 80}, {Lon: 2, Lat: 90}}},
		"not gzip":   {Layers: fstest.MapFS{"streets.geojson.gz": {Data: []byte("x")}}, Bounds: helsinki},
		"not JSON":   {Layers: fstest.MapFS{"streets.geojson.gz": {Data: packed(t, "x")}}, Bounds: helsinki},
		"wrong kind": {Layers: fstest.MapFS{"water.geojson.gz": {Data: packed(t, strings.Replace(road, "LineString", "Polygon", 1))}}, Bounds: helsinki},
	} {
		if _, err := Open(m); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if g, err := Open(Source{}); err != nil || g.Light != "" {
		t.Errorf("a map without a ground: %v", err)
	}
}

// drawing matches a picture of nothing but coloured shapes.
var drawing = regexp.MustCompile(`^<svg [^<>]*>(<path( (fill|stroke|stroke-width)="[#a-z0-9.]+")* d="[-+MLzHhv0-9.eInfNa ]*"/>)*</svg>$`)

func unpacked(t testing.TB, data []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func FuzzLayer(f *testing.F) {
	f.Add(road)
	f.Add(`{"features":[{"geometry":{"type":"MultiPolygon","coordinates":[[[[1,2],[1e300,-1e300]]]]}}]}`)
	f.Add(`{"features":[{"geometry":{"type":"Polygon","coordinates":[[]]},"properties":{"k":"<"}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		g, err := Open(Source{Bounds: helsinki, Layers: fstest.MapFS{"streets.geojson.gz": {Data: packed(t, text)}}})
		if err != nil {
			return
		}
		for name, data := range g.files {
			if strings.HasSuffix(name, ".svg") && !drawing.Match(unpacked(t, data)) {
				t.Fatalf("a layer put more into the picture than shapes: %s", unpacked(t, data))
			}
		}
	})
}
