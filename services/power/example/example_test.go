package example_test

import (
	"testing"

	"polity/services/power/example"
	"polity/services/power/switching"
)

func TestTheTownIsFed(t *testing.T) {
	town, err := example.Town()
	if err != nil {
		t.Fatal(err)
	}
	now, err := switching.Look(town, switching.Standard())
	if err != nil || now.Customers != 320 || now.FedW < 3.7e6 || now.FedW > 3.73e6 {
		t.Fatalf("%+v, %v", now, err)
	}
	for _, l := range town.Lines[:2] {
		t.Log(l.Name, l.Ends[0].Bus, l.Ends[1].Bus, l.EmergencyA, l.Closed())
	}
}
