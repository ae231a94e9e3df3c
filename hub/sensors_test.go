package hub_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/crypto/bcrypt"

	"polity/city"
	"polity/hub"
	"polity/plane"
	"polity/plane/ingest/mqtt"
	"polity/plane/ingest/push"
)

const waterLevel = `
name: level
topic: level/{device}/up
route: level
payload: number
entity: {type: WaterLevel, id: "urn:ngsi-ld:WaterLevel:{device}"}
attributes: [{name: level, unit: MTR, min: 0}]
`

// sense gives a town mappings, a broker on a free port, and a token.
func (w *town) sense() {
	w.t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		w.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("open"))
	w.cfg.Sensors = &hub.Sensors{
		Mappings: filepath.Join(w.dir, "mappings"), Shipped: []string{"chirpstack-elsys-ers"},
		MQTT:   hub.MQTT{Listen: "127.0.0.1:0", Devices: []mqtt.Device{{Name: "w-1", Password: string(hash), Prefix: "level/w-1/"}}},
		Tokens: []push.Token{{Name: "gateway", SHA256: hex.EncodeToString(sum[:]), Routes: []city.Slug{"level"}}},
	}
	if err := os.MkdirAll(w.cfg.Sensors.Mappings, 0o700); err != nil {
		w.t.Fatal(err)
	}
	w.mapping(waterLevel)
}

func (w *town) mapping(text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.cfg.Sensors.Mappings, "level.yaml"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) attribute(id, name string) string {
	w.t.Helper()
	e, err := w.started.Store.Entity(w.t.Context(), plane.Key{ID: id})
	if err != nil || e.Attribute(name) == nil {
		return ""
	}
	return string(e.Attribute(name).Value)
}

func TestSensorsReachTheCitysData(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.sense()
	w.start()
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + w.started.Broker).SetUsername("w-1").SetPassword("secret").SetAutoReconnect(false))
	if token := c.Connect(); !token.Wait() || token.Error() != nil {
		t.Fatal(token.Error())
	}
	defer c.Disconnect(0)
	if token := c.Publish("level/w-1/up", 1, false, "1.5"); !token.Wait() || token.Error() != nil {
		t.Fatal(token.Error())
	}
	if v := w.attribute("urn:ngsi-ld:WaterLevel:w-1", "level"); v != "1.5" {
		t.Errorf("over MQTT: %q", v)
	}
	push := func(device, body string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.started.Address+"/ingest/level/"+device, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer open")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	if s, v := push("w-2", "2.5"), w.attribute("urn:ngsi-ld:WaterLevel:w-2", "level"); s != http.StatusAccepted || v != "2.5" {
		t.Errorf("over HTTP: %d, %q", s, v)
	}
	if s := push("w-2", "-1"); s != http.StatusUnprocessableEntity {
		t.Errorf("out of bounds: %d", s)
	}
	_, metrics := w.get("/metrics")
	for _, line := range []string{`polity_ingest_messages_total{mapping="level",result="taken"} 2`, `polity_ingest_messages_total{mapping="level",result="refused"} 1`, `polity_ingest_devices{state="refused"}`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s", line)
		}
	}
	w.stop()
	if _, err := os.Stat(filepath.Join(w.cfg.Data, "refused", "level", "w-2.json")); err != nil {
		t.Errorf("what was refused is not kept: %v", err)
	}
	w.start()
	if v := w.attribute("urn:polity:device:level:w-2", "messagesRefused"); v != "1" {
		t.Errorf("the device's twin after a restart: %q", v)
	}
}

func TestWrongSensorsAreSaid(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.sense()
	right := *w.cfg.Sensors
	for says, change := range map[string]func(*hub.Sensors){
		`level.yaml:3: unknown key "topik"; did you mean "topic"?`: func(*hub.Sensors) { w.mapping(strings.Replace(waterLevel, "topic", "topik", 1)) },
		"did you mean chirpstack?":                                 func(s *hub.Sensors) { s.Shipped = []string{"chirpstak"} },
		"without encryption":                                       func(s *hub.Sensors) { s.MQTT.Listen = "0.0.0.0:0" },
		"no mapping has it":                                        func(s *hub.Sensors) { s.Tokens[0].Routes = []city.Slug{"water"} },
		"is not a bcrypt hash":                                     func(s *hub.Sensors) { s.MQTT.Devices = []mqtt.Device{{Name: "a", Password: "secret"}} },
		"is no broker's address":                                   func(s *hub.Sensors) { s.Broker.Server = "broker" },
		"no message would be taken":                                func(s *hub.Sensors) { s.Mappings, s.Shipped = "", nil },
		"is no folder":                                             func(s *hub.Sensors) { s.Mappings = filepath.Join(w.dir, "nowhere") },
	} {
		w.cfg.Sensors = &right
		w.mapping(waterLevel)
		s := right
		s.Tokens = append([]push.Token{}, right.Tokens...)
		w.cfg.Sensors = &s
		change(&s)
		if err := hub.Run(t.Context(), w.cfg, hub.Deps{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
