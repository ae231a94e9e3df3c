package streetmap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/paulmach/osm"

	"polity/city"
	"polity/internal/osmfile"
)

// Area is what of a map is imported: all that lies between two corners. Its zero
// value is everywhere.
type Area struct{ SouthWest, NorthEast city.Point }

// Check reports an area that is none. The error is of kind Invalid.
func (a Area) Check() error {
	if err := errors.Join(a.SouthWest.Check(), a.NorthEast.Check()); err != nil {
		return city.Errorf(city.Invalid, "the area: %w", err)
	}
	if a != (Area{}) && (a.SouthWest.Lon >= a.NorthEast.Lon || a.SouthWest.Lat >= a.NorthEast.Lat) {
		return city.Errorf(city.Invalid, "the area from %g,%g to %g,%g is empty; give west, south, east, north in degrees", a.SouthWest.Lon, a.SouthWest.Lat, a.NorthEast.Lon, a.NorthEast.Lat)
	}
	return nil
}

// Around returns the square whose sides are this many metres from a place. The error
// is of kind Invalid.
func Around(p city.Point, metres float64) (Area, error) {
	if !(metres > 0) || metres > 100_000 {
		return Area{}, city.Errorf(city.Invalid, "%g metres around a place: it must be above 0 and at most 100,000", metres)
	}
	if err := p.Check(); err != nil {
		return Area{}, err
	}
	north := metres / (degree * earth)
	east := north / max(0.01, math.Cos(p.Lat*degree))
	return Area{city.Point{Lon: p.Lon - east, Lat: p.Lat - north}, city.Point{Lon: p.Lon + east, Lat: p.Lat + north}}, nil
}

func (a Area) has(p city.Point) bool {
	return a == Area{} || p.Lon >= a.SouthWest.Lon && p.Lon <= a.NorthEast.Lon && p.Lat >= a.SouthWest.Lat && p.Lat <= a.NorthEast.Lat
}

// node is what matters of a node of the map.
type node struct {
	at       city.Point
	p        point // in the plane, metres
	signal   bool  // highway=traffic_signals
	crossing bool  // with signals, for people on foot
	toward   int   // 1: the signal is for those along the way, -1 against it, 0: not said
	tram     bool
}

// restriction is a turn that is forbidden, or the only one that is allowed.
type restriction struct {
	from, to osm.WayID
	only     bool
}

// extract is what is read of a map.
type extract struct {
	nodes        map[osm.NodeID]*node
	ways         []*way
	restrictions map[osm.NodeID][]restriction // by the node they are at
	skipped      int                          // restrictions that are not understood
	trams        [][]osm.NodeID
	origin       city.Point
}

// readFile reads an extract, .pbf or XML.
func readFile(ctx context.Context, name string, area Area) (*extract, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, city.Errorf(city.NotFound, "%s is not there; give the path of an OpenStreetMap extract (.osm.pbf or .osm)", name)
	}
	if err != nil {
		return nil, fmt.Errorf("open the map: %w", err)
	}
	defer f.Close()
	x, err := read(ctx, f, !strings.HasSuffix(name, ".pbf"), area)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return x, nil
}

// read reads an extract twice: streets first, then the nodes they use.
func read(ctx context.Context, r io.ReadSeeker, xml bool, area Area) (*extract, error) {
	x := &extract{nodes: map[osm.NodeID]*node{}, restrictions: map[osm.NodeID][]restriction{}}
	if err := osmfile.Scan(ctx, r, xml, x.takeWay); err != nil {
		return nil, err
	}
	if len(x.ways) == 0 {
		return nil, city.Errorf(city.Invalid, "no street for cars (a way with a highway tag) is on this map")
	}
	for _, w := range x.ways {
		for _, n := range w.nodes {
			x.nodes[n] = nil
		}
	}
	for _, t := range x.trams {
		for _, n := range t {
			x.nodes[n] = nil
		}
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read the map again: %w", err)
	}
	if err := osmfile.Scan(ctx, r, xml, x.takeNode); err != nil {
		return nil, err
	}
	return x, x.cut(area)
}

func (x *extract) takeWay(o osm.Object) {
	switch o := o.(type) {
	case *osm.Way:
		if len(o.Nodes) < 2 {
			return
		}
		if o.Tags.Find("railway") == "tram" {
			x.trams = append(x.trams, o.Nodes.NodeIDs())
		}
		if w := newWay(o); w != nil {
			x.ways = append(x.ways, w)
		}
	case *osm.Relation:
		x.restrict(o)
	}
}

// restrict takes a turn restriction at a node. Those that hold at some hours only, or
// by way of a street, are counted as skipped.
func (x *extract) restrict(o *osm.Relation) {
	if o.Tags.Find("type") != "restriction" {
		return
	}
	kind := o.Tags.Find("restriction")
	if kind == "" && o.Tags.Find("restriction:conditional") == "" {
		return // for other vehicles than cars
	}
	var r restriction
	var via osm.NodeID
	for _, m := range o.Members {
		switch {
		case m.Role == "from" && m.Type == osm.TypeWay:
			r.from = osm.WayID(m.Ref)
		case m.Role == "to" && m.Type == osm.TypeWay:
			r.to = osm.WayID(m.Ref)
		case m.Role == "via" && m.Type == osm.TypeNode:
			via = osm.NodeID(m.Ref)
		}
	}
	r.only = strings.HasPrefix(kind, "only_")
	if r.from == 0 || r.to == 0 || via == 0 || !r.only && !strings.HasPrefix(kind, "no_") || o.Tags.Find("hour_on") != "" {
		x.skipped++
		return
	}
	if strings.Contains(o.Tags.Find("except"), "motorcar") {
		return
	}
	x.restrictions[via] = append(x.restrictions[via], r)
}

func (x *extract) takeNode(o osm.Object) {
	in, ok := o.(*osm.Node)
	if !ok {
		return
	}
	if _, used := x.nodes[in.ID]; !used {
		return
	}
	n := &node{at: city.Point{Lon: in.Lon, Lat: in.Lat}}
	if n.at.Check() != nil {
		return
	}
	crossing := in.Tags.Find("crossing")
	switch kind := in.Tags.Find("traffic_signals"); {
	case in.Tags.Find("highway") != "traffic_signals":
		n.crossing = in.Tags.Find("highway") == "crossing" && (crossing == "traffic_signals" || in.Tags.Find("crossing:signals") == "yes")
	case kind == "ramp_meter" || kind == "level_crossing" || kind == "blinker" || kind == "blink_mode" || kind == "emergency":
	default:
		n.signal = true
		n.crossing = crossing == "traffic_signals" || crossing == "marked" || kind == "pedestrian_crossing" || kind == "crossing"
	}
	direction := in.Tags.Find("traffic_signals:direction")
	if direction == "" {
		direction = in.Tags.Find("direction")
	}
	n.toward = map[string]int{"forward": 1, "backward": -1}[direction]
	x.nodes[in.ID] = n
}

// cut leaves the streets that touch the area and gives their nodes a place in the
// plane.
func (x *extract) cut(area Area) error {
	var kept []*way
	inside := 0
	for _, w := range x.ways {
		touches := false
		for i := 0; i < len(w.nodes); i++ {
			n := x.nodes[w.nodes[i]]
			if n == nil { // beyond the extract
				w.nodes = append(w.nodes[:i:i], w.nodes[i+1:]...)
				i--
				continue
			}
			if area.has(n.at) {
				touches = true
				x.origin.Lon += n.at.Lon
				x.origin.Lat += n.at.Lat
				inside++
			}
		}
		if touches && len(w.nodes) > 1 {
			kept = append(kept, w)
		}
	}
	if len(kept) == 0 {
		return city.Errorf(city.Invalid, "no street for cars lies in this area; is it on this map?")
	}
	x.ways = kept
	x.origin.Lon /= float64(inside)
	x.origin.Lat /= float64(inside)
	for _, n := range x.nodes {
		if n != nil {
			n.p = x.project(n.at)
			if !area.has(n.at) {
				n.signal, n.crossing = false, false
			}
		}
	}
	for _, t := range x.trams {
		for _, id := range t {
			if n := x.nodes[id]; n != nil {
				n.tram = true
			}
		}
	}
	return nil
}
