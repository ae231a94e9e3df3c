// Package matpower reads case files of MATPOWER (version 2 of its format):
// balanced networks in positive sequence. Of the MATLAB in them it reads the
// matrices bus, gen and branch, baseMVA, and the two conversions at the end of
// distribution cases: impedances from ohms and loads from kilowatts.
package matpower

import (
	"errors"
	"fmt"
	"math"
	"math/cmplx"
	"os"
	"regexp"
	"strconv"
	"strings"

	"polity/city"
	"polity/services/power/grid"
)

const maxFile = 64 << 20

// Read reads the case file at path.
func Read(path string) (*grid.Network, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, city.Errorf(city.TooLarge, "%s has more than %d MiB", path, maxFile>>20)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// row is a line of a matrix.
type row struct {
	values []float64
	line   int
}

type reader struct {
	file    string
	net     *grid.Network
	mva     float64
	ohms    bool // impedances are converted from ohms
	kilo    bool // loads are converted from kilowatts
	matrix  map[string][]row
	numbers map[int]int // bus number -> bus
}

var (
	assignment = regexp.MustCompile(`^mpc\.(\w+)\s*=\s*(.*)$`)
	fromOhms   = regexp.MustCompile(`mpc\.branch\(:,\s*\[(BR_R BR_X|3 4)\]\)\s*=\s*mpc\.branch\(:,\s*\[(BR_R BR_X|3 4)\]\)\s*/`)
	fromKilo   = regexp.MustCompile(`mpc\.bus\(:,\s*\[(PD, QD|PD QD|3 4|3, 4)\]\)\s*=.*/\s*1e3`)
)

// Parse reads a case from text; name is what errors call it.
func Parse(name string, text []byte) (*grid.Network, error) {
	r := &reader{file: name, matrix: map[string][]row{}, numbers: map[int]int{}}
	if err := r.scan(string(text)); err != nil {
		return nil, city.Errorf(city.Invalid, "%s:%w", name, err)
	}
	for _, step := range []func() error{r.buses, r.branches, r.generators} {
		if err := step(); err != nil {
			return nil, city.Errorf(city.Invalid, "%s:%w", name, err)
		}
	}
	return r.net, nil
}

// scan finds the matrices and conversions.
func (r *reader) scan(text string) error {
	r.net = &grid.Network{Balanced: true, Frequency: 50}
	open := ""
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "%")
		line = strings.TrimSpace(line)
		if open == "" {
			if rest, ok := strings.CutPrefix(line, "function mpc ="); ok {
				r.net.Name = strings.TrimSpace(rest)
			}
			r.ohms = r.ohms || fromOhms.MatchString(line)
			r.kilo = r.kilo || fromKilo.MatchString(line)
			m := assignment.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			if m[1] == "baseMVA" {
				mva, err := strconv.ParseFloat(strings.TrimRight(m[2], "; "), 64)
				if err != nil || !(mva > 0) {
					return fmt.Errorf("%d: baseMVA %q is no number above zero", i+1, m[2])
				}
				r.mva = mva
			}
			rest, isMatrix := strings.CutPrefix(m[2], "[")
			if !isMatrix {
				continue
			}
			open, line = m[1], rest
		}
		body, _, closes := strings.Cut(line, "]")
		for part := range strings.SplitSeq(body, ";") {
			values, err := numbers(part)
			if err != nil && (open == "bus" || open == "branch" || open == "gen") {
				return fmt.Errorf("%d: %s: %w", i+1, open, err)
			}
			if len(values) > 0 {
				r.matrix[open] = append(r.matrix[open], row{values, i + 1})
			}
		}
		if closes {
			open = ""
		}
	}
	switch {
	case r.mva == 0:
		return errors.New("0: no mpc.baseMVA in it")
	case len(r.matrix["bus"]) == 0 || len(r.matrix["branch"]) == 0:
		return errors.New("0: no mpc.bus or no mpc.branch in it")
	}
	return nil
}

func numbers(text string) ([]float64, error) {
	var out []float64
	for word := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' || c == '\r' }) {
		f, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", word)
		}
		out = append(out, f)
	}
	return out, nil
}

func (r *reader) at(line int) grid.Origin { return grid.Origin{File: r.file, Line: line} }

func (r *reader) buses() error {
	megawatt := 1e6
	if r.kilo {
		megawatt = 1e3
	}
	for _, w := range r.matrix["bus"] {
		v := w.values
		if len(v) < 10 {
			return fmt.Errorf("%d: a bus has at least 10 numbers, not %d", w.line, len(v))
		}
		number, kv := int(v[0]), v[9]
		if _, twice := r.numbers[number]; twice {
			return fmt.Errorf("%d: bus %d is there twice", w.line, number)
		}
		if kv == 0 {
			kv = 1 // transmission cases without voltages
		}
		bus := r.net.AddBus(strconv.Itoa(number), r.at(w.line))
		r.net.Buses[bus].BaseKV = kv
		r.numbers[number] = bus
		volts := kv * 1000 / math.Sqrt(3)
		at := grid.Terminal{Bus: bus, Nodes: []int{1, grid.Earth}}
		if s := complex(v[2], v[3]) * complex(megawatt, 0); s != 0 {
			r.net.Loads = append(r.net.Loads, grid.Load{
				Name: fmt.Sprintf("load.%d", number), Origin: r.at(w.line), At: at, Phases: 1, S: s, Volts: volts, Customers: 1, OutOfService: v[1] == 4,
			})
		}
		if y := complex(v[4], v[5]) * 1e6; y != 0 {
			r.net.Shunts = append(r.net.Shunts, grid.Shunt{
				Name: fmt.Sprintf("shunt.%d", number), Origin: r.at(w.line), At: grid.Terminal{Bus: bus, Nodes: []int{1}}, Phases: 1,
				Steps: []grid.Step{{Y: y / complex(kv*kv*1e6, 0), On: true}}, Capacitor: imag(y) > 0,
			})
		}
		if v[1] == 3 {
			vm, va := v[7], v[8]
			r.net.Sources = append(r.net.Sources, grid.Source{
				Name: fmt.Sprintf("source.%d", number), Origin: r.at(w.line), At: grid.Terminal{Bus: bus, Nodes: []int{1}},
				V: []complex128{cmplx.Rect(vm*volts, va*math.Pi/180)},
			})
		}
	}
	return nil
}

// branches makes lines of branches, and transformers of those with a ratio, an
// angle or two voltages. What is out of service is a switch that is open.
func (r *reader) branches() error {
	for k, w := range r.matrix["branch"] {
		v := w.values
		if len(v) < 11 {
			return fmt.Errorf("%d: a branch has at least 11 numbers, not %d", w.line, len(v))
		}
		from, okFrom := r.numbers[int(v[0])]
		to, okTo := r.numbers[int(v[1])]
		if !okFrom || !okTo {
			return fmt.Errorf("%d: branch %g-%g leads to a bus that is not there", w.line, v[0], v[1])
		}
		kv, other := r.net.Buses[from].BaseKV, r.net.Buses[to].BaseKV
		base := kv * kv / r.mva
		z := complex(v[2], v[3])
		if !r.ohms {
			z *= complex(base, 0)
		}
		closed := v[10] != 0
		rating := v[5] * 1e6
		if (v[8] != 0 && v[8] != 1) || v[9] != 0 || kv != other {
			r.transformer(k, w, from, to, closed)
			continue
		}
		l := grid.Line{
			Name: fmt.Sprintf("branch.%d", k+1), Origin: r.at(w.line), Ends: [2]grid.Terminal{{Bus: from, Nodes: []int{1}}, {Bus: to, Nodes: []int{1}}},
			Z: scalar(z), Shunt: scalar(complex(0, v[4]/base)), RatedA: rating / (math.Sqrt(3) * kv * 1000),
		}
		l.EmergencyA = l.RatedA
		if !closed {
			l.SetClosed(false)
			l.Switch = true
		}
		r.net.Lines = append(r.net.Lines, l)
	}
	return nil
}

func scalar(z complex128) grid.Matrix {
	m := grid.NewMatrix(1)
	m.Set(0, 0, z)
	return m
}

func (r *reader) transformer(k int, w row, from, to int, closed bool) {
	v := w.values
	ratio := v[8]
	if ratio == 0 {
		ratio = 1
	}
	side := func(bus int, tap float64) grid.Winding {
		return grid.Winding{
			Terminal: grid.Terminal{Bus: bus, Nodes: []int{1, grid.Earth}}, Volts: r.net.Buses[bus].BaseKV * 1000 / math.Sqrt(3), VA: r.mva * 1e6 / 3,
			Tap: tap, MinTap: tap, MaxTap: tap, NeutralOpen: true, R: v[2] / 2,
		}
	}
	x := grid.Transformer{
		Name: fmt.Sprintf("branch.%d", k+1), Origin: r.at(w.line), Phases: 1, Windings: []grid.Winding{side(from, 1), side(to, 1)}, X: []float64{v[3]},
		Shift: -v[9] * math.Pi / 180, OutOfService: !closed, RatedVA: v[5] * 1e6, EmergencyVA: v[5] * 1e6,
	}
	x.Windings[0].Tap, x.Windings[0].MinTap, x.Windings[0].MaxTap = ratio, ratio, ratio
	r.net.Transformers = append(r.net.Transformers, x)
	for i, bus := range []int{from, to} { // charging: half at each end, the first behind the ratio
		if v[4] == 0 || !closed {
			continue
		}
		kv := r.net.Buses[bus].BaseKV
		y := complex(0, v[4]/2*r.mva/(kv*kv))
		if i == 0 {
			y /= complex(ratio*ratio, 0)
		}
		r.net.Shunts = append(r.net.Shunts, grid.Shunt{
			Name: fmt.Sprintf("branch.%d.end%d", k+1, i+1), Origin: r.at(w.line), At: grid.Terminal{Bus: bus, Nodes: []int{1}}, Phases: 1,
			Steps: []grid.Step{{Y: y, On: true}},
		})
	}
}

func (r *reader) generators() error {
	for k, w := range r.matrix["gen"] {
		v := w.values
		if len(v) < 8 {
			return fmt.Errorf("%d: a generator has at least 8 numbers, not %d", w.line, len(v))
		}
		bus, ok := r.numbers[int(v[0])]
		if !ok {
			return fmt.Errorf("%d: generator at bus %g, which is not there", w.line, v[0])
		}
		volts := r.net.Buses[bus].BaseKV * 1000 / math.Sqrt(3)
		slack := false
		for i := range r.net.Sources {
			if s := &r.net.Sources[i]; s.At.Bus == bus && v[7] > 0 {
				s.V[0] = cmplx.Rect(v[5]*volts, cmplx.Phase(s.V[0]))
				slack = true
			}
		}
		if slack {
			continue
		}
		r.net.Generators = append(r.net.Generators, grid.Generator{
			Name: fmt.Sprintf("gen.%d", k+1), Origin: r.at(w.line), At: grid.Terminal{Bus: bus, Nodes: []int{1, grid.Earth}}, Phases: 1,
			S: complex(v[1]*1e6, 0), Volts: volts, Hold: v[5], OutOfService: !(v[7] > 0),
		})
	}
	return nil
}
