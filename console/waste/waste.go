// Package waste is the pages of the waste service: the day for everyone, tours for the desk,
// the plan for who plans it, and the way for who drives.
package waste

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
	service   service.Service
	decisions bool          // there is a page of decisions
	masking   chan struct{} // holds one while a driver's photo is decoded
}

// New makes the pages of the service that runs, which is nil where none does.
func New(f *frame.Frame, runs service.Service, decisions bool) (*Console, error) {
	c := &Console{Frame: f, service: runs, decisions: decisions, masking: make(chan struct{}, 1)}
	return c, f.Parse("waste", templates)
}

// Routes are the addresses of these pages.
func (c *Console) Routes() []frame.Route {
	us := frame.On(access.Service(access.Waste))
	return []frame.Route{
		{Pattern: "GET /services/waste", Do: access.ReadPublic, Serve: c.dayPage},
		{Pattern: "GET /services/waste/view.json", Do: access.SeeAlerts, On: us, Serve: c.viewJSON},
		{Pattern: "GET /services/waste/tours.csv", Do: access.SeeAlerts, On: us, Serve: c.toursCSV},
		{Pattern: "GET /services/waste/tours/{tour}", Do: access.SeeAlerts, On: us, Serve: c.tourGPX},
		{Pattern: "GET /services/waste/plan", Do: access.SeeAlerts, On: us, Serve: c.planPage},
		{Pattern: "POST /services/waste/plan", Do: access.Decide, On: us, Serve: c.putTours},
		{Pattern: "POST /services/waste/whatif", Do: access.Decide, On: us, Serve: c.ask},
		{Pattern: "GET /services/waste/whatif/{tour}", Do: access.SeeAlerts, On: us, Serve: c.whatIfGPX},
		{Pattern: "GET /services/waste/sheets", Do: access.SeeAlerts, On: us, Serve: c.sheetsPage},
		{Pattern: "GET /services/waste/tables", Do: access.SeeAlerts, On: us, Serve: c.tablesPage},
		{Pattern: "POST /services/waste/tables", Do: access.Decide, On: us, Serve: c.bringTables},
		{Pattern: "POST /services/waste/tours/{tour}/free", Do: access.GiveOrder, On: us, Serve: c.freeTour},
		{Pattern: "GET /services/waste/photos/{photo}", Do: access.SeeAlerts, On: us, Serve: c.missedPhoto},
		{Pattern: "GET /services/waste/drive", Do: access.DoOrder, On: us, Serve: c.driverPage},
		{Pattern: "GET /services/waste/drive.json", Do: access.DoOrder, On: us, Serve: c.driverJSON},
		{Pattern: "GET /services/waste/worker.js", Do: access.ReadPublic, Serve: c.worker},
		{Pattern: "POST /services/waste/drive", Do: access.DoOrder, On: us, Serve: c.takeTour},
		{Pattern: "POST /services/waste/drive/{tour}/reports", Do: access.DoOrder, On: us, Serve: c.reportByDriver},
		{Pattern: "POST /services/waste/drive/{tour}/photos", Do: access.DoOrder, On: us, Serve: c.photoByDriver},
	}
}
