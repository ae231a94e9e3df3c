// Package isolation says which valves to close when a pipe has burst, and who is
// without water then.
//
// Valves cut a network into segments: the parts that cannot be parted further
// (Jun, Loganathan: Valve-controlled segments in water distribution systems,
// J. Water Resour. Plann. Manage. 133(2), 2007). Everything here is graph search;
// no hydraulics are assumed, so that an answer holds for any pressure.
package isolation

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"polity/city"
	"polity/services/water/network"
)

// Valve is an isolating valve on a link, at the end that lies at a node.
type Valve struct {
	ID         string
	Link, Node int  // indices in the network
	Stuck      bool // known not to close
}

// ReadValves reads a table (CSV) with the columns valve, link and node, and
// optionally stuck (yes or no). Errors are of kind city.Invalid and name the line.
func ReadValves(name string, r io.Reader, n *network.Network) ([]Valve, error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace = true
	head, err := in.Read()
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s: no table (CSV) with a first line valve,link,node: %w", name, err)
	}
	column := map[string]int{}
	for i, h := range head {
		column[strings.ToLower(strings.TrimSpace(h))] = i
	}
	for _, need := range []string{"valve", "link", "node"} {
		if _, ok := column[need]; !ok {
			return nil, city.Errorf(city.Invalid, "%s:1: there is no column %q; the table needs valve, link and node", name, need)
		}
	}
	var valves []Valve
	seen := map[string]bool{}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return valves, nil
		}
		line, _ := in.FieldPos(0)
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s: %w", name, err)
		}
		v, err := valve(row, column, n)
		if err == nil && seen[v.ID] {
			err = fmt.Errorf("valve %s is there twice", v.ID)
		}
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s:%d: %w", name, line, err)
		}
		seen[v.ID] = true
		valves = append(valves, v)
	}
}

func valve(row []string, column map[string]int, n *network.Network) (Valve, error) {
	v := Valve{ID: row[column["valve"]]}
	var ok bool
	if v.Link, ok = n.Link(row[column["link"]]); !ok {
		return v, fmt.Errorf("valve %s is on %s, which is no link of the network", v.ID, row[column["link"]])
	}
	if v.Node, ok = n.Node(row[column["node"]]); !ok {
		return v, fmt.Errorf("valve %s is at %s, which is no node of the network", v.ID, row[column["node"]])
	}
	if l := n.Links[v.Link]; l.From != v.Node && l.To != v.Node {
		return v, fmt.Errorf("valve %s is at node %s, where link %s does not end", v.ID, n.Nodes[v.Node].ID, l.ID)
	}
	if i, has := column["stuck"]; has && i < len(row) {
		switch strings.ToLower(row[i]) {
		case "yes":
			v.Stuck = true
		case "no", "":
		default:
			return v, fmt.Errorf("stuck is %q; write yes or no", row[i])
		}
	}
	return v, nil
}

// Draw lays out valves by seed where a network's are not known: the N-1 rule at
// every junction of three or more links (one valve fewer than links; Walski, Water
// distribution valve topology, J. Hydroinform. 2005), each kept with probability
// density; one valve in ten pipes at plain joints; and one at every reservoir and
// tank, always. It is an assumption, to be labelled as such.
func Draw(n *network.Network, seed uint64, density float64) []Valve {
	random := rand.New(rand.NewPCG(seed, 0x7661_6c76))
	var valves []Valve
	add := func(link, node int) {
		valves = append(valves, Valve{ID: fmt.Sprintf("V%d", len(valves)+1), Link: link, Node: node})
	}
	for i, node := range n.Nodes {
		arms := slices.Clone(n.Arms(i))
		random.Shuffle(len(arms), func(a, b int) { arms[a], arms[b] = arms[b], arms[a] })
		switch {
		case node.Kind != network.Junction:
			for _, a := range arms {
				add(a.Link, i)
			}
		case len(arms) >= 3:
			for _, a := range arms[1:] {
				if random.Float64() < density {
					add(a.Link, i)
				}
			}
		case len(arms) == 2 && random.Float64() < 0.1:
			add(arms[0].Link, i)
		}
	}
	return valves
}
