package hub_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/hub"
	"polity/ledger/entry"
	"polity/ledger/log/logtest"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/recording/recordtest"
)

// withLedger gives a town a public log with three witnesses.
func withLedger(t *testing.T, w *town) *logtest.Town {
	t.Helper()
	l := logtest.New(t, "")
	key, file := filepath.Join(w.dir, "log.key"), filepath.Join(w.dir, "city.roster")
	for name, data := range map[string]string{key: l.Log.Private + "\n", file: string(l.Roster.File())} {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.cfg.Ledger = &hub.Ledger{KeyFile: key, Rosters: []string{file}}
	for _, x := range l.Config.Witnesses {
		w.cfg.Ledger.Witnesses = append(w.cfg.Ledger.Witnesses, hub.LedgerWitness(x))
	}
	return l
}

// verified reads the log over HTTP until it has n entries, and checks all of it.
func verified(t *testing.T, address string, r *roster.Signed, n int64) *proof.Report {
	t.Helper()
	source, err := proof.Web(address+"/log", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		report, err := proof.Verify(ctx, source, r, proof.Options{})
		if err == nil && len(report.Problems) == 0 && report.Entries >= n {
			return report
		}
		if ctx.Err() != nil || err != nil && city.KindOf(err) != city.NotFound {
			t.Fatalf("%+v, %v", report, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestTheRegisterStandsInThePublicLog(t *testing.T) {
	w := newTown(t)
	l := withLedger(t, w)
	w.enter("square", "edge-1")
	w.enter("abc-123", "edge-1") // looks like a plate: told of, and left out
	w.start()
	report := verified(t, w.started.Address, l.Roster, 2)
	if report.Types["registration"] != 1 || report.Types["roster"] != 1 || report.Entries != 2 {
		t.Errorf("report %+v", report)
	}
	if said := w.log.String(); !strings.Contains(said, "does not get into the public log") || !strings.Contains(said, "plate") || strings.Count(said, "does not get into") != 1 {
		t.Errorf("the hub said %s", said)
	}
	for path, want := range map[string]int{"/log/checkpoint": 200, "/log/.state/treeState": 404, "/log/": 404, "/log/tile/entries/000.p/9": 404} {
		answer, err := http.Get(w.started.Address + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, answer.StatusCode, want)
		}
	}

	answer, err := http.Get(w.started.Address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(text), "polity_ledger_public 2\n") || !strings.Contains(string(text), "polity_ledger_waiting_seconds 0\n") {
		t.Errorf("metrics %s, %v", text, err)
	}

	w.stop()
	w.enter("quay", "edge-2")
	w.start()
	if report = verified(t, w.started.Address, l.Roster, 3); report.Types["registration"] != 2 || report.Entries != 3 {
		t.Errorf("after a restart %+v", report)
	}
	for _, t2 := range entry.Types() {
		if n := report.Types[t2]; n > 2 {
			t.Errorf("%d entries of type %s", n, t2)
		}
	}
}

// TestAWithdrawnCameraStaysNamed: the log says that it went, and what is published later of a
// release may be about it.
func TestAWithdrawnCameraStaysNamed(t *testing.T) {
	w := newTown(t)
	l := withLedger(t, w)
	recorder := recordtest.Recorder(1).Public()
	w.enterRecorded("square", "edge-1", "short", 72, recorder)
	w.start()
	verified(t, w.started.Address, l.Roster, 2)
	w.stop()
	w.enterRecorded("square", "edge-1", "usual", 168, recorder)
	w.start()
	report := verified(t, w.started.Address, l.Roster, 4)
	if report.Types["retention"] != 1 || report.Types["registration"] != 2 {
		t.Errorf("kept longer: %+v", report.Types)
	}
	w.stop()
	if err := os.Remove(filepath.Join(w.cfg.Register, "square.entry")); err != nil {
		t.Fatal(err)
	}
	w.start()
	if report = verified(t, w.started.Address, l.Roster, 5); report.Types["registration"] != 3 {
		t.Errorf("withdrawn: %+v", report.Types)
	}
	details := func(camera city.Slug) []byte {
		e := &entry.ReleaseDetails{
			At: "2026-12-01T14:00:00Z", Body: "court", Cameras: []city.Slug{camera}, Case: "R 2026/1", Device: "court-1", From: "2026-12-01T13:00:00Z", Order: "HEL 2026-1",
			Salts: &entry.Salts{}, To: "2026-12-01T14:00:00Z", What: "published",
		}
		if err := entry.Sign(e, l.Devices["court-1"].Key); err != nil {
			t.Fatal(err)
		}
		return text(t, e)
	}
	status, got := w.handIn(lines(details("square"), details("harbour")))
	if status != 422 || got.Entries[0].Index == nil || got.Entries[1].Index != nil || !strings.Contains(got.Entries[1].Refused, "not registered") {
		t.Errorf("%d %+v", status, got)
	}
}

func TestLedgerConfigurationsThatAreRefused(t *testing.T) {
	for want, change := range map[string]func(*hub.Ledger){
		"key_file is missing":  func(l *hub.Ledger) { l.KeyFile = "" },
		"rosters is missing":   func(l *hub.Ledger) { l.Rosters = nil },
		"witnesses is missing": func(l *hub.Ledger) { l.Witnesses = nil },
		"addresses of 1":       func(l *hub.Ledger) { l.Witnesses = l.Witnesses[:1] },
		"not a private key":    func(l *hub.Ledger) { l.KeyFile = l.Rosters[0] },
		"no such file":         func(l *hub.Ledger) { l.Rosters[0] += "x" },
		"cut off":              func(l *hub.Ledger) { l.Rosters[0] = l.KeyFile },
		"witness.example":      func(l *hub.Ledger) { l.Witnesses[0].URL = "witness.example" },
	} {
		w := newTown(t)
		withLedger(t, w)
		change(w.cfg.Ledger)
		if err := hub.Run(t.Context(), w.cfg, hub.WithAccess(hub.Deps{}, w.access, nil)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "hub.ledger") {
			t.Errorf("%v; want %q", err, want)
		}
	}
}
