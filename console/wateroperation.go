package console

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"polity/access"
	"polity/city"
	"polity/internal/pdf"
	"polity/room/order"
	"polity/service"
	water "polity/services/water/live"
	"polity/services/water/pumping"
)

// waterOperation is how the network runs: pumps, age, and where something came from.
type waterOperation struct {
	Off, Problem string
	Simulated    bool
	Computing    bool
	At           template.HTML
	Desk         bool // the reader may ask for what is computed

	HasPumps     bool
	PumpsProblem string
	Tariff       string
	Pumps        []waterPump
	Outcomes     []waterOutcome
	Tanks        []waterTank
	Bound        string
	Tried        bool
	TriedProblem string
	AgeProblem   string
	Ages         []waterNode
	AgeWords     string
	Trace        *waterTrace
	Samples      string
	Told         string // the way to samples from what residents reported
}

type waterPump struct{ Name, Now, Proposed, Try, Field string }

type waterOutcome struct {
	Name, Cost, Energy, Lowest string
	Bounds                     []sign
}

type waterTank struct {
	Name  string
	Words string
	Line  template.HTML
}

type waterTrace struct {
	Busy     bool
	Problem  string
	Samples  []waterSample
	Sources  []waterSource
	Words    string
	Measures []waterMeasure
}

type waterSample struct {
	Node, Hours string
	State       sign
}

type waterSource struct{ Node, Chance, Since, Agrees string }

type waterMeasure struct{ What, How, Used, Reached, Dry string }

func (c *Console) waterOperation(w http.ResponseWriter, r *request) error {
	return c.showWaterOperation(w, r, http.StatusOK, "", "")
}

func (c *Console) showWaterOperation(w http.ResponseWriter, r *request, status int, problem, samples string) error {
	title := c.say.Say("water.operation")
	desk, runs := c.cfg.Services[access.Water].(WaterDesk)
	if !runs {
		return c.render(w, r, http.StatusOK, page{Template: "wateroperation", Title: title, Data: waterOperation{Off: c.say.Say("services.off", "name", "water")}})
	}
	now, o := desk.View(), desk.Operation()
	v := waterOperation{
		Simulated: now.Simulated, Computing: o.At.IsZero(), At: r.clock.Time(o.At), Problem: problem, Samples: samples,
		Desk: c.allowed(r, access.Decide, access.Service(access.Water)), AgeProblem: o.AgeProblem,
	}
	c.waterPumps(r, desk, &o, &v)
	c.waterAges(&now, &o, &v)
	if o.Trace != nil {
		v.Trace = c.waterTrace(o.Trace)
		if v.Samples == "" {
			v.Samples = o.Trace.Text
		}
	}
	if told := desk.ReportSamples(); told != "" && v.Desk {
		if v.Told = "?samples=reports#trace"; r.URL.Query().Get("samples") == "reports" {
			v.Samples = told
		}
	}
	return c.render(w, r, status, page{Template: "wateroperation", Title: title, Data: v})
}

func (c *Console) waterPumps(r *request, desk WaterDesk, o *water.Operation, v *waterOperation) {
	p := &o.Pumps
	v.HasPumps, v.PumpsProblem = len(p.Names) > 0, p.Problem
	if p.Tariff != nil {
		v.Tariff = c.say.Say("water.pumps.tariff", "low", fmt.Sprintf("%.2f", slices.Min(p.Tariff[:])), "high", fmt.Sprintf("%.2f", slices.Max(p.Tariff[:])))
		if p.Assumed {
			v.Tariff += " " + c.say.Say("water.pumps.assumed")
		}
	}
	var tried [][]int
	for k, name := range p.Names {
		x := waterPump{Name: name, Proposed: "–", Field: fmt.Sprintf("pump%d", k)}
		if p.Advice != nil {
			x.Proposed = c.waterHours(water.Runs(p.Advice.Plan, k))
			x.Try = x.Proposed
		}
		if text := r.URL.Query().Get(x.Field); text != "" || r.URL.Query().Has(x.Field) {
			v.Tried, x.Try = true, text
			hours, err := water.ReadHours(text)
			if err != nil && v.TriedProblem == "" {
				v.TriedProblem = name + ": " + err.Error()
			}
			tried = append(tried, hours)
		}
		v.Pumps = append(v.Pumps, x)
	}
	add := func(key string, out *pumping.Outcome) {
		x := waterOutcome{Name: c.say.Say(key), Cost: fmt.Sprintf("%.2f", out.Cost), Energy: fmt.Sprintf("%.0f\u00a0kWh", out.Energy), Lowest: c.say.Say("water.pumps.lowest", "metres", fmt.Sprintf("%.0f", out.Lowest), "node", out.LowestAt)}
		for _, broken := range out.Broken {
			x.Bounds = append(x.Bounds, sign{"attention", broken})
		}
		if len(out.Broken) == 0 {
			x.Bounds = []sign{{"live", c.say.Say("water.pumps.kept")}}
		}
		v.Outcomes = append(v.Outcomes, x)
	}
	lines := map[string]*pumping.Outcome{}
	if p.Now != nil {
		add("water.pumps.now", p.Now)
		lines["now"] = p.Now
	}
	if p.Advice != nil {
		add("water.pumps.proposed", p.Advice.Outcome)
		lines["proposed"] = p.Advice.Outcome
		v.Bound = c.say.Say("water.pumps.bound", "cost", fmt.Sprintf("%.2f", p.Advice.Bound))
	}
	if v.Tried && v.TriedProblem == "" && len(tried) == len(p.Names) {
		out, err := desk.TryPumps(r.Context(), tried)
		if err != nil {
			v.TriedProblem = err.Error()
		} else {
			add("water.pumps.tried", out)
			lines["tried"] = out
		}
	}
	for k, name := range p.Tanks {
		v.Tanks = append(v.Tanks, c.waterTank(name, k, p.Low[k], p.High[k], lines))
	}
}

func (c *Console) waterHours(hours []int) string {
	if len(hours) == 0 {
		return ""
	}
	return water.HoursWords(hours)
}

// Measures of the drawing of a tank's level over a day.
const (
	tankWide = 480.0
	tankHigh = 120.0
)

// waterTank draws a tank's level over the day by each plan, between its bounds.
func (c *Console) waterTank(name string, k int, low, high float64, plans map[string]*pumping.Outcome) waterTank {
	least, most := low, high
	for _, o := range plans {
		for _, l := range o.Levels {
			least, most = min(least, l[k]), max(most, l[k])
		}
	}
	y := func(level float64) float64 { return tankHigh - 8 - (level-least)/max(most-least, 1e-9)*(tankHigh-16) }
	var b strings.Builder
	fmt.Fprintf(&b, `<rect class="within" x="0" y="%.1f" width="%.0f" height="%.1f"/>`, y(high), tankWide, y(low)-y(high))
	words := []string{c.say.Say("water.tank.bounds", "low", fmt.Sprintf("%.2f", low), "high", fmt.Sprintf("%.2f", high))}
	for _, key := range []string{"now", "proposed", "tried"} {
		o := plans[key]
		if o == nil || len(o.Levels) < 2 {
			continue
		}
		from, to := o.Levels[0][k], o.Levels[0][k]
		pen := "M"
		var path strings.Builder
		for h, l := range o.Levels {
			fmt.Fprintf(&path, "%s%.1f %.1f", pen, float64(h)/float64(len(o.Levels)-1)*tankWide, y(l[k]))
			pen, from, to = "L", min(from, l[k]), max(to, l[k])
		}
		fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, key, path.String())
		words = append(words, c.say.Say("water.tank."+key, "from", fmt.Sprintf("%.2f", from), "to", fmt.Sprintf("%.2f", to), "end", fmt.Sprintf("%.2f", o.Levels[len(o.Levels)-1][k])))
	}
	return waterTank{name, strings.Join(words, " "), template.HTML(fmt.Sprintf(`<svg class="water-tank" viewBox="0 0 %.0f %.0f" aria-hidden="true">%s</svg>`, tankWide, tankHigh, b.String()))} //nolint:gosec // numbers
}

const oldestShown = 12

func (c *Console) waterAges(now *water.View, o *water.Operation, v *waterOperation) {
	if len(o.Age) != len(now.Nodes) {
		return
	}
	var order []int
	for i, n := range now.Nodes {
		if n.Kind == "junction" {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(o.Age[b], o.Age[a]) })
	old := 0
	for _, i := range order {
		if o.Age[i] >= oldWater {
			old++
		}
	}
	v.AgeWords = c.say.Say("water.age.words", "n", old, "hours", oldWater, "nodes", len(order))
	if !o.Settled {
		v.AgeWords += " " + c.say.Say("water.age.unsettled")
	}
	for _, i := range order[:min(oldestShown, len(order))] {
		v.Ages = append(v.Ages, waterNode{Name: now.Nodes[i].Name, Age: fmt.Sprintf("%.0f h", o.Age[i])})
	}
}

// oldWater is an age (h) from which water is looked after.
const oldWater = 72

func (c *Console) waterTrace(t *water.Trace) *waterTrace {
	v := &waterTrace{Busy: t.Busy, Problem: t.Problem}
	for _, x := range t.Samples {
		state := sign{"live", c.say.Say("water.sample.clean")}
		if x.Seen {
			state = sign{"attention", c.say.Say("water.sample.seen")}
		}
		v.Samples = append(v.Samples, waterSample{x.Node, fmt.Sprintf("%.1f h", x.Hours), state})
	}
	for _, x := range t.Sources {
		v.Sources = append(v.Sources, waterSource{x.Node, service.Chance(x.Chance), fmt.Sprintf("%.1f h", x.Since), c.say.Say("water.source.agrees", "n", x.Agrees, "all", len(t.Samples))})
	}
	if len(t.Sources) > 0 {
		v.Words = c.say.Say("water.trace.words", "node", t.Sources[0].Node, "n", t.Reached, "hours", t.Hours)
	}
	for _, m := range t.Measures {
		var how []string
		if len(m.Pipes) > 0 {
			how = append(how, c.say.Say("water.measure.pipes", "names", strings.Join(m.Pipes, ", ")))
			if len(m.Valves) > 0 {
				how = append(how, c.say.Say("water.measure.valves", "names", strings.Join(m.Valves, ", ")))
			} else {
				how = append(how, c.say.Say("water.measure.novalves"))
			}
		}
		if m.Flush != "" {
			how = append(how, c.say.Say("water.measure.flush", "node", m.Flush))
		}
		if m.Hydrant != "" {
			how = append(how, c.say.Say("water.measure.hydrant", "name", m.Hydrant))
		}
		what := m.What
		if m.Flush != "" {
			what += " at " + m.Flush
		}
		v.Measures = append(v.Measures, waterMeasure{what, strings.Join(how, " "), fmt.Sprintf("%.0f m³", m.Used), fmt.Sprint(m.Reached), fmt.Sprint(m.Dry)})
	}
	return v
}

// waterSearch begins the search for the source of a contamination.
func (c *Console) waterSearch(w http.ResponseWriter, r *request) error {
	desk, err := c.waterDesk(w, r)
	if err != nil {
		return err
	}
	samples := strings.ReplaceAll(r.PostFormValue("samples"), "\r\n", "\n")
	if err := desk.Search(samples); err != nil {
		return c.showWaterOperation(w, r, http.StatusBadRequest, err.Error(), samples)
	}
	http.Redirect(w, r.Request, "/services/water/operation#trace", http.StatusSeeOther)
	return nil
}

// waterReport keeps what a resident told the desk, or forgets what was told.
func (c *Console) waterReport(w http.ResponseWriter, r *request) error {
	desk, err := c.waterDesk(w, r)
	if err != nil {
		return err
	}
	if where := r.PostFormValue("forget"); where != "" {
		if err := desk.Forget(r.PostFormValue("what"), where); err != nil {
			return err
		}
		http.Redirect(w, r.Request, saying("/services/water", "forgot")+"#reports", http.StatusSeeOther)
		return nil
	}
	if err := desk.Report(r.PostFormValue("what"), r.PostFormValue("pipe")); err != nil {
		return err
	}
	http.Redirect(w, r.Request, saying("/services/water", "report"), http.StatusSeeOther)
	return nil
}

// waterDesk is the running service, for a form that was sent.
func (c *Console) waterDesk(w http.ResponseWriter, r *request) (WaterDesk, error) {
	desk, err := running[WaterDesk](c, access.Water)
	if err != nil {
		return nil, err
	}
	return desk, form(w, r)
}

// waterReports lists what residents told, and says who may add to it.
func (c *Console) waterReports(r *request, now *water.View, v *waterView) {
	v.MayReport = c.allowed(r, access.Decide, access.Service(access.Water))
	v.ReportKinds = c.waterKinds()
	for _, x := range slices.Backward(now.Reports) {
		if len(v.Reports) == reportsShown {
			break
		}
		o := waterReport{What: x.What, Where: x.Where(), Words: c.html("water.report.line", "what", c.say.Say("water.report."+x.What), "pipe", x.Pipe, "at", r.clock.Time(x.At))}
		if x.Street != "" {
			o.Words = c.html("water.report.sent", "n", x.Times, "what", c.say.Say("water.report."+x.What), "street", x.Street, "at", r.clock.Time(x.At))
		}
		v.Reports = append(v.Reports, o)
	}
	switch said := r.URL.Query().Get("said"); said {
	case "report", "forgot":
		v.Said = c.say.Say("water.reports.said." + said)
	}
}

const reportsShown = 20

// waterSheet is a plan of valves for a crew, as PDF: customers are counts.
func (c *Console) waterSheet(w http.ResponseWriter, r *request) error {
	return c.waterSheetOf(w, r.URL.Query().Get("pipe"))
}

// waterPipe begins the asset of a work order at a pipe.
const waterPipe = "urn:ngsi-ld:Pipe:"

// orderSheet is the way to the sheet of a work order; empty: it has none.
func (c *Console) orderSheet(o *order.Order) string {
	_, runs := c.cfg.Services[access.Water].(WaterDesk)
	if !runs || o.Desk != access.Water || o.Source.From != order.FromDecision || !strings.HasPrefix(o.Asset, waterPipe) {
		return ""
	}
	return orderPath(o) + "/sheet.pdf"
}

// orderSheetPDF is the sheet of a work order, for whoever may see the order: its crew does.
func (c *Console) orderSheetPDF(w http.ResponseWriter, r *request) error {
	book, by, err := c.orders(r)
	if err != nil {
		return err
	}
	o, err := book.Get(r.Context(), by, r.PathValue("order"))
	if err != nil {
		return err
	}
	if c.orderSheet(&o) == "" {
		return city.Errorf(city.NotFound, "%s", c.say.Say("order.sheet.none"))
	}
	return c.waterSheetOf(w, strings.TrimPrefix(o.Asset, waterPipe))
}

func (c *Console) waterSheetOf(w http.ResponseWriter, pipe string) error {
	desk, err := running[WaterDesk](c, access.Water)
	if err != nil {
		return err
	}
	plan, err := desk.Isolate(pipe)
	if err != nil {
		return err
	}
	now := desk.View()
	p := c.waterPlan(&now, &plan)
	doc := pdf.New()
	doc.Text(p.Title, pdf.TitleSize, true, 0)
	if now.Simulated {
		doc.Text(c.say.Say("water.sheet.simulated"), pdf.TextSize, true, 4)
	}
	doc.Text(c.say.Say("water.sheet.made", "at", c.cfg.Now().UTC().Format("2006-01-02 15:04 UTC")), pdf.TextSize, false, 4)
	doc.Text(p.Valves+" "+p.Dry, pdf.TextSize, false, 10)
	if p.Hydrants != "" {
		doc.Text(p.Hydrants, pdf.TextSize, false, 6)
	}
	doc.Text(c.say.Say("water.sheet.valves"), pdf.HeadSize, true, 14)
	widths := []float64{200, 70, 100}
	doc.Row([]string{c.say.Say("water.valve"), c.say.Say("water.valve.place"), c.say.Say("water.valve.now"), c.say.Say("water.sheet.done")}, widths, pdf.TextSize, true)
	for _, x := range p.Rows {
		doc.Row([]string{x.Name, x.Where, x.State, "[    ]   ____:____"}, widths, pdf.TextSize, false)
	}
	for _, key := range []string{"water.sheet.listen", "water.sheet.reopen"} {
		doc.Text(c.say.Say(key), pdf.TextSize, false, 8)
	}
	w.Header().Set("Content-Type", "application/pdf")
	w.Header().Set("Content-Disposition", `attachment; filename="valves.pdf"`)
	_, err = w.Write(doc.File(p.Title))
	return err
}
