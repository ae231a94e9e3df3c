package traffic

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"polity/access"
	"polity/city"
	"polity/console/decisions"
	"polity/console/frame"
	"polity/room/decision"
	"polity/services/traffic/compare"
	"polity/services/traffic/live"
	"polity/services/traffic/plan"
)

// Plans is what the traffic service knows of the plans in its junctions' controllers.
type Plans interface {
	Plans(junction string) (*live.PlanView, error)
	// Try checks a change and simulates it; it takes about a second.
	Try(ctx context.Context, c plan.Change) (*live.Trial, error)
	// ProposePlan puts a change into the book of decisions.
	ProposePlan(ctx context.Context, c plan.Change, why, by string) (id string, err error)
}

type planPage struct {
	Junction, Name, Path string
	Simulated            bool
	Said, Problem        string
	Told                 string // why the plans are not the controller's own words; empty: they are
	Plans                []planChoice
	Plan                 string
	Phases               []planPhase
	Cycle, Offset        int
	Slots                []planSlot
	IDs                  []string
	Diagrams             []planDiagram
	Tried                bool
	Sign                 frame.Sign // of Problems
	Problems             []string   // in the safety layer's words
	Words, Made          string
	Rows                 []planRow
	CSV, PDF             string
	Fields               []planField // what is asked for, for the form that proposes
	May                  bool
	Decisions            []planDecision
}

type planChoice struct {
	ID, Path   string
	Here, Runs bool
}

type planPhase struct {
	Number      int
	Greens      string
	Changes     string
	Today       string
	Wish        int
	Least, Most int
	Stretch     bool
}

type planSlot struct {
	Time, Plan string
	Number     int
}

type planField struct{ Name, Value string }

type planDiagram struct {
	Title string
	SVG   template.HTML
}

type planRow struct {
	Name, Before, After, Change string
	Head                        bool
}

type planDecision struct {
	Do, Reason string
	Made       template.HTML
	State      frame.Sign
}

const (
	spareSlots = 2
	mostBand   = 99
)

// plans is the running service as this page asks it.
func (c *Console) plans() (Plans, Desk, error) {
	plans, err := frame.Running[Plans](c.Frame, access.Traffic, c.service)
	if err != nil {
		return nil, nil, err
	}
	desk, err := frame.Running[Desk](c.Frame, access.Traffic, c.service)
	return plans, desk, err
}

// wished reads a change out of a form or an address; asked is false where nobody asks for one.
func (c *Console) wished(junction string, q url.Values, v *live.PlanView) (one *live.PlanOf, change plan.Change, asked bool, err error) {
	for i := range v.Plans {
		if p := &v.Plans[i]; p.ID == q.Get("plan") || (q.Get("plan") == "" && p.Runs) {
			one = p
		}
	}
	if one == nil {
		return nil, change, false, city.Errorf(city.NotFound, "%s", c.Say("traffic.plan.none", "name", q.Get("plan")))
	}
	if len(q["b"]) == 0 {
		return one, one.Present, false, nil
	}
	change = plan.Change{Junction: junction, Plan: one.ID}
	whole := func(text string) (n int) {
		n, e := strconv.Atoi(strings.TrimSpace(text))
		if e != nil {
			err = city.Errorf(city.Invalid, "%s", c.Say("traffic.plan.seconds", "value", text))
		}
		return n
	}
	for _, b := range q["b"] {
		change.Bands = append(change.Bands, whole(b))
	}
	change.Offset = whole(q.Get("offset"))
	for i, at := range q["t"] {
		if at == "" || i >= len(q["p"]) {
			continue
		}
		var hour, minute int
		if n, e := fmt.Sscanf(at, "%d:%d", &hour, &minute); e != nil || n != 2 || hour < 0 || hour > 23 || minute < 0 || minute > 59 {
			return one, change, true, city.Errorf(city.Invalid, "%s", c.Say("traffic.plan.time", "value", at))
		}
		change.Day = append(change.Day, plan.Slot{Minute: 60*hour + minute, Plan: q["p"][i]})
	}
	slices.SortStableFunc(change.Day, func(a, b plan.Slot) int { return a.Minute - b.Minute })
	return one, change, true, err
}

// fields is a change as an address or a form carries it.
func fields(ch *plan.Change) (list []planField) {
	list = append(list, planField{"plan", ch.Plan})
	for _, b := range ch.Bands {
		list = append(list, planField{"b", strconv.Itoa(b)})
	}
	list = append(list, planField{"offset", strconv.Itoa(ch.Offset)})
	for _, s := range ch.Day {
		list = append(list, planField{"t", s.String()}, planField{"p", s.Plan})
	}
	return list
}

func addressOf(path string, list []planField) string {
	q := url.Values{}
	for _, f := range list {
		q.Add(f.Name, f.Value)
	}
	return path + "?" + q.Encode()
}

// planView shows the plans of a junction, and what a change of one would do.
func (c *Console) planView(w http.ResponseWriter, r *frame.Request) error {
	v, err := c.planPage(r, r.URL.Query())
	if err != nil {
		return err
	}
	return c.showPlans(w, r, http.StatusOK, v)
}

func (c *Console) showPlans(w http.ResponseWriter, r *frame.Request, status int, v *planPage) error {
	return c.Render(w, r, status, frame.Page{Template: "traffic/plan", Title: c.Say("traffic.plan.title", "name", v.Name), Data: v})
}

// planPage is the page for what an address or a form asks for.
func (c *Console) planPage(r *frame.Request, q url.Values) (*planPage, error) {
	service, desk, err := c.plans()
	if err != nil {
		return nil, err
	}
	junction := r.PathValue("junction")
	now, err := service.Plans(junction)
	if err != nil {
		return nil, err
	}
	one, change, asked, wrong := c.wished(junction, q, now)
	if one == nil {
		return nil, wrong
	}
	v := &planPage{Junction: junction, Name: now.Name, Path: "/services/traffic/plans/" + url.PathEscape(junction), Simulated: desk.View().Simulated, Plan: one.ID, Offset: change.Offset}
	switch {
	case !now.Connected:
		v.Told = c.Say("traffic.plan.away")
	case !now.Told:
		v.Told = c.Say("traffic.plan.untold")
	}
	if key := "traffic.plan.said." + q.Get("said"); c.Forms(key) != nil {
		v.Said = c.Say(key)
	}
	for _, p := range now.Plans {
		v.Plans = append(v.Plans, planChoice{p.ID, v.Path + "?plan=" + url.QueryEscape(p.ID), p.ID == one.ID, p.Runs})
		v.IDs = append(v.IDs, p.ID)
	}
	c.planForm(v, one, &change)
	v.May = c.Allowed(r, access.Decide, access.Service(access.Traffic)) && c.decisions.On() && now.Told
	v.Diagrams = []planDiagram{{c.Say("traffic.plan.today"), c.planDiagram(one.Bars, one.Cycle.Seconds())}}
	if v.Decisions, err = c.planDecisions(r, junction); err != nil {
		return nil, err
	}
	if wrong != nil {
		v.Problem = wrong.Error()
		return v, nil //nolint:nilerr // the page says it
	}
	if !asked || change.Same(&one.Present) {
		return v, nil
	}
	return v, c.planTrial(r, v, service, &change)
}

// planForm fills in what can be set.
func (c *Console) planForm(v *planPage, one *live.PlanOf, change *plan.Change) {
	for i, ph := range one.Phases {
		x := planPhase{Number: i + 1, Greens: strings.Join(ph.Greens, ", "), Today: strconv.FormatFloat(ph.Lasts.Seconds(), 'f', -1, 64) + " s", Stretch: ph.Band >= 0, Least: ph.Least, Most: ph.Least + mostBand}
		switch {
		case len(ph.Changes) > 0:
			x.Changes = c.Say("traffic.plan.amber", "names", strings.Join(ph.Changes, ", "))
		case x.Greens == "":
			x.Changes = c.Say("traffic.plan.allred")
		}
		v.Cycle += int(ph.Lasts.Seconds())
		if ph.Band >= 0 && ph.Band < len(change.Bands) {
			x.Wish = change.Bands[ph.Band]
			v.Cycle += x.Wish - int(ph.Lasts.Seconds())
		}
		v.Phases = append(v.Phases, x)
	}
	for _, s := range change.Day {
		v.Slots = append(v.Slots, planSlot{s.String(), s.Plan, len(v.Slots) + 1})
	}
	for range spareSlots {
		v.Slots = append(v.Slots, planSlot{Number: len(v.Slots) + 1})
	}
}

// planTrial has a change checked and simulated.
func (c *Console) planTrial(r *frame.Request, v *planPage, service Plans, change *plan.Change) error {
	t, err := service.Try(r.Context(), *change)
	if err != nil {
		return err
	}
	v.Tried, v.Problems, v.Words, v.Made, v.Fields = true, t.Problems, t.Words, t.Made, fields(change)
	v.Sign = frame.Live(c.Say("traffic.plan.safe"))
	if len(t.Problems) > 0 {
		v.Sign = frame.Stopped(c.Say("traffic.plan.unsafe", "n", len(t.Problems)))
	}
	if t.Cycle > 0 {
		v.Diagrams = append(v.Diagrams, planDiagram{c.Say("traffic.plan.proposed"), c.planDiagram(t.Bars, t.Cycle.Seconds())})
	}
	if t.Compared == nil {
		return nil
	}
	v.CSV, v.PDF = addressOf(v.Path+"/report.csv", v.Fields), addressOf(v.Path+"/report.pdf", v.Fields)
	v.Rows = c.planRows(t.Compared, v.Junction)
	return nil
}

// planRows are the figures of all, and of each approach and crossing of the junction.
func (c *Console) planRows(x *compare.Comparison, junction string) (rows []planRow) {
	row := func(name string, before, after float64, form string) {
		r := planRow{Name: name, Before: fmt.Sprintf(form, before), After: fmt.Sprintf(form, after), Change: "–"}
		if before > 0 {
			r.Change = fmt.Sprintf("%+.0f %%", 100*(after-before)/before)
			if r.Before == r.After {
				r.Change = "0 %"
			}
		}
		rows = append(rows, r)
	}
	a, b := &x.Before.Report, &x.After.Report
	row(c.Say("traffic.figure.delay"), a.Trips.Delay, b.Trips.Delay, "%.0f s")
	if a.People > 0 {
		row(c.Say("traffic.figure.walk"), a.WalkWait, b.WalkWait, "%.0f s")
	}
	row(c.Say("traffic.plan.held"), float64(a.Trips.OnTheWay), float64(b.Trips.OnTheWay), "%.0f")
	rows = append(rows, planRow{Name: c.Say("traffic.plan.here"), Head: true})
	for _, k := range x.Approaches {
		if k.Junction == junction {
			row(c.Say("traffic.plan.delay", "where", orElse(k.Street, k.Edge)+", "+k.Edge), k.Before.Delay, k.After.Delay, "%.0f s")
		}
	}
	for _, k := range x.Walks {
		if k.Junction == junction {
			row(c.Say("traffic.onfoot", "where", k.Crossing), k.Mean[0], k.Mean[1], "%.0f s")
		}
	}
	return rows
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// planDecisions are the last ones about a junction's plans.
func (c *Console) planDecisions(r *frame.Request, junction string) (list []planDecision, err error) {
	if !c.decisions.On() {
		return nil, nil
	}
	book, by, err := c.decisions.Book(r)
	if err != nil {
		return nil, err
	}
	all, _, err := book.Find(r.Context(), by, decision.Query{Services: []city.Slug{access.Traffic}, Limit: decisions.Most})
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if strings.HasPrefix(d.ID, "plan-"+junction+"-") && len(list) < 5 {
			list = append(list, planDecision{d.Do, d.Reason, r.Clock.Time(d.Made), c.planState(d.State)})
		}
	}
	return list, nil
}

// planState is a decision's state in the words of plans: what is applied is in effect.
func (c *Console) planState(s decision.State) frame.Sign {
	x := c.decisions.State(s)
	if key := "traffic.plan.state." + string(s); c.Forms(key) != nil {
		x.Word = c.Say(key)
	}
	return x
}

// Measures of a plan's diagram.
const (
	planWide, planLeft = 900, 190
	planRowHigh        = 26
)

// planDiagram draws when each group is green.
func (c *Console) planDiagram(list []live.Bar, cycle float64) template.HTML {
	if cycle <= 0 {
		return ""
	}
	high := planRowHigh*len(list) + 34
	x := func(t float64) float64 { return planLeft + t/cycle*(planWide-planLeft-16) }
	var b strings.Builder
	bar := func(row int, from, to float64) {
		fmt.Fprintf(&b, `<rect class="green" x="%.1f" y="%d" width="%.1f" height="14"/>`, x(from), row*planRowHigh+6, x(to)-x(from))
	}
	for i, g := range list {
		fmt.Fprintf(&b, `<text class="name" x="%d" y="%d" text-anchor="end">%s</text><line class="red" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, planLeft-10, i*planRowHigh+18, template.HTMLEscapeString(g.Name), x(0), x(cycle), i*planRowHigh+13, i*planRowHigh+13)
		for _, w := range g.Greens {
			if w[0] < w[1] {
				bar(i, w[0], w[1])
				continue
			}
			bar(i, w[0], cycle)
			bar(i, 0, w[1])
		}
	}
	bottom := planRowHigh*len(list) + 6
	for t := 0.0; t <= cycle; t += 10 {
		fmt.Fprintf(&b, `<line class="axis" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text x="%.1f" y="%d" text-anchor="middle">%.0f</text>`, x(t), x(t), bottom, bottom+5, x(t), bottom+20, t)
	}
	words := c.Say("traffic.plan.diagram", "cycle", fmt.Sprintf("%.0f", cycle))
	return template.HTML(fmt.Sprintf(`<svg class="plan-bars" viewBox="0 0 %d %d" role="img" aria-label="%s">%s</svg>`, planWide, high, template.HTMLEscapeString(words), b.String())) //nolint:gosec // numbers, and names that were escaped
}

// proposePlan puts a change into the book of decisions: somebody has to agree to it there.
func (c *Console) proposePlan(w http.ResponseWriter, r *frame.Request) error {
	service, _, err := c.plans()
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	junction := r.PathValue("junction")
	now, err := service.Plans(junction)
	if err != nil {
		return err
	}
	_, change, asked, err := c.wished(junction, r.PostForm, now)
	if err == nil && !asked {
		err = city.Errorf(city.Invalid, "%s", c.Say("traffic.plan.nothing"))
	}
	if err == nil {
		_, err = service.ProposePlan(r.Context(), change, strings.TrimSpace(r.PostFormValue("why")), r.Who.Name)
	}
	if kind := city.KindOf(err); err != nil && (kind == city.Invalid || kind == city.Unavailable) {
		v, again := c.planPage(r, r.PostForm)
		if again != nil {
			return err
		}
		v.Problem = err.Error()
		return c.showPlans(w, r, frame.Status(kind), v)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r.Request, frame.Saying("/services/traffic/plans/"+url.PathEscape(junction)+"?plan="+url.QueryEscape(change.Plan), "asked"), http.StatusSeeOther)
	return nil
}

// planReport is a trial for a file.
func (c *Console) planReport(r *frame.Request) (*live.Trial, error) {
	service, _, err := c.plans()
	if err != nil {
		return nil, err
	}
	junction := r.PathValue("junction")
	now, err := service.Plans(junction)
	if err != nil {
		return nil, err
	}
	_, change, asked, err := c.wished(junction, r.URL.Query(), now)
	if err != nil {
		return nil, err
	}
	if !asked {
		return nil, city.Errorf(city.Invalid, "%s", c.Say("traffic.plan.nothing"))
	}
	t, err := service.Try(r.Context(), change)
	if err == nil && t.Compared == nil {
		err = city.Errorf(city.Invalid, "%s", strings.Join(t.Problems, "; "))
	}
	return t, err
}

// planCSV is the study of a change: each approach, then each crossing.
func (c *Console) planCSV(w http.ResponseWriter, r *frame.Request) error {
	t, err := c.planReport(r)
	if err != nil {
		return err
	}
	out := c.CSV(w, "traffic-plan.csv")
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }
	_ = out.Write([]string{"junction", "where", "what", "before", "after", "unit", "simulated"})
	line := func(junction, where, what string, before, after float64, unit string) {
		_ = out.Write([]string{frame.Cells(junction)[0], frame.Cells(where)[0], what, number(before), number(after), unit, "true"})
	}
	a, b := &t.Compared.Before.Report, &t.Compared.After.Report
	line("all", "all", "delay on the whole way", a.Trips.Delay, b.Trips.Delay, "s")
	line("all", "all", "wait on foot", a.WalkWait, b.WalkWait, "s")
	for _, k := range append(append([]compare.Row(nil), t.Compared.Approaches...), t.Compared.Junctions...) {
		where := orElse(k.Edge, "all")
		line(k.Junction, where, "vehicles", float64(k.Before.Vehicles), float64(k.After.Vehicles), "")
		line(k.Junction, where, "delay", k.Before.Delay, k.After.Delay, "s")
		line(k.Junction, where, "stops of a vehicle", k.Before.Stops, k.After.Stops, "")
		line(k.Junction, where, "longest queue", float64(k.Before.QueueMax), float64(k.After.QueueMax), "")
	}
	for _, k := range t.Compared.Walks {
		line(k.Junction, k.Crossing, "people", float64(k.People[0]), float64(k.People[1]), "")
		line(k.Junction, k.Crossing, "wait", k.Mean[0], k.Mean[1], "s")
		line(k.Junction, k.Crossing, "longest wait", k.Longest[0], k.Longest[1], "s")
	}
	out.Flush()
	return frame.Gone(out.Error())
}

// planPDF is the same for print.
func (c *Console) planPDF(w http.ResponseWriter, r *frame.Request) error {
	t, err := c.planReport(r)
	if err != nil {
		return err
	}
	_, desk, err := c.plans()
	if err != nil {
		return err
	}
	names := map[string]string{}
	view := desk.View()
	for i := range view.Junctions {
		names[view.Junctions[i].ID] = view.Junctions[i].Name
	}
	text := t.Compared.PDF(compare.Paper{
		Title: c.Say("traffic.plan.paper", "plan", t.Change.Plan, "name", t.Junction), Names: names,
		Lines: []string{c.Say("traffic.plan.paper.today", "words", t.TodayWords), c.Say("traffic.plan.paper.proposed", "words", t.ChangeWords), t.Words, t.Made},
	})
	h := w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", `attachment; filename="traffic-plan.pdf"`)
	h.Set("Cache-Control", "no-store")
	_, err = w.Write(text)
	return frame.Gone(err)
}
