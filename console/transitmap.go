package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/console/frame"
	"polity/console/ground"
	"polity/sensors/transit"
)

// TransitMapData is what the script of a map of lines needs.
type TransitMapData struct {
	Map   MapData           `json:"map"`
	Feeds []TransitFeedData `json:"feeds"`
}

// TransitFeedData is where lines and vehicles of a feed are, as GeoJSON.
type TransitFeedData struct {
	Lines    string `json:"lines"`
	Vehicles string `json:"vehicles"`
}

// transitMap is lines and vehicles on the still picture of the map.
type transitMap struct {
	OnMap         bool
	Light, Dark   string
	Alt           string
	Credit        string
	CreditURL     string
	Width, Height int
	Data          TransitMapData
	Lines         []string // SVG paths
	Vehicles      []vehicleDot
}

type vehicleDot struct {
	X, Y   int
	Line   string
	Words  string
	Turn   int // degrees clockwise from north
	Points bool
	Late   bool
}

// mostDrawn is how many lines a map of all shows; more would hide the city.
const mostDrawn = 40

// addToMap draws a feed's lines and vehicles; of one line if it is named.
func (c *Console) addToMap(m *transitMap, b *transit.Board, s *transit.State, line string) {
	g := c.Ground
	if g.Light == "" {
		return
	}
	m.OnMap, m.Light, m.Dark, m.Width, m.Height = true, g.Light, g.Dark, g.Width, g.Height
	m.Credit, m.CreditURL = c.about.Map.Credit, c.about.Map.CreditURL
	m.Data.Map = MapData{
		Bounds: bounds(c.about.Map, nil), Layers: g.Layers, Light: ground.Palettes["light"], Dark: ground.Palettes["dark"], Worker: c.Asset("mapworker"),
		Cameras: []MapCamera{}, Mapped: []MapMapped{}, Streets: []string{},
	}
	of := ""
	if line != "" {
		of = "?line=" + url.QueryEscape(line)
	}
	m.Data.Feeds = append(m.Data.Feeds, TransitFeedData{Lines: "/transit/" + string(s.Name) + "/lines.geojson" + of, Vehicles: "/transit/" + string(s.Name) + "/vehicles.geojson" + of})
	all := b.Lines()
	for id, ways := range all {
		if line != "" && id != line || line == "" && len(all) > mostDrawn {
			continue
		}
		for _, way := range ways {
			m.Lines = append(m.Lines, c.drawWay(way))
		}
	}
	slices.Sort(m.Lines) // the same page for the same lines
	for i := range s.Vehicles {
		v := &s.Vehicles[i]
		if line != "" && v.RouteID != line || !c.Ground.Holds(v.Point) {
			continue
		}
		x, y := g.Project(v.Point)
		m.Vehicles = append(m.Vehicles, vehicleDot{X: int(x), Y: int(y), Line: v.Route, Points: v.Bearing >= 0, Turn: int(math.Round(v.Bearing)), Words: c.vehicleWords(v), Late: v.DelayKnown && v.Delay >= 5*time.Minute})
	}
}

// vehicleWords is "Line 1 to Park, 6 minutes late".
func (c *Console) vehicleWords(v *transit.Vehicle) string {
	words := c.Say("transit.vehicle", "line", v.Route, "headsign", v.Headsign)
	if v.DelayKnown {
		words += ", " + c.delayWords(v.Delay)
	}
	return words
}

// transitLines is the ways of lines as RFC 7946; of one line if it is named.
func (c *Console) transitLines(w http.ResponseWriter, r *frame.Request) error {
	b, err := c.board(r)
	if err != nil {
		return err
	}
	line := r.URL.Query().Get("line")
	features := []map[string]any{}
	all := b.Lines()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if line != "" && id != line {
			continue
		}
		for _, way := range all[id] {
			at := make([][2]float64, len(way))
			for i, p := range way {
				at[i] = ground.LonLat(p)
			}
			if len(at) > 1 {
				features = append(features, map[string]any{"type": "Feature", "geometry": map[string]any{"type": "LineString", "coordinates": at}, "properties": map[string]any{"line_id": id, "simulated": b.Simulated()}})
			}
		}
	}
	w.Header().Set("Content-Type", "application/geo+json")
	w.Header().Set("Cache-Control", "no-store")
	return frame.Gone(json.NewEncoder(w).Encode(map[string]any{"type": "FeatureCollection", "features": features}))
}

// drawWay is a way as an SVG path; what is off the picture is left out.
func (c *Console) drawWay(way []city.Point) string {
	var b strings.Builder
	drawn := false
	lastX, lastY := 0., 0.
	for i, p := range way {
		if !c.Ground.Holds(p) {
			drawn = false
			continue
		}
		x, y := c.Ground.Project(p)
		letter := byte('L')
		switch {
		case !drawn:
			letter = 'M'
		case math.Hypot(x-lastX, y-lastY) < 2 && i < len(way)-1:
			continue // nobody would see the bend
		}
		lastX, lastY = x, y
		fmt.Fprintf(&b, "%c%.0f %.0f", letter, x, y)
		drawn = true
	}
	return b.String()
}

// transitVehicles is where service vehicles are, as RFC 7946. They are named by the run
// that they make.
func (c *Console) transitVehicles(w http.ResponseWriter, r *frame.Request) error {
	b, err := c.board(r)
	if err != nil {
		return err
	}
	type feature struct {
		Type       string         `json:"type"`
		ID         string         `json:"id"`
		Geometry   map[string]any `json:"geometry"`
		Properties map[string]any `json:"properties"`
	}
	s, line := b.State(r.Clock.Now), r.URL.Query().Get("line")
	features := []feature{}
	for i := range s.Vehicles {
		v := &s.Vehicles[i]
		if line != "" && v.RouteID != line {
			continue
		}
		p := map[string]any{"words": c.vehicleWords(v), "path": linePath(s.Name, v.RouteID), "line_id": v.RouteID, "line": v.Route, "mode": transit.Mode(v.Kind), "headsign": v.Headsign, "observed_at": v.At.UTC().Format(time.RFC3339), "simulated": s.Simulated}
		if v.Bearing >= 0 {
			p["bearing_deg"] = math.Round(v.Bearing)
		}
		if v.Speed >= 0 {
			p["speed_m_s"] = math.Round(10*v.Speed) / 10
		}
		if v.DelayKnown {
			p["delay_s"] = v.Delay.Seconds()
		}
		if v.NextStopID != "" {
			p["next_stop_id"] = v.NextStopID
		}
		features = append(features, feature{"Feature", v.Run, map[string]any{"type": "Point", "coordinates": ground.LonLat(v.Point)}, p})
	}
	w.Header().Set("Content-Type", "application/geo+json")
	w.Header().Set("Cache-Control", "no-store")
	return frame.Gone(json.NewEncoder(w).Encode(map[string]any{"type": "FeatureCollection", "features": features}))
}

const mostDays = 92 // of a file of delays

// transitDelays is punctuality by hour and line as a table, RFC 4180: of the days
// from ... to, both included; without them of the last week.
func (c *Console) transitDelays(w http.ResponseWriter, r *frame.Request) error {
	b, err := c.board(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	day := func(name string, otherwise time.Time) (time.Time, error) {
		s := q.Get(name)
		if s == "" {
			return otherwise, nil
		}
		t, err := time.ParseInLocation(time.DateOnly, s, c.Zone)
		if err != nil || t.Year() < 1970 || t.Year() > 9000 {
			return t, city.Errorf(city.Invalid, "%s", c.Say("transit.csv.date", "name", name))
		}
		return t, nil
	}
	today := r.Clock.Midnight(r.Clock.Now)
	to, err := day("to", today)
	if err != nil {
		return err
	}
	from, err := day("from", to.AddDate(0, 0, -6))
	if err != nil {
		return err
	}
	if from.After(to) || to.Sub(from) > mostDays*24*time.Hour {
		return city.Errorf(city.Invalid, "%s", c.Say("transit.csv.range", "n", mostDays))
	}
	rows, err := c.cfg.Transit.Delays(r.Context(), b.Name(), q.Get("line"), from, r.Clock.Midnight(to.Add(36*time.Hour)))
	if err != nil {
		return err
	}
	out := c.CSV(w, fmt.Sprintf("delays-%s-%s.csv", b.Name(), to.Format(time.DateOnly)))
	_ = out.Write([]string{"start", "seconds", "line_id", "line", "measured", "on_time", "early", "late", "cancelled", "mean_delay_s", "heard_seconds", "simulated"})
	for i := range rows {
		x := &rows[i]
		mean := ""
		if x.Measured > 0 {
			mean = strconv.FormatFloat(math.Round(10*x.MeanDelay())/10, 'f', -1, 64)
		}
		row := frame.Cells(x.Start.In(c.Zone).Format(time.RFC3339), 3600, x.RouteID, x.Route, x.Measured, x.OnTime, x.Early, x.Late, x.Cancelled)
		_ = out.Write(append(row, mean, strconv.Itoa(int(x.Covered.Seconds())), strconv.FormatBool(b.Simulated())))
	}
	out.Flush()
	return frame.Gone(out.Error())
}
