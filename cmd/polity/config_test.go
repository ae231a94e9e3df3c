package main

import (
	"os"
	"strings"
	"testing"

	"polity/city"
)

// FuzzConfig reads configurations of any bytes: each is right, or refused with the
// name of the file in every line.
func FuzzConfig(f *testing.F) {
	sample, err := os.ReadFile("../../deploy/polity.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	f.Add([]byte("edge: {name: a, cameras: [{name: b}, {name: b}]}\nhub: {zone: Mars}"))
	f.Add([]byte("hub:\n  edges: {known: [{name: x, key: y}]}\n  map: {centre: {lon: 400}}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := parseConfig("x.yaml", b)
		switch {
		case err == nil:
		case city.KindOf(err) != city.Invalid:
			t.Errorf("an error of another kind: %v", err)
		case !strings.HasPrefix(err.Error(), "x.yaml"):
			t.Errorf("where is it? %v", err)
		}
	})
}
