// Package traffic is the pages of the traffic service: who decides at each junction and what
// that saves for everyone, and plans of signals for the desk.
package traffic

import (
	"embed"

	"polity/access"
	"polity/console/decisions"
	"polity/console/frame"
	"polity/service"
)

//go:embed *.html
var templates embed.FS

// Console is these pages.
type Console struct {
	*frame.Frame
	service   service.Service
	decisions *decisions.Console
}

// New makes the pages of the service that runs, which is nil where none does.
func New(f *frame.Frame, runs service.Service, made *decisions.Console) (*Console, error) {
	return &Console{Frame: f, service: runs, decisions: made}, f.Parse("traffic", templates)
}

// Routes are the addresses of these pages.
func (c *Console) Routes() []frame.Route {
	us := frame.On(access.Service(access.Traffic))
	return []frame.Route{
		{Pattern: "GET /services/traffic", Do: access.ReadPublic, Serve: c.deskPage},
		{Pattern: "GET /services/traffic.csv", Do: access.ReadPublic, Serve: c.viewCSV},
		{Pattern: "GET /services/traffic.geojson", Do: access.ReadPublic, Serve: c.viewGeoJSON},
		{Pattern: "POST /services/traffic/hold", Do: access.Decide, On: us, Serve: c.holdJunction},
		{Pattern: "GET /services/traffic/view.json", Do: access.SeeAlerts, On: us, Serve: c.viewJSON},
		{Pattern: "GET /services/traffic/plans/{junction}", Do: access.SeeAlerts, On: us, Serve: c.planView},
		{Pattern: "GET /services/traffic/plans/{junction}/report.csv", Do: access.SeeAlerts, On: us, Serve: c.planCSV},
		{Pattern: "GET /services/traffic/plans/{junction}/report.pdf", Do: access.SeeAlerts, On: us, Serve: c.planPDF},
		{Pattern: "POST /services/traffic/plans/{junction}", Do: access.Decide, On: us, Serve: c.proposePlan},
	}
}
