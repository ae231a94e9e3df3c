package console

import (
	"net/http"

	"polity/access"
	"polity/camera/live"
	"polity/city"
)

// Route is one address of the pages. The table below is the only place where
// addresses begin, so that a test can walk all of them: each names the action that the
// policies decide about before anything is answered.
type Route struct {
	Pattern string // as of http.ServeMux
	Do      access.Action
	// on names the things that it is done to, all of which must be allowed; nil: the city.
	on    func(c *Console, r *http.Request) ([]access.Thing, error)
	serve func(c *Console, w http.ResponseWriter, r *request) error
}

var routes = []Route{
	{"GET /{$}", access.ReadPublic, nil, (*Console).mapPage},
	{"GET /cameras", access.ReadPublic, nil, (*Console).camerasPage},
	{"GET /cameras.csv", access.ReadPublic, nil, (*Console).camerasCSV},
	{"GET /cameras.geojson", access.ReadPublic, nil, (*Console).camerasGeoJSON},
	{"GET /cameras/{camera}", access.ReadPublic, nil, (*Console).cameraPage},
	{"GET /cameras/{camera}/state", access.ReadPublic, nil, (*Console).stateFragment},
	{"GET /cameras/{camera}/place.jpg", access.ReadPublic, nil, (*Console).placePicture},
	{"GET /cameras/{camera}/counts.csv", access.ReadPublic, nil, (*Console).countsCSV},
	{"GET /cameras/{camera}/events/{event}", access.ReadPublic, nil, (*Console).eventPicture},
	{"GET /cameras/{camera}/edit", access.EditLayout, theCamera, (*Console).editPage},
	{"GET /cameras/{camera}/layout", access.EditLayout, theCamera, (*Console).getLayout},
	{"PUT /cameras/{camera}/layout", access.EditLayout, theCamera, (*Console).putLayout},
	{"GET /live", access.LookLive, liveCameras, (*Console).liveFeed},
	{"GET /room", access.SeeAlerts, anyDesk, (*Console).roomPage},
	{"GET /room/alert", access.SeeAlerts, anyDesk, (*Console).alertPage},
	{"POST /room/act", access.Handle, anyDesk, (*Console).roomAct},
	{"GET /room/alerts.json", access.SeeAlerts, anyDesk, (*Console).alertsJSON},
	{"GET /room/alert.json", access.SeeAlerts, anyDesk, (*Console).alertJSON},
	{"POST /room/alerts", access.Handle, anyDesk, (*Console).handleAlerts},
	{"GET /room/feed", access.SeeAlerts, anyDesk, (*Console).alertsFeed},
	{"GET /room/incidents.json", access.SeeAlerts, anyDesk, (*Console).incidentsJSON},
	{"POST /room/incidents", access.Handle, anyDesk, (*Console).handleIncidents},
	{"GET /room/incidents/{incident}/data.json", access.SeeAlerts, anyDesk, (*Console).incidentJSON},
	{"GET /room/incidents/{incident}/export.zip", access.SeeAlerts, anyDesk, (*Console).incidentExport},
	{"GET /room/handovers.json", access.SeeAlerts, anyDesk, (*Console).handoversJSON},
	{"POST /room/handovers", access.Handle, anyDesk, (*Console).handleHandovers},
	{"GET /precision.json", access.ReadPublic, nil, (*Console).precisionJSON},
	{"GET /precision.csv", access.ReadPublic, nil, (*Console).precisionCSV},
	{"GET /precision", access.ReadPublic, nil, (*Console).precisionPage},
	{"GET /room/incidents", access.SeeAlerts, anyDesk, (*Console).incidentsPage},
	{"GET /room/incidents/{incident}", access.SeeAlerts, anyDesk, (*Console).incidentPage},
	{"POST /room/incident", access.Handle, anyDesk, (*Console).incidentAct},
	{"GET /room/handover", access.SeeAlerts, anyDesk, (*Console).handoverPage},
	{"POST /room/handover", access.Handle, anyDesk, (*Console).handoverAct},
	{"GET /room/wall", access.SeeAlerts, safetyDesk, (*Console).wallPage},
	{"GET /room/notices", access.OwnAccount, nil, (*Console).noticesPage},
	{"POST /room/notices", access.OwnAccount, nil, (*Console).changeNotices},
	{"POST /room/notices/push", access.OwnAccount, nil, (*Console).setPush},
	{"POST /room/notices/channels", access.RunSystem, nil, (*Console).runChannels},
	{"GET /room/push.js", access.ReadPublic, nil, (*Console).pushWorker},
	{"GET /orders", access.SeeOrders, anyDesk, (*Console).ordersPage},
	{"GET /orders.csv", access.SeeOrders, anyDesk, (*Console).ordersCSV},
	{"GET /orders/new", access.GiveOrder, anyDesk, (*Console).newOrderPage},
	{"POST /orders", access.GiveOrder, anyDesk, (*Console).makeOrder},
	{"GET /orders/{order}", access.SeeOrders, anyDesk, (*Console).orderPage},
	{"GET /orders/{order}/edit", access.GiveOrder, anyDesk, (*Console).editOrderPage},
	{"POST /orders/{order}/edit", access.GiveOrder, anyDesk, (*Console).editOrder},
	{"POST /orders/{order}/decide", access.GiveOrder, anyDesk, (*Console).decideOrder},
	{"POST /orders/{order}/note", access.GiveOrder, anyDesk, (*Console).noteOrder},
	{"GET /orders/{order}/photos/{photo}", access.SeeOrders, anyDesk, (*Console).orderPhoto},
	{"GET /orders/{order}/sheet.pdf", access.SeeOrders, anyDesk, (*Console).orderSheetPDF},
	{"GET /orders/mine", access.DoOrder, anyDesk, (*Console).crewPage},
	{"GET /orders/mine.json", access.DoOrder, anyDesk, (*Console).crewOrders},
	{"GET /orders/worker.js", access.ReadPublic, nil, (*Console).crewWorker},
	{"POST /orders/mine/{order}/steps", access.DoOrder, anyDesk, (*Console).doOrder},
	{"POST /orders/mine/{order}/notes", access.DoOrder, anyDesk, (*Console).noteByCrew},
	{"POST /orders/mine/{order}/photos", access.DoOrder, anyDesk, (*Console).photoByCrew},
	{"PUT /orders/mine/{order}/position", access.DoOrder, anyDesk, (*Console).sharePosition},
	{"DELETE /orders/mine/{order}/position", access.DoOrder, anyDesk, (*Console).hidePosition},
	{"GET /decisions", access.SeeAlerts, anyDesk, (*Console).decisionsPage},
	{"GET /decisions.json", access.SeeAlerts, anyDesk, (*Console).decisionsJSON},
	{"POST /decisions/{service}/{decision}", access.Decide, theService, (*Console).answerDecision},
	{"GET /cases", access.SeeCases, nil, (*Console).casesPage},
	{"GET /cases.csv", access.SeeCases, nil, (*Console).casesCSV},
	{"POST /cases", access.CarryCase, nil, (*Console).handInCase},
	{"GET /cases/new", access.PrepareCase, nil, (*Console).newCasePage},
	{"GET /cases/duties", access.SeeCases, nil, (*Console).dutiesPage},
	{"GET /cases/recorded.json", access.PrepareCase, nil, (*Console).recordedJSON},
	{"GET /cases/{case}", access.SeeCases, nil, (*Console).casePage},
	{"GET /cases/{case}/requests/{body}", access.CarryCase, nil, (*Console).fetchRequest},
	{"POST /cases/{case}/answers", access.CarryCase, nil, (*Console).bringAnswer},
	{"GET /looks", access.ReadPublic, nil, (*Console).looksPage},
	{"GET /looks.csv", access.ReadPublic, nil, (*Console).looksCSV},
	{"GET /looks/chain.jsonl", access.ReadPublic, nil, (*Console).looksChain},
	{"GET /looks/check", access.ReadPublic, nil, (*Console).looksCheckPage},
	{"GET /looks/details", access.AuditLooks, nil, (*Console).lookDetailsPage},
	{"GET /looks/details.csv", access.AuditLooks, nil, (*Console).lookDetailsCSV},
	{"GET /record", access.ReadPublic, nil, (*Console).recordPage},
	{"GET /record/summary.json", access.ReadPublic, nil, (*Console).recordSummary},
	{"GET /record/openings.csv", access.ReadPublic, nil, (*Console).recordCSV},
	{"GET /record/openings.json", access.ReadPublic, nil, (*Console).openingsJSON},
	{"GET /record/concerned", access.ReadPublic, nil, (*Console).concernedPage},
	{"GET /record/roster/{version}", access.ReadPublic, nil, (*Console).recordRoster},
	{"GET /record/entries", access.ReadPublic, nil, (*Console).recordEntriesPage},
	{"GET /record/entry/{index}", access.ReadPublic, nil, (*Console).recordEntryPage},
	{"GET /record/entry/{index}/proof", access.ReadPublic, nil, (*Console).recordProof},
	{"GET /record/entry/{index}/entry.json", access.ReadPublic, nil, (*Console).recordBytes},
	{"GET /sensors", access.ReadPublic, nil, (*Console).sensorsPage},
	{"GET /sensors.csv", access.ReadPublic, nil, (*Console).sensorsCSV},
	{"GET /sensors.geojson", access.ReadPublic, nil, (*Console).sensorsGeoJSON},
	{"GET /sensors/{kind}", access.ReadPublic, nil, (*Console).sensorsPage},
	{"GET /sensors/{kind}/{id}", access.ReadPublic, nil, (*Console).sensorPage},
	{"GET /sensors/{kind}/{id}/now", access.ReadPublic, nil, (*Console).sensorFragment},
	{"GET /sensors/{kind}/{id}/values.csv", access.ReadPublic, nil, (*Console).sensorCSV},
	{"GET /transit", access.ReadPublic, nil, (*Console).transitPage},
	{"GET /transit/{feed}/lines/{line}", access.ReadPublic, nil, (*Console).transitLinePage},
	{"GET /transit/{feed}/stops/{stop}", access.ReadPublic, nil, (*Console).transitStopPage},
	{"GET /transit/{feed}/lines.geojson", access.ReadPublic, nil, (*Console).transitLines},
	{"GET /transit/{feed}/vehicles.geojson", access.ReadPublic, nil, (*Console).transitVehicles},
	{"GET /transit/{feed}/delays.csv", access.ReadPublic, nil, (*Console).transitDelays},
	{"GET /services", access.ReadPublic, nil, (*Console).servicesPage},
	{"GET /services/traffic", access.ReadPublic, nil, (*Console).trafficPage},
	{"GET /services/traffic.csv", access.ReadPublic, nil, (*Console).trafficCSV},
	{"GET /services/traffic.geojson", access.ReadPublic, nil, (*Console).trafficGeoJSON},
	{"POST /services/traffic/hold", access.Decide, serviceTraffic, (*Console).holdJunction},
	{"GET /services/traffic/view.json", access.SeeAlerts, serviceTraffic, (*Console).trafficJSON},
	{"GET /services/traffic/plans/{junction}", access.SeeAlerts, serviceTraffic, (*Console).trafficPlanPage},
	{"GET /services/traffic/plans/{junction}/report.csv", access.SeeAlerts, serviceTraffic, (*Console).planCSV},
	{"GET /services/traffic/plans/{junction}/report.pdf", access.SeeAlerts, serviceTraffic, (*Console).planPDF},
	{"POST /services/traffic/plans/{junction}", access.Decide, serviceTraffic, (*Console).proposePlan},
	{"GET /services/waste", access.ReadPublic, nil, (*Console).wastePage},
	{"GET /services/waste/view.json", access.SeeAlerts, serviceWaste, (*Console).wasteJSON},
	{"GET /services/waste/tours.csv", access.SeeAlerts, serviceWaste, (*Console).wasteCSV},
	{"GET /services/waste/tours/{tour}", access.SeeAlerts, serviceWaste, (*Console).wasteGPX},
	{"GET /services/waste/plan", access.SeeAlerts, serviceWaste, (*Console).wastePlanPage},
	{"POST /services/waste/plan", access.Decide, serviceWaste, (*Console).putTours},
	{"POST /services/waste/whatif", access.Decide, serviceWaste, (*Console).askWaste},
	{"GET /services/waste/whatif/{tour}", access.SeeAlerts, serviceWaste, (*Console).wasteIfGPX},
	{"GET /services/waste/sheets", access.SeeAlerts, serviceWaste, (*Console).wasteSheetsPage},
	{"GET /services/waste/tables", access.SeeAlerts, serviceWaste, (*Console).wasteTablesPage},
	{"POST /services/waste/tables", access.Decide, serviceWaste, (*Console).bringTables},
	{"POST /services/waste/tours/{tour}/free", access.GiveOrder, serviceWaste, (*Console).freeTour},
	{"GET /services/waste/photos/{photo}", access.SeeAlerts, serviceWaste, (*Console).missedPhoto},
	{"GET /services/waste/drive", access.DoOrder, serviceWaste, (*Console).driverPage},
	{"GET /services/waste/drive.json", access.DoOrder, serviceWaste, (*Console).driverJSON},
	{"GET /services/waste/worker.js", access.ReadPublic, nil, (*Console).crewWorker},
	{"POST /services/waste/drive", access.DoOrder, serviceWaste, (*Console).takeTour},
	{"POST /services/waste/drive/{tour}/reports", access.DoOrder, serviceWaste, (*Console).reportByDriver},
	{"POST /services/waste/drive/{tour}/photos", access.DoOrder, serviceWaste, (*Console).photoByDriver},
	{"GET /services/water", access.ReadPublic, nil, (*Console).waterPage},
	{"GET /services/water/report", access.ReadPublic, nil, (*Console).waterTellPage},
	{"POST /services/water/report", access.ReadPublic, nil, (*Console).waterTold}, // by anybody, who says nothing of themselves
	{"GET /services/water/operation", access.SeeAlerts, serviceWater, (*Console).waterOperation},
	{"GET /services/water/sheet.pdf", access.SeeAlerts, serviceWater, (*Console).waterSheet},
	{"POST /services/water/contamination", access.Decide, serviceWater, (*Console).waterSearch},
	{"POST /services/water/reports", access.Decide, serviceWater, (*Console).waterReport},
	{"GET /services/water/view.json", access.SeeAlerts, serviceWater, (*Console).waterJSON},
	{"GET /services/power", access.ReadPublic, nil, (*Console).powerPage},
	{"GET /services/power/view.json", access.SeeAlerts, servicePower, (*Console).powerJSON},
	{"GET /services/power/try", access.SeeAlerts, servicePower, (*Console).powerTryPage},
	{"POST /services/power/try", access.Decide, servicePower, (*Console).powerPropose},
	{"POST /services/power/desk", access.Decide, servicePower, (*Console).powerDeskAct},
	{"GET /services/power/orders/{decision}", access.SeeAlerts, servicePower, (*Console).powerSheetPage},
	{"GET /services/power/orders/{decision}/sheet.txt", access.SeeAlerts, servicePower, (*Console).powerSheetFile},
	{"GET /services/power/sheets.key", access.ReadPublic, nil, (*Console).powerSheetKey},
	{"GET /services/power/lighting", access.ReadPublic, nil, (*Console).lightPage},
	{"POST /services/power/lighting/full", access.Decide, servicePower, (*Console).lightFull},
	{"GET /services/power/lighting/view.json", access.SeeAlerts, servicePower, (*Console).lightJSON},
	{"GET /system", access.SeeSystem, nil, (*Console).systemPage},
	{"GET /data", access.ReadPublic, nil, (*Console).dataPage},
	{"GET /data/{set}", access.ReadPublic, nil, (*Console).setPage},
	{"GET /api", access.ReadPublic, nil, (*Console).apiPage},
	{"GET /check", access.ReadPublic, nil, (*Console).checkPage},
	{"GET /sign-in", access.SignIn, nil, (*Console).signInPage},
	{"POST /sign-in/begin", access.SignIn, nil, (*Console).beginSignIn},
	{"POST /sign-in/finish", access.SignIn, nil, (*Console).finishSignIn},
	{"POST /sign-in/directory", access.SignIn, nil, (*Console).beginDirectory},
	{"GET /sign-in/directory/back", access.SignIn, nil, (*Console).finishDirectory},
	{"POST /sign-out", access.SignIn, nil, (*Console).signOut},
	{"POST /door", access.SignIn, nil, (*Console).openDoor},
	{"GET /enrol", access.SignIn, nil, (*Console).enrolPage},
	{"POST /enrol/begin", access.SignIn, nil, (*Console).beginEnrol},
	{"POST /enrol/finish", access.SignIn, nil, (*Console).finishEnrol},
	{"GET /account", access.OwnAccount, nil, (*Console).accountPage},
	{"POST /account/purpose", access.OwnAccount, nil, (*Console).setPurpose},
	{"POST /account/sessions", access.OwnAccount, nil, (*Console).revokeSession},
	{"POST /account/passkeys", access.OwnAccount, nil, (*Console).changePasskey},
	{"POST /account/passkeys/begin", access.OwnAccount, nil, (*Console).beginPasskey},
	{"POST /account/passkeys/finish", access.OwnAccount, nil, (*Console).finishPasskey},
	{"POST /account/tokens", access.OwnAccount, nil, (*Console).makeToken},
	{"POST /account/tokens/revoke", access.OwnAccount, nil, (*Console).revokeToken},
	{"GET /people", access.SeePeople, nil, (*Console).peoplePage},
	{"GET /people/{person}", access.SeePeople, nil, (*Console).personPage},
	{"POST /people/{person}", access.ManagePeople, thePerson, (*Console).changePerson},
	{"POST /people/invite", access.ManagePeople, anotherPerson, (*Console).invite},
	{"POST /people/uninvite", access.ManagePeople, anotherPerson, (*Console).uninvite},
	{"POST /people/waiting/{waiting}", access.SeePeople, nil, (*Console).answerWaiting}, // accounts ask who may agree
	{"GET /access", access.ReadPublic, nil, (*Console).rulesPage},
	{"GET /access.csv", access.ReadPublic, nil, (*Console).rulesCSV},
	{"GET /access/explain", access.ReviewAccess, nil, (*Console).explainPage},
	{"GET /access/changes", access.OwnAccount, nil, (*Console).policiesPage},
	{"GET /access/propose", access.ProposePolicy, nil, (*Console).proposePage},
	{"POST /access/propose", access.ProposePolicy, nil, (*Console).propose},
	{"GET /access/proposals/{proposal}", access.OwnAccount, nil, (*Console).proposalPage},
	{"POST /access/proposals/{proposal}/decide", access.ApprovePolicy, nil, (*Console).decideProposal},
	{"POST /access/proposals/{proposal}/withdraw", access.ProposePolicy, nil, (*Console).withdrawProposal},
	{"POST /theme", access.ReadPublic, nil, (*Console).setTheme},
	{"GET /map/{file}", access.ReadPublic, nil, (*Console).mapFile},
	{"GET /assets/{file}", access.ReadPublic, nil, (*Console).asset},
	{"/", access.ReadPublic, nil, func(c *Console, _ http.ResponseWriter, _ *request) error {
		return city.Errorf(city.NotFound, "%s", c.say.Say("error.page"))
	}},
}

// Routes returns the table, for tests of who may do what.
func Routes() []Route { return append([]Route(nil), routes...) }

// someDesk stands for any desk of the control room: a route for it lets in whoever may do
// it for one of them, and what is answered keeps to the desks of the one who asks.
const someDesk = ""

func anyDesk(*Console, *http.Request) ([]access.Thing, error) {
	return []access.Thing{access.Service(someDesk)}, nil
}

// theService is the service that an address names.
func theService(_ *Console, r *http.Request) ([]access.Thing, error) {
	return []access.Thing{access.Service(city.Slug(r.PathValue("service")))}, nil
}

// theCamera is the camera that an address names.
func theCamera(c *Console, r *http.Request) ([]access.Thing, error) {
	return []access.Thing{c.thing(city.Slug(r.PathValue("camera")))}, nil
}

// liveCameras are those that a live feed asks for.
func liveCameras(c *Console, r *http.Request) ([]access.Thing, error) {
	names, err := live.Cameras(r)
	if err != nil {
		return nil, err
	}
	things := make([]access.Thing, 0, len(names))
	for _, name := range names {
		things = append(things, c.thing(name))
	}
	return things, nil
}
