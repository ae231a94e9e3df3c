package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster/rostertest"
	"polity/recording/share"
	"polity/release/token"
)

// carried is an answer of the court's device with an entry.
func carried(t *testing.T, c *rostertest.City, e entry.Signed) []byte {
	t.Helper()
	if err := entry.Sign(e, c.Devices["court-1"].Key); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := token.CreateAnswer(&b).Close(e); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCarry(t *testing.T) {
	c := rostertest.New("carry")
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, b []byte) {
		if err := os.WriteFile(path(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("city.roster", c.Roster.File())
	write("case.json", []byte(`{"format":"polity-draft/1","hub":"","purpose":"complaint","cameras":["square"],"from":"2026-12-01T14:00:00Z","to":"2026-12-01T15:00:00Z",
		"order":"HEL 2026-012345","case":"POL 2026/77","expires":"2026-12-04T09:00:00Z","details_public_on":"2027-06-01"}`))
	at := canonical.Time("2026-12-02T00:00:00Z")
	write("audit.answer", carried(t, c, &entry.Audit{At: at, Body: "court", Checked: 5, Device: "court-1", Week: "2026-W49"}))
	write("case.answer", carried(t, c, &entry.ReleaseRefused{At: at, Body: "court", Device: "court-1", Reason: "other"}))
	var asked []string
	var file []byte
	serve := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		asked = append(asked, r.Method+" "+r.URL.String())
		switch {
		case r.Header.Get("Authorization") != "Bearer secret":
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasPrefix(r.URL.Path, "/api/v1/holds/"):
			s, err := token.ParseSubmission(body)
			if err != nil || len(s.Entry) != 0 || s.SealedTo(&c.Roster.Roster) != nil || bytes.Contains(body, []byte("012345")) {
				t.Errorf("the hub was sent %+v, %v", s, err)
			}
			_, _ = w.Write(file) //nolint:errcheck // the test sees it
		case r.Method == http.MethodGet:
			_, _ = w.Write(file) //nolint:errcheck // as above
		default:
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"checked":5}`)) //nolint:errcheck // as above
		}
	}))
	defer serve.Close()
	made := func(kind token.Kind) []byte {
		var b bytes.Buffer
		if _, err := token.WriteRequest(&b, kind, token.Parts{Body: share.Court, Proof: []byte("proof")}, func(func([]byte, error) bool) {}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	carry := func(args ...string) (string, error) {
		return ran(t, append([]string{"carry", "--hub", serve.URL}, args...)...)
	}
	file = made(token.Audit)
	if _, err := carry("audit", "court", "--out", path("court.audit")); err == nil || !strings.Contains(err.Error(), tokenVariable) {
		t.Errorf("without a token: %v", err)
	}
	t.Setenv(tokenVariable, "secret")
	if said, err := carry("audit", "court", "--day", "2026-12-01", "--shares", "7", "--out", path("court.audit")); err != nil || !strings.Contains(said, token.Words([32]byte(file[len(file)-32:]))) {
		t.Errorf("%s %v", said, err)
	}
	if b, err := os.ReadFile(path("court.audit")); err != nil || !bytes.Equal(b, file) {
		t.Errorf("the file is another one: %v", err)
	}
	file = file[:len(file)-1]
	if _, err := carry("audit", "court", "--out", path("cut.audit")); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("a file that was cut off: %v", err)
	}
	if _, err := os.Stat(path("cut.audit")); err == nil {
		t.Error("a file that was cut off was kept")
	}
	file = made(token.HoldAsked)
	if said, err := carry("hold", path("case.json"), "court", "--roster", path("city.roster"), "--out", path("court.hold")); err != nil {
		t.Errorf("%s %v", said, err)
	}
	if said, err := carry("answer", path("audit.answer")); err != nil || !strings.Contains(said, "It is in the public log") {
		t.Errorf("%s %v", said, err)
	}
	if _, err := carry("answer", path("case.answer")); err == nil || !strings.Contains(err.Error(), "polity case answers") {
		t.Errorf("another's answer: %v", err)
	}
	if _, err := carry("answer", path("case.json")); err == nil || !strings.Contains(err.Error(), "no file of a release") {
		t.Errorf("another file: %v", err)
	}
	want := []string{"GET /api/v1/audits/court?day=2026-12-01&shares=7", "POST /api/v1/holds/court", "POST /api/v1/audits"}
	for _, w := range want {
		found := false
		for _, a := range asked {
			found = found || a == w
		}
		if !found {
			t.Errorf("nobody asked %s: %v", w, asked)
		}
	}
}
