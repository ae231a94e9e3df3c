package jsonld_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/problem"
)

var documents = map[string]string{
	"https://example.org/a":    `{"@context":{"heat":"https://example.org/warmth","ex":"https://example.org/","name":{"@id":"ex:name"}}}`,
	"https://example.org/b":    `{"@context":["https://example.org/a",{"name":"https://example.org/other"}]}`,
	"https://example.org/loop": `{"@context":["https://example.org/loop"]}`,
	"https://example.org/to":   `{"@context":{"a":"https://example.org/a"}}`,
	"https://example.org/fro":  `{"@context":[{"@import":"https://example.org/back"}]}`,
	"https://example.org/back": `{"@context":["https://example.org/fro"]}`,
	"https://example.org/self": `{"@context":{"a":{"@id":"https://example.org/x","@context":"https://example.org/self"}}}`,
	"https://example.org/deep": `{"@context":` + strings.Repeat(`{"a":`, 500) + `{}` + strings.Repeat("}", 500) + `}`,
	"https://example.org/text": `hello`,
}

func cache(t *testing.T, asked *int) *jsonld.Cache {
	t.Helper()
	c, err := jsonld.NewCache(func(_ context.Context, address string) ([]byte, error) {
		*asked++
		if text, ok := documents[address]; ok {
			return []byte(text), nil
		}
		return nil, problem.NoContext("there is no %s", address)
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestNames holds both directions of clause 5.5.7 for each kind of name.
func TestNames(t *testing.T) {
	asked := 0
	c, err := cache(t, &asked).Of(t.Context(), []byte(`["https://example.org/b"]`))
	if err != nil {
		t.Fatal(err)
	}
	for name, iri := range map[string]string{
		"heat":             "https://example.org/warmth",
		"name":             "https://example.org/other", // the later definition counts
		"ex:speed":         "https://example.org/speed",
		"colour":           "https://uri.etsi.org/ngsi-ld/default-context/colour",
		"urn:x:y":          "urn:x:y",
		"location":         "https://uri.etsi.org/ngsi-ld/location",
		"https://a.b/c#d":  "https://a.b/c#d",
		"observationSpace": "https://uri.etsi.org/ngsi-ld/observationSpace",
	} {
		if got := c.Expand(name); got != iri {
			t.Errorf("%s expands to %s, want %s", name, got, iri)
		}
		if got := c.Compact(iri); got != name {
			t.Errorf("%s is compacted to %s, want %s", iri, got, name)
		}
		if got := c.Shown(c.Stored(name)); got != name {
			t.Errorf("%s is stored as %s and shown as %s", name, c.Stored(name), got)
		}
	}
	if c.Stored("colour") != "colour" || c.Stored("location") != "location" || c.Stored("heat") != "https://example.org/warmth" {
		t.Error("names of the default vocabulary are stored short, and location; others are not")
	}
}

// TestTheCoreCounts holds that no @context changes what the core says.
func TestTheCoreCounts(t *testing.T) {
	asked := 0
	c, err := cache(t, &asked).Of(t.Context(), []byte(`[{"observedAt":"https://evil.example/x","value":"https://evil.example/y"}]`))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Expand("observedAt"); got != "https://uri.etsi.org/ngsi-ld/observedAt" {
		t.Errorf("observedAt expands to %s", got)
	}
}

func TestAContextIsCompiledOnce(t *testing.T) {
	asked := 0
	c := cache(t, &asked)
	for range 3 {
		if _, err := c.At(t.Context(), "https://example.org/b"); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 2 {
		t.Errorf("fetched %d times, want 2: the document and the one that it names", asked)
	}
	c.Forget("https://example.org/a")
	if _, err := c.At(t.Context(), "https://example.org/b"); err != nil || asked != 4 {
		t.Errorf("fetched %d times, want 4 after one was forgotten (%v)", asked, err)
	}
}

func TestRefusedContexts(t *testing.T) {
	asked := 0
	c := cache(t, &asked)
	for source, kind := range map[string]string{
		`"https://example.org/nothing"`: "LdContextNotAvailable",
		`"https://example.org/text"`:    "LdContextNotAvailable",
		`"https://example.org/loop"`:    "BadRequestData",
		`"https://example.org/fro"`:     "BadRequestData",
		`"https://example.org/deep"`:    "LdContextNotAvailable",
		`7`:                             "BadRequestData",
		`{"a":{"@id":7}}`:               "BadRequestData",
		`{`:                             "BadRequestData",
	} {
		_, err := c.Of(t.Context(), []byte(source))
		p, ok := errors.AsType[*problem.Problem](err)
		if !ok || p.Kind != kind {
			t.Errorf("%s: %v, want %s", source, err, kind)
		}
	}
	if c, err := c.At(t.Context(), "https://example.org/self"); err != nil || c.Expand("a") != "https://example.org/x" {
		t.Errorf("a term whose own context is the one that it stands in: %v", err)
	}
	many := "[" + strings.Repeat(`{"a":"https://example.org/a"},`, 9) + `{}]`
	if _, err := c.Of(t.Context(), []byte(many)); err != nil {
		t.Errorf("a list of contexts: %v", err)
	}
}

// FuzzContext holds that any @context is refused, or that what it compacts expands to
// the same IRI.
func FuzzContext(f *testing.F) {
	f.Add([]byte(`{"a":"https://x.y/a","b":{"@id":"a:c"},"a:b":"urn:z"}`), "a:c", "https://x.y/a")
	c, err := jsonld.NewCache(func(context.Context, string) ([]byte, error) { return nil, problem.NoContext("nothing is fetched") })
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source []byte, name, iri string) {
		x, err := c.Of(t.Context(), source)
		if err != nil {
			return
		}
		x.Expand(name)
		if short := x.Compact(iri); strings.Contains(iri, ":") && short != iri && x.Expand(short) != iri {
			t.Errorf("%s: %q is compacted to %q, which expands to %q", source, iri, short, x.Expand(short))
		}
	})
}
