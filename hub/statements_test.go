package hub_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/camera/uplink"
	"polity/city"
	"polity/hub"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/log/logtest"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/recording/recordtest"
	"polity/recording/share"
	"polity/register"
	"polity/release/token"
	"polity/spine"
)

// enterRecorded registers a camera whose sealed footage a recorder signs.
func (w *town) enterRecorded(camera, edge, class city.Slug, hours int, recorder ed25519.PublicKey) {
	w.t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	b, err := register.Sign(register.Entry{
		Camera: camera, Edge: edge, Title: "The " + string(camera), Purpose: "Counting.", View: register.View{Words: "It.", Lon: 24.9, Lat: 60.1, Field: 60, Reach: 50},
		Body: "City", Decision: register.Decision{Reference: "D 1", On: "2020-01-01"}, Retention: register.Retention{CountsDays: 30, PlaceDays: 7, FootageHours: hours},
		Class: class, Recorder: []byte(recorder), Public: register.Public{DelayMinutes: 10, Threshold: 5}, Events: []string{"crowding"}, CrowdAtLeast: 20,
		From: now.Add(-time.Hour), Until: now.Add(1000 * time.Hour),
	}, w.signer)
	if err == nil {
		err = os.WriteFile(filepath.Join(w.cfg.Register, string(camera)+".entry"), b, 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// hourOf is an hour of a camera that a recorder signed.
func hourOf(t testing.TB, camera city.Slug, hour int, recorder int) *entry.Segments {
	t.Helper()
	key := recordtest.Recorder(byte(recorder))
	e := &entry.Segments{
		Camera: camera, Count: 600, Domain: "helsinki.example", Hour: canonical.At(time.Date(2026, 12, 1, hour, 0, 0, 0, time.UTC)),
		Recorder: []byte(key.Public()), Root: canonical.Sum("test", fmt.Append(nil, hour)),
	}
	if err := entry.Sign(e, ed25519.PrivateKey(key)); err != nil {
		t.Fatal(err)
	}
	return e
}

func text(t testing.TB, e entry.Entry) []byte {
	t.Helper()
	b, err := entry.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stating is an edge played by the test that says something to the public log.
type stating struct {
	*spine.Edge

	mu      sync.Mutex
	answers map[canonical.Hash]uplink.Logged
}

func (w *town) stating(name city.Slug) *stating {
	w.t.Helper()
	s := &stating{Edge: w.edge(name), answers: map[canonical.Hash]uplink.Logged{}}
	if err := s.Serve(spine.Logged, func(_ city.Slug, body []byte) []byte {
		a, err := uplink.DecodeLogged(body)
		if err != nil {
			w.t.Error(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answers[canonical.Hash(a.Entry)] = a
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// state says something and waits for what the hub says of it.
func (s *stating) state(w *town, camera city.Slug, e entry.Entry) uplink.Logged {
	w.t.Helper()
	body := text(w.t, e)
	s.mu.Lock()
	delete(s.answers, entry.ID(body))
	s.mu.Unlock()
	if err := s.Keep(w.t.Context(), spine.Statement, camera, body); err != nil {
		w.t.Fatal(err)
	}
	var a uplink.Logged
	w.eventually("the hub answers", func() (ok bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		a, ok = s.answers[entry.ID(body)]
		return ok
	})
	return a
}

// TestHoursComeFromTheRegisteredRecorderAlone: an edge, however it lies, gets nothing into
// the log but what its own registered recorder signed of its own cameras.
func TestHoursComeFromTheRegisteredRecorderAlone(t *testing.T) {
	w := newTown(t)
	l := withLedger(t, w)
	recorder := recordtest.Recorder(1).Public()
	w.enterRecorded("square", "edge-1", "short", 72, recorder)
	w.enterRecorded("quay", "edge-2", "short", 72, recorder)
	w.enter("park", "edge-1") // it names no recorder
	w.start()
	s := w.stating("edge-1")
	first := s.state(w, "square", hourOf(t, "square", 14, 1))
	if first.Reason != 0 || first.Index < 1 {
		t.Fatalf("%+v", first)
	}
	if again := s.state(w, "square", hourOf(t, "square", 14, 1)); again.Index != first.Index || again.Reason != 0 {
		t.Errorf("once more: %+v", again)
	}
	altered := hourOf(t, "square", 15, 1)
	altered.Count++
	at := canonical.At(time.Now())
	for name, c := range map[string]struct {
		camera city.Slug
		e      entry.Entry
		want   uplink.Unlogged
	}{
		"another recorder":           {"square", hourOf(t, "square", 15, 2), uplink.OtherRecorder},
		"no recorder":                {"park", hourOf(t, "park", 15, 1), uplink.OtherRecorder},
		"another edge's camera":      {"quay", hourOf(t, "quay", 15, 1), uplink.NotRegistered},
		"a camera that is none":      {"harbour", hourOf(t, "harbour", 15, 1), uplink.NotRegistered},
		"under another camera":       {"park", hourOf(t, "square", 15, 1), uplink.NotTaken},
		"a signature that is wrong":  {"square", altered, uplink.NotTaken},
		"another edge's alarm":       {"", &entry.Alarm{At: at, Edge: "edge-2", What: "clock"}, uplink.NotTaken},
		"another camera's alarm":     {"quay", &entry.Alarm{At: at, Camera: "quay", Edge: "edge-1", What: "clock"}, uplink.NotRegistered},
		"a class that is none":       {"", &entry.Alarm{At: at, Class: "long", Edge: "edge-1", What: "epoch-keys-few"}, uplink.NotTaken},
		"software of another edge":   {"", &entry.Software{At: at, Component: "edge", Edge: "edge-2", Version: "v1.0.0"}, uplink.NotTaken},
		"software that is no edge's": {"", &entry.Software{At: at, Component: "custodian", Edge: "edge-1", Version: "v1.0.0"}, uplink.NotTaken},
	} {
		if a := s.state(w, c.camera, c.e); a.Reason != c.want {
			t.Errorf("%s: %+v, want %d", name, a, c.want)
		}
	}
	runs := &entry.Software{At: at, Component: "edge", Edge: "edge-1", Hash: canonical.Sum("test", nil), Version: "v1.2.3"}
	software := s.state(w, "", runs)
	later := *runs
	later.At = canonical.At(time.Now().Add(time.Hour)) // the same program, started again
	if again := s.state(w, "", &later); software.Reason != 0 || again.Reason != 0 || again.Index != software.Index {
		t.Errorf("software %+v, then %+v", software, again)
	}
	report := verified(t, w.started.Address, l.Roster, software.Index+1)
	if report.Types["segments"] != 1 || report.Types["software"] != 1 || report.Types["alarm"] != 0 {
		t.Errorf("%+v", report.Types)
	}
}

// TestTheLogNamesARecorderBeforeItsHours: whoever reads the log in order knows who may have
// signed an hour, and how long it is kept by which class.
func TestTheLogNamesARecorderBeforeItsHours(t *testing.T) {
	w := newTown(t)
	l := withLedger(t, w)
	w.start()
	s := w.stating("edge-1")
	if a := s.state(w, "square", hourOf(t, "square", 14, 1)); a.Reason != uplink.NotRegistered {
		t.Fatalf("%+v", a)
	}
	w.enterRecorded("square", "edge-1", "short", 72, recordtest.Recorder(1).Public())
	w.eventually("the register is read", func() bool {
		a := s.state(w, "square", hourOf(t, "square", 14, 1))
		return a.Reason == 0
	})
	verified(t, w.started.Address, l.Roster, 3)
	_, bundle := w.get("/log/tile/entries/000.p/3")
	registered, hour := strings.Index(bundle, `"type":"registration"`), strings.Index(bundle, `"type":"segments"`)
	if registered < 0 || hour < registered || strings.Contains(bundle, `"type":"retention"`) {
		t.Errorf("the log is %q", bundle)
	}
}

// TestDaysWithoutALine: what an edge said meanwhile arrives, once each, after a hub that was
// away and died in between.
func TestDaysWithoutALine(t *testing.T) {
	w := newTown(t)
	l := withLedger(t, w)
	w.enterRecorded("square", "edge-1", "short", 72, recordtest.Recorder(1).Public())
	w.start()
	s := w.stating("edge-1")
	s.state(w, "square", hourOf(t, "square", 0, 1))
	w.stop()
	for hour := range 24 {
		for range 2 { // after a restart an edge says it again
			if err := s.Keep(t.Context(), spine.Statement, "square", text(t, hourOf(t, "square", hour, 1))); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.start()
	report := verified(t, w.started.Address, l.Roster, 26)
	if report.Types["segments"] != 24 || report.Entries != 26 {
		t.Errorf("%+v", report)
	}
}

// TestAnAlarmIsSeenInTheControlRoom, and ends there when recording goes on.
func TestAnAlarmIsSeenInTheControlRoom(t *testing.T) {
	w := newTown(t)
	withLedger(t, w)
	w.enterRecorded("square", "edge-1", "short", 72, recordtest.Recorder(1).Public())
	w.start()
	s := w.stating("edge-1")
	at := time.Now().UTC().Truncate(time.Second)
	for range 2 {
		if a := s.state(w, "square", &entry.Alarm{At: canonical.At(at), Camera: "square", Edge: "edge-1", What: "disk-full"}); a.Reason != 0 {
			t.Fatalf("%+v", a)
		}
	}
	if a := s.state(w, "", &entry.Alarm{At: canonical.At(at), Body: "court", Class: "short", Edge: "edge-1", What: "epoch-keys-none"}); a.Reason != 0 {
		t.Fatalf("%+v", a)
	}
	list := w.alerts("kind=recording-stopped")
	if len(list) != 1 || list[0].Camera != "square" || !list[0].End.IsZero() || list[0].Place == nil {
		t.Fatalf("%+v", list)
	}
	if list = w.alerts("kind=epoch-keys-none"); len(list) != 1 || !list[0].End.IsZero() {
		t.Fatalf("%+v", list)
	}
	s.state(w, "square", &entry.Alarm{At: canonical.At(at.Add(time.Minute)), Camera: "square", Edge: "edge-1", What: "recording-resumed"})
	if list = w.alerts("kind=recording-stopped"); len(list) != 1 || list[0].End.IsZero() {
		t.Fatalf("it goes on: %+v", list)
	}
}

// TestAFullDiskOfAnEdgeIsTold: the edge has no room to say so itself.
func TestAFullDiskOfAnEdgeIsTold(t *testing.T) {
	w := newTown(t)
	l := withLedger(t, w)
	w.start()
	e := w.edge("edge-1")
	w.eventually("there is an alert", func() bool {
		state := uplink.EdgeState{At: time.Now().UnixMilli(), Space: uint8(spine.Full)}
		if err := e.Tell(spine.EdgeState, "", uplink.Encode(state)); err != nil {
			t.Fatal(err)
		}
		return len(w.alerts("kind=edge-disk")) == 1
	})
	if r := verified(t, w.started.Address, l.Roster, 2); r.Types["alarm"] != 1 {
		t.Errorf("the log has %+v", r.Types)
	}
}

// handIn posts entries and returns the status and what became of each.
func (w *town) handIn(body []byte) (int, hub.HandedIn) {
	w.t.Helper()
	answer, err := http.Post(w.started.Address+hub.EntriesPath, "text/plain", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var got hub.HandedIn
	if err := json.Unmarshal(raw, &got); err != nil {
		w.t.Fatalf("%d %s", answer.StatusCode, raw)
	}
	if len(got.Entries) == 0 {
		got.Stopped = string(raw)
	}
	return answer.StatusCode, got
}

func lines(list ...[]byte) []byte { return append(bytes.Join(list, []byte("\n")), '\n') }

// epochKey is a body's public key for a day, signed by a device.
func epochKey(t testing.TB, l *logtest.Town, body share.Body, class city.Slug, day, device string) *entry.EpochKey {
	t.Helper()
	e := &entry.EpochKey{
		Body: city.Slug(body), Class: class, Day: canonical.Day(day), Device: city.Slug(device), Kem: "MLKEM768-X25519",
		Key: (&recordtest.Bodies{}).Private(body, class, day).PublicKey().Bytes(),
	}
	if err := entry.Sign(e, l.Devices[city.Slug(device)].Key); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestAnyoneHandsInWhatABodySigned without an account: what is signed is in the log, and
// nothing else, whoever brings it.
func TestAnyoneHandsInWhatABodySigned(t *testing.T) {
	w := newTown(t)
	l := withLedger(t, w)
	w.enterRecorded("square", "edge-1", "short", 72, recordtest.Recorder(1).Public())
	w.start()
	var file bytes.Buffer
	f := token.Create(&file, token.Statements)
	for n := range 300 { // more than one chunk
		day := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n).Format(time.DateOnly)
		if err := f.Add(token.Entry, text(t, epochKey(t, l, share.Court, "short", day, "court-1"))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // an answer was lost
		if status, got := w.handIn(file.Bytes()); status != 200 || got.Logged != 300 || got.Refused != 0 || len(got.Entries) != 300 || got.Entries[299].Index == nil {
			t.Fatalf("%d %+v", status, got)
		}
	}
	good := text(t, hourOf(t, "square", 14, 1))
	foreign := epochKey(t, l, share.Court, "short", "2027-01-01", "court-1")
	if err := entry.Sign(foreign, recordtestKey(9)); err != nil {
		t.Fatal(err)
	}
	swapped := epochKey(t, l, share.Court, "short", "2027-01-02", "court-1")
	swapped.Body = "ombudsman"
	unsigned := epochKey(t, l, share.Court, "short", "2027-01-03", "court-1")
	unsigned.Signature = nil
	bare, err := canonical.Encode(unsigned)
	if err != nil {
		t.Fatal(err)
	}
	bad := [][]byte{
		text(t, foreign), text(t, swapped), bare, text(t, hourOf(t, "square", 15, 2)), text(t, hourOf(t, "harbour", 15, 1)),
		text(t, &entry.Alarm{At: "2026-12-01T14:00:00Z", What: "witnesses-few"}), text(t, &entry.Roster{Roster: l.Roster.File(), Version: 1}),
		text(t, &entry.Software{At: "2026-12-01T14:00:00Z", Component: "hub", Version: "v1.2.3"}),
		text(t, &entry.Retention{At: "2026-12-01T14:00:00Z", Camera: "square", Class: "usual", Hours: 1}),
		[]byte("{}"), []byte("not JSON"), good[:len(good)-3], append(bytes.Clone(good), ' '),
	}
	status, got := w.handIn(lines(slices.Concat(bad[:5], [][]byte{good}, bad[5:])...))
	if status != 422 || got.Logged != 1 || got.Refused != len(bad) || got.Entries[5].Index == nil {
		t.Fatalf("%d %+v", status, got)
	}
	for i, e := range got.Entries {
		if i != 5 && (e.Refused == "" || e.Index != nil) {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
	for name, body := range map[string][]byte{
		"nothing": nil, "an empty line": []byte("\n\n"), "a long line": bytes.Repeat([]byte("x"), 1<<20), "a file that is cut": file.Bytes()[:100],
		"another kind": append([]byte(token.Mark), 0, 1, 2, 0),
	} {
		if status, got := w.handIn(body); status != 400 || got.Stopped == "" || got.Logged > 0 {
			t.Errorf("%s: %d %+v", name, status, got)
		}
	}
	if status, got := w.handIn(bytes.Repeat([]byte("{}\n"), 1000)); status != 400 || got.Refused > 512 || !strings.Contains(got.Stopped, "not looked at") {
		t.Errorf("a thousand wrong ones: %d, %d refused, %s", status, got.Refused, got.Stopped)
	}
	damaged := bytes.Clone(file.Bytes())
	damaged[len(damaged)-1] ^= 1
	if status, got := w.handIn(damaged); status != 400 || !strings.Contains(got.Stopped, "changed or damaged") {
		t.Errorf("a damaged file: %d %s", status, got.Stopped)
	}
	report := verified(t, w.started.Address, l.Roster, 303)
	if report.Entries != 303 || report.Types["epoch-key"] != 300 || report.Types["segments"] != 1 {
		t.Errorf("%+v", report)
	}
}

func recordtestKey(n byte) ed25519.PrivateKey { return ed25519.PrivateKey(recordtest.Recorder(n)) }

// TestHandingInTooOften: one address keeps nobody else out.
func TestHandingInTooOften(t *testing.T) {
	w := newTown(t)
	withLedger(t, w)
	w.start()
	for range 200 {
		answer, err := http.Post(w.started.Address+hub.EntriesPath, "text/plain", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusTooManyRequests {
			if answer.Header.Get("Retry-After") == "" {
				t.Error("it does not say when to come again")
			}
			return
		}
	}
	t.Error("200 requests at once are looked at")
}

// TestEpochKeysReachTheEdge: what bodies publish, edges get with its proof, and the roster that
// follows theirs.
func TestEpochKeysReachTheEdge(t *testing.T) {
	w := newTown(t)
	l := withLedger(t, w)
	second := l.Plain()
	second.Version = 2
	next := filepath.Join(w.dir, "second.roster")
	if err := os.WriteFile(next, l.Sign(second), 0o600); err != nil {
		t.Fatal(err)
	}
	w.cfg.Ledger.Rosters = append(w.cfg.Ledger.Rosters, next)
	newest, err := l.Roster.Next(l.Sign(second))
	if err != nil {
		t.Fatal(err)
	}
	w.enterRecorded("square", "edge-1", "short", 72, recordtest.Recorder(1).Public())
	w.start()
	today := time.Now().UTC()
	var list [][]byte
	for n := range 3 {
		day := today.AddDate(0, 0, n).Format(time.DateOnly)
		list = append(list, text(t, epochKey(t, l, share.Court, "short", day, "court-1")), text(t, epochKey(t, l, share.Ombudsman, "usual", day, "ombudsman-1")))
	}
	if status, got := w.handIn(lines(list...)); status != 200 {
		t.Fatalf("%d %+v", status, got)
	}
	e := w.edge("edge-1")
	var mu sync.Mutex
	got := map[string]bool{}
	rosters := 0
	serve := func(c spine.Channel, hear func(body []byte)) {
		if err := e.Serve(c, func(_ city.Slug, body []byte) []byte {
			mu.Lock()
			defer mu.Unlock()
			hear(body)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	serve(spine.Proof, func(body []byte) {
		p, err := proof.ParseInclusion(body)
		if err != nil {
			t.Error(err)
			return
		}
		x, _, err := p.Check(&newest.Roster)
		key, ok := x.(*entry.EpochKey)
		if err != nil || !ok {
			t.Errorf("%+v, %v", x, err)
			return
		}
		got[string(key.Body)+"/"+string(key.Class)+"/"+string(key.Day)] = true
	})
	serve(spine.Roster, func(body []byte) {
		if r, err := roster.First(body); err != nil || r.Version != 2 {
			t.Errorf("%+v, %v", r, err)
		}
		rosters++
	})
	state := uplink.KeyState{Day: today.Unix() / 86400, Roster: 1}
	tell := func() {
		if err := e.Tell(spine.KeyState, "square", uplink.Encode(state)); err != nil {
			t.Fatal(err)
		}
	}
	w.eventually("the roster comes", func() bool { tell(); mu.Lock(); defer mu.Unlock(); return rosters > 0 })
	mu.Lock()
	if len(got) > 0 {
		t.Errorf("keys come before the roster that they count under: %v", got)
	}
	mu.Unlock()
	state.Roster = 2
	state.Set(false, 1) // it has that one
	w.eventually("keys come", func() bool { tell(); mu.Lock(); defer mu.Unlock(); return len(got) >= 2 })
	mu.Lock()
	defer mu.Unlock()
	for n, want := range []bool{true, false, true} {
		if day := today.AddDate(0, 0, n).Format(time.DateOnly); got["court/short/"+day] != want {
			t.Errorf("the court's key of %s came: %v", day, !want)
		}
	}
	if len(got) != 2 {
		t.Errorf("what came: %v", got)
	}
}
