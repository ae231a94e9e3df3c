package proof_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/log"
	"polity/ledger/log/logtest"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/ledger/roster/rostertest"
)

func decision(n int) entry.Entry {
	return &entry.Decision{At: "2026-12-01T14:00:00Z", By: "person", Commitment: canonical.Sum("test", fmt.Append(nil, n)), Outcome: "accepted", Service: "traffic"}
}

// grow appends n entries to a log and waits until they are public.
func grow(t testing.TB, l *log.Log, list ...entry.Entry) int64 {
	t.Helper()
	if _, err := l.AppendAll(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		s, err := l.State(ctx)
		if err != nil || ctx.Err() != nil {
			t.Fatalf("waiting for the log to publish: %v", err)
		}
		if s.Public == s.Size {
			return s.Size
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func decisions(from, to int) (list []entry.Entry) {
	for i := from; i < to; i++ {
		list = append(list, decision(i))
	}
	return list
}

// logOf makes a log of n entries and closes it.
func logOf(t testing.TB, n int) *logtest.Town {
	t.Helper()
	town := logtest.New(t, t.TempDir())
	l, err := log.Open(town.Config)
	if err != nil {
		t.Fatal(err)
	}
	grow(t, l, decisions(0, n)...)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return town
}

func folder(t testing.TB, dir string) proof.Source {
	t.Helper()
	s, err := proof.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestProofsTravelAsFiles(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	r := &town.Roster.Roster
	l, err := log.Open(town.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing is written any more
	source := folder(t, town.Config.Dir)
	var trees []tlog.Tree
	for _, n := range []int{1, 2, 255, 256, 257, 700} {
		grow(t, l, decisions(0, n)...)
		c, err := l.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		trees = append(trees, c.Tree())
	}
	for _, index := range []int64{0, 1, 254, 255, 256, 511, 699} {
		p, err := proof.Prove(t.Context(), source, index, r)
		if err != nil {
			t.Fatal(err)
		}
		q, err := proof.ParseInclusion(p.Marshal())
		if err != nil || !bytes.Equal(q.Marshal(), p.Marshal()) {
			t.Fatalf("entry %d: %v", index, err)
		}
		e, c, err := q.Check(r)
		if err != nil || c.Size != 700 || entry.TypeOf(e) != "decision" {
			t.Errorf("entry %d: %v, %+v", index, err, c)
		}
		q.Index ^= 1
		if _, _, err := q.Check(r); err == nil {
			t.Errorf("entry %d is proven at index %d", index, q.Index)
		}
	}
	if _, err := proof.Prove(t.Context(), source, 700, r); city.KindOf(err) != city.NotFound {
		t.Errorf("an entry that is not there: %v", err)
	}
	for _, from := range append(trees, tlog.Tree{}) {
		p, err := proof.ProveGrowth(t.Context(), source, from, r)
		if err != nil {
			t.Fatal(err)
		}
		q, err := proof.ParseConsistency(p.Marshal())
		if err != nil || !bytes.Equal(q.Marshal(), p.Marshal()) {
			t.Fatalf("from %d: %v", from.N, err)
		}
		if c, err := q.Check(r); err != nil || c.Size != 700 {
			t.Errorf("from %d: %v", from.N, err)
		}
		if from.N == 0 {
			continue
		}
		q.From.Hash[3] ^= 1
		if _, err := q.Check(r); err == nil || !strings.Contains(err.Error(), "rewritten") {
			t.Errorf("a log that does not begin with %d other entries: %v", from.N, err)
		}
	}
	if _, err := proof.ProveGrowth(t.Context(), source, tlog.Tree{N: 701}, r); err == nil || !strings.Contains(err.Error(), "went back") {
		t.Errorf("a log that went back: %v", err)
	}
}

func TestWrongFilesAreRefused(t *testing.T) {
	town := logOf(t, 3)
	r := &town.Roster.Roster
	p, err := proof.Prove(t.Context(), folder(t, town.Config.Dir), 1, r)
	if err != nil {
		t.Fatal(err)
	}
	good := string(p.Marshal())
	for name, bad := range map[string]struct{ file, want string }{
		"empty":           {"", "no proof"},
		"a later version": {strings.Replace(good, "@v1", "@v2", 1), "no proof"},
		"cut":             {good[:200], "cut off|no entry|no index"},
		"no checkpoint":   {good[:strings.Index(good, "\n\n")+2], "cut off"},
		"a wrong hash":    {strings.Replace(good, "\nindex 1\n", "\nindex 1\nAAAA\n", 1), "no SHA-256"},
		"an index 01":     {strings.Replace(good, "\nindex 1\n", "\nindex 01\n", 1), "no index"},
		"too many hashes": {strings.Replace(good, "\nindex 1\n", "\nindex 1\n"+strings.Repeat(strings.Repeat("A", 43)+"=\n", 65), 1), "more than 64"},
		"too large":       {good + strings.Repeat("x", proof.MaxSize), "are allowed"},
	} {
		_, err := proof.ParseInclusion([]byte(bad.file))
		if err == nil || !slices.ContainsFunc(strings.Split(bad.want, "|"), func(w string) bool { return strings.Contains(err.Error(), w) }) {
			t.Errorf("%s: %v; want %q", name, err, bad.want)
		}
	}
	for i := range len(good) { // a bit flipped anywhere
		b := []byte(good)
		b[i] ^= 1
		q, err := proof.ParseInclusion(b)
		if err != nil {
			continue
		}
		if e, _, err := q.Check(r); err == nil && !bytes.Equal(q.Entry, p.Entry) {
			t.Errorf("byte %d changed: %+v is proven", i, e)
		}
	}
	other := rostertest.New("other")
	if _, _, err := p.Check(&other.Roster.Roster); err == nil {
		t.Error("the proof holds for another city's roster")
	}
}

// TestVerifyNamesThePlace changes a byte in each file of a log and looks where Verify
// finds it.
func TestVerifyNamesThePlace(t *testing.T) {
	town := logOf(t, 700)
	if r, err := proof.Verify(t.Context(), folder(t, town.Config.Dir), town.Roster, proof.Options{}); err != nil || len(r.Problems) > 0 || r.Entries != 700 || r.Types["decision"] != 700 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, bad := range []struct {
		file   string
		offset int
		index  int64
		what   string
	}{
		{"tile/entries/001", 2 + 200*(2+entrySize(t)) + 20, 256 + 200, "differ|no form|canonical"},
		{"tile/0/001", 32*100 + 5, 256 + 100, "differ"},
		{"tile/1/000.p/2", 40, -1, "not that of the hashes below"},
		{"checkpoint", 3, -1, "signed"},
		{"checkpoint", len(rostertest.Origin) + 2, 700, "no file|missing|add up|differ"},
	} {
		dir := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(dir, os.DirFS(town.Config.Dir)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, bad.file)
		data, err := os.ReadFile(path) //nolint:gosec // the test's folder
		if err != nil {
			t.Fatal(err)
		}
		data[bad.offset] ^= 1
		if err := os.WriteFile(path, data, 0o600); err != nil { //nolint:gosec // the test's folder
			t.Fatal(err)
		}
		r, err := proof.Verify(t.Context(), folder(t, dir), town.Roster, proof.Options{})
		if err != nil {
			if !strings.Contains(err.Error(), "no file") || bad.file != "checkpoint" {
				t.Errorf("%s: %v", bad.file, err)
			}
			continue
		}
		if len(r.Problems) == 0 || r.Checkpoint != nil && bad.file == "checkpoint" {
			t.Errorf("%s: a byte was changed, and nobody sees it", bad.file)
			continue
		}
		first := r.Problems[0]
		if first.Index != bad.index && bad.file != "checkpoint" || !slices.ContainsFunc(strings.Split(bad.what, "|"), func(w string) bool { return strings.Contains(first.What, w) }) {
			t.Errorf("%s: problem %+v; want index %d and %q", bad.file, first, bad.index, bad.what)
		}
	}
}

func entrySize(t *testing.T) int {
	data, err := entry.Encode(decision(0))
	if err != nil {
		t.Fatal(err)
	}
	return len(data)
}

// TestRosterSuccession lets the log go on under a second roster with another witness.
func TestRosterSuccession(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l, err := log.Open(town.Config)
	if err != nil {
		t.Fatal(err)
	}
	grow(t, l, &entry.Roster{Roster: town.Roster.File(), Version: 1}, decision(1))
	next := town.Plain()
	next.Version, next.Quorum = 2, 3
	file := town.Sign(next)
	second, err := town.Roster.Next(file)
	if err != nil {
		t.Fatal(err)
	}
	stranger := rostertest.New("stranger")
	if _, err := l.Append(t.Context(), &entry.Roster{Roster: stranger.Roster.File(), Version: 1}); err == nil {
		t.Error("a roster that nobody of the root signed enters the log")
	}
	grow(t, l, &entry.Roster{Roster: file, Version: 2}, decision(2))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	town.Config.Roster = second
	if l, err = log.Open(town.Config); err != nil {
		t.Fatal(err)
	}
	grow(t, l, decision(3))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, first := range []*roster.Signed{town.Roster, second} {
		r, err := proof.Verify(t.Context(), folder(t, town.Config.Dir), first, proof.Options{})
		if err != nil || len(r.Problems) > 0 || r.Roster.Version != 2 || len(r.Checkpoint.Witnesses) != 3 {
			t.Errorf("from roster %d: %+v, %v", first.Version, r, err)
		}
	}
}

func TestSourcesThatLie(t *testing.T) {
	town := logOf(t, 300)
	for name, handler := range map[string]http.HandlerFunc{
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		},
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"errors":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"endless tiles": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/checkpoint" {
				http.ServeFile(w, r, filepath.Join(town.Config.Dir, "checkpoint"))
				return
			}
			for range 1000 {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		},
	} {
		server := httptest.NewServer(handler)
		source, err := proof.Web(server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := proof.Verify(t.Context(), source, town.Roster, proof.Options{}); err == nil && len(r.Problems) == 0 {
			t.Errorf("%s: %+v is right", name, r)
		}
		if _, err := proof.Prove(t.Context(), source, 1, &town.Roster.Roster); err == nil {
			t.Errorf("%s: a proof comes of it", name)
		}
		server.Close()
	}
}

func FuzzProofFiles(f *testing.F) {
	town := logOf(f, 5)
	source := folder(f, town.Config.Dir)
	in, err := proof.Prove(f.Context(), source, 1, &town.Roster.Roster)
	if err != nil {
		f.Fatal(err)
	}
	grew, err := proof.ProveGrowth(f.Context(), source, tlog.Tree{}, &town.Roster.Roster)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(in.Marshal())
	f.Add(grew.Marshal())
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := proof.ParseInclusion(data); err == nil {
			if !bytes.Equal(p.Marshal(), data) {
				t.Errorf("%q is written %q", data, p.Marshal())
			}
			if _, _, err := p.Check(&town.Roster.Roster); err == nil && !bytes.Equal(p.Entry, in.Entry) {
				t.Errorf("another entry is proven: %q", p.Entry)
			}
		}
		if p, err := proof.ParseConsistency(data); err == nil {
			if !bytes.Equal(p.Marshal(), data) {
				t.Errorf("%q is written %q", data, p.Marshal())
			}
			if c, err := p.Check(&town.Roster.Roster); err == nil && c.Size != 5 {
				t.Errorf("another log is proven: %+v", c)
			}
		}
	})
}
