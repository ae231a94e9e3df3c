package play_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/recording/recordtest"
	casefile "polity/release/case"
	"polity/release/case/casetest"
	"polity/release/case/play"
)

// visit is a tab that opened the address.
type visit struct {
	t       *testing.T
	base    string
	key     string
	c       *casefile.Case
	views   *casefile.Views
	handler http.Handler
}

func newVisit(t *testing.T) *visit {
	t.Helper()
	w := casetest.New(t, t.TempDir())
	w.Shoot("square", casetest.Filmed, casetest.Filmed.Add(8*time.Second), recordtest.Film("h264.mp4", casetest.Filmed))
	c, shelf := w.Opened("square")
	views, err := c.Views()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = views.Close() })
	pages := play.New(c, shelf, views, nil)
	v := &visit{t: t, c: c, views: views, handler: pages.Handler()}
	server := httptest.NewServer(v.handler)
	t.Cleanup(server.Close)
	v.base = server.URL
	if status, _, _ := v.ask(http.MethodGet, "/enter/x", "", nil); status != http.StatusForbidden {
		t.Errorf("a guess: %d", status)
	}
	status, page, _ := v.ask(http.MethodGet, pages.Path(), "", nil)
	_, rest, _ := strings.Cut(page, `name="key" content="`)
	v.key, _, _ = strings.Cut(rest, `"`)
	if status != http.StatusOK || len(v.key) < 30 || strings.Contains(pages.Path(), v.key) {
		t.Fatalf("%d, key %q", status, v.key)
	}
	return v
}

func (v *visit) ask(method, path, body string, change func(*http.Request)) (int, string, http.Header) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if v.key != "" {
		r.Header.Set("Authorization", "Bearer "+v.key)
	}
	if change != nil {
		change(r)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return a.StatusCode, string(b), a.Header
}

// Whoever else is on the machine, or in the browser, gets nothing.
func TestOnlyTheTabThatEntered(t *testing.T) {
	v := newVisit(t)
	n, _ := v.views.Head()
	for name, change := range map[string]func(*http.Request){
		"no key":        func(r *http.Request) { r.Header.Del("Authorization") },
		"another key":   func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+v.key[1:]+"x") },
		"a cookie":      func(r *http.Request) { r.Header.Set("Cookie", "key="+v.key); r.Header.Del("Authorization") },
		"basic":         func(r *http.Request) { r.SetBasicAuth("x", v.key) },
		"another name":  func(r *http.Request) { r.Host = "case.example:80" },
		"no port":       func(r *http.Request) { r.Host = "localhost" },
		"another place": func(r *http.Request) { r.Host = "192.0.2.1:80" },
	} {
		for _, path := range []string{"/api/case", "/api/notes", "/api/segment/square/1"} {
			if status, text, _ := v.ask(http.MethodGet, path, "", change); status != http.StatusForbidden && status != http.StatusMisdirectedRequest || strings.Contains(text, "HEL 2026") {
				t.Errorf("%s: %s: %d", name, path, status)
			}
		}
	}
	if after, _ := v.views.Head(); after != n {
		t.Errorf("%d lines were written of views that were refused", after-n)
	}
	_, _, head := v.ask(http.MethodGet, "/", "", nil)
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self'", "media-src blob:", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(head.Get("Content-Security-Policy"), want) {
			t.Errorf("the policy has no %s: %s", want, head.Get("Content-Security-Policy"))
		}
	}
	if head.Get("Cache-Control") != "no-store" || len(head["Set-Cookie"]) > 0 {
		t.Errorf("%v", head)
	}
}

// What is looked at is in the log, before the picture is handed over; where the log cannot be
// written, nothing is shown.
func TestNothingIsShownWithoutALine(t *testing.T) {
	v := newVisit(t)
	status, film, head := v.ask(http.MethodGet, "/api/segment/square/2", "", nil)
	if status != http.StatusOK || !strings.Contains(film, "ftyp") || !strings.HasPrefix(head.Get("Content-Type"), `video/mp4; codecs="avc1.`) {
		t.Fatalf("%d, %s, %d bytes", status, head.Get("Content-Type"), len(film))
	}
	if n, _ := v.views.Head(); n != 1 {
		t.Errorf("%d lines", n)
	}
	for path, want := range map[string]int{"/api/segment/square/99": 404, "/api/segment/bridge/1": 404, "/api/segment/square/x": 404, "/api/segment/square/-1": 404, "/api/segment/..%2f..%2fx/1": 404} {
		if status, _, _ := v.ask(http.MethodGet, path, "", nil); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
	file := filepath.Join(v.c.Dir(), "segments", "square")
	list, err := os.ReadDir(file)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(file, list[0].Name())
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-300] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, text, _ := v.ask(http.MethodGet, "/api/segment/square/1", "", nil); status != http.StatusUnprocessableEntity || strings.Contains(text, "ftyp") || !strings.Contains(text, "chunk") {
		t.Errorf("a changed segment: %d %.80s", status, text)
	}
	if err := v.views.Close(); err != nil {
		t.Fatal(err)
	}
	if status, text, _ := v.ask(http.MethodGet, "/api/segment/square/2", "", nil); status != http.StatusConflict || strings.Contains(text, "ftyp") {
		t.Errorf("shown without a line in the log: %d", status)
	}
}

// Two tabs do not write over each other.
func TestNotesOfTwo(t *testing.T) {
	v := newVisit(t)
	var got struct {
		Revision uint64
		Notes    casefile.Notes
	}
	_, text, _ := v.ask(http.MethodGet, "/api/notes", "", nil)
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	got.Notes.Notes = append(got.Notes.Notes, casefile.Note{At: casetest.Filmed.UnixMilli(), ID: 1, Text: "first"})
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.NewReplacer(`"Revision"`, `"revision"`, `"Notes"`, `"notes"`).Replace(string(b))
	if status, text, _ := v.ask(http.MethodPut, "/api/notes", body, nil); status != http.StatusOK || !strings.Contains(text, `"revision":1`) {
		t.Fatalf("%d %s", status, text)
	}
	if status, _, _ := v.ask(http.MethodPut, "/api/notes", body, nil); status != http.StatusConflict {
		t.Errorf("written over: %d", status)
	}
	for name, bad := range map[string]string{
		"twice": body + body, "no JSON": "x", "unknown": `{"revision":1,"notes":{},"more":1}`, "another case": strings.Replace(body, v.c.Token.ID.String(), strings.Repeat("A", 43), 1), "too much": body + strings.Repeat(" ", 3<<20) + "x",
	} {
		if status, _, _ := v.ask(http.MethodPut, "/api/notes", bad, nil); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, status)
		}
	}
	n, revision, err := v.c.Notes()
	if err != nil || revision != 1 || len(n.Notes) != 1 || n.Notes[0].Text != "first" {
		t.Errorf("%+v, %d, %v", n, revision, err)
	}
}
