package routing

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"polity/city"
)

// Instance is a problem as a VRPLIB file states it. Locations count from 0; the
// depot is location 0 and the others are customers.
type Instance struct {
	Name     string
	Type     string // CVRP, VRPTW, MTVRPTWR ...
	Distance []int32
	Size     int // locations, the depot included
	X, Y     []float64
	Demand   []int32
	Capacity int32
	Vehicles int // 0: as many as needed
	Timed    bool
	Early    []int32 // opening of the time window
	Late     []int32 // closing of the time window
	Release  []int32 // when the goods are at the depot
	Service  []int32
	Reload   bool // a vehicle may return to the depot and go out again
	Factor   int32
}

// maxLocations bounds what one file may ask for: a matrix of 4 bytes a cell.
const maxLocations = 20_000

// vrplibReader collects the sections of a file; numbers are turned into the
// instance's units at the end, when the rounding is known.
type vrplibReader struct {
	name     string
	line     int
	header   map[string]string
	sections map[string][][]float64
	started  map[string]int
}

// ReadVRPLIB reads an instance in VRPLIB format: CVRP with EUC_2D or EXPLICIT
// (FULL_MATRIX, LOWER_ROW) distances, and instances with time windows, release
// times and reloading at the depot (as in the MTVRPTWR set). Distances of CVRP
// instances are rounded to the nearest integer (Uchoa et al. 2017); those with
// time follow the DIMACS convention: every number times ten, cut to an integer.
// A file that cannot be read is an error of kind city.Invalid with its line.
func ReadVRPLIB(r io.Reader, name string) (*Instance, error) {
	p := &vrplibReader{name: name, header: map[string]string{}, sections: map[string][][]float64{}, started: map[string]int{}}
	if err := p.read(r); err != nil {
		return nil, err
	}
	return p.instance()
}

func (p *vrplibReader) errorf(line int, format string, args ...any) error {
	return city.Errorf(city.Invalid, "%s:%d: %s", p.name, line, fmt.Sprintf(format, args...))
}

func (p *vrplibReader) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 4<<20)
	section := ""
	for lines.Scan() {
		p.line++
		text := strings.TrimSpace(lines.Text())
		key, value, colon := strings.Cut(text, ":")
		key = strings.TrimSpace(key)
		switch {
		case text == "":
		case text == "EOF":
			return nil
		case strings.HasSuffix(key, "_SECTION"):
			section = key
			p.started[key] = p.line
		case colon && section == "":
			p.header[key] = strings.Trim(strings.TrimSpace(value), `"`)
		case colon:
			section = ""
			p.header[key] = strings.Trim(strings.TrimSpace(value), `"`)
		case section == "":
			return p.errorf(p.line, "%q is neither 'NAME: value' nor part of a section", clip(text))
		default:
			row, err := p.row(text)
			if err != nil {
				return err
			}
			p.sections[section] = append(p.sections[section], row)
		}
	}
	if err := lines.Err(); err != nil {
		return p.errorf(p.line+1, "%v", err)
	}
	return nil
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

func (p *vrplibReader) row(text string) ([]float64, error) {
	fields := strings.Fields(text)
	row := make([]float64, len(fields))
	for i, f := range fields {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil || math.IsNaN(v) || math.Abs(v) > 1e9 {
			return nil, p.errorf(p.line, "%q is not a number that this format uses", clip(f))
		}
		row[i] = v
	}
	return row, nil
}

func (p *vrplibReader) number(key string, missing int) (int, error) {
	text, ok := p.header[key]
	if !ok {
		return missing, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(v) > 1e9 {
		return 0, city.Errorf(city.Invalid, "%s: %s is %q, which is not a number", p.name, key, clip(text))
	}
	return int(v), nil
}

func (p *vrplibReader) instance() (*Instance, error) {
	size, err := p.number("DIMENSION", 0)
	if err != nil {
		return nil, err
	}
	if size < 2 || size > maxLocations {
		return nil, city.Errorf(city.Invalid, "%s: DIMENSION is %d; it counts the depot and customers, 2 to %d", p.name, size, maxLocations)
	}
	in := &Instance{Name: p.header["NAME"], Type: p.header["TYPE"], Size: size, Factor: 1}
	if in.Name == "" {
		in.Name = p.name
	}
	_, in.Timed = p.sections["TIME_WINDOW_SECTION"]
	_, in.Reload = p.sections["VEHICLES_RELOAD_DEPOT_SECTION"]
	if in.Timed {
		in.Factor = 10
	}
	for key := range p.sections {
		switch key {
		case "NODE_COORD_SECTION", "EDGE_WEIGHT_SECTION", "DEMAND_SECTION", "TIME_WINDOW_SECTION", "RELEASE_TIME_SECTION",
			"SERVICE_TIME_SECTION", "VEHICLES_RELOAD_DEPOT_SECTION", "DEPOT_SECTION":
		default:
			return nil, p.errorf(p.started[key], "%s is not supported; this program reads capacity, time windows, release times and reloading at the depot", key)
		}
	}
	for _, step := range []func(*Instance) error{p.vehicles, p.depot, p.perLocation, p.distances} {
		if err := step(in); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func (p *vrplibReader) vehicles(in *Instance) error {
	capacity, err := p.number("CAPACITY", math.MaxInt32/int(in.Factor)-1)
	if err != nil {
		return err
	}
	in.Capacity = int32(capacity) * in.Factor
	if in.Vehicles, err = p.number("VEHICLES", 0); err != nil {
		return err
	}
	if capacity <= 0 || in.Vehicles < 0 {
		return city.Errorf(city.Invalid, "%s: CAPACITY must be above 0 and VEHICLES not below 0", p.name)
	}
	for i, row := range p.sections["VEHICLES_RELOAD_DEPOT_SECTION"] {
		if len(row) != 2 || row[1] != 1 {
			return p.errorf(p.started["VEHICLES_RELOAD_DEPOT_SECTION"]+1+i, "only reloading at the depot, location 1, is supported")
		}
	}
	return nil
}

func (p *vrplibReader) depot(*Instance) error {
	for i, row := range p.sections["DEPOT_SECTION"] {
		for j, v := range row {
			if v == -1 || (i == 0 && j == 0 && v == 1) {
				continue
			}
			return p.errorf(p.started["DEPOT_SECTION"]+1+i, "depot %g: one depot, which is location 1, is supported", v)
		}
	}
	return nil
}

// column fills a value per location from column col of a section.
func (p *vrplibReader) column(section string, size, col int, factor float64, into []int32) error {
	rows := p.sections[section]
	if len(rows) != size {
		return p.errorf(p.started[section], "%s has %d lines; DIMENSION says %d", section, len(rows), size)
	}
	for i, row := range rows {
		line := p.started[section] + 1 + i
		if len(row) <= col {
			return p.errorf(line, "%s needs %d numbers on a line", section, col+1)
		}
		if int(row[0]) != i+1 {
			return p.errorf(line, "location %g stands where location %d is expected", row[0], i+1)
		}
		v := row[col] * factor
		if v < 0 || v > math.MaxInt32/4 {
			return p.errorf(line, "%g is below 0 or too large", row[col])
		}
		into[i] = int32(v)
	}
	return nil
}

func (p *vrplibReader) perLocation(in *Instance) error {
	n, factor := in.Size, float64(in.Factor)
	make32 := func() []int32 { return make([]int32, n) }
	in.Demand, in.Early, in.Late, in.Release, in.Service = make32(), make32(), make32(), make32(), make32()
	if _, ok := p.sections["DEMAND_SECTION"]; !ok {
		return city.Errorf(city.Invalid, "%s: it has no DEMAND_SECTION", p.name)
	}
	if err := p.column("DEMAND_SECTION", n, 1, factor, in.Demand); err != nil {
		return err
	}
	for i, q := range in.Demand {
		if q > in.Capacity {
			return p.errorf(p.started["DEMAND_SECTION"]+1+i, "no vehicle can carry %d: the capacity is %d", q/in.Factor, in.Capacity/in.Factor)
		}
	}
	for i := range in.Late {
		in.Late[i] = math.MaxInt32 / 4
	}
	service, err := p.number("SERVICE_TIME", 0)
	if err != nil {
		return err
	}
	for i := 1; i < n; i++ {
		in.Service[i] = int32(service) * in.Factor
	}
	optional := []struct {
		section string
		col     int
		into    []int32
	}{
		{"TIME_WINDOW_SECTION", 1, in.Early},
		{"TIME_WINDOW_SECTION", 2, in.Late},
		{"RELEASE_TIME_SECTION", 1, in.Release},
		{"SERVICE_TIME_SECTION", 1, in.Service},
	}
	for _, o := range optional {
		if _, ok := p.sections[o.section]; ok {
			if err := p.column(o.section, n, o.col, factor, o.into); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *vrplibReader) distances(in *Instance) error {
	switch kind := p.header["EDGE_WEIGHT_TYPE"]; kind {
	case "EUC_2D":
		return p.euclidean(in)
	case "EXPLICIT":
		return p.explicit(in)
	default:
		return city.Errorf(city.Invalid, "%s: EDGE_WEIGHT_TYPE %q is not supported; EUC_2D and EXPLICIT are", p.name, kind)
	}
}

func (p *vrplibReader) euclidean(in *Instance) error {
	rows := p.sections["NODE_COORD_SECTION"]
	if len(rows) != in.Size {
		return p.errorf(p.started["NODE_COORD_SECTION"], "NODE_COORD_SECTION has %d lines; DIMENSION says %d", len(rows), in.Size)
	}
	in.X, in.Y = make([]float64, in.Size), make([]float64, in.Size)
	for i, row := range rows {
		if len(row) != 3 || int(row[0]) != i+1 {
			return p.errorf(p.started["NODE_COORD_SECTION"]+1+i, "expected location %d with its x and y", i+1)
		}
		in.X[i], in.Y[i] = row[1], row[2]
	}
	n := in.Size
	in.Distance = make([]int32, n*n)
	for i := range n {
		for j := range n {
			e := math.Hypot(in.X[i]-in.X[j], in.Y[i]-in.Y[j])
			if in.Timed {
				e = float64(int64(10 * e))
			} else {
				e = math.Floor(e + 0.5)
			}
			if e > math.MaxInt32/8 {
				return city.Errorf(city.Invalid, "%s: locations %d and %d lie too far apart", p.name, i+1, j+1)
			}
			in.Distance[i*n+j] = int32(e)
		}
	}
	return nil
}

func (p *vrplibReader) explicit(in *Instance) error {
	var flat []float64
	for _, row := range p.sections["EDGE_WEIGHT_SECTION"] {
		flat = append(flat, row...)
	}
	n := in.Size
	format := p.header["EDGE_WEIGHT_FORMAT"]
	want := map[string]int{"FULL_MATRIX": n * n, "LOWER_ROW": n * (n - 1) / 2}[format]
	if want == 0 {
		return city.Errorf(city.Invalid, "%s: EDGE_WEIGHT_FORMAT %q is not supported; FULL_MATRIX and LOWER_ROW are", p.name, format)
	}
	if len(flat) != want {
		return p.errorf(p.started["EDGE_WEIGHT_SECTION"], "%s of %d locations has %d numbers; here are %d", format, n, want, len(flat))
	}
	in.Distance = make([]int32, n*n)
	next := 0
	take := func() int32 {
		v := int32(math.Min(math.Max(flat[next]*float64(in.Factor), 0), math.MaxInt32/8))
		next++
		return v
	}
	for i := range n {
		if format == "FULL_MATRIX" {
			for j := range n {
				in.Distance[i*n+j] = take()
			}
			in.Distance[i*n+i] = 0
			continue
		}
		for j := range i {
			v := take()
			in.Distance[i*n+j], in.Distance[j*n+i] = v, v
		}
	}
	return nil
}

// WriteSolution writes tours in VRPLIB's solution format; a 0 inside a tour is a
// return to the depot between two trips.
func WriteSolution(w io.Writer, tours [][]int32, cost int64) error {
	out := bufio.NewWriter(w)
	number := 0
	for _, tour := range tours {
		if len(tour) == 0 {
			continue
		}
		number++
		fmt.Fprintf(out, "Route #%d:", number)
		for _, c := range tour {
			fmt.Fprintf(out, " %d", c)
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "Cost %d\n", cost)
	return out.Flush()
}
