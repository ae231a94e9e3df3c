package mapping_test

import (
	"strings"
	"testing"
	"time"

	"polity/plane/ingest/mapping"
)

const withConstants = `
name: level
topic: level/{device}/up
entity: {type: FloodMonitoring, id: "urn:ngsi-ld:FloodMonitoring:{device}"}
attributes: [{name: currentLevel, path: level, unit: MTR}]
constants:
  - {name: simulated, value: true}
  - {name: name, value: An underpass, of_device: {u-1: "Station underpass"}}
  - {name: dangerLevel, of_device: {u-1: 0.3}, unit: MTR}
`

func TestConstants(t *testing.T) {
	m, err := mapping.Read("level.yaml", []byte(withConstants))
	if err != nil {
		t.Fatal(err)
	}
	for device, want := range map[string]map[string]string{
		"u-1": {"simulated": "true", "name": `"Station underpass"`, "dangerLevel": "0.3", "currentLevel": "0.1"},
		"u-2": {"simulated": "true", "name": `"An underpass"`, "dangerLevel": "", "currentLevel": "0.1"},
	} {
		r, err := m.Apply(mapping.Message{Topic: "level/" + device + "/up", Payload: []byte(`{"level": 0.1}`), Received: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range want {
			a := r.Entity.Attribute(name)
			if (a != nil) != (value != "") || a != nil && string(a.Value) != value {
				t.Errorf("%s of %s: %+v, want %s", name, device, a, value)
			}
			if a != nil && name != "currentLevel" && !a.ObservedAt.IsZero() {
				t.Errorf("%s of %s was observed", name, device)
			}
		}
		if len(r.Observations()) != 1 {
			t.Errorf("%s: constants have a history: %+v", device, r.Observations())
		}
	}
	if _, err := m.Apply(mapping.Message{Topic: "level/u-1/up", Payload: []byte(`{}`), Received: time.Now()}); err == nil {
		t.Error("a message without a value passes for its constants")
	}
}

func TestConstantsThatAreNone(t *testing.T) {
	for want, line := range map[string]string{
		"the name currentLevel is taken": "  - {name: currentLevel, value: 1}",
		"has no value":                   "  - {name: more}",
		"neither a number":               "  - {name: more, value: [1, 2]}",
		"in one line":                    `  - {name: more, value: "two\nlines"}`,
		"no device's name":               `  - {name: more, of_device: {".hidden": 1}}`,
		"unknown key":                    `  - {name: more, valeu: 1}`,
	} {
		_, err := mapping.Read("level.yaml", []byte(withConstants+line+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), "valeu") {
			t.Errorf("%s: %v", line, err)
		}
	}
}
