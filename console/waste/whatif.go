package waste

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/console/frame"
	"polity/services/waste"
	"polity/services/waste/live"
)

// whatIf is a day as it could be: what can be asked, and what was found out last.
type whatIf struct {
	Days          []frame.Pick
	Trucks, Sites []frame.Pick
	Asked         string // in words; empty: nothing was
	Running       bool
	Step          string
	Share         string // of the step, 0 to 100
	Why           string
	Rows          []whatIfRow
	Tours         []whatIfTour
	Problems      []string
	Own           bool // of tables that somebody tried
}

type whatIfRow struct{ Name, Today, There, Change string }

type whatIfTour struct{ Truck, Words, GPX string }

func (c *Console) whatIf(desk Planner, now *live.View) (v whatIf) {
	today := now.At
	today = time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, today.Location())
	a, asked := desk.Answer()
	for i := range 8 {
		day := today.AddDate(0, 0, i)
		name := c.dayName(day)
		switch i {
		case 0:
			name = c.Say("waste.if.today")
		case 1:
			name = c.Say("waste.if.tomorrow")
		}
		v.Days = append(v.Days, frame.Pick{Value: day.Format(time.DateOnly), Name: name, Here: asked && a.Day.Equal(day)})
	}
	for _, t := range now.Trucks {
		if !t.Out {
			v.Trucks = append(v.Trucks, frame.Pick{Value: t.ID, Name: t.ID, Here: slices.Contains(a.Without, t.ID)})
		}
	}
	for _, s := range now.Sites {
		if !s.Closed {
			v.Sites = append(v.Sites, frame.Pick{Value: s.ID, Name: s.ID, Here: slices.Contains(a.Closed, s.ID)})
		}
	}
	if !asked {
		return v
	}
	v.Asked, v.Own = c.whatIfWords(&a, today), a.Tables != nil
	if v.Running = a.Running; v.Running {
		v.Step, v.Share = c.step(a.Progress), fmt.Sprintf("%.0f", 100*a.Progress.Share)
		return v
	}
	if v.Why = a.Why; v.Why != "" {
		return v
	}
	c.whatIfFound(&a, now, &v)
	return v
}

func (c *Console) dayName(day time.Time) string { return day.Format("Mon 2 Jan") }

// step is how far a plan is, in words.
func (c *Console) step(p waste.Progress) string {
	switch p.Step {
	case waste.Measuring:
		return c.Say("waste.step.measuring")
	case waste.Searching:
		return c.Say("waste.step.searching")
	}
	return c.Say("waste.step.first")
}

func (c *Console) whatIfWords(a *live.Answer, today time.Time) string {
	var parts []string
	if a.Tables != nil {
		parts = append(parts, c.Say("waste.if.own"))
	}
	day := c.dayName(a.Day)
	if a.Day.Equal(today) {
		day = c.Say("waste.if.today")
	}
	parts = append(parts, day)
	for _, t := range a.Without {
		parts = append(parts, c.Say("waste.if.without.one", "name", t))
	}
	for _, s := range a.Closed {
		parts = append(parts, c.Say("waste.if.closed.one", "name", s))
	}
	return strings.Join(parts, ", ")
}

func (c *Console) whatIfFound(a *live.Answer, now *live.View, v *whatIf) {
	stops := func(tours []live.Tour) (n int) {
		for i := range tours {
			for _, x := range tours[i].Calls {
				if x.Container != "" {
					n++
				}
			}
		}
		return n
	}
	was := time.Duration(0)
	for i := range now.Tours {
		was += now.Tours[i].End - now.Tours[i].Start
	}
	row := func(key, format, unit string, today, there float64) {
		x := whatIfRow{Name: c.Say(key), Today: money(fmt.Sprintf(format, today), unit), There: money(fmt.Sprintf(format, there), unit), Change: money(more(there-today, format), unit)}
		if v.Own {
			x.Today, x.Change = "", ""
		}
		v.Rows = append(v.Rows, x)
	}
	row("waste.fewer.tours", "%.0f", "", float64(len(now.Tours)), float64(len(a.Tours)))
	row("waste.if.stops", "%.0f", "", float64(stops(now.Tours)), float64(stops(a.Tours)))
	row("waste.fewer.left", "%.0f", "", float64(len(now.Problems)), float64(len(a.Problems)))
	row("waste.figure.km", "%.1f", "km", now.Metres/1000, a.Metres/1000)
	row("waste.figure.hours", "%.1f", "h", was.Hours(), a.Working.Hours())
	row("waste.figure.cost", "%.0f", a.Currency, now.Cost, a.Cost)
	row("waste.figure.co2", "%.1f", "kg", now.KgCO2, a.KgCO2)
	for i := range a.Tours {
		t := &a.Tours[i]
		v.Tours = append(v.Tours, whatIfTour{
			t.Truck, c.Say("waste.plan.tour", "n", stops(a.Tours[i:i+1]), "km", fmt.Sprintf("%.1f", t.Metres/1000), "from", ofDay(t.Start), "to", ofDay(t.End), "load", fmt.Sprintf("%.0f", t.Kilograms)),
			"/services/waste/whatif/" + url.PathEscape(t.Truck) + ".gpx",
		})
	}
	for _, p := range waste.Gather(a.Problems) {
		v.Problems = append(v.Problems, p.String())
	}
}

// ask begins to find out what a day would be.
func (c *Console) ask(w http.ResponseWriter, r *frame.Request) error {
	desk, err := c.planner()
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	day := time.Time{}
	if text := r.PostFormValue("day"); text != "" {
		if day, err = time.ParseInLocation(time.DateOnly, text, desk.View().At.Location()); err != nil {
			return city.Errorf(city.Invalid, "day: %q is no day as in 2026-11-30", text)
		}
	}
	if err := desk.Ask(live.Case{Day: day, Without: r.PostForm["without"], Closed: r.PostForm["closed"]}); err != nil {
		return err
	}
	http.Redirect(w, r.Request, planPath+"#whatif", http.StatusSeeOther)
	return nil
}

// whatIfGPX is a tour of what was found out last.
func (c *Console) whatIfGPX(w http.ResponseWriter, r *frame.Request) error {
	desk, err := c.planner()
	if err != nil {
		return err
	}
	return c.sendGPX(w, r, desk.WriteAnswerGPX)
}
