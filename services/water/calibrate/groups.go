package calibrate

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"

	"polity/city"
	"polity/services/water/network"
)

// Group is nodes or pipes that one multiplier belongs to.
type Group struct {
	Name    string
	Members []int // nodes or links
}

// Zones are the parts of a network between metered links: the areas that demand
// multipliers belong to where nothing finer is given. Junctions that use nothing are
// in none.
func Zones(n *network.Network, metered []int) []Group {
	seen := make([]bool, len(n.Nodes))
	var groups []Group
	for i := range n.Nodes {
		if seen[i] {
			continue
		}
		seen[i] = true
		queue := []int{i}
		g := Group{Name: fmt.Sprintf("zone %d", len(groups)+1)}
		for len(queue) > 0 {
			at := queue[0]
			queue = queue[1:]
			if n.Nodes[at].BaseDemand() != 0 {
				g.Members = append(g.Members, at)
			}
			for _, a := range n.Arms(at) {
				if !seen[a.To] && !slices.Contains(metered, a.Link) {
					seen[a.To] = true
					queue = append(queue, a.To)
				}
			}
		}
		if len(g.Members) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

// ReadAreas reads a table (CSV) with the columns node and area. A node that is named
// twice or that the network does not have is an error of kind city.Invalid.
func ReadAreas(name string, text []byte, n *network.Network) ([]Group, error) {
	in := csv.NewReader(bytes.NewReader(text))
	head, err := in.Read()
	if err != nil || len(head) < 2 || head[0] != "node" || head[1] != "area" {
		return nil, city.Errorf(city.Invalid, "%s:1: the first line must be node,area", name)
	}
	index, seen := map[string]int{}, map[int]bool{}
	var groups []Group
	for {
		row, err := in.Read()
		line, _ := in.FieldPos(0)
		switch {
		case errors.Is(err, io.EOF):
			if len(groups) == 0 {
				return nil, city.Errorf(city.Invalid, "%s: no node is in any area", name)
			}
			return groups, nil
		case err != nil:
			return nil, city.Errorf(city.Invalid, "%s: %w", name, err)
		}
		node, ok := n.Node(row[0])
		if !ok || n.Nodes[node].Kind != network.Junction {
			return nil, city.Errorf(city.Invalid, "%s:%d: %s is no junction of %s", name, line, row[0], n.File.Name)
		}
		if seen[node] || row[1] == "" {
			return nil, city.Errorf(city.Invalid, "%s:%d: %s is in an area already, or its area has no name", name, line, row[0])
		}
		seen[node] = true
		k, ok := index[row[1]]
		if !ok {
			k = len(groups)
			index[row[1]] = k
			groups = append(groups, Group{Name: row[1]})
		}
		groups[k].Members = append(groups[k].Members, node)
	}
}

// Pipes are the groups that roughness multipliers belong to: pipes of one diameter and
// roughness, which were mostly laid together. Those of less than a fiftieth of the
// length are one group.
func Pipes(n *network.Network) []Group {
	type kind struct{ diameter, rough float64 }
	length, total := map[kind]float64{}, 0.0
	for _, l := range n.Links {
		if l.Kind == network.Pipe {
			length[kind{l.Diameter, l.Rough}] += l.Length
			total += l.Length
		}
	}
	index := map[kind]int{}
	var groups []Group
	for i, l := range n.Links {
		if l.Kind != network.Pipe {
			continue
		}
		k := kind{l.Diameter, l.Rough}
		name := fmt.Sprintf("pipes of %g, roughness %g", l.Diameter, l.Rough)
		if length[k] < total/50 {
			k, name = kind{}, "other pipes"
		}
		at, ok := index[k]
		if !ok {
			at = len(groups)
			index[k] = at
			groups = append(groups, Group{Name: name})
		}
		groups[at].Members = append(groups[at].Members, i)
	}
	return groups
}
