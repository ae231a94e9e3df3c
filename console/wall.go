package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"polity/access"
	"polity/camera/layout"
	"polity/camera/live"
	"polity/city"
	"polity/console/frame"
)

// WallData is what the wall's script needs.
type WallData struct {
	Cameras []WallCamera `json:"cameras"` // in the order in which they hang
	Tiles   int          `json:"tiles"`   // scenes at once, 1 to the most that one feed carries
	Most    int          `json:"most"`
	Screen  int          `json:"screen"` // which part of the cameras is shown, from 0
	Zone    string       `json:"zone"`   // IANA name of the city's time zone
}

// WallCamera is a camera on the wall.
type WallCamera struct {
	Name   city.Slug      `json:"name"`
	Title  string         `json:"title"`
	Width  int            `json:"width"` // of the picture of the place, pixels; 0: there is none yet
	Height int            `json:"height"`
	Ground *layout.Ground `json:"ground"`
}

// tilesAtFirst is how many scenes are shown where the address does not say.
const tilesAtFirst = 16

type wallView struct {
	Words    string
	Purpose  string // of the looks, in words
	Unknown  string // cameras that the address names and nobody knows, in words
	Hidden   string // cameras that the one who asks may not watch, in words
	Tiles    []wallTile
	Choice   []wallChoice
	PerWall  int
	Most     int
	Previous string // addresses of the screens before and after; empty: none
	Next     string
	Data     WallData
}

type wallTile struct {
	Name  city.Slug
	Title string
	State frame.Sign
}

type wallChoice struct {
	Name   city.Slug
	Title  string
	Chosen bool
}

// wallPage is many live scenes at once. Which cameras, how many at once and which
// screen of them stand in the address: ?cameras=a,b&tiles=16&screen=2.
func (c *Console) wallPage(w http.ResponseWriter, r *frame.Request) error {
	q := r.URL.Query()
	if chosen := q["camera"]; len(chosen) > 0 { // of the form, one each
		q.Del("camera")
		q.Set("cameras", strings.Join(chosen, ","))
		q.Del("screen")
		http.Redirect(w, r.Request, "/room/wall?"+strings.ReplaceAll(q.Encode(), "%2C", ","), http.StatusSeeOther)
		return nil
	}
	all, err := c.cfg.City.Cameras(r.Context())
	if err != nil {
		return err
	}
	chosen, unknown := chosenCameras(all, q.Get("cameras"))
	named := len(chosen)
	if chosen, err = c.mayWatch(chosen, r); err != nil {
		return err
	}
	data := WallData{Cameras: []WallCamera{}, Tiles: inRange(q.Get("tiles"), tilesAtFirst, 1, live.MaxCameras), Most: live.MaxCameras, Zone: c.Zone.String()}
	screens := max(1, (len(chosen)+data.Tiles-1)/data.Tiles)
	data.Screen = inRange(q.Get("screen"), 1, 1, screens) - 1
	for _, k := range chosen {
		l, err := c.cfg.City.Layout(r.Context(), k.Name)
		if err != nil && city.KindOf(err) != city.NotFound {
			return err
		}
		data.Cameras = append(data.Cameras, WallCamera{Name: k.Name, Title: k.title(), Width: k.Width, Height: k.Height, Ground: l.Ground})
	}
	v := wallView{Data: data, PerWall: data.Tiles, Most: live.MaxCameras}
	v.Words = c.Say("wall.words", "n", len(chosen), "all", len(all))
	for _, p := range c.purposeChoices() {
		if p.Value == string(r.Who.Purpose) && p.Value != "" {
			v.Purpose = c.Say("wall.purpose", "purpose", p.Words)
		}
	}
	if len(unknown) > 0 {
		v.Unknown = c.Say("wall.unknown", "n", len(unknown), "names", strings.Join(unknown, ", "))
	}
	if hidden := named - len(chosen); hidden > 0 {
		v.Hidden = c.Say("wall.hidden", "n", hidden)
	}
	from := data.Screen * data.Tiles
	for _, k := range chosen[from:min(len(chosen), from+data.Tiles)] {
		v.Tiles = append(v.Tiles, wallTile{k.Name, k.title(), c.doing(k, r.Clock).State})
	}
	for _, k := range all {
		v.Choice = append(v.Choice, wallChoice{k.Name, k.title(), slices.ContainsFunc(chosen, func(o Camera) bool { return o.Name == k.Name })})
	}
	if data.Screen > 0 {
		v.Previous = frame.With(r, "screen", strconv.Itoa(data.Screen))
	}
	if data.Screen+1 < screens {
		v.Next = frame.With(r, "screen", strconv.Itoa(data.Screen+2))
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "wall", Title: c.Say("wall.title"), Data: v})
}

// mayWatch leaves out cameras that the one who asks may not watch. Where nothing but a
// purpose is missing, it is asked for.
func (c *Console) mayWatch(all []Camera, r *frame.Request) (may []Camera, err error) {
	for _, k := range all {
		switch d := c.Decide(r, access.LookLive, c.thing(k.Name)); {
		case d.Allowed:
			may = append(may, k)
		case d.Purpose:
			return nil, &frame.Refusal{Decision: d, Public: r.Who.Kind == access.Public}
		}
	}
	return may, nil
}

// chosenCameras are those that a list names, in its order; all for an empty list.
// Names that nobody knows come back as they were written.
func chosenCameras(all []Camera, list string) (chosen []Camera, unknown []string) {
	if list == "" {
		return all, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		i := slices.IndexFunc(all, func(k Camera) bool { return string(k.Name) == name })
		switch {
		case name == "":
		case i < 0:
			unknown = append(unknown, name)
		case !slices.ContainsFunc(chosen, func(k Camera) bool { return string(k.Name) == name }):
			chosen = append(chosen, all[i])
		}
	}
	return chosen, unknown
}

// inRange reads a number of an address; what is none is otherwise.
func inRange(text string, otherwise, least, most int) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		n = otherwise
	}
	return min(max(n, least), most)
}
