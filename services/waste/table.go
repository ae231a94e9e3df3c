package waste

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/service"
)

// LineError is what is wrong with one line of an imported file.
type LineError struct {
	Line   int
	Column string // "" if it is about the line as a whole
	What   string
}

func (e LineError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("line %d: %s", e.Line, e.What)
	}
	return fmt.Sprintf("line %d, %s: %s", e.Line, e.Column, e.What)
}

const (
	maxRows   = 200_000
	maxErrors = 1000
	maxBytes  = 64 << 20
)

// column is a column of a table, with other names that it may have.
type column struct {
	name string
	also []string
	must bool
}

// table reads lines of CSV: comma, semicolon or tab, with a header line.
type table struct {
	columns []column
	example string // of a header line
	most    int    // lines
	row     func(*line)

	at      map[string]int // place of a column in the file
	seen    map[string]int // line of an id
	errors  []LineError
	ignored []string
}

// line is one line of a table.
type line struct {
	*table
	n     int // in the file
	cells []string
}

// read calls row for each line. What is wrong with lines is in errors; err is about a file
// that is no such table at all.
func (t *table) read(r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return err
	}
	if len(text) > maxBytes {
		return city.Errorf(city.TooLarge, "the file is larger than 64 MiB; import it in parts")
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	reader := csv.NewReader(bytes.NewReader(text))
	reader.Comma = separator(text)
	reader.FieldsPerRecord = -1
	reader.TrimLeadingSpace = true
	header, err := reader.Read()
	if err != nil {
		return city.Errorf(city.Invalid, "the file has no header line; the first line names the columns, as in: %s", t.example)
	}
	if err := t.header(header); err != nil {
		return err
	}
	t.seen = map[string]int{}
	for n := 0; ; n++ {
		cells, err := reader.Read()
		l := &line{table: t, cells: cells}
		if err == nil {
			l.n, _ = reader.FieldPos(0)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			bad, _ := errors.AsType[*csv.ParseError](err)
			if bad == nil {
				return err
			}
			l.n = bad.Line
			l.fail("", "not CSV: %s", bad.Err.Error())
		case n >= t.most:
			return city.Errorf(city.TooLarge, "the file has more than %d lines; import it in parts", t.most)
		default:
			t.row(l)
		}
		if len(t.errors) >= maxErrors {
			l.fail("", "more than %d errors: the rest of the file was not looked at", maxErrors)
			return nil
		}
	}
}

func separator(text []byte) rune {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	best, count := ',', bytes.Count(line, []byte(","))
	for _, c := range []rune{';', '\t'} {
		if n := bytes.Count(line, []byte(string(c))); n > count {
			best, count = c, n
		}
	}
	return best
}

// header finds which column is which.
func (t *table) header(names []string) error {
	t.at = map[string]int{}
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		known := false
		for _, c := range t.columns {
			matches := name == c.name
			for _, also := range c.also {
				matches = matches || name == also
			}
			if !matches {
				continue
			}
			if _, twice := t.at[c.name]; twice {
				return city.Errorf(city.Invalid, "line 1: two columns mean %s", c.name)
			}
			t.at[c.name], known = i, true
		}
		if !known {
			t.ignored = append(t.ignored, names[i])
		}
	}
	for _, c := range t.columns {
		if _, ok := t.at[c.name]; c.must && !ok {
			return city.Errorf(city.Invalid, "line 1: there is no column %q (the file has: %s); the columns needed are %s", c.name, strings.Join(names, ", "), t.needed())
		}
	}
	return nil
}

func (t *table) needed() string {
	var names []string
	for _, c := range t.columns {
		if c.must {
			names = append(names, c.name)
		}
	}
	return service.List(names)
}

func (l *line) fail(column, what string, values ...any) {
	l.errors = append(l.errors, LineError{l.n, column, fmt.Sprintf(what, values...)})
}

func (l *line) get(name string) string {
	if i, ok := l.at[name]; ok && i < len(l.cells) {
		return strings.TrimSpace(l.cells[i])
	}
	return ""
}

// id is the line's id, which no line before it may have.
func (l *line) id() string {
	id := l.get("id")
	switch first, twice := l.seen[id]; {
	case id == "":
		l.fail("id", "it is empty")
	case twice:
		l.fail("id", "%q stands on line %d already", id, first)
	default:
		l.seen[id] = l.n
	}
	return id
}

// number is a number within bounds. missing is what an empty cell means; below 0: it may
// not be empty.
func (l *line) number(name string, low, high, missing float64) float64 {
	text := l.get(name)
	if text == "" && missing >= 0 {
		return missing
	}
	v, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(strings.TrimSuffix(text, "%")), ",", ".", 1), 64)
	if err != nil || !(v >= low && v <= high) {
		l.fail(name, "%q is not a number from %g to %g", text, low, high)
		return low
	}
	return v
}

func (l *line) place(lat, lon string) city.Point {
	return city.Point{Lat: l.number(lat, -90, 90, -1), Lon: l.number(lon, -180, 180, -1)}
}

func (l *line) yes(column string) bool {
	text := l.get(column)
	switch strings.ToLower(text) {
	case "", "no", "false", "0", "n":
		return false
	case "yes", "true", "1", "y":
		return true
	}
	l.fail(column, "%q is neither yes nor no", text)
	return false
}

func (l *line) clock(column string, missing time.Duration) time.Duration {
	text := l.get(column)
	if text == "" {
		return missing
	}
	if text == "24:00" {
		return 24 * time.Hour
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		l.fail(column, "%q is not a time as in 06:30", text)
		return missing
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

// hours is a cell such as 06:30-14:00; empty: the zero Hours.
func (l *line) hours(column string) Hours {
	h, err := hours(l.get(column))
	if err != nil {
		l.fail(column, "%s", err.Error())
	}
	return h
}

// fractions is a cell such as mixed|paper; empty: all.
func (l *line) fractions(column string) (list []Fraction) {
	for _, f := range strings.FieldsFunc(l.get(column), func(r rune) bool { return strings.ContainsRune("|,;+", r) }) {
		if f = strings.ToLower(strings.TrimSpace(f)); f != "" {
			list = append(list, Fraction(f))
		}
	}
	return list
}
