package push_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"polity/city"
	"polity/plane"
	"polity/plane/ingest"
	"polity/plane/ingest/mapping"
	"polity/plane/ingest/push"
	"polity/plane/sqlite"
)

const level = `
name: level
route: level
payload: number
entity: {type: WaterLevel, id: "urn:ngsi-ld:WaterLevel:{device}"}
attributes: [{name: level, unit: MTR, min: 0}]
`

func token(name, secret string, devices ...string) push.Token {
	sum := sha256.Sum256([]byte(secret))
	return push.Token{Name: name, SHA256: hex.EncodeToString(sum[:]), Routes: []city.Slug{"level"}, Devices: devices}
}

// away is a store that is.
type away struct{ plane.Store }

func (away) Write(context.Context, *plane.Batch) (plane.Result, error) {
	return plane.Result{}, city.Errorf(city.Unavailable, "the password of the database is hunter2")
}

func serve(t *testing.T, wrap func(plane.Store) plane.Store) (*httptest.Server, plane.Store) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "city.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	m, err := mapping.Read("level.yaml", []byte(level))
	if err != nil {
		t.Fatal(err)
	}
	set, err := mapping.NewSet(m)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ingest.Open(t.Context(), ingest.Config{Store: wrap(s), Mappings: set})
	if err != nil {
		t.Fatal(err)
	}
	h := push.Handler(k, []push.Token{token("all", "open"), token("one", "narrow", "w-1")})
	mux := http.NewServeMux()
	mux.Handle("POST /ingest/{route}", h)
	mux.Handle("POST /ingest/{route}/{device}", h)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server, s
}

func post(t *testing.T, address, bearer, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var problem struct {
		Status int
		Detail string
	}
	if answer.StatusCode >= 400 {
		if err := json.NewDecoder(answer.Body).Decode(&problem); err != nil || problem.Status != answer.StatusCode || answer.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%d is told as %+v, %v", answer.StatusCode, problem, err)
		}
	}
	return answer, problem.Detail
}

func TestPush(t *testing.T) {
	server, store := serve(t, func(s plane.Store) plane.Store { return s })
	if answer, _ := post(t, server.URL+"/ingest/level/w-1", "open", "1.5"); answer.StatusCode != http.StatusAccepted {
		t.Fatal(answer.Status)
	}
	e, err := store.Entity(t.Context(), plane.Key{ID: "urn:ngsi-ld:WaterLevel:w-1"}) // at once
	if err != nil || string(e.Attribute("level").Value) != "1.5" {
		t.Errorf("%+v, %v", e, err)
	}
	for _, c := range []struct {
		path, bearer, body string
		status             int
		why                string
	}{
		{"level/w-1", "", "1", 401, "missing"},
		{"level/w-1", "wrong", "1", 401, "not known"},
		{"water/w-1", "open", "1", 403, "not for this route"},
		{"level/w-2", "narrow", "1", 403, "not for this device"},
		{"level", "narrow", "1", 403, "name the device"},
		{"level/w-1", "narrow", "1", 202, ""},
		{"level/w-1", "open", "-1", 422, "not within 0"},
		{"level/w-1", "open", "garbage", 422, "no number"},
		{"level", "open", "1", 422, "no device's name"},
		{"level/%2e%2e%2fx", "open", "1", 422, "no device's name"},
		{"level/w-1", "open", strings.Repeat("1", mapping.MaxPayload+1), 413, "at most"},
	} {
		answer, why := post(t, server.URL+"/ingest/"+c.path, c.bearer, c.body)
		if answer.StatusCode != c.status || !strings.Contains(why, c.why) {
			t.Errorf("%+v: %s, %s", c.path, answer.Status, why)
		}
	}
}

func TestWhileTheStoreIsAway(t *testing.T) {
	server, _ := serve(t, func(s plane.Store) plane.Store { return away{s} })
	answer, why := post(t, server.URL+"/ingest/level/w-1", "open", "1.5")
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || strings.Contains(why, "hunter2") {
		t.Errorf("%s, %s", answer.Status, why)
	}
}

func TestTokensThatCannotBe(t *testing.T) {
	bad := token("x", "y")
	bad.SHA256 = "y"
	if bad.Check() == nil {
		t.Error("a token in the clear")
	}
	bad = token("x", "y")
	bad.Routes = nil
	if bad.Check() == nil {
		t.Error("a token for nothing")
	}
	if err := token("x", "y").Check(); err != nil {
		t.Error(err)
	}
}
