package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"polity/camera/layout"
	"polity/city"
	"polity/console/frame"
)

// EditorData is what the editor's script needs.
type EditorData struct {
	Camera city.Slug     `json:"camera"`
	Width  int           `json:"width"`
	Height int           `json:"height"`
	Layout layout.Layout `json:"layout"`
}

// maxLayout bounds what a browser may send, bytes; the largest layout allowed has
// some 400 kB.
const maxLayout = 1 << 20

func (c *Console) editPage(w http.ResponseWriter, r *frame.Request) error {
	k, err := c.camera(r.Context(), city.Slug(r.PathValue("camera")))
	if err != nil {
		return err
	}
	scene, place, err := c.scene(r.Context(), k, time.Time{}, r)
	if err != nil {
		return err
	}
	l, err := c.cfg.City.Layout(r.Context(), k.Name)
	if err != nil {
		return err
	}
	title := c.Say("edit.title", "title", k.title())
	data := struct {
		Title  string
		Name   city.Slug
		Scene  sceneView
		Editor EditorData
	}{title, k.Name, scene, EditorData{Camera: k.Name, Width: place.Width, Height: place.Height, Layout: filled(l)}}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "edit", Title: title, Data: data})
}

// filled gives a script lists where Go has none.
func filled(l layout.Layout) layout.Layout {
	if l.Zones == nil {
		l.Zones = []layout.Zone{}
	}
	if l.Lines == nil {
		l.Lines = []layout.Line{}
	}
	return l
}

func (c *Console) getLayout(w http.ResponseWriter, r *frame.Request) error {
	k, err := c.camera(r.Context(), city.Slug(r.PathValue("camera")))
	if err != nil {
		return err
	}
	l, err := c.cfg.City.Layout(r.Context(), k.Name)
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, filled(l))
	return nil
}

// putLayout saves what was drawn. What is wrong with it is answered as a Problem
// that says where.
func (c *Console) putLayout(w http.ResponseWriter, r *frame.Request) error {
	k, err := c.camera(r.Context(), city.Slug(r.PathValue("camera")))
	if err != nil {
		return err
	}
	var l layout.Layout
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxLayout))
	in.DisallowUnknownFields()
	if err := in.Decode(&l); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return city.Errorf(city.TooLarge, "%s", c.Say("edit.toolarge"))
		}
		p, ok := problemOf(&l) // a name that is none was left empty, so this finds its place
		if city.KindOf(err) != city.Invalid || !ok {
			return city.Errorf(city.Invalid, "%s", c.Say("edit.unreadable", "why", err.Error()))
		}
		p.Message = err.Error()
		c.Answer(w, http.StatusUnprocessableEntity, p)
		return nil
	}
	if p, ok := problemOf(&l); ok {
		c.Answer(w, http.StatusUnprocessableEntity, p)
		return nil
	}
	saved, err := c.cfg.City.SetLayout(r.Context(), k.Name, l)
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, filled(saved))
	return nil
}

// problemOf finds the first thing that is wrong with a layout and where: each part
// is checked alone first.
func problemOf(l *layout.Layout) (frame.Problem, bool) {
	for i, z := range l.Zones {
		if err := (&layout.Layout{Zones: []layout.Zone{z}}).Check(); err != nil {
			return frame.Problem{Message: err.Error(), Zone: i, Line: -1}, true
		}
	}
	for i, n := range l.Lines {
		if err := (&layout.Layout{Lines: []layout.Line{n}}).Check(); err != nil {
			return frame.Problem{Message: err.Error(), Zone: -1, Line: i}, true
		}
	}
	if err := (&layout.Layout{Ground: l.Ground}).Check(); err != nil {
		return frame.Problem{Message: err.Error(), Zone: -1, Line: -1, Ground: true}, true
	}
	if err := l.Check(); err != nil {
		p := frame.Problem{Message: err.Error(), Zone: -1, Line: -1}
		p.Zone, p.Line = secondUse(l)
		return p, true
	}
	return frame.Problem{}, false
}

// secondUse finds the zone or line whose name another has already.
func secondUse(l *layout.Layout) (zone, line int) {
	seen := map[city.Slug]bool{}
	for i, z := range l.Zones {
		if seen[z.Name] {
			return i, -1
		}
		seen[z.Name] = true
	}
	for i, n := range l.Lines {
		if seen[n.Name] {
			return -1, i
		}
		seen[n.Name] = true
	}
	return -1, -1
}
