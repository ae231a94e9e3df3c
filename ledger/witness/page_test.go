package witness

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
)

func TestPage(t *testing.T) {
	l := newTree(t).grow("a", 30)
	k, h := testKey(t), newHand()
	w := newWitness(t, k, l, newDisk(), h)
	get := func() string {
		r := httptest.NewRecorder()
		w.Handler().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/", nil))
		return r.Body.String()
	}
	if p := get(); !strings.Contains(p, "signed nothing of this log yet") || !strings.Contains(p, strings.ReplaceAll(k.String(), "+", "&#43;")) {
		t.Error(p)
	}
	post(t, w.Handler(), l.ask(0, 10))
	h.pass(47 * time.Minute)
	if p := get(); !strings.Contains(p, "47m ago") || !strings.Contains(p, "<dd>10</dd>") {
		t.Error(p)
	}
	h.set(time.Hour)
	if p := get(); !strings.Contains(p, "It signs nothing now") {
		t.Error(p)
	}
}

func FuzzRequest(f *testing.F) {
	l := newTree(f).grow("a", 20)
	f.Add([]byte(l.ask(10, 12)))
	f.Add([]byte("old 0\n\n"))
	h, d, k := newHand(), newDisk(), testKey(f)
	w := newWitness(f, k, l, d, h)
	f.Fuzz(func(t *testing.T, data []byte) {
		line, err := w.Add(data)
		if err == nil && !strings.Contains(string(data), l.checkpoint(w.States()[0].Size)[:60]) {
			t.Fatalf("%q cosigned for %q", line, data)
		}
	})
}

func FuzzFork(f *testing.F) {
	l := newTree(f).grow("a", 20)
	other := newTree(f).grow("b", 30)
	proof, _ := tlog.ProveTree(30, 20, other)
	good := (&Fork{First: []byte(l.checkpoint(20)), Second: []byte(other.checkpoint(30)), Prefix: other.root(20), Proof: proof}).Encode()
	f.Add(good)
	f.Add([]byte(forkFormat + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseFork(data)
		if err != nil {
			if city.KindOf(err) != city.Invalid {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(p.Encode(), data) {
			t.Fatalf("%q is written %q", data, p.Encode())
		}
		if found, err := p.Verify([]note.Verifier{l.vkey}, nil); err == nil && found.First.Root == p.Prefix {
			t.Fatal("proves nothing")
		}
	})
}
