package ngsild_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestContextSources runs clauses 5.9.2 to 5.10.2: register, find, change, remove.
func TestContextSources(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/csourceRegistrations", `{"id":"urn:x:r1","type":"ContextSourceRegistration","endpoint":"http://north.example:9090",
		"information":[{"entities":[{"type":"Room","idPattern":"^urn:x:Room"}],"propertyNames":["temperature"]}],"location":{"type":"Point","coordinates":[24.94,60.17]},"city":"Helsinki"}`)
	a.must(201, "POST", "/csourceRegistrations", `{"id":"urn:x:r2","type":"ContextSourceRegistration","endpoint":"http://past.example",
		"information":[{"entities":[{"type":"Car"}]}],"observationInterval":{"startAt":"2020-01-01T00:00:00Z","endAt":"2021-01-01T00:00:00Z"}}`)
	for _, c := range []struct{ query, want string }{
		{"type=Room", "urn:x:r1"},
		{"type=Room&attrs=temperature,colour", "urn:x:r1"},
		{"type=Room&attrs=colour", ""},
		{"type=House", ""},
		{"attrs=temperature&q=city==\"Helsinki\"", "urn:x:r1"},
		{"type=Room&georel=near;maxDistance==100&geometry=Point&coordinates=[24.94,60.17]", "urn:x:r1"},
		{"type=Room&georel=near;maxDistance==100&geometry=Point&coordinates=[25,60.17]", ""},
		{"type=Car", ""}, // it has data of the past only
		{"type=Car&timerel=after&timeAt=2020-06-01T00:00:00Z", "urn:x:r2"},
		{"type=Car&timerel=before&timeAt=2019-06-01T00:00:00Z", ""},
	} {
		var list []struct{ ID string }
		if err := json.Unmarshal([]byte(a.must(200, "GET", "/csourceRegistrations?"+escaped(c.query), "").body), &list); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range list {
			got = append(got, x.ID)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", c.query, got, c.want)
		}
	}
	a.must(409, "POST", "/csourceRegistrations", `{"id":"urn:x:r1","type":"ContextSourceRegistration","endpoint":"http://x.example","information":[{"entities":[{"type":"T"}]}]}`)
	a.must(400, "POST", "/csourceRegistrations", `{"type":"ContextSourceRegistration","endpoint":"http://x.example","information":[]}`)
	a.must(400, "POST", "/csourceRegistrations", `{"type":"ContextSourceRegistration","endpoint":"http://x.example","expiresAt":"2020-01-01T00:00:00Z","information":[{"entities":[{"type":"T"}]}]}`)
	a.must(400, "PATCH", "/csourceRegistrations/urn:x:r1", `{"endpoint":null}`)
	a.must(204, "PATCH", "/csourceRegistrations/urn:x:r1", `{"information":[{"entities":[{"type":"House"}]}]}`)
	if got := a.must(200, "GET", "/csourceRegistrations/urn:x:r1", ""); !strings.Contains(got.body, `"type":"House"`) || !strings.Contains(got.body, `"mode":"inclusive"`) {
		t.Error(got.body)
	}
	a.must(204, "DELETE", "/csourceRegistrations/urn:x:r1", "")
	a.must(404, "GET", "/csourceRegistrations/urn:x:r1", "")
}

// TestNotificationsOfContextSources is clause 5.11.7.
func TestNotificationsOfContextSources(t *testing.T) {
	r := newReceiver(t)
	a := newAPI(t)
	a.must(201, "POST", "/csourceSubscriptions", `{"id":"urn:x:s","type":"Subscription","entities":[{"type":"Room"}],"notification":{"endpoint":{"uri":"`+r.URL+`/in"}}}`)
	registration := `{"id":"urn:x:r1","type":"ContextSourceRegistration","endpoint":"http://north.example","information":[{"entities":[{"type":"Room"}]}]}`
	for _, step := range []struct {
		method, path, body string
		status             int
		reason             string
	}{
		{"POST", "/csourceRegistrations", registration, 201, "newlyMatching"},
		{"PATCH", "/csourceRegistrations/urn:x:r1", `{"endpoint":"http://south.example"}`, 204, "updated"},
		{"PATCH", "/csourceRegistrations/urn:x:r1", `{"information":[{"entities":[{"type":"Car"}]}]}`, 204, "noLongerMatching"},
	} {
		a.must(step.status, step.method, step.path, step.body)
		d := r.take(t)
		if !strings.Contains(d.body, `"triggerReason":"`+step.reason+`"`) || !strings.Contains(d.body, `"ContextSourceNotification"`) || !strings.Contains(d.body, "urn:x:r1") {
			t.Errorf("%s: %s", step.reason, d.body)
		}
	}
}
