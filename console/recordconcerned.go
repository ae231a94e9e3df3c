package console

import (
	"encoding/json"
	"html/template"
	"net/http"
	"slices"

	"polity/city"
	"polity/console/frame"
	"polity/console/ground"
	"polity/ledger/canonical"
	"polity/ledger/summary"
)

// OpeningsData is every opening that is public, for everyone the same
// (docs/formats/record.md).
type OpeningsData struct {
	Cameras    []OpeningsCamera `json:"cameras"`
	Checkpoint OpeningsAt       `json:"checkpoint"`
	Openings   []OpeningData    `json:"openings"`
	Unknown    []UnknownOpening `json:"unknown"`
	Zone       string           `json:"zone"`
}

// OpeningsAt is the checkpoint up to which openings are listed.
type OpeningsAt struct {
	Origin string         `json:"origin"`
	Root   string         `json:"root"`
	Size   int64          `json:"size"`
	Time   canonical.Time `json:"time"`
}

// OpeningsCamera is a camera of the register, and what it sees.
type OpeningsCamera struct {
	At    [2]float64   `json:"at"` // longitude, latitude
	Cone  [][2]float64 `json:"cone"`
	Name  string       `json:"name"`
	Reach float64      `json:"reach"` // metres; 0: unknown
	Title string       `json:"title"`
}

// OpeningData is footage that was opened, or that both bodies let be opened.
type OpeningData struct {
	Body     string         `json:"body"`
	Cameras  []string       `json:"cameras"`
	From     canonical.Time `json:"from"`
	Index    int64          `json:"index"`
	OpenedAt canonical.Time `json:"opened_at,omitempty"`
	Purpose  string         `json:"purpose"`
	To       canonical.Time `json:"to"`
}

// UnknownOpening is one whose details are not public.
type UnknownOpening struct {
	Before       canonical.Time `json:"before"` // footage from then on is not in it
	Body         string         `json:"body"`
	CamerasCount int64          `json:"cameras_count"`
	HoursCount   int64          `json:"hours_count"`
	Index        int64          `json:"index"`
	OpenedAt     canonical.Time `json:"opened_at,omitempty"`
	Overdue      bool           `json:"overdue"`
	PublicOn     canonical.Day  `json:"public_on"`
	Purpose      string         `json:"purpose"`
}

// concernedView is the page where somebody asks whether an opening concerns them.
type concernedView struct {
	Lead                    template.HTML
	Data                    ConcernedData
	Ground                  bool
	GroundLight, GroundDark string
	Width, Height           int
	Dots                    []cone
	Credit, CreditURL       string
	Cameras                 []concernedCamera
	Openings                []concernedOpening
	Unknown                 []recordRelease
	Limits                  []string
}

// ConcernedData is what the page's script needs beside the openings.
type ConcernedData struct {
	Map      MapData           `json:"map"`
	Openings string            `json:"openings"` // address
	Purposes map[string]string `json:"purposes"`
	Bodies   map[string]string `json:"bodies"`
}

type concernedCamera struct{ Name, Title string }

type concernedOpening struct {
	Path, Cameras, Span, Body, Purpose string
}

// released says whether footage of a release was opened, or both bodies let it be.
func released(r *summary.Release) bool {
	return r.State == summary.WasOpened || r.State == summary.Approved
}

func (c *Console) concernedPage(w http.ResponseWriter, r *frame.Request) error {
	_, s, err := c.summed(r)
	if err != nil {
		return err
	}
	cameras, err := c.cfg.City.Cameras(r.Context())
	if err != nil {
		return err
	}
	names := titlesOf(cameras)
	m, g := c.about.Map, c.Ground
	v := concernedView{
		Ground: g.Light != "", GroundLight: g.Light, GroundDark: g.Dark, Width: g.Width, Height: g.Height, Credit: m.Credit, CreditURL: m.CreditURL,
		Limits: c.numbered("record.concerned.limits."),
		Data: ConcernedData{Openings: "/record/openings.json", Purposes: map[string]string{}, Bodies: map[string]string{}, Map: MapData{
			Centre: ground.LonLat(m.Centre), Zoom: m.Zoom, Bounds: bounds(m, cameras), Layers: g.Layers, Light: ground.Palettes["light"], Dark: ground.Palettes["dark"],
			Worker: c.Asset("mapworker"), Cameras: []MapCamera{}, Mapped: []MapMapped{}, Streets: []string{},
		}},
	}
	if v.Data.Map.Layers == nil {
		v.Data.Map.Layers = map[string]string{}
	}
	for _, k := range cameras {
		ring := coneOf(k.Entry)
		v.Data.Map.Cameras = append(v.Data.Map.Cameras, MapCamera{Name: string(k.Name), Title: k.title(), At: ground.LonLat(k.Entry.Position), Cone: ring})
		v.Cameras = append(v.Cameras, concernedCamera{string(k.Name), k.title()})
	}
	for _, x := range slices.Backward(s.Releases) {
		if !released(&x) {
			continue
		}
		v.Data.Purposes[string(x.Purpose)], v.Data.Bodies[string(x.Body)] = c.recordWord("purpose", x.Purpose), c.recordBody(x.Body)
		if x.Details == nil {
			v.Unknown = append(v.Unknown, c.recordRelease(r.Clock, &x))
			continue
		}
		list := make([]city.Slug, 0, len(x.Details.Cameras))
		for _, name := range x.Details.Cameras {
			list = append(list, city.Slug(names.of(name)))
		}
		v.Openings = append(v.Openings, concernedOpening{
			Path: recordPath(x.Details.Index), Cameras: c.recordNames(list), Span: c.recordSpan(r.Clock, x.Details.From.Time(), x.Details.To.Time()),
			Body: c.recordBody(x.Body), Purpose: c.recordWord("purpose", x.Purpose),
		})
	}
	v.Lead = c.HTML("record.concerned.known", "openings", c.Say("record.nopenings", "n", len(v.Openings)+len(v.Unknown)), "begun", r.Clock.Date(s.Begun.Time()), "n", len(v.Unknown))
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "concerned", Title: c.Say("record.concerned.title"), Data: v})
}

// openingsJSON is the same for everyone, so that asking for it tells nothing of why.
func (c *Console) openingsJSON(w http.ResponseWriter, r *frame.Request) error {
	_, s, err := c.summed(r)
	if err != nil {
		return err
	}
	cameras, err := c.cfg.City.Cameras(r.Context())
	if err != nil {
		return err
	}
	d := OpeningsData{
		Cameras: []OpeningsCamera{}, Openings: []OpeningData{}, Unknown: []UnknownOpening{}, Zone: c.Zone.String(),
		Checkpoint: OpeningsAt{s.Checkpoint.Origin, s.Checkpoint.Root.String(), s.Checkpoint.Size, s.Checkpoint.Time},
	}
	for _, k := range cameras {
		d.Cameras = append(d.Cameras, OpeningsCamera{At: ground.LonLat(k.Entry.Position), Cone: coneOf(k.Entry), Name: string(k.Name), Reach: k.Entry.Reach, Title: k.title()})
	}
	for i := range s.Releases {
		if x := &s.Releases[i]; released(x) {
			d.add(x)
		}
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	return frame.Gone(json.NewEncoder(w).Encode(d))
}

func (d *OpeningsData) add(x *summary.Release) {
	opened, before := canonical.Time(""), canonical.Time("")
	for _, a := range x.Answers {
		before = max(before, a.At)
	}
	if x.Opened != nil {
		opened, before = x.Opened.At, max(before, x.Opened.At)
	}
	if x.Details == nil {
		d.Unknown = append(d.Unknown, UnknownOpening{
			Before: before, Body: string(x.Body), CamerasCount: x.CamerasCount, HoursCount: x.HoursCount, Index: x.Index, OpenedAt: opened,
			Overdue: x.Overdue, PublicOn: x.DetailsPublicOn, Purpose: string(x.Purpose),
		})
		return
	}
	o := OpeningData{Body: string(x.Body), Cameras: []string{}, From: x.Details.From, Index: x.Details.Index, OpenedAt: opened, Purpose: string(x.Purpose), To: x.Details.To}
	for _, name := range x.Details.Cameras {
		o.Cameras = append(o.Cameras, string(name))
	}
	d.Openings = append(d.Openings, o)
}
