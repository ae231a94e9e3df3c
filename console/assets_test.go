package console_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"polity/console"
	"polity/console/consoletest"
)

// A program that was built without its scripts and styles still shows its pages, and
// says what to do.
func TestMissingBundleIsSaid(t *testing.T) {
	world, err := consoletest.New(consoletest.Config{Now: func() time.Time { return afternoon }})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := console.New(console.Config{City: world, Bundle: fstest.MapFS{".keep": {}}})
	if err != nil {
		t.Fatal(err)
	}
	defer pages.Close()
	page := get(t, pages, "/cameras/square").Body.String()
	for _, want := range []string{"were not built", "make build", "Railway Square, north side", "place.jpg"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "/assets/") {
		t.Error("the page asks for what is not there")
	}
	if _, err := console.New(console.Config{City: world, Bundle: fstest.MapFS{"manifest.json": {Data: []byte("{")}}}); err == nil {
		t.Error("a damaged list was taken")
	}
}
