package query

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/peterstace/simplefeatures/geom"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/problem"
)

// Geo is a geographical query (clause 4.10).
type Geo struct {
	Property string // as stored
	relation string
	distance float64 // m; of near
	atLeast  bool    // of near: minDistance
	target   geom.Geometry
	box      *plane.Box
}

// earth is the mean radius in metres (IUGG).
const earth = 6371008.8

// ParseGeo reads the parameters georel, geometry, coordinates and geoproperty.
func ParseGeo(c *jsonld.Context, georel, geometry, coordinates, property string) (*Geo, error) {
	if georel == "" || geometry == "" || coordinates == "" {
		return nil, problem.BadRequest("georel, geometry and coordinates belong together")
	}
	g := &Geo{Property: plane.Location}
	if property != "" {
		g.Property = c.Stored(property)
	}
	var err error
	if g.relation, g.distance, g.atLeast, err = parseRelation(georel); err != nil {
		return nil, err
	}
	text, err := json.Marshal(map[string]any{"type": geometry, "coordinates": json.RawMessage(coordinates)})
	if err != nil {
		return nil, problem.BadRequest("coordinates: %q is not JSON such as [24.94,60.17]", coordinates)
	}
	if err := entity.CheckGeometry(text); err != nil {
		return nil, problem.BadRequest("geometry and coordinates: %v", err)
	}
	if g.target, err = geom.UnmarshalGeoJSON(text, geom.NoValidate{}); err != nil {
		return nil, problem.BadRequest("geometry and coordinates: %v", err)
	}
	if g.relation == "near" && g.target.Type() != geom.TypePoint {
		return nil, problem.BadRequest("georel near asks for the geometry Point, not %s", geometry)
	}
	g.box = g.bounds()
	return g, nil
}

func parseRelation(text string) (relation string, distance float64, atLeast bool, err error) {
	relation, rest, has := strings.Cut(text, ";")
	switch relation {
	case "near":
		name, number, ok := strings.Cut(rest, "==")
		d, err := strconv.ParseFloat(number, 64)
		if !ok || name != "maxDistance" && name != "minDistance" || err != nil || !(d >= 0) || math.IsInf(d, 0) {
			return "", 0, false, problem.BadRequest("georel: near needs ;maxDistance==METRES or ;minDistance==METRES")
		}
		return relation, d, name == "minDistance", nil
	case "within", "contains", "intersects", "equals", "disjoint", "overlaps":
		if has {
			return "", 0, false, problem.BadRequest("georel: %s takes nothing behind it", relation)
		}
		return relation, 0, false, nil
	}
	return "", 0, false, problem.BadRequest("georel: %q is none of near, within, contains, intersects, equals, disjoint, overlaps", text)
}

// Box returns what the location of every entity that matches touches, nil for no
// bound.
func (g *Geo) Box() *plane.Box {
	if g.Property != plane.Location {
		return nil
	}
	return g.box
}

func (g *Geo) bounds() *plane.Box {
	if g.relation == "disjoint" || g.atLeast {
		return nil
	}
	low, high, ok := g.target.Envelope().MinMaxXYs()
	if !ok {
		return nil
	}
	b := &plane.Box{West: low.X, South: low.Y, East: high.X, North: high.Y}
	if g.relation == "near" {
		dy := g.distance / earth * 180 / math.Pi
		b.South, b.North = math.Max(-90, b.South-dy), math.Min(90, b.North+dy)
		widest := math.Max(math.Abs(b.South), math.Abs(b.North))
		if widest >= 89 {
			return nil
		}
		dx := dy / math.Cos(widest*math.Pi/180)
		if b.West, b.East = b.West-dx, b.East+dx; b.West < -180 || b.East > 180 {
			return nil
		}
	}
	return b
}

// Match says whether an entity has an instance of the property in the relation.
func (g *Geo) Match(e *plane.Entity) bool {
	for i := range e.Attributes {
		if a := &e.Attributes[i]; a.Name == g.Property && a.Kind == plane.Geo && g.matches(a.Value) {
			return true
		}
	}
	return false
}

func (g *Geo) matches(value json.RawMessage) bool {
	x, err := geom.UnmarshalGeoJSON(value, geom.NoValidate{})
	if err != nil {
		return false
	}
	switch g.relation {
	case "near":
		p, ok := g.target.MustAsPoint().XY()
		d := distanceTo(p, x)
		if g.atLeast {
			return ok && d >= g.distance
		}
		return ok && d <= g.distance
	case "intersects":
		return geom.Intersects(x, g.target)
	case "disjoint":
		return !geom.Intersects(x, g.target)
	}
	return g.related(x)
}

// related asks for relations that need the topology of both. A ring that crosses
// itself has none in the strict sense; it counts as the area that is inside it an odd
// number of times, or is in no relation where that leads nowhere.
func (g *Geo) related(x geom.Geometry) (is bool) {
	defer func() {
		if recover() != nil { // the library's answer to some rings that are not valid
			is = false
		}
	}()
	target := g.target
	if g.relation == "equals" && geom.ExactEquals(x, target, geom.IgnoreOrder) {
		return true
	}
	var err error
	switch g.relation {
	case "within":
		is, err = geom.CoveredBy(x, target)
	case "contains":
		is, err = geom.Covers(x, target)
	case "equals":
		is, err = geom.Equals(x, target)
	case "overlaps":
		is, err = geom.Overlaps(x, target)
	}
	return is && err == nil
}

// distanceTo is how far a position is from a geometry, in metres: on a plane that
// touches the globe at the position, with the great circle's length for points.
func distanceTo(p geom.XY, g geom.Geometry) float64 {
	if q, ok := g.AsPoint(); ok {
		xy, _ := q.XY()
		return greatCircle(p, xy)
	}
	if m, ok := g.AsMultiPoint(); ok {
		best := math.Inf(1)
		for i := range m.NumPoints() {
			xy, _ := m.PointN(i).XY()
			best = math.Min(best, greatCircle(p, xy))
		}
		return best
	}
	scale := math.Cos(p.Y * math.Pi / 180)
	flat := g.TransformXY(func(xy geom.XY) geom.XY {
		return geom.XY{X: (xy.X - p.X) * scale * earth * math.Pi / 180, Y: (xy.Y - p.Y) * earth * math.Pi / 180}
	})
	d, ok := geom.Distance(geom.XY{}.AsPoint().AsGeometry(), flat)
	if !ok {
		return math.Inf(1)
	}
	return d
}

// greatCircle is the haversine formula.
func greatCircle(a, b geom.XY) float64 {
	const rad = math.Pi / 180
	s := math.Sin((b.Y - a.Y) * rad / 2)
	t := math.Sin((b.X - a.X) * rad / 2)
	h := s*s + math.Cos(a.Y*rad)*math.Cos(b.Y*rad)*t*t
	return 2 * earth * math.Asin(math.Min(1, math.Sqrt(h)))
}
