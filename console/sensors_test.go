package console_test

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/console"
	"polity/console/consoletest"
)

func newSensorPages(t testing.TB) (*console.Console, *consoletest.Sensors) {
	t.Helper()
	now := func() time.Time { return afternoon }
	world, err := consoletest.New(consoletest.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	s := consoletest.NewSensors(now, world.About().Zone)
	pages, err := console.New(console.Config{City: world, Sensors: s, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	return pages, s
}

func says(t *testing.T, h http.Handler, path string, status int, words ...string) string {
	t.Helper()
	w := get(t, h, path)
	if w.Code != status {
		t.Errorf("%s: status %d", path, w.Code)
	}
	checkHeaders(t, path, w)
	text := strings.Join(strings.Fields(w.Body.String()), " ")
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%s does not say %q", path, word)
		}
	}
	return text
}

const underpassPage = "/sensors/water/urn:ngsi-ld:FloodMonitoring:underpass-1"

func TestSensorsForEveryone(t *testing.T) {
	pages, _ := newSensorPages(t)
	text := says(t, pages, "/sensors", http.StatusOK, "39 sensors. 1 alarm goes on. Of 3 nobody knows the present.", "Critical alarm",
		"The water stands at 0.41 m; the alarm begins at 0.3 m.", "Devices that fell silent", "underpass-2", "Air is moderate", "63 of 200 spaces free", "0 of 125 spaces free", "simulated", "All 30")
	if strings.Index(text, "The water stands") > strings.Index(text, "sensor-lists") {
		t.Error("alarms do not come first")
	}
	says(t, pages, underpassPage, http.StatusOK, "Critical alarm", "0.41 m", "0.84 m in an hour", "alarm, critical, from 0.3 m", "simulated", "Begins at")
	says(t, pages, "/sensors/air/urn:ngsi-ld:AirQualityObserved:station-1", http.StatusOK, "moderate", "of the hour 13:00–14:00", "18 ppb", "European Air Quality Index of the European Environment Agency", "good up to 5 µg/m³")
	says(t, pages, "/sensors/air/urn:ngsi-ld:AirQualityObserved:station-2", http.StatusOK, "Too few values")
	says(t, pages, "/sensors/noise/urn:ngsi-ld:NoiseLevelObserved:meter-1", http.StatusOK, "63.4 dB", "L<sub>den</sub>", "Directive 2002/49/EC", "% measured)")
	says(t, pages, "/sensors/weather/urn:ngsi-ld:WeatherObserved:gauge-2?range=week", http.StatusOK, "as far as measured", "in the last 7 days", "most in the hour from")
	says(t, pages, "/sensors/garage/urn:ngsi-ld:OffStreetParking:garage-2", http.StatusOK, "by 4 vehicles at least", "Nobody has said where it stands")
	says(t, pages, "/sensors/bay/urn:ngsi-ld:ParkingSpot:bay-08", http.StatusOK, "Silent", "Measured 9 hours ago, and nothing since", "nothing to draw")
	says(t, pages, "/sensors/bay/urn:ngsi-ld:ParkingSpot:bay-01?range=week", http.StatusOK, "Free", "of what was measured in the last 7 days", "How full by the hour")
	says(t, pages, "/sensors/homes/urn:ngsi-ld:EnergyConsumption:block-7", http.StatusOK, "12,400 W", "Homes counted", "23", "Of a single home nothing is kept")
	says(t, pages, underpassPage+"/now", http.StatusOK, `id="now"`, "Critical alarm")
	says(t, pages, "/", http.StatusOK, "1 alarm goes on", `"sensors":"/sensors.geojson"`)
}

func TestSilentIsNeverInOrder(t *testing.T) {
	pages, _ := newSensorPages(t)
	text := says(t, pages, "/sensors/water/urn:ngsi-ld:FloodMonitoring:underpass-2", http.StatusOK, "Silent", "Nobody knows how it is now", "underpass-2 is silent. Last heard")
	if strings.Contains(text, "In order") {
		t.Error("a silent sensor is in order")
	}
}

func TestALevelThatHasNotHeldYetIsNotInOrder(t *testing.T) {
	pages, sensors := newSensorPages(t)
	sensors.SetLevel(.07)
	text := says(t, pages, underpassPage, http.StatusOK, "Reached", "It is an alarm if that lasts")
	if strings.Contains(text, "In order") {
		t.Error("it is in order")
	}
	says(t, pages, "/sensors?state=pending", http.StatusOK, "Underpass, Mannerheimintie")
}

func TestSensorsAreFound(t *testing.T) {
	pages, _ := newSensorPages(t)
	if text := says(t, pages, "/sensors?q=kallio", http.StatusOK, "Kallio, background"); strings.Contains(text, "Kluuvi garage") {
		t.Error("a search finds what was not searched for")
	}
	says(t, pages, "/sensors?q=nothing+like+it", http.StatusOK, "No sensor is like that")
	if text := says(t, pages, "/sensors/bay?state=unknown", http.StatusOK, "Eteläesplanadi 8"); strings.Contains(text, "Eteläesplanadi 9<") {
		t.Error("a filter by state lets others through")
	}
	says(t, pages, "/sensors?q="+url.QueryEscape(`"><script>alert(1)</script>`), http.StatusOK, "&lt;script&gt;")
}

func TestSensorsThatAreNot(t *testing.T) {
	pages, sensors := newSensorPages(t)
	for path, status := range map[string]int{
		"/sensors/people": http.StatusNotFound, "/sensors/people/x": http.StatusNotFound, "/sensors/water/urn:x": http.StatusNotFound,
		"/sensors/air/urn:ngsi-ld:FloodMonitoring:underpass-1": http.StatusNotFound, underpassPage + "?range=century": http.StatusBadRequest,
		"/sensors?state=bad": http.StatusBadRequest, "/sensors.csv?kind=people": http.StatusNotFound, underpassPage + "/values.csv?range=x": http.StatusBadRequest,
		"/sensors/water/urn:x/now": http.StatusNotFound, "/sensors/water/" + url.PathEscape("http://a//b"): http.StatusNotFound,
	} {
		says(t, pages, path, status)
	}
	sensors.Break(city.Errorf(city.Unavailable, "the city's data is away"))
	says(t, pages, "/sensors", http.StatusServiceUnavailable, "cannot be reached now")
	says(t, pages, underpassPage, http.StatusServiceUnavailable, "cannot be reached now")
	says(t, pages, "/", http.StatusOK, "Cameras in this city") // the map does without them
	sensors.Break(nil)
	sensors.Empty()
	says(t, pages, "/sensors", http.StatusOK, "No sensor has said anything yet", "polity ingest mappings")
	none, _ := newPages(t, nobody)
	says(t, none, "/sensors", http.StatusOK, "No sensor has said anything yet")
	says(t, none, underpassPage, http.StatusNotFound)
	says(t, none, "/sensors.csv", http.StatusOK)
}

func TestSensorFiles(t *testing.T) {
	pages, _ := newSensorPages(t)
	w := get(t, pages, "/sensors.csv?kind=water")
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][5] != "alarm" && rows[2][5] != "alarm" {
		t.Errorf("%v, %v", rows, err)
	}
	var g struct {
		Type     string
		Features []struct {
			Geometry   struct{ Coordinates []float64 }
			Properties struct {
				ID, Kind, State, Path string
				Simulated             bool
				Values                map[string]any
			}
		}
	}
	if err := json.Unmarshal(get(t, pages, "/sensors.geojson").Body.Bytes(), &g); err != nil || g.Type != "FeatureCollection" || len(g.Features) != 38 { // one has no place
		t.Errorf("%d features, %v", len(g.Features), err)
	}
	if p := g.Features[0].Properties; p.State != "alarm" || p.Kind != "water" || !p.Simulated || p.Path != underpassPage || p.Values["currentLevel"] != .41 {
		t.Errorf("%+v", p)
	}
	r := httptest.NewRequest(http.MethodGet, "/sensors.geojson", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	packed := httptest.NewRecorder()
	pages.ServeHTTP(packed, r)
	if z, err := gzip.NewReader(packed.Body); err != nil {
		t.Error(err)
	} else if b, err := io.ReadAll(z); err != nil || string(b) != get(t, pages, "/sensors.geojson").Body.String() {
		t.Errorf("the packed file is another: %v", err)
	}
	w = get(t, pages, underpassPage+"/values.csv?range=day")
	rows, err = csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) < 50 || rows[0][3] != "value" || rows[1][7] != "MTR" {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}
