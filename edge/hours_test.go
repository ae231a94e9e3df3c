package edge

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"polity/ledger/entry"
	"polity/ledger/roster/rostertest"
	"polity/recording/recordtest"
	"polity/recording/root"
)

// TestAnHourIsAnEntryOfThePublicLog holds both ends to each other: what recording signs is
// what the log checks.
func TestAnHourIsAnEntryOfThePublicLog(t *testing.T) {
	dir := t.TempDir()
	r := &recordings{signer: recordtest.Recorder(1), carry: newCarry(dir)}
	h := root.Hour{Domain: "helsinki.example", Camera: "square", Hour: time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC), Count: 600, Gaps: 2, Root: root.Of([]root.Hash{{1}, {2}})}
	for range 2 { // after a crash it is handed on again
		if err := r.hour(h); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "square-2026120114.entry"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := entry.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := e.(*entry.Segments)
	if !ok || entry.Verify(s, &rostertest.New("town").Roster.Roster) != nil {
		t.Fatalf("the log refuses %s", text)
	}
	if err := h.Check(r.signer.Public(), s.Signature); err != nil {
		t.Fatal(err)
	}
}
