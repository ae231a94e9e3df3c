package console

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"polity/access"
	"polity/city"
	"polity/room/decision"
	"polity/service"
	power "polity/services/power/live"
)

// PowerDesk is the power service as its page asks it.
type PowerDesk interface{ View() power.View }

type powerView struct {
	Said, Refused  string // what was done, or why it was not
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
	View, Other    string // which is drawn: map, or empty for the one-line; address of the other
	Figures        []powerFigure
	Lines          []powerLine
	May            bool // decide
	Tags           []powerTag
	Taggable       []pick
	Buses          []pick // with homes
	Past           []powerPast
	Regained       string
	Try            string // address of the board to try on
}

type powerOutage struct {
	ID, Title, Words, State, Note, Others string
	Since                                 template.HTML
	Answer                                string // what was said to its order; empty: nothing is asked
	Path, Sheet                           string
	Crew, CrewPath                        string
	GiveCrew                              string // address of a form that begins a work order
	MayMended, MayAgain                   bool
}

type powerPast struct {
	Name, Words string
	Found       template.HTML
}

type powerFigure struct{ Name, Value, What string }

type powerLine struct {
	Name, Position string
	State          sign
}

// powerPage is for everyone: how many are without power, since when, and what is done. The desk
// sees the network, which line it is, and what waits for a decision.
func (c *Console) powerPage(w http.ResponseWriter, r *request) error {
	return c.showPower(w, r, nil)
}

func (c *Console) showPower(w http.ResponseWriter, r *request, refused error) error {
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
	status := http.StatusOK
	if refused != nil {
		v.Refused, status = refused.Error(), statuses[city.KindOf(refused)]
	}
	if key := "power.said." + r.URL.Query().Get("said"); c.say.Forms(key) != nil {
		v.Said = c.say.Say(key)
	}
	if out := now.Customers - now.Fed; out > 0 || len(now.Faults) > 0 {
		v.Summary = c.say.Say("power.summary.out", "n", out, "of", now.Customers)
		v.State = sign{"attention", c.say.Say("power.state.out")}
	}
	if n := now.Today.Switching + now.Today.Repair; n > 0 {
		v.Regained = c.say.Say("power.regained", "n", n, "switching", now.Today.Switching)
	}
	v.May = v.Desk && c.cfg.Decisions != nil && c.allowed(r, access.Decide, access.Service(access.Power))
	for i := range now.Faults {
		o, err := c.powerOutage(r, &now, i, &v)
		if err != nil {
			return err
		}
		v.Outages = append(v.Outages, o)
	}
	if v.Desk {
		c.powerDeskParts(r, &now, &v)
	}
	return c.render(w, r, status, page{Template: "power", Title: title, Data: v})
}

func (c *Console) powerDeskParts(r *request, now *power.View, v *powerView) {
	if c.cfg.Decisions != nil {
		v.Decisions = "/decisions"
	}
	if _, can := c.cfg.Services[access.Power].(PowerBoard); can {
		v.Try = "/services/power/try"
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
	case now.Field.Since.IsZero():
		v.Field = c.say.Say("power.field.never")
	case !now.Field.Stands:
		v.Field = c.say.Say("power.field.lost", "time", r.clock.Words(now.Field.Since))
	default:
		v.Field = c.say.Say("power.field.stands", "n", now.Field.Switches)
	}
	if now.Problem != "" {
		v.Problem = c.say.Say("power.problem", "why", now.Problem)
	}
	drawn, known := c.powerMap(&now.Picture, nil)
	switch {
	case known == 0:
		v.Diagram = c.oneLine(&now.Picture, nil)
	case r.URL.Query().Get("view") == "map":
		v.View, v.Diagram, v.Other = "map", drawn, without(r, "view")
	default:
		v.Diagram, v.Other = c.oneLine(&now.Picture, nil), with(r, "view", "map")
	}
	v.Figures = c.powerFigures(now)
	for i := range now.Lines {
		l := &now.Lines[i]
		v.Lines = append(v.Lines, c.powerLine(l))
		if !l.Tagged {
			v.Taggable = append(v.Taggable, pick{Value: l.Name, Name: l.Name})
		}
	}
	for i := range now.Buses {
		if bus := &now.Buses[i]; bus.Customers > 0 {
			v.Buses = append(v.Buses, pick{Value: bus.Name, Name: bus.Name})
		}
	}
	for _, t := range now.Tags {
		v.Tags = append(v.Tags, powerTag{t.Line, t.Reason, t.By, r.clock.Time(t.At), v.May})
	}
	for i := range now.Past {
		p := &now.Past[i]
		v.Past = append(v.Past, powerPast{p.Name, c.say.Say("power.past.words", "n", p.Customers, "gained", p.Gained, "minutes", fmt.Sprintf("%.0f", p.Ended.Sub(p.Found).Minutes())), r.clock.Time(p.Found)})
	}
}

func (c *Console) powerOutage(r *request, now *power.View, i int, v *powerView) (powerOutage, error) {
	f := &now.Faults[i]
	o := powerOutage{
		ID: f.ID, Title: c.say.Say("power.outage", "n", i+1), Since: r.clock.Time(f.Found),
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
	if !v.Desk {
		return o, nil
	}
	o.Title = c.say.Say("power.outage.at", "line", f.Name, "percent", service.Chance(f.Probability))
	o.Note = f.Note
	if len(f.Others) > 0 {
		o.Others = c.say.Say("power.outage.others", "lines", strings.Join(f.Others, ", "))
	}
	c.powerCrew(r, now, f, &o)
	o.MayMended = v.May && f.Isolated && !f.Mended && !now.Simulated
	o.MayAgain = v.May && f.Note != ""
	if f.Waiting == "" {
		return o, nil
	}
	o.Path, o.Answer = "/decisions", c.say.Say("power.decide")
	if c.cfg.Decisions == nil {
		return o, nil
	}
	o.Sheet = powerOrderPath(f.Waiting)
	book, by, err := c.decisions(r)
	if err != nil {
		return o, err
	}
	d, err := book.One(r.Context(), by, access.Power, f.Waiting)
	switch {
	case city.KindOf(err) == city.NotFound:
		return o, nil
	case err != nil:
		return o, err
	case d.State == decision.Accepted:
		o.Answer = c.say.Say("power.decide.carried")
	case d.State != decision.Proposed:
		o.Path, o.Answer, o.MayAgain = "", c.say.Say("power.decide.over", "state", c.say.Say("decisions.state."+string(d.State))), v.May
	}
	return o, nil
}

// powerCrew says who mends a line, or how somebody is sent.
func (c *Console) powerCrew(r *request, now *power.View, f *power.Fault, o *powerOutage) {
	switch {
	case f.Work != nil:
		o.CrewPath = "/orders/" + url.PathEscape(f.Work.ID)
		o.Crew = c.say.Say("power.crew", "number", strconv.FormatInt(f.Work.Number, 10), "state", c.say.Say("orders.state."+f.Work.State))
		if f.Work.Reason != "" {
			o.Crew += " " + c.say.Say("orders.reason."+f.Work.Reason)
		}
	case f.Mended && f.MendedBy != "":
		o.Crew = c.say.Say("power.mendedby", "name", f.MendedBy)
	case f.Isolated && !f.Mended && now.Simulated:
		o.Crew = c.say.Say("power.crew.simulated")
	}
	if f.Work != nil || f.Mended || now.Simulated || c.cfg.Orders == nil || !c.allowed(r, access.GiveOrder, access.Service(access.Power)) {
		return
	}
	q := url.Values{"desk": {"power"}, "kind": {"outage"}, "asset": {"urn:ngsi-ld:PowerLine:" + f.Name}, "task": {c.say.Say("power.crew.task", "line", f.Name)}, "where": {f.Name}, "priority": {"urgent"}}
	o.GiveCrew = "/orders/new?" + q.Encode()
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

func (c *Console) powerLine(l *power.LineView) powerLine {
	p := powerLine{Name: l.Name, Position: c.say.Say("power.line.open"), State: sign{"unknown", c.say.Say("power.line.dead")}}
	if l.Closed {
		p.Position = c.say.Say("power.line.closed")
	}
	switch {
	case l.Faulty:
		p.State = sign{"stopped", c.say.Say("power.line.faulty")}
	case l.Live && l.Loading > 1:
		p.State = sign{"attention", c.say.Say("power.line.over")}
	case l.Live:
		p.State = sign{"live", c.say.Say("power.line.live")}
	case l.Tie && !l.Closed:
		p.State = sign{"unknown", c.say.Say("power.line.tie")}
	}
	return p
}

// servicePower is the power service, for its routes.
func servicePower(*Console, *http.Request) ([]access.Thing, error) {
	return []access.Thing{access.Service(access.Power)}, nil
}

// powerJSON is the picture for the desk's own programs.
func (c *Console) powerJSON(w http.ResponseWriter, _ *request) error {
	desk, err := running[PowerDesk](c, access.Power)
	if err != nil {
		return err
	}
	c.answer(w, http.StatusOK, desk.View())
	return nil
}
