package console

import (
	"net/http"
	"time"

	"polity/city"
	"polity/console/frame"
	"polity/release/token"
)

// Bounds: of what the timeline asks for at once, of a token, and of how long details stay
// closed behind its expiry (docs/formats/token.md, ledger.md).
const (
	recordedMost   = 31 * 24 * time.Hour
	caseMaxCameras = token.MaxCameras
	caseMaxHours   = token.MaxHours
	caseMaxDays    = 366
)

// RecordedData is a camera's recorded times, for the timeline's script.
type RecordedData struct {
	Camera string     `json:"camera"`
	Keeps  int64      `json:"keeps"` // hours; 0: nothing of it is recorded
	Spans  [][2]int64 `json:"spans"` // ms since 1970
}

// recordedJSON tells when a camera was recorded: no picture, no count.
func (c *Console) recordedJSON(w http.ResponseWriter, r *frame.Request) error {
	book, err := c.cases()
	if err != nil {
		return err
	}
	k, err := c.camera(r.Context(), city.Slug(r.URL.Query().Get("camera")))
	if err != nil {
		return err
	}
	from, one := time.Parse(time.RFC3339, r.URL.Query().Get("from"))
	to, other := time.Parse(time.RFC3339, r.URL.Query().Get("to"))
	if one != nil || other != nil || !from.Before(to) || to.Sub(from) > recordedMost {
		return city.Errorf(city.Invalid, "%s", c.Say("casenew.badtimes"))
	}
	found, err := book.Recorded(r.Context(), k.Name, from, to)
	if err != nil {
		return err
	}
	d := RecordedData{Camera: string(k.Name), Keeps: int64(found.Keeps / time.Hour), Spans: [][2]int64{}}
	for _, s := range found.Spans {
		d.Spans = append(d.Spans, [2]int64{s[0].UnixMilli(), s[1].UnixMilli()})
	}
	c.Answer(w, http.StatusOK, d)
	return nil
}

// CaseNewData is what the script of the page that drafts a case needs.
type CaseNewData struct {
	Map        MapData         `json:"map"`
	Cameras    []CaseNewCamera `json:"cameras"`
	Zone       string          `json:"zone"` // IANA name of the city's time zone
	Now        int64           `json:"now"`  // ms since 1970
	Office     string          `json:"office"`
	MaxCameras int             `json:"max_cameras"`
	MaxHours   int             `json:"max_hours"`
	MaxDays    int             `json:"max_days"` // between expiry and the details' day
}

// CaseNewCamera is a camera that can be asked for.
type CaseNewCamera struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

type caseNewView struct {
	Data          CaseNewData
	Purposes      []frame.Pick
	Cameras       []caseCamera
	Zone          string
	Ground        bool
	Light, Dark   string
	Width, Height int
	Credit        string
	CreditURL     string
	Guide         bool // the demo's
}

// newCasePage drafts a case. Whatever is typed stays in the browser: the page writes the
// draft's file there, and no field has a name under which it could be sent.
func (c *Console) newCasePage(w http.ResponseWriter, r *frame.Request) error {
	if _, err := c.cases(); err != nil {
		return err
	}
	all, err := c.cfg.City.Cameras(r.Context())
	if err != nil {
		return err
	}
	m, g := c.about.Map, c.Ground
	v := caseNewView{
		Data: CaseNewData{
			Map: c.plainMap(all, r.Clock), Cameras: []CaseNewCamera{}, Zone: c.Zone.String(), Now: r.Clock.Now.UnixMilli(), Office: c.bodyTitle(r.Who.Body),
			MaxCameras: caseMaxCameras, MaxHours: caseMaxHours, MaxDays: caseMaxDays,
		},
		Zone: c.Zone.String(), Ground: g.Light != "", Light: g.Light, Dark: g.Dark, Width: g.Width, Height: g.Height, Credit: m.Credit, CreditURL: m.CreditURL, Guide: c.about.Demo,
	}
	v.Data.Map.Sensors = ""
	for _, p := range casePurposes() {
		v.Purposes = append(v.Purposes, frame.Pick{Value: p, Name: c.Say("cases.purpose." + p)})
	}
	for _, k := range all {
		v.Data.Cameras = append(v.Data.Cameras, CaseNewCamera{string(k.Name), k.title()})
		v.Cameras = append(v.Cameras, caseCamera{k.Name, k.title()})
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "casenew", Title: c.Say("casenew.title"), Data: v})
}
