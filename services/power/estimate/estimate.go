package estimate

import (
	"errors"
	"fmt"
	"math"
	"math/cmplx"

	"polity/city"
	"polity/services/power/grid"
	"polity/services/power/sparse"
)

// ErrNotConverged is wrapped by the error for measurements to which no state was
// found. There is no estimate then.
var ErrNotConverged = errors.New("state estimation did not converge")

// Options are how to estimate. The zero value is right for almost everything.
type Options struct {
	// KeepBad leaves bad data in.
	KeepBad bool
	// Threshold is the normalised residual above which a measurement is taken for
	// bad; 0 stands for the one that good measurements all together pass in one
	// estimate of twenty (Šidák: about 3.7 for 200 of them).
	Threshold float64
	// MostBad is how many measurements may be set aside; 0 stands for 20.
	MostBad int
}

// Estimate is a state that fits the measurements best.
type Estimate struct {
	// Objective is the weighted sum of squared residuals; with Redundancy degrees of
	// freedom it is that large by chance with probability Chance.
	Objective  float64
	Redundancy int
	Chance     float64
	Bad        []Suspect // set aside, the first found first
	Iterations int

	model *model
	v     []complex128
	core  *system
}

// Suspect is a measurement that does not fit the others.
type Suspect struct {
	Index      int // in the set
	Residual   float64
	Normalised float64
	Estimated  float64
	Reason     string // in one sentence
}

// system is the weighted least-squares problem of some of the measurements.
type system struct {
	m       *model
	sights  []sight
	used    []int // measurement of each row
	z       []Measurement
	h       [][]entry // rows over σ
	r       []float64 // residuals over σ
	c       [][]entry // constraints, scaled
	g       []float64
	lu      *sparse.LU[float64]
	pattern *sparse.Matrix[float64]
	slots   []int32
}

// Solve estimates the state of net from set.
func Solve(net *grid.Network, set Set, o Options) (*Estimate, error) {
	if o.Threshold == 0 {
		o.Threshold = threshold(len(set.Measurements), 0.05)
	}
	if o.MostBad == 0 {
		o.MostBad = 20
	}
	m, err := newModel(net, set.SourceKnown)
	if err != nil {
		return nil, err
	}
	usable := make([]bool, len(set.Measurements))
	sights := make([]sight, len(set.Measurements))
	for i := range set.Measurements {
		z := &set.Measurements[i]
		if !(z.Sigma > 0) || math.IsNaN(z.Value) || math.IsInf(z.Value, 0) || math.IsInf(z.Sigma, 0) {
			return nil, city.Errorf(city.Invalid, "measurement %s: value %g with standard deviation %g", z.Name, z.Value, z.Sigma)
		}
		if sights[i], err = m.sight(z); err != nil {
			return nil, err
		}
		usable[i] = true
	}
	e := &Estimate{model: m}
	for {
		if err := e.fit(set.Measurements, sights, usable); err != nil {
			return nil, err
		}
		if o.KeepBad || len(e.Bad) >= o.MostBad {
			return e, nil
		}
		bad, found, err := e.worst(o.Threshold)
		if err != nil || !found {
			return e, err
		}
		usable[bad.Index] = false
		e.Bad = append(e.Bad, bad)
	}
}

// fit runs Gauss and Newton's iteration on the usable measurements, from the
// voltages without load.
func (e *Estimate) fit(z []Measurement, sights []sight, usable []bool) error {
	s := &system{m: e.model, z: z}
	for i, ok := range usable {
		if ok {
			s.used = append(s.used, i)
			s.sights = append(s.sights, sights[i])
		}
	}
	v := append([]complex128(nil), e.model.start...)
	const most, tolerance = 40, 1e-10
	for iteration := 1; iteration <= most; iteration++ {
		s.linearise(v)
		if err := s.factor(); err != nil {
			return err
		}
		step := s.step()
		change := s.m.move(v, step)
		switch {
		case math.IsNaN(change) || change > 1e3:
			return fmt.Errorf("%w: voltages ran away after %d iterations", ErrNotConverged, iteration)
		case change < tolerance:
			s.linearise(v)
			if err := s.factor(); err != nil {
				return err
			}
			e.v, e.core, e.Iterations = v, s, e.Iterations+iteration
			e.Redundancy = len(s.used) + len(s.c) - e.model.states
			e.Objective = 0
			for _, r := range s.r {
				e.Objective += r * r
			}
			e.Chance = chance(e.Objective, e.Redundancy)
			return nil
		}
	}
	return fmt.Errorf("%w after %d iterations", ErrNotConverged, most)
}

// move adds a step to the state and returns its largest part. Steps are cut so
// that a bad start does not throw voltages away.
func (m *model) move(v []complex128, step []float64) float64 {
	largest := 0.0
	for _, d := range step[:m.states] {
		if !(math.Abs(d) <= largest) {
			largest = math.Abs(d)
		}
	}
	factor := 1.0
	if largest > 0.5 {
		factor = 0.5 / largest
	}
	for p := range v {
		size, angle := cmplx.Abs(v[p]), cmplx.Phase(v[p])
		if i := m.size[p]; i >= 0 {
			size += factor * step[i] * m.base[p]
		}
		if i := m.angle[p]; i >= 0 {
			angle += factor * step[i]
		}
		v[p] = cmplx.Rect(size, angle)
	}
	return largest
}

// linearise computes residuals and derivatives at v.
func (s *system) linearise(v []complex128) {
	if s.h == nil {
		s.h, s.r = make([][]entry, len(s.used)), make([]float64, len(s.used))
		s.c, s.g = make([][]entry, 2*len(s.m.zero)), make([]float64, 2*len(s.m.zero))
	}
	for k, i := range s.used {
		sigma := s.z[i].Sigma
		var value float64
		value, s.h[k] = s.m.value(&s.sights[k], v, s.h[k])
		s.r[k] = (s.z[i].Value - value) / sigma
		for j := range s.h[k] {
			s.h[k][j].value /= sigma
		}
	}
	const scale = 1e-3 // constraints in kVA
	for k, p := range s.m.zero {
		for q := range 2 {
			look := sight{kind: Injection + Kind(q), at: p, places: s.m.rows[p], y: s.m.values[p], sign: 1}
			row := 2*k + q
			var value float64
			value, s.c[row] = s.m.value(&look, v, s.c[row])
			s.g[row] = -value * scale
			for j := range s.c[row] {
				s.c[row][j].value *= scale
			}
		}
	}
}

// factor builds and factors the normal equations with their constraints,
//
//	| HᵀH  Cᵀ |
//	| C    0  |
func (s *system) factor() error {
	size := s.m.states + len(s.c)
	if s.pattern == nil {
		b := sparse.NewBuilder[float64](size)
		s.entries(b.Add)
		s.pattern, s.slots = b.BuildWithSlots()
	} else {
		clear(s.pattern.Val)
		call := 0
		s.entries(func(_, _ int, v float64) {
			s.pattern.Val[s.slots[call]] += v
			call++
		})
	}
	var err error
	if s.lu == nil {
		s.lu, err = sparse.Factor(s.pattern)
	} else {
		err = s.lu.Refactor(s.pattern)
	}
	if singular, ok := errors.AsType[*sparse.SingularError](err); ok {
		return city.Errorf(city.Invalid, "the measurements do not determine the state: nothing tells %s; add a measurement or a pseudo-measurement there", s.m.name(singular.Column))
	}
	return err
}

func (s *system) entries(add func(i, j int, v float64)) {
	for _, row := range s.h {
		for _, a := range row {
			for _, b := range row {
				add(a.state, b.state, a.value*b.value)
			}
		}
	}
	for k, row := range s.c {
		for _, a := range row {
			add(s.m.states+k, a.state, a.value)
			add(a.state, s.m.states+k, a.value)
		}
		add(s.m.states+k, s.m.states+k, 0)
	}
}

// name says which number of the state an unknown is.
func (m *model) name(state int) string {
	for p := range m.n {
		at := "the source"
		if p < len(m.linear.Nodes) {
			node := m.linear.Topology().Nodes[m.linear.Nodes[p]]
			at = fmt.Sprintf("%s.%d", m.net.Buses[node.Bus].Name, node.Number)
		}
		switch state {
		case m.angle[p]:
			return "the voltage's angle at " + at
		case m.size[p]:
			return "the voltage at " + at
		}
	}
	return "a zero injection"
}

func (s *system) step() []float64 {
	b := make([]float64, s.m.states+len(s.c))
	for k, row := range s.h {
		for _, a := range row {
			b[a.state] += a.value * s.r[k]
		}
	}
	copy(b[s.m.states:], s.g)
	s.lu.Solve(b)
	return b
}

// spread returns how the estimate of a linear function of the state varies: its
// variance, for a row of derivatives.
func (s *system) spread(row []entry) float64 {
	b := make([]float64, s.m.states+len(s.c))
	for _, a := range row {
		b[a.state] += a.value
	}
	s.lu.Solve(b)
	sum := 0.0
	for _, a := range row {
		sum += a.value * b[a.state]
	}
	return sum
}

// critical is the part of a measurement's variance below which its residual says
// nothing: no other measurement checks it.
const critical = 1e-6

// worst finds the measurement with the largest normalised residual above the
// threshold (Abur and Gómez Expósito, section 5.7).
func (e *Estimate) worst(threshold float64) (Suspect, bool, error) {
	s := e.core
	best := Suspect{Index: -1}
	for k, i := range s.used {
		if math.Abs(s.r[k]) < 1e-9 {
			continue
		}
		left := 1 - s.spread(s.h[k]) // variance of the residual over σ²
		if left < critical {
			continue
		}
		if n := math.Abs(s.r[k]) / math.Sqrt(left); n > best.Normalised {
			z := &s.z[i]
			best = Suspect{Index: i, Residual: s.r[k] * z.Sigma, Normalised: n, Estimated: z.Value - s.r[k]*z.Sigma}
		}
	}
	if best.Index < 0 || best.Normalised <= threshold {
		return best, false, nil
	}
	z := &s.z[best.Index]
	best.Reason = fmt.Sprintf("%s (%s) reads %.5g where all other measurements say %.5g: %.1f standard deviations, so it is set aside.", z.Name, z.Kind, z.Value, best.Estimated, best.Normalised)
	return best, true, nil
}

// Unchecked lists measurements that no other one checks: an error in them cannot
// be found.
func (e *Estimate) Unchecked() []int {
	var out []int
	for k, i := range e.core.used {
		if 1-e.core.spread(e.core.h[k]) < critical {
			out = append(out, i)
		}
	}
	return out
}

// Voltage returns the estimated voltage of a node; 0 where nothing feeds it.
func (e *Estimate) Voltage(node grid.Node) complex128 {
	p := e.model.linear.Place(e.model.linear.Topology().Index(node.Bus, node.Number))
	if p < 0 {
		return 0
	}
	return e.v[p]
}

// Deviation returns the standard deviation of a node's estimated magnitude, per
// unit of the nominal voltage.
func (e *Estimate) Deviation(node grid.Node) float64 {
	p := e.model.linear.Place(e.model.linear.Topology().Index(node.Bus, node.Number))
	if p < 0 || e.model.size[p] < 0 {
		return 0
	}
	return math.Sqrt(e.core.spread([]entry{{e.model.size[p], 1}}))
}

// Nodes lists the nodes that have an estimate.
func (e *Estimate) Nodes() []grid.Node {
	out := make([]grid.Node, 0, len(e.model.linear.Nodes))
	for _, v := range e.model.linear.Nodes {
		out = append(out, e.model.linear.Topology().Nodes[v])
	}
	return out
}

// Read returns what a measurement would read in the estimated state.
func (e *Estimate) Read(z Measurement) (float64, error) {
	s, err := e.model.sight(&z)
	if err != nil {
		return 0, err
	}
	value, _ := e.model.value(&s, e.v, nil)
	return value, nil
}
