package opendata

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"polity/city"
)

// writer writes rows one by one, so that a file needs no more memory than a row.
type writer interface {
	row(Row) error
	end() error
}

// Formats of files by their ending.
var writers = map[string]func(io.Writer, []Column) writer{"csv": newCSV, "geojson": newGeoJSON}

// Endings lists the formats, the preferred first.
var Endings = []string{"csv", "geojson"}

type csvWriter struct {
	out     *csv.Writer
	columns int
	cells   []string
}

func newCSV(to io.Writer, columns []Column) writer {
	w := &csvWriter{out: csv.NewWriter(to), columns: len(columns), cells: make([]string, len(columns))}
	w.out.UseCRLF = true // RFC 4180
	for i, c := range columns {
		w.cells[i] = c.Name
	}
	_ = w.out.Write(w.cells) // its error comes again at the end
	return w
}

func (w *csvWriter) row(r Row) error {
	if len(r.Cells) != w.columns {
		return errCells(len(r.Cells), w.columns)
	}
	for i, v := range r.Cells {
		text, err := cellText(v)
		if err != nil {
			return err
		}
		w.cells[i] = text
	}
	return w.out.Write(w.cells)
}

func (w *csvWriter) end() error {
	w.out.Flush()
	return w.out.Error()
}

func errCells(have, want int) error {
	return city.Errorf(city.Internal, "a row has %d cells, and there are %d columns", have, want)
}

// cellText writes a cell. A text must not be taken for a formula by a spreadsheet.
func cellText(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		if v != "" && strings.ContainsRune("=+-@\t\r", rune(v[0])) {
			return "'" + v, nil
		}
		return v, nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case bool:
		return strconv.FormatBool(v), nil
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	}
	return "", fmt.Errorf("a cell is a %T", v)
}

type geoWriter struct {
	out     *bufio.Writer
	columns []Column
	rows    int
}

// newGeoJSON writes a FeatureCollection (RFC 7946) with a feature per row.
func newGeoJSON(to io.Writer, columns []Column) writer {
	w := &geoWriter{out: bufio.NewWriter(to), columns: columns}
	_, _ = w.out.WriteString(`{"type":"FeatureCollection","features":[`) // its error comes again at the end
	return w
}

func (w *geoWriter) row(r Row) error {
	if len(r.Cells) != len(w.columns) {
		return errCells(len(r.Cells), len(w.columns))
	}
	b := []byte("\n")
	if w.rows > 0 {
		b = []byte(",\n")
	}
	w.rows++
	b = append(b, `{"type":"Feature","geometry":`...)
	if r.Geometry == nil {
		b = append(b, "null"...)
	}
	b = append(append(b, r.Geometry...), `,"properties":{`...)
	for i, c := range w.columns {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := json.Marshal(c.Name)
		if err != nil {
			return err
		}
		v := r.Cells[i]
		if t, ok := v.(time.Time); ok {
			v = t.Format(time.RFC3339Nano)
		}
		value, err := json.Marshal(v)
		if err != nil {
			return err
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	_, err := w.out.Write(append(b, "}}"...))
	return err
}

func (w *geoWriter) end() error {
	_, _ = w.out.WriteString("\n]}\n") // the flush tells
	return w.out.Flush()
}
