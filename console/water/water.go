// Package water is the pages of the water service: known leaks and a form for residents for
// everyone; where leaks are, pressures, pumps and valves for the desk.
package water

import (
	"embed"

	"polity/access"
	"polity/console/frame"
	"polity/service"
)

//go:embed *.html
var templates embed.FS

// Console is these pages.
type Console struct {
	*frame.Frame
	service service.Service
	decides bool
	pace    tellPace // of what the public tells
}

// New makes the pages of the service that runs, which is nil where none does. decides says
// that there is a page about decisions.
func New(f *frame.Frame, runs service.Service, decides bool) (*Console, error) {
	return &Console{Frame: f, service: runs, decides: decides}, f.Parse("water", templates)
}

// Routes are the addresses of these pages.
func (c *Console) Routes() []frame.Route {
	us := frame.On(access.Service(access.Water))
	return []frame.Route{
		{Pattern: "GET /services/water", Do: access.ReadPublic, Serve: c.deskPage},
		{Pattern: "GET /services/water/report", Do: access.ReadPublic, Serve: c.tellPage},
		{Pattern: "POST /services/water/report", Do: access.ReadPublic, Serve: c.takeTold}, // by anybody, who says nothing of themselves
		{Pattern: "GET /services/water/operation", Do: access.SeeAlerts, On: us, Serve: c.operationPage},
		{Pattern: "GET /services/water/sheet.pdf", Do: access.SeeAlerts, On: us, Serve: c.sheet},
		{Pattern: "POST /services/water/contamination", Do: access.Decide, On: us, Serve: c.search},
		{Pattern: "POST /services/water/reports", Do: access.Decide, On: us, Serve: c.takeReport},
		{Pattern: "GET /services/water/view.json", Do: access.SeeAlerts, On: us, Serve: c.viewJSON},
	}
}
