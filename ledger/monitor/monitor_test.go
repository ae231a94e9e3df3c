package monitor

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster"
	"polity/ledger/roster/rostertest"
	"polity/ledger/witness"
)

// TestFollowsALogThatGrows reads in steps, over bundles whole and partial, through a
// restart, and finds nothing wrong.
func TestFollowsALogThatGrows(t *testing.T) {
	w, folder := newTown(t), t.TempDir()
	m := w.monitor(folder, nil)
	for i, n := range []int{1, 1, 253, 1, 1, 400} {
		w.fill(n, "a")
		w.publish()
		poll(t, m)
		expect(t, m, "")
		if i == 3 {
			m.Close()
			m = w.monitor(folder, nil)
		}
	}
	if m.state.Size != 657 || m.newest.Root != w.root(657) {
		t.Errorf("read %d", m.state.Size)
	}
	w.pass(9 * time.Minute)
	poll(t, m)
	expect(t, m, "")
	w.pass(2 * time.Minute)
	poll(t, m)
	expect(t, m, "still")
	w.publish()
	poll(t, m)
	expect(t, m, "")
}

// TestRules has each rule begin, and end where it can.
func TestRules(t *testing.T) {
	w := newTown(t)
	m := w.monitor(t.TempDir(), nil)
	step := func(want string, entries ...entry.Entry) {
		t.Helper()
		w.add(entries...)
		w.publish()
		poll(t, m)
		expect(t, m, want)
	}
	step("", &entry.Roster{Roster: w.city.Roster.File(), Version: 1})
	step("", w.keys(roster.Court, 31)...)
	step("epoch-keys", w.camera()) // the ombudsman has none
	step("", w.keys(roster.Ombudsman, 40)...)
	step("", w.hour(w.now, "12"))
	w.pass(48 * time.Hour)
	step("epoch-keys segments") // court: 29 days left; the camera is late
	court := w.keys(roster.Court, 40)
	for i := 1; i < 48; i++ {
		w.add(w.hour(w.now.Add(time.Duration(i-48)*time.Hour), fmt.Sprint(i)))
	}
	step("", append(court[29:], w.hour(w.now, "now"))...)

	// an hour left out, then filled in
	w.pass(2 * time.Hour)
	step("segments", w.hour(w.now, "later"))
	if text := m.Alerts()[len(m.Alerts())-1].Text; !strings.Contains(text, "log: 1, the first from 2026-12-03 13:00") {
		t.Error(text)
	}
	step("", w.hour(w.now.Add(-time.Hour), "filled"))

	// a release as it should be, made public a day late
	step("", w.request("one"))
	step("", w.approve("one", roster.Court, "court-1"), w.approve("one", roster.Ombudsman, "ombudsman-2"))
	step("", &entry.ReleaseOpened{At: canonical.At(w.now), Body: "police", Device: "police-1", Segments: 600, Token: sum("one")})
	quiet := &entry.ReleaseDetails{At: canonical.At(w.now), Body: "court", Device: "court-1", PublicOn: canonical.Day(w.now.AddDate(0, 0, 60).Format(time.DateOnly)), Token: sum("one"), What: "extended"}
	step("", quiet)
	w.add(&entry.Registration{At: canonical.At(w.now), Camera: "square", Class: "usual", Edge: "edge-1", Entry: sum("file"), From: canonical.At(w.now), State: "withdrawn", Until: "2027-12-01T00:00:00Z"})
	w.pass(60 * 24 * time.Hour)
	step("")
	w.pass(24 * time.Hour)
	step("overdue")
	salts := &entry.Salts{Cameras: sum(1), Case: sum(2), Order: sum(3), Times: sum(4)}
	step("", &entry.ReleaseDetails{At: canonical.At(w.now), Body: "ombudsman", Cameras: []city.Slug{"square"}, Case: "R 2026/1234", Device: "ombudsman-1", From: "2026-12-01T12:00:00Z", Order: "HEL 2026-012345", Salts: salts, To: "2026-12-01T13:00:00Z", Token: sum("one"), What: "published"})
	// refused by both: nothing has to become public
	refuse := func(body, device city.Slug) entry.Entry {
		return &entry.ReleaseRefused{At: canonical.At(w.now), Body: body, Device: device, Reason: "no-order", Token: sum("two")}
	}
	step("", w.request("two"), refuse("court", "court-1"), refuse("ombudsman", "ombudsman-1"))
	w.pass(400 * 24 * time.Hour)
	step("")
}

// TestFindings has what stays wrong.
func TestFindings(t *testing.T) {
	for name, c := range map[string]struct {
		want    string
		text    string
		entries func(w *town) []entry.Entry
	}{
		"two devices of one body approve": {"twice", "court answered request", func(w *town) []entry.Entry {
			return []entry.Entry{w.request("x"), w.approve("x", "court", "court-1"), w.approve("x", "court", "court-2")}
		}},
		"refused, then approved": {"twice", "first refused, then approved", func(w *town) []entry.Entry {
			return []entry.Entry{w.request("x"), &entry.ReleaseRefused{At: canonical.At(w.now), Body: "court", Device: "court-1", Reason: "no-order", Token: sum("x")}, w.approve("x", "court", "court-2")}
		}},
		"no request": {"unasked", "not in the log", func(w *town) []entry.Entry { return []entry.Entry{w.approve("x", "court", "court-1")} }},
		"opened with one": {"unasked", "both bodies have not", func(w *town) []entry.Entry {
			return []entry.Entry{w.request("x"), w.approve("x", "court", "court-1"), &entry.ReleaseOpened{At: canonical.At(w.now), Body: "police", Device: "police-1", Segments: 1, Token: sum("x")}}
		}},
		"approved too late": {"unasked", "after it expired", func(w *town) []entry.Entry {
			a := w.approve("x", "court", "court-1")
			a.At = canonical.At(w.now.AddDate(0, 0, 8))
			return []entry.Entry{w.request("x"), a}
		}},
		"two epoch keys": {"epoch-key-twice", "two epoch keys", func(w *town) []entry.Entry {
			other := w.keys("court", 1)[0].(*entry.EpochKey)
			other.Key = public("another")
			return []entry.Entry{w.keys("court", 1)[0], other}
		}},
		"two roots of an hour": {"segments-twice epoch-keys epoch-keys", "exchanged", func(w *town) []entry.Entry {
			return []entry.Entry{w.camera(), w.hour(w.now, "a"), w.hour(w.now, "b")}
		}},
		"a recorder that nobody registered": {"entry", "no registration names", func(w *town) []entry.Entry { return []entry.Entry{w.hour(w.now, "a")} }},
		"a recorder of another camera": {"entry epoch-keys epoch-keys", "no registration names", func(w *town) []entry.Entry {
			c, other := w.camera(), rostertest.NewKey("another", "monitor")
			c.Recorder = canonical.Bytes(other.Key.Public().(ed25519.PublicKey))
			return []entry.Entry{c, w.hour(w.now, "a")}
		}},
		"an audit with wrong shares": {"audit", "found 3 wrong", func(w *town) []entry.Entry {
			return []entry.Entry{&entry.Audit{At: canonical.At(w.now), Body: "court", Checked: 100, Device: "court-1", Week: "2026-W49", Wrong: 3}}
		}},
		"a roster of strangers": {"roster", "entry", func(*town) []entry.Entry {
			other := rostertest.New("strangers")
			r := other.Plain()
			r.Version = 2
			return []entry.Entry{&entry.Roster{Roster: other.Sign(r), Version: 2}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			m := w.monitor(t.TempDir(), nil)
			w.add(c.entries(w)...)
			w.publish()
			for range 2 {
				poll(t, m)
				expect(t, m, c.want)
			}
			if a := m.Alerts()[0]; !strings.Contains(a.Text, c.text) || a.Severity != critical {
				t.Errorf("%+v", a)
			}
		})
	}
	for name, raw := range map[string]string{"free text": `{"note":"Matti was here","type":"decision","v":1}`, "no JSON": "hello", "empty": "", "a signature that does not fit": ""} {
		w := newTown(t)
		if strings.HasPrefix(name, "a signature") {
			w.add(w.request("x"))
			raw = strings.Replace(string(w.entries[0]), `"hours_count":1`, `"hours_count":9`, 1)
			w = newTown(t)
		}
		m := w.monitor(t.TempDir(), nil)
		w.addRaw([]byte(raw))
		w.publish()
		poll(t, m)
		expect(t, m, "entry")
		if text := m.Alerts()[0].Text; strings.Contains(text, "Matti") {
			t.Errorf("foreign text in an alert: %s", text)
		}
	}
}

// TestRostersFollow lets a new roster replace two witnesses.
func TestRostersFollow(t *testing.T) {
	w, folder := newTown(t), t.TempDir()
	m := w.monitor(folder, nil)
	w.fill(3, "a")
	w.publish()
	poll(t, m)
	next := w.city.Plain()
	next.Version = 2
	next.ValidFrom = canonical.At(w.now)
	fresh := []rostertest.Key{rostertest.NewKey("witness-4.example", "x"), rostertest.NewKey("witness-5.example", "x")}
	for i, k := range fresh {
		key, err := roster.CosignatureKey(k.Public)
		if err != nil {
			t.Fatal(err)
		}
		next.Witnesses[i].Key = key
	}
	w.add(&entry.Roster{Roster: w.city.Sign(next), Version: 2})
	w.publish() // the old witnesses see it in
	poll(t, m)
	expect(t, m, "")
	m.Close()
	m = w.monitor(folder, nil)
	poll(t, m)
	expect(t, m, "")
	old := append([]rostertest.Key(nil), w.city.Witnesses...)
	copy(w.city.Witnesses, fresh)
	w.fill(2, "b")
	w.publish()
	poll(t, m)
	expect(t, m, "")
	if m.roster.Version != 2 || m.state.Size != 6 {
		t.Fatalf("roster %d, size %d", m.roster.Version, m.state.Size)
	}
	// A monitor that comes late finds the new keys in the log.
	late := w.monitor(t.TempDir(), nil)
	poll(t, late)
	expect(t, late, "")
	if late.state.Size != 6 {
		t.Fatal(late.state.Size)
	}
	// The old witnesses do not count any more, a day after.
	copy(w.city.Witnesses, old)
	w.pass(25 * time.Hour)
	w.fill(1, "c")
	w.publish()
	poll(t, m)
	if !strings.Contains(open(m), "quorum") || m.state.Size != 6 {
		t.Errorf("%s, size %d", open(m), m.state.Size)
	}
}

// TestHostileAnswers has a log answer everything but what it should. Nothing of it is
// taken in, nothing hangs, and people are told.
func TestHostileAnswers(t *testing.T) {
	endless := func(rw http.ResponseWriter, _ *http.Request) {
		for range 2000 {
			if _, err := rw.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}
	text := func(s string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, s) }
	}
	for name, c := range map[string]struct {
		path string
		do   http.HandlerFunc
		want string
	}{
		"endless checkpoint":       {"checkpoint", endless, "unreachable"},
		"empty checkpoint":         {"checkpoint", text(""), "unreachable"},
		"a page":                   {"checkpoint", text("<html>\n\n— sorry\n"), "unreachable"},
		"error":                    {"checkpoint", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(500) }, "unreachable"},
		"leads elsewhere":          {"checkpoint", func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/else", http.StatusFound) }, "unreachable"},
		"endless bundle":           {"tile/entries/000.p/20", endless, "unreachable"},
		"bundle gone":              {"tile/entries/000.p/20", http.NotFound, "unreachable"},
		"bundle cut":               {"tile/entries/000.p/20", text("\x00\x05abc"), "unreachable"},
		"short bundle":             {"tile/entries/000.p/20", text("\x00\x01a"), "unreachable"},
		"other entries":            {"tile/entries/000.p/20", text(strings.Repeat("\x00\x01a", 20)), "rewritten"},
		"hash tile of another":     {"tile/0/000.p/20", text(strings.Repeat("a", 20*32)), "tiles"},
		"hash tile cut":            {"tile/0/000.p/20", text("abc"), "tiles"},
		"hash tile without an end": {"tile/0/000.p/20", endless, "tiles"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			m := w.monitor(t.TempDir(), nil)
			w.fill(10, "a")
			w.publish()
			poll(t, m)
			w.fill(10, "b")
			w.publish()
			w.on(c.path, c.do)
			poll(t, m)
			w.pass(quietTime)
			w.publish()
			poll(t, m)
			expect(t, m, c.want)
			if want := map[bool]int64{true: 20, false: 10}[c.want == "tiles"]; m.state.Size != want {
				t.Errorf("size %d", m.state.Size)
			}
			w.fill(300, "c") // it stays wrong, however the log grows
			w.on("tile/0/000", w.answer["tile/0/000.p/20"])
			w.publish()
			poll(t, m)
			if c.want == "tiles" {
				expect(t, m, c.want)
			}
			w.on("tile/0/000", nil)
			w.on(c.path, nil)
			w.publish()
			poll(t, m)
			expect(t, m, "")
		})
	}
}

// TestGone stops the log, and starts it again.
func TestGone(t *testing.T) {
	w := newTown(t)
	m := w.monitor(t.TempDir(), nil)
	w.fill(3, "a")
	w.publish()
	poll(t, m)
	w.server.Close()
	poll(t, m)
	expect(t, m, "") // a moment is no alarm
	w.pass(quietTime)
	poll(t, m)
	expect(t, m, "unreachable")
}

// TestWhatDoesNotCount shows checkpoints that the quorum did not sign, replays, and sizes
// that nobody can read.
func TestWhatDoesNotCount(t *testing.T) {
	w := newTown(t)
	m := w.monitor(t.TempDir(), nil)
	w.fill(5, "a")
	w.publish()
	early := w.shown
	poll(t, m)
	w.fill(5, "b")
	w.publish(2)
	poll(t, m)
	expect(t, m, "quorum")
	w.publish(0, 2)
	poll(t, m)
	expect(t, m, "")
	w.show(early)
	poll(t, m)
	expect(t, m, "rolled-back")
	w.publish()
	poll(t, m)
	expect(t, m, "")
	w.show(w.city.Checkpoint(1<<40, w.root(3), w.now, 0, 1))
	poll(t, m)
	w.pass(quietTime)
	poll(t, m)
	expect(t, m, "unreachable")
	other := rostertest.New("others")
	w.show(other.Checkpoint(10, w.root(10), w.now, 0, 1))
	poll(t, m)
	expect(t, m, "quorum")
}

// TestDamagedState starts on files that were cut, changed or belong to another city.
func TestDamagedState(t *testing.T) {
	w, folder := newTown(t), t.TempDir()
	m := w.monitor(folder, nil)
	w.fill(300, "a")
	w.publish()
	poll(t, m)
	m.Close()
	statePath, hashPath := m.path("state"), m.path("hashes")
	good, _ := os.ReadFile(statePath)
	goodHashes, _ := os.ReadFile(hashPath)
	changed := append([]byte(nil), goodHashes...)
	changed[len(changed)-1] ^= 1
	for name, c := range map[string]struct{ state, hashes []byte }{
		"state cut":      {good[:len(good)/2], goodHashes},
		"state empty":    {nil, goodHashes},
		"future version": {[]byte(strings.Replace(string(good), stateFormat, "polity-monitor/2", 1)), goodHashes},
		"another size":   {[]byte(strings.Replace(string(good), `"size":300`, `"size":200`, 1)), goodHashes},
		"hashes cut":     {good, goodHashes[:len(goodHashes)-1]},
		"hashes changed": {good, changed},
	} {
		if err := os.WriteFile(statePath, c.state, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(hashPath, c.hashes, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(w.city.Roster, Deps{Folder: folder, Address: w.server.URL, Now: w.clock, Log: quiet}); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "read again") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What a crash left behind the hashes that count is cut off.
	_ = os.WriteFile(statePath, good, 0o600)
	_ = os.WriteFile(hashPath, append(goodHashes, "left behind"...), 0o600)
	m = w.monitor(folder, nil)
	w.fill(1, "b")
	w.publish()
	poll(t, m)
	expect(t, m, "")
	other := rostertest.New("others")
	if err := os.Rename(m.path("state"), filepath.Join(folder, witness.Hash(rostertest.Origin)+".state")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(other.Roster, Deps{Folder: folder, Now: w.clock, Log: quiet}); err == nil || !strings.Contains(err.Error(), "another roster") {
		t.Error(err)
	}
}

// TestACrashBetweenHashesAndState ends a poll at each request, and goes on.
func TestACrashBetweenHashesAndState(t *testing.T) {
	w, folder := newTown(t), t.TempDir()
	w.fill(600, "a")
	w.publish()
	for _, path := range []string{"tile/entries/001", "tile/entries/002.p/88", "tile/0/000"} {
		ctx, cancel := context.WithCancel(context.Background())
		w.on(path, func(rw http.ResponseWriter, _ *http.Request) { cancel(); rw.WriteHeader(503) })
		m := w.monitor(folder, nil)
		_ = m.Poll(ctx)
		w.on(path, nil)
		m.Close()
	}
	m := w.monitor(folder, nil)
	poll(t, m)
	expect(t, m, "")
	if m.state.Size != 600 {
		t.Fatal(m.state.Size)
	}
}

func FuzzBundle(f *testing.F) {
	f.Add([]byte("\x00\x01a\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := split(data)
		if err != nil {
			return
		}
		n := 0
		for _, e := range entries {
			n += 2 + len(e)
		}
		if n != len(data) || len(entries) > bundleSize {
			t.Fatal(n, len(data))
		}
	})
}

func FuzzConsistency(f *testing.F) {
	w := newTown(f)
	w.fill(20, "a")
	w.publish()
	m := w.monitor(f.TempDir(), nil)
	poll(f, m)
	good, err := m.view.Load().consistency(m.tree, 7)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	keys := m.logKeys(m.roster)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parseConsistency(data, 7, keys)
		if err != nil {
			if city.KindOf(err) != city.Invalid {
				t.Fatal(err)
			}
			return
		}
		if p.Prefix != w.root(7) {
			t.Fatalf("a prefix that is none: %s", base64.StdEncoding.EncodeToString(p.Prefix[:]))
		}
	})
}

func TestNumbersOfTiles(t *testing.T) {
	for n, want := range map[int64]string{0: "000", 7: "007", 999: "999", 1000: "x001/000", 1234067: "x001/x234/067"} {
		if got := number(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	if p := (tlog.Tile{H: 8, L: 0, N: 1234067, W: 256}).Path(); p != "tile/8/0/"+number(1234067) {
		t.Error(p)
	}
}
