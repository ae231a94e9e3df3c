package hub

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"polity/plane/ngsild"
	"polity/plane/sqlite"
)

// TestOperationsAreForThisMachinesOwn: with the token that lies on this machine, nobody
// elsewhere sees or drops dead letters, neither through a proxy nor by a name of this
// machine.
func TestOperationsAreForThisMachinesOwn(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "city.db"), sqlite.Config{Feed: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	h := &Hub{store: store, access: shippedOnly(t), machine: sha256.Sum256([]byte("secret"))}
	if h.ngsild, err = ngsild.New(t.Context(), ngsild.Config{Store: store, Notifications: &ngsild.Notifications{Feed: store, Path: filepath.Join(t.TempDir(), "notifications.db")}}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.ngsild.Close(); err != nil {
			t.Error(err)
		}
	}()
	served := h.handler()
	ask := func(change func(*http.Request)) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:8080/hub/notifications/drop", strings.NewReader(`{"all":true}`))
		r.RemoteAddr = "127.0.0.1:5000"
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer secret")
		change(r)
		w := httptest.NewRecorder()
		served.ServeHTTP(w, r)
		return w.Code
	}
	for name, c := range map[string]struct {
		status int
		change func(*http.Request)
	}{
		"this machine":          {http.StatusOK, func(*http.Request) {}},
		"another machine":       {http.StatusUnauthorized, func(r *http.Request) { r.RemoteAddr = "192.0.2.7:5000" }},
		"through a proxy":       {http.StatusUnauthorized, func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.7") }},
		"by a name in a page":   {http.StatusUnauthorized, func(r *http.Request) { r.Host = "rebound.example" }},
		"without the token":     {http.StatusUnauthorized, func(r *http.Request) { r.Header.Del("Authorization") }},
		"with another token":    {http.StatusUnauthorized, func(r *http.Request) { r.Header.Set("Authorization", "Bearer secrets") }},
		"a form of another":     {http.StatusUnsupportedMediaType, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }},
		"without a method here": {http.StatusNotFound, func(r *http.Request) { r.Method = http.MethodGet }},
	} {
		if got := ask(c.change); got != c.status {
			t.Errorf("%s: %d, want %d", name, got, c.status)
		}
	}
}
