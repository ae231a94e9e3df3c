package city

import "math"

// A Point is a position on the Earth, WGS 84 (EPSG:4326), in degrees.
// Longitude is east, latitude north.
type Point struct {
	Lon float64 `json:"lon" yaml:"lon"`
	Lat float64 `json:"lat" yaml:"lat"`
}

// Check reports a position that is not on the Earth.
func (p Point) Check() error {
	if math.IsNaN(p.Lon) || math.IsNaN(p.Lat) || p.Lon < -180 || p.Lon > 180 || p.Lat < -90 || p.Lat > 90 {
		return Errorf(Invalid, "position lon %g, lat %g is not on the Earth (lon -180 to 180, lat -90 to 90)", p.Lon, p.Lat)
	}
	return nil
}

// Metres returns the distance between p and q on the sphere of the Earth's mean
// radius, 6,371,008.8 m (IUGG), by the haversine formula.
func (p Point) Metres(q Point) float64 {
	const radius, rad = 6371008.8, math.Pi / 180
	sinLat := math.Sin((q.Lat - p.Lat) * rad / 2)
	sinLon := math.Sin((q.Lon - p.Lon) * rad / 2)
	h := sinLat*sinLat + math.Cos(p.Lat*rad)*math.Cos(q.Lat*rad)*sinLon*sinLon
	return 2 * radius * math.Asin(math.Min(1, math.Sqrt(h)))
}
