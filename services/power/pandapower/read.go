package pandapower

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/cmplx"
	"os"
	"slices"
	"strings"

	"polity/city"
	"polity/services/power/grid"
)

const maxFile = 256 << 20

// ignored are tables without effect on a power flow.
var ignored = []string{"pwl_cost", "poly_cost", "controller", "group", "measurement", "characteristic", "bus_geodata", "line_geodata"}

// Read reads the JSON file at path.
func Read(path string) (*grid.Network, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, city.Errorf(city.TooLarge, "%s has more than %d MiB", path, maxFile>>20)
	}
	return Parse(path, text)
}

// Parse reads a network from JSON; name is what errors call it.
func Parse(name string, text []byte) (*grid.Network, error) {
	r := &reader{file: name, tables: map[string]*table{}, buses: map[int]int{}}
	if err := r.load(text); err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", name, err)
	}
	for _, step := range []func(){
		r.readBuses, r.readSources, r.readLines, r.readTransformers, r.readTransformers3, r.readSwitches, r.readLoads, r.readGenerators,
		r.readShunts, r.readWards, r.readImpedances,
	} {
		step()
	}
	if len(r.errs) > 0 {
		return nil, city.Errorf(city.Invalid, "%w", errors.Join(r.errs...))
	}
	return r.net, nil
}

type reader struct {
	file   string
	tables map[string]*table
	net    *grid.Network
	buses  map[int]int // pandapower's index -> ours
	lines  map[int]int
	trafos map[int]int
	three  map[int]int
	errs   []error
}

func (r *reader) fail(format string, args ...any) {
	if len(r.errs) < 20 {
		r.errs = append(r.errs, fmt.Errorf(r.file+": "+format, args...))
	}
}

// load decodes the file's tables.
func (r *reader) load(text []byte) error {
	var file struct {
		Class  string                     `json:"_class"`
		Object map[string]json.RawMessage `json:"_object"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	if file.Class != "pandapowerNet" {
		return errors.New("not a network of pandapower: _class is not pandapowerNet")
	}
	r.net = &grid.Network{Balanced: true, Frequency: 50}
	_ = json.Unmarshal(file.Object["name"], &r.net.Name) // may be null
	if err := json.Unmarshal(file.Object["f_hz"], &r.net.Frequency); err != nil {
		return fmt.Errorf("f_hz: %w", err)
	}
	for name, raw := range file.Object {
		t, err := readTable(name, raw)
		if err != nil {
			return err
		}
		if t != nil {
			r.tables[name] = t
		}
	}
	if r.tables["bus"].rows() == 0 {
		return errors.New("no buses in it")
	}
	known := slices.Concat([]string{
		"bus", "ext_grid", "line", "trafo", "trafo3w", "switch", "load", "sgen", "gen", "shunt", "storage", "ward", "impedance", "motor",
	}, ignored)
	var left []string
	for name, t := range r.tables {
		if t.rows() == 0 || strings.HasPrefix(name, "res_") || strings.HasPrefix(name, "_") || slices.Contains(known, name) || strings.Contains(name, "characteristic") || strings.Contains(name, "capability") {
			continue
		}
		left = append(left, fmt.Sprintf("%s (%d)", name, t.rows()))
	}
	if len(left) > 0 {
		slices.Sort(left)
		return fmt.Errorf("elements that are not read: %s", strings.Join(left, ", "))
	}
	return nil
}

func (r *reader) origin(t *table, row int) grid.Origin {
	return grid.Origin{File: fmt.Sprintf("%s %s %d", r.file, t.name, t.index[row])}
}

// each calls f for every row of a table, and reports its error.
func (r *reader) each(name string, f func(t *table, row int) error) {
	t := r.tables[name]
	for row := range t.rows() {
		if err := f(t, row); err != nil {
			r.fail("%w", err)
		}
	}
}

func (r *reader) readBuses() {
	r.each("bus", func(t *table, row int) error {
		kv, err := t.need(row, "vn_kv")
		if err != nil {
			return err
		}
		if !(kv > 0) {
			return fmt.Errorf("bus %d: vn_kv is %g; it must be above zero", t.index[row], kv)
		}
		i := r.net.AddBus(fmt.Sprint(t.index[row]), r.origin(t, row))
		r.buses[t.index[row]] = i
		b := &r.net.Buses[i]
		b.BaseKV, b.Label = kv, t.text(row, "name")
		var point struct {
			Type        string    `json:"type"`
			Coordinates []float64 `json:"coordinates"`
		}
		if json.Unmarshal([]byte(t.text(row, "geo")), &point) == nil && len(point.Coordinates) >= 2 {
			b.X, b.Y, b.Located = point.Coordinates[0], point.Coordinates[1], true
		}
		return nil
	})
	if geo := r.tables["bus_geodata"]; geo != nil {
		for row := range geo.rows() {
			if i, ok := r.buses[geo.index[row]]; ok {
				b := &r.net.Buses[i]
				b.X, b.Y, b.Located = geo.number(row, "x", 0), geo.number(row, "y", 0), true
			}
		}
	}
}

// bus returns the bus that a column names.
func (r *reader) bus(t *table, row int, column string) (int, error) {
	f, err := t.need(row, column)
	if err != nil {
		return 0, err
	}
	i, ok := r.buses[int(f)]
	if !ok {
		return 0, fmt.Errorf("%s %d: %s %g is no bus", t.name, t.index[row], column, f)
	}
	return i, nil
}

// busLive says whether the bus is in service.
func (r *reader) busLive(bus int) bool {
	t := r.tables["bus"]
	var index int
	if _, err := fmt.Sscan(r.net.Buses[bus].Name, &index); err != nil {
		return true
	}
	return t.boolean(t.order[index], "in_service", true)
}

func terminal(bus int) grid.Terminal { return grid.Terminal{Bus: bus, Nodes: []int{1, grid.Earth}} }

// phaseVolts is a bus's nominal voltage to neutral.
func (r *reader) phaseVolts(bus int) float64 { return r.net.Buses[bus].BaseKV * 1000 / math.Sqrt(3) }

func (r *reader) readSources() {
	r.each("ext_grid", func(t *table, row int) error {
		bus, err := r.bus(t, row, "bus")
		if err != nil {
			return err
		}
		v := cmplx.Rect(t.number(row, "vm_pu", 1)*r.phaseVolts(bus), t.number(row, "va_degree", 0)*math.Pi/180)
		r.net.Sources = append(r.net.Sources, grid.Source{
			Name: fmt.Sprintf("ext_grid.%d", t.index[row]), Origin: r.origin(t, row), At: grid.Terminal{Bus: bus, Nodes: []int{1}},
			V: []complex128{v}, OutOf: !t.boolean(row, "in_service", true),
		})
		return nil
	})
	r.each("gen", func(t *table, row int) error { // a generator may be the slack
		if !t.boolean(row, "slack", false) {
			return nil
		}
		bus, err := r.bus(t, row, "bus")
		if err != nil {
			return err
		}
		r.net.Sources = append(r.net.Sources, grid.Source{
			Name: fmt.Sprintf("gen.%d", t.index[row]), Origin: r.origin(t, row), At: grid.Terminal{Bus: bus, Nodes: []int{1}},
			V: []complex128{complex(t.number(row, "vm_pu", 1)*r.phaseVolts(bus), 0)}, OutOf: !t.boolean(row, "in_service", true),
		})
		return nil
	})
}

func scalar(z complex128) grid.Matrix {
	m := grid.NewMatrix(1)
	m.Set(0, 0, z)
	return m
}

func (r *reader) readLines() {
	r.lines = map[int]int{}
	r.each("line", func(t *table, row int) error {
		from, err := r.bus(t, row, "from_bus")
		if err != nil {
			return err
		}
		to, err := r.bus(t, row, "to_bus")
		if err != nil {
			return err
		}
		km, err := t.need(row, "length_km")
		if err != nil {
			return err
		}
		parallel := max(1, t.number(row, "parallel", 1))
		series := complex(t.number(row, "r_ohm_per_km", 0), t.number(row, "x_ohm_per_km", 0)) * complex(km/parallel, 0)
		shunt := complex(t.number(row, "g_us_per_km", 0)*1e-6, 2*math.Pi*r.net.Frequency*t.number(row, "c_nf_per_km", 0)*1e-9) * complex(km*parallel, 0)
		l := grid.Line{
			Name: fmt.Sprintf("line.%d", t.index[row]), Origin: r.origin(t, row), Metres: km * 1000,
			Ends: [2]grid.Terminal{{Bus: from, Nodes: []int{1}}, {Bus: to, Nodes: []int{1}}}, Z: scalar(series), Shunt: scalar(shunt),
		}
		if amps := t.number(row, "max_i_ka", 0) * 1000 * t.number(row, "df", 1) * parallel; amps < 90e3 { // case files write 99999 for none
			l.RatedA, l.EmergencyA = amps, amps
		}
		if !t.boolean(row, "in_service", true) || !r.busLive(from) || !r.busLive(to) {
			l.SetClosed(false)
			l.Switch = true
		}
		r.lines[t.index[row]] = len(r.net.Lines)
		r.net.Lines = append(r.net.Lines, l)
		return nil
	})
}

func (r *reader) readSwitches() {
	r.each("switch", func(t *table, row int) error {
		closed := t.boolean(row, "closed", true)
		element, err := t.need(row, "element")
		if err != nil {
			return err
		}
		bus, err := r.bus(t, row, "bus")
		if err != nil {
			return err
		}
		kind := t.text(row, "et")
		switch kind {
		case "b":
			other, ok := r.buses[int(element)]
			if !ok {
				return fmt.Errorf("switch %d: element %g is no bus", t.index[row], element)
			}
			z := complex(max(t.number(row, "z_ohm", 0), switchOhms), 0)
			l := grid.Line{
				Name: fmt.Sprintf("switch.%d", t.index[row]), Origin: r.origin(t, row), Switch: true, Z: scalar(z),
				Ends: [2]grid.Terminal{{Bus: bus, Nodes: []int{1}}, {Bus: other, Nodes: []int{1}}},
			}
			l.SetClosed(closed)
			r.net.Lines = append(r.net.Lines, l)
		case "l":
			i, ok := r.lines[int(element)]
			if !ok {
				return fmt.Errorf("switch %d: element %g is no line", t.index[row], element)
			}
			l := &r.net.Lines[i]
			l.Switch = true
			for end := range 2 {
				if l.Ends[end].Bus == bus && !closed {
					l.Open[end] = 1
				}
			}
		case "t", "t3":
			list := r.trafos
			if kind == "t3" {
				list = r.three
			}
			i, ok := list[int(element)]
			if !ok {
				return fmt.Errorf("switch %d: element %g is no transformer", t.index[row], element)
			}
			if !closed {
				r.net.Transformers[i].OutOfService = true
			}
		default:
			return fmt.Errorf("switch %d: et %q is not read (b, l, t, t3)", t.index[row], kind)
		}
		return nil
	})
}

// switchOhms stands for a switch without impedance, which the equations cannot
// have.
const switchOhms = 1e-6
