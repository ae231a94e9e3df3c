package ngsild_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestInclusiveSourcesAreReadBesideThisBroker(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 200, `[{"id":"urn:x:7","type":"Car","speed":{"type":"Property","value":50}},{"id":"urn:x:9","type":"Car"}]`)
	a.register(201, "r", s, cars)
	a.must(201, "POST", "/entities", `{"id":"urn:x:7","type":"Car","colour":{"type":"Property","value":"red"}}`)
	a.must(201, "POST", "/entities", `{"id":"urn:x:8","type":"Car"}`)
	s.wasAsked(t)
	both := `{"id":"urn:x:7","type":"Car","colour":{"type":"Property","value":"red"},"speed":{"type":"Property","value":50}}`
	same(t, a.must(200, "GET", "/entities?type=Car", "").body, `[`+both+`,{"id":"urn:x:8","type":"Car"},{"id":"urn:x:9","type":"Car"}]`)
	s.wasAsked(t, "GET /entities?type=Car"+page1)
	paged := a.must(200, "GET", "/entities?type=Car&limit=1&offset=1&count=true", "")
	same(t, paged.body, `[{"id":"urn:x:8","type":"Car"}]`)
	if n := paged.header.Get("NGSILD-Results-Count"); n != "3" {
		t.Errorf("counted %s, want 3", n)
	}
	s.wasAsked(t, "GET /entities?type=Car"+page1)
	same(t, a.must(200, "GET", "/entities?type=Car&local=true", "").body, `[{"id":"urn:x:7","type":"Car","colour":{"type":"Property","value":"red"}},{"id":"urn:x:8","type":"Car"}]`)
	same(t, a.must(200, "GET", "/entities?type=Building", "").body, `[]`)
	s.wasAsked(t)
	s.says(200, car7)
	same(t, a.must(200, "GET", "/entities/urn:x:7", "").body, both)
	s.wasAsked(t, "GET /entities/urn:x:7?options=sysAttrs")
	s.says(404, "")
	warnings(t, a.must(200, "GET", "/entities/urn:x:7", ""), 0)
	warnings(t, a.must(404, "GET", "/entities/urn:x:1", ""), 0)
	warnings(t, a.must(200, "GET", "/entities?type=Car", ""), 1) // the source knows no entities at all
}

func TestConditionsAreCheckedOnWhatIsPutTogether(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 200, `[`+car7+`]`)
	a.register(201, "r", s, `"information":[{"entities":[{"type":"Car"}],"propertyNames":["speed"]}]`)
	a.must(201, "POST", "/entities", `{"id":"urn:x:7","type":"Car","colour":{"type":"Property","value":"red"}}`)
	for q, found := range map[string]string{`speed>40;colour=="red"`: "urn:x:7", `speed<40`: "", `colour=="blue"`: ""} {
		got := a.must(200, "GET", "/entities?type=Car&q="+url.QueryEscape(q)+"&count=true", "")
		if strings.Contains(got.body, "urn:x:7") != (found != "") || (got.header.Get("NGSILD-Results-Count") == "1") != (found != "") {
			t.Errorf("%s finds %s, counted %s", q, got.body, got.header.Get("NGSILD-Results-Count"))
		}
		s.wasAsked(t, "GET /entities?type=Car&attrs=speed"+page1)
	}
	a.must(200, "GET", "/entities?type=Car&attrs=speed&georel=near;maxDistance==10&geometry=Point&coordinates="+url.QueryEscape("[1,2]"), "")
	s.wasAsked(t, "GET /entities?type=Car&attrs=speed"+page1)
	same(t, a.must(200, "GET", "/entities?type=Car&attrs=colour", "").body, `[{"id":"urn:x:7","type":"Car","colour":{"type":"Property","value":"red"}}]`)
	s.wasAsked(t)
}

func TestPlacesAreAskedFor(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 200, `[{"id":"urn:x:7","type":"Car","speed":{"type":"Property","value":50},"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[1,2]}}}]`)
	a.register(201, "r", s, cars)
	where := "&georel=near;maxDistance==10&geometry=Point&coordinates=[1,2]"
	got := a.must(200, "GET", "/entities?type=Car&attrs=speed"+where, "")
	same(t, got.body, `[`+car7+`]`)
	s.wasAsked(t, "GET /entities?type=Car&attrs=location,speed"+where+page1)
}

func TestSourcesAreAskedByWhatTheyOffer(t *testing.T) {
	for _, c := range []struct{ operation, method, path, body, want string }{
		{"queryEntity", "GET", "/entities?type=Car&id=urn:x:7", "", "GET /entities?type=Car&id=urn:x:7" + page1},
		{"queryBatch", "GET", "/entities?type=Car&id=urn:x:7", "", `POST /entityOperations/query?options=sysAttrs&limit=1000 {"type":"Query","entities":[{"type":"Car","id":"urn:x:7"}]}`},
		{"queryEntity", "POST", "/entityOperations/query", `{"type":"Query","entities":[{"type":"Car","idPattern":"7$"}]}`, "GET /entities?type=Car&idPattern=7$" + page1},
		{"federationOps", "POST", "/entityOperations/query", `{"type":"Query","entities":[{"type":"Car"}],"q":"speed>1"}`, `POST /entityOperations/query?options=sysAttrs&limit=1000 {"type":"Query","entities":[{"type":"Car"}],"q":"speed>1"}`},
		{"queryEntity", "GET", "/entities/urn:x:7", "", "GET /entities?type=Car&id=urn:x:7" + page1},
		{"queryBatch", "GET", "/entities/urn:x:7", "", `POST /entityOperations/query?options=sysAttrs&limit=1000 {"type":"Query","entities":[{"type":"Car","id":"urn:x:7"}]}`},
		{"createEntity", "GET", "/entities?type=Car", "", ""},
	} {
		a := newFederation(t)
		s := newStandIn(t, 200, `[`+car7+`]`)
		a.register(201, "r", s, `"operations":["`+c.operation+`"],`+cars)
		got := a.must(200, c.method, c.path, c.body)
		if strings.Contains(got.body, "urn:x:7") != (c.want != "") {
			t.Errorf("%s %s with %s: %s", c.method, c.path, c.operation, got.body)
		}
		if c.want == "" {
			s.wasAsked(t)
		} else {
			s.wasAsked(t, c.want)
		}
	}
}

func TestHostileSourcesLeaveTheLocalResult(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 200, "")
	a.register(201, "r", s, cars)
	mine := `{"id":"urn:x:7","type":"Car","speed":{"type":"Property","value":1}}`
	a.must(201, "POST", "/entities", mine)
	for _, said := range []string{``, `<html>`, `[7]`, `{"id":"urn:x:7"}`, `[{"id":"urn:x:1","type":"Building"}]`, strings.Repeat("[", 100)} {
		s.says(200, said)
		got := a.must(200, "GET", "/entities?type=Car", "")
		same(t, got.body, "["+mine+"]")
		warnings(t, got, 1)
		one := a.must(200, "GET", "/entities/urn:x:7", "")
		same(t, one.body, mine)
		warnings(t, one, 1)
	}
	s.says(200, `{"id":"urn:x:8","type":"Car"}`) // not the one that was asked for
	same(t, a.must(200, "GET", "/entities/urn:x:7", "").body, mine)
	s.says(500, "")
	warnings(t, a.must(404, "GET", "/entities/urn:x:1", ""), 1)
	s.Close()
	warnings(t, a.must(200, "GET", "/entities?type=Car", ""), 1)
}

func TestAuxiliarySourcesFillGaps(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 200, `{"id":"urn:x:7","type":"Car","speed":{"type":"Property","value":50,"observedAt":"2030-01-01T00:00:00Z"},"colour":{"type":"Property","value":"red"}}`)
	a.register(201, "r", s, `"mode":"auxiliary",`+every+cars)
	a.must(201, "POST", "/entities", `{"id":"urn:x:7","type":"Car","speed":{"type":"Property","value":1}}`)
	s.wasAsked(t)
	same(t, a.must(200, "GET", "/entities/urn:x:7", "").body, `{"id":"urn:x:7","type":"Car","speed":{"type":"Property","value":1},"colour":{"type":"Property","value":"red"}}`)
}

func TestSourcesAreChosenByTheirProperties(t *testing.T) {
	a := newFederation(t)
	near, far := newStandIn(t, 200, "[]"), newStandIn(t, 200, "[]")
	a.register(201, "near", near, `"distance":{"type":"Property","value":1},`+cars)
	a.register(201, "far", far, `"distance":{"type":"Property","value":9},`+cars)
	a.must(200, "GET", "/entities?type=Car&csf="+url.QueryEscape("distance<5"), "")
	near.wasAsked(t, "GET /entities?type=Car"+page1)
	far.wasAsked(t)
	a.must(400, "GET", "/entities?type=Car&csf="+url.QueryEscape("distance<"), "")
}

func TestNamesTravelWithTheirContext(t *testing.T) {
	a := newFederation(t)
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		term := strings.TrimPrefix(r.URL.Path, "/")
		_, _ = fmt.Fprintf(w, `{"@context":{"%s":"http://v.example/Car","%s-speed":"http://v.example/speed"}}`, term, term)
	}))
	t.Cleanup(served.Close)
	s := newStandIn(t, 200, `[{"id":"urn:x:7","type":"theirs","theirs-speed":{"type":"Property","value":5}}]`)
	a.must(201, "POST", "/csourceRegistrations", `{"id":"urn:x:r","type":"ContextSourceRegistration","endpoint":"`+s.URL+`",`+
		`"contextSourceInfo":[{"key":"jsonldContext","value":"`+served.URL+`/theirs"}],"information":[{"entities":[{"type":"http://v.example/Car"}]}]}`)
	link := "Link: <" + served.URL + `/ours>; rel="http://www.w3.org/ns/json-ld#context"`
	same(t, a.must(200, "GET", "/entities?type=ours", "", link).body, `[{"id":"urn:x:7","type":"ours","ours-speed":{"type":"Property","value":5}}]`)
	s.wasAsked(t, "GET /entities?type=theirs"+page1)
	if got := s.header.Get("Link"); !strings.HasPrefix(got, "<"+served.URL+"/theirs>") {
		t.Errorf("Link is %s", got)
	}
}

func TestTypesAndAttributesOfSources(t *testing.T) {
	a := newFederation(t)
	s := newStandIn(t, 200, "")
	a.register(201, "r", s, `"information":[{"entities":[{"type":"Car"},{"type":"Bus"}],"propertyNames":["speed","seats"]}]`)
	a.must(201, "POST", "/entities", `{"id":"urn:x:7","type":"Car","speed":{"type":"Property","value":1},"colour":{"type":"Property","value":"red"}}`)
	lists := func(path, member, body, want string) {
		t.Helper()
		s.says(200, body)
		got := a.must(200, "GET", path, "")
		if _, list, _ := strings.Cut(got.body, `"`+member+`":`); strings.TrimSuffix(list, "}") != want {
			t.Errorf("%s: %s, want %s", path, got.body, want)
		}
		s.wasAsked(t, "GET "+path)
	}
	lists("/types", "typeList", `{"typeList":["Car","Bus","Secret"]}`, `["Bus","Car"]`)
	lists("/attributes", "attributeList", `{"attributeList":["seats","secret"]}`, `["colour","seats","speed"]`)
	s.says(200, `[{"typeName":"Bus","attributeNames":["seats","secret"]}]`)
	got := a.must(200, "GET", "/types?details=true", "")
	s.wasAsked(t, "GET /types?details=true")
	if !strings.Contains(got.body, `"typeName":"Bus","attributeNames":["seats"]}`) || !strings.Contains(got.body, `"typeName":"Car","attributeNames":["colour","speed"]}`) {
		t.Error(got.body)
	}
	s.says(200, `{"typeName":"Car","entityCount":4,"attributeDetails":[{"attributeName":"speed","attributeTypes":["GeoProperty","<script>"]}]}`)
	got = a.must(200, "GET", "/types/Car", "")
	s.wasAsked(t, "GET /types/Car")
	if !strings.Contains(got.body, `"entityCount":5`) || !strings.Contains(got.body, `"attributeName":"speed","attributeTypes":["Property","GeoProperty"]}`) {
		t.Error(got.body)
	}
	s.says(200, `{"attributeName":"seats","attributeCount":4,"attributeTypes":["Property"],"typeNames":["Bus","Secret"]}`)
	got = a.must(200, "GET", "/attributes/seats", "")
	s.wasAsked(t, "GET /attributes/seats")
	if !strings.Contains(got.body, `"attributeCount":4,"attributeTypes":["Property"],"typeNames":["Bus"]`) {
		t.Error(got.body)
	}
	for _, body := range []string{``, `7`, `[7]`, `<html>`} {
		s.says(200, body)
		bad := a.must(200, "GET", "/types", "")
		warnings(t, bad, 1)
		if !strings.Contains(bad.body, `"typeList":["Car"]`) {
			t.Error(bad.body)
		}
	}
	s.says(404, "")
	a.must(404, "GET", "/types/Bus", "")
	a.must(404, "GET", "/attributes/seats", "")
	a.must(200, "GET", "/types?local=true", "")
}
