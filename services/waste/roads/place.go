package roads

import (
	"math"

	"polity/city"
)

// Side is the kerb at which a vehicle has to stop.
type Side uint8

// The sides. Near is the side of driving: the vehicle stops with the place at
// its kerb, so that nobody crosses the street; Either takes whichever direction
// is at hand, as in a quiet street.
const (
	Near Side = iota
	Either
)

// Place is where a vehicle stands: on an arc, so many of its share along.
type Place struct {
	Arc    int32
	Along  float64 // 0 at the arc's beginning, 1 at its end
	Metres float64 // how far the point lies from the street
}

// MaxSnap is how far from a street a place may lie, in metres.
const MaxSnap = 150

// Snap finds the nearest street at which a vehicle can stop for a point. A point
// farther than MaxSnap from every street that the vehicle may use is an error of
// kind city.Invalid that says how far the nearest is.
func (n *Network) Snap(p city.Point, side Side) (Place, error) {
	best := Place{Arc: -1, Metres: math.Inf(1)}
	n.grid.near(p, func(arc int32) float64 {
		if at, ok := n.project(arc, p, side); ok && at.Metres < best.Metres {
			best = at
		}
		return best.Metres
	})
	if best.Arc < 0 || best.Metres > MaxSnap {
		far := "none is on the map"
		if best.Arc >= 0 {
			far = "the nearest, " + n.Name(best.Arc) + ", is " + metres(best.Metres) + " away"
		}
		return Place{}, city.Errorf(city.Invalid, "no street that a %s may use and leave lies within %d m of lat %.5f, lon %.5f: %s; move the point to the street, or serve it with a smaller vehicle",
			n.Vehicle.Name, MaxSnap, p.Lat, p.Lon, far)
	}
	return best, nil
}

func metres(m float64) string {
	if m >= 1000 {
		return formatFloat(m/1000, 1) + " km"
	}
	return formatFloat(m, 0) + " m"
}

// project drops p onto an arc. With side Near, an arc along which p lies on the
// far side counts only where the street has no other direction.
func (n *Network) project(arc int32, p city.Point, side Side) (Place, bool) {
	points := n.Points(arc)
	scale := math.Cos(p.Lat * math.Pi / 180)
	const degree = 6371008.8 * math.Pi / 180
	local := func(q city.Point) (x, y float64) { return (q.Lon - p.Lon) * scale * degree, (q.Lat - p.Lat) * degree }
	best, along, total, right := math.Inf(1), 0.0, 0.0, true
	for i := 1; i < len(points); i++ {
		ax, ay := local(points[i-1])
		bx, by := local(points[i])
		dx, dy := bx-ax, by-ay
		length := math.Hypot(dx, dy)
		share := 0.0
		if length > 0 {
			share = min(1, max(0, -(ax*dx+ay*dy)/(length*length)))
		}
		if d := math.Hypot(ax+share*dx, ay+share*dy); d < best {
			best, along = d, total+share*length
			right = dx*(-ay)-dy*(-ax) <= 0 // p is the origin
		}
		total += length
	}
	if side == Near && !right && n.twoWay[arc] {
		return Place{}, false
	}
	return Place{Arc: arc, Along: min(1, along/max(total, 1e-9)), Metres: best}, true
}

// Point returns where a place is on its street.
func (n *Network) Point(at Place) city.Point {
	line := n.part(at.Arc, at.Along, at.Along)
	return line[0]
}

// part returns an arc's line between two shares of its length.
func (n *Network) part(arc int32, from, to float64) []city.Point {
	points := n.Points(arc)
	total := 0.0
	for i := 1; i < len(points); i++ {
		total += points[i].Metres(points[i-1])
	}
	at := func(share float64) (city.Point, int) {
		left := share * total
		for i := 1; i < len(points); i++ {
			d := points[i].Metres(points[i-1])
			if left <= d || i == len(points)-1 {
				f := 0.0
				if d > 0 {
					f = min(1, left/d)
				}
				a, b := points[i-1], points[i]
				return city.Point{Lon: a.Lon + f*(b.Lon-a.Lon), Lat: a.Lat + f*(b.Lat-a.Lat)}, i
			}
			left -= d
		}
		return points[0], 1
	}
	first, i := at(from)
	last, j := at(to)
	line := []city.Point{first}
	for ; i < j; i++ {
		line = append(line, points[i])
	}
	return append(line, last)
}

// grid finds arcs near a point: cells of about a hundred metres hold the arcs
// whose boxes touch them.
type grid struct {
	west, south   float64
	cell          float64 // degrees of latitude
	lonCell       float64
	width, height int
	cells         [][]int32
}

func newGrid(n *Network) grid {
	g := grid{west: 180, south: 90, cell: 100.0 / 111_195}
	east, north := -180.0, -90.0
	for i := range n.streets {
		for _, p := range n.streets[i].points {
			g.west, east = min(g.west, p.Lon), max(east, p.Lon)
			g.south, north = min(g.south, p.Lat), max(north, p.Lat)
		}
	}
	// A country's extract gets larger cells, so that the table stays small.
	for (north-g.south)/g.cell*(east-g.west)/g.cell > 2_000_000 {
		g.cell *= 1.5
	}
	g.lonCell = g.cell / max(0.05, math.Cos((north+g.south)/2*math.Pi/180))
	g.width, g.height = int((east-g.west)/g.lonCell)+1, int((north-g.south)/g.cell)+1
	g.cells = make([][]int32, g.width*g.height)
	for a := range n.arcs {
		points := n.streets[n.arcs[a].Street].points
		for i := 1; i < len(points); i++ {
			x0, y0 := g.at(points[i-1])
			x1, y1 := g.at(points[i])
			for y := min(y0, y1); y <= max(y0, y1); y++ {
				for x := min(x0, x1); x <= max(x0, x1); x++ {
					c := &g.cells[y*g.width+x]
					if len(*c) == 0 || (*c)[len(*c)-1] != int32(a) {
						*c = append(*c, int32(a))
					}
				}
			}
		}
	}
	return g
}

func (g *grid) at(p city.Point) (x, y int) {
	x = int(math.Floor((p.Lon - g.west) / g.lonCell))
	y = int(math.Floor((p.Lat - g.south) / g.cell))
	return min(max(x, 0), g.width-1), min(max(y, 0), g.height-1)
}

// near calls f with arcs in rings of cells around p until a ring lies farther
// than the best distance, in metres, that f has returned, or than MaxSnap with
// nothing found within a few rings.
func (g *grid) near(p city.Point, f func(arc int32) float64) {
	cx, cy := g.at(p)
	best := math.Inf(1)
	side := g.cell * 111_195
	for ring := 0; ring <= max(g.width, g.height); ring++ {
		if float64(ring-1)*side > best {
			return
		}
		for y := cy - ring; y <= cy+ring; y++ {
			step := 1
			if y != cy-ring && y != cy+ring {
				step = max(1, 2*ring)
			}
			for x := cx - ring; x <= cx+ring; x += step {
				if x < 0 || y < 0 || x >= g.width || y >= g.height {
					continue
				}
				for _, arc := range g.cells[y*g.width+x] {
					best = min(best, f(arc))
				}
			}
		}
	}
}
