package console

import (
	"net/http"

	"polity/city"
)

// Right is what a route asks of who uses it.
type Right uint8

// The rights. Anyone is no right at all.
const (
	Anyone Right = iota
	Look
	Edit
	Operate
)

// Has says whether the viewer has a right.
func (v Viewer) Has(r Right) bool {
	switch r {
	case Anyone:
		return true
	case Look:
		return v.Look
	case Edit:
		return v.Edit
	case Operate:
		return v.Operate
	}
	return false
}

// Route is one address of the pages. The table below is the only place where
// addresses begin, so that a test can walk all of them.
type Route struct {
	Pattern string // as of http.ServeMux
	Needs   Right
	serve   func(c *Console, w http.ResponseWriter, r *request) error
}

var routes = []Route{
	{"GET /{$}", Anyone, (*Console).mapPage},
	{"GET /cameras", Anyone, (*Console).camerasPage},
	{"GET /cameras.csv", Anyone, (*Console).camerasCSV},
	{"GET /cameras.geojson", Anyone, (*Console).camerasGeoJSON},
	{"GET /cameras/{camera}", Anyone, (*Console).cameraPage},
	{"GET /cameras/{camera}/state", Anyone, (*Console).stateFragment},
	{"GET /cameras/{camera}/place.jpg", Anyone, (*Console).placePicture},
	{"GET /cameras/{camera}/counts.csv", Anyone, (*Console).countsCSV},
	{"GET /cameras/{camera}/events/{event}", Anyone, (*Console).eventPicture},
	{"GET /cameras/{camera}/edit", Edit, (*Console).editPage},
	{"GET /cameras/{camera}/layout", Edit, (*Console).getLayout},
	{"PUT /cameras/{camera}/layout", Edit, (*Console).putLayout},
	{"GET /live", Look, (*Console).liveFeed},
	{"GET /sensors", Anyone, (*Console).sensorsPage},
	{"GET /sensors.csv", Anyone, (*Console).sensorsCSV},
	{"GET /sensors.geojson", Anyone, (*Console).sensorsGeoJSON},
	{"GET /sensors/{kind}", Anyone, (*Console).sensorsPage},
	{"GET /sensors/{kind}/{id}", Anyone, (*Console).sensorPage},
	{"GET /sensors/{kind}/{id}/now", Anyone, (*Console).sensorFragment},
	{"GET /sensors/{kind}/{id}/values.csv", Anyone, (*Console).sensorCSV},
	{"GET /transit", Anyone, (*Console).transitPage},
	{"GET /transit/{feed}/lines/{line}", Anyone, (*Console).transitLinePage},
	{"GET /transit/{feed}/stops/{stop}", Anyone, (*Console).transitStopPage},
	{"GET /transit/{feed}/lines.geojson", Anyone, (*Console).transitLines},
	{"GET /transit/{feed}/vehicles.geojson", Anyone, (*Console).transitVehicles},
	{"GET /transit/{feed}/delays.csv", Anyone, (*Console).transitDelays},
	{"GET /services", Anyone, (*Console).servicesPage},
	{"GET /system", Operate, (*Console).systemPage},
	{"GET /data", Anyone, (*Console).dataPage},
	{"GET /data/{set}", Anyone, (*Console).setPage},
	{"GET /api", Anyone, (*Console).apiPage},
	{"GET /check", Anyone, (*Console).checkPage},
	{"POST /theme", Anyone, (*Console).setTheme},
	{"GET /map/{file}", Anyone, (*Console).mapFile},
	{"GET /assets/{file}", Anyone, (*Console).asset},
	{"/", Anyone, func(c *Console, _ http.ResponseWriter, _ *request) error {
		return city.Errorf(city.NotFound, "%s", c.say.Say("error.page"))
	}},
}

// Routes returns the table, for tests of who may do what.
func Routes() []Route { return append([]Route(nil), routes...) }

// request is one request with what was found out about it.
type request struct {
	*http.Request
	viewer   Viewer // what the page shows; nobody's rights with ?as=public
	own      Viewer // what the one who asks may do
	asPublic bool
	clock    clock
}

func (c *Console) route(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		q := &request{Request: r, clock: c.clock()}
		if c.cfg.Viewer != nil {
			q.own = c.cfg.Viewer(r)
		}
		q.viewer = q.own
		if r.URL.Query().Get("as") == "public" && !q.own.Public() {
			q.viewer, q.asPublic = Viewer{}, true
		}
		if !q.viewer.Has(route.Needs) {
			c.fail(w, q, city.Errorf(city.Forbidden, "%s", c.say.Say("forbidden."+needs[route.Needs])))
			return
		}
		if err := route.serve(c, w, q); err != nil {
			c.fail(w, q, err)
		}
	})
}

var needs = map[Right]string{Look: "look", Edit: "edit", Operate: "operate"}
