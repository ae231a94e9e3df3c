package streetmap

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/city"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// check holds a network to what every import must keep.
func check(tb testing.TB, n *network.Network) {
	tb.Helper()
	for _, j := range n.Junctions {
		for _, d := range network.Dangers(j) {
			tb.Errorf("%s: %s", j.ID, d)
		}
		for _, d := range j.PlanDangers(j.Plans[0]) {
			tb.Errorf("%s: %s", j.ID, d)
		}
		if !j.Plans[0].Proposed {
			tb.Errorf("%s: its plan is not marked as proposed", j.ID)
		}
		if _, err := safety.New(j); err != nil {
			tb.Errorf("the guard refuses: %v", err)
		}
		var served network.Set
		for _, s := range j.Stages {
			if !j.Compatible(s.Groups) {
				tb.Errorf("%s: stage %b has conflicts", j.ID, s.Groups)
			}
			served |= s.Groups
		}
		if served.Len() != len(j.Groups) {
			tb.Errorf("%s: %d of %d groups are in some stage", j.ID, served.Len(), len(j.Groups))
		}
		for g := range j.Groups {
			if j.Yields[g]&j.Conflicts[g] != 0 {
				tb.Errorf("%s: %s gives way to who is never green with it", j.ID, j.Groups[g].Name)
			}
		}
	}
	checkShapes(tb, n)
	ids := map[string]bool{}
	for i := range n.Lanes {
		if ids[n.Lanes[i].ID] {
			tb.Errorf("lane %s is there twice", n.Lanes[i].ID)
		}
		ids[n.Lanes[i].ID] = true
	}
}

func TestCrossroads(t *testing.T) {
	j := only(t, crossroads("name=A", "name=B", "name=A", "name=B").read(t))
	if j.Name != "A / B" || len(j.Groups) != 4 || len(j.Crossings) != 0 {
		t.Fatalf("%s: %d groups, %d crossings", j.Name, len(j.Groups), len(j.Crossings))
	}
	north, east, south := mustGroup(t, j, "from A north: left+straight+right"), mustGroup(t, j, "from B east: left+straight+right"), mustGroup(t, j, "from A south: left+straight+right")
	if !j.Conflicts[north].Has(east) || !j.Conflicts[east].Has(south) {
		t.Error("streets that cross do not conflict")
	}
	if j.Conflicts[north].Has(south) || !j.Yields[north].Has(south) || !j.Yields[south].Has(north) {
		t.Error("who turns left does not give way to oncoming traffic")
	}
	if !j.Traps[north].Has(south) {
		t.Error("a yellow trap is not known")
	}
	if !assumed(j, "1 lane on A north towards the junction") || !assumed(j, "50 km/h on B east") || !assumed(j, "the stop line of A north is 10 m") || !assumed(j, "no crossing with signals over B east") || !assumed(j, "nobody counted or confirmed") {
		t.Errorf("not all is listed: %q", j.Assumed)
	}
	if j.Place == nil || (city.Point{Lon: 24.94, Lat: 60.17}).Metres(*j.Place) > 1 {
		t.Errorf("it lies at %v", j.Place)
	}
}

// TestIntergreen works one out by hand. Two one-way streets of a lane each cross, and
// nobody turns; stop lines are 10 m before the middle. The ways come within 2 m of one
// another from 8 to 12 m behind the stop lines, within one sample of 0.75 m: so
// t = 3 + (12 + 6)/10 - 8/11.1 = 4.08 s, at most 3 + 18.75/10 - 7.25/11.1 = 4.22 s,
// rounded up.
func TestIntergreen(t *testing.T) {
	town := crossroads("oneway=-1,lanes=1", "oneway=-1,lanes=1", "oneway=yes,lanes=1", "oneway=yes,lanes=1")
	town.forbid("only_straight_on", 3, 1, 1)
	town.forbid("only_straight_on", 4, 1, 2)
	j := only(t, town.read(t))
	if len(j.Groups) != 2 {
		t.Fatalf("%d groups, want 2", len(j.Groups))
	}
	for a := range 2 {
		if got := j.Intergreen[a][1-a]; got != 5*time.Second {
			t.Errorf("%v from %s", got, j.Groups[a].Name)
		}
	}
	straight := &stream{movement: &movement{turn: network.Straight, from: &arm{in: &section{road: &road{speed: 50 / 3.6}}}}}
	if got := straight.clears(12); math.Abs(got-4.8) > 1e-9 {
		t.Errorf("who goes straight has cleared 12 m after %g s, want 3 + 18/10", got)
	}
	straight.turn = network.Left
	if got := straight.clears(15); math.Abs(got-5) > 1e-9 {
		t.Errorf("who turns left has cleared 15 m after %g s, want 2 + 21/7", got)
	}
}

func TestLanesAndArrows(t *testing.T) {
	n := crossroads("name=A,oneway=yes,lanes=3,turn:lanes=left|through|through;right", "name=B,lanes=4,lanes:backward=1", "name=A,oneway=-1", "name=B,maxspeed=60,lanes=2").read(t)
	j := only(t, n)
	left, rest := mustGroup(t, j, "from A north: left"), mustGroup(t, j, "from A north: straight+right")
	if len(j.Groups[left].Lanes) != 1 || len(j.Groups[rest].Lanes) != 2 {
		t.Errorf("left has the lanes %v, the rest %v", j.Groups[left].Lanes, j.Groups[rest].Lanes)
	}
	if n.Lanes[j.Groups[left].Lanes[0]].Index != 2 {
		t.Error("the lane to the left is not the leftmost")
	}
	if j.Conflicts[left].Has(rest) {
		t.Error("turns of one approach conflict")
	}
	if east := mustGroup(t, j, "from B east: left+straight"); len(j.Groups[east].Lanes) != 3 {
		t.Errorf("of four lanes, one of them out of town, %d lead to the junction", len(j.Groups[east].Lanes))
	}
	if !assumed(j, "arrows of the 3 lanes from B east, from the left: left+straight | straight | straight") {
		t.Errorf("arrows that were taken for granted are not listed: %q", j.Assumed)
	}
	if west := mustGroup(t, j, "from B west: straight+right"); j.Groups[west].Timing.Amber != 4*time.Second {
		t.Errorf("amber at 60 km/h is %v", j.Groups[west].Timing.Amber)
	}
}

// TestSenselessArrows: arrows of which lanes cross are followed if the lanes have
// signals of their own, which then conflict; else they are not believed.
func TestSenselessArrows(t *testing.T) {
	north := "name=A,lanes=4,lanes:forward=2,lanes:backward=2,turn:lanes:forward="
	j := only(t, crossroads(north+"right|left", "name=B", "name=A,lanes=2", "name=B").read(t))
	if l, r := mustGroup(t, j, "from A north: left+straight"), mustGroup(t, j, "from A north: right"); !j.Conflicts[l].Has(r) {
		t.Error("lanes that cross do not conflict")
	}
	j = only(t, crossroads(north+"right|left;through;right", "name=B", "name=A,lanes=2", "name=B").read(t))
	mustGroup(t, j, "from A north: left+straight+right")
	if !assumed(j, "the map's arrows from A north would have lanes cross") || !assumed(j, "left+straight | straight+right") {
		t.Errorf("%q", j.Assumed)
	}
	if !assumed(j, "2 lanes from A north lead into 1 lanes of A south") {
		t.Errorf("lanes that merge are not told: %q", j.Assumed)
	}
}

func TestReadSpeed(t *testing.T) {
	for text, want := range map[string]float64{"50": 50, "30 mph": 48.28032, "none": 0, "": 0, "FI:urban": 0, "-3": 0, "1e9": 0} {
		if got := readSpeed(text); math.Abs(got-want) > 1e-6 {
			t.Errorf("%q is %g, want %g", text, got, want)
		}
	}
}

// TestTwoTurnLanesAreProtected: nobody turns on two lanes through oncoming traffic.
func TestTwoTurnLanesAreProtected(t *testing.T) {
	north := "name=A,lanes=5,lanes:forward=3,lanes:backward=2,turn:lanes:forward=left|left|through"
	j := only(t, crossroads(north, "name=B,lanes=4", "name=A,lanes=4", "name=B,lanes=4").read(t))
	left, oncoming := mustGroup(t, j, "from A north: left"), mustGroup(t, j, "from A south: left+straight+right")
	if !j.Conflicts[left].Has(oncoming) {
		t.Error("two lanes turn left through oncoming traffic")
	}
	fast := crossroads("name=A,maxspeed=80", "name=B", "name=A,maxspeed=80", "name=B")
	j = only(t, fast.read(t))
	if a, b := mustGroup(t, j, "from A north: left+straight+right"), mustGroup(t, j, "from A south: left+straight+right"); !j.Conflicts[a].Has(b) {
		t.Error("somebody turns left through traffic at 80 km/h")
	}
}

func TestRestrictions(t *testing.T) {
	town := crossroads("name=A", "name=B", "name=A", "name=B")
	town.forbid("no_left_turn", 1, 1, 2)
	town.forbid("only_straight_on", 3, 1, 1)
	town.forbid("no_right_turn", 4, 1, 3)
	fmt.Fprintf(&town.relations, `<relation id="99"><member type="way" ref="2" role="from"/><member type="way" ref="1" role="via"/><member type="way" ref="3" role="to"/>%s</relation>`, tagText("type=restriction,restriction=no_u_turn"))
	n := town.read(t)
	j := only(t, n)
	for _, name := range []string{"from A north: straight+right", "from A south: straight", "from B west: left+straight", "from B east: left+straight+right"} {
		mustGroup(t, j, name)
	}
	if !strings.Contains(strings.Join(n.Assumed, "\n"), "1 turn restrictions") {
		t.Error("a restriction that was not read is not told")
	}
}

// TestStopLines: signals that are mapped where vehicles wait belong to the junction
// behind, and set the stop line.
func TestStopLines(t *testing.T) {
	town := &town{}
	m := town.node(0, 0, "")
	for i, p := range []point{{0, 1}, {1, 0}, {0, -1}, {-1, 0}} {
		town.way(i+1, "highway=secondary,lanes=2,name="+[]string{"A", "B"}[i%2], town.node(200*p.x, 200*p.y, ""), town.node(18*p.x, 18*p.y, "highway=traffic_signals"), m)
	}
	j := only(t, town.read(t))
	if len(j.Groups) != 4 || assumed(j, "stop line") {
		t.Errorf("%d groups; %q", len(j.Groups), j.Assumed)
	}
}

// dual is two streets with two carriageways each, which meet at four nodes.
func dual() *town {
	t := &town{}
	const w = 8
	nw, ne, sw, se := t.node(-w, w, "highway=traffic_signals"), t.node(w, w, "highway=traffic_signals"), t.node(-w, -w, "highway=traffic_signals"), t.node(w, -w, "highway=traffic_signals")
	street := func(id int, name string, x1, y1 float64, a, b int, x2, y2 float64) {
		t.way(id, "highway=primary,oneway=yes,lanes=2,name="+name, t.node(x1, y1, ""), a, b, t.node(x2, y2, ""))
	}
	street(1, "A", -w, 200, nw, sw, -w, -200) // southbound
	street(2, "A", w, -200, se, ne, w, 200)   // northbound
	street(3, "B", 200, w, ne, nw, -200, w)   // westbound
	street(4, "B", -200, -w, sw, se, 200, -w) // eastbound
	return t
}

func TestDualCarriageways(t *testing.T) {
	j := only(t, dual().read(t))
	if len(j.Groups) != 4 {
		t.Errorf("%d groups, want one for each approach", len(j.Groups))
	}
	south := mustGroup(t, j, "from A south: left+straight+right")
	north := mustGroup(t, j, "from A north: left+straight+right")
	if j.Conflicts[north].Has(south) || !j.Yields[north].Has(south) {
		t.Error("left turns between carriageways do not give way")
	}
	if !assumed(j, "arrows of the 2 lanes from A north, from the left: left+straight | straight+right") {
		t.Errorf("%q", j.Assumed)
	}
}

func TestCrossings(t *testing.T) {
	town := &town{}
	m := town.node(0, 0, "highway=traffic_signals")
	for i, p := range []point{{0, 1}, {1, 0}, {0, -1}, {-1, 0}} {
		tags := ""
		if i < 2 {
			tags = "highway=crossing,crossing=traffic_signals"
		}
		town.way(i+1, "highway=secondary,lanes=2,name="+[]string{"A", "B"}[i%2], town.node(200*p.x, 200*p.y, ""), town.node(12*p.x, 12*p.y, tags), m)
	}
	tram := town.node(-30, 5, "")
	town.way(9, "railway=tram", tram, town.node(0, 5, ""), town.node(30, 5, ""))
	j := only(t, town.read(t))
	walk := mustGroup(t, j, "crossing A north")
	own, across, turning := mustGroup(t, j, "from A north: left+straight+right"), mustGroup(t, j, "from A south: left+straight+right"), mustGroup(t, j, "from B west: left+straight+right")
	if len(j.Crossings) != 2 || j.Groups[walk].Kind != network.Pedestrians {
		t.Fatalf("%d crossings", len(j.Crossings))
	}
	if !j.Conflicts[walk].Has(own) || !j.Conflicts[walk].Has(across) {
		t.Error("who drives straight over a crossing does not conflict with it")
	}
	if j.Conflicts[walk].Has(turning) || !j.Yields[turning].Has(walk) {
		t.Error("who turns does not give way to people on foot")
	}
	// 6.5 m at 1.2 m/s.
	if got := j.Intergreen[walk][own]; got != 6*time.Second {
		t.Errorf("%v to clear two lanes", got)
	}
	if !assumed(j, "tram tracks") {
		t.Error("the tram is not noted")
	}
	if assumed(j, "no crossing with signals over A north") || !assumed(j, "no crossing with signals over A south") {
		t.Errorf("%q", j.Assumed)
	}
}

// TestBetweenJunctions: a crossing with signals over both carriageways of a street.
func TestBetweenJunctions(t *testing.T) {
	town := &town{}
	for i, x := range []float64{-7, 7} {
		y := []float64{1, -1}[i] // southbound in the west
		town.way(i+1, "highway=primary,oneway=yes,lanes=2,name=A", town.node(x, 200*y, ""), town.node(x, 6*y, "highway=traffic_signals"), town.node(x, 0, "highway=crossing,crossing=traffic_signals"), town.node(x, -200*y, ""))
	}
	lonely := town.node(500, 0, "highway=traffic_signals")
	town.way(3, "highway=residential", town.node(500, 100, ""), lonely, town.node(500, -100, ""))
	n := town.read(t)
	j := only(t, n)
	if len(j.Crossings) != 2 || len(j.Groups) != 4 || j.Name != "crossing A" {
		t.Fatalf("%s: %d crossings, %d groups", j.Name, len(j.Crossings), len(j.Groups))
	}
	if !strings.Contains(strings.Join(n.Assumed, "\n"), fmt.Sprintf("left out: nodes %d", lonely)) {
		t.Errorf("a signal that stops nobody is not told: %q", n.Assumed)
	}
}

func TestBadMaps(t *testing.T) {
	for _, c := range []struct{ text, problem string }{
		{"", "no street for cars"},
		{"<osm", "not an OpenStreetMap extract that can be read"},
		{"<html></html>", "no street for cars"},
		{`<osm><way id="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="primary"/></way></osm>`, "no street for cars lies in this area"},
		{`<osm><way id="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="footway"/></way></osm>`, "no street for cars"},
		{strings.ReplaceAll(crossroads("a=b", "a=b", "a=b", "").String(), "traffic_signals", "give_way"), "no junction with signals"},
	} {
		_, err := ReadXML(context.Background(), strings.NewReader(c.text), "bad.osm", Area{})
		if err == nil || !strings.Contains(err.Error(), c.problem) || !strings.Contains(err.Error(), "bad.osm") || city.KindOf(err) != city.Invalid {
			t.Errorf("%.40q: %v, want %q", c.text, err, c.problem)
		}
	}
	far := Area{city.Point{Lon: 1, Lat: 1}, city.Point{Lon: 2, Lat: 2}}
	if _, err := ReadXML(context.Background(), strings.NewReader(crossroads("a=b", "a=b", "a=b", "").String()), "town.osm", far); err == nil || !strings.Contains(err.Error(), "in this area") {
		t.Errorf("an area off the map: %v", err)
	}
	if err := (Area{far.NorthEast, far.SouthWest}).Check(); err == nil {
		t.Error("an area inside out passes")
	}
	if _, err := Around(city.Point{Lon: 1, Lat: 1}, -5); err == nil {
		t.Error("a negative distance passes")
	}
	if _, err := ReadFile(context.Background(), "nowhere.osm.pbf", Area{}); city.KindOf(err) != city.NotFound {
		t.Errorf("a map that is not there: %v", err)
	}
}

// TestAnyJunction imports junctions of random streets: none may be dangerous, every
// approach is served, and what is written is read back the same.
func TestAnyJunction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		town := &town{}
		m := town.node(0, 0, "highway=traffic_signals")
		arms := rapid.IntRange(3, 6).Draw(t, "arms")
		in := 0
		for i := range arms {
			a := (float64(i) + rapid.Float64Range(-0.3, 0.3).Draw(t, "angle")) / float64(arms) * 2 * math.Pi
			p := point{math.Sin(a), math.Cos(a)}
			tags := fmt.Sprintf("highway=%s,lanes=%d,name=S%d", rapid.SampledFrom([]string{"primary", "tertiary", "residential"}).Draw(t, "class"), rapid.IntRange(1, 6).Draw(t, "lanes"), i)
			if oneway := rapid.SampledFrom([]string{"", "", "yes", "-1"}).Draw(t, "oneway"); i > 1 && oneway != "" {
				tags += ",oneway=" + oneway
			}
			if arrows := rapid.SampledFrom([]string{"", "left|through", "left;through|right", "left|left|through;right", "right|left", "right|left;through;right", "through|right"}).Draw(t, "arrows"); arrows != "" {
				tags += ",turn:lanes:forward=" + arrows
			}
			nodes := []int{town.node(150*p.x, 150*p.y, "")}
			if d := rapid.Float64Range(4, 30).Draw(t, "crossing"); rapid.Bool().Draw(t, "has crossing") {
				nodes = append(nodes, town.node(d*p.x, d*p.y, "highway=crossing,crossing=traffic_signals"))
			}
			town.way(i+1, tags, append(nodes, m)...)
			in++
		}
		n, err := ReadXML(context.Background(), strings.NewReader(town.String()), "any.osm", Area{})
		if err != nil && strings.Contains(err.Error(), "keep nobody out of anybody's way") {
			t.Skip("nobody meets anybody here")
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
		problems := &collect{TB: new(testing.T)}
		check(problems, n)
		if len(problems.said) > 0 {
			t.Fatalf("%s", strings.Join(problems.said, "\n"))
		}
		for i, a := range n.Links { // of two lanes that are green together the right one goes further right
			for _, b := range n.Links[:i] {
				if a.Junction < 0 || a.Junction != b.Junction || n.Lanes[a.From].Edge != n.Lanes[b.From].Edge || n.Lanes[a.From].Index == n.Lanes[b.From].Index {
					continue
				}
				j := n.Junctions[a.Junction]
				if x, y := j.Signals[a.Signal].Group, j.Signals[b.Signal].Group; x == y && (n.Lanes[a.From].Index < n.Lanes[b.From].Index) != (rank[a.Turn] <= rank[b.Turn]) && rank[a.Turn] != rank[b.Turn] {
					t.Fatalf("lanes of %s cross", j.Groups[x].Name)
				}
			}
		}
		served := map[string]bool{}
		for _, l := range n.Links {
			if l.Junction >= 0 {
				served[n.Lanes[l.From].Edge] = true
			}
		}
		for _, j := range n.Junctions {
			for g := range j.Groups {
				ever := false
				for _, ph := range j.Plans[0].Phases {
					green, _ := j.StateGroups(ph.State)
					ever = ever || green.Has(g)
				}
				if !ever {
					t.Fatalf("the plan never shows green to %s", j.Groups[g].Name)
				}
			}
		}
		for i := range n.Lanes { // every lane that ends at the signals leads somewhere
			l := &n.Lanes[i]
			if served[l.Edge] && len(l.Out) == 0 && !slices.ContainsFunc(n.Edge(l.Edge), func(o int) bool { return len(n.Lanes[o].Out) > 0 }) {
				t.Fatalf("nobody gets away from %s", l.ID)
			}
		}
		var first, second bytes.Buffer
		if err := n.WriteJSON(&first); err != nil {
			t.Fatal(err)
		}
		back, err := network.ReadJSON(bytes.NewReader(first.Bytes()), "any.osm")
		if err != nil {
			t.Fatalf("%v", err)
		}
		if err := back.WriteJSON(&second); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatal("what is read back is not what was written")
		}
		for i := range n.Junctions {
			if !slices.Equal(n.Junctions[i].Stages, back.Junctions[i].Stages) {
				t.Fatal("the stages differ after reading back")
			}
		}
	})
}

// rank orders turns from the right.
var rank = map[network.Turn]int{network.Right: 0, network.Straight: 1, network.Left: 2}

// collect keeps what a check says.
type collect struct {
	testing.TB
	said []string
}

func (c *collect) Helper() {}
func (c *collect) Errorf(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

// TestHelsinki imports real streets; testdata/README.md says which.
func TestHelsinki(t *testing.T) {
	n, err := ReadFile(context.Background(), "testdata/helsinki.osm", Area{})
	if err != nil {
		t.Fatal(err)
	}
	check(t, n)
	var j *network.Junction
	for _, k := range n.Junctions {
		if k.Name == "Kaivokatu / Mannerheimintie / Simonkatu" {
			j = k
		}
	}
	if j == nil {
		t.Fatal("Kaivokatu and Mannerheimintie do not meet")
	}
	if j.Name != "Kaivokatu / Mannerheimintie / Simonkatu" || len(j.Groups) < 17 || len(j.Crossings) != 12 || !assumed(j, "tram tracks") {
		t.Errorf("%d groups, %d crossings, %q", len(j.Groups), len(j.Crossings), j.Assumed)
	}
	written(t, n)
	var b bytes.Buffer
	if err := n.WriteGeoJSON(&b); err != nil || !strings.Contains(b.String(), `"is":"crossing"`) || !strings.Contains(b.String(), "OpenStreetMap contributors") {
		t.Errorf("as GeoJSON: %v", err)
	}
	smaller, err := Around(city.Point{Lon: 24.9405, Lat: 60.1700}, 120)
	if err != nil {
		t.Fatal(err)
	}
	part, err := ReadFile(context.Background(), "testdata/helsinki.osm", smaller)
	if err != nil || len(part.Junctions) == 0 || len(part.Junctions) >= len(n.Junctions) {
		t.Errorf("of a part: %v", err)
	}
}

func FuzzReadXML(f *testing.F) {
	f.Add(crossroads("lanes=2", "oneway=yes,turn:lanes=left|right", "maxspeed=30 mph", "").String())
	f.Add(dual().String())
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ReadXML(context.Background(), strings.NewReader(text), "fuzz.osm", Area{})
		if err == nil {
			check(t, n)
		}
	})
}
