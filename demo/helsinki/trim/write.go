package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"

	"github.com/paulmach/orb/geojson"
)

// write writes a layer as compressed GeoJSON. The same layer gives the same bytes.
func write(name string, layer *geojson.FeatureCollection) (int, error) {
	for _, f := range layer.Features {
		if len(f.Properties) == 0 {
			f.Properties = geojson.Properties{}
		}
	}
	data, err := layer.MarshalJSON()
	if err != nil {
		return 0, fmt.Errorf("layer %s: %w", name, err)
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return 0, err
	}
	if _, err := z.Write(data); err != nil {
		return 0, err
	}
	if err := z.Close(); err != nil {
		return 0, err
	}
	return packed.Len(), os.WriteFile(name, packed.Bytes(), 0o644) //nolint:gosec // public map data
}
