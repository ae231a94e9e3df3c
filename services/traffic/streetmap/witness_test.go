package streetmap

import (
	"testing"

	"polity/city"
	"polity/services/traffic/network"
)

// intersect tells whether two lines cross, with arithmetic of its own.
func intersect(a, b []city.Point) bool {
	side := func(p, q, r city.Point) float64 {
		return (q.Lon-p.Lon)*(r.Lat-p.Lat) - (q.Lat-p.Lat)*(r.Lon-p.Lon)
	}
	for i := 1; i < len(a); i++ {
		for k := 1; k < len(b); k++ {
			p, q, r, s := a[i-1], a[i], b[k-1], b[k]
			if side(p, q, r)*side(p, q, s) < 0 && side(r, s, p)*side(r, s, q) < 0 {
				return true
			}
		}
	}
	return false
}

// checkShapes looks at the lines on the map alone: of two ways that cross and that a
// phase of a plan shows green together, one gives way. Left turns that face one another
// may be drawn across one another.
func checkShapes(tb testing.TB, n *network.Network) {
	tb.Helper()
	type way struct {
		signal int
		turn   network.Turn
		edge   string
		shape  []city.Point
	}
	for index, j := range n.Junctions {
		var ways []way
		for _, l := range n.Links {
			if l.Junction == index {
				ways = append(ways, way{l.Signal, l.Turn, n.Lanes[l.From].Edge, l.Shape})
			}
		}
		for s := range j.Signals {
			if c := j.Signals[s].Crossing; c >= 0 {
				ways = append(ways, way{s, 'w', j.Crossings[c].ID, j.Crossings[c].Shape})
			}
		}
		for a := range ways {
			for b := range ways[:a] {
				x, y := j.Signals[ways[a].signal].Group, j.Signals[ways[b].signal].Group
				if ways[a].edge == ways[b].edge || ways[a].turn == 'w' && ways[b].turn == 'w' || ways[a].turn == network.Left && ways[b].turn == network.Left || j.Yields[x].Has(y) || j.Yields[y].Has(x) || j.Conflicts[x].Has(y) || !intersect(ways[a].shape, ways[b].shape) {
					continue
				}
				tb.Errorf("%s: %s and %s cross, and neither gives way", j.ID, j.Groups[x].Name, j.Groups[y].Name)
			}
		}
	}
}
