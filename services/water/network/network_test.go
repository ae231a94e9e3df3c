package network_test

import (
	"math"
	"strings"
	"testing"

	"polity/city"
	"polity/services/water/network"
)

const small = `[TITLE]
 a small one
[JUNCTIONS]
;id elev demand
 a 10 5
 b 12 1 day ; comment
[RESERVOIRS]
 r 60
[PIPES]
 p1 r a 500 200 120 0 Open
 p2 a b 300 150 120 0 Closed
[VALVES]
 v a b 100 PRV 30 0
[DEMANDS]
 a 2 day
 a 3 night
[OPTIONS]
 Units LPS
[COORDINATES]
 a 1 2
[END]
`

func TestRead(t *testing.T) {
	n, err := network.Read("small.inp", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Nodes) != 3 || len(n.Links) != 3 || n.Units != "LPS" || !n.Metric() {
		t.Fatalf("%d nodes, %d links, %s", len(n.Nodes), len(n.Links), n.Units)
	}
	a := n.Nodes[0]
	if a.BaseDemand() != 5 || len(a.Demands) != 2 || a.Demands[1].Pattern != "night" || a.X != 1 || a.Y != 2 {
		t.Errorf("junction a is %+v", a)
	}
	if !math.IsNaN(n.Nodes[1].X) {
		t.Error("b has a place")
	}
	if !n.Links[1].Closed || n.Links[2].Type != "PRV" || n.Links[2].Setting != 30 {
		t.Errorf("links are %+v", n.Links)
	}
}

func TestWriteReadsTheSame(t *testing.T) {
	n, err := network.Read("small.inp", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	again, err := network.Read("again.inp", n.File.Text())
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Nodes) != len(n.Nodes) || len(again.Links) != len(n.Links) || again.Nodes[0].BaseDemand() != 5 {
		t.Errorf("written and read: %+v", again)
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown node", "p2 a b", "p2 a x", "small.inp:11: link p2 ends at x, which is no node"},
		{"not a number", "500 200", "5oo 200", `small.inp:10: length of p1 is "5oo", which is not a number`},
		{"twice", " b 12 1 day", " a 12 1 day", "small.inp:6: node a is there twice"},
		{"unit", "LPS", "PSI", "small.inp:18: flow unit PSI is unknown"},
		{"zero diameter", "500 200", "500 0", "all must be above 0"},
		{"loop", "v a b", "v a a", "starts and ends at a"},
		{"valve", "PRV", "XYZ", "type XYZ"},
		{"section", "[VALVES]", "[VLAVES]", "small.inp:12: section [VLAVES] is unknown"},
		{"no source", " r 60", "", "which is no node of this file"},
		{"cut off", "[RESERVOIRS]", "c 1 1\nd 1 1\n[RESERVOIRS]", "junction c is joined to no link"},
		{"infinite", "500 200", "500 inf", "not a number"},
		{"short", "p1 r a 500 200 120 0 Open", "p1 r a", "has 3 fields; 6 are needed"},
	} {
		text := strings.Replace(small, c.old, c.new, 1)
		_, err := network.Read("small.inp", []byte(text))
		if err == nil || !strings.Contains(err.Error(), c.want) || city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	for _, text := range []string{"", "hello", "\x00\x01", "[PIPES]\n"} {
		if _, err := network.Read("x.inp", []byte(text)); city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestDistances(t *testing.T) {
	n, err := network.Read("small.inp", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	b := n.Between()
	if got := b.Links(0, 1); got != 400 { // they meet at a: half of 500 and half of 300
		t.Errorf("p1 to p2: %g", got)
	}
	if b.Links(1, 1) != 0 || b.Links(0, 1) != b.Links(1, 0) {
		t.Error("not a distance")
	}
	if got := b.NodeLink(2, 0); got != 250 {
		t.Errorf("r to p1: %g", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("[JUNCTIONS]\na\n[TANKS]\nt 1\n[PIPES]\np a t 1 1 1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := network.Read("f.inp", text)
		if err != nil {
			return
		}
		if _, err := network.Read("again.inp", n.File.Text()); err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
	})
}

// TestLookingChangesNothing: a file is the same behind whoever reads it, so that several may.
func TestLookingChangesNothing(t *testing.T) {
	n, err := network.Read("a.inp", []byte("[JUNCTIONS]\n j 1 2\n[RESERVOIRS]\n r 9\n[PIPES]\n p r j 10 100 120\n"))
	if err != nil {
		t.Fatal(err)
	}
	before := string(n.File.Text())
	n.File.Sensors()
	if _, _, err := n.File.Patterns(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Use(); err != nil {
		t.Fatal(err)
	}
	if after := string(n.File.Text()); after != before || strings.Contains(before, "TANKS") {
		t.Errorf("it was\n%s\nand is\n%s", before, after)
	}
}
