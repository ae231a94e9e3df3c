// Package harness is what all benchmarks share: variables from the environment,
// help, progress, and the one JSON object on the last line of the output.
package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Variable is a setting of a benchmark, given as `make bench-NAME VARIABLE=value`.
type Variable struct {
	Name, Default, Help string
	// Of names a variable listed before, to whose default this default belongs, as
	// annotations do to a film: where another value is given for that one, this one
	// has none but what is given.
	Of string
}

// Bench is one benchmark.
type Bench struct {
	Name      string // as in `make bench-NAME`
	About     string // what is measured, against whom, in which unit
	Variables []Variable
	Quick     string // what QUICK=1 leaves out; empty if it knows no QUICK
	Full      string // what FULL=1 adds and how long it takes; empty if it knows no FULL
	// Run measures and returns the figures. A figure that could not be had is null,
	// never an old number.
	Run func(ctx context.Context, r *Run) (Figures, error)
}

// Figures are the fields of the last line, in order.
type Figures []Figure

// Figure is one field. Value is a number, a string, nil or a list or map of them.
type Figure struct {
	Name  string
	Value any
}

// Run is one run of a benchmark.
type Run struct {
	Quick, Full bool
	values      map[string]string
	progress    io.Writer
	start       time.Time
}

// Main runs b for `make bench-NAME` and exits.
func Main(b Bench) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := b.main(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func (b Bench) main(ctx context.Context, args []string, getenv func(string) string, out, progress io.Writer) int {
	if len(args) > 0 {
		b.help(out)
		if args[0] == "--help" || args[0] == "-h" {
			return 0
		}
		return 2
	}
	r := &Run{values: map[string]string{}, progress: progress, start: time.Now(), Quick: getenv("QUICK") == "1", Full: getenv("FULL") == "1"}
	for _, v := range b.Variables {
		r.values[v.Name] = v.Default
		if v.Of != "" && b.given(r, v.Of) {
			r.values[v.Name] = ""
		}
		if set := getenv(v.Name); set != "" {
			r.values[v.Name] = set
		}
	}
	switch {
	case r.Quick && b.Quick != "":
		r.Say("QUICK=1: left out: %s", b.Quick)
	case r.Full && b.Full != "":
		r.Say("FULL=1: %s", b.Full)
	}
	figures, err := b.Run(ctx, r)
	if err != nil {
		fmt.Fprintf(progress, "bench-%s: %v\n", b.Name, err)
		return 1
	}
	line, err := figures.line(b.Name)
	if err != nil {
		fmt.Fprintf(progress, "bench-%s: %v\n", b.Name, err)
		return 1
	}
	fmt.Fprintf(out, "%s\n", line)
	return 0
}

// given says whether a variable has another value than its default.
func (b Bench) given(r *Run, name string) bool {
	i := slices.IndexFunc(b.Variables, func(v Variable) bool { return v.Name == name })
	return r.Text(name) != b.Variables[i].Default
}

func (b Bench) help(w io.Writer) {
	fmt.Fprintf(w, "make bench-%s [VARIABLE=value ...]\n\n%s\n", b.Name, b.About)
	if len(b.Variables) > 0 {
		fmt.Fprintln(w, "\nVariables:")
	}
	for _, v := range b.Variables {
		fmt.Fprintf(w, "  %-14s %s", v.Name, v.Help)
		if v.Default != "" {
			fmt.Fprintf(w, " (default %s", v.Default)
			if v.Of != "" {
				fmt.Fprintf(w, ", of the default %s only", v.Of)
			}
			fmt.Fprint(w, ")")
		}
		fmt.Fprintln(w)
	}
	if b.Quick != "" {
		fmt.Fprintf(w, "  %-14s within a minute; leaves out: %s\n", "QUICK=1", b.Quick)
	}
	if b.Full != "" {
		fmt.Fprintf(w, "  %-14s %s\n", "FULL=1", b.Full)
	}
}

func (f Figures) line(name string) ([]byte, error) {
	seen := map[string]bool{}
	var buf bytes.Buffer
	fmt.Fprintf(&buf, `{"bench":%q`, name)
	for _, x := range f {
		if seen[x.Name] {
			return nil, fmt.Errorf("figure %q twice", x.Name)
		}
		seen[x.Name] = true
		value, err := json.Marshal(x.Value)
		if err != nil {
			return nil, fmt.Errorf("figure %q: %w", x.Name, err)
		}
		fmt.Fprintf(&buf, ",%q:%s", x.Name, value)
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}

// Say prints a line of progress with the seconds since the start.
func (r *Run) Say(format string, args ...any) {
	fmt.Fprintf(r.progress, "%6.1f s  %s\n", time.Since(r.start).Seconds(), fmt.Sprintf(format, args...))
}

// Text returns a variable's value. It panics on a name that the Bench does not
// list.
func (r *Run) Text(name string) string {
	v, ok := r.values[name]
	if !ok {
		panic("benchmark variable " + name + " is not listed")
	}
	return v
}

// Number returns a variable as a number.
func (r *Run) Number(name string) (float64, error) {
	v, err := strconv.ParseFloat(r.Text(name), 64)
	if err != nil {
		return 0, fmt.Errorf("%s=%q is not a number", name, r.Text(name))
	}
	return v, nil
}

// List returns a variable's comma- or space-separated parts.
func (r *Run) List(name string) []string {
	return strings.FieldsFunc(r.Text(name), func(c rune) bool { return c == ',' || c == ' ' })
}

// Data returns the path of a file or folder of reference data that the variable
// names, or an error that says how to give another.
func (r *Run) Data(name string) (string, error) {
	path := r.Text(name)
	if path == "" {
		return "", nil
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%s=%s is not there; name another with %s=", name, path, name)
	} else if err != nil {
		return "", err
	}
	return path, nil
}
