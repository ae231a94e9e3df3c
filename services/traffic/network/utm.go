package network

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"polity/city"
)

// projection turns a SUMO network's plane into longitude and latitude: UTM on WGS 84,
// moved by netOffset, which is what SUMO's netconvert writes by default.
type projection struct {
	zone             int
	south            bool
	offsetX, offsetY float64
}

// newProjection reads a network's <location>; nil if its plane is not known to lie
// anywhere on the Earth.
func newProjection(a map[string]string) *projection {
	words := strings.Fields(a["projParameter"])
	if !slices.Contains(words, "+proj=utm") {
		return nil
	}
	p := &projection{south: slices.Contains(words, "+south")}
	for _, w := range words {
		if zone, ok := strings.CutPrefix(w, "+zone="); ok {
			p.zone, _ = strconv.Atoi(zone)
		}
	}
	x, y, ok := strings.Cut(a["netOffset"], ",")
	if !ok || p.zone < 1 || p.zone > 60 {
		return nil
	}
	p.offsetX, p.offsetY = number(x), number(y)
	return p
}

// WGS 84: equatorial radius in metres and flattening; UTM's scale and false easting
// and northing.
const (
	equator      = 6378137.0
	flattening   = 1 / 298.257223563
	scaleUTM     = 0.9996
	falseEast    = 500_000.0
	falseNorth   = 10_000_000.0
	degreePerRad = 180 / math.Pi
)

// place returns where a point of the plane lies (Krüger 1912, as in Karney 2011,
// equations 7 to 15 and 36, to the third order: below a millimetre within a zone).
func (p *projection) place(x, y float64) city.Point {
	n := flattening / (2 - flattening)
	n2, n3 := n*n, n*n*n
	a := equator / (1 + n) * (1 + n2/4 + n2*n2/64)
	north := y - p.offsetY
	if p.south {
		north -= falseNorth
	}
	xi, eta := north/(scaleUTM*a), (x-p.offsetX-falseEast)/(scaleUTM*a)
	beta := [3]float64{n/2 - 2*n2/3 + 37*n3/96, n2/48 + n3/15, 17 * n3 / 480}
	xi2, eta2 := xi, eta
	for i, b := range beta {
		k := float64(2 * (i + 1))
		xi2 -= b * math.Sin(k*xi) * math.Cosh(k*eta)
		eta2 -= b * math.Cos(k*xi) * math.Sinh(k*eta)
	}
	chi := math.Asin(math.Sin(xi2) / math.Cosh(eta2)) // conformal latitude
	delta := [3]float64{2*n - 2*n2/3 - 2*n3, 7*n2/3 - 8*n3/5, 56 * n3 / 15}
	lat := chi
	for i, d := range delta {
		lat += d * math.Sin(float64(2*(i+1))*chi)
	}
	lon := math.Atan2(math.Sinh(eta2), math.Cos(xi2))
	return city.Point{Lon: float64(6*p.zone-183) + lon*degreePerRad, Lat: lat * degreePerRad}
}

// shape reads a SUMO shape, "x,y x,y ...", and returns nil if it lies nowhere on the
// Earth that is known.
func (p *projection) shape(text string) []city.Point {
	if p == nil {
		return nil
	}
	var out []city.Point
	for pair := range strings.FieldsSeq(text) {
		x, y, _ := strings.Cut(pair, ",")
		y, _, _ = strings.Cut(y, ",") // a height may follow
		at := p.place(number(x), number(y))
		if at.Check() != nil {
			return nil
		}
		out = append(out, at)
	}
	return out
}
