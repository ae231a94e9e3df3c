package console

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"polity/access"
	"polity/city"
	"polity/service"
	power "polity/services/power/live"
)

// PowerDesk is the power service as its page asks it.
type PowerDesk interface{ View() power.View }

type powerView struct {
	Off            string // why there is nothing to show; empty: the service runs
	Simulated      bool
	Summary        string
	State          sign
	At             template.HTML
	Outages        []powerOutage
	Suspected      []string
	Desk           bool   // the reader works at the desk
	Decisions      string // address; empty: the reader decides nothing
	Field, Problem string
	Diagram        template.HTML
	DiagramWords   string
	Figures        []powerFigure
	Lines          []powerLine
}

type powerOutage struct {
	Title, Words, State, Note, Others string
	Since                             template.HTML
	Path                              string
}

type powerFigure struct{ Name, Value, What string }

type powerLine struct {
	Name, Position string
	State          sign
}

// powerPage is for everyone: how many are without power, since when, and what is done. The desk
// sees the network, which line it is, and what waits for a decision.
func (c *Console) powerPage(w http.ResponseWriter, r *request) error {
	title := c.say.Say("services.power.title")
	desk, runs := c.cfg.Services[access.Power].(PowerDesk)
	if !runs {
		return c.render(w, r, http.StatusOK, page{Template: "power", Title: title, Data: powerView{Off: c.say.Say("services.off", "name", "power")}})
	}
	now := desk.View()
	v := powerView{
		Simulated: now.Simulated, At: r.clock.Time(now.At), Desk: c.allowed(r, access.SeeAlerts, access.Service(access.Power)),
		Summary: c.say.Say("power.summary.all", "n", now.Customers), State: sign{"live", c.say.Say("power.state.all")},
	}
	if out := now.Customers - now.Fed; out > 0 || len(now.Faults) > 0 {
		v.Summary = c.say.Say("power.summary.out", "n", out, "of", now.Customers)
		v.State = sign{"attention", c.say.Say("power.state.out")}
	}
	for i := range now.Faults {
		v.Outages = append(v.Outages, c.powerOutage(r, &now.Faults[i], i+1, v.Desk))
	}
	if !v.Desk {
		return c.render(w, r, http.StatusOK, page{Template: "power", Title: title, Data: v})
	}
	if c.cfg.Decisions != nil {
		v.Decisions = "/decisions"
	}
	for _, s := range now.Suspected {
		v.Suspected = append(v.Suspected, c.say.Say("power.suspect", "lines", strings.Join(s.Names, ", "), "percent", service.Chance(s.Probability), "n", s.Customers))
	}
	if now.Stray > 0 {
		v.Suspected = append(v.Suspected, c.say.Say("power.stray", "n", now.Stray))
	}
	switch {
	case !now.Field.Configured:
		v.Field = c.say.Say("power.field.none")
	case !now.Field.Stands:
		v.Field = c.say.Say("power.field.lost", "time", r.clock.Words(now.Field.Since))
	default:
		v.Field = c.say.Say("power.field.stands", "n", now.Field.Switches)
	}
	if now.Problem != "" {
		v.Problem = c.say.Say("power.problem", "why", now.Problem)
	}
	v.Diagram = c.oneLine(&now)
	v.Figures = c.powerFigures(&now)
	for _, l := range now.Lines {
		v.Lines = append(v.Lines, c.powerLine(l))
	}
	return c.render(w, r, http.StatusOK, page{Template: "power", Title: title, Data: v})
}

func (c *Console) powerOutage(r *request, f *power.Fault, n int, desk bool) powerOutage {
	o := powerOutage{
		Title: c.say.Say("power.outage", "n", n), Since: r.clock.Time(f.Found),
		Words: c.say.Say("power.customers", "n", f.Dark, "of", f.Customers),
	}
	state := "found"
	switch {
	case f.Mended:
		state = "mended"
	case !f.Restored.IsZero():
		state = "restored"
	case f.Isolated:
		state = "isolated"
	}
	o.State = c.say.Say("power.outage." + state)
	if !desk {
		return o
	}
	o.Title = c.say.Say("power.outage.at", "line", f.Name, "percent", service.Chance(f.Probability))
	o.Note = f.Note
	if o.Note == "" && f.Waiting != "" {
		o.Path = "/decisions"
	}
	if len(f.Others) > 0 {
		o.Others = c.say.Say("power.outage.others", "lines", strings.Join(f.Others, ", "))
	}
	return o
}

func (c *Console) powerFigures(v *power.View) []powerFigure {
	list := []powerFigure{
		{c.say.Say("power.figure.saidi"), fmt.Sprintf("%.1f min", v.Year.SAIDI), c.say.Say("power.figure.saidi.what")},
		{c.say.Say("power.figure.saifi"), fmt.Sprintf("%.2f", v.Year.SAIFI), c.say.Say("power.figure.saifi.what")},
	}
	if v.LowestPU > 0 {
		list = append(list, powerFigure{c.say.Say("power.figure.voltage"), fmt.Sprintf("%.1f %%", 100*v.LowestPU), c.say.Say("power.figure.voltage.what")})
	}
	if v.Loading > 0 {
		list = append(list, powerFigure{c.say.Say("power.figure.loading"), fmt.Sprintf("%.0f %%", 100*v.Loading), c.say.Say("power.figure.loading.what")})
	}
	return list
}

func (c *Console) powerLine(l power.LineView) powerLine {
	p := powerLine{Name: l.Name, Position: c.say.Say("power.line.open"), State: sign{"unknown", c.say.Say("power.line.dead")}}
	if l.Closed {
		p.Position = c.say.Say("power.line.closed")
	}
	switch {
	case l.Faulty:
		p.State = sign{"stopped", c.say.Say("power.line.faulty")}
	case l.Live:
		p.State = sign{"live", c.say.Say("power.line.live")}
	case l.Tie && !l.Closed:
		p.State = sign{"unknown", c.say.Say("power.line.tie")}
	}
	return p
}

// Measures of the one-line diagram.
const (
	oneLineX, oneLineY = 44, 56
	oneLinePad         = 28
)

// oneLine draws the network: buses from the source to the right, a branch to a row; what
// is open is dashed, what failed is crossed out. Colour is never alone.
func (c *Console) oneLine(v *power.View) template.HTML {
	var b strings.Builder
	wide, high := 0, 0
	at := func(bus int) (x, y int) {
		return oneLinePad + v.Buses[bus].Depth*oneLineX, oneLinePad + v.Buses[bus].Row*oneLineY
	}
	for i := range v.Buses {
		x, y := at(i)
		wide, high = max(wide, x), max(high, y)
	}
	dead := 0
	for _, l := range v.Lines {
		x1, y1 := at(l.From)
		x2, y2 := at(l.To)
		class := "line"
		switch {
		case l.Faulty:
			class += " faulty"
		case !l.Closed:
			class += " open"
		case l.Live:
			class += " on"
		}
		path := fmt.Sprintf("M%d %dL%d %d", x1, y1, x2, y2)
		switch {
		case l.Tie && y1 == y2:
			path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1, y1-30, x2, y2-30, x2, y2)
		case y1 != y2 && !l.Tie:
			path = fmt.Sprintf("M%d %dV%dH%d", x1, y1, y2, x2)
		}
		fmt.Fprintf(&b, `<path class="%s" d="%s"><title>%s</title></path>`, class, path, template.HTMLEscapeString(l.Name))
		if l.Faulty {
			fmt.Fprintf(&b, `<text class="cross" x="%d" y="%d">×</text>`, (x1+x2)/2, (y1+y2)/2+7)
		}
	}
	for i := range v.Buses {
		x, y := at(i)
		bus := &v.Buses[i]
		class, words := "bus on", bus.Name
		if !bus.Live {
			class = "bus off"
			dead++
		}
		if bus.PU > 0 {
			words = fmt.Sprintf("%s, %.1f %%", bus.Name, 100*bus.PU)
		}
		fmt.Fprintf(&b, `<circle class="%s" cx="%d" cy="%d" r="7"><title>%s</title></circle>`, class, x, y, template.HTMLEscapeString(words))
	}
	words := c.say.Say("power.diagram.words", "buses", len(v.Buses), "dead", dead)
	svg := fmt.Sprintf(`<svg class="oneline" viewBox="0 -16 %d %d" role="img" aria-label="%s">%s</svg>`, wide+oneLinePad, high+oneLinePad+32, template.HTMLEscapeString(words), b.String())
	return template.HTML(svg) //nolint:gosec // numbers, and names that were escaped
}

// servicePower is the power service, for its routes.
func servicePower(*Console, *http.Request) ([]access.Thing, error) {
	return []access.Thing{access.Service(access.Power)}, nil
}

// powerJSON is the picture for the desk's own programs.
func (c *Console) powerJSON(w http.ResponseWriter, _ *request) error {
	desk, runs := c.cfg.Services[access.Power].(PowerDesk)
	if !runs {
		return city.Errorf(city.NotFound, "%s", c.say.Say("services.off", "name", "power"))
	}
	c.answer(w, http.StatusOK, desk.View())
	return nil
}
