// Package estimate finds the state of a network from measurements that do not
// agree: weighted least squares over the voltages of all nodes, in three phases
// or balanced, with pseudo-measurements where there is no meter, exact zero
// injections where nothing is connected, and bad data found and set aside.
//
// After Abur and Gómez Expósito, "Power System State Estimation" (2004):
// chapter 2 for the estimator, 3 for equality constraints, 5 for bad data.
package estimate

import (
	"fmt"
	"math"
	"math/cmplx"

	"polity/city"
	"polity/services/power/flow"
	"polity/services/power/grid"
)

// Kind is what a measurement measures.
type Kind uint8

// The kinds.
const (
	Voltage       Kind = iota // magnitude at a node to earth, volts
	Injection                 // active power drawn from the network at a node, watts
	InjectionVars             // reactive power drawn at a node, vars
	Flow                      // active power into a terminal's conductor, watts
	FlowVars                  // reactive power into a terminal's conductor, vars
	Current                   // magnitude in a terminal's conductor, amperes
)

// String returns the kind in words.
func (k Kind) String() string {
	return [...]string{"voltage", "power", "reactive power", "power flow", "reactive power flow", "current"}[k]
}

// Measurement is one measured or assumed value.
type Measurement struct {
	Name  string
	Kind  Kind
	Value float64 // in a balanced network powers are totals of three phases
	Sigma float64 // standard deviation of its error, in the same unit
	// Node is where voltages and injections are measured.
	Node grid.Node
	// Element, Terminal (from 0) and Conductor (from 0) are where flows and currents
	// are measured.
	Element   grid.Element
	Terminal  int
	Conductor int
	// Pseudo says that nobody measured it: a load profile, for example.
	Pseudo bool
}

// Set is what is known of a network at one moment.
type Set struct {
	Measurements []Measurement
	// SourceKnown says that the voltage of the first source's nodes is known
	// exactly, as its V gives it; else only its angles are taken from it.
	SourceKnown bool
}

// model is a network's equations for the estimator. The state holds an angle and
// a magnitude (per unit) of each place, without what is known of the first
// source. Places are the live nodes, then the voltages behind the first source's
// impedance, if it has one: there, and not at its terminals, are the phases 120
// degrees apart.
type model struct {
	net    *grid.Network
	linear *flow.Linear
	n      int   // places
	angle  []int // place -> index in the state, -1: known
	size   []int
	states int
	base   []float64
	start  []complex128
	per    float64 // phases per node
	rows   [][]int // place -> the places of its row of Y
	values [][]complex128
	zero   []int // places where nothing is connected
	source int   // the first in service
}

func newModel(net *grid.Network, sourceKnown bool) (*model, error) {
	linear, err := flow.NewLinear(net)
	if err != nil {
		return nil, err
	}
	m := &model{net: net, linear: linear, n: len(linear.Nodes), per: net.PhasesPerNode()}
	m.row()
	reference, err := m.addSource()
	if err != nil {
		return nil, err
	}
	m.angle, m.size = make([]int, m.n), make([]int, m.n)
	for p := range m.n {
		m.angle[p], m.size[p] = -1, -1
		if !reference[p] {
			m.angle[p] = m.states
			m.states++
		}
		if !reference[p] || !sourceKnown {
			m.size[p] = m.states
			m.states++
		}
	}
	m.findZeros()
	return m, nil
}

// addSource finds the places whose angles are known: the nodes of the first
// source, or places of their own behind its impedance.
func (m *model) addSource() (reference map[int]bool, err error) {
	top := m.linear.Topology()
	for p, v := range m.linear.Nodes {
		m.base = append(m.base, m.net.Buses[top.Nodes[v].Bus].BaseKV*1000/math.Sqrt(3))
		m.start = append(m.start, m.linear.NoLoad[p])
	}
	for i := range m.net.Sources {
		s := &m.net.Sources[i]
		if s.OutOf || !top.BusLive(s.At.Bus) {
			continue
		}
		m.source, reference = i, map[int]bool{}
		nodes := top.Terminal(s.At)
		if s.Z.N == 0 {
			for c, v := range nodes {
				if p := m.linear.Place(v); p >= 0 {
					reference[p], m.start[p] = true, s.V[c]
				}
			}
			return reference, nil
		}
		y, err := s.Admittance()
		if err != nil {
			return nil, err
		}
		m.behind(s, nodes, y)
		for p := len(m.linear.Nodes); p < m.n; p++ {
			reference[p] = true
		}
		return reference, nil
	}
	return nil, city.Errorf(city.Invalid, "network %s has no source to take the angle from", m.net.Name)
}

// behind adds the places behind a source's impedance.
func (m *model) behind(s *grid.Source, nodes []int, y grid.Matrix) {
	first := m.n
	add := func(i, j int, v complex128) {
		m.rows[i], m.values[i] = append(m.rows[i], j), append(m.values[i], v)
	}
	for c := range nodes {
		m.rows, m.values = append(m.rows, nil), append(m.values, nil)
		m.base, m.start = append(m.base, cmplx.Abs(s.V[c])), append(m.start, s.V[c])
		m.n++
	}
	for i, v := range nodes {
		p := m.linear.Place(v)
		for j, w := range nodes {
			q := m.linear.Place(w)
			add(first+i, first+j, y.At(i, j))
			if p >= 0 {
				add(p, first+j, -y.At(i, j))
			}
			if q >= 0 {
				add(first+i, q, -y.At(i, j))
			}
			if p >= 0 && q >= 0 {
				add(p, q, y.At(i, j))
			}
		}
	}
}

// row turns Y from columns into rows.
func (m *model) row() {
	m.rows, m.values = make([][]int, m.n), make([][]complex128, m.n)
	y := m.linear.Y
	for j := range m.n {
		for p := y.Col[j]; p < y.Col[j+1]; p++ {
			i := y.Row[p]
			m.rows[i] = append(m.rows[i], j)
			m.values[i] = append(m.values[i], y.Val[p])
		}
	}
}

// findZeros lists the nodes at which neither a source nor a load nor a generator
// is connected: what flows in flows out.
func (m *model) findZeros() {
	busy := make([]bool, m.n)
	for p := len(m.linear.Nodes); p < m.n; p++ {
		busy[p] = true
	}
	mark := func(at grid.Terminal) {
		for _, v := range m.linear.Topology().Terminal(at) {
			if p := m.linear.Place(v); p >= 0 {
				busy[p] = true
			}
		}
	}
	for i := range m.net.Loads {
		if !m.net.Loads[i].OutOfService {
			mark(m.net.Loads[i].At)
		}
	}
	for i := range m.net.Generators {
		if !m.net.Generators[i].OutOfService {
			mark(m.net.Generators[i].At)
		}
	}
	for i := range m.net.Sources {
		if i != m.source || m.net.Sources[i].Z.N == 0 { // what the first source gives is in the equations
			mark(m.net.Sources[i].At)
		}
	}
	for p, b := range busy {
		if !b {
			m.zero = append(m.zero, p)
		}
	}
}

// entry is a partial derivative by one number of the state.
type entry struct {
	state int
	value float64
}

// sight is how a measurement looks at the voltages: at a node's row of Y, at a
// row of an element, or at a magnitude.
type sight struct {
	kind   Kind
	at     int // place
	places []int
	y      []complex128
	sign   float64 // injections count what is drawn
}

// sight resolves where a measurement looks; an error says why it cannot.
func (m *model) sight(z *Measurement) (sight, error) {
	switch z.Kind {
	case Voltage, Injection, InjectionVars:
		v := m.linear.Topology().Index(z.Node.Bus, z.Node.Number)
		p := m.linear.Place(v)
		if p < 0 {
			return sight{}, city.Errorf(city.Invalid, "measurement %s: no source feeds its node", z.Name)
		}
		return sight{kind: z.Kind, at: p, places: m.rows[p], y: m.values[p], sign: -1}, nil
	case Flow, FlowVars, Current:
		places, y, ok := m.linear.Element(z.Element)
		if !ok || (z.Element.Kind == grid.LineKind && !m.net.Lines[z.Element.Index].Closed()) {
			return sight{}, city.Errorf(city.Invalid, "measurement %s: its element is open or dead", z.Name)
		}
		per := len(places) / max(1, len(m.net.BusesOf(z.Element)))
		row := z.Terminal*per + z.Conductor
		if row >= len(places) || z.Conductor >= per || z.Terminal < 0 || z.Conductor < 0 {
			return sight{}, city.Errorf(city.Invalid, "measurement %s: the element has no terminal %d, conductor %d", z.Name, z.Terminal+1, z.Conductor+1)
		}
		s := sight{kind: z.Kind, at: int(places[row]), sign: 1}
		if s.at >= len(m.linear.Nodes) {
			return sight{}, city.Errorf(city.Invalid, "measurement %s: its conductor is earthed", z.Name)
		}
		for j, p := range places {
			if int(p) < len(m.linear.Nodes) {
				s.places = append(s.places, int(p))
				s.y = append(s.y, y.At(row, j))
			}
		}
		return s, nil
	}
	return sight{}, fmt.Errorf("measurement %s: unknown kind %d", z.Name, z.Kind)
}

// value returns what the measurement would read at voltages v and, into out, how
// that changes with the state.
func (m *model) value(s *sight, v []complex128, out []entry) (float64, []entry) {
	out = out[:0]
	if s.kind == Voltage {
		if m.size[s.at] >= 0 {
			out = append(out, entry{m.size[s.at], m.base[s.at]})
		}
		return cmplx.Abs(v[s.at]), out
	}
	var current complex128
	for k, p := range s.places {
		current += s.y[k] * v[p]
	}
	if s.kind == Current {
		return m.magnitude(s, v, current, out)
	}
	here := v[s.at]
	power := here * cmplx.Conj(current) * complex(s.sign*m.per, 0)
	pick := func(z complex128) float64 {
		if s.kind == InjectionVars || s.kind == FlowVars {
			return imag(z)
		}
		return real(z)
	}
	scale := complex(s.sign*m.per, 0)
	for k, p := range s.places {
		part := here * cmplx.Conj(s.y[k]*v[p]) * scale // of S that comes from p's voltage
		if i := m.angle[p]; i >= 0 {
			out = append(out, entry{i, pick(-1i * part)})
		}
		if i := m.size[p]; i >= 0 {
			out = append(out, entry{i, pick(part) / cmplx.Abs(v[p]) * m.base[p]})
		}
	}
	if i := m.angle[s.at]; i >= 0 {
		out = append(out, entry{i, pick(1i * power)})
	}
	if i := m.size[s.at]; i >= 0 {
		out = append(out, entry{i, pick(power) / cmplx.Abs(here) * m.base[s.at]})
	}
	return pick(power), out
}

// magnitude is value for a current.
func (m *model) magnitude(s *sight, v []complex128, current complex128, out []entry) (float64, []entry) {
	size := cmplx.Abs(current)
	if size == 0 {
		return 0, out
	}
	for k, p := range s.places {
		part := cmplx.Conj(current) / complex(size, 0) * s.y[k] * v[p]
		if i := m.angle[p]; i >= 0 {
			out = append(out, entry{i, real(1i * part)})
		}
		if i := m.size[p]; i >= 0 {
			out = append(out, entry{i, real(part) / cmplx.Abs(v[p]) * m.base[p]})
		}
	}
	return size, out
}
