package rest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"polity/plane"
)

// FuzzList holds that a list is answered or refused, and never tells of what is not
// public.
func FuzzList(f *testing.F) {
	for _, s := range []string{"type=Air", "bbox=24,60,25,61", "q=temperature>20;owner", "updated_since=2026-11-30", "cursor=eyJxIjoiIn0", "format=csv&limit=2", "q=owner~=\"^A\"", "q=!owner", "type=Patrol&as=public", "bbox=-1e300,0,1,1"} {
		f.Add(s)
	}
	w := newTown(f)
	f.Fuzz(func(t *testing.T, query string) {
		got := w.getRaw("/api/v1/entities?" + query)
		switch got.Code {
		case http.StatusOK, http.StatusBadRequest, http.StatusForbidden:
		default:
			t.Errorf("%q: %d %s", query, got.Code, got.Body)
		}
		if got.Code == http.StatusOK && (strings.Contains(got.Body.String(), "Ann") || strings.Contains(got.Body.String(), "urn:x:patrol")) {
			t.Errorf("%q tells of what is not public: %s", query, got.Body)
		}
	})
}

// FuzzBody holds that a body is stored or refused, and that what is stored can be read
// and stored again.
func FuzzBody(f *testing.F) {
	f.Add(one)
	f.Add(`{"id":"urn:x:n","types":["A"],"attributes":{"a":{"value":1e400}}}`)
	f.Add(`{"id":"urn:x:n","types":["A"],"attributes":{"location":{"value":{"type":"Polygon","coordinates":[[[0,0],[1,1]]]}}}}`)
	w := newTown(f)
	f.Fuzz(func(t *testing.T, body string) {
		headers := []string{"X-Trusted", "1", "Content-Type", "application/json"}
		got := w.ask(http.MethodPost, "/api/v1/entities", body, headers...)
		if got.Code >= 500 {
			t.Fatalf("%q: %d %s", body, got.Code, got.Body)
		}
		if got.Code != http.StatusCreated {
			return
		}
		var e struct{ ID string }
		if err := json.Unmarshal(got.Body.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		again := w.ask(http.MethodPut, got.Header().Get("Location"), got.Body.String(), headers...)
		if again.Code != http.StatusOK || again.Header().Get("ETag") != got.Header().Get("ETag") {
			t.Errorf("%q, read and stored again: %d %s", body, again.Code, again.Body)
		}
		if _, err := w.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Remove(plane.Key{ID: e.ID})}}); err != nil {
			t.Fatal(err)
		}
	})
}
