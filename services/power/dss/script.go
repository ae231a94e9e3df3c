// Package dss reads feeders written for OpenDSS: the part of its scripts that
// describes a circuit and its state for a snapshot power flow.
//
// Commands that show, plot or export, and Solve, are passed over; what a script
// does after solving counts. What is not understood is an error with file and
// line, never a silent guess. Element classes that change nothing in a snapshot
// (meters, monitors, load shapes, protection curves) are left out and noted in
// grid.Network.Notes.
package dss

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/services/power/grid"
)

// Files gives the text of a script's files by name.
type Files interface {
	// ReadFile returns a file's content, or an error that wraps fs.ErrNotExist.
	ReadFile(name string) ([]byte, error)
}

const (
	maxFile   = 64 << 20
	maxDepth  = 20
	maxErrors = 20
)

// Disk reads files of the machine. As these scripts come from systems that
// ignore case, so does it where the exact name is not there.
type Disk struct{}

// ReadFile implements Files.
func (Disk) ReadFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		other, found := ignoringCase(name)
		if !found {
			return nil, err
		}
		name = other
		info, err = os.Stat(name)
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, city.Errorf(city.TooLarge, "%s has %d MiB; at most %d are read", name, info.Size()>>20, maxFile>>20)
	}
	return os.ReadFile(name)
}

func ignoringCase(name string) (string, bool) {
	dir, base := filepath.Split(name)
	if dir == "" {
		dir = "."
	}
	if _, err := os.Stat(dir); err != nil {
		parent, found := ignoringCase(filepath.Clean(dir))
		if !found || filepath.Clean(dir) == dir {
			return "", false
		}
		dir = parent
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", false
	}
	for _, e := range entries {
		if strings.EqualFold(e.Name(), base) {
			return filepath.Join(dir, e.Name()), true
		}
	}
	return "", false
}

// Read reads the script at path and everything it refers to.
func Read(path string) (*grid.Network, error) { return ReadFrom(Disk{}, path) }

// ReadFrom reads a script from files. All mistakes are reported together, up to
// a number, as one error of kind city.Invalid.
func ReadFrom(files Files, name string) (*grid.Network, error) {
	r := newReader(files)
	r.file(name, 0, false)
	if len(r.errs) == 0 {
		if r.circuit == nil {
			r.errs = append(r.errs, fmt.Errorf("%s: no 'New Circuit' in it", name))
		} else {
			network := r.build()
			if len(r.errs) == 0 {
				return network, nil
			}
		}
	}
	if len(r.errs) > maxErrors {
		more := len(r.errs) - maxErrors
		r.errs = append(r.errs[:maxErrors], fmt.Errorf("and %d more", more))
	}
	return nil, city.Errorf(city.Invalid, "%w", errors.Join(r.errs...))
}

// reader is the state while scripts are read.
type reader struct {
	files   Files
	dir     string
	at      grid.Origin
	errs    []error
	stopped bool

	circuit *source
	objects map[string]map[string]object // class, name
	ordered map[string][]object
	active  object
	options options
	notes   []string
	noted   map[string]int // how often each kind of note
	left    map[string]int // classes left out and how often
}

// options are what 'Set' says.
type options struct {
	frequency   float64
	bases       []float64
	controlOff  bool
	carson      bool // the earth's return after Carson, else after Deri
	maxControl  int
	loadMult    float64
	coordinates map[string][2]float64
}

func newReader(files Files) *reader {
	r := &reader{files: files}
	r.clear()
	return r
}

func (r *reader) clear() {
	r.circuit, r.active = nil, nil
	r.objects, r.ordered = map[string]map[string]object{}, map[string][]object{}
	r.options = options{frequency: cmpOr(r.options.frequency, 60), maxControl: 10, loadMult: 1, coordinates: map[string][2]float64{}}
	r.left, r.noted, r.notes = map[string]int{}, map[string]int{}, nil
}

func cmpOr(f, otherwise float64) float64 {
	if f == 0 {
		return otherwise
	}
	return f
}

func (r *reader) fail(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: "+format, append([]any{r.at}, args...)...))
	if len(r.errs) > 200 {
		r.stopped = true
	}
}

// file runs the commands of a file. With stay the folder stays the file's own
// afterwards (Compile), else it returns to what it was (Redirect).
func (r *reader) file(name string, depth int, stay bool) {
	path := filepath.Join(r.dir, strings.ReplaceAll(name, `\`, "/"))
	if filepath.IsAbs(name) {
		path = name
	}
	if depth > maxDepth {
		r.fail("files that redirect to one another more than %d deep", maxDepth)
		r.stopped = true
		return
	}
	text, err := r.files.ReadFile(path)
	if err != nil {
		if r.at.File == "" {
			r.errs = append(r.errs, fmt.Errorf("read %s: %w", path, err))
		} else {
			r.fail("cannot read %s: %w", path, err)
		}
		return
	}
	dir, at := r.dir, r.at
	r.dir = filepath.Dir(path)
	comment := false
	for i, line := range strings.Split(string(text), "\n") {
		if r.stopped {
			return
		}
		r.at = grid.Origin{File: path, Line: i + 1}
		line = strings.TrimSpace(strings.ReplaceAll(strings.TrimPrefix(line, "\ufeff"), "\x00", " "))
		if comment = comment || strings.HasPrefix(line, "/*"); comment {
			comment = !strings.Contains(line, "*/")
			continue
		}
		r.command(line, depth)
	}
	r.at = at
	if !stay {
		r.dir = dir
	}
}

// acting are the commands that are carried out, passed those that change no
// circuit and are passed over.
var (
	acting = strings.Fields(`new edit ~ m more set clear clearall redirect compile open close enable disable batchedit buscoords
		latlongcoords`)
	passed = strings.Fields(`setkvbase calcvoltagebases calcv solve show plot export visualize help interpolate fileedit closedi reset
		sample summary select dump makebuslist about totals voltages currents powers losses estimate get ? var rotate next init
		formedit panel quit save cktlosses relcalc guids uuids comparecases di_plot addbusmarker clearbusmarkers buildy nodelist`)
	commands = slices.Sorted(slices.Values(slices.Concat(acting, passed)))
)

// run carries a command out.
func (r *reader) run(word string, params []parameter, depth int) {
	switch word {
	case "new":
		r.commandNew(params)
	case "edit":
		r.commandEdit(params)
	case "~", "m", "more":
		r.commandMore(params)
	case "set":
		r.commandSet(params)
	case "clear", "clearall":
		r.clear()
	case "redirect", "compile":
		r.include(params, depth, word == "compile")
	case "open", "close":
		r.commandOpen(params, word == "open")
	case "enable", "disable":
		r.commandEnable(params, word == "enable")
	case "batchedit":
		r.commandBatch(params)
	case "buscoords", "latlongcoords":
		r.commandCoordinates(params)
	}
}

func (r *reader) command(line string, depth int) {
	params, err := parameters(line)
	switch {
	case err != nil:
		r.fail("%w", err)
		return
	case len(params) == 0:
		return
	}
	first := params[0]
	if first.name != "" {
		r.property(params)
		return
	}
	word := strings.ToLower(first.value.text)
	if strings.HasPrefix(word, "~") && len(word) > 1 { // "~wdg=1" without a space is read as a name; "~ x" is not
		word = "~"
		params = slices.Insert(params, 1, parameter{value: value{text: first.value.text[1:]}})
	}
	if !slices.Contains(commands, word) {
		i := slices.IndexFunc(commands, func(c string) bool { return len(word) > 2 && strings.HasPrefix(c, word) })
		if i < 0 {
			r.fail("unknown command %q%s", clip(first.value.text), hint(word, commands))
			return
		}
		word = commands[i]
	}
	r.run(word, params[1:], depth)
}

func hint(word string, names []string) string {
	if near := strictyaml.Nearest(word, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

func (r *reader) include(params []parameter, depth int, stay bool) {
	if len(params) == 0 {
		r.fail("which file?")
		return
	}
	r.file(params[0].value.text, depth+1, stay)
}

// property runs "class.name.property=value more=…", and "~property=value".
func (r *reader) property(params []parameter) {
	name := params[0].name
	if rest, ok := strings.CutPrefix(name, "~"); ok {
		params[0].name = rest
		r.commandMore(params)
		return
	}
	parts := strings.Split(name, ".")
	if len(parts) < 3 {
		r.fail("%q is neither a command nor class.name.property", clip(name))
		return
	}
	class, element, property := parts[0], strings.Join(parts[1:len(parts)-1], "."), parts[len(parts)-1]
	if leftOut[class] {
		return
	}
	o := r.find(class, element)
	if o == nil {
		r.fail("there is no %s.%s", class, element)
		return
	}
	r.active = o
	params[0].name = property
	r.edit(o, params)
}

// find returns an object, or nil.
func (r *reader) find(class, name string) object {
	if class == "circuit" {
		class, name = "vsource", "source"
	}
	return r.objects[class][name]
}

// split reads "class.name" from the first parameter, which may be called object.
func split(params []parameter) (class, name string, ok bool) {
	if len(params) == 0 || (params[0].name != "" && params[0].name != "object" && params[0].name != "element") {
		return "", "", false
	}
	class, name, ok = strings.Cut(params[0].value.lower(), ".")
	return class, name, ok && name != ""
}

func (r *reader) commandNew(params []parameter) {
	class, name, ok := split(params)
	if !ok {
		r.fail("after 'New' comes class.name")
		return
	}
	if leftOut[class] {
		r.left[class]++
		r.active = nil
		return
	}
	if class == "circuit" {
		r.clear()
		r.circuit = newSource(r, "source")
		r.circuit.circuit = name
		r.register("vsource", r.circuit)
		r.edit(r.circuit, params[1:])
		return
	}
	c, known := classes[class]
	switch {
	case !known:
		r.fail("element class %q is not among those that are read (%s)%s", class, strings.Join(classNames(), ", "), hint(class, classNames()))
		r.active = &discard{}
		return
	case r.circuit == nil:
		r.fail("%s.%s stands before 'New Circuit'", class, name)
		return
	case r.objects[class][name] != nil:
		r.fail("%s.%s is defined a second time; the first is at %s", class, name, r.objects[class][name].common().origin)
		return
	}
	o := c.make(r, name)
	r.register(class, o)
	r.edit(o, params[1:])
}

func (r *reader) register(class string, o object) {
	if r.objects[class] == nil {
		r.objects[class] = map[string]object{}
	}
	r.objects[class][o.common().name] = o
	r.ordered[class] = append(r.ordered[class], o)
	r.active = o
}

func (r *reader) commandEdit(params []parameter) {
	class, name, ok := split(params)
	if ok && leftOut[class] {
		return
	}
	o := r.find(class, name)
	if !ok || o == nil {
		r.fail("after 'Edit' comes class.name of something that is there; %s.%s is not", class, name)
		return
	}
	r.active = o
	r.edit(o, params[1:])
}

func (r *reader) commandMore(params []parameter) {
	if r.active != nil {
		r.edit(r.active, params)
	}
}

// edit sets properties in the order in which they stand; a value without a name
// belongs to the property after the last one.
func (r *reader) edit(o object, params []parameter) {
	class := o.class()
	if class == nil {
		return
	}
	if f, ok := o.(interface{ finish() }); ok {
		defer f.finish()
	}
	next := 0
	for _, p := range params {
		at := next
		if p.name != "" {
			if at = class.index(p.name); at < 0 {
				r.fail("%s has no property %q%s", class.name, p.name, hint(p.name, class.properties))
				continue
			}
		}
		if at >= len(class.properties) {
			r.fail("%s.%s: %q stands where no further property follows", class.name, o.common().name, clip(p.value.text))
			return
		}
		next = at + 1
		property := class.properties[at]
		if err := r.set(o, property, p.value); err != nil {
			r.fail("%s.%s: %s: %w", class.name, o.common().name, property, err)
		}
	}
}

func (r *reader) set(o object, property string, v value) error {
	c := o.common()
	switch property {
	case "enabled":
		on, err := v.boolean()
		c.disabled = !on
		return err
	case "basefreq":
		f, err := v.number()
		c.frequency = f
		return err
	case "like":
		other := r.objects[o.class().name][v.lower()]
		if other == nil || other == o {
			return fmt.Errorf("there is no %s.%s to be like", o.class().name, v.lower())
		}
		origin, name := c.origin, c.name
		o.like(other)
		c.origin, c.name = origin, name
		return nil
	}
	if o.class().inert[property] {
		return nil
	}
	return o.set(property, v)
}

func (r *reader) commandSet(params []parameter) {
	for _, p := range params {
		if err := r.option(p); err != nil {
			r.fail("set %s: %w", p.name, err)
		}
	}
}

// inertOptions change nothing in a snapshot's equations.
var inertOptions = []string{
	"mode", "number", "stepsize", "h", "hour", "sec", "time", "year", "datapath", "casename", "tolerance", "maxiterations", "maxiter",
	"algorithm", "markercode", "nodewidth", "marktransformers", "markregulators", "markcapacitors", "markswitches", "markpvsystems",
	"markstorage", "markfuses", "markreclosers", "markrelays", "marktrmarkersize", "overloadreport", "voltexceptionreport", "voltexcept",
	"demandinterval", "demand", "diverbose", "trapezoidal", "editor", "emergvminpu", "emergvmaxpu", "normvminpu", "normvmaxpu",
	"allowduplicates", "longlinecorrection", "random", "showexport", "numallociterations", "recorder", "debugtrace",
	"query", "miniterations", "samplemeters", "totaltime", "terminal", "object", "element", "class", "bus", "type", "circuit", "editor",
	"genkw", "genpf", "capkvar", "addtype", "cktmodel", "pricesignal", "pricecurve", "percentgrowth", "%growth", "genmult", "ueweight",
	"lossweight", "transmarkercode", "transmarkersize", "daisysize", "reduceoption", "keeplist", "keepload", "zmag", "registryupdate",
	"trmarkersize", "bemarkersize", "seasonrating", "seasonsignal", "neglectloady", "ldcurve", "zonelock", "logevents", "averagenodes",
}

func (r *reader) option(p parameter) error {
	number := func(to *float64) error {
		f, err := p.value.number()
		if err == nil && !(f > 0) {
			err = fmt.Errorf("%g is not above zero", f)
		}
		*to = f
		return err
	}
	switch p.name {
	case "defaultbasefrequency", "defaultbasefreq", "frequency":
		return number(&r.options.frequency)
	case "loadmult":
		return number(&r.options.loadMult)
	case "voltagebases":
		bases, err := p.value.numbers()
		r.options.bases = slices.DeleteFunc(bases, func(f float64) bool { return !(f > 0) })
		return err
	case "controlmode":
		r.options.controlOff = strings.HasPrefix(p.value.lower(), "off")
		return nil
	case "earthmodel":
		switch name := p.value.lower(); {
		case strings.HasPrefix(name, "c"):
			r.options.carson = true
		case strings.HasPrefix(name, "d"):
			r.options.carson = false
		default:
			return fmt.Errorf("%q is neither Deri nor Carson", clip(p.value.text))
		}
		return nil
	case "maxcontroliter", "maxcontroliterations":
		n, err := p.value.integer()
		r.options.maxControl = n
		return err
	}
	if slices.Contains(inertOptions, p.name) {
		return nil
	}
	return fmt.Errorf("unknown option%s", hint(p.name, append([]string{"defaultbasefrequency", "loadmult", "voltagebases", "controlmode", "maxcontroliter", "earthmodel"}, inertOptions...)))
}

// commandOpen opens or closes conductors: class.name, terminal, conductor (0:
// all).
func (r *reader) commandOpen(params []parameter, open bool) {
	class, name, ok := split(params)
	o, isLine := r.find(class, name).(*line)
	if !ok || !isLine {
		r.fail("only lines can be opened and closed here; there is no line %s.%s", class, name)
		return
	}
	terminal, conductor := 1, 0
	for i, p := range params[1:] {
		n, err := p.value.integer()
		switch {
		case err != nil:
			r.fail("%w", err)
			return
		case strings.HasPrefix(p.name, "t") || (p.name == "" && i == 0):
			terminal = n
		default:
			conductor = n
		}
	}
	if terminal < 1 || terminal > 2 || conductor < 0 || conductor > 30 {
		r.fail("line %s has terminals 1 and 2, not %d", name, terminal)
		return
	}
	mask := uint32(math.MaxUint32)
	if conductor > 0 {
		mask = 1 << (conductor - 1)
	}
	if open {
		o.open[terminal-1] |= mask
	} else {
		o.open[terminal-1] &^= mask
	}
}

func (r *reader) commandEnable(params []parameter, on bool) {
	class, name, ok := split(params)
	if ok && leftOut[class] {
		return
	}
	if name == "*" {
		for _, o := range r.ordered[class] {
			o.common().disabled = !on
		}
		return
	}
	o := r.find(class, name)
	if !ok || o == nil {
		r.fail("there is no %s.%s", class, name)
		return
	}
	o.common().disabled = !on
}

// commandBatch edits all objects of a class whose names match a pattern; only
// ".*" (all of them) and plain beginnings are understood.
func (r *reader) commandBatch(params []parameter) {
	class, pattern, ok := split(params)
	if ok && leftOut[class] {
		return
	}
	prefix, all := strings.CutSuffix(pattern, ".*")
	if !ok || !all || strings.ContainsAny(prefix, `.*+?[](){}|^$\`) {
		r.fail("of BatchEdit only class..* and class.beginning.* are read")
		return
	}
	for _, o := range r.ordered[class] {
		if strings.HasPrefix(o.common().name, prefix) {
			r.edit(o, params[1:])
		}
	}
}

// commandCoordinates reads "bus, x, y" lines.
func (r *reader) commandCoordinates(params []parameter) {
	if len(params) == 0 {
		r.fail("which file?")
		return
	}
	path := filepath.Join(r.dir, strings.ReplaceAll(params[0].value.text, `\`, "/"))
	text, err := r.files.ReadFile(path)
	if err != nil {
		r.notes = append(r.notes, fmt.Sprintf("%s: coordinates left out: %v", r.at, err))
		return
	}
	for i, line := range strings.Split(string(text), "\n") {
		fields, err := parameters(strings.TrimSpace(line))
		if err != nil || len(fields) < 3 {
			continue
		}
		x, errX := fields[1].value.number()
		y, errY := fields[2].value.number()
		if errX != nil || errY != nil {
			if i > 0 {
				r.notes = append(r.notes, fmt.Sprintf("%s:%d: not 'bus, x, y'", path, i+1))
			}
			continue
		}
		r.options.coordinates[fields[0].value.lower()] = [2]float64{x, y}
	}
}
