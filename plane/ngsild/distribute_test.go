package ngsild_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"polity/plane/ngsild"
)

// standIn is a context source that notes what it is asked.
type standIn struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []string // "METHOD path?query body", in order
	header http.Header
	status int
	body   string
}

func newStandIn(t *testing.T, status int, body string) *standIn {
	t.Helper()
	s := &standIn{status: status, body: body}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		query, err := url.QueryUnescape(r.URL.RawQuery)
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.asked = append(s.asked, strings.TrimSpace(strings.TrimSuffix(fmt.Sprintf("%s %s?%s", r.Method, strings.TrimPrefix(r.URL.Path, ngsild.Root), query), "?")+" "+string(text)))
		s.header = r.Header.Clone()
		status, body := s.status, s.body
		s.mu.Unlock()
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

// says sets what it answers from now on.
func (s *standIn) says(status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.body = status, body
}

// wasAsked checks what it was asked since the last call.
func (s *standIn) wasAsked(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Join(s.asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("the source was asked\n%s\nwant\n%s", strings.Join(s.asked, "\n"), strings.Join(want, "\n"))
	}
	s.asked = nil
}

// newFederation is a Server that may pass requests on to this machine.
func newFederation(t *testing.T) *api {
	t.Helper()
	return newAPIWith(t, ngsild.Sources{Hosts: []string{"127.0.0.1"}, Alias: "us"})
}

// register registers a source with members beside id, type and endpoint. It may take
// as long as any may, so that a busy machine fails no test.
func (a *api) register(status int, id string, s *standIn, members string) answer {
	a.t.Helper()
	return a.must(status, "POST", "/csourceRegistrations", `{"id":"urn:x:`+id+`","type":"ContextSourceRegistration","endpoint":"`+s.URL+`","management":{"timeout":10000},`+members+`}`)
}

const (
	cars  = `"information":[{"entities":[{"type":"Car"}]}]`
	every = `"operations":["redirectionOps","createBatch","upsertBatch","updateBatch","deleteBatch","mergeBatch","queryBatch"],`
	car7  = `{"id":"urn:x:7","type":"Car","speed":{"type":"Property","value":50}}`
	speed = `"mode":"exclusive",` + every + `"information":[{"entities":[{"type":"Car","id":"urn:x:7"}],"propertyNames":["speed"]}]`
	page1 = "&options=sysAttrs&limit=1000"
)

func warnings(t *testing.T, got answer, want int) {
	t.Helper()
	if list := got.header.Values("NGSILD-Warning"); len(list) != want {
		t.Errorf("warnings %q, want %d", list, want)
	}
}

func TestNothingIsPassedOnUnlessHostsAreNamed(t *testing.T) {
	a := newAPI(t)
	s := newStandIn(t, 200, "["+car7+"]")
	a.register(201, "r", s, `"mode":"redirect",`+every+cars)
	same(t, a.must(200, "GET", "/entities?type=Car", "").body, `[]`)
	a.must(201, "POST", "/entities", car7)
	a.must(204, "DELETE", "/entities/urn:x:7", "")
	s.wasAsked(t)
}

// Clauses 4.3.6.2, 5.7.1, 5.7.2.
// Clause 5.7.2: conditions hold for an entity as a whole.
// Clause 4.10: what a place is asked by is among the attributes that are asked for.
// Clause 5.7.2 and table 4.20-1: a source is asked by what it offers.
// Clause 6.3.17: the local result stands whatever a source says.
// Clause 4.3.6.2.
// Clauses 4.3.6.3, 5.6.1 to 5.6.6, 5.6.17 to 5.6.19.
func TestExclusiveAttributesAreWrittenAtTheirSourceAlone(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 201, "")
	a.register(201, "r", s, speed)
	a.must(201, "POST", "/entities", `{"id":"urn:x:7","type":"Car","speed":{"type":"Property","value":50},"colour":{"type":"Property","value":"red"}}`)
	s.wasAsked(t, "POST /entities "+car7)
	red := `{"id":"urn:x:7","type":"Car","colour":{"type":"Property","value":"red"}}`
	same(t, a.must(200, "GET", "/entities/urn:x:7?local=true", "").body, red)
	s.says(200, car7)
	same(t, a.must(200, "GET", "/entities?type=Car", "").body, `[{"id":"urn:x:7","type":"Car","colour":{"type":"Property","value":"red"},"speed":{"type":"Property","value":50}}]`)
	s.wasAsked(t, "GET /entities?type=Car&id=urn:x:7&attrs=speed"+page1)
	s.says(204, "")
	for _, c := range [][4]string{
		{"POST", "/entities/urn:x:7/attrs", `{"speed":{"type":"Property","value":1}}`, `{"speed":{"type":"Property","value":1}}`},
		{"POST", "/entities/urn:x:7/attrs?options=noOverwrite", `{"speed":{"type":"Property","value":1}}`, `{"speed":{"type":"Property","value":1}}`},
		{"PATCH", "/entities/urn:x:7/attrs", `{"speed":{"type":"Property","value":2},"colour":{"type":"Property","value":"red"}}`, `{"speed":{"type":"Property","value":2}}`},
		{"PATCH", "/entities/urn:x:7/attrs/speed", `{"value":3}`, `{"value":3}`},
		{"PUT", "/entities/urn:x:7/attrs/speed", `{"type":"Property","value":4}`, `{"type":"Property","value":4}`},
		{"DELETE", "/entities/urn:x:7/attrs/speed?deleteAll=true", "", ""},
		{"PATCH", "/entities/urn:x:7", `{"speed":{"type":"Property","value":5}}`, `{"speed":{"type":"Property","value":5}}`},
		{"PUT", "/entities/urn:x:7", `{"type":"Car","speed":{"type":"Property","value":6},"colour":{"type":"Property","value":"red"}}`, `{"type":"Car","speed":{"type":"Property","value":6}}`},
	} {
		a.must(204, c[0], c[1], c[2])
		s.wasAsked(t, strings.TrimSpace(c[0]+" "+c[1]+" "+c[3]))
		same(t, a.must(200, "GET", "/entities/urn:x:7?local=true", "").body, red)
	}
	a.must(204, "POST", "/entities/urn:x:7/attrs", `{"wheels":{"type":"Property","value":4}}`)
	s.wasAsked(t)
	a.must(204, "DELETE", "/entities/urn:x:7", "")
	s.wasAsked(t, "DELETE /entities/urn:x:7")
}

func TestWhatItsHolderDoesNotAllowIsAConflict(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 204, "")
	a.register(201, "r", s, strings.Replace(speed, every, `"operations":["retrieveOps"],`, 1))
	got := a.must(409, "POST", "/entities", car7)
	if !strings.Contains(got.body, "does not allow the operation") {
		t.Error(got.body)
	}
	a.must(404, "GET", "/entities/urn:x:7?local=true", "")
	mixed := a.must(207, "POST", "/entities", `{"id":"urn:x:7","type":"Car","speed":{"type":"Property","value":1},"colour":{"type":"Property","value":"red"}}`)
	if !strings.Contains(mixed.body, `"success":["urn:x:7"]`) || !strings.Contains(mixed.body, `"registrationId":"urn:x:r"`) || !strings.Contains(mixed.body, `"status":409`) {
		t.Error(mixed.body)
	}
	s.wasAsked(t)
	same(t, a.must(200, "GET", "/entities/urn:x:7?local=true", "").body, `{"id":"urn:x:7","type":"Car","colour":{"type":"Property","value":"red"}}`)
}

// Clauses 4.3.6.3 and 6.3.3.
func TestRedirectedEntitiesAreWrittenAtAllTheirSources(t *testing.T) {
	a := newFederation(t)
	one, two := newStandIn(t, 201, ""), newStandIn(t, 201, "")
	a.register(201, "r1", one, `"mode":"redirect",`+every+cars)
	a.register(201, "r2", two, `"mode":"redirect",`+every+cars)
	a.must(201, "POST", "/entities", car7)
	one.wasAsked(t, "POST /entities "+car7)
	two.wasAsked(t, "POST /entities "+car7)
	a.must(404, "GET", "/entities/urn:x:7?local=true", "")
	one.says(204, "")
	two.says(404, "")
	got := a.must(207, "DELETE", "/entities/urn:x:7?type=Car", "")
	if !strings.Contains(got.body, `"registrationId":"urn:x:r2"`) || strings.Contains(got.body, `"registrationId":"urn:x:r1"`) {
		t.Error(got.body)
	}
	a.must(204, "DELETE", "/csourceRegistrations/urn:x:r1", "")
	two.wasAsked(t, "DELETE /entities/urn:x:7?type=Car")
	a.must(404, "DELETE", "/entities/urn:x:7", "") // one part alone: its answer is the answer
	two.says(503, "")
	a.must(502, "DELETE", "/entities/urn:x:7", "")
	two.Close()
	a.must(504, "DELETE", "/entities/urn:x:7", "")
}

// Clauses 5.2.16 and 5.2.18.
func TestPartsThatFailAreTold(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 409, "")
	a.register(201, "r", s, every+cars)
	got := a.must(207, "POST", "/entities", car7)
	if !strings.Contains(got.body, `"success":["urn:x:7"],"errors":[{"entityId":"urn:x:7","registrationId":"urn:x:r","error":{`) {
		t.Error(got.body)
	}
	if got = a.must(207, "POST", "/entities", car7); !strings.Contains(got.body, `"success":[],"errors":[{"entityId":"urn:x:7","error":{`) || strings.Count(got.body, `"status":409`) != 2 {
		t.Error(got.body)
	}
	s.says(404, "")
	got = a.must(207, "PATCH", "/entities/urn:x:7/attrs", `{"speed":{"type":"Property","value":2}}`)
	if !strings.Contains(got.body, `"updated":[],"notUpdated":[{"attributeName":"https://uri.etsi.org/ngsi-ld/default-context/speed","reason":`) || !strings.Contains(got.body, `"registrationId":"urn:x:r"`) {
		t.Error(got.body)
	}
	a.must(200, "GET", "/entities/urn:x:7?local=true", "")
	s.says(204, "")
	got = a.must(207, "DELETE", "/entities/urn:x:7/attrs/colour", "")
	if !strings.Contains(got.body, `"updated":[],"notUpdated":[{"attributeName":"https://uri.etsi.org/ngsi-ld/default-context/colour","reason":`) || strings.Contains(got.body, "registrationId") {
		t.Error(got.body)
	}
	if got = a.must(207, "PATCH", "/entities/urn:x:8?type=Car", `{"speed":{"type":"Property","value":2}}`); !strings.Contains(got.body, `"status":404`) {
		t.Error(got.body)
	}
}

// Clauses 5.6.7 to 5.6.10 and 5.6.20.
func TestBatchesAreDivided(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 201, "")
	a.register(201, "r", s, speed)
	bus := `{"id":"urn:x:8","type":"Car","speed":{"type":"Property","value":8}}`
	a.must(201, "POST", "/entityOperations/create", `[{"id":"urn:x:7","type":"Car","speed":{"type":"Property","value":50},"colour":{"type":"Property","value":"red"}},`+bus+`]`)
	s.wasAsked(t, "POST /entityOperations/create ["+car7+"]")
	same(t, a.must(200, "GET", "/entities?type=Car&local=true", "").body, `[{"id":"urn:x:7","type":"Car","colour":{"type":"Property","value":"red"}},`+bus+`]`)
	s.says(204, "")
	for _, op := range []string{"upsert", "update", "merge"} {
		a.must(204, "POST", "/entityOperations/"+op, `[`+car7+`,`+bus+`]`)
		s.wasAsked(t, "POST /entityOperations/"+op+" ["+car7+"]")
	}
	s.says(207, `{"success":[],"errors":[{"entityId":"urn:x:7","error":{"title":"busy"}}]}`)
	got := a.must(207, "POST", "/entityOperations/update?options=noOverwrite", `[`+car7+`,{"id":"urn:x:8","type":"Car"}]`)
	if !strings.Contains(got.body, `"success":["urn:x:8"]`) || !strings.Contains(got.body, "busy") {
		t.Error(got.body)
	}
	s.wasAsked(t, "POST /entityOperations/update?options=noOverwrite ["+car7+"]")
	s.says(500, "")
	if got = a.must(207, "POST", "/entityOperations/delete", `["urn:x:7","urn:x:8"]`); !strings.Contains(got.body, `"success":["urn:x:8"]`) {
		t.Error(got.body)
	}
	s.wasAsked(t, `POST /entityOperations/delete ["urn:x:7"]`)
	same(t, a.must(200, "GET", "/entities?type=Car&local=true", "").body, `[]`)
}

// Clause 5.6.21 of v1.9.1.
func TestPurgeIsPassedOn(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 204, "")
	a.register(201, "r", s, every+cars)
	a.must(201, "POST", "/entities?local=true", car7)
	a.must(204, "DELETE", "/entities?type=Car", "")
	s.wasAsked(t, "DELETE /entities?type=Car")
	a.must(404, "GET", "/entities/urn:x:7?local=true", "")
	a.must(204, "DELETE", "/entities?type=Car&local=true", "")
	s.wasAsked(t)
	s.says(500, "")
	if got := a.must(207, "DELETE", "/entities?type=Car", ""); !strings.Contains(got.body, "urn:x:r") {
		t.Error(got.body)
	}
}

// Clauses 6.3.17 and 6.3.18.
func TestLoopsEnd(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 200, "[]")
	a.register(201, "r", s, `"contextSourceAlias":"them",`+every+cars)
	a.must(200, "GET", "/entities?type=Car", "", "Via: 1.1 first")
	if via := s.header.Get("Via"); via != "1.1 first, 1.1 us" {
		t.Errorf("Via is %q", via)
	}
	s.wasAsked(t, "GET /entities?type=Car"+page1)
	a.must(200, "GET", "/entities?type=Car", "", "Via: 1.1 them")
	if got := a.must(508, "DELETE", "/entities/urn:x:7", "", "Via: 1.1 us, 1.1 them"); !strings.Contains(got.body, "LoopDetected") {
		t.Error(got.body)
	}
	s.wasAsked(t)
}

func TestTwoBrokersThatAskEachOther(t *testing.T) {
	a, b := newFederation(t), newAPIWith(t, ngsild.Sources{Hosts: []string{"127.0.0.1"}, Alias: "them"})
	first, second := httptest.NewServer(a), httptest.NewServer(b)
	t.Cleanup(first.Close)
	t.Cleanup(second.Close)
	a.register(201, "b", &standIn{Server: second}, cars)
	b.register(201, "a", &standIn{Server: first}, cars)
	a.must(201, "POST", "/entities", car7)
	b.must(201, "POST", "/entities", `{"id":"urn:x:8","type":"Car"}`)
	same(t, a.must(200, "GET", "/entities?type=Car", "").body, `[`+car7+`,{"id":"urn:x:8","type":"Car"}]`)
	same(t, b.must(200, "GET", "/entities?type=Car", "").body, `[`+car7+`,{"id":"urn:x:8","type":"Car"}]`)
}

// Clause 5.9.2.
func TestExclusiveRegistrationsStandAlone(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 204, "")
	a.register(201, "r", s, speed)
	if got := a.register(409, "other", s, speed); !strings.Contains(got.body, "urn:x:r") || !strings.Contains(got.body, "errors/Conflict") {
		t.Error(got.body)
	}
	a.register(409, "redirect", s, `"mode":"redirect",`+cars)
	a.register(201, "inclusive", s, cars)
	a.must(409, "PATCH", "/csourceRegistrations/urn:x:inclusive", `{"mode":"redirect"}`)
	a.must(204, "PATCH", "/csourceRegistrations/urn:x:r", `{"description":"the same still"}`)
	a.must(204, "DELETE", "/csourceRegistrations/urn:x:r", "")
	a.register(201, "other", s, speed)
}

func TestRegistrationsCountAfterARestartAndPerTenant(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 200, "[]")
	a.must(201, "POST", "/csourceRegistrations", `{"id":"urn:x:r","type":"ContextSourceRegistration","endpoint":"`+s.URL+`","tenant":"theirs",`+cars+`}`, "NGSILD-Tenant: ours")
	a.close()
	a.open()
	a.must(200, "GET", "/entities?type=Car", "")
	s.wasAsked(t)
	a.must(200, "GET", "/entities?type=Car", "", "NGSILD-Tenant: ours")
	if got := s.header.Get("NGSILD-Tenant"); got != "theirs" {
		t.Errorf("asked in the tenant %q", got)
	}
	s.wasAsked(t, "GET /entities?type=Car"+page1)
	a.must(204, "PATCH", "/csourceRegistrations/urn:x:r", `{"operations":["createEntity"]}`, "NGSILD-Tenant: ours")
	a.must(200, "GET", "/entities?type=Car", "", "NGSILD-Tenant: ours")
	s.wasAsked(t)
}

// Clause 4.9: a condition on the registrations themselves.
func TestPolitysOwnEntitiesAreNeverAskedOfOthers(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 200, `{"id":"urn:polity:camera:1","type":"Camera"}`)
	a.register(201, "r", s, every+`"mode":"redirect","information":[{"entities":[{"type":"Camera"}]}]`)
	a.must(404, "GET", "/entities/urn:polity:camera:1", "")
	a.must(422, "POST", "/entities", `{"id":"urn:polity:camera:1","type":"Camera"}`)
	a.must(422, "DELETE", "/entities/urn:polity:camera:1", "")
	s.wasAsked(t)
	got := a.must(200, "GET", "/entities?type=Camera", "")
	same(t, got.body, "[]")
	warnings(t, got, 1)
}

// Clauses 4.3.6 and 6.3.5: names travel with the @context in which they were written.
// Clauses 5.7.5 to 5.7.10.
