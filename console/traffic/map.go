package traffic

import (
	"encoding/json"
	"net/http"
	"strconv"

	"polity/console/frame"
	"polity/console/ground"
	"polity/services/traffic/live"
)

// mapView is the junctions on the still picture of the map: useful without scripts.
type mapView struct {
	OnMap         bool
	Light, Dark   string
	Credit        string
	CreditURL     string
	Width, Height int
	Dots          []dot
}

type dot struct {
	X, Y        int
	Number      int // as in the list
	Words, Sign string
	Anchor      string // of the junction in the list
}

// drawJunctions puts those junctions on the map that are on it.
func (c *Console) drawJunctions(list []junctionView, v *live.View) (m mapView) {
	g := c.Ground
	if g == nil || g.Light == "" {
		return m
	}
	m = mapView{Light: g.Light, Dark: g.Dark, Width: g.Width, Height: g.Height, Credit: g.Credit, CreditURL: g.CreditURL}
	for i := range v.Junctions {
		p := v.Junctions[i].Place
		if p == nil || !c.Ground.Holds(*p) {
			continue
		}
		x, y := g.Project(*p)
		m.Dots = append(m.Dots, dot{X: int(x), Y: int(y), Number: i + 1, Words: strconv.Itoa(i+1) + ". " + list[i].Name + ": " + list[i].State.Word, Sign: list[i].State.Sign, Anchor: list[i].Anchor})
	}
	m.OnMap = len(m.Dots) > 0
	return m
}

func junctionAnchor(i int) string { return "junction-" + strconv.Itoa(i+1) }

// viewGeoJSON is the junctions as RFC 7946: where they are, and who decides there.
func (c *Console) viewGeoJSON(w http.ResponseWriter, _ *frame.Request) error {
	v, err := c.now()
	if err != nil {
		return err
	}
	features := []map[string]any{}
	for i := range v.Junctions {
		j := &v.Junctions[i]
		if j.Place == nil {
			continue
		}
		queued, waiting := 0, 0
		for _, q := range j.Approaches {
			queued += q.Now
		}
		for _, q := range j.Crossings {
			waiting += q.Now
		}
		features = append(features, map[string]any{
			"type": "Feature", "id": j.ID, "geometry": map[string]any{"type": "Point", "coordinates": ground.LonLat(*j.Place)},
			"properties": map[string]any{"name": j.Name, "control": string(j.Mode), "since": j.Since.UTC(), "vehicles_queued": queued, "people_waiting": waiting, "simulated": v.Simulated},
		})
	}
	w.Header().Set("Content-Type", "application/geo+json")
	w.Header().Set("Cache-Control", "no-store")
	return frame.Gone(json.NewEncoder(w).Encode(map[string]any{"type": "FeatureCollection", "features": features}))
}
