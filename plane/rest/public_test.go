package rest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"polity/plane"
	"polity/plane/rest"
)

// What is not public does not exist: the answer is the same as for what is not there.
func TestWhatIsNotPublicDoesNotExist(t *testing.T) {
	w := newTown(t)
	for _, c := range []struct{ hidden, missing string }{
		{"/api/v1/entities/urn:x:patrol:1", "/api/v1/entities/urn:x:patrol:9"},
		{"/api/v1/entities/urn:x:patrol:1/history?attribute=temperature", "/api/v1/entities/urn:x:patrol:9/history?attribute=temperature"},
		{"/api/v1/entities/urn:polity:device:a:1", "/api/v1/entities/urn:polity:device:a:9"},
		{"/api/v1/entities/urn:x:air:1/history?attribute=owner", "/api/v1/entities/urn:x:air:1/history?attribute=nothing"},
		{"/api/v1/entities/urn:x:air:1/aggregates?by=hour&attribute=owner", "/api/v1/entities/urn:x:air:1/aggregates?by=hour&attribute=nothing"},
		{"/api/v1/entities?type=Patrol", "/api/v1/entities?type=Nothing"},
		{"/api/v1/entities?q=owner==%22Ann%22", "/api/v1/entities?q=owner==%22Bob%22"},
		{"/api/v1/entities?q=owner", "/api/v1/entities?q=nothing"},
		{"/api/v1/entities?type=Counter&bbox=24,60,25,61", "/api/v1/entities?type=Counter&bbox=0,0,1,1"},            // a location that is not public
		{"/api/v1/entities?q=people==3", "/api/v1/entities?q=people==4"},                                            // a number that is withheld
		{"/api/v1/entities?type=Counter&q=people%3C5", "/api/v1/entities?type=Counter&q=people%3C1"},                // a bound on it
		{"/api/v1/entities?type=Counter&q=temperature;people==3", "/api/v1/entities?type=Counter&q=people==999999"}, // neither
	} {
		a, b := w.get(c.hidden), w.get(c.missing)
		plain := func(x *httptest.ResponseRecorder, path string) string {
			u, err := url.Parse(path)
			if err != nil {
				t.Fatal(err)
			}
			text := x.Body.String()
			for _, name := range []string{"urn:x:patrol:1", "urn:x:patrol:9", "urn:polity:device:a:1", "urn:polity:device:a:9", u.Query().Get("attribute")} {
				if name != "" {
					text = strings.ReplaceAll(text, name, "…")
				}
			}
			return text
		}
		if a.Code != b.Code || plain(a, c.hidden) != plain(b, c.missing) {
			t.Errorf("%s: %d %s\n%s: %d %s", c.hidden, a.Code, a.Body, c.missing, b.Code, b.Body)
		}
	}
	for _, path := range []string{
		"/api/v1/entities", "/api/v1/entities?format=csv", "/api/v1/entities?format=geojson", "/api/v1/types", "/api/v1/entities/urn:x:air:2", "/api/v1/entities/urn:x:counter:1",
	} {
		got := w.get(path)
		if got.Code != http.StatusOK {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
		for _, word := range []string{"Ann", "owner", "Patrol", "patrol", "device", `"version"`, `"value":3`, ",3,"} {
			if strings.Contains(got.Body.String(), word) {
				t.Errorf("%s tells of %q: %s", path, word, got.Body)
			}
		}
	}
}

// A change of what is not public does not show.
func TestAHiddenChangeDoesNotShow(t *testing.T) {
	w := newTown(t)
	paths := []string{"/api/v1/entities/urn:x:air:1", "/api/v1/entities?updated_since=2026-11-30T12:30:00Z", "/api/v1/entities"}
	var before []string
	for _, p := range paths {
		before = append(before, w.get(p).Header().Get("ETag"))
	}
	w.now = noon.Add(time.Hour)
	w.put(entity("urn:x:air:1", []string{"Air"}, number("temperature", "21.5"), at("24.94", "60.17"), number("owner", `"Bob"`)))
	for i, p := range paths {
		if now := w.get(p).Header().Get("ETag"); now != before[i] {
			t.Errorf("%s: %s became %s when what is not public changed", p, before[i], now)
		}
	}
	w.put(entity("urn:x:air:1", []string{"Air"}, number("temperature", "22"), at("24.94", "60.17")))
	for i, p := range paths {
		if now := w.get(p).Header().Get("ETag"); now == before[i] {
			t.Errorf("%s: %s stayed when what is public changed", p, before[i])
		}
	}
}

// Small numbers of people are in no answer and in no sum.
func TestSmallNumbersAreWithheld(t *testing.T) {
	w := newTown(t)
	var h struct {
		Observations []struct {
			Value    *float64
			Withheld bool
		}
	}
	read(t, w.get("/api/v1/entities/urn:x:counter:1/history?attribute=people"), &h)
	withheld := 0
	for _, o := range h.Observations {
		if o.Value != nil && (*o.Value < 5 || o.Withheld) || o.Value == nil && !o.Withheld {
			t.Errorf("%+v", o)
		}
		if o.Withheld {
			withheld++
		}
	}
	if len(h.Observations) != 120 || withheld != 60 {
		t.Errorf("%d observations, %d withheld", len(h.Observations), withheld)
	}
	var a struct {
		Aggregates []struct {
			Count, Withheld int
			Sum, Least      *float64
		}
	}
	read(t, w.get("/api/v1/entities/urn:x:counter:1/aggregates?attribute=people&by=day&from=2026-11-30"), &a)
	if len(a.Aggregates) != 1 || a.Aggregates[0].Withheld != 60 || a.Aggregates[0].Count != 60 || *a.Aggregates[0].Sum != 60*7 || *a.Aggregates[0].Least != 5 {
		t.Errorf("%+v", a)
	}
}

// A page of others in the browser of who is trusted sees what everyone sees, and
// changes nothing.
func TestAPageOfOthersIsNotTrusted(t *testing.T) {
	w := newTown(t)
	for _, headers := range [][]string{
		{"X-Trusted", "1", "Origin", "https://evil.example"},
		{"X-Trusted", "1", "Sec-Fetch-Site", "cross-site"},
		{"X-Trusted", "1", "Origin", "null"},
		{"X-Trusted", "1", "Origin", "http://town.example:81"},
	} {
		if got := w.get("/api/v1/entities/urn:x:patrol:1", headers...); got.Code != http.StatusNotFound {
			t.Errorf("%v: read %d", headers, got.Code)
		}
		if got := w.ask(http.MethodDelete, "/api/v1/entities/urn:x:patrol:1", "", headers...); got.Code != http.StatusForbidden {
			t.Errorf("%v: changed %d", headers, got.Code)
		}
	}
	own := w.get("/api/v1/entities/urn:x:patrol:1", "X-Trusted", "1", "Origin", "http://town.example")
	if own.Code != http.StatusOK || own.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("own page: %d, allowed to %q", own.Code, own.Header().Get("Access-Control-Allow-Origin"))
	}
	if got := w.get("/api/v1/entities/urn:x:air:1"); got.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Error("everyone's answer is not for pages of others")
	}
	if got := w.get("/api/v1/entities/urn:x:patrol:1?as=public", "X-Trusted", "1"); got.Code != http.StatusNotFound {
		t.Errorf("as public: %d", got.Code)
	}
}

func TestPublicListsAreChecked(t *testing.T) {
	for _, bad := range [][]rest.Public{
		{{Type: ""}}, {{Type: "A"}, {Type: "A"}}, {{Type: "A", Attributes: []rest.Attribute{{Name: "x"}, {Name: "x"}}}}, {{Type: "A", Attributes: []rest.Attribute{{Name: "x", AtLeast: -1}}}},
	} {
		if rest.Check(bad) == nil {
			t.Errorf("%+v passed", bad)
		}
	}
	if _, err := rest.New(rest.Config{Public: []rest.Public{{}}}); err == nil {
		t.Error("a server with a bad list began")
	}
}

func read(t testing.TB, w *httptest.ResponseRecorder, to any) {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(content(t, w), to); err != nil {
		t.Fatal(err)
	}
}

// A server without a list shows nothing.
func TestNothingIsPublicByItself(t *testing.T) {
	w := newTown(t)
	bare, err := rest.New(rest.Config{Store: w.store})
	if err != nil {
		t.Fatal(err)
	}
	w.api = bare
	if got := w.get("/api/v1/entities"); got.Body.String() != "{\"entities\":[]}\n" {
		t.Errorf("%s", got.Body)
	}
	if got := w.get("/api/v1/entities/urn:x:air:1", "X-Trusted", "1"); got.Code != http.StatusNotFound {
		t.Errorf("%d", got.Code)
	}
	if _, err := w.store.Entity(t.Context(), plane.Key{ID: "urn:x:air:1"}); err != nil {
		t.Fatal(err)
	}
}
