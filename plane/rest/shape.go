package rest

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"polity/plane"
)

// entityShape is an entity as JSON.
type entityShape struct {
	ID         string                     `json:"id"`
	Types      []string                   `json:"types"`
	Scopes     []string                   `json:"scopes,omitempty"`
	Created    time.Time                  `json:"created,omitzero"`
	Modified   time.Time                  `json:"modified,omitzero"`
	Version    uint64                     `json:"version,omitempty"` // of those who are trusted
	Attributes map[string]*attributeShape `json:"attributes"`
}

// attributeShape is an attribute: its default instance, and others by their dataset.
type attributeShape struct {
	Kind       string                     `json:"kind,omitempty"`
	Value      json.RawMessage            `json:"value,omitempty"`
	Unit       string                     `json:"unit,omitempty"`
	ObservedAt time.Time                  `json:"observed_at,omitzero"`
	Created    time.Time                  `json:"created,omitzero"`
	Modified   time.Time                  `json:"modified,omitzero"`
	Meta       map[string]*attributeShape `json:"meta,omitempty"`
	Datasets   map[string]*attributeShape `json:"datasets,omitempty"`
}

var kinds = []string{"", "Property", "Relationship", "GeoProperty", "LanguageProperty", "JsonProperty", "VocabProperty", "ListProperty", "ListRelationship"}

func shapeOf(e *plane.Entity) *entityShape {
	return &entityShape{
		ID: e.ID, Types: e.Types, Scopes: e.Scopes, Created: e.Created.UTC(), Modified: e.Modified.UTC(), Version: e.Version, Attributes: shapes(e.Attributes),
	}
}

func shapes(list []plane.Attribute) map[string]*attributeShape {
	out := make(map[string]*attributeShape, len(list))
	for i := range list {
		a := &list[i]
		is := out[a.Name]
		if is == nil {
			is = &attributeShape{}
			out[a.Name] = is
		}
		to := is
		if a.Dataset != "" {
			if is.Datasets == nil {
				is.Datasets = map[string]*attributeShape{}
			}
			to = &attributeShape{}
			is.Datasets[a.Dataset] = to
		}
		to.Kind, to.Value, to.Unit, to.ObservedAt = kinds[a.Kind], a.Value, a.Unit, a.ObservedAt.UTC()
		to.Created, to.Modified = a.Created.UTC(), a.Modified.UTC()
		if len(a.Meta) > 0 {
			to.Meta = shapes(a.Meta)
		}
	}
	return out
}

// encode writes JSON that no script takes for HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	err := out.Encode(v)
	return b.Bytes(), err
}

// feature is an entity as GeoJSON. Its properties are the values of the default
// instances.
type feature struct {
	Type       string                     `json:"type"`
	ID         string                     `json:"id"`
	Geometry   json.RawMessage            `json:"geometry"`
	Properties map[string]json.RawMessage `json:"properties"`
}

type collection struct {
	Type     string    `json:"type"`
	Features []feature `json:"features"`
	Next     string    `json:"next,omitempty"`
}

func featureOf(e *plane.Entity) (feature, error) {
	f := feature{Type: "Feature", ID: e.ID, Geometry: json.RawMessage("null"), Properties: map[string]json.RawMessage{}}
	for i := range e.Attributes {
		a := &e.Attributes[i]
		switch {
		case a.Dataset != "":
		case a.Name == plane.Location && a.Kind == plane.Geo:
			f.Geometry = a.Value
		default:
			f.Properties[a.Name] = a.Value
		}
	}
	for name, v := range map[string]any{"types": e.Types, "modified": e.Modified.UTC()} {
		text, err := json.Marshal(v)
		if err != nil {
			return f, err
		}
		f.Properties[name] = text
	}
	return f, nil
}

func newTable(head ...string) (*bytes.Buffer, *csv.Writer) {
	b := &bytes.Buffer{}
	w := csv.NewWriter(b)
	w.UseCRLF = true
	_ = w.Write(head) // into memory
	return b, w
}

// entityHead is the columns of entities as CSV: a row per instance of an attribute.
var entityHead = []string{"id", "type", "lon", "lat", "attribute", "dataset", "value", "unit", "observed_at", "modified"}

func entityRows(w *csv.Writer, e *plane.Entity) {
	lon, lat := "", ""
	if b, ok := e.Bounds(); ok && b.West == b.East && b.South == b.North {
		lon, lat = decimal(b.West), decimal(b.South)
	}
	for i := range e.Attributes {
		a := &e.Attributes[i]
		if a.Name == plane.Location && lon != "" {
			continue
		}
		_ = w.Write([]string{cell(e.ID), cell(strings.Join(e.Types, " ")), lon, lat, cell(a.Name), cell(a.Dataset), valueCell(a.Value), cell(a.Unit), stamp(a.ObservedAt), stamp(a.Modified)})
	}
	if len(e.Attributes) == 0 {
		_ = w.Write([]string{cell(e.ID), cell(strings.Join(e.Types, " ")), "", "", "", "", "", "", "", stamp(e.Modified)})
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// valueCell is a value as people read it: a text without its quotes, numbers and all
// else as JSON.
func valueCell(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return cell(s)
	}
	return string(v)
}

// cell writes a text for a spreadsheet, which must not take it for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// finite is a number of JSON; nil where there is none.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
