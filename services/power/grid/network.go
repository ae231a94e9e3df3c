// Package grid is the model of a distribution network: buses with any phases,
// lines with full impedance matrices, transformers and regulators with taps,
// capacitors, switches, loads, generation and storage. A balanced network is the
// special case of one node per bus (Network.Balanced).
//
// All quantities are in volts, amperes, watts, vars, ohms and siemens, unless a
// name says otherwise. What the elements compute follows Kersting, "Distribution
// System Modeling and Analysis", and the conventions of OpenDSS where feeders
// written for it depend on them; each formula names its source.
package grid

import (
	"fmt"
	"maps"
)

// Origin is where an element was defined, so that whoever reads a complaint
// finds the line that caused it.
type Origin struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"` // from 1; 0 where the format has no lines
}

// String returns "file:line", or less where less is known.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.File
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}

// Earth is the node number of the ground at every bus.
const Earth = 0

// Terminal is where conductors of an element meet a bus: conductor i sits on
// node Nodes[i]. Nodes 1, 2 and 3 are phases A, B and C, 0 is the earth, higher
// numbers are neutrals or whatever the file means by them.
type Terminal struct {
	Bus   int
	Nodes []int
}

// Bus is a place where elements meet.
type Bus struct {
	Name   string
	Label  string  // what people call it, where that is not its name
	BaseKV float64 // nominal voltage, line to line; 0 while unknown
	// Position in whatever coordinates the file uses; Located says whether it has any.
	X, Y    float64
	Located bool
	Origin  Origin
}

// Network is a distribution network as it stands: its elements, and the state of
// its switches, taps and capacitors.
type Network struct {
	Name      string
	Frequency float64 // Hz
	// Balanced says that every bus has the single node 1, which stands for three
	// symmetrical phases: voltages are line to line divided by √3, powers of
	// loads and generators are totals of three phases.
	Balanced bool

	Buses        []Bus
	Sources      []Source
	Lines        []Line
	Transformers []Transformer
	Shunts       []Shunt
	Loads        []Load
	Generators   []Generator
	Regulators   []Regulator
	// CapacitorControls switch Shunts.
	CapacitorControls []CapacitorControl

	// VoltageBases are the nominal voltages (kV, line to line) that occur; buses
	// without one of their own get the nearest.
	VoltageBases []float64
	// MaxControlSteps bounds how often controls may act in one solution.
	MaxControlSteps int
	// Notes are what an importer left out on purpose, each with file and line.
	Notes []string

	buses map[string]int
}

// Bus returns the index of the bus of that name, or -1.
func (n *Network) Bus(name string) int {
	if i, ok := n.buses[name]; ok {
		return i
	}
	return -1
}

// AddBus returns the index of the bus of that name, which it adds if need be.
func (n *Network) AddBus(name string, at Origin) int {
	if i, ok := n.buses[name]; ok {
		return i
	}
	if n.buses == nil {
		n.buses = map[string]int{}
	}
	n.Buses = append(n.Buses, Bus{Name: name, Origin: at})
	n.buses[name] = len(n.Buses) - 1
	return len(n.Buses) - 1
}

// Line returns the line of that name, or nil.
func (n *Network) Line(name string) *Line {
	for i := range n.Lines {
		if n.Lines[i].Name == name {
			return &n.Lines[i]
		}
	}
	return nil
}

// Transformer returns the transformer of that name, or nil.
func (n *Network) Transformer(name string) *Transformer {
	for i := range n.Transformers {
		if n.Transformers[i].Name == name {
			return &n.Transformers[i]
		}
	}
	return nil
}

// PhasesPerNode is how many physical phases a node stands for: three in a
// balanced network, else one. Powers computed at nodes are multiplied by it.
func (n *Network) PhasesPerNode() float64 {
	if n.Balanced {
		return 3
	}
	return 1
}

// Clone returns a copy whose state (switches, taps, steps, loads) can be changed
// without touching n. Impedances, which nobody changes in place, are shared.
func (n *Network) Clone() *Network {
	c := *n
	c.Buses = append([]Bus(nil), n.Buses...)
	c.Sources = append([]Source(nil), n.Sources...)
	c.Lines = append([]Line(nil), n.Lines...)
	c.Transformers = append([]Transformer(nil), n.Transformers...)
	for i := range c.Transformers {
		c.Transformers[i].Windings = append([]Winding(nil), n.Transformers[i].Windings...)
	}
	c.Shunts = append([]Shunt(nil), n.Shunts...)
	for i := range c.Shunts {
		c.Shunts[i].Steps = append([]Step(nil), n.Shunts[i].Steps...)
	}
	c.Loads = append([]Load(nil), n.Loads...)
	c.Generators = append([]Generator(nil), n.Generators...)
	c.Regulators = append([]Regulator(nil), n.Regulators...)
	c.CapacitorControls = append([]CapacitorControl(nil), n.CapacitorControls...)
	c.buses = make(map[string]int, len(n.buses))
	maps.Copy(c.buses, n.buses)
	return &c
}
