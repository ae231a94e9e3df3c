package scada

import (
	"polity/city"
	"polity/services/water/network"
)

// Places are the nodes and links that columns stand for, in the columns' order.
type Places struct {
	Pressure, Level, Meter []int // nodes
	Flow                   []int // links
}

// Place finds the columns in a network. A column that the network does not have, and a
// level that is of no tank, are errors of kind city.Invalid.
func (d *Data) Place(n *network.Network) (*Places, error) {
	p := &Places{}
	for _, x := range []struct {
		table *Table
		of    func(string) (int, bool)
		what  string
		into  *[]int
	}{{d.Pressures, n.Node, "node", &p.Pressure}, {d.Flows, n.Link, "link", &p.Flow}, {d.Levels, n.Node, "node", &p.Level}, {d.Demands, n.Node, "node", &p.Meter}} {
		for _, name := range x.table.Names {
			i, ok := x.of(name)
			if !ok {
				return nil, city.Errorf(city.Invalid, "%s: column %s is no %s of %s", x.table.Name, name, x.what, n.File.Name)
			}
			*x.into = append(*x.into, i)
		}
	}
	for i, node := range p.Level {
		if n.Nodes[node].Kind != network.Tank {
			return nil, city.Errorf(city.Invalid, "%s: column %s is a %v, not a tank; are levels and pressures exchanged?", d.Levels.Name, d.Levels.Names[i], n.Nodes[node].Kind)
		}
	}
	return p, nil
}
