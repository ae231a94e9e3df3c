package console

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
	"polity/service"
	"polity/services/waste"
	wastelive "polity/services/waste/live"
)

// WastePlanner is the waste service as the one who plans asks it.
type WastePlanner interface {
	View() wastelive.View
	Draft(moves []wastelive.Move, asked wastelive.Move) (wastelive.Draft, error) // city.Conflict, city.NotFound
	PutForward(ctx context.Context, on string, moves []wastelive.Move) error     // city.Conflict
	Ask(wastelive.Case) error                                                    // city.Invalid
	Answer() (wastelive.Answer, bool)
	WriteAnswerGPX(w io.Writer, truck string) error            // city.NotFound
	Preview(wastelive.Tables) (wastelive.TablesPreview, error) // city.Invalid
	TakeOver(wastelive.Tables) (later bool, err error)         // city.Invalid, city.Conflict
}

const (
	wastePlanPath   = "/services/waste/plan"
	wasteTablesPath = "/services/waste/tables"
)

type wastePlanView struct {
	Off, Why  string // why there is nothing to show, or to change
	Simulated string
	State     sign
	Summary   string
	May       bool // the reader may put tours forward
	Said      string
	Problem   string // why what was asked has no answer
	Figures   []powerFigure
	Problems  []string
	Asked     *wasteAsked
	Moves     []wasteMoveView
	Hidden    []wastelive.Move
	On        string // decision that the tours would replace
	Undo      string // addresses
	Reset     string
	Stops     []pickGroup
	Trucks    []pick
	Tours     []wastePlanTour
	Waiting   []wastePlanRow
	Map       wastePlanMap
	If        wasteIf
	Print     bool
	Address   string // of the page, with what was moved
	Planning  string // how far the plan is that is made; empty: none is
	Share     string // of it, 0 to 100
}

type wasteAsked struct {
	Words   string
	Figures []powerFigure
	Broken  []string
	Take    string // address with the move made; empty: it does not fit
	Leave   string // address without it
}

type wasteMoveView struct{ Words, Price string }

type wastePlanTour struct {
	Truck, Words, Key string
	Rows              []wastePlanRow
}

type wastePlanRow struct {
	ID, Number, Where, At, Load, Overflow string
	Move                                  string // address that asks where to
}

// wasteAddress is the planner's page with moves made, and one asked about.
func wasteAddress(moves []wastelive.Move, asked *wastelive.Move) string {
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
		return wastePlanPath
	}
	return wastePlanPath + "?" + q.Encode()
}

// wasteMoves reads moves from an address or a form.
func wasteMoves(form url.Values) ([]wastelive.Move, error) {
	containers, trucks := form["c"], form["t"]
	if len(containers) != len(trucks) || len(containers) > wastelive.MovesMost {
		return nil, city.Errorf(city.Invalid, "each c has its t, and there are at most %d", wastelive.MovesMost)
	}
	var moves []wastelive.Move
	for i := range containers {
		moves = append(moves, wastelive.Move{Container: containers[i], Truck: trucks[i]})
	}
	return moves, nil
}

func (c *Console) wastePlanner() (WastePlanner, error) {
	return running[WastePlanner](c, access.Waste)
}

// wastePlanPage is for who plans: the day's tours, what a move would cost before it is made,
// and days as they could be. What was moved stands in the address, so that the browser's
// back button undoes it.
func (c *Console) wastePlanPage(w http.ResponseWriter, r *request) error {
	return c.showWastePlan(w, r, r.URL.Query(), nil)
}

func (c *Console) showWastePlan(w http.ResponseWriter, r *request, form url.Values, refused error) error {
	title := c.say.Say("waste.plan.title")
	desk, err := c.wastePlanner()
	if err != nil {
		return c.render(w, r, http.StatusOK, page{Template: "wasteplan", Title: title, Data: wastePlanView{Off: c.say.Say("services.off", "name", "waste")}})
	}
	now := desk.View()
	v := wastePlanView{May: c.allowed(r, access.Decide, access.Service(access.Waste)), Print: len(now.Tours) > 0}
	if now.Simulated {
		v.Simulated = c.say.Say("waste.simulated", "pace", int(now.Pace))
	}
	var state wasteView
	c.wasteState(&now, &state)
	v.State, v.Summary = state.State, state.Summary
	if now.Planning {
		v.Planning, v.Share = c.wasteStep(now.Progress), fmt.Sprintf("%.0f", 100*now.Progress.Share)
	}
	if r.URL.Query().Get("said") == "forward" && len(now.Waiting) > 0 {
		v.Said = c.say.Say("waste.plan.forward")
	}
	moves, err := wasteMoves(form)
	if err != nil {
		return err
	}
	asked := wastelive.Move{Container: form.Get("container"), Truck: form.Get("truck")}
	chosen := asked
	if _, whole := form["truck"]; !whole {
		asked = wastelive.Move{} // only the container is chosen yet
	}
	draft, err := desk.Draft(moves, asked)
	status := http.StatusOK
	switch {
	case refused != nil:
		v.Problem, status = refused.Error(), statuses[city.KindOf(refused)]
	case err != nil && (len(moves) > 0 || asked.Container != ""):
		v.Problem = err.Error()
	}
	if err != nil && len(draft.Tours) == 0 {
		v.Why = c.say.Say("waste.plan.not")
		draft = wastelive.Draft{Tours: now.Tours, Cost: now.Cost, Metres: now.Metres, KgCO2: now.KgCO2, Problems: now.Problems}
		moves = nil
	}
	c.wastePlan(&now, &draft, moves, chosen, &v)
	v.If = c.wasteIf(desk, &now)
	return c.render(w, r, status, page{Template: "wasteplan", Title: title, Data: v})
}

// wastePlan fills in what a draft shows.
func (c *Console) wastePlan(now *wastelive.View, d *wastelive.Draft, moves []wastelive.Move, chosen wastelive.Move, v *wastePlanView) {
	v.On, v.Hidden, v.Address = d.Decision, moves, wasteAddress(moves, nil)
	if len(moves) > 0 {
		v.Undo, v.Reset = wasteAddress(moves[:len(moves)-1], nil), wastePlanPath
	}
	for _, p := range waste.Gather(d.Problems) {
		v.Problems = append(v.Problems, p.String())
	}
	v.Figures = c.wasteFigures(now, d)
	for i := range d.Moves {
		m := &d.Moves[i]
		v.Moves = append(v.Moves, wasteMoveView{c.wasteMoveWords(m), c.wastePriceWords(&m.Price, now.Currency)})
	}
	if d.Asked != nil {
		v.Asked = c.wasteAsk(d.Asked, moves, now.Currency)
	}
	known := map[string]*wastelive.ContainerView{}
	for i := range now.Containers {
		known[now.Containers[i].ID] = &now.Containers[i]
	}
	for i := range d.Tours {
		v.Tours = append(v.Tours, c.wastePlanTour(&d.Tours[i], i, known, moves, v.Why == ""))
	}
	if v.Why == "" {
		c.wasteChoices(now, d, known, chosen, v)
	}
	v.Map = c.wastePlanMap(d, known, v.Why == "")
}

// wasteChoices are what can be moved, and where to.
func (c *Console) wasteChoices(now *wastelive.View, d *wastelive.Draft, known map[string]*wastelive.ContainerView, chosen wastelive.Move, v *wastePlanView) {
	for i := range d.Tours {
		group := pickGroup{Name: d.Tours[i].Truck}
		for _, call := range d.Tours[i].Calls {
			if k := known[call.Container]; k != nil {
				group.List = append(group.List, pick{k.ID, k.Street + ", " + k.ID, k.ID == chosen.Container})
			}
		}
		v.Stops = append(v.Stops, group)
	}
	waiting := pickGroup{Name: c.say.Say("waste.plan.waiting")}
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
			waiting.List = append(waiting.List, pick{k.ID, k.Street + ", " + k.ID, k.ID == chosen.Container})
			if len(v.Waiting) < risksShown {
				v.Waiting = append(v.Waiting, wastePlanRow{ID: k.ID, Where: k.Street + ", " + k.ID, Overflow: service.Chance(k.Overflow)})
			}
		}
	}
	if len(waiting.List) > 0 {
		v.Stops = append(v.Stops, waiting)
	}
	for _, t := range now.Trucks {
		if !t.Out {
			v.Trucks = append(v.Trucks, pick{t.ID, t.ID, t.ID == chosen.Truck && chosen.Container != ""})
		}
	}
	v.Trucks = append(v.Trucks, pick{"", c.say.Say("waste.plan.waits"), false})
}

// wasteFigures are a draft's, with what is more or less than in the plan that waits.
func (c *Console) wasteFigures(now *wastelive.View, d *wastelive.Draft) []powerFigure {
	diff := func(text string, differs bool) string {
		if len(d.Moves) == 0 || !differs {
			return ""
		}
		return c.say.Say("waste.plan.more", "by", text)
	}
	hours, was := d.Working, time.Duration(0)
	for i := range now.Tours {
		was += now.Tours[i].End - now.Tours[i].Start
	}
	if d.Decision == "" {
		hours = was
	}
	km, cost, co2, min := (d.Metres-now.Metres)/1000, d.Cost-now.Cost, d.KgCO2-now.KgCO2, (hours - was).Minutes()
	return []powerFigure{
		{c.say.Say("waste.figure.km"), fmt.Sprintf("%.1f km", d.Metres/1000), diff(more(km, "%.2f")+" km", km != 0)},
		{c.say.Say("waste.figure.hours"), fmt.Sprintf("%.1f h", hours.Hours()), diff(more(min, "%.0f")+" min", min != 0)},
		{c.say.Say("waste.figure.cost"), wasteMoney(fmt.Sprintf("%.0f", d.Cost), now.Currency), diff(wasteMoney(more(cost, "%.2f"), now.Currency), cost != 0)},
		{c.say.Say("waste.figure.co2"), fmt.Sprintf("%.1f kg", d.KgCO2), diff(more(co2, "%.2f")+" kg", co2 != 0)},
	}
}

func wasteMoney(amount, currency string) string { return strings.TrimSpace(amount + " " + currency) }

func (c *Console) wasteMoveWords(m *wastelive.Moved) string {
	key := "waste.plan.move"
	switch {
	case m.Truck == "":
		key = "waste.plan.move.off"
	case m.From == "":
		key = "waste.plan.move.on"
	}
	return c.say.Say(key, "container", m.Container, "from", m.From, "to", m.Truck)
}

func (c *Console) wastePriceWords(p *waste.Price, currency string) string {
	return c.say.Say("waste.plan.price", "km", more(p.Metres/1000, "%.2f"), "min", more(p.Working.Minutes(), "%.0f"), "cost", wasteMoney(more(p.Cost, "%.2f"), currency), "co2", more(p.KgCO2, "%.2f"))
}

func (c *Console) wasteAsk(m *wastelive.Moved, moves []wastelive.Move, currency string) *wasteAsked {
	a := &wasteAsked{Words: c.wasteMoveWords(m), Broken: m.Broken, Leave: wasteAddress(moves, nil)}
	a.Figures = []powerFigure{
		{c.say.Say("waste.figure.km"), more(m.Metres/1000, "%.2f") + " km", ""},
		{c.say.Say("waste.figure.hours"), more(m.Working.Minutes(), "%.0f") + " min", ""},
		{c.say.Say("waste.figure.cost"), wasteMoney(more(m.Cost, "%.2f"), currency), ""},
		{c.say.Say("waste.figure.co2"), more(m.KgCO2, "%.2f") + " kg", ""},
	}
	if m.Fits {
		a.Take = wasteAddress(append(slices.Clone(moves), m.Move), nil)
	}
	return a
}

func (c *Console) wastePlanTour(t *wastelive.Tour, i int, known map[string]*wastelive.ContainerView, moves []wastelive.Move, open bool) wastePlanTour {
	stops := 0
	x := wastePlanTour{Truck: t.Truck, Key: fmt.Sprintf("tour t%d", i%wasteLines)}
	for n, call := range t.Calls {
		row := wastePlanRow{Number: fmt.Sprint(n + 1), Where: call.Site, At: ofDay(call.Arrive), Load: fmt.Sprintf("%.0f kg", call.Kilograms)}
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
				row.Move = wastePlanPath + "?" + q.Encode() + "#move"
			}
		}
		x.Rows = append(x.Rows, row)
	}
	x.Words = c.say.Say("waste.plan.tour", "n", stops, "km", fmt.Sprintf("%.1f", t.Metres/1000), "from", ofDay(t.Start), "to", ofDay(t.End), "load", fmt.Sprintf("%.0f", t.Kilograms))
	return x
}

// putTours puts moved tours forward, in place of the plan that waits.
func (c *Console) putTours(w http.ResponseWriter, r *request) error {
	desk, err := c.wastePlanner()
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, formMax)
	if err := r.ParseForm(); err != nil {
		return city.Errorf(city.Invalid, "%s", c.say.Say("error.form"))
	}
	moves, err := wasteMoves(r.PostForm)
	if err != nil {
		return err
	}
	if err := desk.PutForward(r.Context(), r.PostFormValue("on"), moves); err != nil {
		if city.KindOf(err) == city.Internal {
			return err
		}
		return c.showWastePlan(w, r, r.PostForm, err)
	}
	http.Redirect(w, r.Request, saying(wastePlanPath, "forward"), http.StatusSeeOther)
	return nil
}

// wastePlanMap is the part of the map that the tours are in.
type wastePlanMap struct {
	Spot    spot
	Box     string // the part that is seen, as a viewBox
	Drawing template.HTML
	Key     []wasteKey
}

// wastePlanMap draws tours and their stops, and those that wait; with a script they can be
// dragged.
func (c *Console) wastePlanMap(d *wastelive.Draft, known map[string]*wastelive.ContainerView, open bool) (m wastePlanMap) {
	g := c.ground
	if g.light == "" || len(d.Tours) == 0 {
		return m
	}
	left, top, right, bottom := float64(g.width), float64(g.height), 0.0, 0.0
	at := func(p city.Point) (x, y float64) {
		x, y = g.project(p)
		left, top, right, bottom = min(left, x), min(top, y), max(right, x), max(bottom, y)
		return x, y
	}
	var lines strings.Builder
	var marks, waits []wasteStop
	for i := range d.Tours {
		t := &d.Tours[i]
		var path strings.Builder
		for k, p := range t.Line {
			x, y := at(p)
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(k, 1)], x, y)
		}
		name := template.HTMLEscapeString(t.Truck)
		class := fmt.Sprintf("tour t%d", i%wasteLines)
		fmt.Fprintf(&lines, `<g data-truck="%s"><path class="casing" d="%s"/><path class="%s" d="%s"/><path class="hit" d="%s"><title>%s</title></path></g>`, name, path.String(), class, path.String(), path.String(), name)
		m.Key = append(m.Key, wasteKey{class, t.Truck, true})
		for n, call := range t.Calls {
			k := known[call.Container]
			if k == nil {
				continue
			}
			x, y := at(call.Place)
			marks = append(marks, wasteStop{k.ID, t.Truck, fmt.Sprintf("t%d", i%wasteLines), fmt.Sprintf("%d. %s, %s (%s)", n+1, k.Street, k.ID, t.Truck), x, y})
		}
	}
	for _, id := range d.Waiting {
		if k := known[id]; k != nil {
			x, y := g.project(k.Place)
			waits = append(waits, wasteStop{k.ID, "", "waits", fmt.Sprintf("%s, %s", k.Street, k.ID), x, y})
		}
	}
	if len(d.Waiting) > 0 {
		m.Key = append(m.Key, wasteKey{"waits", c.say.Say("waste.plan.waiting"), false})
	}
	margin := 0.04*max(right-left, bottom-top) + 4
	m.Box = fmt.Sprintf("%.1f %.1f %.1f %.1f", left-margin, top-margin, right-left+2*margin, bottom-top+2*margin)
	m.Spot = spot{Light: g.light, Dark: g.dark, Width: g.width, Height: g.height, OnMap: true, Credit: c.about.Map.Credit, CreditURL: c.about.Map.CreditURL}
	m.Spot.Alt = c.say.Say("waste.plan.map.alt", "n", len(d.Tours))
	size := max(right-left, bottom-top) / 150
	for _, x := range append(waits, marks...) {
		lines.WriteString(x.mark(size, open))
	}
	m.Drawing = template.HTML(lines.String()) //nolint:gosec // numbers, and names that were escaped
	return m
}

// wasteStop is a stop on the planner's map.
type wasteStop struct {
	id, truck, class, words string
	x, y                    float64
}

func (s *wasteStop) mark(size float64, open bool) string {
	drag := ""
	if open {
		drag = fmt.Sprintf(` data-stop="%s"`, template.HTMLEscapeString(s.id))
	}
	if s.class == "waits" {
		size *= 0.6
	}
	return fmt.Sprintf(`<circle class="stop %s"%s data-truck="%s" cx="%.1f" cy="%.1f" r="%.1f"><title>%s</title></circle>`, s.class, drag, template.HTMLEscapeString(s.truck), s.x, s.y, size, template.HTMLEscapeString(s.words))
}
