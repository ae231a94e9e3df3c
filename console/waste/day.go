package waste

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"math"
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

// Desk is the waste service as its page asks it.
type Desk interface {
	View() live.View
	WriteGPX(w io.Writer, truck string) error // city.NotFound
}

type dayView struct {
	Off       string // why there is nothing to show; empty: the service runs
	Simulated string
	State     frame.Sign
	Summary   string
	Clock     string
	Map       dayMap
	Streets   []streetRow
	Desk      bool // the reader works at the desk
	Drives    bool // the reader may drive a tour
	Waits     bool // a decision does
	Decisions string
	Problems  []string
	Tours     []tourView
	Missed    []missRow
	Figures   []frame.Figure
	Fewer     []fewerRow
	Risky     []riskRow
	Suspects  string
	Plans     string // where tours are changed
	Bring     string // where tables are brought in; empty: they are there
	Progress  string // of the plan that is made; empty: none is
	Share     string // of it, 0 to 100
}

type dayMap struct {
	Spot    ground.Spot
	Drawing template.HTML
	Key     []mapKey
}

type mapKey struct {
	Class, Name string
	Line        bool
}

type streetRow struct {
	Name, Today, Fill string
	State             frame.Sign
}

type tourView struct {
	Truck, Words, GPX string
	Crew, Free        string // what its crew told besides; where to free it
	State             frame.Sign
	Calls             []callRow
}

type callRow struct {
	Number, Where, At, Load, Overflow string
	State                             frame.Sign
}

type fewerRow struct{ Without, Tours, Left, Km, Cost, CO2 string }

type riskRow struct{ Container, Street, Fill, Chance, Today string }

// dayPage is for everyone: which streets were collected today, and how full containers are, in
// classes. The desk sees tours, what they cost, what could not be planned and why.
func (c *Console) dayPage(w http.ResponseWriter, r *frame.Request) error {
	title := c.Say("services.waste.title")
	desk, runs := c.service.(Desk)
	if !runs {
		return c.Render(w, r, http.StatusOK, frame.Page{Template: "waste/day", Title: title, Data: dayView{Off: c.Say("services.off", "name", "waste")}})
	}
	now := desk.View()
	v := dayView{Desk: c.Allowed(r, access.SeeAlerts, access.Service(access.Waste))}
	v.Drives = r.SignedIn() != "" && c.Allowed(r, access.DoOrder, access.Service(access.Waste))
	if now.Simulated {
		v.Simulated = c.Say("waste.simulated", "pace", int(now.Pace))
	}
	c.state(&now, &v)
	for i := range now.Streets {
		v.Streets = append(v.Streets, c.streetRow(&now, &now.Streets[i]))
	}
	v.Map = c.dayMap(&now, v.Desk)
	if v.Desk {
		c.showDesk(r, &now, &v)
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "waste/day", Title: title, Data: v})
}

func (c *Console) state(now *live.View, v *dayView) {
	planned, collected, missed := 0, 0, 0
	for i := range now.Streets {
		planned, collected, missed = planned+now.Streets[i].Planned, collected+now.Streets[i].Collected, missed+now.Streets[i].Missed
	}
	if !now.At.IsZero() {
		v.Clock = c.Say("waste.clock", "time", now.At.Format("15:04"))
	}
	v.State, v.Summary = frame.Live(c.Say("waste.state.well")), c.Say("waste.summary", "n", collected, "of", planned)
	switch {
	case now.Day.IsZero():
		v.State, v.Summary = frame.Unknown(c.Say("waste.state.planning")), c.Say("waste.summary.planning")
	case len(now.Tours) == 0:
		v.State, v.Summary = frame.Stopped(c.Say("waste.state.none")), c.Say("waste.summary.none")
	case now.Phase == live.Proposed:
		v.State, v.Summary = frame.Unknown(c.Say("waste.state.proposed")), c.Say("waste.summary.proposed", "n", planned)
	case now.Phase == live.Recalled:
		v.State, v.Summary = frame.Stopped(c.Say("waste.state.recalled")), c.Say("waste.summary.recalled")
	case slices.ContainsFunc(now.Tours, func(t live.Tour) bool { return t.Broken }):
		v.State = frame.Attention(c.Say("waste.state.broken"))
	case missed > 0 || len(now.Problems) > 0:
		v.State = frame.Attention(c.Say("waste.state.missed"))
	}
	if missed > 0 {
		v.Summary += " " + c.Say("waste.summary.missed", "n", missed)
	}
}

func (c *Console) streetRow(now *live.View, s *live.StreetView) streetRow {
	x := streetRow{Name: s.Name, State: frame.Unknown(c.Say("waste.street.no"))}
	if s.Name == "" {
		x.Name = c.Say("waste.street.none")
	}
	switch {
	case s.Planned > 0 && s.Collected >= s.Planned:
		x.State, x.Today = frame.Live(c.Say("waste.street.done")), hourOf(now.Day, s.Last)
	case s.Collected > 0 && s.Collected+s.Missed >= s.Planned, s.Missed > 0:
		x.State, x.Today = frame.Attention(c.Say("waste.street.partly")), c.Say("waste.street.of", "n", s.Collected, "of", s.Planned)
	case s.Planned > 0:
		x.State, x.Today = frame.Unknown(c.Say("waste.street.planned")), c.Say("waste.street.of", "n", s.Collected, "of", s.Planned)
	}
	if now.Phase == live.Proposed && s.Planned > 0 {
		x.State, x.Today = frame.Unknown(c.Say("waste.street.proposed")), ""
	}
	var parts []string
	for _, class := range classes {
		if n := s.Classes[class]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, c.Say("waste.class."+class)))
		}
	}
	x.Fill = strings.Join(parts, ", ")
	return x
}

// classes from empty to full.
var classes = []string{live.Low, live.Filling, live.NearlyFull, live.Overflowing, live.Unknown}

// tourLines is how many tours are told apart on the map by colour and dashes; more share.
const tourLines = 4

// dayMap draws containers, and for the desk the tours, on the still picture of the map.
func (c *Console) dayMap(now *live.View, desk bool) (m dayMap) {
	g := c.Ground
	if g.Light == "" || len(now.Containers) == 0 {
		return m
	}
	var b strings.Builder
	if desk {
		for i := range now.Tours {
			var path strings.Builder
			for k, p := range now.Tours[i].Line {
				x, y := g.Project(p)
				fmt.Fprintf(&path, "%c%.0f %.0f", "ML"[min(k, 1)], x, y)
			}
			class := fmt.Sprintf("tour t%d", i%tourLines)
			fmt.Fprintf(&b, `<path class="casing" d="%s"/><path class="%s" d="%s"><title>%s</title></path>`, path.String(), class, path.String(), template.HTMLEscapeString(now.Tours[i].Truck))
			m.Key = append(m.Key, mapKey{class, now.Tours[i].Truck, true})
		}
	}
	seen := map[string]bool{}
	for i := range now.Containers {
		k := &now.Containers[i]
		if !g.Holds(k.Place) {
			continue
		}
		x, y := g.Project(k.Place)
		seen[k.Class] = true
		b.WriteString(mark(k.Class, x, y, template.HTMLEscapeString(fmt.Sprintf("%s, %s: %s", k.ID, k.Street, c.Say("waste.class."+k.Class)))))
	}
	if desk {
		for i := range now.Tours {
			t := &now.Tours[i]
			if t.Done == 0 || t.Done >= len(t.Calls) || now.Phase != live.Driving {
				continue
			}
			x, y := g.Project(t.Calls[t.Done-1].Place)
			fmt.Fprintf(&b, `<g class="truck"><rect x="%.0f" y="%.0f" width="26" height="18" rx="4"/><text x="%.0f" y="%.0f">%d</text></g>`, x-13, y-9, x, y+5, i+1)
		}
	}
	for _, class := range classes {
		if seen[class] {
			m.Key = append(m.Key, mapKey{class, c.Say("waste.class." + class), false})
		}
	}
	m.Spot = g.Spot(c.Say("waste.map.alt", "n", len(now.Containers)))
	if desk {
		m.Spot.Alt = c.Say("waste.map.alt.desk", "n", len(now.Containers), "tours", len(now.Tours))
	}
	m.Drawing = template.HTML(b.String()) //nolint:gosec // numbers, and names that were escaped
	return m
}

// mark is a container on the map: its shape tells its class, not its colour alone.
func mark(class string, x, y float64, words string) string {
	switch class {
	case live.NearlyFull:
		return fmt.Sprintf(`<path class="bin %s" d="M%.0f %.0fl8 13h-16z"><title>%s</title></path>`, class, x, y-8, words)
	case live.Overflowing:
		return fmt.Sprintf(`<rect class="bin %s" x="%.0f" y="%.0f" width="14" height="14"><title>%s</title></rect>`, class, x-7, y-7, words)
	}
	return fmt.Sprintf(`<circle class="bin %s" cx="%.0f" cy="%.0f" r="5"><title>%s</title></circle>`, class, x, y, words)
}

func (c *Console) showDesk(r *frame.Request, now *live.View, v *dayView) {
	if c.decisions {
		v.Decisions = "/decisions"
	}
	v.Waits = len(now.Waiting) > 0
	for _, p := range waste.Gather(now.Problems) {
		v.Problems = append(v.Problems, p.String())
	}
	known := map[string]*live.ContainerView{}
	for i := range now.Containers {
		known[now.Containers[i].ID] = &now.Containers[i]
	}
	hours := time.Duration(0)
	for i := range now.Tours {
		hours += now.Tours[i].End - now.Tours[i].Start
		tour := c.tourView(now.Day, &now.Tours[i], known)
		taken := false
		if tour.Crew, taken = c.crewOf(now, tour.Truck); taken && c.Allowed(r, access.GiveOrder, access.Service(access.Waste)) {
			tour.Free = "/services/waste/tours/" + url.PathEscape(tour.Truck) + "/free"
		}
		v.Tours = append(v.Tours, tour)
	}
	v.Missed = c.misses(now)
	if len(now.Tours) > 0 {
		v.Figures = []frame.Figure{
			{Name: c.Say("waste.figure.km"), Value: fmt.Sprintf("%.1f km", now.Metres/1000), What: ""},
			{Name: c.Say("waste.figure.hours"), Value: fmt.Sprintf("%.1f h", hours.Hours()), What: ""},
			{Name: c.Say("waste.figure.cost"), Value: money(fmt.Sprintf("%.0f", now.Cost), now.Currency), What: ""},
			{Name: c.Say("waste.figure.co2"), Value: fmt.Sprintf("%.1f kg", now.KgCO2), What: ""},
			{Name: c.Say("waste.figure.wait"), Value: fmt.Sprint(now.LeftOut), What: c.Say("waste.figure.wait.what")},
		}
	}
	for _, f := range now.Fewer {
		v.Fewer = append(v.Fewer, fewerRow{f.Without, fmt.Sprint(f.Tours), fmt.Sprint(f.Left), more(f.Metres/1000, "%.1f"), more(f.Cost, "%.0f"), more(f.KgCO2, "%.1f")})
	}
	v.Risky = c.risks(now)
	var suspects []string
	for i := range now.Containers {
		if now.Containers[i].Suspect {
			suspects = append(suspects, now.Containers[i].ID)
		}
	}
	if len(suspects) > 0 {
		v.Suspects = c.Say("waste.suspects", "n", len(suspects), "list", strings.Join(suspects, ", "))
	}
	v.Plans, v.Progress, v.Share = planPath, "", ""
	if now.Planning {
		v.Progress, v.Share = c.step(now.Progress), fmt.Sprintf("%.0f", 100*now.Progress.Share)
	}
	if now.Empty {
		v.Bring = tablesPath
	}
}

// more is a difference with its sign.
func more(d float64, format string) string {
	text := fmt.Sprintf(format, math.Abs(d))
	if strings.Trim(text, "0.") == "" {
		return text
	}
	if d < 0 {
		return "−" + text
	}
	return "+" + text
}

func ofDay(d time.Duration) string {
	m := int(d.Round(time.Minute).Minutes())
	return fmt.Sprintf("%02d:%02d", m/60, m%60)
}

func (c *Console) tourView(day time.Time, t *live.Tour, known map[string]*live.ContainerView) tourView {
	stops, done := 0, 0
	x := tourView{Truck: t.Truck, GPX: "/services/waste/tours/" + url.PathEscape(t.Truck) + ".gpx", State: frame.Unknown(c.Say("waste.tour.ahead"))}
	for i, call := range t.Calls {
		row := callRow{Number: fmt.Sprint(i + 1), Where: call.Site, At: ofDay(call.Arrive), Load: fmt.Sprintf("%.0f kg", call.Kilograms), State: frame.Unknown(c.Say("waste.call.ahead"))}
		if i < t.Done {
			row.State = frame.Live(c.Say("waste.call.done"))
		}
		if k := known[call.Container]; k != nil {
			stops++
			row.Where, row.Overflow = k.Street+", "+k.ID, service.Chance(k.Overflow)
			switch {
			case k.Missed != "":
				row.State = frame.Attention(c.Say("waste.call.missed", "why", c.Say("waste.reason."+k.Missed)))
			case !k.Collected.IsZero() && i < t.Done:
				done++
				row.State = frame.Live(c.Say("waste.call.done"))
				if at := hourOf(day, k.Collected); at != "" {
					row.At = at
				}
			case t.Broken && i >= t.Done && k.Truck != t.Truck:
				row.State = frame.Unknown(c.Say("waste.call.handed", "truck", k.Truck))
			}
		}
		x.Calls = append(x.Calls, row)
	}
	switch {
	case t.Broken:
		x.State = frame.Stopped(c.Say("waste.tour.broken"))
	case t.Done >= len(t.Calls):
		x.State = frame.Live(c.Say("waste.tour.over"))
	case t.Done > 0:
		x.State = frame.Live(c.Say("waste.tour.driving"))
	}
	x.Words = c.Say("waste.tour.words", "n", stops, "done", done, "km", fmt.Sprintf("%.1f", t.Metres/1000), "from", ofDay(t.Start), "to", ofDay(t.End), "cost", fmt.Sprintf("%.0f", t.Cost), "co2", fmt.Sprintf("%.1f", t.KgCO2))
	return x
}

const risksShown = 12

// risks are the containers likeliest to overflow by the next chance to collect.
func (c *Console) risks(now *live.View) (list []riskRow) {
	all := slices.Clone(now.Containers)
	all = slices.DeleteFunc(all, func(k live.ContainerView) bool { return !k.Collected.IsZero() })
	slices.SortStableFunc(all, func(a, b live.ContainerView) int {
		switch {
		case a.Overflow > b.Overflow:
			return -1
		case a.Overflow < b.Overflow:
			return 1
		}
		return 0
	})
	for i := range all[:min(len(all), risksShown)] {
		k := &all[i]
		x := riskRow{Container: k.ID, Street: k.Street, Fill: fmt.Sprintf("%.0f %%", 100*k.Fill), Chance: service.Chance(k.Overflow), Today: c.Say("waste.risk.no")}
		if k.At.IsZero() {
			x.Fill = c.Say("waste.class.unknown")
		}
		if k.Truck != "" {
			x.Today = k.Truck
		}
		list = append(list, x)
	}
	return list
}

func (c *Console) desk() (Desk, error) {
	return frame.Running[Desk](c.Frame, access.Waste, c.service)
}

// viewJSON is the picture for the desk's own programs.
func (c *Console) viewJSON(w http.ResponseWriter, _ *frame.Request) error {
	desk, err := c.desk()
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, desk.View())
	return nil
}

// toursCSV is the day's tours, a line for each call.
func (c *Console) toursCSV(w http.ResponseWriter, _ *frame.Request) error {
	desk, err := c.desk()
	if err != nil {
		return err
	}
	now := desk.View()
	out := c.CSV(w, "tours.csv")
	_ = out.Write([]string{"truck", "call", "container", "site", "lat", "lon", "arrive", "leave", "metres", "kg"})
	for i := range now.Tours {
		for k, x := range now.Tours[i].Calls {
			_ = out.Write(frame.Cells(now.Tours[i].Truck, k+1, x.Container, x.Site, x.Place.Lat, x.Place.Lon, ofDay(x.Arrive), ofDay(x.Leave), math.Round(x.Metres), math.Round(x.Kilograms)))
		}
	}
	out.Flush()
	return frame.Gone(out.Error())
}

// tourGPX is one truck's tour for a navigation device.
func (c *Console) tourGPX(w http.ResponseWriter, r *frame.Request) error {
	desk, err := c.desk()
	if err != nil {
		return err
	}
	return c.sendGPX(w, r, desk.WriteGPX)
}

func (c *Console) sendGPX(w http.ResponseWriter, r *frame.Request, write func(w io.Writer, truck string) error) error {
	truck, isGPX := strings.CutSuffix(r.PathValue("tour"), ".gpx")
	if !isGPX {
		return city.Errorf(city.NotFound, "%s", c.Say("waste.gpx"))
	}
	var b bytes.Buffer
	if err := write(&b, truck); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/gpx+xml")
	h.Set("Content-Disposition", `attachment; filename="tour.gpx"`)
	h.Set("Cache-Control", "no-store")
	_, err := b.WriteTo(w)
	return frame.Gone(err)
}
