// Package scada reads and writes a water network's measurements in the form of
// BattLeDIM's files: a folder with a table each of pressures (m), flows (m³/h),
// tank levels (m) and metered demands (L/h), a row every few minutes.
package scada

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"polity/city"
)

// Table is one kind of measurement. Values[c][i] is column c's at Start + i·Step,
// NaN where the file has none.
type Table struct {
	Name   string // of the file
	Start  time.Time
	Step   time.Duration
	Names  []string
	Values [][]float32
	// Gaps is how many rows were missing, Empty how many single values.
	Gaps, Empty int
}

// Len returns the number of rows.
func (t *Table) Len() int {
	if len(t.Values) == 0 {
		return 0
	}
	return len(t.Values[0])
}

// Column returns the values of a name, or nil.
func (t *Table) Column(name string) []float32 {
	for i, n := range t.Names {
		if n == name {
			return t.Values[i]
		}
	}
	return nil
}

// Data is a folder's content.
type Data struct {
	Pressures, Flows, Levels, Demands *Table
}

// Layout of time in BattLeDIM's tables; seconds may be missing.
const (
	timeForm  = "2006-01-02 15:04:05"
	shortForm = "2006-01-02 15:04"
	mostRows  = 5 << 20
	mostNames = 10000
)

// kinds are the tables of a folder by how their files' names end.
var kinds = []string{"pressures", "flows", "levels", "demands"}

// ReadFolder reads the four tables of a folder: the .csv files whose names end with
// Pressures, Flows, Levels and Demands, as in 2019_SCADA_Pressures.csv; the last two may
// be missing. Errors are of kind city.Invalid and name file and line.
func ReadFolder(folder string) (*Data, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s is no folder of measurements: %w", folder, err)
	}
	found := map[string]string{}
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		for _, kind := range kinds {
			if !strings.HasSuffix(name, kind+".csv") {
				continue
			}
			if found[kind] != "" {
				return nil, city.Errorf(city.Invalid, "%s holds two tables of %s, %s and %s; keep one year in a folder", folder, kind, found[kind], e.Name())
			}
			found[kind] = e.Name()
		}
	}
	d := &Data{}
	for i, into := range []**Table{&d.Pressures, &d.Flows, &d.Levels, &d.Demands} {
		name := found[kinds[i]]
		if name == "" && i >= 2 { // not every network has tanks, nor meters that are read
			*into = &Table{Name: filepath.Join(folder, kinds[i]), Start: d.Pressures.Start, Step: d.Pressures.Step}
			continue
		}
		if name == "" {
			return nil, city.Errorf(city.Invalid, "%s holds no table of %s: a file whose name ends with %s.csv", folder, kinds[i], kinds[i])
		}
		file, err := os.Open(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		*into, err = Read(filepath.Join(folder, name), file)
		_ = file.Close()
		if err != nil {
			return nil, err
		}
	}
	return d, d.same()
}

// same checks that all tables cover the same time.
func (d *Data) same() error {
	p := d.Pressures
	for _, t := range []*Table{d.Flows, d.Levels, d.Demands} {
		if len(t.Names) == 0 {
			continue
		}
		if !t.Start.Equal(p.Start) || t.Step != p.Step || t.Len() != p.Len() {
			return city.Errorf(city.Invalid, "%s has %d rows from %s every %v, but %s has %d from %s every %v; the tables must cover the same time",
				t.Name, t.Len(), t.Start.Format(timeForm), t.Step, p.Name, p.Len(), p.Start.Format(timeForm), p.Step)
		}
	}
	return nil
}

// form is how a table writes numbers.
type form struct {
	separator string
	comma     bool
}

// Read reads one table: a first line Timestamp and names, then rows. Fields are
// parted by ; (numbers with a decimal comma or point) or by , (decimal point).
// Missing rows are filled with NaN up to the next; time must go forward.
func Read(name string, r io.Reader) (*Table, error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), 4<<20)
	t := &Table{Name: name}
	f, err := t.head(in)
	if err != nil {
		return nil, err
	}
	p := &parser{table: t, form: f}
	for line := 2; in.Scan(); line++ {
		if strings.TrimSpace(in.Text()) == "" {
			continue
		}
		if err := p.row(in.Text()); err != nil {
			return nil, city.Errorf(city.Invalid, "%s:%d: %w", name, line, err)
		}
	}
	if err := in.Err(); err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", name, err)
	}
	if t.Len() < 2 {
		return nil, city.Errorf(city.Invalid, "%s has %d rows; two are needed to know the time step", name, t.Len())
	}
	return t, nil
}

func (t *Table) head(in *bufio.Scanner) (form, error) {
	if !in.Scan() {
		return form{}, city.Errorf(city.Invalid, "%s is empty", t.Name)
	}
	head := strings.TrimPrefix(in.Text(), "\ufeff")
	f := form{separator: ","}
	if strings.Contains(head, ";") {
		f = form{separator: ";", comma: true}
	}
	fields := strings.Split(head, f.separator)
	if first := strings.ToLower(strings.Trim(fields[0], "\" ")); !strings.HasPrefix(first, "time") {
		return f, city.Errorf(city.Invalid, "%s:1: the first column is %q, not Timestamp; is this a table of measurements?", t.Name, fields[0])
	}
	if len(fields) < 2 || len(fields) > mostNames {
		return f, city.Errorf(city.Invalid, "%s:1: %d columns after the time; 1 to %d are possible", t.Name, len(fields)-1, mostNames)
	}
	seen := map[string]bool{}
	for _, n := range fields[1:] {
		n = strings.Trim(n, "\" \r")
		if n == "" || seen[n] {
			return f, city.Errorf(city.Invalid, "%s:1: column %q is empty or there twice", t.Name, n)
		}
		seen[n] = true
		t.Names = append(t.Names, n)
	}
	t.Values = make([][]float32, len(t.Names))
	return f, nil
}

type parser struct {
	table *Table
	form  form
	step  time.Duration
}

func (p *parser) row(text string) error {
	t := p.table
	stamp, rest, ok := strings.Cut(strings.TrimRight(text, "\r"), p.form.separator)
	if !ok {
		return fmt.Errorf("no fields after the time %q", stamp)
	}
	at, err := readTime(strings.Trim(stamp, "\" "))
	if err != nil {
		return err
	}
	if err := p.place(at); err != nil {
		return err
	}
	for c := range t.Names {
		field := rest
		if c < len(t.Names)-1 {
			if field, rest, ok = strings.Cut(rest, p.form.separator); !ok {
				return fmt.Errorf("%d values; the first line names %d columns", c+1, len(t.Names))
			}
		} else if strings.Contains(rest, p.form.separator) {
			return fmt.Errorf("more values than the %d columns of the first line", len(t.Names))
		}
		v, err := p.number(field)
		if err != nil {
			return fmt.Errorf("%s: %w", t.Names[c], err)
		}
		t.Values[c] = append(t.Values[c], v)
	}
	return nil
}

// place checks the time of a row and fills missing rows before it.
func (p *parser) place(at time.Time) error {
	t := p.table
	n := t.Len()
	switch n {
	case 0:
		t.Start = at
		return nil
	case 1:
		if p.step = at.Sub(t.Start); p.step <= 0 {
			return fmt.Errorf("time goes back to %s", at.Format(timeForm))
		}
		t.Step = p.step
		return nil
	}
	since := at.Sub(t.Start)
	if since%t.Step != 0 {
		return fmt.Errorf("%s is off the step of %v from %s", at.Format(timeForm), t.Step, t.Start.Format(timeForm))
	}
	row := int(since / t.Step)
	if row < n {
		return fmt.Errorf("%s is there twice, or time goes back", at.Format(timeForm))
	}
	if row > mostRows {
		return fmt.Errorf("%s is %d rows after the start; is the year right?", at.Format(timeForm), row)
	}
	for ; n < row; n++ {
		t.Gaps++
		for c := range t.Values {
			t.Values[c] = append(t.Values[c], float32(math.NaN()))
		}
	}
	return nil
}

func readTime(s string) (time.Time, error) {
	for _, f := range []string{timeForm, shortForm, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(f, s); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("time %q is not of the form %s", s, timeForm)
}

// plain reads what most fields are, digits with one point or comma, in a fraction of
// the time that the general way takes: a year has ten million of them.
func (p *parser) plain(s string) (float32, bool) {
	if len(s) == 0 || len(s) > 12 {
		return 0, false
	}
	negative := s[0] == '-'
	if negative {
		s = s[1:]
	}
	whole, scale, point := 0, 1, false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			whole = 10*whole + int(c-'0')
			if point {
				scale *= 10
			}
		case (c == '.' || c == ',' && p.form.comma) && !point && i > 0 && i < len(s)-1:
			point = true
		default:
			return 0, false
		}
	}
	if negative {
		whole = -whole
	}
	return float32(float64(whole) / float64(scale)), s != ""
}

func (p *parser) number(s string) (float32, error) {
	if v, ok := p.plain(s); ok {
		return v, nil
	}
	s = strings.Trim(s, "\" ")
	if s == "" || strings.EqualFold(s, "nan") {
		p.table.Empty++
		return float32(math.NaN()), nil
	}
	if p.form.comma && strings.Contains(s, ",") {
		s = strings.Replace(s, ",", ".", 1)
	}
	v, err := strconv.ParseFloat(s, 32)
	if err != nil || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	return float32(v), nil
}

// Write writes a table as BattLeDIM's files are: fields parted by ;, decimal comma,
// two places.
func (t *Table) Write(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<20)
	_, _ = out.WriteString("Timestamp")
	for _, n := range t.Names {
		_, _ = out.WriteString(";" + n)
	}
	_ = out.WriteByte('\n')
	var field []byte
	for i := range t.Len() {
		_, _ = out.WriteString(t.Start.Add(time.Duration(i) * t.Step).Format(timeForm))
		for c := range t.Names {
			_ = out.WriteByte(';')
			if v := t.Values[c][i]; !math.IsNaN(float64(v)) {
				field = strconv.AppendFloat(field[:0], float64(v), 'f', 2, 32)
				for k := range field {
					if field[k] == '.' {
						field[k] = ','
					}
				}
				_, _ = out.Write(field)
			}
		}
		_ = out.WriteByte('\n')
	}
	return out.Flush() // the first error of the writer
}

// Append adds the rows that follow, of the same columns.
func (d *Data) Append(more *Data) {
	for _, t := range [][2]*Table{{d.Pressures, more.Pressures}, {d.Flows, more.Flows}, {d.Levels, more.Levels}, {d.Demands, more.Demands}} {
		for c := range t[0].Values {
			t[0].Values[c] = append(t[0].Values[c], t[1].Values[c]...)
		}
	}
}

// WriteFolder writes the four tables, their names beginning with prefix.
func (d *Data) WriteFolder(folder, prefix string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // measurements of a network, for whoever evaluates them
		return err
	}
	for name, t := range map[string]*Table{"Pressures": d.Pressures, "Flows": d.Flows, "Levels": d.Levels, "Demands": d.Demands} {
		if len(t.Names) == 0 {
			continue
		}
		file, err := os.Create(filepath.Join(folder, prefix+name+".csv"))
		if err != nil {
			return err
		}
		if err := errors.Join(t.Write(file), file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Head is the table without its rows.
func (t *Table) Head() *Table {
	return &Table{Name: t.Name, Start: t.Start, Step: t.Step, Names: t.Names}
}

// Rows are those of d from one up to another.
func (d *Data) Rows(from, to int) *Data {
	cut := func(t *Table) *Table {
		c := t.Head()
		c.Start = t.Start.Add(time.Duration(from) * t.Step)
		for _, column := range t.Values {
			c.Values = append(c.Values, column[from:to])
		}
		return c
	}
	return &Data{Pressures: cut(d.Pressures), Flows: cut(d.Flows), Levels: cut(d.Levels), Demands: cut(d.Demands)}
}
