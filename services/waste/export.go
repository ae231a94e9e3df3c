package waste

import (
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"

	"polity/city"
)

// Line returns a tour's way along the streets, from depot to depot.
func (p *Plan) Line(tour *Tour) []city.Point {
	b := p.built
	vehicle := slices.IndexFunc(b.trucks, func(t *Truck) bool { return t.ID == tour.Truck })
	truck := b.trucks[vehicle]
	kind := 0
	for i, n := range b.networks {
		if n.Vehicle.Name == truck.Vehicle.Name {
			kind = i
		}
	}
	v := &b.p.Vehicles[vehicle]
	ends := []int32{v.Start}
	for _, trip := range p.order[vehicle] {
		for _, s := range trip.Stops {
			ends = append(ends, b.p.Stops[s].Location)
		}
		ends = append(ends, b.p.Stations[trip.Station].Location)
	}
	ends = append(ends, v.End)
	n, asker := b.networks[kind], b.networks[kind].NewAsker()
	var line []city.Point
	for i := 1; i < len(ends); i++ {
		part := n.Line(asker.Quickest(b.places[kind][ends[i-1]], b.places[kind][ends[i]]))
		if len(line) > 0 {
			part = part[1:]
		}
		line = append(line, part...)
	}
	return line
}

type gpxPoint struct {
	Lat  string `xml:"lat,attr"`
	Lon  string `xml:"lon,attr"`
	Name string `xml:"name,omitempty"`
	Desc string `xml:"desc,omitempty"`
}

type gpxFile struct {
	XMLName xml.Name   `xml:"gpx"`
	NS      string     `xml:"xmlns,attr"`
	Version string     `xml:"version,attr"`
	Creator string     `xml:"creator,attr"`
	Points  []gpxPoint `xml:"wpt"`
	Track   struct {
		Name    string `xml:"name"`
		Segment struct {
			Points []gpxPoint `xml:"trkpt"`
		} `xml:"trkseg"`
	} `xml:"trk"`
}

func point(p city.Point, name, desc string) gpxPoint {
	return gpxPoint{strconv.FormatFloat(p.Lat, 'f', 6, 64), strconv.FormatFloat(p.Lon, 'f', 6, 64), name, desc}
}

// WriteGPX writes a tour as GPX 1.1: a waypoint for each call and one track along
// the streets.
func (p *Plan) WriteGPX(w io.Writer, tour *Tour) error { return WriteGPX(w, tour, p.Line(tour)) }

// WriteGPX writes a tour with its way as GPX 1.1.
func WriteGPX(w io.Writer, tour *Tour, line []city.Point) error {
	file := gpxFile{NS: "http://www.topografix.com/GPX/1/1", Version: "1.1", Creator: "Polity"}
	for i, c := range tour.Calls {
		name, what := c.Container, "empty"
		if c.Site != "" {
			name, what = c.Site, "unload"
		}
		file.Points = append(file.Points, point(c.Place, fmt.Sprintf("%d %s", i+1, name), fmt.Sprintf("%s at %s, about %.0f kg", what, clock(c.Arrive), c.Kilograms)))
	}
	file.Track.Name = "Tour of " + tour.Truck
	for _, at := range line {
		file.Track.Segment.Points = append(file.Track.Segment.Points, point(at, "", ""))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(file); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// WriteCSV writes all tours, a line for each call, in driving order.
func (p *Plan) WriteCSV(w io.Writer) error { return WriteCSV(w, p.Tours) }

// WriteCSV writes tours, a line for each call, in driving order.
func WriteCSV(w io.Writer, tours []Tour) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"truck", "call", "container", "site", "lat", "lon", "arrive", "leave", "metres", "kg"}); err != nil {
		return err
	}
	number := func(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }
	for _, t := range tours {
		for i, c := range t.Calls {
			row := []string{t.Truck, strconv.Itoa(i + 1), c.Container, c.Site, number(c.Place.Lat, 6), number(c.Place.Lon, 6), clock(c.Arrive), clock(c.Leave), number(c.Metres, 0), number(c.Kilograms, 0)}
			if err := out.Write(row); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}
