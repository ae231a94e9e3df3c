package console

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"polity/camera/layout"
	"polity/camera/wire"
	"polity/city"
	"polity/console/counts"
	"polity/console/frame"
	"polity/console/names"
)

type cameraRow struct {
	Name                 city.Slug
	Title, Purpose, Body string
	Until                template.HTML
	State                frame.Sign
}

func (c *Console) rows(all []Camera, at frame.Clock) []cameraRow {
	var rows []cameraRow
	for _, k := range all {
		rows = append(rows, cameraRow{
			Name: k.Name, Title: k.title(), Purpose: k.Entry.Purpose, Body: k.Entry.Body,
			Until: template.HTML(template.HTMLEscapeString(at.Date(k.Entry.Until))), State: c.doing(k, at).State, //nolint:gosec // escaped
		})
	}
	return rows
}

func (c *Console) camerasPage(w http.ResponseWriter, r *frame.Request) error {
	all, err := c.cfg.City.Cameras(r.Context())
	if err != nil {
		return err
	}
	data := struct {
		Summary, MappedWords string
		Cameras              []cameraRow
		Mapped               int
	}{
		Summary: c.inWords(all, r.Clock), MappedWords: c.Say("cameras.mapped.words", "n", len(c.about.Map.Mapped)),
		Cameras: c.rows(all, r.Clock), Mapped: len(c.about.Map.Mapped),
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "cameras", Title: c.Say("cameras.title"), Data: data})
}

// inWords is "1 live camera of the city. 221 cameras of others are on the public map."
func (c *Console) inWords(all []Camera, at frame.Clock) string {
	live := 0
	for _, k := range all {
		if c.doing(k, at).State.Sign == "live" {
			live++
		}
	}
	words := c.Say("cameras.words", "n", live)
	if down := len(all) - live; down > 0 {
		words += " " + c.Say("cameras.words.down", "n", down)
	}
	if n := len(c.about.Map.Mapped); n > 0 {
		words += " " + c.Say("cameras.mapped.words", "n", n)
	}
	return words
}

// camerasCSV is the register of cameras as a table, RFC 4180.
func (c *Console) camerasCSV(w http.ResponseWriter, r *frame.Request) error {
	all, err := c.cfg.City.Cameras(r.Context())
	if err != nil {
		return err
	}
	out := c.CSV(w, "cameras.csv")
	_ = out.Write([]string{"name", "title", "lon", "lat", "heading_deg", "field_deg", "reach_m", "state", "purpose", "view", "body", "decision", "from", "until", "retention_days", "public_delay_s", "threshold"})
	for _, k := range all {
		e := k.Entry
		_ = out.Write(frame.Cells(string(k.Name), e.Title, e.Position.Lon, e.Position.Lat, e.Heading, e.Field, e.Reach, c.doing(k, r.Clock).State.Sign, e.Purpose, e.View,
			e.Body, e.Decision, e.From.Format(time.DateOnly), e.Until.Format(time.DateOnly), e.Retention.Hours()/24, e.PublicDelay.Seconds(), e.Threshold))
	}
	out.Flush()
	return frame.Gone(out.Error())
}

// camerasGeoJSON is the city's and the mapped cameras as RFC 7946.
func (c *Console) camerasGeoJSON(w http.ResponseWriter, r *frame.Request) error {
	all, err := c.cfg.City.Cameras(r.Context())
	if err != nil {
		return err
	}
	type feature struct {
		Type       string         `json:"type"`
		ID         string         `json:"id"`
		Geometry   map[string]any `json:"geometry"`
		Properties map[string]any `json:"properties"`
	}
	point := func(p city.Point) map[string]any {
		return map[string]any{"type": "Point", "coordinates": [2]float64{p.Lon, p.Lat}}
	}
	features := []feature{}
	for _, k := range all {
		e := k.Entry
		features = append(features, feature{"Feature", string(k.Name), point(e.Position), map[string]any{
			"run_by": "city", "title": e.Title, "purpose": e.Purpose, "body": e.Body, "decision": e.Decision, "until": e.Until.Format(time.DateOnly),
			"heading_deg": e.Heading, "field_deg": e.Field, "reach_m": e.Reach, "state": c.doing(k, r.Clock).State.Sign,
		}})
	}
	for _, m := range c.about.Map.Mapped {
		p := map[string]any{"run_by": "others"}
		for key, v := range map[string]string{"operator": m.Operator, "kind": m.Kind, "watches": m.Watches} {
			if v != "" {
				p[key] = v
			}
		}
		features = append(features, feature{"Feature", "osm-node-" + strconv.FormatInt(m.ID, 10), point(m.Position), p})
	}
	w.Header().Set("Content-Type", "application/geo+json")
	w.Header().Set("Cache-Control", "no-store")
	return frame.Gone(json.NewEncoder(w).Encode(map[string]any{"type": "FeatureCollection", "attribution": c.about.Map.Credit, "features": features}))
}

// countsCSV is a camera's day as a table: what the one who asks may see of it.
func (c *Console) countsCSV(w http.ResponseWriter, r *frame.Request) error {
	k, err := c.camera(r.Context(), city.Slug(r.PathValue("camera")))
	if err != nil {
		return err
	}
	d, err := c.dayOf(k, r)
	if err != nil {
		return err
	}
	if err := c.load(k, r, &d); err != nil {
		return err
	}
	l, err := c.cfg.City.Layout(r.Context(), k.Name)
	if err != nil {
		return err
	}
	out := c.CSV(w, fmt.Sprintf("%s-%s.csv", k.Name, d.from.In(c.Zone).Format(time.DateOnly)))
	_ = out.Write([]string{"start", "seconds", "metric", "where", "class", "direction", "value", "withheld", "seen_seconds"})
	for _, s := range d.series {
		for i, p := range s.Points {
			if p.Covered > 0 {
				_ = out.Write(c.countCells(s, p, l, d.from.Add(time.Duration(i)*d.query.Step).In(c.Zone), d.query.Step))
			}
		}
	}
	out.Flush()
	return frame.Gone(out.Error())
}

func (c *Console) countCells(s counts.Series, p counts.Point, l layout.Layout, start time.Time, step time.Duration) []string {
	value, withheld := strconv.FormatFloat(p.Value, 'f', -1, 64), "0"
	if p.Value == counts.Withheld {
		value, withheld = "", "1"
	}
	way := ""
	if s.Metric == wire.Crossings && s.Direction != wire.NoDirection {
		way = c.way(l, s.Where, s.Direction)
	}
	return []string{
		start.Format(time.RFC3339), strconv.Itoa(int(step.Seconds())), names.Metrics[s.Metric], string(s.Where), names.Classes[s.Class], way,
		value, withheld, strconv.Itoa(int(p.Covered.Seconds())),
	}
}
