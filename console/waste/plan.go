package waste

import (
	"context"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/console/ground"
	"polity/service"
	"polity/services/waste"
	"polity/services/waste/live"
)

// Planner is the waste service as the one who plans asks it.
type Planner interface {
	View() live.View
	Draft(moves []live.Move, asked live.Move) (live.Draft, error)       // city.Conflict, city.NotFound
	PutForward(ctx context.Context, on string, moves []live.Move) error // city.Conflict
	Ask(live.Case) error                                                // city.Invalid
	Answer() (live.Answer, bool)
	WriteAnswerGPX(w io.Writer, truck string) error  // city.NotFound
	Preview(live.Tables) (live.TablesPreview, error) // city.Invalid
	TakeOver(live.Tables) (later bool, err error)    // city.Invalid, city.Conflict
}

const (
	planPath   = "/services/waste/plan"
	tablesPath = "/services/waste/tables"
)

type planView struct {
	Off, Why  string // why there is nothing to show, or to change
	Simulated string
	State     frame.Sign
	Summary   string
	May       bool // the reader may put tours forward
	Said      string
	Problem   string // why what was asked has no answer
	Figures   []frame.Figure
	Problems  []string
	Asked     *askedView
	Moves     []moveView
	Hidden    []live.Move
	On        string // decision that the tours would replace
	Undo      string // addresses
	Reset     string
	Stops     []frame.PickGroup
	Trucks    []frame.Pick
	Tours     []planTour
	Waiting   []planRow
	Map       planMap
	If        whatIf
	Print     bool
	Address   string // of the page, with what was moved
	Planning  string // how far the plan is that is made; empty: none is
	Share     string // of it, 0 to 100
}

type askedView struct {
	Words   string
	Figures []frame.Figure
	Broken  []string
	Take    string // address with the move made; empty: it does not fit
	Leave   string // address without it
}

type moveView struct{ Words, Price string }

type planTour struct {
	Truck, Words, Key string
	Rows              []planRow
}

type planRow struct {
	ID, Number, Where, At, Load, Overflow string
	Move                                  string // address that asks where to
}

// planAddress is the planner's page with moves made, and one asked about.
func planAddress(moves []live.Move, asked *live.Move) string {
	q := url.Values{}
	for _, m := range moves {
		q.Add("c", m.Container)
		q.Add("t", m.Truck)
	}
	if asked != nil {
		q.Set("container", asked.Container)
		q.Set("truck", asked.Truck)
	}
	if len(q) == 0 {
		return planPath
	}
	return planPath + "?" + q.Encode()
}

// movesFrom reads moves from an address or a form.
func movesFrom(form url.Values) ([]live.Move, error) {
	containers, trucks := form["c"], form["t"]
	if len(containers) != len(trucks) || len(containers) > live.MovesMost {
		return nil, city.Errorf(city.Invalid, "each c has its t, and there are at most %d", live.MovesMost)
	}
	var moves []live.Move
	for i := range containers {
		moves = append(moves, live.Move{Container: containers[i], Truck: trucks[i]})
	}
	return moves, nil
}

func (c *Console) planner() (Planner, error) {
	return frame.Running[Planner](c.Frame, access.Waste, c.service)
}

// planPage is for who plans: the day's tours, what a move would cost before it is made,
// and days as they could be. What was moved stands in the address, so that the browser's
// back button undoes it.
func (c *Console) planPage(w http.ResponseWriter, r *frame.Request) error {
	return c.showPlan(w, r, r.URL.Query(), nil)
}

func (c *Console) showPlan(w http.ResponseWriter, r *frame.Request, form url.Values, refused error) error {
	title := c.Say("waste.plan.title")
	desk, err := c.planner()
	if err != nil {
		return c.Render(w, r, http.StatusOK, frame.Page{Template: "waste/plan", Title: title, Data: planView{Off: c.Say("services.off", "name", "waste")}})
	}
	now := desk.View()
	v := planView{May: c.Allowed(r, access.Decide, access.Service(access.Waste)), Print: len(now.Tours) > 0}
	if now.Simulated {
		v.Simulated = c.Say("waste.simulated", "pace", int(now.Pace))
	}
	var state dayView
	c.state(&now, &state)
	v.State, v.Summary = state.State, state.Summary
	if now.Planning {
		v.Planning, v.Share = c.step(now.Progress), fmt.Sprintf("%.0f", 100*now.Progress.Share)
	}
	if r.URL.Query().Get("said") == "forward" && len(now.Waiting) > 0 {
		v.Said = c.Say("waste.plan.forward")
	}
	moves, err := movesFrom(form)
	if err != nil {
		return err
	}
	asked := live.Move{Container: form.Get("container"), Truck: form.Get("truck")}
	chosen := asked
	if _, whole := form["truck"]; !whole {
		asked = live.Move{} // only the container is chosen yet
	}
	draft, err := desk.Draft(moves, asked)
	status := http.StatusOK
	switch {
	case refused != nil:
		v.Problem, status = refused.Error(), frame.Status(city.KindOf(refused))
	case err != nil && (len(moves) > 0 || asked.Container != ""):
		v.Problem = err.Error()
	}
	if err != nil && len(draft.Tours) == 0 {
		v.Why = c.Say("waste.plan.not")
		draft = live.Draft{Tours: now.Tours, Cost: now.Cost, Metres: now.Metres, KgCO2: now.KgCO2, Problems: now.Problems}
		moves = nil
	}
	c.fillPlan(&now, &draft, moves, chosen, &v)
	v.If = c.whatIf(desk, &now)
	return c.Render(w, r, status, frame.Page{Template: "waste/plan", Title: title, Data: v})
}

// fillPlan fills in what a draft shows.
func (c *Console) fillPlan(now *live.View, d *live.Draft, moves []live.Move, chosen live.Move, v *planView) {
	v.On, v.Hidden, v.Address = d.Decision, moves, planAddress(moves, nil)
	if len(moves) > 0 {
		v.Undo, v.Reset = planAddress(moves[:len(moves)-1], nil), planPath
	}
	for _, p := range waste.Gather(d.Problems) {
		v.Problems = append(v.Problems, p.String())
	}
	v.Figures = c.figures(now, d)
	for i := range d.Moves {
		m := &d.Moves[i]
		v.Moves = append(v.Moves, moveView{c.moveWords(m), c.priceWords(&m.Price, now.Currency)})
	}
	if d.Asked != nil {
		v.Asked = c.askedOf(d.Asked, moves, now.Currency)
	}
	known := map[string]*live.ContainerView{}
	for i := range now.Containers {
		known[now.Containers[i].ID] = &now.Containers[i]
	}
	for i := range d.Tours {
		v.Tours = append(v.Tours, c.planTour(&d.Tours[i], i, known, moves, v.Why == ""))
	}
	if v.Why == "" {
		c.choices(now, d, known, chosen, v)
	}
	v.Map = c.planMap(d, known, v.Why == "")
}

// choices are what can be moved, and where to.
func (c *Console) choices(now *live.View, d *live.Draft, known map[string]*live.ContainerView, chosen live.Move, v *planView) {
	for i := range d.Tours {
		group := frame.PickGroup{Name: d.Tours[i].Truck}
		for _, call := range d.Tours[i].Calls {
			if k := known[call.Container]; k != nil {
				group.List = append(group.List, frame.Pick{Value: k.ID, Name: k.Street + ", " + k.ID, Here: k.ID == chosen.Container})
			}
		}
		v.Stops = append(v.Stops, group)
	}
	waiting := frame.PickGroup{Name: c.Say("waste.plan.waiting")}
	likely := slices.Clone(d.Waiting)
	slices.SortStableFunc(likely, func(a, b string) int {
		x, y := known[a], known[b]
		switch {
		case x == nil || y == nil || x.Overflow == y.Overflow:
			return strings.Compare(a, b)
		case x.Overflow > y.Overflow:
			return -1
		}
		return 1
	})
	for _, id := range likely {
		if k := known[id]; k != nil {
			waiting.List = append(waiting.List, frame.Pick{Value: k.ID, Name: k.Street + ", " + k.ID, Here: k.ID == chosen.Container})
			if len(v.Waiting) < risksShown {
				v.Waiting = append(v.Waiting, planRow{ID: k.ID, Where: k.Street + ", " + k.ID, Overflow: service.Chance(k.Overflow)})
			}
		}
	}
	if len(waiting.List) > 0 {
		v.Stops = append(v.Stops, waiting)
	}
	for _, t := range now.Trucks {
		if !t.Out {
			v.Trucks = append(v.Trucks, frame.Pick{Value: t.ID, Name: t.ID, Here: t.ID == chosen.Truck && chosen.Container != ""})
		}
	}
	v.Trucks = append(v.Trucks, frame.Pick{Value: "", Name: c.Say("waste.plan.waits"), Here: false})
}

// figures are a draft's, with what is more or less than in the plan that waits.
func (c *Console) figures(now *live.View, d *live.Draft) []frame.Figure {
	diff := func(text string, differs bool) string {
		if len(d.Moves) == 0 || !differs {
			return ""
		}
		return c.Say("waste.plan.more", "by", text)
	}
	hours, was := d.Working, time.Duration(0)
	for i := range now.Tours {
		was += now.Tours[i].End - now.Tours[i].Start
	}
	if d.Decision == "" {
		hours = was
	}
	km, cost, co2, min := (d.Metres-now.Metres)/1000, d.Cost-now.Cost, d.KgCO2-now.KgCO2, (hours - was).Minutes()
	return []frame.Figure{
		{Name: c.Say("waste.figure.km"), Value: fmt.Sprintf("%.1f km", d.Metres/1000), What: diff(more(km, "%.2f")+" km", km != 0)},
		{Name: c.Say("waste.figure.hours"), Value: fmt.Sprintf("%.1f h", hours.Hours()), What: diff(more(min, "%.0f")+" min", min != 0)},
		{Name: c.Say("waste.figure.cost"), Value: money(fmt.Sprintf("%.0f", d.Cost), now.Currency), What: diff(money(more(cost, "%.2f"), now.Currency), cost != 0)},
		{Name: c.Say("waste.figure.co2"), Value: fmt.Sprintf("%.1f kg", d.KgCO2), What: diff(more(co2, "%.2f")+" kg", co2 != 0)},
	}
}

func money(amount, currency string) string { return strings.TrimSpace(amount + " " + currency) }

func (c *Console) moveWords(m *live.Moved) string {
	key := "waste.plan.move"
	switch {
	case m.Truck == "":
		key = "waste.plan.move.off"
	case m.From == "":
		key = "waste.plan.move.on"
	}
	return c.Say(key, "container", m.Container, "from", m.From, "to", m.Truck)
}

func (c *Console) priceWords(p *waste.Price, currency string) string {
	return c.Say("waste.plan.price", "km", more(p.Metres/1000, "%.2f"), "min", more(p.Working.Minutes(), "%.0f"), "cost", money(more(p.Cost, "%.2f"), currency), "co2", more(p.KgCO2, "%.2f"))
}

func (c *Console) askedOf(m *live.Moved, moves []live.Move, currency string) *askedView {
	a := &askedView{Words: c.moveWords(m), Broken: m.Broken, Leave: planAddress(moves, nil)}
	a.Figures = []frame.Figure{
		{Name: c.Say("waste.figure.km"), Value: more(m.Metres/1000, "%.2f") + " km", What: ""},
		{Name: c.Say("waste.figure.hours"), Value: more(m.Working.Minutes(), "%.0f") + " min", What: ""},
		{Name: c.Say("waste.figure.cost"), Value: money(more(m.Cost, "%.2f"), currency), What: ""},
		{Name: c.Say("waste.figure.co2"), Value: more(m.KgCO2, "%.2f") + " kg", What: ""},
	}
	if m.Fits {
		a.Take = planAddress(append(slices.Clone(moves), m.Move), nil)
	}
	return a
}

func (c *Console) planTour(t *live.Tour, i int, known map[string]*live.ContainerView, moves []live.Move, open bool) planTour {
	stops := 0
	x := planTour{Truck: t.Truck, Key: fmt.Sprintf("tour t%d", i%tourLines)}
	for n, call := range t.Calls {
		row := planRow{Number: fmt.Sprint(n + 1), Where: call.Site, At: ofDay(call.Arrive), Load: fmt.Sprintf("%.0f kg", call.Kilograms)}
		if k := known[call.Container]; k != nil {
			stops++
			row.Where, row.Overflow = k.Street+", "+k.ID, service.Chance(k.Overflow)
			if open {
				row.ID = k.ID
				q := url.Values{}
				for _, m := range moves {
					q.Add("c", m.Container)
					q.Add("t", m.Truck)
				}
				q.Set("container", k.ID)
				row.Move = planPath + "?" + q.Encode() + "#move"
			}
		}
		x.Rows = append(x.Rows, row)
	}
	x.Words = c.Say("waste.plan.tour", "n", stops, "km", fmt.Sprintf("%.1f", t.Metres/1000), "from", ofDay(t.Start), "to", ofDay(t.End), "load", fmt.Sprintf("%.0f", t.Kilograms))
	return x
}

// putTours puts moved tours forward, in place of the plan that waits.
func (c *Console) putTours(w http.ResponseWriter, r *frame.Request) error {
	desk, err := c.planner()
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	moves, err := movesFrom(r.PostForm)
	if err != nil {
		return err
	}
	if err := desk.PutForward(r.Context(), r.PostFormValue("on"), moves); err != nil {
		if city.KindOf(err) == city.Internal {
			return err
		}
		return c.showPlan(w, r, r.PostForm, err)
	}
	http.Redirect(w, r.Request, frame.Saying(planPath, "forward"), http.StatusSeeOther)
	return nil
}

// planMap is the part of the map that the tours are in.
type planMap struct {
	Spot    ground.Spot
	Box     string // the part that is seen, as a viewBox
	Drawing template.HTML
	Key     []mapKey
}

// planMap draws tours and their stops, and those that wait; with a script they can be
// dragged.
func (c *Console) planMap(d *live.Draft, known map[string]*live.ContainerView, open bool) (m planMap) {
	g := c.Ground
	if g.Light == "" || len(d.Tours) == 0 {
		return m
	}
	left, top, right, bottom := float64(g.Width), float64(g.Height), 0.0, 0.0
	at := func(p city.Point) (x, y float64) {
		x, y = g.Project(p)
		left, top, right, bottom = min(left, x), min(top, y), max(right, x), max(bottom, y)
		return x, y
	}
	var lines strings.Builder
	var marks, waits []stopMark
	for i := range d.Tours {
		t := &d.Tours[i]
		var path strings.Builder
		for k, p := range t.Line {
			x, y := at(p)
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(k, 1)], x, y)
		}
		name := template.HTMLEscapeString(t.Truck)
		class := fmt.Sprintf("tour t%d", i%tourLines)
		fmt.Fprintf(&lines, `<g data-truck="%s"><path class="casing" d="%s"/><path class="%s" d="%s"/><path class="hit" d="%s"><title>%s</title></path></g>`, name, path.String(), class, path.String(), path.String(), name)
		m.Key = append(m.Key, mapKey{class, t.Truck, true})
		for n, call := range t.Calls {
			k := known[call.Container]
			if k == nil {
				continue
			}
			x, y := at(call.Place)
			marks = append(marks, stopMark{k.ID, t.Truck, fmt.Sprintf("t%d", i%tourLines), fmt.Sprintf("%d. %s, %s (%s)", n+1, k.Street, k.ID, t.Truck), x, y})
		}
	}
	for _, id := range d.Waiting {
		if k := known[id]; k != nil {
			x, y := g.Project(k.Place)
			waits = append(waits, stopMark{k.ID, "", "waits", fmt.Sprintf("%s, %s", k.Street, k.ID), x, y})
		}
	}
	if len(d.Waiting) > 0 {
		m.Key = append(m.Key, mapKey{"waits", c.Say("waste.plan.waiting"), false})
	}
	margin := 0.04*max(right-left, bottom-top) + 4
	m.Box = fmt.Sprintf("%.1f %.1f %.1f %.1f", left-margin, top-margin, right-left+2*margin, bottom-top+2*margin)
	m.Spot = g.Spot(c.Say("waste.plan.map.alt", "n", len(d.Tours)))
	size := max(right-left, bottom-top) / 150
	for _, x := range append(waits, marks...) {
		lines.WriteString(x.mark(size, open))
	}
	m.Drawing = template.HTML(lines.String()) //nolint:gosec // numbers, and names that were escaped
	return m
}

// stopMark is a stop on the planner's map.
type stopMark struct {
	id, truck, class, words string
	x, y                    float64
}

func (s *stopMark) mark(size float64, open bool) string {
	drag := ""
	if open {
		drag = fmt.Sprintf(` data-stop="%s"`, template.HTMLEscapeString(s.id))
	}
	if s.class == "waits" {
		size *= 0.6
	}
	return fmt.Sprintf(`<circle class="stop %s"%s data-truck="%s" cx="%.1f" cy="%.1f" r="%.1f"><title>%s</title></circle>`, s.class, drag, template.HTMLEscapeString(s.truck), s.x, s.y, size, template.HTMLEscapeString(s.words))
}
