package power

import (
	"fmt"
	"html/template"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/console/ground"
	"polity/room/decision"
	"polity/services/power/lighting"
	lights "polity/services/power/street"
)

// LightDesk is street lighting as its page asks it.
type LightDesk interface {
	Lights() (v lights.View, has bool)
	Evening() lights.Evening
}

const lightPath = "/services/power/lighting"

type lightView struct {
	Off       string // why there is nothing to show; empty: lamps are run from here
	Said      string
	Simulated bool
	State     frame.Sign
	Summary   string
	At        template.HTML
	Problem   string
	Step      int // of the slider
	Last      int
	When      string
	Planned   bool // what is shown is the schedule's, not the present
	Map       lightPicture
	Groups    []lightGroup
	Areas     []lightArea
	Figures   []frame.Figure
	Nights    []lightNight
	Desk      bool
	Line      string
	Decisions string // address; empty: the reader decides nothing
}

// lightPicture is lamps on a part of the still picture of the map.
type lightPicture struct {
	ground.Spot
	View    string // what of it is seen: SVG's viewBox
	Drawing template.HTML
}

type lightGroup struct {
	Title, Class, Level, Keeps, Who, Lamps, Note string
	State                                        frame.Sign
	Dimmed                                       bool // or may be, by counts
}

type lightArea struct {
	Name, Title, Words, Crowd, Streets string
	May                                bool // the reader may have it burn in full
}

type lightNight struct{ Day, Used, Full, Saved string }

// lightPage is for everyone: which lamps burn, how bright and why, and what that saves. Whoever
// decides for the desk may have an area burn in full until the morning.
func (c *Console) lightPage(w http.ResponseWriter, r *frame.Request) error {
	return c.showLights(w, r, nil)
}

func (c *Console) showLights(w http.ResponseWriter, r *frame.Request, refused error) error {
	title := c.Say("light.title")
	desk, _ := c.cfg.Service.(LightDesk)
	var now lights.View
	has := desk != nil
	if has {
		now, has = desk.Lights()
	}
	if !has {
		return c.Render(w, r, http.StatusOK, frame.Page{Template: "power/lighting", Title: title, Data: lightView{Off: c.Say("light.off")}})
	}
	v := lightView{Simulated: now.Simulated, At: r.Clock.Time(now.At), Desk: c.Allowed(r, access.SeeAlerts, access.Service(access.Power))}
	if r.URL.Query().Get("said") == "full" {
		v.Said = c.Say("light.full.said")
	}
	c.lightState(&now, &v)
	status := http.StatusOK
	if refused != nil {
		v.Problem, status = refused.Error(), frame.Status(city.KindOf(refused))
	}
	evening := desk.Evening()
	plans := c.lightStep(r, &evening, &v)
	for i := range now.Groups {
		v.Groups = append(v.Groups, c.lightGroup(r, &now.Groups[i], plans, i))
	}
	v.Map = c.lightMap(&now, v.Groups)
	may := c.cfg.Decisions.On() && c.Allowed(r, access.Decide, access.Service(access.Power))
	for i := range now.Areas {
		v.Areas = append(v.Areas, c.lightArea(&now, &now.Areas[i], may))
	}
	c.lightEnergy(r, &now, &v)
	if v.Desk {
		if c.cfg.Decisions.On() {
			v.Decisions = "/decisions"
		}
		switch {
		case !now.Line.Configured:
			v.Line = c.Say("light.line.none")
		case !now.Line.Stands:
			v.Line = c.Say("light.line.lost", "time", r.Clock.Words(now.Line.Since))
		default:
			v.Line = c.Say("light.line.stands")
		}
	}
	return c.Render(w, r, status, frame.Page{Template: "power/lighting", Title: title, Data: v})
}

// lightState is the present in one sentence.
func (c *Console) lightState(now *lights.View, v *lightView) {
	on, dimmed, broken, silent := 0, 0, 0, 0
	for i := range now.Groups {
		g := &now.Groups[i]
		broken += g.Broken
		switch {
		case g.Silent || g.Lost:
			silent++
		case g.Level > 0:
			on++
			if g.Level < 1 {
				dimmed++
			}
		}
	}
	v.State = frame.Live(c.Say("light.state.well"))
	switch {
	case now.Problem != "":
		v.State, v.Summary = frame.Stopped(c.Say("services.health.stopped")), c.Say("light.summary.stopped")
		return
	case silent == len(now.Groups):
		v.State, v.Summary = frame.Unknown(c.Say("light.state.unknown")), c.Say("light.summary.unknown")
		return
	case on == 0:
		v.Summary = c.Say("light.summary.day")
	default:
		v.Summary = c.Say("light.summary.night", "n", on, "dimmed", dimmed)
	}
	if broken > 0 {
		v.State = frame.Attention(c.Say("light.state.broken"))
		v.Summary += " " + c.Say("light.summary.broken", "n", broken)
	}
	if silent > 0 {
		v.State = frame.Attention(c.Say("light.state.silent"))
		v.Summary += " " + c.Say("light.summary.silent", "n", silent)
	}
}

// lightStep is what the slider stands at: the plans of that moment, or nil for the present.
func (c *Console) lightStep(r *frame.Request, e *lights.Evening, v *lightView) []lighting.Plan {
	v.Last = max(0, len(e.Plans)-1)
	at, zone := r.Clock.Now, e.From.Location()
	v.Step = min(max(0, int(at.Sub(e.From)/max(e.Step, time.Minute))), v.Last)
	v.When = c.Say("light.now", "time", at.In(zone).Format("15:04"))
	step, err := strconv.Atoi(r.URL.Query().Get("step"))
	if err != nil || step < 0 || step >= len(e.Plans) {
		return nil
	}
	v.Step, v.Planned = step, true
	v.When = c.Say("light.planned", "time", e.From.Add(time.Duration(step)*e.Step).Format("15:04"))
	return e.Plans[step]
}

// lux is the light of a class with its unit.
func lux(k lighting.Class) string {
	unit := "lx"
	if k.Name[0] == 'M' {
		unit = "cd/m²"
	}
	return strconv.FormatFloat(k.Mean, 'f', -1, 64) + " " + unit
}

func lightPercent(level float64) string { return fmt.Sprintf("%.0f %%", math.Round(100*level)) }

func (c *Console) lightGroup(r *frame.Request, g *lights.GroupView, plans []lighting.Plan, i int) lightGroup {
	o := lightGroup{Title: g.Title, Class: g.Class.Name + ", " + lux(g.Class), Lamps: c.Say("light.lamps", "n", g.Lamps)}
	if g.Broken > 0 {
		o.Lamps = c.Say("light.lamps.broken", "n", g.Lamps, "broken", g.Broken)
	}
	switch {
	case g.Refused != "":
		o.Note = c.Say("light.refused")
	case g.Burning > 0:
		o.Note = c.Say("light.burning", "n", g.Burning)
	}
	if plans != nil {
		p := lighting.Plan{}
		if i < len(plans) {
			p = plans[i]
		}
		switch {
		case p.Most == 0:
			o.State, o.Level = frame.Unknown(c.Say("light.level.off")), c.Say("light.level.off")
		case p.Least < p.Most:
			o.Dimmed = true
			o.State, o.Level, o.Who = frame.Live(c.Say("light.level.bycount")), c.Say("light.range", "least", int(math.Round(100*p.Least)), "most", int(math.Round(100*p.Most))), c.Say("light.by.count")
		default:
			o.State, o.Level = frame.Live(c.Say("light.level.full")), lightPercent(p.Most)
		}
		return o
	}
	switch {
	case g.Heard.IsZero():
		o.State, o.Level = frame.Unknown(c.Say("light.level.unknown")), "–"
	case g.Lost:
		o.State, o.Level = frame.Stopped(c.Say("light.level.lost")), "–"
	case g.Silent:
		o.State, o.Level, o.Note = frame.Unknown(c.Say("light.level.unknown")), "–", c.Say("light.silent", "time", r.Clock.Words(g.Heard))
	case g.Level <= 0:
		o.State, o.Level = frame.Unknown(c.Say("light.level.off")), c.Say("light.level.off")
	case g.Level < 1:
		o.Dimmed = true
		o.State, o.Level = frame.Live(c.Say("light.level.dimmed")), lightPercent(g.Level)
		o.Keeps = c.Say("light.keeps", "class", g.Keeps.Name, "light", lux(g.Keeps))
	default:
		o.State, o.Level = frame.Live(c.Say("light.level.full")), lightPercent(g.Level)
	}
	if !g.Silent && !g.Lost {
		if key := "light.by." + g.By; c.Forms(key) != nil {
			o.Who = c.Say(key)
		}
	}
	if g.Broken > 0 && o.State.Sign == "live" {
		o.State = frame.Attention(c.Say("light.level.broken"))
	}
	return o
}

func (c *Console) lightArea(now *lights.View, a *lights.AreaView, may bool) lightArea {
	o := lightArea{Name: string(a.Name), Title: a.Title, May: may && a.Dimmed}
	var streets []string
	for _, name := range a.Groups {
		for i := range now.Groups {
			if now.Groups[i].Name == name {
				streets = append(streets, now.Groups[i].Title)
			}
		}
	}
	o.Streets = strings.Join(streets, ", ")
	until := a.Until.Format("15:04")
	switch {
	case a.Decision == "":
		o.Words = c.Say("light.area.none")
	case a.Full:
		o.Words = c.Say("light.area.full", "time", until)
	case a.Dimmed:
		o.Words = c.Say("light.area.dimmed", "time", until)
	default:
		o.Words = c.Say("light.area.over")
	}
	if !a.Dimmed {
		return o
	}
	switch {
	case !a.Known:
		o.Crowd = c.Say("light.crowd.unknown")
	case a.Below == 0:
		o.Crowd = c.Say("light.crowd.more", "n", a.Least)
	case a.Least == 0:
		o.Crowd = c.Say("light.crowd.fewer", "n", a.Below)
	default:
		o.Crowd = c.Say("light.crowd.between", "least", a.Least, "most", a.Below-1)
	}
	return o
}

const lightNights = 14

func (c *Console) lightEnergy(r *frame.Request, now *lights.View, v *lightView) {
	kwh := func(wh float64) string { return fmt.Sprintf("%.1f kWh", wh/1000) }
	part := func(e *lights.Energy) string {
		if e.Full <= 0 {
			return "–"
		}
		return fmt.Sprintf("%.0f %%", 100*(1-e.Used/e.Full))
	}
	if e := &now.Tonight; e.Full > 0 {
		v.Figures = append(v.Figures, frame.Figure{Name: c.Say("light.energy.tonight"), Value: kwh(e.Full - e.Used), What: c.Say("light.energy.of", "full", kwh(e.Full))})
	}
	var all lights.Energy
	for i := len(now.Nights) - 1; i >= 0 && len(v.Nights) < lightNights; i-- {
		e := &now.Nights[i]
		all.Used, all.Full = all.Used+e.Used, all.Full+e.Full
		v.Nights = append(v.Nights, lightNight{r.Clock.DayOfMonth(e.Day.Add(12 * time.Hour)), kwh(e.Used), kwh(e.Full), part(e)})
	}
	if all.Full > 0 {
		v.Figures = append(v.Figures, frame.Figure{Name: c.Say("light.energy.nights", "n", len(v.Nights)), Value: kwh(all.Full - all.Used), What: c.Say("light.energy.part", "percent", part(&all), "full", kwh(all.Full))})
	}
}

// lightMap draws groups on the part of the still picture of the map where they are: how much
// light as a number, the mark's size and its fill.
func (c *Console) lightMap(now *lights.View, groups []lightGroup) (m lightPicture) {
	const margin, least = 70, 320 // in the picture's pixels
	var b strings.Builder
	var left, top, right, bottom int
	for i := range now.Groups {
		at := c.Ground.Placed(&now.Groups[i].Place, "")
		if !at.OnMap {
			continue
		}
		if !m.OnMap {
			m.Spot, left, top, right, bottom = at, at.X, at.Y, at.X, at.Y
		}
		left, top, right, bottom = min(left, at.X), min(top, at.Y), max(right, at.X), max(bottom, at.Y)
	}
	left, top = max(0, left-margin), max(0, top-margin)
	m.View = fmt.Sprintf("%d %d %d %d", left, top, min(m.Width-left, max(least, right+margin-left)), min(m.Height-top, max(least, bottom+margin-top)))
	for i := range now.Groups {
		at := c.Ground.Placed(&now.Groups[i].Place, "")
		if !at.OnMap {
			continue
		}
		o := &groups[i]
		class, radius := "lamp", 9
		switch {
		case o.Level == "–":
			class = "lamp unknown"
		case o.Dimmed:
			class, radius = "lamp dimmed", 11
		case strings.HasSuffix(o.Level, "%"):
			class, radius = "lamp full", 13
		}
		x, side := at.X+radius+5, ""
		if at.X > (left+right)/2 {
			x, side = at.X-radius-5, ` class="left"`
		}
		fmt.Fprintf(&b, `<g><circle class="%s" cx="%d" cy="%d" r="%d"><title>%s</title></circle><text%s x="%d" y="%d">%s</text></g>`,
			class, at.X, at.Y, radius, template.HTMLEscapeString(o.Title+": "+o.Level), side, x, at.Y+6, template.HTMLEscapeString(o.Level))
	}
	m.Alt = c.Say("light.map.alt", "n", len(now.Groups))
	m.Drawing = template.HTML(b.String()) //nolint:gosec // numbers, and words that were escaped
	return m
}

// lightFull has an area burn in full until the morning: a person undoes the night's decision.
func (c *Console) lightFull(w http.ResponseWriter, r *frame.Request) error {
	desk, runs := c.cfg.Service.(LightDesk)
	if !runs {
		return city.Errorf(city.NotFound, "%s", c.Say("light.off"))
	}
	book, by, err := c.cfg.Decisions.Book(r)
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	now, _ := desk.Lights()
	id := ""
	for i := range now.Areas {
		if a := &now.Areas[i]; string(a.Name) == r.PostFormValue("area") && a.Dimmed {
			id = a.Decision
		}
	}
	if id == "" {
		return c.showLights(w, r, city.Errorf(city.Conflict, "%s", c.Say("light.full.not")))
	}
	d, err := book.One(r.Context(), by, access.Power, id)
	if err != nil {
		return err
	}
	_, err = book.Answer(r.Context(), by, decision.Answer{Service: access.Power, ID: id, Revision: d.Revision, To: decision.Overridden, Note: strings.TrimSpace(r.PostFormValue("note"))})
	switch city.KindOf(err) {
	case city.Conflict, city.Invalid:
		return c.showLights(w, r, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r.Request, frame.Saying(lightPath, "full"), http.StatusSeeOther)
	return nil
}

// lightJSON is the picture for the desk's own programs.
func (c *Console) lightJSON(w http.ResponseWriter, _ *frame.Request) error {
	desk, runs := c.cfg.Service.(LightDesk)
	if runs {
		if now, has := desk.Lights(); has {
			c.Answer(w, http.StatusOK, now)
			return nil
		}
	}
	return city.Errorf(city.NotFound, "%s", c.Say("light.off"))
}
