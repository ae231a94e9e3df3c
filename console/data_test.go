package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"polity/console"
	"polity/console/consoletest"
	"polity/plane/rest"
)

func newDataPages(t *testing.T, data console.Data) http.Handler {
	t.Helper()
	now := func() time.Time { return afternoon }
	world, err := consoletest.New(consoletest.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := console.New(console.Config{City: world, Data: data, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	return pages
}

func TestPagesOfOpenData(t *testing.T) {
	pages := newDataPages(t, consoletest.NewData(func() time.Time { return afternoon }))
	for path, says := range map[string][]string{
		"/":     {`href="/data"`},
		"/data": {"2 data sets", "/data/counts-square", "not yet", "CC BY 4.0", "/data/catalog.ttl", "/api"},
		"/data/counts-square": {
			"Numbers below 5 are withheld", "2026-11-23.csv", "91.3 kB", "turned aside for two hours", "curl -O https://data.city.example/data/counts-square/2026-11-23.csv", "90 days", "6 earlier days",
			"<code>withheld</code>", "data@city.example", "<td>14</td>",
		},
		"/data/air-quality-observed": {"no day has been published yet", "There are no rows yet", "No file is published yet", "CEL"},
		"/api":                       {"GET /api/v1/entities", "updated_since", "application/geo&#43;json", "For who may change", "https://data.city.example/api/v1/types"},
	} {
		got := get(t, pages, path)
		for _, s := range says {
			if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), s) {
				t.Errorf("%s: %d, and does not say %q", path, got.Code, s)
			}
		}
	}
	if got := get(t, pages, "/data/nothing"); got.Code != http.StatusNotFound || !strings.Contains(got.Body.String(), "There is no data set nothing") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	// The page of the API names every operation.
	body := get(t, pages, "/api").Body.String()
	for _, o := range rest.Operations() {
		if !strings.Contains(body, "<code>"+o.Method+" "+o.Path+"</code>") {
			t.Errorf("the page of the API does not name %s %s", o.Method, o.Path)
		}
	}
}

func TestPagesWithoutOpenData(t *testing.T) {
	pages := newDataPages(t, console.Data{})
	if got := get(t, pages, "/data"); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "Nothing is published yet") || strings.Contains(got.Body.String(), `href="/data"`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := get(t, pages, "/data/x"); got.Code != http.StatusNotFound {
		t.Errorf("%d", got.Code)
	}
	if got := get(t, pages, "/api"); !strings.Contains(got.Body.String(), "switched off") {
		t.Errorf("%s", got.Body)
	}
}
