package alarm_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"polity/internal/strictyaml"
	"polity/plane/ingest/mapping"
	"polity/sensors"
	"polity/sensors/air"
	"polity/sensors/alarm"
	"polity/sensors/noise"
)

// TestTheFormatsPageIsRight holds docs/formats/sensors.md to the code: its tables, and its
// configuration.
func TestTheFormatsPageIsRight(t *testing.T) {
	text, err := os.ReadFile("../../docs/formats/sensors.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	has := func(what, line string) {
		t.Helper()
		if !strings.Contains(page, line) {
			t.Errorf("%s: the page does not say %q", what, line)
		}
	}
	for _, r := range alarm.Shipped() {
		var levels []string
		for _, l := range r.Levels {
			levels = append(levels, fmt.Sprintf("%s: %v / %v", l.Severity, l.Raise, l.Clear))
		}
		has(string(r.Name), fmt.Sprintf("| `%s` | %s | %s, %s |", r.Name, strings.Join(levels, "; "), short(r.Hold), short(r.ClearHold)))
	}
	for _, p := range air.Pollutants() {
		var cells []string
		for _, b := range air.Bands(p) {
			cells = append(cells, strconv.FormatFloat(b, 'g', -1, 64))
		}
		has(string(p), fmt.Sprintf("| `%s` | %s |", p, strings.Join(cells, " | ")))
	}
	for _, k := range sensors.Kinds() {
		has(string(k), "| `"+string(k)+"` | `"+sensors.Types(k)[0]+"`")
		for _, a := range k.Attributes() {
			has(string(k), "`"+a.Name+"`")
			if a.Unit != "" {
				has(a.Name, "`"+a.Unit+"`")
			}
		}
	}
	blocks := regexp.MustCompile("(?s)```yaml\nhub:\n  alarms:\n(.*?)```").FindStringSubmatch(page)
	if blocks == nil {
		t.Fatal("the configuration is not on the page")
	}
	var c struct {
		alarm.Config `yaml:",inline"`
		NoiseHours   noise.Hours `yaml:"noise_hours"`
	}
	if err := strictyaml.Decode("docs/formats/sensors.md", []byte(strings.ReplaceAll("\n"+blocks[1], "\n    ", "\n")), &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil || len(c.Rules) != 2 || c.Rules[1].Levels[0].Raise != 2.1 || c.NoiseHours.Check() != nil {
		t.Errorf("%+v, %v", c, err)
	}
}

func short(d time.Duration) string {
	s := strings.TrimSuffix(d.String(), "0s")
	if s == "" {
		return "0s"
	}
	if h, whole := strings.CutSuffix(s, "h0m"); whole {
		return h + "h"
	}
	return s
}

// TestShippedMappingsAreOfSensors: what they store is what pages show and rules compare.
func TestShippedMappingsAreOfSensors(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		payload string
		kind    sensors.Kind
		values  map[string]float64
	}{
		"air-station":    {`{"pm25": 7.5, "no2": 22, "o3": 41.5, "station": "traffic"}`, sensors.Air, map[string]float64{"pm25": 7.5, "no2": 22, "o3": 41.5}},
		"noise-meter":    {`{"laeq": 61.2, "lamax": 80}`, sensors.Noise, map[string]float64{"LAeq": 61.2, "LAmax": 80}},
		"rain-gauge":     {`{"rain": 0.2, "temperature": -1.5}`, sensors.Weather, map[string]float64{"precipitation": .2, "temperature": -1.5}},
		"water-level":    {`{"level": 0.31, "battery": 3.6}`, sensors.Water, map[string]float64{"currentLevel": .31}},
		"parking-bay":    {`{"status": "free", "occupied": false}`, sensors.Bay, map[string]float64{"occupied": 0}},
		"parking-garage": {`{"total": 200, "available": 63}`, sensors.Garage, map[string]float64{"totalSpotNumber": 200, "availableSpotNumber": 63}},
	} {
		m, err := mapping.ReadShipped(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.Apply(mapping.Message{Topic: name + "/d-1/up", Payload: []byte(`{"ts": "2026-11-30T12:00:00Z", ` + c.payload[1:]), Received: now})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s, ok := sensors.Read(r.Entity)
		if !ok || s.Kind != c.kind {
			t.Errorf("%s is of kind %s, %v", name, s.Kind, ok)
		}
		for attribute, want := range c.values {
			if got, ok := s.Number(attribute); !ok || got != want {
				t.Errorf("%s: %s is %v, %v", name, attribute, got, ok)
			}
		}
	}
}
