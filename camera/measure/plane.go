package measure

import (
	"math"

	"polity/camera/layout"
	"polity/city"
)

// Metres is a place on the ground.
type Metres = layout.Metres

// Plane ties the picture to the ground by a projective map (homography) through
// four pairs of points, solved as in Hartley and Zisserman, Multiple View Geometry,
// 2nd edition, section 2.3 (the minimal case, with h33 = 1).
type Plane struct {
	to [9]float64
	// side is the sign of the denominator on this side of the horizon.
	side        float64
	origin, end Metres // of the grid of marks
}

// NewPlane returns the plane of a layout's ground, or nil if it has none.
func NewPlane(g *layout.Ground) (*Plane, error) {
	if g == nil {
		return nil, nil //nolint:nilnil // a layout without ground is valid
	}
	var a [8][9]float64
	for i := range 4 {
		x, y, u, v := g.Picture[i].X, g.Picture[i].Y, g.Metres[i].X, g.Metres[i].Y
		a[2*i] = [9]float64{x, y, 1, 0, 0, 0, -u * x, -u * y, u}
		a[2*i+1] = [9]float64{0, 0, 0, x, y, 1, -v * x, -v * y, v}
	}
	h, ok := solve(a)
	if !ok {
		return nil, city.Errorf(city.Invalid, "ground: the four points do not determine a plane")
	}
	p := &Plane{to: [9]float64{h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], 1}}
	p.origin, p.end = g.Metres[0], g.Metres[0]
	for i, q := range g.Picture {
		p.origin = Metres{X: min(p.origin.X, g.Metres[i].X), Y: min(p.origin.Y, g.Metres[i].Y)}
		p.end = Metres{X: max(p.end.X, g.Metres[i].X), Y: max(p.end.Y, g.Metres[i].Y)}
		w := p.to[6]*q.X + p.to[7]*q.Y + 1
		if i == 0 {
			p.side = math.Copysign(1, w)
		}
		if w*p.side < 1e-9 {
			return nil, city.Errorf(city.Invalid, "ground: the points are in another order on the ground than in the picture")
		}
	}
	p.origin = Metres{X: math.Floor(p.origin.X) - markReach, Y: math.Floor(p.origin.Y) - markReach}
	p.end = Metres{X: p.end.X + markReach, Y: p.end.Y + markReach}
	return p, nil
}

// Origin is the south-western corner of the grid of marks on the ground: 250 m west
// and south of the least coordinates of the ground's four points, in whole metres.
func (p *Plane) Origin() Metres { return p.origin }

// solve solves eight linear equations by elimination with pivots.
func solve(a [8][9]float64) (x [8]float64, ok bool) {
	for c := range 8 {
		best := c
		for r := c + 1; r < 8; r++ {
			if math.Abs(a[r][c]) > math.Abs(a[best][c]) {
				best = r
			}
		}
		if math.Abs(a[best][c]) < 1e-12 {
			return x, false
		}
		a[c], a[best] = a[best], a[c]
		for r := range 8 {
			if r == c {
				continue
			}
			f := a[r][c] / a[c][c]
			for k := c; k < 9; k++ {
				a[r][k] -= f * a[c][k]
			}
		}
	}
	for c := range 8 {
		x[c] = a[c][8] / a[c][c]
	}
	return x, true
}

// Metres returns the place on the ground of a point of the picture, or false for a
// point at or above the horizon.
func (p *Plane) Metres(q layout.Point) (Metres, bool) {
	w := p.to[6]*q.X + p.to[7]*q.Y + p.to[8]
	if !(w*p.side > 1e-6) {
		return Metres{}, false
	}
	return Metres{X: (p.to[0]*q.X + p.to[1]*q.Y + p.to[2]) / w, Y: (p.to[3]*q.X + p.to[4]*q.Y + p.to[5]) / w}, true
}

// Area returns a zone's area on the ground in square metres, or false if it reaches
// the horizon. Straight lines stay straight, so its corners suffice.
func (p *Plane) Area(z layout.Zone) (float64, bool) {
	sum := 0.0
	for i, a := range z.Corners {
		b := z.Corners[(i+1)%len(z.Corners)]
		m, ok1 := p.Metres(a)
		n, ok2 := p.Metres(b)
		if !ok1 || !ok2 {
			return 0, false
		}
		sum += m.X*n.Y - n.X*m.Y
	}
	area := math.Abs(sum) / 2
	return area, area >= 1 && area < 1e8
}
