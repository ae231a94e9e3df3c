package dss

import (
	"fmt"
	"math"
	"slices"

	"polity/services/power/grid"
)

// impedance is what line codes and lines share: series impedance and
// capacitance per unit of length, by sequences or as matrices.
type impedance struct {
	phases     int
	r1, x1     float64
	r0, x0     float64
	c1, c0     float64 // nF
	r, x, c    [][]float64
	units      float64 // metres; 0: none
	capGiven   bool
	normal     float64
	emergency  float64
	matrixSpec bool
}

// maxConductors is how many conductors a line can have.
const maxConductors = 30

// defaultImpedance is OpenDSS's: 336 MCM ACSR per 1,000 feet. Its default
// ratings, 400 and 600 A for any line, are not taken over: a rating that nobody
// gave is not known.
func defaultImpedance() impedance {
	return impedance{phases: 3, r1: 0.058, x1: 0.1206, r0: 0.1784, x0: 0.4047, c1: 3.4, c0: 1.6}
}

// set handles the properties that lines and line codes share, and says whether
// this is one of them.
func (z *impedance) set(property string, v value, frequency float64) (bool, error) {
	number := map[string]*float64{"r1": &z.r1, "x1": &z.x1, "r0": &z.r0, "x0": &z.x0, "c1": &z.c1, "c0": &z.c0, "b1": &z.c1, "b0": &z.c0}
	if to, ok := number[property]; ok {
		f, err := v.number()
		switch property {
		case "b1", "b0": // microsiemens
			f *= 1e3 / (2 * math.Pi * frequency)
			fallthrough
		case "c1", "c0":
			z.capGiven = true
		}
		*to = f
		z.toSequences()
		return true, err
	}
	matrices := map[string]*[][]float64{"rmatrix": &z.r, "xmatrix": &z.x, "cmatrix": &z.c}
	if to, ok := matrices[property]; ok {
		m, err := v.matrix(z.phases)
		if err != nil {
			return true, err
		}
		if !z.matrixSpec {
			z.r, z.x, z.c = z.sequenceMatrices()
			z.matrixSpec = true
		}
		*to = m
		return true, nil
	}
	switch property {
	case "normamps", "emergamps":
		f, err := v.number()
		if property == "normamps" {
			z.normal = f
		} else {
			z.emergency = f
		}
		return true, err
	}
	return false, nil
}

func (z *impedance) toSequences() { z.matrixSpec, z.r, z.x, z.c = false, nil, nil, nil }

// sequenceMatrices are the phase matrices of the sequence values.
func (z *impedance) sequenceMatrices() (r, x, c [][]float64) {
	square := func(one, zero float64) [][]float64 {
		m := make([][]float64, z.phases)
		for i := range m {
			m[i] = make([]float64, z.phases)
			for j := range m[i] {
				m[i][j] = (zero - one) / 3
			}
			m[i][i] = (2*one + zero) / 3
		}
		return m
	}
	return square(z.r1, z.r0), square(z.x1, z.x0), square(z.c1, z.c0)
}

func (z *impedance) setPhases(n int) error {
	if n < 1 || n > maxConductors {
		return fmt.Errorf("%d phases; 1 to %d can be", n, maxConductors)
	}
	if n != z.phases {
		z.phases = n
		z.toSequences()
	}
	return nil
}

// matrices returns series impedance and shunt admittance per unit of length.
func (z *impedance) matrices(frequency float64) (series, shunt grid.Matrix) {
	r, x, c := z.r, z.x, z.c
	if !z.matrixSpec {
		r, x, c = z.sequenceMatrices()
	}
	series, shunt = grid.NewMatrix(z.phases), grid.NewMatrix(z.phases)
	for i := range z.phases {
		for j := range z.phases {
			series.Set(i, j, complex(r[i][j], x[i][j]))
			shunt.Set(i, j, complex(0, 2*math.Pi*frequency*c[i][j]*1e-9))
		}
	}
	return series, shunt
}

type lineCode struct {
	basics
	impedance
	neut int
}

func newLineCode(r *reader, name string) *lineCode {
	return &lineCode{basics: r.newBasics(name), impedance: defaultImpedance()}
}

func (*lineCode) class() *class { return lineCodeClass }

func (l *lineCode) like(other object) { *l = *other.(*lineCode) }

func (l *lineCode) set(property string, v value) (err error) {
	if done, err := l.impedance.set(property, v, l.frequency); done {
		return err
	}
	switch property {
	case "nphases":
		n, err := v.integer()
		if err != nil {
			return err
		}
		return l.setPhases(n)
	case "units":
		l.units, err = v.unit()
	case "neutral":
		l.neut, err = v.integer()
	case "kron":
		var yes bool
		if yes, err = v.boolean(); yes && err == nil {
			err = l.reduce()
		}
	}
	return err
}

// reduce eliminates the neutral conductor (Kron reduction).
func (l *lineCode) reduce() error {
	n := l.phases
	k := l.neut - 1
	if l.neut == 0 {
		k = n - 1
	}
	if k < 0 || k >= n || n < 2 {
		return fmt.Errorf("no conductor %d to eliminate", k+1)
	}
	series, _ := l.matrices(l.frequency)
	_, _, c := l.r, l.x, l.c
	if !l.matrixSpec {
		_, _, c = l.sequenceMatrices()
	}
	reduced := eliminate(series, []int{k})
	m := reduced.N
	var kept [][]float64
	for i, row := range c {
		if i != k {
			kept = append(kept, slices.Delete(slices.Clone(row), k, k+1))
		}
	}
	l.phases, l.matrixSpec, l.c = m, true, kept
	l.r, l.x = make([][]float64, m), make([][]float64, m)
	for i := range m {
		l.r[i], l.x[i] = make([]float64, m), make([]float64, m)
		for j := range m {
			l.r[i][j], l.x[i][j] = real(reduced.At(i, j)), imag(reduced.At(i, j))
		}
	}
	return nil
}

// eliminate removes conductors at zero voltage drop from a series impedance.
func eliminate(z grid.Matrix, conductors []int) grid.Matrix {
	for len(conductors) > 0 {
		k := conductors[len(conductors)-1]
		conductors = conductors[:len(conductors)-1]
		out := grid.NewMatrix(z.N - 1)
		for i := range z.N {
			for j := range z.N {
				if i == k || j == k {
					continue
				}
				a, b := i, j
				if i > k {
					a--
				}
				if j > k {
					b--
				}
				out.Set(a, b, z.At(i, j)-z.At(i, k)*z.At(k, j)/z.At(k, k))
			}
		}
		z = out
	}
	return z
}

type line struct {
	basics
	impedance
	r        *reader
	bus      [2]string
	code     *lineCode
	geometry *geometry
	// ownGeometry: made for this line of a spacing and wires
	ownGeometry bool
	length      float64
	isSwitch    bool
	rho         float64
	spread      bool // r1, x1 … were given, so that default capacitance follows the unit
	open        [2]uint32
}

func newLine(r *reader, name string) *line {
	return &line{basics: r.newBasics(name), impedance: defaultImpedance(), r: r, length: 1, rho: 100}
}

func (*line) class() *class { return lineClass }

func (l *line) like(other object) { *l = *other.(*line) }

func (l *line) set(property string, v value) (err error) {
	switch property {
	case "r1", "x1", "r0", "x0", "c1", "c0", "b1", "b0":
		l.code, l.geometry, l.units, l.spread = nil, nil, 0, true
	case "rmatrix", "xmatrix", "cmatrix":
		l.code, l.geometry, l.units = nil, nil, 0
	}
	if done, err := l.impedance.set(property, v, l.frequency); done {
		return err
	}
	switch property {
	case "bus1":
		l.bus[0] = v.lower()
	case "bus2":
		l.bus[1] = v.lower()
	case "linecode":
		return l.takeCode(v)
	case "length":
		l.length, err = v.number()
	case "phases":
		var n int
		if n, err = v.integer(); err == nil && n != l.phases {
			if l.code != nil && l.matrixSpec || l.geometry != nil {
				return fmt.Errorf("%d phases do not fit the matrix of %d phases given before", n, l.phases)
			}
			err = l.setPhases(n)
		}
	case "units":
		l.units, err = v.unit()
	case "rho":
		l.rho, err = v.number()
	case "switch":
		if l.isSwitch, err = v.boolean(); l.isSwitch {
			l.code, l.geometry, l.units = nil, nil, 0
			l.r1, l.x1, l.r0, l.x0, l.c1, l.c0, l.length, l.capGiven = 1, 1, 1, 1, 1.1, 1, 0.001, true
			l.toSequences()
		}
	case "geometry":
		return l.takeGeometry(v)
	case "spacing", "wires":
		if l.geometry == nil || !l.ownGeometry {
			l.geometry, l.ownGeometry = newGeometry(l.r, l.name), true
			l.geometry.reduce = true
		}
		if err = l.geometry.set(property, v); err == nil {
			l.code, l.spread, l.matrixSpec, l.phases = nil, false, false, l.geometry.conductorsKept()
			l.normal, l.emergency = cmpOr(l.geometry.normal, l.normal), cmpOr(l.geometry.emergency, l.emergency)
		}
	case "cncables", "tscables":
		return fmt.Errorf("not read; give a linecode or matrices instead")
	}
	return err
}

func (l *line) takeCode(v value) error {
	code, ok := l.r.objects["linecode"][v.lower()].(*lineCode)
	if !ok {
		return fmt.Errorf("there is no linecode %q%s", v.lower(), l.r.hintName("linecode", v.lower()))
	}
	units := l.units
	l.impedance, l.code, l.geometry, l.spread = code.impedance, code, nil, false
	l.units, l.frequency = units, code.frequency
	return nil
}

func (l *line) takeGeometry(v value) error {
	g, ok := l.r.objects["linegeometry"][v.lower()].(*geometry)
	if !ok {
		return fmt.Errorf("there is no linegeometry %q%s", v.lower(), l.r.hintName("linegeometry", v.lower()))
	}
	l.geometry, l.code, l.phases, l.spread = g, nil, g.conductorsKept(), false
	l.normal, l.emergency = g.normal, g.emergency
	l.matrixSpec, l.ownGeometry = false, false
	return nil
}

// build makes the line of the network.
func (l *line) build(r *reader, n *grid.Network) {
	out := grid.Line{Name: "line." + l.name, Origin: l.origin, Switch: l.isSwitch, RatedA: l.normal, EmergencyA: l.emergency}
	if out.EmergencyA == 0 {
		out.EmergencyA = 1.5 * out.RatedA
	}
	for end := range 2 {
		t, ok := r.terminal(n, &l.basics, l.bus[end], l.phases, l.phases, fmt.Sprintf("bus%d", end+1))
		if !ok {
			return
		}
		out.Ends[end] = t
	}
	all := uint32(1)<<l.phases - 1
	out.Open = [2]uint32{l.open[0] & all, l.open[1] & all}
	if !(l.length > 0) {
		r.problem(&l.basics, "length %g is not above zero", l.length)
		return
	}
	var series, shunt grid.Matrix
	if l.geometry != nil {
		var err error
		if series, shunt, err = l.geometry.perMetre(earthReturn{carson: r.options.carson, frequency: r.options.frequency, rho: l.rho}); err != nil {
			r.problem(&l.basics, "%v", err)
			return
		}
		unit := cmpOr(l.units, 1)
		out.Z, out.Shunt, out.Metres = series.Scaled(complex(l.length*unit, 0)), shunt.Scaled(complex(l.length*unit, 0)), l.length*unit
		n.Lines = append(n.Lines, out)
		return
	}
	z := l.impedance
	if l.spread && !z.capGiven && l.units > 0 { // defaults are per 1,000 feet
		factor := l.units / metres["kft"]
		z.c1, z.c0 = z.c1*factor, z.c0*factor
	}
	if !z.matrixSpec && z.phases == 1 {
		z.r0, z.x0, z.c0 = z.r1, z.x1, z.c1
	}
	series, shunt = z.matrices(l.frequency)
	length := l.length
	if l.code != nil && l.code.units > 0 && l.units > 0 {
		length *= l.units / l.code.units
	}
	if f := r.options.frequency / l.frequency; f != 1 {
		for i, v := range series.Data {
			series.Data[i] = complex(real(v), imag(v)*f)
		}
		shunt = shunt.Scaled(complex(f, 0))
	}
	out.Z, out.Shunt = series.Scaled(complex(length, 0)), shunt.Scaled(complex(length, 0))
	switch {
	case l.units > 0:
		out.Metres = l.length * l.units
	case l.code != nil && l.code.units > 0:
		out.Metres = length * l.code.units
	}
	n.Lines = append(n.Lines, out)
}
