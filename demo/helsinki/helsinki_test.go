package helsinki_test

import (
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"testing"

	"polity/demo/helsinki"
)

func TestMapHoldsTheCity(t *testing.T) {
	m, err := helsinki.Map()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Mapped) != 221 {
		t.Errorf("%d mapped cameras, want 221", len(m.Mapped))
	}
	seen := map[int64]bool{}
	for _, c := range m.Mapped {
		if c.ID == 0 || seen[c.ID] {
			t.Errorf("camera %d has no number of its own", c.ID)
		}
		seen[c.ID] = true
		if c.Position.Lon < m.Bounds[0].Lon || c.Position.Lon > m.Bounds[1].Lon || c.Position.Lat < m.Bounds[0].Lat || c.Position.Lat > m.Bounds[1].Lat {
			t.Errorf("camera %d at %v is outside the map", c.ID, c.Position)
		}
	}
	for layer, least := range map[string]int{"water": 15, "parks": 150, "squares": 40, "buildings": 400, "streets": 2000, "rails": 300} {
		if n := features(t, m.Layers, layer); n < least {
			t.Errorf("layer %s has %d features, want at least %d", layer, n, least)
		}
	}
}

func features(t *testing.T, layers fs.FS, name string) int {
	t.Helper()
	f, err := layers.Open(name + ".geojson.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var c struct{ Features []json.RawMessage }
	if err := json.NewDecoder(z).Decode(&c); err != nil {
		t.Fatal(err)
	}
	return len(c.Features)
}
