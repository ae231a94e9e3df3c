package monitor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"polity/ledger/roster/rostertest"
	"polity/ledger/witness"
)

// serve has a monitor answer others.
func serve(t *testing.T, m *Monitor) string {
	t.Helper()
	s := httptest.NewServer(m.Handler())
	t.Cleanup(s.Close)
	return s.URL
}

// TestPeersThatAgree asks monitors that are ahead, behind and level.
func TestPeersThatAgree(t *testing.T) {
	w := newTown(t)
	w.fill(300, "a")
	w.publish()
	ahead := w.fork(300)
	ahead.fill(20, "b")
	ahead.publish()
	level, further := w.monitor(t.TempDir(), nil), ahead.monitor(t.TempDir(), nil)
	poll(t, level)
	poll(t, further)
	m := w.monitor(t.TempDir(), []string{serve(t, level), serve(t, further)})
	poll(t, m)
	expect(t, m, "")
	w.pass(quietTime)
	w.publish()
	poll(t, m)
	expect(t, m, "behind") // the log keeps entries from us that others have
	w.addRaw(ahead.entries[300:]...)
	w.fill(5, "c")
	w.publish()
	poll(t, m)
	expect(t, m, "")
	if got := m.view.Load().peers[1]; got.Size != 320 || got.Said != "" {
		t.Errorf("%+v", got)
	}
}

// TestPeersThatLie has a peer say what the log did not sign. The log is not blamed.
func TestPeersThatLie(t *testing.T) {
	w := newTown(t)
	w.fill(10, "a")
	w.publish()
	other := rostertest.New("strangers")
	hash := witness.Hash(rostertest.Origin)
	evil := w.fork(5)
	evil.fill(10, "evil")
	evil.publish()
	honest := w.fork(10)
	honest.fill(10, "b")
	for name, c := range map[string]struct{ checkpoint, consistency string }{
		"nothing":                   {"", ""},
		"another log's key":         {string(other.Checkpoint(10, evil.root(10), w.now, 0, 1)), ""},
		"garbage":                   {strings.Repeat("x", 100000), ""},
		"size made larger":          {strings.Replace(string(w.shown), "\n10\n", "\n11\n", 1), ""},
		"a proof of nothing":        {string(honest.city.Checkpoint(20, honest.root(20), w.now)), "polity-consistency/1\nfrom 10 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n" + string(honest.city.Checkpoint(20, honest.root(20), w.now))},
		"a proof of another log":    {string(honest.city.Checkpoint(20, honest.root(20), w.now)), "polity-consistency/1\nfrom 10 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n" + string(other.Checkpoint(20, evil.root(10), w.now))},
		"a proof that never ends":   {string(honest.city.Checkpoint(20, honest.root(20), w.now)), strings.Repeat("polity", 100000)},
		"a proof in another format": {string(honest.city.Checkpoint(20, honest.root(20), w.now)), "polity-consistency/2\n"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/"+hash+"/checkpoint":
				fmt.Fprint(rw, c.checkpoint)
			case strings.HasPrefix(r.URL.Path, "/"+hash+"/consistency/"):
				fmt.Fprint(rw, c.consistency)
			}
		}))
		m := w.monitor(t.TempDir(), []string{s.URL})
		poll(t, m)
		expect(t, m, "")
		if p := m.view.Load().peers[0]; p.Said == "" {
			t.Errorf("%s: believed %+v", name, p)
		}
		s.Close()
	}
}

// TestAForkIsProvenOnce keeps one file, through restarts, and still follows the log.
func TestAForkIsProvenOnce(t *testing.T) {
	w, folder, b := newTown(t), t.TempDir(), &box{}
	w.fill(10, "a")
	w.publish()
	evil := w.fork(5)
	evil.fill(10, "evil")
	evil.publish(0, 2)
	other := evil.monitor(t.TempDir(), nil)
	poll(t, other)
	peers := []string{serve(t, other)}
	m := w.monitor(folder, peers, b)
	for range 3 {
		poll(t, m)
		expect(t, m, "fork")
		m.Close()
		m = w.monitor(folder, peers, b)
	}
	if len(b.got) != 1 || len(m.state.Forks) != 1 {
		t.Errorf("told %v, proofs %v", b.got, m.state.Forks)
	}
	if text := m.state.Forks[0].Text; !strings.Contains(text, "signed both: witness-1.example.") {
		t.Error(text)
	}
	w.fill(3, "b")
	w.publish()
	poll(t, m)
	if m.state.Size != 13 {
		t.Error("the monitor stopped reading")
	}
	data, err := os.ReadFile(m.folder + "/" + m.state.Forks[0].File)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := witness.ParseFork(data); err != nil {
		t.Error(err)
	} else if _, err := f.Verify(m.logKeys(m.roster), nil); err != nil {
		t.Error(err)
	}
}

func TestPage(t *testing.T) {
	w := newTown(t)
	m := w.monitor(t.TempDir(), nil)
	get := func(path string) (int, string) {
		r := httptest.NewRecorder()
		m.Handler().ServeHTTP(r, httptest.NewRequest(http.MethodGet, path, nil))
		return r.Code, r.Body.String()
	}
	if _, p := get("/"); !strings.Contains(p, "read nothing of this log yet") || strings.Contains(p, "Nothing that this monitor knows") {
		t.Error(p)
	}
	hash := witness.Hash(rostertest.Origin)
	for _, path := range []string{"/" + hash + "/checkpoint", "/" + hash + "/consistency/1", "/" + hash + "/fork", "/x/checkpoint"} {
		if code, _ := get(path); code != http.StatusNotFound {
			t.Errorf("%s before anything was read: %d", path, code)
		}
	}
	w.fill(10, "a")
	w.add(w.approve("x", "court", "court-1"))
	w.publish()
	poll(t, m)
	if _, p := get("/"); !strings.Contains(p, "all 11 entries") || !strings.Contains(p, "critical: unasked") {
		t.Error(p)
	}
	for size, want := range map[string]int{"0": 404, "1": 200, "11": 200, "12": 404, "-1": 404, "x": 404, "99999999999999999999": 404} {
		if code, _ := get("/" + hash + "/consistency/" + size); code != want {
			t.Errorf("consistency from %s: %d", size, code)
		}
	}
}
