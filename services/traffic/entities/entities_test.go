package entities_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"polity/plane"
	"polity/services/traffic/entities"
	"polity/services/traffic/network"
	"polity/services/traffic/streetmap"
)

func value(t *testing.T, e *plane.Entity, name string) any {
	t.Helper()
	a := e.Attribute(name)
	if a == nil {
		t.Fatalf("%s has no %s", e.ID, name)
	}
	var v any
	if err := json.Unmarshal(a.Value, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestEntities: real streets become entities that refer to one another, and none to
// something that is not there.
func TestEntities(t *testing.T) {
	n, err := streetmap.ReadFile(context.Background(), "../streetmap/testdata/helsinki.osm", streetmap.Area{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := entities.Of(n)
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]*plane.Entity{}
	kinds := map[string]int{}
	for i := range all {
		if byID[all[i].ID] != nil {
			t.Errorf("%s is there twice", all[i].ID)
		}
		byID[all[i].ID] = &all[i]
		kinds[all[i].Types[0]]++
		if all[i].Attribute(plane.Location) == nil {
			t.Errorf("%s lies nowhere", all[i].ID)
		}
		if s := value(t, &all[i], "source"); !strings.Contains(s.(string), "OpenStreetMap") {
			t.Errorf("%s does not say whose data it is", all[i].ID)
		}
	}
	groups := 0
	for _, j := range n.Junctions {
		groups += len(j.Groups)
	}
	if kinds[entities.Junction] != len(n.Junctions) || kinds[entities.TrafficLight] != groups || kinds[entities.RoadSegment] == 0 {
		t.Errorf("%v for %d junctions with %d groups", kinds, len(n.Junctions), groups)
	}
	for i := range all {
		for _, a := range all[i].Attributes {
			if a.Kind != plane.Relationship {
				continue
			}
			var ids []string
			if json.Unmarshal(a.Value, &ids) != nil {
				var id string
				if err := json.Unmarshal(a.Value, &id); err != nil {
					t.Fatal(err)
				}
				ids = []string{id}
			}
			for _, id := range ids {
				if byID[id] == nil {
					t.Errorf("%s: %s leads to %s, which is not there", all[i].ID, a.Name, id)
				}
			}
		}
	}
	j := n.Junctions[0]
	light := byID[entities.ID(entities.TrafficLight, j.ID, "V1")]
	if light == nil {
		t.Fatal("the first group is no entity")
	}
	for g := range j.Conflicts[0].All() {
		got, ok := value(t, light, "intergreenTo").(map[string]any)[j.GroupID(g)].(float64)
		if want := j.Intergreen[0][g].Seconds(); !ok || got != want {
			t.Errorf("the intergreen to %s is %g, want %g", j.GroupID(g), got, want)
		}
	}
	if light.Attribute("amber").Unit != "SEC" {
		t.Error("the amber has no unit")
	}
}

// TestWithoutCoordinates: a network in a plane of its own has entities without places.
func TestWithoutCoordinates(t *testing.T) {
	f, err := os.Open("../network/testdata/cross.net.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := network.ReadSUMO(f, "cross")
	if err != nil {
		t.Fatal(err)
	}
	all, err := entities.Of(n)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if all[i].Attribute(plane.Location) != nil {
			t.Errorf("%s has a place", all[i].ID)
		}
	}
}
