package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/services/waste"
	wastelive "polity/services/waste/live"
)

// wasteIf is a day as it could be: what can be asked, and what was found out last.
type wasteIf struct {
	Days          []pick
	Trucks, Sites []pick
	Asked         string // in words; empty: nothing was
	Running       bool
	Step          string
	Share         string // of the step, 0 to 100
	Why           string
	Rows          []wasteIfRow
	Tours         []wasteIfTour
	Problems      []string
	Own           bool // of tables that somebody tried
}

type wasteIfRow struct{ Name, Today, There, Change string }

type wasteIfTour struct{ Truck, Words, GPX string }

func (c *Console) wasteIf(desk WastePlanner, now *wastelive.View) (v wasteIf) {
	today := now.At
	today = time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, today.Location())
	a, asked := desk.Answer()
	for i := range 8 {
		day := today.AddDate(0, 0, i)
		name := c.wasteDayName(day)
		switch i {
		case 0:
			name = c.say.Say("waste.if.today")
		case 1:
			name = c.say.Say("waste.if.tomorrow")
		}
		v.Days = append(v.Days, pick{day.Format(time.DateOnly), name, asked && a.Day.Equal(day)})
	}
	for _, t := range now.Trucks {
		if !t.Out {
			v.Trucks = append(v.Trucks, pick{t.ID, t.ID, slices.Contains(a.Without, t.ID)})
		}
	}
	for _, s := range now.Sites {
		if !s.Closed {
			v.Sites = append(v.Sites, pick{s.ID, s.ID, slices.Contains(a.Closed, s.ID)})
		}
	}
	if !asked {
		return v
	}
	v.Asked, v.Own = c.wasteIfWords(&a, today), a.Tables != nil
	if v.Running = a.Running; v.Running {
		v.Step, v.Share = c.wasteStep(a.Progress), fmt.Sprintf("%.0f", 100*a.Progress.Share)
		return v
	}
	if v.Why = a.Why; v.Why != "" {
		return v
	}
	c.wasteIfFound(&a, now, &v)
	return v
}

func (c *Console) wasteDayName(day time.Time) string { return day.Format("Mon 2 Jan") }

// wasteStep is how far a plan is, in words.
func (c *Console) wasteStep(p waste.Progress) string {
	switch p.Step {
	case waste.Measuring:
		return c.say.Say("waste.step.measuring")
	case waste.Searching:
		return c.say.Say("waste.step.searching")
	}
	return c.say.Say("waste.step.first")
}

func (c *Console) wasteIfWords(a *wastelive.Answer, today time.Time) string {
	var parts []string
	if a.Tables != nil {
		parts = append(parts, c.say.Say("waste.if.own"))
	}
	day := c.wasteDayName(a.Day)
	if a.Day.Equal(today) {
		day = c.say.Say("waste.if.today")
	}
	parts = append(parts, day)
	for _, t := range a.Without {
		parts = append(parts, c.say.Say("waste.if.without.one", "name", t))
	}
	for _, s := range a.Closed {
		parts = append(parts, c.say.Say("waste.if.closed.one", "name", s))
	}
	return strings.Join(parts, ", ")
}

func (c *Console) wasteIfFound(a *wastelive.Answer, now *wastelive.View, v *wasteIf) {
	stops := func(tours []wastelive.Tour) (n int) {
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
		x := wasteIfRow{Name: c.say.Say(key), Today: wasteMoney(fmt.Sprintf(format, today), unit), There: wasteMoney(fmt.Sprintf(format, there), unit), Change: wasteMoney(more(there-today, format), unit)}
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
		v.Tours = append(v.Tours, wasteIfTour{
			t.Truck, c.say.Say("waste.plan.tour", "n", stops(a.Tours[i:i+1]), "km", fmt.Sprintf("%.1f", t.Metres/1000), "from", ofDay(t.Start), "to", ofDay(t.End), "load", fmt.Sprintf("%.0f", t.Kilograms)),
			"/services/waste/whatif/" + url.PathEscape(t.Truck) + ".gpx",
		})
	}
	for _, p := range waste.Gather(a.Problems) {
		v.Problems = append(v.Problems, p.String())
	}
}

// askWaste begins to find out what a day would be.
func (c *Console) askWaste(w http.ResponseWriter, r *request) error {
	desk, err := c.wastePlanner()
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, formMax)
	if err := r.ParseForm(); err != nil {
		return city.Errorf(city.Invalid, "%s", c.say.Say("error.form"))
	}
	day := time.Time{}
	if text := r.PostFormValue("day"); text != "" {
		if day, err = time.ParseInLocation(time.DateOnly, text, desk.View().At.Location()); err != nil {
			return city.Errorf(city.Invalid, "day: %q is no day as in 2026-11-30", text)
		}
	}
	if err := desk.Ask(wastelive.Case{Day: day, Without: r.PostForm["without"], Closed: r.PostForm["closed"]}); err != nil {
		return err
	}
	http.Redirect(w, r.Request, wastePlanPath+"#whatif", http.StatusSeeOther)
	return nil
}

// wasteIfGPX is a tour of what was found out last.
func (c *Console) wasteIfGPX(w http.ResponseWriter, r *request) error {
	desk, err := c.wastePlanner()
	if err != nil {
		return err
	}
	return c.sendGPX(w, r, desk.WriteAnswerGPX)
}
