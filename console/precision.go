package console

import (
	"fmt"
	"html/template"
	"net/http"
	"time"

	"polity/city"
	"polity/console/frame"
	"polity/room/verdict"
)

type precisionView struct {
	Words string
	From  template.HTML
	Rows  []precisionRow
}

type precisionRow struct {
	Kind, Camera           string
	Address                string // of the camera
	Share                  string // empty: there is no verdict yet
	Low, Width, Registered int    // per cent
	Between                string
	N, Useful, False, Open int
	State                  frame.Sign
	Since                  template.HTML
}

// precisionPage says how often each kind of alert was right. It is for everyone.
func (c *Console) precisionPage(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	from, rows, err := c.cfg.Alerts.Precision(r.Context())
	if err != nil {
		return err
	}
	cameras, err := c.cfg.City.Cameras(r.Context())
	if err != nil {
		return err
	}
	titles := map[city.Slug]string{}
	for _, k := range cameras {
		titles[k.Name] = k.title()
	}
	v := precisionView{From: dayWords(r.Clock, from)}
	quiet := 0
	for _, row := range rows {
		p := c.precisionRow(row, titles, r.Clock)
		if row.Quiet {
			quiet++
		}
		v.Rows = append(v.Rows, p)
	}
	v.Words = c.Say("precision.words", "n", len(rows), "quiet", quiet)
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "precision", Title: c.Say("precision.title"), Data: v})
}

func (c *Console) precisionRow(row verdict.Row, titles map[city.Slug]string, at frame.Clock) precisionRow {
	percent := func(v float64) int { return int(v*100 + .5) }
	p := precisionRow{
		Kind: c.kindWords(row.Kind), Camera: c.Say("precision.everywhere"), N: row.N, Useful: row.Useful, False: row.False, Open: row.Unclear,
		Low: percent(row.Low), Width: max(1, percent(row.High)-percent(row.Low)), Registered: percent(row.Registered), State: frame.Live(c.Say("precision.loud")),
	}
	if row.Camera != "" {
		p.Camera = string(row.Camera)
		if title, ok := titles[row.Camera]; ok {
			p.Camera, p.Address = title, "/cameras/"+string(row.Camera)
		}
	}
	if row.Precision != nil {
		p.Share = c.Say("counts.percent", "n", percent(*row.Precision))
	}
	p.Between = c.Say("precision.between", "low", fmt.Sprint(p.Low), "high", fmt.Sprint(percent(row.High)))
	if row.Quiet {
		p.State, p.Since = frame.Attention(c.Say("precision.quiet")), dayWords(at, row.Since)
	}
	return p
}

// dayWords is a day (2006-01-02) as people write it.
func dayWords(at frame.Clock, day string) template.HTML {
	t, err := time.ParseInLocation(time.DateOnly, day, at.Zone)
	if err != nil {
		return ""
	}
	return template.HTML(template.HTMLEscapeString(at.Date(t))) //nolint:gosec // escaped
}
