// Package ground is the still picture of the map that lies beneath marks: layers for the
// map's script, and the same drawn once, as a picture in light and dark for who has no
// script, no WebGL, or paper.
package ground

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"

	"polity/city"
)

// layerNames in the order in which they are drawn.
var layerNames = []string{"water", "parks", "squares", "streets", "rails", "buildings"}

// Source is what a ground is drawn from.
type Source struct {
	Bounds [2]city.Point // south-west and north-east corner of what is mapped
	// Layers holds GeoJSON files (RFC 7946) named LAYER.geojson.gz, compressed by gzip; nil
	// for a city without a map.
	Layers            fs.FS
	Credit, CreditURL string // whose data it is, and its licence
}

// Ground is what lies beneath the map's points. It does not change once it is open, and is
// safe for concurrent use.
type Ground struct {
	Picture                   // its addresses are empty where there is no map
	Layers  map[string]string // address by layer
	Streets []Street
	// Project returns where a place is in the picture, in its units. It is nil where there is
	// no map.
	Project func(city.Point) (x, y float64)

	files  map[string][]byte // by name with hash; compressed
	bounds [2]city.Point
}

// Picture is the still picture: where it is, its size in its own units, and whose it is.
type Picture struct {
	Light     string `json:"light"` // addresses; empty: there is none
	Dark      string `json:"dark"`
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	Credit    string `json:"credit"`
	CreditURL string `json:"creditUrl"`
}

// Street is a named street.
type Street struct {
	Name  string
	Lines [][]city.Point
}

type layerFile struct {
	Features []struct {
		Geometry struct {
			Type        string          `json:"type"`
			Coordinates json.RawMessage `json:"coordinates"`
		} `json:"geometry"`
		Properties struct {
			Kind string `json:"k"`
			Name string `json:"n"`
		} `json:"properties"`
	} `json:"features"`
}

// Open reads the layers and draws the picture. Layers that cannot be read, or that lack
// their bounds, are an error.
func Open(m Source) (*Ground, error) {
	g := &Ground{Picture: Picture{Credit: m.Credit, CreditURL: m.CreditURL}, Layers: map[string]string{}, files: map[string][]byte{}, bounds: m.Bounds}
	if m.Layers == nil {
		return g, nil
	}
	if m.Bounds[0].Lon >= m.Bounds[1].Lon || m.Bounds[0].Lat >= m.Bounds[1].Lat || m.Bounds[0].Lat < -85 || m.Bounds[1].Lat > 85 {
		return nil, city.Errorf(city.Invalid, "map: the bounds of its layers are missing: a south-west and a north-east corner, within 85 degrees of latitude")
	}
	g.frame(m.Bounds)
	drawn := map[string][]shape{}
	for _, name := range layerNames {
		packed, err := fs.ReadFile(m.Layers, name+".geojson.gz")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		g.Layers[name] = g.put(name, ".geojson", packed)
		layer, err := readLayer(packed)
		if err != nil {
			return nil, fmt.Errorf("map layer %s: %w", name, err)
		}
		if drawn[name], err = g.shapes(layer); err != nil {
			return nil, fmt.Errorf("map layer %s: %w", name, err)
		}
		if name == "streets" {
			if g.Streets, err = namedStreets(layer); err != nil {
				return nil, fmt.Errorf("map layer %s: %w", name, err)
			}
		}
	}
	for theme, address := range map[string]*string{"light": &g.Light, "dark": &g.Dark} {
		packed, err := squeeze(g.draw(drawn, Palettes[theme]))
		if err != nil {
			return nil, err
		}
		*address = g.put("ground-"+theme, ".svg", packed)
	}
	return g, nil
}

// put keeps a file under a name that holds the hash of its content.
func (g *Ground) put(name, ext string, packed []byte) (address string) {
	sum := sha256.Sum256(packed)
	name += "." + hex.EncodeToString(sum[:6]) + ext
	g.files[name] = packed
	return "/map/" + name
}

func readLayer(packed []byte) (*layerFile, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var l layerFile
	return &l, json.NewDecoder(io.LimitReader(z, 256<<20)).Decode(&l)
}

// groundWidth is the picture's width in its own units.
const groundWidth = 1000

// frame sets the projection: Web Mercator (EPSG:3857), the bounds filling the
// picture.
func (g *Ground) frame(bounds [2]city.Point) {
	y := func(lat float64) float64 { return math.Log(math.Tan(math.Pi/4 + lat*math.Pi/360)) }
	west, south, east, north := bounds[0].Lon, bounds[0].Lat, bounds[1].Lon, bounds[1].Lat
	scale := groundWidth / ((east - west) * math.Pi / 180)
	g.Width, g.Height = groundWidth, int(math.Ceil((y(north)-y(south))*scale))
	top := y(north)
	g.Project = func(p city.Point) (float64, float64) {
		return (p.Lon - west) * math.Pi / 180 * scale, (top - y(p.Lat)) * scale
	}
}

// shape is one feature as an SVG path.
type shape struct {
	kind, path string
}

func (g *Ground) shapes(l *layerFile) ([]shape, error) {
	var all []shape
	for _, f := range l.Features {
		lines, area, err := lineStrings(f.Geometry.Type, f.Geometry.Coordinates)
		if err != nil {
			return nil, err
		}
		var b strings.Builder
		for _, line := range lines {
			g.trace(&b, line, area)
		}
		all = append(all, shape{f.Properties.Kind, b.String()})
	}
	return all, nil
}

func (g *Ground) trace(b *strings.Builder, line []city.Point, area bool) {
	lastX, lastY := math.Inf(1), 0.0
	for i, p := range line {
		x, y := g.Project(p)
		x, y = math.Round(x*10)/10, math.Round(y*10)/10
		switch {
		case i == 0:
			fmt.Fprintf(b, "M%g %g", x, y)
		case x != lastX || y != lastY:
			fmt.Fprintf(b, "L%g %g", x, y)
		}
		lastX, lastY = x, y
	}
	if area {
		b.WriteString("z")
	}
}

// lineStrings returns a geometry's lines or rings.
func lineStrings(kind string, raw json.RawMessage) (lines [][]city.Point, area bool, err error) {
	var one [][2]float64
	var many [][][2]float64
	var most [][][][2]float64
	switch kind {
	case "LineString":
		err = json.Unmarshal(raw, &one)
		many = append(many, one)
	case "MultiLineString":
		err = json.Unmarshal(raw, &many)
	case "Polygon":
		area = true
		err = json.Unmarshal(raw, &many)
	case "MultiPolygon":
		area = true
		err = json.Unmarshal(raw, &most)
		for _, p := range most {
			many = append(many, p...)
		}
	}
	for _, m := range many {
		line := make([]city.Point, len(m))
		for i, q := range m {
			line[i] = city.Point{Lon: q[0], Lat: q[1]}
		}
		lines = append(lines, line)
	}
	return lines, area, err
}

// Palettes are the colours of the ground, "light" and "dark"; the map's script reads the same from
// palette.ts by way of generated types.
var Palettes = map[string]Palette{
	"light": {Ground: "#f1f1ee", Water: "#c9dbe8", Park: "#dfe8d6", Green: "#e6ecdf", Square: "#e9e7e1", Building: "#dcdad4", BuildingEdge: "#c9c6be", Main: "#ffffff", Street: "#ffffff", Lane: "#f8f8f6", Path: "#ffffff", Casing: "#d4d2cc", Rail: "#b6b3ac", Text: "#4a4e52", Halo: "#ffffff", Accent: "#0a58a6", Mapped: "#55595e", Paper: "#ffffff"},
	"dark":  {Ground: "#191c1f", Water: "#16303f", Park: "#1f2b22", Green: "#1d2621", Square: "#212427", Building: "#2a2e32", BuildingEdge: "#383d42", Main: "#3c4247", Street: "#33383d", Lane: "#2a2f33", Path: "#2c3135", Casing: "#14171a", Rail: "#4b5157", Text: "#c3c7cb", Halo: "#14171a", Accent: "#86bdf5", Mapped: "#a9aeb4", Paper: "#1c1f22"},
}

// Palette is the colours of the map in one scheme.
type Palette struct {
	Ground       string `json:"ground"`
	Water        string `json:"water"`
	Park         string `json:"park"`
	Green        string `json:"green"`
	Square       string `json:"square"`
	Building     string `json:"building"`
	BuildingEdge string `json:"buildingEdge"`
	Main         string `json:"main"`
	Street       string `json:"street"`
	Lane         string `json:"lane"`
	Path         string `json:"path"`
	Casing       string `json:"casing"`
	Rail         string `json:"rail"`
	Text         string `json:"text"`
	Halo         string `json:"halo"`
	Accent       string `json:"accent"`
	Mapped       string `json:"mapped"`
	Paper        string `json:"paper"`
}

// widths of streets in the picture's units, casing added.
var widths = map[string]float64{"main": 9, "street": 6, "lane": 3, "walk": 4, "path": 1.5}

func (g *Ground) draw(layers map[string][]shape, p Palette) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" stroke-linecap="round" stroke-linejoin="round" fill-rule="evenodd"><path fill="%s" d="M0 0h%dv%dH0z"/>`,
		g.Width, g.Height, p.Ground, g.Width, g.Height)
	fill := func(layer, kind, colour, edge string) {
		fmt.Fprintf(&b, `<path fill="%s" stroke="%s" d="`, colour, edge)
		for _, s := range layers[layer] {
			if kind == "" || s.kind == kind {
				b.WriteString(s.path)
			}
		}
		b.WriteString(`"/>`)
	}
	line := func(layer, kind, colour string, width float64) {
		fmt.Fprintf(&b, `<path fill="none" stroke="%s" stroke-width="%g" d="`, colour, width)
		for _, s := range layers[layer] {
			if s.kind == kind {
				b.WriteString(s.path)
			}
		}
		b.WriteString(`"/>`)
	}
	fill("parks", "green", p.Green, "none")
	fill("parks", "park", p.Park, "none")
	fill("squares", "", p.Square, "none")
	fill("water", "", p.Water, "none")
	for _, kind := range []string{"lane", "walk", "street", "main"} {
		line("streets", kind, p.Casing, widths[kind]+1.5)
	}
	line("streets", "path", p.Path, widths["path"])
	line("streets", "lane", p.Lane, widths["lane"])
	line("streets", "walk", p.Path, widths["walk"])
	line("streets", "street", p.Street, widths["street"])
	line("streets", "main", p.Main, widths["main"])
	line("rails", "rail", p.Rail, 1)
	line("rails", "tram", p.Rail, .75)
	fill("buildings", "", p.Building, p.BuildingEdge)
	b.WriteString(`</svg>`)
	return b.Bytes()
}

func squeeze(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// File returns a layer or a picture by the last part of its address, compressed by gzip; nil:
// there is none of that name.
func (g *Ground) File(name string) []byte { return g.files[name] }

// Spot is a place on the still picture, as pages show it.
type Spot struct {
	Light, Dark, Alt, Words, Map string
	Credit, CreditURL            string
	Width, Height                int
	X, Y                         int
	OnMap                        bool
}

// Spot is the whole picture, with nothing marked on it.
func (g *Ground) Spot(alt string) Spot {
	return Spot{Light: g.Light, Dark: g.Dark, Alt: alt, Width: g.Width, Height: g.Height, OnMap: true, Credit: g.Credit, CreditURL: g.CreditURL}
}

// Holds reports whether a place lies within what is mapped.
func (g *Ground) Holds(p city.Point) bool {
	b := g.bounds
	return p.Lon >= b[0].Lon && p.Lon <= b[1].Lon && p.Lat >= b[0].Lat && p.Lat <= b[1].Lat
}

// Placed is a point on the picture; the zero Spot for none, and for one that is not on it.
func (g *Ground) Placed(p *city.Point, alt string) Spot {
	if p == nil || g.Light == "" || !g.Holds(*p) {
		return Spot{}
	}
	s := g.Spot(alt)
	x, y := g.Project(*p)
	s.X, s.Y = int(x), int(y)
	return s
}

// LonLat is a place as GeoJSON writes it, to a tenth of a metre.
func LonLat(p city.Point) [2]float64 { return [2]float64{round6(p.Lon), round6(p.Lat)} }

func round6(v float64) float64 { return math.Round(v*1e6) / 1e6 }
