package hub

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"polity/plane/ngsild"
	"polity/plane/sqlite"
)

// TestNGSILDIsForThisMachine holds that nobody else sees the API until sign-in exists,
// and that names with slashes in a path reach it as they are.
func TestNGSILDIsForThisMachine(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "city.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	h := &Hub{store: store}
	if h.ngsild, err = ngsild.New(t.Context(), ngsild.Config{Store: store, Sources: ngsild.Sources{Hosts: []string{"source.example"}, Alias: "us"}}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.ngsild.Close(); err != nil {
			t.Error(err)
		}
	}()
	pages := http.NewServeMux()
	pages.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	served := h.withNGSILD(pages)
	for _, c := range []struct {
		from, path string
		status     int
	}{
		{"127.0.0.1:5000", "/ngsi-ld/v1/types", http.StatusOK},
		{"127.0.0.1:5000", "/ngsi-ld/v1/types/https%3A%2F%2Fexample.org%2FRoom", http.StatusNotFound},
		{"192.0.2.7:5000", "/ngsi-ld/v1/types", http.StatusNotFound},
		{"192.0.2.7:5000", "/ngsi-ld/v1/entities?type=Room", http.StatusNotFound},
		{"192.0.2.7:5000", "/", http.StatusTeapot},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:8080"+c.path, nil)
		r.RemoteAddr = c.from
		w := httptest.NewRecorder()
		served.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s from %s: %d, want %d", c.path, c.from, w.Code, c.status)
		}
		if c.path == "/" {
			continue
		}
		r.Header.Set("Via", "1.1 us") // it came round: that is all that is said, to anyone
		w = httptest.NewRecorder()
		if served.ServeHTTP(w, r); w.Code != http.StatusLoopDetected {
			t.Errorf("%s from %s, passed on by the hub itself: %d, want 508", c.path, c.from, w.Code)
		}
		r.Header.Set("Via", "1.1 them")
		w = httptest.NewRecorder()
		if served.ServeHTTP(w, r); w.Code != http.StatusNotFound {
			t.Errorf("%s from %s by another broker: %d, want 404", c.path, c.from, w.Code)
		}
		if isProblem := w.Header().Get("Content-Type") == "application/problem+json"; c.from != "127.0.0.1:5000" && isProblem {
			t.Errorf("%s from %s: the API answered", c.path, c.from)
		}
	}
}
