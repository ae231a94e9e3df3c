package traffic

import (
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/room/decision"
	"polity/services/traffic/live"
)

// Desk is the traffic service as its page asks it.
type Desk interface {
	View() live.View
	// HoldUntil notes until when a junction stays on its own plan, once the decision by
	// which it is led is overridden; the zero time: until a person agrees.
	HoldUntil(junction string, until time.Time) error
}

type deskView struct {
	Said         string
	Off          string // why there is nothing to show; empty: the service runs
	Simulated    bool
	Summary      string
	State        frame.Sign
	At           template.HTML
	Desk         bool   // the reader works at the desk
	Decisions    string // address; empty: the reader decides nothing
	Figures      []figure
	Counted      string
	Few          string // why there are no figures yet
	Junctions    []junctionView
	Map          mapView
	Diagram      template.HTML
	DiagramWords string
}

type figure struct{ Name, Fixed, Now, Change string }

type junctionView struct {
	ID, Name, Note, Reason string
	Anchor                 string
	Number                 int    // on the map
	Leads                  string // the decision that can be undone here; empty: none
	Ends                   template.HTML
	State                  frame.Sign
	Plans                  string // address of the page of its plans; empty: the reader sees none
	Since                  template.HTML
	Queues                 []queueView
}

type queueView struct {
	Name, Wait, Waiting, Served string
	Signal, Word                string
	Walkers                     bool
}

// deskPage is for everyone: who decides at each junction, who waits and how long, and what
// that saves. The desk sees each second's reason, who took a junction back, and the decisions.
func (c *Console) deskPage(w http.ResponseWriter, r *frame.Request) error {
	title := c.Say("services.traffic.title")
	desk, runs := c.service.(Desk)
	if !runs {
		return c.Render(w, r, http.StatusOK, frame.Page{Template: "traffic/desk", Title: title, Data: deskView{Off: c.Say("services.off", "name", "traffic")}})
	}
	now := desk.View()
	v := deskView{Simulated: now.Simulated, At: r.Clock.Time(now.At), Desk: c.Allowed(r, access.SeeAlerts, access.Service(access.Traffic))}
	may := false
	if v.Desk && c.decisions.On() {
		v.Decisions = "/decisions"
		may = c.Allowed(r, access.Decide, access.Service(access.Traffic))
	}
	if key := "traffic.said." + r.URL.Query().Get("said"); c.Forms(key) != nil {
		v.Said = c.Say(key)
	}
	led, trouble := 0, false
	for i := range now.Junctions {
		j := &now.Junctions[i]
		if j.Mode == live.Adaptive {
			led++
		}
		trouble = trouble || j.Mode == live.Away || j.Mode == live.ByPlan || j.Mode == live.Actuated
		x := c.junctionView(r, j, v.Desk)
		if !may {
			x.Leads = ""
		}
		x.Anchor, x.Number = junctionAnchor(i), i+1
		v.Junctions = append(v.Junctions, x)
	}
	v.Map = c.drawJunctions(v.Junctions, &now)
	v.Summary = c.Say("traffic.summary", "n", led, "of", len(now.Junctions))
	v.State = frame.Live(c.Say("traffic.state.well"))
	if trouble {
		v.State = frame.Attention(c.Say("traffic.state.trouble"))
	}
	v.Figures = c.figures(&now)
	if now.Now != nil && v.Figures == nil {
		v.Few = c.Say("traffic.few", "n", now.Now.Trips.Count, "of", fewTrips)
	}
	if now.Now != nil {
		v.Counted = c.Say("traffic.counted", "n", now.Now.Trips.Count, "walkers", now.Now.Walks.Count)
	}
	if now.Diagram != nil {
		v.Diagram, v.DiagramWords = c.timeSpace(now.Diagram)
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "traffic/desk", Title: title, Data: v})
}

func (c *Console) junctionView(r *frame.Request, j *live.JunctionView, desk bool) junctionView {
	signs := map[live.Mode]string{live.Adaptive: "live", live.Joining: "live", live.Actuated: "attention", live.ByPlan: "attention", live.Away: "stopped"}
	x := junctionView{ID: j.ID, Name: j.Name, Leads: j.Leads, State: frame.Sign{Sign: orUnknown(signs[j.Mode]), Word: c.Say("traffic.mode." + string(j.Mode))}, Note: c.Say("traffic.mode." + string(j.Mode) + ".what")}
	if !j.Since.IsZero() {
		x.Since = r.Clock.Time(j.Since)
	}
	if j.Mode == live.Held && !j.Ends.IsZero() {
		x.Ends = r.Clock.Time(j.Ends)
	}
	if desk {
		x.Plans = "/services/traffic/plans/" + url.PathEscape(j.ID)
		x.Reason = j.Reason
		if j.Mode == live.Held && j.By != "" {
			x.Reason = c.Say("traffic.heldby", "name", j.By)
		}
	}
	for _, q := range j.Approaches {
		x.Queues = append(x.Queues, c.queueView(q, false))
	}
	for _, q := range j.Crossings {
		x.Queues = append(x.Queues, c.queueView(q, true))
	}
	return x
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func (c *Console) queueView(q live.QueueView, walkers bool) queueView {
	x := queueView{Name: q.Name, Wait: "–", Waiting: strconv.Itoa(q.Now), Served: strconv.Itoa(q.Served), Signal: string(q.Signal), Word: c.Say("traffic.signal." + string(q.Signal)), Walkers: walkers}
	if walkers {
		x.Name = c.Say("traffic.onfoot", "where", q.Name)
	}
	if q.Served > 0 {
		x.Wait = seconds(q.Mean)
	}
	return x
}

// fewTrips are too few vehicles to say anything of a street.
const fewTrips = 30

func seconds(v float64) string { return fmt.Sprintf("%.0f s", v) }

// figures sets what is beside what would be if each junction kept to its plan.
func (c *Console) figures(v *live.View) []figure {
	if v.Now == nil || v.Fixed == nil || min(v.Now.Trips.Count, v.Fixed.Trips.Count) < fewTrips {
		return nil
	}
	row := func(key string, fixed, now float64, unit string) figure {
		f := figure{Name: c.Say("traffic.figure." + key), Fixed: fmt.Sprintf("%.0f%s", fixed, unit), Now: fmt.Sprintf("%.0f%s", now, unit), Change: "–"}
		if fixed > 0 {
			f.Change = fmt.Sprintf("%+.0f %%", 100*(now-fixed)/fixed)
			if math.Abs(now-fixed) < fixed/200 {
				f.Change = "0 %"
			}
		}
		return f
	}
	list := []figure{
		row("delay", v.Fixed.Trips.Mean, v.Now.Trips.Mean, " s"),
		row("stopped", 100*v.Fixed.Trips.Stopped, 100*v.Now.Trips.Stopped, " %"),
	}
	if v.Now.Buses.Count > 0 && v.Fixed.Buses.Count > 0 {
		list = append(list, row("bus", v.Fixed.Buses.Mean, v.Now.Buses.Mean, " s"))
	}
	if v.Now.Walks.Count > 0 && v.Fixed.Walks.Count > 0 {
		list = append(list, row("walk", v.Fixed.Walks.Mean, v.Now.Walks.Mean, " s"), row("longest", v.Fixed.Walks.Longest, v.Now.Walks.Longest, " s"))
	}
	return list
}

// Measures of the time-space diagram.
const (
	spaceWide, spaceHigh = 900, 380
	spaceLeft, spaceTop  = 20, 16
	spaceBottom          = 30
)

// timeSpace draws the corridor: time to the right, distance upward; a thick bar where the way
// along has red, a thin one where it has green, a line for each made-up vehicle.
func (c *Console) timeSpace(d *live.Diagram) (template.HTML, string) {
	x := func(t float64) float64 {
		return spaceLeft + (t+d.Seconds)/max(1, d.Seconds)*(spaceWide-spaceLeft-10)
	}
	y := func(m float64) float64 {
		return spaceHigh - spaceBottom - m/max(1, d.Length)*(spaceHigh-spaceTop-spaceBottom)
	}
	var b strings.Builder
	for _, track := range d.Tracks {
		var points strings.Builder
		for _, p := range track {
			if p[0] >= -d.Seconds {
				fmt.Fprintf(&points, "%.0f,%.0f ", x(p[0]), y(p[1]))
			}
		}
		fmt.Fprintf(&b, `<polyline class="track" points="%s"/>`, strings.TrimSpace(points.String()))
	}
	for _, s := range d.Stops {
		red := max(s.Known, -d.Seconds)
		bar := func(class string, from, to float64) {
			if to > from {
				fmt.Fprintf(&b, `<line class="%s" x1="%.1f" x2="%.1f" y1="%.0f" y2="%.0f"/>`, class, x(from), x(to), y(s.At), y(s.At))
			}
		}
		for _, g := range s.Greens {
			from, to := max(g[0], -d.Seconds), min(g[1], 0)
			bar("red", red, from)
			bar("green", from, to)
			red = max(red, to)
		}
		bar("red", red, 0)
		fmt.Fprintf(&b, `<text class="name" x="%d" y="%.0f" text-anchor="end">%s</text>`, spaceWide-14, y(s.At)-7, template.HTMLEscapeString(s.Name))
	}
	bottom := spaceHigh - spaceBottom
	fmt.Fprintf(&b, `<line class="axis" x1="%d" x2="%d" y1="%d" y2="%d"/>`, spaceLeft, spaceWide-10, bottom, bottom)
	for m := 0.0; m <= d.Seconds; m += 60 {
		label := c.Say("traffic.diagram.now")
		if m > 0 {
			label = fmt.Sprintf("−%.0f min", m/60)
		}
		anchor := "middle"
		switch m {
		case 0:
			anchor = "end"
		case d.Seconds:
			anchor = "start"
		}
		fmt.Fprintf(&b, `<line class="axis" x1="%.0f" x2="%.0f" y1="%d" y2="%d"/><text x="%.0f" y="%d" text-anchor="%s">%s</text>`, x(-m), x(-m), bottom, bottom+5, x(-m), bottom+20, anchor, template.HTMLEscapeString(label))
	}
	words := c.Say("traffic.diagram.words", "n", len(d.Stops))
	svg := fmt.Sprintf(`<svg class="timespace" viewBox="0 0 %d %d" role="img" aria-label="%s">%s</svg>`, spaceWide, spaceHigh, template.HTMLEscapeString(words), b.String())
	return template.HTML(svg), words //nolint:gosec // numbers, and names that were escaped
}

// holdJunction gives a junction back to its own plan for some hours, or until a person agrees
// to lead it again: the decision by which it is led is overridden, with the reason.
func (c *Console) holdJunction(w http.ResponseWriter, r *frame.Request) error {
	desk, err := frame.Running[Desk](c.Frame, access.Traffic, c.service)
	if err != nil {
		return err
	}
	book, by, err := c.decisions.Book(r)
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	hours, err := strconv.Atoi(r.PostFormValue("hours"))
	note := strings.TrimSpace(r.PostFormValue("note"))
	if err != nil || hours < 0 || hours > 168 || note == "" {
		return city.Errorf(city.Invalid, "%s", c.Say("traffic.hold.invalid"))
	}
	junction, leads := r.PostFormValue("junction"), ""
	now := desk.View()
	for i := range now.Junctions {
		if now.Junctions[i].ID == junction {
			leads = now.Junctions[i].Leads
		}
	}
	if leads == "" {
		return city.Errorf(city.Conflict, "%s", c.Say("traffic.hold.not"))
	}
	d, err := book.One(r.Context(), by, access.Traffic, leads)
	if err != nil {
		return err
	}
	var until time.Time
	if hours > 0 {
		until = now.At.Add(time.Duration(hours) * time.Hour)
		note = c.Say("traffic.hold.note", "why", note, "time", r.Clock.Words(until))
	}
	if err := desk.HoldUntil(junction, until); err != nil {
		return err
	}
	if _, err := book.Answer(r.Context(), by, decision.Answer{Service: access.Traffic, ID: leads, Revision: d.Revision, To: decision.Overridden, Note: note}); err != nil {
		return errors.Join(err, desk.HoldUntil(junction, time.Time{}))
	}
	http.Redirect(w, r.Request, frame.Saying("/services/traffic", "held"), http.StatusSeeOther)
	return nil
}

func (c *Console) now() (live.View, error) {
	desk, err := frame.Running[Desk](c.Frame, access.Traffic, c.service)
	if err != nil {
		return live.View{}, err
	}
	return desk.View(), nil
}

// viewJSON is the picture for the desk's own programs.
func (c *Console) viewJSON(w http.ResponseWriter, _ *frame.Request) error {
	v, err := c.now()
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, v)
	return nil
}

// viewCSV is the page's figures: of the street as it is and on fixed plans, then of each
// junction's queues.
func (c *Console) viewCSV(w http.ResponseWriter, _ *frame.Request) error {
	v, err := c.now()
	if err != nil {
		return err
	}
	out := c.CSV(w, "traffic.csv")
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
	_ = out.Write([]string{"where", "what", "value", "on_fixed_plans", "unit", "simulated"})
	made := strconv.FormatBool(v.Simulated)
	if v.Now != nil && v.Fixed != nil {
		for _, x := range []struct {
			what       string
			now, fixed float64
			unit       string
		}{
			{"vehicles", float64(v.Now.Trips.Count), float64(v.Fixed.Trips.Count), ""},
			{"mean delay", v.Now.Trips.Mean, v.Fixed.Trips.Mean, "s"},
			{"stopped", 100 * v.Now.Trips.Stopped, 100 * v.Fixed.Trips.Stopped, "%"},
			{"mean delay of buses", v.Now.Buses.Mean, v.Fixed.Buses.Mean, "s"},
			{"people on foot", float64(v.Now.Walks.Count), float64(v.Fixed.Walks.Count), ""},
			{"mean wait on foot", v.Now.Walks.Mean, v.Fixed.Walks.Mean, "s"},
			{"longest wait on foot", v.Now.Walks.Longest, v.Fixed.Walks.Longest, "s"},
		} {
			_ = out.Write([]string{"all", x.what, number(x.now), number(x.fixed), x.unit, made})
		}
	}
	for _, j := range v.Junctions {
		for _, q := range append(append([]live.QueueView(nil), j.Approaches...), j.Crossings...) {
			where := frame.Cells(j.Name + ": " + q.Name)[0]
			_ = out.Write([]string{where, "waiting now", strconv.Itoa(q.Now), "", "", made})
			if q.Served > 0 {
				_ = out.Write([]string{where, "mean wait", number(q.Mean), "", "s", made})
			}
			_ = out.Write([]string{where, "served", strconv.Itoa(q.Served), "", "", made})
		}
	}
	out.Flush()
	return nil
}
