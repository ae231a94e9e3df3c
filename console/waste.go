package console

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
	"polity/service"
	"polity/services/waste"
	wastelive "polity/services/waste/live"
)

// WasteDesk is the waste service as its page asks it.
type WasteDesk interface {
	View() wastelive.View
	WriteGPX(w io.Writer, truck string) error // city.NotFound
}

type wasteView struct {
	Off       string // why there is nothing to show; empty: the service runs
	Simulated string
	State     sign
	Summary   string
	Clock     string
	Map       wasteMap
	Streets   []wasteStreet
	Desk      bool // the reader works at the desk
	Drives    bool // the reader may drive a tour
	Waits     bool // a decision does
	Decisions string
	Problems  []string
	Tours     []wasteTour
	Missed    []wasteMiss
	Figures   []powerFigure
	Fewer     []wasteFewer
	Risky     []wasteRisk
	Suspects  string
	Plans     string // where tours are changed
	Bring     string // where tables are brought in; empty: they are there
	Progress  string // of the plan that is made; empty: none is
	Share     string // of it, 0 to 100
}

type wasteMap struct {
	Spot    spot
	Drawing template.HTML
	Key     []wasteKey
}

type wasteKey struct {
	Class, Name string
	Line        bool
}

type wasteStreet struct {
	Name, Today, Fill string
	State             sign
}

type wasteTour struct {
	Truck, Words, GPX string
	Crew, Free        string // what its crew told besides; where to free it
	State             sign
	Calls             []wasteCall
}

type wasteCall struct {
	Number, Where, At, Load, Overflow string
	State                             sign
}

type wasteFewer struct{ Without, Tours, Left, Km, Cost, CO2 string }

type wasteRisk struct{ Container, Street, Fill, Chance, Today string }

// wastePage is for everyone: which streets were collected today, and how full containers are, in
// classes. The desk sees tours, what they cost, what could not be planned and why.
func (c *Console) wastePage(w http.ResponseWriter, r *request) error {
	title := c.say.Say("services.waste.title")
	desk, runs := c.cfg.Services[access.Waste].(WasteDesk)
	if !runs {
		return c.render(w, r, http.StatusOK, page{Template: "waste", Title: title, Data: wasteView{Off: c.say.Say("services.off", "name", "waste")}})
	}
	now := desk.View()
	v := wasteView{Desk: c.allowed(r, access.SeeAlerts, access.Service(access.Waste))}
	v.Drives = r.signedIn() != "" && c.allowed(r, access.DoOrder, access.Service(access.Waste))
	if now.Simulated {
		v.Simulated = c.say.Say("waste.simulated", "pace", int(now.Pace))
	}
	c.wasteState(&now, &v)
	for i := range now.Streets {
		v.Streets = append(v.Streets, c.wasteStreet(&now, &now.Streets[i]))
	}
	v.Map = c.wasteMap(&now, v.Desk)
	if v.Desk {
		c.wasteDesk(r, &now, &v)
	}
	return c.render(w, r, http.StatusOK, page{Template: "waste", Title: title, Data: v})
}

func (c *Console) wasteState(now *wastelive.View, v *wasteView) {
	planned, collected, missed := 0, 0, 0
	for i := range now.Streets {
		planned, collected, missed = planned+now.Streets[i].Planned, collected+now.Streets[i].Collected, missed+now.Streets[i].Missed
	}
	if !now.At.IsZero() {
		v.Clock = c.say.Say("waste.clock", "time", now.At.Format("15:04"))
	}
	v.State, v.Summary = sign{"live", c.say.Say("waste.state.well")}, c.say.Say("waste.summary", "n", collected, "of", planned)
	switch {
	case now.Day.IsZero():
		v.State, v.Summary = sign{"unknown", c.say.Say("waste.state.planning")}, c.say.Say("waste.summary.planning")
	case len(now.Tours) == 0:
		v.State, v.Summary = sign{"stopped", c.say.Say("waste.state.none")}, c.say.Say("waste.summary.none")
	case now.Phase == wastelive.Proposed:
		v.State, v.Summary = sign{"unknown", c.say.Say("waste.state.proposed")}, c.say.Say("waste.summary.proposed", "n", planned)
	case now.Phase == wastelive.Recalled:
		v.State, v.Summary = sign{"stopped", c.say.Say("waste.state.recalled")}, c.say.Say("waste.summary.recalled")
	case slices.ContainsFunc(now.Tours, func(t wastelive.Tour) bool { return t.Broken }):
		v.State = sign{"attention", c.say.Say("waste.state.broken")}
	case missed > 0 || len(now.Problems) > 0:
		v.State = sign{"attention", c.say.Say("waste.state.missed")}
	}
	if missed > 0 {
		v.Summary += " " + c.say.Say("waste.summary.missed", "n", missed)
	}
}

func (c *Console) wasteStreet(now *wastelive.View, s *wastelive.StreetView) wasteStreet {
	x := wasteStreet{Name: s.Name, State: sign{"unknown", c.say.Say("waste.street.no")}}
	if s.Name == "" {
		x.Name = c.say.Say("waste.street.none")
	}
	switch {
	case s.Planned > 0 && s.Collected >= s.Planned:
		x.State, x.Today = sign{"live", c.say.Say("waste.street.done")}, hourOf(now.Day, s.Last)
	case s.Collected > 0 && s.Collected+s.Missed >= s.Planned, s.Missed > 0:
		x.State, x.Today = sign{"attention", c.say.Say("waste.street.partly")}, c.say.Say("waste.street.of", "n", s.Collected, "of", s.Planned)
	case s.Planned > 0:
		x.State, x.Today = sign{"unknown", c.say.Say("waste.street.planned")}, c.say.Say("waste.street.of", "n", s.Collected, "of", s.Planned)
	}
	if now.Phase == wastelive.Proposed && s.Planned > 0 {
		x.State, x.Today = sign{"unknown", c.say.Say("waste.street.proposed")}, ""
	}
	var parts []string
	for _, class := range wasteClasses {
		if n := s.Classes[class]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, c.say.Say("waste.class."+class)))
		}
	}
	x.Fill = strings.Join(parts, ", ")
	return x
}

// wasteClasses from empty to full.
var wasteClasses = []string{wastelive.Low, wastelive.Filling, wastelive.NearlyFull, wastelive.Overflowing, wastelive.Unknown}

// wasteLines is how many tours are told apart on the map by colour and dashes; more share.
const wasteLines = 4

// wasteMap draws containers, and for the desk the tours, on the still picture of the map.
func (c *Console) wasteMap(now *wastelive.View, desk bool) (m wasteMap) {
	g := c.ground
	if g.light == "" || len(now.Containers) == 0 {
		return m
	}
	bounds := c.about.Map.Bounds
	inside := func(p city.Point) bool {
		return p.Lon >= bounds[0].Lon && p.Lon <= bounds[1].Lon && p.Lat >= bounds[0].Lat && p.Lat <= bounds[1].Lat
	}
	var b strings.Builder
	if desk {
		for i := range now.Tours {
			var path strings.Builder
			for k, p := range now.Tours[i].Line {
				x, y := g.project(p)
				fmt.Fprintf(&path, "%c%.0f %.0f", "ML"[min(k, 1)], x, y)
			}
			class := fmt.Sprintf("tour t%d", i%wasteLines)
			fmt.Fprintf(&b, `<path class="casing" d="%s"/><path class="%s" d="%s"><title>%s</title></path>`, path.String(), class, path.String(), template.HTMLEscapeString(now.Tours[i].Truck))
			m.Key = append(m.Key, wasteKey{class, now.Tours[i].Truck, true})
		}
	}
	seen := map[string]bool{}
	for i := range now.Containers {
		k := &now.Containers[i]
		if !inside(k.Place) {
			continue
		}
		x, y := g.project(k.Place)
		seen[k.Class] = true
		b.WriteString(wasteMark(k.Class, x, y, template.HTMLEscapeString(fmt.Sprintf("%s, %s: %s", k.ID, k.Street, c.say.Say("waste.class."+k.Class)))))
	}
	if desk {
		for i := range now.Tours {
			t := &now.Tours[i]
			if t.Done == 0 || t.Done >= len(t.Calls) || now.Phase != wastelive.Driving {
				continue
			}
			x, y := g.project(t.Calls[t.Done-1].Place)
			fmt.Fprintf(&b, `<g class="truck"><rect x="%.0f" y="%.0f" width="26" height="18" rx="4"/><text x="%.0f" y="%.0f">%d</text></g>`, x-13, y-9, x, y+5, i+1)
		}
	}
	for _, class := range wasteClasses {
		if seen[class] {
			m.Key = append(m.Key, wasteKey{class, c.say.Say("waste.class." + class), false})
		}
	}
	m.Spot = spot{Light: g.light, Dark: g.dark, Width: g.width, Height: g.height, OnMap: true, Credit: c.about.Map.Credit, CreditURL: c.about.Map.CreditURL}
	m.Spot.Alt = c.say.Say("waste.map.alt", "n", len(now.Containers))
	if desk {
		m.Spot.Alt = c.say.Say("waste.map.alt.desk", "n", len(now.Containers), "tours", len(now.Tours))
	}
	m.Drawing = template.HTML(b.String()) //nolint:gosec // numbers, and names that were escaped
	return m
}

// wasteMark is a container on the map: its shape tells its class, not its colour alone.
func wasteMark(class string, x, y float64, words string) string {
	switch class {
	case wastelive.NearlyFull:
		return fmt.Sprintf(`<path class="bin %s" d="M%.0f %.0fl8 13h-16z"><title>%s</title></path>`, class, x, y-8, words)
	case wastelive.Overflowing:
		return fmt.Sprintf(`<rect class="bin %s" x="%.0f" y="%.0f" width="14" height="14"><title>%s</title></rect>`, class, x-7, y-7, words)
	}
	return fmt.Sprintf(`<circle class="bin %s" cx="%.0f" cy="%.0f" r="5"><title>%s</title></circle>`, class, x, y, words)
}

func (c *Console) wasteDesk(r *request, now *wastelive.View, v *wasteView) {
	if c.cfg.Decisions != nil {
		v.Decisions = "/decisions"
	}
	v.Waits = len(now.Waiting) > 0
	for _, p := range waste.Gather(now.Problems) {
		v.Problems = append(v.Problems, p.String())
	}
	known := map[string]*wastelive.ContainerView{}
	for i := range now.Containers {
		known[now.Containers[i].ID] = &now.Containers[i]
	}
	hours := time.Duration(0)
	for i := range now.Tours {
		hours += now.Tours[i].End - now.Tours[i].Start
		tour := c.wasteTour(now.Day, &now.Tours[i], known)
		taken := false
		if tour.Crew, taken = c.wasteCrewOf(now, tour.Truck); taken && c.allowed(r, access.GiveOrder, access.Service(access.Waste)) {
			tour.Free = "/services/waste/tours/" + url.PathEscape(tour.Truck) + "/free"
		}
		v.Tours = append(v.Tours, tour)
	}
	v.Missed = c.wasteMisses(now)
	if len(now.Tours) > 0 {
		v.Figures = []powerFigure{
			{c.say.Say("waste.figure.km"), fmt.Sprintf("%.1f km", now.Metres/1000), ""},
			{c.say.Say("waste.figure.hours"), fmt.Sprintf("%.1f h", hours.Hours()), ""},
			{c.say.Say("waste.figure.cost"), wasteMoney(fmt.Sprintf("%.0f", now.Cost), now.Currency), ""},
			{c.say.Say("waste.figure.co2"), fmt.Sprintf("%.1f kg", now.KgCO2), ""},
			{c.say.Say("waste.figure.wait"), fmt.Sprint(now.LeftOut), c.say.Say("waste.figure.wait.what")},
		}
	}
	for _, f := range now.Fewer {
		v.Fewer = append(v.Fewer, wasteFewer{f.Without, fmt.Sprint(f.Tours), fmt.Sprint(f.Left), more(f.Metres/1000, "%.1f"), more(f.Cost, "%.0f"), more(f.KgCO2, "%.1f")})
	}
	v.Risky = c.wasteRisks(now)
	var suspects []string
	for i := range now.Containers {
		if now.Containers[i].Suspect {
			suspects = append(suspects, now.Containers[i].ID)
		}
	}
	if len(suspects) > 0 {
		v.Suspects = c.say.Say("waste.suspects", "n", len(suspects), "list", strings.Join(suspects, ", "))
	}
	v.Plans, v.Progress, v.Share = wastePlanPath, "", ""
	if now.Planning {
		v.Progress, v.Share = c.wasteStep(now.Progress), fmt.Sprintf("%.0f", 100*now.Progress.Share)
	}
	if now.Empty {
		v.Bring = wasteTablesPath
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

func (c *Console) wasteTour(day time.Time, t *wastelive.Tour, known map[string]*wastelive.ContainerView) wasteTour {
	stops, done := 0, 0
	x := wasteTour{Truck: t.Truck, GPX: "/services/waste/tours/" + url.PathEscape(t.Truck) + ".gpx", State: sign{"unknown", c.say.Say("waste.tour.ahead")}}
	for i, call := range t.Calls {
		row := wasteCall{Number: fmt.Sprint(i + 1), Where: call.Site, At: ofDay(call.Arrive), Load: fmt.Sprintf("%.0f kg", call.Kilograms), State: sign{"unknown", c.say.Say("waste.call.ahead")}}
		if i < t.Done {
			row.State = sign{"live", c.say.Say("waste.call.done")}
		}
		if k := known[call.Container]; k != nil {
			stops++
			row.Where, row.Overflow = k.Street+", "+k.ID, service.Chance(k.Overflow)
			switch {
			case k.Missed != "":
				row.State = sign{"attention", c.say.Say("waste.call.missed", "why", c.say.Say("waste.reason."+k.Missed))}
			case !k.Collected.IsZero() && i < t.Done:
				done++
				row.State = sign{"live", c.say.Say("waste.call.done")}
				if at := hourOf(day, k.Collected); at != "" {
					row.At = at
				}
			case t.Broken && i >= t.Done && k.Truck != t.Truck:
				row.State = sign{"unknown", c.say.Say("waste.call.handed", "truck", k.Truck)}
			}
		}
		x.Calls = append(x.Calls, row)
	}
	switch {
	case t.Broken:
		x.State = sign{"stopped", c.say.Say("waste.tour.broken")}
	case t.Done >= len(t.Calls):
		x.State = sign{"live", c.say.Say("waste.tour.over")}
	case t.Done > 0:
		x.State = sign{"live", c.say.Say("waste.tour.driving")}
	}
	x.Words = c.say.Say("waste.tour.words", "n", stops, "done", done, "km", fmt.Sprintf("%.1f", t.Metres/1000), "from", ofDay(t.Start), "to", ofDay(t.End), "cost", fmt.Sprintf("%.0f", t.Cost), "co2", fmt.Sprintf("%.1f", t.KgCO2))
	return x
}

const risksShown = 12

// wasteRisks are the containers likeliest to overflow by the next chance to collect.
func (c *Console) wasteRisks(now *wastelive.View) (list []wasteRisk) {
	all := slices.Clone(now.Containers)
	all = slices.DeleteFunc(all, func(k wastelive.ContainerView) bool { return !k.Collected.IsZero() })
	slices.SortStableFunc(all, func(a, b wastelive.ContainerView) int {
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
		x := wasteRisk{Container: k.ID, Street: k.Street, Fill: fmt.Sprintf("%.0f %%", 100*k.Fill), Chance: service.Chance(k.Overflow), Today: c.say.Say("waste.risk.no")}
		if k.At.IsZero() {
			x.Fill = c.say.Say("waste.class.unknown")
		}
		if k.Truck != "" {
			x.Today = k.Truck
		}
		list = append(list, x)
	}
	return list
}

// serviceWaste is the waste service, for its routes.
func serviceWaste(*Console, *http.Request) ([]access.Thing, error) {
	return []access.Thing{access.Service(access.Waste)}, nil
}

func (c *Console) wasteRuns() (WasteDesk, error) {
	return running[WasteDesk](c, access.Waste)
}

// wasteJSON is the picture for the desk's own programs.
func (c *Console) wasteJSON(w http.ResponseWriter, _ *request) error {
	desk, err := c.wasteRuns()
	if err != nil {
		return err
	}
	c.answer(w, http.StatusOK, desk.View())
	return nil
}

// wasteCSV is the day's tours, a line for each call.
func (c *Console) wasteCSV(w http.ResponseWriter, _ *request) error {
	desk, err := c.wasteRuns()
	if err != nil {
		return err
	}
	now := desk.View()
	out := c.csv(w, "tours.csv")
	_ = out.Write([]string{"truck", "call", "container", "site", "lat", "lon", "arrive", "leave", "metres", "kg"})
	for i := range now.Tours {
		for k, x := range now.Tours[i].Calls {
			_ = out.Write(cells(now.Tours[i].Truck, k+1, x.Container, x.Site, x.Place.Lat, x.Place.Lon, ofDay(x.Arrive), ofDay(x.Leave), math.Round(x.Metres), math.Round(x.Kilograms)))
		}
	}
	out.Flush()
	return gone(out.Error())
}

// wasteGPX is one truck's tour for a navigation device.
func (c *Console) wasteGPX(w http.ResponseWriter, r *request) error {
	desk, err := c.wasteRuns()
	if err != nil {
		return err
	}
	return c.sendGPX(w, r, desk.WriteGPX)
}

func (c *Console) sendGPX(w http.ResponseWriter, r *request, write func(w io.Writer, truck string) error) error {
	truck, isGPX := strings.CutSuffix(r.PathValue("tour"), ".gpx")
	if !isGPX {
		return city.Errorf(city.NotFound, "%s", c.say.Say("waste.gpx"))
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
	return gone(err)
}
