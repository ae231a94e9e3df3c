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
	"path/filepath"
	"slices"
	"strings"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/services/power/grid"
)

const (
	maxDepth  = 20
	maxErrors = 20
)

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
