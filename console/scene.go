package console

import (
	"context"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/access"
	"polity/camera/layout"
	"polity/camera/wire"
	"polity/city"
	"polity/console/frame"
)

// sceneView is the picture of the place with what is drawn over it.
type sceneView struct {
	Place         string // address of the picture; empty when there is none
	None          string // says so then
	Alt           string
	Caption       template.HTML
	Width, Height int
	Unshown       string // SVG path of what is not shown
	Word          bool   // there is room to write that it is not
	WordX, WordY  int
	Zones, Lines  []drawn
}

// drawn is a zone or a line in the picture's pixels.
type drawn struct {
	Name   string
	Points string
	Arrow  string // SVG path across a line, to the side that counts as right
	X, Y   int    // of the name
	End    bool   // the name ends there
}

// SceneData is what the scene's script needs.
type SceneData struct {
	Camera  city.Slug      `json:"camera"`
	Live    bool           `json:"live"`   // open a live feed
	Public  bool           `json:"public"` // as everyone sees it
	Width   int            `json:"width"`
	Height  int            `json:"height"`
	PlaceAt int64          `json:"placeAt"` // when the place was so, ms since 1970
	Ground  *layout.Ground `json:"ground"`
	// Day is the slider: its first minute, how many minutes it has, and the minute
	// that is shown; ms since 1970 and minutes.
	Day     int64  `json:"day"`
	Minutes int    `json:"minutes"`
	First   int    `json:"first"` // the minutes that the slider spans: [First, End)
	End     int    `json:"end"`
	Last    int    `json:"last"` // the last minute that can be shown
	At      int    `json:"at"`   // the minute shown, -1 for now
	Zone    string `json:"zone"` // IANA name of the city's time zone
	// Counts are of the whole view, for the words beneath the scene.
	Counts ChartData `json:"counts"`
}

// scene draws the camera's place at a time, the newest for the zero time, as the one who
// asks may see it.
func (c *Console) scene(ctx context.Context, k Camera, at time.Time, r *frame.Request) (sceneView, Place, error) {
	at, err := c.showing(k, at, r)
	if err != nil {
		return sceneView{}, Place{}, err
	}
	place, err := c.cfg.City.Place(ctx, k.Name, at)
	if city.KindOf(err) == city.NotFound {
		return sceneView{None: c.Say("scene.none"), Caption: c.HTML("scene.none.why")}, Place{}, nil
	}
	if err != nil {
		return sceneView{}, Place{}, err
	}
	l, err := c.cfg.City.Layout(ctx, k.Name)
	if err != nil {
		return sceneView{}, Place{}, err
	}
	v := sceneView{
		Place: placeAddress(k.Name, place, at, r), Width: place.Width, Height: place.Height,
		Alt:     c.Say("scene.alt", "title", k.title(), "time", r.Clock.Words(place.At)),
		Caption: c.HTML("scene.caption", "time", r.Clock.Time(place.At)),
	}
	blocks := unshown(place)
	v.Unshown = blocks.path()
	for _, z := range l.Zones {
		v.Zones = append(v.Zones, drawZone(z, place))
	}
	for _, n := range l.Lines {
		v.Lines = append(v.Lines, drawLine(n, place))
	}
	v.WordX, v.WordY, v.Word = blocks.word(slices.Concat(v.Zones, v.Lines))
	return v, place, nil
}

// placeAddress names the picture by its time, so that a browser may keep it.
func placeAddress(camera city.Slug, p Place, at time.Time, r *frame.Request) string {
	q := "?seen=" + strconv.FormatInt(p.At.UnixMilli(), 36) + "-" + strconv.FormatUint(uint64(p.Sequence), 36)
	if !at.IsZero() {
		q += "&at=" + strconv.FormatInt(at.UnixMilli(), 10)
	}
	if r.AsPublic {
		q += "&as=public"
	}
	return "/cameras/" + string(camera) + "/place.jpg" + q
}

// placePicture answers with the place at ?at= (ms since 1970), the newest without.
func (c *Console) placePicture(w http.ResponseWriter, r *frame.Request) error {
	k, err := c.camera(r.Context(), city.Slug(r.PathValue("camera")))
	if err != nil {
		return err
	}
	var at time.Time
	if text := r.URL.Query().Get("at"); text != "" {
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return city.Errorf(city.Invalid, "%s", c.Say("error.at"))
		}
		at = time.UnixMilli(ms)
	}
	at, err = c.showing(k, at, r)
	if err != nil {
		return err
	}
	p, err := c.cfg.City.Place(r.Context(), k.Name, at)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "image/jpeg")
	h.Set("Cache-Control", kept(at, r.Clock.Now.Add(-k.Entry.PublicDelay), "private, no-cache"))
	h.Set("Last-Modified", p.At.UTC().Format(http.TimeFormat))
	_, err = w.Write(p.JPEG)
	return frame.Gone(err)
}

// kept is how long a browser may keep a picture of the place at a time, zero for now: one
// that is not public yet never, since whoever uses the machine next could find it.
func kept(at, latest time.Time, public string) string {
	if at.IsZero() || at.After(latest) {
		return "no-store"
	}
	return public
}

// showing is the time of the place that the one who asks is shown for the time they
// asked for: for the public never later than the entry's delay ago. What is later is a
// look, and written down first.
func (c *Console) showing(k Camera, at time.Time, r *frame.Request) (time.Time, error) {
	latest := r.Clock.Now.Add(-k.Entry.PublicDelay)
	switch {
	case !at.IsZero() && !at.After(latest):
		return at, nil
	case !r.Viewer.Back:
		return latest, nil
	}
	looking, err := c.look(r, access.LookBack, c.thing(k.Name), at)
	if err != nil {
		return time.Time{}, err
	}
	looking.Finish()
	return at, nil
}

// rectangle counts blocks of wire.BlockSize pixels.
type rectangle struct{ x, y, w, h int }

type rectangles []rectangle

// unshown covers what is not shown with rectangles: runs of a row, joined
// downwards where they are alike.
func unshown(p Place) rectangles {
	columns := (p.Width + wire.BlockSize - 1) / wire.BlockSize
	rows := (p.Height + wire.BlockSize - 1) / wire.BlockSize
	hidden := func(x, y int) bool {
		n := y*columns + x
		return n/8 >= len(p.Known) || p.Known[n/8]&(1<<(n%8)) == 0
	}
	var done, open rectangles
	for y := range rows {
		var next rectangles
		for x := 0; x < columns; x++ {
			if !hidden(x, y) {
				continue
			}
			run := rectangle{x: x, y: y, w: 0, h: 1}
			for ; x < columns && hidden(x, y); x++ {
				run.w++
			}
			for i, o := range open {
				if o.x == run.x && o.w == run.w {
					run.y, run.h = o.y, o.h+1
					open = append(open[:i], open[i+1:]...)
					break
				}
			}
			next = append(next, run)
		}
		done, open = append(done, open...), next
	}
	return append(done, open...)
}

func (r rectangles) path() string {
	var b strings.Builder
	for _, q := range r {
		fmt.Fprintf(&b, "M%d %dh%dv%dh-%dz", q.x*wire.BlockSize, q.y*wire.BlockSize, q.w*wire.BlockSize, q.h*wire.BlockSize, q.w*wire.BlockSize)
	}
	return b.String()
}

// word is where "not shown" fits, the middle of the largest rectangle of at least
// 96 x 24 pixels that is not beside the name of a zone or line.
func (r rectangles) word(names []drawn) (x, y int, fits bool) {
	best := 0
	for _, q := range r {
		mx, my := (2*q.x+q.w)*wire.BlockSize/2, (2*q.y+q.h)*wire.BlockSize/2+5
		taken := slices.ContainsFunc(names, func(n drawn) bool { return max(n.Y-my, my-n.Y) < 24 && max(n.X+40-mx, mx-n.X-40) < 96 })
		if q.w >= 12 && q.h >= 3 && q.w*q.h > best && !taken {
			best, x, y = q.w*q.h, mx, my
		}
	}
	return x, y, best > 0
}

func drawZone(z layout.Zone, p Place) drawn {
	d := drawn{Name: readable(z.Name)}
	top := math.Inf(1)
	var points []string
	for _, q := range z.Corners {
		x, y := q.X*float64(p.Width), q.Y*float64(p.Height)
		points = append(points, fmt.Sprintf("%.0f,%.0f", x, y))
		if y < top || (y == top && x < float64(d.X)) {
			top, d.X, d.Y = y, int(x), int(y)
		}
	}
	d.Points = strings.Join(points, " ")
	d.X, d.Y = min(max(d.X+8, 8), p.Width-8), min(d.Y+20, p.Height-8)
	return d
}

func drawLine(n layout.Line, p Place) drawn {
	w, h := float64(p.Width), float64(p.Height)
	ax, ay, bx, by := n.From.X*w, n.From.Y*h, n.To.X*w, n.To.Y*h
	d := drawn{Name: readable(n.Name), Points: fmt.Sprintf("%.0f,%.0f %.0f,%.0f", ax, ay, bx, by)}
	length := math.Hypot(bx-ax, by-ay)
	nx, ny := -(by-ay)/length, (bx-ax)/length // to the right of the line, y downwards
	mx, my := (ax+bx)/2, (ay+by)/2
	d.Arrow = fmt.Sprintf("M%.0f %.0fL%.0f %.0f", mx, my, mx+24*nx, my+24*ny)
	d.X, d.Y, d.End = int(ax)+8, min(max(int(ay)+20, 20), p.Height-8), false
	if d.X > p.Width*3/4 {
		d.X, d.End = int(ax)-8, true
	}
	return d
}

// readable is a zone's or line's name as people read it.
func readable(s city.Slug) string { return strings.ReplaceAll(string(s), "-", " ") }
