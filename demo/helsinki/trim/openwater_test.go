package main

import (
	"math"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
	"github.com/paulmach/osm"
)

// In a box of 10 x 10 a coast runs across; the sea is to its right.
func TestSeaLiesToTheRightOfTheCoast(t *testing.T) {
	box := orb.Bound{Min: orb.Point{0, 0}, Max: orb.Point{10, 10}}
	for _, c := range []struct {
		name string
		line orb.LineString
		sea  float64 // area
		in   orb.Point
	}{
		{"west to east", orb.LineString{{0.1, 4}, {9.9, 4}}, 40, orb.Point{5, 1}},
		{"east to west", orb.LineString{{9.9, 4}, {0.1, 4}}, 60, orb.Point{5, 9}},
		{"south to north", orb.LineString{{7, 0.1}, {7, 9.9}}, 30, orb.Point{9, 5}},
		{"a corner", orb.LineString{{6, 0.1}, {6, 3}, {9.9, 3}}, 12, orb.Point{9, 1}},
		{"all but a corner", orb.LineString{{9.9, 3}, {6, 3}, {6, 0.1}}, 88, orb.Point{1, 9}},
		{"a bay in one side", orb.LineString{{9.9, 2}, {6, 2}, {6, 5}, {9.9, 5}}, 12, orb.Point{9, 3}},
	} {
		ring := closed(c.line, box, true)
		if ring[0] != ring[len(ring)-1] {
			t.Errorf("%s: the ring is open", c.name)
		}
		if a := math.Abs(planar.Area(ring)); math.Abs(a-c.sea) > 1.5 {
			t.Errorf("%s: area %g, want about %g (%v)", c.name, a, c.sea, ring)
		}
		if !planar.RingContains(ring, c.in) {
			t.Errorf("%s: %v is not in the sea", c.name, c.in)
		}
	}
}

// Two shores of a bay that opens to the east make one water, not two.
func TestTwoShoresMakeOneBay(t *testing.T) {
	box := orb.Bound{Min: orb.Point{0, 0}, Max: orb.Point{10, 10}}
	south, north := orb.LineString{{9.9, 3}, {4, 3}, {4, 9.9}}, orb.LineString{{5, 9.9}, {5, 7}, {9.9, 7}}
	rings := seas([]orb.LineString{south, north}, box)
	if len(rings) != 1 {
		t.Fatalf("%d rings", len(rings))
	}
	if a := math.Abs(planar.Area(rings[0])); math.Abs(a-27) > 1 {
		t.Errorf("area %g, want about 27 (%v)", a, rings[0])
	}
	if !planar.RingContains(rings[0], orb.Point{8, 5}) || planar.RingContains(rings[0], orb.Point{8, 8}) || planar.RingContains(rings[0], orb.Point{2, 2}) {
		t.Errorf("the bay is not where it should be: %v", rings[0])
	}
}

func TestPiecesOfAShoreThatBeginsInTheMiddle(t *testing.T) {
	nodes := map[osm.NodeID]orb.Point{1: {1, 1}, 2: {2, 1}, 5: {1, 3}, 6: {1, 2}}
	w := &osm.Way{}
	for _, id := range []osm.NodeID{1, 2, 3, 4, 5, 6, 1} {
		w.Nodes = append(w.Nodes, osm.WayNode{ID: id})
	}
	got := pieces(w, nodes)
	if len(got) != 1 || len(got[0]) != 4 || got[0][0] != nodes[5] || got[0][3] != nodes[2] {
		t.Fatalf("got %v", got)
	}
}
