package log_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/ledger/log/interop"
	"polity/ledger/log/logtest"
	"polity/ledger/roster/rostertest"
)

// TestAnIndependentClientReadsTheLog: signature, every entry's inclusion, consistency, by
// code that knows nothing of ours; and what it refuses.
func TestAnIndependentClientReadsTheLog(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l := open(t, town.Config)
	handler := l.Handler()
	served := http.StripPrefix("/log", handler)
	changed := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if changed == "" || !strings.HasPrefix(r.URL.Path, "/log/tile/"+changed) {
			served.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		served.ServeHTTP(answer, r)
		data := answer.Body.Bytes()
		data[len(data)-1] ^= 1
		_, _ = w.Write(data) //nolint:errcheck // the client sees it
	}))
	t.Cleanup(server.Close)
	key, err := note.NewVerifier(town.Log.Public)
	if err != nil {
		t.Fatal(err)
	}
	c := &interop.Client{Address: server.URL + "/log", Key: key, HTTP: &http.Client{Timeout: time.Minute}}
	tree := func() tlog.Tree {
		t.Helper()
		tree, err := c.Tree()
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}

	for i := range 299 {
		if _, err := l.Append(t.Context(), decision(i)); err != nil {
			t.Fatal(err)
		}
	}
	public(t, l, 299)
	older := tree()
	for i := 299; i < 310; i++ {
		add(t, l, decision(i), int64(i))
	}
	public(t, l, 310)
	newer := tree()
	if older.N != 299 || newer.N != 310 {
		t.Fatalf("sizes are %d and %d", older.N, newer.N)
	}
	records, err := c.Records(newer)
	if err != nil || len(records) != 310 || !strings.Contains(string(records[300]), `"type":"decision"`) {
		t.Errorf("%d records, %v", len(records), err)
	}
	if err := c.Continues(older, newer); err != nil {
		t.Error(err)
	}

	foreign, err := note.NewVerifier(rostertest.NewKey(rostertest.Origin, "another town").Public)
	if err != nil {
		t.Fatal(err)
	}
	for name, tried := range map[string]func() error{
		"a changed entry": func() error { changed = "entries/"; _, err := c.Records(newer); return err },
		"a changed hash":  func() error { changed = "0/"; _, err := c.Records(newer); return err },
		"another's key":   func() error { c.Key = foreign; _, err := c.Tree(); return err },
		"another history": func() error { changed = ""; older.Hash[0] ^= 1; return c.Continues(older, newer) },
	} {
		if tried() == nil {
			t.Errorf("%s is taken for right", name)
		}
		changed, c.Key = "", key
	}
}

func TestOnlyTheLogIsServed(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l := open(t, town.Config)
	add(t, l, decision(1), 0)
	public(t, l, 1)
	for _, w := range town.Witnesses {
		w.SetDown(true)
	}
	add(t, l, decision(2), 1) // on disk, and not public
	handler := l.Handler()
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		return w
	}
	for path, want := range map[string]int{
		"/checkpoint": 200, "/tile/entries/000.p/1": 200, "/tile/0/000.p/1": 200,
		"/tile/entries/000.p/2": 404, "/tile/0/000.p/2": 404, "/tile/0/000": 404, "/tile/0/001": 404,
		"/.state/treeState": 404, "/tile/../.state/treeState": 404, "/tile/0/../../checkpoint": 404, "/tile": 404, "/tile/": 404, "/": 404,
		"/tile/0/000.p/01": 404, "/tile/0/000.p/0": 404, "/tile/0/000.p/256": 404, "/tile/00/000.p/1": 404, "/tile/6/000.p/1": 404, "/tile/0/x000/000.p/1": 404,
		"/tile/5/x999/x999/x999/x999/999": 404, "/tile/entries/x999/x999/x999/x999/999": 404,
	} {
		if got := ask(http.MethodGet, path); got.Code != want {
			t.Errorf("%s: %d, want %d", path, got.Code, want)
		}
	}
	if got := ask(http.MethodPost, "/checkpoint"); got.Code != http.StatusMethodNotAllowed {
		t.Errorf("a POST: %d", got.Code)
	}
	if got := ask(http.MethodGet, "/checkpoint").Header().Get("Cache-Control"); got != "no-cache" {
		t.Errorf("the checkpoint may be kept: %q", got)
	}
}
