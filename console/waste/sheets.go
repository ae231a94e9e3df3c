package waste

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"polity/city"
	"polity/console/frame"
	"polity/services/waste/live"
)

type sheetsView struct {
	Off, Empty string
	Simulated  bool
	Sheets     []sheet
	Others     []frame.Pick // of one truck alone: addresses
}

type sheet struct {
	Truck, Day, Words, Note string
	Rows                    []sheetRow
	Map                     planMap
}

type sheetRow struct{ Number, At, Where, Container, Kerb, Volume, Load string }

// sheetsPage is the day's tours on paper, a sheet for each truck.
func (c *Console) sheetsPage(w http.ResponseWriter, r *frame.Request) error {
	title := c.Say("waste.sheets.title")
	desk, err := c.planner()
	if err != nil {
		return c.Render(w, r, http.StatusOK, frame.Page{Template: "waste/sheets", Title: title, Data: sheetsView{Off: c.Say("services.off", "name", "waste")}})
	}
	now := desk.View()
	v := sheetsView{Simulated: now.Simulated}
	only := r.URL.Query().Get("truck")
	known := map[string]*live.ContainerView{}
	for i := range now.Containers {
		known[now.Containers[i].ID] = &now.Containers[i]
	}
	for i := range now.Tours {
		t := &now.Tours[i]
		v.Others = append(v.Others, frame.Pick{Value: "/services/waste/sheets?truck=" + template.URLQueryEscaper(t.Truck), Name: t.Truck, Here: t.Truck == only})
		if only == "" || t.Truck == only {
			v.Sheets = append(v.Sheets, c.sheet(&now, t, known))
		}
	}
	switch {
	case len(v.Sheets) == 0 && only != "":
		return city.Errorf(city.NotFound, "%s", c.Say("waste.sheets.no", "truck", only))
	case len(v.Sheets) == 0:
		v.Empty = c.Say("waste.sheets.empty")
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "waste/sheets", Title: title, Data: v})
}

func (c *Console) sheet(now *live.View, t *live.Tour, known map[string]*live.ContainerView) sheet {
	s := sheet{Truck: t.Truck, Day: now.Day.Format("Monday 2 January 2006")}
	stops := 0
	for n, call := range t.Calls {
		row := sheetRow{Number: fmt.Sprint(n + 1), At: ofDay(call.Arrive), Where: c.Say("waste.sheets.unload", "site", call.Site), Load: fmt.Sprintf("%.0f kg", call.Kilograms)}
		if k := known[call.Container]; k != nil {
			stops++
			row.Where, row.Container, row.Volume = k.Street, k.ID, fmt.Sprintf("%.0f l %s", k.Litres, k.Fraction)
			row.Kerb = c.Say("waste.sheets.either")
			if k.Near {
				row.Kerb = c.Say("waste.sheets.near")
			}
		}
		s.Rows = append(s.Rows, row)
	}
	words := []string{c.Say("waste.plan.tour", "n", stops, "km", fmt.Sprintf("%.1f", t.Metres/1000), "from", ofDay(t.Start), "to", ofDay(t.End), "load", fmt.Sprintf("%.0f", t.Kilograms))}
	if t.Break > 0 {
		words = append(words, c.Say("waste.sheets.break", "at", ofDay(t.Break)))
	}
	s.Words = strings.Join(words, " ")
	if now.Phase == live.Proposed {
		s.Note = c.Say("waste.sheets.proposed")
	}
	s.Map = c.planMap(&live.Draft{Tours: []live.Tour{*t}}, known, false)
	s.Map.Spot.Alt = c.Say("waste.sheets.map", "truck", t.Truck)
	return s
}
