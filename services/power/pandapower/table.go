// Package pandapower reads networks that pandapower wrote as JSON (to_json), of
// its versions 2 and 3: balanced networks in positive sequence.
//
// A table that would change the power flow and is not read is an error, never
// passed over.
package pandapower

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// table is a pandas DataFrame in orientation "split".
type table struct {
	name    string
	columns map[string]int
	index   []int
	data    [][]any
	order   map[int]int // index -> row
}

// frame is how pandapower wraps a DataFrame: in a string of JSON, in JSON.
type frame struct {
	Class  string          `json:"_class"`
	Object json.RawMessage `json:"_object"`
	Orient string          `json:"orient"`
}

func readTable(name string, raw json.RawMessage) (*table, error) {
	var f frame
	if err := json.Unmarshal(raw, &f); err != nil || f.Class != "DataFrame" {
		return nil, nil //nolint:nilerr // not a table: settings and results
	}
	text := []byte(f.Object)
	var inner string
	if json.Unmarshal(f.Object, &inner) == nil {
		text = []byte(inner)
	}
	if f.Orient != "" && f.Orient != "split" {
		return nil, fmt.Errorf("table %s: orientation %q is not read; save it again with pandapower 2.0 or later", name, f.Orient)
	}
	var split struct {
		Columns []string `json:"columns"`
		Index   []int    `json:"index"`
		Data    [][]any  `json:"data"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&split); err != nil {
		if strings.HasPrefix(name, "res_") || strings.HasPrefix(name, "_") {
			return nil, nil
		}
		return nil, fmt.Errorf("table %s: %w", name, err)
	}
	t := &table{name: name, columns: map[string]int{}, index: split.Index, data: split.Data, order: map[int]int{}}
	for i, c := range split.Columns {
		t.columns[c] = i
	}
	if len(t.index) != len(t.data) {
		return nil, fmt.Errorf("table %s: %d indices for %d rows", name, len(t.index), len(t.data))
	}
	for i, row := range t.data {
		if len(row) != len(split.Columns) {
			return nil, fmt.Errorf("table %s: row %d has %d values for %d columns", name, t.index[i], len(row), len(split.Columns))
		}
		t.order[t.index[i]] = i
	}
	return t, nil
}

// rows is the number of rows; none of a table that is not there.
func (t *table) rows() int {
	if t == nil {
		return 0
	}
	return len(t.data)
}

func (t *table) value(row int, column string) any {
	if i, ok := t.columns[column]; ok {
		return t.data[row][i]
	}
	return nil
}

// number returns a value, or what stands for one that is missing.
func (t *table) number(row int, column string, missing float64) float64 {
	switch v := t.value(row, column).(type) {
	case float64:
		return v
	case bool:
		if v {
			return 1
		}
		return 0
	}
	return missing
}

// need returns a value that must be there.
func (t *table) need(row int, column string) (float64, error) {
	v := t.number(row, column, math.NaN())
	if math.IsNaN(v) {
		return 0, fmt.Errorf("%s %d: %s is missing", t.name, t.index[row], column)
	}
	return v, nil
}

func (t *table) boolean(row int, column string, missing bool) bool {
	switch v := t.value(row, column).(type) {
	case bool:
		return v
	case float64:
		return v != 0
	}
	return missing
}

func (t *table) text(row int, column string) string {
	switch v := t.value(row, column).(type) {
	case string:
		return v
	case float64:
		return fmt.Sprint(v)
	}
	return ""
}
