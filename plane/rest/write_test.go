package rest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"polity/plane"
)

const one = `{"id":"urn:x:new:1","types":["Air"],"attributes":{"temperature":{"value":4,"unit":"CEL","observed_at":"2026-11-30T12:00:00Z","meta":{"accuracy":{"value":0.5}},"datasets":{"urn:x:b":{"value":5}}},"location":{"value":{"type":"Point","coordinates":[24.9,60.2]}}}}`

func TestWritingIsForWhoIsTrusted(t *testing.T) {
	w := newTown(t)
	for _, c := range [][3]string{
		{"POST", "/api/v1/entities", one},
		{"PUT", "/api/v1/entities/urn:x:air:1", one},
		{"PATCH", "/api/v1/entities/urn:x:air:1", `{}`},
		{"DELETE", "/api/v1/entities/urn:x:air:1", ""},
		{"DELETE", "/api/v1/entities/urn:x:nothing", ""},
		{"PATCH", "/api/v1/entities/urn:x:patrol:1", `{`},
	} {
		if got := w.ask(c[0], c[1], c[2], "Content-Type", "application/json"); got.Code != http.StatusForbidden {
			t.Errorf("%s %s: %d %s", c[0], c[1], got.Code, got.Body)
		}
	}
	if _, err := w.store.Entity(t.Context(), plane.Key{ID: "urn:x:air:1"}); err != nil {
		t.Error(err)
	}
}

func TestWrongBodiesAreRefused(t *testing.T) {
	w := newTown(t)
	deep := `{"id":"urn:x:new:1","types":["Air"],"attributes":{"a":{"value":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}}}`
	huge := `{"id":"urn:x:new:1","types":["Air"],"attributes":{"a":{"value":"` + strings.Repeat("x", 5<<20) + `"}}}`
	for _, c := range []struct {
		media, body string
		status      int
		says        string
	}{
		{"text/plain", one, 415, "application/json"},
		{"", one, 415, "application/json"},
		{"application/json", "", 400, "not what is asked for"},
		{"application/json", "{", 400, "not what is asked for"},
		{"application/json", one + one, 400, "follows"},
		{"application/json", `{"id":"urn:x:new:1","typ":["Air"]}`, 400, "typ"},
		{"application/json", `{"id":"no","types":["Air"],"attributes":{}}`, 400, "URI"},
		{"application/json", `{"id":"urn:x:new:1","types":[],"attributes":{}}`, 400, "no type"},
		{"application/json", `{"id":"urn:x:new:1","types":["A"],"attributes":{"a":{}}}`, 400, "no value"},
		{"application/json", `{"id":"urn:x:new:1","types":["A"],"attributes":{"a":null}}`, 400, "null"},
		{"application/json", `{"id":"urn:x:new:1","types":["A"],"attributes":{"a":{"value":null}}}`, 400, "null"},
		{"application/json", `{"id":"urn:x:new:1","types":["A"],"attributes":{"a":{"value":1,"kind":"Odd"}}}`, 400, "GeoProperty"},
		{"application/json", `{"id":"urn:x:new:1","types":["A"],"attributes":{"location":{"value":{"type":"Point","coordinates":[400,0]}}}}`, 400, "GeoJSON"},
		{"application/json", `{"id":"urn:x:new:1","types":["A"],"attributes":{"location":{"value":{"type":"Point"}}}}`, 400, "GeoJSON"},
		{"application/json", `{"id":"urn:x:new:1","types":["A"],"attributes":{"a":{"value":1,"datasets":{"b":{"value":1,"datasets":{"c":{"value":1}}}}}}}`, 400, "dataset"},
		{"application/json", deep, 400, "nests"},
		{"application/json", huge, 413, "4 MiB"},
		{"application/json", `{"id":"urn:polity:camera:x","types":["A"],"attributes":{}}`, 403, "kept by Polity"},
		{"application/json", strings.Replace(one, "new:1", "air:1", 1), 409, "PUT"},
	} {
		got := w.ask(http.MethodPost, "/api/v1/entities", c.body, "X-Trusted", "1", "Content-Type", c.media)
		if got.Code != c.status || !strings.Contains(got.Body.String(), c.says) || got.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.60q as %q: %d %.300s", c.body, c.media, got.Code, got.Body)
		}
	}
	if _, err := w.store.Entity(t.Context(), plane.Key{ID: "urn:x:new:1"}); err == nil {
		t.Error("a refused body was stored")
	}
}

func TestEntitiesAreCreatedReplacedPatchedAndRemoved(t *testing.T) {
	w := newTown(t)
	const path = "/api/v1/entities/urn:x:new:1"
	headers := []string{"X-Trusted", "1", "Content-Type", "application/json"}
	made := w.ask(http.MethodPost, "/api/v1/entities", one, headers...)
	if made.Code != http.StatusCreated || made.Header().Get("Location") != "/api/v1/entities/urn:x:new:1" {
		t.Fatalf("%d %v %s", made.Code, made.Header(), made.Body)
	}
	e, err := w.store.Entity(t.Context(), plane.Key{ID: "urn:x:new:1"})
	if err != nil || len(e.Attributes) != 3 || string(e.Attribute("temperature").Meta[0].Value) != "0.5" || e.Attribute("location").Kind != plane.Geo || e.Attributes[2].Dataset != "urn:x:b" {
		t.Fatalf("%+v %v", e, err)
	}
	// What was read can be written again, and changes nothing.
	tag := made.Header().Get("ETag")
	again := w.ask(http.MethodPut, path, made.Body.String(), append(headers, "If-Match", tag)...)
	if again.Code != http.StatusOK || again.Header().Get("ETag") != tag {
		t.Errorf("the same again: %d %s", again.Code, again.Body)
	}
	patched := w.ask(http.MethodPatch, path, `{"attributes":{"temperature":{"value":9},"location":null}}`, append(headers, "If-Match", tag)...)
	var s struct {
		Attributes map[string]struct {
			Value    json.RawMessage
			Datasets map[string]any
		}
	}
	read(t, patched, &s)
	if string(s.Attributes["temperature"].Value) != "9" || len(s.Attributes["temperature"].Datasets) != 1 || len(s.Attributes) != 1 {
		t.Errorf("%s", patched.Body)
	}
	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if got := w.ask(method, path, strings.Replace(one, `"value":4`, `"value":8`, 1), append(headers, "If-Match", tag)...); got.Code != http.StatusPreconditionFailed {
			t.Errorf("%s with an old tag: %d", method, got.Code)
		}
		if got := w.ask(method, "/api/v1/entities/urn:x:new:2", `{"types":["A"],"attributes":{}}`, append(headers, "If-Match", "*")...); got.Code != http.StatusPreconditionFailed {
			t.Errorf("%s of what is not there with If-Match: %d", method, got.Code)
		}
	}
	if got := w.ask(http.MethodPut, path, one, append(headers, "If-None-Match", "*")...); got.Code != http.StatusPreconditionFailed {
		t.Errorf("If-None-Match: * of what is there: %d", got.Code)
	}
	if got := w.ask(http.MethodPut, "/api/v1/entities/urn:x:other", one, headers...); got.Code != http.StatusBadRequest {
		t.Errorf("another id in the body: %d", got.Code)
	}
	packed := w.get(path, "X-Trusted", "1", "Accept", "text/csv").Header().Get("ETag")
	if got := w.ask(http.MethodDelete, path, "", append(headers, "If-Match", packed)...); got.Code != http.StatusNoContent || got.Body.Len() != 0 {
		t.Errorf("removed: %d %s", got.Code, got.Body)
	}
	if got := w.ask(http.MethodDelete, path, "", headers...); got.Code != http.StatusNotFound {
		t.Errorf("removed twice: %d", got.Code)
	}
	if got := w.ask(http.MethodPut, path, one, headers...); got.Code != http.StatusCreated {
		t.Errorf("put where nothing is: %d", got.Code)
	}
	odd := "/api/v1/entities/https:%2F%2Fexample.org%2Fthings%2F1"
	if got := w.ask(http.MethodPut, odd, `{"types":["Air"],"attributes":{}}`, headers...); got.Code != http.StatusCreated {
		t.Errorf("an id with slashes: %d %s", got.Code, got.Body)
	}
	if got := w.get(odd); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), `"https://example.org/things/1"`) {
		t.Errorf("an id with slashes: %d %s", got.Code, got.Body)
	}
}
