package streetmap

import (
	"math"

	"polity/city"
)

// point is a place in a plane that touches the Earth in the middle of the area, east
// and north in metres.
type point struct{ x, y float64 }

const (
	earth  = 6371008.8 // mean radius in metres, IUGG
	degree = math.Pi / 180
)

func (x *extract) project(p city.Point) point {
	return point{(p.Lon - x.origin.Lon) * degree * earth * math.Cos(x.origin.Lat*degree), (p.Lat - x.origin.Lat) * degree * earth}
}

func (x *extract) place(p point) city.Point {
	return city.Point{Lon: x.origin.Lon + p.x/(degree*earth*math.Cos(x.origin.Lat*degree)), Lat: x.origin.Lat + p.y/(degree*earth)}
}

func (x *extract) places(line []point) []city.Point {
	out := make([]city.Point, len(line))
	for i, p := range line {
		out[i] = x.place(p)
	}
	return out
}

func (p point) plus(q point) point    { return point{p.x + q.x, p.y + q.y} }
func (p point) minus(q point) point   { return point{p.x - q.x, p.y - q.y} }
func (p point) times(f float64) point { return point{p.x * f, p.y * f} }
func (p point) dot(q point) float64   { return p.x*q.x + p.y*q.y }
func (p point) length() float64       { return math.Hypot(p.x, p.y) }
func (p point) right() point          { return point{p.y, -p.x} }
func (p point) unit() point {
	if l := p.length(); l > 0 {
		return p.times(1 / l)
	}
	return point{1, 0}
}

// angle returns by how many degrees b turns away from a, left above 0.
func angle(a, b point) float64 {
	return math.Atan2(a.x*b.y-a.y*b.x, a.dot(b)) / degree
}

// span returns the length of a line.
func span(line []point) float64 {
	sum := 0.0
	for i := 1; i < len(line); i++ {
		sum += line[i].minus(line[i-1]).length()
	}
	return sum
}

// along returns the point at a distance from a line's start and the direction there.
func along(line []point, d float64) (at, heading point) {
	for i := 1; i < len(line); i++ {
		step := line[i].minus(line[i-1])
		l := step.length()
		if d <= l || i == len(line)-1 {
			heading = step.unit()
			return line[i-1].plus(heading.times(math.Max(0, math.Min(d, l)))), heading
		}
		d -= l
	}
	return line[0], point{1, 0}
}

// part returns the piece of a line between two distances from its start.
func part(line []point, from, to float64) []point {
	first, _ := along(line, from)
	out := []point{first}
	d := 0.0
	for i := 1; i < len(line)-1; i++ {
		d += line[i].minus(line[i-1]).length()
		if d > from+0.01 && d < to-0.01 {
			out = append(out, line[i])
		}
	}
	last, _ := along(line, to)
	return append(out, last)
}

// beside returns a line moved to its right.
func beside(line []point, offset float64) []point {
	out := make([]point, len(line))
	for i := range line {
		before, after := line[max(0, i-1)], line[min(len(line)-1, i+1)]
		out[i] = line[i].plus(after.minus(before).unit().right().times(offset))
	}
	return out
}

// sample is how far the points of a way through a junction lie apart, metres.
const sample = 0.75

// curve returns the way of a vehicle from one place and direction to another: straight
// on, a bend as wide as there is room for, and straight on, or an S where the two
// directions are alike.
func curve(from, out, to, in point) []point {
	way := to.minus(from)
	turn := out.x*in.y - out.y*in.x // sine of the angle
	if math.Abs(turn) > 0.26 {
		ahead := (way.x*in.y - way.y*in.x) / turn // to where the two directions meet
		behind := (out.x*way.y - out.y*way.x) / turn
		if ahead > 0 && behind > 0 {
			r := math.Min(ahead, behind)
			corner := from.plus(out.times(ahead))
			a, b := corner.minus(out.times(r)), corner.plus(in.times(r))
			line := bezier(from, from.plus(a.minus(from).times(1.0/3)), from.plus(a.minus(from).times(2.0/3)), a)
			line = append(line, bezier(a, a.plus(corner.minus(a).times(2.0/3)), b.plus(corner.minus(b).times(2.0/3)), b)...)
			return append(line, bezier(b, b.plus(to.minus(b).times(1.0/3)), b.plus(to.minus(b).times(2.0/3)), to)...)
		}
	}
	d := way.length()
	return bezier(from, from.plus(out.times(0.42*d)), to.minus(in.times(0.42*d)), to)
}

// bezier returns a cubic Bezier curve, a point about every sample metres.
func bezier(p, a, b, q point) []point {
	n := max(2, int(1.2*q.minus(p).length()/sample))
	line := make([]point, n+1)
	for i := range line {
		t := float64(i) / float64(n)
		u := 1 - t
		line[i] = p.times(u * u * u).plus(a.times(3 * u * u * t)).plus(b.times(3 * u * t * t)).plus(q.times(t * t * t))
	}
	return line
}
