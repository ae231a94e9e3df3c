package hub_test

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polity/console/consoletest"
	"polity/hub"
	"polity/ledger/entry"
	"polity/recording/recordtest"
)

// TestTheLogsFolderVanishes takes the public log's folder away under a running hub: the hub
// goes on, says so, takes no entry, and goes on with the log once it is back.
func TestTheLogsFolderVanishes(t *testing.T) {
	w := newTown(t)
	l := withLedger(t, w)
	w.cfg.Ledger.Folder = filepath.Join(w.dir, "public-log")
	w.enterRecorded("square", "edge-1", "short", 72, recordtest.Recorder(1).Public())
	w.start()
	before := verified(t, w.started.Address, l.Roster, 2)

	away := filepath.Join(w.dir, "away")
	if err := os.Rename(w.cfg.Ledger.Folder, away); err != nil {
		t.Fatal(err)
	}
	text, err := entry.Encode(epochKey(t, l, "court", "short", "2026-12-01", "court-1"))
	if err != nil {
		t.Fatal(err)
	}
	if status, got := w.handIn(text); status != http.StatusServiceUnavailable {
		t.Errorf("an entry is answered with %d %+v", status, got)
	}
	w.eventually("the room is told", func() bool { return len(w.alerts("kind=log-disk")) == 1 })
	status := func(path string) int {
		answer, err := http.Get(w.started.Address + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if got := status("/"); got != http.StatusOK {
		t.Errorf("the first page is answered with %d", got)
	}
	if got := status("/log/checkpoint"); got != http.StatusServiceUnavailable {
		t.Errorf("the log is answered with %d", got)
	}

	if err := os.Rename(away, w.cfg.Ledger.Folder); err != nil {
		t.Fatal(err)
	}
	if status, got := w.handIn(text); status != http.StatusOK || got.Logged != 1 {
		t.Errorf("once it is back: %d %+v", status, got)
	}
	after := verified(t, w.started.Address, l.Roster, before.Entries+1)
	if after.Types["epoch-key"] != 1 {
		t.Errorf("the log has %+v", after.Types)
	}
	w.eventually("the alert ends", func() bool {
		list := w.alerts("kind=log-disk")
		return len(list) == 1 && !list[0].End.IsZero()
	})

	// A hub that starts without the log's disk does not begin another log in its place.
	w.stop()
	if err := os.Rename(w.cfg.Ledger.Folder, away); err != nil {
		t.Fatal(err)
	}
	deps := hub.Deps{Log: slog.New(slog.DiscardHandler)}
	if err := hub.Run(t.Context(), w.cfg, hub.WithAccess(deps, w.access, &consoletest.Looks{})); err == nil || !strings.Contains(err.Error(), "its disk is not mounted") {
		t.Errorf("without the log's disk it starts: %v", err)
	}
	if err := errors.Join(os.RemoveAll(w.cfg.Ledger.Folder), os.Rename(away, w.cfg.Ledger.Folder)); err != nil {
		t.Fatal(err)
	}
	w.start()
	if again := verified(t, w.started.Address, l.Roster, after.Entries); again.Types["epoch-key"] != 1 {
		t.Errorf("the log has %+v", again.Types)
	}
	if said := w.log.String(); !strings.Contains(said, "is not there or cannot be read") {
		t.Errorf("the hub said %s", said)
	}
}
