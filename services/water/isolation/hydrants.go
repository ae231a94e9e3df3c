package isolation

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"polity/city"
	"polity/services/water/network"
)

// Hydrant is one at a node.
type Hydrant struct {
	ID   string
	Node int
}

// ReadHydrants reads a table (CSV) with the columns hydrant and node. Errors are of kind
// city.Invalid and name the line.
func ReadHydrants(name string, r io.Reader, n *network.Network) (list []Hydrant, err error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace = true
	head, err := in.Read()
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s: no table (CSV) with a first line hydrant,node: %w", name, err)
	}
	for i := range head {
		head[i] = strings.ToLower(strings.TrimSpace(head[i]))
	}
	id, node := slices.Index(head, "hydrant"), slices.Index(head, "node")
	if id < 0 || node < 0 {
		return nil, city.Errorf(city.Invalid, "%s:1: the table needs the columns hydrant and node", name)
	}
	seen := map[string]bool{}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		line, _ := in.FieldPos(0)
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s: %w", name, err)
		}
		at, is := n.Node(row[node])
		switch {
		case !is:
			return nil, city.Errorf(city.Invalid, "%s:%d: hydrant %s is at %s, which is no node of the network; are the columns exchanged?", name, line, row[id], row[node])
		case seen[row[id]]:
			return nil, city.Errorf(city.Invalid, "%s:%d: hydrant %s is there twice", name, line, row[id])
		}
		seen[row[id]] = true
		list = append(list, Hydrant{row[id], at})
	}
}

// DrawHydrants lays hydrants out where a network's are not known: at junctions, none nearer
// to another than apart (in the file's length unit, along pipes). It is an assumption, to be
// labelled as such.
func DrawHydrants(n *network.Network, apart float64) (list []Hydrant) {
	near := make([]bool, len(n.Nodes))
	for i, node := range n.Nodes {
		if node.Kind != network.Junction || near[i] {
			continue
		}
		list = append(list, Hydrant{fmt.Sprintf("H%d", len(list)+1), i})
		for k, far := range n.Distances(i) {
			near[k] = near[k] || far < apart
		}
	}
	return list
}
