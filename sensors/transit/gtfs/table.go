package gtfs

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"polity/city"
	"polity/internal/strictyaml"
)

const maxProblems = 20 // that are told; reading ends then

// reading is one feed being read.
type reading struct {
	files    Files
	limits   Limits
	left     int64 // bytes that may still be unpacked
	problems []error
	notes    []string
}

func (r *reading) full() bool { return len(r.problems) >= maxProblems }

func (r *reading) fail(format string, args ...any) {
	if !r.full() {
		r.problems = append(r.problems, fmt.Errorf(format, args...))
	}
}

func (r *reading) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// table is one file of a feed.
type table struct {
	*reading
	file    string
	in      *guarded
	closer  io.Closer
	csv     *csv.Reader
	columns map[string]int
	row     []string
	rows    int
	most    int
}

// guarded bounds records and the whole.
type guarded struct {
	r      io.Reader
	record int    // bytes that the record being read may still have
	left   *int64 // of the feed
}

var (
	errLongRecord = city.Errorf(city.TooLarge, "a record has more than %d bytes", maxLine)
	errLongFeed   = city.Errorf(city.TooLarge, "the files unpack to more than is allowed")
)

func (g *guarded) Read(b []byte) (int, error) {
	if g.record <= 0 {
		return 0, errLongRecord
	}
	if *g.left <= 0 {
		return 0, errLongFeed
	}
	n, err := g.r.Read(b[:min(int64(len(b)), *g.left)])
	g.record -= n
	*g.left -= int64(n)
	return n, err
}

// table opens a file; nil if it is missing or cannot be read. A missing one is wrong
// only if it is needed.
func (r *reading) table(file string, needed bool, columns ...string) *table {
	f, err := r.files.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		if needed {
			r.fail("%s is missing", file)
		}
		return nil
	}
	if err != nil {
		r.fail("%s cannot be read: %w", file, err)
		return nil
	}
	t := &table{reading: r, file: file, closer: f, most: r.limits.Items, columns: map[string]int{}}
	t.in = &guarded{r: f, record: maxLine, left: &r.left}
	t.csv = csv.NewReader(t.in)
	t.csv.ReuseRecord, t.csv.FieldsPerRecord, t.csv.TrimLeadingSpace = true, -1, true
	head, err := t.csv.Read()
	if err != nil {
		t.close()
		if !errors.Is(err, io.EOF) {
			r.fail("%s", t.wrong(err))
		} else if needed {
			r.fail("%s is empty", file)
		}
		return nil
	}
	for i, name := range head {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff")
		}
		name = strings.Clone(strings.TrimSpace(name))
		if _, twice := t.columns[name]; twice && name != "" {
			r.fail("%s:1: the column %s stands there twice", file, shorten(name))
		}
		t.columns[name] = i
	}
	for _, name := range columns {
		if _, ok := t.columns[name]; !ok {
			hint := ""
			if n := strictyaml.Nearest(name, t.names()); n != "" {
				hint = fmt.Sprintf("; is %q meant?", n)
			}
			r.fail("%s:1: the column %s is missing%s", file, name, hint)
		}
	}
	if r.full() || len(r.problems) > 0 && !t.has(columns) {
		t.close()
		return nil
	}
	return t
}

func (t *table) has(columns []string) bool {
	return !slices.ContainsFunc(columns, func(c string) bool { _, ok := t.columns[c]; return !ok })
}

func (t *table) names() []string {
	var list []string
	for name := range t.columns {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

func (t *table) close() { _ = t.closer.Close() }

// next reads a record. False ends the file.
func (t *table) next() bool {
	if t.full() {
		return false
	}
	t.in.record = maxLine
	row, err := t.csv.Read()
	switch {
	case errors.Is(err, io.EOF):
		return false
	case err != nil:
		t.fail("%s", t.wrong(err))
		return false
	}
	if t.rows++; t.rows > t.most {
		t.fail("%s has more than %d records", t.file, t.most)
		return false
	}
	t.row = row
	if len(row) > len(t.columns) && strings.Join(row[len(t.columns):], "") != "" {
		t.bad("the record has %d cells; the head has %d", len(row), len(t.columns))
	}
	return true
}

func (t *table) wrong(err error) string {
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Sprintf("%s:%d: this is no CSV (RFC 4180): %v", t.file, p.Line, p.Err)
	}
	return fmt.Sprintf("%s:%d: %v", t.file, t.line()+1, err)
}

func (t *table) line() int {
	if len(t.row) == 0 {
		return 1
	}
	line, _ := t.csv.FieldPos(0)
	return line
}

// bad says what is wrong with the record.
func (t *table) bad(format string, args ...any) {
	t.fail("%s:%d: %s", t.file, t.line(), fmt.Sprintf(format, args...))
}

// column is where a column stands, -1 for nowhere.
func (t *table) column(name string) int {
	if i, ok := t.columns[name]; ok {
		return i
	}
	return -1
}

// at is a cell. It is valid until the next record.
func (t *table) at(column int) string {
	if column < 0 || column >= len(t.row) {
		return ""
	}
	return strings.TrimSpace(t.row[column])
}

const maxText = 4096

// text is a cell to keep.
func (t *table) text(name string) string {
	s := t.at(t.column(name))
	if !utf8.ValidString(s) {
		t.bad("%s is no UTF-8", name)
		return ""
	}
	if len(s) > maxText {
		t.bad("%s has %d bytes; %d are allowed", name, len(s), maxText)
		return ""
	}
	return strings.Clone(s)
}

// id is a cell that names something.
func (t *table) id(name string) string {
	s := t.text(name)
	if s == "" {
		t.bad("%s is empty", name)
	}
	if len(s) > maxID {
		t.bad("%s has %d bytes; %d are allowed", name, len(s), maxID)
		return ""
	}
	return s
}

const maxID = 255

// number is a whole number within bounds; absent is what an empty cell means.
func (t *table) number(name string, least, most, absent int) int {
	s := t.at(t.column(name))
	if s == "" {
		return absent
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		t.bad("%s is %q; a whole number from %d to %d is expected", name, shorten(s), least, most)
		return absent
	}
	return n
}

// degrees is a coordinate.
func (t *table) degrees(name string, most float64) (v float64, ok bool) {
	s := t.at(t.column(name))
	if s == "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || v < -most || v > most {
		t.bad("%s is %q; degrees from %g to %g are expected", name, shorten(s), -most, most)
		return 0, false
	}
	return v, true
}

const maxHours = 240

// seconds reads H:MM:SS, counted from noon minus twelve hours of the service day.
// Empty is -1.
func (t *table) seconds(column int) int32 {
	s := t.at(column)
	if s == "" {
		return -1
	}
	v, ok := ParseTime(s)
	if !ok {
		t.bad("%q is no time such as 25:30:00, at most %d hours", shorten(s), maxHours)
		return -1
	}
	return v
}

// ParseTime reads H:MM:SS as seconds of the service day.
func ParseTime(s string) (int32, bool) {
	n := len(s)
	if n < 7 || n > 9 || s[n-3] != ':' || s[n-6] != ':' {
		return 0, false
	}
	h, okH := digits(s[:n-6])
	m, okM := digits(s[n-5 : n-3])
	sec, okS := digits(s[n-2:])
	if !okH || !okM || !okS || m > 59 || sec > 59 || h > maxHours {
		return 0, false
	}
	return h*3600 + m*60 + sec, true
}

func digits(s string) (n int32, ok bool) {
	if s == "" {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int32(s[i]-'0')
	}
	return n, true
}
