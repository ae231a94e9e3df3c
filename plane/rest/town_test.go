package rest_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/rest"
	"polity/plane/sqlite"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// town is a store with what is public and what is not, and the API over it.
type town struct {
	t     testing.TB
	store *sqlite.Store
	api   *rest.Server
	now   time.Time
}

func number(name, value string) plane.Attribute {
	return plane.Attribute{Name: name, Kind: plane.Property, Value: json.RawMessage(value), Unit: "CEL", ObservedAt: noon}
}

func at(lon, lat string) plane.Attribute {
	return plane.Attribute{Name: plane.Location, Kind: plane.Geo, Value: json.RawMessage(`{"type":"Point","coordinates":[` + lon + `,` + lat + `]}`)}
}

func entity(id string, types []string, attributes ...plane.Attribute) *plane.Entity {
	e := &plane.Entity{Key: plane.Key{ID: id}, Types: types}
	for _, a := range attributes {
		e.Set(a)
	}
	return e
}

func newTown(t testing.TB) *town {
	t.Helper()
	w := &town{t: t, now: noon}
	var err error
	w.store, err = sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "city.db"), sqlite.Config{Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	helsinki, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		t.Fatal(err)
	}
	w.api, err = rest.New(rest.Config{
		Store: w.store, Zone: helsinki, Now: func() time.Time { return w.now }, Title: "Town", Licence: rest.Licence{Name: "CC BY 4.0", URL: "https://creativecommons.org/licenses/by/4.0/"},
		Public: []rest.Public{
			{Type: "Air", Title: "Air", Attributes: []rest.Attribute{{Name: "temperature", Unit: "CEL"}, {Name: "location"}}},
			{Type: "Counter", Attributes: []rest.Attribute{{Name: "people", AtLeast: 5}}},
		},
		Sources: []rest.Source{kept{}},
		Trusted: func(r *http.Request) bool { return r.Header.Get("X-Trusted") != "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	secret := number("owner", `"Ann"`)
	w.put(
		entity("urn:x:air:1", []string{"Air"}, number("temperature", "21.5"), at("24.94", "60.17"), secret),
		entity("urn:x:air:2", []string{"Air", "Patrol"}, number("temperature", "-3"), at("10", "50"), secret),
		entity("urn:x:counter:1", []string{"Counter"}, number("people", "3"), at("24.94", "60.17")),
		entity("urn:x:counter:2", []string{"Counter"}, number("people", "17")),
		entity("urn:x:patrol:1", []string{"Patrol"}, number("temperature", "36.6"), at("24.94", "60.17")),
		entity("urn:polity:device:a:1", []string{"Air"}, number("temperature", "1")),
	)
	var b plane.Batch
	for i := range 120 {
		start := noon.Add(-time.Duration(120-i) * time.Minute)
		for id, attribute := range map[string]string{"urn:x:air:1": "temperature", "urn:x:counter:1": "people", "urn:x:patrol:1": "temperature"} {
			b.Observations = append(b.Observations, plane.Observation{Series: plane.Series{Key: plane.Key{ID: id}, Attribute: attribute}, Start: start, Value: float64(i % 10)})
		}
		b.Observations = append(b.Observations, plane.Observation{Series: plane.Series{Key: plane.Key{ID: "urn:x:air:1"}, Attribute: "owner"}, Start: start, Value: 1})
	}
	if _, err := w.store.Write(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *town) put(list ...*plane.Entity) {
	w.t.Helper()
	b := &plane.Batch{}
	for _, e := range list {
		b.Changes = append(b.Changes, plane.Put(e))
	}
	r, err := w.store.Write(context.Background(), b)
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// kept is a source with one entity.
type kept struct{}

func (kept) Public() rest.Public {
	return rest.Public{Type: "Crowd", Title: "Crowds", Attributes: []rest.Attribute{{Name: "crossings", AtLeast: 5}}}
}

func (kept) Entities(context.Context) ([]*plane.Entity, error) {
	return []*plane.Entity{entity("urn:polity:counts:square", []string{"Crowd"}, at("24.95", "60.17"))}, nil
}

func (kept) History(_ context.Context, id, _, _ string, from, _ time.Time, each func(rest.Observed) error) error {
	if id != "urn:polity:counts:square" {
		return city.Errorf(city.NotFound, "no %s", id)
	}
	for i := range 3 {
		o := rest.Observed{Dataset: "person/gate/left", Start: from.Add(time.Duration(i) * time.Minute), Length: time.Minute, Covered: time.Minute, Value: 7, Withheld: i == 1}
		if err := each(o); err != nil {
			return err
		}
	}
	return nil
}

func (kept) Aggregates(_ context.Context, _, _, _ string, by rest.Step, from, _ time.Time) ([]rest.Aggregate, error) {
	return []rest.Aggregate{{Dataset: "person/gate/left", From: from, To: rest.Next(from, by, time.UTC), Withheld: 1, Absent: true}}, nil
}

// ask sends a request; headers are name, value and so on.
func (w *town) ask(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, "http://town.example"+path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	out := httptest.NewRecorder()
	w.api.ServeHTTP(out, r)
	return out
}

func (w *town) get(path string, headers ...string) *httptest.ResponseRecorder {
	return w.ask(http.MethodGet, path, "", headers...)
}

// content is an answer's body without its compression.
func content(t testing.TB, w *httptest.ResponseRecorder) []byte {
	t.Helper()
	if w.Header().Get("Content-Encoding") != "gzip" {
		return w.Body.Bytes()
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// getRaw asks for a path that need not be a right one.
func (w *town) getRaw(path string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "http://town.example/", nil)
	name, query, _ := strings.Cut(path, "?")
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = name, name, query
	if plain, err := url.PathUnescape(name); err == nil {
		r.URL.Path = plain
	}
	out := httptest.NewRecorder()
	w.api.ServeHTTP(out, r)
	return out
}
