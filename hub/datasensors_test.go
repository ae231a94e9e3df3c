package hub

import (
	"testing"

	"polity/city"
	"polity/plane/ingest/mapping"
)

func read(t *testing.T, text string) *mapping.Mapping {
	t.Helper()
	m, err := mapping.Read("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const attributes = `
attributes:
  - {name: temperature, path: t, unit: CEL}
  - {name: door, path: d, kind: choice, values: [open, closed], optional: true}
`

// Where nobody lists public types, homes are none of them, what moves is nowhere, and
// numbers of people are withheld when they are small.
func TestWhatIsPublicByDefault(t *testing.T) {
	list := mappedTypes([]*mapping.Mapping{
		read(t, "name: a\nroute: a\nentity: {type: Air, id: 'urn:x:Air:{device}'}\nlocation: {lon: 1, lat: 2}"+attributes),
		read(t, "name: b\nroute: b\nentity: {type: Tram, id: 'urn:x:Tram:{device}'}\nlocation: {lon_path: x, lat_path: y}"+attributes),
		read(t, "name: c\nroute: c\nentity: {type: Mixed, id: 'urn:x:Mixed:{device}'}\nlocation: {lon: 1, lat: 2}"+attributes),
		read(t, "name: d\nroute: d\nentity: {type: Mixed, id: 'urn:x:Mixed:{device}'}\nlocation: {lon_path: x, lat_path: y}"+attributes),
		read(t, "name: e\ntopic: 'm/{area}/{device}'\nhousehold: true\nsums: {every: 15m, wait: 5m, at_least: 10, of_each: mean}\nentity: {type: Homes, id: 'urn:x:Homes:{area}'}\nattributes: [{name: power, path: w, unit: WTT}]"),
		read(t, "name: f\nroute: f\nentity: {type: CrowdFlowObserved, id: 'urn:x:Crowd:{device}'}"+attributes),
		read(t, "name: g\nroute: g\nentity: {type: Gate, id: 'urn:x:Gate:{device}'}\nattributes: [{name: peopleCount, path: n}]"),
	})
	got := map[string]map[string]DataAttribute{}
	for _, x := range list {
		got[x.Type] = map[string]DataAttribute{}
		for _, a := range x.Attributes {
			got[x.Type][a.Name] = a
		}
	}
	has := func(kind, name string) bool { _, ok := got[kind][name]; return ok }
	switch {
	case has("Homes", "power") || got["Homes"] != nil:
		t.Error("homes are public")
	case !has("Air", "location") || !has("Air", "temperature") || !got["Air"]["door"].Words:
		t.Errorf("Air: %v", got["Air"])
	case has("Tram", "location") || has("Mixed", "location"):
		t.Error("what moves has a public location")
	case got["CrowdFlowObserved"]["temperature"].PeopleAtLeast != 5 || got["Gate"]["peopleCount"].PeopleAtLeast != 5 || got["Air"]["temperature"].PeopleAtLeast != 0:
		t.Errorf("numbers of people: %v %v", got["CrowdFlowObserved"], got["Gate"])
	}
}

func TestNamesOfSets(t *testing.T) {
	for name, want := range map[string]city.Slug{
		"AirQualityObserved": "air-quality-observed", "https://example.org/Room": "https-example-org-room", "LAeq": "laeq", "a_b": "a-b", "Ä": "", "X9Y": "x9-y",
	} {
		if got := words(name); got != want {
			t.Errorf("%s becomes %q, want %q", name, got, want)
		}
	}
	if got := titleOf("AirQualityObserved"); got != "Air quality observed" {
		t.Error(got)
	}
}
