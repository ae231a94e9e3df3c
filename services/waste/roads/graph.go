package roads

import (
	"math"

	"polity/city"
)

// Arc is a street in one direction between two junctions.
type Arc struct {
	From, To int32 // junctions
	Street   int32 // index into Network.streets
	Reverse  bool  // against the street's own direction
	Millis   uint32
	Metres   float32
}

// street is a stretch of road between two junctions, shared by its arcs.
type street struct {
	name   string
	way    int64 // OpenStreetMap's id
	points []city.Point
}

// turn leads from one arc into another.
type turn struct {
	to     int32
	millis uint32
}

// Network is a street network for one vehicle, with its hierarchy. It does not
// change after it is built; any number of goroutines may ask it.
type Network struct {
	Vehicle Vehicle
	arcs    []Arc
	streets []street
	turns   [][]turn // by arc
	twoWay  []bool   // by arc: whether its street may also be driven the other way
	grid    grid
	up      hierarchy
	// Cut is how many arcs lie where the vehicle cannot come from and go to
	// everywhere else; they are left out.
	Cut int
	// Skipped counts turn restrictions that are not understood (via a way).
	Skipped int
}

// Arcs returns all arcs; the caller must not change them.
func (n *Network) Arcs() []Arc { return n.arcs }

// Shortcuts returns how many shortcuts the hierarchy holds.
func (n *Network) Shortcuts() int { return n.up.Shortcuts }

// Turns calls f for every turn that may be made out of an arc, with the time
// that the turn itself takes.
func (n *Network) Turns(arc int32, f func(to int32, millis uint32)) {
	for _, t := range n.turns[arc] {
		f(t.to, t.millis)
	}
}

// Name returns the name of the street under an arc, or what OpenStreetMap calls
// its way.
func (n *Network) Name(arc int32) string { return n.streets[n.arcs[arc].Street].name }

// Points returns an arc's line in driving direction.
func (n *Network) Points(arc int32) []city.Point {
	a := &n.arcs[arc]
	points := n.streets[a.Street].points
	if !a.Reverse {
		return points
	}
	back := make([]city.Point, len(points))
	for i, p := range points {
		back[len(points)-1-i] = p
	}
	return back
}

// heading returns the bearing in degrees at an arc's end (or start).
func (n *Network) heading(arc int32, atEnd bool) float64 {
	p := n.Points(arc)
	if atEnd {
		return bearing(p[len(p)-2], p[len(p)-1])
	}
	return bearing(p[0], p[1])
}

func bearing(a, b city.Point) float64 {
	x := (b.Lon - a.Lon) * math.Cos(a.Lat*math.Pi/180)
	return math.Atan2(x, b.Lat-a.Lat) * 180 / math.Pi
}

// turnCost prices a turn by its angle; positive angles are to the right.
func turnCost(angle float64, leftHand bool) uint32 {
	for angle > 180 {
		angle -= 360
	}
	for angle < -180 {
		angle += 360
	}
	if leftHand {
		angle = -angle
	}
	switch size := math.Abs(angle); {
	case size < 20:
		return crossing
	case size < 60:
		return turnSlight
	case angle > 0:
		return turnNear
	default:
		return turnAcross
	}
}

// connected marks the arcs of the largest strongly connected part (Tarjan 1972,
// without recursion).
func connected(turns [][]turn) []bool {
	n := len(turns)
	index, low, onStack := make([]int32, n), make([]int32, n), make([]bool, n)
	part := make([]int32, n)
	sizes := []int{0}
	var stack []int32
	type frame struct {
		arc  int32
		next int
	}
	var frames []frame
	count := int32(0)
	for root := range n {
		if index[root] != 0 {
			continue
		}
		frames = append(frames[:0], frame{int32(root), 0})
		for len(frames) > 0 {
			f := &frames[len(frames)-1]
			v := f.arc
			if f.next == 0 {
				count++
				index[v], low[v] = count, count
				stack, onStack[v] = append(stack, v), true
			}
			if f.next < len(turns[v]) {
				w := turns[v][f.next].to
				f.next++
				if index[w] == 0 {
					frames = append(frames, frame{w, 0})
				} else if onStack[w] {
					low[v] = min(low[v], index[w])
				}
				continue
			}
			if f.next == 0 {
				f.next = 1
			}
			if low[v] == index[v] {
				sizes = append(sizes, 0)
				for {
					w := stack[len(stack)-1]
					stack, onStack[w] = stack[:len(stack)-1], false
					part[w] = int32(len(sizes) - 1)
					sizes[len(sizes)-1]++
					if w == v {
						break
					}
				}
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				p := frames[len(frames)-1].arc
				low[p] = min(low[p], low[v])
			}
		}
	}
	largest := int32(0)
	for i, s := range sizes {
		if s > sizes[largest] {
			largest = int32(i)
		}
	}
	in := make([]bool, n)
	for i := range in {
		in[i] = n > 0 && part[i] == largest
	}
	return in
}
