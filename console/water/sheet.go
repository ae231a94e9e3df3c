package water

import (
	"net/http"
	"strings"

	"polity/access"
	"polity/console/frame"
	"polity/internal/pdf"
	"polity/room/order"
)

// sheet is a plan of valves for a crew, as PDF: customers are counts.
func (c *Console) sheet(w http.ResponseWriter, r *frame.Request) error {
	return c.WriteSheet(w, r, r.URL.Query().Get("pipe"))
}

// pipePrefix begins the asset of a work order at a pipe.
const pipePrefix = "urn:ngsi-ld:Pipe:"

// SheetOf is the pipe that a work order is to cut off, for WriteSheet; empty: it is none of
// the service's, which has no sheet.
func (c *Console) SheetOf(o *order.Order) (pipe string) {
	_, runs := c.service.(Desk)
	pipe, at := strings.CutPrefix(o.Asset, pipePrefix)
	if !runs || !at || o.Desk != access.Water || o.Source.From != order.FromDecision {
		return ""
	}
	return pipe
}

// WriteSheet answers with the plan of valves that cut a pipe off: city.NotFound, city.Conflict.
func (c *Console) WriteSheet(w http.ResponseWriter, r *frame.Request, pipe string) error {
	desk, err := frame.Running[Desk](c.Frame, access.Water, c.service)
	if err != nil {
		return err
	}
	plan, err := desk.Isolate(pipe)
	if err != nil {
		return err
	}
	now := desk.View()
	p := c.plan(&now, &plan)
	doc := pdf.New()
	doc.Text(p.Title, pdf.TitleSize, true, 0)
	if now.Simulated {
		doc.Text(c.Say("water.sheet.simulated"), pdf.TextSize, true, 4)
	}
	doc.Text(c.Say("water.sheet.made", "at", r.Clock.Now.UTC().Format("2006-01-02 15:04 UTC")), pdf.TextSize, false, 4)
	doc.Text(p.Valves+" "+p.Dry, pdf.TextSize, false, 10)
	if p.Hydrants != "" {
		doc.Text(p.Hydrants, pdf.TextSize, false, 6)
	}
	doc.Text(c.Say("water.sheet.valves"), pdf.HeadSize, true, 14)
	widths := []float64{200, 70, 100}
	doc.Row([]string{c.Say("water.valve"), c.Say("water.valve.place"), c.Say("water.valve.now"), c.Say("water.sheet.done")}, widths, pdf.TextSize, true)
	for _, x := range p.Rows {
		doc.Row([]string{x.Name, x.Where, x.State, "[    ]   ____:____"}, widths, pdf.TextSize, false)
	}
	for _, key := range []string{"water.sheet.listen", "water.sheet.reopen"} {
		doc.Text(c.Say(key), pdf.TextSize, false, 8)
	}
	w.Header().Set("Content-Type", "application/pdf")
	w.Header().Set("Content-Disposition", `attachment; filename="valves.pdf"`)
	_, err = w.Write(doc.File(p.Title))
	return err
}
