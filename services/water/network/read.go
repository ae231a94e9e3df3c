package network

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"polity/city"
)

// reader collects what is wrong, up to a few errors, so that one look at a file
// tells all of it.
type reader struct {
	file  *File
	n     *Network
	wrong []error
}

const mostErrors = 20

func (r *reader) fail(line int, format string, args ...any) {
	if len(r.wrong) < mostErrors {
		where := r.file.Name
		if line > 0 {
			where += ":" + strconv.Itoa(line)
		}
		r.wrong = append(r.wrong, fmt.Errorf("%s: %w", where, fmt.Errorf(format, args...)))
	}
}

// Read reads a network file. Errors are of kind city.Invalid and name the line;
// several are reported together.
func Read(name string, text []byte) (*Network, error) {
	f, err := ReadFile(name, text)
	if err != nil {
		return nil, err
	}
	return f.Network()
}

// Network reads what the file says about nodes and links.
func (f *File) Network() (*Network, error) {
	r := &reader{file: f, n: &Network{File: f, Units: "GPM", Headloss: "H-W", nodes: map[string]int{}, links: map[string]int{}}}
	r.options()
	r.nodes()
	r.links()
	if len(r.wrong) == 0 {
		r.whole()
	}
	if len(r.wrong) > 0 {
		return nil, city.Errorf(city.Invalid, "%w", errors.Join(r.wrong...))
	}
	return r.n, nil
}

func (r *reader) options() {
	for _, row := range r.file.Look("OPTIONS").Rows() {
		if len(row.Fields) < 2 {
			continue
		}
		value := strings.ToUpper(row.Fields[1])
		switch strings.ToUpper(row.Fields[0]) {
		case "UNITS":
			if cubicMetresPerHour[value] == 0 {
				r.fail(row.Number, "flow unit %s is unknown; EPANET knows CFS, GPM, MGD, IMGD, AFD, LPS, LPM, MLD, CMH, CMD, CMS", value)
				continue
			}
			r.n.Units = value
		case "HEADLOSS":
			r.n.Headloss = value
		}
	}
}

// number reads field i of a row; missing fields are fallback.
func (r *reader) number(row Row, i int, what string, fallback float64) float64 {
	if i >= len(row.Fields) || row.Fields[i] == "*" {
		return fallback
	}
	v, err := strconv.ParseFloat(row.Fields[i], 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		r.fail(row.Number, "%s of %s is %q, which is not a number", what, row.Fields[0], row.Fields[i])
		return fallback
	}
	return v
}

func (r *reader) enough(row Row, n int, form string) bool {
	if len(row.Fields) < n {
		r.fail(row.Number, "%q has %d fields; %d are needed: %s", strings.Join(row.Fields, " "), len(row.Fields), n, form)
	}
	return len(row.Fields) >= n
}

func (r *reader) nodes() {
	n := r.n
	add := func(row Row, node Node) {
		node.ID, node.X, node.Y = row.Fields[0], math.NaN(), math.NaN()
		if at, twice := n.nodes[node.ID]; twice {
			r.fail(row.Number, "node %s is there twice (it is a %v already)", node.ID, n.Nodes[at].Kind)
			return
		}
		n.nodes[node.ID] = len(n.Nodes)
		n.Nodes = append(n.Nodes, node)
	}
	for _, row := range r.file.Look("JUNCTIONS").Rows() {
		node := Node{Kind: Junction, Elevation: r.number(row, 1, "elevation", 0)}
		if len(row.Fields) > 2 {
			d := Demand{Base: r.number(row, 2, "demand", 0)}
			if len(row.Fields) > 3 {
				d.Pattern = row.Fields[3]
			}
			node.Demands = []Demand{d}
		}
		add(row, node)
	}
	for _, section := range r.file.Sections { // EPANET numbers both kinds as they come
		switch section.Name {
		case "RESERVOIRS":
			for _, row := range section.Rows() {
				if r.enough(row, 2, "id, head") {
					add(row, Node{Kind: Reservoir, Elevation: r.number(row, 1, "head", 0)})
				}
			}
		case "TANKS":
			for _, row := range section.Rows() {
				if r.enough(row, 2, "id, elevation, initial, lowest and highest level, diameter") {
					add(row, r.tank(row))
				}
			}
		}
	}
	r.demands()
	for _, row := range r.file.Look("COORDINATES").Rows() {
		i, ok := n.nodes[row.Fields[0]]
		if !ok || !r.enough(row, 3, "node, x, y") {
			continue // EPANET too ignores coordinates of nodes that it does not have
		}
		n.Nodes[i].X, n.Nodes[i].Y = r.number(row, 1, "x", 0), r.number(row, 2, "y", 0)
	}
}

func (r *reader) tank(row Row) Node {
	return Node{
		Kind: Tank, Elevation: r.number(row, 1, "elevation", 0), Level: r.number(row, 2, "level", 0),
		MinLevel: r.number(row, 3, "lowest level", 0), MaxLevel: r.number(row, 4, "highest level", 0), Diameter: r.number(row, 5, "diameter", 0),
	}
}

// demands reads [DEMANDS], which replaces the demand of [JUNCTIONS].
func (r *reader) demands() {
	replaced := map[int]bool{}
	for _, row := range r.file.Look("DEMANDS").Rows() {
		if strings.EqualFold(row.Fields[0], "MULTIPLY") || !r.enough(row, 2, "junction, demand") {
			continue
		}
		i, ok := r.n.nodes[row.Fields[0]]
		if !ok {
			r.fail(row.Number, "demand of %s, which is no node of this file", row.Fields[0])
			continue
		}
		node := &r.n.Nodes[i]
		if !replaced[i] {
			node.Demands, replaced[i] = nil, true
		}
		d := Demand{Base: r.number(row, 1, "demand", 0)}
		if len(row.Fields) > 2 {
			d.Pattern = row.Fields[2]
		}
		node.Demands = append(node.Demands, d)
	}
}

func (r *reader) ends(row Row) (from, to int, ok bool) {
	from, okFrom := r.n.nodes[row.Fields[1]]
	to, okTo := r.n.nodes[row.Fields[2]]
	for k, ok := range []bool{okFrom, okTo} {
		if !ok {
			r.fail(row.Number, "link %s ends at %s, which is no node of this file", row.Fields[0], row.Fields[1+k])
		}
	}
	if okFrom && okTo && from == to {
		r.fail(row.Number, "link %s starts and ends at %s", row.Fields[0], row.Fields[1])
		return 0, 0, false
	}
	return from, to, okFrom && okTo
}

func (r *reader) links() {
	add := func(row Row, l Link) {
		var ok bool
		if l.From, l.To, ok = r.ends(row); !ok {
			return
		}
		l.ID = row.Fields[0]
		if _, twice := r.n.links[l.ID]; twice {
			r.fail(row.Number, "link %s is there twice", l.ID)
			return
		}
		r.n.links[l.ID] = len(r.n.Links)
		r.n.Links = append(r.n.Links, l)
	}
	for _, section := range r.file.Sections { // EPANET numbers all kinds as they come
		for _, row := range section.Rows() {
			var l Link
			ok := false
			switch section.Name {
			case "PIPES":
				l, ok = r.pipe(row)
			case "PUMPS":
				l, ok = Link{Kind: Pump}, r.enough(row, 3, "id, two nodes")
			case "VALVES":
				l, ok = r.valve(row)
			}
			if ok {
				add(row, l)
			}
		}
	}
	for _, row := range r.file.Look("STATUS").Rows() {
		if i, ok := r.n.links[row.Fields[0]]; ok && len(row.Fields) > 1 {
			r.n.Links[i].Closed = strings.EqualFold(row.Fields[1], "CLOSED")
		}
	}
}

func (r *reader) pipe(row Row) (l Link, ok bool) {
	if !r.enough(row, 6, "id, two nodes, length, diameter, roughness") {
		return l, false
	}
	l = Link{Kind: Pipe, Length: r.number(row, 3, "length", 1), Diameter: r.number(row, 4, "diameter", 1), Rough: r.number(row, 5, "roughness", 1)}
	if l.Length <= 0 || l.Diameter <= 0 || l.Rough <= 0 {
		r.fail(row.Number, "pipe %s has length %g, diameter %g, roughness %g; all must be above 0", row.Fields[0], l.Length, l.Diameter, l.Rough)
	}
	last := strings.ToUpper(row.Fields[len(row.Fields)-1])
	l.Closed, l.Check = last == "CLOSED", last == "CV"
	return l, true
}

func (r *reader) valve(row Row) (l Link, ok bool) {
	if !r.enough(row, 6, "id, two nodes, diameter, type, setting") {
		return l, false
	}
	l = Link{Kind: Valve, Diameter: r.number(row, 3, "diameter", 1), Type: strings.ToUpper(row.Fields[4])}
	if !slices.Contains([]string{"PRV", "PSV", "PBV", "FCV", "TCV", "GPV", "PCV"}, l.Type) {
		r.fail(row.Number, "valve %s has type %s; EPANET knows PRV, PSV, PBV, FCV, TCV, GPV, PCV", row.Fields[0], row.Fields[4])
	}
	if l.Type != "GPV" { // whose setting is the name of a curve
		l.Setting = r.number(row, 5, "setting", 0)
	}
	return l, true
}

// whole checks the graph: sources, and nodes that no link reaches.
func (r *reader) whole() {
	n := r.n
	n.adjacent = make([][]Arm, len(n.Nodes))
	for i, l := range n.Links {
		n.adjacent[l.From] = append(n.adjacent[l.From], Arm{i, l.To})
		n.adjacent[l.To] = append(n.adjacent[l.To], Arm{i, l.From})
	}
	if len(n.Nodes) == 0 {
		r.fail(0, "there are no nodes")
		return
	}
	sources := 0
	for i, node := range n.Nodes {
		if node.Kind != Junction {
			sources++
		}
		if len(n.adjacent[i]) == 0 {
			r.fail(0, "%v %s is joined to no link", node.Kind, node.ID)
		}
	}
	if sources == 0 {
		r.fail(0, "there is no reservoir and no tank, so no water")
	}
	seen := make([]bool, len(n.Nodes))
	var walk []int
	for i, node := range n.Nodes {
		if node.Kind != Junction {
			seen[i] = true
			walk = append(walk, i)
		}
	}
	for len(walk) > 0 {
		at := walk[len(walk)-1]
		walk = walk[:len(walk)-1]
		for _, a := range n.adjacent[at] {
			if !seen[a.To] {
				seen[a.To] = true
				walk = append(walk, a.To)
			}
		}
	}
	for i, ok := range seen {
		if !ok && len(n.adjacent[i]) > 0 {
			r.fail(0, "no way leads from a reservoir or tank to %s", n.Nodes[i].ID)
		}
	}
}
