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
	{"GET /room/wall", access.SeeAlerts, safetyDesk, (*Console).wallPage},
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
	{"GET /system", access.SeeSystem, nil, (*Console).systemPage},
	{"GET /data", access.ReadPublic, nil, (*Console).dataPage},
	{"GET /data/{set}", access.ReadPublic, nil, (*Console).setPage},
	{"GET /api", access.ReadPublic, nil, (*Console).apiPage},
	{"GET /check", access.ReadPublic, nil, (*Console).checkPage},
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
