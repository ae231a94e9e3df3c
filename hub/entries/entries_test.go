package entries

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/access/policy"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/register"
)

// looksChain is the example of docs/formats/looks.md.
func looksChain(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "formats", "looks.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, chain, _ := strings.Cut(string(doc), "## Counts\n\n```\n")
	chain, _, found := strings.Cut(chain, "```")
	if !found {
		t.Fatal("docs/formats/looks.md has no example of counts")
	}
	return chain
}

func TestLooks(t *testing.T) {
	chain := looksChain(t)
	list, err := Looks(strings.NewReader(chain))
	if err != nil || len(list) != 2 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	count, day := list[0].(*entry.Looks), list[1].(*entry.Looks) //nolint:forcetypeassert // checked by their members
	if c := count.Count; c == nil || c.Name != "square" || c.Minutes != 2 || count.Line != canonical.Hash(sha256.Sum256([]byte(strings.Split(chain, "\n")[1]))) {
		t.Errorf("count %+v", count)
	}
	if d := day.Day; d == nil || d.From != "2026-11-29T18:00:00Z" || d.Looks != 1 || d.Root == (canonical.Hash{}) || d.Head == (canonical.Hash{}) {
		t.Errorf("day %+v", day)
	}
	for _, e := range list {
		if _, err := entry.Encode(e); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"{", `{"prev":"00"}`, strings.Replace(chain, `"count":{`, `"count":{"who":"p-anna",`, 1)} {
		if _, err := Looks(strings.NewReader(bad)); err == nil {
			t.Errorf("%.40q is taken", bad)
		}
	}
}

func TestPolicies(t *testing.T) {
	a, b := strings.Repeat("a1", 32), strings.Repeat("b2", 32)
	at := time.Date(2026, 11, 30, 12, 0, 0, 5, time.UTC)
	book := []policy.Entry{
		{N: 1, At: at, What: policy.Begun, Old: a, New: a, Previous: strings.Repeat("0", 64)},
		{N: 2, At: at, What: policy.Proposed, By: "p-anna", Old: a, New: b, Previous: strings.Repeat("c3", 32)},
	}
	list, err := Policies(book, strings.Repeat("d4", 32))
	if err != nil {
		t.Fatal(err)
	}
	if p := list[0].(*entry.Policy); p.Line[0] != 0xc3 || p.N != 1 || p.What != "begun" { //nolint:forcetypeassert // it is one
		t.Errorf("first %+v", p)
	}
	if p := list[1].(*entry.Policy); p.Line[0] != 0xd4 || p.New[0] != 0xb2 || p.Old[0] != 0xa1 { //nolint:forcetypeassert // it is one
		t.Errorf("second %+v", p)
	}
	for _, e := range list {
		data, err := entry.Encode(e)
		if err != nil || strings.Contains(string(data), "anna") {
			t.Errorf("%s, %v", data, err)
		}
	}
	book[1].New = "no hash"
	if _, err := Policies(book, a); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a hash that is none: %v", err)
	}
}

func TestRegistered(t *testing.T) {
	from := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	s := &register.Signed{Text: []byte("the file"), Entry: register.Entry{
		Camera: "square", Edge: "edge-1", Title: "Anna's square", From: from, Until: from.AddDate(1, 0, 0), Retention: register.Retention{FootageHours: 72},
		Class: "short", Recorder: make([]byte, 32),
	}}
	e := Registered(s)
	data, err := entry.Encode(e)
	if err != nil || strings.Contains(string(data), "Anna") || e.Class != "short" || len(e.Recorder) != 32 || e.FootageHours != 72 || e.Entry != canonical.Hash(sha256.Sum256(s.Text)) {
		t.Errorf("%s, %v", data, err)
	}
}
