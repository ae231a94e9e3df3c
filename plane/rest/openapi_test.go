package rest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"polity/plane/rest"
)

var update = flag.Bool("update", false, "write docs/openapi.json")

const committed = "../../docs/openapi.json"

// The file in docs is what the program says of itself.
func TestTheCommittedDescriptionIsCurrent(t *testing.T) {
	now, err := rest.Document("City", rest.Licence{Name: "CC BY 4.0", URL: "https://creativecommons.org/licenses/by/4.0/"})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(committed, now, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	was, err := os.ReadFile(committed)
	if err != nil || !bytes.Equal(was, now) {
		t.Errorf("docs/openapi.json is not current (%v): go test ./plane/rest -run Committed -update", err)
	}
}

type document struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]any }
}

type operation struct {
	OperationID string
	Parameters  []struct {
		Name, In string
		Required bool
		Example  any
		Schema   map[string]any
	}
	RequestBody *struct{ Content map[string]any }
	Responses   map[string]struct {
		Content map[string]struct{ Schema map[string]any }
		Headers map[string]any
	}
}

type contract struct {
	t    *testing.T
	doc  document
	made *jsonschema.Compiler
	seen map[string]bool // "GET /path 200 media"
}

func newContract(t *testing.T, w *town) *contract {
	t.Helper()
	c := &contract{t: t, made: jsonschema.NewCompiler(), seen: map[string]bool{}}
	text := w.get("/api/v1/openapi.json").Body.Bytes()
	if err := json.Unmarshal(text, &c.doc); err != nil {
		t.Fatal(err)
	}
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c.made.DefaultDraft(jsonschema.Draft2020)
	c.made.AssertFormat()
	if err := c.made.AddResource("https://town.example/openapi.json", whole); err != nil {
		t.Fatal(err)
	}
	return c
}

// check holds an answer to what the description says of it.
func (c *contract) check(path, method, address string, status int, header http.Header, body []byte) {
	c.t.Helper()
	op, ok := c.doc.Paths[path][strings.ToLower(method)]
	if !ok {
		c.t.Errorf("%s %s is not described", method, path)
		return
	}
	answer, ok := op.Responses[fmt.Sprint(status)]
	if !ok {
		c.t.Errorf("%s %s answers %d, which is not described: %s", method, address, status, body)
		return
	}
	media, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	c.seen[fmt.Sprintf("%s %s %d %s", method, path, status, media)] = true
	if _, ok := answer.Content[media]; !ok && (media != "" || answer.Content != nil) {
		c.t.Errorf("%s %s answers %d with %q, which is not described", method, address, status, media)
		return
	}
	for name := range answer.Headers {
		if name != "Link" && header.Get(name) == "" {
			c.t.Errorf("%s %s: the header %s is missing", method, address, name)
		}
	}
	if !strings.HasSuffix(media, "json") {
		return
	}
	at := strings.NewReplacer("~", "~0", "/", "~1")
	pointer := fmt.Sprintf("https://town.example/openapi.json#/paths/%s/%s/responses/%d/content/%s/schema", at.Replace(path), strings.ToLower(method), status, at.Replace(media))
	schema, err := c.made.Compile(strings.ReplaceAll(strings.ReplaceAll(pointer, "{", "%7B"), "}", "%7D"))
	if err != nil {
		c.t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		c.t.Errorf("%s %s: %v", method, address, err)
		return
	}
	if err := schema.Validate(value); err != nil {
		c.t.Errorf("%s %s: %v", method, address, err)
	}
}

// Every route answers as it is described, in every format and status that can be brought
// about, and knows the parameters that it says it knows.
func TestEveryAnswerIsAsDescribed(t *testing.T) {
	w := newTown(t)
	c := newContract(t, w)
	trusted := []string{"X-Trusted", "1", "Content-Type", "application/json"}
	ask := func(path, method, address, body string, headers ...string) {
		t.Helper()
		got := w.ask(method, "/api/v1"+address, body, headers...)
		c.check(path, method, address, got.Code, got.Header(), content(t, got))
	}
	fill := strings.NewReplacer("{id}", "urn:x:air:1")
	needed := map[string]string{"attribute": "temperature", "by": "hour"}
	for path, methods := range c.doc.Paths {
		for method, op := range methods {
			method = strings.ToUpper(method)
			if method != http.MethodGet {
				continue
			}
			query := ""
			for _, p := range op.Parameters {
				if p.In == "query" && p.Required {
					query += "&" + p.Name + "=" + needed[p.Name]
				}
			}
			address := fill.Replace(path) + "?" + strings.TrimPrefix(query, "&")
			address = strings.TrimSuffix(strings.TrimSuffix(address, "?"), "/")
			for _, headers := range [][]string{nil, {"X-Trusted", "1"}, {"Accept", "text/csv, */*;q=0.1"}, {"Accept", "application/geo+json, */*;q=0.1"}, {"Accept", "image/png"}, {"If-None-Match", "*"}} {
				ask(path, method, address, "", headers...)
			}
			ask(path, method, address+map[bool]string{true: "&", false: "?"}[query != ""]+"wrong=1", "")
			for _, p := range op.Parameters {
				if p.In != "query" || needed[p.Name] != "" || p.Name == "cursor" {
					continue
				}
				value := fmt.Sprint(p.Example)
				if words, ok := p.Schema["enum"].([]any); ok {
					value = fmt.Sprint(words[0])
				}
				if p.Example == nil && p.Schema["enum"] == nil {
					value = "x"
				}
				sep := map[bool]string{true: "&", false: "?"}[query != ""]
				got := w.get("/api/v1" + address + sep + p.Name + "=" + strings.ReplaceAll(value, ">", "%3E"))
				if got.Code != http.StatusOK {
					t.Errorf("%s does not know its parameter %s: %d %s", path, p.Name, got.Code, got.Body)
				}
			}
		}
	}
	ask("/entities", "GET", "/entities?limit=1", "")
	ask("/entities/{id}", "GET", "/entities/urn:x:patrol:1", "")
	ask("/entities/{id}", "GET", "/entities/urn:polity:counts:square", "")
	ask("/entities/{id}/history", "GET", "/entities/urn:x:patrol:1/history?attribute=temperature", "")
	ask("/entities/{id}/aggregates", "GET", "/entities/urn:x:patrol:1/aggregates?attribute=temperature&by=hour", "")
	ask("/entities/{id}/history", "GET", "/entities/urn:polity:counts:square/history?attribute=crossings", "")
	ask("/entities/{id}/aggregates", "GET", "/entities/urn:polity:counts:square/aggregates?attribute=crossings&by=day", "")
	ask("/entities/{id}/aggregates", "GET", "/entities/urn:x:air:1/aggregates?attribute=temperature&by=hour&from=1970-01-01", "")
	for _, headers := range [][]string{nil, trusted, trusted, {"X-Trusted", "1", "Content-Type", "text/plain"}, append(trusted, "If-None-Match", "*")} {
		ask("/entities", "POST", "/entities", one, headers...)
	}
	ask("/entities", "POST", "/entities", strings.Repeat("x", 5<<20), trusted...)
	ask("/entities", "POST", "/entities", "{", trusted...)
	for _, body := range []string{one, one, "{"} {
		ask("/entities/{id}", "PUT", "/entities/urn:x:new:1", body, trusted...)
		ask("/entities/{id}", "PUT", "/entities/urn:x:new:3", strings.Replace(body, "new:1", "new:3", 1), trusted...)
		ask("/entities/{id}", "PUT", "/entities/urn:x:new:1", body)
		ask("/entities/{id}", "PUT", "/entities/urn:x:new:1", body, "X-Trusted", "1", "Content-Type", "text/plain")
		ask("/entities/{id}", "PUT", "/entities/urn:x:new:1", body, append(trusted, "If-Match", `"old"`)...)
	}
	for _, id := range []string{"new:1", "nothing"} {
		ask("/entities/{id}", "PATCH", "/entities/urn:x:"+id, `{"attributes":{"temperature":null}}`, trusted...)
		ask("/entities/{id}", "PATCH", "/entities/urn:x:"+id, `{`, trusted...)
		ask("/entities/{id}", "PATCH", "/entities/urn:x:"+id, `{}`)
		ask("/entities/{id}", "PATCH", "/entities/urn:x:"+id, `{}`, "X-Trusted", "1")
		ask("/entities/{id}", "PATCH", "/entities/urn:x:"+id, `{}`, append(trusted, "If-Match", `"old"`)...)
		ask("/entities/{id}", "DELETE", "/entities/urn:x:"+id, ``)
		ask("/entities/{id}", "DELETE", "/entities/urn:x:"+id, ``, append(trusted, "If-Match", `"old"`)...)
		ask("/entities/{id}", "DELETE", "/entities/urn:x:"+id, ``, trusted...)
	}
	for _, path := range []string{"/entities", "/entities/{id}"} {
		for _, method := range []string{"PUT", "PATCH"} {
			if c.doc.Paths[path][strings.ToLower(method)].Responses != nil {
				ask(path, method, fill.Replace(path), strings.Repeat("x", 5<<20), trusted...)
			}
		}
	}
	for path, methods := range c.doc.Paths {
		for method, op := range methods {
			if op.RequestBody != nil {
				ask(path, strings.ToUpper(method), fill.Replace(path), one, append(trusted, "Accept", "image/png")...)
			}
		}
	}
	ask("/entities/{id}", "DELETE", "/entities/urn:x:air:1?wrong=1", "", trusted...)
	c.whole()
}

// unreachable are statuses that need a store that is broken, an answer that is huge, or a
// store that refuses what was checked before.
var unreachable = []string{"500", "503", "413"}

// whole reports what is described and never came.
func (c *contract) whole() {
	c.t.Helper()
	for _, path := range slices.Sorted(maps.Keys(c.doc.Paths)) {
		for method, op := range c.doc.Paths[path] {
			for status, answer := range op.Responses {
				if slices.Contains(unreachable, status) {
					continue
				}
				medias := slices.Collect(maps.Keys(answer.Content))
				if len(medias) == 0 {
					medias = []string{""}
				}
				for _, media := range medias {
					if key := strings.ToUpper(method) + " " + path + " " + status + " " + media; !c.seen[key] {
						c.t.Errorf("described and never answered: %s", key)
					}
				}
			}
		}
	}
}

// The checks can fail: an answer that is not as described is found.
func TestTheContractCanBeBroken(t *testing.T) {
	w := newTown(t)
	probe := &testing.T{}
	c := newContract(t, w)
	c.t = probe
	c.check("/types", "GET", "/types", 200, http.Header{"Content-Type": {"application/json"}, "Etag": {`"x"`}}, []byte(`{"types":[{"type":1}]}`))
	if !probe.Failed() {
		t.Error("a wrong answer passed")
	}
}
