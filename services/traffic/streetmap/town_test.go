package streetmap

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"polity/services/traffic/network"
)

// town writes a map as OpenStreetMap's XML; places are metres east and north.
type town struct {
	nodes, ways, relations strings.Builder
	next                   int
}

func tagText(tags string) string {
	var b strings.Builder
	for pair := range strings.SplitSeq(tags, ",") {
		if k, v, ok := strings.Cut(pair, "="); ok {
			fmt.Fprintf(&b, `<tag k="%s" v="%s"/>`, strings.TrimSpace(k), strings.TrimSpace(v))
		}
	}
	return b.String()
}

// node adds a node with tags such as "highway=traffic_signals" and returns its number.
func (t *town) node(x, y float64, tags string) int {
	t.next++
	lat := 60.17 + y/(degree*earth)
	lon := 24.94 + x/(degree*earth*math.Cos(60.17*degree))
	fmt.Fprintf(&t.nodes, `<node id="%d" lat="%.9f" lon="%.9f">%s</node>`, t.next, lat, lon, tagText(tags))
	return t.next
}

func (t *town) way(id int, tags string, nodes ...int) {
	fmt.Fprintf(&t.ways, `<way id="%d">`, id)
	for _, n := range nodes {
		fmt.Fprintf(&t.ways, `<nd ref="%d"/>`, n)
	}
	t.ways.WriteString(tagText(tags) + "</way>")
}

func (t *town) forbid(kind string, from, via, to int) {
	fmt.Fprintf(&t.relations, `<relation id="%d"><member type="way" ref="%d" role="from"/><member type="node" ref="%d" role="via"/><member type="way" ref="%d" role="to"/>%s</relation>`,
		t.relations.Len()+1, from, via, to, tagText("type=restriction,restriction="+kind))
}

func (t *town) String() string {
	return `<osm version="0.6">` + t.nodes.String() + t.ways.String() + t.relations.String() + "</osm>"
}

func (t *town) read(tb testing.TB) *network.Network {
	tb.Helper()
	n, err := ReadXML(context.Background(), strings.NewReader(t.String()), "town.osm", Area{})
	if err != nil {
		tb.Fatal(err)
	}
	check(tb, n)
	return n
}

// crossroads is four streets that meet at a node with signals: ways 1 (north) to 4
// (west), each from outside to the middle, with these tags.
func crossroads(north, east, south, west string) *town {
	t := &town{}
	m := t.node(0, 0, "highway=traffic_signals")
	for i, tags := range []string{north, east, south, west} {
		if tags == "" {
			continue
		}
		away := []point{{0, 200}, {200, 0}, {0, -200}, {-200, 0}}[i]
		t.way(i+1, "highway=residential,"+tags, t.node(away.x, away.y, ""), m)
	}
	return t
}

func only(tb testing.TB, n *network.Network) *network.Junction {
	tb.Helper()
	if len(n.Junctions) != 1 {
		tb.Fatalf("%d junctions, want 1", len(n.Junctions))
	}
	return n.Junctions[0]
}

// group returns the group whose name this is, -1 if there is none.
func group(j *network.Junction, name string) int {
	for g := range j.Groups {
		if j.Groups[g].Name == name {
			return g
		}
	}
	return -1
}

func mustGroup(tb testing.TB, j *network.Junction, name string) int {
	tb.Helper()
	g := group(j, name)
	if g < 0 {
		var names []string
		for i := range j.Groups {
			names = append(names, j.Groups[i].Name)
		}
		tb.Fatalf("there is no group %q; there are %q", name, names)
	}
	return g
}

// written reads what was written as JSON.
func written(tb testing.TB, n *network.Network) *network.Network {
	tb.Helper()
	var b bytes.Buffer
	if err := n.WriteJSON(&b); err != nil {
		tb.Fatal(err)
	}
	back, err := network.ReadJSON(&b, n.Name)
	if err != nil {
		tb.Fatal(err)
	}
	return back
}

// assumed tells whether a junction lists something like this.
func assumed(j *network.Junction, part string) bool {
	for _, a := range j.Assumed {
		if strings.Contains(a, part) {
			return true
		}
	}
	return false
}
