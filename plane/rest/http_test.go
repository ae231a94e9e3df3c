package rest_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/plane"
	"polity/plane/rest"
)

func TestWrongRequestsAreRefused(t *testing.T) {
	w := newTown(t)
	long := strings.Repeat("x", 5000)
	for _, c := range []struct {
		path   string
		status int
		says   string
	}{
		{"/api/v1/entities?typ=Air", 400, "there are: type"},
		{"/api/v1/openapi.json?x=1", 400, "there are: none"},
		{"/api/v1/entities?type=", 400, "empty"},
		{"/api/v1/entities?type=" + long, 400, "longer than"},
		{"/api/v1/entities?type=Air&type=Air", 400, "2 times"},
		{"/api/v1/entities?bbox=1,2,3", 400, "west,south,east,north"},
		{"/api/v1/entities?bbox=1,2,3,NaN", 400, "west,south,east,north"},
		{"/api/v1/entities?bbox=1,2,3,Inf", 400, "west,south,east,north"},
		{"/api/v1/entities?bbox=1,20,3,10", 400, "west,south,east,north"},
		{"/api/v1/entities?updated_since=yesterday", 400, "write a time such as"},
		{"/api/v1/entities?limit=0", 400, "from 1 to 1000"},
		{"/api/v1/entities?limit=1001", 400, "from 1 to 1000"},
		{"/api/v1/entities?cursor=abc", 400, "begin without a cursor"},
		{"/api/v1/entities?format=xml", 400, "json, geojson, csv"},
		{"/api/v1/entities?q=((", 400, "q"},
		{"/api/v1/entities?q=" + strings.Repeat("(", 200), 400, "q"},
		{"/api/v1/entities?%zz", 400, "percent-encoded"},
		{"/api/v1/nothing", 404, "openapi.json"},
		{"/api/v1/entities/urn:x:air:1/nothing", 404, "openapi.json"},
		{"/api/v1/entities//history?attribute=x", 404, "openapi.json"},
		{"/api/v1/entities/urn:x:air:1/history", 400, "attribute is missing"},
		{"/api/v1/entities/urn:x:air:1/history?attribute=temperature&format=geojson", 400, "json, csv"},
		{"/api/v1/entities/urn:x:air:1/history?attribute=temperature&from=2026-11-30&to=2026-11-29", 400, "from must come before to"},
		{"/api/v1/entities/urn:x:air:1/aggregates?attribute=temperature&by=minute", 400, "hour, day"},
		{"/api/v1/entities/urn:x:air:1/aggregates?attribute=temperature&by=hour&from=1970-01-01", 413, "ask for less time"},
	} {
		got := w.getRaw(c.path)
		var p rest.Problem
		if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil || got.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.80s: %d %.200s", c.path, got.Code, got.Body)
			continue
		}
		if got.Code != c.status || p.Status != c.status || !strings.Contains(p.Detail, c.says) || p.Type != "about:blank" || p.Title == "" {
			t.Errorf("%.80s: %+v, want %d and %q", c.path, p, c.status, c.says)
		}
	}
}

func TestMethodsAndMediaTypes(t *testing.T) {
	w := newTown(t)
	for _, c := range []struct {
		method, path string
		headers      []string
		status       int
		header, want string
	}{
		{"DELETE", "/api/v1/entities", nil, 405, "Allow", "GET, HEAD, POST, OPTIONS"},
		{"BREW", "/api/v1/types", nil, 405, "Allow", "GET, HEAD, OPTIONS"},
		{"POST", "/api/v1/entities/urn:x:air:1", nil, 405, "Allow", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"},
		{"OPTIONS", "/api/v1/entities", []string{"Origin", "https://other.example", "Access-Control-Request-Method", "GET"}, 204, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"},
		{"GET", "/api/v1/entities", []string{"Accept", "image/png"}, 406, "Content-Type", "application/problem+json"},
		{"GET", "/api/v1/types", []string{"Accept", "application/geo+json"}, 406, "Content-Type", "application/problem+json"},
		{"GET", "/api/v1/entities", []string{"Accept", "text/*;q=0.5, application/geo+json"}, 200, "Content-Type", "application/geo+json"},
		{"GET", "/api/v1/entities", []string{"Accept", "text/csv;q=0.9, */*;q=0.1"}, 200, "Content-Type", "text/csv; charset=utf-8; header=present"},
		{"GET", "/api/v1/entities", []string{"Accept", "application/json;q=0, text/csv"}, 200, "Content-Type", "text/csv; charset=utf-8; header=present"},
		{"GET", "/api/v1/entities", []string{"Accept", "application/json;q=0"}, 406, "Content-Type", "application/problem+json"},
		{"GET", "/api/v1/entities", []string{"Accept", "*/*"}, 200, "Content-Type", "application/json"},
		{"GET", "/api/v1", nil, 200, "Content-Type", "application/json"},
	} {
		got := w.ask(c.method, c.path, "", c.headers...)
		if got.Code != c.status || got.Header().Get(c.header) != c.want {
			t.Errorf("%s %s %v: %d, %s %q", c.method, c.path, c.headers, got.Code, c.header, got.Header().Get(c.header))
		}
	}
}

func TestConditionalReading(t *testing.T) {
	w := newTown(t)
	for _, path := range []string{"/api/v1/entities", "/api/v1/entities/urn:x:air:1", "/api/v1/types", "/api/v1/entities/urn:x:air:1/history?attribute=temperature", "/api/v1/openapi.json"} {
		tags := map[string]bool{}
		for _, headers := range [][]string{nil, {"Accept-Encoding", "gzip"}, {"Accept", "text/csv, */*;q=0.1"}} {
			first := w.get(path, headers...)
			tag := first.Header().Get("ETag")
			if tag == "" || (tags[tag] && first.Header().Get("Content-Encoding") == "gzip") {
				t.Errorf("%s %v: tag %q", path, headers, tag)
			}
			tags[tag] = true
			again := w.get(path, append(headers, "If-None-Match", `"other", W/`+tag)...)
			if again.Code != http.StatusNotModified || again.Body.Len() != 0 || again.Header().Get("ETag") != tag {
				t.Errorf("%s %v: %d with %d bytes", path, headers, again.Code, again.Body.Len())
			}
			if other := w.get(path, append(headers, "If-None-Match", `"other"`)...); other.Code != http.StatusOK {
				t.Errorf("%s %v: %d for another tag", path, headers, other.Code)
			}
			head := w.ask(http.MethodHead, path, "", headers...)
			if head.Code != http.StatusOK || head.Body.Len() != 0 || head.Header().Get("ETag") != tag || head.Header().Get("Content-Length") != first.Header().Get("Content-Length") {
				t.Errorf("%s %v: HEAD %d, %v", path, headers, head.Code, head.Header())
			}
		}
	}
	packed := w.get("/api/v1/openapi.json", "Accept-Encoding", "gzip")
	if packed.Header().Get("Content-Encoding") != "gzip" || !json.Valid(content(t, packed)) {
		t.Error("gzip is not what was asked for")
	}
	if plain := w.get("/api/v1/openapi.json", "Accept-Encoding", "gzip;q=0"); plain.Header().Get("Content-Encoding") != "" {
		t.Error("gzip though it is not taken")
	}
}

// Pages have everything once, in order, whatever their size.
func TestPagesAreWhole(t *testing.T) {
	w := newTown(t)
	for _, limit := range []int{1, 2, 3, 100} {
		var ids []string
		path := fmt.Sprintf("/api/v1/entities?limit=%d", limit)
		for next := path; next != ""; {
			var page struct {
				Entities []struct{ ID string }
				Next     string
			}
			got := w.get(next)
			read(t, got, &page)
			for _, e := range page.Entities {
				ids = append(ids, e.ID)
			}
			next = ""
			if page.Next != "" {
				next = path + "&cursor=" + page.Next
				if link := got.Header().Get("Link"); !strings.Contains(link, page.Next) || !strings.HasSuffix(link, `>; rel="next"`) {
					t.Errorf("Link is %q", link)
				}
			}
		}
		want := []string{"urn:polity:counts:square", "urn:x:air:1", "urn:x:air:2", "urn:x:counter:1", "urn:x:counter:2"}
		if !slices.Equal(ids, want) {
			t.Errorf("limit %d: %v", limit, ids)
		}
		var starts []time.Time
		path = fmt.Sprintf("/api/v1/entities/urn:x:air:1/history?attribute=temperature&limit=%d", limit*17)
		for next := path; next != ""; {
			var page struct {
				Observations []struct{ Start time.Time }
				Next         string
			}
			read(t, w.get(next), &page)
			for _, o := range page.Observations {
				starts = append(starts, o.Start)
			}
			next = ""
			if page.Next != "" {
				next = path + "&cursor=" + page.Next
			}
		}
		if len(starts) != 120 || !slices.IsSortedFunc(starts, time.Time.Compare) {
			t.Errorf("limit %d: %d observations", limit*17, len(starts))
		}
	}
	var page struct{ Next string }
	read(t, w.get("/api/v1/entities?limit=1"), &page)
	if got := w.get("/api/v1/entities?type=Air&cursor=" + page.Next); got.Code != http.StatusBadRequest {
		t.Errorf("a cursor of another question: %d", got.Code)
	}
}

func TestListsAreNarrowed(t *testing.T) {
	w := newTown(t)
	w.now = noon.Add(time.Hour)
	w.put(entity("urn:x:air:3", []string{"Air"}, number("temperature", "5"), at("179.5", "0")))
	for path, want := range map[string]string{
		"type=Air": "1 2 3", "type=Crowd": "square", "bbox=24,60,25,61": "square 1", "bbox=179,-1,-179,1": "3", "updated_since=2026-11-30T12:30:00Z": "3",
		"updated_since=2026-11-30T14:30:00%2B02:00": "3", "q=temperature>20": "1", "q=temperature<10;temperature>0": "3", "type=Air&q=temperature==-3|temperature==5": "2 3",
	} {
		var page struct{ Entities []struct{ ID string } }
		read(t, w.get("/api/v1/entities?"+path), &page)
		var got []string
		for _, e := range page.Entities {
			got = append(got, e.ID[strings.LastIndex(e.ID, ":")+1:])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", path, got, want)
		}
	}
}

func TestTables(t *testing.T) {
	w := newTown(t)
	w.put(entity("urn:x:air:4", []string{"Air"}, number("temperature", `"=HYPERLINK(1)"`), at("1", "2")))
	for path, rows := range map[string]int{
		"/api/v1/entities?format=csv": 5, "/api/v1/entities/urn:x:air:4?format=csv": 1, "/api/v1/types?format=csv": 4,
		"/api/v1/entities/urn:x:air:1/history?attribute=temperature&format=csv": 120, "/api/v1/entities/urn:x:air:1/aggregates?attribute=temperature&by=hour&format=csv": 2,
	} {
		got := w.get(path)
		table, err := csv.NewReader(got.Body).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(table) != rows+1 {
			t.Errorf("%s: %d rows, want %d: %v", path, len(table)-1, rows, table)
		}
	}
	if got := w.get("/api/v1/entities/urn:x:air:4?format=csv").Body.String(); !strings.Contains(got, "'=HYPERLINK") {
		t.Errorf("a text that a spreadsheet takes for a formula: %s", got)
	}
}

// Days are those of the city, however long they are.
func TestAggregatesOfDays(t *testing.T) {
	w := newTown(t)
	helsinki, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		t.Fatal(err)
	}
	w.now = time.Date(2026, 10, 27, 0, 0, 0, 0, helsinki)
	from := time.Date(2026, 10, 24, 0, 0, 0, 0, helsinki)
	var b plane.Batch
	for at := from; at.Before(w.now); at = at.Add(30 * time.Minute) {
		b.Observations = append(b.Observations, plane.Observation{Series: plane.Series{Key: plane.Key{ID: "urn:x:air:2"}, Attribute: "temperature"}, Start: at, Value: 1})
	}
	if _, err := w.store.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	for _, dataset := range []string{"", "&dataset=*"} { // added up by the store, and here
		for by, want := range map[string][]int{"day": {48, 50, 48}, "hour": nil} {
			var a struct {
				Aggregates []struct {
					From, To time.Time
					Count    int
				}
			}
			read(t, w.get("/api/v1/entities/urn:x:air:2/aggregates?attribute=temperature&from=2026-10-24&by="+by+dataset), &a)
			var got []int
			for i, x := range a.Aggregates {
				got = append(got, x.Count)
				if i > 0 && !x.From.Equal(a.Aggregates[i-1].To) {
					t.Errorf("%s begins at %v, the one before ends at %v", by, x.From, a.Aggregates[i-1].To)
				}
				if by == "hour" && x.Count != 2 {
					t.Errorf("the hour of %v has %d", x.From, x.Count)
				}
			}
			if by == "hour" && len(got) != 73 || by == "day" && !slices.Equal(got, want) {
				t.Errorf("by %s%s: %v", by, dataset, got)
			}
		}
	}
}

// A sum of decimal numbers is one.
func TestSumsAreTidy(t *testing.T) {
	w := newTown(t)
	var b plane.Batch
	for i, v := range []float64{.1, .2, .3, .1, .2} {
		b.Observations = append(b.Observations, plane.Observation{Series: plane.Series{Key: plane.Key{ID: "urn:x:air:2"}, Attribute: "temperature"}, Start: noon.Add(-time.Hour + time.Duration(i)*time.Minute), Value: v})
	}
	if _, err := w.store.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	got := w.get("/api/v1/entities/urn:x:air:2/aggregates?attribute=temperature&by=hour").Body.String()
	if !strings.Contains(got, `"sum":0.9,"mean":0.18,`) {
		t.Error(got)
	}
}
