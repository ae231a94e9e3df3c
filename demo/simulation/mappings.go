package simulation

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"

	"polity/city"
	"polity/plane/ingest/mapping"
)

const (
	loraMapping = "chirpstack"
	loraProfile = "polity-water-level"
	head        = "# Written by 'polity demo': the mapping that comes with the program, with the demo's places.\n"
)

// homes is the mapping of the meters.
const homes = `name: homes
topic: meters/{area}/{device}
household: true
sums: {every: 1m, wait: 10s, at_least: 10, of_each: mean}
entity: {type: Consumption, id: "urn:ngsi-ld:Consumption:{area}"}
time: {path: ts, format: unix}
attributes:
  - {name: power, path: w, unit: WTT, min: 0, max: 20000}
constants:
  - {name: simulated, value: true}
`

// lora is the mapping chirpstack that comes with the program, copied for the codec of
// another profile, as its head says.
const lora = `name: chirpstack
topic: application/+/device/{device}/event/up
when:
  - {path: deviceInfo.deviceProfileName, is: [` + loraProfile + `]}
payload: json
entity: {type: FloodMonitoring, id: "urn:ngsi-ld:FloodMonitoring:{device}"}
time: {path: time, behind: 72h}
expect: {every: 1m, silent_after: 10m}
attributes:
  - {name: currentLevel, path: object.level, unit: MTR, min: -5, max: 30}
  - {name: batteryVoltage, path: object.battery, unit: VLT, min: 0, max: 30, optional: true}
`

// Mappings are the files that say what the devices' messages mean: those that come with
// the program, to which places, names and the word "simulated" are added.
func Mappings() (map[string][]byte, error) {
	out := map[string][]byte{"homes.yaml": []byte(homes)}
	by := map[string][]device{}
	for _, d := range devices() {
		if d.place != nil {
			by[d.mapping] = append(by[d.mapping], d)
		}
	}
	for name, list := range by {
		text, err := mapping.ShippedText(name)
		if err != nil {
			return nil, err
		}
		if name == loraMapping {
			text = []byte(lora)
		}
		more, err := additions(list)
		if err != nil {
			return nil, err
		}
		text = slices.Concat([]byte(head), text, []byte("\n"), more)
		if _, err := mapping.Read(name+".yaml", text); err != nil {
			return nil, fmt.Errorf("the demo's mapping: %w", err)
		}
		out[name+".yaml"] = text
	}
	return out, nil
}

// additions are the keys that a mapping that comes with the program does not have.
func additions(list []device) ([]byte, error) {
	type constant struct {
		Name     string            `yaml:"name"`
		Value    any               `yaml:"value,omitempty"`
		OfDevice map[string]string `yaml:"of_device,omitempty"`
	}
	var more struct {
		Location struct {
			Devices map[string]city.Point `yaml:"devices"`
		} `yaml:"location"`
		Constants []constant `yaml:"constants"`
	}
	places, titles := map[string]city.Point{}, map[string]string{}
	for _, d := range list {
		name := cmp.Or(d.behind, d.name)
		places[name], titles[name] = *d.place, d.title
	}
	more.Location.Devices = places
	more.Constants = []constant{{Name: "simulated", Value: true}, {Name: "name", OfDevice: titles}}
	return yaml.Marshal(more)
}
