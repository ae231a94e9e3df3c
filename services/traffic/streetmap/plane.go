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

// curve returns the way of a vehicle from one place and direction to another, a
// point about every three quarters of a metre (a cubic Bezier curve).
func curve(from, out, to, in point) []point {
	d := to.minus(from).length()
	a, b := from.plus(out.times(0.42*d)), to.minus(in.times(0.42*d))
	n := max(4, int(1.2*d/0.75))
	line := make([]point, n+1)
	for i := range line {
		t := float64(i) / float64(n)
		u := 1 - t
		line[i] = from.times(u * u * u).plus(a.times(3 * u * u * t)).plus(b.times(3 * u * t * t)).plus(to.times(t * t * t))
	}
	return line
}
