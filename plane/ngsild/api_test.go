package ngsild_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"polity/internal/delivery"
	"polity/plane"
	"polity/plane/ngsild"
	"polity/plane/sqlite"
)

// api is a Server over an empty store.
type api struct {
	*ngsild.Server
	t     *testing.T
	store plane.Store
	path  string

	limits  delivery.Limits
	sources ngsild.Sources
	through func(plane.Feed) plane.Feed // what the API sees of the feed
}

func newAPI(t *testing.T) *api { return newAPIWith(t, ngsild.Sources{}) }

func newAPIWith(t *testing.T, sources ngsild.Sources) *api {
	t.Helper()
	a := &api{t: t, sources: sources, path: filepath.Join(t.TempDir(), "city.db")}
	a.open()
	t.Cleanup(a.close)
	return a
}

func (a *api) open() {
	a.t.Helper()
	var err error
	if a.store, err = sqlite.Open(a.t.Context(), a.path, sqlite.Config{Feed: true}); err != nil {
		a.t.Fatal(err)
	}
	local := ngsild.Remote{Hosts: []string{"127.0.0.1"}}
	feed, _ := a.store.(plane.Feed)
	if a.through != nil {
		feed = a.through(feed)
	}
	if a.Server, err = ngsild.New(a.t.Context(), ngsild.Config{
		Store: a.store, Contexts: local, Notify: local, Sources: a.sources, Instances: 6,
		Notifications: &ngsild.Notifications{Feed: feed, Path: filepath.Join(filepath.Dir(a.path), "notifications.db"), Limits: a.limits},
	}); err != nil {
		a.t.Fatal(err)
	}
}

func (a *api) close() {
	if err := errors.Join(a.Server.Close(), a.store.Close()); err != nil {
		a.t.Error(err)
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// in is the API for a subtest.
func (a *api) in(t *testing.T) *api {
	sub := *a
	sub.t = t
	return &sub
}

// do sends a request. Headers are given as "Name: value".
func (a *api) do(method, path, body string, headers ...string) answer {
	a.t.Helper()
	r := httptest.NewRequestWithContext(a.t.Context(), method, ngsild.Root+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// must sends a request that has to get a status.
func (a *api) must(status int, method, path, body string, headers ...string) answer {
	a.t.Helper()
	got := a.do(method, path, body, headers...)
	if got.status != status {
		a.t.Fatalf("%s %s: status %d, want %d: %s", method, path, got.status, status, got.body)
	}
	return got
}

// same compares JSON whatever the order of members.
func same(t *testing.T, got, want string) {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(got), &x); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &y); err != nil {
		t.Fatalf("%v in %s", err, want)
	}
	if !reflect.DeepEqual(x, y) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

const room = `{"id":"urn:x:Room:1","type":"Room","temperature":{"type":"Property","value":21.5,"unitCode":"CEL","observedAt":"2026-11-30T12:00:00Z"},` +
	`"name":{"type":"LanguageProperty","languageMap":{"fi":"huone","en":"room"}},"in":{"type":"Relationship","object":"urn:x:House:1"},` +
	`"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[24.94,60.17]}}}`

func TestEveryRefusalHasItsStatusAndType(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/entities", room)
	ld := "Content-Type: application/ld+json"
	for _, c := range []struct {
		clause, method, path, body string
		headers                    []string
		status                     int
		kind                       string
	}{
		{"5.6.1 exists", "POST", "/entities", room, nil, 409, "AlreadyExists"},
		{"5.6.1 no type", "POST", "/entities", `{"id":"urn:x:1"}`, nil, 400, "BadRequestData"},
		{"5.6.1 no URI", "POST", "/entities", `{"id":"room","type":"Room"}`, nil, 400, "BadRequestData"},
		{"5.6.1 null", "POST", "/entities", `{"id":"urn:x:1","type":"R","a":{"type":"Property","value":null}}`, nil, 400, "BadRequestData"},
		{"4.5.0 null of NGSI-LD", "POST", "/entities", `{"id":"urn:x:1","type":"R","a":"urn:ngsi-ld:null"}`, nil, 400, "BadRequestData"},
		{"4.5.3 object no URI", "POST", "/entities", `{"id":"urn:x:1","type":"R","a":{"type":"Relationship","object":"x"}}`, nil, 400, "BadRequestData"},
		{"4.6.2 name", "POST", "/entities", `{"id":"urn:x:1","type":"R","a(b":1}`, nil, 400, "BadRequestData"},
		{"4.6.3 time", "POST", "/entities", `{"id":"urn:x:1","type":"R","a":{"type":"Property","value":1,"observedAt":"noon"}}`, nil, 400, "BadRequestData"},
		{"4.7 geometry", "POST", "/entities", `{"id":"urn:x:1","type":"R","a":{"type":"GeoProperty","value":{"type":"Point","coordinates":[200,0]}}}`, nil, 400, "BadRequestData"},
		{"6.3.3 no JSON", "POST", "/entities", `{"id":`, nil, 400, "InvalidRequest"},
		{"6.3.4 media type", "POST", "/entities", room, []string{"Content-Type: text/plain"}, 415, "InvalidRequest"},
		{"6.3.4 accept", "GET", "/entities/urn:x:Room:1", "", []string{"Accept: application/xml"}, 406, "InvalidRequest"},
		{"6.3.4 GeoJSON elsewhere", "GET", "/types", "", []string{"Accept: application/geo+json"}, 406, "InvalidRequest"},
		{"6.3.5 no @context in JSON-LD", "POST", "/entities", `{"id":"urn:x:1","type":"R"}`, []string{ld}, 400, "BadRequestData"},
		{"6.3.5 @context in JSON", "POST", "/entities", `{"id":"urn:x:1","type":"R","@context":[]}`, nil, 400, "BadRequestData"},
		{"5.2.2 @context away", "POST", "/entities", `{"id":"urn:x:1","type":"R","@context":"http://127.0.0.1:1/c.jsonld"}`, []string{ld}, 503, "LdContextNotAvailable"},
		{"6.3.20 parameter", "GET", "/entities?type=Room&colour=red", "", nil, 400, "InvalidRequest"},
		{"6.3.12 option", "GET", "/entities?type=Room&options=pretty", "", nil, 400, "InvalidRequest"},
		{"6.3.14 tenant", "GET", "/entities?type=Room", "", []string{"NGSILD-Tenant: nobody"}, 404, "NonexistentTenant"},
		{"6.3.14 name of a tenant", "GET", "/entities?type=Room", "", []string{"NGSILD-Tenant: a/b"}, 400, "BadRequestData"},
		{"5.7.1 not there", "GET", "/entities/urn:x:Room:2", "", nil, 404, "ResourceNotFound"},
		{"5.7.1 attributes not there", "GET", "/entities/urn:x:Room:1?attrs=colour", "", nil, 404, "ResourceNotFound"},
		{"5.7.2 too wide", "GET", "/entities", "", nil, 400, "BadRequestData"},
		{"4.9 q", "GET", "/entities?q=a%3D%3D", "", nil, 400, "BadRequestData"},
		{"4.10 georel", "GET", "/entities?georel=beside&geometry=Point&coordinates=[1,2]", "", nil, 400, "BadRequestData"},
		{"4.21 pick and omit", "GET", "/entities/urn:x:Room:1?pick=name&omit=name", "", nil, 400, "BadRequestData"},
		{"6.3.10 limit", "GET", "/entities?type=Room&limit=5000", "", nil, 403, "TooManyResults"},
		{"5.6.6 not there", "DELETE", "/entities/urn:x:Room:2", "", nil, 404, "ResourceNotFound"},
		{"5.6.4 not there", "PATCH", "/entities/urn:x:Room:1/attrs/colour", `{"value":1}`, nil, 404, "ResourceNotFound"},
		{"5.6.4 other type", "PATCH", "/entities/urn:x:Room:1/attrs/in", `{"type":"Property","value":1}`, nil, 400, "BadRequestData"},
		{"5.6.7 empty", "POST", "/entityOperations/create", `[]`, nil, 400, "BadRequestData"},
		{"5.6.21 too wide", "DELETE", "/entities", "", nil, 400, "BadRequestData"},
		{"5.8.1 no entities", "POST", "/subscriptions", `{"type":"Subscription","notification":{"endpoint":{"uri":"http://x/"}}}`, nil, 400, "BadRequestData"},
		{"5.8.1 no endpoint", "POST", "/subscriptions", `{"type":"Subscription","entities":[{"type":"R"}],"notification":{}}`, nil, 400, "BadRequestData"},
		{"5.8.1 throttling", "POST", "/subscriptions", `{"type":"Subscription","entities":[{"type":"R"}],"throttling":-1,"notification":{"endpoint":{"uri":"http://x/"}}}`, nil, 400, "BadRequestData"},
		{"5.8.3 not there", "GET", "/subscriptions/urn:x:s", "", nil, 404, "ResourceNotFound"},
		{"5.13.2 no @context", "POST", "/jsonldContexts", `{"a":"b"}`, nil, 400, "InvalidRequest"},
		{"5.13.5 core", "DELETE", "/jsonldContexts/https%3A%2F%2Furi.etsi.org%2Fngsi-ld%2Fv1%2Fngsi-ld-core-context-v1.8.jsonld", "", nil, 400, "BadRequestData"},
		{"5.7.3 no time", "GET", "/temporal/entities/urn:x:Room:1?timerel=after", "", nil, 400, "BadRequestData"},
		{"6.2 resource", "GET", "/nothing", "", nil, 404, "ResourceNotFound"},
		{"6.2 method", "PUT", "/types", "", nil, 405, "OperationNotSupported"},
	} {
		t.Run(c.clause, func(t *testing.T) {
			got := a.in(t).do(c.method, c.path, c.body, c.headers...)
			if got.status != c.status || !strings.Contains(got.body, `"https://uri.etsi.org/ngsi-ld/errors/`+c.kind+`"`) {
				t.Errorf("status %d, want %d %s: %s", got.status, c.status, c.kind, got.body)
			}
			if got.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("content type %q", got.header.Get("Content-Type"))
			}
		})
	}
}

func TestForms(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/entities", room)
	for _, c := range []struct{ clause, path, accept, want string }{
		{"4.5.1 normalised", "/entities/urn:x:Room:1", "", room},
		{"4.5.4 simplified", "/entities/urn:x:Room:1?options=keyValues", "", `{"id":"urn:x:Room:1","type":"Room","temperature":21.5,"name":{"languageMap":{"fi":"huone","en":"room"}},"in":"urn:x:House:1","location":{"type":"Point","coordinates":[24.94,60.17]}}`},
		{"4.5.18 concise", "/entities/urn:x:Room:1?format=concise&attrs=in,location", "", `{"id":"urn:x:Room:1","type":"Room","in":{"object":"urn:x:House:1"},"location":{"type":"Point","coordinates":[24.94,60.17]}}`},
		{"4.15 language", "/entities/urn:x:Room:1?lang=sv,en;q=0.5&attrs=name", "", `{"id":"urn:x:Room:1","type":"Room","name":{"type":"Property","value":"room","lang":"en"}}`},
		{"4.21 pick", "/entities/urn:x:Room:1?pick=id,in", "", `{"id":"urn:x:Room:1","in":{"type":"Relationship","object":"urn:x:House:1"}}`},
		{"4.21 omit", "/entities/urn:x:Room:1?omit=type,name,temperature,location", "", `{"id":"urn:x:Room:1","in":{"type":"Relationship","object":"urn:x:House:1"}}`},
		{"4.5.16 GeoJSON", "/entities/urn:x:Room:1?options=keyValues&attrs=in", "application/geo+json", `{"id":"urn:x:Room:1","type":"Feature","geometry":{"type":"Point","coordinates":[24.94,60.17]},"properties":{"type":"Room","in":"urn:x:House:1"},"@context":"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"}`},
		{"6.3.5 JSON-LD", "/entities/urn:x:Room:1?attrs=in", "application/ld+json", `{"id":"urn:x:Room:1","type":"Room","in":{"type":"Relationship","object":"urn:x:House:1"},"@context":"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"}`},
	} {
		t.Run(c.clause, func(t *testing.T) {
			got := a.in(t).must(200, "GET", c.path, "", "Accept: "+c.accept)
			same(t, got.body, c.want)
			if hasLink := got.header.Get("Link") != ""; hasLink != (c.accept == "") {
				t.Errorf("Link header %q with accept %q", got.header.Get("Link"), c.accept)
			}
		})
	}
	got := a.must(200, "GET", "/entities/urn:x:Room:1?options=sysAttrs", "")
	if strings.Count(got.body, "createdAt") != 5 {
		t.Errorf("createdAt is not on the entity and its four attributes: %s", got.body)
	}
}

func TestLinkedEntities(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/entities", room)
	a.must(201, "POST", "/entities", `{"id":"urn:x:House:1","type":"House","floors":3,"next":{"type":"Relationship","object":"urn:x:Room:1"}}`)
	got := a.must(200, "GET", "/entities/urn:x:Room:1?join=inline&joinLevel=5&pick=in{floors}&options=keyValues", "")
	same(t, got.body, `{"in":{"floors":3}}`)
	got = a.must(200, "GET", "/entities/urn:x:Room:1?join=flat&attrs=in&options=keyValues", "")
	same(t, got.body, `[{"id":"urn:x:Room:1","type":"Room","in":"urn:x:House:1"},{"id":"urn:x:House:1","type":"House","floors":3,"next":"urn:x:Room:1"}]`)
}

// TestChanges runs the operations of clauses 5.6.2 to 5.6.19 one after the other, and
// looks at the entity behind each.
func TestChanges(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/entities", `{"id":"urn:x:1","type":"T","a":1,"b":{"type":"Property","value":{"x":1,"y":2}},"l":{"languageMap":{"fi":"yksi","en":"one"}}}`)
	const all = "/entities/urn:x:1?options=keyValues"
	for _, c := range []struct {
		clause, method, path, body string
		status                     int
		want                       string
	}{
		{"5.6.17 merge", "PATCH", "/entities/urn:x:1", `{"b":{"value":{"y":"urn:ngsi-ld:null","z":3}},"a":2}`, 204, `{"id":"urn:x:1","type":"T","a":2,"b":{"x":1,"z":3},"l":{"languageMap":{"fi":"yksi","en":"one"}}}`},
		{"5.6.17 null", "PATCH", "/entities/urn:x:1", `{"a":"urn:ngsi-ld:null","l":{"languageMap":{"en":"urn:ngsi-ld:null"}}}`, 204, `{"id":"urn:x:1","type":"T","b":{"x":1,"z":3},"l":{"languageMap":{"fi":"yksi"}}}`},
		{"5.6.3 append", "POST", "/entities/urn:x:1/attrs", `{"type":"U","a":7,"l":{"vocab":"v"}}`, 204, `{"id":"urn:x:1","type":["T","U"],"a":7,"b":{"x":1,"z":3},"l":{"vocab":"v"}}`},
		{"5.6.3 noOverwrite", "POST", "/entities/urn:x:1/attrs?options=noOverwrite", `{"a":8,"c":9}`, 207, `{"id":"urn:x:1","type":["T","U"],"a":7,"b":{"x":1,"z":3},"l":{"vocab":"v"},"c":9}`},
		{"5.6.2 update", "PATCH", "/entities/urn:x:1/attrs", `{"a":{"value":1,"datasetId":"urn:x:d"},"c":"urn:ngsi-ld:null"}`, 204, `{"id":"urn:x:1","type":["T","U"],"a":{"dataset":{"@none":7,"urn:x:d":1}},"b":{"x":1,"z":3},"l":{"vocab":"v"}}`},
		{"5.6.4 partial", "PATCH", "/entities/urn:x:1/attrs/a", `{"value":2,"datasetId":"urn:x:d"}`, 204, `{"id":"urn:x:1","type":["T","U"],"a":{"dataset":{"@none":7,"urn:x:d":2}},"b":{"x":1,"z":3},"l":{"vocab":"v"}}`},
		{"5.6.5 dataset", "DELETE", "/entities/urn:x:1/attrs/a?datasetId=urn:x:d", "", 204, `{"id":"urn:x:1","type":["T","U"],"a":7,"b":{"x":1,"z":3},"l":{"vocab":"v"}}`},
		{"5.6.19 replace", "PUT", "/entities/urn:x:1/attrs/b", `{"type":"Property","value":false}`, 204, `{"id":"urn:x:1","type":["T","U"],"a":7,"b":false,"l":{"vocab":"v"}}`},
		{"5.6.5 all", "DELETE", "/entities/urn:x:1/attrs/l?deleteAll=true", "", 204, `{"id":"urn:x:1","type":["T","U"],"a":7,"b":false}`},
		{"5.6.18 replace", "PUT", "/entities/urn:x:1", `{"id":"urn:x:1","type":"V","d":[1,2]}`, 204, `{"id":"urn:x:1","type":"V","d":[1,2]}`},
	} {
		t.Run(c.clause, func(t *testing.T) {
			a := a.in(t)
			a.must(c.status, c.method, c.path, c.body)
			same(t, a.must(200, "GET", all, "").body, c.want)
		})
	}
	a.must(204, "DELETE", "/entities/urn:x:1", "")
	a.must(404, "GET", all, "")
}

func TestBatches(t *testing.T) {
	a := newAPI(t)
	got := a.must(201, "POST", "/entityOperations/create", `[{"id":"urn:x:1","type":"T","a":1},{"id":"urn:x:2","type":"T","a":1}]`)
	same(t, got.body, `["urn:x:1","urn:x:2"]`)
	got = a.must(207, "POST", "/entityOperations/create", `[{"id":"urn:x:2","type":"T"},{"id":"urn:x:3","type":"T","a":1},{"type":"T"}]`)
	var result struct {
		Success []string
		Errors  []struct {
			EntityID string
			Error    struct{ Type string }
		}
	}
	if err := json.Unmarshal([]byte(got.body), &result); err != nil {
		t.Fatal(err)
	}
	if len(result.Success) != 1 || result.Success[0] != "urn:x:3" || len(result.Errors) != 2 || result.Errors[0].EntityID != "urn:x:2" || !strings.HasSuffix(result.Errors[0].Error.Type, "AlreadyExists") {
		t.Errorf("5.6.7: %s", got.body)
	}
	same(t, a.must(201, "POST", "/entityOperations/upsert", `[{"id":"urn:x:3","type":"T","b":2},{"id":"urn:x:4","type":"T","a":1}]`).body, `["urn:x:4"]`)
	same(t, a.must(200, "GET", "/entities/urn:x:3?options=keyValues", "").body, `{"id":"urn:x:3","type":"T","b":2}`)
	a.must(204, "POST", "/entityOperations/upsert?options=update", `[{"id":"urn:x:3","type":"T","a":2}]`)
	same(t, a.must(200, "GET", "/entities/urn:x:3?options=keyValues", "").body, `{"id":"urn:x:3","type":"T","a":2,"b":2}`)
	a.must(207, "POST", "/entityOperations/update", `[{"id":"urn:x:9","type":"T","a":2},{"id":"urn:x:1","a":5}]`)
	a.must(204, "POST", "/entityOperations/merge", `[{"id":"urn:x:1","a":{"unitCode":"CEL"}}]`)
	same(t, a.must(200, "GET", "/entities/urn:x:1", "").body, `{"id":"urn:x:1","type":"T","a":{"type":"Property","value":5,"unitCode":"CEL"}}`)
	a.must(204, "POST", "/entityOperations/delete", `["urn:x:1","urn:x:2"]`)
	a.must(207, "POST", "/entityOperations/delete", `["urn:x:1","urn:x:3"]`)
	same(t, a.must(200, "GET", "/entities?type=T&options=keyValues", "").body, `[{"id":"urn:x:4","type":"T","a":1}]`)
}

func TestPolitysOwnEntitiesStay(t *testing.T) {
	a := newAPI(t)
	e := &plane.Entity{Key: plane.Key{ID: "urn:polity:camera:square"}, Types: []string{"Camera"}, Attributes: []plane.Attribute{{Name: "state", Kind: plane.Property, Value: []byte("1")}}}
	if _, err := a.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Create(e)}}); err != nil {
		t.Fatal(err)
	}
	same(t, a.must(200, "GET", "/entities?type=Camera&options=keyValues", "").body, `[{"id":"urn:polity:camera:square","type":"Camera","state":1}]`)
	a.must(422, "DELETE", "/entities/urn:polity:camera:square", "")
	a.must(422, "PATCH", "/entities/urn:polity:camera:square/attrs", `{"state":2}`)
	a.must(422, "POST", "/entities", `{"id":"urn:polity:camera:new","type":"Camera"}`)
	a.must(204, "DELETE", "/entities?type=Camera", "")
	same(t, a.must(200, "GET", "/entities?type=Camera&options=keyValues", "").body, `[{"id":"urn:polity:camera:square","type":"Camera","state":1}]`)
}

func TestTenantsAreApart(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/entities", `{"id":"urn:x:1","type":"T"}`, "NGSILD-Tenant: north")
	if got := a.must(200, "GET", "/entities/urn:x:1", "", "NGSILD-Tenant: north"); got.header.Get("NGSILD-Tenant") != "north" {
		t.Error("6.3.14: the answer does not name the tenant")
	}
	a.must(404, "GET", "/entities/urn:x:1", "")
	same(t, a.must(200, "GET", "/entities?type=T", "").body, `[]`)
}

func TestDiscovery(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/entities", room)
	got := a.must(200, "GET", "/types?details=true", "")
	same(t, got.body, `[{"id":"https://uri.etsi.org/ngsi-ld/default-context/Room","type":"EntityType","typeName":"Room","attributeNames":["in","location","name","temperature"]}]`)
	got = a.must(200, "GET", "/attributes/temperature", "")
	same(t, got.body, `{"id":"https://uri.etsi.org/ngsi-ld/default-context/temperature","type":"Attribute","attributeName":"temperature","attributeCount":1,"attributeTypes":["Property"],"typeNames":["Room"]}`)
	a.must(404, "GET", "/types/House", "")
}

func TestContextsThatUsersAdd(t *testing.T) {
	a := newAPI(t)
	got := a.must(201, "POST", "/jsonldContexts", `{"@context":{"heat":"https://example.org/warmth","ex":"https://example.org/"}}`)
	path := got.header.Get("Location")
	a.must(201, "POST", "/entities", `{"id":"urn:x:1","type":"ex:Room","heat":1,"@context":["`+path+`"]}`, "Content-Type: application/ld+json")
	same(t, a.must(200, "GET", "/entities/urn:x:1?options=keyValues", "").body, `{"id":"urn:x:1","type":"https://example.org/Room","https://example.org/warmth":1}`)
	link := "Link: <http://example.com" + path + `>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`
	same(t, a.must(200, "GET", "/entities?q=heat==1&options=keyValues", "", link).body, `[{"id":"urn:x:1","type":"ex:Room","heat":1}]`)
	a.must(204, "DELETE", strings.TrimPrefix(path, ngsild.Root), "")
	a.must(503, "POST", "/entities", `{"id":"urn:x:2","type":"T","@context":"`+path+`"}`, "Content-Type: application/ld+json")
}

func TestContextsAreNotFetchedFromInside(t *testing.T) {
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"@context":{}}`)) }))
	defer served.Close()
	a := newAPI(t)
	body := `{"id":"urn:x:1","type":"T","@context":"` + served.URL + `/c"}`
	a.must(201, "POST", "/entities", body, "Content-Type: application/ld+json")
	strict, err := ngsild.New(t.Context(), ngsild.Config{Store: a.store})
	if err != nil {
		t.Fatal(err)
	}
	defer strict.Close()
	b := &api{Server: strict, t: t}
	got := b.do("POST", "/entities", strings.Replace(body, "urn:x:1", "urn:x:2", 1), "Content-Type: application/ld+json")
	if got.status != 503 || !strings.Contains(got.body, "private network") {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

func TestTemporal(t *testing.T) {
	a := newAPI(t)
	const car = `{"id":"urn:x:Car:1","type":"Car","speed":[{"value":10,"observedAt":"2026-01-01T10:00:00Z"},{"value":30,"observedAt":"2026-01-01T10:30:00Z"},{"value":50,"observedAt":"2026-01-01T12:00:00Z"}]}`
	a.must(201, "POST", "/temporal/entities", car)
	a.must(204, "POST", "/temporal/entities", car) // stored twice is stored once
	path := "/temporal/entities/urn:x:Car:1"
	same(t, a.must(200, "GET", path+"?options=temporalValues&timerel=after&timeAt=2026-01-01T10:00:00Z", "").body,
		`{"id":"urn:x:Car:1","type":"Car","speed":{"type":"Property","values":[[30,"2026-01-01T10:30:00Z"],[50,"2026-01-01T12:00:00Z"]]}}`)
	same(t, a.must(200, "GET", path+"?options=aggregatedValues&aggrMethods=avg,totalCount&aggrPeriodDuration=PT1H", "").body,
		`{"id":"urn:x:Car:1","type":"Car","speed":{"type":"Property","avg":[[20,"2026-01-01T10:00:00Z","2026-01-01T11:00:00Z"],[50,"2026-01-01T12:00:00Z","2026-01-01T13:00:00Z"]],"totalCount":[[2,"2026-01-01T10:00:00Z","2026-01-01T11:00:00Z"],[1,"2026-01-01T12:00:00Z","2026-01-01T13:00:00Z"]]}}`)
	same(t, a.must(200, "GET", "/temporal/entities?type=Car&q=speed%3E45&lastN=1&options=temporalValues", "").body,
		`[{"id":"urn:x:Car:1","type":"Car","speed":{"type":"Property","values":[[50,"2026-01-01T12:00:00Z"]]}}]`)
	var full struct {
		Speed []struct{ InstanceID string }
	}
	if err := json.Unmarshal([]byte(a.must(200, "GET", path, "").body), &full); err != nil || len(full.Speed) != 3 {
		t.Fatalf("%v %+v", err, full)
	}
	a.must(204, "PATCH", path+"/attrs/speed/"+full.Speed[0].InstanceID, `{"value":11}`)
	a.must(204, "DELETE", path+"/attrs/speed/"+full.Speed[1].InstanceID, "")
	same(t, a.must(200, "GET", path+"?options=temporalValues", "").body,
		`{"id":"urn:x:Car:1","type":"Car","speed":{"type":"Property","values":[[11,"2026-01-01T10:00:00Z"],[50,"2026-01-01T12:00:00Z"]]}}`)
	a.must(204, "DELETE", path+"/attrs/speed", "")
	a.must(404, "DELETE", path+"/attrs/speed", "")
	a.must(204, "DELETE", path, "")
	a.must(404, "GET", path, "")
}

// TestObservedNumbersAreHistory holds that what is observed of an entity through the
// API is found again by time, also when it was overwritten.
func TestObservedNumbersAreHistory(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/entities", room)
	a.must(204, "PATCH", "/entities/urn:x:Room:1/attrs/temperature", `{"value":22,"observedAt":"2026-11-30T13:00:00Z"}`)
	same(t, a.must(200, "GET", "/temporal/entities/urn:x:Room:1?options=temporalValues&attrs=temperature", "").body,
		`{"id":"urn:x:Room:1","type":"Room","temperature":{"type":"Property","values":[[21.5,"2026-11-30T12:00:00Z"],[22,"2026-11-30T13:00:00Z"]]}}`)
	a.must(409, "POST", "/entities", strings.Replace(room, "12:00:00", "11:00:00", 1))
	if got := a.must(200, "GET", "/temporal/entities/urn:x:Room:1?attrs=temperature", ""); strings.Contains(got.body, "11:00:00") {
		t.Error("what was refused is in the history")
	}
}

func TestLongHistoriesComeInParts(t *testing.T) {
	a := newAPI(t)
	var list []string
	for i := range 10 {
		list = append(list, `{"value":`+string(rune('0'+i))+`,"observedAt":"`+time.Date(2026, 1, 1, i, 0, 0, 0, time.UTC).Format(time.RFC3339)+`"}`)
	}
	a.must(201, "POST", "/temporal/entities", `{"id":"urn:x:1","type":"T","a":[`+strings.Join(list, ",")+`]}`)
	got := a.must(206, "GET", "/temporal/entities/urn:x:1?options=temporalValues", "")
	if want := "date-time 2026-01-01T00:00:00-2026-01-01T05:00:00/*"; got.header.Get("Content-Range") != want {
		t.Errorf("6.3.10: Content-Range %q, want %q", got.header.Get("Content-Range"), want)
	}
	if strings.Contains(got.body, "06:00:00") || !strings.Contains(got.body, "05:00:00") {
		t.Error(got.body)
	}
}

// Clauses 6.3.2 and 6.3.4.
func TestRefusalsComeInAMediaTypeThatIsAccepted(t *testing.T) {
	a := newAPI(t)
	for accept, want := range map[string]string{
		"":                            "application/problem+json",
		"*/*":                         "application/problem+json",
		"application/json":            "application/json",
		"application/ld+json":         "application/problem+json",
		"application/json;q=0.5, */*": "application/problem+json",
	} {
		got := a.must(400, "GET", "/entities/room", "", "Accept: "+accept)
		if got.header.Get("Content-Type") != want {
			t.Errorf("Accept: %s: a refusal in %s, want %s", accept, got.header.Get("Content-Type"), want)
		}
	}
	a.must(201, "POST", "/entities", room, "Content-Type: ")
	a.must(400, "POST", "/entities", "{", "Content-Type: ")
}
