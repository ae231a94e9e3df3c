package water

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/service"
	"polity/services/water/leaks"
	"polity/services/water/live"
	"polity/services/water/pumping"
)

// Desk is the water service as its page asks it.
type Desk interface {
	View() live.View
	// Isolate says which valves cut a pipe off: city.NotFound, city.Conflict.
	Isolate(pipe string) (live.Isolation, error)
	// Operation says how the network runs on a usual day.
	Operation() live.Operation
	// TryPumps says what a plan would do, by pump the hours in which it runs.
	TryPumps(ctx context.Context, runs [][]int) (*pumping.Outcome, error)
	// Search begins to look for the source of a contamination.
	Search(samples string) error
	// Report keeps what a resident told the desk, near a pipe; Tell what anybody sent, with a
	// street; Forget drops them: city.Invalid, city.NotFound.
	Report(what, pipe string) error
	Tell(what, street string) error
	Forget(what, where string) error
	// Streets are those that Tell knows.
	Streets() []string
	// ReportSamples are reports of brown water as Search takes samples; empty: none lately.
	ReportSamples() string
}

type deskView struct {
	Off          string // why there is nothing to show; empty: the service runs
	Simulated    bool
	State        frame.Sign
	Summary, Day string
	At           template.HTML
	Learning     bool
	Learns       string // what it waits for to learn from
	Problem      string
	Leaks, Past  []leakView
	Desk         bool // the reader works at the desk
	Hour         string
	Age          bool // the drawing has the age of water in place of pressure
	AgeKnown     bool
	Refresh      int // seconds
	Diagram      template.HTML
	Nodes        []nodeRow
	Instruments  []instrumentRow
	Suspects     []string
	Closed       string // that valves are, and what it means for the instruments
	Balances     []balanceView
	Pipes        []string
	Pipe         string
	Plan         *planView
	PlanProblem  string
	Figures      []frame.Figure
	Decisions    string

	Network, Said string // which network is played; what was just done
	MayReport     bool
	ReportKinds   []reportKind
	Reports       []reportRow // the newest first
}

type reportKind struct{ Value, Name string }

type reportRow struct {
	Words       template.HTML
	What, Where string
}

type leakView struct {
	Title, Words, State, Reason, Note, Path string
	Order, OrderPath, Reports               string
	Parts                                   []string // alarms that it may explain, too
	Since                                   template.HTML
	Candidates                              []candidate
	Within                                  string
}

type candidate struct{ Pipe, Chance string }

type nodeRow struct {
	Name, Pressure, Age string
	State               frame.Sign
}

type instrumentRow struct {
	Name, Value, Usual string
	State              frame.Sign
	Line               template.HTML
}

type balanceView struct {
	Title string
	Rows  []frame.Figure
}

type planView struct {
	Title, Valves, Dry, Hydrants, Sheet string
	Rows                                []valveRow
}

type valveRow struct{ Name, Where, State string }

const morning = 7 // the hour that is shown first: most is used then, and pressures are lowest

// deskPage is for everyone: how many leaks are known, and who has no water because one is
// mended. The desk sees where they may be and why, pressures, instruments and balances.
func (c *Console) deskPage(w http.ResponseWriter, r *frame.Request) error {
	title := c.Say("services.water.title")
	desk, runs := c.service.(Desk)
	if !runs {
		return c.Render(w, r, http.StatusOK, frame.Page{Template: "water/desk", Title: title, Data: deskView{Off: c.Say("services.off", "name", "water")}})
	}
	now := desk.View()
	v := deskView{
		Refresh: refreshEach(&now), Simulated: now.Simulated, At: r.Clock.Time(now.At), Learning: now.At.IsZero(), Desk: c.Allowed(r, access.SeeAlerts, access.Service(access.Water)),
		Summary: c.summary(&now), State: frame.Live(c.Say("water.state.well")), Day: c.day(r, &now),
	}
	if len(now.Leaks) > 0 {
		v.State = frame.Attention(c.Say("water.state.leaks"))
	}
	if l := now.Learning; l.Of > 0 {
		v.Learns = c.Say("water.learning.days", "n", l.Has, "of", l.Of, "since", l.Since.Format("2 January 2006"))
	}
	if now.Simulated {
		v.Network = c.Say("water.network.made")
	}
	if now.Drawn {
		v.Network = c.Say("water.network.ltown")
	}
	if now.Problem != "" {
		v.State = frame.Stopped(c.Say("services.health.stopped"))
		v.Problem = c.Say("water.problem.all")
		if v.Desk {
			v.Problem = c.Say("water.problem", "why", now.Problem)
		}
	}
	for i := range now.Leaks {
		v.Leaks = append(v.Leaks, c.leak(r, &now.Leaks[i], i+1, v.Desk))
	}
	if v.Desk {
		c.deskParts(r, desk, &now, &v)
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "water/desk", Title: title, Data: v})
}

// summary is in a sentence or two what everyone may know.
func (c *Console) summary(v *live.View) string {
	words := c.Say("water.summary.none", "n", v.Homes)
	if len(v.Leaks) > 0 {
		words = c.Say("water.summary.leaks", "n", len(v.Leaks))
	}
	if v.Dry > 0 {
		words += " " + c.Say("water.summary.dry", "n", v.Dry)
	}
	return words
}

func (c *Console) day(r *frame.Request, v *live.View) string {
	switch {
	case v.Day == 0:
		return ""
	case v.Simulated:
		return c.Say("water.day.simulated", "n", v.Day)
	}
	return c.Say("water.day", "date", r.Clock.Words(v.Date))
}

func (c *Console) deskParts(r *frame.Request, desk Desk, now *live.View, v *deskView) {
	if c.decides {
		v.Decisions = "/decisions"
	}
	for i := range now.Past {
		v.Past = append(v.Past, c.leak(r, &now.Past[i], i+1, true))
	}
	hour, err := strconv.Atoi(r.URL.Query().Get("hour"))
	if err != nil || hour < 0 || hour > 23 {
		hour = morning
	}
	v.Hour = strconv.Itoa(hour)
	age := desk.Operation().Age
	v.AgeKnown = len(age) == len(now.Nodes)
	v.Age = v.AgeKnown && r.URL.Query().Get("show") == "age"
	shows := shown{hour: hour}
	if v.Age {
		shows.age = age
	}
	v.Diagram = c.drawing(now, shows)
	for i := range now.Nodes {
		n := c.node(&now.Nodes[i], hour)
		if v.AgeKnown {
			n.Age = fmt.Sprintf("%.0f h", age[i])
		}
		v.Nodes = append(v.Nodes, n)
	}
	if len(now.Residuals) > instrumentsAsIs { // in a large network what is odd comes first
		slices.SortStableFunc(now.Residuals, func(a, b leaks.Residual) int { return cmp.Compare(oddness(&b), oddness(&a)) })
	}
	for i := range now.Residuals {
		v.Instruments = append(v.Instruments, c.instrument(&now.Residuals[i]))
	}
	for _, s := range now.Suspects {
		if s.Until.IsZero() {
			v.Suspects = append(v.Suspects, c.Say("water.suspect", "name", s.Column, "off", fmt.Sprintf("%+.2f", s.Off)))
		}
	}
	v.Suspects = append(v.Suspects, now.Lacks...)
	if slices.ContainsFunc(now.Valves, func(x live.ValveView) bool { return x.Closed }) {
		v.Closed = c.Say("water.instruments.closed")
	}
	for i := range now.Balances {
		v.Balances = append(v.Balances, c.balance(&now.Balances[i]))
	}
	if now.Lowest != 0 {
		v.Figures = append(v.Figures, frame.Figure{Name: c.Say("water.figure.lowest"), Value: fmt.Sprintf("%.0f m", now.Lowest), What: c.Say("water.figure.lowest.what")})
	}
	for _, l := range now.Links {
		v.Pipes = append(v.Pipes, l.Name)
	}
	c.reports(r, now, v)
	if v.Pipe = r.URL.Query().Get("pipe"); v.Pipe == "" {
		return
	}
	plan, err := desk.Isolate(v.Pipe)
	if err != nil {
		v.PlanProblem = c.Say("water.plan.none", "pipe", v.Pipe)
		if city.KindOf(err) == city.NotFound {
			v.PlanProblem = c.Say("water.plan.unknown", "pipe", v.Pipe)
		}
		return
	}
	v.Plan = c.plan(now, &plan)
}

func (c *Console) leak(r *frame.Request, l *live.Leak, n int, desk bool) leakView {
	o := leakView{Title: c.Say("water.leak", "n", n), Since: r.Clock.Time(l.Found), Words: c.Say("water.leak.flow", "flow", fmt.Sprintf("%.0f", l.Flow))}
	state := "found"
	switch {
	case !l.Ended.IsZero():
		state = "ended"
	case !l.Opened.IsZero():
		state = "watched"
	case l.Mended:
		state = "mended"
	case l.Cut:
		state = "cut"
	case l.Sent:
		state = "sent"
	}
	o.State = c.Say("water.leak." + state)
	if !desk {
		return o
	}
	o.Title, o.Reason, o.Note = c.Say("water.leak.at", "pipe", l.Pipe), l.Reason, l.Note
	if l.Reports > 0 {
		o.Reports = c.Say("water.leak.reports", "n", l.Reports)
	}
	for _, p := range l.Parts {
		o.Parts = append(o.Parts, c.Say("water.leak.part", "pipe", p.Pipe, "flow", fmt.Sprintf("%.0f", p.Flow)))
	}
	if w := l.Work; w != nil && l.Ended.IsZero() {
		o.Order, o.OrderPath = c.order(w), "/orders/"+w.Order.ID
	}
	if l.Heard != "" {
		o.Title = c.Say("water.leak.heard", "pipe", l.Heard)
		return o
	}
	if l.Waiting != "" && !l.Sent && l.Ended.IsZero() {
		o.Path = "/decisions"
	}
	o.Within = c.Say("water.leak.within", "metres", fmt.Sprintf("%.0f", l.Within))
	for _, x := range l.Candidates[:min(5, len(l.Candidates))] {
		o.Candidates = append(o.Candidates, candidate{x.Pipe, service.Chance(x.Probability)})
	}
	return o
}

// order is a leak's work order in words.
func (c *Console) order(w *live.Work) string {
	state := strings.ToLower(c.Say("orders.state." + w.Order.State))
	if w.Order.Crew == "" {
		return c.Say("water.order", "number", w.Order.Number, "state", state)
	}
	return c.Say("water.order.crew", "number", w.Order.Number, "crew", w.Order.Crew, "state", state)
}

// refreshEach is how often the page is fetched again, s: a large network's is heavy.
func refreshEach(v *live.View) int {
	if len(v.Nodes) > labelsMost {
		return 15
	}
	return 5
}

func (c *Console) node(n *live.NodeView, hour int) nodeRow {
	o := nodeRow{Name: n.Name, Pressure: "–", State: frame.Unknown(c.Say("water.node.unknown"))}
	switch {
	case n.Kind != "junction":
		o.State = frame.Live(c.Say("water.node.source"))
	case n.Dry:
		o.State = frame.Stopped(c.Say("water.node.dry"))
	case hour < len(n.Pressure):
		o.Pressure = fmt.Sprintf("%.1f m", n.Pressure[hour])
		o.State = frame.Live(c.Say("water.node.well"))
		if n.Pressure[hour] < lowPressure {
			o.State = frame.Attention(c.Say("water.node.low"))
		}
	}
	return o
}

const (
	lowPressure = 20.0 // m: what homes of two storeys need
	odd         = 4.0  // usual spreads from where a residual is remarkable
)

const instrumentsAsIs = 15

// oddness is how many usual spreads a residual's last day is from where it is usually.
func oddness(r *leaks.Residual) float64 {
	if n := len(r.Days); n > 0 && !math.IsNaN(r.Days[n-1]) {
		return math.Abs(r.Days[n-1]) / r.Spread
	}
	return 0
}

func (c *Console) instrument(r *leaks.Residual) instrumentRow {
	unit, form := "m", "%+.2f %s"
	o := instrumentRow{Name: r.Instrument, Value: "–", State: frame.Unknown(c.Say("water.instrument.unknown"))}
	if r.Balance {
		unit, form = "m³/h", "%+.1f %s"
		o.Name = c.Say("water.instrument.zone", "name", r.Instrument)
	}
	o.Usual = fmt.Sprintf("± %.2f %s", r.Spread, unit)
	o.Line = spark(r)
	if n := len(r.Days); n > 0 && !math.IsNaN(r.Days[n-1]) {
		last := r.Days[n-1]
		o.Value = strings.Replace(strings.Replace(fmt.Sprintf(form, last, unit), "-0.00 ", "0.00 ", 1), "+0.00 ", "0.00 ", 1)
		o.State = frame.Live(c.Say("water.instrument.usual"))
		if math.Abs(last) > odd*r.Spread {
			o.State = frame.Attention(c.Say("water.instrument.odd"))
		}
	}
	return o
}

// Measures of a small line of days.
const (
	sparkDays = 60
	sparkX    = 4
	sparkY    = 20 // half of its height
)

// spark draws the last days of a residual: the band is the usual spread, four times.
func spark(r *leaks.Residual) template.HTML {
	days := r.Days[max(0, len(r.Days)-sparkDays):]
	most := odd * r.Spread
	for _, v := range days {
		if !math.IsNaN(v) {
			most = max(most, math.Abs(v))
		}
	}
	band := sparkY * odd * r.Spread / most
	var path strings.Builder
	pen := "M"
	for i, v := range days {
		if math.IsNaN(v) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&path, "%s%d %.1f", pen, 2+i*sparkX, sparkY+2-v/most*sparkY)
		pen = "L"
	}
	return template.HTML(fmt.Sprintf(`<svg class="spark" viewBox="0 0 %d %d" aria-hidden="true"><rect x="0" y="%.1f" width="%d" height="%.1f"/><path d="%s"/></svg>`, //nolint:gosec // numbers
		sparkDays*sparkX+4, 2*sparkY+4, sparkY+2-band, sparkDays*sparkX+4, 2*band, path.String()))
}

func (c *Console) balance(b *live.Balance) balanceView {
	o := balanceView{Title: c.Say("water.balance.of", "zone", b.Zone, "n", b.Days)}
	row := func(key string, m3, plus float64) {
		o.Rows = append(o.Rows, frame.Figure{Name: c.Say("water.balance." + key), Value: fmt.Sprintf("%.0f m³", m3), What: fmt.Sprintf("± %.0f", plus)})
	}
	row("input", b.Input.M3, b.Input.Plus)
	row("use", b.Use.M3, b.Use.Plus)
	row("apparent", b.ApparentLosses.M3, b.ApparentLosses.Plus)
	if b.RealLosses.M3 < 0 { // less than what is not known: only how much there may be
		o.Rows = append(o.Rows,
			frame.Figure{Name: c.Say("water.balance.real"), Value: c.Say("water.balance.under", "value", fmt.Sprintf("%.0f m³", b.RealLosses.M3+b.RealLosses.Plus))},
			frame.Figure{Name: c.Say("water.balance.ili"), Value: c.Say("water.balance.under", "value", fmt.Sprintf("%.1f", b.ILI.M3+b.ILI.Plus))})
		return o
	}
	row("real", b.RealLosses.M3, b.RealLosses.Plus)
	o.Rows = append(o.Rows, frame.Figure{Name: c.Say("water.balance.ili"), Value: fmt.Sprintf("%.1f", b.ILI.M3), What: fmt.Sprintf("± %.1f", b.ILI.Plus)})
	return o
}

func (c *Console) plan(v *live.View, p *live.Isolation) *planView {
	o := &planView{
		Title: c.Say("water.plan.of", "pipe", p.Pipe), Valves: c.Say("water.plan.valves", "n", len(p.Valves)),
		Dry: c.Say("water.plan.dry", "n", p.Homes),
	}
	if len(p.Nodes) > 0 {
		o.Dry += " " + c.Say("water.plan.nodes", "names", strings.Join(p.Nodes, ", "))
	}
	if len(p.DryHydrants) > 0 {
		o.Hydrants = c.Say("water.plan.hydrants.dry", "names", strings.Join(p.DryHydrants, ", "))
	}
	if len(p.Near) > 0 {
		o.Hydrants = strings.TrimSpace(o.Hydrants + " " + c.Say("water.plan.hydrants.near", "names", strings.Join(p.Near, ", ")))
	}
	o.Sheet = "/services/water/sheet.pdf?pipe=" + url.QueryEscape(p.Pipe)
	for _, x := range p.Valves {
		state := c.Say("water.valve.open")
		if x.Closed {
			state = c.Say("water.valve.closed")
		}
		o.Rows = append(o.Rows, valveRow{x.Name, c.Say("water.valve.where", "pipe", v.Links[x.Link].Name, "node", v.Nodes[x.Node].Name), state})
	}
	return o
}

// viewJSON is the picture for the desk's own programs.
func (c *Console) viewJSON(w http.ResponseWriter, _ *frame.Request) error {
	desk, err := frame.Running[Desk](c.Frame, access.Water, c.service)
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, desk.View())
	return nil
}
