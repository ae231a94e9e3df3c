package plan_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"polity/city"
	"polity/services/traffic/network"
	"polity/services/traffic/plan"
	"polity/services/traffic/streetmap"
)

func cross(t testing.TB) *network.Junction {
	t.Helper()
	f, err := os.Open("../network/testdata/cross.net.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := network.ReadSUMO(f, "cross.net.xml")
	if err != nil {
		t.Fatal(err)
	}
	return n.Junctions[0]
}

// walk is the example of docs/formats/traffic-network.md: V1 and V2 along a street, P1
// over it, 6.5 m, intergreens of 5 s and 6 s.
func walk(t testing.TB) *network.Junction {
	t.Helper()
	page, err := os.ReadFile("../../../docs/formats/traffic-network.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	example, _, _ := strings.Cut(rest, "```")
	n, err := network.ReadJSON(strings.NewReader(example), "example")
	if err != nil {
		t.Fatal(err)
	}
	return n.Junctions[0]
}

func timetable(cycle float64, v1, v2, p1 []plan.Window) plan.Timetable {
	return plan.Timetable{Junction: "J1", ID: "test", Cycle: cycle, Greens: map[string][]plan.Window{"V1": v1, "V2": v2, "P1": p1}}
}

func TestCheck(t *testing.T) {
	j := walk(t)
	w := func(v ...float64) (out []plan.Window) {
		for i := 0; i < len(v); i += 2 {
			out = append(out, plan.Window{v[i], v[i+1]})
		}
		return out
	}
	for name, c := range map[string]struct {
		t       plan.Timetable
		problem string // empty: nothing is wrong
	}{
		"right":                        {timetable(60, w(0, 35), w(0, 35), w(40, 54)), ""},
		"right, over the cycle's end":  {timetable(60, w(50, 25), w(50, 25), w(30, 44)), ""},
		"conflicting greens":           {timetable(60, w(0, 45), w(0, 35), w(40, 54)), "V1 (from the east) and P1 (crossing Long Street) conflict, and both are green from 40 s to 45 s"},
		"conflicting over the end":     {timetable(60, w(50, 35), w(0, 35), w(40, 52)), "both are green from 50 s to 52 s"},
		"always green":                 {timetable(60, w(0, 60), w(0, 35), w(40, 54)), "V1 (from the east) and P1 (crossing Long Street) conflict, and both are green from 40 s to 54 s"},
		"short intergreen":             {timetable(60, w(0, 37), w(0, 35), w(40, 54)), "V1 (from the east) ends at 37 s and P1 (crossing Long Street) begins at 40 s: 3 s between, the intergreen is 5 s, 2 s too short"},
		"short intergreen for walkers": {timetable(60, w(0, 35), w(0, 35), w(40, 56)), "P1 (crossing Long Street) ends at 56 s and V1 (from the east) begins at 0 s: 4 s between, the intergreen is 6 s, 2 s too short; to clear 6.5 m at 1.2 m/s takes 5.4 s"},
		"short green":                  {timetable(60, w(0, 35), w(0, 35), w(40, 44)), "P1 (crossing Long Street) is green for 4 s from 40 s; its minimum is 5 s"},
		"long red":                     {timetable(180, w(0, 155), w(0, 155), w(160, 170)), "P1 (crossing Long Street) is red for 170 s from 170 s; its maximum is 120 s"},
		"never green":                  {timetable(60, w(0, 35), nil, w(40, 54)), "V2 (from the west) is never green"},
		"greens that overlap":          {timetable(60, w(0, 20, 15, 35), w(0, 35), w(40, 54)), "V1 (from the east) has two greens that overlap"},
		"no time for amber":            {timetable(60, w(0, 15, 17, 35), w(0, 35), w(40, 54)), "becomes green again 2 s after its green ended at 15 s"},
		"another junction":             {plan.Timetable{Junction: "J2", ID: "x", Cycle: 60, Greens: timetable(60, w(0, 35), w(0, 35), w(40, 54)).Greens}, "for junction J2, not J1"},
	} {
		found := plan.Check(j, c.t)
		if c.problem == "" {
			if len(found) > 0 {
				t.Errorf("%s: %q", name, found)
			}
			continue
		}
		if !strings.Contains(strings.Join(found, "\n"), c.problem) {
			t.Errorf("%s: %q, want %q", name, found, c.problem)
		}
	}
	unknown := timetable(60, w(0, 35), w(0, 35), w(40, 54))
	unknown.Greens["V7"] = w(1, 9)
	if found := plan.Check(j, unknown); len(found) != 1 || !strings.Contains(found[0], "there is no group V7; there are V1, V2, P1") {
		t.Errorf("an unknown group: %q", found)
	}
}

// TestClearanceOutlivesTheMatrix: a crossing that is too long for the intergreen in the
// model is told all the same.
func TestClearanceOutlivesTheMatrix(t *testing.T) {
	j := walk(t)
	j.Crossings[0].Length = 18
	found := plan.Check(j, timetable(60, []plan.Window{{0, 35}}, []plan.Window{{0, 35}}, []plan.Window{{40, 54}}))
	if len(found) != 2 || !strings.Contains(found[0], "6 s between; to clear 18 m at 1.2 m/s takes 15 s") {
		t.Errorf("%q", found)
	}
}

func TestYellowTrap(t *testing.T) {
	j := walk(t)
	j.Traps[0] = network.SetOf(1)
	j.Yields[0] = network.SetOf(1)
	trapped := timetable(60, []plan.Window{{0, 20}}, []plan.Window{{0, 35}}, []plan.Window{{40, 54}})
	if found := strings.Join(plan.Check(j, trapped), "\n"); !strings.Contains(found, "V1 (from the east) ends at 20 s while V2 (from the west), to which it gives way, stays green until 35 s") {
		t.Errorf("%s", found)
	}
	fine := timetable(60, []plan.Window{{0, 35}}, []plan.Window{{0, 35}}, []plan.Window{{40, 54}})
	if found := plan.Check(j, fine); len(found) > 0 {
		t.Errorf("%q", found)
	}
}

// TestTimetablesOfPlans: a plan's timetable says the same as the plan, and turns back
// into it.
func TestTimetablesOfPlans(t *testing.T) {
	n, err := streetmap.ReadFile(context.Background(), "../streetmap/testdata/helsinki.osm", streetmap.Area{})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range append(n.Junctions, walk(t)) {
		own := j.Plans[0]
		table := plan.Of(j, own)
		if found := plan.Check(j, table); len(found) > 0 {
			t.Errorf("%s: %q", j.ID, found)
		}
		back := table.Plan(j)
		if back.Cycle() != own.Cycle() {
			t.Fatalf("%s: a cycle of %v became %v", j.ID, own.Cycle(), back.Cycle())
		}
		if d := j.PlanDangers(back); len(d) > 0 {
			t.Errorf("%s: %q", j.ID, d)
		}
		if again := plan.Of(j, back); again.YAML(j) != table.YAML(j) {
			t.Errorf("%s:\n%s became\n%s", j.ID, table.YAML(j), again.YAML(j))
		}
		read, err := plan.Read("plan.yaml", []byte("plans:\n"+table.YAML(j)))
		if err != nil || len(read) != 1 || read[0].YAML(j) != table.YAML(j) {
			t.Errorf("%s: its YAML is not read back: %v", j.ID, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	const head = "plans:\n  - junction: J1\n    plan: day\n    cycle_s: 60\n    offset_s: 0\n"
	for text, problem := range map[string]string{
		"":                                   "holds no plan",
		"plans: 3":                           "plan.yaml",
		head + "    green:\n":                "greens",
		head + "    greens: {V1: [[0]]}":     "a green of 1 numbers",
		head + "    greens: {V1: [[0, 70]]}": "times go from 0 to the cycle of 60 s",
		head + "    greens: {V1: [[5, 5]]}":  "always green?",
		strings.Replace(head, "60", "3", 1):  "cycle_s is 3",
		strings.Replace(head, "offset_s: 0", "offset_s: 60", 1):    "offset_s is 60",
		strings.Replace(head, "junction: J1", "junction: \"\"", 1): "its junction is missing",
	} {
		if _, err := plan.Read("plan.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), problem) || city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %v, want %q", text, err, problem)
		}
	}
}

// TestProposeServesEveryone: netgenerate's junction, with a plan of ours.
func TestProposeServesEveryone(t *testing.T) {
	j := cross(t)
	flow := make([]float64, len(j.Groups))
	for g := range flow {
		flow[g] = 0.2
	}
	p, notes, err := plan.Propose(j, flow)
	if err != nil {
		t.Fatal(err)
	}
	if found := plan.Check(j, plan.Of(j, p)); len(found) > 0 {
		t.Errorf("%q", found)
	}
	if d := j.PlanDangers(p); len(d) > 0 {
		t.Errorf("%q", d)
	}
	if !p.Proposed || p.Cycle() > plan.MaxCycle || len(notes) == 0 || !strings.Contains(notes[0], "Webster") {
		t.Errorf("%v, %q", p.Cycle(), notes)
	}
	// Who has more traffic gets more green.
	heavy := 0
	for g := range j.Groups {
		if j.Groups[g].Kind == network.Vehicles && j.Conflicts[g] != 0 {
			heavy = g
		}
	}
	for g := range flow {
		flow[g] = 0.05
	}
	flow[heavy] = 0.5
	p, _, err = plan.Propose(j, flow)
	if err != nil {
		t.Fatal(err)
	}
	table := plan.Of(j, p)
	longest := 0.0
	for g := range j.Groups {
		sum := 0.0
		for _, w := range table.Greens[j.GroupID(g)] {
			l := w[1] - w[0]
			if l < 0 {
				l += table.Cycle
			}
			sum += l
		}
		if g != heavy && j.Conflicts[g].Has(heavy) {
			longest = max(longest, sum)
		} else if g == heavy && sum < table.Cycle/3 {
			t.Errorf("the heaviest stream is green for %g of %g s", sum, table.Cycle)
		}
	}
	if longest == 0 {
		t.Error("nobody conflicts with the heaviest stream")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("plans:\n  - junction: J1\n    plan: day\n    cycle_s: 60\n    greens:\n      V1: [[0, 30]]\n      V2: [[50, 10]]\n      P1: [[1.5, 2]]\n"))
	j := walk(f)
	f.Fuzz(func(_ *testing.T, text []byte) {
		tables, err := plan.Read("fuzz.yaml", text)
		if err != nil {
			return
		}
		for _, table := range tables {
			plan.Check(j, table)
			table.Plan(j)
		}
	})
}

// TestTheDocumentedExample holds docs/formats/traffic-plan.md to the code.
func TestTheDocumentedExample(t *testing.T) {
	page, err := os.ReadFile("../../../docs/formats/traffic-plan.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the page has no example")
	}
	tables, err := plan.Read("example", []byte(example))
	if err != nil || len(tables) != 1 {
		t.Fatalf("%d plans, %v", len(tables), err)
	}
	if found := plan.Check(walk(t), tables[0]); len(found) > 0 {
		t.Errorf("%q", found)
	}
}
