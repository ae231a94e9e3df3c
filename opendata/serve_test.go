package opendata_test

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"polity/opendata"
)

func filled(t testing.TB) (*town, string) {
	w := newTown(t)
	w.source.put("2026-11-01", 1, 2, 3)
	w.source.put("2026-11-02", 4, 5, 6)
	w.source.put("2026-11-03", 7)
	w.round()
	return w, w.ask(http.MethodGet, "/data/air/2026-11-02.csv").Body.String()
}

func TestRanges(t *testing.T) {
	w, whole := filled(t)
	const path = "/data/air/2026-11-02.csv"
	first := w.ask(http.MethodGet, path)
	tag := first.Header().Get("ETag")
	sum := sha256.Sum256([]byte(whole))
	if tag != `"`+hex.EncodeToString(sum[:])[:32]+`"` || first.Header().Get("Accept-Ranges") != "bytes" || first.Header().Get("Last-Modified") == "" {
		t.Errorf("%v", first.Header())
	}
	for _, c := range []struct {
		headers []string
		status  int
		body    string
	}{
		{[]string{"Range", "bytes=0-4"}, 206, whole[:5]},
		{[]string{"Range", "bytes=5-"}, 206, whole[5:]},
		{[]string{"Range", "bytes=-7"}, 206, whole[len(whole)-7:]},
		{[]string{"Range", "bytes=99999-"}, 416, ""},
		{[]string{"Range", "bytes=x"}, 416, ""},
		{[]string{"Range", "lines=1-2"}, 416, ""},
		{[]string{"Range", "bytes=0-4", "If-Range", tag}, 206, whole[:5]},
		{[]string{"Range", "bytes=0-4", "If-Range", `"old"`}, 200, whole},
		{[]string{"If-None-Match", tag}, 304, ""},
		{[]string{"If-None-Match", `"old"`}, 200, whole},
		{[]string{"If-Modified-Since", first.Header().Get("Last-Modified")}, 304, ""},
		{[]string{"If-Match", `"old"`}, 412, ""},
		{[]string{"Range", "bytes=" + strings.Repeat("0-0,", 3000) + "1-1"}, 200, whole},
	} {
		got := w.ask(http.MethodGet, path, c.headers...)
		if got.Code != c.status || (c.status < 300 && got.Body.String() != c.body) {
			t.Errorf("%.60v: %d %.80q", c.headers, got.Code, got.Body)
		}
	}
	many := w.ask(http.MethodGet, path, "Range", "bytes=0-3,10-14,-2")
	kind, params, err := mime.ParseMediaType(many.Header().Get("Content-Type"))
	if err != nil || many.Code != 206 || kind != "multipart/byteranges" {
		t.Fatalf("%d %v %v", many.Code, many.Header(), err)
	}
	parts := multipart.NewReader(many.Body, params["boundary"])
	for _, want := range []string{whole[:4], whole[10:15], whole[len(whole)-2:]} {
		p, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(p); err != nil || string(got) != want {
			t.Errorf("a part is %q, want %q (%v)", got, want, err)
		}
	}
	head := w.ask(http.MethodHead, path)
	if head.Body.Len() != 0 || head.Header().Get("Content-Length") != fmt.Sprint(len(whole)) {
		t.Errorf("HEAD: %v, %d bytes", head.Header(), head.Body.Len())
	}
	if link := first.Header().Get("Link"); !strings.Contains(link, "schema.json") || !strings.Contains(link, `rel="license"`) {
		t.Errorf("Link is %q", link)
	}
}

func TestDaysFromAndTo(t *testing.T) {
	w, _ := filled(t)
	for query, rows := range map[string]int{"": 7, "?from=2026-11-02": 4, "?to=2026-11-02": 3, "?from=2026-11-01&to=2026-11-03": 6, "?from=2026-10-01&to=2026-10-05": 0, "?from=2026-11-03&to=2030-01-01": 1} {
		table := w.get("/data/air/all.csv" + query)
		if list, err := csv.NewReader(strings.NewReader(table)).ReadAll(); err != nil || len(list)-1 != rows {
			t.Errorf("%s: %d rows, want %d (%v)\n%s", query, len(list)-1, rows, err, table)
		}
		var c struct{ Features []any }
		if text := w.get("/data/air/all.geojson" + query); json.Unmarshal([]byte(text), &c) != nil || len(c.Features) != rows {
			t.Errorf("%s: %s", query, text)
		}
	}
	a, b := w.ask(http.MethodGet, "/data/air/all.csv?to=2026-11-03"), w.ask(http.MethodGet, "/data/air/all.csv?to=2026-11-03", "Range", "bytes=3-9")
	if b.Code != 206 || b.Body.String() != a.Body.String()[3:10] || a.Header().Get("ETag") != b.Header().Get("ETag") {
		t.Errorf("a range of days: %d %q", b.Code, b.Body)
	}
	if today := w.ask(http.MethodGet, "/data/air/all.csv"); today.Header().Get("Last-Modified") != "" {
		t.Error("a day that goes on has a time at which it was last changed")
	}
}

func TestWrongRequests(t *testing.T) {
	w, _ := filled(t)
	for _, c := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/data/water/2026-11-02.csv", 404, "/data lists them"},
		{"GET", "/data/air/2026-11-09.csv", 404, "index.json"},
		{"GET", "/data/air/2026-11-02.xml", 404, ".csv or .geojson"},
		{"GET", "/data/air/2026-11-02.1.csv", 404, ".csv or .geojson"},
		{"GET", "/data/air/..%2Fair%2F2026-11-02.csv", 404, ""},
		{"GET", "/data/air/", 404, ".csv"},
		{"GET", "/data/air/2026-11-02.csv?from=2026-11-01", 400, "no parameters"},
		{"GET", "/data/air/all.csv?since=2026-11-01", 400, "from, to"},
		{"GET", "/data/air/all.csv?from=now", 400, "2026-11-29"},
		{"GET", "/data/air/all.csv?from=2026-11-02&to=2026-11-02", 400, "before to"},
		{"GET", "/data/air/all.csv?from=2026-12-02", 400, "before to"},
		{"GET", "/data/air/all.csv?from=1980-01-01", 413, "files of months"},
		{"GET", "/data/air/all.csv?%zz", 400, "percent-encoded"},
		{"POST", "/data/air/all.csv", 405, "GET or HEAD"},
	} {
		got := w.ask(c.method, c.path)
		if got.Code != c.status || !strings.Contains(got.Body.String(), c.says) || got.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %v %s", c.method, c.path, got.Code, got.Header(), got.Body)
		}
		if got.Code == 405 && got.Header().Get("Allow") == "" {
			t.Error("405 without Allow")
		}
	}
	w.source.fail = errAway
	if got := w.ask("GET", "/data/air/all.csv"); got.Code != 503 {
		t.Errorf("a store that is away: %d", got.Code)
	}
}

func TestSchemaIsOfTheColumns(t *testing.T) {
	w, whole := filled(t)
	var s struct {
		URL         string
		TableSchema struct {
			Columns []struct{ Name, Datatype string }
		}
	}
	if err := json.Unmarshal([]byte(w.get("/data/air/schema.json")), &s); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range s.TableSchema.Columns {
		names = append(names, c.Name)
	}
	if head, _, _ := strings.Cut(whole, "\r\n"); head != strings.Join(names, ",") || s.URL != "https://data.town.example/data/air/all.csv" {
		t.Errorf("%q and %v of %s", head, names, s.URL)
	}
	if !strings.Contains(whole, "'=1+1") {
		t.Errorf("a text that a spreadsheet takes for a formula: %s", whole)
	}
}

// FuzzRange holds that whatever stands in a header, what comes is a part of the file.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-4", "bytes=-1", "bytes=1-0", "bytes=0-0,2-2", "bytes=99999999999999999999-", "lines=1", "bytes=0-,0-,0-"} {
		f.Add(s)
	}
	w, whole := filled(f)
	f.Fuzz(func(t *testing.T, header string) {
		got := w.ask(http.MethodGet, "/data/air/2026-11-02.csv", "Range", header)
		kind, _, _ := strings.Cut(got.Header().Get("Content-Type"), ";")
		switch {
		case got.Code == 200 && got.Body.String() == whole:
		case got.Code == 206 && kind == "multipart/byteranges" && got.Body.Len() < 2*len(whole)+20*300:
		case got.Code == 206 && strings.Contains(whole, got.Body.String()):
		case got.Code == 416:
		default:
			t.Errorf("%q: %d, %d bytes", header, got.Code, got.Body.Len())
		}
	})
}

var _ opendata.Source = (*made)(nil)
