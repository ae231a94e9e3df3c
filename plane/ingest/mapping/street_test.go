package mapping_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"polity/plane/ingest/mapping"
)

// TestLampsAndMeters: what cabinets, lamps and homes' meters say over MQTT; of a home only
// what is summed, and no text of a device.
func TestLampsAndMeters(t *testing.T) {
	var all []*mapping.Mapping
	for _, name := range []string{"street-cabinet", "street-cabinet-gasp", "street-lamp", "home-meter"} {
		m, err := mapping.ReadShipped(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	set, err := mapping.NewSet(all...)
	if err != nil {
		t.Fatal(err)
	}
	const at = `"ts": "2026-11-30T12:00:00Z"`
	for _, x := range []struct{ topic, payload, id, attribute, value string }{
		{"street/garden-street/up", `{` + at + `, "level": 0.27, "state": "low", "by": "centre", "w": 301.5, "kwh": 1804.25}`, "urn:ngsi-ld:StreetlightControlCabinet:garden-street", "illuminanceLevel", "0.27"},
		{"street/garden-street/gasp", `{` + at + `, "lost": true}`, "urn:ngsi-ld:StreetlightControlCabinet:garden-street", "supplyLost", "true"},
		{"lamps/g-17/up", `{` + at + `, "state": "on", "level": 1, "status": "defectiveLamp"}`, "urn:ngsi-ld:Streetlight:g-17", "status", `"defectiveLamp"`},
	} {
		_, r, err := set.Apply(mapping.Message{Topic: x.topic, Received: now, Payload: []byte(x.payload)})
		if err != nil {
			t.Errorf("%s: %v", x.topic, err)
			continue
		}
		if a := r.Entity.Attribute(x.attribute); r.Entity.ID != x.id || a == nil || string(a.Value) != x.value {
			t.Errorf("%s: %s %+v", x.topic, r.Entity.ID, a)
		}
	}
	m, r, err := set.Apply(mapping.Message{Topic: "meters/north/m-1/up", Received: now, Payload: fmt.Appendf(nil, `{"ts": %d, "w": 412}`, now.Unix())})
	if err != nil || !m.Household || m.Sums.AtLeast < mapping.MinHomes {
		t.Errorf("a home's value is taken as any other: %+v, %v", r, err)
	}
	for topic, payload := range map[string]string{
		"street/a/up":   `{` + at + `, "level": 1.2, "state": "on"}`,
		"street/b/up":   `{` + at + `, "level": 1, "state": "on", "by": "Mr Smith of number 7"}`,
		"street/c/up":   `{` + at + `, "level": 1}`,
		"street/d/gasp": `{` + at + `, "lost": "perhaps"}`,
	} {
		var refusal *mapping.Refusal
		if _, _, err := set.Apply(mapping.Message{Topic: topic, Received: now, Payload: []byte(payload)}); !errors.As(err, &refusal) {
			t.Errorf("%s: %s is taken: %v", topic, payload, err)
		} else if strings.Contains(refusal.Why, "Smith") {
			t.Errorf("others read what a device sent: %s", refusal.Why)
		}
	}
}
