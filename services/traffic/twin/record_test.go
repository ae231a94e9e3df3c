package twin

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/services/traffic/network"
	"polity/services/traffic/streetmap"
)

func helsinki(t testing.TB) *network.Network {
	t.Helper()
	n, err := streetmap.ReadFile(context.Background(), "../streetmap/testdata/helsinki.osm", streetmap.Area{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRecord lets two vehicles and a person live for ten seconds before the crossroads:
// one stands, one drives at half the limit, the person waits and crosses.
func TestRecord(t *testing.T) {
	n := cross(t)
	j := n.Junctions[0]
	link := j.Signals[j.Groups[0].Signals[0]].Links[0]
	lane := n.Links[link].From
	w := &world{net: n, vehicles: map[string]*vehicle{}, people: map[string]*person{}, passed: make([]int, len(n.Links)), states: map[string]string{}}
	r, err := newRecorder(w, newEyes(w, Sensor{Sight: DefaultSight}, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	stands := &vehicle{id: "stands", lane: lane, link: -1}
	half := &vehicle{id: "half", lane: lane, link: -1, speed: n.Lanes[lane].Speed / 2}
	inside := &vehicle{id: "inside", lane: -1, link: link} // waits in the junction to turn
	walker := &person{id: "p", road: "pavement", next: j.Crossings[0].ID}
	w.vehicles["stands"], w.vehicles["half"], w.vehicles["inside"], w.people["p"] = stands, half, inside, walker
	for s := 1; s <= 10; s++ {
		switch s {
		case 6:
			stands.speed = n.Lanes[lane].Speed // goes on, and halts again
		case 7:
			stands.speed = 0
		case 8:
			walker.road, walker.next, walker.speed = j.Crossings[0].ID, "pavement", 1.2
		}
		r.second(time.Duration(s) * time.Second)
	}
	w.passed[link] = 3
	trips := filepath.Join(t.TempDir(), "tripinfo.xml")
	edge := n.Lanes[lane].Edge
	if err := os.WriteFile(trips, []byte(`<tripinfos><tripinfo departLane="`+edge+`_0" departDelay="7.5"/><tripinfo departLane="elsewhere_0" departDelay="100"/><tripinfo departLane="" departDelay="50"/></tripinfos>`), 0o600); err != nil {
		t.Fatal(err)
	}
	record, err := r.finish(0, 10*time.Second, trips)
	if err != nil {
		t.Fatal(err)
	}
	var a Approach
	for _, x := range record.Approaches {
		if x.Edge == edge {
			a = x
		} else if x.TimeLoss != 0 || x.Vehicles != 0 {
			t.Errorf("something happened at %s", x.Edge)
		}
	}
	// Nine seconds of standing, ten at half speed, ten inside.
	if a.TimeLoss < 23.999 || a.TimeLoss > 24.001 || a.Stops != 3 || a.Vehicles != 3 || a.DepartDelay != 7.5 {
		t.Errorf("%+v", a)
	}
	if a.QueueMax != 2 || a.QueueMean < 1.89 || a.QueueMean > 1.91 {
		t.Errorf("a queue of %g, at most %d", a.QueueMean, a.QueueMax)
	}
	for _, c := range record.Crossings {
		if c.Crossing == j.Crossings[0].ID && (c.People != 1 || c.Wait != 7 || c.Longest != 7) {
			t.Errorf("%+v", c)
		}
	}
	if len(record.Approaches) != 4 || len(record.Crossings) != 4 {
		t.Errorf("%d approaches, %d crossings", len(record.Approaches), len(record.Crossings))
	}
	if err := os.WriteFile(trips, []byte(`<tripinfos><tripinfo`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.finish(0, 10*time.Second, trips); err == nil {
		t.Error("a tripinfo that breaks off passed")
	}
}

// TestCorridor goes along Mannerheimintie: junctions in order, greens and vehicles at
// their distances.
func TestCorridor(t *testing.T) {
	n := helsinki(t)
	var ids []string
	for _, name := range []string{"Lönnrotinkatu / Mannerheimintie / Pohjoisesplanadi", "Kaivokatu / Mannerheimintie / Simonkatu"} {
		for _, j := range n.Junctions {
			if j.Name == name {
				ids = append(ids, j.ID)
			}
		}
	}
	if len(ids) != 2 {
		t.Fatalf("junctions %v", ids)
	}
	if err := CheckCorridor(n, ids); err != nil {
		t.Fatal(err)
	}
	c, err := newCorridor(n, ids)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Junctions) != 2 || c.Junctions[0].At >= c.Junctions[1].At || c.Junctions[1].At > c.Length || c.Junctions[0].Name == "" {
		t.Fatalf("%+v", c.Junctions)
	}
	states := map[string]string{}
	for i, id := range ids {
		state := []byte(strings.Repeat("r", len(n.Junctions[n.Junction(id)].Signals)))
		if i == 0 {
			state[c.signals[0][0]] = 'g'
		}
		states[id] = string(state)
	}
	last := c.Edges[len(c.Edges)-2]
	v := &vehicle{id: "v", lane: n.Edge(last)[0], link: -1}
	w := &world{net: n, vehicles: map[string]*vehicle{"v": v}, states: states}
	for s := 1; s <= 10; s++ {
		v.position = float64(s)
		if s == 7 {
			states[ids[0]] = strings.Repeat("r", len(states[ids[0]]))
		}
		c.second(time.Duration(s)*time.Second, w)
	}
	got := c.finish()
	if len(got.Junctions[0].Greens) != 1 || got.Junctions[0].Greens[0] != [2]float64{0, 6} || len(got.Junctions[1].Greens) != 0 {
		t.Errorf("greens %v and %v", got.Junctions[0].Greens, got.Junctions[1].Greens)
	}
	if len(got.Tracks) != 1 || len(got.Tracks[0]) != 5 || got.Tracks[0][4][1]-got.Tracks[0][0][1] != 8 || got.Tracks[0][0][1] < got.Junctions[0].At {
		t.Errorf("tracks %v", got.Tracks)
	}
	for bad, kind := range map[string]city.Kind{"nowhere": city.NotFound, "": city.Invalid} {
		list := []string{ids[0], bad}
		if bad == "" {
			list = list[:1]
		}
		if err := CheckCorridor(n, list); city.KindOf(err) != kind {
			t.Errorf("%q: %v", list, err)
		}
	}
}
