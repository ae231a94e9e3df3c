package console

import (
	"net/http"
	"path"
	"slices"

	"polity/access"
	"polity/camera/live"
	"polity/city"
	"polity/console/decisions"
	"polity/console/frame"
	"polity/console/power"
	"polity/console/traffic"
	"polity/console/waste"
	"polity/console/water"
)

// routes joins the tables of all pages: each names the action that the policies decide about
// before anything is answered.
func (c *Console) routes() []frame.Route {
	return slices.Concat(c.cameraRoutes(), c.roomRoutes(), c.orderRoutes(), c.decisions.Routes(), c.caseRoutes(), c.sensorRoutes(), c.servicesRoutes(), c.traffic.Routes(), c.waste.Routes(), c.water.Routes(), c.power.Routes(),
		c.aboutRoutes(), c.accessRoutes(), c.restRoutes())
}

// Routes returns every address of the pages, for tests of who may do what.
func Routes() []frame.Route {
	return (&Console{decisions: new(decisions.Console), traffic: new(traffic.Console), waste: new(waste.Console), water: new(water.Console), power: new(power.Console)}).routes()
}

// cameraRoutes are the addresses of the map, cameras and live scenes.
func (c *Console) cameraRoutes() []frame.Route {
	return []frame.Route{
		{Pattern: "GET /{$}", Do: access.ReadPublic, Serve: c.mapPage},
		{Pattern: "GET /cameras", Do: access.ReadPublic, Serve: c.camerasPage},
		{Pattern: "GET /cameras.csv", Do: access.ReadPublic, Serve: c.camerasCSV},
		{Pattern: "GET /cameras.geojson", Do: access.ReadPublic, Serve: c.camerasGeoJSON},
		{Pattern: "GET /cameras/{camera}", Do: access.ReadPublic, Serve: c.cameraPage},
		{Pattern: "GET /cameras/{camera}/state", Do: access.ReadPublic, Serve: c.stateFragment},
		{Pattern: "GET /cameras/{camera}/place.jpg", Do: access.ReadPublic, Serve: c.placePicture},
		{Pattern: "GET /cameras/{camera}/counts.csv", Do: access.ReadPublic, Serve: c.countsCSV},
		{Pattern: "GET /cameras/{camera}/events/{event}", Do: access.ReadPublic, Serve: c.eventPicture},
		{Pattern: "GET /cameras/{camera}/edit", Do: access.EditLayout, On: c.theCamera, Serve: c.editPage},
		{Pattern: "GET /cameras/{camera}/layout", Do: access.EditLayout, On: c.theCamera, Serve: c.getLayout},
		{Pattern: "PUT /cameras/{camera}/layout", Do: access.EditLayout, On: c.theCamera, Serve: c.putLayout},
		{Pattern: "GET /live", Do: access.LookLive, On: c.liveCameras, Serve: c.liveFeed},
	}
}

// roomRoutes are the addresses of the control room.
func (c *Console) roomRoutes() []frame.Route {
	some := frame.On(access.Service(frame.SomeDesk))
	return []frame.Route{
		{Pattern: "GET /room", Do: access.SeeAlerts, On: some, Serve: c.roomPage},
		{Pattern: "GET /room/alert", Do: access.SeeAlerts, On: some, Serve: c.alertPage},
		{Pattern: "POST /room/act", Do: access.Handle, On: some, Serve: c.roomAct},
		{Pattern: "GET /room/alerts.json", Do: access.SeeAlerts, On: some, Serve: c.alertsJSON},
		{Pattern: "GET /room/alert.json", Do: access.SeeAlerts, On: some, Serve: c.alertJSON},
		{Pattern: "POST /room/alerts", Do: access.Handle, On: some, Serve: c.handleAlerts},
		{Pattern: "GET /room/feed", Do: access.SeeAlerts, On: some, Serve: c.alertsFeed},
		{Pattern: "GET /room/incidents.json", Do: access.SeeAlerts, On: some, Serve: c.incidentsJSON},
		{Pattern: "POST /room/incidents", Do: access.Handle, On: some, Serve: c.handleIncidents},
		{Pattern: "GET /room/incidents/{incident}/data.json", Do: access.SeeAlerts, On: some, Serve: c.incidentJSON},
		{Pattern: "GET /room/incidents/{incident}/export.zip", Do: access.SeeAlerts, On: some, Serve: c.incidentExport},
		{Pattern: "GET /room/handovers.json", Do: access.SeeAlerts, On: some, Serve: c.handoversJSON},
		{Pattern: "POST /room/handovers", Do: access.Handle, On: some, Serve: c.handleHandovers},
		{Pattern: "GET /precision.json", Do: access.ReadPublic, Serve: c.precisionJSON},
		{Pattern: "GET /precision.csv", Do: access.ReadPublic, Serve: c.precisionCSV},
		{Pattern: "GET /precision", Do: access.ReadPublic, Serve: c.precisionPage},
		{Pattern: "GET /room/incidents", Do: access.SeeAlerts, On: some, Serve: c.incidentsPage},
		{Pattern: "GET /room/incidents/{incident}", Do: access.SeeAlerts, On: some, Serve: c.incidentPage},
		{Pattern: "POST /room/incident", Do: access.Handle, On: some, Serve: c.incidentAct},
		{Pattern: "GET /room/handover", Do: access.SeeAlerts, On: some, Serve: c.handoverPage},
		{Pattern: "POST /room/handover", Do: access.Handle, On: some, Serve: c.handoverAct},
		{Pattern: "GET /room/wall", Do: access.SeeAlerts, On: frame.On(access.Service(access.Safety)), Serve: c.wallPage},
		{Pattern: "GET /room/notices", Do: access.OwnAccount, Serve: c.noticesPage},
		{Pattern: "POST /room/notices", Do: access.OwnAccount, Serve: c.changeNotices},
		{Pattern: "POST /room/notices/push", Do: access.OwnAccount, Serve: c.setPush},
		{Pattern: "POST /room/notices/channels", Do: access.RunSystem, Serve: c.runChannels},
		{Pattern: "GET /room/push.js", Do: access.ReadPublic, Serve: c.pushWorker},
	}
}

// orderRoutes are the addresses of work orders and crews.
func (c *Console) orderRoutes() []frame.Route {
	some := frame.On(access.Service(frame.SomeDesk))
	return []frame.Route{
		{Pattern: "GET /orders", Do: access.SeeOrders, On: some, Serve: c.ordersPage},
		{Pattern: "GET /orders.csv", Do: access.SeeOrders, On: some, Serve: c.ordersCSV},
		{Pattern: "GET /orders/new", Do: access.GiveOrder, On: some, Serve: c.newOrderPage},
		{Pattern: "POST /orders", Do: access.GiveOrder, On: some, Serve: c.makeOrder},
		{Pattern: "GET /orders/{order}", Do: access.SeeOrders, On: some, Serve: c.orderPage},
		{Pattern: "GET /orders/{order}/edit", Do: access.GiveOrder, On: some, Serve: c.editOrderPage},
		{Pattern: "POST /orders/{order}/edit", Do: access.GiveOrder, On: some, Serve: c.editOrder},
		{Pattern: "POST /orders/{order}/decide", Do: access.GiveOrder, On: some, Serve: c.decideOrder},
		{Pattern: "POST /orders/{order}/note", Do: access.GiveOrder, On: some, Serve: c.noteOrder},
		{Pattern: "GET /orders/{order}/photos/{photo}", Do: access.SeeOrders, On: some, Serve: c.orderPhoto},
		{Pattern: "GET /orders/{order}/sheet.pdf", Do: access.SeeOrders, On: some, Serve: c.orderSheetPDF},
		{Pattern: "GET /orders/mine", Do: access.DoOrder, On: some, Serve: c.crewPage},
		{Pattern: "GET /orders/mine.json", Do: access.DoOrder, On: some, Serve: c.crewOrders},
		{Pattern: "GET /orders/worker.js", Do: access.ReadPublic, Serve: c.crewWorker},
		{Pattern: "POST /orders/mine/{order}/steps", Do: access.DoOrder, On: some, Serve: c.doOrder},
		{Pattern: "POST /orders/mine/{order}/notes", Do: access.DoOrder, On: some, Serve: c.noteByCrew},
		{Pattern: "POST /orders/mine/{order}/photos", Do: access.DoOrder, On: some, Serve: c.photoByCrew},
		{Pattern: "PUT /orders/mine/{order}/position", Do: access.DoOrder, On: some, Serve: c.sharePosition},
		{Pattern: "DELETE /orders/mine/{order}/position", Do: access.DoOrder, On: some, Serve: c.hidePosition},
	}
}

// caseRoutes are the addresses of cases for footage, and what everyone can read about looks and openings.
func (c *Console) caseRoutes() []frame.Route {
	return []frame.Route{
		{Pattern: "GET /cases", Do: access.SeeCases, Serve: c.casesPage},
		{Pattern: "GET /cases.csv", Do: access.SeeCases, Serve: c.casesCSV},
		{Pattern: "POST /cases", Do: access.CarryCase, Serve: c.handInCase},
		{Pattern: "GET /cases/new", Do: access.PrepareCase, Serve: c.newCasePage},
		{Pattern: "GET /cases/duties", Do: access.SeeCases, Serve: c.dutiesPage},
		{Pattern: "GET /cases/recorded.json", Do: access.PrepareCase, Serve: c.recordedJSON},
		{Pattern: "GET /cases/{case}", Do: access.SeeCases, Serve: c.casePage},
		{Pattern: "GET /cases/{case}/requests/{body}", Do: access.CarryCase, Serve: c.fetchRequest},
		{Pattern: "POST /cases/{case}/answers", Do: access.CarryCase, Serve: c.bringAnswer},
		{Pattern: "GET /looks", Do: access.ReadPublic, Serve: c.looksPage},
		{Pattern: "GET /looks.csv", Do: access.ReadPublic, Serve: c.looksCSV},
		{Pattern: "GET /looks/chain.jsonl", Do: access.ReadPublic, Serve: c.looksChain},
		{Pattern: "GET /looks/check", Do: access.ReadPublic, Serve: c.looksCheckPage},
		{Pattern: "GET /looks/details", Do: access.AuditLooks, Serve: c.lookDetailsPage},
		{Pattern: "GET /looks/details.csv", Do: access.AuditLooks, Serve: c.lookDetailsCSV},
		{Pattern: "GET /record", Do: access.ReadPublic, Serve: c.recordPage},
		{Pattern: "GET /record/summary.json", Do: access.ReadPublic, Serve: c.recordSummary},
		{Pattern: "GET /record/openings.csv", Do: access.ReadPublic, Serve: c.recordCSV},
		{Pattern: "GET /record/openings.json", Do: access.ReadPublic, Serve: c.openingsJSON},
		{Pattern: "GET /record/concerned", Do: access.ReadPublic, Serve: c.concernedPage},
		{Pattern: "GET /record/roster/{version}", Do: access.ReadPublic, Serve: c.recordRoster},
		{Pattern: "GET /record/entries", Do: access.ReadPublic, Serve: c.recordEntriesPage},
		{Pattern: "GET /record/entry/{index}", Do: access.ReadPublic, Serve: c.recordEntryPage},
		{Pattern: "GET /record/entry/{index}/proof", Do: access.ReadPublic, Serve: c.recordProof},
		{Pattern: "GET /record/entry/{index}/entry.json", Do: access.ReadPublic, Serve: c.recordBytes},
	}
}

// sensorRoutes are the addresses of sensors and public transport.
func (c *Console) sensorRoutes() []frame.Route {
	return []frame.Route{
		{Pattern: "GET /sensors", Do: access.ReadPublic, Serve: c.sensorsPage},
		{Pattern: "GET /sensors.csv", Do: access.ReadPublic, Serve: c.sensorsCSV},
		{Pattern: "GET /sensors.geojson", Do: access.ReadPublic, Serve: c.sensorsGeoJSON},
		{Pattern: "GET /sensors/{kind}", Do: access.ReadPublic, Serve: c.sensorsPage},
		{Pattern: "GET /sensors/{kind}/{id}", Do: access.ReadPublic, Serve: c.sensorPage},
		{Pattern: "GET /sensors/{kind}/{id}/now", Do: access.ReadPublic, Serve: c.sensorFragment},
		{Pattern: "GET /sensors/{kind}/{id}/values.csv", Do: access.ReadPublic, Serve: c.sensorCSV},
		{Pattern: "GET /transit", Do: access.ReadPublic, Serve: c.transitPage},
		{Pattern: "GET /transit/{feed}/lines/{line}", Do: access.ReadPublic, Serve: c.transitLinePage},
		{Pattern: "GET /transit/{feed}/stops/{stop}", Do: access.ReadPublic, Serve: c.transitStopPage},
		{Pattern: "GET /transit/{feed}/lines.geojson", Do: access.ReadPublic, Serve: c.transitLines},
		{Pattern: "GET /transit/{feed}/vehicles.geojson", Do: access.ReadPublic, Serve: c.transitVehicles},
		{Pattern: "GET /transit/{feed}/delays.csv", Do: access.ReadPublic, Serve: c.transitDelays},
	}
}

// servicesRoutes is the address of the services' list.
func (c *Console) servicesRoutes() []frame.Route {
	return []frame.Route{{Pattern: "GET /services", Do: access.ReadPublic, Serve: c.servicesPage}}
}

// aboutRoutes are the addresses of how the system does, open data, and how to check it.
func (c *Console) aboutRoutes() []frame.Route {
	return []frame.Route{
		{Pattern: "GET /system", Do: access.SeeSystem, Serve: c.systemPage},
		{Pattern: "GET /data", Do: access.ReadPublic, Serve: c.dataPage},
		{Pattern: "GET /data/{set}", Do: access.ReadPublic, Serve: c.setPage},
		{Pattern: "GET /api", Do: access.ReadPublic, Serve: c.apiPage},
		{Pattern: "GET /check", Do: access.ReadPublic, Serve: c.checkPage},
	}
}

// accessRoutes are the addresses of signing in, people and what they may do.
func (c *Console) accessRoutes() []frame.Route {
	return []frame.Route{
		{Pattern: "GET /sign-in", Do: access.SignIn, Serve: c.signInPage},
		{Pattern: "POST /sign-in/begin", Do: access.SignIn, Serve: c.beginSignIn},
		{Pattern: "POST /sign-in/finish", Do: access.SignIn, Serve: c.finishSignIn},
		{Pattern: "POST /sign-in/directory", Do: access.SignIn, Serve: c.beginDirectory},
		{Pattern: "GET /sign-in/directory/back", Do: access.SignIn, Serve: c.finishDirectory},
		{Pattern: "POST /sign-out", Do: access.SignIn, Serve: c.signOut},
		{Pattern: "POST /door", Do: access.SignIn, Serve: c.openDoor},
		{Pattern: "GET /enrol", Do: access.SignIn, Serve: c.enrolPage},
		{Pattern: "POST /enrol/begin", Do: access.SignIn, Serve: c.beginEnrol},
		{Pattern: "POST /enrol/finish", Do: access.SignIn, Serve: c.finishEnrol},
		{Pattern: "GET /account", Do: access.OwnAccount, Serve: c.accountPage},
		{Pattern: "POST /account/purpose", Do: access.OwnAccount, Serve: c.setPurpose},
		{Pattern: "POST /account/sessions", Do: access.OwnAccount, Serve: c.revokeSession},
		{Pattern: "POST /account/passkeys", Do: access.OwnAccount, Serve: c.changePasskey},
		{Pattern: "POST /account/passkeys/begin", Do: access.OwnAccount, Serve: c.beginPasskey},
		{Pattern: "POST /account/passkeys/finish", Do: access.OwnAccount, Serve: c.finishPasskey},
		{Pattern: "POST /account/tokens", Do: access.OwnAccount, Serve: c.makeToken},
		{Pattern: "POST /account/tokens/revoke", Do: access.OwnAccount, Serve: c.revokeToken},
		{Pattern: "GET /people", Do: access.SeePeople, Serve: c.peoplePage},
		{Pattern: "GET /people/{person}", Do: access.SeePeople, Serve: c.personPage},
		{Pattern: "POST /people/{person}", Do: access.ManagePeople, On: thePerson, Serve: c.changePerson},
		{Pattern: "POST /people/invite", Do: access.ManagePeople, On: anotherPerson, Serve: c.invite},
		{Pattern: "POST /people/uninvite", Do: access.ManagePeople, On: anotherPerson, Serve: c.uninvite},
		{Pattern: "POST /people/waiting/{waiting}", Do: access.SeePeople, Serve: c.answerWaiting}, // accounts ask who may agree
		{Pattern: "GET /access", Do: access.ReadPublic, Serve: c.rulesPage},
		{Pattern: "GET /access.csv", Do: access.ReadPublic, Serve: c.rulesCSV},
		{Pattern: "GET /access/explain", Do: access.ReviewAccess, Serve: c.explainPage},
		{Pattern: "GET /access/changes", Do: access.OwnAccount, Serve: c.policiesPage},
		{Pattern: "GET /access/propose", Do: access.ProposePolicy, Serve: c.proposePage},
		{Pattern: "POST /access/propose", Do: access.ProposePolicy, Serve: c.propose},
		{Pattern: "GET /access/proposals/{proposal}", Do: access.OwnAccount, Serve: c.proposalPage},
		{Pattern: "POST /access/proposals/{proposal}/decide", Do: access.ApprovePolicy, Serve: c.decideProposal},
		{Pattern: "POST /access/proposals/{proposal}/withdraw", Do: access.ProposePolicy, Serve: c.withdrawProposal},
	}
}

// restRoutes are the addresses of what pages are made of.
func (c *Console) restRoutes() []frame.Route {
	return []frame.Route{
		{Pattern: "POST /theme", Do: access.ReadPublic, Serve: c.SetTheme},
		{Pattern: "GET /map/{file}", Do: access.ReadPublic, Serve: c.mapFile},
		{Pattern: "GET /assets/{file}", Do: access.ReadPublic, Serve: c.ServeAsset},
		{Pattern: "/", Do: access.ReadPublic, Serve: func(http.ResponseWriter, *frame.Request) error {
			return city.Errorf(city.NotFound, "%s", c.Say("error.page"))
		}},
	}
}

// theCamera is the camera that an address names.
func (c *Console) theCamera(r *http.Request) ([]access.Thing, error) {
	return []access.Thing{c.thing(city.Slug(r.PathValue("camera")))}, nil
}

// liveCameras are those that a live feed asks for.
func (c *Console) liveCameras(r *http.Request) ([]access.Thing, error) {
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

// mapFile answers with a layer or a picture of the ground.
func (c *Console) mapFile(w http.ResponseWriter, r *frame.Request) error {
	name := r.PathValue("file")
	packed := c.Ground.File(name)
	if packed == nil {
		return city.Errorf(city.NotFound, "%s", c.Say("error.asset"))
	}
	return frame.ServePacked(w, r, path.Ext(name), packed)
}
