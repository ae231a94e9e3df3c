package twin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/services/traffic/control"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
	"polity/services/traffic/traci"
)

func cross(t testing.TB) *network.Network {
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
	return n
}

func TestScenario(t *testing.T) {
	s, err := parseScenario([]byte(`<configuration><input><net-file value="a/b.net.xml"/><additional-files value="x.xml, /y.xml"/></input>
		<time><begin value="7:30:00"/><end value="28800"/></time></configuration>`), "town/day.sumocfg")
	if err != nil {
		t.Fatal(err)
	}
	if s.Net != filepath.Join("town", "a", "b.net.xml") || s.Begin != 27000*time.Second || s.End != 28800*time.Second || len(s.Additional) != 2 || s.Additional[1] != "/y.xml" {
		t.Errorf("%+v", s)
	}
	for text, problem := range map[string]string{
		`<net/>`:                                 "is a network",
		`<configuration>`:                        "not well-formed",
		`<configuration><time/></configuration>`: "names no network",
		`<c><net-file value="n"/><end value="x"/></c>`:                   "neither seconds nor h:m:s",
		`<c><net-file value="n"/><begin value="9"/><end value="3"/></c>`: "before it begins",
	} {
		if _, err := parseScenario([]byte(text), "x.sumocfg"); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: %v, want %q", text, err, problem)
		}
	}
	if _, err := ReadScenario(filepath.Join(t.TempDir(), "none.sumocfg")); city.KindOf(err) != city.NotFound {
		t.Errorf("a scenario that is not there: %v", err)
	}
}

func FuzzScenario(f *testing.F) {
	f.Add([]byte(`<c><net-file value="n"/><begin value="0:0:9"/><end value="30"/></c>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseScenario(text, "x.sumocfg")
		if err == nil && (s.Net == "" || s.End != 0 && s.End <= s.Begin) {
			t.Errorf("%q was taken as %+v", text, s)
		}
	})
}

// TestTrips: everyone who was due counts, whether they arrived, are on the way or
// never got onto the road; who was due later does not.
func TestTrips(t *testing.T) {
	const text = `<tripinfos>
		<tripinfo id="a" depart="105" departDelay="5" arrival="150" duration="45" timeLoss="10" waitingTime="4"/>
		<tripinfo id="b" depart="110" departDelay="0" arrival="-1" duration="90" timeLoss="60" waitingTime="50"/>
		<tripinfo id="c" depart="-1" departDelay="80" arrival="-1" duration="0" timeLoss="0" waitingTime="0"/>
		<tripinfo id="before" depart="101" departDelay="40" arrival="150" duration="45" timeLoss="1000" waitingTime="4"/>
		<personinfo id="p"><walk depart="100" arrival="120" duration="20" timeLoss="8"/></personinfo>
	</tripinfos>`
	got, err := readTrips(strings.NewReader(text), "x", 100*time.Second, 200*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	want := Trips{Due: 3, Finished: 1, OnTheWay: 1, NotInserted: 1, Delay: (15 + 60 + 80) / 3.0, TimeLoss: 70 / 3.0, DepartDelay: 85 / 3.0, Waiting: 18, Duration: 45, Walks: 1, WalkLoss: 8}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if _, err := readTrips(strings.NewReader(text[:200]), "x", 0, time.Hour); err == nil {
		t.Error("a file that breaks off passed")
	}
}

func TestLetters(t *testing.T) {
	n := cross(t)
	j := n.Junctions[0]
	g, err := safety.New(j)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := control.NewFixed(n, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]control.Decision, 1)
	for now := time.Duration(0); now < 3*j.Plans[0].Cycle(); now += time.Second {
		plan.Decide(now, nil, nil, out)
		shown := g.Step(now, out[0].Want, 0)
		letters := Letters(j, shown)
		if len(letters) != len(j.Signals) {
			t.Fatalf("%d letters for %d signals", len(letters), len(j.Signals))
		}
		for i, c := range letters {
			group := j.Signals[i].Group
			if (c == 'G' || c == 'g') != (group >= 0 && shown.Of(group) == safety.Green) {
				t.Fatalf("signal %d shows %c, its group %v", i, c, shown.Of(group))
			}
		}
		// Priority is never given against priority: SUMO would let them collide.
		if d := j.PlanDangers(network.Plan{Phases: []network.Phase{{State: letters, Duration: time.Minute}}}); len(d) > 0 {
			t.Fatalf("%s: %v", letters, d)
		}
	}
}

// TestDetectorsSeeNoFurtherThanTheirSight, late and incompletely if they are so.
func TestDetectors(t *testing.T) {
	n := cross(t)
	lane := n.Junctions[0].Groups[0].Lanes[0]
	w := &world{net: n, vehicles: map[string]*vehicle{}, people: map[string]*person{}, passed: make([]int, len(n.Links))}
	add := func(id string, position float64) {
		w.vehicles[id] = &vehicle{id: id, lane: lane, link: -1, position: position, sight: hash(id)}
	}
	n.Lanes[lane].Length = 400
	for i := range 200 {
		add(string(rune('a'+i%26))+string(rune('a'+i/26)), float64(2*i))
	}
	perfect := newEyes(w, Sensor{Sight: DefaultSight}, 1).look(time.Second)
	for _, v := range perfect.Lanes[lane] {
		if v.Distance > DefaultSight.Before {
			t.Errorf("seen %v m before the stop line, the sight is %v", v.Distance, DefaultSight.Before)
		}
	}
	if len(perfect.Lanes[lane]) < 95 {
		t.Errorf("only %d of 101 vehicles within sight are seen", len(perfect.Lanes[lane]))
	}
	some := newEyes(w, Sensor{Sight: DefaultSight, Missing: 0.1}, 1).look(time.Second)
	if share := float64(len(some.Lanes[lane])) / float64(len(perfect.Lanes[lane])); share < 0.8 || share > 0.98 {
		t.Errorf("%.2f of the vehicles are seen, want about 0.9", share)
	}
	late := newEyes(w, Sensor{Sight: DefaultSight, Late: 5 * time.Second}, 1)
	for s := range 20 {
		now := time.Duration(s) * time.Second
		r := late.look(now)
		if now-r.At != 5*time.Second {
			t.Errorf("at %v the reading is of %v", now, r.At)
		}
		if s < 5 && len(r.Lanes[lane]) > 0 {
			t.Errorf("at %v something is seen before it can be", now)
		}
	}
}

func TestSUMOGone(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "sumo")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho 'Error: the network is broken' >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	n := cross(t)
	_, err := Run{SUMO: program, Scenario: Scenario{Path: "x.sumocfg", End: time.Minute}, Net: n, Dir: dir}.Do(t.Context())
	if !errors.Is(err, traci.ErrGone) || !strings.Contains(err.Error(), "the network is broken") || !strings.Contains(err.Error(), "x.sumocfg") {
		t.Errorf("SUMO that ends at once: %v", err)
	}
	if _, err := FindSUMO("sumo", filepath.Join(dir, "none")); city.KindOf(err) != city.NotFound {
		t.Errorf("a given program that is not there: %v", err)
	}
	if got, err := FindSUMO("sumo", program); err != nil || got != program {
		t.Errorf("found %s, %v", got, err)
	}
}

// TestActuatedPlans: greens get bounds, intergreens keep their time.
func TestActuatedPlans(t *testing.T) {
	n := cross(t)
	path := filepath.Join(t.TempDir(), "a.xml")
	if err := writeActuated(path, n); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	plan := n.Junctions[0].Plans[0]
	if got := strings.Count(string(text), "<phase "); got != len(plan.Phases) {
		t.Errorf("%d phases, the plan has %d", got, len(plan.Phases))
	}
	for _, ph := range plan.Phases {
		amber := strings.ContainsRune(ph.State, 'y')
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, `state="`+ph.State+`"`) && strings.Contains(line, "maxDur") == amber {
				t.Errorf("%s", line)
			}
		}
	}
}
