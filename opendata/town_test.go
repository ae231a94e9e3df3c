package opendata_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"polity/city"
	"polity/opendata"
	"polity/plane/rest"
)

var helsinki = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		panic(err)
	}
	return zone
}()

// made is a source whose rows the test sets.
type made struct {
	mu   sync.Mutex
	set  opendata.Set
	rows map[string][]float64 // by day
	fail error

	asked int // for days
}

func (m *made) Set() opendata.Set {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.set
}

func (m *made) Rows(_ context.Context, from, _ time.Time, _ bool, each func(opendata.Row) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.asked++
	for i, v := range m.rows[from.Format(time.DateOnly)] {
		r := opendata.Row{Cells: []any{from.Add(time.Duration(i) * time.Hour), "a, \"b\"\n=c", v, int64(i), i%2 == 0}, Geometry: json.RawMessage(`{"type":"Point","coordinates":[24.9,60.1]}`)}
		if i == 1 {
			r.Cells[1], r.Cells[2], r.Geometry = "=1+1", nil, nil
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return nil
}

func (m *made) put(day string, values ...float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[day] = values
}

// town is an archive with one set and a clock of its own.
type town struct {
	t       testing.TB
	dir     string
	now     time.Time
	source  *made
	sources []opendata.Source
	archive *opendata.Archive
	handler http.Handler
}

var about = opendata.Catalogue{
	Title: "Open data of Town", Publisher: "Town \"of\" test", Contact: opendata.Contact{Name: "Data office", Email: "data@town.example"},
	Licence: rest.Licence{Name: "CC BY 4.0", URL: "https://creativecommons.org/licenses/by/4.0/"}, API: true, Address: "https://data.town.example",
}

func newTown(t testing.TB) *town {
	t.Helper()
	w := &town{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 3, 12, 0, 0, 0, helsinki)}
	w.source = &made{rows: map[string][]float64{}, set: opendata.Set{
		ID: "air", Title: "Air", Description: "What sensors say of the air.", Keywords: []string{"air"}, Theme: "ENVI", Box: [4]float64{24, 60, 25, 61}, Address: "/api/v1/entities?type=Air",
		Columns: []opendata.Column{
			{Name: "time", Kind: opendata.Moment, About: "When."}, {Name: "name", Kind: opendata.Text}, {Name: "value", Kind: opendata.Number, Unit: "CEL"}, {Name: "n", Kind: opendata.Whole}, {Name: "even", Kind: opendata.Truth},
		},
	}}
	w.sources = []opendata.Source{w.source}
	w.open()
	return w
}

func (w *town) open() {
	w.t.Helper()
	a, err := opendata.Open(opendata.Config{
		Dir: w.dir, Sources: func() []opendata.Source { return w.sources }, Zone: helsinki, Settle: 2 * time.Hour, Now: func() time.Time { return w.now },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.archive, w.handler = a, opendata.NewHandler(a, about)
}

func (w *town) round() {
	w.t.Helper()
	if err := w.archive.Round(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) ask(method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, "http://town.example"+path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, r)
	return out
}

func (w *town) get(path string) string {
	w.t.Helper()
	got := w.ask(http.MethodGet, path)
	if got.Code != http.StatusOK {
		w.t.Fatalf("%s: %d %s", path, got.Code, got.Body)
	}
	return got.Body.String()
}

func (w *town) names() (names []string) {
	w.t.Helper()
	x, err := w.archive.Index("air")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range slices.Concat(x.Days, x.Month) {
		names = append(names, p.Name)
	}
	return names
}

func (w *town) files() (names []string) {
	w.t.Helper()
	list, err := os.ReadDir(filepath.Join(w.dir, "air"))
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	for _, f := range list {
		names = append(names, f.Name())
	}
	return names
}

var errAway = city.Errorf(city.Unavailable, "the store is away")
