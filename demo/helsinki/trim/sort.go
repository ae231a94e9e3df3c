package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"
)

var layerNames = []string{"water", "parks", "squares", "buildings", "streets", "rails", "cameras"}

// streetKinds groups OpenStreetMap's highway values by how the map draws them.
var streetKinds = map[string]string{
	"primary": "main", "primary_link": "main", "secondary": "main", "tertiary": "main", "tertiary_link": "main",
	"residential": "street", "unclassified": "street", "living_street": "street",
	"service":    "lane",
	"pedestrian": "walk", "footway": "path", "path": "path", "trail": "path", "steps": "path", "cycleway": "path",
}

// sort says which layer a feature belongs to, and returns it with the few
// properties that the map uses: k its kind, n its name.
func sort(f *geojson.Feature) (layer string, kept *geojson.Feature) {
	tags, _ := f.Properties["tags"].(map[string]string)
	if tags == nil {
		return "", nil
	}
	if tainted, _ := f.Properties["tainted"].(bool); tainted && isArea(f.Geometry) && tags["building"] != "" {
		return "", nil // a house cut off at the extract's edge has a false shape
	}
	kept = geojson.NewFeature(rounded(f.Geometry))
	layer = layerOf(f.Geometry, tags, kept.Properties)
	if layer == "cameras" {
		kept.ID, _ = strconv.ParseInt(strings.TrimPrefix(fmt.Sprint(f.ID), "node/"), 10, 64)
	}
	if name := tags["name"]; name != "" && layer != "buildings" && layer != "rails" {
		kept.Properties["n"] = name
	}
	return layer, kept
}

func layerOf(g orb.Geometry, tags map[string]string, properties geojson.Properties) string {
	switch {
	case tags["man_made"] == "surveillance":
		if g.GeoJSONType() == "Point" {
			camera(tags, properties)
			return "cameras"
		}
	case isArea(g):
		return areaLayer(tags, properties)
	case g.GeoJSONType() == "LineString":
		return lineLayer(tags, properties)
	}
	return ""
}

func areaLayer(tags map[string]string, properties geojson.Properties) string {
	switch {
	case tags["building"] != "":
		return "buildings"
	case tags["natural"] == "water" || tags["landuse"] == "basin" || tags["landuse"] == "pond":
		return "water"
	case tags["leisure"] == "park" || tags["leisure"] == "garden" || tags["leisure"] == "playground":
		properties["k"] = "park"
		return "parks"
	case tags["landuse"] == "grass" || tags["natural"] == "wood" || tags["natural"] == "scrub" || tags["natural"] == "heath":
		properties["k"] = "green"
		return "parks"
	case tags["place"] == "square" || (tags["highway"] == "pedestrian"):
		return "squares"
	}
	return ""
}

func lineLayer(tags map[string]string, properties geojson.Properties) string {
	if tags["tunnel"] != "" && tags["tunnel"] != "no" {
		return "" // what runs below is not part of the picture of the city above
	}
	if kind := streetKinds[tags["highway"]]; kind != "" {
		properties["k"] = kind
		return "streets"
	}
	if tags["railway"] == "rail" || tags["railway"] == "tram" {
		properties["k"] = tags["railway"]
		return "rails"
	}
	return ""
}

// camera keeps what OpenStreetMap says about a mapped surveillance camera.
func camera(tags map[string]string, properties geojson.Properties) {
	put := func(name, value string) {
		if value != "" {
			properties[name] = value
		}
	}
	kind := tags["camera:type"]
	if kind == "" && tags["revolving"] == "yes" {
		kind = "panning"
	}
	put("kind", kind)
	put("operator", tags["operator"])
	put("watches", tags["surveillance"])
	for _, key := range []string{"camera:direction", "direction"} {
		if d, err := strconv.ParseFloat(strings.TrimSpace(tags[key]), 64); err == nil {
			properties["heading"] = math.Mod(d+360, 360)
			return
		}
	}
}

func isArea(g orb.Geometry) bool {
	return g.GeoJSONType() == "Polygon" || g.GeoJSONType() == "MultiPolygon"
}

// rounded keeps six decimals of a degree, about a tenth of a metre.
func rounded(g orb.Geometry) orb.Geometry {
	g = orb.Clone(g)
	six := func(p orb.Point) orb.Point {
		return orb.Point{math.Round(p[0]*1e6) / 1e6, math.Round(p[1]*1e6) / 1e6}
	}
	line := func(l []orb.Point) {
		for i := range l {
			l[i] = six(l[i])
		}
	}
	switch g := g.(type) {
	case orb.Point:
		return six(g)
	case orb.LineString:
		line(g)
	case orb.Polygon:
		for _, r := range g {
			line(r)
		}
	case orb.MultiPolygon:
		for _, p := range g {
			for _, r := range p {
				line(r)
			}
		}
	}
	return g
}
