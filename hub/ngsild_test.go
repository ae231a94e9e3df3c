package hub

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"polity/plane/ngsild"
	"polity/plane/sqlite"
)

// TestNGSILDAsksWhoItIs holds that nobody without a right sees the API, and that names
// with slashes in a path reach it as they are.
func TestNGSILDAsksWhoItIs(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "city.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	h := &Hub{store: store, access: shippedOnly(t), cfg: Config{Access: Access{TrustLoopback: true}}}
	if h.ngsild, err = ngsild.New(t.Context(), ngsild.Config{Store: store, Sources: ngsild.Sources{Hosts: []string{"source.example"}, Alias: "us"}}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.ngsild.Close(); err != nil {
			t.Error(err)
		}
	}()
	served := h.handler()
	for _, c := range []struct {
		from, path string
		status     int
	}{
		{"127.0.0.1:5000", "/ngsi-ld/v1/types", http.StatusOK},
		{"127.0.0.1:5000", "/ngsi-ld/v1/types/https%3A%2F%2Fexample.org%2FRoom", http.StatusNotFound},
		{"192.0.2.7:5000", "/ngsi-ld/v1/types", http.StatusUnauthorized},
		{"192.0.2.7:5000", "/ngsi-ld/v1/entities?type=Room", http.StatusUnauthorized},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:8080"+c.path, nil)
		r.RemoteAddr = c.from
		w := httptest.NewRecorder()
		served.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s from %s: %d, want %d", c.path, c.from, w.Code, c.status)
		}
		r.Header.Set("Via", "1.1 us") // it came round: that is all that is said, to anyone
		w = httptest.NewRecorder()
		if served.ServeHTTP(w, r); w.Code != http.StatusLoopDetected {
			t.Errorf("%s from %s, passed on by the hub itself: %d, want 508", c.path, c.from, w.Code)
		}
		r.Header.Set("Via", "1.1 them")
		w = httptest.NewRecorder()
		if served.ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
			t.Errorf("%s from %s by another broker without a token: %d, want 401", c.path, c.from, w.Code)
		}
	}
}
