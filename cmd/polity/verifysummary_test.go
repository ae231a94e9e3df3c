package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/ledger/entry"
	"polity/ledger/log"
	"polity/ledger/log/logtest"
	"polity/ledger/summary"
)

// TestVerifyLogSummary: whoever checks a log gets the numbers of the city's page; of a log
// that is wrong there are none.
func TestVerifyLogSummary(t *testing.T) {
	dir := t.TempDir()
	town := logtest.New(t, filepath.Join(dir, "log"))
	l, err := log.Open(town.Config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.AppendAll(t.Context(), []entry.Entry{&entry.Roster{Roster: town.Roster.File(), Version: 1}, &entry.Alarm{At: "2026-12-01T14:00:00Z", What: "clock"}}); err != nil {
		t.Fatal(err)
	}
	for s := (log.State{}); s.Public < 2; time.Sleep(10 * time.Millisecond) {
		if s, err = l.State(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	roster := filepath.Join(dir, "a.roster")
	if err := os.WriteFile(roster, town.Roster.File(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := ran(t, "verify", "log", town.Config.Dir, "--roster", roster, "--summary")
	var s summary.Summary
	if err != nil || json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &s) != nil || s.Alarms.Counts["clock"] != 1 || s.Checkpoint.Size != 2 || s.Format != summary.Format {
		t.Fatalf("%s%v", out, err)
	}
	tile := filepath.Join(town.Config.Dir, "tile", "entries", "000.p", "2")
	data, err := os.ReadFile(tile) //nolint:gosec // the test's folder
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(tile, []byte(strings.Replace(string(data), "clock", "clack", 1)), 0o600); err != nil { //nolint:gosec // the test's folder
		t.Fatal(err)
	}
	if out, err := ran(t, "verify", "log", town.Config.Dir, "--roster", roster, "--summary"); err == nil || strings.Contains(out, `"alarms"`) || !strings.Contains(out, "wrong  entry 1") {
		t.Errorf("a log that is wrong is summed up: %s%v", out, err)
	}
}
