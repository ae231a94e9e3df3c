package console

import (
	"fmt"
	"html/template"
	"math"
	"net/http"

	"polity/city"
	"polity/console/frame"
	"polity/console/ground"
)

// MapData is what the map's script needs.
type MapData struct {
	Bounds  [4]float64        `json:"bounds"` // west, south, east, north
	Centre  [2]float64        `json:"centre"` // longitude, latitude
	Zoom    float64           `json:"zoom"`   // 0: the bounds fill the first view
	Layers  map[string]string `json:"layers"` // address by name
	Light   ground.Palette    `json:"light"`
	Dark    ground.Palette    `json:"dark"`
	Worker  string            `json:"worker"` // address of the map's worker script
	Cameras []MapCamera       `json:"cameras"`
	Mapped  []MapMapped       `json:"mapped"`
	Streets []string          `json:"streets"` // MapMapped.Street counts here
	Sensors string            `json:"sensors"` // address of the sensors as GeoJSON; empty: there are none
}

// MapCamera is a camera of the city.
type MapCamera struct {
	Name  string       `json:"name"`
	Title string       `json:"title"`
	At    [2]float64   `json:"at"`
	Cone  [][2]float64 `json:"cone"` // ring of what it sees
	Sign  string       `json:"sign"`
	State string       `json:"state"`
}

// MapMapped is a camera of somebody else.
type MapMapped struct {
	At     [2]float64 `json:"at"`
	Words  string     `json:"words"`
	Street int        `json:"street"`
}

type mapView struct {
	Map                     MapData
	Ground                  bool
	GroundLight, GroundDark string
	Width, Height           int
	Dots                    []dot
	Cones                   []cone
	Attribution, LicenceURL string
	Words                   string
	Footage                 template.HTML // how often it was opened; empty: there is no public log
	Cameras                 []cameraRow
	Streets                 []streetRow
	Sensors                 string // in words; empty: there are none
	Alarms                  []alarmRow
}

type dot struct{ X, Y int }

type cone struct {
	dot
	Path string
}

type streetRow struct {
	Index       int
	Name, Words string
}

func (c *Console) mapPage(w http.ResponseWriter, r *frame.Request) error {
	all, err := c.cfg.City.Cameras(r.Context())
	if err != nil {
		return err
	}
	m, g := c.about.Map, c.Ground
	v := mapView{
		Ground: g.Light != "", GroundLight: g.Light, GroundDark: g.Dark, Width: g.Width, Height: g.Height,
		Attribution: m.Credit, LicenceURL: m.CreditURL, Words: c.inWords(all, r.Clock), Cameras: c.rows(all, r.Clock),
		Map: MapData{
			Centre: ground.LonLat(m.Centre), Zoom: m.Zoom, Bounds: bounds(m, all),
			Layers: g.Layers, Light: ground.Palettes["light"], Dark: ground.Palettes["dark"], Worker: c.Asset("mapworker"),
			Cameras: []MapCamera{}, Mapped: []MapMapped{}, Streets: []string{},
		},
	}
	for i, k := range all {
		ring := coneOf(k.Entry)
		v.Map.Cameras = append(v.Map.Cameras, MapCamera{
			Name: string(k.Name), Title: v.Cameras[i].Title, At: ground.LonLat(k.Entry.Position), Cone: ring,
			Sign: v.Cameras[i].State.Sign, State: v.Cameras[i].State.Word,
		})
		if v.Ground {
			v.Cones = append(v.Cones, c.drawCone(k.Entry.Position, ring))
		}
	}
	v.Footage = c.openedThisYear(r)
	c.addMapped(&v)
	if err := c.addSensors(&v, r); err != nil {
		return err
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "map", Title: c.Say("map.title"), Data: v})
}

func (c *Console) addMapped(v *mapView) {
	mapped := c.about.Map.Mapped
	v.Map.Mapped = make([]MapMapped, len(mapped))
	for i, s := range c.mappedGroups() {
		name := s.Name
		if name == "" {
			name = c.Say("map.nostreet")
		}
		v.Map.Streets = append(v.Map.Streets, name)
		v.Streets = append(v.Streets, streetRow{Index: i, Name: name, Words: c.Say("map.streetcameras", "n", len(s.Cameras))})
		for _, j := range s.Cameras {
			m := mapped[j]
			v.Map.Mapped[j] = MapMapped{At: ground.LonLat(m.Position), Words: c.mappedWords(m), Street: i}
			if v.Ground {
				x, y := c.Ground.Project(m.Position)
				v.Dots = append(v.Dots, dot{int(x), int(y)})
			}
		}
	}
}

// mappedGroups is worked out once: neither streets nor mapped cameras change.
func (c *Console) mappedGroups() []streetGroup {
	c.groupOnce.Do(func() { c.groups = byStreet(c.Ground.Streets, c.about.Map.Mapped) })
	return c.groups
}

// mappedWords says what the public map knows of a camera, which is often little.
func (c *Console) mappedWords(m MappedCamera) string {
	kind := c.Say("mapped.kind")
	if key := "mapped.kind." + m.Kind; c.Forms(key) != nil {
		kind = c.Say(key)
	}
	operator := c.Say("mapped.nooperator")
	if m.Operator != "" {
		operator = c.Say("mapped.operator", "operator", m.Operator)
	}
	return kind + " " + operator
}

// bounds is what the map shows at first: what is mapped, else the surroundings of the
// cameras, else Europe.
func bounds(m Map, all []Camera) [4]float64 {
	if m.Bounds[0] != m.Bounds[1] {
		return [4]float64{m.Bounds[0].Lon, m.Bounds[0].Lat, m.Bounds[1].Lon, m.Bounds[1].Lat}
	}
	if len(all) == 0 {
		return [4]float64{-10, 36, 30, 62}
	}
	const around = .01 // degrees
	first := all[0].Entry.Position
	b := [4]float64{first.Lon, first.Lat, first.Lon, first.Lat}
	for _, k := range all {
		p := k.Entry.Position
		b = [4]float64{min(b[0], p.Lon), min(b[1], p.Lat), max(b[2], p.Lon), max(b[3], p.Lat)}
	}
	return [4]float64{b[0] - 2*around, b[1] - around, b[2] + 2*around, b[3] + around}
}

// coneOf is what a camera sees, as a ring of positions: its own, then an arc.
func coneOf(e Entry) [][2]float64 {
	if e.Field <= 0 || e.Reach <= 0 {
		return [][2]float64{}
	}
	const perDegree = 111_195 // metres per degree of latitude
	k := math.Cos(e.Position.Lat * math.Pi / 180)
	ring := [][2]float64{ground.LonLat(e.Position)}
	steps := max(2, int(e.Field/5))
	for i := range steps + 1 {
		bearing := (e.Heading - e.Field/2 + e.Field*float64(i)/float64(steps)) * math.Pi / 180
		ring = append(ring, ground.LonLat(city.Point{
			Lon: e.Position.Lon + math.Sin(bearing)*e.Reach/(perDegree*k),
			Lat: e.Position.Lat + math.Cos(bearing)*e.Reach/perDegree,
		}))
	}
	return append(ring, ring[0])
}

func (c *Console) drawCone(at city.Point, ring [][2]float64) cone {
	x, y := c.Ground.Project(at)
	v := cone{dot: dot{int(x), int(y)}}
	for i, p := range ring {
		x, y := c.Ground.Project(city.Point{Lon: p[0], Lat: p[1]})
		v.Path += fmt.Sprintf("%c%.1f %.1f", "ML"[min(i, 1)], x, y)
	}
	return v
}
