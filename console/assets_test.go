package console_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"polity/console"
	"polity/console/consoletest"
)

func TestAssetsAreKeptForEverAndUnpackedForWhoAsks(t *testing.T) {
	world, err := consoletest.New(consoletest.Config{Now: func() time.Time { return afternoon }})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("let x = 1"))
	_ = z.Close()
	pages, err := console.New(console.Config{City: world, Bundle: fstest.MapFS{"manifest.json": {Data: []byte(`{"shell":"shell.ABC.js","crewworker":"crewworker.ABC.js"}`)}, "shell.ABC.js.gz": {Data: packed.Bytes()}, "crewworker.ABC.js.gz": {Data: packed.Bytes()}}})
	if err != nil {
		t.Fatal(err)
	}
	defer pages.Close()
	w := get(t, pages, "/assets/shell.ABC.js")
	if w.Code != 200 || w.Body.String() != "let x = 1" || w.Header().Get("Content-Encoding") != "" {
		t.Errorf("plain: status %d, %q", w.Code, w.Body)
	}
	for name, want := range map[string]string{"Cache-Control": "public, max-age=31536000, immutable", "Content-Type": "text/javascript; charset=utf-8", "Vary": "Accept-Encoding"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/assets/shell.ABC.js", nil)
	r.Header.Set("Accept-Encoding", "gzip, br")
	w = httptest.NewRecorder()
	pages.ServeHTTP(w, r)
	if w.Header().Get("Content-Encoding") != "gzip" || !bytes.Equal(w.Body.Bytes(), packed.Bytes()) {
		t.Errorf("packed: %v, %d bytes", w.Header(), w.Body.Len())
	}
	// What keeps pages on a telephone stays at its address: a new one has to come.
	if w := get(t, pages, "/orders/worker.js"); w.Code != 200 || w.Body.String() != "let x = 1" || w.Result().Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("a worker: status %d, %q, %s", w.Code, w.Body, w.Result().Header.Get("Cache-Control"))
	}
	if w := get(t, pages, "/assets/shell.OLD.js"); w.Code != 404 || strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("an old asset: status %d, %s", w.Code, w.Header().Get("Cache-Control"))
	}
}

// A program that was built without its scripts and styles still shows its pages, and
// says what to do.
func TestMissingBundleIsSaid(t *testing.T) {
	world, err := consoletest.New(consoletest.Config{Now: func() time.Time { return afternoon }})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := console.New(console.Config{City: world, Bundle: fstest.MapFS{".keep": {}}})
	if err != nil {
		t.Fatal(err)
	}
	defer pages.Close()
	page := get(t, pages, "/cameras/square").Body.String()
	for _, want := range []string{"were not built", "make build", "Railway Square, north side", "place.jpg"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "/assets/") {
		t.Error("the page asks for what is not there")
	}
	if _, err := console.New(console.Config{City: world, Bundle: fstest.MapFS{"manifest.json": {Data: []byte("{")}}}); err == nil {
		t.Error("a damaged list was taken")
	}
}
