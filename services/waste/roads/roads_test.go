package roads

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"polity/city"
)

// town writes a random grid town as OpenStreetMap XML: missing streets, one-ways,
// weight limits, traffic lights and turn restrictions.
func town(seed uint64, side int) string {
	r := rand.New(rand.NewPCG(seed, 11))
	var b strings.Builder
	b.WriteString(`<osm version="0.6">`)
	id := func(x, y int) int { return 1 + y*side + x }
	for y := range side {
		for x := range side {
			tag := ""
			if r.IntN(8) == 0 {
				tag = `<tag k="highway" v="traffic_signals"/>`
			}
			fmt.Fprintf(&b, `<node id="%d" lat="%.6f" lon="%.6f">%s</node>`, id(x, y), 60+float64(y)*0.001+r.Float64()*0.0004, 25+float64(x)*0.002+r.Float64()*0.0008, tag)
		}
	}
	ways, classes := 0, []string{"residential", "tertiary", "primary", "living_street"}
	way := func(nodes ...int) {
		ways++
		fmt.Fprintf(&b, `<way id="%d">`, 1000+ways)
		for _, n := range nodes {
			fmt.Fprintf(&b, `<nd ref="%d"/>`, n)
		}
		fmt.Fprintf(&b, `<tag k="highway" v="%s"/><tag k="name" v="Street %d"/>`, classes[r.IntN(4)], ways)
		switch r.IntN(8) {
		case 0:
			b.WriteString(`<tag k="oneway" v="yes"/>`)
		case 1:
			b.WriteString(`<tag k="oneway" v="-1"/>`)
		case 2:
			b.WriteString(`<tag k="maxweight" v="3.5 t"/>`)
		}
		b.WriteString(`</way>`)
	}
	for y := range side {
		for x := range side {
			if x+2 < side && r.IntN(3) == 0 {
				way(id(x, y), id(x+1, y), id(x+2, y))
			} else if x+1 < side && r.IntN(6) > 0 {
				way(id(x, y), id(x+1, y))
			}
			if y+1 < side && r.IntN(6) > 0 {
				way(id(x, y), id(x, y+1))
			}
		}
	}
	for range side {
		kind := []string{"no_left_turn", "no_straight_on", "only_right_turn"}[r.IntN(3)]
		fmt.Fprintf(&b, `<relation id="%d"><member type="way" ref="%d" role="from"/><member type="node" ref="%d" role="via"/><member type="way" ref="%d" role="to"/><tag k="type" v="restriction"/><tag k="restriction" v="%s"/></relation>`,
			9000+r.IntN(1000), 1001+r.IntN(ways), 1+r.IntN(side*side), 1001+r.IntN(ways), kind)
	}
	b.WriteString(`</osm>`)
	return b.String()
}

func network(t interface {
	Helper()
	Fatal(...any)
}, text string, v Vehicle,
) *Network {
	t.Helper()
	m, err := Read(context.Background(), strings.NewReader(text), true)
	if err != nil {
		t.Fatal(err)
	}
	n, err := m.Build(v)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// bellmanFord finds the quickest ways from the end of an arc, without heap,
// hierarchy or anything else of the package's searches.
func bellmanFord(n *Network, from int32) []uint64 {
	dist := make([]uint64, len(n.Arcs()))
	for i := range dist {
		dist[i] = 1 << 60
	}
	relax := func(arc int32, d uint64) bool {
		changed := false
		n.Turns(arc, func(to int32, millis uint32) {
			if x := d + uint64(millis) + uint64(n.Arcs()[to].Millis); x < dist[to] {
				dist[to], changed = x, true
			}
		})
		return changed
	}
	relax(from, 0)
	for changed := true; changed; {
		changed = false
		for a := range dist {
			if dist[a] < 1<<60 && relax(int32(a), dist[a]) {
				changed = true
			}
		}
	}
	return dist
}

func TestWaysAreQuickestAndDrivable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		n := network(t, town(seed, 4+int(seed%5)), RefuseTruck)
		if len(n.Arcs()) == 0 {
			return
		}
		r := rand.New(rand.NewPCG(seed, 1))
		var places []Place
		for range 12 {
			places = append(places, Place{Arc: int32(r.IntN(len(n.Arcs()))), Along: r.Float64()})
		}
		places = append(places, Place{Arc: places[0].Arc, Along: places[0].Along / 2}, places[1])
		m, err := n.Matrix(context.Background(), places, 2)
		if err != nil {
			t.Fatal(err)
		}
		for i, from := range places {
			dist := bellmanFord(n, from.Arc)
			for j, to := range places {
				a, b := n.Arcs()[from.Arc], n.Arcs()[to.Arc]
				want := int64(dist[to.Arc]) + int64(a.Millis-portion(a.Millis, from.Along)) - int64(b.Millis-portion(b.Millis, to.Along))
				if from.Arc == to.Arc && to.Along >= from.Along {
					want = int64(portion(a.Millis, to.Along)) - int64(portion(a.Millis, from.Along))
				}
				w := n.Quickest(from, to)
				if int64(w.Millis) != want || int64(m.Millis[i*len(places)+j]) != want {
					t.Fatalf("from %v to %v: way %d ms, matrix %d ms, by Bellman and Ford %d ms", from, to, w.Millis, m.Millis[i*len(places)+j], want)
				}
				checkDrive(t, n, w, want)
			}
		}
	})
}

// checkDrive follows a way arc by arc: each turn must exist, and times add up.
func checkDrive(t *rapid.T, n *Network, w Way, want int64) {
	if w.Arcs[0] != w.from.Arc || w.Arcs[len(w.Arcs)-1] != w.to.Arc {
		t.Fatalf("the way %v does not lead from %v to %v", w.Arcs, w.from, w.to)
	}
	a := n.Arcs()[w.Arcs[0]]
	sum := int64(a.Millis - portion(a.Millis, w.from.Along))
	if len(w.Arcs) == 1 {
		sum = int64(portion(a.Millis, w.to.Along)) - int64(portion(a.Millis, w.from.Along))
	}
	for i := 1; i < len(w.Arcs); i++ {
		turned := false
		n.Turns(w.Arcs[i-1], func(to int32, millis uint32) {
			if to == w.Arcs[i] {
				turned = true
				sum += int64(millis)
			}
		})
		if !turned {
			t.Fatalf("nobody may turn from arc %d into arc %d", w.Arcs[i-1], w.Arcs[i])
		}
		next := n.Arcs()[w.Arcs[i]]
		sum += int64(next.Millis)
		if i == len(w.Arcs)-1 {
			sum -= int64(next.Millis - portion(next.Millis, w.to.Along))
		}
	}
	if sum != want {
		t.Fatalf("driven arc by arc the way takes %d ms, not %d", sum, want)
	}
	if line := n.Line(w); len(line) < 2 {
		t.Fatalf("the way has a line of %d points", len(line))
	}
}

// cross is a junction of four streets (101 west, 102 east, 103 north, 104 south)
// with room for tags and a relation.
func cross(tags101, tags103, relation string) string {
	return `<osm version="0.6"><node id="1" lat="60" lon="25"/><node id="2" lat="60" lon="24.99"/><node id="3" lat="60" lon="25.01"/><node id="4" lat="60.005" lon="25"/><node id="5" lat="59.995" lon="25"/>
<way id="101"><nd ref="2"/><nd ref="1"/><tag k="highway" v="residential"/><tag k="name" v="West"/>` + tags101 + `</way>
<way id="102"><nd ref="1"/><nd ref="3"/><tag k="highway" v="residential"/><tag k="name" v="East"/></way>
<way id="103"><nd ref="1"/><nd ref="4"/><tag k="highway" v="residential"/><tag k="name" v="North"/>` + tags103 + `</way>
<way id="104"><nd ref="5"/><nd ref="1"/><tag k="highway" v="residential"/><tag k="name" v="South"/></way>` + relation + `</osm>`
}

func TestRulesOfTheRoad(t *testing.T) {
	west, north := city.Point{Lon: 24.995, Lat: 59.99999}, city.Point{Lon: 25.00001, Lat: 60.0025}
	no := `<relation id="1"><member type="way" ref="101" role="from"/><member type="node" ref="1" role="via"/><member type="way" ref="103" role="to"/><tag k="type" v="restriction"/><tag k="restriction" v="no_left_turn"/></relation>`
	for _, c := range []struct{ name, text, streets string }{
		{"straight turn", cross("", "", ""), "West,North"},
		{"left turn barred: by a dead end", cross("", "", no), "West,South,North"},
		{"narrow street is not on the map", cross("", `<tag k="maxwidth" v="2"/>`, ""), "unreachable"},
		{"one-way outwards cannot be left", cross("", `<tag k="oneway" v="yes"/>`, ""), "unreachable"},
		{"private street", cross("", `<tag k="access" v="private"/>`, ""), "unreachable"},
		{"private but hgv may", cross("", `<tag k="access" v="private"/><tag k="hgv" v="yes"/>`, ""), "West,North"},
	} {
		n := network(t, c.text, RefuseTruck)
		from, err := n.Snap(west, Near)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		to, err := n.Snap(north, Near)
		got := "unreachable"
		if err == nil && n.Name(to.Arc) == "North" {
			got = strings.Join(n.Streets(n.Quickest(from, to)), ",")
		} else if err != nil && !strings.Contains(err.Error(), "smaller vehicle") {
			t.Errorf("%s: the error does not say what would help: %v", c.name, err)
		}
		if got != c.streets {
			t.Errorf("%s: %s, want %s", c.name, got, c.streets)
		}
	}
}

func TestKerbSide(t *testing.T) {
	n := network(t, cross("", "", ""), RefuseTruck)
	for _, c := range []struct {
		lat     float64
		reverse bool
	}{{59.9999, false}, {60.0001, true}} { // West runs east: its right kerb is to the south
		at, err := n.Snap(city.Point{Lon: 24.995, Lat: c.lat}, Near)
		if err != nil {
			t.Fatal(err)
		}
		if n.Name(at.Arc) != "West" || n.Arcs()[at.Arc].Reverse != c.reverse {
			t.Errorf("lat %g: stops on %s, reverse %v", c.lat, n.Name(at.Arc), n.Arcs()[at.Arc].Reverse)
		}
		if d := n.Point(at).Metres(city.Point{Lon: 24.995, Lat: 60}); d > 2 {
			t.Errorf("the place lies %.1f m from where it should", d)
		}
	}
	if _, err := n.Snap(city.Point{Lon: 24.9, Lat: 60}, Near); err == nil || city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "km away") {
		t.Errorf("a point far from all streets: %v", err)
	}
}

func TestLimitsAreRead(t *testing.T) {
	for text, want := range map[string]float64{"3.5": 3.5, "3.5 t": 3.5, "7500 kg": 7.5, "30 mph": 48.28032, `12'6"`: 3.81, "": 0, "none": 0, "-3": 0} {
		if got, _ := measure(text); got < want-1e-6 || got > want+1e-6 {
			t.Errorf("%q is %g, want %g", text, got, want)
		}
	}
}

func TestNotAMap(t *testing.T) {
	for _, text := range []string{"", "hello", "<osm></osm>", `<osm><way id="1"><nd ref="7"/><nd ref="8"/><tag k="highway" v="primary"/></way></osm>`} {
		m, err := Read(context.Background(), strings.NewReader(text), true)
		if err == nil {
			_, err = m.Build(RefuseTruck)
		}
		if city.KindOf(err) != city.Invalid {
			t.Errorf("%q: error %v", text, err)
		}
	}
	if _, err := Read(context.Background(), bytes.NewReader([]byte("not a pbf file at all")), false); city.KindOf(err) != city.Invalid {
		t.Errorf("PBF: error %v", err)
	}
}

func FuzzReadXML(f *testing.F) {
	f.Add(town(1, 3))
	f.Add(cross("", "", ""))
	f.Fuzz(func(_ *testing.T, text string) {
		m, err := Read(context.Background(), strings.NewReader(text), true)
		if err != nil {
			return
		}
		n, err := m.Build(RefuseTruck)
		if err != nil {
			return
		}
		for a := range n.Arcs() {
			n.Quickest(Place{Arc: 0, Along: 0.5}, Place{Arc: int32(a), Along: 0.25})
		}
	})
}
