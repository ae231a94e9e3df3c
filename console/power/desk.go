package power

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/room/decision"
	"polity/service"
	"polity/services/power/live"
)

// Desk is the power service as its page asks it.
type Desk interface{ View() live.View }

type deskView struct {
	Said, Refused  string // what was done, or why it was not
	Off            string // why there is nothing to show; empty: the service runs
	Simulated      bool
	Summary        string
	State          frame.Sign
	At             template.HTML
	Outages        []outageView
	Suspected      []string
	Desk           bool   // the reader works at the desk
	Decisions      string // address; empty: the reader decides nothing
	Field, Problem string
	Diagram        template.HTML
	View, Other    string // which is drawn: map, or empty for the one-line; address of the other
	Figures        []frame.Figure
	Lines          []lineRow
	May            bool // decide
	Tags           []tag
	Taggable       []frame.Pick
	Buses          []frame.Pick // with homes
	Past           []past
	Regained       string
	Try            string // address of the board to try on
}

type outageView struct {
	ID, Title, Words, State, Note, Others string
	Since                                 template.HTML
	Answer                                string // what was said to its order; empty: nothing is asked
	Path, Sheet                           string
	Crew, CrewPath                        string
	GiveCrew                              string // address of a form that begins a work order
	MayMended, MayAgain                   bool
}

type past struct {
	Name, Words string
	Found       template.HTML
}

type lineRow struct {
	Name, Position string
	State          frame.Sign
}

// deskPage is for everyone: how many are without power, since when, and what is done. The desk
// sees the network, which line it is, and what waits for a decision.
func (c *Console) deskPage(w http.ResponseWriter, r *frame.Request) error {
	return c.showDesk(w, r, nil)
}

func (c *Console) showDesk(w http.ResponseWriter, r *frame.Request, refused error) error {
	title := c.Say("services.power.title")
	desk, runs := c.cfg.Service.(Desk)
	if !runs {
		return c.Render(w, r, http.StatusOK, frame.Page{Template: "power/desk", Title: title, Data: deskView{Off: c.Say("services.off", "name", "power")}})
	}
	now := desk.View()
	v := deskView{
		Simulated: now.Simulated, At: r.Clock.Time(now.At), Desk: c.Allowed(r, access.SeeAlerts, access.Service(access.Power)),
		Summary: c.Say("power.summary.all", "n", now.Customers), State: frame.Live(c.Say("power.state.all")),
	}
	status := http.StatusOK
	if refused != nil {
		v.Refused, status = refused.Error(), frame.Status(city.KindOf(refused))
	}
	if key := "power.said." + r.URL.Query().Get("said"); c.Forms(key) != nil {
		v.Said = c.Say(key)
	}
	if out := now.Customers - now.Fed; out > 0 || len(now.Faults) > 0 {
		v.Summary = c.Say("power.summary.out", "n", out, "of", now.Customers)
		v.State = frame.Attention(c.Say("power.state.out"))
	}
	if n := now.Today.Switching + now.Today.Repair; n > 0 {
		v.Regained = c.Say("power.regained", "n", n, "switching", now.Today.Switching)
	}
	v.May = v.Desk && c.cfg.Decisions.On() && c.Allowed(r, access.Decide, access.Service(access.Power))
	for i := range now.Faults {
		o, err := c.outageView(r, &now, i, &v)
		if err != nil {
			return err
		}
		v.Outages = append(v.Outages, o)
	}
	if v.Desk {
		c.deskParts(r, &now, &v)
	}
	return c.Render(w, r, status, frame.Page{Template: "power/desk", Title: title, Data: v})
}

func (c *Console) deskParts(r *frame.Request, now *live.View, v *deskView) {
	if c.cfg.Decisions.On() {
		v.Decisions = "/decisions"
	}
	if _, can := c.cfg.Service.(Board); can {
		v.Try = "/services/power/try"
	}
	for _, s := range now.Suspected {
		v.Suspected = append(v.Suspected, c.Say("power.suspect", "lines", strings.Join(s.Names, ", "), "percent", service.Chance(s.Probability), "n", s.Customers))
	}
	if now.Stray > 0 {
		v.Suspected = append(v.Suspected, c.Say("power.stray", "n", now.Stray))
	}
	switch {
	case !now.Field.Configured:
		v.Field = c.Say("power.field.none")
	case now.Field.Since.IsZero():
		v.Field = c.Say("power.field.never")
	case !now.Field.Stands:
		v.Field = c.Say("power.field.lost", "time", r.Clock.Words(now.Field.Since))
	default:
		v.Field = c.Say("power.field.stands", "n", now.Field.Switches)
	}
	if now.Problem != "" {
		v.Problem = c.Say("power.problem", "why", now.Problem)
	}
	drawn, known := c.mapOf(&now.Picture, nil)
	switch {
	case known == 0:
		v.Diagram = c.oneLine(&now.Picture, nil)
	case r.URL.Query().Get("view") == "map":
		v.View, v.Diagram, v.Other = "map", drawn, frame.Without(r, "view")
	default:
		v.Diagram, v.Other = c.oneLine(&now.Picture, nil), frame.With(r, "view", "map")
	}
	v.Figures = c.figures(now)
	for i := range now.Lines {
		l := &now.Lines[i]
		v.Lines = append(v.Lines, c.lineRow(l))
		if !l.Tagged {
			v.Taggable = append(v.Taggable, frame.Pick{Value: l.Name, Name: l.Name})
		}
	}
	for i := range now.Buses {
		if bus := &now.Buses[i]; bus.Customers > 0 {
			v.Buses = append(v.Buses, frame.Pick{Value: bus.Name, Name: bus.Name})
		}
	}
	for _, t := range now.Tags {
		v.Tags = append(v.Tags, tag{t.Line, t.Reason, t.By, r.Clock.Time(t.At), v.May})
	}
	for i := range now.Past {
		p := &now.Past[i]
		v.Past = append(v.Past, past{p.Name, c.Say("power.past.words", "n", p.Customers, "gained", p.Gained, "minutes", fmt.Sprintf("%.0f", p.Ended.Sub(p.Found).Minutes())), r.Clock.Time(p.Found)})
	}
}

func (c *Console) outageView(r *frame.Request, now *live.View, i int, v *deskView) (outageView, error) {
	f := &now.Faults[i]
	o := outageView{
		ID: f.ID, Title: c.Say("power.outage", "n", i+1), Since: r.Clock.Time(f.Found),
		Words: c.Say("power.customers", "n", f.Dark, "of", f.Customers),
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
	o.State = c.Say("power.outage." + state)
	if !v.Desk {
		return o, nil
	}
	o.Title = c.Say("power.outage.at", "line", f.Name, "percent", service.Chance(f.Probability))
	o.Note = f.Note
	if len(f.Others) > 0 {
		o.Others = c.Say("power.outage.others", "lines", strings.Join(f.Others, ", "))
	}
	c.crew(r, now, f, &o)
	o.MayMended = v.May && f.Isolated && !f.Mended && !now.Simulated
	o.MayAgain = v.May && f.Note != ""
	if f.Waiting == "" {
		return o, nil
	}
	o.Path, o.Answer = "/decisions", c.Say("power.decide")
	if !c.cfg.Decisions.On() {
		return o, nil
	}
	o.Sheet = orderPath(f.Waiting)
	book, by, err := c.cfg.Decisions.Book(r)
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
		o.Answer = c.Say("power.decide.carried")
	case d.State != decision.Proposed:
		o.Path, o.Answer, o.MayAgain = "", c.Say("power.decide.over", "state", c.Say("decisions.state."+string(d.State))), v.May
	}
	return o, nil
}

// crew says who mends a line, or how somebody is sent.
func (c *Console) crew(r *frame.Request, now *live.View, f *live.Fault, o *outageView) {
	switch {
	case f.Work != nil:
		o.CrewPath = "/orders/" + url.PathEscape(f.Work.ID)
		o.Crew = c.Say("power.crew", "number", strconv.FormatInt(f.Work.Number, 10), "state", c.Say("orders.state."+f.Work.State))
		if f.Work.Reason != "" {
			o.Crew += " " + c.Say("orders.reason."+f.Work.Reason)
		}
	case f.Mended && f.MendedBy != "":
		o.Crew = c.Say("power.mendedby", "name", f.MendedBy)
	case f.Isolated && !f.Mended && now.Simulated:
		o.Crew = c.Say("power.crew.simulated")
	}
	if f.Work != nil || f.Mended || now.Simulated || !c.cfg.Orders || !c.Allowed(r, access.GiveOrder, access.Service(access.Power)) {
		return
	}
	q := url.Values{"desk": {"power"}, "kind": {"outage"}, "asset": {"urn:ngsi-ld:PowerLine:" + f.Name}, "task": {c.Say("power.crew.task", "line", f.Name)}, "where": {f.Name}, "priority": {"urgent"}}
	o.GiveCrew = "/orders/new?" + q.Encode()
}

func (c *Console) figures(v *live.View) []frame.Figure {
	list := []frame.Figure{
		{Name: c.Say("power.figure.saidi"), Value: fmt.Sprintf("%.1f min", v.Year.SAIDI), What: c.Say("power.figure.saidi.what")},
		{Name: c.Say("power.figure.saifi"), Value: fmt.Sprintf("%.2f", v.Year.SAIFI), What: c.Say("power.figure.saifi.what")},
	}
	if v.LowestPU > 0 {
		list = append(list, frame.Figure{Name: c.Say("power.figure.voltage"), Value: fmt.Sprintf("%.1f %%", 100*v.LowestPU), What: c.Say("power.figure.voltage.what")})
	}
	if v.Loading > 0 {
		list = append(list, frame.Figure{Name: c.Say("power.figure.loading"), Value: fmt.Sprintf("%.0f %%", 100*v.Loading), What: c.Say("power.figure.loading.what")})
	}
	return list
}

func (c *Console) lineRow(l *live.LineView) lineRow {
	p := lineRow{Name: l.Name, Position: c.Say("power.line.open"), State: frame.Unknown(c.Say("power.line.dead"))}
	if l.Closed {
		p.Position = c.Say("power.line.closed")
	}
	switch {
	case l.Faulty:
		p.State = frame.Stopped(c.Say("power.line.faulty"))
	case l.Live && l.Loading > 1:
		p.State = frame.Attention(c.Say("power.line.over"))
	case l.Live:
		p.State = frame.Live(c.Say("power.line.live"))
	case l.Tie && !l.Closed:
		p.State = frame.Unknown(c.Say("power.line.tie"))
	}
	return p
}

// viewJSON is the picture for the desk's own programs.
func (c *Console) viewJSON(w http.ResponseWriter, _ *frame.Request) error {
	desk, err := frame.Running[Desk](c.Frame, access.Power, c.cfg.Service)
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, desk.View())
	return nil
}
