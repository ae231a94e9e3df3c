// Package flow solves the power flow of a grid.Network: unbalanced in any
// phases, radial or meshed, with voltage regulators.
//
// Two methods share one admittance matrix. Sweep repeats V ← Y⁻¹·I(V) with
// factors of Y made once: on a radial feeder the elimination runs from the
// leaves to the root without fill, so that its two substitutions are the
// backward sweep (currents summed towards the source) and the forward sweep
// (voltages dropped from it) of Shirmohammadi et al., "A compensation-based
// power flow method for weakly meshed distribution and transmission networks",
// IEEE Trans. Power Systems 3, 1988; loops only add fill. Newton solves the
// current-injection equations Y·V − I(V) = 0 in rectangular coordinates (da
// Costa, Martins, Pereira, "Developments in the Newton Raphson power flow
// formulation based on current injections", IEEE Trans. Power Systems 14, 1999)
// and serves generators that hold a voltage and feeders close to collapse.
//
// A solution that did not converge is never returned: Solve gives a result or an
// error, not both.
package flow

import (
	"errors"
	"fmt"
	"math"
	"math/cmplx"

	"polity/services/power/grid"
	"polity/services/power/sparse"
)

// ErrNotConverged is wrapped by the error for a power flow without a solution,
// or with one that the method did not find. There are no voltages to use then.
var ErrNotConverged = errors.New("power flow did not converge")

// Method is how the equations are solved.
type Method uint8

// The methods. Auto takes Sweep, and Newton where a generator holds a voltage or
// Sweep does not converge.
const (
	Auto Method = iota
	Sweep
	Newton
)

// String returns the method's name.
func (m Method) String() string { return [...]string{"auto", "sweep", "newton"}[m] }

// Options are how to solve. The zero value is right for almost everything.
type Options struct {
	Method Method
	// Tolerance is the largest change of a voltage in the last iteration, per unit
	// of the bus's nominal voltage; 0 stands for 1e-9.
	Tolerance     float64
	MaxIterations int // 0 stands for 100 (Newton: 30)
	// HoldTaps leaves all regulators where they are.
	HoldTaps bool
}

// Solver holds a network's equations. It is made for one state of switches;
// loads and taps may change between solutions. Not safe for concurrent use.
type Solver struct {
	net     *grid.Network
	top     *grid.Topology
	options Options

	place  []int32 // node -> place in v; the earth and dead nodes share the last
	node   []int32 // place -> node
	free   int     // places below are unknowns, those from here on held by ideal sources
	base   []float64
	v, rhs []complex128
	norton []complex128

	elements []*primitive // replaced as a whole when one changes: results look at them
	y        *sparse.Matrix[complex128]
	slots    []int32
	held     []heldEntry
	lu       *sparse.LU[complex128]
	stale    bool // y has changed since lu

	constant []constantPower
	other    []injection
	odd      []int32 // of other: neither constant power nor constant impedance
	impedant []impedance
	changed  bool // an impedance differs from the matrix
	shared   bool // a result looks at other
	perNode  float64
	initial  []complex128 // voltages without load, nil until asked for
	warm     bool
	newton   *newton
}

// primitive is an element's admittance on places of v. Slots are where its
// entries went in the matrix, row by row; -1 for none.
type primitive struct {
	grid.Element
	places []int32
	y      grid.Matrix
	slots  []int32
}

// heldEntry is an entry of the matrix in the column of an ideal source.
type heldEntry struct {
	row, col int32
	val      complex128
}

// New sets up the equations of net in its present state. It fails, with the
// element and its line, where these have no solution. Every live bus must have
// its nominal voltage; AssignBases finds those that a file leaves out.
func New(net *grid.Network, options Options) (*Solver, error) {
	s, err := newSolver(net, options)
	if err != nil {
		return nil, err
	}
	for k, v := range s.node {
		if !(s.base[k] > 0) {
			bus := &net.Buses[s.top.Nodes[v].Bus]
			return nil, fmt.Errorf("%s: bus %s has no nominal voltage", bus.Origin, bus.Name)
		}
	}
	return s, nil
}

func newSolver(net *grid.Network, options Options) (*Solver, error) {
	if options.Tolerance == 0 {
		options.Tolerance = 1e-9
	}
	s := &Solver{net: net, top: net.Topology(), options: options, perNode: net.PhasesPerNode()}
	if err := s.placeNodes(); err != nil {
		return nil, err
	}
	if err := s.collect(); err != nil {
		return nil, err
	}
	s.collectLoads()
	if err := s.assemble(); err != nil {
		return nil, err
	}
	return s, nil
}

// placeNodes numbers the live nodes: unknowns first, then held ones, then one
// place for the earth.
func (s *Solver) placeNodes() error {
	fixed := map[int]complex128{}
	for i := range s.net.Sources {
		src := &s.net.Sources[i]
		if src.OutOf || src.Z.N > 0 {
			continue
		}
		for c, v := range s.top.Terminal(src.At) {
			if v >= 0 {
				fixed[v] = src.V[c]
			}
		}
	}
	s.place = make([]int32, len(s.top.Nodes))
	var last []int32
	for v := range s.top.Nodes {
		s.place[v] = -1
		if !s.top.Live[v] {
			continue
		}
		if _, ok := fixed[v]; ok {
			last = append(last, int32(v))
			continue
		}
		s.place[v] = int32(len(s.node))
		s.node = append(s.node, int32(v))
	}
	s.free = len(s.node)
	if s.free+len(last) == 0 {
		return fmt.Errorf("network %s: no source feeds any bus", s.net.Name)
	}
	for _, v := range last {
		s.place[v] = int32(len(s.node))
		s.node = append(s.node, v)
	}
	n := len(s.node)
	s.v, s.rhs, s.norton = make([]complex128, n+1), make([]complex128, n+1), make([]complex128, n+1)
	for k, v := range last {
		s.v[s.free+k] = fixed[int(v)]
	}
	s.base = make([]float64, n)
	for k, v := range s.node {
		s.base[k] = s.net.Buses[s.top.Nodes[v].Bus].BaseKV * 1000 / math.Sqrt(3)
	}
	return nil
}

// at returns the places of a terminal's conductors; earth and dead nodes get the
// last place.
func (s *Solver) at(t grid.Terminal) []int32 {
	out := make([]int32, len(t.Nodes))
	for i, v := range s.top.Terminal(t) {
		out[i] = int32(len(s.node))
		if v >= 0 && s.place[v] >= 0 {
			out[i] = s.place[v]
		}
	}
	return out
}

// collect makes the primitive admittances of everything linear.
func (s *Solver) collect() error {
	for i := range s.net.Lines {
		if err := s.collectLine(i); err != nil {
			return err
		}
	}
	for i := range s.net.Transformers {
		t := &s.net.Transformers[i]
		if t.OutOfService {
			continue
		}
		var places []int32
		for w := range t.Windings {
			places = append(places, s.at(t.Windings[w].Terminal)...)
		}
		y, err := t.Admittance()
		if err != nil {
			return err
		}
		s.addPrimitive(grid.Element{Kind: grid.TransformerKind, Index: i}, places, y)
	}
	for i := range s.net.Shunts {
		sh := &s.net.Shunts[i]
		s.addPrimitive(grid.Element{Kind: grid.ShuntKind, Index: i}, append(s.at(sh.At), s.at(sh.Low)...), sh.Admittance())
	}
	for i := range s.net.Sources {
		src := &s.net.Sources[i]
		if src.OutOf || src.Z.N == 0 {
			continue
		}
		y, err := src.Admittance()
		if err != nil {
			return err
		}
		places := s.at(src.At)
		s.addPrimitive(grid.Element{Kind: grid.SourceKind, Index: i}, places, y)
		for r, p := range places {
			for c := range places {
				s.norton[p] += y.At(r, c) * src.V[c]
			}
		}
	}
	return nil
}

func (s *Solver) collectLine(i int) error {
	l := &s.net.Lines[i]
	places := append(s.at(l.Ends[0]), s.at(l.Ends[1])...)
	var dead []int
	earth := int32(len(s.node))
	for c, p := range places {
		number := l.Ends[c/l.Z.N].Nodes[c%l.Z.N]
		if p == earth && number != grid.Earth {
			dead = append(dead, c)
		}
	}
	if len(dead) == len(places) {
		return nil
	}
	y, err := l.Admittance(dead)
	if err != nil {
		return err
	}
	s.addPrimitive(grid.Element{Kind: grid.LineKind, Index: i}, places, y)
	return nil
}

func (s *Solver) addPrimitive(e grid.Element, places []int32, y grid.Matrix) {
	s.elements = append(s.elements, &primitive{Element: e, places: places, y: y})
}

// assemble builds the matrix from all primitives and constant impedances, and
// factors it.
func (s *Solver) assemble() error {
	b := sparse.NewBuilder[complex128](s.free)
	calls := int32(0)
	s.held = s.held[:0]
	add := func(i, j int32, v complex128) int32 {
		switch {
		case int(i) >= s.free || int(j) > len(s.node)-1:
			return -1
		case int(j) >= s.free:
			s.held = append(s.held, heldEntry{i, j, v})
			return -1
		}
		b.Add(int(i), int(j), v)
		calls++
		return calls - 1
	}
	for k := range s.elements {
		e := s.elements[k]
		e.slots = make([]int32, len(e.y.Data))
		for i := range e.y.N {
			for j := range e.y.N {
				e.slots[i*e.y.N+j] = -1
				if v := e.y.At(i, j); v != 0 || e.Kind == grid.ShuntKind { // steps that are off may come on
					e.slots[i*e.y.N+j] = add(e.places[i], e.places[j], v)
				}
			}
		}
	}
	for _, z := range s.impedant {
		add(z.a, z.a, z.y)
		add(z.b, z.b, z.y)
		add(z.a, z.b, -z.y)
		add(z.b, z.a, -z.y)
	}
	s.y, s.slots = b.BuildWithSlots()
	lu, err := sparse.Factor(s.y)
	if err != nil {
		return s.singular(err)
	}
	s.lu = lu
	return nil
}

// singular turns a failed elimination into words about a bus.
func (s *Solver) singular(err error) error {
	var at *sparse.SingularError
	if !errors.As(err, &at) {
		return err
	}
	node := s.top.Nodes[s.node[at.Column]]
	bus := &s.net.Buses[node.Bus]
	return fmt.Errorf("%s: node %s.%d floats: nothing ties its voltage to the earth or to a source; ground a winding or give the transformer an anti-float admittance", bus.Origin, bus.Name, node.Number)
}

// renew puts the new admittance of element k into the matrix.
func (s *Solver) renew(k int, y grid.Matrix) {
	e := *s.elements[k]
	for i := range y.Data {
		if slot := e.slots[i]; slot >= 0 {
			s.y.Val[s.slots[slot]] += y.Data[i] - e.y.Data[i]
		}
	}
	e.y = y
	s.elements = append([]*primitive(nil), s.elements...)
	s.elements[k] = &e
	s.stale, s.initial = true, nil
}

// SetTap moves a winding's tap in the network and in the equations.
func (s *Solver) SetTap(transformer, winding int, tap float64) error {
	t := &s.net.Transformers[transformer]
	w := &t.Windings[winding]
	tap = min(w.MaxTap, max(w.MinTap, tap))
	if tap == w.Tap {
		return nil
	}
	w.Tap = tap
	y, err := t.Admittance()
	if err != nil {
		return err
	}
	for k, e := range s.elements {
		if e.Kind == grid.TransformerKind && e.Index == transformer {
			s.renew(k, y)
		}
	}
	return nil
}

// SetShunt puts a shunt's switched steps, which the caller has changed in the
// network, into the equations.
func (s *Solver) SetShunt(shunt int) {
	for k, e := range s.elements {
		if e.Kind == grid.ShuntKind && e.Index == shunt {
			s.renew(k, s.net.Shunts[shunt].Admittance())
		}
	}
}

// element returns the primitive of an element, nil where it is dead.
func (s *Solver) element(e grid.Element) *primitive {
	for _, p := range s.elements {
		if p.Element == e {
			return p
		}
	}
	return nil
}

// ready brings factors and start values up to date.
func (s *Solver) ready() error {
	if s.stale {
		if err := s.lu.Refactor(s.y); err != nil {
			return s.singular(err)
		}
		s.stale = false
	}
	if s.warm {
		return nil
	}
	if s.initial == nil {
		s.initial = append([]complex128(nil), s.v...)
		s.linear(s.initial)
	}
	copy(s.v, s.initial)
	return nil
}

// linear solves for the voltages that sources alone make.
func (s *Solver) linear(v []complex128) {
	copy(s.rhs, s.norton)
	s.subtractHeld()
	s.lu.Solve(s.rhs[:s.free])
	copy(v[:s.free], s.rhs)
}

func (s *Solver) subtractHeld() {
	for _, h := range s.held {
		s.rhs[h.row] -= h.val * s.v[h.col]
	}
}

// Flat makes the next solution start from the voltages without load instead of
// the last solution.
func (s *Solver) Flat() { s.warm = false }

// sweep iterates V ← Y⁻¹·I(V) and returns the number of iterations.
func (s *Solver) sweep() (int, error) {
	limit := s.options.MaxIterations
	if limit == 0 {
		limit = 100
	}
	tolerance := s.options.Tolerance * s.options.Tolerance
	for iteration := 1; iteration <= limit; iteration++ {
		copy(s.rhs, s.norton)
		s.subtractHeld()
		s.inject(s.v, s.rhs)
		s.lu.Solve(s.rhs[:s.free])
		worst := 0.0
		v, rhs, base := s.v[:s.free], s.rhs[:s.free], s.base[:s.free]
		for i := range v {
			re, im := real(rhs[i])-real(v[i]), imag(rhs[i])-imag(v[i])
			worst = max(worst, (re*re+im*im)/(base[i]*base[i]))
			v[i] = rhs[i]
		}
		switch {
		case worst <= tolerance:
			return iteration, nil
		case math.IsNaN(worst) || worst > 1e6:
			return iteration, fmt.Errorf("%w: voltages ran away after %d sweeps", ErrNotConverged, iteration)
		}
	}
	return limit, fmt.Errorf("%w: still changing after %d sweeps", ErrNotConverged, limit)
}

// current returns the current into each conductor of an element at voltages v.
func (e *primitive) current(v []complex128, out []complex128) {
	for i := range e.places {
		var sum complex128
		row := e.y.Data[i*e.y.N : (i+1)*e.y.N]
		for j, p := range e.places {
			sum += row[j] * v[p]
		}
		out[i] = sum
	}
}

// Mismatch returns the largest |Y·V − I(V)|·|V| of any node in volt-amperes, and
// that node: how far v is from being a solution.
func (s *Solver) mismatch() (float64, grid.Node) {
	n := len(s.node)
	sum := make([]complex128, n+1)
	s.y.Multiply(s.v[:s.free], sum[:s.free])
	copy(s.rhs, s.norton)
	s.subtractHeld()
	s.inject(s.v, s.rhs)
	worst, where := 0.0, 0
	for i := range s.free {
		if d := cmplx.Abs(sum[i]-s.rhs[i]) * cmplx.Abs(s.v[i]); !(d <= worst) {
			worst, where = d, i
		}
	}
	if s.free == 0 {
		return 0, grid.Node{}
	}
	return worst, s.top.Nodes[s.node[where]]
}
