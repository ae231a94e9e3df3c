package water

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"polity/access"
	"polity/console/frame"
	"polity/service"
	"polity/services/water/live"
	"polity/services/water/pumping"
)

// operationView is how the network runs: pumps, age, and where something came from.
type operationView struct {
	Off, Problem string
	Simulated    bool
	Computing    bool
	At           template.HTML
	Desk         bool // the reader may ask for what is computed

	HasPumps     bool
	PumpsProblem string
	Tariff       string
	Pumps        []pumpRow
	Outcomes     []outcomeRow
	Tanks        []tankView
	Bound        string
	Tried        bool
	TriedProblem string
	AgeProblem   string
	Ages         []nodeRow
	AgeWords     string
	Trace        *traceView
	Samples      string
	Told         string // the way to samples from what residents reported
}

type pumpRow struct{ Name, Now, Proposed, Try, Field string }

type outcomeRow struct {
	Name, Cost, Energy, Lowest string
	Bounds                     []frame.Sign
}

type tankView struct {
	Name  string
	Words string
	Line  template.HTML
}

type traceView struct {
	Busy     bool
	Problem  string
	Samples  []sampleRow
	Sources  []sourceRow
	Words    string
	Measures []measureRow
}

type sampleRow struct {
	Node, Hours string
	State       frame.Sign
}

type sourceRow struct{ Node, Chance, Since, Agrees string }

type measureRow struct{ What, How, Used, Reached, Dry string }

func (c *Console) operationPage(w http.ResponseWriter, r *frame.Request) error {
	return c.showOperation(w, r, http.StatusOK, "", "")
}

func (c *Console) showOperation(w http.ResponseWriter, r *frame.Request, status int, problem, samples string) error {
	title := c.Say("water.operation")
	desk, runs := c.service.(Desk)
	if !runs {
		return c.Render(w, r, http.StatusOK, frame.Page{Template: "water/operation", Title: title, Data: operationView{Off: c.Say("services.off", "name", "water")}})
	}
	now, o := desk.View(), desk.Operation()
	v := operationView{
		Simulated: now.Simulated, Computing: o.At.IsZero(), At: r.Clock.Time(o.At), Problem: problem, Samples: samples,
		Desk: c.Allowed(r, access.Decide, access.Service(access.Water)), AgeProblem: o.AgeProblem,
	}
	c.pumps(r, desk, &o, &v)
	c.ages(&now, &o, &v)
	if o.Trace != nil {
		v.Trace = c.trace(o.Trace)
		if v.Samples == "" {
			v.Samples = o.Trace.Text
		}
	}
	if told := desk.ReportSamples(); told != "" && v.Desk {
		if v.Told = "?samples=reports#trace"; r.URL.Query().Get("samples") == "reports" {
			v.Samples = told
		}
	}
	return c.Render(w, r, status, frame.Page{Template: "water/operation", Title: title, Data: v})
}

func (c *Console) pumps(r *frame.Request, desk Desk, o *live.Operation, v *operationView) {
	p := &o.Pumps
	v.HasPumps, v.PumpsProblem = len(p.Names) > 0, p.Problem
	if p.Tariff != nil {
		v.Tariff = c.Say("water.pumps.tariff", "low", fmt.Sprintf("%.2f", slices.Min(p.Tariff[:])), "high", fmt.Sprintf("%.2f", slices.Max(p.Tariff[:])))
		if p.Assumed {
			v.Tariff += " " + c.Say("water.pumps.assumed")
		}
	}
	var tried [][]int
	for k, name := range p.Names {
		x := pumpRow{Name: name, Proposed: "–", Field: fmt.Sprintf("pump%d", k)}
		if p.Advice != nil {
			x.Proposed = c.hours(live.Runs(p.Advice.Plan, k))
			x.Try = x.Proposed
		}
		if text := r.URL.Query().Get(x.Field); text != "" || r.URL.Query().Has(x.Field) {
			v.Tried, x.Try = true, text
			hours, err := live.ReadHours(text)
			if err != nil && v.TriedProblem == "" {
				v.TriedProblem = name + ": " + err.Error()
			}
			tried = append(tried, hours)
		}
		v.Pumps = append(v.Pumps, x)
	}
	add := func(key string, out *pumping.Outcome) {
		x := outcomeRow{Name: c.Say(key), Cost: fmt.Sprintf("%.2f", out.Cost), Energy: fmt.Sprintf("%.0f\u00a0kWh", out.Energy), Lowest: c.Say("water.pumps.lowest", "metres", fmt.Sprintf("%.0f", out.Lowest), "node", out.LowestAt)}
		for _, broken := range out.Broken {
			x.Bounds = append(x.Bounds, frame.Attention(broken))
		}
		if len(out.Broken) == 0 {
			x.Bounds = []frame.Sign{frame.Live(c.Say("water.pumps.kept"))}
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
		v.Bound = c.Say("water.pumps.bound", "cost", fmt.Sprintf("%.2f", p.Advice.Bound))
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
		v.Tanks = append(v.Tanks, c.tank(name, k, p.Low[k], p.High[k], lines))
	}
}

func (c *Console) hours(hours []int) string {
	if len(hours) == 0 {
		return ""
	}
	return live.HoursWords(hours)
}

// Measures of the drawing of a tank's level over a day.
const (
	tankWide = 480.0
	tankHigh = 120.0
)

// tankView draws a tank's level over the day by each plan, between its bounds.
func (c *Console) tank(name string, k int, low, high float64, plans map[string]*pumping.Outcome) tankView {
	least, most := low, high
	for _, o := range plans {
		for _, l := range o.Levels {
			least, most = min(least, l[k]), max(most, l[k])
		}
	}
	y := func(level float64) float64 { return tankHigh - 8 - (level-least)/max(most-least, 1e-9)*(tankHigh-16) }
	var b strings.Builder
	fmt.Fprintf(&b, `<rect class="within" x="0" y="%.1f" width="%.0f" height="%.1f"/>`, y(high), tankWide, y(low)-y(high))
	words := []string{c.Say("water.tank.bounds", "low", fmt.Sprintf("%.2f", low), "high", fmt.Sprintf("%.2f", high))}
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
		words = append(words, c.Say("water.tank."+key, "from", fmt.Sprintf("%.2f", from), "to", fmt.Sprintf("%.2f", to), "end", fmt.Sprintf("%.2f", o.Levels[len(o.Levels)-1][k])))
	}
	return tankView{name, strings.Join(words, " "), template.HTML(fmt.Sprintf(`<svg class="water-tank" viewBox="0 0 %.0f %.0f" aria-hidden="true">%s</svg>`, tankWide, tankHigh, b.String()))} //nolint:gosec // numbers
}

const oldestShown = 12

func (c *Console) ages(now *live.View, o *live.Operation, v *operationView) {
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
	v.AgeWords = c.Say("water.age.words", "n", old, "hours", oldWater, "nodes", len(order))
	if !o.Settled {
		v.AgeWords += " " + c.Say("water.age.unsettled")
	}
	for _, i := range order[:min(oldestShown, len(order))] {
		v.Ages = append(v.Ages, nodeRow{Name: now.Nodes[i].Name, Age: fmt.Sprintf("%.0f h", o.Age[i])})
	}
}

// oldWater is an age (h) from which water is looked after.
const oldWater = 72

func (c *Console) trace(t *live.Trace) *traceView {
	v := &traceView{Busy: t.Busy, Problem: t.Problem}
	for _, x := range t.Samples {
		state := frame.Live(c.Say("water.sample.clean"))
		if x.Seen {
			state = frame.Attention(c.Say("water.sample.seen"))
		}
		v.Samples = append(v.Samples, sampleRow{x.Node, fmt.Sprintf("%.1f h", x.Hours), state})
	}
	for _, x := range t.Sources {
		v.Sources = append(v.Sources, sourceRow{x.Node, service.Chance(x.Chance), fmt.Sprintf("%.1f h", x.Since), c.Say("water.source.agrees", "n", x.Agrees, "all", len(t.Samples))})
	}
	if len(t.Sources) > 0 {
		v.Words = c.Say("water.trace.words", "node", t.Sources[0].Node, "n", t.Reached, "hours", t.Hours)
	}
	for _, m := range t.Measures {
		var how []string
		if len(m.Pipes) > 0 {
			how = append(how, c.Say("water.measure.pipes", "names", strings.Join(m.Pipes, ", ")))
			if len(m.Valves) > 0 {
				how = append(how, c.Say("water.measure.valves", "names", strings.Join(m.Valves, ", ")))
			} else {
				how = append(how, c.Say("water.measure.novalves"))
			}
		}
		if m.Flush != "" {
			how = append(how, c.Say("water.measure.flush", "node", m.Flush))
		}
		if m.Hydrant != "" {
			how = append(how, c.Say("water.measure.hydrant", "name", m.Hydrant))
		}
		what := m.What
		if m.Flush != "" {
			what += " at " + m.Flush
		}
		v.Measures = append(v.Measures, measureRow{what, strings.Join(how, " "), fmt.Sprintf("%.0f m³", m.Used), fmt.Sprint(m.Reached), fmt.Sprint(m.Dry)})
	}
	return v
}

// search begins the search for the source of a contamination.
func (c *Console) search(w http.ResponseWriter, r *frame.Request) error {
	desk, err := c.form(w, r)
	if err != nil {
		return err
	}
	samples := strings.ReplaceAll(r.PostFormValue("samples"), "\r\n", "\n")
	if err := desk.Search(samples); err != nil {
		return c.showOperation(w, r, http.StatusBadRequest, err.Error(), samples)
	}
	http.Redirect(w, r.Request, "/services/water/operation#trace", http.StatusSeeOther)
	return nil
}

// reportRow keeps what a resident told the desk, or forgets what was told.
func (c *Console) takeReport(w http.ResponseWriter, r *frame.Request) error {
	desk, err := c.form(w, r)
	if err != nil {
		return err
	}
	if where := r.PostFormValue("forget"); where != "" {
		if err := desk.Forget(r.PostFormValue("what"), where); err != nil {
			return err
		}
		http.Redirect(w, r.Request, frame.Saying("/services/water", "forgot")+"#reports", http.StatusSeeOther)
		return nil
	}
	if err := desk.Report(r.PostFormValue("what"), r.PostFormValue("pipe")); err != nil {
		return err
	}
	http.Redirect(w, r.Request, frame.Saying("/services/water", "report"), http.StatusSeeOther)
	return nil
}

// form is the running service, for a form that was sent.
func (c *Console) form(w http.ResponseWriter, r *frame.Request) (Desk, error) {
	desk, err := frame.Running[Desk](c.Frame, access.Water, c.service)
	if err != nil {
		return nil, err
	}
	return desk, c.ReadForm(w, r)
}

// reports lists what residents told, and says who may add to it.
func (c *Console) reports(r *frame.Request, now *live.View, v *deskView) {
	v.MayReport = c.Allowed(r, access.Decide, access.Service(access.Water))
	v.ReportKinds = c.reportKinds()
	for _, x := range slices.Backward(now.Reports) {
		if len(v.Reports) == reportsShown {
			break
		}
		o := reportRow{What: x.What, Where: x.Where(), Words: c.HTML("water.report.line", "what", c.Say("water.report."+x.What), "pipe", x.Pipe, "at", r.Clock.Time(x.At))}
		if x.Street != "" {
			o.Words = c.HTML("water.report.sent", "n", x.Times, "what", c.Say("water.report."+x.What), "street", x.Street, "at", r.Clock.Time(x.At))
		}
		v.Reports = append(v.Reports, o)
	}
	switch said := r.URL.Query().Get("said"); said {
	case "report", "forgot":
		v.Said = c.Say("water.reports.said." + said)
	}
}

const reportsShown = 20
