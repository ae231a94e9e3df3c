package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polity/hub"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster/rostertest"
	"polity/release/token"
)

// stickHub plays a hub's end of handing in: it takes all but what names a word.
type stickHub struct {
	busy   int // how often it has no time first
	got    [][]byte
	refuse string
}

func (s *stickHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.busy > 0 {
		s.busy--
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Path != hub.EntriesPath || r.Header.Get("Authorization") != "" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	var answer hub.HandedIn
	for line := range bytes.Lines(body) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		one := hub.Handed{ID: entry.ID(line)}
		if s.refuse != "" && bytes.Contains(line, []byte(s.refuse)) {
			one.Refused, answer.Refused = "it is refused here", answer.Refused+1
		} else {
			index := int64(len(s.got))
			s.got, one.Index, answer.Logged = append(s.got, line), &index, answer.Logged+1
		}
		answer.Entries = append(answer.Entries, one)
	}
	if answer.Refused > 0 {
		w.WriteHeader(http.StatusUnprocessableEntity)
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(err)
	}
}

func submitFiles(t *testing.T, h http.Handler, files ...string) (string, error) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	var out bytes.Buffer
	cmd := root()
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(append([]string{"record", "submit", "--hub", server.URL}, files...))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestFilesFromAStickAreHandedIn(t *testing.T) {
	town := rostertest.New("town")
	dir := t.TempDir()
	stick, byLine := filepath.Join(dir, "keys.statements"), filepath.Join(dir, "entries.txt")
	var file, text bytes.Buffer
	w := token.Create(&file, token.Statements)
	for n := range 300 {
		e := &entry.ReleaseRefused{At: "2026-12-01T14:00:00Z", Body: "court", Device: "court-1", Reason: "other", Token: canonical.Sum("test", fmt.Append(nil, n))}
		if err := entry.Sign(e, town.Devices["court-1"].Key); err != nil {
			t.Fatal(err)
		}
		line, err := entry.Encode(e)
		if err != nil || w.Add(token.Entry, line) != nil {
			t.Fatal(err)
		}
		if n < 2 {
			text.Write(append(line, '\n', '\n'))
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{stick: file.Bytes(), byLine: text.Bytes()} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := &stickHub{busy: 1}
	out, err := submitFiles(t, h, stick, byLine)
	if err != nil || len(h.got) != 302 || !strings.Contains(out, "302 entries are in the log, the last at index 301") {
		t.Errorf("%d arrived; %s, %v", len(h.got), out, err)
	}
	out, err = submitFiles(t, &stickHub{refuse: canonical.Sum("test", []byte("7")).String()}, stick)
	if err == nil || !strings.Contains(err.Error(), "1 of 300 entries were refused; 299 are in the public log") || !strings.Contains(out, "keys.statements, entry 8: it is refused here") {
		t.Errorf("%s, %v", out, err)
	}
	for name, data := range map[string][]byte{
		"damaged": append(bytes.Clone(file.Bytes()[:file.Len()-1]), 'x'), "cut": file.Bytes()[:1000], "empty": nil, "no entry": []byte("{}\n"),
		"not signed": []byte(`{"at":"2026-12-01T14:00:00Z","type":"alarm","v":1,"what":"clock"}` + "\n"),
	} {
		bad := filepath.Join(dir, "bad")
		if err := os.WriteFile(bad, data, 0o600); err != nil {
			t.Fatal(err)
		}
		h = &stickHub{}
		if out, err := submitFiles(t, h, byLine, bad); err == nil || len(h.got) > 0 || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %s, %v; %d were sent", name, out, err, len(h.got))
		}
	}
	for _, status := range []int{404, 500, 401} {
		if _, err := submitFiles(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }), byLine); err == nil {
			t.Errorf("%d is taken for success", status)
		}
	}
}
