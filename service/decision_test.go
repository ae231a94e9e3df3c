package service_test

import (
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/service"
)

func whole() service.Decision {
	at := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	return service.Decision{
		ID: "water-2026-11-24-1", Service: "water", Level: service.Confirm, Algorithm: "leak-search", At: at,
		Inputs: []service.Input{{Entity: "urn:ngsi-ld:Pipe:p12", Attribute: "leak", Value: "3.1 l/s", At: at}},
		Reason: "The night flow of zone 3 has risen by 3.1 l/s since Sunday.",
	}
}

func TestDecisionsStateWhatTheyMust(t *testing.T) {
	d := whole()
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*service.Decision){
		"no id":           func(d *service.Decision) { d.ID = "" },
		"id with a line":  func(d *service.Decision) { d.ID = "a\nb" },
		"no service":      func(d *service.Decision) { d.Service = "" },
		"no algorithm":    func(d *service.Decision) { d.Algorithm = "" },
		"unknown level":   func(d *service.Decision) { d.Level = "automatic" },
		"no reason":       func(d *service.Decision) { d.Reason = "  " },
		"a long reason":   func(d *service.Decision) { d.Reason = strings.Repeat("why ", 100) },
		"a broken reason": func(d *service.Decision) { d.Reason = "why\xff" },
		"no inputs":       func(d *service.Decision) { d.Inputs = nil },
		"input of none":   func(d *service.Decision) { d.Inputs[0].Entity = "" },
		"no time":         func(d *service.Decision) { d.At = time.Time{} },
	} {
		d := whole()
		spoil(&d)
		if err := d.Check(); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
