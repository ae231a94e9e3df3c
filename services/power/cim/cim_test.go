package cim_test

import (
	"archive/zip"
	"encoding/json"
	"math"
	"math/cmplx"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"polity/city"
	"polity/services/power/cim"
	"polity/services/power/flow"
	"polity/services/power/grid"
)

// archive makes a ZIP archive of the profiles of the small model, with replacements.
func archive(t testing.TB, replace ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for _, profile := range []string{"SSH", "EQ", "TP"} { // the order must not matter
		text, err := os.ReadFile("testdata/small_" + profile + ".xml")
		if err != nil {
			t.Fatal(err)
		}
		w, err := z.Create("small_" + profile + ".xml")
		if err == nil {
			_, err = strings.NewReplacer(replace...).WriteString(w, string(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	return path
}

func element[T any](t testing.TB, list []T, name func(*T) string, want string) *T {
	t.Helper()
	i := slices.IndexFunc(list, func(x T) bool { return name(&x) == want })
	if i < 0 {
		t.Fatalf("there is no %s", want)
	}
	return &list[i]
}

// TestAgainstPandapower: the small model (transformer with taps, lines, switches,
// loads, machine, capacitor, external network) has the voltages that pandapower's
// reader and power flow give it.
func TestAgainstPandapower(t *testing.T) {
	text, err := os.ReadFile("testdata/small.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Bus    map[string][2]float64
		LossMW float64 `json:"loss_mw"`
	}
	if err := json.Unmarshal(text, &golden); err != nil || len(golden.Bus) != 5 {
		t.Fatal(len(golden.Bus), err)
	}
	net, err := cim.Read(archive(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range net.Check() {
		if p.Severity > grid.Remark {
			t.Error(p)
		}
	}
	s, err := flow.New(net, flow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Solve()
	if err != nil {
		t.Fatal(err)
	}
	top := r.Topology()
	for name, want := range golden.Bus {
		v := top.Index(net.Bus(name), 1)
		if v < 0 {
			t.Fatalf("no bus %s", name)
		}
		u := cmplx.Rect(want[0], want[1]*math.Pi/180)
		got := r.Voltage(v) * complex(math.Sqrt(3)/1000/net.Buses[net.Bus(name)].BaseKV, 0)
		if cmplx.Abs(got-u) > 1e-6 {
			t.Errorf("bus %s: %.7f at %.5f degrees instead of %.7f at %.5f", name, cmplx.Abs(got), cmplx.Phase(got)*180/math.Pi, want[0], want[1])
		}
	}
	if loss := real(r.Losses()); math.Abs(loss-golden.LossMW*1e6) > 20 {
		t.Errorf("losses %.1f W instead of %.1f W", loss, golden.LossMW*1e6)
	}
}

// TestDetails: what the flow does not show.
func TestDetails(t *testing.T) {
	net, err := cim.Read(archive(t, `<cim:ACDCTerminal.connected>true`, `<cim:ACDCTerminal.connected> true `))
	if err != nil {
		t.Fatal(err)
	}
	lineName := func(l *grid.Line) string { return l.Name }
	north := element(t, net.Lines, lineName, "line.north")
	if north.RatedA != 300 || north.EmergencyA != 360 || north.Metres != 8000 || !strings.HasPrefix(north.Origin.String(), "small_EQ.xml:") {
		t.Errorf("%+v", north)
	}
	tie := element(t, net.Lines, lineName, "switch.tie")
	if tie.Closed() || !tie.Switch {
		t.Error("the tie is closed, or no switch")
	}
	x := &net.Transformers[0]
	if w := x.Windings[0]; w.Position() != -2 || w.Steps != 18 || math.Abs(w.Tap-0.97) > 1e-12 || x.RatedVA != 25e6 {
		t.Errorf("%+v", x)
	}
	if s := net.Shunts[0]; len(s.Steps) != 3 || s.On() != 2 || !s.Capacitor {
		t.Errorf("%+v", s)
	}
	if g := net.Generators[0]; g.S != complex(1.5e6, 0.2e6) || g.RatedVA != 2e6 || g.Hold != 0 {
		t.Errorf("%+v", g)
	}
}

// TestSwitchedOff: an open breaker, an open terminal and equipment out of service
// carry nothing.
func TestSwitchedOff(t *testing.T) {
	fed := func(replace ...string) float64 {
		net, err := cim.Read(archive(t, replace...))
		if err != nil {
			t.Fatal(err)
		}
		top, watts := net.Topology(), 0.0
		for i := range net.Loads {
			if l := &net.Loads[i]; !l.OutOfService && top.BusLive(l.At.Bus) {
				watts += real(l.S)
			}
		}
		return watts
	}
	for _, c := range []struct {
		name    string
		replace []string
		want    float64
	}{
		{"all", nil, 7.5e6},
		{"breaker", []string{`<cim:Switch.open>false`, `<cim:Switch.open>true`}, 4.5e6},
		{"terminal of the line", []string{"rdf:about=\"#_l2_T1\">\n    <cim:ACDCTerminal.connected>true", "rdf:about=\"#_l2_T1\">\n    <cim:ACDCTerminal.connected>false"}, 4.5e6},
		{"terminal of the load", []string{"rdf:about=\"#_c1_T1\">\n    <cim:ACDCTerminal.connected>true", "rdf:about=\"#_c1_T1\">\n    <cim:ACDCTerminal.connected>false"}, 3e6},
		{"transformer", []string{`<cim:IdentifiedObject.name>T1</cim:IdentifiedObject.name>` + "\n    <cim:Equipment.EquipmentContainer", `<cim:Equipment.inService>false</cim:Equipment.inService>` + "\n    <cim:Equipment.EquipmentContainer"}, 0},
	} {
		if got := fed(c.replace...); got != c.want {
			t.Errorf("%s: %.0f W instead of %.0f W", c.name, got, c.want)
		}
	}
}

// TestMistakesAreNamed: with file, line and element.
func TestMistakesAreNamed(t *testing.T) {
	for _, c := range [][3]string{
		{`<cim:ACLineSegment.r>1.6<`, `<cim:ACLineSegment.r>1,6<`, `small_EQ.xml:`},
		{`<cim:ACLineSegment.r>1.6<`, `<cim:ACLineSegment.r>NaN<`, `ACLineSegment "north": ACLineSegment.r is "NaN", which is no number`},
		{`rdf:resource="#_l1"`, `rdf:resource="#_gone"`, `the equipment "gone" that it belongs to is not there`},
		{`<cim:PowerTransformerEnd.ratedU>20.5<`, `<cim:PowerTransformerEnd.ratedU>0<`, "ratedU 0 kV is not above zero"},
		{`cim:LinearShuntCompensator `, `cim:NonlinearShuntCompensator `, "equipment of this class is not read"},
		{`<cim:TapChanger.lowStep>-9<`, `<cim:TapChanger.lowStep>10<`, "steps from 10 to 9 cannot be"},
		{`cim:GeographicalRegion `, `cim:ACLineSegmentPhase `, "only balanced ones are read"},
		{`<rdf:RDF`, `<rdf:DF`, "rdf:RDF must come"},
		{`</rdf:RDF>`, ``, "not XML"},
	} {
		replace := []string{c[0], c[1]}
		if tag, ok := strings.CutSuffix(c[0], " "); ok { // its end tag too
			replace = append(replace, "</"+tag+">", "</"+strings.TrimSpace(c[1])+">")
		}
		if c[1] == "<rdf:DF" {
			replace = append(replace, "</rdf:RDF>", "</rdf:DF>")
		}
		_, err := cim.Read(archive(t, replace...))
		if city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s: %v", c[1], err)
		}
	}
	if _, err := cim.Read("testdata/small_TP.xml"); city.KindOf(err) != city.Invalid {
		t.Errorf("a profile alone: %v", err)
	}
	if _, err := cim.Read("testdata/none.xml"); err == nil {
		t.Error("a file that is not there was read")
	}
}
