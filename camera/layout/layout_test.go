package layout_test

import (
	"math"
	"strings"
	"testing"

	"polity/camera/layout"
	"polity/internal/strictyaml"
)

const good = `
revision: 3
zones:
  - name: fountain
    crowd: 30
    corners: [{x: 0.1, y: 0.1}, {x: 0.9, y: 0.1}, {x: 0.5, y: 0.9}]
lines:
  - {name: gate, from: {x: 0.3, y: 0}, to: {x: 0.3, y: 1}, one_way: right}
ground:
  picture: [{x: 0, y: 0}, {x: 1, y: 0}, {x: 1, y: 1}, {x: 0, y: 1}]
  metres: [{x: 0, y: 40}, {x: 40, y: 40}, {x: 20, y: 0}, {x: 10, y: 0}]
`

func TestGoodLayout(t *testing.T) {
	var l layout.Layout
	if err := strictyaml.Decode("layout.yaml", []byte(good), &l); err != nil {
		t.Fatal(err)
	}
	if err := l.Check(); err != nil {
		t.Fatal(err)
	}
	if !l.Zones[0].Holds(layout.Point{X: .5, Y: .5}) || l.Zones[0].Holds(layout.Point{X: .1, Y: .8}) {
		t.Fatal("inside and outside of a triangle are mixed up")
	}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	for want, replace := range map[string][2]string{
		"used twice":                {"name: gate", "name: fountain"},
		"no area":                   {"{x: 0.5, y: 0.9}", "{x: 0.2, y: 0.1}"},
		"3 to 64":                   {", {x: 0.5, y: 0.9}", ""},
		"outside the picture":       {"x: 0.9", "x: 1.9"},
		"no length":                 {"to: {x: 0.3, y: 1}", "to: {x: 0.3, y: 0}"},
		`"right" or "left"`:         {"one_way: right", "one_way: up"},
		"lie in one line":           {"{x: 1, y: 1}, {x: 0, y: 1}]", "{x: 0.5, y: 0}, {x: 0, y: 1}]"},
		"it is a number of people":  {"crowd: 30", "crowd: -1"},
		"an end is outside the pic": {"from: {x: 0.3, y: 0}", "from: {x: 0.3, y: .nan}"},
	} {
		var l layout.Layout
		if err := strictyaml.Decode("layout.yaml", []byte(strings.Replace(good, replace[0], replace[1], 1)), &l); err != nil {
			t.Fatal(err)
		}
		if err := l.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s instead of %s: got %v, want %q", replace[1], replace[0], err, want)
		}
	}
	l := layout.Layout{Zones: make([]layout.Zone, 65)}
	if l.Check() == nil {
		t.Error("65 zones passed")
	}
	if (layout.Zone{Corners: []layout.Point{{X: math.NaN()}}}).Holds(layout.Point{}) {
		t.Error("a zone of nothing holds a point")
	}
}
