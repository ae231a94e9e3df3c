package console

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"polity/city"
	wastelive "polity/services/waste/live"
)

type wasteSheetsView struct {
	Off, Empty string
	Simulated  bool
	Sheets     []wasteSheet
	Others     []pick // of one truck alone: addresses
}

type wasteSheet struct {
	Truck, Day, Words, Note string
	Rows                    []wasteSheetRow
	Map                     wastePlanMap
}

type wasteSheetRow struct{ Number, At, Where, Container, Kerb, Volume, Load string }

// wasteSheetsPage is the day's tours on paper, a sheet for each truck.
func (c *Console) wasteSheetsPage(w http.ResponseWriter, r *request) error {
	title := c.say.Say("waste.sheets.title")
	desk, err := c.wastePlanner()
	if err != nil {
		return c.render(w, r, http.StatusOK, page{Template: "wastesheets", Title: title, Data: wasteSheetsView{Off: c.say.Say("services.off", "name", "waste")}})
	}
	now := desk.View()
	v := wasteSheetsView{Simulated: now.Simulated}
	only := r.URL.Query().Get("truck")
	known := map[string]*wastelive.ContainerView{}
	for i := range now.Containers {
		known[now.Containers[i].ID] = &now.Containers[i]
	}
	for i := range now.Tours {
		t := &now.Tours[i]
		v.Others = append(v.Others, pick{"/services/waste/sheets?truck=" + template.URLQueryEscaper(t.Truck), t.Truck, t.Truck == only})
		if only == "" || t.Truck == only {
			v.Sheets = append(v.Sheets, c.wasteSheet(&now, t, known))
		}
	}
	switch {
	case len(v.Sheets) == 0 && only != "":
		return city.Errorf(city.NotFound, "%s", c.say.Say("waste.sheets.no", "truck", only))
	case len(v.Sheets) == 0:
		v.Empty = c.say.Say("waste.sheets.empty")
	}
	return c.render(w, r, http.StatusOK, page{Template: "wastesheets", Title: title, Data: v})
}

func (c *Console) wasteSheet(now *wastelive.View, t *wastelive.Tour, known map[string]*wastelive.ContainerView) wasteSheet {
	s := wasteSheet{Truck: t.Truck, Day: now.Day.Format("Monday 2 January 2006")}
	stops := 0
	for n, call := range t.Calls {
		row := wasteSheetRow{Number: fmt.Sprint(n + 1), At: ofDay(call.Arrive), Where: c.say.Say("waste.sheets.unload", "site", call.Site), Load: fmt.Sprintf("%.0f kg", call.Kilograms)}
		if k := known[call.Container]; k != nil {
			stops++
			row.Where, row.Container, row.Volume = k.Street, k.ID, fmt.Sprintf("%.0f l %s", k.Litres, k.Fraction)
			row.Kerb = c.say.Say("waste.sheets.either")
			if k.Near {
				row.Kerb = c.say.Say("waste.sheets.near")
			}
		}
		s.Rows = append(s.Rows, row)
	}
	words := []string{c.say.Say("waste.plan.tour", "n", stops, "km", fmt.Sprintf("%.1f", t.Metres/1000), "from", ofDay(t.Start), "to", ofDay(t.End), "load", fmt.Sprintf("%.0f", t.Kilograms))}
	if t.Break > 0 {
		words = append(words, c.say.Say("waste.sheets.break", "at", ofDay(t.Break)))
	}
	s.Words = strings.Join(words, " ")
	if now.Phase == wastelive.Proposed {
		s.Note = c.say.Say("waste.sheets.proposed")
	}
	s.Map = c.wastePlanMap(&wastelive.Draft{Tours: []wastelive.Tour{*t}}, known, false)
	s.Map.Spot.Alt = c.say.Say("waste.sheets.map", "truck", t.Truck)
	return s
}
