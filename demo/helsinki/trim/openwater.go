package main

import (
	"math"
	"slices"

	"github.com/paulmach/orb"
	"github.com/paulmach/osm"
)

// openWater makes closed areas of the sea and of lakes that the extract's edge cuts
// through: the pieces of their shores inside the box are joined and closed along
// the box. The sea lies to the right of a coastline (OpenStreetMap's
// natural=coastline); of a lake that is cut, the smaller side is the water.
func openWater(all *osm.OSM, box orb.Bound) []orb.Ring {
	nodes := make(map[osm.NodeID]orb.Point, len(all.Nodes))
	for _, n := range all.Nodes {
		nodes[n.ID] = n.Point()
	}
	var coast []orb.LineString
	var rings []orb.Ring
	for _, w := range all.Ways {
		switch w.Tags.Find("natural") {
		case "coastline":
			coast = append(coast, pieces(w, nodes)...)
		case "water":
			for _, p := range pieces(w, nodes) {
				if len(p) == len(w.Nodes) {
					continue // whole: among the shapes already
				}
				left, right := closed(p, box, false), closed(p, box, true)
				rings = append(rings, smaller(left, right))
			}
		}
	}
	rings = append(rings, seas(joined(coast), box)...)
	for _, r := range rings {
		for i, p := range r {
			r[i] = orb.Point{math.Round(p[0]*1e6) / 1e6, math.Round(p[1]*1e6) / 1e6}
		}
	}
	return rings
}

// pieces returns the runs of a way's nodes that are in the extract.
func pieces(w *osm.Way, nodes map[osm.NodeID]orb.Point) []orb.LineString {
	var runs []orb.LineString
	var run orb.LineString
	end := func() {
		if len(run) > 1 {
			runs = append(runs, run)
		}
		run = nil
	}
	for _, n := range w.Nodes {
		if p, ok := nodes[n.ID]; ok {
			run = append(run, p)
		} else {
			end()
		}
	}
	end()
	// A closed way whose first node lies inside begins in the middle of a run.
	if len(runs) > 1 && runs[0][0] == runs[len(runs)-1][len(runs[len(runs)-1])-1] {
		last := len(runs) - 1
		runs[0] = append(runs[last], runs[0][1:]...)
		runs = runs[:last]
	}
	return runs
}

// joined puts lines together that end where another begins.
func joined(lines []orb.LineString) []orb.LineString {
	for i := 0; i < len(lines); i++ {
		for j := range lines {
			if i != j && lines[i][len(lines[i])-1] == lines[j][0] {
				lines[i] = append(slices.Clone(lines[i]), lines[j][1:]...)
				lines = slices.Delete(lines, j, j+1)
				return joined(lines)
			}
		}
	}
	return lines
}

// seas closes coasts to rings. From the end of each the ring goes on clockwise along
// the box to where the next coast begins, which may be the same one: two shores of a
// bay make one ring.
func seas(coasts []orb.LineString, box orb.Bound) []orb.Ring {
	used := make([]bool, len(coasts))
	var rings []orb.Ring
	for first := range coasts {
		if used[first] {
			continue
		}
		var ring orb.Ring
		for i := first; !used[i]; {
			used[i] = true
			ring = append(ring, coasts[i]...)
			from := around(coasts[i][len(coasts[i])-1], box)
			next, nearest := i, 5.0
			for j, c := range coasts {
				if d := ahead(from, around(c[0], box)); d < nearest && (!used[j] || j == first) {
					next, nearest = j, d
				}
			}
			ring = append(ring, along(from, nearest, box)...)
			i = next
		}
		rings = append(rings, append(ring, ring[0]))
	}
	return rings
}

// closed makes a ring of one line: clockwise along the box from its end to its start,
// or the other way round.
func closed(l orb.LineString, box orb.Bound, clockwise bool) orb.Ring {
	if clockwise {
		return seas([]orb.LineString{l}, box)[0]
	}
	back := slices.Clone(l)
	slices.Reverse(back)
	return seas([]orb.LineString{back}, box)[0]
}

// ahead is how far b lies clockwise from a, positions around the box being modulo 4.
func ahead(a, b float64) float64 { return math.Mod(b-a+4, 4) }

// along is the way along the box's edge, clockwise from a position, for a distance:
// both ends and the corners between.
func along(from, distance float64, box orb.Bound) []orb.Point {
	way := []orb.Point{at(from, box)}
	for corner := math.Floor(from) + 1; corner < from+distance; corner++ {
		way = append(way, at(corner, box))
	}
	return append(way, at(from+distance, box))
}

// around returns where on the box's edge the nearest point to p is: 0 to 1 along
// the top from the left, 1 to 2 down the right side, 2 to 3 along the bottom from
// the right, 3 to 4 up the left side.
func around(p orb.Point, box orb.Bound) float64 {
	x := (p[0] - box.Min[0]) / (box.Max[0] - box.Min[0])
	y := (box.Max[1] - p[1]) / (box.Max[1] - box.Min[1])
	edges := [4]float64{y, 1 - x, 1 - y, x}
	nearest := 0
	for i, d := range edges {
		if d < edges[nearest] {
			nearest = i
		}
	}
	return [4]float64{x, 1 + y, 3 - x, 4 - y}[nearest]
}

func at(k float64, box orb.Bound) orb.Point {
	k = math.Mod(k+8, 4)
	x, y := 0.0, 0.0
	switch side, f := math.Modf(k); side {
	case 0:
		x, y = f, 0
	case 1:
		x, y = 1, f
	case 2:
		x, y = 1-f, 1
	default:
		x, y = 0, 1-f
	}
	return orb.Point{box.Min[0] + x*(box.Max[0]-box.Min[0]), box.Max[1] - y*(box.Max[1]-box.Min[1])}
}

func smaller(a, b orb.Ring) orb.Ring {
	area := func(r orb.Ring) float64 {
		sum := 0.0
		for i, p := range r {
			q := r[(i+1)%len(r)]
			sum += p[0]*q[1] - q[0]*p[1]
		}
		return math.Abs(sum)
	}
	if area(a) <= area(b) {
		return a
	}
	return b
}
