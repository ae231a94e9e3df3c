package console

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
	"net/http"
	"path"
	"strings"

	"polity/city"
)

// layerNames in the order in which they are drawn.
var layerNames = []string{"water", "parks", "squares", "streets", "rails", "buildings"}

// ground is what lies beneath the map's points: layers for the map's script, and
// the same drawn as a picture for who has no script, no WebGL, or paper.
type ground struct {
	files         map[string][]byte // by name with hash; compressed
	layers        map[string]string // address by layer
	light, dark   string            // addresses of the pictures
	width, height int
	project       func(city.Point) (x, y float64)
	streets       []street
}

// street is a named street, for saying where a mapped camera is.
type street struct {
	name  string
	lines [][]city.Point
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

func openGround(m Map) (*ground, error) {
	g := &ground{files: map[string][]byte{}, layers: map[string]string{}}
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
		g.layers[name] = g.put(name, ".geojson", packed)
		layer, err := readLayer(packed)
		if err != nil {
			return nil, fmt.Errorf("map layer %s: %w", name, err)
		}
		if drawn[name], err = g.shapes(layer); err != nil {
			return nil, fmt.Errorf("map layer %s: %w", name, err)
		}
		if name == "streets" {
			if g.streets, err = namedStreets(layer); err != nil {
				return nil, fmt.Errorf("map layer %s: %w", name, err)
			}
		}
	}
	for theme, address := range map[string]*string{"light": &g.light, "dark": &g.dark} {
		packed, err := squeeze(g.draw(drawn, palettes[theme]))
		if err != nil {
			return nil, err
		}
		*address = g.put("ground-"+theme, ".svg", packed)
	}
	return g, nil
}

// put keeps a file under a name that holds the hash of its content.
func (g *ground) put(name, ext string, packed []byte) (address string) {
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
func (g *ground) frame(bounds [2]city.Point) {
	y := func(lat float64) float64 { return math.Log(math.Tan(math.Pi/4 + lat*math.Pi/360)) }
	west, south, east, north := bounds[0].Lon, bounds[0].Lat, bounds[1].Lon, bounds[1].Lat
	scale := groundWidth / ((east - west) * math.Pi / 180)
	g.width, g.height = groundWidth, int(math.Ceil((y(north)-y(south))*scale))
	top := y(north)
	g.project = func(p city.Point) (float64, float64) {
		return (p.Lon - west) * math.Pi / 180 * scale, (top - y(p.Lat)) * scale
	}
}

// shape is one feature as an SVG path.
type shape struct {
	kind, path string
}

func (g *ground) shapes(l *layerFile) ([]shape, error) {
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

func (g *ground) trace(b *strings.Builder, line []city.Point, area bool) {
	lastX, lastY := math.Inf(1), 0.0
	for i, p := range line {
		x, y := g.project(p)
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

// palettes are the colours of the ground; the map's script reads the same from
// palette.ts by way of generated types.
var palettes = map[string]Palette{
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

func (g *ground) draw(layers map[string][]shape, p Palette) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" stroke-linecap="round" stroke-linejoin="round" fill-rule="evenodd"><path fill="%s" d="M0 0h%dv%dH0z"/>`,
		g.width, g.height, p.Ground, g.width, g.height)
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

func (c *Console) mapFile(w http.ResponseWriter, r *request) error {
	name := r.PathValue("file")
	packed, ok := c.ground.files[name]
	if !ok {
		return city.Errorf(city.NotFound, "%s", c.say.Say("error.asset"))
	}
	return servePacked(w, r, path.Ext(name), packed)
}
