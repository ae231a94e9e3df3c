package hub_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"polity/city"
	"polity/hub"
	"polity/plane"
	"polity/plane/ingest/mapping"
	"polity/plane/ingest/mqtt"
	"polity/sensors/alarm"
)

// publish sends messages as a device does, by Debian's MQTT client. It returns what the
// client says.
func publish(t *testing.T, address, topic, user, password string, lines ...string) string {
	t.Helper()
	client, err := exec.LookPath("mosquitto_pub") //nolint:misspell // its name
	if err != nil {
		t.Skip("no mosquitto_pub here: run 'setup/setup test' first") //nolint:misspell // as above
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), client, "-h", host, "-p", port, "-u", user, "-P", password, "-t", topic, "-q", "1", "-l")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out)
}

// alarmed gives a town the shipped mapping of water levels, with a place for its device, as
// docs/formats/sensors.md says.
func (w *town) alarmed() {
	w.t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := mapping.ShippedText("water-level")
	if err != nil {
		w.t.Fatal(err)
	}
	dir := filepath.Join(w.dir, "mappings")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	text = append(text, "location:\n  devices:\n    underpass-1: {lon: 24.9341, lat: 60.1719}\n"...)
	if err := os.WriteFile(filepath.Join(dir, "level.yaml"), text, 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.cfg.Sensors = &hub.Sensors{
		Mappings: dir,
		MQTT:     hub.MQTT{Listen: "127.0.0.1:0", Devices: []mqtt.Device{{Name: "underpass-1", Password: string(hash), Prefix: "water-level/underpass-1/"}}},
	}
	w.cfg.Alarms.Every = time.Second
}

// levels are messages of a water level sensor, a minute apart, the last one now.
func levels(metres ...float64) (lines []string) {
	for i, m := range metres {
		at := time.Now().Add(time.Duration(i+1-len(metres)) * time.Minute)
		lines = append(lines, fmt.Sprintf(`{"ts": %q, "level": %v}`, at.UTC().Format(time.RFC3339), m))
	}
	return lines
}

// A device publishes, the city's data has it, an alarm is raised, and everyone's page
// says so; after a restart the alarm is the same, and ends.
func TestFromADeviceToThePage(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.alarmed()
	w.start()
	if out := publish(t, w.started.Broker, "water-level/underpass-1/up", "underpass-1", "secret", levels(0, 0, .12, .35, .36, .38)...); out != "" {
		t.Fatal(out)
	}
	const id, page = "urn:ngsi-ld:FloodMonitoring:underpass-1", "/sensors/water/urn:ngsi-ld:FloodMonitoring:underpass-1"
	if v := w.attribute(id, "currentLevel"); v != "0.38" {
		t.Fatalf("the entity's level is %q", v)
	}
	public := []string{"X-Forwarded-For", "192.0.2.7"} // as somebody else
	w.eventually("the page says the alarm", func() bool {
		status, text := w.get(page, public...)
		return status == http.StatusOK && strings.Contains(text, "Critical alarm") && strings.Contains(text, "0.38 m")
	})
	if _, text := w.get("/sensors", public...); !strings.Contains(text, "1 alarm goes on") {
		t.Error("the list does not say the alarm")
	}
	if _, text := w.get("/sensors.geojson", public...); !strings.Contains(text, `"state":"alarm"`) {
		t.Error("the map does not have the alarm")
	}
	if _, text := w.get(page+"/values.csv", public...); !strings.Contains(text, "currentLevel") {
		t.Error("there are no values to take along")
	}
	if _, text := w.get("/metrics"); !strings.Contains(text, `polity_sensor_alarms{severity="critical"} 1`) || !strings.Contains(text, `polity_sensors{kind="water",state="alarm"} 1`) {
		t.Error("the metrics do not have the alarm")
	}
	w.stop()
	w.start()
	publish(t, w.started.Broker, "water-level/underpass-1/up", "underpass-1", "secret", levels(.38)...)
	w.eventually("the alarm is there after a restart", func() bool {
		_, text := w.get("/sensors", public...)
		return strings.Contains(text, "1 alarm goes on")
	})
	found, err := w.started.Store.Find(t.Context(), plane.Query{Types: []string{alarm.Type}})
	if err != nil || len(found.Entities) != 1 {
		t.Errorf("%d alarms, %v", len(found.Entities), err)
	}
}

func TestAHubWithoutAWatchSaysSo(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.cfg.Alarms.Off = true
	w.start()
	if status, text := w.get("/sensors"); status != http.StatusServiceUnavailable || !strings.Contains(text, "hub.alarms.off") {
		t.Errorf("%d\n%s", status, text)
	}
	if status, _ := w.get("/"); status != http.StatusOK {
		t.Errorf("the map: %d", status)
	}
}

func TestWrongAlarmsAreSaid(t *testing.T) {
	t.Parallel()
	for says, change := range map[string]func(*hub.Alarms){
		"hub.alarms: every":      func(a *hub.Alarms) { a.Every = time.Millisecond },
		"did you mean ozone?":    func(a *hub.Alarms) { a.Without = []city.Slug{"ozon"} },
		"the evening has two":    func(a *hub.Alarms) { a.NoiseHours.Day = 7 },
		"there is no measure \"": func(a *hub.Alarms) { a.Rules = []alarm.Rule{{Name: "x", Measure: "speed"}} },
	} {
		w := newTown(t)
		change(&w.cfg.Alarms)
		if err := hub.Run(t.Context(), w.cfg, hub.Deps{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// Of a household's meters nobody learns which fell silent.
func TestSilentMetersOfHomesAreNotListed(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.sense()
	w.mapping(waterLevel)
	if err := os.WriteFile(filepath.Join(w.cfg.Sensors.Mappings, "homes.yaml"), []byte(`
name: homes
topic: meters/{area}/{device}
payload: number
household: true
sums: {every: 15m}
entity: {type: Consumption, id: "urn:ngsi-ld:Consumption:{area}"}
expect: {every: 1s, silent_after: 2s}
attributes: [{name: power, unit: WTT, min: 0}]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	level := strings.Replace(waterLevel, "payload: number", "payload: number\nexpect: {every: 1s, silent_after: 2s}", 1)
	w.mapping(level)
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.Sensors.MQTT.Devices = append(w.cfg.Sensors.MQTT.Devices, mqtt.Device{Name: "head", Password: string(hash), Prefix: "meters/"})
	w.start()
	publish(t, w.started.Broker, "meters/a1/home-17", "head", "secret", "230")
	publish(t, w.started.Broker, "level/w-1/up", "w-1", "secret", "0.5")
	w.eventually("the silent device is listed", func() bool {
		_, text := w.get("/sensors")
		return strings.Contains(text, "Devices that fell silent") || w.silent("level", "w-1")
	})
	w.eventually("the meter is silent too", func() bool { return w.silent("homes", "home-17") })
	if _, text := w.get("/sensors"); strings.Contains(text, "home-17") {
		t.Error("a meter of a home is listed")
	}
}

func (w *town) silent(mapping, device string) bool {
	return w.attribute("urn:polity:device:"+mapping+":"+device, "state") == `"silent"`
}

// The chart of homes has sums of enough homes alone.
func TestHomesOnPagesAreSums(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.cfg.Alarms.Every = time.Second
	w.start()
	key := plane.Key{ID: "urn:ngsi-ld:EnergyConsumption:block"}
	b := plane.Batch{Changes: []plane.Change{plane.Put(&plane.Entity{Key: key, Types: []string{"EnergyConsumption"}})}}
	for i, detail := range []string{`{"homes":12}`, `{"homes":3}`, ""} {
		o := plane.Observation{
			Series: plane.Series{Key: key, Attribute: "power"}, Start: time.Now().Add(time.Duration(i-4) * 15 * time.Minute).Truncate(time.Second), Length: 15 * time.Minute, Covered: 15 * time.Minute,
			Value: 4000 + float64(i),
		}
		if detail != "" {
			o.Detail = []byte(detail)
		}
		b.Observations = append(b.Observations, o)
	}
	if r, err := w.started.Store.Write(t.Context(), &b); err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	const page = "/sensors/homes/urn:ngsi-ld:EnergyConsumption:block"
	w.eventually("the sum is listed", func() bool {
		status, text := w.get(page)
		return status == http.StatusOK && strings.Contains(text, "4,000 W")
	})
	if _, text := w.get(page + "/values.csv"); !strings.Contains(text, ",4000,") || strings.Contains(text, "4001") || strings.Contains(text, "4002") {
		t.Errorf("the file of the chart:\n%s", text)
	}
}
