package mapping

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"polity/city"
)

// MaxPayload bounds a payload, in bytes.
const MaxPayload = 256 << 10

// payload is a message's body, decoded when it is first needed.
type payload struct {
	raw []byte
	// record is a line of a CSV file, in place of raw.
	record map[string]any

	json    any
	jsonErr error
	decoded bool
}

func (p *payload) asJSON() (any, error) {
	if !p.decoded {
		p.decoded = true
		p.json, p.jsonErr = decodeJSON(p.raw)
	}
	return p.json, p.jsonErr
}

func decodeJSON(raw []byte) (any, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, city.Errorf(city.Invalid, "the payload is empty; JSON is expected")
	}
	if !utf8.Valid(raw) {
		return nil, city.Errorf(city.Invalid, "the payload is no UTF-8, and so no JSON")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, city.Errorf(city.Invalid, "the payload is no JSON at byte %d: %v", syntax.Offset, err)
		}
		return nil, city.Errorf(city.Invalid, "the payload is no JSON: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, city.Errorf(city.Invalid, "something stands behind the payload's JSON at byte %d", d.InputOffset())
	}
	return v, nil
}

// decode returns what paths lead into, and the fields of bytes.
func (m *Mapping) decode(p *payload) (tree any, fields map[string]float64, err error) {
	switch m.Payload {
	case "number":
		return json.Number(strings.TrimSpace(string(p.raw))), nil, nil
	case "csv":
		if p.record != nil {
			return p.record, nil, nil
		}
		tree, err := m.line(p.raw)
		return tree, nil, err
	case "bytes":
		raw := p.raw
		if m.Bytes.Encoding != "raw" {
			if raw, err = m.Bytes.text(strings.TrimSpace(string(raw))); err != nil {
				return nil, nil, err
			}
		}
		fields, err = m.Bytes.decode(raw)
		return nil, fields, err
	}
	if tree, err = p.asJSON(); err != nil || m.Bytes == nil {
		return tree, nil, err
	}
	v, ok := m.Bytes.Path.find(tree)
	if !ok {
		return nil, nil, city.Errorf(city.Invalid, "there are no bytes at %s", m.Bytes.Path)
	}
	raw, err := m.Bytes.text(v)
	if err == nil {
		fields, err = m.Bytes.decode(raw)
	}
	return tree, fields, err
}

// line reads one CSV line into its columns.
func (m *Mapping) line(raw []byte) (map[string]any, error) {
	if len(m.Columns) == 0 {
		return nil, city.Errorf(city.Invalid, "the mapping names no columns, so that a line alone cannot be read")
	}
	r := m.reader(bytes.NewReader(raw))
	cells, err := r.Read()
	if err != nil {
		return nil, city.Errorf(city.Invalid, "the payload is no CSV line: %v", err)
	}
	if _, err := r.Read(); !errors.Is(err, io.EOF) {
		return nil, city.Errorf(city.Invalid, "the payload has more than one line")
	}
	return Record(m.Columns, cells)
}

// reader reads CSV as the mapping says it is written.
func (m *Mapping) reader(r io.Reader) *csv.Reader {
	c := csv.NewReader(r)
	c.Comma, c.FieldsPerRecord, c.TrimLeadingSpace = rune(m.Separator[0]), -1, true
	return c
}

// Reader reads a CSV file as the mapping says it is written. Lines may have any
// number of cells; Record checks it.
func (m *Mapping) Reader(r io.Reader) *csv.Reader { return m.reader(r) }

// Record names the cells of a line. Empty cells are no values.
func Record(columns, cells []string) (map[string]any, error) {
	if len(cells) != len(columns) {
		return nil, city.Errorf(city.Invalid, "the line has %d cells; %d are expected", len(cells), len(columns))
	}
	out := make(map[string]any, len(cells))
	for i, c := range cells {
		if c = strings.TrimSpace(c); c != "" {
			out[columns[i]] = c
		}
	}
	return out, nil
}

// number reads a number of JSON, of a text, or of a cell.
func (m *Mapping) number(v any) (float64, bool) {
	s, ok := word(v)
	if !ok {
		return 0, false
	}
	if m.DecimalComma {
		s = strings.Replace(s, ",", ".", 1)
	}
	if strings.ContainsAny(s, "xXpP_iInN") { // ParseFloat knows more than devices should say
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// Cells lists the columns that a mapping of CSV cannot do without.
func (m *Mapping) Cells() []string {
	paths := []Path{m.Device, m.Time.Path, m.Location.LonPath, m.Location.LatPath}
	if m.Household {
		paths = append(paths, m.Sums.Area)
	}
	for _, a := range m.Attributes {
		if !a.Optional {
			paths = append(paths, a.Path)
		}
	}
	var out []string
	for _, p := range paths {
		if len(p.steps) > 0 {
			out = append(out, p.steps[0].key)
		}
	}
	return out
}
