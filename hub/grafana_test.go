package hub_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"polity/hub"
	"polity/plane"
)

// grafanaQuery is a query of the Infinity data source.
type grafanaQuery struct {
	RefID, Type, URL, Format string
	RootSelector             string `json:"root_selector"`
	Columns                  []struct{ Selector, Text, Type string }
	URLOptions               struct {
		Method string
		Params []struct{ Key, Value string }
	} `json:"url_options"`
}

type dashboard struct {
	Templating struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
		}
	}
	Panels []struct {
		Title   string
		Targets []grafanaQuery
	}
}

// picked walks a JSON value by a path with dots, as Infinity does.
func picked(v any, path string) any {
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// fits says whether a value is of a column's type. A number may be null: it is withheld.
func fits(kind string, v any) bool {
	switch kind {
	case "timestamp":
		s, ok := v.(string)
		_, err := time.Parse(time.RFC3339, s)
		return ok && err == nil
	case "number":
		_, ok := v.(float64)
		return ok || v == nil
	case "string":
		_, ok := v.(string)
		return ok
	}
	return false
}

// Every query of the shipped dashboard is answered in the shape that it expects.
func TestTheGrafanaDashboardIsAnswered(t *testing.T) {
	text, err := os.ReadFile("../deploy/grafana/polity.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, zone)
	p := newPublishing(t, day)
	p.stop()
	p.cfg.OpenData.Types = []hub.DataType{{Type: "AirQualityObserved", Attributes: []hub.DataAttribute{{Name: "temperature", Unit: "CEL"}, {Name: "location"}}}}
	p.run()
	e := &plane.Entity{Key: plane.Key{ID: "urn:ngsi-ld:AirQualityObserved:a-1"}, Types: []string{"AirQualityObserved"}}
	e.Set(plane.Attribute{Name: "temperature", Kind: plane.Property, Value: json.RawMessage(`4.5`)})
	e.Set(plane.Attribute{Name: "location", Kind: plane.Geo, Value: json.RawMessage(`{"type":"Point","coordinates":[24.9,60.1]}`)})
	b := &plane.Batch{Changes: []plane.Change{plane.Put(e)}}
	for i := range 48 {
		b.Observations = append(b.Observations, plane.Observation{Series: plane.Series{Key: e.Key, Attribute: "temperature"}, Start: day.Add(time.Duration(i) * 10 * time.Minute), Value: float64(i)})
	}
	if _, err := p.started.Store.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		p.count(day.Add(time.Duration(i)*15*time.Minute), 15*time.Minute, map[string]float64{"crossings person/gate/right": float64(i), "occupancy person//": float64(i)})
	}
	p.set(day.Add(10 * time.Hour))
	values := map[string]string{
		"polity": p.started.Address, "type": "AirQualityObserved", "entity": e.ID, "attribute": "temperature", "counts": "urn:polity:counts:square",
		"__from:date:iso": day.UTC().Format("2006-01-02T15:04:05.000Z"), "__to:date:iso": day.Add(10 * time.Hour).UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	fill := func(s string) string {
		for name, v := range values {
			s = strings.ReplaceAll(s, "${"+name+"}", v)
			s = strings.ReplaceAll(s, "${"+name+":percentencode}", url.PathEscape(v))
		}
		if strings.Contains(s, "${") {
			t.Errorf("%q holds a variable that is none", s)
		}
		return s
	}
	queries := 0
	ask := func(name string, q *grafanaQuery) {
		queries++
		parameters := url.Values{}
		for _, x := range q.URLOptions.Params {
			parameters.Set(x.Key, fill(x.Value))
		}
		if parameters.Get("as") != "public" {
			t.Errorf("%s shows more than everyone may see", name)
		}
		address := strings.TrimPrefix(fill(q.URL), p.started.Address) + "?" + parameters.Encode()
		var got any
		p.read(address, &got)
		rows, ok := picked(got, q.RootSelector).([]any)
		if !ok || len(rows) == 0 || q.Type != "json" || q.URLOptions.Method != http.MethodGet {
			t.Errorf("%s: %s has no rows under %s", name, address, q.RootSelector)
			return
		}
		seen := map[string]bool{}
		for _, row := range rows {
			for _, c := range q.Columns {
				v := picked(row, c.Selector)
				seen[c.Text] = seen[c.Text] || v != nil
				if !fits(c.Type, v) {
					t.Errorf("%s: %s of %v is %v, no %s", name, c.Selector, row, v, c.Type)
				}
			}
		}
		for _, c := range q.Columns {
			if !seen[c.Text] {
				t.Errorf("%s: the column %s is always empty", name, c.Text)
			}
		}
	}
	for _, panel := range d.Panels {
		for _, q := range panel.Targets {
			ask(panel.Title, &q)
		}
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		var q struct{ InfinityQuery grafanaQuery }
		if err := json.Unmarshal(v.Query, &q); err != nil {
			t.Fatal(err)
		}
		ask("variable "+v.Name, &q.InfinityQuery)
	}
	if queries < 10 {
		t.Errorf("only %d queries were asked", queries)
	}
}
