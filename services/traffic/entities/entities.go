// Package entities writes a network's streets, junctions and signals as entities of
// the city's data.
//
// A street section is a RoadSegment of the Smart Data Models (Transportation). These
// have no type for a junction or its signals; Junction and TrafficLight are ours. A
// TrafficLight is one signal group: what it may show and beside whom, never what it
// saw of anybody.
package entities

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"polity/city"
	"polity/plane"
	"polity/services/traffic/network"
)

// The types of the entities.
const (
	RoadSegment  = "RoadSegment"  // Smart Data Models, Transportation
	Junction     = "Junction"     // ours
	TrafficLight = "TrafficLight" // ours: one signal group
)

// Codes of UN/CEFACT Recommendation 20.
const (
	metre   = "MTR"
	second  = "SEC"
	kmhCode = "KMH"
)

// ID returns the id of an entity of this package: of a section its edge, of a junction
// its id, of a signal group the junction's id and network.Junction.GroupID.
func ID(kind string, names ...string) string {
	parts := []string{"urn:ngsi-ld", kind}
	for _, n := range names {
		parts = append(parts, url.PathEscape(n))
	}
	return strings.Join(parts, ":")
}

// Of returns the entities of a network: its junctions, their signal groups, and the
// street sections, in the order of the network. Each passes plane.Entity.Check.
func Of(n *network.Network) ([]plane.Entity, error) {
	var out []plane.Entity
	for _, j := range n.Junctions {
		out = append(out, junction(n, j))
		for g := range j.Groups {
			out = append(out, light(n, j, g))
		}
	}
	seen := map[string]bool{}
	for i := range n.Lanes {
		if edge := n.Lanes[i].Edge; !seen[edge] {
			seen[edge] = true
			out = append(out, segment(n, edge))
		}
	}
	for i := range out {
		if err := out[i].Check(); err != nil {
			return nil, fmt.Errorf("an entity of %s: %w", n.Name, err)
		}
	}
	return out, nil
}

// builder sets attributes of one entity.
type builder struct{ plane.Entity }

func newEntity(kind string, names ...string) *builder {
	return &builder{plane.Entity{Key: plane.Key{ID: ID(kind, names...)}, Types: []string{kind}, Scopes: []string{"/traffic"}}}
}

func (b *builder) set(name string, kind plane.Kind, unit string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // numbers, texts and lists of them
	}
	b.Set(plane.Attribute{Name: name, Kind: kind, Unit: unit, Value: text})
}

func (b *builder) text(name, value string) {
	if value != "" {
		b.set(name, plane.Property, "", value)
	}
}

func (b *builder) texts(name string, values []string) {
	if len(values) > 0 {
		b.set(name, plane.Property, "", values)
	}
}

func (b *builder) refer(name string, ids []string) {
	switch len(ids) {
	case 0:
	case 1:
		b.set(name, plane.Relationship, "", ids[0])
	default:
		b.set(name, plane.Relationship, "", ids)
	}
}

func (b *builder) geo(name, kind string, coordinates any) {
	b.set(name, plane.Geo, "", map[string]any{"type": kind, "coordinates": coordinates})
}

func pair(p city.Point) [2]float64 { return [2]float64{p.Lon, p.Lat} }

func junction(n *network.Network, j *network.Junction) plane.Entity {
	b := newEntity(Junction, j.ID)
	b.text("name", j.Name)
	b.text("source", n.Source)
	if j.Place != nil {
		b.geo(plane.Location, "Point", pair(*j.Place))
	}
	b.texts("assumed", j.Assumed)
	var lights []string
	for g := range j.Groups {
		lights = append(lights, ID(TrafficLight, j.ID, j.GroupID(g)))
	}
	b.refer("hasTrafficLight", lights)
	var plans []map[string]any
	for _, p := range j.Plans {
		plans = append(plans, map[string]any{"plan": p.ID, "cycle": p.Cycle().Seconds(), "offset": p.Offset.Seconds(), "proposed": p.Proposed})
	}
	b.set("signalPlans", plane.JSON, "", plans)
	return b.Entity
}

func light(n *network.Network, j *network.Junction, g int) plane.Entity {
	grp := &j.Groups[g]
	b := newEntity(TrafficLight, j.ID, j.GroupID(g))
	b.text("name", grp.Name)
	b.text("source", n.Source)
	b.text("serves", grp.Kind.String())
	b.refer("refJunction", []string{ID(Junction, j.ID)})
	var sections []string
	for _, lane := range grp.Lanes {
		if id := ID(RoadSegment, n.Lanes[lane].Edge); len(sections) == 0 || sections[len(sections)-1] != id {
			sections = append(sections, id)
		}
	}
	b.refer("refRoadSegment", sections)
	b.set("minimumGreen", plane.Property, second, grp.Timing.MinGreen.Seconds())
	if grp.Timing.Amber > 0 {
		b.set("amber", plane.Property, second, grp.Timing.Amber.Seconds())
	}
	if grp.Timing.MaxRed > 0 {
		b.set("maximumRed", plane.Property, second, grp.Timing.MaxRed.Seconds())
	}
	var conflicts, yields []string
	intergreens := map[string]float64{}
	for other := range j.Groups {
		id := ID(TrafficLight, j.ID, j.GroupID(other))
		if j.Conflicts[g].Has(other) {
			conflicts = append(conflicts, id)
			intergreens[j.GroupID(other)] = j.Intergreen[g][other].Seconds()
		}
		if j.Yields[g].Has(other) {
			yields = append(yields, id)
		}
	}
	b.refer("conflictsWith", conflicts)
	b.refer("givesWayTo", yields)
	if len(intergreens) > 0 {
		b.set("intergreenTo", plane.JSON, "", intergreens) // seconds, by group
	}
	if at, ok := place(n, j, g); ok {
		b.geo(plane.Location, "Point", pair(at))
	}
	return b.Entity
}

// place is where a group's first stop line is, or the middle of its crossing.
func place(n *network.Network, j *network.Junction, g int) (city.Point, bool) {
	for _, s := range j.Groups[g].Signals {
		if c := j.Signals[s].Crossing; c >= 0 {
			if shape := j.Crossings[c].Shape; len(shape) > 1 {
				a, z := shape[0], shape[len(shape)-1]
				return city.Point{Lon: (a.Lon + z.Lon) / 2, Lat: (a.Lat + z.Lat) / 2}, true
			}
		}
		for _, l := range j.Signals[s].Links {
			if shape := n.Links[l].Shape; len(shape) > 0 {
				return shape[0], true
			}
		}
	}
	return city.Point{}, false
}

func segment(n *network.Network, edge string) plane.Entity {
	b := newEntity(RoadSegment, edge)
	lanes := n.Edge(edge)
	first := n.Lanes[lanes[0]]
	b.text("name", first.Street)
	b.text("source", n.Source)
	b.texts("category", []string{"oneway"})
	b.set("totalLaneNumber", plane.Property, "", len(lanes))
	var usage []string
	motor := false
	for _, l := range lanes {
		usage = append(usage, "forward")
		motor = motor || n.Lanes[l].Motor
	}
	b.texts("laneUsage", usage)
	if motor {
		b.texts("allowedVehicleType", []string{"car", "bus", "lorry", "van"})
	}
	b.set("length", plane.Property, metre, first.Length)
	b.set("maximumAllowedSpeed", plane.Property, kmhCode, float64(int(first.Speed*36+0.5))/10)
	if shape := first.Shape; len(shape) > 1 {
		var line [][2]float64
		for _, p := range shape {
			line = append(line, pair(p))
		}
		b.geo(plane.Location, "LineString", line)
		b.geo("startPoint", "Point", line[0])
		b.geo("endPoint", "Point", line[len(line)-1])
	}
	return b.Entity
}
