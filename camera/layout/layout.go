// Package layout is what people draw on a camera's scene: zones, lines and the
// ground plane. Messages name a zone or line by its number here, so that they need
// no text.
package layout

import (
	"math"

	"polity/city"
)

// Layout belongs to one camera. Revision grows with every change, so that an
// observation says which layout its numbers refer to.
type Layout struct {
	Revision uint32  `yaml:"revision" json:"revision"`
	Zones    []Zone  `yaml:"zones" json:"zones"`
	Lines    []Line  `yaml:"lines" json:"lines"`
	Ground   *Ground `yaml:"ground" json:"ground,omitempty"`
}

// Point is a position in the picture: X from 0 at the left to 1 at the right edge,
// Y from 0 at the top to 1 at the bottom, whatever the resolution.
type Point struct {
	X float64 `yaml:"x" json:"x"`
	Y float64 `yaml:"y" json:"y"`
}

// Zone is an area of the picture. A thing is in it when its foot point is. Number
// n of the messages is Zones[n-1].
type Zone struct {
	Name    city.Slug `yaml:"name" json:"name"`
	Corners []Point   `yaml:"corners" json:"corners"` // 3 to 64, in order around it
	// Crowd is the number of people from which on an event Crowding starts; 0 for
	// none. The other fields switch on events of their name.
	Crowd     int  `yaml:"crowd" json:"crowd,omitempty"`
	KeepEmpty bool `yaml:"keep_empty" json:"keep_empty,omitempty"` // Intrusion
	NoStop    bool `yaml:"no_stop" json:"no_stop,omitempty"`       // Stopped
	NoObjects bool `yaml:"no_objects" json:"no_objects,omitempty"` // ObjectLeft
}

// Line counts what crosses it. Number n of the messages is Lines[n-1]; messages
// about lines and about zones are told apart by their metric or event.
type Line struct {
	Name city.Slug `yaml:"name" json:"name"`
	From Point     `yaml:"from" json:"from"`
	To   Point     `yaml:"to" json:"to"`
	// OneWay is the only direction in which vehicles may cross: "", "right" or
	// "left", seen from From towards To.
	OneWay string `yaml:"one_way" json:"one_way,omitempty"`
}

// Ground ties four points of the picture, no three in line, to their places on
// the ground in metres: X to the east, Y to the north of any origin.
type Ground struct {
	Picture [4]Point  `yaml:"picture" json:"picture"`
	Metres  [4]Metres `yaml:"metres" json:"metres"`
}

// Metres is a place on the ground.
type Metres struct {
	X float64 `yaml:"x" json:"x"`
	Y float64 `yaml:"y" json:"y"`
}

// Limits of a layout.
const (
	MaxZones = 64
	MaxLines = 64
)

// Check reports the first thing that is wrong, in words for who drew it.
func (l *Layout) Check() error {
	if len(l.Zones) > MaxZones || len(l.Lines) > MaxLines {
		return city.Errorf(city.TooLarge, "a camera has at most %d zones and %d lines", MaxZones, MaxLines)
	}
	names := map[city.Slug]bool{}
	for i, z := range l.Zones {
		if err := checkName(z.Name, names); err != nil {
			return city.Errorf(city.Invalid, "zone %d: %w", i+1, err)
		}
		if err := z.check(); err != nil {
			return city.Errorf(city.Invalid, "zone %s: %w", z.Name, err)
		}
	}
	for i, n := range l.Lines {
		if err := checkName(n.Name, names); err != nil {
			return city.Errorf(city.Invalid, "line %d: %w", i+1, err)
		}
		if err := n.check(); err != nil {
			return city.Errorf(city.Invalid, "line %s: %w", n.Name, err)
		}
	}
	if l.Ground != nil {
		if err := l.Ground.check(); err != nil {
			return city.Errorf(city.Invalid, "ground: %w", err)
		}
	}
	return nil
}

func checkName(name city.Slug, seen map[city.Slug]bool) error {
	if err := name.Check(); err != nil {
		return err
	}
	if seen[name] {
		return city.Errorf(city.Invalid, "the name %q is used twice", string(name))
	}
	seen[name] = true
	return nil
}

func (p Point) inPicture() bool { return p.X >= 0 && p.X <= 1 && p.Y >= 0 && p.Y <= 1 } // false for NaN

func (z Zone) check() error {
	if len(z.Corners) < 3 || len(z.Corners) > 64 {
		return city.Errorf(city.Invalid, "it has %d corners; 3 to 64 are allowed", len(z.Corners))
	}
	area := 0.0
	for i, p := range z.Corners {
		if !p.inPicture() {
			return city.Errorf(city.Invalid, "corner %d (%g, %g) is outside the picture (0 to 1)", i+1, p.X, p.Y)
		}
		q := z.Corners[(i+1)%len(z.Corners)]
		area += p.X*q.Y - q.X*p.Y
	}
	if math.Abs(area)/2 < 1e-4 {
		return city.Errorf(city.Invalid, "it has no area")
	}
	if z.Crowd < 0 {
		return city.Errorf(city.Invalid, "crowd is %d; it is a number of people", z.Crowd)
	}
	return nil
}

func (n Line) check() error {
	if !n.From.inPicture() || !n.To.inPicture() {
		return city.Errorf(city.Invalid, "an end is outside the picture (0 to 1)")
	}
	if math.Hypot(n.From.X-n.To.X, n.From.Y-n.To.Y) < 0.01 {
		return city.Errorf(city.Invalid, "it has no length")
	}
	if n.OneWay != "" && n.OneWay != "right" && n.OneWay != "left" {
		return city.Errorf(city.Invalid, `one_way is %q; it is "right" or "left"`, n.OneWay)
	}
	return nil
}

func (g *Ground) check() error {
	for i := range 4 {
		if !g.Picture[i].inPicture() {
			return city.Errorf(city.Invalid, "point %d is outside the picture (0 to 1)", i+1)
		}
		if math.Abs(g.Metres[i].X) > 10_000 || math.Abs(g.Metres[i].Y) > 10_000 || math.IsNaN(g.Metres[i].X+g.Metres[i].Y) {
			return city.Errorf(city.Invalid, "point %d is more than 10 km from the origin", i+1)
		}
		j, k := (i+1)%4, (i+2)%4
		p, q := g.Picture, g.Metres
		if math.Abs((p[j].X-p[i].X)*(p[k].Y-p[i].Y)-(p[k].X-p[i].X)*(p[j].Y-p[i].Y)) < 1e-5 ||
			math.Abs((q[j].X-q[i].X)*(q[k].Y-q[i].Y)-(q[k].X-q[i].X)*(q[j].Y-q[i].Y)) < 1e-3 {
			return city.Errorf(city.Invalid, "points %d, %d and %d lie in one line", i+1, j+1, k+1)
		}
	}
	return nil
}

// Holds says whether p lies inside the zone, by the even-odd rule.
func (z Zone) Holds(p Point) bool {
	in := false
	for i, a := range z.Corners {
		b := z.Corners[(i+1)%len(z.Corners)]
		if (a.Y > p.Y) != (b.Y > p.Y) && p.X < (b.X-a.X)*(p.Y-a.Y)/(b.Y-a.Y)+a.X {
			in = !in
		}
	}
	return in
}
