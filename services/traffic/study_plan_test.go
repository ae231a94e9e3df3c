package traffic

import (
	"os"
	"strings"
	"testing"

	"polity/city"
	"polity/services/traffic/network"
	"polity/services/traffic/plan"
)

// TestPlansOfOnesOwn go into the network checked, and in front of its own.
func TestPlansOfOnesOwn(t *testing.T) {
	f, err := os.Open("network/testdata/cross.net.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := network.ReadSUMO(f, "cross.net.xml")
	if err != nil {
		t.Fatal(err)
	}
	own := plan.Of(n.Junctions[0], n.Junctions[0].Plans[0])
	own.ID = "evening"
	if err := (Study{Control: "fixed", Plans: []plan.Timetable{own}}).replan(n); err != nil || n.Junctions[0].Plans[0].ID != "evening" || len(n.Junctions[0].Plans) != 2 {
		t.Errorf("%v, %+v", err, n.Junctions[0].Plans)
	}
	if c := (Study{Control: "fixed", Plans: []plan.Timetable{own}}).controller(); c == nil {
		t.Error("SUMO would run its own plans")
	}
	bad, elsewhere := own, own
	bad.Greens = map[string][]plan.Window{"V1": {{0, 80}}}
	elsewhere.Junction = "B7"
	for want, s := range map[string]Study{
		"run under the control fixed, not polity": {Control: "polity", Plans: []plan.Timetable{own}},
		"there is no junction B7":                 {Control: "fixed", Plans: []plan.Timetable{elsewhere}},
		"is never green":                          {Control: "fixed", Plans: []plan.Timetable{bad}},
	} {
		if err := s.replan(n); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
