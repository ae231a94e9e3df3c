// Package power is the pages of the power service: the network for everyone, faults and
// switching for the desk, orders on paper, and street lighting.
package power

import (
	"embed"

	"polity/access"
	"polity/console/decisions"
	"polity/console/frame"
	"polity/room/decision"
	"polity/service"
	"polity/services/power/live"
)

//go:embed *.html
var templates embed.FS

// Config is what these pages are given.
type Config struct {
	Service   service.Service // the one that runs; nil: none does
	Decisions *decisions.Console
	Orders    bool    // there are work orders
	Sheets    *Sheets // signs switching orders on paper; nil: they are not signed
}

// Console is these pages.
type Console struct {
	*frame.Frame
	cfg Config
}

// New makes the pages.
func New(f *frame.Frame, cfg Config) (*Console, error) {
	return &Console{Frame: f, cfg: cfg}, f.Parse("power", templates)
}

// Routes are the addresses of these pages.
func (c *Console) Routes() []frame.Route {
	us := frame.On(access.Service(access.Power))
	return []frame.Route{
		{Pattern: "GET /services/power", Do: access.ReadPublic, Serve: c.deskPage},
		{Pattern: "GET /services/power/view.json", Do: access.SeeAlerts, On: us, Serve: c.viewJSON},
		{Pattern: "GET /services/power/try", Do: access.SeeAlerts, On: us, Serve: c.tryPage},
		{Pattern: "POST /services/power/try", Do: access.Decide, On: us, Serve: c.propose},
		{Pattern: "POST /services/power/desk", Do: access.Decide, On: us, Serve: c.deskAct},
		{Pattern: "GET /services/power/orders/{decision}", Do: access.SeeAlerts, On: us, Serve: c.sheetPage},
		{Pattern: "GET /services/power/orders/{decision}/sheet.txt", Do: access.SeeAlerts, On: us, Serve: c.sheetFile},
		{Pattern: "GET /services/power/sheets.key", Do: access.ReadPublic, Serve: c.sheetKey},
		{Pattern: "GET /services/power/lighting", Do: access.ReadPublic, Serve: c.lightPage},
		{Pattern: "POST /services/power/lighting/full", Do: access.Decide, On: us, Serve: c.lightFull},
		{Pattern: "GET /services/power/lighting/view.json", Do: access.SeeAlerts, On: us, Serve: c.lightJSON},
	}
}

// SheetPath is where a decision's order is on paper; empty: it is none that switches.
func SheetPath(d *decision.Decision) string {
	if d.Service != access.Power {
		return ""
	}
	if _, _, err := live.OrderOf(d.Detail); err != nil {
		return ""
	}
	return orderPath(d.ID)
}
