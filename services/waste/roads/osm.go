package roads

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/paulmach/osm"

	"polity/city"
	"polity/internal/osmfile"
)

// Map is what is read of an OpenStreetMap extract, once for all vehicles.
type Map struct {
	ways         []*osm.Way
	nodes        map[osm.NodeID]city.Point
	signals      map[osm.NodeID]bool
	barred       map[osm.NodeID]bool // a bollard, block or gate that is closed
	restrictions []restriction
	skipped      int
	LeftHand     bool // traffic keeps left
}

type restriction struct {
	from, to osm.WayID
	via      osm.NodeID
	only     bool
}

// ReadFile reads an extract, .pbf or .osm (XML).
func ReadFile(ctx context.Context, name string) (*Map, error) {
	file, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, city.Errorf(city.Invalid, "%s is not there; give the path of an OpenStreetMap extract (.osm.pbf or .osm)", name)
	} else if err != nil {
		return nil, err
	}
	defer file.Close()
	m, err := Read(ctx, file, strings.HasSuffix(name, ".osm") || strings.HasSuffix(name, ".xml"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// Read reads an extract, in the PBF format or as XML. It is read twice: streets
// first, then the junctions and bends they use.
func Read(ctx context.Context, r io.ReadSeeker, xml bool) (*Map, error) {
	m := &Map{nodes: map[osm.NodeID]city.Point{}, signals: map[osm.NodeID]bool{}, barred: map[osm.NodeID]bool{}}
	if err := osmfile.Scan(ctx, r, xml, func(o osm.Object) { m.take(o) }); err != nil {
		return nil, err
	}
	if len(m.ways) == 0 {
		return nil, city.Errorf(city.Invalid, "there is no street (a way with a highway tag) in this extract")
	}
	for _, w := range m.ways {
		for _, n := range w.Nodes {
			m.nodes[n.ID] = city.Point{Lon: 999}
		}
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	err := osmfile.Scan(ctx, r, xml, func(o osm.Object) {
		if n, ok := o.(*osm.Node); ok {
			m.place(n)
		}
	})
	return m, err
}

func (m *Map) take(o osm.Object) {
	switch o := o.(type) {
	case *osm.Way:
		if _, ok := speeds[o.Tags.Find("highway")]; ok && len(o.Nodes) > 1 {
			m.ways = append(m.ways, o)
		}
	case *osm.Relation:
		m.restrict(o)
	}
}

// restrict takes a turn restriction: from a way, via a node, to a way.
func (m *Map) restrict(o *osm.Relation) {
	if o.Tags.Find("type") != "restriction" {
		return
	}
	kind := o.Tags.Find("restriction")
	if hgv := o.Tags.Find("restriction:hgv"); hgv != "" {
		kind = hgv
	}
	only := strings.HasPrefix(kind, "only_")
	if !only && !strings.HasPrefix(kind, "no_") {
		return
	}
	r := restriction{only: only}
	for _, member := range o.Members {
		switch {
		case member.Role == "from" && member.Type == osm.TypeWay:
			r.from = osm.WayID(member.Ref)
		case member.Role == "to" && member.Type == osm.TypeWay:
			r.to = osm.WayID(member.Ref)
		case member.Role == "via" && member.Type == osm.TypeNode:
			r.via = osm.NodeID(member.Ref)
		}
	}
	if r.from == 0 || r.to == 0 || r.via == 0 {
		m.skipped++
		return
	}
	m.restrictions = append(m.restrictions, r)
}

func (m *Map) place(n *osm.Node) {
	if _, used := m.nodes[n.ID]; !used {
		return
	}
	p := city.Point{Lon: n.Lon, Lat: n.Lat}
	if p.Check() != nil {
		return
	}
	m.nodes[n.ID] = p
	if n.Tags.Find("highway") == "traffic_signals" {
		m.signals[n.ID] = true
	}
	switch n.Tags.Find("barrier") {
	case "bollard", "block", "jersey_barrier", "log", "chain":
		m.barred[n.ID] = true
	case "gate", "lift_gate", "swing_gate":
		access := n.Tags.Find("motor_vehicle") + n.Tags.Find("vehicle") + n.Tags.Find("access")
		m.barred[n.ID] = strings.HasPrefix(access, "no") || strings.HasPrefix(access, "private")
	}
}

// known says whether a node's position is in the extract; streets that leave the
// extract are cut where it ends.
func (m *Map) known(id osm.NodeID) bool { return m.nodes[id].Lon < 999 }
